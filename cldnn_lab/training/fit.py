"""Epochs around an engine: the order of examples, the history, and how a run can end."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import keras
import numpy as np
import pandas as pd

from cldnn_lab.training.engines.base import Engine
from cldnn_lab.training.stop import StopRequest

# A call of the engine lasts about this long, so that progress is shown and Ctrl-C is heard.
_SECONDS_A_CALL = 0.5


class Progress(Protocol):
    """Who is told how training goes."""

    def batches(self, done: int, logs: dict[str, float]) -> None:
        """``done`` batches since the last row of the history, running means so far."""

    def row(self, row: dict[str, float]) -> None:
        """A row of the history is complete."""


@dataclass
class Outcome:
    """How training went.

    Attributes:
        status: ``completed``, ``diverged`` or ``interrupted``.
        rows: the history, a mapping a row: epoch, step, loss, val_loss, seconds, learning_rate, metrics. With
            ``use_ema`` the validation figures (``val_*``) are of the averaged weights, which are those that are kept.
        steps: batches trained.
        train_seconds: wall-clock seconds spent in training batches, first compilation included.
        steady_seconds, steady_examples: the same without the first call of each shape, which compiles.
        first_step_seconds: from the start of :func:`fit` to the end of the first call, nearly all compilation.
        diverged_at: epoch (from 1) in which the loss or a weight stopped being a finite number, else None.
    """

    status: str = "completed"
    rows: list[dict[str, float]] = field(default_factory=list)
    steps: int = 0
    train_seconds: float = 0.0
    first_step_seconds: float | None = None
    steady_seconds: float = 0.0
    steady_examples: int = 0
    diverged_at: int | None = None

    @property
    def history(self) -> pd.DataFrame:
        """The rows as a table."""
        return pd.DataFrame(self.rows)

    @property
    def last_validation(self) -> dict[str, float]:
        """Loss and metrics on the validation set after the last row; empty if none was completed."""
        last = self.rows[-1] if self.rows else {}
        return {name.removeprefix("val_"): value for name, value in last.items() if name.startswith("val_")}

    @property
    def best(self) -> dict[str, float] | None:
        """The first row with the highest validation accuracy, or the lowest validation loss where no accuracy is
        measured; None where no row has a finite one."""
        measure, sign = ("val_accuracy", -1) if self.judged_by == "accuracy" else ("val_loss", 1)
        rows = [row for row in self.rows if math.isfinite(row[measure])]
        return min(rows, key=lambda row: sign * row[measure], default=None)

    @property
    def judged_by(self) -> str:
        """What tells the best row: ``accuracy`` or ``loss``."""
        return "accuracy" if self.rows and "val_accuracy" in self.rows[0] else "loss"

    @property
    def samples_per_second(self) -> float | None:
        """Training examples a second once everything is compiled; None before that."""
        return self.steady_examples / self.steady_seconds if self.steady_seconds else None


@dataclass(frozen=True)
class Plan:
    """How much to train, in what portions.

    Attributes:
        examples: size of the training set.
        batch_size: examples a batch; the last batch of an epoch may be smaller.
        total: batches to train.
        row_every: batches between two rows of the history.
        seed: of the order of examples.
        drop_last: leave out each epoch's smaller last batch, for models with a fixed batch size.
        batches_per_call: batches in one call of the engine; None for about half a second of them.
    """

    examples: int
    batch_size: int
    total: int
    row_every: int
    seed: int
    drop_last: bool = False
    batches_per_call: int | None = None

    @classmethod
    def of(
        cls,
        examples: int,
        *,
        batch_size: int,
        epochs: int,
        steps: int | None,
        validate_every: int | None,
        seed: int,
        drop_last: bool = False,
        batches_per_call: int | None = None,
    ) -> Plan:
        """From the config's own keys: ``steps`` batches where given, else ``epochs`` passes."""
        per_epoch = examples // batch_size if drop_last else math.ceil(examples / batch_size)
        total = steps if steps is not None else epochs * per_epoch
        return cls(examples, batch_size, total, validate_every or per_epoch, seed, drop_last, batches_per_call)

    @property
    def per_epoch(self) -> int:
        """Batches an epoch."""
        whole = self.examples // self.batch_size
        return whole if self.drop_last else math.ceil(self.examples / self.batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """The examples of ``epoch`` (from 0) in training order: a permutation that only the seed and the
        epoch decide, whatever the backend and wherever a run was taken up again."""
        return np.random.default_rng([self.seed, epoch]).permutation(self.examples).astype(np.int32)

    def test_batches(self, examples: int) -> list[np.ndarray]:
        """All examples of a test set in order, in batches; whole batches only where the batch size is fixed."""
        batches = split_batches(np.arange(examples, dtype=np.int32), self.batch_size)
        return batches[:1] if self.drop_last else batches

    def tested(self, examples: int) -> int:
        """How many of so many examples :meth:`test_batches` covers."""
        return sum(batches.size for batches in self.test_batches(examples))

    def row_end(self, step: int) -> int:
        """The step at which the row that ``step`` falls into is complete."""
        return self.step_of(step // self.row_every)

    def step_of(self, row: int) -> int:
        """The step at which row number ``row`` (from 0) of the history is complete."""
        return min((row + 1) * self.row_every, self.total)

    def epoch_of(self, row: int) -> float:
        """The same in epochs, from 0 where training begins."""
        return self.step_of(row) / self.per_epoch

    @property
    def by_epoch(self) -> bool:
        """Whether every row of the history ends with an epoch, one each."""
        return self.row_every == self.per_epoch and self.total % self.per_epoch == 0


def split_batches(order: np.ndarray, size: int) -> list[np.ndarray]:
    """``order`` (n,) as whole batches (n // size, size) and, where n is no multiple, a smaller one (1, rest)."""
    whole = len(order) // size * size
    parts = [order[:whole].reshape(-1, size), order[whole:].reshape(1, -1)]
    return [part for part in parts if part.size]


def fit(
    engine: Engine,
    plan: Plan,
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    *,
    progress: Progress,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Outcome:
    """Train until the plan is done, the loss or a weight stops being a number, or the user presses Ctrl-C.

    Args:
        engine: around a compiled model.
        train, validation: examples and targets as the loss wants them.
        progress: told of every call and every row.
        callbacks: Keras callbacks; they are called where training begins and ends and for each row, with the row's
            number for an epoch.

    Returns:
        The outcome; the model is left as the last finished batch left it, with ``use_ema`` as the average of all.
    """
    outcome, began = Outcome(), time.perf_counter()
    hooks = keras.callbacks.CallbackList(list(callbacks), model=engine.model)
    with StopRequest() as stop:
        hooks.on_train_begin()
        engine.prepare(train[0][: plan.batch_size], train[1][: plan.batch_size])
        walk = _Walk(engine, plan, train, validation, progress, stop, outcome, began)
        for number, steps in enumerate(_rows(plan)):
            hooks.on_epoch_begin(number)
            started = time.perf_counter()
            logs = walk.train(steps)
            if outcome.status != "completed":
                break
            with engine.averaged():
                logs |= {f"val_{name}": value for name, value in walk.validate().items()}
                if outcome.status != "completed":
                    break
                row = {
                    "epoch": outcome.steps / plan.per_epoch,
                    "step": outcome.steps,
                    **logs,
                    "seconds": time.perf_counter() - started,
                    "learning_rate": float(keras.ops.convert_to_numpy(engine.model.optimizer.learning_rate)),
                }
                outcome.rows.append(row)
                progress.row(row)
                hooks.on_epoch_end(number, logs)
        engine.average()
        hooks.on_train_end()
    if stop.made and outcome.status == "completed":
        outcome.status = "interrupted"
    return outcome


def _rows(plan: Plan) -> Iterator[range]:
    step = 0
    while step < plan.total:
        yield range(step, plan.row_end(step))
        step = plan.row_end(step)


class _Walk:
    """Walks through the plan's batches in calls of about :data:`_SECONDS_A_CALL`, keeping the time."""

    def __init__(
        self,
        engine: Engine,
        plan: Plan,
        train: tuple[np.ndarray, np.ndarray],
        validation: tuple[np.ndarray, np.ndarray],
        progress: Progress,
        stop: StopRequest,
        outcome: Outcome,
        began: float,
    ) -> None:
        self.engine, self.plan, self.progress, self.stop, self.outcome = engine, plan, progress, stop, outcome
        self.held_out = engine.keep(validation[0]), engine.keep(validation[1])
        self.held_out_batches = plan.test_batches(len(validation[0]))
        self.x, self.y = engine.keep(train[0]), engine.keep(train[1])
        self.epoch, self.parts = -1, list[np.ndarray]()
        self.began = began
        self.compiled: set[tuple[int, ...]] = set()
        self.batches_a_call = plan.batches_per_call or 1

    def train(self, steps: range) -> dict[str, float]:
        """Train the batches of one row; the running means over all of them."""
        self.engine.reset_metrics()
        logs: dict[str, float] = {}
        step = steps.start
        while step < steps.stop:
            epoch, offset = divmod(step, self.plan.per_epoch)
            if epoch != self.epoch:
                self.epoch, self.parts = epoch, split_batches(self.plan.order(epoch), self.plan.batch_size)
            # The smaller last batch of an epoch is a call of its own: its shape is compiled apart.
            whole = len(self.parts[0])
            part, start = (self.parts[0], offset) if offset < whole else (self.parts[1], offset - whole)
            stop = min(len(part), start + self.batches_a_call, start + steps.stop - step)
            logs = self._call(part, start, stop)
            step += stop - start
            self.outcome.steps = step
            if not math.isfinite(logs["loss"]):
                self.outcome.status, self.outcome.diverged_at = "diverged", epoch + 1
                break
            self.progress.batches(step - steps.start, logs)
            if self.stop.made:
                self.outcome.status = "interrupted"
                break
        else:
            # The loss of a batch is from before its update: what the last one did shows in the weights alone.
            if not self.engine.is_finite():
                self.outcome.status, self.outcome.diverged_at = "diverged", self.epoch + 1
        return logs

    def validate(self) -> dict[str, float]:
        """The loss and the metrics on the validation set; cut short, and the run with it, if the user stops it."""
        self.engine.reset_metrics()
        for batches in self.held_out_batches:
            for start in range(0, len(batches), 2 * self.batches_a_call):
                stop = min(start + 2 * self.batches_a_call, len(batches))
                self.engine.test(*self.held_out, batches, start, stop)
                if self.stop.made:
                    self.outcome.status = "interrupted"
                    return {}
        return self.engine.logs()

    def _call(self, part: np.ndarray, start: int, stop: int) -> dict[str, float]:
        began = time.perf_counter()
        self.engine.train(self.x, self.y, part, start, stop)
        logs = self.engine.logs()  # reading a figure waits for the device
        seconds = time.perf_counter() - began
        self.outcome.train_seconds += seconds
        if self.outcome.first_step_seconds is None:
            self.outcome.first_step_seconds = time.perf_counter() - self.began
        if part.shape in self.compiled:
            self.outcome.steady_seconds += seconds
            self.outcome.steady_examples += (stop - start) * part.shape[1]
            if self.plan.batches_per_call is None and stop - start == self.batches_a_call:
                fitting = int(self.batches_a_call * _SECONDS_A_CALL / max(seconds, 1e-6))
                self.batches_a_call = max(1, min(fitting, 4 * self.batches_a_call))
        self.compiled.add(part.shape)
        return logs
