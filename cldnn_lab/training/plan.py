"""How much a run trains, in what portions and in which order."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Plan:
    """How much to train, in what portions.

    Attributes:
        examples: size of the training set.
        batch_size: examples per batch; the last batch of an epoch may be smaller.
        total: batches to train.
        evaluate_every: batches between two evaluations.
        seed: of the order of examples.
        drop_last: leave out each epoch's smaller last batch, for models with a fixed batch size.
        batches_per_call: batches in one call of the engine; None for about half a second of them.
    """

    examples: int
    batch_size: int
    total: int
    evaluate_every: int
    seed: int
    drop_last: bool = False
    batches_per_call: int | None = None

    @classmethod
    def make(
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
        """Batches per epoch."""
        whole = self.examples // self.batch_size
        return whole if self.drop_last else math.ceil(self.examples / self.batch_size)

    def draw_order(self, epoch: int) -> np.ndarray:
        """The examples of ``epoch`` (from 0) in training order: a permutation that only the seed and the
        epoch decide, whatever the backend and wherever a run was resumed."""
        return np.random.default_rng([self.seed, epoch]).permutation(self.examples).astype(np.int32)

    def list_test_batches(self, examples: int) -> list[np.ndarray]:
        """All examples of a test set in order, in batches; whole batches only where the batch size is fixed."""
        batches = split_batches(np.arange(examples, dtype=np.int32), self.batch_size)
        return batches[:1] if self.drop_last else batches

    def count_tested(self, examples: int) -> int:
        """How many of so many examples :meth:`list_test_batches` covers."""
        return sum(batches.size for batches in self.list_test_batches(examples))

    def find_next_evaluation(self, step: int) -> int:
        """The step of the first evaluation after ``step``."""
        return self.find_step(step // self.evaluate_every)

    def find_step(self, evaluation: int) -> int:
        """The step after which evaluation number ``evaluation`` (from 0) takes place."""
        return min((evaluation + 1) * self.evaluate_every, self.total)

    def find_epoch(self, evaluation: int) -> float:
        """The same in epochs, from 0 where training begins."""
        return self.find_step(evaluation) / self.per_epoch

    @property
    def evaluations(self) -> int:
        """How many evaluations there will be, each a row of the history."""
        return math.ceil(self.total / self.evaluate_every)

    @property
    def is_by_epoch(self) -> bool:
        """Whether every epoch ends in the one evaluation of it."""
        return self.evaluate_every == self.per_epoch and self.total % self.per_epoch == 0


def split_batches(order: np.ndarray, size: int) -> list[np.ndarray]:
    """``order`` (n,) as whole batches (n // size, size) and, where n is no multiple, a smaller one (1, rest)."""
    whole = len(order) // size * size
    parts = [order[:whole].reshape(-1, size), order[whole:].reshape(1, -1)]
    return [part for part in parts if part.size]
