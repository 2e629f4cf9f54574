"""Labels as class indices, however a file writes them."""

from __future__ import annotations

import numpy as np

from cldnn_lab.config.errors import ConfigError


def number_classes(labels: np.ndarray, where: str) -> np.ndarray:
    """int32 class indices (N,) from indices (N,) or (N, 1), or from one-hot rows (N, classes).

    Raises:
        ConfigError: if they are neither, naming ``where``.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind in "fiub" and labels.ndim == 2 and labels.shape[1] > 1:
        if np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all():
            return labels.argmax(axis=1).astype(np.int32)
        raise ConfigError(f"{where}: its rows are not one-hot: each must have a single 1 among zeros.")
    if labels.dtype.kind in "fiub" and (labels.ndim == 1 or (labels.ndim == 2 and labels.shape[1] == 1)):
        labels = labels.reshape(-1)
        # A NaN fails every comparison.
        if not len(labels) or (0 <= labels.min() <= labels.max() < 2**31 and (labels % 1 == 0).all()):
            return labels.astype(np.int32)
    found = f"labels of shape {labels.shape} and type {labels.dtype}"
    raise ConfigError(f"{where}: {found} are neither whole numbers from 0 nor one-hot.")
