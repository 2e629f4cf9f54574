"""Files that are whole or absent."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import numpy as np
import pytest

from cldnn_lab.storage import atomic


@pytest.mark.parametrize("before", [None, "old"])
def test_a_file_is_written_and_nothing_else(tmp_path: Path, before: str | None) -> None:
    path = tmp_path / "metrics.json"
    if before is not None:
        path.write_text(before)
    assert atomic.write(path, lambda beside: beside.write_text("new")) == path
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"metrics.json": "new"}


@pytest.mark.parametrize(
    "reason", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), ValueError()]
)
@pytest.mark.parametrize("before", [None, "old"])
def test_a_failure_halfway_leaves_what_was_there(tmp_path: Path, before: str | None, reason: BaseException) -> None:
    path = tmp_path / "metrics.json"
    if before is not None:
        path.write_text(before)

    def fail(beside: Path) -> None:
        beside.write_text("ne")
        raise reason

    with pytest.raises(type(reason)):
        atomic.write(path, fail)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == ({"metrics.json": before} if before else {})


def test_no_room_for_the_file_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    atomic.write(path, lambda beside: np.savez(beside, x=np.arange(3)))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))  # bytes that any one file may have
    try:
        with pytest.raises(OSError):
            atomic.write(path, lambda beside: np.savez(beside, x=np.zeros(100_000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(tmp_path) == ["weights.npz"] and np.load(path)["x"].tolist() == [0, 1, 2]


def test_it_reaches_the_disk_before_it_takes_its_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, rename = os.fsync, os.replace

    def record_sync(descriptor: int) -> None:
        sync(descriptor)
        done.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")

    def record_rename(old: Path, new: Path) -> None:
        rename(old, new)
        done.append("name")

    monkeypatch.setattr(os, "fsync", record_sync)
    monkeypatch.setattr(os, "replace", record_rename)
    atomic.write(tmp_path / "a.txt", lambda beside: beside.write_text("a"))
    assert done == ["file", "name", "folder"]


def test_what_a_killed_program_left_is_found_by_the_files_name(tmp_path: Path) -> None:
    left: list[Path] = []

    def look(beside: Path) -> None:
        beside.write_text("half")
        left.extend(atomic.list_partial(tmp_path / "a[1].png"))
        assert beside.suffix == ".png"

    atomic.write(tmp_path / "a[1].png", look)
    assert len(left) == 1 and not list(atomic.list_partial(tmp_path / "a[1].png"))
