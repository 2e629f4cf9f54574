"""Keras learning-rate schedules for a run of known length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cldnn_lab.config import targets
from cldnn_lab.config.schedule import check_schedule


def make_schedule(schedule: Mapping[str, Any], steps: int, updates: int = 1) -> Any:
    """The Keras schedule for a run of ``steps`` batches, itself a function of the optimizer's updates.

    Args:
        schedule: the resolved ``schedule`` node. A length below 1 is a fraction of the run, ``auto`` what the
            warm-up leaves of it; ``factors`` are multiples of ``initial_learning_rate``.
        steps: batches in the whole run.
        updates: of the optimizer in each batch: the windows of truncated back-propagation through time.

    Returns:
        A ``keras.optimizers.schedules.LearningRateSchedule``, or None for a constant rate.

    Raises:
        ConfigError: naming the config key.
    """
    check_schedule(schedule)
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
