"""What a search with Optuna may be asked for: the values of its parameters, its sampler and its pruner.

A search space is written as Hydra's sweeps are, each parameter one override:

    model.dropout.input=0,0.3              these values, as with choice(0,0.3)
    model.units=range(16,129,16)           a whole number, or another number in steps; without the end, as in Hydra
    optimizer.momentum=interval(0,0.99)    any number in between
    optimizer.learning_rate=tag(log,interval(1e-4,1e-1))     any number, each order of magnitude alike
    model.units=tag(log,int(interval(16,256)))               any whole number
    seed=1,2,3                             no parameter: each trial is repeated with each seed
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep, Transformer

from cldnn_lab.config.errors import ConfigError, suggest

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

SAMPLERS = ("TPESampler", "RandomSampler", "GPSampler", "CmaEsSampler")
"""Samplers of Optuna that propose the same again when they are given the same seed and the same trials."""

PRUNERS = ("MedianPruner", "PercentilePruner", "SuccessiveHalvingPruner", "ThresholdPruner", "WilcoxonPruner")
"""Pruners of Optuna that judge a run by its history; the last one a trial by its seeds."""

OF_SEEDS = "WilcoxonPruner"
_MONITORS = ("val_accuracy", "val_normalised_error", "val_mse", "val_loss")
_FEWEST_SEEDS = 4  # of fewer pairs no signed-rank test finds p < 0.1
_PACKAGES = {"GPSampler": "torch", "CmaEsSampler": "cmaes"}


@dataclass(frozen=True)
class SearchSpace:
    """What a search varies.

    Attributes:
        parameters: Optuna's distribution of each, by its key as it was typed.
        seeds: overrides of the seed, such as ``seed=1``, one a repeat; one empty list entry where none was given.
        fixed: overrides that all jobs have.
    """

    parameters: dict[str, BaseDistribution]
    seeds: tuple[str, ...]
    fixed: tuple[str, ...]

    def list_jobs(self, values: Mapping[str, Any]) -> list[list[str]]:
        """The overrides of each job of a trial: one a seed.

        Args:
            values: of the parameters, by key.
        """
        chosen = [f"{key}={format_value(values[key])}" for key in self.parameters]
        return [[*self.fixed, *chosen, *([seed] if seed else [])] for seed in self.seeds]


def import_optuna() -> Any:
    """Optuna, without its word on each trial.

    Raises:
        ConfigError: if it is not installed.
    """
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"sweeper: optuna needs a package that is not installed ({error.name}): pip install 'cldnn-lab[optuna]'."
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def parse_space(overrides: Sequence[Override]) -> SearchSpace:
    """The search space that overrides state, see the head of this module.

    Raises:
        ConfigError: for one that states none, or if nothing is varied.
    """
    parameters: dict[str, BaseDistribution] = {}
    seeds, fixed = [""], list[str]()
    for override in overrides:
        key = override.get_key_element()
        if key.lstrip("+") == "seed":
            seeds = _list_seeds(key, override)
        elif override.is_sweep_override():
            parameters[key] = _parse_parameter(key, override)
        else:
            fixed.append(f"{key}={override.get_value_element_as_str()}")
    if not parameters:
        raise ConfigError(
            "sweeper: optuna has nothing to search: give a parameter several values, such as "
            "'optimizer.learning_rate=tag(log,interval(1e-4,1e-1))' or model.dropout.input=0,0.3."
        )
    return SearchSpace(parameters, tuple(seeds), tuple(fixed))


def list_corners(distribution: BaseDistribution) -> list[Any]:
    """Every choice of a parameter, or the two ends of its numbers."""
    choices = getattr(distribution, "choices", None)
    return [distribution.low, distribution.high] if choices is None else list(choices)  # type: ignore[attr-defined]


def format_value(value: Any) -> str:
    """A parameter's value as it would be typed, to the last digit."""
    return value if isinstance(value, str) else repr(value)


def _list_seeds(key: str, override: Override) -> list[str]:
    if not override.is_sweep_override():
        return [f"{key}={override.get_value_element_as_str()}"]
    if not override.is_discrete_sweep():
        raise ConfigError(f"{key}: seeds repeat a trial and are not searched: list them, such as {key}=1,2,3.")
    seeds = [f"{key}={value}" for value in override.sweep_string_iterator()]
    if len(set(seeds)) < len(seeds) or not seeds:
        raise ConfigError(f"{key}: {'a seed is given twice' if seeds else 'the range is empty'}.")
    return seeds


def _parse_parameter(key: str, override: Override) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution

    value = override.value()
    if unknown := sorted(getattr(value, "tags", set()) - {"log"}):
        raise ConfigError(f"{key}: the tag {unknown[0]} is unknown; {suggest(unknown[0], ['log'])}.")
    log = "log" in getattr(value, "tags", ())
    if isinstance(value, IntervalSweep):
        return _make_interval(key, value.start, value.end, log=log)
    if isinstance(value, RangeSweep):
        return _make_range(key, value, log=log)
    if log:
        raise ConfigError(f"{key}: tag(log, ...) is for numbers from an interval or a range, not for a list of values.")
    choices = [str(one) for one in override.sweep_iterator(transformer=Transformer.str)]
    if len(set(choices)) < len(choices) or not choices:
        raise ConfigError(f"{key}: {'a value is given twice' if choices else 'there is no value to choose'}.")
    return CategoricalDistribution(choices)


def _make_interval(key: str, low: Any, high: Any, *, log: bool) -> BaseDistribution:
    from optuna.distributions import FloatDistribution, IntDistribution

    for bound in (low, high):
        if isinstance(bound, bool) or not isinstance(bound, (int, float)) or not math.isfinite(bound):
            raise ConfigError(f"{key}: an interval needs two numbers, such as interval(0,1), not {bound!r}.")
    if not low < high:
        raise ConfigError(f"{key}: the interval from {low} to {high} is empty: write the smaller number first.")
    if log and low <= 0:
        raise ConfigError(f"{key}: tag(log, ...) needs an interval above 0, not from {low}.")
    whole = isinstance(low, int) and isinstance(high, int)
    return IntDistribution(low, high, log=log) if whole else FloatDistribution(float(low), float(high), log=log)


def _make_range(key: str, sweep: RangeSweep, *, log: bool) -> BaseDistribution:
    from optuna.distributions import FloatDistribution, IntDistribution

    values = [] if sweep.step == 0 else list(sweep.range())
    if not values:
        raise ConfigError(f"{key}: the range from {sweep.start} to {sweep.stop} in steps of {sweep.step} is empty.")
    low, high, step = min(values), max(values), abs(sweep.step)
    whole = all(isinstance(one, int) for one in values)
    if log and (not whole or step != 1 or low <= 0):
        raise ConfigError(f"{key}: tag(log, range(...)) needs whole numbers above 0 in steps of 1; or use an interval.")
    return IntDistribution(low, high, step=int(step), log=log) if whole else FloatDistribution(low, high, step=step)


def make_sampler(name: str, options: Mapping[str, Any], seed: int) -> BaseSampler:
    """A sampler of Optuna's.

    Args:
        name: one of :data:`SAMPLERS`.
        options: its other arguments.

    Raises:
        ConfigError: if it is none of them, takes other arguments or is not installed.
    """
    if name in SAMPLERS and "seed" in options:
        raise ConfigError("hydra.sweeper.sampler_options.seed: set hydra.sweeper.seed instead.")
    return _make("sampler", name, SAMPLERS, {**options, "seed": seed})


def make_pruner(name: str | None, options: Mapping[str, Any]) -> BasePruner | None:
    """A pruner of Optuna's; None for None.

    Args:
        name: one of :data:`PRUNERS`.
        options: its arguments.

    Raises:
        ConfigError: if it is none of them or takes other arguments.
    """
    return None if name is None else _make("pruner", name, PRUNERS, options)


def choose_monitor(objective: str | None, measured: Sequence[str]) -> str:
    """The figure of the history that stands for the objective while a run trains.

    Args:
        measured: the figures of an evaluation that validate, such as ``val_loss``.

    Raises:
        ConfigError: if there is none.
    """
    if objective is None:
        return next(name for name in _MONITORS if name in measured)
    monitor = f"val_{objective.partition('_')[2]}"
    if monitor not in measured:
        raise ConfigError(
            f"objective: {objective} is not measured while a run trains, so that nothing tells whether it is hopeless: "
            f"set hydra.sweeper.pruner=null, or metrics=[...] so that it is ({', '.join(measured)} are)."
        )
    return monitor


def check_seeds(pruner: str | None, seeds: int) -> None:
    """Refuse a pruner that could judge no trial of so many seeds.

    Raises:
        ConfigError: with how many it needs.
    """
    if pruner == OF_SEEDS and seeds < _FEWEST_SEEDS:
        raise ConfigError(
            f"hydra.sweeper.pruner: {OF_SEEDS} compares trials seed by seed and needs at least {_FEWEST_SEEDS} of them "
            f"to tell, not {seeds}: give more, or choose MedianPruner, which judges a run by its history."
        )


def describe(made: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """The class of a sampler or pruner and its arguments, those by default as well: what is recorded of it."""
    with warnings.catch_warnings(action="ignore"):
        parameters = inspect.signature(type(made).__init__).parameters.values()
    defaults = {one.name: one.default for one in parameters if one.default is not inspect.Parameter.empty}
    # None stands for what the recorded version of Optuna does by itself.
    return {"class": type(made).__name__, **{k: v for k, v in (defaults | dict(options)).items() if v is not None}}


def _make(what: str, name: str, known: Sequence[str], options: Mapping[str, Any]) -> Any:
    if name not in known:
        raise ConfigError(f"hydra.sweeper.{what}: there is no {name} to choose; {suggest(name, known)}.")
    optuna = import_optuna()
    cls = getattr(getattr(optuna, f"{what}s"), name)
    takes = [one for one in inspect.signature(cls.__init__).parameters if one not in ("self", "args", "kwargs")]
    for option in options:
        if option not in takes:
            raise ConfigError(
                f"hydra.sweeper.{what}_options.{option}: {name} has no such argument; {suggest(option, takes)}."
            )
    package = _PACKAGES.get(name)
    if package is not None and find_spec(package) is None:
        raise ConfigError(
            f"hydra.sweeper.{what}: {name} needs {package}, which is not installed: pip install {package}."
        )
    try:
        with warnings.catch_warnings(action="ignore"):  # that an argument is new in Optuna
            return cls(**options)
    except (TypeError, ValueError) as error:
        first = str(error).strip().splitlines()[0].rstrip(".")
        raise ConfigError(f"hydra.sweeper.{what}_options: {name} refuses them: {first}.") from None
