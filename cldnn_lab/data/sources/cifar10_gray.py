"""CIFAR-10 in grey, 28x28, as report 002 uses it: a tree of PNG files, else made from CIFAR-10."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.classes import choose_classes, keep_classes
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.data.files import check_given, find, list_folders
from cldnn_lab.data.options import DataConfig
from cldnn_lab.data.pictures import read_pictures
from cldnn_lab.data.preparation import Pictures
from cldnn_lab.data.sources import cifar10

FOLDERS = ("cifar10_gray28", "cifar10_gray", "CIFAR10")
# Luma of ITU-R BT.601, which is also what Pillow's conversion to grey computes.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_BORDER = 2  # pixels cut off on every side of 32 to leave 28


@dataclass
class Options(DataConfig):
    """CIFAR-10 in grey, 28x28: the PNG folders, else made from CIFAR-10.

    Attributes:
        path: the folder of ``Train/<class>/`` and ``Test/<class>/``, or of CIFAR-10's batches; null to look
            under ``data_root``.
        per_class: training pictures of each class, the first by name; null for all.
        test_per_class: the same for the test set.
    """

    path: str | None = None
    per_class: int | None = field(default=1000, metadata={"min": 1, "unit": "pictures"})
    test_per_class: int | None = field(default=100, metadata={"min": 1, "unit": "pictures"})


def load(config: Options, data_root: Path) -> Dataset:
    """Grey images of shape (28, 28, 1) in [0, 1], and their classes.

    Raises:
        ConfigError: for missing, truncated, corrupt or unfit files, naming the file, or too few of a class.
    """
    place = check_given(config.path)
    chosen = choose_classes(config.classes, cifar10.CLASSES, "CIFAR-10")
    kept = tuple(cifar10.CLASSES[index] for index in chosen)
    found = find([place] if place else list_folders(data_root, FOLDERS), ["Train", "Test"])
    limits = ((config.per_class, "per_class"), (config.test_per_class, "test_per_class"))
    if found:
        train, test = (
            _read_tree(folder, chosen, limit, key) for folder, (limit, key) in zip(found, limits, strict=True)
        )
        origin = "CIFAR-10 in grey, 28x28, pictures in Train and Test"
        return Dataset(
            config.name, "multiclass", train, test, kept, origin, folder=found[0].parent, preparation=Pictures()
        )
    *in_colour, files, folder = cifar10.read(config.path, data_root, None, None)
    train, test = (
        _convert_to_grey(keep_classes(_keep_first(split, limit, key), chosen, len(cifar10.CLASSES)))
        for split, (limit, key) in zip(in_colour, limits, strict=True)
    )
    origin = f"CIFAR-10 in grey, cropped to 28x28, from {files}"
    return Dataset(config.name, "multiclass", train, test, kept, origin, folder=folder, preparation=Pictures())


def _read_tree(folder: Path, chosen: list[int], limit: int | None, key: str) -> Split:
    files: list[Path] = []
    y: list[int] = []
    for label, index in enumerate(chosen):
        of_class = sorted((folder / str(index)).glob("*.png"))
        if not of_class:
            raise ConfigError(f"{folder / str(index)} is missing or has no PNG files.")
        if limit is not None and len(of_class) < limit:
            raise ConfigError(f"data.{key}: {folder / str(index)} has {len(of_class)} pictures, not {limit}.")
        files += of_class[:limit]
        y += [label] * len(of_class[:limit])
    return Split(read_pictures(files, gray=True), np.array(y, np.int32))


def _keep_first(split: Split, limit: int | None, key: str) -> Split:
    """The first ``limit`` examples of each class, in the order of the file."""
    if limit is None:
        return split
    rows = [np.flatnonzero(split.y == label)[:limit] for label in range(len(cifar10.CLASSES))]
    least = min(map(len, rows))
    if least < limit:
        raise ConfigError(f"data.{key}: the CIFAR-10 files have only {least} pictures of one class, not {limit}.")
    return split.take(np.sort(np.concatenate(rows)))


def _convert_to_grey(split: Split) -> Split:
    middle = slice(_BORDER, -_BORDER)
    x = split.x[:, middle, middle].astype(np.float32) @ (_LUMA / np.float32(255))
    return Split(x[..., None], split.y)
