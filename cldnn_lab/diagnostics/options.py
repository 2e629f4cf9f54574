"""Which looks inside there are and what can be set for each; nothing heavy is imported here."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cldnn_lab.config.errors import ConfigError, suggest
from cldnn_lab.config.typed import parse_dataclass

SPLITS = ("test", "validation", "train")


@dataclass
class Options:
    """What can be set for a look; each look has its own."""


@dataclass
class Examples(Options):
    """Options of a look at examples.

    Attributes:
        split: which examples: ``test``, ``validation`` or ``train``.
    """

    split: str = field(default="test", metadata={"choices": SPLITS})


@dataclass
class Judged(Examples):
    """Options of a look that says which class an example is taken for.

    Attributes:
        threshold: score above which a binary example counts as class 1; that of the run where none is given.
    """

    threshold: float = field(default=0.5, metadata={"above": 0, "below": 1})


@dataclass
class Filters(Options):
    """First-layer weights as a grid.

    Attributes:
        layer: name of another layer whose weights to show; None for the first that has any.
        limit: filters to show.
    """

    layer: str | None = None
    limit: int = field(default=256, metadata={"min": 1})


@dataclass
class FeatureMaps(Judged):
    """Maps of every convolution and pooling layer for chosen images.

    Attributes:
        images: indices of the examples, a picture each.
        stage: ``before`` pooling (convolutions), ``after`` it (pooling layers), or ``both``.
        layers: names of layers to show instead of those ``stage`` picks.
        limit: maps of a layer to show.
    """

    images: list[int] = field(default_factory=lambda: [0, 1], metadata={"min": 0})
    stage: str = field(default="both", metadata={"choices": ("both", "before", "after")})
    layers: list[str] = field(default_factory=list)
    limit: int = field(default=64, metadata={"min": 1})


@dataclass
class ActivationStats(Examples):
    """Mean, standard deviation and variance of each layer's outputs.

    Attributes:
        examples: how many examples to run, drawn evenly from the classes.
    """

    examples: int = field(default=1000, metadata={"min": 1})


@dataclass
class ActiveUnits(Examples):
    """Average number of active ReLU units, training mode against test mode, on fixed images.

    Attributes:
        images: indices of the fixed examples.
        epochs: after which epochs to count; empty for 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, ... The
            last epoch always counts.
    """

    images: list[int] = field(default_factory=lambda: list(range(16)), metadata={"min": 0})
    epochs: list[int] = field(default_factory=list, metadata={"min": 1})


@dataclass
class HiddenTraces(Judged):
    """Input, target, prediction and every hidden unit over time.

    Attributes:
        images: indices of the sequences, a picture and a table each.
    """

    images: list[int] = field(default_factory=lambda: [0], metadata={"min": 0})


@dataclass
class Predictions(Judged):
    """Examples with their true and predicted label, the worst first.

    Attributes:
        number: examples in the picture.
        examples: how many of the split to predict and rank, drawn evenly from the classes.
        images: indices to rank instead of all of these.
    """

    number: int = field(default=24, metadata={"min": 1, "max": 120})
    examples: int = field(default=2000, metadata={"min": 1})
    images: list[int] = field(default_factory=list, metadata={"min": 0})


@dataclass
class Metrics(Judged):
    """The run's metrics and confusion matrix on another split than the test set: on the training set, dropout off."""

    split: str = field(default="train", metadata={"choices": SPLITS})


@dataclass
class LossFunction(Options):
    """The negative log-likelihood against p; needs neither network nor data."""


@dataclass
class Deconvnet(Examples):
    """The strongest activations of chosen maps projected back to the input.

    Attributes:
        layer: name of the convolution; None for the last.
        maps: indices of its maps; empty for those with the strongest activations.
        top_maps: how many maps where ``maps`` is empty.
        top_images: strongest examples of each map.
        examples: how many examples to search, drawn evenly from the classes.
    """

    layer: str | None = None
    maps: list[int] = field(default_factory=list, metadata={"min": 0})
    top_maps: int = field(default=6, metadata={"min": 1, "max": 64})
    top_images: int = field(default=5, metadata={"min": 1, "max": 9})
    examples: int = field(default=1000, metadata={"min": 1})


OPTIONS: dict[str, type[Options]] = {
    "filters": Filters,
    "feature_maps": FeatureMaps,
    "activation_stats": ActivationStats,
    "active_units": ActiveUnits,
    "hidden_traces": HiddenTraces,
    "predictions": Predictions,
    "metrics": Metrics,
    "loss_function": LossFunction,
    "deconvnet": Deconvnet,
}
STANDALONE = frozenset({"loss_function"})


def choose_diagnostics(value: Any, threshold: float = 0.5) -> dict[str, Options]:
    """The looks that the config key ``diagnostics`` asks for, each with its options.

    Args:
        value: None, a name, several names (a list, or one string with commas), or a mapping of names to
            their options, such as ``{"feature_maps": {"images": [0, 3]}, "filters": None}``.
        threshold: of the run, for the looks whose options give none.

    Raises:
        ConfigError: naming the key that is unknown or out of range.
    """
    if isinstance(value, (DictConfig, ListConfig)):
        try:
            value = OmegaConf.to_container(value, resolve=True)
        except OmegaConfBaseException as error:
            raise ConfigError(f"diagnostics: {str(error).splitlines()[0]}.") from error
    if value is None:
        return {}
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, Mapping):
        asked: dict[Any, Any] = dict(value)
    elif isinstance(value, Sequence):
        asked = dict.fromkeys(value)
    else:
        raise ConfigError(f"diagnostics: {value!r} is not a name or a list of names; {suggest('', OPTIONS)}.")
    return {str(name): _parse_options(name, given, threshold) for name, given in asked.items()}


def _parse_options(name: Any, given: Any, threshold: float) -> Options:
    if name not in OPTIONS:
        raise ConfigError(f"diagnostics: there is no {name!r}; {suggest(name, OPTIONS)}.")
    kind, where = OPTIONS[name], f"diagnostics.{name}"
    if given is not None and not isinstance(given, Mapping):
        raise ConfigError(f"{where}: {given!r} must be options such as {{{_give_example(kind)}}}.")
    several = {item.name for item in dataclasses.fields(kind) if str(item.type).startswith("list")}
    given = {
        key: [value] if key in several and not isinstance(value, list) else value
        for key, value in (given or {}).items()
    }
    if issubclass(kind, Judged):
        given = {"threshold": threshold, **given}
    return parse_dataclass(kind, given, where)


def _give_example(kind: type[Options]) -> str:
    names = [item.name for item in dataclasses.fields(kind)]
    return f"{names[-1]}: ..." if names else ""
