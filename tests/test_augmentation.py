"""Layers that change examples at random: in training alone, the same for the same seed, and in no figure."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.model import check_model
from cldnn_lab.launch.preflight import check_config
from cldnn_lab.models.build import build, count_parameters
from cldnn_lab.runs.directory import Run
from cldnn_lab.train import train

FLIP = "model.augmentation=[{_target_:keras.layers.RandomFlip,mode:horizontal}]"
SEVERAL = (
    "model.augmentation=[{_target_:keras.layers.RandomFlip,mode:horizontal},{_target_:keras.layers.RandomTranslation,"
    "height_factor:0.2,width_factor:0.2},{_target_:keras.layers.RandomRotation,factor:0.1},"
    "{_target_:keras.layers.GaussianNoise,stddev:0.1}]"
)
SMALL = (
    "model=cnn", "model.filters={conv1:2,conv2:2}", "model.units={dense1:4,dense2:4}", "data=random", "epochs=2",
    "data.train_limit=64", "data.test_limit=32", "batch_size=32",
)  # fmt: skip


def test_a_run_is_augmented_in_training_alone_and_again_by_its_seed(composed, tmp_path: Path) -> None:
    runs = []
    for name, overrides in (("plain", []), ("first", [SEVERAL]), ("second", [SEVERAL]), ("other", [SEVERAL, "seed=2"])):
        (tmp_path / name).mkdir()
        train(check_config(composed(*SMALL, *overrides)), Run(tmp_path / name))
        runs.append(Run(tmp_path / name))
    plain, first, second, other = runs
    assert first.history["loss"].tolist() == second.history["loss"].tolist()
    assert first.history["loss"].tolist() != plain.history["loss"].tolist()
    assert first.history["loss"].tolist() != other.history["loss"].tolist()
    assert first.metrics["parameters"] == plain.metrics["parameters"]
    # Validation, test and prediction see the examples as they are, so that they agree to the last digit.
    assert first.metrics["test_loss"] == pytest.approx(first.metrics["val_loss"], rel=1e-6)
    assert first.metrics["test_log_loss"] == pytest.approx(first.metrics["val_loss"], rel=1e-4)
    model = first.model()
    x = np.random.default_rng(0).random((4, 10, 10, 3), dtype=np.float32)
    kept = model.layers[len(model.layers) - len(plain.model().layers) :]
    np.testing.assert_allclose(
        model.predict(x, verbose=0),
        keras.Sequential([keras.Input((10, 10, 3)), *kept]).predict(x, verbose=0),
        rtol=1e-6,
    )


def test_augmentation_is_put_before_the_first_layer(composed) -> None:
    config = composed(*SMALL, FLIP)
    network = build(config.model, input_shape=(10, 10, 3), outputs=12, data_name="random")
    without = build(composed(*SMALL).model, input_shape=(10, 10, 3), outputs=12, data_name="random")
    assert isinstance(network.layers[0], keras.layers.RandomFlip)
    assert [type(layer) for layer in network.layers[1:]] == [type(layer) for layer in without.layers]
    assert count_parameters(network) == count_parameters(without)
    x = np.random.default_rng(0).random((8, 10, 10, 3), dtype=np.float32)
    flipped = np.array(network.layers[0](x, training=True))
    for before, after in zip(x, flipped, strict=True):
        assert (after == before).all() or (after == before[:, ::-1]).all()
    assert (flipped != x).any() and (np.array(network.layers[0](x, training=False)) == x).all()


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ("{_target_: keras.layers.Rescaling, scale: 2}", ("model.augmentation[0]", "in training alone")),
        ("{_target_: keras.layers.RandomCrop, height: 8, width: 8}", ("RandomCrop", "in training alone")),
        ("{_target_: keras.layers.RandomFlp}", ("did you mean RandomFlip",)),
        ("{_target_: keras.layers.RandomFlip, mod: horizontal}", ("model.augmentation[0]", "mod")),
        ("5", ("model.augmentation[0]", "5")),
    ],
)
def test_what_is_no_augmentation_is_refused(composed, layer: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as refusal:
        config = composed(*SMALL, f"model.augmentation=[{layer.replace(': ', ':').replace(', ', ',')}]")
        build(config.model, input_shape=(10, 10, 3), outputs=12, data_name="random")
    assert all(word in str(refusal.value) for word in words), str(refusal.value)
    with pytest.raises(ConfigError, match=r"model\.augmentation must be a list"):
        check_model({"layers": [{"_target_": "keras.layers.Flatten"}], "augmentation": "flip"})
