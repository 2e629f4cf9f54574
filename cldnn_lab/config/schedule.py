"""Learning-rate schedules as a config may describe them: lengths in batches or as fractions of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cldnn_lab.config import targets
from cldnn_lab.config.errors import ConfigError

_STEPS = ("decay_steps", "first_decay_steps", "warmup_steps")


def check_schedule(schedule: Mapping[str, Any]) -> None:
    """Refuse a schedule that could not be made whatever the length of the run; needs no Keras.

    Args:
        schedule: the resolved ``schedule`` node.

    Raises:
        ConfigError: naming the config key.
    """
    targets.check_targets({key: value for key, value in schedule.items() if value is not None}, "schedule")
    for key in _STEPS:
        value = schedule.get(key, 0)
        if value != "auto" and not (_is_number(value) and value >= 0):
            raise ConfigError(
                f"schedule.{key} must be a number of batches, a fraction of the run below 1, or auto; got {value!r}."
            )
    boundaries = schedule.get("boundaries")
    if boundaries is None:
        return
    if not boundaries or not all(_is_number(place) and place > 0 for place in boundaries):
        raise ConfigError(
            f"schedule.boundaries must be numbers of batches, or fractions of the run below 1; got {boundaries!r}."
        )
    if list(boundaries) != sorted(boundaries):
        raise ConfigError(f"schedule.boundaries must rise; got {boundaries!r}.")
    levels = schedule.get("factors", schedule.get("values")) or []
    if len(levels) != len(boundaries) + 1:
        raise ConfigError(
            f"schedule.factors needs one entry more than schedule.boundaries: {len(boundaries) + 1}, got {len(levels)}."
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
