"""Choosing classes by name or number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cldnn_lab.config.errors import ConfigError, suggest
from cldnn_lab.data.dataset import Split


def choose_classes(wanted: Sequence[str | int] | None, names: Sequence[str], where: str) -> list[int]:
    """Indices into ``names`` of the wanted classes, in the order wanted; all where none are named.

    A word is a name; a number is an index, unless a class is called that.

    Raises:
        ConfigError: for a class that is not there, naming those that are, and for fewer than two.
    """
    if wanted is None:
        return list(range(len(names)))
    chosen = []
    for item in wanted:
        if str(item) in names:
            chosen.append(list(names).index(str(item)))
        elif isinstance(item, int) and 0 <= item < len(names):
            chosen.append(item)
        else:
            raise ConfigError(f"data.classes: {where} has no class {item!r}: {suggest(item, names)}.")
    if len(set(chosen)) < len(chosen):
        raise ConfigError("data.classes: a class is named twice, once by name and once by number.")
    if len(chosen) < 2:
        raise ConfigError("data.classes: one class leaves nothing to tell apart: name two or more, or null.")
    return chosen


def keep_classes(split: Split, chosen: Sequence[int], count: int) -> Split:
    """The examples of the chosen classes of ``count``, labelled 0, 1, ... in the order chosen."""
    if list(chosen) == list(range(count)):
        return split
    position = np.full(count, -1, np.int32)
    position[list(chosen)] = np.arange(len(chosen))
    y = position[split.y]
    kept = split.take(np.flatnonzero(y >= 0))
    return Split(kept.x, y[y >= 0], kept.tags)
