"""What every hidden unit of the recurrent layers does while a sequence passes (report 001, question 8)."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.diagnostics import _examples, _layers
from cldnn_lab.diagnostics._subject import PredictionOptions, Subject
from cldnn_lab.storage.tables import write_table

if TYPE_CHECKING:
    import keras
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FILES = ("hidden_traces_[0-9]*.csv", "hidden_traces_[0-9]*.png")


@dataclass
class Options(PredictionOptions):
    """Input, target, prediction and every hidden unit over time.

    Attributes:
        images: indices of the sequences, a picture and a table each.
    """

    images: list[int] = field(default_factory=lambda: [0], metadata={"min": 0})


def check(subject: Subject, options: Options) -> None:
    """Refuse a network without a recurrent layer, and sequences that are not there."""
    _find_recurrent(subject.model)
    _take_sequences(subject.dataset, options)


def run(subject: Subject, folder: Path, options: Options) -> list[Path]:
    """Draw ``hidden_traces_<index>.png`` for each sequence and write the same numbers as a CSV, one row per step.

    For an LSTM these are its outputs; its memory cells are not shown.

    Raises:
        ConfigError: if the network has no recurrent layer, or the data no such sequence.
    """
    model, dataset = subject.model, subject.dataset
    layers, examples = _find_recurrent(model), _take_sequences(dataset, options)
    states = [_find_every_step(layer) for layer in layers]
    paths = []
    for position, index in enumerate(options.images):
        (values,) = _layers.compute_outputs(model, [*states, model.outputs[0]], examples.x[position][None])
        hidden = {layer.name: value[0] for layer, value in zip(layers, values[:-1], strict=True)}
        sequence = _examples.make_sequence(dataset, examples.x[position])
        target = prediction = None
        said = _examples.describe_prediction(subject.predictor, examples.y[position], values[-1][0])
        if dataset.task == "regression":
            target = examples.y[position].reshape(len(examples.y[position]), -1)
            prediction = values[-1][0].reshape(target.shape)
        picture = draw(
            sequence,
            target,
            prediction,
            hidden,
            folder / f"hidden_traces_{index}.png",
            title=f"{subject.title}: {options.split} sequence {index}" + (f", {said}" if said else ""),
            origin=dataset.origin,
        )
        table = _make_table(sequence, target, prediction, hidden)
        paths += [write_table(folder / f"hidden_traces_{index}.csv", table), picture]
    return paths


def _find_recurrent(model: keras.Model) -> list[keras.layers.Layer]:
    import keras

    layers = [
        layer
        for layer in _layers.list_layers(model, "hidden_traces")
        if isinstance(layer, (keras.layers.RNN, keras.layers.Bidirectional))
    ]
    if not layers:
        raise ConfigError(
            "diagnostics=hidden_traces: this network has no recurrent layer; use model=rnn or model=cldnn."
        )
    return layers


def _take_sequences(dataset: Dataset, options: Options) -> Split:
    split = _examples.get_split(dataset, options.split)
    return _examples.take_examples(split, options.images, "diagnostics.hidden_traces.images")


def _find_every_step(layer: keras.layers.Layer) -> Any:
    """The layer's output at every step; where it gives only the last, a twin with its weights gives the rest."""
    if len(layer.output.shape) == 3:
        return layer.output
    config = layer.get_config()
    # A Bidirectional layer keeps the flag in each of the two layers inside it.
    inside = [config[key]["config"] for key in ("layer", "backward_layer") if config.get(key)]
    for part in inside or [config]:
        part["return_sequences"] = True
    config["name"] = f"{layer.name}_every_step"
    twin = type(layer).from_config(config)
    output = twin(layer.input)
    twin.set_weights(layer.get_weights())
    return output


def _make_table(
    sequence: np.ndarray, target: np.ndarray | None, prediction: np.ndarray | None, hidden: dict[str, np.ndarray]
) -> pd.DataFrame:
    """One row per step; a layer behind convolutions has fewer steps than the input, and its last rows are empty."""
    import pandas as pd

    parts = {"input": sequence, "target": target, "prediction": prediction, **hidden}
    columns = {
        f"{name}_{i}": pd.Series(values[:, i])
        for name, values in parts.items()
        if values is not None
        for i in range(values.shape[1])
    }
    return pd.DataFrame(columns).rename_axis("step").reset_index()


def draw(
    sequence: np.ndarray,
    target: np.ndarray | None,
    prediction: np.ndarray | None,
    hidden: Mapping[str, np.ndarray],
    path: Path,
    *,
    title: str,
    origin: str,
) -> Path:
    """One sequence over time: input, target with prediction, and every hidden unit of each recurrent layer.

    Args:
        sequence: (time, features).
        target, prediction: (time, outputs), or None where the target is a class; then the title tells it.
        hidden: (time, units) of each layer by name; up to 12 units as lines, more as a picture
            with one row per unit.
    """
    from matplotlib.figure import Figure

    from cldnn_lab.figures import style

    panels = 1 + (target is not None) + len(hidden)
    figure = Figure(figsize=(9.5, 2.1 * panels + 0.9), layout="constrained")
    grid = figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0]
    _draw_series(figure, grid[0], sequence, "input", "feature")
    row = 1
    if target is not None and prediction is not None:
        for output in range(target.shape[1]):
            tail = f" {output}" if target.shape[1] > 1 else ""
            grid[row].plot(target[:, output], color=style.BLACK, linewidth=2, label="target" + tail)
            grid[row].plot(
                prediction[:, output],
                color=style.VERMILLION,
                linestyle="--",
                linewidth=1.6,
                label="prediction" + tail,
            )
        grid[row].set_ylabel("target")
        grid[row].legend(fontsize=style.SMALL, loc="upper left", bbox_to_anchor=(1, 1))
        style.add_grid(grid[row])
        row += 1
    for name, states in hidden.items():
        # Behind a convolution or a pooling the steps are no longer those of the input.
        own = "" if len(states) == len(sequence) else f"\n({len(states)} steps)"
        _draw_series(figure, grid[row], states, style.shorten(name, 20) + own, "unit")
        row += 1
    grid[-1].set_xlabel("time step")
    grid[-1].set_xlim(-0.5, len(sequence) - 0.5)
    figure.suptitle(textwrap.fill(title, 95), fontsize=11)
    return style.save(figure, path, origin)


def _draw_series(figure: Figure, axes: Axes, values: np.ndarray, name: str, each: str) -> None:
    """A few series as lines, many as a picture with time along it."""
    from cldnn_lab.figures import style

    count = values.shape[1]
    axes.set_ylabel(name, fontsize=9)
    if count <= 12:
        for index in range(count):
            axes.plot(
                values[:, index], linewidth=1.3, markersize=3.5, markevery=max(1, len(values) // 10),
                label=f"{each} {index}", **style.get_line_style(index),
            )  # fmt: skip
        if count > 1:
            axes.legend(
                fontsize=style.SMALL - 0.5, ncols=1 if count <= 6 else 2, loc="upper left", bbox_to_anchor=(1, 1),
                handlelength=3,
            )  # fmt: skip
        style.add_grid(axes)
        return
    image = axes.imshow(values.T, cmap="cividis", aspect="auto", interpolation="nearest")
    axes.set_ylabel(f"{name}\n{each}", fontsize=9)
    bar = figure.colorbar(image, ax=axes, fraction=0.03, pad=0.01)
    bar.ax.tick_params(labelsize=style.SMALL - 1)
