"""How much each class counts in the training loss: what the ``class_weight`` setting may say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from cldnn_lab.config.errors import ConfigError, suggest


def check_class_weight(class_weight: Any, classes: Sequence[str] | None = None) -> None:
    """Refuse weights that cannot be meant.

    Args:
        class_weight: None, ``balanced``, a list of one weight per class in the order of the classes, or a mapping from
            names or indices of classes to weights.
        classes: names in index order, empty for a regression; None where they are not known yet.

    Raises:
        ConfigError: naming the class or the weight.
    """
    if class_weight is None:
        return
    if classes is not None and not classes:
        raise ConfigError("class_weight: this task is a regression, which has no classes; set class_weight=null.")
    if class_weight == "balanced":
        return
    if isinstance(class_weight, Mapping):
        weights = {str(name): weight for name, weight in class_weight.items()}
    elif isinstance(class_weight, Sequence) and not isinstance(class_weight, str):
        weights = {str(index): weight for index, weight in enumerate(class_weight)}
        if classes is not None and len(weights) != len(classes):
            raise ConfigError(f"class_weight: {len(weights)} weights are given for {len(classes)} classes.")
    else:
        raise ConfigError(
            f"class_weight: {class_weight!r} is none of null, balanced, a list of weights, or a mapping such as "
            "{cat: 1, dog: 2}."
        )
    for name, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < math.inf:
            raise ConfigError(f"class_weight.{name}: {weight!r} must be a number from 0 up.")
    if not any(weights.values()):
        raise ConfigError("class_weight: at least one class must weigh more than 0.")
    if classes is not None and isinstance(class_weight, Mapping):
        index_classes(weights, classes)


def index_classes(weights: Mapping[str, float], classes: Sequence[str]) -> dict[int, float]:
    """``weights`` by class index; a key that is the name of a class means that class, any other its index.

    Raises:
        ConfigError: for a class that there is not.
    """
    indices = {str(index): index for index in range(len(classes))} | {name: i for i, name in enumerate(classes)}
    for name in weights:
        if name not in indices:
            raise ConfigError(f"class_weight.{name}: there is no such class; {suggest(name, classes)}.")
    return {indices[name]: weight for name, weight in weights.items()}
