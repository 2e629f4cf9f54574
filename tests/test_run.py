"""One run from config to run directory."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf
from PIL import Image

from cldnn_lab import data, inspect, runs
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.dataset import Dataset
from cldnn_lab.evaluation.predictor import Predictor
from cldnn_lab.launch.preflight import check_config
from cldnn_lab.runs import results
from cldnn_lab.runs.directory import Run
from cldnn_lab.runs.recorder import StateRecorder
from cldnn_lab.storage import manifest
from cldnn_lab.train import train
from cldnn_lab.training.listeners.progress import Progress
from cldnn_lab.training.plan import Plan

SMALL = ("model=cnn_example", "data=random", "data.train_limit=100", "data.test_limit=64", "batch_size=32", "epochs=2")
PULSES = ("model=pulse_rnn", "data=pulses", "window=50", "batch_size=20", "epochs=1", "data.train_limit=100")
RADIO = (
    "model=cldnn", "data=radioml", "data.vectors_per_cell=6", "model.filters={conv1:4,conv2:4,conv3:4,conv4:4}",
    "batch_size=32", "epochs=1",
)  # fmt: skip


@pytest.fixture
def trained(composed, tmp_path: Path):
    """Train with overrides; returns the run, its directory fresh for every call."""

    def go(*overrides: str) -> Run:
        folder = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        run = Run(folder)
        train(check_config(composed(*overrides), {"model": "small"}), run)
        return run

    return go


@pytest.fixture
def loaded(composed):
    """The data that a run with these overrides trains on."""

    def go(*overrides: str) -> Dataset:
        config = check_config(composed(*overrides))
        return data.load(config.data, Path("."), prefers=config.prefers)

    return go


def test_a_run_leaves_everything_that_was_promised(trained) -> None:
    run = trained(*RADIO)
    left = {path.name for path in run.folder.iterdir()}
    assert left == {
        "metrics.json", "history.csv", "accuracy.png", "loss.png", "confusion_matrix.png", "confusion_matrix.csv",
        "accuracy_by_snr.png", "accuracy_by_snr.csv", "model.keras", "predictor.json", "model.txt", "environment.json",
        "run.json", ".cldnn_lab.json",
    }  # fmt: skip
    assert set(manifest.list_names(run.folder)) == left - {".cldnn_lab.json"} <= set(runs.NAMES)
    metrics = run.metrics
    counts = run.confusion.to_numpy()
    assert counts.sum() == metrics["test_examples"]
    assert counts.trace() / counts.sum() == pytest.approx(metrics["test_accuracy"])
    for name in (
        "test_accuracy", "test_loss", "train_accuracy", "train_loss", "best_epoch", "parameters", "epochs", "steps",
        "seconds", "test_seconds", "seconds_per_epoch", "samples_per_second", "status", "data_source",
        "test_precision_macro", "test_recall_macro", "test_f1_macro", "test_precision_micro", "test_recall_micro",
        "test_f1_micro", "test_roc_auc_macro", "test_class_accuracy.QPSK", "test_accuracy_snr.10",
    ):  # fmt: skip
        assert name in metrics, name
        assert not isinstance(metrics[name], (dict, list))
    assert metrics["status"] == "completed" and metrics["synthetic_data"] is True
    assert "generated" in metrics["data_source"].lower()
    environment = json.loads((run.folder / "environment.json").read_text())
    assert environment["version.keras"] == keras.__version__ and len(environment["data_fingerprint"]) == 32
    assert "conv1" in (run.folder / "model.txt").read_text()


def test_what_is_handed_in_names_the_file_and_nobodys_folders(trained, tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    np.savez(tmp_path / "mine.npz", x=draw.random((60, 8, 8, 1)), y=draw.integers(0, 3, 60))
    run = trained("model=lenet5", "data=arrays", f"data.path={tmp_path / 'mine.npz'}", "steps=2", "batch_size=16",
                  "diagnostics=predictions")  # fmt: skip
    for picture in ("accuracy.png", "confusion_matrix.png", "predictions.png"):
        with Image.open(run.folder / picture) as opened:
            assert opened.info["Source"] == "data: mine.npz", picture
    assert run.metrics["data_source"] == "mine.npz"
    assert str(tmp_path) not in (run.folder / "metrics.json").read_text()
    environment = json.loads((run.folder / "environment.json").read_text())
    assert environment["data_source"] == "mine.npz" and environment["data_folder"] == str(tmp_path)


def test_the_saved_model_predicts_what_the_metrics_say(trained, loaded) -> None:
    run = trained(*SMALL)
    dataset = loaded(*SMALL)
    predicted = run.model().predict(dataset.test.x, verbose=0).argmax(axis=1)
    assert np.mean(predicted == dataset.test.y) == pytest.approx(run.metrics["test_accuracy"])
    assert run.history["val_accuracy"].iloc[-1] == pytest.approx(run.metrics["test_accuracy"], abs=1e-6)


def test_the_same_seed_gives_the_same_figures_to_the_last_digit(trained) -> None:
    def figures(*overrides: str) -> dict[str, object]:
        timing = ("seconds", "samples_per_second")
        metrics = trained(*SMALL, "seed=5", *overrides).metrics
        return {k: v for k, v in metrics.items() if not any(word in k for word in timing)}

    assert figures() == figures()
    assert figures()["train_loss"] != figures("seed=6")["train_loss"]


def test_runs_of_several_seeds_learn_from_the_same_examples(trained) -> None:
    def examples(*overrides: str) -> str:
        run = trained(*SMALL, "steps=1", *overrides)
        return json.loads((run.folder / "environment.json").read_text())["data_fingerprint"]

    assert examples("seed=1") == examples("seed=2") != examples("seed=1", "data.split_seed=7")


@pytest.mark.parametrize(("steps", "epochs"), [(3, 0.75), (4, 1.0), (9, 2.25)])
def test_steps_trains_exactly_so_many_batches(trained, steps: int, epochs: float) -> None:
    run = trained(*SMALL, f"steps={steps}")
    assert run.metrics["steps"] == steps and run.metrics["epochs"] == epochs
    assert int(run.model().optimizer.iterations) == steps
    assert list(run.history["step"]) == [s for s in (4, 8) if s < steps] + [steps]


def test_validate_every_makes_a_row_every_so_many_batches(trained) -> None:
    run = trained(*SMALL, "steps=10", "validate_every=3")
    assert list(run.history["step"]) == [3, 6, 9, 10]


def test_the_figures_that_a_run_will_have_are_known_before_it_trains(composed, loaded, trained) -> None:
    from cldnn_lab.training.policy import choose_policy
    from cldnn_lab.training.session import prepare

    for overrides in (SMALL, (*PULSES, "data.test_limit=40")):
        config = check_config(composed(*overrides))
        policy = choose_policy(config.settings, config.backend, config.model, "CPU", fits=True, bfloat16=False)
        dataset = loaded(*overrides)
        session = prepare(config, dataset, policy)
        predictor = Predictor.make(session.model, dataset, session.loss, config.settings.threshold)
        expected = results.expect_metrics(config, session, policy, predictor)
        assert set(expected) == set(trained(*overrides).metrics)


def test_the_state_follows_the_steps_at_most_once_in_so_many_seconds(composed, tmp_path: Path) -> None:
    run, plan = Run(tmp_path), Plan.make(100, batch_size=10, epochs=3, steps=None, validate_every=None, seed=1)
    run.begin_training(check_config(composed("model=cnn")), "data", plan.total, resumed=False)
    assert (run.state.state, run.state.step, run.state.steps) == ("training", 0, 30)
    StateRecorder(run, plan, seconds=1000).on_batches_end(4, {})
    assert run.state.step == 0
    recorder = StateRecorder(run, plan, seconds=0)
    recorder.on_batches_end(4, {})
    assert run.state.step == 4
    recorder.on_epoch_end(1)
    assert run.state.step == 20


def test_a_held_out_part_validates(trained) -> None:
    run = trained(*SMALL, "data.validation=0.2")
    assert run.metrics["validated_on"] == "validation" and run.metrics["validation_examples"] == 20
    assert run.metrics["train_examples"] == 80
    assert run.metrics["test_loss"] != run.metrics["val_loss"]


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_what_there_is(trained) -> None:
    run = trained(*SMALL, "optimizer=sgd", "optimizer.learning_rate=1e20", "loss=mse", "model.output_activation=linear")
    assert run.metrics["status"] == run.state.state == "diverged" and "epoch 1" in run.state.reason
    assert (run.folder / "model.keras").is_file()


def test_a_last_update_that_ruins_the_weights_is_no_completed_run(trained) -> None:
    ruinous = ("optimizer=sgd", "optimizer.learning_rate=1e30", "optimizer.weight_decay=1e30")
    run = trained(*SMALL, *ruinous, "steps=1")
    assert run.metrics["status"] == run.state.state == "diverged" and "epoch 1, at batch 1" in run.state.reason
    assert run.metrics["steps"] == run.state.step == 1


def test_the_best_epoch_says_by_what(trained) -> None:
    metrics = trained(*SMALL).metrics
    assert metrics["best_by"] == "test accuracy" and metrics["best_epoch"] in (1, 2)
    assert trained(*SMALL, "data.validation=0.2").metrics["best_by"] == "validation accuracy"
    assert trained(*PULSES, "data.test_limit=40").metrics["best_by"] == "test loss"


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (("model=rnn", "data.layout=image"), r"\(10, 10, 3\)"),
        (("model.outputs=7",), "7"),
        (("model.layers.0.kernel_size=[12,12]",), "12"),
        (("loss=mse", "data=pulses", "model=cnn", "model.output_activation=linear"), "100"),
        (("model=lenet5", "data=pulses", "model.output_activation=linear"), r"\(100, 1\)"),
        (("window=5",), "window"),
        (
            ("model=rnn", "data.channels=1", "+model.layers.0.return_sequences=true"),
            r"outputs of shape \(10, 12\) for an example.* return_sequences",
        ),
        (("diagnostics=hidden_traces",), "hidden_traces: this network has no recurrent layer"),
        (("diagnostics={feature_maps:{images:[64]}}",), "there is no example 64"),
        (("diagnostics={feature_maps:{layers:[output]}}",), "output has no maps"),
        (("diagnostics={filters:{layer:nowhere}}",), "no layer 'nowhere'"),
        (("diagnostics={predictions:{images:[99]}}",), "there is no example 99"),
        (("diagnostics={deconvnet:{maps:[1000]}}",), "has .* maps"),
        (("diagnostics=active_units", "model=rnn", "data.channels=1"), "no layer of this network has a ReLU"),
    ],
)
def test_what_does_not_fit_the_data_or_the_network_is_refused_before_training(
    trained, tmp_path: Path, overrides, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        trained(*SMALL, *overrides)
    assert not [path for folder in tmp_path.iterdir() for path in folder.iterdir()]


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "tanh", "linear"])
@pytest.mark.parametrize("loss", ["auto", "crossentropy", "mse", "mae"])
def test_every_loss_trains_with_every_output_activation(trained, loss: str, activation: str) -> None:
    metrics = trained(*SMALL, "epochs=1", f"loss={loss}", f"model.output_activation={activation}").metrics
    assert metrics["status"] == "completed" and math.isfinite(metrics["test_loss"])
    expected = {"softmax": "crossentropy", "sigmoid": "crossentropy", "linear": "crossentropy", "tanh": "mse"}
    assert metrics["loss_function"] == (expected[activation] if loss == "auto" else loss)


def own_network(*ends: str) -> tuple[str, ...]:
    """Overrides for a network of the user's own, written without the knob output_activation."""
    layers = ", ".join(("{_target_: keras.layers.Flatten}", *ends))
    return (*SMALL, "~model.output_activation", f"model.layers=[{layers}]")


@pytest.mark.parametrize(
    "ends",
    [
        ("{_target_: keras.layers.Dense, units: '${model.outputs}', activation: softmax}",),
        ("{_target_: keras.layers.Dense, units: '${model.outputs}'}", "{_target_: keras.layers.Softmax}"),
        ("{_target_: keras.layers.Dense, units: '${model.outputs}'}",),
    ],
)
def test_a_network_without_knobs_is_trained_and_judged_by_what_it_ends_in(trained, ends) -> None:
    run = trained(*own_network(*ends))
    loss = run.model().loss
    assert type(loss).__name__ == "SparseCategoricalCrossentropy"
    assert loss.from_logits == (ends[-1].count("oft") == 0)
    assert run.metrics["test_log_loss"] == pytest.approx(run.metrics["val_loss"], rel=1e-3)


def test_a_loss_that_contradicts_the_end_of_a_network_is_refused(trained) -> None:
    with pytest.raises(ConfigError, match="binary_crossentropy needs independent outputs"):
        trained(*own_network("{_target_: keras.layers.Dense, units: 12, activation: softmax}"),
                "loss=binary_crossentropy")  # fmt: skip


def test_an_end_that_cannot_be_read_is_neither_softmax_nor_logits(trained, caplog) -> None:
    run = trained(
        *own_network("{_target_: keras.layers.Dense, units: 12}", "{_target_: keras.layers.UnitNormalization}")
    )
    assert run.metrics["loss_function"] == "mse"
    assert "cannot be read from its last layer (UnitNormalization)" in caplog.text


def test_linear_outputs_trained_as_sigmoids_are_read_as_sigmoids(trained, loaded) -> None:
    run = trained(*SMALL, "model.output_activation=linear", "loss=binary_crossentropy", "diagnostics=predictions")
    from scipy.special import expit

    logits = run.model().predict(loaded(*SMALL).test.x, verbose=0)
    table = pd.read_csv(run.folder / "predictions.csv")
    assert table["score_predicted"].to_numpy() == pytest.approx(expit(logits[table["index"]]).max(axis=1), rel=1e-4)
    assert "test_log_loss" not in run.metrics  # a yes or no for each class is no distribution over them


@pytest.mark.parametrize("activation", ["sigmoid", "linear"])
def test_a_binary_threshold_counts_alike_in_training_and_afterwards(trained, tmp_path, activation: str) -> None:
    draw = np.random.default_rng(1)
    y = draw.integers(0, 2, 200)
    np.savez(tmp_path / "mine.npz", x=draw.random((200, 8, 8, 1)) + 0.2 * y[:, None, None, None], y=y)
    run = trained(
        "model=binary_cnn", "data=arrays", f"data.path={tmp_path / 'mine.npz'}", "data.task=binary", "epochs=3",
        f"model.output_activation={activation}", "threshold=0.6", "batch_size=32", "model.pool_size=1",
        "diagnostics={predictions:null,metrics:{split:test}}",
    )  # fmt: skip
    metrics = run.metrics
    assert metrics["test_accuracy"] == pytest.approx(metrics["val_accuracy"], abs=1e-6)
    assert 0 <= metrics["test_log_loss"] == pytest.approx(metrics["val_loss"], rel=1e-3)
    # So do the diagnostics, which read the scores as the metrics do.
    ranked = pd.read_csv(run.folder / "predictions.csv")
    assert ranked["correct"].mean() == pytest.approx(metrics["test_accuracy"])
    assert ranked["score_true"].between(0, 1).all()
    seen = json.loads((run.folder / "metrics_test.json").read_text())
    assert seen["threshold"] == 0.6 and seen["sensitivity"] == pytest.approx(metrics["test_sensitivity"])


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "rmsprop", "adam", "nadam", "adagrad", "adamw"])
def test_every_optimizer_trains_with_clipping_and_a_schedule(trained, optimizer: str) -> None:
    run = trained(*SMALL, f"optimizer={optimizer}", "optimizer.clipnorm=1", "schedule=cosine")
    rates = run.history["learning_rate"]
    assert run.metrics["status"] == "completed" and rates.iloc[-1] < rates.iloc[0]


@pytest.mark.parametrize("overwrite", ["null", "3"])
def test_averaged_weights_are_what_is_validated_saved_and_tested(trained, loaded, overwrite: str) -> None:
    average = ("optimizer.use_ema=true", "optimizer.ema_momentum=0.9", f"optimizer.ema_overwrite_frequency={overwrite}")
    plain, run = trained(*SMALL, "data.validation=0.2"), trained(*SMALL, "data.validation=0.2", *average)
    model, dataset = run.model(), loaded(*SMALL, "data.validation=0.2")
    averages = [v for v in model.optimizer.variables if "average" in v.path]
    assert len(averages) == len(model.trainable_variables)
    for weights, kept in zip(model.trainable_variables, averages, strict=True):
        np.testing.assert_array_equal(weights, kept)
    apart = [
        np.abs(ours - theirs).max()
        for ours, theirs in zip(model.get_weights(), plain.model().get_weights(), strict=True)
    ]
    assert max(apart) > 1e-3
    if overwrite == "null":
        assert run.metrics["train_loss"] == plain.metrics["train_loss"], "training itself goes on with its own weights"
    for part in ("test", "validation"):
        split = getattr(dataset, part)
        loss, accuracy = model.evaluate(split.x, split.y, verbose=0)
        prefix = part.removesuffix("idation")
        assert run.metrics[f"{prefix}_loss"] == pytest.approx(loss, rel=1e-4)
        assert run.metrics[f"{prefix}_accuracy"] == pytest.approx(accuracy, abs=1e-6)


def test_mixed_precision_computes_in_bfloat16_and_answers_in_float32(trained) -> None:
    run = trained(*SMALL, "precision=mixed_bfloat16")
    model = run.model()
    assert model.layers[0].compute_dtype == "bfloat16" and model.layers[-1].compute_dtype == "float32"
    assert run.metrics["precision"] == "mixed_bfloat16"
    keras.config.set_dtype_policy("float32")


def test_tensorboard_writes_event_files(trained) -> None:
    pytest.importorskip("tensorboard")
    assert list((trained(*SMALL, "logger=tensorboard").folder / "tensorboard").rglob("events.out.*"))


@pytest.mark.parametrize(("overrides", "steps"), [((), [0, 1]), (("steps=10", "validate_every=3"), [3, 6, 9, 10])])
def test_tensorboard_counts_epochs_or_else_batches(trained, overrides: tuple[str, ...], steps: list[int]) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = trained(*SMALL, "logger=tensorboard", *overrides)
    events = EventAccumulator(str(run.folder / "tensorboard" / "validation"))
    events.Reload()
    assert [event.step for event in events.Tensors("epoch_loss")] == steps


def test_active_units_are_counted_by_epoch_however_often_a_row_is_written(trained) -> None:
    run = trained(*SMALL, "epochs=3", "validate_every=3", "diagnostics={active_units:{images:[0,1]}}")
    assert list(run.history["epoch"]) == [0.75, 1.5, 2.25, 3]
    counted = pd.read_csv(run.folder / "active_units.csv")["epoch"].unique().tolist()
    assert counted == [1.5, 2.25, 3], "the first rows at or after epochs 1, 2 and 3"


def test_truncated_back_propagation_keeps_state_between_windows_and_saves_a_whole_sequence_model(trained) -> None:
    run = trained(*PULSES, "data.test_limit=40")
    assert run.model().input_shape == (None, 100, 1)
    # The state goes from one window into the next, so windows give the error that whole sequences give.
    assert run.metrics["val_loss"] == pytest.approx(run.metrics["test_mse"], rel=1e-4)
    assert run.metrics["val_normalised_error"] == pytest.approx(run.metrics["test_normalised_error"], rel=1e-4)
    assert (run.folder / "normalised_error.png").is_file()


def test_a_schedule_spans_the_run_where_every_window_is_an_update(trained) -> None:
    run = trained(*PULSES, "schedule=cosine", "epochs=2")
    assert int(run.metrics["steps"]) == 10
    assert list(run.history["learning_rate"]) == pytest.approx([0.0005, 0.0], abs=1e-7)


def test_the_loss_and_the_error_of_a_windowed_run_are_of_the_same_examples(trained) -> None:
    metrics = trained(*PULSES, "data.test_limit=50").metrics
    assert metrics["test_loss"] == pytest.approx(metrics["test_mse"], rel=1e-5)
    # Windows take whole batches alone: the validation rows are of 40 of the 50, and say so.
    assert metrics["validation_examples"] == 40 and metrics["test_examples"] == 50
    assert metrics["val_loss"] != pytest.approx(metrics["test_loss"], rel=1e-3)


def test_a_second_run_in_the_same_directory_leaves_nothing_of_the_first(composed, tmp_path: Path) -> None:
    run = Run(tmp_path)
    train(check_config(composed(*RADIO)), run)
    assert (tmp_path / "accuracy_by_snr.png").is_file()
    train(check_config(composed(*SMALL)), run)
    assert not (tmp_path / "accuracy_by_snr.png").exists()


OWN = {"notes.json": "{}", "my.csv": "1,2", "figure.png": "mine", "mine.keras": "mine", "tensorboard/old.txt": "mine"}


def put(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_a_run_leaves_the_user_s_files_alone(composed, tmp_path: Path) -> None:
    put(tmp_path, OWN)
    for overrides in (SMALL, (*SMALL, "seed=2"), (*SMALL, "data=fashion_mnist", "data.path=nowhere")):
        with contextlib.suppress(ConfigError):
            train(check_config(composed(*overrides)), Run(tmp_path))
        assert {name: (tmp_path / name).read_text() for name in OWN} == OWN
    # The run that had no data took nothing away either.
    assert Run(tmp_path).metrics["seed"] == 2 and (tmp_path / "model.keras").is_file()


def test_a_second_run_takes_away_the_diagnostics_and_event_files_of_the_first(composed, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    put(tmp_path, {".hydra/config.yaml": OmegaConf.to_yaml(composed(*SMALL)), "diagnostics/mine.png": "mine"})
    train(check_config(composed(*SMALL, "logger=tensorboard", "diagnostics=filters")), Run(tmp_path))
    assert inspect.main([str(tmp_path), "diagnostics=predictions"]) == 0
    assert (tmp_path / "filters.png").is_file() and (tmp_path / "diagnostics" / "predictions.csv").is_file()
    assert list((tmp_path / "tensorboard").rglob("events.out.*"))
    train(check_config(composed(*SMALL)), Run(tmp_path))
    assert not (tmp_path / "tensorboard").exists() and not (tmp_path / "filters.png").exists()
    assert [path.name for path in (tmp_path / "diagnostics").iterdir()] == ["mine.png"]


@pytest.mark.parametrize("name", ["metrics.json", "model.keras", "loss.png", "feature_maps_3.png"])
def test_a_file_that_no_run_wrote_is_not_overwritten(composed, tmp_path: Path, name: str) -> None:
    put(tmp_path, {name: "mine"})
    with pytest.raises(ConfigError, match=f"{name} would be overwritten"):
        train(check_config(composed(*SMALL)), Run(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name).read_text() == "mine"


def test_a_diagnostic_of_a_run_does_not_overwrite_the_user_s_file(trained, composed, capsys) -> None:
    run = trained(*SMALL)
    put(run.folder, {".hydra/config.yaml": OmegaConf.to_yaml(composed(*SMALL)), "diagnostics/filters.png": "mine"})
    assert inspect.main([str(run.folder), "diagnostics=filters"]) == 2
    assert "filters.png would be overwritten" in capsys.readouterr().err
    assert (run.folder / "diagnostics" / "filters.png").read_text() == "mine"


def test_what_a_killed_run_wrote_is_on_its_list(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.clear()

    def dies(path: Path) -> None:
        path.write_text("half")
        os._exit(9)

    child = os.fork()
    if not child:
        run.write("metrics.json", lambda path: path.write_text("{}"))
        run.write("model.keras", dies)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert len(list(tmp_path.iterdir())) == 3
    run.clear()
    assert [path.name for path in tmp_path.iterdir()] == [".cldnn_lab.json"]


def test_a_list_reaches_no_file_outside_the_run_and_no_link(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    put(tmp_path, {"outside.csv": "mine", "other/deep.csv": "mine", "run/linked.csv": "mine"})
    (folder / "elsewhere").symlink_to(tmp_path / "other")
    (folder / "link.csv").symlink_to(tmp_path / "outside.csv")
    listed = ["../outside.csv", str(tmp_path / "outside.csv"), "elsewhere/deep.csv", "link.csv", ".", "none.csv"]
    (folder / ".cldnn_lab.json").write_text(json.dumps([*listed, "linked.csv"]))
    Run(folder).clear()
    assert (tmp_path / "outside.csv").is_file() and (tmp_path / "other" / "deep.csv").is_file()
    assert (folder / "link.csv").is_symlink() and not (folder / "linked.csv").exists()


@pytest.mark.parametrize("broken", ["", "{}", "[1", "7"])
def test_a_list_that_cannot_be_read_frees_nothing(composed, tmp_path: Path, broken: str) -> None:
    put(tmp_path, {".cldnn_lab.json": broken, "metrics.json": "mine"})
    with pytest.raises(ConfigError, match=r"metrics\.json would be overwritten"):
        Run(tmp_path).check()


def press(times: int = 1, then: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """A function that the user presses Ctrl-C in, and that goes on if that is let happen."""

    def pressed(*arguments: Any, **named: Any) -> Any:
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
        return then(*arguments, **named) if then else None

    return pressed


@pytest.mark.parametrize(
    ("place", "name", "times", "status", "known"),
    [
        (Progress, "on_batches_end", 3, "interrupted", {"steps"}),
        (results, "save_model", 2, "interrupted", {"train_accuracy", "val_loss"}),
        (keras.Model, "predict", 1, "interrupted", {"train_accuracy", "val_loss"}),
        (results, "draw_confusion", 1, "interrupted", {"train_accuracy", "test_accuracy", "test_loss"}),
        (results, "write_metrics", 2, "completed", {"train_accuracy", "test_accuracy", "test_loss"}),
    ],
)
def test_wherever_the_user_stops_it_a_run_writes_what_is_known(
    composed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: Any,
    name: str,
    times: int,
    status: str,
    known: set[str],
) -> None:
    monkeypatch.setattr(place, name, press(times, getattr(place, name)))
    with pytest.raises(KeyboardInterrupt):
        train(check_config(composed(*SMALL, "epochs=1", "diagnostics=filters")), Run(tmp_path))
    assert not (tmp_path / "filters.png").exists()
    metrics = Run(tmp_path).metrics
    assert metrics["status"] == status and {name for name in known if metrics.get(name) is not None} == known
    assert Run(tmp_path).model().count_params() == metrics["parameters"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_files_are_whole_or_absent(tmp_path: Path) -> None:
    def breaks(path: Path) -> None:
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        Run(tmp_path).write("metrics.json", breaks)
    assert not list(tmp_path.iterdir())


def test_a_directory_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no \.hydra"):
        _ = runs.open(tmp_path).config
    with pytest.raises(ConfigError, match="not a directory"):
        runs.open(tmp_path / "none")
    (tmp_path / "model.keras").write_bytes(b"no zip")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        runs.open(tmp_path).model()


def test_the_history_is_a_table_a_row_an_epoch(trained) -> None:
    history = pd.read_csv(trained(*SMALL, "epochs=3").folder / "history.csv")
    assert list(history["epoch"]) == [1, 2, 3]
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "seconds", "learning_rate"} <= set(history)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's graphs")
def test_many_runs_in_one_process_do_not_pile_up_graphs(trained) -> None:
    import gc

    def graphs() -> int:
        gc.collect()
        return sum(type(thing).__name__ == "FuncGraph" for thing in gc.get_objects())

    counts = []
    for seed in (1, 2, 3):
        trained(*SMALL, f"seed={seed}", "epochs=1")
        counts.append(graphs())
    assert counts[2] <= counts[1] <= counts[0] + 1


def test_repeats_of_a_setting_have_one_fingerprint_unless_their_data_differ(composed, tmp_path: Path) -> None:
    digests = []
    for seed, digest in ((1, "data"), (2, "data"), (2, "other data")):
        run = Run(tmp_path)
        run.begin_training(check_config(composed("model=cnn", f"seed={seed}")), digest, 10, resumed=False)
        digests.append((run.state.fingerprint, run.state.setting_fingerprint))
    assert digests[0][1] == digests[1][1] != digests[2][1]
    assert len({fingerprint for fingerprint, _ in digests}) == 3
