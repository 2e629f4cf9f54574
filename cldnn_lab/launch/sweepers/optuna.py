"""The sweeper that searches for the best values with Optuna, which it asks for trials and tells what came of them.

What is proposed depends on nothing but the trials before it: the sampler of each trial is seeded by its number, and
each batch of trials is asked for when all before it are told. So a search that was stopped, and taken up again, comes
to the trials of one that was left alone. A trial is in the study, with its values, before any of its jobs starts.
"""

from __future__ import annotations

import dataclasses
import json
import math
import random
import statistics
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cldnn_lab.config import search
from cldnn_lab.config.errors import ConfigError, suggest
from cldnn_lab.config.metrics import list_metrics
from cldnn_lab.launch.job import say
from cldnn_lab.launch.preflight import Refused, check_config
from cldnn_lab.launch.sweepers.base import BaseSweeper
from cldnn_lab.runs.objective import is_lower_better
from cldnn_lab.runs.sweep import Job
from cldnn_lab.storage import manifest
from cldnn_lab.storage.study import Direction, create_study

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from cldnn_lab.launch.monitor import Monitor

_DIRECTIONS = ("maximize", "minimize")


class OptunaSweeper(BaseSweeper):
    """Search with Optuna; see conf/hydra/sweeper/optuna.yaml for what the arguments mean."""

    __module__ = "hydra_plugins.cldnn_lab"  # Hydra makes no plugin of another package

    def __init__(
        self,
        n_trials: int,
        n_jobs: int | None,
        direction: str | None,
        seed: int,
        sampler: str,
        sampler_options: Mapping[str, Any] | None,
        pruner: str | None,
        pruner_options: Mapping[str, Any] | None,
        params: dict[str, Any] | None = None,
    ) -> None:
        self.n_trials, self.n_jobs, self.direction, self.seed, self.params = n_trials, n_jobs, direction, seed, params
        self.sampler, self.sampler_options = sampler, dict(sampler_options or {})
        self.pruner, self.pruner_options = pruner, dict(pruner_options or {}) if pruner else {}
        self._watched: set[str] = set()  # folders of the jobs that the pruner may stop

    def sweep(self, arguments: list[str]) -> Any:
        """Run the search that the overrides ask for.

        Raises:
            Refused: for a mistake in it, before the first job starts.
        """
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", module="optuna")  # of what is new or will change in Optuna
                self._search(arguments)
        except ConfigError as mistake:
            raise Refused(mistake) from None

    def _search(self, arguments: list[str]) -> None:
        search.import_optuna()
        from cldnn_lab.reporting.study import PICTURES, summarize_study, write_study

        self._check_settings()
        self.space = search.parse_space(self.parse(arguments))
        search.check_seeds(self.pruner, len(self.space.seeds))
        self._check_corners()
        direction = self._choose_direction()
        about = self._describe(direction)
        self.begin(search=about)
        manifest.check(self.directory.folder, PICTURES)
        study = create_study(self.directory.folder, direction, about)
        _check_same(study, about, self.directory.folder)
        seeds = len(self.space.seeds)
        headline = f"Search of {self.n_trials} trials{f' with {seeds} seeds each' if seeds > 1 else ''}"
        with self.watch(expected=self.n_trials * seeds, headline=headline, common=self.space.fixed) as monitor:
            told = {trial.number for trial in study.get_trials() if trial.state.is_finished()}
            known = [job for job in self.directory.jobs if job.trial in told]
            self.directory.add(known, **self.about)
            monitor.add(known, [])
            while trials := self._take_batch(study):
                self._run_batch(study, trials, monitor)
        print(summarize_study(study))
        write_study(self.directory.folder)
        if failed := [trial.user_attrs["mistake"] for trial in study.get_trials() if "mistake" in trial.user_attrs]:
            raise ConfigError(f"{len(failed)} of the trials could not be run: {failed[0]}")

    def _check_settings(self) -> None:
        """Refuse what makes no search, before anything is composed."""
        key = "hydra.sweeper"
        for name, value in {"n_trials": self.n_trials, "n_jobs": 1 if self.n_jobs is None else self.n_jobs}.items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigError(f"{key}.{name}: {value!r} must be a whole number of at least 1.")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise ConfigError(f"{key}.seed: {self.seed!r} must be a whole number of at least 0.")
        if self.direction not in (None, *_DIRECTIONS):
            raise ConfigError(
                f"{key}.direction: {self.direction!r} is no choice; {suggest(self.direction, _DIRECTIONS)}."
            )
        for name in ("where", "zip"):
            if self.config.sweep[name] is not None:
                raise ConfigError(f"sweep.{name}: it chooses combinations of a grid; leave it away, or sweeper=optuna.")
        if getattr(self.launcher, "returns_early", False):
            raise ConfigError("sweeper: optuna waits for the results of its trials; choose a launcher that does, too.")
        search.make_sampler(self.sampler, self.sampler_options, self.seed)
        search.make_pruner(self.pruner, self.pruner_options)

    def _check_corners(self) -> None:
        """Compose and check a job for each choice and each end of each parameter, the others at their first.

        Raises:
            ConfigError: for the first with a mistake.
        """
        corners = {key: search.list_corners(distribution) for key, distribution in self.space.parameters.items()}
        first = {key: values[0] for key, values in corners.items()}
        if self._judges_histories and self.config.objective is not None:
            metrics = self.compose(self.space.list_jobs(first)[0]).metrics
            # With metrics=null the task, which the data has, decides.
            watched = [str(one["name"]) for one in list_metrics(metrics)] or ["accuracy", "normalised_error"]
            search.choose_monitor(self.config.objective, [f"val_{name}" for name in (*watched, "loss")])
        for number, (key, value) in enumerate((key, value) for key, values in corners.items() for value in values):
            overrides = self.space.list_jobs({**first, key: value})[0]
            self.plan(number, overrides, self.compose(overrides))

    def _choose_direction(self) -> Direction:
        """Which way the objective gets better; of the default objective the data tells."""
        objective = self.config.objective
        if self.direction is not None:
            return cast(Direction, self.direction)
        if objective is not None:
            return "minimize" if is_lower_better(objective) else "maximize"
        from cldnn_lab import data

        first = {key: search.list_corners(one)[0] for key, one in self.space.parameters.items()}
        parsed = check_config(self.compose(self.space.list_jobs(first)[0]))
        dataset = data.load(parsed.data, Path(parsed.settings.data_root), prefers=parsed.prefers)
        return "minimize" if dataset.task == "regression" else "maximize"

    def _describe(self, direction: str) -> dict[str, Any]:
        """What the study and sweep.json record: all that decides which trials are proposed, and Optuna's version."""
        import optuna
        from optuna.distributions import distribution_to_json

        pruner = search.make_pruner(self.pruner, self.pruner_options)
        sampler = search.make_sampler(self.sampler, self.sampler_options, self.seed)
        return {
            "parameters": {key: distribution_to_json(one) for key, one in self.space.parameters.items()},
            "seeds": list(self.space.seeds),
            "fixed": list(self.space.fixed),
            "objective": self.config.objective,
            "direction": direction,
            "n_jobs": self._batch_size,
            "sampler": search.describe(sampler, {**self.sampler_options, "seed": self.seed}),
            "pruner": None if pruner is None else search.describe(pruner, self.pruner_options),
            "optuna": optuna.__version__,
        }

    @property
    def _batch_size(self) -> int:
        return self.n_jobs or max(1, getattr(self.launcher, "n_jobs", None) or 1)

    def _take_batch(self, study: Study) -> list[FrozenTrial]:
        """The trials to run next: those that were never told of, then new ones until the batch is full; none at the
        end of the search."""
        trials = study.get_trials()
        begun = [trial for trial in trials if not trial.state.is_finished()]
        first = begun[0].number if begun else len(trials)
        end = min((first // self._batch_size + 1) * self._batch_size, self.n_trials)
        for number in range(len(trials), end):
            study.add_trial(self._propose(study, number))
        return [trial for trial in study.get_trials()[first:] if not trial.state.is_finished()]

    def _propose(self, study: Study, number: int) -> FrozenTrial:
        """Trial ``number``, made outside the study, so that the study gets it whole or not at all."""
        import optuna
        from optuna.trial import TrialState, create_trial

        seed = random.Random(f"{self.seed} {number}").getrandbits(32)
        sampler = search.make_sampler(self.sampler, self.sampler_options, seed)
        apart = optuna.create_study(study_name=study.study_name, direction=study.direction, sampler=sampler)
        apart.add_trials(study.get_trials())
        apart.ask(self.space.parameters)
        trial = apart.trials[-1]
        return create_trial(
            state=TrialState.RUNNING,
            params=trial.params,
            distributions=trial.distributions,
            system_attrs=trial.system_attrs,
        )

    def _run_batch(self, study: Study, trials: Sequence[FrozenTrial], monitor: Monitor) -> None:
        """Run the jobs of these trials, in as many steps as it takes to prune, and tell the study of them."""
        values: dict[int, list[float]] = {trial.number: [] for trial in trials}  # of the trials that go on
        for step in self._list_steps():
            planned = [self._plan_trial(study, trial, step) for trial in trials if trial.number in values]
            jobs, todo = self.place([job for some in planned for job in some])
            self._watched = {job.folder for job in todo} if self._judges_histories and 0 in step else set()
            monitor.add(jobs, todo)
            self.launch(todo, monitor)
            placed = iter(jobs)
            for trial, some in zip([trial for trial in trials if trial.number in values], planned, strict=True):
                ran = [next(placed) for _ in some]
                if not ran or not self._goes_on(study, trial, ran, values[trial.number]):
                    del values[trial.number]
        for number, found in values.items():
            study.tell(number, statistics.fmean(found))

    @property
    def _judges_histories(self) -> bool:
        return self.pruner not in (None, search.OF_SEEDS)

    def _list_steps(self) -> list[range]:
        """The seeds, by their place, whose jobs run at a time: a trial may be pruned after each step."""
        seeds = len(self.space.seeds)
        if self.pruner is None:
            return [range(seeds)]
        if self.pruner == search.OF_SEEDS:
            return [range(seed, seed + 1) for seed in range(seeds)]
        return [step for step in (range(1), range(1, seeds)) if step]

    def _plan_trial(self, study: Study, trial: FrozenTrial, step: range) -> list[Job]:
        """The jobs of a trial for these seeds; none of values that cannot be combined, which the study is told."""
        known = {job.config_fingerprint: job for job in self.directory.jobs}
        overrides, jobs = self.space.list_jobs(trial.params), list[Job]()
        try:
            for seed in step:
                composed = self.compose(overrides[seed])
                job = self.plan(trial.number * len(overrides) + seed, overrides[seed], composed, trial.number)
                # An earlier trial of the same values has run it.
                jobs.append(dataclasses.replace(job, trial=known.get(job.config_fingerprint, job).trial))
        except ConfigError as mistake:
            say(f"trial {trial.number}: {mistake}")
            study._storage.set_trial_user_attr(trial._trial_id, "mistake", str(mistake))
            self._tell(study, trial, "FAIL")
            return []
        return jobs

    def _goes_on(self, study: Study, trial: FrozenTrial, ran: Sequence[Job], values: list[float]) -> bool:
        """Note the objectives of jobs that have run; whether the trial goes on. If not, the study is told."""
        for job in ran:
            state = self.directory.get_run(job).state
            if state is not None and state.state == "pruned":
                self._tell(study, trial, "PRUNED")
                return False
            value = self.read_objective(job)
            if not math.isfinite(value):
                self._tell(study, trial, "FAIL")
                return False
            if self.pruner == search.OF_SEEDS:
                study._storage.set_trial_intermediate_value(trial._trial_id, len(values), value)
            values.append(value)
        if self.pruner != search.OF_SEEDS or len(values) == len(self.space.seeds):
            return True
        pruner = search.make_pruner(self.pruner, self.pruner_options)
        if pruner is not None and pruner.prune(study, study._storage.get_trial(trial._trial_id)):
            self._tell(study, trial, "PRUNED")
            return False
        return True

    def _tell(self, study: Study, trial: FrozenTrial, state: str) -> None:
        from optuna.trial import TrialState

        study.tell(trial.number, state=TrialState[state])

    def _make_overrides(self, job: Job) -> list[str]:
        watched = [f"sweep.trial={job.trial}"] if job.folder in self._watched else []
        return [*super()._make_overrides(job), *watched]


def _check_same(study: Study, about: Mapping[str, Any], folder: Path) -> None:
    """Refuse to go on with a search for something else.

    Raises:
        ConfigError: with what differs.
    """
    before = study.user_attrs
    differ = [
        key for key in about if key not in ("n_jobs", "optuna") and before[key] != json.loads(json.dumps(about[key]))
    ]
    if differ:
        raise ConfigError(
            f"{folder} holds a search with other {' and '.join(differ)}: choose another folder with "
            "hydra.sweep.dir=<folder>, or give the command that began it."
        )
