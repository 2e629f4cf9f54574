"""Small files in the formats of the published data sets, for the tests of the readers."""

from __future__ import annotations

import gzip
import importlib
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cldnn_lab import data
from cldnn_lab.data.dataset import Dataset
from cldnn_lab.data.options import DataConfig

IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def config(source: str, **settings: Any) -> DataConfig:
    """A checked config of the source."""
    options = importlib.import_module(f"cldnn_lab.data.sources.{source}").Options
    made: DataConfig = options(source=source, name=source, **settings)
    made.check()
    return made


def load(source: str, root: Path, prefers: Any = "any", **settings: Any) -> Dataset:
    return data.load(config(source, **settings), root, prefers=prefers)


class Evil:
    """Pickles as a call that makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def idx_bytes(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def write_idx(folder: Path, train: int = 60, test: int = 30, *, packed: bool = False) -> Path:
    """MNIST's four files: label ``i % 10``, and every pixel of image ``i`` is ``i``."""
    folder.mkdir(parents=True, exist_ok=True)
    for count, (images, labels) in zip((train, test), (IDX[:2], IDX[2:]), strict=True):
        number = np.arange(count, dtype=np.uint8)
        for name, array in (
            (images, np.broadcast_to(number[:, None, None], (count, 28, 28))),
            (labels, number % 10),
        ):
            content = idx_bytes(array)
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)
    return folder


def write_png(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def write_cifar(folder: Path, batches: int = 2, per_batch: int = 20, test: str = "test_batch") -> Path:
    """Official batches: label ``i % 10``; the red plane of image ``i`` is ``i``, green 100, blue 200."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in [*(f"data_batch_{number + 1}" for number in range(batches)), test]:
        number = np.arange(per_batch, dtype=np.uint8)
        planes = np.empty((per_batch, 3, 1024), np.uint8)
        planes[:, 0], planes[:, 1], planes[:, 2] = number[:, None], 100, 200
        content = {"data": planes.reshape(per_batch, -1), "labels": (number % 10).tolist()}
        # Python 2 wrote protocol 2.
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    return folder


def radioml_cells(names: tuple[str, ...], snrs: tuple[int, ...], count: int = 10) -> dict[Any, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        (name, snr): (rng.standard_normal((count, 2, 128)) / 128).astype(np.float32) for name in names for snr in snrs
    }
