"""Reading pickles and object arrays as data: containers, text, numbers, arrays, and nothing that runs.

Data sets come as Python 2 pickles (CIFAR-10, RadioML) and as object arrays (``mnist56.npy``). A pickle is a
program; this one is not let call anything but the few constructors below.
"""

from __future__ import annotations

import io
import mmap
import pickle
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from cldnn_lab.config.errors import ConfigError

_BUILTINS = {"set": set, "frozenset": frozenset, "bytearray": bytearray, "complex": complex}


class _Refused(Exception):
    """A name that data has no use for."""


def _latin1(text: str, encoding: str) -> bytes:
    # How Python 3 writes bytes for Python 2 to read.
    if encoding != "latin1":
        raise _Refused(f"_codecs.encode({encoding!r})")
    return text.encode("latin1")


def _array_parts() -> dict[str, Any]:
    """NumPy's own reconstruction functions, taken from how this NumPy pickles an array and a number."""
    array: Any = np.zeros(1)
    parts: dict[str, Any] = {
        "_reconstruct": array.__reduce__()[0],
        "scalar": np.float64(0).__reduce__()[0],
        "ndarray": np.ndarray,
        "dtype": np.dtype,
    }
    parts["_frombuffer"] = array.__reduce_ex__(5)[0]
    return parts


_ARRAY_PARTS = _array_parts()
_ARRAY_MODULES = {
    "numpy": ("ndarray", "dtype"),
    "numpy.core.multiarray": ("_reconstruct", "scalar"),
    "numpy._core.multiarray": ("_reconstruct", "scalar"),
    "numpy.core.numeric": ("_frombuffer",),
    "numpy._core.numeric": ("_frombuffer",),
}


class _DataUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if name in _ARRAY_MODULES.get(module, ()):
            return _ARRAY_PARTS[name]
        if module in ("builtins", "__builtin__") and name in _BUILTINS:
            return _BUILTINS[name]
        if (module, name) == ("_codecs", "encode"):
            return _latin1
        raise _Refused(f"{module}.{name}")


def load_pickle(path: Path) -> Any:
    """What a pickle of data holds; strings of Python 2 are read as latin1.

    Raises:
        ConfigError: if it names anything but data, or is truncated or corrupt.
    """
    return _guard(path, lambda file: _unpickle(file))


def load_array(path: Path) -> np.ndarray:
    """The array of an ``.npy`` file: mapped from disk, or, where it holds objects, read as data.

    Raises:
        ConfigError: if it is not an ``.npy`` file, names anything but data, or is truncated or corrupt.
    """
    return _guard(path, lambda file: read_array(file, path))


def load_archive(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an ``.npz`` file by name.

    Raises:
        ConfigError: as :func:`load_array`.
    """
    import zipfile

    if not zipfile.is_zipfile(path):
        raise ConfigError(f"{path} is not an .npz file, or is truncated: save it again with numpy.savez.")
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            if member.endswith(".npy"):
                arrays[member[: -len(".npy")]] = _guard(
                    path,
                    lambda _, member=member: read_array(io.BytesIO(archive.read(member))),  # type: ignore[misc]
                )
    return arrays


def read_array(file: Any, path: Path | None = None) -> np.ndarray:
    """The array of an open ``.npy`` stream; mapped from ``path`` where that is given."""
    version = npy.read_magic(file)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read_header(file)
    start = file.tell()
    if dtype.hasobject:
        array = _unpickle(file)
        if not isinstance(array, np.ndarray) or array.dtype != object:
            raise pickle.UnpicklingError("not an array")
        return array
    count = int(np.prod(shape, dtype=object)) if shape else 1
    left = file.seek(0, io.SEEK_END) - start
    if left < count * dtype.itemsize:
        raise EOFError(f"{count} values announced")
    # Columns first is rows first of the array turned over.
    stored = shape[::-1] if fortran else shape
    if path is not None and count:
        flat: np.ndarray = np.memmap(path, dtype=dtype, mode="r", offset=start, shape=(count,))
    else:
        file.seek(start)
        flat = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    return flat.reshape(stored).T if fortran else flat.reshape(stored)


def _guard(path: Path, read: Callable[[Any], Any]) -> Any:
    try:
        with open(path, "rb") as file:
            return read(file)
    except _Refused as refused:
        raise ConfigError(
            f"{path} is refused: it asks to run {refused}, and a data file holds only containers, text, "
            "numbers and NumPy arrays; do not open it with anything else either."
        ) from None
    except MemoryError as error:
        size = path.stat().st_size / 2**20
        raise ConfigError(
            f"{path} ({size:,.1f} MiB) needs more memory than there is: free some, or make a smaller file of a part."
        ) from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}.") from error
    except Exception as error:
        # A broken stream can fail in any way that a constructor can.
        kind = f".{path.suffix.lstrip('.')}" if path.suffix in (".npy", ".npz") else "pickle"
        raise ConfigError(
            f"{path} is truncated, corrupt or not a {kind} file ({type(error).__name__}): get it again."
        ) from error


def _unpickle(file: Any) -> Any:
    start = file.tell()
    if isinstance(file, io.BytesIO):
        stream: Any = file
        size = len(file.getbuffer())
    else:
        # Mapped, so that a length that the file does not have cannot ask for memory.
        stream = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        size = len(stream)
    stream.seek(start)
    for opcode, argument, _ in pickletools.genops(stream):
        # The table of remembered objects grows to the largest number used, so one big number asks for it all.
        if opcode.name in ("LONG_BINPUT", "BINPUT", "PUT") and int(argument or 0) > size:
            raise pickle.UnpicklingError("memo")
    stream.seek(start)
    return _DataUnpickler(stream, encoding="latin1").load()
