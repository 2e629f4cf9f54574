"""What has become of a run: the one place that writes and reads ``run.json``.

A run is *started* once its directory is taken, *training* from its first batch on, and then *completed*, *diverged*
(the loss or a weight stopped being a number), *pruned* (hopeless beside the other trials of a search), *interrupted*
(by the user) or *failed*. A run that was killed stays *started* or *training*, by a process that is gone.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.runs.process import Process, identify_process
from cldnn_lab.storage.tables import write_json

STATE = "run.json"
STATES = ("started", "training", "completed", "diverged", "pruned", "interrupted", "failed")
_STATUS = {"completed": 0, "pruned": 0, "diverged": 3, "interrupted": 130, "failed": 1}


@dataclass(frozen=True)
class State:
    """What ``run.json`` holds.

    Attributes:
        state: one of :data:`STATES`.
        process: that works, or worked, in the directory.
        config_fingerprint: digest of all in the config that affects the result; None of a config with a mistake.
        fingerprint: the same with the data; None until they were loaded.
        setting_fingerprint: of config and data without the seed: runs with equal ones are repeats of one setting.
        step: batches trained; None until training begins, while what an earlier run left is still there.
        steps: batches that the run is to train.
        reason: one sentence: why the run diverged, was pruned, interrupted or failed, or what failed after it was
            completed.
        error: class of the exception behind ``reason``, if there was one.
        started, updated, ended: ISO 8601, UTC; ``started`` is that of the first process of a resumed run.
    """

    state: str
    process: Process
    config_fingerprint: str | None
    started: str
    updated: str
    fingerprint: str | None = None
    setting_fingerprint: str | None = None
    step: int | None = None
    steps: int | None = None
    reason: str | None = None
    error: str | None = None
    ended: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether the run says itself that it ended."""
        return self.state not in ("started", "training")

    @property
    def is_finished(self) -> bool:
        """Whether it would end no other way if it were run again: completed, diverged or pruned."""
        return self.state in ("completed", "diverged", "pruned")

    @property
    def is_running(self) -> bool | None:
        """Whether a process works on the run now; None if that cannot be told, from another machine."""
        return False if self.is_over else self.process.is_running

    @property
    def exit_status(self) -> int:
        """What a command that ran this job exits with: 0 completed or pruned, 2 a user's mistake, 3 diverged, 130
        interrupted, 1 anything else."""
        if self.error is not None:
            return 2 if self.error == ConfigError.__name__ else 1
        return _STATUS.get(self.state, 1)

    def __str__(self) -> str:
        step = f" at step {self.step} of {self.steps}" if self.state == "training" else ""
        gone = " (its process is gone)" if not self.is_over and self.is_running is False else ""
        elsewhere = f" ({self.process}: not known whether it still runs)" if self.is_running is None else ""
        return f"{self.state}{step}{gone}{elsewhere}{f': {self.reason}' if self.reason else ''}"


def read(folder: Path) -> State | None:
    """The state of the run in ``folder``; None if there is none.

    Raises:
        ConfigError: if the file is broken.
    """
    path = folder / STATE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return State(**{**found, "process": Process(**found["process"])})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{path} does not hold a run's state: {error}.") from error


def start(folder: Path, config_fingerprint: str | None, before: State | None = None) -> State:
    """Record that this process begins a run.

    Args:
        config_fingerprint: of its config; None of one with a mistake.
        before: of the run that it resumes, if it does.
    """
    kept = ("fingerprint", "setting_fingerprint", "step", "steps")
    known = {} if before is None else {name: getattr(before, name) for name in kept}
    now = _now()
    first = now if before is None else before.started
    return _write(folder, State("started", identify_process(), config_fingerprint, first, now, **known))


def update(folder: Path, **changes: Any) -> State:
    """Record what is new of the run in ``folder``, by the names of :class:`State`, as work of this process."""
    before = read(folder)
    assert before is not None, f"{folder} has no state to change"
    changes |= {"process": identify_process(), "updated": _now()}
    after = dataclasses.replace(before, **changes)
    return _write(folder, dataclasses.replace(after, ended=after.updated if after.is_over else None))


def _write(folder: Path, state: State) -> State:
    write_json(folder / STATE, dataclasses.asdict(state))
    return state


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
