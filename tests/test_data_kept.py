"""Data sets that are kept for the next job: only as long as they are what reading them again would give."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_files import config, write_idx, write_png

from cldnn_lab import data
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data import kept
from cldnn_lab.data.dataset import Dataset


def load(source: str, root: Path, **settings: Any) -> Dataset:
    return kept.load(config(source, **settings), root)[0]


def test_the_same_data_set_is_read_once_and_cannot_be_changed(tmp_path: Path) -> None:
    write_idx(tmp_path / "mnist")
    first, fingerprint = kept.load(config("idx", validation=0.2), tmp_path)
    second, again = kept.load(config("idx", validation=0.2), tmp_path)
    assert second is first and fingerprint == again == data.fingerprint(first)
    for split in (first.train, first.validation, first.test):
        for array in (split.x, split.y):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0
    assert load("idx", tmp_path, train_limit=20) is not first
    assert load("idx", tmp_path, validation=0.2) is first  # several are kept


def test_tags_cannot_be_changed_either(tmp_path: Path) -> None:
    snr = load("radioml", tmp_path, vectors_per_cell=4).train.tags["snr"]
    assert not snr.flags.writeable


def write_again(path: Path) -> None:
    """Write what is there, with the same size and time."""
    content, about = bytearray(path.read_bytes()), path.stat()
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def test_files_that_changed_are_read_again(tmp_path: Path) -> None:
    folder = write_idx(tmp_path / "mnist")
    before = load("idx", tmp_path)
    write_again(folder / "train-images-idx3-ubyte")
    after = load("idx", tmp_path)
    assert not np.array_equal(before.train.x, after.train.x)
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(ConfigError):
        load("idx", tmp_path, path=str(folder))


def test_files_that_come_first_now_are_read(tmp_path: Path) -> None:
    write_idx(tmp_path / "mnist")
    assert len(load("idx", tmp_path).train) == 60
    write_idx(tmp_path, train=40)  # which is looked at before its folders are
    assert len(load("idx", tmp_path).train) == 40


def test_arrays_beside_the_file_that_was_named_count(tmp_path: Path) -> None:
    for name, array in (("x", np.arange(40.0).reshape(20, 2)), ("y", np.arange(20) % 2)):
        np.save(tmp_path / f"{name}.npy", array)
    path = str(tmp_path / "x.npy")
    before = load("arrays", tmp_path, path=path)
    assert load("arrays", tmp_path, path=path) is before
    np.save(tmp_path / "y.npy", np.arange(20) % 4)
    assert len(load("arrays", tmp_path, path=path).classes) == 4


def test_a_picture_more_in_a_folder_counts(tmp_path: Path) -> None:
    def add(name: str) -> None:
        for folder in ("cats", "dogs"):
            write_png(tmp_path / "pets" / folder / name, np.full((6, 6), 90))

    for number in range(5):
        add(f"{number}.png")
    before = load("image_folder", tmp_path, path=str(tmp_path / "pets"))
    assert load("image_folder", tmp_path, path=str(tmp_path / "pets")) is before
    add("5.png")
    after = load("image_folder", tmp_path, path=str(tmp_path / "pets"))
    assert len(after.train) + len(after.test) == 2 + len(before.train) + len(before.test)


def test_no_more_is_kept_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [load("random", tmp_path, seed=seed, train_size=50, test_size=10) for seed in (1, 2)]
    monkeypatch.setattr(kept, "LIMIT", 2 * made[0].nbytes)
    third = load("random", tmp_path, seed=3, train_size=50, test_size=10)
    assert load("random", tmp_path, seed=3, train_size=50, test_size=10) is third
    assert load("random", tmp_path, seed=2, train_size=50, test_size=10) is made[1]
    assert load("random", tmp_path, seed=1, train_size=50, test_size=10) is not made[0]
    monkeypatch.setattr(kept, "LIMIT", made[0].nbytes - 1)
    assert load("random", tmp_path, seed=1, train_size=50, test_size=10) is not load(
        "random", tmp_path, seed=1, train_size=50, test_size=10
    )
