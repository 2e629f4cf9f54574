"""The compiled batch loops against Keras's own ``fit``, and the plan of what is trained when."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cldnn_lab.training.fit import Plan, in_batches
from cldnn_lab.training.policy import backend, precision, recurrent_only

CHECK = """
import keras, numpy as np
from cldnn_lab.training.engine import make_engine
from cldnn_lab.training.fit import in_batches

def network():
    keras.utils.set_random_seed(3)
    layers = keras.layers
    model = keras.Sequential([layers.Input((6, 6, 1)), layers.Conv2D(3, 3, activation="relu"), layers.Flatten(),
                              layers.BatchNormalization(), layers.Dense(4, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model

draw = np.random.default_rng(0)
x, y = draw.random((50, 6, 6, 1), dtype=np.float32), draw.integers(0, 4, 50).astype(np.int32)
plain = network()
fitted = plain.fit(x, y, batch_size=16, epochs=3, shuffle=False, verbose=0, validation_data=(x, y))
model = network()
engine = make_engine(model)
engine.prepare(x[:16], y[:16])
placed = engine.place(x), engine.place(y)
parts = in_batches(np.arange(50, dtype=np.int32), 16)
for epoch in range(3):
    engine.reset_metrics()
    for part in parts:
        for start in range(len(part)):  # several calls an epoch give what one call gives
            engine.train(*placed, part, start, start + 1)
    logs = engine.logs()
    engine.reset_metrics()
    for part in parts:
        engine.test(*placed, part, 0, len(part))
    logs |= {"val_" + name: value for name, value in engine.logs().items()}
    for name, value in logs.items():
        assert abs(value - fitted.history[name][epoch]) < 1e-4, (epoch, name, value, fitted.history[name][epoch])
for ours, theirs in zip(model.get_weights(), plain.get_weights()):
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
assert int(model.optimizer.iterations) == 12
print("equal")
"""


@pytest.mark.parametrize("name", ["tensorflow", "jax", "torch"])
def test_the_engine_trains_what_keras_fit_trains(name: str, tmp_path: Path) -> None:
    pytest.importorskip(name)
    done = subprocess.run(
        [sys.executable, "-c", CHECK],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "KERAS_BACKEND": name},
    )
    assert done.stdout.strip() == "equal", done.stderr


def test_every_example_is_trained_once_an_epoch_in_an_order_of_seed_and_epoch() -> None:
    plan = Plan.of(103, batch_size=10, epochs=2, steps=None, validate_every=None, seed=4)
    assert plan.per_epoch == 11 and plan.total == 22
    first, second = plan.order(0), plan.order(1)
    assert sorted(first) == sorted(second) == list(range(103))
    assert (first == plan.order(0)).all() and (first != second).any()
    batches = in_batches(first, 10)
    assert [b.shape for b in batches] == [(10, 10), (1, 3)]
    assert (np.concatenate([b.ravel() for b in batches]) == first).all()


def test_rows_end_where_the_plan_says() -> None:
    plan = Plan.of(100, batch_size=10, epochs=1, steps=25, validate_every=10, seed=1)
    assert [plan.row_end(step) for step in (0, 9, 10, 19, 20, 24)] == [10, 10, 20, 20, 25, 25]


def test_a_batch_larger_than_the_data_is_all_of_it() -> None:
    assert [b.shape for b in in_batches(np.arange(5, dtype=np.int32), 128)] == [(1, 5)]


def test_the_policy_reads_the_layers() -> None:
    rnn = {"layers": [{"_target_": "keras.layers.Embedding"}, {"_target_": "keras.layers.GRU"}]}
    cldnn = {"layers": [{"_target_": "keras.layers.Conv2D"}, {"_target_": "keras.layers.LSTM"}]}
    assert recurrent_only(rnn) and not recurrent_only(cldnn)
    assert backend("auto", cldnn) == "tensorflow" and backend("torch", rnn) == "torch"
    assert precision("mixed_bfloat16", rnn, "CPU, 2 threads") == "mixed_bfloat16"
    assert precision("auto", rnn, "an accelerator") == "float32"
    assert precision("auto", cldnn, "an accelerator") == "mixed_bfloat16"
