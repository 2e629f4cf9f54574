"""The end of a run that is hopeless beside the other trials of its search."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cldnn_lab.config.schema import Config
from cldnn_lab.config.search import choose_monitor, import_optuna, make_pruner
from cldnn_lab.storage.study import find_folder, load_study
from cldnn_lab.training.listeners.base import Listener
from cldnn_lab.training.plan import Plan

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.study import Study

log = logging.getLogger(__name__)


class Pruning(Listener):
    """Reports each evaluation to the trial of the run, and stops the training when the pruner says so.

    The last evaluation ends the training anyway, and is not judged.

    Args:
        study: that the trial is one of.
        pruner: of the study.
        trial: number of the trial.
        monitor: figure of the history that is reported.
        plan: of the training.
    """

    def __init__(self, study: Study, pruner: BasePruner, trial: int, monitor: str, plan: Plan) -> None:
        super().__init__()
        self.study, self.pruner, self.monitor, self.plan = study, pruner, monitor, plan
        self.trial = study.get_trials(deepcopy=False)[trial]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Report the figure of this evaluation, and ask."""
        value = float((logs or {})[self.monitor])
        if not math.isfinite(value) or self.trial.state.is_finished():
            return
        storage = self.study._storage  # a Trial, which has these two by public names, would ask for parameters anew
        storage.set_trial_intermediate_value(self.trial._trial_id, epoch, value)
        if epoch < self.plan.evaluations - 1 and self.pruner.prune(self.study, storage.get_trial(self.trial._trial_id)):
            self.training.outcome.status = "pruned"


def make_pruning(config: Config, folder: Path, figures: Sequence[str], plan: Plan) -> list[Pruning]:
    """The listener that watches a run for the pruner of its sweep's study; none if the run is no trial of one.

    Args:
        folder: the run directory.
        figures: what an evaluation measures, the loss left out.

    Raises:
        ConfigError: if evaluations do not measure the objective.
    """
    trial, objective = config.settings.sweep.trial, config.settings.objective
    if trial is None:
        return []
    sweep = find_folder(folder)
    study = None if sweep is None else load_study(sweep)
    if study is None:
        log.info("No study of a sweep is to be seen from here: the run is not watched for being hopeless.")
        return []
    import_optuna()
    about = dict(study.user_attrs["pruner"])
    pruner = make_pruner(about.pop("class"), about)
    assert pruner is not None
    measured = [f"val_{name}" for name in (*figures, "loss")]
    monitor = choose_monitor(objective, measured)
    return [Pruning(study, pruner, trial, monitor, plan)]
