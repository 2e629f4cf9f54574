"""One job in its run directory: whatever goes wrong becomes the run's state, and one sentence to the user."""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.conf import HydraConf
from omegaconf import DictConfig

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.quiet import shows_lines
from cldnn_lab.config.schema import Config
from cldnn_lab.launch import backend
from cldnn_lab.launch.preflight import check_config, take_run
from cldnn_lab.runs import lock
from cldnn_lab.runs.directory import Run
from cldnn_lab.runs.objective import read_objective
from cldnn_lab.runs.state import State

log = logging.getLogger("cldnn_lab")

Train = Callable[[Config, Run], dict[str, Any]]
Tell = Callable[[str], object]
LOG = "train.log"


def say(sentence: str) -> None:
    """Tell the user what is wrong."""
    print(f"error: {sentence}", file=sys.stderr)


def say_where_lines_are_shown(sentence: str) -> None:
    """Tell the user what is wrong with a job; of a quiet sweep it goes to the job's log."""
    if shows_lines():
        say(sentence)
    else:
        log.error("%s", sentence)


def run_job(train: Train, config: DictConfig, hydra: HydraConf, tell: Tell = say_where_lines_are_shown) -> float:
    """Run the job that Hydra composed, in the directory that it made, and record how it ends.

    Args:
        config: the job's, without its ``hydra`` node.
        hydra: that node.
        tell: is given the sentence that says what went wrong, which the state of the run has too.

    Returns:
        The objective; NaN if the run was not completed.

    Raises:
        KeyboardInterrupt: if the user stopped it.
        ConfigError: if the directory is not the job's to write in, so that nothing could be recorded there.
    """
    run, before = Run(Path(hydra.runtime.output_dir)), None
    where = f"in the run with {' '.join(hydra.overrides.task) or 'no overrides'}: "
    mistake = None
    try:
        parsed = check_config(config, hydra.runtime.choices)
    except ConfigError as error:  # of a sweeper that did not say beforehand what it would run
        mistake = error
    if not lock.is_held(run.folder):  # by the preflight, which knows the directory of a single run beforehand
        try:
            if mistake is None:
                before = take_run(run, parsed)
            else:
                lock.hold(run.folder)
                run.start(None)
        except ConfigError as refused:
            raise ConfigError(f"{where}{refused}") from None
    if mistake is not None:
        fail(run, mistake, f"{where}{mistake}", tell)
        return math.nan
    if before is not None and before.state == "completed":
        log.info("The run in %s is completed already: nothing was trained.", run.folder)
    else:
        _train(train, parsed, run, tell)
    try:
        return read_objective(run, parsed.settings.objective)
    except ConfigError as unknown:
        fail(run, unknown, str(unknown), tell)
        return math.nan


def _train(train: Train, config: Config, run: Run, tell: Tell) -> None:
    """Train in this process if it can compute with the backend that ``config`` wants, else in one of its own."""
    run.save_places(config.settings.data_root, getattr(config.data, "path", None))
    if backend.is_bound_to(config.backend, config.settings.threads):
        attempt(train, config, run, tell)
        return
    status = backend.run_apart(run.folder, train, run.folder / LOG)
    record_death(run, describe_end(status), tell=tell)


def describe_end(status: int) -> str:
    """How a process ended that had no time to say anything, by its exit status as :mod:`subprocess` has it."""
    return f"was ended by signal {-status}; the system may have run out of memory" if status < 0 else "ended early"


def record_death(run: Run, how: str, before: State | None = None, tell: Tell = say) -> None:
    """Record that the process of a run is gone, unless the run had said before how it ended.

    Args:
        how: it ended, as :func:`describe_end` says it.
        before: what the directory held before the process began.
        tell: is given the sentence that says so.
    """
    state = run.state
    if state is not None and state.is_over and state != before:
        return
    if state is None:
        run.folder.mkdir(parents=True, exist_ok=True)
        run.start(None)
    fail(run, ChildProcessError(how), f"the process of the run in {run.folder} {how}.", tell)


def attempt(train: Train, config: Config, run: Run, tell: Tell = say_where_lines_are_shown) -> None:
    """Train in this process; what prevents it is recorded, and said in one sentence.

    Raises:
        KeyboardInterrupt: if the user stopped it.
    """
    try:
        train(config, run)
    except ConfigError as mistake:
        fail(run, mistake, str(mistake), tell)
    except KeyboardInterrupt:
        state = run.state
        if state is not None and not state.is_over:
            run.record(state="interrupted", reason="the user stopped it.")
        raise
    except OSError as error:
        fail(run, error, _describe_refusal(error), tell)
    except Exception as error:
        with contextlib.suppress(OSError), (run.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(traceback.format_exc())
        fail(run, error, f"{_describe(error)} The traceback is in {run.folder / LOG}.", tell)
    else:
        state = run.state
        if state is not None and state.state == "diverged":
            tell(state.reason or "")


def fail(run: Run, error: Exception, sentence: str, tell: Tell) -> None:
    """Say and record why a run failed; one that was completed before stays so, with what failed after it."""
    tell(sentence)
    state = run.state
    completed = state is not None and state.state == "completed"
    # On a full disk the state stays what it was, of a process that is gone.
    with contextlib.suppress(OSError):
        run.record(state="completed" if completed else "failed", reason=sentence, error=type(error).__name__)


def _describe_refusal(error: OSError) -> str:
    """What the operating system refused, and how to go on."""
    where = f"{error.filename}: " if error.filename else ""
    reason = f"{where}{error.strerror or error}".rstrip(".")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{reason}: make room, then go on with the same command, hydra.run.dir=<this run> and resume=true."
    return f"{reason}."


def _describe(error: Exception) -> str:
    text = str(error).strip()
    first = text.splitlines()[0].rstrip(".") if text else "no more is known"
    memory = isinstance(error, MemoryError) or type(error).__name__ in ("ResourceExhaustedError", "OutOfMemoryError")
    if memory or "RESOURCE_EXHAUSTED" in text:
        return f"out of memory ({first}): try a smaller batch_size, or data_on_device=false on a GPU."
    return f"unexpected {type(error).__name__}: {first}."
