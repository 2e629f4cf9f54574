"""What no data set may have, whatever its source."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.dataset import Dataset, Split

_CHUNK = 1 << 22


def check_dataset(dataset: Dataset) -> Dataset:
    """The same data set in C order and its final types.

    Raises:
        ConfigError: if a set is empty, x and y differ in length, a number is NaN or infinite, or a label has no
            class.
    """
    train = _check_split(dataset, dataset.train, "training set")
    test = _check_split(dataset, dataset.test, "test set")
    if train.x.shape[1:] != test.x.shape[1:]:
        raise ConfigError(
            f"data: {dataset.provenance}: training examples have shape {train.x.shape[1:]} and test examples "
            f"{test.x.shape[1:]}; they must agree."
        )
    return replace(dataset, train=train, test=test)


def _check_split(dataset: Dataset, split: Split, which: str) -> Split:
    where = f"data: {dataset.provenance}: the {which}"
    if len(split.x) == 0:
        raise ConfigError(f"{where} is empty: nothing is left of it by what was selected.")
    if len(split.x) != len(split.y):
        raise ConfigError(f"{where} has {len(split.x)} examples but {len(split.y)} targets; they must agree.")
    x = np.ascontiguousarray(split.x, np.int32 if split.x.dtype.kind in "iu" else np.float32)
    y = np.ascontiguousarray(split.y, np.float32 if dataset.task == "regression" else np.int32)
    for name, array in (("x", x), ("y", y)):
        bad = _find_not_finite(array)
        if bad is not None:
            raise ConfigError(f"{where} holds NaN or infinity in {name}, first in example {bad}: mend the file.")
    if dataset.task != "regression":
        classes = max(2, len(dataset.classes))
        if y.ndim != 1 or y.min() < 0 or y.max() >= classes:
            raise ConfigError(f"{where} has labels outside 0..{classes - 1}.")
    if dataset.vocabulary is not None and (x.min() < 0 or x.max() >= dataset.vocabulary):
        raise ConfigError(f"{where} has token ids outside 0..{dataset.vocabulary - 1}.")
    return Split(x, y, {name: np.ascontiguousarray(tag) for name, tag in split.tags.items()})


def _find_not_finite(array: np.ndarray) -> int | None:
    """The first example with a NaN or an infinity, looked for a piece at a time to spare memory."""
    if array.dtype.kind != "f":
        return None
    flat = array.reshape(-1)
    for start in range(0, flat.size, _CHUNK):
        piece = np.isfinite(flat[start : start + _CHUNK])
        if not piece.all():
            return int((start + int(np.argmin(piece))) // (flat.size // len(array)))
    return None
