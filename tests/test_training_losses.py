"""Metrics, class weights and smoothed labels of a run, against Keras's own ``fit`` and scikit-learn."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score, top_k_accuracy_score
from sklearn.utils.class_weight import compute_sample_weight

from cldnn_lab import data
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.dataset import Dataset
from cldnn_lab.evaluation.predictor import Predictor
from cldnn_lab.launch import backend
from cldnn_lab.launch.preflight import check_config
from cldnn_lab.runs.directory import Run
from cldnn_lab.train import train
from cldnn_lab.training import losses
from cldnn_lab.training.session import Session, prepare

RANDOM = (
    "model=dense_ann",
    "model.dense=[8]",
    "data=random",
    "data.size=4",
    "data.train_limit=90",
    "data.test_limit=50",
    "batch_size=32",
    "epochs=2",
)
PULSES = ("model=pulse_rnn", "data=pulses", "data.train_limit=60", "data.test_limit=20", "batch_size=20", "epochs=1")


@pytest.fixture
def prepared(composed) -> Callable[..., Session]:
    """The session of a run with these overrides; ``change`` changes its data first."""

    def go(*overrides: str, change: Callable[[Dataset], Dataset] = lambda dataset: dataset) -> Session:
        begin = () if "model=pulse_rnn" in overrides else RANDOM
        config = check_config(composed(*begin, *overrides))
        backend.bind(config.backend)
        dataset = change(data.load(config.data, Path("."), prefers=config.prefers))
        return prepare(config, dataset, backend.start(config))

    return go


def make_binary(dataset: Dataset) -> Dataset:
    """The same data set, its classes in two halves."""
    train, test = (replace(split, y=(split.y > 5).astype(np.int32)) for split in (dataset.train, dataset.test))
    return replace(dataset, task="binary", classes=("low", "high"), train=train, test=test)


def predict(session: Session) -> np.ndarray:
    """The scores of the test set: probabilities where the outputs stand for some."""
    predictor = Predictor.make(session.model, session.dataset, session.loss, 0.5)
    return predictor.read_scores(session.predict_outputs(session.dataset.test))


def fit_with_keras(session: Session, **options: Any) -> list[np.ndarray]:
    """The weights after Keras's own ``fit`` of the session's network, the examples in the session's order."""
    model = session.model
    x, y = (
        session.dataset.train.x,
        losses.make_targets(model.loss, session.dataset.task, session.dataset.train.y, session.dataset.outputs),
    )
    for epoch in range(session.plan.total // session.plan.per_epoch):
        order = session.plan.draw_order(epoch)
        model.fit(x[order], y[order], batch_size=session.plan.batch_size, shuffle=False, verbose=0, **options)
    return model.get_weights()


def assert_trains_as(session: Session, weights: list[np.ndarray]) -> None:
    """``session`` trains to ``weights``, which its own network has been trained to by another."""
    session.fit()
    for ours, theirs in zip(session.model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=2e-6)


CLASS_WEIGHTS: dict[str, tuple[str, dict[int, float]]] = {
    "by name": ("{0:3,11:0.5}", {0: 3.0, 11: 0.5}),
    "by class": ("[1,2,3,4,5,6,7,8,9,10,11,12]", {index: index + 1.0 for index in range(12)}),
}


@pytest.mark.parametrize("given", CLASS_WEIGHTS)
def test_class_weights_train_what_keras_fit_trains(prepared, given: str) -> None:
    text, weights = CLASS_WEIGHTS[given]
    expected = fit_with_keras(prepared(f"class_weight={text}"), class_weight=weights)
    assert_trains_as(prepared(f"class_weight={text}"), expected)
    unweighted = fit_with_keras(prepared())
    assert any(np.abs(a - b).max() > 1e-4 for a, b in zip(expected, unweighted, strict=True))


def test_class_weights_weigh_the_training_loss_alone(prepared) -> None:
    session = prepared("class_weight={0:5}", "optimizer.learning_rate=1e-20", "epochs=1")
    row = session.fit().rows[0]
    y = session.dataset.train.y
    scores = np.log(session.model.predict(session.dataset.train.x, verbose=0)[np.arange(len(y)), y])
    np.testing.assert_allclose(row["loss"], np.mean(-scores * np.where(y == 0, 5, 1)), rtol=1e-4)
    tested = session.dataset.test
    scores = np.log(session.model.predict(tested.x, verbose=0)[np.arange(len(tested)), tested.y])
    np.testing.assert_allclose(row["val_loss"], np.mean(-scores), rtol=1e-4)


def test_balanced_weights_are_those_of_scikit_learn(prepared) -> None:
    session = prepared("class_weight=balanced")
    np.testing.assert_allclose(
        session.weights, compute_sample_weight("balanced", session.dataset.train.y).astype(np.float32)
    )
    session = prepared("class_weight=balanced", "model.output_activation=sigmoid", change=make_binary)
    np.testing.assert_allclose(
        session.weights, compute_sample_weight("balanced", session.dataset.train.y).astype(np.float32)
    )


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["class_weight={cat:2}"], ("class_weight.cat", "no such class")),
        (["class_weight={0:-1}"], ("class_weight.0", "from 0 up")),
        (["class_weight=[1,2]"], ("2 weights", "12 classes")),
        (["class_weight=even"], ("class_weight", "balanced")),
        (["class_weight=balanced", *PULSES], ("class_weight", "regression")),
        (["label_smoothing=0.1", "loss=mse"], ("label_smoothing", "mse")),
        (["label_smoothing=0.1", "model.output_activation=tanh"], ("label_smoothing", "mse")),
        (["label_smoothing=1"], ("label_smoothing", "below 1")),
        (["metrics=acuracy"], ("metrics[0]", "did you mean accuracy")),
        (["metrics=[accuracy,binary_accuracy]"], ("metrics[1]", "multiclass", "did you mean accuracy")),
        (["metrics=[accuracy,accuracy]"], ("metrics[1]", "two metrics called accuracy")),
        (["metrics=[recall_at_precision]"], ("recall_at_precision", "precision")),
        (["metrics=[{_target_:keras.metrics.Mean}]"], ("metrics[0]._target_", "refused")),
        (["metrics=[{_target_:keras.metrics.AUC,name:val_x}]"], ("metrics[0].name", "val_x")),
        (["metrics=[{_target_:keras.metrics.F1Score,average:null}]"], ("f1_score", "macro")),
        (["metrics=accuracy", *PULSES], ("accuracy does not fit", "regression")),
        (["metrics=r2_score", *PULSES], ("r2_score", "does not fit")),
    ],
)
def test_what_cannot_be_meant_is_refused_before_training(
    prepared, overrides: list[str], words: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigError) as refusal:
        prepared(*overrides)
    assert all(word in str(refusal.value) for word in words), str(refusal.value)


@pytest.mark.parametrize("ending", ["softmax", "linear"])
def test_smoothed_labels_train_what_keras_fit_trains(prepared, ending: str) -> None:
    overrides = ("label_smoothing=0.2", f"model.output_activation={ending}", "loss=crossentropy")
    session = prepared(*overrides)
    one_hot = np.asarray(keras.utils.to_categorical(session.dataset.train.y, 12))
    session.model.compile(
        keras.optimizers.Adam(1e-3),
        keras.losses.CategoricalCrossentropy(from_logits=ending == "linear", label_smoothing=0.2),
    )
    for epoch in range(2):
        order = session.plan.draw_order(epoch)
        session.model.fit(session.dataset.train.x[order], one_hot[order], batch_size=32, shuffle=False, verbose=0)
    assert_trains_as(prepared(*overrides), session.model.get_weights())


def test_smoothed_labels_of_other_outputs_are_those_of_a_softmax() -> None:
    y, p = np.array([0, 2]), np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]], np.float32)
    own = losses.make_loss("crossentropy", "sigmoid", "multiclass", 0.3)
    keras_own = keras.losses.CategoricalCrossentropy(label_smoothing=0.3)
    expected = float(keras_own(keras.utils.to_categorical(y, 3), p))
    assert float(own(y, p)) == pytest.approx(expected, rel=1e-5)
    assert float(own(y, 5 * p)) == pytest.approx(expected, rel=1e-5), "outputs are divided by their sum"
    again = keras.losses.deserialize(keras.losses.serialize(own))
    assert float(again(y, p)) == pytest.approx(expected, rel=1e-5)
    binary = losses.make_loss("crossentropy", "sigmoid", "binary", 0.3)
    assert float(binary(np.array([[1.0]]), np.array([[0.6]]))) == pytest.approx(
        -0.85 * np.log(0.6) - 0.15 * np.log(0.4)
    )


@pytest.mark.parametrize("ending", ["softmax", "linear", "sigmoid"])
@pytest.mark.parametrize("loss", ["crossentropy", "mse"])
def test_metrics_of_classes_are_those_of_scikit_learn(prepared, ending: str, loss: str) -> None:
    nodes = "[accuracy,f1_score,{_target_:keras.metrics.TopKCategoricalAccuracy,k:3,name:top_3},precision,auc]"
    session = prepared(f"metrics={nodes}", f"model.output_activation={ending}", f"loss={loss}", "epochs=1")
    outcome = session.fit()
    tested = session.test(outcome)
    assert set(tested) == {"loss", "accuracy", "f1_score", "top_3", "precision", "auc"}
    y, scores = session.dataset.test.y, predict(session)
    known = np.arange(12)
    assert tested["accuracy"] == pytest.approx(np.mean(scores.argmax(1) == y))
    assert tested["top_3"] == pytest.approx(top_k_accuracy_score(y, scores, k=3, labels=known))
    assert tested["f1_score"] == pytest.approx(
        f1_score(y, scores.argmax(1), average="macro", labels=known, zero_division=0), rel=1e-4
    )
    if loss == "crossentropy":
        above = (scores > 0.5).ravel()
        truth = np.asarray(keras.utils.to_categorical(y, 12)).ravel()
        assert tested["precision"] == pytest.approx(precision_score(truth, above, zero_division=0), rel=1e-4)


@pytest.mark.parametrize("ending", ["sigmoid", "linear"])
def test_metrics_of_a_binary_task_read_threshold_and_logits(prepared, ending: str) -> None:
    overrides = (
        "metrics=[accuracy,precision,recall,f1_score]", f"model.output_activation={ending}", "loss=crossentropy",
        "optimizer.learning_rate=1e-20",
    )  # fmt: skip
    untrained = prepared(*overrides, change=make_binary)
    threshold = float(np.median(predict(untrained)))
    assert abs(threshold - 0.5) > 0.01
    session = prepared(*overrides, f"threshold={threshold}", change=make_binary)
    tested = session.test(session.fit())
    y, above = session.dataset.test.y, predict(session)[:, 0] > threshold
    assert 0 < above.sum() < len(y)
    assert tested["accuracy"] == pytest.approx(np.mean(above == y))
    assert tested["precision"] == pytest.approx(precision_score(y, above), rel=1e-4)
    assert tested["recall"] == pytest.approx(recall_score(y, above), rel=1e-4)
    assert tested["f1_score"] == pytest.approx(f1_score(y, above), rel=1e-4)


def test_each_metric_is_in_the_history_the_figures_and_the_pictures(composed, tmp_path: Path) -> None:
    overrides = (*RANDOM, "metrics=[accuracy,top_k_categorical_accuracy,auc]", "model.output_activation=linear")
    run = Run(tmp_path)
    train(check_config(composed(*overrides, "loss=crossentropy")), run)
    history, metrics = run.history, run.metrics
    for name in ("loss", "accuracy", "top_k_categorical_accuracy", "auc"):
        assert {name, f"val_{name}"} <= set(history)
        assert metrics[f"train_{name}"] == pytest.approx(history[name].iloc[-1])
        assert metrics[f"val_{name}"] == pytest.approx(metrics[f"test_{name}"])
    pictures = {path.name for path in tmp_path.glob("*.png")}
    assert {"accuracy.png", "loss.png", "metric_top_k_categorical_accuracy.png", "metric_auc.png"} <= pictures
    # A new process knows the metrics that a saved network holds.
    script = "import sys; from cldnn_lab import runs; print(len(runs.open(sys.argv[1]).model().layers) > 1)"
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, env=os.environ)
    assert done.stdout.strip() == "True", done.stderr


def test_metrics_of_windows_are_measured_on_every_test_example(prepared) -> None:
    session = prepared(*PULSES, "window=50", "metrics=[mae,normalised_error]")
    outcome = session.fit()
    assert {"mae", "val_mae", "normalised_error", "val_normalised_error"} <= set(outcome.rows[-1])
    measured = session.measure(session.dataset.test)
    difference = predict(session) - session.dataset.test.y
    assert measured["mae"] == pytest.approx(np.abs(difference).mean(), rel=1e-4)


OPTIMIZERS = {
    "weight decay": ("optimizer=adamw", "optimizer.weight_decay=0.1"),
    "accumulation": ("optimizer=sgd", "optimizer.gradient_accumulation_steps=2", "optimizer.learning_rate=0.5"),
    "average": ("optimizer.use_ema=true", "optimizer.ema_momentum=0.8", "optimizer.ema_overwrite_frequency=2"),
    "clipping": ("optimizer=sgd", "optimizer.clipnorm=0.01", "optimizer.learning_rate=1"),
    "clipping together": ("optimizer=sgd", "optimizer.global_clipnorm=0.01", "optimizer.learning_rate=1"),
    "loss scaling": ("optimizer=sgd", "optimizer.loss_scale_factor=64", "optimizer.learning_rate=0.5"),
    "accumulation with a schedule": (
        "optimizer.gradient_accumulation_steps=2", "optimizer.weight_decay=0.1", "schedule=cosine",
        "optimizer.learning_rate=0.05",
    ),
}  # fmt: skip


@pytest.mark.parametrize("options", OPTIMIZERS)
@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled update"])
def test_options_of_the_optimizer_train_what_keras_fit_trains(
    prepared, options: str, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cldnn_lab.training.kernels import update

    overrides = (*OPTIMIZERS[options], "epochs=1", "batch_size=10")
    keras_own = prepared(*overrides, "fast_layers=false")
    initial = keras_own.model.get_weights()
    expected = fit_with_keras(keras_own)
    if compiled:
        monkeypatch.setattr(update, "_MANY_WEIGHTS", 1)
    assert_trains_as(prepared(*overrides, f"fast_layers={str(compiled).lower()}"), expected)
    assert any(np.abs(a - b).max() > 1e-4 for a, b in zip(expected, initial, strict=True))


def test_a_schedule_counts_batches_whether_gradients_are_accumulated_or_not(prepared) -> None:
    rates = []
    for steps in ("null", "2"):
        session = prepared("schedule=cosine", f"optimizer.gradient_accumulation_steps={steps}", "epochs=4")
        rates.append([row["learning_rate"] for row in session.fit().rows])
    assert rates[0] == pytest.approx(rates[1]) and rates[1][-1] == pytest.approx(0, abs=1e-9)


def test_augmentation_that_xla_cannot_compile_is_refused_before_training(prepared) -> None:
    turn = "+model.augmentation=[{_target_:keras.layers.RandomRotation,factor:0.1}]"
    with pytest.raises(ConfigError, match="RandomRotation on TensorFlow; set xla=false"):
        prepared(turn, "xla=true")
    assert prepared(turn, "xla=false").model.layers
