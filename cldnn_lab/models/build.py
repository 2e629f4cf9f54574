"""Build a Keras model from its config for the data at hand, or say in one sentence why that cannot be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import keras
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cldnn_lab.config import targets
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.model import check_model
from cldnn_lab.models import layers as _layers  # also registers the project's layers
from cldnn_lab.models.ending import find_output_activation

_RANKS = {3: "image", 2: "sequence", 1: "vector"}
_READS = {
    "image": "images (height, width, channels)",
    "sequence": "sequences (time, features)",
    "vector": "vectors (features,)",
    "tokens": "sequences of ids (length,)",
}


def build(
    model: DictConfig,
    *,
    input_shape: tuple[int, ...],
    outputs: int,
    data_name: str,
    vocabulary: int | None = None,
    batch_size: int | None = None,
    stateful: bool = False,
) -> keras.Model:
    """The network a config describes, for examples of ``input_shape``.

    Args:
        model: the ``model`` node; its layers refer to its knobs as ``${model.<knob>}``.
        input_shape: of one example, without the batch; for stateful training, of one window.
        outputs: units the task needs; what ``model.outputs: auto`` stands for.
        data_name: what to call the data in a refusal.
        vocabulary: number of ids where examples are ids, else None.
        batch_size: fixes the batch, as stateful layers need.
        stateful: builds the recurrent layers so that they keep their state from one batch to the next; the
            model must have the knob ``stateful``. The trainable variables are the same, in the same order, as
            without it.

    Returns:
        A ``keras.Sequential``, built. Its last entry, a layer or a block with all that is in it, computes in
        float32 whatever the precision policy, unless it says another ``dtype``. The weights depend only on
        ``keras.utils.set_random_seed``.

    Raises:
        ConfigError: where the model cannot take the data, with the shapes and the config key.
    """
    config = _fill_in(model, input_shape, outputs, data_name, vocabulary, stateful)
    check_model(config)
    if stateful and batch_size is None:
        raise ConfigError("A model that keeps its state needs a fixed batch: give batch_size.")
    _check_input(config, input_shape, vocabulary, data_name)

    entry = keras.Input(shape=input_shape, batch_size=batch_size, dtype="int32" if vocabulary else None, name="input")
    augmentation = _make_augmentation(config.get("augmentation") or [], tuple(entry.shape))
    stack = _make_layers(config["layers"])
    try:
        network = keras.Sequential(
            [entry, *augmentation, *(layer for _, layer in stack)], name=config.get("name", "model")
        )
    except Exception as error:
        raise _explain(config["layers"], entry.shape, error, data_name) from error
    _check_shapes(stack, data_name)
    _check_output(network, config, outputs, data_name)
    return network


def summarize(model: keras.Model) -> str:
    """The layers of a built model as aligned text: name, class, output shape, parameters; then the totals."""
    rows = [("layer", "class", "output shape", "parameters")]
    for layer in model.layers:
        count = f"{count_parameters(layer):,}"
        rows.append((layer.name, type(layer).__name__, _format_shape(layer.output.shape), count))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]

    def line(row: Sequence[str]) -> str:
        text = "  ".join(cell.ljust(width) for cell, width in zip(row[:3], widths[:3], strict=True))
        return f"{text}  {row[3].rjust(widths[3])}"

    trainable = sum(_count_values(variable) for variable in model.trainable_variables)
    total = count_parameters(model)
    rule = "-" * len(line(rows[0]))
    totals = [
        f"input {_format_shape(model.input_shape)}",
        f"total parameters {total:,}",
        f"trainable parameters {trainable:,}",
        f"non-trainable parameters {total - trainable:,}",
    ]
    return "\n".join([line(rows[0]), rule, *map(line, rows[1:]), rule, *totals]) + "\n"


def count_parameters(model: keras.layers.Layer) -> int:
    """Number of weights of a built model or layer, without the hidden states that stateful layers keep."""
    states = {
        id(state)
        for layer in model._flatten_layers()
        for state in keras.tree.flatten(getattr(layer, "states", None) or [])
    }
    return sum(_count_values(variable) for variable in model.weights if id(variable) not in states)


def count_layers(model: keras.Model) -> int:
    """Number of layers with weights of a built model.

    Those inside a block (a residual one, branches) or a model count, each once; a wrapper, such as Bidirectional, and
    what it wraps are one layer.
    """
    return len({id(layer) for layer in _list_single_layers(model) if layer.weights})


def _list_single_layers(holder: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """The layers of a model or a block, and of the models and blocks among them."""
    for layer in holder._flatten_layers(include_self=False, recursive=False):
        if isinstance(layer, (keras.Model, _layers._Holder)):
            yield from _list_single_layers(layer)
        else:
            yield layer


def _fill_in(
    model: DictConfig,
    input_shape: tuple[int, ...],
    outputs: int,
    data_name: str,
    vocabulary: int | None,
    stateful: bool,
) -> dict[str, Any]:
    """The config as plain values, with what only the data knows filled in."""
    node = OmegaConf.to_container(model, resolve=False)
    assert isinstance(node, dict)
    asked = node.get("outputs", "auto")
    if asked not in ("auto", outputs):
        raise ConfigError(
            f"model.outputs={asked} does not fit {data_name}, which needs {outputs}: "
            "leave model.outputs=auto to take the number from the data."
        )
    node["outputs"] = outputs
    if node.get("vocabulary") == "auto":
        node["vocabulary"] = vocabulary or input_shape[-1]
    if stateful:
        if "stateful" not in node:
            raise ConfigError(
                "This model has no knob model.stateful, which truncated back-propagation through time needs "
                "to keep the state between windows: use model=pulse_rnn, or write stateful: ${model.stateful} "
                "in your recurrent layers."
            )
        node["stateful"] = True
    try:
        resolved = OmegaConf.to_container(OmegaConf.create({"model": node}), resolve=True)
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"The model's config refers to something it does not hold: {reason}.") from error
    assert isinstance(resolved, dict)
    return resolved["model"]


def _check_input(
    config: Mapping[str, Any], input_shape: tuple[int, ...], vocabulary: int | None, data_name: str
) -> None:
    kind = config.get("input", "any")
    given = "tokens" if vocabulary else _RANKS.get(len(input_shape), "any")
    if kind in ("any", given):
        return
    reads = _READS[kind]
    if given == "any":
        raise ConfigError(f"The model reads {reads}, but {data_name} gives examples of shape {input_shape}.")
    hint = {
        ("sequence", "image"): "; use an image model such as model=cnn, or, where the data offers it, "
        "data.layout=sequence to read it as sequences",
        ("image", "sequence"): "; use a sequence model such as model=rnn, or, where the data offers it, "
        "data.layout=image",
        ("tokens", "sequence"): "; use a model such as model=rnn",
        ("sequence", "tokens"): "; use a model that embeds ids, such as model=word_rnn",
    }.get((kind, given), "")
    raise ConfigError(f"The model reads {reads}, but {data_name} gives {_READS[given]} of shape {input_shape}{hint}.")


def _make_augmentation(nodes: Sequence[Mapping[str, Any]], shape: tuple[int | None, ...]) -> list[keras.layers.Layer]:
    """The layers that change examples in training, in float32 whatever the precision policy."""
    made: list[keras.layers.Layer] = []
    for index, node in enumerate(nodes):
        where = f"model.augmentation[{index}]"
        with _use_float32():
            layer = targets.instantiate(node, where)
        try:
            layer(keras.KerasTensor(shape))
        except Exception as error:
            raise ConfigError(
                f"{where} ({type(layer).__name__}) cannot take input of shape {_format_shape(shape)}: "
                f"{_extract_reason(error)}"
            ) from error
        made.append(layer)
    return made


def _make_layers(nodes: Sequence[Mapping[str, Any]]) -> list[tuple[int, keras.layers.Layer]]:
    """Every layer with the index of its entry; dropout at rate 0 is left out."""
    present = [index for index, node in enumerate(nodes) if not _is_nothing(node)]
    last = max(present, default=None)
    stack: list[tuple[int, keras.layers.Layer]] = []
    for index in present:
        node = nodes[index]
        # Softmax and losses lose too much in 16 bits; Keras advises float32 for what leaves a model.
        with _use_float32() if index == last else nullcontext():
            made = targets.instantiate(node, f"model.layers[{index}]")
        stack.extend((index, layer) for layer in (made if isinstance(made, list) else [made]))
    return stack


def _is_nothing(node: Mapping[str, Any]) -> bool:
    """Whether an entry makes no layer: dropout at rate 0, no dense layers."""
    if node["_target_"].endswith("Dropout"):
        return node.get("rate") == 0
    return node["_target_"].endswith(".dense_stack") and not node.get("widths")


@contextmanager
def _use_float32() -> Iterator[None]:
    """A context in which layers are made to compute in float32, also those inside another."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _explain(
    nodes: Sequence[Mapping[str, Any]], shape: tuple[int | None, ...], error: Exception, data_name: str
) -> ConfigError:
    """Which layer refuses which shape, found by adding them one by one."""
    tensor = keras.KerasTensor(shape)
    for index, layer in _make_layers(nodes):
        before = tuple(tensor.shape)
        too_large = _describe_large_kernel(layer, before)
        if too_large:
            return ConfigError(f"{_locate(index, layer)}: {too_large}, on {data_name}; {_SMALLER}.")
        try:
            tensor = layer(tensor)
        except Exception as cause:
            place = _locate(index, layer)
            return ConfigError(f"{place} cannot take input of shape {_format_shape(before)}: {_extract_reason(cause)}")
    return ConfigError(f"The model cannot be built for {data_name}: {_extract_reason(error)}")


_SMALLER = "make the kernel or the pools before it smaller, or use larger examples"


def _check_shapes(stack: Sequence[tuple[int, keras.layers.Layer]], data_name: str) -> None:
    """Some layers give an empty output where they should refuse."""
    for index, layer in stack:
        if 0 in tuple(layer.output.shape)[1:]:
            raise ConfigError(
                f"{_locate(index, layer)} leaves nothing of its input of shape {_format_shape(layer.input.shape)}, "
                f"on {data_name}; {_SMALLER}."
            )


def _check_output(network: keras.Model, config: Mapping[str, Any], outputs: int, data_name: str) -> None:
    width = network.output_shape[-1]
    if width != outputs:
        raise ConfigError(
            f"The model ends in {width} outputs but {data_name} needs {outputs}: "
            "write units: ${model.outputs} in its last layer."
        )
    if outputs == 1 and find_output_activation(network) == "softmax":
        key = "model.output_activation" if "output_activation" in config else "the last layer's activation"
        raise ConfigError(
            f"{key}=softmax over a single output is always 1: set sigmoid for the binary task {data_name}."
        )


def _describe_large_kernel(layer: keras.layers.Layer, shape: tuple[int | None, ...]) -> str | None:
    size = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    if size is None or getattr(layer, "padding", "same") != "valid" or len(shape) != len(size) + 2:
        return None
    picture = shape[1:-1]
    if any(side is not None and extent > side for extent, side in zip(size, picture, strict=True)):
        kind = "kernel" if hasattr(layer, "kernel_size") else "pool"
        return f"its {kind} {tuple(size)} is larger than its input of shape {_format_shape(shape)}"
    return None


def _locate(index: int, layer: keras.layers.Layer) -> str:
    return f"model.layers[{index}] ({type(layer).__name__} {layer.name})"


def _extract_reason(error: Exception) -> str:
    # Around an error in a layer's call Keras prints where it was, the reason in bold, and every argument.
    bold = re.search(r"\x1b\[1m(.+?)\x1b\[0m", str(error), re.DOTALL)
    text = " ".join((bold.group(1) if bold else str(error)).split())
    sentence = text.split(". ")[0].rstrip(".")
    return f"{sentence or type(error).__name__}."


def _format_shape(shape: Sequence[int | None]) -> str:
    """A shape without its batch, as people write it."""
    return "(" + ", ".join("any" if side is None else str(side) for side in shape[1:]) + ")"


def _count_values(variable: Any) -> int:
    size = 1
    for side in variable.shape:
        size *= side
    return size
