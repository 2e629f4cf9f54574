"""RadioML: real files where the user has them, else vectors generated as those files were made (docs/radioml.md).

Formats (their publisher asks users to register, so nothing is downloaded):

* ``RML2016.10a_dict.pkl`` and ``RML2016.10b.dat``: a pickled dict of arrays (N, 2, 128) by (modulation, SNR);
* ``GOLD_XYZ_OSC.0001_1024.hdf5`` (2018.01A): X (N, 1024, 2), Y one-hot (N, 24), Z the SNR (N, 1);
* ``X_train.npy``, ``Y_train.npy``, ``X_test.npy``, ``Y_test.npy`` (report 000): already split, without SNRs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.classes import choose_classes
from cldnn_lab.data.config import RML2016_EXTRA, RML2018_CLASSES, RadioMLConfig
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.data.files import check_given, find, list_folders
from cldnn_lab.data.labels import number_classes
from cldnn_lab.data.preparation import Signals, compute_divisors, order_vectors
from cldnn_lab.data.rml2016.recipe import choose_recipe
from cldnn_lab.data.safe_pickle import load_array, load_pickle

_log = logging.getLogger(__name__)

NPY = ("X_train.npy", "Y_train.npy", "X_test.npy", "Y_test.npy")
PICKLES = ("RML2016.10b.dat", "RML2016.10a_dict.pkl", "RML2016.10a_dict.dat", "RML2016.10a.pkl")
FOLDERS = ("radioml", "RadioML", "RML2016", "RML2016.10a", "RML2016.10b")
HDF5 = ("GOLD_XYZ_OSC.0001_1024.hdf5",)
GENERATED_SNRS = range(-20, 20, 2)  # dB; those of the published sets
_ROWS = 1 << 16  # vectors converted at a time


@dataclass(frozen=True)
class Cell:
    """The vectors of one class at one SNR, read when they are wanted.

    Attributes:
        label: index among the chosen classes.
        snr: in dB.
        count: how many vectors there are.
        read: gives those at the (sorted) indices, of shape (count, 2, length).
        captures: which capture of the cell each was cut from, where that is known.
    """

    label: int
    snr: float
    count: int
    read: Callable[[np.ndarray], np.ndarray]
    captures: np.ndarray | None = None


def load(config: RadioMLConfig, data_root: Path) -> Dataset:
    """Signals of shape (2, length, 1): the in-phase row, then the quadrature row; tagged with ``snr`` in dB.

    Without ``data.path`` files are looked for under ``data_root``, and generated where there are none.

    Raises:
        ConfigError: for missing, truncated, corrupt or unfit files, and for a class or an SNR they do not have.
    """
    files = _list_files(config.path, data_root)
    if files is None:
        return _generate(config)
    if config.split == "capture":
        raise ConfigError(
            f"data.split: {files[0]} does not say which vectors were cut from the same capture: leave it auto, or set "
            "it to vector."
        )
    if len(files) == len(NPY):
        return _read_npy(config, files)
    if files[0].suffix.lower() in (".hdf5", ".h5"):
        return _read_hdf5(config, files[0])
    return _read_pickle(config, files[0])


def _list_files(path: str | None, data_root: Path) -> list[Path] | None:
    place = check_given(path)
    known: list[Sequence[str]] = [NPY, *([name] for name in (*PICKLES, *HDF5))]
    if place is None:
        return find(list_folders(data_root, FOLDERS), *known)
    found = [place] if place.is_file() and place.name not in NPY else None
    found = found or find([place if place.is_dir() else place.parent], *known)
    if not found:
        names = ", ".join((*PICKLES[:2], *HDF5))
        raise ConfigError(f"data.path: {place} has none of {names}, nor the four of {', '.join(NPY)}.")
    return found


def _make_dataset(
    config: RadioMLConfig, train: Split, test: Split, names: Sequence[str], origin: str, folder: Path | None
) -> Dataset:
    return Dataset(
        config.name,
        "multiclass",
        train,
        test,
        test,
        tuple(names),
        origin,
        synthetic=folder is None,
        time_axis=1,
        folder=folder,
        preparation=Signals(scaling=config.scaling),
    )


# --- which classes and SNRs ---------------------------------------------------------------------


def _choose_default_classes(config: RadioMLConfig, names: Sequence[str], where: str) -> list[int]:
    """The chosen classes; where none are named, all but AM-SSB, which only 2016.10a has."""
    if config.classes is None:
        return [index for index, name in enumerate(names) if name != RML2016_EXTRA]
    return choose_classes(config.classes, names, where)


def _choose_snrs(config: RadioMLConfig, available: Sequence[float], where: str) -> list[float]:
    """The SNRs of ``available`` that the config keeps.

    Raises:
        ConfigError: if one it names is not there, or none is left.
    """
    there = ", ".join(f"{snr:g}" for snr in available)
    if config.snrs is not None:
        missing = [snr for snr in config.snrs if snr not in available]
        if missing:
            lacks = ", ".join(f"{snr:g}" for snr in missing)
            raise ConfigError(f"data.snrs: {where} has no vectors at {lacks} dB; it has {there}.")
        return sorted(set(config.snrs))
    low = -np.inf if config.snr_min is None else config.snr_min
    high = np.inf if config.snr_max is None else config.snr_max
    kept = [snr for snr in available if low <= snr <= high]
    if not kept:
        raise ConfigError(f"data.snr_min: no SNR of {where} is in {low:g} to {high:g} dB; it has {there}.")
    return kept


# --- one reader a format ------------------------------------------------------------------------


def _generate(config: RadioMLConfig) -> Dataset:
    from cldnn_lab.data.rml2016.cache import generate_or_load
    from cldnn_lab.data.rml2016.generator import MODULATIONS

    chosen = _choose_default_classes(config, MODULATIONS, "the generator")
    kept = [MODULATIONS[index] for index in chosen]
    # Any SNR can be generated, so what is asked for outright is there.
    available = sorted(set(config.snrs)) if config.snrs is not None else list(map(float, GENERATED_SNRS))
    snrs = _choose_snrs(config, available, "the generator")
    recipe = choose_recipe(config.recipe, config.quirks)

    def draw(vectors: int, part: str) -> list[Cell]:
        made = generate_or_load(kept, snrs, vectors, seed=config.generator_seed, recipe=recipe, part=part)
        # Ordered by modulation, then by SNR, as asked for.
        pairs = [(label, snr) for label in range(len(kept)) for snr in snrs]
        return [
            Cell(label, snr, vectors, block.__getitem__, captures)
            for (label, snr), block, captures in zip(
                pairs,
                made.x.reshape(-1, vectors, *made.x.shape[1:]),
                made.capture.reshape(-1, vectors),
                strict=True,
            )
        ]

    origin = (
        f"synthetic, generated by the recipe {recipe.name}: {config.vectors_per_cell} vectors per class and SNR, "
        f"seed {config.generator_seed}"
    )
    if config.split == "vector":
        train, test = _assemble(config, draw(config.vectors_per_cell, ""), origin)
    else:
        tested = _draw_test_set(config, config.vectors_per_cell)
        parts = draw(config.vectors_per_cell - tested, "train"), draw(tested, "test")
        train, test = (_gather(config, cells, [np.arange(cell.count) for cell in cells]) for cells in parts)
        # Both are numbered from 0, and no capture is in both.
        test.tags["capture"] += train.tags["capture"].max() + 1
    return _make_dataset(config, train, test, kept, origin, None)


def _read_pickle(config: RadioMLConfig, path: Path) -> Dataset:
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
    chosen = _choose_default_classes(config, names, path.name)
    snrs = _choose_snrs(config, sorted({snr for _, snr in arrays}), path.name)
    cells = []
    for label, index in enumerate(chosen):
        for snr in snrs:
            array = arrays.get((names[index], snr))
            if array is None:
                raise ConfigError(f"{path} has no {names[index]} at {snr:g} dB, though it has both elsewhere.")
            cells.append(Cell(label, snr, len(array), array.__getitem__))
    # What was not chosen need not wait in memory.
    del content, arrays, array
    train, test = _assemble(config, cells, str(path))
    return _make_dataset(config, train, test, [names[index] for index in chosen], path.name, path.parent)


def _is_vectors(array: Any) -> bool:
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        return False
    return array.ndim == 3 and array.shape[1] == 2


def _read_hdf5(config: RadioMLConfig, path: Path) -> Dataset:
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
        pieces = range(0, len(y), _ROWS)
        label = np.concatenate([number_classes(y[start : start + _ROWS], f"{path}: Y") for start in pieces])
        snr = np.asarray(z[:], np.float32).reshape(-1)
        # The order that the publisher's corrected list has; the file itself names no class.
        fixed = y.shape[1] == len(RML2018_CLASSES)
        names = RML2018_CLASSES if fixed else tuple(map(str, range(y.shape[1])))
        chosen = choose_classes(config.classes, names, path.name)
        snrs = _choose_snrs(config, np.unique(snr).tolist(), path.name)
        cells = []
        for position, index in enumerate(chosen):
            for value in snrs:
                rows = np.flatnonzero((label == index) & (snr == value))
                cells.append(Cell(position, value, len(rows), _hdf5_reader(x, rows)))
        train, test = _assemble(config, cells, str(path))
    return _make_dataset(config, train, test, [names[index] for index in chosen], path.name, path.parent)


def _hdf5_reader(x: Any, rows: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
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


def _read_npy(config: RadioMLConfig, files: Sequence[Path]) -> Dataset:
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
        _fill(out, lambda index, x=x, rows=rows: x[rows[index]], np.arange(len(rows)), config.scaling)  # type: ignore[misc]
        position = np.full(count, -1, np.int32)
        position[chosen] = np.arange(len(chosen))
        splits.append(Split(out, position[y[rows]]))
    origin = f"{', '.join(NPY)} (without SNRs)"
    return _make_dataset(config, splits[0], splits[1], [names[index] for index in chosen], origin, folder)


def _check_npy_vectors(path: Path) -> np.ndarray:
    """Vectors as (N, 2, length), whichever of the three shapes the file has them in."""
    x = load_array(path)
    vectors = order_vectors(x) if x.dtype.kind in "fiu" else None
    if vectors is not None:
        return vectors
    raise ConfigError(f"{path} has shape {x.shape}, not (N, 2, length), (N, 2, length, 1) or (N, length, 2).")


# --- from cells to splits -----------------------------------------------------------------------


def _assemble(config: RadioMLConfig, cells: Sequence[Cell], where: str) -> tuple[Split, Split]:
    """Training and test set: ``test_fraction`` of every cell is tested on, and each vector is copied once."""
    rng = np.random.default_rng(config.split_seed)
    parts: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for cell in cells:
        if cell.count < 2:
            raise ConfigError(f"{where} has {cell.count} vectors of one class at {cell.snr:g} dB: too few.")
        order = rng.permutation(cell.count)
        tested = _draw_test_set(config, cell.count)
        parts[0].append(order[tested:])
        parts[1].append(order[:tested])
    train, test = (
        _gather(config, cells, _trim(indices, limit))
        for indices, limit in zip(parts, (config.train_limit, config.test_limit), strict=True)
    )
    return train, test


def _draw_test_set(config: RadioMLConfig, count: int) -> int:
    """How many of a cell's vectors are the test set's."""
    return min(max(round(count * config.test_fraction), 1), count - 1)


def _trim(indices: list[np.ndarray], limit: int | None) -> list[np.ndarray]:
    """Not many more of each cell than the limit will keep, so that the rest of a large file is not read."""
    most = None if limit is None else -(-limit // len(indices))
    if most is None or min(map(len, indices)) < most:
        return indices
    return [index[:most] for index in indices]


def _gather(config: RadioMLConfig, cells: Sequence[Cell], indices: Sequence[np.ndarray]) -> Split:
    counts = [len(index) for index in indices]
    length = cells[0].read(np.arange(1)).shape[-1]
    x = np.empty((sum(counts), 2, length, 1), np.float32)
    start, captures, known = 0, [], 0
    for cell, index in zip(cells, indices, strict=True):
        index = np.sort(index)
        _fill(x[start : start + len(index)], cell.read, index, config.scaling)
        start += len(index)
        if cell.captures is not None:  # numbered anew in each cell
            captures.append(known + cell.captures[index])
            known += int(cell.captures.max()) + 1
    snr = np.array([cell.snr for cell in cells])
    whole = bool((snr == np.round(snr)).all())
    tags = {"snr": np.repeat(snr.astype(np.int32 if whole else np.float32), counts)}
    if captures:
        tags["capture"] = np.concatenate(captures).astype(np.int32)
    return Split(x, np.repeat(np.array([cell.label for cell in cells], np.int32), counts), tags)


def _fill(out: np.ndarray, read: Callable[[np.ndarray], np.ndarray], index: np.ndarray, scaling: str) -> None:
    for start in range(0, len(index), _ROWS):
        piece = out[start : start + _ROWS, ..., 0]
        vectors = read(index[start : start + _ROWS])
        if vectors.shape != piece.shape:
            lengths = f"{vectors.shape[-1]} and {piece.shape[-1]}"
            raise ConfigError(f"data: the vectors of one file have different lengths, {lengths}: mend the file.")
        np.divide(vectors, compute_divisors(vectors, scaling), out=piece, casting="same_kind")
