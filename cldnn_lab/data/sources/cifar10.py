"""CIFAR-10 in colour, from the official Python batches.

Format: https://www.cs.toronto.edu/~kriz/cifar.html (a pickled dict: ``data`` (N, 3072) bytes, the red plane, then
green and blue; ``labels``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.classes import choose_classes, keep_classes
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.data.download import download
from cldnn_lab.data.files import check_given, list_folders
from cldnn_lab.data.labels import number_classes
from cldnn_lab.data.options import DataConfig
from cldnn_lab.data.preparation import Pictures
from cldnn_lab.data.safe_pickle import load_pickle

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TESTS = ("test_batch", "test_batch_trim")
FOLDERS = ("cifar10", "cifar10/cifar-10-batches-py", "cifar-10-batches-py")
_PER_BATCH = 10_000
_PREPARATION = Pictures(gray=False)


@dataclass
class Options(DataConfig):
    """CIFAR-10 in colour: the official Python batches, else Keras's own download.

    Attributes:
        path: the folder of the batches; null to look under ``data_root``.
        batches: the first so many of ``data_batch_1`` to ``data_batch_5``; null for all that are there.
        test_file: ``test_batch``, or the name of a trimmed one; null for ``test_batch`` if it is there, else
            ``test_batch_trim``.
    """

    path: str | None = None
    batches: int | None = field(default=None, metadata={"min": 1, "max": 5})
    test_file: str | None = None


def load(config: Options, data_root: Path) -> Dataset:
    """Colour images of shape (32, 32, 3) in [0, 1], and their classes.

    Raises:
        ConfigError: for missing, truncated, corrupt or unfit files, naming the file.
    """
    train, test, files, folder = read(config.path, data_root, config.batches, config.test_file)
    chosen = choose_classes(config.classes, CLASSES, "CIFAR-10")
    train, test = (_make_images(keep_classes(split, chosen, len(CLASSES))) for split in (train, test))
    kept = tuple(CLASSES[c] for c in chosen)
    origin = f"CIFAR-10, {files}"
    return Dataset(config.name, "multiclass", train, test, kept, origin, folder=folder, preparation=_PREPARATION)


def _make_images(split: Split) -> Split:
    """Bytes as float32 in [0, 1]."""
    return Split(_PREPARATION.convert(split.x), split.y)


def read(
    path: str | None, data_root: Path, batches: int | None, test_file: str | None
) -> tuple[Split, Split, str, Path | None]:
    """Training and test set as bytes of shape (N, 32, 32, 3), the files they are from and their folder.

    Args:
        path: folder of the batches; None to look under ``data_root``, and then to let Keras download them.
        batches: the first so many; None for all that are there.
        test_file: name of the test batch; None for the first of :data:`TESTS` that is there.

    Raises:
        ConfigError: if there are none, naming the files and where to put them, or if one is broken.
    """
    place = check_given(path)
    places = [place, place / "cifar-10-batches-py"] if place else list_folders(data_root, FOLDERS)
    folder = next((place for place in places if (place / BATCHES[0]).is_file()), None)
    if folder is None:
        if place:
            raise ConfigError(f"data.path: {place} has no {BATCHES[0]}.")
        return _download(data_root, batches, test_file)
    train_files = [folder / name for name in BATCHES[:batches] if (folder / name).is_file()]
    if batches is not None and len(train_files) < batches:
        raise ConfigError(
            f"data.batches: {folder} has {len(train_files)} of the first {batches}: put the others there."
        )
    names = TESTS if test_file is None else (test_file,)
    test = next((folder / name for name in names if (folder / name).is_file()), None)
    if test is None:
        raise ConfigError(f"{folder} has no {' or '.join(names)}: put it there, or correct data.test_file.")
    parts = [_read_batch(file) for file in train_files]
    x, y = np.concatenate([part.x for part in parts]), np.concatenate([part.y for part in parts])
    used = ", ".join(file.name for file in (*train_files, test))
    return Split(x, y), _read_batch(test), used, folder


def _read_batch(path: Path) -> Split:
    content = load_pickle(path)
    if isinstance(content, dict):
        content = {key.decode("latin1") if isinstance(key, bytes) else key: value for key, value in content.items()}
    if not isinstance(content, dict) or not {"data", "labels"} <= content.keys():
        raise ConfigError(f"{path} is not a batch of CIFAR-10: it lacks data and labels.")
    data = content["data"]
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3072:
        raise ConfigError(f"{path} is not a batch of CIFAR-10: its data must be bytes of shape (N, 3072).")
    try:
        y = number_classes(np.asarray(content["labels"]), str(path))
    except ValueError as error:
        raise ConfigError(f"{path}: its labels are not a list of numbers.") from error
    if len(y) != len(data):
        raise ConfigError(f"{path} holds {len(data)} images but {len(y)} labels; they must agree.")
    if len(y) and y.max() >= len(CLASSES):
        raise ConfigError(f"{path} holds a label {y.max()}, above 9: it is not of CIFAR-10.")
    return Split(np.moveaxis(data.reshape(-1, 3, 32, 32), 1, 3), y)


def _download(data_root: Path, batches: int | None, test_file: str | None) -> tuple[Split, Split, str, None]:
    wanted = f"put {BATCHES[0]} to {BATCHES[-1]} and {TESTS[0]} in {(data_root / FOLDERS[1]).resolve()}"
    if test_file not in (None, TESTS[0]):
        raise ConfigError(f"data.test_file: {test_file} is not among what Keras downloads: {wanted}, and it too.")
    (x, y), (x_test, y_test) = download("cifar10", wanted)
    # Keras strings the batches together in order.
    count = None if batches is None else batches * _PER_BATCH
    train = Split(x[:count], number_classes(y[:count], "Keras's download"))
    test = Split(x_test, number_classes(y_test, "Keras's download"))
    return train, test, "Keras's download", None
