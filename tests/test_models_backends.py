"""The project's own layers on each backend: forward, training step, saving, and state from window to window."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
import keras
import numpy as np
from omegaconf import OmegaConf
from cldnn_lab.models import layers as own
from cldnn_lab.models.build import build, count_parameters

keras.utils.set_random_seed(1)
rng = np.random.default_rng(0)
L = keras.layers


def same(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


# Branches, skips and rows in one small network: a training step, and the same output after saving.
model = keras.Sequential([
    keras.Input((2, 12, 1)),
    own.Branches([[L.Conv2D(3, (2, 4), padding="same")], [own.PerRow([L.Conv1D(3, 4, padding="causal"),
                                                                      L.Conv1D(3, 4, padding="causal")])], []]),
    own.Residual([L.Conv2D(7, 3, padding="same", activation="relu"), L.Dropout(0.5), L.Conv2D(7, 3, padding="same")]),
    L.Flatten(), L.Dense(2, activation="softmax")])
x, y = rng.random((8, 2, 12, 1), dtype="float32"), rng.integers(0, 2, 8)
model.compile("sgd", "sparse_categorical_crossentropy")
before = [w.copy() for w in model.get_weights()]
model.train_on_batch(x, y)
assert all((a != b).any() for a, b in zip(before, model.get_weights()) if a.size > 1 and a.dtype == "float32")
out = model.predict(x, verbose=0)
model.save(sys.argv[1])
same(keras.saving.load_model(sys.argv[1], safe_mode=True).predict(x, verbose=0), out)

# Ids to one-hot.
ids = np.array([[0, 2, 1]], dtype="int32")
same(keras.ops.convert_to_numpy(own.OneHot(3)(ids))[0], np.eye(3)[ids[0]])

# Two windows with the state kept are one sequence; forgetting in between is not.
config = OmegaConf.load("conf/model/pulse_rnn.yaml")
sequences = rng.random((4, 10, 1), dtype="float32")
config.cell, config.units = "LSTM", 3
whole = build(config, input_shape=(10, 1), outputs=1, data_name="pulses")
halves = build(config, input_shape=(5, 1), outputs=1, data_name="pulses", batch_size=4, stateful=True)
assert count_parameters(whole) == count_parameters(halves)
for one, other in zip(whole.trainable_variables, halves.trainable_variables, strict=True):
    other.assign(keras.ops.convert_to_numpy(one))
full = keras.ops.convert_to_numpy(whole(sequences))

def forget():
    for layer in halves.layers:
        if getattr(layer, "stateful", False):
            layer.reset_state()

halves.compile(keras.optimizers.SGD(0.0), "mse")  # a rate of 0 leaves the weights, so the losses are known
forget()
parts = np.split(sequences, 2, axis=1)
losses = [float(halves.train_on_batch(part, part)) for part in parts]
forget()
losses.append(float(halves.train_on_batch(parts[1], parts[1])))
assert abs(losses[1] - losses[2]) > 1e-5
same(losses[:2], [((f - s) ** 2).mean() for f, s in zip(np.split(full, 2, axis=1), parts)])
print("fine", keras.backend.backend())
"""


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_own_layers(backend: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    root = Path(__file__).parents[1]
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")]),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "own.keras")],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip().endswith(f"fine {backend}"), done.stderr[-2000:]
