"""Callbacks and loggers that a config asks for: what they do to a run, and what is refused before it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data import load
from cldnn_lab.launch.preflight import check_config
from cldnn_lab.runs.directory import Run
from cldnn_lab.storage import manifest
from cldnn_lab.train import train
from cldnn_lab.training.listeners import keras_state
from cldnn_lab.training.listeners.callbacks import make_callbacks
from cldnn_lab.training.plan import Plan

SMALL = (
    "model=dense_ann", "model.dense=[8]", "data=random", "data.size=4", "data.train_limit=90", "data.test_limit=50",
    "batch_size=32", "epochs=8", "optimizer.learning_rate=0.05",
)  # fmt: skip


@pytest.fixture
def trained(composed, tmp_path: Path) -> Callable[..., Run]:
    """Train with overrides; returns the run."""

    def go(*overrides: str) -> Run:
        folder = tmp_path / f"run{len(list(tmp_path.glob('run*')))}"
        folder.mkdir()
        train(check_config(composed(*SMALL, *overrides)), Run(folder))
        return Run(folder)

    return go


def test_early_stopping_ends_the_run_and_keeps_the_best_weights(trained, composed) -> None:
    run = trained("callbacks=early_stopping", "callbacks.early_stopping.patience=2", "epochs=30")
    history, metrics = run.history, run.metrics
    best = int(np.argmin(history["val_loss"]))
    assert len(history) == best + 3 < 30
    assert metrics["status"] == "completed" and metrics["stopped_early"] is True
    assert metrics["epochs"] == len(history) and metrics["weights_epoch"] == best + 1
    assert metrics["val_loss"] == pytest.approx(history["val_loss"].min())
    assert metrics["test_loss"] == pytest.approx(history["val_loss"].min())
    # The saved network is that one, and the figures that are computed from its outputs are of it.
    config = check_config(composed(*SMALL))
    test = load(config.data, Path("."), prefers=config.prefers).test
    outputs = run.model().predict(test.x, verbose=0)
    assert -np.log(outputs[np.arange(len(test)), test.y]).mean() == pytest.approx(metrics["test_loss"], rel=1e-4)
    assert metrics["test_log_loss"] == pytest.approx(metrics["test_loss"], rel=1e-4)


def test_keeping_the_best_trains_to_the_end(trained) -> None:
    run = trained("callbacks=keep_best")
    history, metrics = run.history, run.metrics
    best = int(np.argmin(history["val_loss"]))
    assert len(history) == 8 and best < 7 and metrics["stopped_early"] is False
    assert metrics["weights_epoch"] == best + 1 and metrics["test_loss"] == history["val_loss"].min()


def test_several_callbacks_work_together(trained) -> None:
    run = trained(
        "callbacks=[early_stopping,reduce_lr]", "callbacks.reduce_lr.patience=1", "callbacks.reduce_lr.factor=0.5",
        "callbacks.early_stopping.patience=3", "epochs=30",
    )  # fmt: skip
    rates = run.history["learning_rate"].to_numpy()
    assert rates[0] == pytest.approx(0.05) and set(np.round(np.log2(rates / rates[0]), 3)) >= {0.0, -1.0}
    assert len(rates) < 30
    without = trained()
    assert without.metrics["weights_epoch"] == 8 and without.metrics["stopped_early"] is False
    assert without.history["learning_rate"].nunique() == 1


def test_files_of_callbacks_are_the_run_s_own(trained, composed) -> None:
    nodes = (
        "+callbacks.log={_target_:keras.callbacks.CSVLogger,filename:log.csv}",
        "+callbacks.save={_target_:keras.callbacks.ModelCheckpoint,filepath:'{epoch:02d}.weights.h5',"
        "save_weights_only:true}",
    )
    run = trained(*nodes, "epochs=2")
    names = {path.name for path in (run.folder / "callbacks").iterdir()}
    assert names == {"log.csv", "01.weights.h5", "02.weights.h5"}
    assert {f"callbacks/{name}" for name in names} <= set(manifest.list_names(run.folder))
    (run.folder / "callbacks" / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine\.txt could be overwritten"):
        train(check_config(composed(*SMALL, *nodes)), Run(run.folder))
    train(check_config(composed(*SMALL, "epochs=1")), Run(run.folder))
    assert [path.name for path in (run.folder / "callbacks").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["callbacks=reduce_lr", "schedule=cosine"], ("callbacks.reduce_lr", "schedule=constant")),
        (["+callbacks.x={_target_:keras.callbacks.LambdaCallback}"], ("callbacks.x._target_", "refused")),
        (["+callbacks.x={_target_:keras.callbacks.RemoteMonitor}"], ("callbacks.x._target_", "refused")),
        (["+callbacks.x={_target_:keras.callbacks.EarlyStoping}"], ("did you mean EarlyStopping",)),
        (["+callbacks.x={_target_:keras.layers.Dense,units:1}"], ("callbacks.x", "keras.callbacks")),
        (["+callbacks.x={_target_:keras.callbacks.CSVLogger,filename:../a.csv}"], ("filename", "folder callbacks")),
        (["+callbacks.x={_target_:keras.callbacks.CSVLogger,filename:/a.csv}"], ("filename", "folder callbacks")),
        (["+logger.wandb={}"], ("logger.wandb", "Known: tensorboard, mlflow")),
        (["logger=mlflow", "+logger.mlflow.uri=x"], ("logger.mlflow.uri", "unknown key")),
    ],
)
def test_what_a_config_may_not_ask_for_is_refused_at_once(composed, overrides: list[str], words: Any) -> None:
    with pytest.raises(ConfigError) as refusal:
        check_config(composed(*SMALL, *overrides))
    assert all(word in str(refusal.value) for word in words), str(refusal.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"monitor": "val_acc"}, ("callbacks.x.monitor", "did you mean val_accuracy")),
        ({"monitor": "val_normalised_error"}, ("callbacks.x.mode", "min or max")),
        ({"patience": 1, "foo": 2}, ("callbacks.x", "foo")),
    ],
)
def test_what_a_callback_cannot_watch_is_refused_before_training(arguments: Any, words: Any, tmp_path: Path) -> None:
    node = {"_target_": "keras.callbacks.EarlyStopping", **arguments}
    with pytest.raises(ConfigError) as refusal:
        make_callbacks({"x": node}, tmp_path, [keras.metrics.BinaryAccuracy("accuracy")], ["normalised_error"])
    assert all(word in str(refusal.value) for word in words), str(refusal.value)
    metrics = [keras.metrics.BinaryAccuracy("accuracy")]
    assert make_callbacks({"x": {"_target_": node["_target_"], "monitor": "val_accuracy"}}, tmp_path, metrics)


def test_a_resumed_callback_goes_on_as_if_it_had_not_stopped() -> None:
    def make() -> keras.callbacks.EarlyStopping:
        callback = keras.callbacks.EarlyStopping(min_delta=0.1, patience=2, restore_best_weights=True)
        callback.set_model(keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)]))
        callback.on_train_begin()
        return callback

    losses = [1.0, 0.95, 0.85, 0.84, 0.83]
    whole, first, second = make(), make(), make()
    for epoch, loss in enumerate(losses):
        whole.on_epoch_end(epoch, {"val_loss": loss})
        (first if epoch < 2 else second).on_epoch_end(epoch, {"val_loss": loss})
        if epoch == 1:
            keras_state.set_state(second, keras_state.get_state(first))
    for name in ("wait", "best", "best_epoch", "stopped_epoch", "min_delta"):
        assert getattr(second, name) == getattr(whole, name), name


def test_mlflow_has_settings_figures_and_pictures_of_a_run(trained, tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    run = trained("logger=mlflow", f"logger.mlflow.tracking_uri={tmp_path / 'store'}", "epochs=2", "schedule=cosine")
    client = MlflowClient(tracking_uri=(tmp_path / "store").as_uri())
    experiment = client.get_experiment_by_name("cldnn_lab")
    (logged,) = client.search_runs([experiment.experiment_id])
    assert logged.info.run_name == run.folder.name and logged.info.status == "FINISHED"
    assert logged.data.params["optimizer.learning_rate"] == "0.05" and logged.data.params["model.dense"] == "[8]"
    assert logged.data.metrics["test_accuracy"] == pytest.approx(run.metrics["test_accuracy"])
    points = client.get_metric_history(logged.info.run_id, "val_loss")
    assert [point.value for point in sorted(points, key=lambda p: p.step)][:2] == pytest.approx(
        run.history["val_loss"].tolist()
    )
    artifacts = {item.path for item in client.list_artifacts(logged.info.run_id)}
    assert {"accuracy.png", "history.csv", "metrics.json", "environment.json"} <= artifacts
    assert "model.keras" not in artifacts


def test_a_training_resumed_from_before_mlflow_s_run_goes_on_in_it(tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    from cldnn_lab.training.listeners.mlflow import Mlflow

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    client = MlflowClient(tracking_uri=(tmp_path / "store").as_uri())
    experiment = client.create_experiment("mine")
    plan = Plan.make(8, batch_size=8, epochs=2, steps=None, validate_every=None, seed=1)
    first, resumed, other = (
        Mlflow(client, experiment, "run", {}, tmp_path / folder, plan) for folder in ("run", "run", "other")
    )
    first._begin()
    for listener in (resumed, other):
        listener.set_state({"run_id": None})
    assert first.run_id is not None and resumed.run_id == first.run_id and other.run_id is None


def test_a_store_that_fails_leaves_the_run_whole(trained, tmp_path: Path, caplog, monkeypatch) -> None:
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    def fail(*arguments: Any, **options: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(MlflowClient, "log_metric", fail)
    run = trained("logger=mlflow", f"logger.mlflow.tracking_uri={tmp_path / 'store'}", "epochs=2")
    assert run.metrics["status"] == "completed" and len(run.history) == 2
    assert caplog.text.count("disk full") == 1


def test_a_logger_that_is_not_installed_is_said_before_training(composed, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    with pytest.raises(ConfigError, match=r"pip install 'cldnn-lab\[mlflow\]'"):
        train(check_config(composed(*SMALL, "logger=mlflow")), Run(tmp_path))
    assert not (tmp_path / "metrics.json").exists()


def test_callbacks_are_chosen_on_the_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cldnn_lab.train", "callbacks=[early_stopping,reduce_lr]", "logger=none"]
    done = subprocess.run(
        [*command, "--cfg", "job"], cwd=tmp_path, capture_output=True, text=True, env=os.environ, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "early_stopping:" in done.stdout and "reduce_lr:" in done.stdout
