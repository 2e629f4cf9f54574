"""The metrics that a run writes for its test set, for another split."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from cldnn_lab import figures
from cldnn_lab.data.dataset import Dataset
from cldnn_lab.diagnostics import forward
from cldnn_lab.diagnostics.options import Metrics
from cldnn_lab.evaluation.metrics import evaluate
from cldnn_lab.runs.directory import Run
from cldnn_lab.training import losses

_NAMES = {"test": "test", "validation": "validation", "train": "training"}


def run(model: keras.Model, dataset: Dataset, folder: Path, options: Metrics, title: str) -> list[Path]:
    """Write ``metrics_<split>.json`` and, for classes, ``confusion_matrix_<split>.png``.

    Unlike ``train_accuracy`` and ``train_loss`` of metrics.json, which are means over the last epoch while the weights
    still changed, these are of the trained network.
    """
    split = forward.get_split(dataset, options.split)
    outputs = np.concatenate([values[0] for values in forward.compute_outputs(model, model.outputs, split.x)])
    evaluation = evaluate(dataset, losses.read_scores(model.loss, outputs), split, threshold=options.threshold)
    files = [folder / f"metrics_{options.split}.json"]
    Run(folder).write_json(files[0].name, evaluation.metrics)
    if evaluation.confusion is not None:
        files.append(folder / f"confusion_matrix_{options.split}.png")
        figures.confusion(
            evaluation.confusion,
            dataset.classes,
            files[1],
            title=f"{title}: confusion on the {_NAMES[options.split]} set",
            origin=dataset.origin,
        )
    return files
