from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as reference

from cldnn_lab.data.dataset import Split
from cldnn_lab.evaluation.metrics import evaluate
from cldnn_lab.evaluation.predictor import Predictor


def predictor_of(task: str, classes: tuple[str, ...] = (), threshold: float = 0.5) -> Predictor:
    outputs = {"multiclass": "softmax", "binary": "sigmoid", "regression": "values"}[task]
    return Predictor(task, classes, outputs, threshold)  # type: ignore[arg-type]


def split_of(y: np.ndarray, **tags: np.ndarray) -> Split:
    return Split(np.zeros((len(y), 1), np.float32), y, tags)


def softmax(logits: np.ndarray) -> np.ndarray:
    exponent = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponent / exponent.sum(axis=1, keepdims=True)


def test_multiclass_metrics_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 4, 300).astype(np.int32)
    probabilities = softmax(rng.normal(size=(300, 4)) + 1.5 * np.eye(4)[target]).astype(np.float32)
    split = split_of(target)
    found = evaluate(predictor_of("multiclass", ("a", "b", "c", "d")), probabilities, split)
    guess = probabilities.argmax(axis=1)
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    assert found.metrics["accuracy"] == pytest.approx((guess == target).mean())
    for average in ("macro", "micro"):
        for name in ("precision", "recall", "f1"):
            expected = getattr(reference, f"{name}_score")(target, guess, average=average)
            assert found.metrics[f"{name}_{average}"] == pytest.approx(expected), (name, average)
    # One class a signal: every figure of the micro average is the accuracy, as report 004 prints it.
    assert found.metrics["precision_micro"] == found.metrics["f1_micro"] == found.metrics["accuracy"]
    assert not {"precision", "recall", "f1", "roc_auc"} & set(found.metrics)
    assert found.metrics["roc_auc_macro"] == pytest.approx(
        reference.roc_auc_score(target, exact, multi_class="ovr", average="macro")
    )
    assert found.metrics["log_loss"] == pytest.approx(reference.log_loss(target, exact), abs=1e-6)
    assert found.metrics["class_accuracy.c"] == pytest.approx((guess[target == 2] == 2).mean())
    assert found.confusion is not None
    assert found.confusion.sum() == 300
    assert found.confusion[1, 2] == np.sum((target == 1) & (guess == 2))
    assert found.by_snr is None


def test_class_absent_from_the_split_is_left_out_of_the_means() -> None:
    target = np.array([0, 0, 1, 1])
    outputs = np.array([[0.9, 0.1, 0.0], [0.2, 0.1, 0.7], [0.1, 0.8, 0.1], [0.2, 0.7, 0.1]])
    split = split_of(target)
    found = evaluate(predictor_of("multiclass", ("a", "b", "c")), outputs, split)
    assert found.metrics["recall_macro"] == pytest.approx((0.5 + 1.0) / 2)
    assert found.metrics["recall_micro"] == found.metrics["accuracy"] == pytest.approx(0.75)
    assert found.metrics["roc_auc_macro"] == pytest.approx((7 / 8 + 1) / 2)
    assert "class_accuracy.c" not in found.metrics
    assert found.confusion is not None
    assert found.confusion.tolist() == [[1, 0, 1], [0, 2, 0], [0, 0, 0]]


def test_outputs_that_are_not_probabilities_are_ranked_and_have_no_log_loss() -> None:
    target = np.array([0, 1, 2, 1])
    outputs = np.array([[0.9, -0.9, -1], [-0.5, 0.1, -1], [-1, -0.2, -0.1], [0.3, -0.3, -1]])
    split = split_of(target)
    found = evaluate(predictor_of("multiclass", ("a", "b", "c")), outputs, split)
    assert found.metrics["accuracy"] == pytest.approx(0.75)
    assert "log_loss" not in found.metrics
    assert found.metrics["roc_auc_macro"] > 0.8
    # Ten independent sigmoids are not a distribution over the classes either.
    sigmoids = 1 / (1 + np.exp(-outputs))
    assert "log_loss" not in evaluate(predictor_of("multiclass", ("a", "b", "c")), sigmoids, split).metrics


def test_a_certain_and_wrong_prediction_has_a_finite_log_loss() -> None:
    split = split_of(np.array([0, 1]))
    found = evaluate(predictor_of("multiclass", ("a", "b")), np.array([[1.0, 0.0], [1.0, 0.0]]), split)
    assert found.metrics["log_loss"] == pytest.approx(-np.log(1e-15) / 2)


def test_diverged_prediction_counts_as_wrong_and_every_metric_is_finite() -> None:
    target = np.array([0, 0, 1, 1])
    outputs = np.array([[np.nan, np.nan], [0.9, 0.1], [0.2, 0.8], [np.nan, 0.5]])
    split = split_of(target, snr=np.array([0, 0, 10, 10]))
    predictor = predictor_of("multiclass", ("a", "b"))
    found = evaluate(predictor, outputs, split)
    assert found.metrics["accuracy"] == found.metrics["precision_micro"] == pytest.approx(0.5)
    # Ranked without the examples that are not finite it would be perfect.
    assert "roc_auc_macro" not in found.metrics
    assert found.confusion is not None
    assert found.confusion.sum() == 2
    nothing = evaluate(predictor, np.full((4, 2), np.nan), split)
    assert nothing.metrics["accuracy"] == 0
    assert all(np.isfinite(value) for value in nothing.metrics.values())
    assert "roc_auc_macro" not in nothing.metrics


@pytest.mark.parametrize("shape", [(6, 1), (6,)])
def test_binary_metrics_count_class_one_as_positive(shape: tuple[int, ...]) -> None:
    target = np.array([1, 1, 1, 0, 0, 0])
    outputs = np.array([0.9, 0.6, 0.2, 0.4, 0.7, 0.1]).reshape(shape)
    split = split_of(target)
    predictor = predictor_of("binary", ("five", "six"))
    found = evaluate(predictor, outputs, split).metrics
    assert found["sensitivity"] == pytest.approx(2 / 3)
    assert found["specificity"] == pytest.approx(2 / 3)
    assert found["f1"] == pytest.approx(reference.f1_score(target, outputs.reshape(-1) > 0.5))
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["class_accuracy.six"] == found["sensitivity"]
    assert found["roc_auc"] == pytest.approx(reference.roc_auc_score(target, outputs.reshape(-1)))
    assert found["log_loss"] == pytest.approx(reference.log_loss(target, outputs.reshape(-1)))
    broken = evaluate(predictor, np.where(outputs > 0.8, np.nan, outputs), split).metrics
    assert broken["sensitivity"] == broken["recall"] == pytest.approx(1 / 3) and "roc_auc" not in broken
    strict = evaluate(replace(predictor, threshold=0.8), outputs, split).metrics
    assert (strict["sensitivity"], strict["specificity"]) == (pytest.approx(1 / 3), 1.0)
    assert strict["threshold"] == 0.8


def test_binary_split_of_one_class_leaves_the_other_sides_metrics_out() -> None:
    split = split_of(np.zeros(4, np.int32))
    found = evaluate(predictor_of("binary", ("a", "b")), np.full((4, 1), 0.3), split).metrics
    assert found["specificity"] == 1
    assert not {"sensitivity", "recall", "precision", "f1", "roc_auc"} & set(found)


def test_normalised_error_is_one_for_the_best_constant_guess() -> None:
    rng = np.random.default_rng(1)
    target = rng.normal(3, 2, size=(20, 50, 1)).astype(np.float32)
    split = split_of(target)
    predictor = predictor_of("regression")
    constant = evaluate(predictor, np.full_like(target, target.mean()), split).metrics
    assert constant["normalised_error"] == pytest.approx(1, rel=1e-5)
    off = evaluate(predictor, target + 0.5, split)
    assert off.metrics["mse"] == pytest.approx(0.25, rel=1e-5)
    assert off.metrics["mae"] == pytest.approx(0.5, rel=1e-5)
    assert off.metrics["normalised_error"] == pytest.approx(0.25 / target.var(), rel=1e-4)
    assert off.confusion is None
    assert evaluate(predictor, target * np.nan, split).metrics == {}


def test_accuracy_by_snr_and_class() -> None:
    target = np.array([0, 1, 0, 1, 0, 0])
    guess = np.array([1, 1, 0, 0, 0, 0])
    snr = np.array([-4, -4, 10, 10, 12, 12])
    split = split_of(target, snr=snr)
    found = evaluate(predictor_of("multiclass", ("BPSK", "QPSK")), np.eye(2)[guess], split)
    assert found.metrics["accuracy_snr.-4"] == 0.5
    assert found.metrics["accuracy_snr.12"] == 1
    assert found.metrics["accuracy_high_snr"] == pytest.approx(3 / 4)
    table = found.by_snr
    assert table is not None
    assert list(table.columns) == ["snr", "count", "accuracy", "BPSK", "QPSK"]
    assert table["snr"].tolist() == [-4, 10, 12]
    assert table["count"].tolist() == [2, 2, 2]
    assert table["QPSK"].tolist()[:2] == [1.0, 0.0]
    assert np.isnan(table["QPSK"].iloc[2])


def test_prediction_of_the_wrong_size_is_refused() -> None:
    split = split_of(np.array([0, 1]))
    with pytest.raises(ValueError, match="2 examples with 3 outputs"):
        evaluate(predictor_of("multiclass", ("a", "b", "c")), np.zeros((2, 2)), split)
