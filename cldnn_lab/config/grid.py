"""The combinations of the values of a sweep."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from cldnn_lab.config.errors import ConfigError, suggest

_ZIP = "sweep.zip"


def zip_choices(choices: Mapping[str, Sequence[str]], zipped: Any = None) -> list[list[str]]:
    """Every combination of one choice a key, the last key changing fastest.

    Args:
        choices: by key, its overrides, such as ``{"seed": ["seed=1", "seed=2"]}``.
        zipped: keys whose choices are paired instead, the first with the first, the second with the second, as a list;
            for several such groups a list of lists; None for none.

    Returns:
        The overrides of each combination, in the order of the keys.

    Raises:
        ConfigError: if ``zipped`` names what is no key, a key twice, or keys with unequally many choices.

    >>> zip_choices({"units": ["units=8", "units=16"], "rate": ["rate=0.1", "rate=0.2"]}, ["units", "rate"])
    [['units=8', 'rate=0.1'], ['units=16', 'rate=0.2']]
    """
    groups = [[_find_key(name, choices) for name in group] for group in _list_groups(zipped)]
    named = [key for group in groups for key in group]
    for key in named:
        if named.count(key) > 1:
            raise ConfigError(f"{_ZIP}: {key} is named twice; a key is paired once.")
    for group in groups:
        counts = {key: len(choices[key]) for key in group}
        if len(set(counts.values())) > 1:
            what = ", ".join(f"{key} has {count}" for key, count in counts.items())
            raise ConfigError(f"{_ZIP}: keys that are paired need equally many values; {what}.")
    first = {next(key for key in choices if key in group): group for group in groups}
    units = [first.get(key, [key]) for key in choices if key not in named or key in first]
    pairs = [[dict(zip(unit, one, strict=True)) for one in zip(*(choices[key] for key in unit), strict=True)]
             for unit in units]  # fmt: skip
    combined = [{key: one for part in parts for key, one in part.items()} for parts in itertools.product(*pairs)]
    return [[one[key] for key in choices] for one in combined]


def _list_groups(zipped: Any) -> list[list[str]]:
    if zipped is None:
        return []
    shape = isinstance(zipped, Sequence) and not isinstance(zipped, str)
    groups = list(zipped) if shape else []
    if groups and not any(_is_list(one) for one in groups):
        groups = [groups]
    if not groups or not all(_is_list(group) and len(group) > 1 for group in groups):
        raise ConfigError(
            f"{_ZIP}: name at least two keys to pair, as in {_ZIP}=[model.units,optimizer.learning_rate]."
        )
    return [[str(name) for name in group] for group in groups]


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _find_key(name: str, choices: Mapping[str, Any]) -> str:
    """The key as it was typed, which may begin with a ``+``."""
    for key in choices:
        if key.lstrip("+") == name.lstrip("+"):
            return key
    raise ConfigError(f"{_ZIP}: {name} is given no values in this command; {suggest(name, choices)}.")
