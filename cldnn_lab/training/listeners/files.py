"""Files that a callback writes by itself, put on the list of what the run wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from cldnn_lab.storage import manifest
from cldnn_lab.training.listeners.base import Listener


class ListFiles(Listener):
    """Lists the files of one folder as the run's own as they come: the callback that writes them alone knows their
    names. It goes behind that callback.

    Args:
        folder: the run directory.
        inside: a folder in it, made where training begins. What is there already and is not listed stays nobody's.
    """

    def __init__(self, folder: Path, inside: Path) -> None:
        super().__init__()
        self.folder, self.inside = folder, inside
        listed = {folder / name for name in manifest.list_names(folder)}
        self.foreign = self._files() - listed

    def set_model(self, model: keras.Model) -> None:
        """Make the folder: this is called before any callback hears that training begins."""
        super().set_model(model)
        self.inside.mkdir(parents=True, exist_ok=True)

    def on_train_begin(self, logs: Any = None) -> None:
        """List what is there."""
        manifest.add(self.folder, self._files() - self.foreign)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """List what has come."""
        manifest.add(self.folder, self._files() - self.foreign)

    def on_train_end(self, logs: Any = None) -> None:
        """List what has come."""
        manifest.add(self.folder, self._files() - self.foreign)

    def _files(self) -> set[Path]:
        return {path for path in self.inside.rglob("*") if path.is_file()}
