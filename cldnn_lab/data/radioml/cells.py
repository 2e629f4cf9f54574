"""From the vectors of each class and SNR to a training set and a test set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.dataset import Split
from cldnn_lab.data.preparation import compute_divisors

if TYPE_CHECKING:
    from cldnn_lab.data.sources.radioml import Options

ROWS = 1 << 16  # vectors converted at a time


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


def assemble(config: Options, cells: Sequence[Cell], where: str) -> tuple[Split, Split]:
    """Training and test set: ``test_fraction`` of every cell is tested on, and each vector is copied once."""
    rng = np.random.default_rng(config.split_seed)
    parts: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for cell in cells:
        if cell.count < 2:
            raise ConfigError(f"{where} has {cell.count} vectors of one class at {cell.snr:g} dB: too few.")
        order = rng.permutation(cell.count)
        tested = count_test(config, cell.count)
        parts[0].append(order[tested:])
        parts[1].append(order[:tested])
    train, test = (
        gather(config, cells, _trim(indices, limit))
        for indices, limit in zip(parts, (config.train_limit, config.test_limit), strict=True)
    )
    return train, test


def count_test(config: Options, count: int) -> int:
    """How many of a cell's vectors are the test set's."""
    return min(max(round(count * config.test_fraction), 1), count - 1)


def _trim(indices: list[np.ndarray], limit: int | None) -> list[np.ndarray]:
    """Not many more of each cell than the limit will keep, so that the rest of a large file is not read."""
    most = None if limit is None else -(-limit // len(indices))
    if most is None or min(map(len, indices)) < most:
        return indices
    return [index[:most] for index in indices]


def gather(config: Options, cells: Sequence[Cell], indices: Sequence[np.ndarray]) -> Split:
    counts = [len(index) for index in indices]
    length = cells[0].read(np.arange(1)).shape[-1]
    x = np.empty((sum(counts), 2, length, 1), np.float32)
    start, captures, known = 0, [], 0
    for cell, index in zip(cells, indices, strict=True):
        index = np.sort(index)
        fill_scaled(x[start : start + len(index)], cell.read, index, config.scaling)
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


def fill_scaled(out: np.ndarray, read: Callable[[np.ndarray], np.ndarray], index: np.ndarray, scaling: str) -> None:
    for start in range(0, len(index), ROWS):
        piece = out[start : start + ROWS, ..., 0]
        vectors = read(index[start : start + ROWS])
        if vectors.shape != piece.shape:
            lengths = f"{vectors.shape[-1]} and {piece.shape[-1]}"
            raise ConfigError(f"data: the vectors of one file have different lengths, {lengths}: mend the file.")
        np.divide(vectors, compute_divisors(vectors, scaling), out=piece, casting="same_kind")
