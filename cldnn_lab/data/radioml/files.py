"""One reader for each format in which RadioML is published."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.classes import choose_classes
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.data.labels import number_classes
from cldnn_lab.data.preparation import Signals, order_vectors
from cldnn_lab.data.radioml.cells import ROWS, Cell, assemble, fill_scaled
from cldnn_lab.data.radioml.selection import RML2018_CLASSES, choose_default_classes, choose_snrs
from cldnn_lab.data.safe_pickle import load_array, load_pickle

if TYPE_CHECKING:
    from cldnn_lab.data.sources.radioml import Options

_log = logging.getLogger(__name__)

NPY = ("X_train.npy", "Y_train.npy", "X_test.npy", "Y_test.npy")


def read_pickle(config: Options, path: Path) -> Dataset:
    content = load_pickle(path)
    arrays: dict[tuple[str, float], np.ndarray] = {}
    if isinstance(content, dict):
        for key, array in content.items():
            name, snr = key if isinstance(key, tuple) and len(key) == 2 else (key, None)
            if not (isinstance(snr, (int, float)) and _is_vectors(array)):
                break
            arrays[name.decode("latin1") if isinstance(name, bytes) else str(name), float(snr)] = array
    if not arrays or len(arrays) != len(content):
        raise ConfigError(
            f"{path} is no RadioML 2016 file: that holds arrays of shape (N, 2, length) by (modulation, SNR)."
        )
    names = sorted({name for name, _ in arrays})
    chosen = choose_default_classes(config, names, path.name)
    snrs = choose_snrs(config, sorted({snr for _, snr in arrays}), path.name)
    cells = []
    for label, index in enumerate(chosen):
        for snr in snrs:
            array = arrays.get((names[index], snr))
            if array is None:
                raise ConfigError(f"{path} has no {names[index]} at {snr:g} dB, though it has both elsewhere.")
            cells.append(Cell(label, snr, len(array), array.__getitem__))
    # What was not chosen need not wait in memory.
    del content, arrays, array
    train, test = assemble(config, cells, str(path))
    return make_dataset(config, train, test, [names[index] for index in chosen], path.name, path.parent)


def _is_vectors(array: Any) -> bool:
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        return False
    return array.ndim == 3 and array.shape[1] == 2


def read_hdf5(config: Options, path: Path) -> Dataset:
    with _open(path) as file:
        try:
            x, y, z = file["X"], file["Y"], file["Z"]
            fits = x.ndim == 3 and x.shape[2] == 2 and y.ndim == 2 and z.size == len(y) == len(x)
        except (KeyError, AttributeError) as error:
            raise ConfigError(f"{path} is not RadioML 2018.01A: it lacks the data sets X, Y and Z.") from error
        if not fits:
            raise ConfigError(
                f"{path} is not RadioML 2018.01A: X {x.shape}, Y {y.shape} and Z {z.shape} must be "
                "(N, length, 2), (N, classes) and (N, 1)."
            )
        # In pieces: as a whole the labels alone take half a gigabyte.
        pieces = range(0, len(y), ROWS)
        label = np.concatenate([number_classes(y[start : start + ROWS], f"{path}: Y") for start in pieces])
        snr = np.asarray(z[:], np.float32).reshape(-1)
        # The order that the publisher's corrected list has; the file itself names no class.
        fixed = y.shape[1] == len(RML2018_CLASSES)
        names = RML2018_CLASSES if fixed else tuple(map(str, range(y.shape[1])))
        chosen = choose_classes(config.classes, names, path.name)
        snrs = choose_snrs(config, np.unique(snr).tolist(), path.name)
        cells = []
        for position, index in enumerate(chosen):
            for value in snrs:
                rows = np.flatnonzero((label == index) & (snr == value))
                cells.append(Cell(position, value, len(rows), _make_hdf5_reader(x, rows)))
        train, test = assemble(config, cells, str(path))
    return make_dataset(config, train, test, [names[index] for index in chosen], path.name, path.parent)


def _make_hdf5_reader(x: Any, rows: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    def read(index: np.ndarray) -> np.ndarray:
        wanted = rows[index]
        # A cell is one block of the published file, and a block reads far faster than single rows.
        if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
            block = x[wanted[0] : wanted[-1] + 1][wanted - wanted[0]]
        else:
            block = x[wanted]
        return np.moveaxis(block, 2, 1)

    return read


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{path} is truncated, corrupt or not HDF5 ({reason}): get it again.") from error


def read_npy(config: Options, files: Sequence[Path]) -> Dataset:
    folder = files[0].parent
    if config.snrs is not None:
        raise ConfigError(f"data.snrs: the files in {folder} do not say the SNR of a vector: leave it null.")
    if config.snr_min is not None or config.snr_max is not None:
        _log.warning(
            "data.snr_min and snr_max do not apply: the files in %s do not say the SNR of a vector, so all are kept",
            folder,
        )
    x_train, x_test = _check_npy_vectors(files[0]), _check_npy_vectors(files[2])
    y_train, y_test = (number_classes(load_array(file), str(file)) for file in (files[1], files[3]))
    for x, y, which in ((x_train, y_train, 0), (x_test, y_test, 2)):
        if len(x) != len(y):
            raise ConfigError(f"{files[which]} holds {len(x)} vectors but {files[which + 1]} {len(y)} labels.")
    count = int(max(y_train.max(initial=0), y_test.max(initial=0))) + 1
    names = tuple(map(str, range(count)))
    chosen = choose_classes(config.classes, names, str(folder))
    splits = []
    for x, y in ((x_train, y_train), (x_test, y_test)):
        rows = np.flatnonzero(np.isin(y, chosen))
        out = np.empty((len(rows), *x.shape[1:], 1), np.float32)
        fill_scaled(out, lambda index, x=x, rows=rows: x[rows[index]], np.arange(len(rows)), config.scaling)  # type: ignore[misc]
        position = np.full(count, -1, np.int32)
        position[chosen] = np.arange(len(chosen))
        splits.append(Split(out, position[y[rows]]))
    origin = f"{', '.join(NPY)} (without SNRs)"
    return make_dataset(config, splits[0], splits[1], [names[index] for index in chosen], origin, folder)


def _check_npy_vectors(path: Path) -> np.ndarray:
    """Vectors as (N, 2, length), whichever of the three shapes the file has them in."""
    x = load_array(path)
    vectors = order_vectors(x) if x.dtype.kind in "fiu" else None
    if vectors is not None:
        return vectors
    raise ConfigError(f"{path} has shape {x.shape}, not (N, 2, length), (N, 2, length, 1) or (N, length, 2).")


def make_dataset(
    config: Options, train: Split, test: Split, names: Sequence[str], origin: str, folder: Path
) -> Dataset:
    return Dataset(
        config.name,
        "multiclass",
        train,
        test,
        tuple(names),
        origin,
        time_axis=1,
        folder=folder,
        preparation=Signals(scaling=config.scaling),
    )
