"""Examples with their true and predicted label, the worst first."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cldnn_lab.diagnostics import _examples, _layers
from cldnn_lab.diagnostics._subject import PredictionOptions, Subject
from cldnn_lab.evaluation.predictor import Predictor
from cldnn_lab.storage.tables import write_table

if TYPE_CHECKING:
    import pandas as pd

FILES = ("predictions.csv", "predictions.png")


@dataclass
class Options(PredictionOptions):
    """Examples with their true and predicted label, the worst first.

    Attributes:
        number: examples in the picture.
        examples: how many of the split to predict and rank, drawn evenly from the classes.
        images: indices to rank instead of all of these.
    """

    number: int = field(default=24, metadata={"min": 1, "max": 120})
    examples: int = field(default=2000, metadata={"min": 1})
    images: list[int] = field(default_factory=list, metadata={"min": 0})


def check(subject: Subject, options: Options) -> None:
    """Refuse examples that are not there."""
    if options.images:
        split = _examples.get_split(subject.dataset, options.split)
        _examples.take_examples(split, options.images, "diagnostics.predictions.images")


def run(subject: Subject, folder: Path, options: Options) -> list[Path]:
    """Write ``predictions.csv``, all ranked examples, and ``predictions.png``, the worst of them.

    A classifier's worst example is the one whose score for the true class falls furthest below its highest
    score for another (column margin), so every wrong one comes before every right one; in regression it is
    the one with the largest mean squared error. Token ids have no picture: only the table is written.

    Raises:
        ConfigError: if the data has no such example.
    """
    model, dataset, predictor = subject.model, subject.dataset, subject.predictor
    split = _examples.get_split(dataset, options.split)
    index = options.images or _examples.draw_examples(split, options.examples).tolist()
    part = _examples.take_examples(split, index, "diagnostics.predictions.images")
    outputs = np.concatenate([values[0] for values in _layers.compute_outputs(model, model.outputs, part.x)])
    scores = predictor.read_scores(outputs)
    table = _rank(predictor, part.y, scores, index)
    # The row of each ranked example in ``part`` is needed for the picture only.
    files = [write_table(folder / "predictions.csv", table.drop(columns="row"))]

    rows = table["row"].to_numpy()[: options.number]
    examples = [_examples.make_showable(dataset, part.x[row]) for row in rows]
    if any(example is None for example in examples):
        return files
    regression = dataset.task == "regression"
    sequences = regression and part.y.ndim >= 2 and part.y.shape[1] > 1
    wrong = [False] * len(rows) if regression else [not right for right in table["correct"][: len(rows)]]
    what = f"the {len(rows)} worst of {len(index):,} {options.split} examples"
    picture = draw(
        [example for example in examples if example is not None],
        [_write_caption(predictor, record) for record in table.head(len(rows)).to_dict("records")],
        wrong,
        folder / "predictions.png",
        title=f"{subject.title}: {what}" + ("" if regression else f"; {sum(wrong)} of them wrong, framed"),
        origin=dataset.origin,
        targets=[part.y[row].reshape(len(part.y[row]), -1) for row in rows] if sequences else None,
        predictions=[scores[row].reshape(len(part.y[row]), -1) for row in rows] if sequences else None,
    )
    return [*files, picture]


def _rank(predictor: Predictor, target: np.ndarray, outputs: np.ndarray, index: list[int]) -> pd.DataFrame:
    import pandas as pd

    rows = np.arange(len(index))
    if predictor.task == "regression":
        error = (outputs.reshape(len(rows), -1) - target.reshape(len(rows), -1)) ** 2
        table = pd.DataFrame({"index": index, "mse": error.mean(axis=1), "row": rows})
        return table.sort_values("mse", ascending=False, kind="stable", na_position="first", ignore_index=True)
    true = target.reshape(-1).astype(int)
    scores = outputs.reshape(len(rows), -1)
    predicted = predictor.predict_classes(scores)
    if predictor.task == "binary":
        scores = np.concatenate([1 - scores, scores], axis=1)
        threshold = predictor.threshold
        margin = np.where(true == 1, scores[:, 1] - threshold, threshold - scores[:, 1])
    else:
        others = scores.copy()
        others[rows, true] = -np.inf
        margin = scores[rows, true] - others.max(axis=1)
    table = pd.DataFrame(
        {
            "index": index,
            "true": [predictor.name_class(label) for label in true],
            "predicted": [predictor.name_class(label) for label in predicted],
            "score_true": scores[rows, true],
            "score_predicted": np.where(predicted >= 0, scores[rows, predicted], np.nan),
            "margin": margin,
            "correct": predicted == true,
            "row": rows,
        }
    )
    return table.sort_values("margin", kind="stable", na_position="first", ignore_index=True)


def _write_caption(predictor: Predictor, record: Mapping[Any, Any]) -> str:
    if predictor.task == "regression":
        return f"example {record['index']}\nMSE {record['mse']:.4g}"
    return (
        f"{record['index']}: {str(record['true'])[:18]} ({record['score_true']:.2f})\n"
        f"as {str(record['predicted'])[:18]} ({record['score_predicted']:.2f})"
    )


def draw(
    examples: Sequence[np.ndarray], captions: Sequence[str], wrong: Sequence[bool], path: Path, *, title: str,
    origin: str, targets: Sequence[np.ndarray] | None = None, predictions: Sequence[np.ndarray] | None = None,
) -> Path:  # fmt: skip
    """Sample examples with what is true and what was predicted; wrong ones have a thick frame.

    Args:
        examples: pictures (height, width, 1 or 3) or sequences (time, features of a few).
        captions: the two or three short lines above each.
        wrong: which were predicted wrongly.
        targets, predictions: (time, outputs) drawn in place of the example, for sequences to sequences.
    """
    from matplotlib.figure import Figure

    from cldnn_lab.figures import style, tiles

    count = len(examples)
    sequences = examples[0].ndim == 2
    columns = min(count, 4 if sequences else 6)
    rows = -(-count // columns)
    width, height = (2.5, 1.9) if sequences else (1.6, 2.05)
    figure = Figure(figsize=(max(width * columns, 4.5), height * rows + 1.0), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=sequences, sharey=sequences)
    for axes in panels.flat[count:]:
        axes.set_visible(False)
    for index, axes in enumerate(panels.flat[:count]):
        if targets is not None and predictions is not None:
            axes.plot(targets[index], color=style.BLACK, linewidth=1.6, label="target")
            axes.plot(predictions[index], color=style.VERMILLION, linestyle="--", linewidth=1.2, label="prediction")
        elif sequences:
            for line in range(examples[index].shape[1]):
                axes.plot(
                    examples[index][:, line],
                    color=style.COLOURS[line % 7],
                    linestyle=style.DASHES[line % 5],
                    linewidth=0.9,
                )
        else:
            picture, options = tiles.prepare_picture(examples[index])
            axes.imshow(picture, **options)
        if sequences:
            axes.tick_params(labelsize=style.SMALL - 1.5)
        else:
            style.remove_ticks(axes)
        if wrong[index]:
            for spine in axes.spines.values():
                spine.set(visible=True, color=style.VERMILLION, linewidth=2.6)
        axes.set_title(captions[index], fontsize=style.SMALL - 0.3, linespacing=1.15)
    if targets is not None:
        panels[0, 0].legend(fontsize=style.SMALL - 1.5)
    figure.suptitle(textwrap.fill(title, int(max(width * columns, 4.5) * 9.5)), fontsize=10.5)
    return style.save(figure, path, origin)
