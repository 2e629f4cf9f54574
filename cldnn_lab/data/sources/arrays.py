"""The user's own arrays, from .npz or .npy files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.classes import choose_classes, keep_classes
from cldnn_lab.data.dataset import Dataset, Split, Task
from cldnn_lab.data.files import check_given
from cldnn_lab.data.labels import number_classes
from cldnn_lab.data.options import DataConfig
from cldnn_lab.data.preparation import Numbers
from cldnn_lab.data.safe_pickle import load_archive, load_array
from cldnn_lab.data.splits import split_share

WHOLE = ("x", "y")
SPLIT = ("x_train", "y_train", "x_test", "y_test")


@dataclass
class Options(DataConfig):
    """The user's own arrays.

    Attributes:
        path: an ``.npz`` with x and y (or x_train, y_train, x_test, y_test), a folder of ``.npy`` files of
            these names, or one ``.npy`` of a pair ``[x, y]`` or a dict of them.
        task: ``auto`` (whole numbers in y are classes; anything else a regression), or which it is.
        divide_by: x is divided by this, such as 255 for bytes.
        time_axis: which axis of an example is time when it is read as a sequence.
        test_fraction: the share of each class that is the test set, where the file has none.
    """

    path: str | None = None
    task: str = field(default="auto", metadata={"choices": ("auto", "multiclass", "binary", "regression")})
    divide_by: float = field(default=1.0, metadata={"above": 0})
    time_axis: int = field(default=0, metadata={"min": 0, "max": 2})
    test_fraction: float = field(default=0.2, metadata={"above": 0, "below": 1})

    def check(self) -> None:
        super().check()
        if self.path is None:
            raise ConfigError("data.path: name the file of arrays, such as data.path=mine.npz.")
        if self.task in ("regression", "binary"):
            self.refuse_classes("has one target" if self.task == "binary" else "has targets that are numbers")


def load(config: Options, data_root: Path) -> Dataset:
    """Examples as they are in the file, divided by ``divide_by``, with classes or numbers as targets.

    Raises:
        ConfigError: for missing, truncated, corrupt or unfit files, and for x and y that do not go together.
    """
    path = check_given(config.path)
    assert path is not None, "the config was checked"
    arrays = _read_arrays(path)
    names = SPLIT if all(name in arrays for name in SPLIT) else WHOLE
    if not all(name in arrays for name in names):
        has = ", ".join(sorted(arrays)) or "nothing"
        raise ConfigError(f"data.path: {path} holds {has}, neither {', '.join(SPLIT)} nor x and y.")
    # Views: nothing is copied before it is divided.
    pairs = [
        (_shape_examples(arrays[x], x, path), _check_numeric(arrays[y], y, path))
        for x, y in zip(names[::2], names[1::2], strict=True)
    ]
    for x, y in pairs:
        if len(x) != len(y):
            raise ConfigError(f"{path}: x holds {len(x)} examples but y {len(y)} targets; they must agree.")
    task = _decide_task(config.task, [y for _, y in pairs])
    splits = [Split(x, _shape_targets(y, task, path)) for x, y in pairs]
    if task == "multiclass":
        _check_numbers(splits, path)
    if len(splits) == 1:
        splits = _divide(config, splits[0], task, path)

    classes: tuple[str, ...] = ()
    if task != "regression":
        count = 1 + max(int(split.y.max(initial=0)) for split in splits)
        if task == "binary" and count > 2:
            raise ConfigError(f"data.task: {path} has classes up to {count - 1}: a binary task has 0 and 1 only.")
        classes = tuple(map(str, range(max(count, 2))))
        chosen = choose_classes(config.classes, classes, str(path))
        splits = [keep_classes(split, chosen, len(classes)) for split in splits]
        classes = tuple(classes[index] for index in chosen)
    elif config.classes is not None:
        raise ConfigError(f"data.classes: the targets in {path} are numbers, so classes must stay null.")
    preparation = Numbers(divide_by=config.divide_by)
    train, test = (Split(preparation.convert(split.x), split.y) for split in splits)
    if config.time_axis >= max(train.x.ndim - 1, 1):
        raise ConfigError(
            f"data.time_axis: {config.time_axis} is not an axis of examples of shape {train.x.shape[1:]}."
        )
    return Dataset(
        config.name,
        task,
        train,
        test,
        classes,
        path.name,
        time_axis=config.time_axis,
        folder=path.parent,
        preparation=preparation,
    )


def _read_arrays(path: Path) -> Mapping[str, Any]:
    if path.is_dir():
        return {name: load_array(path / f"{name}.npy") for name in (*SPLIT, *WHOLE) if (path / f"{name}.npy").is_file()}
    if path.suffix == ".npz":
        return load_archive(path)
    array = load_array(path)
    if array.dtype != object:
        if path.stem in (*SPLIT, *WHOLE):
            return _read_arrays(path.parent)
        raise ConfigError(
            f"data.path: {path} is one array; put y beside it, both in an .npz file with the names x and y."
        )
    content = array.item() if array.ndim == 0 else list(array) if array.ndim == 1 else None
    if isinstance(content, dict):
        return content
    if isinstance(content, list) and len(content) in (2, 4):
        return dict(zip(WHOLE if len(content) == 2 else SPLIT, content, strict=True))
    raise ConfigError(f"data.path: {path} holds neither a pair of x and y nor a dict of them.")


def _check_numeric(array: Any, name: str, path: Path) -> np.ndarray:
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub" or array.ndim == 0:
        raise ConfigError(f"{path}: {name} is not an array of numbers.")
    return array


def _shape_examples(array: Any, name: str, path: Path) -> np.ndarray:
    x = _check_numeric(array, name, path)
    if not 2 <= x.ndim <= 4:
        raise ConfigError(f"{path}: {name} has shape {x.shape}; examples must be vectors, sequences or images.")
    return x


def _decide_task(wanted: str, targets: list[np.ndarray]) -> Task:
    if wanted != "auto":
        return wanted  # type: ignore[return-value]
    try:
        for y in targets:
            number_classes(y, "y")
    except ConfigError:
        return "regression"
    return "multiclass"


def _shape_targets(y: np.ndarray, task: Task, path: Path) -> np.ndarray:
    if task != "regression":
        return number_classes(y, f"{path}: y")
    return y[:, None] if y.ndim == 1 else y


def _check_numbers(splits: list[Split], path: Path) -> None:
    """Refuse numbers that cannot be those of classes, before a name is made for each."""
    highest, examples = max(int(split.y.max(initial=0)) for split in splits), sum(len(split) for split in splits)
    if highest > examples:
        raise ConfigError(
            f"data.task: the targets in {path} go up to {highest:,}, but there are {examples:,} examples: set "
            "data.task=regression if they are quantities; classes must be numbered from 0 without such gaps."
        )


def _divide(config: Options, split: Split, task: Task, path: Path) -> list[Split]:
    try:
        strata = None if task == "regression" else split.y
        stay, out = split_share(strata, len(split), config.test_fraction, config.split_seed)
    except ValueError as error:
        raise ConfigError(f"{path}: a class has one example: too few to train on and to test.") from error
    return [split.take(stay), split.take(out)]
