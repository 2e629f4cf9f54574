"""Pickles and object arrays are data: what they may hold, and what is refused."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from data_files import Evil

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data import safe_pickle
from cldnn_lab.data.safe_pickle import load_archive, load_array, load_pickle


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_and_containers_come_back(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "data.pkl"
    content = {
        ("QPSK", 2): np.arange(6, dtype=np.float32).reshape(2, 3),
        "columns first": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "objects": np.array([np.zeros(2), "text", None], dtype=object),
        "number": np.float64(3),
        "bytes": b"\x00\xff",
        "list": [1, (2.5, None, True)],
    }
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    read = load_pickle(path)
    assert (read[("QPSK", 2)] == content[("QPSK", 2)]).all()
    assert (read["columns first"] == content["columns first"]).all()
    assert (read["objects"][0] == 0).all() and read["objects"][1] == "text"
    assert read["number"] == 3 and read["bytes"] == b"\x00\xff" and read["list"] == [1, (2.5, None, True)]


def test_a_pickle_of_python_2_and_old_numpy(tmp_path: Path) -> None:
    # What Python 2 wrote for {'labels': [1], 'data': array([1, 255], dtype=uint8)}, protocol 2.
    written = (
        b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85"
        b"U\x01b\x87Rq\x05(K\x01K\x02\x85cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89U\x02\x01\xfftbU\x06labelsq\x08]q\tK\x01au."
    )
    (tmp_path / "old").write_bytes(written)
    read = load_pickle(tmp_path / "old")
    assert read["labels"] == [1] and read["data"].tolist() == [1, 255]


def test_code_in_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    path = tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps({"data": [Evil(mark)]}))
    with pytest.raises(ConfigError, match=r"evil.pkl is refused: it asks to run (posix|nt)\.mkdir"):
        load_pickle(path)
    assert not mark.exists()


def test_code_in_an_object_array_is_refused_and_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    np.save(tmp_path / "evil.npy", np.array([Evil(mark), 1], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "evil.npz", x=np.array([Evil(mark), 1], dtype=object))
    with pytest.raises(ConfigError, match=r"evil.npy is refused: it asks to run .*mkdir"):
        load_array(tmp_path / "evil.npy")
    with pytest.raises(ConfigError, match=r"evil.npz is refused: it asks to run .*mkdir"):
        load_archive(tmp_path / "evil.npz")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("program", "name"),
    [
        (b"cbuiltins\neval\n(S'1'\ntR.", "builtins.eval"),
        (b"c__builtin__\ngetattr\n.", "__builtin__.getattr"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "os.system"),
        (b"(S'true'\nios\nsystem\n.", "os.system"),
        (b"cnumpy\nload\n.", "numpy.load"),
        (b"cnumpy.core.multiarray\nfromfile\n.", "numpy.core.multiarray.fromfile"),
        (b"\x80\x04\x8c\x05numpy\x8c\x13ndarray.__class__.x\x93.", "numpy.ndarray.__class__.x"),
        (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00zlib_\x86R.", "_codecs.encode"),
    ],
)
def test_every_other_name_is_refused(tmp_path: Path, program: bytes, name: str) -> None:
    path = tmp_path / "data"
    path.write_bytes(program)
    with pytest.raises(ConfigError) as told:
        load_pickle(path)
    assert str(told.value).startswith(f"{path} is refused") and name in str(told.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"not a pickle at all",
        pickle.dumps({"data": np.zeros(1000)})[:200],
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x0fabc.",  # bytes of a length that no file has
        b"\x80\x02]r\xff\xff\xff\x7f.",  # a memo of two thousand million entries
        b"\x80\x02\x82\x01.",  # an extension nobody registered
    ],
    ids=["empty", "picture", "text", "truncated", "huge", "memo", "extension"],
)
def test_broken_pickles_are_mistakes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"data is truncated, corrupt or not a pickle file"):
        load_pickle(path)


def test_a_good_pickle_for_which_there_is_no_memory_is_not_called_corrupt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(safe_pickle._DataUnpickler):
        def load(self) -> None:
            raise MemoryError

    monkeypatch.setattr(safe_pickle, "_DataUnpickler", Full)
    (tmp_path / "data").write_bytes(pickle.dumps({"data": np.zeros(1000)}))
    with pytest.raises(ConfigError, match=r"data \(0\.0 MiB\) needs more memory than there is"):
        load_pickle(tmp_path / "data")


def test_arrays_of_numbers_are_mapped_not_copied(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(6.0).reshape(2, 3))
    np.save(tmp_path / "f.npy", np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    np.save(tmp_path / "s.npy", np.float32(3))
    array = load_array(tmp_path / "x.npy")
    assert isinstance(array, np.memmap) and array.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert load_array(tmp_path / "f.npy").tolist() == [[0, 1, 2], [3, 4, 5]]
    assert load_array(tmp_path / "s.npy") == 3


@pytest.mark.parametrize("change", ["truncated", "picture", "header", "text"])
def test_broken_arrays_are_mistakes(tmp_path: Path, change: str) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.zeros((10, 10)))
    whole = path.read_bytes()
    path.write_bytes(
        {
            "truncated": whole[:-8],
            "picture": b"\x89PNG\r\n\x1a\n" + whole[8:],
            "header": whole[:20] + b"\x00" * 40 + whole[60:],
            "text": b"x,y\n1,2\n",
        }[change]
    )
    with pytest.raises(ConfigError, match=r"x.npy is truncated, corrupt or not a .npy file"):
        load_array(path)


def test_an_announced_size_beyond_the_file_asks_for_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.zeros((10, 10)))
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"(10, 10), }        ", b"(10000000000, 10)} "))
    with pytest.raises(ConfigError, match=r"truncated, corrupt"):
        load_array(path)


@pytest.mark.parametrize("broken", [lambda whole: whole[:-30], lambda whole: b"PK" + whole[2:60], lambda _: b"abc"])
def test_broken_archives_are_mistakes(tmp_path: Path, broken) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, x=np.arange(100))
    path.write_bytes(broken(path.read_bytes()))
    with pytest.raises(ConfigError, match=r"x.npz"):
        load_archive(path)


def test_a_damaged_member_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, x=np.arange(100))
    whole = bytearray(path.read_bytes())
    whole[400] ^= 255
    path.write_bytes(whole)
    with pytest.raises(ConfigError, match=r"x.npz is truncated, corrupt"):
        load_archive(path)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read"):
        load_array(tmp_path / "x.npy")
    with pytest.raises(ConfigError, match=r"cannot be read"):
        load_pickle(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_nobody_may_read(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.zeros(3))
    path.chmod(0)
    with pytest.raises(ConfigError, match=r"cannot be read: Permission denied"):
        load_array(path)
