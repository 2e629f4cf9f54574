"""How much each training example counts in the loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from cldnn_lab.config.class_weight import check_class_weight, index_classes
from cldnn_lab.data.dataset import Dataset


def weigh_examples(class_weight: Any, dataset: Dataset) -> np.ndarray | None:
    """The weight of each training example, float32 (examples,); None where all count alike.

    ``balanced`` is scikit-learn's: examples / (classes * examples of the class), over the classes that the training set
    holds. A class that a mapping leaves out counts 1, as in Keras.

    Args:
        class_weight: as :func:`~cldnn_lab.config.class_weight.check_class_weight` has it.

    Raises:
        ConfigError: for weights that do not fit the classes.
    """
    names = () if dataset.task == "regression" else dataset.classes or ("0", "1")
    check_class_weight(class_weight, names)
    if class_weight is None:
        return None
    labels = np.asarray(dataset.train.y).reshape(-1).astype(np.int64)
    weights = np.ones(len(names), np.float32)
    if class_weight == "balanced":
        present = np.unique(labels)
        weights[present] = compute_class_weight("balanced", classes=present, y=labels)
    elif isinstance(class_weight, Mapping):
        for index, weight in index_classes({str(k): v for k, v in class_weight.items()}, names).items():
            weights[index] = weight
    else:
        weights[:] = class_weight
    return weights[labels]
