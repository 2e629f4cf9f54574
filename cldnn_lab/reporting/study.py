"""What a search found: its best trial in words, which parameters mattered and how, as pictures."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cldnn_lab.config.search import import_optuna
from cldnn_lab.figures.search import Slice, draw_importance, draw_slices
from cldnn_lab.runs.directory import Run
from cldnn_lab.runs.objective import find_objective
from cldnn_lab.runs.sweep import Sweep
from cldnn_lab.storage import manifest
from cldnn_lab.storage.study import load_study

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

IMPORTANCE, SLICES = "optuna_importance.png", "optuna_slices.png"
PICTURES = (IMPORTANCE, SLICES)
_FEWEST_TRIALS = 4  # of fewer it would be chance alone which parameter mattered


def write_study(folder: Path) -> list[Path]:
    """Draw what the search in a sweep directory found.

    Returns:
        The pictures: ``optuna_importance.png`` and ``optuna_slices.png``, as far as there are trials enough.
    """
    study = load_study(folder)
    trials = [] if study is None else list_completed(study)
    if study is None or not trials:
        return []
    metrics = _read_completed(folder)
    origins = sorted({str(one["data_source"]) for one in metrics if "data_source" in one})
    origin = "; ".join(origins) or None
    known = study.user_attrs.get("objective") or (find_objective(metrics[0], None) if metrics else "objective")
    objective = str(known).replace("_", " ")
    seeds = len(study.user_attrs.get("seeds", ()))
    measure = f"{objective}, mean of {seeds} seeds" if seeds > 1 else objective
    lower = study.direction.name == "MINIMIZE"
    manifest.begin_list(folder)
    names = [name for name, one in trials[0].distributions.items() if not one.single()]
    slices = [
        Slice(name, [trial.params[name] for trial in trials], getattr(trials[0].distributions[name], "log", False))
        for name in names
    ]
    if not slices:
        return []
    values, numbers = [float(trial.value or 0) for trial in trials], [trial.number for trial in trials]
    title = f"{len(trials)} completed trials of {len(study.trials)}"
    written = [
        draw_slices(slices, values, numbers, folder / SLICES, title=title, measure=measure, lower=lower, origin=origin)
    ]
    importance = compute_importance(study) if len(trials) >= _FEWEST_TRIALS else {}
    if importance:
        written.append(
            draw_importance(
                importance, folder / IMPORTANCE, title=f"Importance for the {objective}: {title}", origin=origin
            )
        )
    return written


def _read_completed(folder: Path) -> list[dict[str, Any]]:
    """metrics.json of each job that was completed."""
    runs = [Run(folder / job.folder) for job in Sweep(folder).jobs]
    return [run.metrics for run in runs if (state := run.state) is not None and state.state == "completed"]


def compute_importance(study: Study) -> dict[str, float]:
    """The share of each parameter in how the objective varies over the search space, the largest first, by functional
    ANOVA (Hutter, Hoos and Leyton-Brown, ICML 2014); empty if the objective does not vary."""
    optuna = import_optuna()
    values = {trial.value for trial in list_completed(study)}
    if len(values) < 2:
        return {}
    with warnings.catch_warnings(action="ignore"):
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))


def list_completed(study: Study) -> list[FrozenTrial]:
    """The trials that have a value, in their order."""
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE"]


def summarize_study(study: Study) -> str:
    """How many trials ended how, and the best of them, in two sentences."""
    states = [trial.state.name for trial in study.get_trials(deepcopy=False)]
    words = {"COMPLETE": "completed", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "left"}
    counts = ", ".join(f"{states.count(name)} {word}" for name, word in words.items() if states.count(name))
    if "COMPLETE" not in states:
        return f"Trials: {counts}. None was completed, so there is no best."
    best = study.best_trial
    values = " ".join(f"{key}={_format(value)}" for key, value in best.params.items())
    return f"Trials: {counts}. Best is trial {best.number}, {best.value:.4g}, with {values}."


def _format(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
