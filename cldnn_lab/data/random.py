"""Uniform noise with random labels, as in the listing of report 000: nothing to learn, for smoke runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cldnn_lab.data.classes import choose_classes
from cldnn_lab.data.config import RandomConfig
from cldnn_lab.data.dataset import Dataset, Split


def load(config: RandomConfig, data_root: Path) -> Dataset:
    """Noise of shape (size, size, channels), uniform in [0, 1), with labels drawn from ``class_count``."""
    rng = np.random.default_rng(config.seed)
    names = tuple(str(index) for index in range(config.class_count))
    chosen = choose_classes(config.classes, names, "random")

    def draw(count: int) -> Split:
        x = rng.random((count, config.size, config.size, config.channels), np.float32)
        return Split(x, rng.integers(len(chosen), size=count, dtype=np.int32))

    train, test = draw(config.train_size), draw(config.test_size)
    kept = tuple(names[index] for index in chosen)
    origin = f"uniform noise, seed {config.seed}"
    return Dataset(config.name, "multiclass", train, test, test, kept, origin, synthetic=True)
