"""What a network's outputs are worth: the metrics of each kind of task, from arrays alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import (
    confusion_matrix,
    mean_absolute_error,
    mean_squared_error,
    precision_recall_fscore_support,
    roc_auc_score,
)

from cldnn_lab.data.dataset import Split
from cldnn_lab.evaluation.predictor import Predictor

# From here up a signal counts as clean when one figure stands for "the accuracy at high SNR".
HIGH_SNR_DB = 10.0
# Where report 001 clips a probability before its logarithm.
SMALLEST_PROBABILITY = 1e-15
# How far a row of probabilities may be from one: bfloat16 keeps eight bits.
SUM_TOLERANCE = 1e-2
_FIGURES = ("precision", "recall", "f1")


@dataclass(frozen=True)
class Evaluation:
    """How well a prediction met its targets.

    Attributes:
        metrics: flat names and finite values. A metric that has no value here (an AUC with one class
            present, the error of a diverged network) is left out, never NaN.
        confusion: counts of shape (classes, classes), true class by row, predicted by column; None for
            regression. Examples whose outputs are not finite have no predicted class and are not in it.
        by_snr: columns snr (dB), count, accuracy and the accuracy of each class by its name (NaN where
            an SNR has no example of the class); None where the examples carry no ``snr`` tag.
    """

    metrics: dict[str, float]
    confusion: np.ndarray | None = None
    by_snr: pd.DataFrame | None = None


def evaluate(predictor: Predictor, outputs: np.ndarray, split: Split) -> Evaluation:
    """Metrics of a network's outputs for a split.

    - multi-class: accuracy; precision_macro, recall_macro, f1_macro and roc_auc_macro (one class against the
      rest), each the plain mean over the classes the split holds; precision_micro, recall_micro and f1_micro,
      which count all examples alike and so equal the accuracy; log_loss where the outputs are probabilities;
      class_accuracy.<name>.
    - binary: accuracy; sensitivity, specificity, precision, recall, f1, roc_auc with class 1 as the
      positive one; log_loss where the outputs are probabilities; class_accuracy.<name>; threshold.
    - regression: mse, mae, normalised_error (MSE over the variance of the target; 1 is a constant guess).
    - with ``split.tags["snr"]``: accuracy_snr.<dB> and accuracy_high_snr (all examples at 10 dB and more).

    An example whose outputs are not finite (a diverged network) counts as wrong; there is no roc_auc then.

    Args:
        predictor: says how the outputs are read, the task and the class names.
        outputs: of the network, (examples, outputs), or shaped like the target for regression.
            They need not be probabilities: linear and tanh outputs are ranked.
        split: the targets and tags, in the order of the outputs.

    Raises:
        ValueError: if outputs and target do not belong together.
    """
    outputs = np.asarray(outputs)
    if predictor.task == "regression":
        return _evaluate_regression(predictor.read_scores(outputs), split)
    names = predictor.classes
    units = 1 if predictor.task == "binary" else len(names)
    if outputs.size != len(split) * units:
        raise ValueError(
            f"outputs of shape {outputs.shape} cannot be held against {len(split)} examples with {units} outputs each"
        )
    scores = predictor.read_scores(outputs.reshape(len(split), units)).astype(np.float64)
    target = np.asarray(split.y).reshape(-1)
    predicted = predictor.predict_classes(scores)
    finite = predicted >= 0

    labels = np.arange(len(names))
    confusion = (
        confusion_matrix(target[finite], predicted[finite], labels=labels)
        if finite.any()
        else np.zeros((len(names), len(names)), dtype=np.int64)
    )
    correct = predicted == target
    metrics = {"accuracy": _mean(correct)}
    if predictor.task == "binary":
        metrics |= _evaluate_binary(target, predicted, scores[:, 0], predictor.threshold)
    else:
        metrics |= _evaluate_multiclass(target, predicted, scores)
    metrics |= {f"class_accuracy.{name}": _mean(correct[target == i]) for i, name in enumerate(names)}

    by_snr = None
    if "snr" in split.tags:
        snr = np.asarray(split.tags["snr"]).reshape(-1)
        by_snr = _group_by_snr(snr, target, correct, names)
        metrics |= {
            f"accuracy_snr.{value:g}": float(accuracy)
            for value, accuracy in zip(by_snr["snr"], by_snr["accuracy"], strict=True)
        }
        metrics["accuracy_high_snr"] = _mean(correct[snr >= HIGH_SNR_DB])
    return Evaluation(_keep_finite(metrics), confusion, by_snr)


def _keep_finite(metrics: dict[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items() if np.isfinite(value)}


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _compute_auc(positive: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve, NaN where one of the two sides has no example or a score is not finite."""
    if not 0 < positive.sum() < len(positive) or not np.isfinite(score).all():
        return float("nan")
    return float(roc_auc_score(positive, score))


def _compute_log_loss(target: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean negative log-likelihood of rows of class probabilities; NaN where they are none."""
    sums = probabilities.sum(axis=1)
    if (
        not len(target)
        or not np.isfinite(probabilities).all()
        or probabilities.min() < 0
        or np.abs(sums - 1).max() > SUM_TOLERANCE
    ):
        return float("nan")
    chosen = probabilities[np.arange(len(target)), target] / sums
    return float(-np.log(np.clip(chosen, SMALLEST_PROBABILITY, 1)).mean())


def _evaluate_multiclass(target: np.ndarray, predicted: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    present = np.unique(target)
    if not len(present):
        return {}
    # Without labels the micro average counts the predictions that are not finite (-1) as wrong, too.
    metrics: dict[str, float] = {}
    for average, options in {"macro": {"labels": present}, "micro": {}}.items():
        figures = precision_recall_fscore_support(target, predicted, average=average, zero_division=0, **options)
        metrics |= {f"{name}_{average}": value for name, value in zip(_FIGURES, figures, strict=False)}
    areas = [_compute_auc(target == label, scores[:, label]) for label in present]
    defined = [area for area in areas if np.isfinite(area)]
    return {
        **metrics,
        "roc_auc_macro": float(np.mean(defined)) if defined else float("nan"),
        "log_loss": _compute_log_loss(target, scores),
    }


def _evaluate_binary(
    target: np.ndarray, predicted: np.ndarray, score: np.ndarray, threshold: float
) -> dict[str, float]:
    positive = target == 1
    figures = precision_recall_fscore_support(target, predicted, labels=[1], zero_division=0)
    metrics = {name: values[0] for name, values in zip(_FIGURES, figures, strict=False)} if positive.any() else {}
    return {
        **metrics,
        "sensitivity": _mean(predicted[positive] == 1),
        "specificity": _mean(predicted[~positive] == 0),
        "roc_auc": _compute_auc(positive, score),
        "log_loss": _compute_log_loss(target, np.stack([1 - score, score], axis=1)),
        "threshold": threshold,
    }


def _evaluate_regression(prediction: np.ndarray, split: Split) -> Evaluation:
    target = np.asarray(split.y)
    if prediction.size != target.size or len(prediction) != len(target):
        raise ValueError(f"a prediction of shape {prediction.shape} for a target of shape {target.shape}")
    truth = target.reshape(-1).astype(np.float64)
    guess = prediction.reshape(-1).astype(np.float64)
    if not len(truth) or not np.isfinite(guess).all():
        return Evaluation({})
    mse = float(mean_squared_error(truth, guess))
    variance = float(truth.var())
    return Evaluation(
        _keep_finite(
            {
                "mse": mse,
                "mae": float(mean_absolute_error(truth, guess)),
                "normalised_error": mse / variance if variance > 0 else float("nan"),
            }
        )
    )


def _group_by_snr(snr: np.ndarray, target: np.ndarray, correct: np.ndarray, names: tuple[str, ...]) -> pd.DataFrame:
    table = pd.DataFrame({"snr": snr, "correct": correct, "target": target})
    rows = table.groupby("snr")["correct"].agg(count="size", accuracy="mean")
    per_class = table.pivot_table(index="snr", columns="target", values="correct", aggfunc="mean")
    per_class = per_class.reindex(columns=range(len(names)))
    per_class.columns = pd.Index(names)
    return rows.join(per_class.astype(float)).reset_index()
