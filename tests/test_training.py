"""The compiled batch loops against Keras's own ``fit``, and the plan of what is trained when."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cldnn_lab.config.backend import choose_backend, is_recurrent
from cldnn_lab.config.schema import Settings
from cldnn_lab.training.outcome import Outcome
from cldnn_lab.training.plan import Plan, split_batches
from cldnn_lab.training.policy import choose_policy

CHECK = """
import keras, numpy as np
from cldnn_lab.training.engines.base import make_engine
from cldnn_lab.training.plan import split_batches

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
for resident in (True, False):
    model = network()
    engine = make_engine(model, data_on_device=resident)
    engine.prepare((x[:16], y[:16]))
    placed = engine.keep(x), engine.keep(y)
    assert (placed[0] is x) != resident
    parts = split_batches(np.arange(50, dtype=np.int32), 16)
    for epoch in range(3):
        engine.reset_metrics()
        for part in parts:
            for start in range(len(part)):  # several calls an epoch give what one call gives
                engine.train(placed, part, start, start + 1)
        logs = engine.logs()
        engine.reset_metrics()
        for part in parts:
            engine.test(placed, part, 0, len(part))
        logs |= {"val_" + name: value for name, value in engine.logs().items()}
        for name, value in logs.items():
            assert abs(value - fitted.history[name][epoch]) < 1e-4, (epoch, name, value, fitted.history[name][epoch])
    for ours, theirs in zip(model.get_weights(), plain.get_weights()):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
    assert int(model.optimizer.iterations) == 12
print("equal")
"""


def says(script: str, word: str, backend: str, folder: Path) -> None:
    """``script``, in a process of its own on ``backend``, ends by printing ``word``."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "KERAS_BACKEND": backend},
    )
    assert done.stdout.strip() == word, done.stderr


@pytest.mark.parametrize("name", ["tensorflow", "jax", "torch"])
def test_the_engine_trains_what_keras_fit_trains(name: str, tmp_path: Path) -> None:
    pytest.importorskip(name)
    says(CHECK, "equal", name, tmp_path)


LIKELIHOOD = """
import keras, numpy as np
from cldnn_lab.training import losses

draw = np.random.default_rng(0)
x, y = draw.normal(size=(64, 3)).astype(np.float32), draw.integers(0, 4, 64).astype(np.int32)

def trained(activation):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(4, activation=activation)])
    model.compile(keras.optimizers.SGD(0.5), losses.make_loss("crossentropy", activation, "multiclass"))
    return model

for activation in ("softmax", "sigmoid", "tanh", "softplus", "relu", "exponential"):
    model = trained(activation)
    loss = model.evaluate(x, y, verbose=0)
    p = np.maximum(model.predict(x, verbose=0), 1e-7)
    np.testing.assert_allclose(loss, -np.log(p / p.sum(1, keepdims=True))[range(64), y].mean(), rtol=1e-4)
weights = {}
for activation in ("softmax", "sigmoid"):
    model = trained(activation)
    model.fit(x, y, epochs=2, verbose=0)
    weights[activation] = model.get_weights()[0]
assert np.abs(weights["softmax"] - weights["sigmoid"]).max() > 0.01, "two outputs, two gradients"
# Outputs above 1 learn as well: classes that are easily told apart are.
x[np.arange(64), y % 3] += 4 * (1 + y // 3)
for activation in ("softplus", "exponential", "relu"):
    keras.utils.set_random_seed(3)
    end = keras.layers.Dense(4, activation=activation, bias_initializer="ones")
    model = keras.Sequential([keras.layers.Input((3,)), end])
    model.compile(keras.optimizers.Adam(0.02), losses.make_loss("crossentropy", activation, "multiclass"))
    assert model.predict(x, verbose=0).max() > 1
    before = model.evaluate(x, y, verbose=0)
    model.fit(x, y, batch_size=16, epochs=20, verbose=0)
    assert model.evaluate(x, y, verbose=0) < 0.7 * before, activation
print("equal")
"""


@pytest.mark.parametrize("name", ["tensorflow", "jax", "torch"])
def test_cross_entropy_is_of_the_outputs_themselves_on_every_backend(name: str, tmp_path: Path) -> None:
    pytest.importorskip(name)
    says(LIKELIHOOD, "equal", name, tmp_path)


LOADED = """
from cldnn_lab import runs

print(type(runs.open(".").model().loss).__name__)
"""


def test_a_new_process_loads_a_model_with_the_lab_s_own_loss(tmp_path: Path) -> None:
    import keras

    from cldnn_lab.training import losses

    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(4, activation="sigmoid")])
    model.compile("sgd", losses.make_loss("crossentropy", "sigmoid", "multiclass"))
    model.save(tmp_path / "model.keras")
    says(LOADED, "NormalisedCrossentropy", "tensorflow", tmp_path)


FAST = """
import keras, numpy as np
from cldnn_lab.training.engines.base import make_engine

draw = np.random.default_rng(0)
x = draw.normal(size=(12, 7, 3)).astype(np.float32)

def trained(fast, batch, cell, **options):
    keras.utils.set_random_seed(3)
    layer = getattr(keras.layers, cell)(4, **options)
    model = keras.Sequential([keras.layers.Input((7, 3)), layer, keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    y = np.ones((12, 7, 2) if options.get("return_sequences") else (12, 2), np.float32)
    order = np.arange(12, dtype=np.int32).reshape(-1, batch)
    engine = make_engine(model, fast_layers=fast)
    assert ("inner_loop" in vars(layer)) == fast
    engine.prepare((x[:batch], y[:batch]))
    for _ in range(3):
        engine.train((engine.keep(x), engine.keep(y)), order, 0, len(order))
    return [*model.get_weights(), model.predict(x, verbose=0)]

for cell in ("SimpleRNN", "GRU", "LSTM"):
    # Batches of 2 and of 12 are computed in different orders.
    others = {"return_sequences": True, "activation": "relu", "go_backwards": True, "use_bias": False}
    for batch, options in ((2, {}), (2, others), (12, {}), (12, others)):
        both = trained(True, batch, cell, **options), trained(False, batch, cell, **options)
        for ours, keras_own in zip(*both, strict=True):
            np.testing.assert_allclose(ours, keras_own, rtol=1e-4, atol=1e-6, err_msg=f"{cell} {options} {batch}")
print("equal")
"""


@pytest.mark.parametrize("name", ["tensorflow", "jax"])
def test_the_faster_order_of_recurrent_layers_trains_what_keras_does(name: str, tmp_path: Path) -> None:
    pytest.importorskip(name)
    says(FAST, "equal", name, tmp_path)


KEPT = """
import keras, numpy as np
from cldnn_lab.training.kernels import recurrent
from cldnn_lab.training.engines.tensorflow import scan

L = keras.layers
for layer in (L.GRU(3, reset_after=False), L.LSTM(3, recurrent_dropout=0.5), L.SimpleRNN(3, activation="elu")):
    recurrent.rearrange(keras.Sequential([L.Input((4, 2)), layer]), scan)
    assert "inner_loop" not in vars(layer), layer
masked = keras.Sequential([L.Input((4,)), L.Embedding(5, 2, mask_zero=True), L.LSTM(3)])
ids = np.array([[1, 2, 0, 0], [3, 4, 1, 2]])
before = masked.predict(ids, verbose=0)
recurrent.rearrange(masked, scan)
assert "inner_loop" in vars(masked.layers[-1])
masked.predict_function = None
np.testing.assert_array_equal(masked.predict(ids, verbose=0), before)
print("kept")
"""


def test_what_the_faster_order_cannot_do_stays_keras(tmp_path: Path) -> None:
    says(KEPT, "kept", "tensorflow", tmp_path)


DROPOUT = """
import keras, numpy as np, tensorflow as tf
from cldnn_lab.training.engines.base import make_engine

layer = keras.layers.Dropout(0.3, seed=1)
model = keras.Sequential([keras.layers.Input((101,)), layer])
model.compile("sgd", "mse")
make_engine(model, fast_layers=True)
x = tf.random.uniform((999, 101)) + 1
with tf.GradientTape() as tape:
    tape.watch(x)
    y = layer(x, training=True)
slope = tape.gradient(y, x).numpy()
kept = y.numpy() != 0
shares = [(layer(x, training=True).numpy() != 0).mean() for _ in range(30)]
assert abs(np.mean(shares) - 0.7) < 0.001, "256 times the rate is no whole number, yet it is met"
np.testing.assert_allclose(y.numpy()[kept], x.numpy()[kept] / 0.7, rtol=1e-6)
np.testing.assert_allclose(slope, kept / 0.7, rtol=1e-6)
assert (layer(x, training=True).numpy() != y.numpy()).any(), "every batch has a mask of its own"
assert np.abs(np.corrcoef(kept[:, :-1].ravel(), kept[:, 1:].ravel())[0, 1]) < 0.02
np.testing.assert_array_equal(layer(x, training=False), x)
print("drops")
"""


def test_the_faster_dropout_drops_at_its_rate_and_keeps_the_expectation(tmp_path: Path) -> None:
    says(DROPOUT, "drops", "tensorflow", tmp_path)


UPDATES = """
import keras, numpy as np
from cldnn_lab.training.kernels import update
from cldnn_lab.training.engines.base import make_engine

update._MANY_WEIGHTS = 100
ids = np.random.default_rng(0).integers(0, 9, (6, 4)).astype(np.int32)
order = np.arange(6, dtype=np.int32).reshape(3, 2)

def trained(fast, units, optimizer):
    keras.utils.set_random_seed(3)
    L = keras.layers
    model = keras.Sequential([L.Input((4,)), L.Embedding(9, 5), L.Flatten(), L.Dense(units), L.Dense(1)])
    model.compile(optimizer, "mse")
    engine = make_engine(model, fast_layers=fast)
    assert ("apply" in vars(model.optimizer)) == (fast and units > 2), "only updates of many weights are compiled"
    y = np.ones((6, 1), np.float32)
    engine.prepare((ids[:2], y[:2]))
    for _ in range(3):
        engine.train((engine.keep(ids), engine.keep(y)), order, 0, 3)
    assert int(model.optimizer.iterations) == 9
    return model.get_weights()

def optimizers():
    yield keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5), global_clipnorm=0.5)
    yield keras.optimizers.RMSprop(0.01, weight_decay=0.1)
    yield keras.optimizers.SGD(0.1, momentum=0.9, clipvalue=0.01)

for units in (2, 20):
    for ours, theirs in zip(optimizers(), optimizers(), strict=True):
        for a, b in zip(trained(True, units, ours), trained(False, units, theirs), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6, err_msg=ours.name)
print("equal")
"""


SIZES = """
import keras, numpy as np
from cldnn_lab.training.engines.base import make_engine

seen = []

class Note(keras.layers.Layer):
    def call(self, x):
        seen.append(x.shape[0])
        return x

x, y = np.ones((10, 3), np.float32), np.ones((10, 1), np.float32)
whole, rest = np.arange(8, dtype=np.int32).reshape(2, 4), np.arange(8, 10, dtype=np.int32).reshape(1, 2)
for parts in ((whole, rest), (rest, whole)):
    model = keras.Sequential([keras.layers.Input((3,)), Note(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    engine = make_engine(model)
    engine.prepare((x[:4], y[:4]))
    data = engine.keep(x), engine.keep(y)
    seen.clear()
    for run in (engine.train, engine.test):
        for part in parts:
            run(data, part, 0, len(part))
    assert set(seen) == {2, 4}, seen
print("known")
"""


def test_a_graph_knows_its_batch_size_whichever_size_came_first(tmp_path: Path) -> None:
    """A resumed training may begin with the smaller last batch of an epoch."""
    says(SIZES, "known", "tensorflow", tmp_path)


def test_a_compiled_update_is_the_optimizer_s_own(tmp_path: Path) -> None:
    says(UPDATES, "equal", "tensorflow", tmp_path)


MIXED = """
import keras, numpy as np
from cldnn_lab.training.engines.base import make_engine

keras.config.set_dtype_policy("mixed_bfloat16")
x = np.random.default_rng(0).normal(size=(8, 6, 3)).astype(np.float32)

def step(fast, cell):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.layers.Input((6, 3)), getattr(keras.layers, cell)(4)])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    before = model.get_weights()
    engine = make_engine(model, fast_layers=fast)
    engine.prepare((x[:8], x[:8, 0, :1]))
    order = np.arange(8, dtype=np.int32).reshape(1, 8)
    engine.train((engine.keep(x), engine.keep(x[:, 0, :1])), order, 0, 1)
    return [a - b for a, b in zip(model.get_weights(), before, strict=True)]

for cell in ("SimpleRNN", "GRU", "LSTM"):
    for ours, keras_own in zip(step(True, cell), step(False, cell), strict=True):
        assert np.abs(ours).max() > 0.01
        np.testing.assert_allclose(ours, keras_own, atol=0.02 * np.abs(keras_own).max(), err_msg=cell)
print("close")
"""


@pytest.mark.parametrize("name", ["tensorflow", "jax"])
def test_the_faster_order_does_in_bfloat16_what_keras_does(name: str, tmp_path: Path) -> None:
    pytest.importorskip(name)
    says(MIXED, "close", name, tmp_path)


AVERAGE = """
import keras, numpy as np
from cldnn_lab.training.engines.base import make_engine
from cldnn_lab.training.fit import fit
from cldnn_lab.training.plan import Plan

draw = np.random.default_rng(0)
x, y = draw.normal(size=(8, 3)).astype(np.float32), draw.normal(size=(8, 2)).astype(np.float32)

def network(**options):
    keras.utils.set_random_seed(3)
    L = keras.layers
    model = keras.Sequential([L.Input((3,)), L.Dense(4, activation="tanh"), L.Dense(2)])
    model.compile(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8, **options), "mse")
    return model

for options in ({}, {"ema_overwrite_frequency": 2}):
    plain, model = network(**options), network(**options)
    fitted = plain.fit(x, y, batch_size=8, epochs=5, verbose=0)
    plan = Plan.make(8, batch_size=8, epochs=5, steps=None, validate_every=None, seed=1)
    outcome = fit(make_engine(model), plan, (x, y), (x, y))
    for ours, theirs in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose([row["loss"] for row in outcome.rows], fitted.history["loss"], rtol=1e-4)
    # Every row is of the weights that would be kept if training ended there.
    for epochs, row in enumerate(outcome.rows, start=1):
        plain = network(**options)
        plain.fit(x, y, batch_size=8, epochs=epochs, verbose=0)
        np.testing.assert_allclose(row["val_loss"], plain.evaluate(x, y, verbose=0), rtol=1e-4)
print("equal")
"""


@pytest.mark.parametrize("name", ["tensorflow", "jax", "torch"])
def test_averaged_weights_end_where_keras_fit_puts_them(name: str, tmp_path: Path) -> None:
    pytest.importorskip(name)
    says(AVERAGE, "equal", name, tmp_path)


OPTIONS = """
import keras, numpy as np
from cldnn_lab.training.engines.base import make_engine
from cldnn_lab.training.fit import fit
from cldnn_lab.training.metrics import OfProbabilities
from cldnn_lab.training.plan import Plan

draw = np.random.default_rng(0)
x, y = draw.normal(size=(24, 3)).astype(np.float32), draw.integers(0, 4, 24).astype(np.int32)
weights = np.where(y == 1, 3, 1).astype(np.float32)

def network():
    keras.utils.set_random_seed(3)
    L = keras.layers
    model = keras.Sequential([L.Input((3,)), L.Dense(4)])
    optimizer = keras.optimizers.AdamW(0.05, weight_decay=0.1, gradient_accumulation_steps=2, global_clipnorm=0.5)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=[OfProbabilities(keras.metrics.AUC(name="auc"), "softmax", 4)])
    return model

plain, model = network(), network()
plan = Plan.make(24, batch_size=4, epochs=2, steps=None, validate_every=None, seed=1)
for epoch in range(2):
    order = plan.draw_order(epoch)
    fitted = plain.fit(x[order], y[order], batch_size=4, shuffle=False, verbose=0, class_weight={1: 3.0})
outcome = fit(make_engine(model, fast_layers=True), plan, (x, y, weights), (x, y))
for ours, theirs in zip(model.get_weights(), plain.get_weights(), strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
np.testing.assert_allclose(outcome.rows[-1]["loss"], fitted.history["loss"][0], rtol=1e-4)
np.testing.assert_allclose(outcome.rows[-1]["auc"], fitted.history["auc"][0], rtol=1e-3)
print("equal")
"""


@pytest.mark.parametrize("name", ["tensorflow", "jax", "torch"])
def test_weights_of_examples_and_accumulated_gradients_are_those_of_keras_fit(name: str, tmp_path: Path) -> None:
    pytest.importorskip(name)
    says(OPTIONS, "equal", name, tmp_path)


AUGMENTED = """
import keras, numpy as np
from cldnn_lab.training.engines.base import make_engine

L = keras.layers
draw = np.random.default_rng(0)
x, y = draw.random((32, 12, 12, 3), dtype=np.float32), draw.integers(0, 3, 32).astype(np.int32)
order = np.arange(32, dtype=np.int32).reshape(2, 16)

def run(*augmentation):
    keras.utils.set_random_seed(1)
    layers = [L.Input((12, 12, 3)), *(make() for make in augmentation), L.Flatten(), L.Dense(3, activation="softmax")]
    model = keras.Sequential(layers)
    model.compile("sgd", "sparse_categorical_crossentropy")
    engine = make_engine(model)
    engine.prepare([x[:16], y[:16]])
    data = [engine.keep(x), engine.keep(y)]
    figures = []
    for work in (engine.train, engine.train, engine.test, engine.test):
        engine.reset_metrics()
        work(data, order, 0, 2)
        figures.append(engine.logs()["loss"])
    return figures

layers = (lambda: L.RandomFlip("horizontal"), lambda: L.RandomTranslation(0.2, 0.2), lambda: L.RandomRotation(0.1))
first, second = run(*layers), run(*layers)
assert first == second, "the seed decides"
assert first[2] == first[3], "evaluation is not augmented"
assert first[:2] != run()[:2], "training is"
print("augmented")
"""


@pytest.mark.parametrize("name", ["tensorflow", "jax", "torch"])
def test_augmentation_works_inside_the_loop_of_every_backend(name: str, tmp_path: Path) -> None:
    pytest.importorskip(name)
    says(AUGMENTED, "augmented", name, tmp_path)


def test_the_best_row_is_one_with_a_figure() -> None:
    nan = float("nan")
    rows = [{"epoch": e, "val_loss": loss} for e, loss in ((1, nan), (2, 3.0), (3, 2.0), (4, nan))]
    best = Outcome(rows=rows).best
    assert best is not None and best["epoch"] == 3
    rows = [{"epoch": e, "val_loss": 1.0, "val_accuracy": a} for e, a in ((1, nan), (2, 0.5), (3, 0.7), (4, 0.7))]
    best = Outcome(rows=rows).best
    assert best is not None and best["epoch"] == 3
    assert Outcome(rows=[{"epoch": 1, "val_loss": nan}]).best is None and Outcome().best is None


def test_every_example_is_trained_once_an_epoch_in_an_order_of_seed_and_epoch() -> None:
    plan = Plan.make(103, batch_size=10, epochs=2, steps=None, validate_every=None, seed=4)
    assert plan.per_epoch == 11 and plan.total == 22
    first, second = plan.draw_order(0), plan.draw_order(1)
    assert sorted(first) == sorted(second) == list(range(103))
    assert (first == plan.draw_order(0)).all() and (first != second).any()
    batches = split_batches(first, 10)
    assert [b.shape for b in batches] == [(10, 10), (1, 3)]
    assert (np.concatenate([b.ravel() for b in batches]) == first).all()


def test_rows_end_where_the_plan_says() -> None:
    plan = Plan.make(100, batch_size=10, epochs=1, steps=25, validate_every=10, seed=1)
    assert [plan.find_next_evaluation(step) for step in (0, 9, 10, 19, 20, 24)] == [10, 10, 20, 20, 25, 25]


def test_a_batch_larger_than_the_data_is_all_of_it() -> None:
    assert [b.shape for b in split_batches(np.arange(5, dtype=np.int32), 128)] == [(1, 5)]


def test_the_policy_reads_the_layers() -> None:
    rnn = {"layers": [{"_target_": "keras.layers.Embedding"}, {"_target_": "keras.layers.GRU"}]}
    cldnn = {"layers": [{"_target_": "keras.layers.Conv2D"}, {"_target_": "keras.layers.LSTM"}]}
    assert is_recurrent(rnn) and not is_recurrent(cldnn)
    assert choose_backend("auto", cldnn) == "tensorflow" and choose_backend("torch", rnn) == "torch"


def test_the_policy_says_what_it_chose_and_every_choice_can_be_made() -> None:
    rnn = {"layers": [{"_target_": "keras.layers.GRU"}]}
    by_itself = choose_policy(Settings(), "tensorflow", rnn, "CPU, 2 threads")
    assert by_itself.xla and by_itself.fast_layers
    for words in ("tensorflow on CPU, 2 threads", "float32", "with XLA", "half a second", "fast kernels"):
        assert words in str(by_itself)
    told = Settings(xla=False, fast_layers=False, batches_per_call=3, precision="mixed_bfloat16", data_on_device=False)
    chosen = str(choose_policy(told, "tensorflow", rnn, "CPU, 2 threads"))
    for words in ("mixed_bfloat16", "without XLA", "3 batches per compiled call", "Keras's own kernels", "data sent"):
        assert words in chosen
    assert not choose_policy(Settings(), "jax", rnn, "NVIDIA H100").fast_layers


def test_data_that_does_not_fit_on_the_device_is_sent_in_calls_of_one_size() -> None:
    rnn = {"layers": [{"_target_": "keras.layers.GRU"}]}
    policy = choose_policy(Settings(), "jax", rnn, "NVIDIA H100", fits=False)
    assert not policy.data_on_device and policy.batches_per_call
    assert choose_policy(Settings(data_on_device=True), "jax", rnn, "NVIDIA H100", fits=False).data_on_device
    assert choose_policy(Settings(batches_per_call=3), "jax", rnn, "NVIDIA H100", fits=False).batches_per_call == 3
