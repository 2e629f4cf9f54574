"""Data sets: one module per source in ``sources``, each ending in the same :class:`~cldnn_lab.data.dataset.Dataset`.

What every data set shares is done here, once: limits, the validation set, layout, and the checks that keep
a broken array from reaching a network.
"""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cldnn_lab.config.errors import ConfigError

if TYPE_CHECKING:
    from cldnn_lab.config.model import InputKind
    from cldnn_lab.data.dataset import Dataset
    from cldnn_lab.data.options import DataConfig


def load(config: DataConfig, data_root: Path, *, prefers: InputKind = "any") -> Dataset:
    """The data set a config describes, ready to train on.

    Args:
        config: the options of a module of :mod:`cldnn_lab.data.sources`, checked.
        data_root: folder under which data files are looked for.
        prefers: the input the model reads, which ``layout: auto`` follows; ``vector`` and ``tokens`` leave
            the examples as they are.

    Returns:
        A data set of float32 (or int32 ids) in C order. ``train_limit`` counts what is held out, too. Which
        examples it holds follows ``config`` alone, so that runs of several seeds see the same ones.

    Raises:
        ConfigError: for missing, truncated, corrupt or unfit files and empty selections.
    """
    from cldnn_lab.data.checks import check_dataset
    from cldnn_lab.data.layout import arrange
    from cldnn_lab.data.splits import hold_out, limit

    source = importlib.import_module(f"cldnn_lab.data.sources.{config.source}")
    dataset = check_dataset(source.load(config, Path(data_root).absolute()))
    train = limit(dataset.train, config.train_limit, config.split_seed)
    test = limit(dataset.test, config.test_limit, config.split_seed)
    held_out = None
    if not isinstance(config.validation, str):
        try:
            train, held_out = hold_out(train, config.validation, config.split_seed)
        except ValueError as error:
            raise ConfigError(
                f"data.validation: {config.validation:g} of {len(train)} training examples is too little to "
                "hold one of every class: raise it or data.train_limit."
            ) from error
    dataset = replace(dataset, train=train, test=test, held_out=held_out)
    if hasattr(source, "fit"):
        dataset = source.fit(config, dataset)
    return arrange(dataset, config.layout, prefers)


def fingerprint(dataset: Dataset) -> str:
    """A digest of every number in the data set, with shapes and types: equal data, equal digest."""
    import numpy as np

    digest = hashlib.blake2b(digest_size=16)
    for split in (dataset.train, dataset.validation, dataset.test):
        if split is dataset.test and dataset.validates_on_test:
            digest.update(b"the test set validates")
        for name, array in (("x", split.x), ("y", split.y), *sorted(split.tags.items())):
            digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
            digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
