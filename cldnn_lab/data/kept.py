"""The data sets that the jobs of this process read last, for the next job that wants one of them.

A data set that was read from files is kept only for as long as they stay as they were.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cldnn_lab import data
from cldnn_lab.data.files import Watch, watch

if TYPE_CHECKING:
    from cldnn_lab.config.model import InputKind
    from cldnn_lab.data.dataset import Dataset
    from cldnn_lab.data.options import DataConfig

LIMIT = 2**30  # bytes of all that are kept


@dataclass(frozen=True)
class _Kept:
    dataset: Dataset
    fingerprint: str
    files: Watch


_kept: dict[tuple[str, Path, str], _Kept] = {}  # the one used last comes last


def load(config: DataConfig, data_root: Path, *, prefers: InputKind = "any") -> tuple[Dataset, str]:
    """What :func:`cldnn_lab.data.load` gives for the same arguments, and its :func:`~cldnn_lab.data.fingerprint`.

    Its arrays are read-only, so that every job finds them as the first did.

    Raises:
        ConfigError: as :func:`cldnn_lab.data.load`.
    """
    key = repr(config), Path(data_root).absolute(), prefers
    kept = _kept.pop(key, None)
    if kept is None or not kept.files.is_unchanged():
        with watch() as files:
            dataset = data.load(config, data_root, prefers=prefers)
        _make_read_only(dataset)
        kept = _Kept(dataset, data.fingerprint(dataset), files)
    if kept.dataset.nbytes <= LIMIT:
        _kept[key] = kept
    while sum(one.dataset.nbytes for one in _kept.values()) > LIMIT:
        del _kept[next(iter(_kept))]
    return kept.dataset, kept.fingerprint


def _make_read_only(dataset: Dataset) -> None:
    for split in (dataset.train, dataset.validation, dataset.test):
        for array in (split.x, split.y, *split.tags.values()):
            array.flags.writeable = False
