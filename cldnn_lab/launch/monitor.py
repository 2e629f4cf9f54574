"""What the user sees of a sweep while it runs, and when its results are gathered: both are read from the run
directories, so that it does not matter where the jobs run."""

from __future__ import annotations

import contextlib
import math
import time
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cldnn_lab.launch.job import say
from cldnn_lab.reporting import gather
from cldnn_lab.runs.objective import find_objective, is_lower_better
from cldnn_lab.runs.state import State
from cldnn_lab.runs.sweep import Job, Sweep
from cldnn_lab.runs.table import RunReader
from cldnn_lab.storage.pace import Pace

_SECONDS_BETWEEN_TABLES = 60
_SHOWN_RUNNING = 8


class Monitor:
    """A live table on a terminal; elsewhere a line for each job that ends.

    Use it as a context: results are gathered now and then inside, and at its end.

    Args:
        sweep: whose jobs are run.
        jobs: of this command.
        todo: those of them that are to be run; the others are finished already.
        objective: the figure that says which job is best; None for the default.
        verbose: the jobs print their own lines, so that there is no place for a table.
        headline: what is run, in words; None to count the jobs.
        expected: how many jobs there will be, of a sweeper that makes them as it goes on (:meth:`add`); None for those
            that there are.
        common: overrides that all of these will have.
    """

    def __init__(
        self,
        sweep: Sweep,
        jobs: Sequence[Job],
        todo: Sequence[Job],
        *,
        objective: str | None,
        verbose: bool,
        headline: str | None = None,
        expected: int | None = None,
        common: Collection[str] = (),
    ) -> None:
        self.sweep, self.objective, self.headline = sweep, objective, headline
        self.expected, self.common = expected, common
        self.jobs: Sequence[Job] = ()
        self.todo: Sequence[Job] = ()
        self.console = Console(highlight=False, markup=False)
        self.before: dict[str, State | None] = {}
        self.states: dict[str, State | None] = {}
        self.ended: dict[str, State] = {}
        self.best: tuple[float, str] | None = None  # its objective, and what to say of it
        self.began = time.monotonic()
        self.reader = RunReader([sweep.folder], sweep.folder)
        self.pace = Pace(_SECONDS_BETWEEN_TABLES)
        live = self.console.is_terminal and not verbose
        self.live = Live(self, console=self.console, refresh_per_second=2) if live else None
        self.add(jobs, todo)

    def add(self, jobs: Sequence[Job], todo: Sequence[Job]) -> None:
        """Watch these jobs, too.

        Args:
            todo: those of them that are to be run.
        """
        everything = [*self.jobs, *jobs]
        self.labels = label_jobs(everything, self.common)
        self.before = {**self.before, **{job.folder: self.sweep.get_run(job).state for job in todo}}
        self.states = {**self.before, **self.states}
        self.jobs, self.todo = everything, [*self.todo, *todo]  # last, since another thread draws the table
        to_run = {job.folder for job in todo}
        for job in jobs:
            if job.folder not in to_run:
                self._note_best(job)

    def __enter__(self) -> Self:
        skipped = len(self.jobs) - len(self.todo)
        jobs = f"{len(self.todo)} job{'' if len(self.todo) == 1 else 's'}"
        finished = f", {skipped} more are finished already" if skipped else ""
        self._print(f"{self.headline or f'Sweep of {jobs}{finished}'}: {self.sweep.folder}")
        if self.live is not None:
            self.live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._tell_ended()
        if self.live is not None:
            self.live.stop()
        runs = self.reader.read()
        gather.gather(runs, self.sweep.folder)
        self._print(gather.summarize(runs))
        self._print(f"Results: {self.sweep.folder / gather.PAGE}")

    def update(self) -> None:
        """Tell of the jobs that ended, and gather the results, if it is time."""
        self._tell_ended()
        if self.pace.is_due():
            # What cannot be written now, on a disk that is full, is written at the end, or said there.
            with self.pace.measure(), contextlib.suppress(OSError):
                gather.gather(self.reader.read(), self.sweep.folder)

    def __rich__(self) -> Group:
        """The live table, as it is now; another thread asks for it."""
        self.states = self._read_states()
        bar = Table.grid(padding=(0, 2))
        bar.add_row(ProgressBar(total=1, completed=self._measure_progress(), width=24), Text(self._count()))
        rows = Table.grid(padding=(0, 2))
        running = [job for job in self.todo if self._is_running(job)]
        for job in running[:_SHOWN_RUNNING]:
            label = Text(f"job {job.folder}  {self.labels[job.folder]}")
            rows.add_row("running", label, _describe_step(self.states[job.folder]))
        if len(running) > _SHOWN_RUNNING:
            rows.add_row("", f"and {len(running) - _SHOWN_RUNNING} more")
        if self.best is not None:
            rows.add_row("best so far", Text(self.best[1]))
        return Group(bar, rows)

    def _read_states(self) -> dict[str, State | None]:
        return {job.folder: self.sweep.get_run(job).state for job in self.todo}

    def _tell_ended(self) -> None:
        self.states = self._read_states()
        for job in self.todo:
            state = self.states[job.folder]
            if job.folder in self.ended or state is None or not state.is_over or state == self.before[job.folder]:
                continue
            self.ended[job.folder] = state
            label, figure = self.labels[job.folder], self._note_best(job)
            if state.exit_status:
                say(f"job {job.folder}, {label}, {state.state}: {state.reason}")
            elif self.live is None:
                self._print(f"{len(self.ended)}/{self._total}  {label}  {state.state}  {figure}".rstrip())

    def _note_best(self, job: Job) -> str:
        """The objective of a job in words, empty if it has none."""
        run = self.sweep.get_run(job)
        state = run.state
        if state is None or state.state != "completed":
            return ""
        metrics = run.metrics
        name = find_objective(metrics, self.objective)
        value = metrics.get(name)
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            return ""
        figure = f"{name} {value:.4g}"
        rank = -value if is_lower_better(name) else value
        if self.best is None or rank > self.best[0]:
            self.best = rank, f"{figure}  {self.labels[job.folder]}"
        return figure

    def _is_running(self, job: Job) -> bool:
        state = self.states[job.folder]
        return state is not None and state.is_running is not False and state != self.before[job.folder]

    @property
    def _total(self) -> int:
        """How many jobs are run, as far as is known."""
        skipped = len(self.jobs) - len(self.todo)
        return len(self.todo) if self.expected is None else max(len(self.todo), self.expected - skipped)

    def _measure_progress(self) -> float:
        """Share of the work that is done, steps of running jobs counted."""
        states = [self.states[job.folder] for job in self.todo if self._is_running(job)]
        steps = sum((state.step or 0) / state.steps for state in states if state is not None and state.steps)
        return (len(self.ended) + steps) / max(self._total, 1)

    def _count(self) -> str:
        """How many jobs are done, running, failed, skipped and waiting, and how long it takes."""
        ended = Counter(_count_as(state) for state in self.ended.values())
        running = sum(self._is_running(job) for job in self.todo)
        counts = {
            "done": ended["done"],
            "running": running,
            "pruned": ended["pruned"],
            "failed": ended["failed"],
            "skipped": len(self.jobs) - len(self.todo),
            "waiting": self._total - len(self.ended) - running,
        }
        words = [f"{count} {word}" for word, count in counts.items() if count or word in ("done", "running")]
        return f"{self._total + counts['skipped']} jobs: {', '.join(words)}; {self._tell_time()}"

    def _tell_time(self) -> str:
        elapsed, progress = time.monotonic() - self.began, self._measure_progress()
        if progress < 0.02:
            return format_seconds(elapsed)
        return f"{format_seconds(elapsed)}, about {format_seconds(elapsed / progress - elapsed)} left"

    def _print(self, text: str) -> None:
        self.console.print(text, soft_wrap=True)


def label_jobs(jobs: Sequence[Job], common: Collection[str] = ()) -> dict[str, str]:
    """What tells each job from the others, by its folder: the overrides that not all of them have.

    Args:
        common: overrides that all jobs have, if that is known otherwise.
    """
    common = common or (set.intersection(*(set(job.overrides) for job in jobs)) if len(jobs) > 1 else set())
    return {job.folder: " ".join(one for one in job.overrides if one not in common) or job.folder for job in jobs}


def format_seconds(seconds: float) -> str:
    """Such as ``45 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = round(max(seconds, 0))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _count_as(state: State) -> str:
    if state.exit_status:
        return "failed"
    return "pruned" if state.state == "pruned" else "done"


def _describe_step(state: State | None) -> str:
    if state is None or state.step is None or not state.steps:
        return ""
    return f"step {state.step:,} of {state.steps:,}"
