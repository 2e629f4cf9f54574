"""The run in TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.loggers import TensorBoardOptions
from cldnn_lab.config.schema import Config
from cldnn_lab.training.listeners.files import ListFiles
from cldnn_lab.training.plan import Plan


def make(options: TensorBoardOptions, config: Config, folder: Path, plan: Plan) -> list[keras.callbacks.Callback]:
    """The callbacks that write event files into ``folder``.

    Raises:
        ConfigError: if TensorBoard is not installed.
    """
    try:
        import tensorboard  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError("logger: tensorboard is not installed (pip install 'cldnn-lab[tensorboard]').") from error
    events = folder / "tensorboard"
    return [_TensorBoard(str(events), plan), ListFiles(folder, events)]


class _TensorBoard(keras.callbacks.TensorBoard):
    """Counts epochs from 0 along its axis, as Keras does; where evaluations are not epochs, the batches trained."""

    def __init__(self, folder: str, plan: Plan) -> None:
        super().__init__(folder)
        self.plan = plan

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the figures of an evaluation."""
        super().on_epoch_end(epoch if self.plan.is_by_epoch else self.plan.find_step(epoch), logs)
