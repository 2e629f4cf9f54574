"""Looks inside a network: what its layers learned and do, as pictures and tables.

Importing this package is light; Keras and matplotlib load when a look is taken. One module a look, each
with ``run(model, dataset, folder, options, title) -> list[Path]`` and, where it does not fit every network and data
set, ``check(model, dataset, options)``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cldnn_lab.diagnostics.options import OPTIONS, ActiveUnits, Options, choose_diagnostics
from cldnn_lab.storage import manifest

if TYPE_CHECKING:
    import keras

    from cldnn_lab.data.dataset import Dataset

__all__ = ["OPTIONS", "Options", "check", "choose_diagnostics", "take", "watchers"]


def check(chosen: Mapping[str, Options], model: keras.Model, dataset: Dataset) -> None:
    """See, before a network is trained, that each look can be taken at it.

    Raises:
        ConfigError: where one does not apply to this network or data, with the reason.
    """
    for name, options in chosen.items():
        look = importlib.import_module(f"cldnn_lab.diagnostics.{name}")
        if hasattr(look, "check"):
            look.check(model, dataset, options)


def take(
    chosen: Mapping[str, Options], model: keras.Model | None, dataset: Dataset | None, folder: Path, *, title: str
) -> list[Path]:
    """Take each look and return the files it left in ``folder``.

    Args:
        chosen: what :func:`choose` gave.
        model: the network; None only for looks that need none.
        dataset: what it was trained on, likewise.
        title: what the network is, such as ``cnn on fashion_mnist``; every picture's title begins with it.

    Raises:
        ConfigError: where a look does not apply to this network or data, with the reason.
    """
    files: list[Path] = []
    folder.mkdir(parents=True, exist_ok=True)
    manifest.begin_list(folder)
    for name, options in chosen.items():
        look = importlib.import_module(f"cldnn_lab.diagnostics.{name}")
        files += look.run(model, dataset, folder, options, title)
    return files


def watchers(
    chosen: Mapping[str, Options],
    dataset: Dataset,
    folder: Path,
    *,
    title: str,
    epoch_of: Callable[[int], float] = lambda row: row + 1,
) -> list[keras.callbacks.Callback]:
    """Callbacks for those looks that need to be there while the network trains.

    They write their own files when training ends; leave their names out of :func:`take` then.

    Args:
        epoch_of: how many epochs are over when row number n (from 0) of the history is; n + 1 where each row is one.
    """
    options = chosen.get("active_units")
    if not isinstance(options, ActiveUnits):
        return []
    from cldnn_lab.diagnostics import active_units

    return [active_units.watcher(dataset, folder, options, title, epoch_of)]
