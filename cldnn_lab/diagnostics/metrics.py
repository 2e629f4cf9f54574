"""The metrics that a run writes for its test set, for another split."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cldnn_lab.diagnostics import _examples, _layers
from cldnn_lab.diagnostics._subject import SPLITS, PredictionOptions, Subject
from cldnn_lab.storage.tables import write_json

FILES = tuple(name for split in SPLITS for name in (f"metrics_{split}.json", f"confusion_matrix_{split}.png"))
_NAMES = {"test": "test", "validation": "validation", "train": "training"}


@dataclass
class Options(PredictionOptions):
    """The run's metrics and confusion matrix on another split than the test set: on the training set, dropout off."""

    split: str = field(default="train", metadata={"choices": SPLITS})


def run(subject: Subject, folder: Path, options: Options) -> list[Path]:
    """Write ``metrics_<split>.json`` and, for classes, ``confusion_matrix_<split>.png``.

    Unlike ``train_accuracy`` and ``train_loss`` of metrics.json, which are means over the last epoch while the weights
    still changed, these are of the trained network.
    """
    from cldnn_lab.evaluation.metrics import evaluate
    from cldnn_lab.figures.confusion import draw_confusion

    split = _examples.get_split(subject.dataset, options.split)
    model = subject.model
    outputs = np.concatenate([values[0] for values in _layers.compute_outputs(model, model.outputs, split.x)])
    evaluation = evaluate(subject.predictor, outputs, split)
    files = [write_json(folder / f"metrics_{options.split}.json", evaluation.metrics)]
    if evaluation.confusion is not None:
        picture = draw_confusion(
            evaluation.confusion,
            subject.dataset.classes,
            folder / f"confusion_matrix_{options.split}.png",
            title=f"{subject.title}: confusion on the {_NAMES[options.split]} set",
            origin=subject.dataset.origin,
        )
        files.append(picture)
    return files


def read(folder: Path) -> dict[str, float]:
    """The metrics of each split that was measured in ``folder``, as ``<split>_<name>``; none where there are none."""
    found: dict[str, float] = {}
    for split in SPLITS:
        path = folder / f"metrics_{split}.json"
        if path.is_file():
            metrics = json.loads(path.read_text(encoding="utf-8"))
            found |= {f"{split}_{name}": value for name, value in metrics.items() if isinstance(value, (int, float))}
    return found
