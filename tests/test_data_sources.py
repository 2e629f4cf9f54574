"""Shapes, pulses, CIFAR-10 in colour and grey, encyclopedia entries, and the user's own pictures and arrays."""

from __future__ import annotations

import csv
import pickle
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_files import Evil, load, radioml_cells, write_cifar, write_idx, write_png
from scipy.stats import chisquare, kstest

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data import fingerprint
from cldnn_lab.data.sources import cifar10

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
    with pytest.raises(ConfigError, match=rf"own.npz in {tmp_path}: the training set holds NaN"):
        load("arrays", tmp_path, path=str(tmp_path / "own.npz"), test_fraction=0.5)


# --- shapes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "first"), [("crt", "rectangle"), ("r3", "square")])
def test_shapes_are_drawn_from_a_seed(tmp_path: Path, kind: str, first: str) -> None:
    dataset = load("shapes", tmp_path, kind=kind, train_size=60, test_size=90)
    assert dataset.train.x.shape == (60, 64, 64, 1) and dataset.test.x.shape == (90, 64, 64, 1)
    assert dataset.classes[0] == first and (np.bincount(dataset.test.y) == 30).all()
    assert dataset.synthetic and dataset.origin == "drawn by the project, seed 1"
    same = load("shapes", tmp_path, kind=kind, train_size=60, test_size=90)
    assert fingerprint(same) == fingerprint(dataset)
    other = load("shapes", tmp_path, kind=kind, train_size=60, test_size=90, seed=2)
    assert fingerprint(other) != fingerprint(dataset)


def outlines(kind: str, count: int = 3000) -> dict[str, np.ndarray]:
    """By name of class, what was drawn: pictures (N, 64, 64) of True on False."""
    dataset = load("shapes", Path("nowhere"), kind=kind, train_size=count, test_size=3)
    assert np.isin(dataset.train.x, (0, 1)).all()
    return {name: dataset.train.x[dataset.train.y == label, ..., 0] > 0 for label, name in enumerate(dataset.classes)}


def boxes(pictures: np.ndarray) -> tuple[np.ndarray, ...]:
    """The first and the last column and row of each outline, its width and its height, in pixels."""
    sides = []
    for rows in (1, 2):
        taken = pictures.any(axis=rows)
        sides += [taken.argmax(axis=1), 63 - taken[:, ::-1].argmax(axis=1)]
    left, right, top, bottom = sides
    return left, right, top, bottom, right - left + 1, bottom - top + 1


def is_uniform(values: np.ndarray, low: int, high: int) -> bool:
    """Whether these whole numbers are all there from low to high, each about as often as any other."""
    counts = np.bincount(values, minlength=high + 1)
    return len(counts) == high + 1 and counts[:low].sum() == 0 and chisquare(counts[low:]).pvalue > 1e-3


def frame(left: int, top: int, width: int, height: int) -> np.ndarray:
    """A rectangle as the published pictures have it: two pixels above and below, three at the sides."""
    picture = np.zeros((64, 64), bool)
    picture[top : top + height, left : left + width] = True
    picture[top + 2 : top + height - 2, left + 3 : left + width - 3] = False
    return picture


def test_rectangles_are_those_of_the_published_pictures() -> None:
    drawn = outlines("crt")["rectangle"]
    left, right, top, bottom, width, height = boxes(drawn)
    assert all((frame(*box) == picture).all() for *box, picture in zip(left, top, width, height, drawn, strict=True))
    assert is_uniform(width, 9, 35) and is_uniform(height, 9, 35)
    assert abs(np.corrcoef(width, height)[0, 1]) < 0.1
    for first, last, length in ((left, right, width), (top, bottom, height)):
        assert first.min() == 2 and last.max() == 61
        # Anywhere in the room there is, whatever the size.
        assert kstest((first - 2 + 0.5) / (61 - length), "uniform").pvalue > 1e-3


@pytest.mark.parametrize(("name", "across", "down"), [("square", 1, 1), ("lying", 1.5, 1), ("standing", 1, 1.5)])
def test_rectangles_of_r3_differ_by_the_ratio_of_their_sides(name: str, across: float, down: float) -> None:
    drawn = outlines("r3")[name]
    left, right, top, bottom, width, height = boxes(drawn)
    assert all((frame(*box) == picture).all() for *box, picture in zip(left, top, width, height, drawn, strict=True))
    # From middle to middle of its lines a side is three pixels shorter, and the ratio exact but for half a pixel.
    side = np.minimum(width, height) - 3
    assert is_uniform(side, 6, 32)
    assert (width - 3 == np.floor(across * side)).all() and (height - 3 == np.floor(down * side)).all()
    for first, last, length in ((left, right, width), (top, bottom, height)):
        assert first.min() == 2 and last.max() == 61
        assert kstest((first - 2 + 0.5) / (61 - length), "uniform").pvalue > 1e-3


# The smallest circle: libgd's, two pixels thick.
CIRCLE = [
    "...#######...",
    "..#########..",
    ".###....####.",
    "###......###.",
    "##........##.",
    "##........###",
    "##........###",
    "##........##.",
    "###.......##.",
    "####.....###.",
    ".##########..",
    "..########...",
    ".....##......",
]


def test_circles_are_those_of_the_published_pictures() -> None:
    drawn = outlines("crt")["circle"]
    left, right, top, bottom, width, height = boxes(drawn)
    assert (width == height).all() and (width % 2 == 1).all()
    radius = width // 2
    assert is_uniform(radius, 6, 26)
    for first, last in ((left, right), (top, bottom)):
        assert first.min() == 4 and last.max() == 60
        assert kstest((first - 4 + 0.5) / (58 - width), "uniform").pvalue > 1e-3
    small = np.flatnonzero(radius == 6)[0]
    rows = drawn[small, top[small] : bottom[small] + 1, left[small] : right[small] + 1]
    assert ["".join("#" if taken else "." for taken in row) for row in rows] == CIRCLE
    down, across = np.mgrid[:64, :64]
    for picture, x, y, r in zip(drawn, left + radius, top + radius, radius, strict=True):
        # The line lies half a pixel up and to the left: those that thicken it do.
        away = np.hypot(across - x + 0.5, down - y + 0.5)[picture]
        assert r - 2.2 < away.min() and away.max() < r + 0.8 and 2 < len(away) / (2 * np.pi * r) < 2.3


def test_triangles_are_those_of_the_published_pictures() -> None:
    """By their moments: the mean squared distance from the middle of an equilateral outline is side²/6."""
    drawn = outlines("crt")["triangle"]
    left, right, top, bottom, _, _ = boxes(drawn)
    assert left.min() == top.min() == 4 and right.max() == bottom.max() == 58
    points = [np.argwhere(picture) @ np.array([1j, 1]) for picture in drawn]
    middle = np.array([z.mean() for z in points])
    square, turn, cube = (
        np.array([f(z - z.mean()) for z in points])
        for f in (lambda z: (abs(z) ** 2).mean(), lambda z: abs((z**2).mean()), lambda z: (z**3).mean())
    )
    side = np.sqrt(6 * square)
    # Of the published 497: sides of 8.4, 15.5, 24.1, 31.6 and 40.3 pixels at these quantiles.
    assert np.allclose(np.quantile(side, [0.05, 0.25, 0.5, 0.75, 0.95]), [8.4, 15.5, 24.1, 31.6, 40.3], rtol=0.1)
    assert 5 < side.min() < 7 and 46 < side.max() < 50
    assert abs(middle.mean() - (33.2 + 30.9j)) < 0.6
    assert abs(middle.real.std() - 4.7) < 0.4 and abs(middle.imag.std() - 4.7) < 0.4
    # As long in every direction (published: 0.033), three corners (0.697), two pixels thick or a little less (5.33).
    assert abs(np.median(turn / square) - 0.033) < 0.01 and abs(np.median(abs(cube) / square**1.5) - 0.697) < 0.01
    assert abs(np.median(drawn.sum(axis=(1, 2)) / side) - 5.33) < 0.05
    assert chisquare(np.histogram(np.angle(cube), 12, (-np.pi, np.pi))[0]).pvalue > 1e-3


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
        # The first column of the published targets is the rectangles'.
        assert dataset.classes == ("rectangle", "circle", "triangle")
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
    with pytest.raises(ConfigError, match=said):
        load("shapes", tmp_path)


def test_a_shape_folder_that_lacks_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data.path: .* lacks one of r3-trn, r3-val, r3-trn_trg.csv"):
        load("shapes", tmp_path, kind="r3", path=str(tmp_path))


# --- pulses ---------------------------------------------------------------------------------------


def pulses_of(sequences: np.ndarray) -> Iterator[tuple[np.ndarray, list[tuple[int, int]]]]:
    """Each sequence, and where its pulses start and end."""
    for sequence in sequences[..., 0]:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], sequence > 0.25, [0]])))
        yield sequence, [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def test_pulses_are_those_of_the_published_sequences(tmp_path: Path) -> None:
    dataset = load("pulses", tmp_path)
    assert dataset.task == "regression" and dataset.outputs == 1 and dataset.classes == ()
    for split in (dataset.train, dataset.test):
        assert split.x.shape == split.y.shape == (500, 100, 1) and split.x.dtype == split.y.dtype == np.float32
    assert dataset.synthetic and "made by the project" in dataset.origin
    starts, counts, lengths, heights, waits, over = [], [], [], [], [], []
    inputs = np.concatenate([dataset.train.x, dataset.test.x])
    for sequence, places in pulses_of(inputs):
        counts.append(len(places))
        starts += [places[0][0]] if places else []
        whole = [(start, end) for start, end in places if end < 100]
        lengths += [end - start for start, end in whole]
        heights += [sequence[start:end].mean() for start, end in whole]
        # What is left of the wait after as many steps as the pulse had.
        waits += [after - 2 * end + start for (start, end), (after, _) in pairwise(places)]
        over += [3 * end - 2 * start for start, end in whole]
    # The published 1,000 sequences: 5.58 pulses each, of 3 steps (0.34 of them) or more, 4.90 on average, the first
    # after 7.94 steps, 7.25 more than its length after a pulse that another follows.
    assert abs(np.mean(counts) - 5.58) < 0.15
    assert (
        min(lengths) == 3 and abs(np.mean(lengths) - 4.90) < 0.12 and abs(np.mean(np.equal(lengths, 3)) - 0.34) < 0.03
    )
    assert min(starts) == 1 and abs(np.mean(starts) - 7.94) < 0.8
    assert min(waits) == 1 and abs(np.mean(waits) - 7.25) < 0.5
    assert kstest(heights, "uniform", args=(0.5, 0.5)).pvalue > 1e-3
    assert abs(np.corrcoef(lengths, heights)[0, 1]) < 0.05
    # In the last ten steps fewer (0.207 of the steps, 0.276 before): none is over, with its triangle, after step 114.
    assert max(over) == 114 and abs((inputs[:, -10:] > 0.25).mean() - 0.207) < 0.015
    assert abs((inputs[:, :-10] > 0.25).mean() - 0.276) < 0.01


def test_triangles_answer_pulses_and_add_up(tmp_path: Path) -> None:
    dataset = load("pulses", tmp_path, noise=0)
    sums = []
    for (sequence, places), triangles in zip(pulses_of(dataset.train.x), dataset.train.y[..., 0], strict=True):
        answer = np.zeros(300)
        for start, end in places:
            width, height = end - start, sequence[start]
            assert (sequence[start:end] == height).all()
            up = height * np.arange(1, width + 1) / width
            answer[end : end + width] += up
            answer[end + width : end + 2 * width - 1] += up[-2::-1]
        assert np.allclose(triangles, answer[:100], atol=1e-6)
        sums.append(triangles.max())
    assert max(sums) > 1.1  # where two overlap


def test_noise_lies_on_pulses_and_on_triangles(tmp_path: Path) -> None:
    for settings, reach in (({}, 0.01), ({"noise": 0.1}, 0.1)):
        split = load("pulses", tmp_path, **settings).train
        rest = np.array([sequence[:2] for sequence in split.x[..., 0] if sequence[:6].max() <= reach])
        other = np.array([triangle[:2] for triangle in split.y[..., 0]])
        for noise in (rest, other):
            assert (
                abs(noise).max() <= reach and kstest(noise.ravel(), "uniform", args=(-reach, 2 * reach)).pvalue > 1e-3
            )
            assert abs(np.corrcoef(noise.T)[0, 1]) < 0.2
        quiet = (split.x[:, :2, 0] <= reach).all(axis=1)
        assert abs(np.corrcoef(split.x[quiet, 0, 0], split.y[quiet, 0, 0])[0, 1]) < 0.2


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
    with pytest.raises(ConfigError, match=r"pulsedata1-val.npy has shape \(7, 100\), not \(2, sequences, steps\)"):
        load("pulses", tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"data.path: .*empty is not a folder with pulsedata1-trn.npy"):
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
    with pytest.raises(ConfigError, match=r"has no test_batch_short: put it there, or correct data.test_file"):
        load("cifar10", tmp_path, test_file="test_batch_short")
    with pytest.raises(ConfigError, match=r"data.batches: .* has 2 of the first 4"):
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
    with pytest.raises(ConfigError, match=said) as told:
        load("cifar10", tmp_path)
    assert "data_batch_2" in str(told.value)


def test_batches_truncated_or_with_code(tmp_path: Path) -> None:
    folder = write_cifar(tmp_path)
    whole = (folder / "test_batch").read_bytes()
    (folder / "test_batch").write_bytes(whole[:-100])
    with pytest.raises(ConfigError, match=r"test_batch is truncated, corrupt or not a pickle"):
        load("cifar10", tmp_path)
    mark = tmp_path / "ran"
    (folder / "test_batch").write_bytes(pickle.dumps({"data": Evil(mark), "labels": []}, protocol=2))
    with pytest.raises(ConfigError, match=r"test_batch is refused"):
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
    with pytest.raises(ConfigError, match=r"cifar10: .*put data_batch_1 to data_batch_5 and test_batch in .*cifar10"):
        load("cifar10", tmp_path)
    with pytest.raises(ConfigError, match=r"data.path: .* has no data_batch_1"):
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
    with pytest.raises(ConfigError, match=r"data.per_class: .* has 3 pictures, not 4"):
        load("cifar10_gray", tmp_path, per_class=4, test_per_class=None)


def test_a_broken_grey_tree(tmp_path: Path) -> None:
    tree = gray_tree(tmp_path / "CIFAR10")
    settings = {"per_class": None, "test_per_class": None}
    write_png(tree / "Test" / "4" / "Image00001.png", np.zeros((32, 32)))
    with pytest.raises(ConfigError, match=r"Image00001.png is 32x32 pixels but .* 28x28"):
        load("cifar10_gray", tmp_path, **settings)
    (tree / "Test" / "4" / "Image00001.png").write_bytes((tree / "Test" / "4" / "Image00002.png").read_bytes()[:40])
    with pytest.raises(ConfigError, match=r"Image00001.png is truncated, corrupt or no picture"):
        load("cifar10_gray", tmp_path, **settings)
    for file in (tree / "Test" / "4").iterdir():
        file.unlink()
    with pytest.raises(ConfigError, match=r"Test/4 is missing or has no PNG files"):
        load("cifar10_gray", tmp_path, **settings)


def test_grey_cifar10_made_from_the_colour_one(tmp_path: Path) -> None:
    write_cifar(tmp_path / "cifar10", test="test_batch_trim")
    dataset = load("cifar10_gray", tmp_path, per_class=3, test_per_class=2)
    assert dataset.train.x.shape == (30, 28, 28, 1) and dataset.test.x.shape == (20, 28, 28, 1)
    number = np.concatenate([np.arange(20), np.arange(20)])[:30]
    grey = (0.299 * number + 0.587 * 100 + 0.114 * 200) / 255
    assert np.allclose(dataset.train.x[:, 9, 9, 0], grey, atol=1e-6)
    assert (np.bincount(dataset.train.y) == 3).all() and "in grey, cropped to 28x28" in dataset.origin
    with pytest.raises(ConfigError, match=r"data.per_class: the CIFAR-10 files have only 4 pictures"):
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
    assert same.validates_on_test and same.test.x.tolist() == [[2, 9, 10, 12]]


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
    with pytest.raises(ConfigError, match=said) as told:
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
    with pytest.raises(ConfigError, match=r"data.path: .* is not a folder with train_medium.csv and test_medium.csv"):
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
    with pytest.raises(ConfigError, match=r"own has 1 folders of pictures"):
        load("image_folder", tmp_path, path=str(own))
    (own / "dog").mkdir()
    with pytest.raises(ConfigError, match=r"dog has no pictures"):
        load("image_folder", tmp_path, path=str(own))
    write_png(own / "dog" / "1.png", np.zeros((6, 5)))
    with pytest.raises(ConfigError, match=r"1.png is 6x5 pixels but .* 5x5"):
        load("image_folder", tmp_path, path=str(own))
    with pytest.raises(ConfigError, match=r"a class in .* has one picture"):
        load("image_folder", tmp_path, path=str(own), size=[5, 5])
    np.save(own / "dog" / "1.npy", np.zeros(3))
    (own / "dog" / "1.npy").rename(own / "dog" / "2.png")
    with pytest.raises(ConfigError, match=r"2.png is truncated, corrupt or no picture"):
        load("image_folder", tmp_path, path=str(own), size=[5, 5])
    with pytest.raises(ConfigError, match=r"1.png is not a folder"):
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
    with pytest.raises(ConfigError, match=r"data.task: .* has classes up to 3: a binary task has 0 and 1"):
        task(np.arange(20) % 4, task="binary")
    with pytest.raises(ConfigError, match=r"neither whole numbers from 0 nor one-hot"):
        task(np.linspace(0, 1, 20), task="multiclass")
    with pytest.raises(ConfigError, match=r"data.classes: the targets"):
        task(np.linspace(0, 1, 20), classes=[0, 1])
    with pytest.raises(ConfigError, match=r"data.time_axis: 2 is not an axis"):
        task(Y, time_axis=2)


@pytest.mark.parametrize("task", ["auto", "multiclass"])
def test_large_whole_numbers_are_not_taken_for_classes(tmp_path: Path, task: str) -> None:
    path, x = tmp_path / "prices.npz", np.random.default_rng(0).random((40, 3))
    np.savez(path, x=x, y=np.linspace(100_000, 2_000_000_000, 40).astype(np.int64))
    with pytest.raises(ConfigError, match=r"up to 2,000,000,000, but there are 40 examples: set data\.task=regression"):
        load("arrays", tmp_path, path=str(path), task=task)
    assert load("arrays", tmp_path, path=str(path), task="regression").train.y.max() > 1e9


def test_unfit_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=X)
    with pytest.raises(ConfigError, match=r"a.npz holds images, neither x_train, .* nor x and y"):
        load("arrays", tmp_path, path=str(tmp_path / "a.npz"))
    np.savez(tmp_path / "a.npz", x=np.array(["a", "b"]), y=Y[:2])
    with pytest.raises(ConfigError, match=r"x is not an array of numbers"):
        load("arrays", tmp_path, path=str(tmp_path / "a.npz"))
    np.savez(tmp_path / "a.npz", x=X[:, 0], y=Y)
    with pytest.raises(ConfigError, match=r"x has shape \(20,\)"):
        load("arrays", tmp_path, path=str(tmp_path / "a.npz"))
    np.savez(tmp_path / "a.npz", x=X[:3], y=np.arange(3))
    with pytest.raises(ConfigError, match=r"a class has one example"):
        load("arrays", tmp_path, path=str(tmp_path / "a.npz"))
    np.save(tmp_path / "one.npy", X)
    with pytest.raises(ConfigError, match=r"one.npy is one array; put y beside it"):
        load("arrays", tmp_path, path=str(tmp_path / "one.npy"))
    write_png(tmp_path / "picture.png", np.zeros((4, 4)))
    (tmp_path / "picture.png").rename(tmp_path / "picture.npy")
    with pytest.raises(ConfigError, match=r"picture.npy is truncated, corrupt or not a .npy file"):
        load("arrays", tmp_path, path=str(tmp_path / "picture.npy"))
    mark = tmp_path / "ran"
    np.save(tmp_path / "evil.npy", {"x": X, "y": Evil(mark)}, allow_pickle=True)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"evil.npy is refused"):
        load("arrays", tmp_path, path=str(tmp_path / "evil.npy"))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("source", "write", "below", "settings"),
    [
        ("shapes", lambda folder: shape_folder(folder), "shapes", {"train_size": 9, "test_size": 6}),
        ("pulses", pulse_files, "pulses", {"train_size": 9, "test_size": 6}),
        ("radioml", recorded, "radioml", {"vectors_per_cell": 10, "snrs": [10], "classes": ["BPSK", "QPSK"]}),
        ("dbpedia", lambda folder: write_csv(folder, TRAIN, TEST), "dbpedia", {}),
    ],
)
def test_data_are_generated_though_the_files_are_there_where_that_is_asked_for(
    tmp_path: Path, source: str, write: Any, below: str, settings: dict[str, Any]
) -> None:
    place = write(tmp_path / below)
    assert not load(source, tmp_path, **settings).synthetic
    made = load(source, tmp_path, generate=True, **settings)
    assert made.synthetic and made.folder is None and "not there" not in made.origin
    assert fingerprint(made) == fingerprint(load(source, tmp_path / "nowhere", **settings))
    with pytest.raises(ConfigError, match=r"data\.generate: nothing is generated where data\.path"):
        load(source, tmp_path, generate=True, path=str(place), **settings)
