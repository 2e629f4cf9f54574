"""Check a model's config before Keras is loaded: what is wrong is said at once, by its config key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args

from cldnn_lab.config.errors import ConfigError, suggest
from cldnn_lab.config.names import list_keras_names
from cldnn_lab.config.targets import check_targets, walk

InputKind = Literal["image", "sequence", "vector", "tokens", "any"]
CELLS = ("SimpleRNN", "GRU", "LSTM")

_AUTO = "auto"
# The first changes the shape, Keras cannot compute the second on JAX.
_NOT_EVERYWHERE = ("RandomCrop", "RandomElasticTransform")
_OTHER_AUGMENTATION = ("AugMix", "GaussianDropout", "GaussianNoise", "RandAugment")
_RATES = {"rate", "dropout", "recurrent_dropout"}
_SIZES = {"kernel_size", "pool_size", "strides", "dilation_rate"}
_COUNTS = {"filters", "units", "num_layers", "input_dim", "output_dim", "growth"}
_WIDTHS = {"widths"}
_ACTIVATIONS = {"activation", "recurrent_activation"}
_ALIASES = ("normal", "one", "uniform", "zero")  # initializers that Keras takes and does not list
_FUNCTIONS = {"deserialize", "get", "serialize"}  # beside the names, in Keras's modules


def check_model(model: Mapping[str, Any]) -> None:
    """Refuse a model config that could not be built whatever the data.

    Args:
        model: the resolved ``model`` node as plain dicts and lists: knobs, and the ``layers`` that use them.

    Raises:
        ConfigError: naming the config key: the knob where one holds the bad value, else the layer's own argument.
    """
    _check_input(model)
    layers = model.get("layers")
    if not isinstance(layers, Sequence) or isinstance(layers, str) or not layers:
        raise ConfigError(
            "model.layers must be a list of at least one layer, such as [{_target_: keras.layers.Dense, units: 10}]."
        )
    if "cell" in model:
        _check_cell(model["cell"], "model.cell")
    _check_augmentation(model.get("augmentation"))
    for index, layer in enumerate(layers):
        if not isinstance(layer, Mapping) or "_target_" not in layer:
            raise ConfigError(
                f"model.layers[{index}] must name its layer in _target_, such as keras.layers.Dense; got {layer!r}."
            )
    check_targets(layers, "model.layers")
    for place, node in walk(layers, "model.layers"):
        for key, value in node.items():
            _check_argument(model, f"{place}.{key}", key, value)


def _check_input(model: Mapping[str, Any]) -> None:
    kind = model.get("input", "any")
    if kind not in get_args(InputKind):
        raise ConfigError(f"model.input={kind!r} is no kind of input; {suggest(kind, get_args(InputKind))}.")
    for key in ("outputs", "vocabulary"):
        value = model.get(key, _AUTO)
        if value != _AUTO and not _is_count(value):
            raise ConfigError(f"model.{key} must be auto (taken from the data) or a positive integer; got {value!r}.")


def _check_augmentation(layers: Any) -> None:
    """Only layers that change examples at random, in training alone, and leave their shape may be put first."""
    if not layers:
        return
    if not isinstance(layers, Sequence) or isinstance(layers, str):
        raise ConfigError(
            "model.augmentation must be a list of layers, such as [{_target_: keras.layers.RandomFlip, "
            f"mode: horizontal}}]; got {layers!r}."
        )
    check_targets(layers, "model.augmentation")
    known = [*(name for name in list_keras_names("layers") if name.startswith("Random")), *_OTHER_AUGMENTATION]
    known = [name for name in known if name not in _NOT_EVERYWHERE]
    for index, layer in enumerate(layers):
        target = str(layer.get("_target_", "")) if isinstance(layer, Mapping) else ""
        module, _, name = target.rpartition(".")
        if module != "keras.layers" or name not in known:
            raise ConfigError(
                f"model.augmentation[{index}]: {target or layer!r} does not change examples in training alone; "
                f"{suggest(name, known)}."
            )


def _check_argument(model: Mapping[str, Any], place: str, key: str, value: Any) -> None:
    """One argument of one layer, by the meaning its name has all over Keras."""
    if value is None:
        return
    if key in _RATES:
        if not _is_number(value) or not 0 <= value < 1:
            where = _find_knob(model, value, key) or place
            raise ConfigError(f"{where} must be a rate from 0 up to, not including, 1; got {value!r}.")
    elif key in _ACTIVATIONS:
        _check_name(model, place, key, value, "activations", "an activation")
    elif key.endswith("_initializer"):
        _check_name(model, place, key, value, "initializers", "an initializer")
    elif key in _COUNTS:
        if value != _AUTO and not _is_count(value):
            raise ConfigError(f"{_find_knob(model, value, key) or place} must be a positive integer; got {value!r}.")
    elif key in _SIZES:
        sizes = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        if not sizes or not all(_is_count(size) for size in sizes):
            where = _find_knob(model, value, key) or place
            raise ConfigError(f"{where} must be a positive integer or a list of them; got {value!r}.")
    elif key in _WIDTHS:
        widths = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        if value != 0 and not all(_is_count(width) for width in widths):
            where = _find_knob(model, value, key) or place
            raise ConfigError(f"{where} must be a number of units, a list of them, or 0 for none; got {value!r}.")
    elif key == "cell":
        _check_cell(value, _find_knob(model, value, key) or place)


def _check_name(model: Mapping[str, Any], place: str, key: str, value: Any, module: str, noun: str) -> None:
    """A function of Keras given by name, or as a ``_target_``, which the walk through the config checks."""
    if isinstance(value, Mapping):
        return
    known = [name for name in list_keras_names(module) if name not in _FUNCTIONS]
    if not isinstance(value, str) or (known and value not in [*known, *_ALIASES]):
        where = _find_knob(model, value, key) or place
        raise ConfigError(
            f"{where}={value!r} is not {noun}; {suggest(value, [name for name in known if name.islower()])}."
        )


def _check_cell(value: Any, where: str) -> None:
    if value not in CELLS:
        raise ConfigError(f"{where}={value!r} is no recurrent cell; {suggest(value, CELLS)}.")


def _find_knob(model: Mapping[str, Any], value: Any, key: str) -> str | None:
    """The key of the knob that holds ``value``, found by that value since resolving has lost the reference.

    Rates are looked for among knobs named for rates only, and other values never there, because 0 and 0.0 are
    equal; among several, a knob whose name holds the argument's own comes first.
    """
    rate = key in _RATES
    matches = [
        place
        for place, leaf in _walk_leaves({name: node for name, node in model.items() if name != "layers"}, "model")
        if leaf == value and type(leaf) is type(value) and ("dropout" in place) == rate
    ]
    named = [place for place in matches if key in place]
    return next(iter(named or matches), None)


def _walk_leaves(node: Mapping[str, Any], where: str) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _walk_leaves(value, f"{where}.{key}")
        else:
            yield f"{where}.{key}", value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
