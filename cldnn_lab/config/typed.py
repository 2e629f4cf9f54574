"""Config nodes as instances of dataclasses: unknown keys, wrong types and values out of range refused.

The metadata of a dataclass's field says what its values may be: ``min`` and ``max`` (inclusive), ``above`` and
``below`` (exclusive), ``choices``, and ``unit``; for a list, what each of its entries may be.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from cldnn_lab.config.errors import ConfigError, suggest

T = TypeVar("T")

_BOUNDS = {
    "min": (lambda value, bound: value >= bound, "at least"),
    "max": (lambda value, bound: value <= bound, "at most"),
    "above": (lambda value, bound: value > bound, "above"),
    "below": (lambda value, bound: value < bound, "below"),
}


def parse_dataclass(cls: type[T], values: Mapping[str, Any], where: str = "") -> T:
    """``values`` as an instance of the dataclass ``cls``.

    Args:
        where: the config key that ``values`` stand under, for the error; empty for the top level.

    Raises:
        ConfigError: naming the key, what is wrong with it, and what it may be.
    """
    prefix = f"{where}." if where else ""
    try:
        value = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(cls), dict(values)))
    except (ConfigKeyError, ConfigAttributeError) as error:
        known = [str(key) for key in error.parent_node or ()]
        raise ConfigError(f"{prefix}{error.full_key}: unknown key; {suggest(error.key, known)}.") from error
    except OmegaConfBaseException as error:
        raise ConfigError(f"{prefix}{error.full_key}: {first_line(error)}.") from error
    assert isinstance(value, cls)
    _check_fields(value, prefix)
    return value


def resolve(node: DictConfig, where: str) -> dict[str, Any]:
    """``node`` as a plain dict with its ``${...}`` followed.

    Raises:
        ConfigError: if a reference leads nowhere or a value is missing.
    """
    try:
        plain = OmegaConf.to_container(node, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key or where}: {first_line(error)}.") from error
    if not isinstance(plain, dict):
        raise ConfigError(f"{where}: must be a mapping of keys to values, not {type(plain).__name__}.")
    return {str(key): value for key, value in plain.items()}


def first_line(error: Exception) -> str:
    """What an error says first, without its full stop."""
    return str(error).strip().splitlines()[0].rstrip(".")


def _check_fields(value: Any, prefix: str) -> None:
    for item in dataclasses.fields(value):
        given = getattr(value, item.name)
        if dataclasses.is_dataclass(given):
            _check_fields(given, f"{prefix}{item.name}.")
            continue
        for one in given if isinstance(given, list) else [given]:
            _check(f"{prefix}{item.name}", one, item.metadata)


def _check(where: str, value: Any, limits: Mapping[str, Any]) -> None:
    if value is None:
        return
    if "choices" in limits and value not in limits["choices"]:
        raise ConfigError(f"{where}: {value!r} is not a choice; {suggest(value, limits['choices'])}.")
    for name, (holds, words) in _BOUNDS.items():
        if name in limits and isinstance(value, (int, float)) and not holds(value, limits[name]):
            unit = f" {limits['unit']}" if "unit" in limits else ""
            raise ConfigError(f"{where}: {value} must be {words} {limits[name]}{unit}.")
