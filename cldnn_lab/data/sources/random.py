"""Uniform noise with random labels, as in the listing of report 000: nothing to learn, for smoke runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cldnn_lab.data.classes import choose_classes
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.data.options import DataConfig


@dataclass
class Options(DataConfig):
    """Uniform noise with random labels: nothing to learn, for smoke runs.

    Attributes:
        train_size, test_size: examples.
        size: height and width.
        channels: values a pixel.
        class_count: labels are drawn from so many.
        seed: draws it.
    """

    train_size: int = field(default=5000, metadata={"min": 1, "unit": "examples"})
    test_size: int = field(default=1000, metadata={"min": 1, "unit": "examples"})
    size: int = field(default=10, metadata={"min": 1, "unit": "pixels"})
    channels: int = field(default=3, metadata={"min": 1})
    class_count: int = field(default=12, metadata={"min": 2})
    seed: int = field(default=0, metadata={"min": 0, "max": 2**32 - 1})


def load(config: Options, data_root: Path) -> Dataset:
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
    return Dataset(config.name, "multiclass", train, test, kept, origin, synthetic=True)
