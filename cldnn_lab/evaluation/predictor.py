"""What a network's inputs and outputs mean: saved with a run, so that whoever uses the network later reads it alike."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data import preparation as preparations
from cldnn_lab.data.preparation import Numbers, Preparation

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from cldnn_lab.data.dataset import Dataset, Task

FILE = "predictor.json"
Reading = Literal["softmax", "sigmoid", "softmax_logits", "sigmoid_logits", "scores", "values"]
BATCH_SIZE = 128


@dataclass(frozen=True)
class Predictor:
    """How the outputs of one network are read and its inputs are prepared.

    Everything that judges the network reads its outputs here: the test at the end of training, the diagnostics, and
    predictions for new examples.

    Attributes:
        task: what is predicted.
        classes: class names in index order; empty for regression.
        outputs: what the network's outputs are: probabilities of a ``softmax`` or of a ``sigmoid`` each, the logits of
            either, other ``scores`` of which the highest counts, or for regression the ``values`` themselves.
        threshold: binary only: score above which an example is of class 1.
        input_shape: shape of one example as the network reads it; an axis of any length is None.
        preparation: from an example as its file has it to what the network reads.
    """

    task: Task
    classes: tuple[str, ...]
    outputs: Reading
    threshold: float = 0.5
    input_shape: tuple[int | None, ...] = ()
    preparation: Preparation = field(default_factory=Numbers)

    @classmethod
    def make(cls, model: keras.Model, dataset: Dataset, loss: str, threshold: float) -> Predictor:
        """The predictor of a network that is trained on a data set.

        Args:
            loss: name of the loss that it is trained with; outputs that may be any number are logits to the
                cross-entropies only.
            threshold: of the run.
        """
        from cldnn_lab.models.ending import find_output_activation

        ending = find_output_activation(model)
        outputs: Reading
        if dataset.task == "regression":
            outputs = "values"
        elif ending == "linear" and loss in ("crossentropy", "binary_crossentropy"):
            joint = loss == "crossentropy" and dataset.task == "multiclass"
            outputs = "softmax_logits" if joint else "sigmoid_logits"
        elif ending == "softmax":
            outputs = "softmax"
        else:
            outputs = "sigmoid" if ending == "sigmoid" else "scores"
        classes = dataset.classes or (("0", "1") if dataset.task == "binary" else ())
        return cls(dataset.task, classes, outputs, threshold, tuple(model.input_shape[1:]), dataset.preparation)

    @classmethod
    def load(cls, folder: Path) -> Predictor:
        """The predictor in a run directory.

        Raises:
            ConfigError: if there is none, or it is broken.
        """
        path = Path(folder) / FILE
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values["outputs"] not in get_args(Reading):
                raise ValueError(f"there is no outputs {values['outputs']!r}")
            return cls(
                task=values["task"],
                classes=tuple(values["classes"]),
                outputs=values["outputs"],
                threshold=float(values["threshold"]),
                input_shape=tuple(values["input_shape"]),
                preparation=preparations.restore(values["preparation"]),
            )
        except FileNotFoundError as error:
            raise ConfigError(f"{path} is missing, so how the network is read is not known: train it again.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path} is not the description of a predictor ({error}): train again.") from error

    def describe(self) -> dict[str, Any]:
        """The predictor as plain values, as its file holds them."""
        return {
            "task": self.task,
            "classes": list(self.classes),
            "outputs": self.outputs,
            "threshold": self.threshold,
            "input_shape": list(self.input_shape),
            "preparation": self.preparation.describe(),
        }

    @property
    def gives_probabilities(self) -> bool:
        """Whether the scores are probabilities."""
        return self.outputs not in ("scores", "values")

    def read_scores(self, outputs: np.ndarray) -> np.ndarray:
        """The scores that a network's outputs stand for: logits as probabilities, all others as they are.

        Args:
            outputs: (examples, outputs); one output, for class 1, where the task is binary.
        """
        from scipy.special import expit, softmax

        outputs = np.asarray(outputs)
        if self.outputs == "softmax_logits":
            return softmax(outputs, axis=-1)
        return expit(outputs) if self.outputs == "sigmoid_logits" else outputs

    def predict_classes(self, scores: np.ndarray) -> np.ndarray:
        """The class index of each example, int64 (examples,), from its scores (examples, outputs); -1 where one of them
        is not finite."""
        predicted = scores[:, 0] > self.threshold if self.task == "binary" else np.argmax(scores, axis=1)
        return np.where(np.isfinite(scores).all(axis=1), predicted.astype(np.int64), -1)

    def name_class(self, index: int) -> str:
        """The name of a class, or its number where it has none; -1 is no class."""
        if index < 0:
            return "no class"
        return self.classes[index] if index < len(self.classes) else str(index)

    def prepare(self, x: Any) -> np.ndarray:
        """Examples as the network reads them, by the operations that prepared the training examples.

        Args:
            x: examples in the form in which the run's data source has them, always several, the first axis over
                examples. Pictures: a list of picture files, or an array of bytes (examples, height, width[, channels]).
                RadioML: an array (examples, 2, length) or (examples, length, 2). Texts: a list of strings. Everything
                else: an array of numbers as in the file.

        Returns:
            (examples, ...), float32, or int32 for token ids.

        Raises:
            ConfigError: if ``x`` is of another kind or shape.
        """
        if np.ndim(x) == 0 or not len(x):
            raise ConfigError("there is no example to predict: give a list or an array of one or more.")
        prepared = self.preparation.prepare(x)
        shape = prepared.shape[1:]
        fits = len(shape) == len(self.input_shape) and all(
            want is None or want == have for want, have in zip(self.input_shape, shape, strict=True)
        )
        if not fits:
            raise ConfigError(
                f"the examples have shape {_format_shape(shape)} once they are prepared, but the network reads "
                f"{_format_shape(self.input_shape)}."
            )
        return prepared

    def predict(self, model: keras.Model, x: Any) -> np.ndarray:
        """The scores of a network for new examples, (examples, outputs), or its values for regression.

        Args:
            x: what :meth:`prepare` takes.

        Raises:
            ConfigError: as :meth:`prepare` does.
        """
        outputs = model.predict(self.prepare(x), batch_size=BATCH_SIZE, verbose=0)
        return self.read_scores(np.asarray(outputs))

    def tabulate(self, scores: np.ndarray) -> pd.DataFrame:
        """Predictions as a table.

        Args:
            scores: what :meth:`predict` gave.

        Returns:
            One row per example with its number from 0: ``predicted``, the name of the class, ``probability``, that of
            this class (``score`` where the outputs are no probabilities), and a column per class with the same.
            For regression one row per example, or per step of one, with the columns ``output_0`` and so on.
        """
        import pandas as pd

        if self.task == "regression":
            if scores.ndim < 3:
                values, places = scores.reshape(len(scores), -1), {"example": np.arange(len(scores))}
            else:
                values = scores.reshape(-1, scores.shape[-1])
                steps = len(values) // len(scores)
                places = {
                    "example": np.repeat(np.arange(len(scores)), steps),
                    "step": np.tile(np.arange(steps), len(scores)),
                }
            return pd.DataFrame({**places, **{f"output_{i}": values[:, i] for i in range(values.shape[1])}})
        predicted = self.predict_classes(scores)
        if self.task == "binary":
            # Scores that are no probabilities say nothing of class 0 but that class 1 is not reached.
            scores = np.concatenate([1 - scores if self.gives_probabilities else -scores, scores], axis=1)
        what = "probability" if self.gives_probabilities else "score"
        rows = np.arange(len(scores))
        return pd.DataFrame(
            {
                "example": rows,
                "predicted": [self.name_class(index) for index in predicted],
                what: np.where(predicted >= 0, scores[rows, predicted], np.nan),
                **{f"{what}.{name}": scores[:, index] for index, name in enumerate(self.classes)},
            }
        )


def _format_shape(shape: tuple[int | None, ...]) -> str:
    return "x".join("any" if side is None else str(side) for side in shape)
