"""The end of a training that has had its time."""

from __future__ import annotations

from cldnn_lab.training.listeners.base import Listener


class TimeLimit(Listener):
    """Ends the training, with an evaluation, at the first call of the engine after so many seconds of training.

    Calls that compile are not counted: how long that takes says nothing of the training, and a network that compiles
    for longer than the limit would be ended before it has trained. So there is one such call and one that counts.

    Args:
        seconds: spent in training steps; evaluations do not count. A resumed run counts those of before.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def on_batches_end(self, step: int, logs: dict[str, float]) -> None:
        """Look at the time."""
        if self.training.outcome.steady_seconds >= self.seconds:
            self.training.engine.model.stop_training = True
