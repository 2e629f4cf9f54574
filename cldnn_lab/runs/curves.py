"""The curves of a run that still trains."""

from __future__ import annotations

from typing import Any

from cldnn_lab.data.dataset import Dataset
from cldnn_lab.runs import results
from cldnn_lab.runs.directory import Run
from cldnn_lab.storage.pace import Pace
from cldnn_lab.training.listeners.base import Listener


class Curves(Listener):
    """Redraws the curves after an evaluation now and then; those of the finished run are drawn at its end.

    Args:
        run: whose directory the pictures go to.
        dataset: that is trained on.
        title: what the network is.
        x: column of the history along the axis: ``epoch`` or ``step``.
        seconds: between two drawings, at least.
    """

    def __init__(self, run: Run, dataset: Dataset, *, title: str, x: str, seconds: float = 60) -> None:
        super().__init__()
        self.run, self.dataset, self.title, self.x = run, dataset, title, x
        self.pace = Pace(seconds)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Draw, if it is time."""
        if self.pace.is_due():
            with self.pace.measure():
                results.draw_history(self.run, self.training.outcome, self.dataset, title=self.title, x=self.x)
