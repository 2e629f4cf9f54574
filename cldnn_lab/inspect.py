"""Look inside a network that was trained before.

    python -m cldnn_lab.inspect outputs/2026-01-31/12-00-00 diagnostics=feature_maps
    python -m cldnn_lab.inspect RUN diagnostics=[filters,predictions] data_root=/data
    python -m cldnn_lab.inspect RUN diagnostics.feature_maps.images=[0,3] diagnostics.feature_maps.stage=after
    python -m cldnn_lab.inspect diagnostics=loss_function

The files go to RUN/diagnostics, or to the folder that folder= names.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from cldnn_lab import runs
from cldnn_lab.diagnostics import choose, take
from cldnn_lab.diagnostics.options import OPTIONS, STANDALONE, Options
from cldnn_lab.errors import Mistake, nearest
from cldnn_lab.schema import parse

_KEYS = ("diagnostics", "data_root", "folder", "backend")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 when every look was taken, 2 with one sentence for a mistake, 130 after Ctrl-C."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or {"-h", "--help"} & set(arguments):
        print(_help())
        return 0
    try:
        for path in inspect(arguments):
            print(path)
    except Mistake as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def inspect(arguments: Sequence[str]) -> list[Path]:
    """Take the looks that the command line asks for; the files they left.

    Raises:
        Mistake: for a wrong argument, run directory, network or data set.
    """
    folders = [argument for argument in arguments if "=" not in argument]
    settings = _settings([argument for argument in arguments if "=" in argument])
    chosen = choose(settings.get("diagnostics"))
    if not chosen:
        raise Mistake(f"say what to look at with diagnostics=<name>; there are {', '.join(OPTIONS)}.")
    if len(folders) > 1:
        raise Mistake(f"give one run directory, not {len(folders)}: {' '.join(folders)}.")
    if folders:
        return _of_run(runs.open(folders[0]), settings)
    needy = [name for name in chosen if name not in STANDALONE]
    if needy:
        raise Mistake(f"diagnostics={needy[0]} needs a run directory: python -m cldnn_lab.inspect RUN diagnostics=...")
    return _take(chosen, None, None, Path(str(settings.get("folder", "outputs/diagnostics"))), "")


def _of_run(run: runs.Run, settings: DictConfig) -> list[Path]:
    told = {key: settings[key] for key in ("backend", "data_root") if key in settings}
    config = parse(cast(DictConfig, OmegaConf.merge(run.config, told)), run.choices)
    if not (run.folder / runs.MODEL).is_file():
        raise Mistake(f"{run.folder / runs.MODEL} is missing: the run saved no model.")
    folder = Path(str(settings.get("folder", run.folder / runs.LOOKS)))
    chosen = choose(settings.get("diagnostics"), config.settings.threshold)

    from cldnn_lab import data
    from cldnn_lab.training import backend

    backend.load(config.backend)
    dataset = data.load(config.data, Path(config.settings.data_root), prefers=config.prefers, seed=config.settings.seed)
    return _take(chosen, run.model(), dataset, folder, f"{config.choices.get('model', 'model')} on {dataset.name}")


def _take(chosen: dict[str, Options], model: object, dataset: object, folder: Path, title: str) -> list[Path]:
    try:
        return take(chosen, model, dataset, folder, title=title)  # type: ignore[arg-type]
    except OSError as error:
        raise Mistake(f"cannot write to {folder} ({error.strerror}); choose another with folder=<folder>.") from error


def _settings(overrides: list[str]) -> DictConfig:
    for override in overrides:
        key = override.split("=", 1)[0].split(".", 1)[0]
        if key not in _KEYS:
            raise Mistake(f"{override.split('=', 1)[0]}: unknown key; {nearest(key, _KEYS)}.")
    try:
        return OmegaConf.from_dotlist(overrides)
    except (OmegaConfBaseException, YAMLError) as error:
        reason = str(error).strip().splitlines()[0]
        raise Mistake(f"{' '.join(overrides)} cannot be read as key=value settings: {reason}.") from error


def _help() -> str:
    lines = [(__doc__ or "").strip(), "", "Looks, with their options and defaults:", ""]
    for name, kind in OPTIONS.items():
        lines.append(f"  {name:<17} {(kind.__doc__ or '').strip().splitlines()[0]}")
        options = dataclasses.asdict(kind())
        if options:
            lines.append(f"  {'':<17} " + ", ".join(f"{key}={_yaml(value)}" for key, value in options.items()))
    return "\n".join([*lines, "", "Also: data_root=DIR, folder=DIR, backend=NAME"])


def _yaml(value: object) -> str:
    return "null" if value is None else str(value).replace(" ", "")


if __name__ == "__main__":
    sys.exit(main())
