"""One network and all that trains it, made from a config for the data at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from cldnn_lab import losses
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.errors import Mistake
from cldnn_lab.models.build import build
from cldnn_lab.schema import Config
from cldnn_lab.targets import instantiate
from cldnn_lab.training import schedules
from cldnn_lab.training.engine import Engine, make_engine
from cldnn_lab.training.fit import Outcome, Plan, fit
from cldnn_lab.training.policy import Policy
from cldnn_lab.training.progress import EpochProgress


@dataclass(frozen=True)
class Session:
    """A compiled network with its data, ready to train.

    Attributes:
        model: the network for whole examples, which is evaluated and saved.
        engine: around the network that is trained: ``model`` itself, or for truncated back-propagation
            through time one of the same weights that reads windows and keeps its state between them.
        plan: how much is trained, in what portions.
        loss: name of the loss minimised.
        logits: whether the network's outputs are logits, which the loss takes for unnormalised log-probabilities.
        dataset: the data.
    """

    model: keras.Model
    engine: Engine
    plan: Plan
    loss: str
    logits: bool
    dataset: Dataset

    def fit(self, callbacks: Sequence[keras.callbacks.Callback] = ()) -> Outcome:
        """Train as planned; afterwards ``model`` has the trained weights."""
        progress = EpochProgress(self.plan)
        outcome = fit(
            self.engine,
            self.plan,
            self._arrays(self.dataset.train),
            self._arrays(self.dataset.validation),
            progress=progress,
            callbacks=callbacks,
        )
        progress.close()
        if self.dataset.task == "regression" and self.loss == "mse":
            _add_normalised_error(outcome, self.dataset)
        if self.engine.model is not self.model:
            trained = self.engine.model.trainable_variables
            for ours, theirs in zip(self.model.trainable_variables, trained, strict=True):
                ours.assign(theirs)
        return outcome

    def predict(self, split: Split) -> np.ndarray:
        """The network's outputs for a split, (examples, outputs) or shaped like a regression's target; logits as the
        probabilities that they stand for."""
        outputs = self.model.predict(split.x, batch_size=self.plan.batch_size, verbose=0)
        return losses.probabilities(outputs, self.dataset.task) if self.logits else np.asarray(outputs)

    def measure(self, split: Split) -> dict[str, float]:
        """The loss and the metrics that were watched in training, on a split."""
        x, y = [self.engine.keep(array) for array in self._arrays(split)]
        self.engine.reset_metrics()
        for batches in self.plan.test_batches(len(split)):
            portion = self.plan.batches_per_call or len(batches)
            for start in range(0, len(batches), portion):
                self.engine.test(x, y, batches, start, min(start + portion, len(batches)))
        return self.engine.logs()

    def _arrays(self, split: Split) -> tuple[np.ndarray, np.ndarray]:
        return split.x, losses.targets(self.loss, self.dataset.task, split.y, self.dataset.outputs)


def prepare(config: Config, dataset: Dataset, policy: Policy) -> Session:
    """Build and compile what the config describes, to be computed as the policy says.

    Raises:
        Mistake: if model, loss, window or schedule do not fit the data.
    """
    settings = config.settings
    loss = losses.choose(settings.loss, config.output_activation, dataset.task)
    model = trained = _network(config, dataset, dataset.input_shape)
    if dataset.task == "regression" and model.output_shape[1:] != dataset.train.y.shape[1:]:
        raise Mistake(
            f"The model ends in outputs of shape {model.output_shape[1:]} for an example, but the targets of "
            f"{dataset.name} have {dataset.train.y.shape[1:]}; use a model that answers at every time step, such as "
            "model=pulse_rnn."
        )
    if dataset.task != "regression" and len(model.output_shape) != 2:
        raise Mistake(
            f"The model ends in outputs of shape {model.output_shape[1:]} for an example, but each example of "
            f"{dataset.name} has one class; set return_sequences: false in its last recurrent layer, or put a "
            "keras.layers.Flatten before its outputs."
        )
    if settings.window is not None:
        _check_window(settings.window, settings.batch_size, dataset)
        shape = (settings.window, *dataset.input_shape[1:])
        trained = _network(config, dataset, shape, stateful=True, batch_size=settings.batch_size)
    plan = Plan.of(
        len(dataset.train),
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        steps=settings.steps,
        validate_every=settings.validate_every,
        seed=settings.seed,
        drop_last=settings.window is not None,
        batches_per_call=policy.batches_per_call,
    )
    schedule = schedules.make(config.schedule, plan.total) if config.schedule else None
    logits = losses.are_logits(loss, config.output_activation)
    objective, accuracy = losses.make(loss, config.output_activation, dataset.task, settings.threshold)
    trained.compile(
        optimizer=instantiate(
            config.optimizer, "optimizer", **({} if schedule is None else {"learning_rate": schedule})
        ),
        loss=objective,
        metrics=[accuracy] if accuracy is not None else [],
    )
    return Session(
        model,
        make_engine(
            trained,
            window=settings.window,
            xla=policy.xla,
            fast_layers=policy.fast_layers,
            data_on_device=policy.data_on_device,
        ),
        plan,
        loss,
        logits,
        dataset,
    )


def _network(config: Config, dataset: Dataset, shape: tuple[int, ...], **stateful: Any) -> keras.Model:
    return build(
        config.model,
        input_shape=shape,
        outputs=dataset.outputs,
        data_name=dataset.name,
        vocabulary=dataset.vocabulary,
        **stateful,
    )


def _add_normalised_error(outcome: Outcome, dataset: Dataset) -> None:
    """Give each row the mean squared error over the variance of the target, as report 001 prints it: 1 is a guess
    at the mean."""
    train, validation = float(np.var(dataset.train.y)), float(np.var(dataset.validation.y))
    for row in outcome.rows:
        row["normalised_error"] = row["loss"] / train
        row["val_normalised_error"] = row["val_loss"] / validation


def _check_window(window: int, batch_size: int, dataset: Dataset) -> None:
    """Truncated back-propagation through time needs whole windows, whole batches and a target a time step."""
    steps = dataset.input_shape[0]
    if dataset.task != "regression" or len(dataset.input_shape) != 2 or dataset.train.y.ndim != 3:
        raise Mistake(
            f"window: {dataset.name} has no target for each time step, which truncated back-propagation through "
            "time needs; set window=null."
        )
    if window > steps or steps % window:
        raise Mistake(f"window: {steps} time steps cannot be cut into windows of {window}; give a divisor of {steps}.")
    smallest = min(len(dataset.train), len(dataset.validation), len(dataset.test))
    if batch_size > smallest:
        raise Mistake(
            f"batch_size: {batch_size} is more than the {smallest} sequences there are, and a stateful network needs "
            "whole batches."
        )
