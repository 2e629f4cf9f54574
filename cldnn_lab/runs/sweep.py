"""The sweep directory: which jobs a sweep has, and in which run directory each is.

    sweep.json    the last command, and all jobs: folder, overrides and fingerprint of the config
    0, 1, 2, ...  their run directories

A job is known by its config, not by its number: a sweep that is taken up again finds it where it is, and a new job, or
one whose config has changed, gets a number that no job had before.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.runs import state as states
from cldnn_lab.runs.directory import METRICS, Run
from cldnn_lab.storage import manifest
from cldnn_lab.storage.tables import write_json

SWEEP = "sweep.json"


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    Attributes:
        overrides: as they would be typed, such as ``optimizer=adam``.
        config_fingerprint: of its config.
        trial: number of the trial that it belongs to; None but for a sweeper that makes trials.
        folder: name of its run directory in that of the sweep; empty until the sweep gives it one.
        generates: whether it generates data that others read from files.
    """

    overrides: tuple[str, ...]
    config_fingerprint: str
    trial: int | None = None
    folder: str = ""
    generates: bool = False

    @property
    def key(self) -> tuple[str, bool]:
        """What a job is known by. No fingerprint of a config says whether data are generated, since without files it is
        all the same."""
        return self.config_fingerprint, self.generates


class Sweep:
    """A sweep directory, to be filled or read.

    Args:
        folder: the directory; it exists.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.about = _read(folder)
        self._current: list[str] = []

    @property
    def jobs(self) -> list[Job]:
        """The jobs, those of earlier commands in the same directory first."""
        return [Job(**{**job, "overrides": tuple(job["overrides"])}) for job in self.about.get("jobs", ())]

    @property
    def current(self) -> list[Job]:
        """The jobs of the last command; all of them where the file does not say."""
        names = self.about.get("current")
        return [job for job in self.jobs if names is None or job.folder in names]

    @property
    def command(self) -> list[str]:
        """The overrides of the last command, as they were typed."""
        return list(self.about.get("command", ()))

    def get_run(self, job: Job) -> Run:
        """The run of a job, whose directory may not be there yet."""
        return Run(self.folder / job.folder)

    def place(self, wanted: Sequence[Job]) -> list[Job]:
        """The same jobs, those without a directory with the name of theirs; nothing is written.

        Raises:
            ConfigError: if two jobs would share a directory.
        """
        known = self._find_known()
        number = self._find_next_number()
        placed: list[Job] = []
        for job in wanted:
            folder = job.folder or next(iter(known.get(job.key, ())), "")
            if not folder:
                folder, number = str(number), number + 1
            elif folder in known.get(job.key, ()):
                known[job.key].remove(folder)
            placed.append(dataclasses.replace(job, folder=folder))
        for folder, count in Counter(job.folder for job in placed).items():
            if count > 1:
                raise ConfigError(f"hydra.sweep.subdir: {count} jobs would run in {folder}; leave it as it is.")
        return placed

    def add(self, added: Sequence[Job], **about: Any) -> None:
        """Take jobs that have a directory into the sweep, and write sweep.json.

        A job that has the overrides of a known one and another config takes its place in the sweep: the directory of
        the earlier one stays as it is, and is named under ``replaced``.

        Args:
            about: what else sweep.json is to say, such as ``command``.
        """
        folders = {job.folder for job in added}
        earlier = [job for job in self.jobs if job.folder not in folders]
        now = {frozenset(job.overrides) for job in added}
        replaced = [job for job in earlier if frozenset(job.overrides) in now]
        names = [*self.about.get("replaced", ()), *(job.folder for job in replaced)]
        self._current += [job.folder for job in added if job.folder not in self._current]
        jobs = sorted([*(job for job in earlier if job not in replaced), *added], key=_get_order)
        self.about = {
            **self.about,
            **about,
            "jobs": [dataclasses.asdict(job) for job in jobs],
            "replaced": [name for name in names if name not in folders],
            "current": self._current,
        }
        manifest.begin_list(self.folder)
        write_json(self.folder / SWEEP, self.about)

    def _find_known(self) -> dict[tuple[str, bool], list[str]]:
        """The folders of the jobs of each config: by the state of the run, which says what really ran there; planned
        only where there is none yet."""
        known: dict[tuple[str, bool], list[str]] = {}
        planned = {job.folder: job.key for job in self.jobs}
        for folder in sorted({*self._list_numbered(), *planned}, key=lambda name: (len(name), name)):
            state = states.read(self.folder / folder)
            if state is None and (self.folder / folder / METRICS).is_file():
                continue  # a run of before states were kept: it cannot be known
            # A job that died before it could say anything is the one that was planned.
            fingerprint, generates = planned.get(folder, (None, False))
            fingerprint = (state and state.config_fingerprint) or fingerprint
            if fingerprint is not None:
                known.setdefault((fingerprint, generates), []).append(folder)
        return known

    def _find_next_number(self) -> int:
        names: Collection[str] = {*self._list_numbered(), *(job.folder for job in self.jobs)}
        return max((int(name) for name in names if name.isdecimal()), default=-1) + 1

    def _list_numbered(self) -> list[str]:
        return [path.name for path in self.folder.iterdir() if path.name.isdecimal()]


def is_sweep(folder: Path) -> bool:
    """Whether ``folder`` holds a sweep."""
    return (folder / SWEEP).is_file()


def find_latest(pattern: str, parent: Path, command: Sequence[str]) -> Path | None:
    """The sweep directory of the same command that was begun last; None if there is none.

    Args:
        pattern: of sweep directories in ``parent``, such as ``*/*``.
        command: the overrides, as typed.
    """
    found = [path.parent for path in parent.glob(f"{pattern}/{SWEEP}")]
    same = [folder for folder in found if Sweep(folder).command == list(command)]
    return max(same, key=lambda folder: (folder / SWEEP).stat().st_mtime, default=None)


def _read(folder: Path) -> dict[str, Any]:
    path = folder / SWEEP
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {**found, "jobs": list(found["jobs"])}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{path} does not hold a sweep: {error}.") from error


def _get_order(job: Job) -> tuple[bool, int, str]:
    """By number, then by name."""
    return (not job.folder.isdecimal(), int(job.folder) if job.folder.isdecimal() else 0, job.folder)
