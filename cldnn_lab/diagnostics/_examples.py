"""The examples that a diagnostic is run on, and how they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.data.splits import draw_evenly
from cldnn_lab.evaluation.predictor import Predictor


def get_split(dataset: Dataset, name: str) -> Split:
    """``test``, ``validation`` or ``train`` of a data set."""
    split = getattr(dataset, name)
    assert isinstance(split, Split)
    return split


def draw_examples(split: Split, examples: int) -> np.ndarray:
    """Indices of at most so many examples, in order. Files often have their examples class by class, so these are
    drawn evenly from the classes, and always the same ones."""
    return draw_evenly(split, examples, seed=0)


def take_examples(split: Split, index: Sequence[int], where: str) -> Split:
    """The examples at ``index``.

    Raises:
        ConfigError: where there are fewer examples.
    """
    largest = max(index, default=-1)
    if largest >= len(split):
        raise ConfigError(
            f"{where}: there is no example {largest}; the last of these {len(split)} is {len(split) - 1}."
        )
    if largest < 0:
        raise ConfigError(f"{where}: names no example; give indices such as [0,1].")
    return split.take(np.asarray(index))


def describe_prediction(predictor: Predictor, target: Any, outputs: np.ndarray) -> str:
    """``true Dress, predicted Shirt`` from the network's outputs (outputs,) for one example; empty for regression."""
    if predictor.task == "regression":
        return ""
    (predicted,) = predictor.predict_classes(predictor.read_scores(outputs.reshape(1, -1)))
    return f"true {predictor.name_class(int(np.ravel(target)[0]))}, predicted {predictor.name_class(int(predicted))}"


def make_sequence(dataset: Dataset, example: np.ndarray) -> np.ndarray:
    """One example as (time, features): signals along their time axis, ids and vectors as one feature."""
    if example.ndim == 1:
        return example[:, None].astype(np.float32)
    if example.ndim == 3 and example.shape[-1] == 1:
        return np.moveaxis(example[..., 0], dataset.time_axis, 0)
    return example.reshape(len(example), -1)


def make_showable(dataset: Dataset, example: np.ndarray) -> np.ndarray | None:
    """One example as it is shown: a picture (height, width, 1 or 3) or a few lines (time, features).

    None where it is neither: token ids and what has more channels than colours.
    """
    if dataset.vocabulary is not None:
        return None
    if example.ndim == 3 and min(example.shape[:2]) >= 4:
        return example if example.shape[-1] in (1, 3) else None
    if example.ndim == 3 and example.shape[-1] != 1:
        return None
    lines = make_sequence(dataset, example)
    return lines if lines.shape[1] <= 4 else lines[..., None]
