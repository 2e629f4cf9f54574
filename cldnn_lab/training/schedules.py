"""Learning-rate schedules whose lengths are said in batches or as fractions of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cldnn_lab import targets
from cldnn_lab.errors import Mistake

_STEPS = ("decay_steps", "first_decay_steps", "warmup_steps")


def check(schedule: Mapping[str, Any]) -> None:
    """Refuse a schedule that could not be made whatever the length of the run; needs no Keras.

    Args:
        schedule: the resolved ``schedule`` node.

    Raises:
        Mistake: naming the config key.
    """
    targets.check_targets({key: value for key, value in schedule.items() if value is not None}, "schedule")
    for key in _STEPS:
        value = schedule.get(key, 0)
        if value != "auto" and not (_is_number(value) and value >= 0):
            raise Mistake(
                f"schedule.{key} must be a number of batches, a fraction of the run below 1, or auto; got {value!r}."
            )
    boundaries = schedule.get("boundaries")
    if boundaries is None:
        return
    if not boundaries or not all(_is_number(place) and place > 0 for place in boundaries):
        raise Mistake(
            f"schedule.boundaries must be numbers of batches, or fractions of the run below 1; got {boundaries!r}."
        )
    if list(boundaries) != sorted(boundaries):
        raise Mistake(f"schedule.boundaries must rise; got {boundaries!r}.")
    levels = schedule.get("factors", schedule.get("values")) or []
    if len(levels) != len(boundaries) + 1:
        raise Mistake(
            f"schedule.factors needs one entry more than schedule.boundaries: {len(boundaries) + 1}, got {len(levels)}."
        )


def make(schedule: Mapping[str, Any], steps: int, updates: int = 1) -> Any:
    """The Keras schedule for a run of ``steps`` batches, itself a function of the optimizer's updates.

    Args:
        schedule: the resolved ``schedule`` node. A length below 1 is a fraction of the run, ``auto`` what the
            warm-up leaves of it; ``factors`` are multiples of ``initial_learning_rate``.
        steps: batches in the whole run.
        updates: of the optimizer in each batch: the windows of truncated back-propagation through time.

    Returns:
        A ``keras.optimizers.schedules.LearningRateSchedule``, or None for a constant rate.

    Raises:
        Mistake: naming the config key.
    """
    check(schedule)
    if schedule.get("_target_") is None:
        return None
    node = dict(schedule)
    warmup = _batches(node.get("warmup_steps", 0), steps, steps, least=0)
    if "warmup_steps" in node:
        node["warmup_steps"] = updates * warmup
    left = max(1, steps - warmup)
    for key in ("decay_steps", "first_decay_steps"):
        if key in node:
            node[key] = updates * _batches(node[key], steps, left, least=1)
    if "boundaries" in node:
        node["boundaries"] = [updates * _batches(place, steps, steps, least=1) for place in node["boundaries"]]
    if "factors" in node:
        start = node.pop("initial_learning_rate")
        node["values"] = [start * factor for factor in node.pop("factors")]
    return targets.instantiate(node, "schedule")


def _batches(value: Any, steps: int, left: int, least: int) -> int:
    if value == "auto":
        return left
    return max(least, round(value * steps) if 0 < value < 1 else round(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
