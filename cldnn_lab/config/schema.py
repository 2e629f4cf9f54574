"""The run's config as a typed, checked value.

Hydra composes YAML; :func:`parse` turns that into a :class:`Config` or says in one sentence what is
wrong. Nothing heavy is imported here, so that a mistake is answered at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from omegaconf import DictConfig, OmegaConf

from cldnn_lab.config.backend import BACKENDS, choose_backend
from cldnn_lab.config.callbacks import check_callbacks
from cldnn_lab.config.class_weight import check_class_weight
from cldnn_lab.config.diagnostics import choose_diagnostics
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.loggers import LoggerOptions, parse_loggers
from cldnn_lab.config.loss import LOSSES, check_label_smoothing, check_loss
from cldnn_lab.config.metrics import list_metrics
from cldnn_lab.config.model import InputKind, check_model
from cldnn_lab.config.modules import import_module
from cldnn_lab.config.paths import make_absolute
from cldnn_lab.config.schedule import check_schedule
from cldnn_lab.config.targets import check_targets
from cldnn_lab.config.typed import parse_dataclass, resolve

if TYPE_CHECKING:
    from cldnn_lab.data.options import DataConfig

PRECISIONS = ("float32", "mixed_bfloat16", "auto")


@dataclass
class CheckpointSettings:
    """When a run saves what it needs to be resumed.

    Attributes:
        seconds: between two checkpoints; None saves none.
        keep: keep the last one of a completed run.
    """

    seconds: float | None = field(default=60.0, metadata={"above": 0, "unit": "seconds"})
    keep: bool = False


@dataclass
class SweepSettings:
    """Which combinations of a sweep's values are run.

    Attributes:
        where: a condition that a combination must meet, see :mod:`cldnn_lab.config.where`; None for all.
        zip: keys whose values are paired instead of combined, or lists of such keys.
        trial: set by a sweeper that searches, of a job whose training it may stop: the number of its trial.
    """

    where: str | None = None
    zip: Any = None
    trial: int | None = None


@dataclass
class Settings:
    """The top-level keys of a config that are plain values.

    Attributes:
        epochs: passes over the training set.
        steps: batches to train instead of ``epochs``, exactly; None to count epochs.
        validate_every: batches between two evaluations; None for one per epoch.
        max_seconds: of training, compilation left out, after which it ends early; None for no such limit.
        batch_size: examples per batch.
        window: time steps of truncated back-propagation through time; None for whole sequences.
        seed: of initial weights, dropout and the order of examples.
        loss: a name from :data:`cldnn_lab.config.loss.LOSSES`; ``auto`` fits the task and what the network ends in.
        metrics: what is watched beside the loss: names of :data:`cldnn_lab.config.metrics.NAMES` or ``_target_`` nodes;
            None for the accuracy, or for a regression the normalised error.
        class_weight: what each class counts in the training loss: ``balanced``, or weights by class; None: all alike.
        label_smoothing: share of each target that the cross-entropies spread evenly over all classes.
        threshold: score from which a binary example counts as class 1.
        backend: which library Keras computes with; auto takes JAX for recurrent networks, else TensorFlow, as far as
            they are installed.
        precision: float32, mixed_bfloat16, or auto (bfloat16 where the hardware has it and it pays).
        xla: compile TensorFlow's training loop with XLA; None for recurrent networks on a processor. JAX always does.
        batches_per_call: batches in one compiled call; None for as many as half a second takes.
        fast_layers: compute recurrent and dropout layers and the updates of many weights by faster kernels than
            Keras's; None: on processors alone.
        data_on_device: keep all data where it is computed with; None where it fits.
        threads: processor threads to compute with; None for all that the process may use.
        data_root: folder under which data files are looked for; made absolute, as ``data.path`` is.
        callbacks: Keras callbacks by name, as :func:`cldnn_lab.config.callbacks.check_callbacks` has them.
        logger: loggers by name, each with its options, as :func:`cldnn_lab.config.loggers.parse_loggers` has them.
        diagnostics: names of the diagnostics to run after training, with or without their options.
        objective: the figure of metrics.json that a sweeper is given; None for test_accuracy, or the error of a
            regression.
        resume: go on with the run that ``hydra.run.dir`` holds, from its last checkpoint, or with the sweep in
            ``hydra.sweep.dir``, by default the last one of the same command.
        sweep: which combinations of a sweep's values are run.
        verbose: print what each job of a sweep says, not only that it ended.
        checkpoint: when to save what that takes.
        about: what an experiment file says of itself: document, part, title, note.
    """

    epochs: int = field(default=4, metadata={"min": 1})
    steps: int | None = field(default=None, metadata={"min": 1})
    validate_every: int | None = field(default=None, metadata={"min": 1})
    max_seconds: float | None = field(default=None, metadata={"above": 0, "unit": "seconds"})
    batch_size: int = field(default=128, metadata={"min": 1})
    window: int | None = field(default=None, metadata={"min": 1})
    seed: int = field(default=1, metadata={"min": 0, "max": 2**31 - 1})
    loss: str = field(default="auto", metadata={"choices": LOSSES})
    metrics: Any = None
    class_weight: Any = None
    label_smoothing: float = field(default=0.0, metadata={"min": 0.0, "below": 1.0})
    threshold: float = field(default=0.5, metadata={"above": 0.0, "below": 1.0})
    backend: str = field(default="tensorflow", metadata={"choices": BACKENDS})
    precision: str = field(default="float32", metadata={"choices": PRECISIONS})
    xla: bool | None = None
    batches_per_call: int | None = field(default=None, metadata={"min": 1})
    fast_layers: bool | None = None
    data_on_device: bool | None = None
    threads: int | None = field(default=None, metadata={"min": 1})
    data_root: str = "data"
    callbacks: Any = None
    logger: Any = None
    diagnostics: Any = None
    objective: str | None = None
    resume: bool = False
    sweep: SweepSettings = field(default_factory=SweepSettings)
    verbose: bool = False
    checkpoint: CheckpointSettings = field(default_factory=CheckpointSettings)
    about: Any = None


@dataclass(frozen=True)
class Config:
    """Everything a run needs, checked.

    Attributes:
        settings: the plain top-level values.
        data: the data source's own settings.
        model: the model's config node, still with its interpolations (``outputs: auto`` is filled in later).
        optimizer: constructor arguments of a Keras optimizer, with ``_target_``.
        schedule: of a Keras learning-rate schedule, with ``_target_``; None for a constant rate.
        callbacks: ``_target_`` nodes of Keras callbacks, by name.
        loggers: options of the loggers, by name.
        diagnostics: the diagnostics to run, each with its options.
        choices: which option of each group was taken, such as ``{"model": "cldnn"}``.
    """

    settings: Settings
    data: DataConfig
    model: DictConfig
    optimizer: dict[str, Any]
    schedule: dict[str, Any] | None
    callbacks: dict[str, dict[str, Any]]
    loggers: dict[str, LoggerOptions]
    diagnostics: dict[str, Any]
    choices: dict[str, str]

    @property
    def prefers(self) -> InputKind:
        """What kind of input the model reads."""
        return cast(InputKind, self.model.get("input", "any"))  # check_model let no other through

    @property
    def backend(self) -> str:
        """The Keras backend, ``auto`` decided."""
        return choose_backend(self.settings.backend, self.model)

    @property
    def generates(self) -> bool:
        """Whether data are generated even where their files are found."""
        return bool(getattr(self.data, "generate", False))  # which not every source has


def parse_composed(composed: DictConfig, choices: Mapping[str, Any] | None = None) -> Config:
    """:func:`parse` of what Hydra composed, with or without its ``hydra`` node.

    Args:
        choices: Hydra's choice for each config group; read from the ``hydra`` node where that is there.
    """
    choices = choices or OmegaConf.select(composed, "hydra.runtime.choices") or {}
    return parse(OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"]), choices)


def parse(config: DictConfig, choices: Mapping[str, str] | None = None) -> Config:
    """Check a composed config and give it its types.

    Args:
        config: what Hydra composed, without the ``hydra`` node.
        choices: Hydra's choice for each config group.

    Raises:
        ConfigError: naming the key, what is wrong with it, and what it may be.
    """
    groups = ("data", "model", "optimizer", "schedule")
    for group in groups:
        if group not in config or (config[group] is None and group != "schedule"):
            raise ConfigError(f"{group}: nothing chosen; choose one with {group}=<name> (--help lists them).")
    plain = OmegaConf.masked_copy(config, [str(key) for key in config if key not in groups])
    settings = parse_dataclass(Settings, resolve(plain, "config"))
    list_metrics(settings.metrics)
    check_class_weight(settings.class_weight)
    check_label_smoothing(settings.label_smoothing, settings.loss)
    loggers = parse_loggers(settings.logger)
    diagnostics = choose_diagnostics(settings.diagnostics)

    source = import_module("cldnn_lab.data.sources", config.data.get("source"), "data.source", "data source")
    data: DataConfig = parse_dataclass(source.Options, resolve(config.data, "data"), "data")
    data.check()
    # What is looked for must not depend on the folder in which the config is read again.
    settings.data_root = make_absolute(settings.data_root)
    if data_path := getattr(data, "path", None):
        data.path = make_absolute(data_path)  # type: ignore[attr-defined]

    model = resolve(config.model, "model")
    check_model(model)
    optimizer = resolve(config.optimizer, "optimizer")
    schedule = resolve(config.schedule, "schedule") if config.schedule else None
    check_optimizer(optimizer, schedule)
    optimizer["learning_rate"] = float(optimizer["learning_rate"])  # Keras takes no whole number for it
    callbacks = check_callbacks(settings.callbacks, schedule)
    # What the network really ends in is seen once it is built; the knob, where there is one, tells earlier.
    check_loss(settings.loss, model.get("output_activation"))
    taken = {str(k): str(v) for k, v in (choices or {}).items() if not str(k).startswith("hydra/")}
    return Config(settings, data, config.model, optimizer, schedule, callbacks, loggers, diagnostics, taken)


def check_optimizer(optimizer: Mapping[str, Any], schedule: Mapping[str, Any] | None) -> None:
    """Refuse an optimizer whose numbers cannot be right, and anything that is not an optimizer."""
    check_targets(optimizer, "optimizer")
    if not str(optimizer.get("_target_", "")).startswith("keras.optimizers."):
        raise ConfigError("optimizer._target_: must be a keras.optimizers class; choose one with optimizer=adam.")
    rate = optimizer.get("learning_rate")
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate < float("inf"):
        raise ConfigError(f"optimizer.learning_rate: {rate!r} must be a number above 0, such as 1e-3.")
    for key, value in optimizer.items():
        if key in ("_target_", "learning_rate", "name", "loss_scale_factor") or value is None:
            continue
        if isinstance(value, str):
            raise ConfigError(f"optimizer.{key}: {value!r} must be a number.")
        if key.startswith(("beta", "rho", "momentum")) and not 0 <= value <= 1:
            raise ConfigError(f"optimizer.{key}: {value!r} must lie between 0 and 1.")
        if "clip" in key and not value > 0:
            raise ConfigError(f"optimizer.{key}: {value!r} must be above 0, or null for no clipping.")
    if schedule is not None:
        check_schedule(schedule)
