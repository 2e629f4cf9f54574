"""What a diagnostic examines, and the options that several diagnostics have."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

    from cldnn_lab.data.dataset import Dataset
    from cldnn_lab.evaluation.predictor import Predictor

SPLITS = ("test", "validation", "train")


@dataclass(frozen=True)
class Subject:
    """A network with its data.

    Attributes:
        model: the network.
        dataset: what it is, or was, trained on.
        predictor: how its outputs are read.
        title: what it is, such as ``cnn on fashion_mnist``; every picture's title begins with it.
    """

    model: keras.Model
    dataset: Dataset
    predictor: Predictor
    title: str

    def with_threshold(self, threshold: float) -> Subject:
        """The same with another threshold for binary tasks."""
        return replace(self, predictor=replace(self.predictor, threshold=threshold))


@dataclass
class ExampleOptions:
    """Options of a diagnostic of examples.

    Attributes:
        split: which examples: ``test``, ``validation`` or ``train``.
    """

    split: str = field(default="test", metadata={"choices": SPLITS})


@dataclass
class PredictionOptions(ExampleOptions):
    """Options of a diagnostic that says which class an example is predicted to be of.

    Attributes:
        threshold: score above which a binary example counts as class 1; None for that of the run.
    """

    threshold: float | None = field(default=None, metadata={"above": 0, "below": 1})
