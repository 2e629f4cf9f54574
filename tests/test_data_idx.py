"""MNIST, Fashion-MNIST, the 90/10 split of report 004, and the fives and sixes of report 001."""

from __future__ import annotations

import gzip
import urllib.request
from email.message import Message
from pathlib import Path
from urllib.error import HTTPError, URLError

import numpy as np
import pytest
from data_files import IDX, Evil, idx_bytes, load, write_idx
from sklearn.model_selection import train_test_split

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data import files


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras cannot download."""
    import keras

    def fails() -> None:
        raise OSError("no network")

    for name in ("mnist", "fashion_mnist"):
        monkeypatch.setattr(getattr(keras.datasets, name), "load_data", fails)


@pytest.mark.parametrize("packed", [False, True], ids=["idx", "idx.gz"])
@pytest.mark.parametrize("collection", ["mnist", "fashion_mnist"])
def test_files_under_the_data_root(tmp_path: Path, packed: bool, collection: str) -> None:
    write_idx(tmp_path / collection, packed=packed)
    dataset = load("idx", tmp_path, collection=collection)
    assert dataset.train.x.shape == (60, 28, 28, 1) and dataset.test.x.shape == (30, 28, 28, 1)
    assert np.allclose(dataset.train.x[51], 51 / 255) and dataset.train.x.dtype == np.float32
    assert dataset.train.y.tolist() == [i % 10 for i in range(60)]
    assert dataset.classes[9] == {"mnist": "9", "fashion_mnist": "Ankle boot"}[collection]
    assert not dataset.synthetic and dataset.folder == tmp_path / collection and dataset.validates_on_test


def test_files_in_the_root_itself_by_path_and_with_dots(tmp_path: Path) -> None:
    write_idx(tmp_path / "here")
    for name in IDX[2:]:
        (tmp_path / "here" / name).rename(tmp_path / "here" / name.replace("-idx", ".idx"))
    for name in IDX[:2]:
        (tmp_path / "here" / name).rename(tmp_path / "here" / name.replace("-idx", ".idx"))
    assert len(load("idx", tmp_path / "here").train) == 60
    assert len(load("idx", tmp_path, path=str(tmp_path / "here")).train) == 60


def test_files_where_a_system_package_puts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_SYSTEM", tmp_path)
    write_idx(tmp_path / "dataset-fashion-mnist", packed=True)
    assert len(load("idx", tmp_path / "none", collection="fashion_mnist").train) == 60


def test_keras_downloads_where_there_are_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    x, y = np.full((20, 28, 28), 255, np.uint8), np.arange(20, dtype=np.uint8) % 10
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: ((x, y), (x[:10], y[:10])))
    dataset = load("idx", tmp_path)
    assert dataset.train.x.shape == (20, 28, 28, 1) and dataset.train.x.max() == 1
    assert dataset.origin == "MNIST, Keras's download" and dataset.folder is None


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (URLError("Name or service not known"), "the network could not be reached for Keras's download (Name or"),
        (HTTPError("https://example.org", 404, "Not Found", Message(), None), "answered 404 Not Found"),
        (ConnectionResetError(104, "reset"), "the network could not be reached"),
        (OSError(28, "No space left on device"), "No space left on device"),
    ],
)
def test_without_files_and_network_it_says_what_to_put_where_and_nothing_else(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    trouble: Exception,
    said: str,
) -> None:
    import keras

    def fails(*arguments: object, **named: object) -> None:
        raise trouble

    monkeypatch.setattr(urllib.request, "urlopen", fails)
    monkeypatch.setattr(keras.src.backend.config, "_KERAS_DIR", str(tmp_path / "cache"))
    capfd.readouterr()
    with pytest.raises(ConfigError) as told:
        load("idx", tmp_path / "root", collection="fashion_mnist")
    assert said in str(told.value) and "Exception" not in str(told.value)
    assert all(name in str(told.value) for name in IDX) and str(tmp_path / "root" / "fashion_mnist") in str(told.value)
    assert capfd.readouterr() == ("", "")


def test_a_download_is_announced_once_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import keras

    def comes() -> None:
        for text in ("Downloading\n", "1%", "2%"):
            keras.src.utils.io_utils.print_msg(text, line_break=False)
        raise OSError("then it stops")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", comes)
    with pytest.raises(ConfigError, match="then it stops"):
        load("idx", tmp_path)
    assert capfd.readouterr().out == "Downloading\n1%2%"


@pytest.mark.usefixtures("offline")
def test_a_path_is_never_replaced_by_something_else(tmp_path: Path) -> None:
    write_idx(tmp_path / "mnist")
    with pytest.raises(ConfigError, match=r"data.path: there is no .*nowhere"):
        load("idx", tmp_path, path="nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"data.path: .*empty lacks one of train-images"):
        load("idx", tmp_path, path=str(tmp_path / "empty"))


def damage(path: Path, how: str) -> None:
    whole = path.read_bytes()
    if how == "truncated":
        path.write_bytes(whole[:-7])
    elif how == "corrupt":
        path.write_bytes(whole[: len(whole) // 2] + b"\xff\x00" * 10 + whole[len(whole) // 2 + 20 :])
    elif how == "picture":
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + whole)
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "negative":
        path.write_bytes(whole[:4] + b"\xff" * 4 + whole[8:])


@pytest.mark.parametrize(
    ("packed", "how", "said"),
    [
        (False, "truncated", "truncated or corrupt: it announces"),
        (False, "negative", "truncated or corrupt"),
        (False, "picture", "not an idx file"),
        (False, "empty", "not an idx file"),
        (True, "truncated", "truncated or corrupt gzip"),
        (True, "corrupt", "truncated or corrupt gzip"),
        (True, "empty", "not an idx file"),
    ],
)
@pytest.mark.parametrize("which", [0, 3])
def test_damaged_files_are_named(tmp_path: Path, packed: bool, how: str, said: str, which: int) -> None:
    write_idx(tmp_path / "mnist", train=600, test=300, packed=packed)
    path = tmp_path / "mnist" / (IDX[which] + (".gz" if packed else ""))
    damage(path, how)
    with pytest.raises(ConfigError, match=said) as told:
        load("idx", tmp_path)
    assert str(path) in str(told.value)


def test_files_of_the_wrong_kind(tmp_path: Path) -> None:
    folder = write_idx(tmp_path / "mnist")
    labels, images = (folder / IDX[1]).read_bytes(), (folder / IDX[0]).read_bytes()
    (folder / IDX[0]).write_bytes(labels)
    with pytest.raises(ConfigError, match=r"train-images.* holds 1 dimensions, not images: is it a file of labels"):
        load("idx", tmp_path)
    (folder / IDX[0]).write_bytes(images)
    (folder / IDX[1]).write_bytes(images)
    with pytest.raises(ConfigError, match=r"train-labels.* holds 3 dimensions, not labels"):
        load("idx", tmp_path)
    (folder / IDX[1]).write_bytes(idx_bytes(np.arange(59) % 10))
    with pytest.raises(ConfigError, match=r"holds 60 images and .* 59 labels"):
        load("idx", tmp_path)
    (folder / IDX[1]).write_bytes(idx_bytes(np.full(60, 10)))
    with pytest.raises(ConfigError, match=r"holds a label 10, above 9"):
        load("idx", tmp_path)


def test_classes_by_name_and_number_in_the_order_named(tmp_path: Path) -> None:
    write_idx(tmp_path / "fashion_mnist")
    dataset = load("idx", tmp_path, collection="fashion_mnist", classes=["Bag", 1])
    assert dataset.classes == ("Bag", "Trouser") and len(dataset.train) == 12
    number = np.round(dataset.train.x[:, 0, 0, 0] * 255).astype(int) % 10
    assert (np.where(dataset.train.y == 0, 8, 1) == number).all()
    with pytest.raises(ConfigError, match=r"fashion_mnist has no class 'Bags': did you mean Bag"):
        load("idx", tmp_path, collection="fashion_mnist", classes=["Bags", "Coat"])


def test_the_split_of_report_004_is_scikit_learns(tmp_path: Path) -> None:
    write_idx(tmp_path / "mnist", train=255)
    stay, out = train_test_split(np.arange(255), test_size=0.1, random_state=42)
    dataset = load("idx", tmp_path, test_fraction=0.1)
    assert np.round(dataset.train.x[:, 0, 0, 0] * 255).astype(int).tolist() == stay.tolist()
    assert np.round(dataset.test.x[:, 0, 0, 0] * 255).astype(int).tolist() == out.tolist()
    assert "10% of the training files" in dataset.origin
    five = load("idx", tmp_path, test_fraction=0.1, classes=[0, 1, 2, 3, 4])
    assert five.outputs == 5 and len(five.train) + len(five.test) == 130


# --- mnist56 --------------------------------------------------------------------------------------


def test_fives_and_sixes_of_the_mnist_files(tmp_path: Path) -> None:
    folder = write_idx(tmp_path / "mnist", train=20, test=20)
    count = 10_500
    x = np.zeros((count, 28, 28), np.uint8)
    x[:, 0, 0], x[:, 0, 1] = np.arange(count) // 256, np.arange(count) % 256
    (folder / IDX[0]).write_bytes(idx_bytes(x))
    (folder / IDX[1]).write_bytes(idx_bytes(np.arange(count) % 10))
    dataset = load("mnist56", tmp_path)
    assert dataset.task == "binary" and dataset.outputs == 1 and dataset.classes == ("5", "6")
    assert len(dataset.train) == 2000 and len(dataset.test) == 4
    number = np.round(dataset.train.x[:, 0, :2, 0] * 255).astype(int) @ [256, 1]
    # The first 2,000: those of the first 10,000 examples.
    assert number.tolist() == [i for i in range(10_000) if i % 10 in (5, 6)]
    assert (dataset.train.y == (number % 10 == 6)).all()


def mnist56_file(path: Path, parts: list) -> None:
    whole = np.empty(len(parts), dtype=object)
    whole[:] = parts
    np.save(path, whole, allow_pickle=True)


def test_the_reports_own_file(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((6, 28, 28, 1))
    d = np.array([0.0, 1, 0, 1, 0, 1])
    mnist56_file(tmp_path / "mnist56.npy", [x, d, x[:4], d[:4]])
    for settings in ({}, {"path": str(tmp_path)}, {"path": str(tmp_path / "mnist56.npy")}):
        dataset = load("mnist56", tmp_path, **settings)
        assert np.allclose(dataset.train.x, x) and dataset.test.x.shape == (4, 28, 28, 1)
        assert dataset.train.y.tolist() == [0, 1, 0, 1, 0, 1] and "mnist56.npy" in dataset.origin
    mnist56_file(tmp_path / "mnist56.npy", [(x[..., 0] * 255).astype(np.uint8), d, x[:4, ..., 0], d[:4]])
    assert load("mnist56", tmp_path).train.x.max() <= 1


def test_an_unfit_file_of_fives_and_sixes(tmp_path: Path) -> None:
    x, d = np.zeros((6, 28, 28)), np.zeros(6)
    path = tmp_path / "mnist56.npy"
    for parts, said in (
        ([x, d, x], "does not hold the four arrays"),
        ([x, d, x, "text"], "does not hold the four arrays"),
        ([x[:, :27], d, x, d], "its images have shape"),
        ([x, d[:5], x, d], "not one target of 0 or 1"),
        ([x, d + 5, x, d], "not one target of 0 or 1"),
    ):
        mnist56_file(path, parts)
        with pytest.raises(ConfigError, match=said):
            load("mnist56", tmp_path)
    mark = tmp_path / "ran"
    mnist56_file(path, [x, d, Evil(mark), d])
    with pytest.raises(ConfigError, match=r"is refused: it asks to run"):
        load("mnist56", tmp_path)
    assert not mark.exists()
    path.write_bytes(gzip.compress(b"x"))
    with pytest.raises(ConfigError, match=r"truncated, corrupt or not a .npy"):
        load("mnist56", tmp_path)
