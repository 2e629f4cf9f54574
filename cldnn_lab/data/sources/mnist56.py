"""The fives and sixes of MNIST, as report 001 uses them: a five is 0, a six is 1."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.data.files import check_given, find, list_folders
from cldnn_lab.data.options import DataConfig
from cldnn_lab.data.preparation import Pictures
from cldnn_lab.data.safe_pickle import load_array
from cldnn_lab.data.sources.idx import make_images, read

TRAINING = 2000  # the first so many fives and sixes of the training set; of the test set, all


@dataclass
class Options(DataConfig):
    """The fives and sixes of MNIST, as a binary task.

    Attributes:
        path: the folder of MNIST's four files, or ``mnist56.npy``; null to look under ``data_root``.
    """

    path: str | None = None

    def check(self) -> None:
        super().check()
        self.refuse_classes("is fives against sixes")


def load(config: Options, data_root: Path) -> Dataset:
    """Grey images of shape (28, 28, 1) in [0, 1]: 2,000 to train on, and the test set's 1,850.

    Raises:
        ConfigError: for missing, truncated, corrupt or unfit files, naming the file.
    """
    place = check_given(config.path)
    places = list_folders(data_root, ["mnist56", "mnist"]) if place is None else [place] if place.is_dir() else []
    found = find(places, ["mnist56.npy"])
    folder: Path | None
    file = found[0] if found else place if place and place.is_file() else None
    if file:
        train, test = _read_document_file(file)
        origin, folder = f"fives and sixes of MNIST, {file.name}", file.parent
    else:
        (x, y), (x_test, y_test), files, folder = read("mnist", config.path, data_root)
        train, test = _keep_fives_and_sixes(x, y, TRAINING), _keep_fives_and_sixes(x_test, y_test, None)
        origin = f"fives and sixes of MNIST, {files}"
    return Dataset(config.name, "binary", train, test, ("5", "6"), origin, folder=folder, preparation=Pictures())


def _keep_fives_and_sixes(x: np.ndarray, y: np.ndarray, count: int | None) -> Split:
    chosen = np.flatnonzero((y == 5) | (y == 6))[:count]
    return make_images(Split(x[chosen], (y[chosen] == 6).astype(np.int32)))


def _read_document_file(path: Path) -> tuple[Split, Split]:
    """The report's own ``mnist56.npy``: an object array of x_train, d_train, x_val, d_val."""
    parts = load_array(path)
    if parts.shape != (4,) or not all(isinstance(part, np.ndarray) for part in parts):
        raise ConfigError(f"{path} does not hold the four arrays x_train, d_train, x_val and d_val.")
    return _split(path, parts[0], parts[1]), _split(path, parts[2], parts[3])


def _split(path: Path, x: np.ndarray, y: np.ndarray) -> Split:
    if x.shape[1:] in ((28, 28), (28, 28, 1)) and x.dtype.kind in "uif":
        x = Pictures().convert(x.reshape(-1, 28, 28, 1))
        if y.dtype.kind in "uifb" and y.size == len(x) and np.isin(y, (0, 1)).all():
            return Split(x, y.reshape(-1).astype(np.int32))
        raise ConfigError(f"{path}: there is not one target of 0 or 1 for each of its {len(x)} images.")
    raise ConfigError(f"{path}: its images have shape {x.shape}, not (N, 28, 28) or (N, 28, 28, 1).")
