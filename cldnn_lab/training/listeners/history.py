"""history.csv, a row longer after every evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from cldnn_lab.storage.tables import write_table
from cldnn_lab.training.listeners.base import Listener


class History(Listener):
    """Writes each row of the history when it is complete, so that a run that is killed keeps its rows.

    Args:
        path: of the CSV file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Append the row; the first one brings the file."""
        if epoch == 0:
            self._write_all()
            return
        # One write of one line: a process that is killed leaves all of it or nothing.
        line = pd.DataFrame(self.training.outcome.rows[-1:]).to_csv(index=False, header=False)
        with self.path.open("a", encoding="utf-8", newline="") as file:
            file.write(line)

    def set_state(self, state: dict[str, Any]) -> None:
        """Take back the rows that the checkpoint does not know."""
        if self.training.outcome.rows:
            self._write_all()

    def _write_all(self) -> None:
        write_table(self.path, self.training.outcome.history)
