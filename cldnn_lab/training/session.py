"""One network and all that trains it, made from a config for the data at hand."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.loss import choose_loss
from cldnn_lab.config.metrics import list_metrics
from cldnn_lab.config.schema import Config
from cldnn_lab.config.targets import instantiate
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.models.build import build
from cldnn_lab.models.ending import find_output_activation
from cldnn_lab.training import losses
from cldnn_lab.training.class_weights import weigh_examples
from cldnn_lab.training.engines.base import Engine, make_engine
from cldnn_lab.training.fit import fit
from cldnn_lab.training.listeners.callbacks import find_restored
from cldnn_lab.training.metrics import check_metrics, make_metrics
from cldnn_lab.training.outcome import Outcome
from cldnn_lab.training.plan import Plan
from cldnn_lab.training.policy import Policy
from cldnn_lab.training.schedules import make_schedule

log = logging.getLogger(__name__)

# Layers whose operation of TensorFlow's (ImageProjectiveTransformV3) XLA does not have.
_MOVES_PIXELS = (
    "AugMix", "RandAugment", "RandomPerspective", "RandomRotation", "RandomShear", "RandomTranslation", "RandomZoom",
)  # fmt: skip


@dataclass(frozen=True)
class Session:
    """A compiled network with its data, ready to train.

    Attributes:
        model: the network for whole examples, which is evaluated and saved.
        engine: around the network that is trained: ``model`` itself, or for truncated back-propagation
            through time one of the same weights that reads windows and keeps its state between them.
        plan: how much is trained, in what portions.
        loss: name of the loss minimised.
        dataset: the data.
        metrics: those that the trained network is compiled with.
        weights: what each training example counts in the loss, (examples,); None where all count alike.
    """

    model: keras.Model
    engine: Engine
    plan: Plan
    loss: str
    dataset: Dataset
    metrics: Sequence[keras.metrics.Metric] = ()
    weights: np.ndarray | None = None

    def fit(self, listeners: Sequence[keras.callbacks.Callback] = ()) -> Outcome:
        """Train as planned; afterwards ``model`` has the trained weights."""
        outcome = fit(
            self.engine,
            self.plan,
            self._make_arrays(self.dataset.train),
            self._make_arrays(self.dataset.validation),
            listeners=listeners,
            derive=self._derive,
        )
        outcome.restored = find_restored(listeners)
        if self.engine.model is not self.model:
            trained = self.engine.model.trainable_variables
            for ours, theirs in zip(self.model.trainable_variables, trained, strict=True):
                ours.assign(theirs)
        return outcome

    def _derive(self, logs: dict[str, float]) -> dict[str, float]:
        """The normalised errors of an evaluation: the mean squared error over the variance of the target, as report 001
        prints it; 1 is a guess at the mean."""
        if not self.derived:
            return {}
        validated = self.plan.count_tested(len(self.dataset.validation))
        return {
            "normalised_error": logs["loss"] / float(np.var(self.dataset.train.y)),
            "val_normalised_error": logs["val_loss"] / float(np.var(self.dataset.validation.y[:validated])),
        }

    @property
    def derived(self) -> tuple[str, ...]:
        """Names of the figures of an evaluation that follow from the loss."""
        return ("normalised_error",) if self.dataset.task == "regression" and self.loss == "mse" else ()

    def predict_outputs(self, split: Split) -> np.ndarray:
        """The network's outputs for a split as they are, (examples, outputs) or shaped like a regression's target."""
        return np.asarray(self.model.predict(split.x, batch_size=self.plan.batch_size, verbose=0))

    def test(self, outcome: Outcome) -> dict[str, float]:
        """The loss and the metrics that were watched in training, on the test set: those of the last row of the
        history where they are of just that."""
        dataset = self.dataset
        same = dataset.validates_on_test and self.plan.count_tested(len(dataset.test)) == len(dataset.test)
        reusable = same and not outcome.weights_replaced
        return outcome.last_validation if reusable else self.measure(dataset.test)

    def measure(self, split: Split) -> dict[str, float]:
        """The loss and the metrics that were watched in training, on a split."""
        if self.engine.model is not self.model:
            # The network for windows reads whole batches alone; this one reads every example.
            y, outputs = self._make_arrays(split)[1], self.predict_outputs(split)
            for metric in self.metrics:
                metric.reset_state()
                metric.update_state(y, outputs)
            measured = {metric.name: float(metric.result()) for metric in self.metrics}
            return {"loss": float(self.engine.model.loss(y, outputs)), **measured}
        data = [self.engine.keep(array) for array in self._make_arrays(split)]
        self.engine.reset_metrics()
        for batches in self.plan.list_test_batches(len(split)):
            portion = self.plan.batches_per_call or len(batches)
            for start in range(0, len(batches), portion):
                self.engine.test(data, batches, start, min(start + portion, len(batches)))
        return self.engine.logs()

    def _make_arrays(self, split: Split) -> tuple[np.ndarray, ...]:
        """Examples and targets as the loss wants them; for the training set also what each example counts, if they do
        not all count alike."""
        y = losses.make_targets(self.engine.model.loss, self.dataset.task, split.y, self.dataset.outputs)
        if split is self.dataset.train and self.weights is not None:
            return split.x, y, self.weights
        return split.x, y


def prepare(config: Config, dataset: Dataset, policy: Policy) -> Session:
    """Build and compile what the config describes, to be computed as the policy says.

    Raises:
        ConfigError: if model, loss, window or schedule do not fit the data.
    """
    settings = config.settings
    model = trained = _network(config, dataset, dataset.input_shape)
    ending = find_output_activation(model)
    if ending is None:
        log.warning(
            "What the network ends in cannot be read from its last layer (%s): its outputs are taken as they are, for "
            "neither a softmax nor logits.",
            type(model.layers[-1]).__name__,
        )
    loss = choose_loss(settings.loss, ending, dataset.task)
    if dataset.task == "regression" and model.output_shape[1:] != dataset.train.y.shape[1:]:
        raise ConfigError(
            f"The model ends in outputs of shape {model.output_shape[1:]} for an example, but the targets of "
            f"{dataset.name} have {dataset.train.y.shape[1:]}; use a model that answers at every time step, such as "
            "model=pulse_rnn."
        )
    if dataset.task != "regression" and len(model.output_shape) != 2:
        raise ConfigError(
            f"The model ends in outputs of shape {model.output_shape[1:]} for an example, but each example of "
            f"{dataset.name} has one class; set return_sequences: false in its last recurrent layer, or put a "
            "keras.layers.Flatten before its outputs."
        )
    weights = weigh_examples(settings.class_weight, dataset)
    if settings.window is not None:
        _check_window(settings.window, settings.batch_size, dataset)
        shape = (settings.window, *dataset.input_shape[1:])
        trained = _network(config, dataset, shape, stateful=True, batch_size=settings.batch_size)
    plan = Plan.make(
        len(dataset.train),
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        steps=settings.steps,
        validate_every=settings.validate_every,
        seed=settings.seed,
        drop_last=settings.window is not None,
        batches_per_call=policy.batches_per_call,
    )
    updates = dataset.input_shape[0] // settings.window if settings.window else 1
    schedule = make_schedule(config.schedule, plan.total, updates) if config.schedule else None
    objective = losses.make_loss(loss, ending, dataset.task, settings.label_smoothing)
    watched = make_metrics(
        list_metrics(settings.metrics, dataset.task), objective, dataset.task, dataset.outputs, settings.threshold
    )
    few = losses.make_targets(objective, dataset.task, dataset.train.y[:2], dataset.outputs)
    check_metrics(watched, few, model.output_shape[1:])
    trained.compile(
        optimizer=instantiate(
            config.optimizer, "optimizer", **({} if schedule is None else {"learning_rate": schedule})
        ),
        loss=objective,
        metrics=watched,
    )
    engine = make_engine(
        trained,
        window=settings.window,
        xla=policy.xla,
        fast_layers=policy.fast_layers,
        data_on_device=policy.data_on_device,
    )
    _check_xla(trained, policy)
    return Session(model, engine, plan, loss, dataset, watched, weights)


def _network(config: Config, dataset: Dataset, shape: tuple[int, ...], **stateful: Any) -> keras.Model:
    return build(
        config.model,
        input_shape=shape,
        outputs=dataset.outputs,
        data_name=dataset.name,
        vocabulary=dataset.vocabulary,
        **stateful,
    )


def _check_xla(model: keras.Model, policy: Policy) -> None:
    """XLA cannot compile the cuDNN kernels that Keras gives recurrent layers on a GPU of TensorFlow's; the fast
    kernels call none."""
    if policy.backend != "tensorflow" or not policy.xla:
        return
    for layer in model.layers:
        if type(layer).__name__ in _MOVES_PIXELS:
            raise ConfigError(f"xla: XLA cannot compile {type(layer).__name__} on TensorFlow; set xla=false.")
    if policy.device.startswith("CPU"):
        return
    for layer in model._flatten_layers():
        if not layer.supports_jit and "inner_loop" not in vars(layer):
            raise ConfigError(
                f"xla: Keras computes {type(layer).__name__} {layer.name} on a GPU with cuDNN, which XLA cannot "
                "compile; leave xla=null, or set fast_layers=true for layers that it can."
            )


def _check_window(window: int, batch_size: int, dataset: Dataset) -> None:
    """Truncated back-propagation through time needs whole windows, whole batches and a target a time step."""
    steps = dataset.input_shape[0]
    if dataset.task != "regression" or len(dataset.input_shape) != 2 or dataset.train.y.ndim != 3:
        raise ConfigError(
            f"window: {dataset.name} has no target for each time step, which truncated back-propagation through "
            "time needs; set window=null."
        )
    if window > steps or steps % window:
        raise ConfigError(
            f"window: {steps} time steps cannot be cut into windows of {window}; give a divisor of {steps}."
        )
    smallest = min(len(dataset.train), len(dataset.validation), len(dataset.test))
    if batch_size > smallest:
        raise ConfigError(
            f"batch_size: {batch_size} is more than the {smallest} sequences there are, and a stateful network needs "
            "whole batches."
        )
