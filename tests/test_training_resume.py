"""A resumed training ends like one that was left alone, to the last bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = """
import sys
import keras, numpy as np
from pathlib import Path
from cldnn_lab.models.layers import StatefulGRU
from cldnn_lab.training.checkpoint import Checkpoint
from cldnn_lab.training.engines.base import make_engine
from cldnn_lab.training.fit import fit
from cldnn_lab.training.listeners.base import Listener
from cldnn_lab.training.listeners.history import History
from cldnn_lab.training.plan import Plan

folder, steps = Path(sys.argv[1]), [int(step) for step in sys.argv[2:]]
L = keras.layers

class Killed(BaseException):
    pass

def cnn(draw):
    x, y = draw.random((46, 6, 6, 1), dtype=np.float32), draw.integers(0, 3, 46).astype(np.int32)
    model = keras.Sequential([L.Input((6, 6, 1)), L.GaussianNoise(0.1), L.Conv2D(3, 3, activation="relu"),
                              L.BatchNormalization(), L.Flatten(), L.Dropout(0.4), L.Dense(3, activation="softmax")])
    rate = keras.optimizers.schedules.CosineDecay(0.02, 20)
    model.compile(keras.optimizers.Adam(rate, use_ema=True, ema_momentum=0.9), "sparse_categorical_crossentropy",
                  metrics=["accuracy"])
    return model, x, y, None, dict(epochs=5, steps=None, validate_every=None)

def windows(draw):
    x, y = draw.random((40, 12, 2), dtype=np.float32), draw.random((40, 12, 1), dtype=np.float32)
    model = keras.Sequential([L.Input((4, 2), batch_size=8), StatefulGRU(3, return_sequences=True, stateful=True),
                              L.Dropout(0.2), L.Dense(1)])
    model.compile(keras.optimizers.RMSprop(0.01, momentum=0.5), "mse")
    return model, x, y, 4, dict(epochs=1, steps=19, validate_every=4)

def accumulates(draw):
    x, y = draw.random((30, 5), dtype=np.float32), draw.integers(0, 2, 30).astype(np.float32)[:, None]
    model = keras.Sequential([L.Input((5,)), L.Dense(4, activation="tanh"), L.Dropout(0.5), L.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.SGD(0.3, momentum=0.9, gradient_accumulation_steps=3), "binary_crossentropy",
                  metrics=["accuracy"])
    return model, x, y, None, dict(epochs=6, steps=None, validate_every=3)

class Dies(Listener):
    def __init__(self, at):
        super().__init__()
        self.at = at

    def on_batches_end(self, step, logs):
        if step == self.at:
            raise Killed

def train(kind, dies_at):
    keras.backend.clear_session()
    keras.utils.set_random_seed(3)
    model, x, y, window, length = kind(np.random.default_rng(0))
    to = folder / kind.__name__
    to.mkdir(exist_ok=True)
    plan = Plan.make(len(x), batch_size=8, seed=1, drop_last=window is not None, batches_per_call=1, **length)
    plateau = keras.callbacks.ReduceLROnPlateau("val_loss", patience=1, factor=0.5)
    stop = keras.callbacks.EarlyStopping("val_loss", patience=4, restore_best_weights=True)
    hooks = [History(to / "history.csv"), stop, *([] if kind is cnn else [plateau]), Dies(dies_at)]
    engine = make_engine(model, window=window, fast_layers=True)
    fit(engine, plan, (x, y), (x[:16], y[:16]), listeners=[*hooks, Checkpoint(to / "checkpoint.npz", 0)])
    variables = [keras.ops.convert_to_numpy(v) for v in (*model.variables, *model.optimizer.variables)]
    np.savez(to / "end.npz", *variables)

for kind in (cnn, windows, accumulates):
    for step in (*steps, 0):
        try:
            train(kind, step)
        except Killed:
            if step == steps[-1]:
                break
print("done")
"""


def train(folder: Path, backend: str, *dies_at: int) -> None:
    """Train the three networks in a new process; each is begun again after each of the steps at which it dies, but the
    last."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), *map(str, dies_at)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "KERAS_BACKEND": backend},
    )
    assert done.stdout.strip() == "done", done.stderr


def read_history(path: Path) -> list[str]:
    """The lines of a history without their seconds."""
    lines = [line.split(",") for line in path.read_text().splitlines()]
    seconds = lines[0].index("seconds")
    return [",".join(line[:seconds] + line[seconds + 1 :]) for line in lines]


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_a_resumed_training_ends_like_one_left_alone(backend: str, tmp_path: Path) -> None:
    """Dropout, noise, batch normalisation, a schedule, averaged weights, state kept between windows, accumulated
    gradients, callbacks that count, ``steps`` and evaluations in mid-epoch."""
    pytest.importorskip(backend)
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    train(alone, backend)
    # It goes on from step 5, which is the smaller last batch of an epoch, and from step 10, in mid-epoch.
    train(killed, backend, 6, 11)
    assert not list(killed.glob("*/end.npz"))
    train(killed, backend)
    for kind in ("cnn", "windows", "accumulates"):
        history = read_history(alone / kind / "history.csv")
        assert len(history) > 3 and read_history(killed / kind / "history.csv") == history
        with np.load(alone / kind / "end.npz") as one, np.load(killed / kind / "end.npz") as other:
            assert one.files == other.files
            for name in one.files:
                np.testing.assert_array_equal(one[name], other[name])


def test_what_the_user_stopped_between_two_batches_goes_on_to_the_end(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint of an interrupted training does not end the one that goes on from it."""
    from cldnn_lab.runs.directory import Run
    from cldnn_lab.training.listeners.progress import Progress

    small = (
        "model=cnn_example",
        "data=random",
        "data.train_limit=96",
        "data.test_limit=64",
        "batch_size=8",
        "epochs=3",
    )
    whole = Progress.on_batches_end

    def press_once(listener: Progress, step: int, logs: dict[str, float]) -> None:
        whole(listener, step, logs)
        if step == 12:  # the end of an epoch, before its evaluation
            signal.raise_signal(signal.SIGINT)

    assert cli(*small, "batches_per_call=4", "hydra.run.dir=unbroken")[0] == 0
    monkeypatch.setattr(Progress, "on_batches_end", press_once)
    assert cli(*small, "batches_per_call=4", "hydra.run.dir=stopped")[0] == 130
    monkeypatch.setattr(Progress, "on_batches_end", whole)
    assert cli(*small, "batches_per_call=4", "hydra.run.dir=stopped", "resume=true")[0] == 0
    unbroken, stopped = Run(tmp_path / "unbroken").metrics, Run(tmp_path / "stopped").metrics
    assert stopped["status"] == "completed" and stopped["steps"] == 36
    assert stopped["test_loss"] == unbroken["test_loss"]
