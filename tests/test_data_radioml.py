"""RadioML: the four formats, what is kept of them, scaling, layout, and the generator in their absence."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from data_files import Evil, load, radioml_cells

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.radioml.selection import RML2016_CLASSES, RML2018_CLASSES

A = (*RML2016_CLASSES, "AM-SSB")
SNRS = tuple(range(-20, 20, 2))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def write_pickle(path: Path, content: Any = None) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(radioml_cells(A, SNRS) if content is None else content, protocol=2))
    return str(path)


def write_hdf5(path: Path, *, per_cell: int = 5, snrs: tuple[int, ...] = (0, 10, 20), shuffled: bool = False) -> str:
    """In blocks by class, then SNR, as published; the I of vector ``i`` is ``i + 1`` and its Q is 0."""
    label, snr = (
        grid.reshape(-1)
        for grid in np.broadcast_arrays(np.arange(24)[:, None, None], np.array(snrs)[:, None], np.zeros(per_cell, int))[
            :2
        ]
    )
    if shuffled:
        order = np.random.default_rng(0).permutation(len(label))
        label, snr = label[order], snr[order]
    x = np.zeros((len(label), 1024, 2), np.float32)
    x[..., 0] = np.arange(len(label))[:, None] + 1
    with h5py.File(path, "w") as file:
        file["X"], file["Y"], file["Z"] = x, np.eye(24, dtype=np.int64)[label], snr[:, None]
    return str(path)


def write_npy(folder: Path, x: np.ndarray, y: np.ndarray, test: int = 20) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in {"X_train": x, "Y_train": y, "X_test": x[:test], "Y_test": y[:test]}.items():
        np.save(folder / f"{name}.npy", array)
    return str(folder)


# --- 2016.10a and 10b -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place", ["RML2016.10a_dict.pkl", "radioml/RML2016.10b.dat", "RML2016.10a/RML2016.10a_dict.pkl"]
)
def test_pickles_are_found_under_the_data_root(tmp_path: Path, place: str) -> None:
    write_pickle(tmp_path / place)
    dataset = load("radioml", tmp_path)
    # Ten classes and the five SNRs from 10 dB, ten vectors each, a fifth of them to test on.
    assert dataset.train.x.shape == (400, 2, 128, 1) and dataset.test.x.shape == (100, 2, 128, 1)
    assert dataset.classes == RML2016_CLASSES and not dataset.synthetic and Path(place).name in dataset.origin
    assert dataset.train.x.dtype == np.float32 and dataset.train.x.flags.c_contiguous


def test_the_split_is_the_same_share_of_every_class_and_snr(tmp_path: Path) -> None:
    path = write_pickle(tmp_path / "a.pkl")
    dataset = load("radioml", tmp_path, path=path, test_fraction=0.3)
    for split, count in ((dataset.train, 7), (dataset.test, 3)):
        cells, counts = np.unique(np.stack([split.y, split.tags["snr"]]), axis=1, return_counts=True)
        assert cells.shape[1] == 50 and (counts == count).all()
    # Each vector of the file is in one of them, once.
    both = np.concatenate([dataset.train.x, dataset.test.x]).reshape(500, -1)
    assert len(np.unique(both, axis=0)) == 500
    again = load("radioml", tmp_path, path=path, test_fraction=0.3)
    assert (again.test.x == dataset.test.x).all()
    other = load("radioml", tmp_path, path=path, test_fraction=0.3, split_seed=5)
    assert (other.test.x != dataset.test.x).any()


def test_vectors_keep_their_class_and_snr(tmp_path: Path) -> None:
    cells = radioml_cells(A, SNRS)
    dataset = load(
        "radioml", tmp_path, path=write_pickle(tmp_path / "a.pkl", cells), scaling="none", classes=["QPSK", "AM-SSB"]
    )
    assert dataset.classes == ("QPSK", "AM-SSB") and dataset.train.tags["snr"].dtype == np.int32
    for x, label, snr in zip(dataset.train.x, dataset.train.y, dataset.train.tags["snr"], strict=True):
        assert (cells[dataset.classes[label], snr] == x[..., 0]).all(axis=(1, 2)).any()


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, {10, 12, 14, 16, 18}),
        ({"snr_min": None}, set(SNRS)),
        ({"snr_min": -4, "snr_max": 2}, {-4, -2, 0, 2}),
        ({"snrs": [-20, 6]}, {-20, 6}),
    ],
)
def test_snr_selection(tmp_path: Path, settings: dict, kept: set[int]) -> None:
    dataset = load("radioml", tmp_path, path=write_pickle(tmp_path / "a.pkl"), **settings)
    assert set(dataset.train.tags["snr"]) == set(dataset.test.tags["snr"]) == kept


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"snrs": [3, 4]}, r"data.snrs: a.pkl has no vectors at 3 dB; it has -20, -18,"),
        ({"snr_min": 19}, r"data.snr_min: no SNR of a.pkl is in 19 to inf dB; it has -20,"),
        ({"classes": ["OOK", "BPSK"]}, r"data.classes: a.pkl has no class 'OOK': .*Known: 8PSK, AM-DSB, AM-SSB"),
        ({"classes": ["BPSK", 11]}, r"data.classes: a.pkl has no class 11"),
        ({"classes": ["BPSK"]}, "name two or more"),
    ],
)
def test_what_the_file_does_not_have(tmp_path: Path, settings: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load("radioml", tmp_path, path=write_pickle(tmp_path / "a.pkl"), **settings)


@pytest.mark.parametrize(
    "content",
    [
        [1, 2, 3],
        {},
        {"QPSK": np.zeros((3, 2, 128), np.float32)},
        {("QPSK", 2): np.zeros((3, 128, 2), np.float32)},
        {("QPSK", 2): "text"},
        {("QPSK", 2): np.zeros((3, 2, 128), np.float32), ("BPSK", "high"): np.zeros((3, 2, 128), np.float32)},
    ],
)
def test_pickles_of_something_else(tmp_path: Path, content: Any) -> None:
    with pytest.raises(ConfigError, match=r"a.pkl is no RadioML 2016 file"):
        load("radioml", tmp_path, path=write_pickle(tmp_path / "a.pkl", content))


def test_a_missing_cell_a_cell_too_small_and_vectors_of_two_lengths(tmp_path: Path) -> None:
    cells = radioml_cells(A, SNRS)
    del cells["QPSK", 12]
    with pytest.raises(ConfigError, match=r"has no QPSK at 12 dB"):
        load("radioml", tmp_path, path=write_pickle(tmp_path / "a.pkl", cells))
    cells["QPSK", 12] = cells["QPSK", 10][:1]
    with pytest.raises(ConfigError, match=r"has 1 vectors of one class at 12 dB"):
        load("radioml", tmp_path, path=write_pickle(tmp_path / "a.pkl", cells))
    cells["QPSK", 12] = cells["QPSK", 10][..., :100]
    with pytest.raises(ConfigError, match=r"different lengths, 100 and 128"):
        load("radioml", tmp_path, path=write_pickle(tmp_path / "a.pkl", cells))


def test_a_pickle_with_code_and_a_truncated_one(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    with pytest.raises(ConfigError, match=r"is refused"):
        load("radioml", tmp_path, path=write_pickle(tmp_path / "a.pkl", {("QPSK", 2): Evil(mark)}))
    assert not mark.exists()
    path = tmp_path / "RML2016.10a_dict.pkl"
    write_pickle(path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ConfigError, match=r"RML2016.10a_dict.pkl is truncated, corrupt"):
        load("radioml", tmp_path)


# --- scaling and layout ---------------------------------------------------------------------------


@pytest.mark.parametrize("scaling", ["none", "magnitude", "power", "peak"])
def test_scaling_is_per_vector(tmp_path: Path, scaling: str) -> None:
    dataset = load("radioml", tmp_path, path=write_pickle(tmp_path / "a.pkl"), scaling=scaling)
    size = np.hypot(dataset.train.x[:, 0, :, 0], dataset.train.x[:, 1, :, 0])
    measured = {
        "none": size.mean(axis=1) * 128,
        "magnitude": size.mean(axis=1),
        "power": np.square(size).mean(axis=1),
        "peak": size.max(axis=1),
    }[scaling]
    assert np.allclose(measured, 1, rtol=0.6 if scaling == "none" else 1e-5)


def test_a_silent_vector_stays_silent(tmp_path: Path) -> None:
    cells = radioml_cells(A, (10, 12))
    cells["QPSK", 10][:] = 0
    for scaling in ("magnitude", "power", "peak"):
        dataset = load("radioml", tmp_path, path=write_pickle(tmp_path / "a.pkl", cells), scaling=scaling)
        assert (dataset.train.x == 0).all(axis=(1, 2, 3)).sum() == 8


def test_a_recurrent_model_reads_128_steps_of_two(tmp_path: Path) -> None:
    path = write_pickle(tmp_path / "a.pkl")
    image, sequence = (load("radioml", tmp_path, path=path, prefers=prefers) for prefers in ("image", "sequence"))
    assert sequence.input_shape == (128, 2) and sequence.train.x.flags.c_contiguous
    assert (np.moveaxis(image.train.x[..., 0], 1, 2) == sequence.train.x).all()
    assert load("radioml", tmp_path, path=path, layout="sequence", prefers="image").input_shape == (128, 2)


def test_limits_are_even_over_classes_and_snrs(tmp_path: Path) -> None:
    dataset = load("radioml", tmp_path, path=write_pickle(tmp_path / "a.pkl"), train_limit=100, test_limit=20)
    assert (np.bincount(dataset.train.y) == 10).all() and (np.bincount(dataset.test.y) == 2).all()
    assert (np.unique(dataset.train.tags["snr"], return_counts=True)[1] == 20).all()
    assert len(load("radioml", tmp_path, path=str(tmp_path / "a.pkl"), train_limit=77).train) == 77


# --- 2018.01A -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shuffled", [False, True], ids=["blocks", "shuffled"])
def test_hdf5(tmp_path: Path, shuffled: bool) -> None:
    path = write_hdf5(tmp_path / "GOLD_XYZ_OSC.0001_1024.hdf5", shuffled=shuffled)
    dataset = load("radioml", tmp_path, scaling="none")
    assert dataset.train.x.shape == (24 * 2 * 4, 2, 1024, 1) and dataset.classes == RML2018_CLASSES
    assert dataset.origin == Path(path).name and dataset.folder == tmp_path
    assert not dataset.synthetic and set(dataset.train.tags["snr"]) == {10, 20}
    with h5py.File(path) as file:
        for split in (dataset.train, dataset.test):
            row = split.x[:, 0, 0, 0].astype(int) - 1
            assert (file["Y"][:].argmax(axis=1)[row] == split.y).all()
            assert (file["Z"][:, 0][row] == split.tags["snr"]).all()
    assert not set(dataset.train.x[:, 0, 0, 0]) & set(dataset.test.x[:, 0, 0, 0])
    some = load("radioml", tmp_path, path=path, classes=["FM", "OOK"], snrs=[0], train_limit=3)
    assert some.classes == ("FM", "OOK") and len(some.train) == 3 and len(some.test) == 2


def test_hdf5_reads_no_more_than_it_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_hdf5(tmp_path / "big.hdf5", per_cell=40)
    read = []
    plain = h5py.Dataset.__getitem__

    def counted(self: h5py.Dataset, *args: Any) -> Any:
        rows = plain(self, *args)
        if self.name == "/X":
            read.append(len(rows))
        return rows

    monkeypatch.setattr(h5py.Dataset, "__getitem__", counted)
    load("radioml", tmp_path, path=path, classes=[0, 1], snrs=[10])
    # Two cells of forty, once for each of training and test, and a look at the first.
    assert sum(read) <= 4 * 40 + 40


def test_broken_hdf5(tmp_path: Path) -> None:
    path = Path(write_hdf5(tmp_path / "a.hdf5"))
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"\x89PNG" + whole[4:]):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=r"a.hdf5 is truncated, corrupt or not HDF5"):
            load("radioml", tmp_path, path=str(path))


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"X": np.zeros((4, 1024, 2))}, "lacks the data sets X, Y and Z"),
        ({"X": np.zeros((4, 1024)), "Y": np.eye(4), "Z": np.zeros((4, 1))}, "must be"),
        ({"X": np.zeros((4, 1024, 2)), "Y": np.eye(4)[:3], "Z": np.zeros((4, 1))}, "must be"),
        ({"X": np.zeros((4, 1024, 2)), "Y": np.ones((4, 4)), "Z": np.zeros((4, 1))}, "not one-hot"),
    ],
)
def test_hdf5_of_something_else(tmp_path: Path, arrays: dict, said: str) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    with pytest.raises(ConfigError, match=said):
        load("radioml", tmp_path, path=str(path))


# --- the four .npy files of report 000 ------------------------------------------------------------


@pytest.mark.parametrize("shape", ["(N, 2, 128)", "(N, 2, 128, 1)", "(N, 128, 2)"])
@pytest.mark.parametrize("labels", ["integer", "column", "float", "one-hot"])
def test_npy_files_in_every_shape(tmp_path: Path, shape: str, labels: str) -> None:
    x = np.random.default_rng(0).standard_normal((50, 2, 128))
    y = np.arange(50) % 10
    stored = {"(N, 2, 128)": x, "(N, 2, 128, 1)": x[..., None], "(N, 128, 2)": np.moveaxis(x, 1, 2)}[shape]
    named = {"integer": y, "column": y[:, None], "float": y.astype(float), "one-hot": np.eye(10)[y]}[labels]
    write_npy(tmp_path / "radioml", stored, named)
    dataset = load("radioml", tmp_path, scaling="none")
    assert np.allclose(dataset.train.x[..., 0], x) and dataset.train.x.dtype == np.float32
    assert dataset.train.y.tolist() == y.tolist() and dataset.test.x.shape == (20, 2, 128, 1)
    assert dataset.outputs == 10 and "snr" not in dataset.train.tags and "without SNRs" in dataset.origin


def test_npy_files_by_path_and_class(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).standard_normal((50, 2, 128)), np.arange(50) % 10
    folder = write_npy(tmp_path / "mine", x, y)
    for path in (folder, f"{folder}/X_train.npy"):
        dataset = load("radioml", tmp_path, path=path, classes=[7, 3], scaling="none")
        assert np.allclose(dataset.train.x[..., 0], x[np.isin(y, (3, 7))])
        assert dataset.classes == ("7", "3") and dataset.train.y[:2].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"Y_train.npy": np.arange(49) % 10}, r"X_train.npy holds 50 vectors but .*Y_train.npy 49 labels"),
        ({"Y_test.npy": np.full((20, 10), 0.1)}, r"Y_test.npy: its rows are not one-hot"),
        ({"Y_test.npy": np.full(20, 0.5)}, r"Y_test.npy: labels .* neither whole numbers"),
        ({"Y_test.npy": np.full(20, -1)}, r"Y_test.npy: labels .* neither whole numbers"),
        ({"X_test.npy": np.zeros((20, 3, 128))}, r"X_test.npy has shape \(20, 3, 128\), not \(N, 2, length\)"),
        ({"X_train.npy": np.full((50, 2, 128), np.nan)}, "holds NaN or infinity in x"),
        ({"X_test.npy": np.zeros((20, 2, 100))}, "must agree"),
    ],
)
def test_npy_files_that_do_not_fit(tmp_path: Path, change: dict, said: str) -> None:
    folder = write_npy(tmp_path / "mine", np.ones((50, 2, 128)), np.arange(50) % 10)
    for name, array in change.items():
        np.save(Path(folder) / name, array)
    with pytest.raises(ConfigError, match=said):
        load("radioml", tmp_path, path=folder)


def test_npy_files_know_no_snr(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_npy(tmp_path / "mine", np.ones((50, 2, 128)), np.arange(50) % 10)
    load("radioml", tmp_path, path=folder, snr_min=10)
    assert "data.snr_min and snr_max do not apply" in caplog.text
    caplog.clear()
    load("radioml", tmp_path, path=folder, snr_min=None)
    assert not caplog.text
    with pytest.raises(ConfigError, match=r"data.snrs: .* do not say the SNR"):
        load("radioml", tmp_path, path=folder, snrs=[10])


# --- paths, and the generator ---------------------------------------------------------------------


def test_a_path_that_is_not_there_is_never_replaced_by_the_generator(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data.path: there is no .*nowhere.pkl"):
        load("radioml", tmp_path, path="nowhere.pkl")
    with pytest.raises(ConfigError, match=r"has none of RML2016.10b.dat"):
        load("radioml", tmp_path, path=str(tmp_path))
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ConfigError, match=r"picture.png is truncated, corrupt or not a pickle"):
        load("radioml", tmp_path, path=str(tmp_path / "picture.png"))


def test_without_files_vectors_are_generated_and_said_to_be(tmp_path: Path) -> None:
    dataset = load("radioml", tmp_path, vectors_per_cell=10)
    assert dataset.train.x.shape == (400, 2, 128, 1) and dataset.test.x.shape == (100, 2, 128, 1)
    assert dataset.synthetic and dataset.origin.startswith("synthetic, generated by the recipe rml2016")
    assert dataset.classes == RML2016_CLASSES and set(dataset.train.tags["snr"]) == {10, 12, 14, 16, 18}
    again = load("radioml", tmp_path, vectors_per_cell=10)
    assert (again.train.x == dataset.train.x).all()
    other = load("radioml", tmp_path, vectors_per_cell=10, generator_seed=1)
    assert (other.train.x != dataset.train.x).any()


@pytest.mark.parametrize("validation", ["test", 0.1])
def test_no_capture_is_in_two_of_the_generated_sets(tmp_path: Path, validation: str | float) -> None:
    dataset = load("radioml", tmp_path, vectors_per_cell=300, classes=["QPSK", "BPSK"], validation=validation)
    splits = [dataset.train, dataset.test] + ([] if validation == "test" else [dataset.validation])
    used = [set(split.tags["capture"]) for split in splits]
    assert sum(map(len, used)) == len(set.union(*used))
    # The tag is true: of one capture, bits XORed with each other repeat, and all vectors are of one class and SNR.
    for split in splits:
        cells = {(c, y, s) for c, y, s in zip(split.tags["capture"], split.y, split.tags["snr"], strict=True)}
        assert len(cells) == len({c for c, _, _ in cells})
    if validation != "test":
        assert len(dataset.validation) == pytest.approx(0.1 * 2400, abs=25)
        assert len(dataset.train) + len(dataset.validation) == 2400


def test_generated_vectors_can_be_split_at_random_as_papers_do(tmp_path: Path) -> None:
    dataset = load("radioml", tmp_path, vectors_per_cell=100, classes=["QPSK", "BPSK"], split="vector")
    assert (len(dataset.train), len(dataset.test)) == (800, 200)
    shared = np.isin(dataset.test.tags["capture"], dataset.train.tags["capture"])
    assert shared.mean() > 0.95


def test_files_do_not_say_the_capture(tmp_path: Path) -> None:
    path = write_pickle(tmp_path / "a.pkl")
    with pytest.raises(ConfigError, match=r"data.split: .*a.pkl does not say which vectors .* leave it auto"):
        load("radioml", tmp_path, path=path, split="capture")
    assert len(load("radioml", tmp_path, path=path, split="vector").test) == 100


def test_what_is_held_out_is_the_same_share_of_every_class_and_snr(tmp_path: Path) -> None:
    path = write_pickle(tmp_path / "a.pkl", radioml_cells(A, SNRS, 50))
    dataset = load("radioml", tmp_path, path=path, snr_min=None, validation=0.25)
    _, counts = np.unique(np.stack([dataset.validation.y, dataset.validation.tags["snr"]]), axis=1, return_counts=True)
    assert len(counts) == 10 * 20 and set(counts) <= {9, 10, 11} and counts.sum() == 2000


def test_any_snr_and_am_ssb_can_be_generated(tmp_path: Path) -> None:
    dataset = load("radioml", tmp_path, vectors_per_cell=10, snrs=[-3, 7.5], classes=["AM-SSB", "BPSK"], recipe="clean")
    assert dataset.classes == ("AM-SSB", "BPSK") and set(dataset.test.tags["snr"]) == {-3.0, 7.5}
    assert "recipe clean" in dataset.origin
    with pytest.raises(ConfigError, match=r"the generator has no class 'OOK'"):
        load("radioml", tmp_path, classes=["OOK", "BPSK"])


def test_a_single_quirk_can_be_turned(tmp_path: Path) -> None:
    settings = {"vectors_per_cell": 10, "classes": ["QAM16", "BPSK"]}
    plain = load("radioml", tmp_path, **settings)
    turned = load("radioml", tmp_path, quirks={"one_channel": False, "noise_pool": None}, **settings)
    assert "rml2016, one_channel off" in turned.origin and not np.allclose(turned.train.x, plain.train.x)
    with pytest.raises(ConfigError, match=r"data.quirks.one_chanel: unknown key; did you mean one_channel"):
        load("radioml", tmp_path, quirks={"one_chanel": False})


def test_the_generators_labels_are_right(tmp_path: Path) -> None:
    """GFSK keeps its envelope and QAM64 has many: at high SNR the two cannot be confused."""
    dataset = load(
        "radioml",
        tmp_path,
        vectors_per_cell=40,
        snrs=[30],
        recipe="clean",
        classes=["QAM64", "GFSK"],
        scaling="magnitude",
    )
    envelope = np.hypot(dataset.train.x[:, 0, :, 0], dataset.train.x[:, 1, :, 0]).std(axis=1)
    of_qam, of_gfsk = (np.median(envelope[dataset.train.y == label]) for label in (0, 1))
    assert of_gfsk < 0.5 * of_qam
