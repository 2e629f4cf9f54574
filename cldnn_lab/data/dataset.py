"""The value every data source ends in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from cldnn_lab.data.preparation import Numbers, Preparation

Task = Literal["multiclass", "binary", "regression"]


@dataclass(frozen=True)
class Split:
    """Examples and their targets.

    Attributes:
        x: float32, or int32 for token ids; shape (examples, ...).
        y: int32 class indices of shape (examples,); for regression, float32 targets shaped like the output.
        tags: facts about each example that are not the target, such as ``snr`` in dB; each (examples,).
    """

    x: np.ndarray
    y: np.ndarray
    tags: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: np.ndarray | slice) -> Split:
        """The examples at ``index``, in that order."""
        return Split(self.x[index], self.y[index], {k: v[index] for k, v in self.tags.items()})


@dataclass(frozen=True)
class Dataset:
    """Everything training and evaluation need to know of the data.

    Attributes:
        name: as the user calls it, such as ``fashion_mnist``.
        task: what is predicted.
        train: what the network learns from.
        test: what the final metrics are measured on.
        classes: class names in index order; empty for regression.
        origin: one phrase for metrics and figures, which people pass on: which data set and files, or which
            generator; no folder of anybody's.
        synthetic: True where the project drew or generated the data itself in place of a published set.
        time_axis: which axis of an example is time when it is read as a sequence.
        vocabulary: number of token ids where ``x`` holds ids, else None.
        folder: where the files of ``origin`` lie; None where none were read.
        held_out: examples of the training set kept out of training to validate on; None where the test set validates.
        preparation: how an example as its file has it was converted to what ``x`` holds.
    """

    name: str
    task: Task
    train: Split
    test: Split
    classes: tuple[str, ...]
    origin: str
    synthetic: bool = False
    time_axis: int = 0
    vocabulary: int | None = None
    folder: Path | None = None
    preparation: Preparation = field(default_factory=Numbers)
    held_out: Split | None = None

    @property
    def validates_on_test(self) -> bool:
        """Whether the test set is also the validation set."""
        return self.held_out is None

    @property
    def validation(self) -> Split:
        """What the network is evaluated on while it is trained: ``held_out``, or the test set where there is none."""
        return self.test if self.held_out is None else self.held_out

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return tuple(self.train.x.shape[1:])

    @property
    def outputs(self) -> int:
        """Output units the task needs: one per class, one if binary, the target's last axis for regression."""
        if self.task == "multiclass":
            return len(self.classes)
        return 1 if self.task == "binary" else int(self.train.y.shape[-1])

    def with_examples(self, changed: Callable[[np.ndarray], np.ndarray]) -> Dataset:
        """The same data set with the ``x`` of each split, (examples, ...), as ``changed`` makes it, in C order."""

        def of(split: Split) -> Split:
            return Split(np.ascontiguousarray(changed(split.x)), split.y, split.tags)

        held_out = None if self.held_out is None else of(self.held_out)
        return replace(self, train=of(self.train), test=of(self.test), held_out=held_out)

    @property
    def provenance(self) -> str:
        """Origin and folder, for whom they concern: the log and errors."""
        return self.origin if self.folder is None else f"{self.origin} in {self.folder}"

    @property
    def nbytes(self) -> int:
        """Bytes of all examples and targets."""
        splits = [split for split in (self.train, self.held_out, self.test) if split is not None]
        return sum(split.x.nbytes + split.y.nbytes for split in splits)

    @property
    def sizes(self) -> str:
        """How many examples of what shape, for the log: ``60,000 to train, 10,000 to test, each 28x28x1``."""
        held_out = "" if self.held_out is None else f"{len(self.held_out):,} to validate, "
        shape = "x".join(str(n) for n in self.input_shape)
        return f"{len(self.train):,} to train, {held_out}{len(self.test):,} to test, each {shape}"
