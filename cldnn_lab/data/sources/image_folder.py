"""The user's own pictures: a folder a class."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.classes import choose_classes
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.data.files import check_given
from cldnn_lab.data.options import DataConfig
from cldnn_lab.data.pictures import read_pictures
from cldnn_lab.data.preparation import Pictures
from cldnn_lab.data.splits import split_share

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
TRAIN, TESTS = "train", ("test", "val", "validation")


@dataclass
class Options(DataConfig):
    """The user's own pictures, a folder a class.

    Attributes:
        path: a folder with a folder a class, or with ``train/`` and ``test/`` (or ``val/``) that have them.
        size: height and width every picture is resized to; null where all have one size.
        gray: read them in grey (one channel) rather than in colour (three).
        test_fraction: the share of each class that is the test set, where the folder has no ``test/``.
    """

    path: str | None = None
    size: list[int] | None = field(default=None, metadata={"min": 1, "unit": "pixels"})
    gray: bool = False
    test_fraction: float = field(default=0.2, metadata={"above": 0, "below": 1})

    def check(self) -> None:
        super().check()
        if self.path is None:
            raise ConfigError("data.path: name the folder of pictures, such as data.path=pictures.")
        if self.size is not None and (len(self.size) != 2 or min(self.size) < 1):
            raise ConfigError(f"data.size: {list(self.size)} is not a height and a width, such as [28,28].")


def load(config: Options, data_root: Path) -> Dataset:
    """Pictures of shape (height, width, 1 or 3) in [0, 1], with the folders' names as classes.

    Raises:
        ConfigError: for missing or corrupt pictures, pictures of several sizes, or classes too small to split.
    """
    folder = check_given(config.path)
    assert folder is not None, "the config was checked"
    inside = _list_folders(folder)
    parts = {part.name.lower(): part for part in inside}
    test_part = next((parts[name] for name in TESTS if name in parts), None)
    split = TRAIN in parts and test_part is not None
    at = [parts[TRAIN], test_part] if split and test_part else [folder]
    names = tuple(sorted({place.name for part in at for place in _list_folders(part)}))
    if len(names) < 2:
        raise ConfigError(
            f"data.path: {folder} has {len(names)} folders of pictures: it must have one for each class (two or more), "
            f"or {TRAIN}/ and {TESTS[0]}/ that have them."
        )
    chosen = choose_classes(config.classes, names, str(folder))
    size = None if config.size is None else (config.size[0], config.size[1])

    splits = []
    for part in at:
        files, y = _list_pictures(part, [names[index] for index in chosen])
        splits.append(Split(read_pictures(files, gray=config.gray, size=size), y))
    if split:
        train, test = splits
    else:
        try:
            stay, out = split_share(splits[0].y, len(splits[0]), config.test_fraction, config.split_seed)
        except ValueError as error:
            raise ConfigError(
                f"data.path: a class in {folder} has one picture: too few to train on and to test."
            ) from error
        train, test = splits[0].take(stay), splits[0].take(out)
    kept = tuple(names[index] for index in chosen)
    origin = f"pictures of the folder {folder.name}"
    return Dataset(
        config.name,
        "multiclass",
        train,
        test,
        kept,
        origin,
        folder=folder.parent,
        preparation=Pictures(gray=config.gray, size=size),
    )


def _list_folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ConfigError(f"data.path: {folder} is not a folder.")
    return sorted(place for place in folder.iterdir() if place.is_dir() and not place.name.startswith("."))


def _list_pictures(part: Path, names: list[str]) -> tuple[list[Path], np.ndarray]:
    files: list[Path] = []
    y: list[int] = []
    for label, name in enumerate(names):
        place = part / name
        of_class = sorted(file for file in place.iterdir() if file.suffix.lower() in SUFFIXES) if place.is_dir() else []
        if not of_class:
            raise ConfigError(
                f"{place} has no pictures ({', '.join(SUFFIXES)}): put some there, or leave the class out."
            )
        files += of_class
        y += [label] * len(of_class)
    return files, np.array(y, np.int32)
