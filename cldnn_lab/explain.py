"""Hydra's and OmegaConf's errors as one sentence a user can act on."""

from __future__ import annotations

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

from cldnn_lab.errors import nearest

KNOWN = (HydraException, OmegaConfBaseException, YAMLError, OSError)


def sentence(error: BaseException) -> str:
    """What went wrong, where, and how to mend it."""
    for cause in _chain(error):
        if isinstance(cause, MissingConfigException):
            return _missing_config(cause)
        if isinstance(cause, OverrideParseException):
            return f"{cause.override!r} is not an override: write key=value, and quote values with special characters."
        if isinstance(cause, (ConfigKeyError, ConfigAttributeError)) and cause.parent_node is not None:
            return _unknown_key(cause)
        if isinstance(cause, YAMLError):
            return f"a config file is not valid YAML: {' '.join(str(cause).split())}"
        if isinstance(cause, PermissionError):
            return f"{cause.filename}: no permission to write there; choose another folder with hydra.run.dir=<folder>."
        if isinstance(cause, OSError):
            return f"{cause.filename or 'the output directory'}: {cause.strerror or cause}."
        if isinstance(cause, OmegaConfBaseException):
            return f"{cause.full_key}: {_first_line(cause)}." if cause.full_key else f"{_first_line(cause)}."
    text = _first_line(error)
    if text.startswith("Ambiguous value for argument"):
        override = text.split("'")[1]
        return f"{override}: several values need -m, which makes a run for each; for one list write key=[a,b]."
    if isinstance(error, ConfigCompositionException) and "No match in the defaults list" in text:
        name = text.split("'")[1] if "'" in text else text
        return f"{name}: there is no such config group to override; --help lists the groups."
    return text if text.endswith(".") else f"{text}."


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__


def _missing_config(error: MissingConfigException) -> str:
    group, _, name = str(error.missing_cfg_file or "").rpartition("/")
    if error.options:
        return f"{group}={name}: there is no such {group}; {nearest(name, error.options)}."
    return f"{error.missing_cfg_file}: there is no such config file; check --config-name and --config-dir."


def _unknown_key(error: ConfigKeyError | ConfigAttributeError) -> str:
    parent = error.parent_node
    known = [str(key) for key in parent] if isinstance(parent, DictConfig) else []
    known = [key for key in known if key != "hydra"]
    where = error.full_key or str(error.key)
    return f"{where}: unknown key; {nearest(error.key, known)}." if known else f"{where}: unknown key."


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
