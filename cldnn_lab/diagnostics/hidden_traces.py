"""What every hidden unit of the recurrent layers does while a sequence passes (report 001, question 8)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from cldnn_lab import figures
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.diagnostics import forward
from cldnn_lab.diagnostics.options import HiddenTraces
from cldnn_lab.runs.directory import Run
from cldnn_lab.training import losses


def check(model: keras.Model, dataset: Dataset, options: HiddenTraces) -> None:
    """Refuse a network without a recurrent layer, and sequences that are not there."""
    _find_recurrent(model)
    _take_sequences(dataset, options)


def run(model: keras.Model, dataset: Dataset, folder: Path, options: HiddenTraces, title: str) -> list[Path]:
    """Draw ``hidden_traces_<index>.png`` for each sequence and write the same numbers as a CSV (a row a step).

    For an LSTM these are its outputs; its memory cells are not shown.

    Raises:
        ConfigError: if the network has no recurrent layer, or the data no such sequence.
    """
    layers, examples = _find_recurrent(model), _take_sequences(dataset, options)
    states = [_find_every_step(layer) for layer in layers]
    paths = []
    for position, index in enumerate(options.images):
        (values,) = forward.compute_outputs(model, [*states, model.outputs[0]], examples.x[position][None])
        hidden = {layer.name: value[0] for layer, value in zip(layers, values[:-1], strict=True)}
        sequence = forward.make_sequence(dataset, examples.x[position])
        target = prediction = None
        said = forward.describe_prediction(
            dataset, examples.y[position], losses.read_scores(model.loss, values[-1])[0], options.threshold
        )
        if dataset.task == "regression":
            target = examples.y[position].reshape(len(examples.y[position]), -1)
            prediction = values[-1][0].reshape(target.shape)
        picture = figures.hidden_traces(
            sequence,
            target,
            prediction,
            hidden,
            folder / f"hidden_traces_{index}.png",
            title=f"{title}: {options.split} sequence {index}" + (f", {said}" if said else ""),
            origin=dataset.origin,
        )
        name = f"hidden_traces_{index}.csv"
        Run(folder).write_table(name, _write_table(sequence, target, prediction, hidden))
        paths += [folder / name, picture]
    return paths


def _find_recurrent(model: keras.Model) -> list[keras.layers.Layer]:
    layers = [
        layer
        for layer in forward.list_layers(model, "hidden_traces")
        if isinstance(layer, (keras.layers.RNN, keras.layers.Bidirectional))
    ]
    if not layers:
        raise ConfigError(
            "diagnostics=hidden_traces: this network has no recurrent layer; use model=rnn or model=cldnn."
        )
    return layers


def _take_sequences(dataset: Dataset, options: HiddenTraces) -> Split:
    split = forward.get_split(dataset, options.split)
    return forward.take_examples(split, options.images, "diagnostics.hidden_traces.images")


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


def _write_table(
    sequence: np.ndarray, target: np.ndarray | None, prediction: np.ndarray | None, hidden: dict[str, np.ndarray]
) -> pd.DataFrame:
    """A row a step; a layer behind convolutions has fewer steps than the input, and its last rows are empty."""
    parts = {"input": sequence, "target": target, "prediction": prediction, **hidden}
    columns = {
        f"{name}_{i}": pd.Series(values[:, i])
        for name, values in parts.items()
        if values is not None
        for i in range(values.shape[1])
    }
    return pd.DataFrame(columns).rename_axis("step").reset_index()
