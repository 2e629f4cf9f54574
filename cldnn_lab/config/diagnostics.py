"""Which diagnostics a config asks for, each with its options: modules of ``cldnn_lab.diagnostics`` by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cldnn_lab.config.errors import ConfigError, suggest
from cldnn_lab.config.modules import import_module, list_modules
from cldnn_lab.config.typed import parse_dataclass

PACKAGE = "cldnn_lab.diagnostics"


def choose_diagnostics(value: Any) -> dict[str, Any]:
    """The diagnostics that the config key ``diagnostics`` asks for, each with the ``Options`` of its module.

    Args:
        value: None, a name, several names (a list, or one string with commas), or a mapping of names to
            their options, such as ``{"feature_maps": {"images": [0, 3]}, "filters": None}``.

    Raises:
        ConfigError: naming the key that is unknown or out of range.
    """
    if isinstance(value, (DictConfig, ListConfig)):
        try:
            value = OmegaConf.to_container(value, resolve=True)
        except OmegaConfBaseException as error:
            raise ConfigError(f"diagnostics: {str(error).splitlines()[0]}.") from error
    if value is None:
        return {}
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, Mapping):
        asked: dict[Any, Any] = dict(value)
    elif isinstance(value, Sequence):
        asked = dict.fromkeys(value)
    else:
        known = suggest("", list_modules(PACKAGE))
        raise ConfigError(f"diagnostics: {value!r} is not a name or a list of names; {known}.")
    return {str(name): _parse_options(name, given) for name, given in asked.items()}


def _parse_options(name: Any, given: Any) -> Any:
    kind, where = import_module(PACKAGE, name, "diagnostics", "diagnostic").Options, f"diagnostics.{name}"
    fields = dataclasses.fields(kind)
    if given is not None and not isinstance(given, Mapping):
        example = f"{fields[-1].name}: ..." if fields else ""
        raise ConfigError(f"{where}: {given!r} must be options such as {{{example}}}.")
    several = {item.name for item in fields if str(item.type).startswith("list")}
    given = {
        key: [value] if key in several and not isinstance(value, list) else value
        for key, value in (given or {}).items()
    }
    return parse_dataclass(kind, given, where)
