"""What the commands for a finished run share: their arguments, and how they end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from cldnn_lab.config.errors import ConfigError, suggest


def run_command(
    arguments: Sequence[str] | None, act: Callable[[Sequence[str]], list[Path]], write_help: Callable[[], str]
) -> int:
    """Do what a command is for and print the files that it left.

    Args:
        arguments: None for those of the command line.

    Returns:
        The exit status: 0, 2 with one sentence on standard error for a mistake, or 130 after Ctrl-C.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if not given or {"-h", "--help"} & set(given):
            print(write_help(), flush=True)
        else:
            print(*act(given), sep="\n", flush=True)
    except BrokenPipeError:  # whoever reads the output, such as head, has seen enough; nothing is left to be flushed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except ConfigError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def parse_arguments(arguments: Sequence[str], keys: Sequence[str]) -> tuple[str | None, DictConfig]:
    """The run directory, None if there is none, and the settings of ``key=value`` arguments.

    Args:
        keys: which settings there are; what a key holds (``key.option=value``) may be set, too.

    Raises:
        ConfigError: for a key that is none of ``keys``, a value that cannot be read, and two run directories.
    """
    folders = [argument for argument in arguments if "=" not in argument]
    overrides = [argument for argument in arguments if "=" in argument]
    for override in overrides:
        key = override.split("=", 1)[0]
        if not {key, key.split(".", 1)[0]} & set(keys):
            raise ConfigError(f"{key}: unknown key; {suggest(key, keys)}.")
    if len(folders) > 1:
        raise ConfigError(f"give one run directory, not {len(folders)}: {' '.join(folders)}.")
    try:
        return (folders[0] if folders else None), OmegaConf.from_dotlist(overrides)
    except (OmegaConfBaseException, YAMLError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"{' '.join(overrides)} cannot be read as key=value settings: {reason}.") from error
