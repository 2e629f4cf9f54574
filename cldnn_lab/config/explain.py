"""Hydra's and OmegaConf's errors as one sentence a user can act on."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException
from yaml import YAMLError

from cldnn_lab.config import groups
from cldnn_lab.config.errors import suggest

_NO_GROUP = "Config group override must be"
# What Hydra raises as Python's own errors, and says well itself.
_HYDRAS_OWN = ("Only one of --run", "The --resolve flag", "Invalid plugin", "Unknown plugin class")


def is_users_error(error: Exception) -> bool:
    """Whether an error comes from what the user typed or from their files, not from a fault of the program."""
    kinds = (HydraException, OmegaConfBaseException, YAMLError, OSError, UnicodeDecodeError)
    return isinstance(error, kinds) or str(error).startswith((_NO_GROUP, *_HYDRAS_OWN))


def explain(error: BaseException) -> str:
    """What went wrong, where, and how to mend it."""
    for cause in _list_causes(error):
        if isinstance(cause, MissingConfigException):
            return _explain_missing_config(cause)
        if isinstance(cause, OverrideParseException):
            if found := re.search("while evaluating [^\n]*?': ([^\n]*)", str(cause)):
                return (
                    f"{cause.override!r} cannot be evaluated ({found[1]}): write numbers, as in interval(0,1), "
                    "range(1,9,2) or tag(log,interval(1e-4,1e-1))."
                )
            return f"{cause.override!r} is not an override: write key=value, and quote values with special characters."
        if isinstance(cause, (ConfigKeyError, ConfigAttributeError)) and cause.parent_node is not None:
            return _explain_unknown_key(cause)
        if isinstance(cause, YAMLError):
            return f"a config file is not valid YAML: {' '.join(str(cause).split())}"
        if isinstance(cause, PermissionError):
            return f"{cause.filename}: no permission to write there; choose another folder with hydra.run.dir=<folder>."
        if isinstance(cause, OSError):
            return f"{cause.filename or 'the output directory'}: {cause.strerror or cause}."
        if isinstance(cause, OmegaConfBaseException):
            return (
                f"{cause.full_key}: {_extract_first_line(cause)}."
                if cause.full_key
                else f"{_extract_first_line(cause)}."
            )
        if isinstance(cause, UnicodeDecodeError):
            return f"a config file is not text in UTF-8: {cause.reason} at byte {cause.start}."
    text = _extract_first_line(error)
    if text.startswith(_NO_GROUP):
        return "a config group needs the name of an option, such as model=cnn; --help lists them."
    if text.startswith("Ambiguous value for argument"):
        override = text.split("'")[1]
        return f"{override}: several values need -m, which makes a run for each; for one list write key=[a,b]."
    if isinstance(error, ConfigCompositionException) and "No match in the defaults list" in text:
        name = text.split("'")[1] if "'" in text else text
        return f"{name}: there is no such config group to override; --help lists the groups."
    return text if text.endswith(".") else f"{text}."


def _list_causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__


def _explain_missing_config(error: MissingConfigException) -> str:
    missing = str(error.missing_cfg_file or "")
    # Hydra's own groups have two names, such as hydra/launcher.
    group, _, name = missing.rpartition("/") if missing.startswith("hydra/") else missing.partition("/")
    known = groups.list_options(group) if group and "/" in name else error.options or groups.list_options(group)
    if not known:
        return f"{error.missing_cfg_file}: there is no such config file; check --config-name and --config-dir."
    if group == "experiment":  # too many to list
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        return f"{group}={name}: there is no such {group}; {hint}--help lists them."
    return f"{group}={name}: there is no such option; {suggest(name, known)}."


def _explain_unknown_key(error: ConfigKeyError | ConfigAttributeError) -> str:
    parent = error.parent_node
    known = [str(key) for key in parent] if isinstance(parent, DictConfig) else []
    known = [key for key in known if key != "hydra"]
    where = error.full_key or str(error.key)
    if known:
        return f"{where}: unknown key; {suggest(error.key, known)}."
    group, _, option = where.partition(".")
    if option and option in groups.list_options(group):
        return f"{where}: {option} is not chosen; choose it with {group}={option}."
    return f"{where}: unknown key."


def _extract_first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
