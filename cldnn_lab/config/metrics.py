"""Which metrics a run watches beside its loss: the names a config may give, and which tasks each fits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cldnn_lab.config.errors import ConfigError, suggest
from cldnn_lab.config.targets import check_targets

if TYPE_CHECKING:
    from cldnn_lab.data.dataset import Task

_ERRORS = "mean_squared_error mse mean_absolute_error mae root_mean_squared_error"
_SCORES = f"""accuracy auc precision recall f1_score fbeta_score precision_at_recall recall_at_precision
    sensitivity_at_specificity specificity_at_sensitivity {_ERRORS}"""
NAMES: dict[Task, tuple[str, ...]] = {
    "multiclass": tuple(
        f"categorical_accuracy sparse_categorical_accuracy top_k_categorical_accuracy "
        f"sparse_top_k_categorical_accuracy {_SCORES}".split()
    ),
    "binary": tuple(f"binary_accuracy true_positives true_negatives false_positives false_negatives {_SCORES}".split()),
    "regression": tuple(
        f"normalised_error {_ERRORS} mean_absolute_percentage_error mean_squared_logarithmic_error log_cosh_error "
        "cosine_similarity r2_score".split()
    ),
}
"""Keras's own identifiers, and ``normalised_error``, the mean squared error over the variance of the target.

``accuracy`` is the accuracy that fits the task, as in Keras; the sparse and the dense form of a metric are one, since
the targets' form follows the loss."""

_CLASSES = {"auc": "AUC", "fbeta_score": "FBetaScore", "mse": "MeanSquaredError", "mae": "MeanAbsoluteError"}
# The columns of a history that are no metrics.
_TAKEN = ("epoch", "step", "loss", "seconds", "learning_rate")


def list_metrics(metrics: Any, task: Task | None = None) -> list[dict[str, Any]]:
    """The ``metrics`` setting as nodes: each with the ``name`` of its column, and ``metric``, its name in
    :data:`NAMES`; what a ``_target_`` node says beside that is kept.

    Args:
        metrics: a name, a ``_target_`` node, or a list of them; None for what fits the task.
        task: of the data; None where it is not known yet.

    Raises:
        ConfigError: for a metric that does not exist or does not fit the task.
    """
    if metrics is None:
        return [] if task in ("regression", None) else [{"metric": "accuracy", "name": "accuracy"}]
    given = metrics if isinstance(metrics, Sequence) and not isinstance(metrics, str) else [metrics]
    nodes = [_read(entry, f"metrics[{index}]") for index, entry in enumerate(given)]
    names = [node["name"] for node in nodes]
    for index, node in enumerate(nodes):
        if node["name"] in names[:index]:
            raise ConfigError(
                f"metrics[{index}]: there are two metrics called {node['name']}; give one of them another name: "
                "{_target_: ..., name: ...}."
            )
        if task is not None and node["metric"] not in NAMES[task]:
            raise ConfigError(
                f"metrics[{index}]: {node['metric']} does not fit this task ({task}); "
                f"{suggest(node['metric'], NAMES[task])}."
            )
    return nodes


def find_class(metric: str) -> str:
    """The class in ``keras.metrics`` that a name of :data:`NAMES` stands for."""
    return _CLASSES.get(metric, metric.title().replace("_", ""))


def _read(entry: Any, where: str) -> dict[str, Any]:
    known = list(dict.fromkeys(name for names in NAMES.values() for name in names))
    if not isinstance(entry, Mapping):
        if entry not in known:
            raise ConfigError(f"{where}: {entry!r} is not a metric; {suggest(entry, known)}.")
        return {"metric": entry, "name": entry}
    target = str(entry.get("_target_", ""))
    names = {find_class(name): name for name in reversed(known)}
    if not target.startswith("keras.metrics."):
        raise ConfigError(f"{where}: write a name, or {{_target_: keras.metrics.<class>, ...}}; got {dict(entry)!r}.")
    check_targets(entry, where)
    metric = names[target.rpartition(".")[2]]
    name = entry.get("name", metric)
    if not isinstance(name, str) or not re.fullmatch(r"[a-z]\w*", name) or name in _TAKEN or name.startswith("val_"):
        raise ConfigError(
            f"{where}.name: {name!r} cannot be the name of a metric: it is a column of the history, so write small "
            f"letters, digits and _, and none of {', '.join(_TAKEN)} or val_*."
        )
    return {**entry, "metric": metric, "name": name}
