"""The Keras metrics that a run watches; import this before ``keras.saving.load_model`` reads a run with them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.metrics import find_class
from cldnn_lab.config.targets import instantiate
from cldnn_lab.data.dataset import Task
from cldnn_lab.training.losses import find_link, takes_indices

# What a binary example must score to count as class 1, by the argument's name in Keras.
_THRESHOLDS = {
    "BinaryAccuracy": "threshold", "F1Score": "threshold", "FBetaScore": "threshold", "Precision": "thresholds",
    "Recall": "thresholds", "TruePositives": "thresholds", "TrueNegatives": "thresholds",
    "FalsePositives": "thresholds", "FalseNegatives": "thresholds",
}  # fmt: skip
_SPARSE = ("CategoricalAccuracy", "TopKCategoricalAccuracy")  # with a form for class indices
_ACCURACY = {"multiclass": "CategoricalAccuracy", "binary": "BinaryAccuracy"}


@keras.saving.register_keras_serializable(package="cldnn_lab")
class OfProbabilities(keras.metrics.Metric):
    """A Keras metric of one-hot targets and probabilities, for a loss that takes class indices or logits.

    Args:
        metric: the metric.
        link: activation that makes probabilities of the outputs, ``softmax`` or ``sigmoid``; None where they are.
        classes: number of classes where the targets are class indices (n,), else None.
    """

    def __init__(
        self,
        metric: keras.metrics.Metric | dict[str, Any],
        link: str | None = None,
        classes: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        inner = keras.metrics.deserialize(metric) if isinstance(metric, dict) else metric
        super().__init__(name=name or inner.name, dtype=dtype)
        self.metric, self.link, self.classes = inner, link, classes
        if hasattr(inner, "_direction"):  # which way it gets better, for callbacks that monitor it
            self._direction = inner._direction

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch of targets (n,) or (n, outputs) and outputs (n, outputs)."""
        if self.classes is not None:
            y_true = ops.one_hot(ops.reshape(ops.cast(y_true, "int32"), (-1,)), self.classes)
        if self.link is not None:
            y_pred = keras.activations.get(self.link)(y_pred)
        self.metric.update_state(y_true, y_pred, sample_weight=sample_weight)

    def result(self) -> Any:
        """The metric over all that was counted since :meth:`reset_state`."""
        return self.metric.result()

    def reset_state(self) -> None:
        """Start anew."""
        self.metric.reset_state()

    def get_config(self) -> dict[str, Any]:
        """What ``keras.saving`` needs to make this metric again."""
        own = {"metric": keras.metrics.serialize(self.metric), "link": self.link, "classes": self.classes}
        return {**super().get_config(), **own}


def make_metrics(
    nodes: Sequence[Mapping[str, Any]], loss: keras.losses.Loss, task: Task, outputs: int, threshold: float
) -> list[keras.metrics.Metric]:
    """The Keras metrics, in the form that the targets and outputs of ``loss`` have.

    Args:
        nodes: what :func:`~cldnn_lab.config.metrics.list_metrics` gave.
        outputs: units of the network.
        threshold: probability above which a binary example counts as class 1, where a metric does not say its own.

    Raises:
        ConfigError: for arguments that a metric does not take.
    """
    return [
        _make_metric(node, loss, task, outputs, threshold) for node in nodes if node["metric"] != "normalised_error"
    ]


def _make_metric(
    node: Mapping[str, Any], loss: keras.losses.Loss, task: Task, outputs: int, threshold: float
) -> keras.metrics.Metric:
    indices, link = takes_indices(loss), find_link(loss)
    kind = _ACCURACY[task] if node["metric"] == "accuracy" else find_class(node["metric"]).removeprefix("Sparse")
    arguments = {key: value for key, value in node.items() if key not in ("metric", "_target_")}
    if task == "binary" and kind in _THRESHOLDS:
        arguments.setdefault(_THRESHOLDS[kind], threshold)
    if kind in ("F1Score", "FBetaScore"):  # Keras's own default is one figure per class
        arguments.setdefault("average", "macro")
    plain = task == "regression" or kind in (*_SPARSE, "BinaryAccuracy")
    if kind == "BinaryAccuracy" and link is not None:
        arguments["threshold"] = math.log(arguments["threshold"] / (1 - arguments["threshold"]))
    name = f"Sparse{kind}" if indices and kind in _SPARSE else kind
    metric = instantiate({"_target_": f"keras.metrics.{name}", **arguments}, f"metrics.{node['name']}")
    if plain or not (indices or link):
        return metric
    return OfProbabilities(metric, link, outputs if indices else None)


def check_metrics(metrics: Sequence[keras.metrics.Metric], y: np.ndarray, output_shape: tuple[int, ...]) -> None:
    """Count a few examples, so that what a metric refuses is known before training.

    Args:
        y: targets of a few examples, as the loss takes them.
        output_shape: of the network for one example.

    Raises:
        ConfigError: with Keras's own reason, and for a metric that gives more than one figure.
    """
    for metric in metrics:
        try:
            metric.update_state(y, np.zeros((len(y), *output_shape), np.float32))
            shape = np.shape(ops.convert_to_numpy(metric.result()))
            metric.reset_state()
        except Exception as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ConfigError(f"metrics: {metric.name} does not fit these targets: {reason}") from error
        if shape:
            raise ConfigError(
                f"metrics: {metric.name} gives a figure per class instead of one; set its average to macro, micro or "
                "weighted."
            )
