"""The networks that are timed: the lab's overrides for each, and noise of the shape that its data have.

How fast a network trains does not depend on what its inputs say, so noise serves, and the benchmark needs no data file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Arrays = tuple[np.ndarray, np.ndarray]

VOCABULARY = 38_773  # words in the 5,600 training entries of report 003, uncut


@dataclass(frozen=True)
class Network:
    """One network with its data and the settings it is published with.

    Attributes:
        overrides: what the lab's command line would say.
        batch_size: examples per batch.
        noise: makes that many examples and their targets.
        examples: size of the training set.
        classes: number of classes; 0 for a regression.
        vocabulary: number of token ids, where the inputs are ids.
    """

    overrides: tuple[str, ...]
    batch_size: int
    noise: Callable[[int], Arrays]
    examples: int
    classes: int
    vocabulary: int | None = None


def _images(*shape: int, classes: int) -> Callable[[int], Arrays]:
    def draw(count: int) -> Arrays:
        rng = np.random.default_rng(0)
        return rng.random((count, *shape), np.float32), rng.integers(0, classes, count, np.int32)

    return draw


def words(length: int) -> Callable[[int], Arrays]:
    """Texts of so many word ids, in 15 classes."""

    def draw(count: int) -> Arrays:
        rng = np.random.default_rng(0)
        return rng.integers(0, VOCABULARY, (count, length), np.int32), rng.integers(0, 15, count, np.int32)

    return draw


def _pulses(length: int) -> Callable[[int], Arrays]:
    def draw(count: int) -> Arrays:
        rng = np.random.default_rng(0)
        return rng.random((count, length, 1), np.float32), rng.random((count, length, 1), np.float32)

    return draw


NETWORKS = {
    "cnn": Network(("model=cnn",), 128, _images(28, 28, 1, classes=10), 1_920, 10),
    "cldnn": Network(("model=cldnn",), 128, _images(2, 128, 1, classes=10), 1_280, 10),
    "word_gru": Network(("model=word_rnn", "optimizer.learning_rate=0.01"), 128, words(100), 5_600, 15, VOCABULARY),
    "pulse_gru": Network(("model=pulse_rnn", "optimizer.learning_rate=0.003"), 20, _pulses(100), 500, 0),
    "binary_cnn": Network(
        ("model=binary_cnn", "optimizer.learning_rate=0.005"), 64, _images(28, 28, 1, classes=2), 2_000, 2
    ),
    "lenet5": Network(("model=lenet5", "optimizer.learning_rate=1e-4"), 50, _images(28, 28, 1, classes=10), 1_600, 10),
}
