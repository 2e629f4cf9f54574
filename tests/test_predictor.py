"""What a run keeps of how its network is read, and predicting new examples with it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from data_files import write_idx
from keras import layers
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from cldnn_lab import data, predict
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.schema import parse
from cldnn_lab.data import preparation as preparations
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.evaluation.predictor import Predictor
from cldnn_lab.runs import results
from cldnn_lab.runs.directory import Run

Compose = Callable[..., DictConfig]


def load(composed: Compose, *overrides: str, root: str | Path = "nowhere") -> Dataset:
    config = parse(composed(*overrides))
    return data.load(config.data, Path(root), prefers=config.prefers)


def keep(preparation: preparations.Preparation) -> preparations.Preparation:
    """The preparation as it comes back from a file."""
    return preparations.restore(json.loads(json.dumps(preparation.describe())))


def same(preparation: preparations.Preparation, raw: Any, x: np.ndarray) -> None:
    prepared = keep(preparation).prepare(raw)
    assert prepared.dtype == x.dtype and prepared.shape == x.shape
    assert (prepared == x).all()


# ------------------------------------------------------------- what is prepared is what the network was trained on


@pytest.mark.parametrize("model", ["cnn", "rnn"])
def test_bytes_and_files_of_pictures_are_prepared_as_in_training(composed, tmp_path: Path, model: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 28, 20), dtype=np.uint8)
    files = []
    for number, picture in enumerate(pixels):
        files.append(tmp_path / "train" / "ab"[number % 2] / f"{number}.png")
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(files[-1])
    (tmp_path / "test").symlink_to(tmp_path / "train")
    dataset = load(
        composed, "data=image_folder", f"data.path={tmp_path}", "data.gray=true", "data.size=null", f"model={model}"
    )
    order = [0, 2, 4, 6, 1, 3, 5, 7]  # folder by folder
    same(dataset.preparation, pixels[order], dataset.train.x)
    same(dataset.preparation, [str(files[number]) for number in order], dataset.train.x)


@pytest.mark.parametrize("model", ["cnn_example", "lenet5"])
def test_bytes_of_idx_files_are_prepared_as_in_training(composed, tmp_path: Path, model: str) -> None:
    write_idx(tmp_path / "mnist", train=60)
    dataset = load(composed, "data=mnist", f"model={model}", root=tmp_path)
    pixels = np.broadcast_to(np.arange(60, dtype=np.uint8)[:, None, None], (60, 28, 28))
    same(dataset.preparation, pixels, dataset.train.x)


@pytest.mark.parametrize("scaling", ["magnitude", "power", "peak", "none"])
@pytest.mark.parametrize("model", ["cldnn", "rnn"])
def test_radioml_vectors_are_prepared_as_in_training(composed, tmp_path: Path, scaling: str, model: str) -> None:
    rng = np.random.default_rng(0)
    vectors, labels = rng.normal(size=(12, 2, 128)).astype(np.float32), np.arange(12) % 3
    for part in ("train", "test"):
        np.save(tmp_path / f"X_{part}.npy", vectors)
        np.save(tmp_path / f"Y_{part}.npy", labels)
    dataset = load(
        composed, "data=radioml", f"data.path={tmp_path}", f"data.scaling={scaling}", "data.snr_min=null",
        f"model={model}",
    )  # fmt: skip
    same(dataset.preparation, vectors, dataset.train.x)
    same(dataset.preparation, np.moveaxis(vectors, 1, 2), dataset.train.x)
    same(dataset.preparation, vectors[..., None], dataset.train.x)


@pytest.mark.parametrize(
    "options",
    [
        ("data=dbpedia_words", "data.lowercase=true"),
        ("data=dbpedia_words", "data.lowercase=false", "data.train_limit=3"),
        ("data=dbpedia_chars", "data.one_hot=true"),
        ("data=dbpedia_chars", "data.one_hot=false"),
    ],
)
def test_texts_are_prepared_as_in_training(composed, tmp_path: Path, options: tuple[str, ...]) -> None:
    texts = ["A house in Rome", "the House by a river", "Überall gibt's Häuser", "one river, two rivers", "", "a a a"]
    for name in ("train_medium.csv", "test_medium.csv"):
        table = pd.DataFrame({"class": np.arange(6) % 3 + 1, "title": texts, "paragraph": texts})
        table.to_csv(tmp_path / name, header=False, index=False)
    dataset = load(composed, *options, f"data.path={tmp_path}", "data.length=7", "data.classes=null")
    same(dataset.preparation, texts, dataset.test.x)
    if "data.train_limit=3" in options:  # words of the test set alone are unknown
        assert (dataset.test.x == preparations.UNKNOWN).any()
    assert dataset.vocabulary is None or dataset.test.x.max() < dataset.vocabulary


@pytest.mark.parametrize("kind", ["float64", "uint8"])
def test_arrays_are_prepared_as_in_training(composed, tmp_path: Path, kind: str) -> None:
    x = (np.random.default_rng(0).random((20, 6, 5)) * 255).astype(kind)
    np.savez(tmp_path / "a.npz", x_train=x, y_train=np.arange(20) % 2, x_test=x, y_test=np.arange(20) % 2)
    dataset = load(composed, "data=arrays", f"data.path={tmp_path / 'a.npz'}", "data.divide_by=255", "model=cnn")
    assert dataset.train.x.shape == (20, 6, 5, 1)
    same(dataset.preparation, x, dataset.train.x)


# ------------------------------------------------------------------------------------------ reading the outputs


def made(task: str, classes: int) -> Dataset:
    y = np.arange(4) % max(classes, 1)
    split = Split(np.zeros((4, 3), np.float32), y.astype(np.int32) if classes else np.zeros((4, 1), np.float32))
    return Dataset("made", task, split, split, tuple("abc"[:classes]), "made by the test")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("task", "classes", "activation", "loss", "outputs"),
    [
        ("multiclass", 3, "softmax", "crossentropy", "softmax"),
        ("multiclass", 3, "softmax", "mse", "softmax"),
        ("multiclass", 3, "linear", "crossentropy", "softmax_logits"),
        ("multiclass", 3, "linear", "binary_crossentropy", "sigmoid_logits"),
        ("multiclass", 3, "linear", "mse", "scores"),
        ("multiclass", 3, "tanh", "mse", "scores"),
        ("binary", 2, "sigmoid", "crossentropy", "sigmoid"),
        ("binary", 2, "linear", "crossentropy", "sigmoid_logits"),
        ("regression", 0, "linear", "mse", "values"),
    ],
)
def test_outputs_are_read_as_their_loss_reads_them(
    task: str, classes: int, activation: str, loss: str, outputs: str, tmp_path: Path
) -> None:
    dataset = made(task, classes)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(dataset.outputs, activation)])
    predictor = Predictor.make(model, dataset, loss, 0.6)
    assert predictor.outputs == outputs
    raw = np.random.default_rng(0).normal(size=(4, dataset.outputs)).astype(np.float32)
    link = {"softmax_logits": keras.ops.softmax, "sigmoid_logits": keras.ops.sigmoid}.get(outputs, lambda x: x)
    expected = keras.ops.convert_to_numpy(link(keras.ops.convert_to_tensor(raw)))
    np.testing.assert_allclose(predictor.read_scores(raw), expected, rtol=1e-5)
    results.save_model(Run(tmp_path), model, predictor)
    assert Predictor.load(tmp_path) == predictor


def test_a_table_of_predictions_names_classes_and_their_probabilities() -> None:
    three = Predictor("multiclass", ("a", "b", "c"), "softmax")
    table = three.tabulate(np.array([[0.2, 0.5, 0.3], [np.nan, 0, 0]]))
    assert table["predicted"].tolist() == ["b", "no class"]
    assert table["probability"].iloc[0] == 0.5 and np.isnan(table["probability"].iloc[1])
    assert table.columns.tolist() == ["example", "predicted", "probability", *(f"probability.{n}" for n in "abc")]

    two = Predictor("binary", ("five", "six"), "sigmoid", threshold=0.7)
    table = two.tabulate(np.array([[0.6], [0.9]]))
    assert table["predicted"].tolist() == ["five", "six"]
    assert table["probability"].tolist() == pytest.approx([0.4, 0.9])

    numbers = Predictor("regression", (), "values").tabulate(np.arange(12.0).reshape(2, 3, 2))
    assert numbers.columns.tolist() == ["example", "step", "output_0", "output_1"]
    assert numbers.iloc[4].tolist() == [1, 1, 8, 9]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ("{", "is not the description of a predictor"),
        ('{"task": "binary"}', "is not the description of a predictor"),
        (None, "predictor.json is missing"),
    ],
)
def test_a_missing_or_broken_predictor_is_one_sentence(tmp_path: Path, values: str | None, words: str) -> None:
    if values is not None:
        (tmp_path / "predictor.json").write_text(values)
    with pytest.raises(ConfigError, match=words):
        Predictor.load(tmp_path)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.zeros((2, 28, 27), np.uint8), "28x27x1 once they are prepared, but the network reads 28x28x1"),
        (np.zeros((2, 28, 28, 3), np.uint8), "does not hold pictures of 1 channel"),
        (np.zeros((0, 28, 28)), "no example to predict"),
        (7, "no example to predict"),
        ([[1, 2], [3]], "not an array"),
        (np.array([["a"]]), "reads numbers"),
    ],
)
def test_examples_that_the_network_cannot_read_are_refused(x: Any, words: str) -> None:
    predictor = Predictor("multiclass", ("a", "b"), "softmax", 0.5, (28, 28, 1), preparations.Pictures())
    with pytest.raises(ConfigError, match=words):
        predictor.prepare(x)


# ------------------------------------------------------------------------------------------------- the command


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory with a network for grey pictures of 10x10, as training leaves it."""
    from hydra import compose, initialize_config_dir

    from cldnn_lab.config.groups import CONFIGS

    folder = tmp_path_factory.mktemp("run")
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = compose("train", ["data=random", "model=cnn_example", f"backend={keras.backend.backend()}"])
    (folder / ".hydra").mkdir()
    OmegaConf.save(config, folder / ".hydra" / "config.yaml")
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((10, 10, 1)), layers.Flatten(), layers.Dense(3)])
    predictor = Predictor(
        "multiclass", ("cat", "dog", "owl"), "softmax_logits", 0.5, (10, 10, 1), preparations.Pictures()
    )
    results.save_model(Run(folder), model, predictor)
    return folder


def test_pictures_are_classified_and_the_table_says_which(run_folder: Path, tmp_path: Path, capsys) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 10, 10), dtype=np.uint8)
    for number, picture in enumerate(pixels):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    assert predict.main([str(run_folder), f"input={tmp_path}"]) == 0
    (written,) = capsys.readouterr().out.split()
    assert written == str(run_folder / "predictions" / "predictions.csv")
    table = pd.read_csv(written)
    assert table["file"].tolist() == ["0.png", "1.png", "2.png"]
    model = Run(run_folder).model()
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(model(pixels[..., None] / np.float32(255))))
    names = [f"probability.{name}" for name in ("cat", "dog", "owl")]
    np.testing.assert_allclose(table[names], expected, rtol=1e-5)
    assert table["predicted"].tolist() == [("cat", "dog", "owl")[index] for index in expected.argmax(axis=1)]
    np.testing.assert_allclose(table["probability"], expected.max(axis=1), rtol=1e-5)

    # The same pictures as an array of bytes, in place of the table that the command wrote before and somewhere else.
    np.save(tmp_path / "x.npy", pixels)
    for more in ((), (f"output={tmp_path / 'new' / 'mine.csv'}",)):
        assert predict.main([str(run_folder), f"input={tmp_path / 'x.npy'}", *more]) == 0
        again = pd.read_csv(capsys.readouterr().out.strip())
        pd.testing.assert_frame_equal(again, table.drop(columns="file"))
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["mine.csv"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["input=x.npy"], "give a run directory"),
        (["RUN"], "say what to predict"),
        (["RUN", "input=nowhere.png"], "there is no"),
        (["RUN", "inputs=x.npy"], "did you mean input"),
        (["RUN", "input=FOLDER/broken.png"], "truncated, corrupt or no picture"),
        (["RUN", "input=FOLDER/empty"], "has no pictures"),
        (["RUN", "input=FOLDER/large.npy"], "the network reads 10x10x1"),
        (["RUN", "input=FOLDER/x.npy", "output=FOLDER/mine.csv"], "is there already"),
        (["FOLDER", "input=FOLDER/x.npy"], "predictor.json is missing"),
    ],
)
def test_mistakes_are_one_sentence_and_nothing_is_written(
    arguments: list[str], words: str, run_folder: Path, tmp_path: Path, capsys
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "mine.csv").write_text("mine")
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "x.npy", np.zeros((1, 10, 10), np.uint8))
    np.save(tmp_path / "large.npy", np.zeros((1, 11, 10), np.uint8))
    before = sorted(tmp_path.rglob("*"))
    told = [argument.replace("RUN", str(run_folder)).replace("FOLDER", str(tmp_path)) for argument in arguments]
    assert predict.main(told) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and words in error and error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before and (tmp_path / "mine.csv").read_text() == "mine"


def test_a_table_of_the_user_s_own_in_the_run_is_not_overwritten(run_folder: Path, tmp_path: Path, capsys) -> None:
    np.save(tmp_path / "x.npy", np.zeros((1, 10, 10), np.uint8))
    copy = tmp_path / "run"
    shutil.copytree(run_folder, copy, ignore=shutil.ignore_patterns("predictions"))
    (copy / "predictions").mkdir()
    (copy / "predictions" / "predictions.csv").write_text("mine")
    assert predict.main([str(copy), f"input={tmp_path / 'x.npy'}"]) == 2
    assert "would be overwritten" in capsys.readouterr().err
    assert (copy / "predictions" / "predictions.csv").read_text() == "mine"


def test_help_tells_what_to_type(capsys) -> None:
    assert predict.main(["--help"]) == 0
    assert "input=shoe.png" in capsys.readouterr().out
