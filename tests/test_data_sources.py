"""Shapes, pulses, CIFAR-10 in colour and grey, encyclopedia entries, and the user's own pictures and arrays."""

from __future__ import annotations

import csv
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_files import Evil, load, radioml_cells, write_cifar, write_idx, write_png

from cldnn_lab.data import cifar10, fingerprint
from cldnn_lab.errors import Mistake

# --- what is said of where they are from ----------------------------------------------------------


def own_pictures(folder: Path) -> Path:
    for name in ("cat", "dog"):
        for number in range(4):
            write_png(folder / name / f"{number}.png", np.full((6, 6), number))
    return folder


def own_arrays(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, x=np.ones((20, 2)), y=np.arange(20) % 2)
    return path


def recorded(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "RML2016.10a_dict.pkl").write_bytes(pickle.dumps(radioml_cells(("BPSK", "QPSK"), (10,))))
    return folder


def pulse_files(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for part in ("trn", "val"):
        np.save(folder / f"pulsedata1-{part}.npy", np.ones((2, 3, 20)))
    return folder


@pytest.mark.parametrize(
    ("source", "write", "below", "settings", "origin"),
    [
        ("idx", write_idx, "fashion_mnist", {"collection": "fashion_mnist"}, "Fashion-MNIST, idx files train-"),
        ("mnist56", write_idx, "mnist", {}, "fives and sixes of MNIST, idx files"),
        ("cifar10", write_cifar, "cifar10", {}, "CIFAR-10, data_batch_1, data_batch_2, test_batch"),
        (
            "cifar10_gray",
            write_cifar,
            "cifar10",
            {"per_class": 1, "test_per_class": 1},
            "CIFAR-10 in grey, .* data_batch_1",
        ),
        ("dbpedia", lambda folder: write_csv(folder, TRAIN, TEST), "dbpedia", {}, "DBpedia entries, train_medium.csv"),
        ("shapes", lambda folder: shape_folder(folder), "shapes", {}, "crt-trn and crt-val"),
        ("pulses", pulse_files, "pulses", {}, "pulsedata1-trn.npy and pulsedata1-val.npy"),
        ("radioml", recorded, "radioml", {}, "RML2016.10a_dict.pkl"),
        ("arrays", own_arrays, "mine/own.npz", {"path": "."}, "own.npz"),
        ("image_folder", own_pictures, "mine/photos", {"path": "."}, "pictures of the folder photos"),
    ],
)
def test_the_origin_names_data_set_and_files_and_the_folder_is_kept_apart(
    tmp_path: Path, source: str, write: Any, below: str, settings: dict[str, Any], origin: str
) -> None:
    place = write(tmp_path / below)
    if "path" in settings:
        settings = {"path": str(place)}
    dataset = load(source, tmp_path, **settings)
    assert re.search(origin, dataset.origin) and "/" not in dataset.origin
    assert dataset.folder == (place.parent if "path" in settings else place) and dataset.folder.is_absolute()
    assert str(dataset.folder) in dataset.provenance and dataset.origin in dataset.provenance


def test_an_own_folder_is_named_even_where_it_is_the_one_we_are_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(own_pictures(tmp_path / "photos"))
    dataset = load("image_folder", tmp_path, path=".")
    assert dataset.origin == "pictures of the folder photos" and dataset.folder == tmp_path


def test_a_broken_array_is_told_with_its_folder(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", x=np.full((4, 2), np.nan), y=[0, 1, 0, 1])
    with pytest.raises(Mistake, match=rf"own.npz in {tmp_path}: the training set holds NaN"):
        load("arrays", tmp_path, path=str(tmp_path / "own.npz"), test_fraction=0.5)


# --- shapes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "first"), [("crt", "circle"), ("r3", "square")])
def test_shapes_are_drawn_from_a_seed(tmp_path: Path, kind: str, first: str) -> None:
    dataset = load("shapes", tmp_path, kind=kind, train_size=60, test_size=90)
    assert dataset.train.x.shape == (60, 64, 64, 1) and dataset.test.x.shape == (90, 64, 64, 1)
    assert dataset.classes[0] == first and (np.bincount(dataset.test.y) == 30).all()
    assert dataset.synthetic and dataset.origin == "drawn by the project, seed 1"
    assert dataset.train.x.min() >= 0 and dataset.train.x.max() <= 1
    same = load("shapes", tmp_path, kind=kind, train_size=60, test_size=90)
    assert fingerprint(same) == fingerprint(dataset)
    other = load("shapes", tmp_path, kind=kind, train_size=60, test_size=90, seed=2)
    assert fingerprint(other) != fingerprint(dataset)


def silhouettes(tmp_path: Path, **settings: Any) -> tuple[np.ndarray, np.ndarray]:
    """Without noise and with full contrast: where the shapes are, and what they are."""
    dataset = load("shapes", tmp_path, train_size=150, test_size=3, noise=0, contrast=1, **settings)
    return dataset.train.x[..., 0] > 0.5, dataset.train.y


def extents(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return shapes.any(axis=1).sum(axis=1), shapes.any(axis=2).sum(axis=1)


def test_rectangles_of_r3_differ_by_the_ratio_of_their_sides(tmp_path: Path) -> None:
    shapes, y = silhouettes(tmp_path, kind="r3", smallest=20, largest=40, closest=1.5, farthest=1.5)
    width, height = extents(shapes)
    ratio = width / height
    for label, expected in enumerate((1, 1.5, 1 / 1.5)):
        assert np.allclose(ratio[y == label], expected, rtol=0.12)
    # A rectangle fills the box around it.
    assert (shapes.sum(axis=(1, 2)) == width * height).all()


def test_shapes_of_crt_have_the_areas_of_what_they_are(tmp_path: Path) -> None:
    shapes, y = silhouettes(tmp_path, kind="crt", smallest=32, largest=32, closest=1.6, farthest=1.6)
    area = shapes.sum(axis=(1, 2))
    assert np.allclose(area[y == 0], np.pi * 16**2, rtol=0.02)
    assert np.allclose(area[y == 1], 32 * 20, rtol=0.04)
    # A triangle in a circle covers at most what an equilateral one does.
    assert (area[y == 2] < 1.05 * 3 * np.sqrt(3) / 4 * 16**2).all() and (area[y == 2] > 150).all()
    turned = extents(shapes[y == 1])[0]
    assert turned.std() > 3


def test_shapes_vary_in_place_size_and_grey_and_stay_inside(tmp_path: Path) -> None:
    shapes, _ = silhouettes(tmp_path, kind="crt", smallest=16, largest=40, shift=12)
    border = np.concatenate([shapes[:, 0], shapes[:, -1], shapes[:, :, 0], shapes[:, :, -1]], axis=1)
    assert not border.any()
    middle = (shapes * np.arange(64)).sum(axis=(1, 2)) / shapes.sum(axis=(1, 2))
    assert middle.std() > 4 and shapes.sum(axis=(1, 2)).std() > 100
    plain = load("shapes", tmp_path, kind="crt", train_size=90, noise=0, contrast=0.3).train.x
    contrast = plain.max(axis=(1, 2, 3)) - plain.min(axis=(1, 2, 3))
    assert contrast.min() >= 0.29 and contrast.std() > 0.1
    noisy = load("shapes", tmp_path, kind="crt", train_size=90, noise=0.05, contrast=0.3).train.x
    corner = noisy[(noisy[:, :3, :3].mean(axis=(1, 2, 3)) > 0.2), :3, :3]
    assert 0.03 < corner.std(axis=(1, 2)).mean() < 0.07


def shape_folder(folder: Path, kind: str = "crt", count: int = 6) -> Path:
    for part in ("trn", "val"):
        for number in range(1, count + 1):
            # The report's pictures have three channels, all alike.
            write_png(folder / f"{kind}-{part}" / f"img_{number:05}.png", np.full((64, 64, 3), number))
        np.savetxt(folder / f"{kind}-{part}_trg.csv", np.eye(3)[np.arange(count) % 3])
    return folder


def test_the_reports_own_shape_folders(tmp_path: Path) -> None:
    for folder, settings in ((tmp_path / "shapes", {}), (tmp_path / "mine", {"path": str(tmp_path / "mine")})):
        shape_folder(folder)
        dataset = load("shapes", tmp_path, **settings)
        assert dataset.train.x.shape == (6, 64, 64, 1) and dataset.train.y.tolist() == [0, 1, 2, 0, 1, 2]
        assert np.allclose(dataset.train.x[4], 5 / 255) and not dataset.synthetic
    comma = tmp_path / "shapes" / "crt-trn_trg.csv"
    comma.write_text("1,0,0\n0,1,0\n")
    assert len(load("shapes", tmp_path).train) == 2


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("crt-trn_trg.csv", b"1 0 0\n0 1\n", "not a table of three columns"),
        ("crt-trn_trg.csv", b"1 1 0\n", "not one-hot"),
        ("crt-trn_trg.csv", b"\x89PNG\r\n\x1a\n", "not a table of three columns"),
        ("crt-trn_trg.csv", b"1 0 0\n" * 7, "img_00007.png is missing"),
        ("crt-val/img_00003.png", b"", "truncated, corrupt or no picture"),
        ("crt-val/img_00003.png", b"1 0 0\n", "truncated, corrupt or no picture"),
    ],
)
def test_broken_shape_folders(tmp_path: Path, file: str, content: bytes, said: str) -> None:
    shape_folder(tmp_path)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(Mistake, match=said):
        load("shapes", tmp_path)


def test_a_shape_folder_that_lacks_files(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match=r"data.path: .* lacks one of r3-trn, r3-val, r3-trn_trg.csv"):
        load("shapes", tmp_path, kind="r3", path=str(tmp_path))


# --- pulses ---------------------------------------------------------------------------------------


def test_pulses_follow_the_reports_rules(tmp_path: Path) -> None:
    dataset = load("pulses", tmp_path)
    assert dataset.task == "regression" and dataset.outputs == 1 and dataset.classes == ()
    for split in (dataset.train, dataset.test):
        assert split.x.shape == split.y.shape == (500, 100, 1) and split.y.dtype == np.float32
    lengths, heights = set(), []
    for pulse, triangle in zip(dataset.train.x[..., 0], dataset.train.y[..., 0], strict=True):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], pulse > 0, [0]])))
        for (start, end), after in zip(edges.reshape(-1, 2), [*edges[2::2], None], strict=True):
            width = end - start
            if end == 100:
                continue
            lengths.add(int(width))
            heights.append(pulse[start])
            assert (pulse[start:end] == pulse[start]).all()
            assert after is None or after - end >= 2 * width
            # The triangle starts where the pulse ends and is as high in its middle, one width later.
            ramp = pulse[start] * (1 - np.abs(np.arange(2 * width) - width) / width)
            assert np.allclose(triangle[end : end + 2 * width], ramp[: 100 - end], atol=1e-6)
    assert len(lengths) >= 6 and np.std(heights) > 0.15
    outside = dataset.train.y[dataset.train.x > 0]
    assert (outside == 0).all()
    assert dataset.synthetic and "made by the project" in dataset.origin


def test_pulses_reversed_swap_roles_and_time(tmp_path: Path) -> None:
    forward, backward = load("pulses", tmp_path), load("pulses", tmp_path, reversed=True)
    assert (backward.train.x == forward.train.y[:, ::-1]).all()
    assert (backward.train.y == forward.train.x[:, ::-1]).all()
    assert backward.train.x.flags.c_contiguous and "reversed" in backward.origin


def test_the_reports_own_pulse_files(tmp_path: Path) -> None:
    pair = np.random.default_rng(0).random((2, 7, 100))
    for part in ("trn", "val"):
        np.save(tmp_path / f"pulsedata1-{part}.npy", pair)
    for settings in ({}, {"path": str(tmp_path)}):
        dataset = load("pulses", tmp_path, **settings)
        assert np.allclose(dataset.train.x[..., 0], pair[0]) and np.allclose(dataset.test.y[..., 0], pair[1])
        assert not dataset.synthetic
    np.save(tmp_path / "pulsedata1-val.npy", pair[0])
    with pytest.raises(Mistake, match=r"pulsedata1-val.npy has shape \(7, 100\), not \(2, sequences, steps\)"):
        load("pulses", tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(Mistake, match=r"data.path: .*empty is not a folder with pulsedata1-trn.npy"):
        load("pulses", tmp_path, path=str(tmp_path / "empty"))


# --- CIFAR-10 -------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["cifar10/cifar-10-batches-py", "cifar10", "."])
def test_cifar10_batches(tmp_path: Path, place: str) -> None:
    write_cifar(tmp_path / place)
    dataset = load("cifar10", tmp_path)
    assert dataset.train.x.shape == (40, 32, 32, 3) and dataset.test.x.shape == (20, 32, 32, 3)
    assert np.allclose(dataset.train.x[23, 5, 7], np.array([3, 100, 200]) / 255)
    assert dataset.train.y.tolist() == [i % 10 for i in range(20)] * 2 and dataset.classes == cifar10.CLASSES
    assert "data_batch_1, data_batch_2, test_batch" in dataset.origin
    assert len(load("cifar10", tmp_path, batches=1).train) == 20
    assert load("cifar10", tmp_path, classes=["ship", "cat"]).outputs == 2


def test_planes_become_channels_in_place(tmp_path: Path) -> None:
    folder = write_cifar(tmp_path)
    picture = np.arange(3072, dtype=np.int64).reshape(32, 32, 3) % 251
    flat = np.moveaxis(picture, 2, 0).reshape(1, -1).astype(np.uint8)
    (folder / "data_batch_1").write_bytes(pickle.dumps({b"data": flat, b"labels": [3]}, protocol=2))
    dataset = load("cifar10", tmp_path, batches=1)
    assert np.allclose(dataset.train.x[0] * 255, picture, atol=1e-3)


def test_a_trimmed_test_batch(tmp_path: Path) -> None:
    write_cifar(tmp_path, test="test_batch_trim")
    assert "test_batch_trim" in load("cifar10", tmp_path).origin
    write_cifar(tmp_path, per_batch=30, test="test_batch")
    assert len(load("cifar10", tmp_path).test) == 30
    assert len(load("cifar10", tmp_path, test_file="test_batch_trim").test) == 20
    with pytest.raises(Mistake, match=r"has no test_batch_short: put it there, or correct data.test_file"):
        load("cifar10", tmp_path, test_file="test_batch_short")
    with pytest.raises(Mistake, match=r"data.batches: .* has 2 of the first 4"):
        load("cifar10", tmp_path, batches=4)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([1], "it lacks data and labels"),
        ({"data": np.zeros((2, 3072), np.uint8)}, "it lacks data and labels"),
        ({"data": np.zeros((2, 1024), np.uint8), "labels": [0, 1]}, r"bytes of shape \(N, 3072\)"),
        ({"data": np.zeros((2, 3072)), "labels": [0, 1]}, r"bytes of shape \(N, 3072\)"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [0]}, "2 images but 1 labels"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [0, 10]}, "a label 10, above 9"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [0, [1, 2]]}, "labels"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": ["a", "b"]}, "labels"),
    ],
)
def test_batches_of_something_else(tmp_path: Path, content: Any, said: str) -> None:
    folder = write_cifar(tmp_path)
    (folder / "data_batch_2").write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(Mistake, match=said) as told:
        load("cifar10", tmp_path)
    assert "data_batch_2" in str(told.value)


def test_batches_truncated_or_with_code(tmp_path: Path) -> None:
    folder = write_cifar(tmp_path)
    whole = (folder / "test_batch").read_bytes()
    (folder / "test_batch").write_bytes(whole[:-100])
    with pytest.raises(Mistake, match=r"test_batch is truncated, corrupt or not a pickle"):
        load("cifar10", tmp_path)
    mark = tmp_path / "ran"
    (folder / "test_batch").write_bytes(pickle.dumps({"data": Evil(mark), "labels": []}, protocol=2))
    with pytest.raises(Mistake, match=r"test_batch is refused"):
        load("cifar10", tmp_path)
    assert not mark.exists()


def test_keras_downloads_cifar10_or_it_says_what_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    monkeypatch.setattr(cifar10, "_PER_BATCH", 10)
    x, y = np.zeros((50, 32, 32, 3), np.uint8), (np.arange(50) % 10)[:, None]
    monkeypatch.setattr(keras.datasets.cifar10, "load_data", lambda: ((x, y), (x[:10], y[:10])))
    assert len(load("cifar10", tmp_path).train) == 50 and len(load("cifar10", tmp_path, batches=2).train) == 20

    def fails() -> None:
        raise OSError("no network")

    monkeypatch.setattr(keras.datasets.cifar10, "load_data", fails)
    with pytest.raises(Mistake, match=r"cifar10: .*put data_batch_1 to data_batch_5 and test_batch in .*cifar10"):
        load("cifar10", tmp_path)
    with pytest.raises(Mistake, match=r"data.path: .* has no data_batch_1"):
        load("cifar10", tmp_path, path=str(tmp_path))


def gray_tree(folder: Path, per_class: int = 3) -> Path:
    """The grey of picture ``i`` of class ``c`` is ``10 c + i``."""
    for part in ("Train", "Test"):
        for label in range(10):
            for number in range(per_class):
                write_png(folder / part / str(label) / f"Image{number:05}.png", np.full((28, 28), 10 * label + number))
    return folder


def test_grey_cifar10_from_the_tree(tmp_path: Path) -> None:
    gray_tree(tmp_path / "cifar10_gray28")
    dataset = load("cifar10_gray", tmp_path, per_class=2, test_per_class=None)
    assert dataset.train.x.shape == (20, 28, 28, 1) and dataset.test.x.shape == (30, 28, 28, 1)
    grey = np.round(dataset.train.x[:, 0, 0, 0] * 255).astype(int)
    assert grey.tolist() == [10 * c + i for c in range(10) for i in range(2)]
    assert (grey // 10 == dataset.train.y).all() and dataset.classes[3] == "cat"
    two = load("cifar10_gray", tmp_path, per_class=1, test_per_class=1, classes=["dog", "cat"])
    assert np.round(two.train.x[:, 0, 0, 0] * 255).tolist() == [50, 30] and two.train.y.tolist() == [0, 1]
    with pytest.raises(Mistake, match=r"data.per_class: .* has 3 pictures, not 4"):
        load("cifar10_gray", tmp_path, per_class=4, test_per_class=None)


def test_a_broken_grey_tree(tmp_path: Path) -> None:
    tree = gray_tree(tmp_path / "CIFAR10")
    settings = {"per_class": None, "test_per_class": None}
    write_png(tree / "Test" / "4" / "Image00001.png", np.zeros((32, 32)))
    with pytest.raises(Mistake, match=r"Image00001.png is 32x32 pixels but .* 28x28"):
        load("cifar10_gray", tmp_path, **settings)
    (tree / "Test" / "4" / "Image00001.png").write_bytes((tree / "Test" / "4" / "Image00002.png").read_bytes()[:40])
    with pytest.raises(Mistake, match=r"Image00001.png is truncated, corrupt or no picture"):
        load("cifar10_gray", tmp_path, **settings)
    for file in (tree / "Test" / "4").iterdir():
        file.unlink()
    with pytest.raises(Mistake, match=r"Test/4 is missing or has no PNG files"):
        load("cifar10_gray", tmp_path, **settings)


def test_grey_cifar10_made_from_the_colour_one(tmp_path: Path) -> None:
    write_cifar(tmp_path / "cifar10", test="test_batch_trim")
    dataset = load("cifar10_gray", tmp_path, per_class=3, test_per_class=2)
    assert dataset.train.x.shape == (30, 28, 28, 1) and dataset.test.x.shape == (20, 28, 28, 1)
    number = np.concatenate([np.arange(20), np.arange(20)])[:30]
    grey = (0.299 * number + 0.587 * 100 + 0.114 * 200) / 255
    assert np.allclose(dataset.train.x[:, 9, 9, 0], grey, atol=1e-6)
    assert (np.bincount(dataset.train.y) == 3).all() and "in grey, cropped to 28x28" in dataset.origin
    with pytest.raises(Mistake, match=r"data.per_class: the CIFAR-10 files have only 4 pictures"):
        load("cifar10_gray", tmp_path, per_class=5, test_per_class=2)


# --- encyclopedia entries -------------------------------------------------------------------------


def write_csv(folder: Path, train: list[tuple[Any, ...]], test: list[tuple[Any, ...]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("train_medium.csv", train), ("test_medium.csv", test)):
        with open(folder / name, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
    return folder


TRAIN = [
    (1, "Acme", 'Acme makes "things", and other things.'),
    (14, "A Nové l", "A book. A  long-winded book"),
    (9, "V", ""),
]
TEST = [(9, "Unseen", "Acme is unseen A"), (1, "Zoë", "book")]


def test_words_have_ids_of_the_training_vocabulary(tmp_path: Path) -> None:
    write_csv(tmp_path / "dbpedia", TRAIN, TEST)
    dataset = load("dbpedia", tmp_path, length=6)
    # Acme makes things and other A book long-winded: eight words after padding and unknown.
    assert dataset.vocabulary == 10 and dataset.train.x.dtype == np.int32
    assert dataset.train.x.tolist() == [[2, 3, 4, 5, 6, 4], [7, 8, 7, 9, 8, 0], [0] * 6]
    assert dataset.test.x.tolist() == [[2, 1, 1, 7, 0, 0], [8, 0, 0, 0, 0, 0]]
    assert dataset.outputs == 15 and dataset.train.y.tolist() == [1, 14, 9] and dataset.classes[9] == "Village"
    assert not dataset.synthetic and "paragraph" in dataset.origin
    lower = load("dbpedia", tmp_path, length=6, lowercase=True)
    assert lower.train.x[1].tolist() == [7, 8, 7, 9, 8, 0] and lower.vocabulary == 10
    assert load("dbpedia", tmp_path, column="title").vocabulary == 2 + 5
    assert load("dbpedia", tmp_path, classes=["Village", 1]).train.y.tolist() == [1, 0]


def test_the_vocabulary_is_of_the_words_that_the_training_examples_show(tmp_path: Path) -> None:
    train = [(n % 2 + 1, f"T{n}", f"common word{n} past{n}") for n in range(20)]
    write_csv(tmp_path, train, [(1, "T", "common word3 past3 past4")])
    dataset = load("dbpedia", tmp_path, length=2, validation=0.2)
    # Two words of each are seen; those of the four that validate are unknown, as a test example's would be.
    assert dataset.vocabulary == 2 + 1 + 16
    assert set(dataset.train.x.ravel()) == set(range(2, 19))
    assert (dataset.train.x[:, 0] == 2).all() and (np.diff(dataset.train.x[:, 1]) == 1).all()
    assert (dataset.validation.x == [2, 1]).all()
    assert load("dbpedia", tmp_path, length=2, train_limit=6).vocabulary == 2 + 1 + 6
    assert load("dbpedia", tmp_path, length=3).vocabulary == 2 + 1 + 20 + 20
    # Where the test set validates it stays one and the same.
    same = load("dbpedia", tmp_path, length=4)
    assert same.validation is same.test and same.test.x.tolist() == [[2, 9, 10, 12]]


def test_characters_are_bytes(tmp_path: Path) -> None:
    write_csv(tmp_path, TRAIN, TEST)
    dataset = load("dbpedia", tmp_path, tokens="chars", column="title", length=5, prefers="sequence")
    assert dataset.vocabulary == 256 and bytes(dataset.train.x[0].tolist()) == b"Acme\0"
    assert load("dbpedia", tmp_path, tokens="chars", column="title", length=5, train_limit=2).vocabulary == 256
    assert bytes(dataset.train.x[1].tolist()) == b"A Nov" and bytes(dataset.test.x[1].tolist()) == b"Zo\xc3\xab\0"
    hot = load("dbpedia", tmp_path, tokens="chars", column="title", length=5, one_hot=True)
    assert hot.train.x.shape == (3, 5, 256) and hot.vocabulary is None and hot.train.x.dtype == np.float32
    assert (hot.train.x.argmax(axis=2) == dataset.train.x).all() and (hot.train.x.sum(axis=2) == 1).all()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not a CSV file"),
        (b"1,a\n2,b\n", "has 2 columns"),
        (b"1,a,b\n2,c,d,e\n", "is not a CSV file"),
        (b"1,a,b\nx,c,d\n", "entry 2 has class 'x'"),
        (b"1,a,b\n15,c,d\n", "entry 2 has class '15'"),
        (b'1,a,"b\n', "is not a CSV file"),
        (b"1,a,\xff\xfe\n", "is not a CSV file"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "is not a CSV file|columns"),
    ],
)
def test_broken_csv_files(tmp_path: Path, content: bytes, said: str) -> None:
    write_csv(tmp_path, TRAIN, TEST)
    (tmp_path / "train_medium.csv").write_bytes(content)
    with pytest.raises(Mistake, match=said) as told:
        load("dbpedia", tmp_path)
    assert "train_medium.csv" in str(told.value)


def test_without_the_files_text_is_generated_and_said_to_be(tmp_path: Path) -> None:
    dataset = load("dbpedia", tmp_path)
    assert dataset.synthetic and "generated by the project" in dataset.origin
    assert (np.bincount(dataset.train.y)[1:] == 200).all() and dataset.outputs == 15
    assert dataset.train.x.shape == (2800, 100) and dataset.test.x.shape == (700, 100)
    assert fingerprint(load("dbpedia", tmp_path)) == fingerprint(dataset)
    # It can be learnt: words that go with a subject are told from a bag of them.
    counts = [
        np.stack([np.bincount(row, minlength=dataset.vocabulary) for row in split.x]).astype(float)
        for split in (dataset.train, dataset.test)
    ]
    means = np.stack([counts[0][dataset.train.y == label].mean(axis=0) for label in range(1, 15)])
    guess = np.log(means + 0.01) @ counts[1].T
    assert (guess.argmax(axis=0) + 1 == dataset.test.y).mean() > 0.8
    with pytest.raises(Mistake, match=r"data.path: .* is not a folder with train_medium.csv and test_medium.csv"):
        load("dbpedia", tmp_path, path=str(tmp_path))


# --- the user's own -------------------------------------------------------------------------------


def test_a_folder_of_pictures_by_class(tmp_path: Path) -> None:
    for label, name in enumerate(("cat", "dog")):
        for number in range(10):
            write_png(tmp_path / "own" / name / f"{number}.png", np.full((8, 6, 3), 100 * label + number))
    (tmp_path / "own" / "cat" / "notes.txt").write_text("not a picture")
    dataset = load("image_folder", tmp_path, path=str(tmp_path / "own"))
    assert dataset.train.x.shape == (16, 8, 6, 3) and dataset.test.x.shape == (4, 8, 6, 3)
    assert dataset.classes == ("cat", "dog") and (np.bincount(dataset.test.y) == 2).all()
    assert (np.round(dataset.train.x[:, 0, 0, 0] * 255) // 100 == dataset.train.y).all()
    grey = load("image_folder", tmp_path, path=str(tmp_path / "own"), gray=True, size=[4, 4], prefers="sequence")
    assert grey.input_shape == (4, 4)
    assert load("image_folder", tmp_path, path=str(tmp_path / "own"), classes=["dog", "cat"]).classes == ("dog", "cat")


@pytest.mark.parametrize("test", ["test", "val"])
def test_a_folder_of_pictures_already_split(tmp_path: Path, test: str) -> None:
    for part, count in (("train", 3), (test, 2)):
        for name in ("a", "b"):
            for number in range(count):
                write_png(tmp_path / part / name / f"{number}.jpg", np.zeros((5, 5)))
    dataset = load("image_folder", tmp_path, path=str(tmp_path))
    assert (len(dataset.train), len(dataset.test)) == (6, 4) and dataset.classes == ("a", "b")


def test_unfit_folders_of_pictures(tmp_path: Path) -> None:
    own = tmp_path / "own"
    write_png(own / "cat" / "1.png", np.zeros((5, 5)))
    with pytest.raises(Mistake, match=r"own has 1 folders of pictures"):
        load("image_folder", tmp_path, path=str(own))
    (own / "dog").mkdir()
    with pytest.raises(Mistake, match=r"dog has no pictures"):
        load("image_folder", tmp_path, path=str(own))
    write_png(own / "dog" / "1.png", np.zeros((6, 5)))
    with pytest.raises(Mistake, match=r"1.png is 6x5 pixels but .* 5x5"):
        load("image_folder", tmp_path, path=str(own))
    with pytest.raises(Mistake, match=r"a class in .* has one picture"):
        load("image_folder", tmp_path, path=str(own), size=[5, 5])
    np.save(own / "dog" / "1.npy", np.zeros(3))
    (own / "dog" / "1.npy").rename(own / "dog" / "2.png")
    with pytest.raises(Mistake, match=r"2.png is truncated, corrupt or no picture"):
        load("image_folder", tmp_path, path=str(own), size=[5, 5])
    with pytest.raises(Mistake, match=r"1.png is not a folder"):
        load("image_folder", tmp_path, path=str(own / "cat" / "1.png"))


X = np.arange(40, dtype=np.uint8).reshape(20, 2)
Y = np.arange(20) % 2


@pytest.mark.parametrize("form", ["npz", "npz split", "folder", "one of a folder", "dict", "pair"])
def test_arrays_in_every_form(tmp_path: Path, form: str) -> None:
    path = tmp_path / "own.npy"
    if form == "npz":
        path = tmp_path / "own.npz"
        np.savez_compressed(path, x=X, y=Y)
    elif form == "npz split":
        path = tmp_path / "own.npz"
        np.savez(path, x_train=X[:16], y_train=Y[:16], x_test=X[16:], y_test=Y[16:])
    elif form in ("folder", "one of a folder"):
        np.save(tmp_path / "x.npy", X)
        np.save(tmp_path / "y.npy", Y)
        path = tmp_path if form == "folder" else tmp_path / "x.npy"
    elif form == "dict":
        np.save(path, {"x": X, "y": Y}, allow_pickle=True)  # type: ignore[arg-type]
    else:
        pair = np.empty(2, dtype=object)
        pair[:] = [X, Y]
        np.save(path, pair, allow_pickle=True)
    dataset = load("arrays", tmp_path, path=str(path), divide_by=39)
    assert (len(dataset.train), len(dataset.test)) == (16, 4) and dataset.task == "multiclass"
    both = np.concatenate([dataset.train.x, dataset.test.x])
    assert np.allclose(np.sort(both[:, 0] * 39), X[:, 0], atol=1e-4) and both.dtype == np.float32
    assert (np.round(dataset.train.x[:, 0] * 39).astype(int) // 2 % 2 == dataset.train.y).all()


def test_tasks_of_arrays(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"

    def task(y: np.ndarray, **settings: Any) -> Any:
        np.savez(path, x=X, y=y)
        return load("arrays", tmp_path, path=str(path), **settings)

    assert task(Y).outputs == 2
    assert task(np.eye(4)[np.arange(20) % 4]).outputs == 4
    assert task(Y, task="binary").outputs == 1
    assert task(Y[:, None].astype(float), task="regression").train.y.dtype == np.float32
    free = task(np.linspace(0, 1, 20))
    assert free.task == "regression" and free.train.y.shape == (16, 1) and free.classes == ()
    assert task(np.random.default_rng(0).random((20, 5, 2))).outputs == 2
    with pytest.raises(Mistake, match=r"data.task: .* has classes up to 3: a binary task has 0 and 1"):
        task(np.arange(20) % 4, task="binary")
    with pytest.raises(Mistake, match=r"neither whole numbers from 0 nor one-hot"):
        task(np.linspace(0, 1, 20), task="multiclass")
    with pytest.raises(Mistake, match=r"data.classes: the targets"):
        task(np.linspace(0, 1, 20), classes=[0, 1])
    with pytest.raises(Mistake, match=r"data.time_axis: 2 is not an axis"):
        task(Y, time_axis=2)


@pytest.mark.parametrize("task", ["auto", "multiclass"])
def test_large_whole_numbers_are_not_taken_for_classes(tmp_path: Path, task: str) -> None:
    path, x = tmp_path / "prices.npz", np.random.default_rng(0).random((40, 3))
    np.savez(path, x=x, y=np.linspace(100_000, 2_000_000_000, 40).astype(np.int64))
    with pytest.raises(Mistake, match=r"up to 2,000,000,000, but there are 40 examples: set data\.task=regression"):
        load("arrays", tmp_path, path=str(path), task=task)
    assert load("arrays", tmp_path, path=str(path), task="regression").train.y.max() > 1e9


def test_unfit_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=X)
    with pytest.raises(Mistake, match=r"a.npz holds images, neither x_train, .* nor x and y"):
        load("arrays", tmp_path, path=str(tmp_path / "a.npz"))
    np.savez(tmp_path / "a.npz", x=np.array(["a", "b"]), y=Y[:2])
    with pytest.raises(Mistake, match=r"x is not an array of numbers"):
        load("arrays", tmp_path, path=str(tmp_path / "a.npz"))
    np.savez(tmp_path / "a.npz", x=X[:, 0], y=Y)
    with pytest.raises(Mistake, match=r"x has shape \(20,\)"):
        load("arrays", tmp_path, path=str(tmp_path / "a.npz"))
    np.savez(tmp_path / "a.npz", x=X[:3], y=np.arange(3))
    with pytest.raises(Mistake, match=r"a class has one example"):
        load("arrays", tmp_path, path=str(tmp_path / "a.npz"))
    np.save(tmp_path / "one.npy", X)
    with pytest.raises(Mistake, match=r"one.npy is one array; put y beside it"):
        load("arrays", tmp_path, path=str(tmp_path / "one.npy"))
    write_png(tmp_path / "picture.png", np.zeros((4, 4)))
    (tmp_path / "picture.png").rename(tmp_path / "picture.npy")
    with pytest.raises(Mistake, match=r"picture.npy is truncated, corrupt or not a .npy file"):
        load("arrays", tmp_path, path=str(tmp_path / "picture.npy"))
    mark = tmp_path / "ran"
    np.save(tmp_path / "evil.npy", {"x": X, "y": Evil(mark)}, allow_pickle=True)  # type: ignore[arg-type]
    with pytest.raises(Mistake, match=r"evil.npy is refused"):
        load("arrays", tmp_path, path=str(tmp_path / "evil.npy"))
    assert not mark.exists()
