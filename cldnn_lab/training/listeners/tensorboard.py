"""The Keras callbacks a config asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.schema import Settings
from cldnn_lab.storage import manifest
from cldnn_lab.training.plan import Plan


def callbacks(settings: Settings, folder: Path, plan: Plan) -> list[keras.callbacks.Callback]:
    """Those of ``settings``, writing into ``folder``.

    Args:
        plan: of the run, which says where each row of the history ends.

    Raises:
        ConfigError: if a package that one of them needs is not installed.
    """
    if settings.logger != "tensorboard":
        return []
    try:
        import tensorboard  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError("logger: tensorboard is not installed (pip install 'cldnn-lab[tensorboard]').") from error
    events = folder / "tensorboard"
    return [_TensorBoard(str(events), plan), _Listed(folder, events)]


class _TensorBoard(keras.callbacks.TensorBoard):
    """Counts epochs from 0 along its axis, as Keras does; where rows are not epochs, the batches trained."""

    def __init__(self, folder: str, plan: Plan) -> None:
        super().__init__(folder)
        self.plan = plan

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        super().on_epoch_end(epoch if self.plan.by_epoch else self.plan.step_of(epoch), logs)


class _Listed(keras.callbacks.Callback):
    """Lists the event files as the run's own as they come: TensorBoard alone knows their names."""

    def __init__(self, folder: Path, events: Path) -> None:
        super().__init__()
        self.folder, self.events = folder, events
        self.before = self._files()

    def on_train_begin(self, logs: Any = None) -> None:
        manifest.add(self.folder, self._files() - self.before)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        manifest.add(self.folder, self._files() - self.before)

    def _files(self) -> set[Path]:
        return {path for path in self.events.rglob("*") if path.is_file()}
