"""Epochs around an engine: what is trained when, what listeners hear of it, and how a run can end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np

from cldnn_lab.training.engines.base import Engine
from cldnn_lab.training.listeners.base import Listener
from cldnn_lab.training.outcome import Outcome
from cldnn_lab.training.plan import Plan, split_batches
from cldnn_lab.training.stop import StopRequest

# A call of the engine lasts about this long, so that progress is shown and Ctrl-C is heard.
_SECONDS_PER_CALL = 0.5

Logs = dict[str, float]


def fit(
    engine: Engine,
    plan: Plan,
    train: Sequence[np.ndarray],
    validation: Sequence[np.ndarray],
    *,
    listeners: Sequence[keras.callbacks.Callback] = (),
    derive: Callable[[Logs], Logs] = lambda logs: {},
) -> Outcome:
    """Train until the plan is done, a callback sets ``model.stop_training``, the loss or a weight stops being a number,
    or the user presses Ctrl-C.

    Args:
        engine: around a compiled model.
        train: examples and targets as the loss wants them and, if examples weigh differently, their weights.
        validation: examples and targets.
        listeners: Keras callbacks and :class:`~cldnn_lab.training.listeners.base.Listener` s, told in this order. One
            of them may resume an earlier training where it begins (``on_train_begin``).
        derive: further figures of an evaluation from those that were measured, by name.

    Returns:
        The outcome; the model is left as the last finished batch left it, with ``use_ema`` as the average of all,
        unless a callback put other weights in their place.
    """
    training = Training(engine, plan, train, validation, listeners, derive)
    with StopRequest() as stop:
        training.run(stop)
    return training.outcome


class Training:
    """A training under way: what of its state the model and the optimizer do not hold.

    Attributes:
        engine: around the model.
        plan: what is trained when.
        listeners: who is told.
        outcome: what has been trained and measured so far.
        logs: running means of the training set since the last evaluation.
        elapsed: seconds since the last evaluation.
    """

    def __init__(
        self,
        engine: Engine,
        plan: Plan,
        train: Sequence[np.ndarray],
        validation: Sequence[np.ndarray],
        listeners: Sequence[keras.callbacks.Callback],
        derive: Callable[[Logs], Logs],
    ) -> None:
        self.engine, self.plan, self.listeners, self.derive = engine, plan, list(listeners), derive
        self.outcome = Outcome()
        self.logs: Logs = {}
        self.elapsed = 0.0
        self._train, self._validation = train, validation
        self._hears_batches = [listener for listener in self.listeners if hears_every_batch(listener)]
        self._batches_per_call = 1 if self._hears_batches else plan.batches_per_call
        self._portion = self._batches_per_call or 1
        self._epoch, self._parts = -1, list[np.ndarray]()
        self._compiled: set[tuple[int, ...]] = set()

    def run(self, stop: StopRequest) -> None:
        """Train, as :func:`fit` says."""
        began = time.perf_counter()
        engine, outcome, plan = self.engine, self.outcome, self.plan
        engine.prepare([array[: plan.batch_size] for array in self._train])
        self._train = [engine.keep(array) for array in self._train]
        self._test_batches = plan.list_test_batches(len(self._validation[0]))
        self._validation = [engine.keep(array) for array in self._validation]
        self._began, self._stop = began, stop
        for listener in self._list_listeners():
            listener.training = self
        engine.model.stop_training = False
        engine.reset_metrics()
        callbacks = keras.callbacks.CallbackList(self.listeners, model=engine.model, steps=plan.per_epoch)
        callbacks.on_train_begin()
        for number, steps in self._list_evaluations():
            callbacks.on_epoch_begin(number)
            started = time.perf_counter() - self.elapsed
            self._train_batches(steps, started)
            if outcome.status == "completed":
                self._evaluate(number, callbacks, started)
            if outcome.status == "interrupted":
                for listener in self._list_listeners():
                    listener.on_interrupt()
            if outcome.status != "completed" or engine.model.stop_training:
                break
            self.logs, self.elapsed = {}, 0.0
            engine.reset_metrics()
        outcome.stopped_early = outcome.status == "completed" and outcome.steps < plan.total
        engine.average()
        last = [] if self._has_only_listeners() else engine.model.get_weights()
        callbacks.on_train_end()
        outcome.weights_replaced = any(
            not np.array_equal(before, after) for before, after in zip(last, engine.model.get_weights(), strict=False)
        )
        if stop.made and outcome.status == "completed":
            outcome.status = "interrupted"

    def _list_listeners(self) -> list[Listener]:
        return [listener for listener in self.listeners if isinstance(listener, Listener)]

    def _has_only_listeners(self) -> bool:
        return len(self._list_listeners()) == len(self.listeners)

    def _list_evaluations(self) -> Iterator[tuple[int, range]]:
        """The number of each evaluation to come, from 0, and the steps that are left to train before it."""
        step, number = self.outcome.steps, len(self.outcome.rows)
        while number < self.plan.evaluations:
            end = self.plan.find_step(number)
            yield number, range(step, end)
            step, number = end, number + 1

    def _train_batches(self, steps: range, started: float) -> None:
        """Train ``steps``, in calls of the engine that end where an epoch or the steps do."""
        step, plan, outcome = steps.start, self.plan, self.outcome
        while step < steps.stop:
            epoch, offset = divmod(step, plan.per_epoch)
            if epoch != self._epoch:
                self._epoch, self._parts = epoch, split_batches(plan.draw_order(epoch), plan.batch_size)
            # The smaller last batch of an epoch is a call of its own: its shape is compiled apart.
            whole = len(self._parts[0])
            part, start = (self._parts[0], offset) if offset < whole else (self._parts[1], offset - whole)
            stop = min(len(part), start + self._portion, start + steps.stop - step)
            for callback in self._hears_batches:
                callback.on_train_batch_begin(offset)
            self.logs = self._call(part, start, stop)
            step += stop - start
            outcome.steps, self.elapsed = step, time.perf_counter() - started
            if not math.isfinite(self.logs["loss"]):
                outcome.status, outcome.diverged_at = "diverged", epoch + 1
                return
            for callback in self._hears_batches:
                callback.on_train_batch_end(offset, self.logs)
            for listener in self._list_listeners():
                listener.on_batches_end(step, self.logs)
            if self._stop.made:
                outcome.status = "interrupted"
                return
            if self.engine.model.stop_training:
                break
        # The loss of a batch is from before its update: what the last one did shows in the weights alone.
        if not self.engine.is_finite():
            outcome.status, outcome.diverged_at = "diverged", (step - 1) // plan.per_epoch + 1

    def _evaluate(self, number: int, callbacks: keras.callbacks.CallbackList, started: float) -> None:
        """Measure the validation set, keep the row of the history and tell the listeners."""
        with self.engine.use_average():
            measured = self._validate()
            if self.outcome.status != "completed":
                return
            logs = {**self.logs, **{f"val_{name}": value for name, value in measured.items()}}
            logs |= self.derive(logs)
            self.outcome.rows.append(
                {
                    "epoch": self.outcome.steps / self.plan.per_epoch,
                    "step": self.outcome.steps,
                    **logs,
                    "seconds": time.perf_counter() - started,
                    "learning_rate": float(keras.ops.convert_to_numpy(self.engine.model.optimizer.learning_rate)),
                }
            )
            callbacks.on_epoch_end(number, logs)

    def _validate(self) -> Logs:
        """The loss and the metrics on the validation set; cut short, and the run with it, if the user stops it."""
        self.engine.reset_metrics()
        for batches in self._test_batches:
            for start in range(0, len(batches), 2 * self._portion):
                stop = min(start + 2 * self._portion, len(batches))
                self.engine.test(self._validation, batches, start, stop)
                if self._stop.made:
                    self.outcome.status = "interrupted"
                    return {}
        return self.engine.logs()

    def _call(self, part: np.ndarray, start: int, stop: int) -> Logs:
        began = time.perf_counter()
        self.engine.train(self._train, part, start, stop)
        logs = self.engine.logs()  # reading a figure waits for the device
        seconds = time.perf_counter() - began
        outcome = self.outcome
        outcome.train_seconds += seconds
        if outcome.first_step_seconds is None:
            outcome.first_step_seconds = time.perf_counter() - self._began
        if part.shape in self._compiled:
            outcome.steady_seconds += seconds
            outcome.steady_examples += (stop - start) * part.shape[1]
            if self._batches_per_call is None and stop - start == self._portion:
                fitting = int(self._portion * _SECONDS_PER_CALL / max(seconds, 1e-6))
                self._portion = max(1, min(fitting, 4 * self._portion))
        self._compiled.add(part.shape)
        return logs


def hears_every_batch(callback: keras.callbacks.Callback) -> bool:
    """Whether a callback wants to be called for every single batch: it has a hook for batches, and, where it says how
    often it uses it (``save_freq``, ``update_freq``), not once per epoch."""
    if isinstance(callback, Listener):
        return False
    hooks = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
    if all(getattr(type(callback), hook) is getattr(keras.callbacks.Callback, hook) for hook in hooks):
        return False
    frequencies = [getattr(callback, name) for name in ("save_freq", "update_freq") if hasattr(callback, name)]
    return not frequencies or any(frequency != "epoch" for frequency in frequencies)
