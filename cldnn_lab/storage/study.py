"""The study of a sweep with Optuna, in a file that every job can read and add to, however it is ended."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cldnn_lab.storage import manifest

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.study import Study

FILE = "optuna.log"
NAME = "sweep"
Direction = Literal["maximize", "minimize"]


def create_study(folder: Path, direction: Direction, about: dict[str, Any]) -> Study:
    """Begin the study of the sweep directory ``folder``, or take up the one that is there.

    Args:
        direction: ``maximize`` or ``minimize``.
        about: attributes of a new study.

    Raises:
        ConfigError: if somebody else's file has its name.
    """
    import optuna

    path = folder / FILE
    manifest.begin_list(folder)
    manifest.check(folder, [FILE])
    manifest.add(folder, [path])
    _mend(path)
    storage = _open(path)
    if not any(known.study_name == NAME for known in storage.get_all_studies()):
        optuna.create_study(storage=storage, study_name=NAME, direction=direction)
    study = optuna.load_study(storage=storage, study_name=NAME)
    for key, value in about.items():
        if key not in study.user_attrs:  # a program that was killed may have written some of them
            study.set_user_attr(key, value)
    return study


def load_study(folder: Path) -> Study | None:
    """The study of the sweep directory ``folder``; None if there is none."""
    if not (folder / FILE).is_file():
        return None
    import optuna

    storage = _open(folder / FILE)
    known = any(study.study_name == NAME for study in storage.get_all_studies())
    return optuna.load_study(storage=storage, study_name=NAME) if known else None


def find_folder(run: Path) -> Path | None:
    """The sweep directory of a run that has a study; None if there is none that can be seen from here."""
    return next((parent for parent in run.absolute().parents if (parent / FILE).is_file()), None)


def _open(path: Path) -> BaseStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(str(path)))


def _mend(path: Path) -> None:
    """Take away the end of a line that a power loss cut short: what is written behind it could not be read."""
    if not path.is_file() or path.read_bytes()[-1:] in (b"\n", b""):
        return
    with path.open("rb+") as file:
        whole = file.read().rfind(b"\n") + 1
        file.truncate(whole)
        os.fsync(file.fileno())
