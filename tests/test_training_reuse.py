"""A job that uses what the job before it compiled ends as in a process of its own, to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from cldnn_lab.launch.preflight import check_config
from cldnn_lab.runs.directory import Run
from cldnn_lab.train import train
from cldnn_lab.training import reuse

SMALL = ("model=cnn_example", "data=random", "data.train_limit=100", "data.test_limit=40", "batch_size=32", "epochs=2")
NETWORK = (
    "model.layers=[{_target_:keras.layers.Conv2D,filters:4,kernel_size:3},{_target_:keras.layers.BatchNormalization},"
    "{_target_:keras.layers.Dropout,rate:0.4},{_target_:keras.layers.Flatten},"
    "{_target_:keras.layers.Dense,units:'${model.outputs}',activation:softmax}]"
)
TIMES = {"seconds", "train_seconds", "first_step_seconds", "seconds_per_epoch", "samples_per_second", "test_seconds"}
SETTINGS = {
    "dropout, pictures changed at random, averages": (
        *SMALL, NETWORK, "model.augmentation=[{_target_:keras.layers.RandomFlip}]", "optimizer.use_ema=true",
    ),
    "an optimizer that begins at the weights, a schedule": (
        *SMALL, "optimizer._target_=keras.optimizers.ScheduleFreeAdamW", "~optimizer.amsgrad", "schedule=cosine",
    ),
    "a rate that falls, weights put back": (
        *SMALL, "callbacks=[reduce_lr,keep_best]", "callbacks.reduce_lr.patience=1", "callbacks.reduce_lr.min_delta=9",
        "class_weight=balanced", "data.validation=0.2",
    ),
    "windows": (
        "model=pulse_rnn", "data=pulses", "window=50", "batch_size=20", "epochs=2", "data.train_limit=60",
        "data.test_limit=40", "backend=tensorflow", "xla=false",
    ),
}  # fmt: skip
pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="one backend in a process")


@pytest.fixture
def run_job(composed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Run, Any]]:
    """Train with overrides, ``alone`` as the first job of a process; returns the run and the engine that trained it."""
    used: list[Any] = []
    use_compiled = reuse.use_compiled

    def note(session: Any) -> Any:
        used.append(use_compiled(session))
        return used[-1]

    monkeypatch.setattr(reuse, "use_compiled", note)

    def go(*overrides: str, alone: bool = False) -> tuple[Run, Any]:
        folder, config = tmp_path / f"run{len(used)}", check_config(composed(*overrides))
        folder.mkdir()
        if alone:
            reuse.begin_job(config, None)
        train(config, Run(folder))
        return Run(folder), used[-1].engine

    return go


def read_result(run: Run) -> tuple[dict[str, Any], list[list[float]], list[np.ndarray]]:
    """The figures, the history and the weights of a run, without the times."""
    metrics = {name: value for name, value in run.metrics.items() if name not in TIMES}
    return metrics, run.history.drop(columns="seconds").to_numpy().tolist(), run.model().get_weights()


def spoil(model: keras.Model) -> None:
    """Leave what a training leaves that diverged."""
    for variable in (*model.variables, *model.optimizer.variables, *model.metrics_variables):
        if "float" in variable.dtype:
            variable.assign(np.full(variable.shape, np.nan))


@pytest.mark.parametrize("name", SETTINGS)
def test_a_job_that_uses_what_was_compiled_ends_as_one_that_compiles_itself(name: str, run_job) -> None:
    overrides = SETTINGS[name]
    alone, its_engine = run_job(*overrides, "seed=2", alone=True)
    first, engine = run_job(*overrides, "seed=1", alone=True)
    spoil(engine.model)
    second, used = run_job(*overrides, "seed=2")
    assert used is engine is not its_engine
    (metrics, history, weights), expected = read_result(second), read_result(alone)
    assert metrics == expected[0] != read_result(first)[0]
    assert history == expected[1]
    for ours, theirs in zip(weights, expected[2], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (second.folder / "model.txt").read_text() == (alone.folder / "model.txt").read_text()


@pytest.mark.parametrize("other", ["optimizer.learning_rate=0.002", "data.seed=1"])
def test_a_job_that_differs_in_more_than_its_seed_compiles_itself(other: str, run_job) -> None:
    short = (*SMALL, "epochs=1")
    _, first = run_job(*short, "seed=1", alone=True)
    _, second = run_job(*short, "seed=2", other)
    assert second is not first


def test_a_network_that_diagnostics_looked_at_is_not_used_again(run_job) -> None:
    short = (*SMALL, "epochs=1", "diagnostics=[activation_stats]")
    _, first = run_job(*short, "seed=1", alone=True)
    _, second = run_job(*short, "seed=2")
    assert second is not first


def test_a_network_is_not_used_again_for_ever(run_job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reuse, "LIMIT", 2)
    short = (*SMALL, "epochs=1")
    engines = [run_job(*short, f"seed={seed}", alone=seed == 1)[1] for seed in range(1, 5)]
    assert engines[0] is engines[1] is not engines[2] is engines[3]
