"""Examples with their true and predicted label, the worst first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from cldnn_lab import figures
from cldnn_lab.data.dataset import Dataset
from cldnn_lab.diagnostics import forward
from cldnn_lab.diagnostics.options import Predictions
from cldnn_lab.evaluation.metrics import predict_classes
from cldnn_lab.runs.directory import Run
from cldnn_lab.training import losses


def check(model: keras.Model, dataset: Dataset, options: Predictions) -> None:
    """Refuse examples that are not there."""
    if options.images:
        forward.take_examples(
            forward.get_split(dataset, options.split), options.images, "diagnostics.predictions.images"
        )


def run(model: keras.Model, dataset: Dataset, folder: Path, options: Predictions, title: str) -> list[Path]:
    """Write ``predictions.csv``, all ranked examples, and ``predictions.png``, the worst of them.

    A classifier's worst example is the one whose score for the true class falls furthest below its highest
    score for another (column margin), so every wrong one comes before every right one; in regression it is
    the one with the largest mean squared error. Token ids have no picture: only the table is written.

    Raises:
        ConfigError: if the data has no such example.
    """
    split = forward.get_split(dataset, options.split)
    index = options.images or forward.draw_examples(split, options.examples).tolist()
    part = forward.take_examples(split, index, "diagnostics.predictions.images")
    outputs = np.concatenate([values[0] for values in forward.compute_outputs(model, model.outputs, part.x)])
    outputs = losses.read_scores(model.loss, outputs)
    table = _rank(dataset, part.y, outputs, index, options.threshold)
    files = [folder / "predictions.csv"]
    # The row of each ranked example in ``part`` is needed for the picture only.
    Run(folder).write_table("predictions.csv", table.drop(columns="row"))

    rows = table["row"].to_numpy()[: options.number]
    examples = [forward.make_showable(dataset, part.x[row]) for row in rows]
    if any(example is None for example in examples):
        return files
    regression = dataset.task == "regression"
    sequences = regression and part.y.ndim >= 2 and part.y.shape[1] > 1
    wrong = [False] * len(rows) if regression else [not right for right in table["correct"][: len(rows)]]
    what = f"the {len(rows)} worst of {len(index):,} {options.split} examples"
    picture = figures.gallery(
        [example for example in examples if example is not None],
        [_write_caption(dataset, record) for record in table.head(len(rows)).to_dict("records")],
        wrong,
        folder / "predictions.png",
        title=f"{title}: {what}" + ("" if regression else f"; {sum(wrong)} of them wrong, framed"),
        origin=dataset.origin,
        targets=[part.y[row].reshape(len(part.y[row]), -1) for row in rows] if sequences else None,
        predictions=[outputs[row].reshape(len(part.y[row]), -1) for row in rows] if sequences else None,
    )
    return [*files, picture]


def _rank(
    dataset: Dataset, target: np.ndarray, outputs: np.ndarray, index: list[int], threshold: float
) -> pd.DataFrame:
    rows = np.arange(len(index))
    if dataset.task == "regression":
        error = (outputs.reshape(len(rows), -1) - target.reshape(len(rows), -1)) ** 2
        table = pd.DataFrame({"index": index, "mse": error.mean(axis=1), "row": rows})
        return table.sort_values("mse", ascending=False, kind="stable", na_position="first", ignore_index=True)
    true = target.reshape(-1).astype(int)
    scores = outputs.reshape(len(rows), -1)
    predicted = predict_classes(dataset.task, scores, threshold)
    if dataset.task == "binary":
        scores = np.concatenate([1 - scores, scores], axis=1)
        margin = np.where(true == 1, scores[:, 1] - threshold, threshold - scores[:, 1])
    else:
        others = scores.copy()
        others[rows, true] = -np.inf
        margin = scores[rows, true] - others.max(axis=1)
    table = pd.DataFrame(
        {
            "index": index,
            "true": [forward.name_class(dataset, label) for label in true],
            "predicted": [forward.name_class(dataset, label) for label in predicted],
            "score_true": scores[rows, true],
            "score_predicted": np.where(predicted >= 0, scores[rows, predicted], np.nan),
            "margin": margin,
            "correct": predicted == true,
            "row": rows,
        }
    )
    return table.sort_values("margin", kind="stable", na_position="first", ignore_index=True)


def _write_caption(dataset: Dataset, record: Mapping[Any, Any]) -> str:
    if dataset.task == "regression":
        return f"example {record['index']}\nMSE {record['mse']:.4g}"
    return (
        f"{record['index']}: {str(record['true'])[:18]} ({record['score_true']:.2f})\n"
        f"as {str(record['predicted'])[:18]} ({record['score_predicted']:.2f})"
    )
