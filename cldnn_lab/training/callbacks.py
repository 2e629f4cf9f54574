"""The Keras callbacks a config asks for."""

from __future__ import annotations

from pathlib import Path

import keras

from cldnn_lab.errors import Mistake
from cldnn_lab.schema import Settings


def callbacks(settings: Settings, folder: Path) -> list[keras.callbacks.Callback]:
    """Those of ``settings``, writing into ``folder``.

    Raises:
        Mistake: if a package that one of them needs is not installed.
    """
    if settings.logger != "tensorboard":
        return []
    try:
        import tensorboard  # noqa: F401
    except ModuleNotFoundError as error:
        raise Mistake("logger: tensorboard is not installed (pip install 'cldnn-lab[tensorboard]').") from error
    return [keras.callbacks.TensorBoard(str(folder / "tensorboard"))]
