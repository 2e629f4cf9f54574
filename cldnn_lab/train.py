"""Train one network as its config says: ``python -m cldnn_lab.train model=cldnn data=radioml``.

config -> data -> model -> training -> evaluation -> run directory
"""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from cldnn_lab.config import explain
from cldnn_lab.config.arguments import put_overrides_first, quote_where
from cldnn_lab.config.groups import CONFIGS
from cldnn_lab.config.schema import Config
from cldnn_lab.launch.job import run_job, say
from cldnn_lab.launch.preflight import Completed, Refused
from cldnn_lab.runs import lock

if TYPE_CHECKING:
    from cldnn_lab.runs.directory import Run

log = logging.getLogger("cldnn_lab")


def train(config: Config, run: Run) -> dict[str, Any]:
    """Run ``config`` and leave its results in ``run``.

    Returns:
        What metrics.json holds.

    Raises:
        ConfigError: for what is wrong with the data or the model, before training starts.
        KeyboardInterrupt: if the user stopped it, after what there is was written.
    """
    started = time.perf_counter()
    settings = config.settings
    from cldnn_lab import diagnostics
    from cldnn_lab.data import kept
    from cldnn_lab.launch import backend
    from cldnn_lab.runs.fingerprint import compute_config_fingerprint, compute_fingerprint
    from cldnn_lab.runs.objective import check_objective
    from cldnn_lab.runs.resume import check_data

    backend.bind(config.backend, settings.threads)
    run.check()
    # Data first: a file that is missing or broken is told before Keras, which takes seconds, is imported.
    dataset, data_fingerprint = kept.load(config.data, Path(settings.data_root), prefers=config.prefers)
    log.info("Data: %s: %s (%s)", dataset.name, dataset.provenance, dataset.sizes)
    fingerprint = compute_fingerprint(compute_config_fingerprint(config), data_fingerprint)
    if settings.resume and run.has_trained:
        check_data(run, fingerprint, dataset.provenance)
    policy = backend.start(config, dataset.nbytes, data_fingerprint)
    from cldnn_lab import runs
    from cldnn_lab.evaluation.metrics import evaluate
    from cldnn_lab.evaluation.predictor import Predictor
    from cldnn_lab.runs import results
    from cldnn_lab.runs.curves import Curves
    from cldnn_lab.runs.recorder import StateRecorder
    from cldnn_lab.training.checkpoint import Checkpoint
    from cldnn_lab.training.listeners.base import Listener
    from cldnn_lab.training.listeners.callbacks import make_callbacks, make_loggers
    from cldnn_lab.training.listeners.history import History
    from cldnn_lab.training.listeners.progress import Progress
    from cldnn_lab.training.listeners.pruning import make_pruning
    from cldnn_lab.training.listeners.time_limit import TimeLimit
    from cldnn_lab.training.reuse import use_compiled
    from cldnn_lab.training.session import prepare
    from cldnn_lab.training.stop import StopRequest

    session = use_compiled(prepare(config, dataset, policy))
    predictor = Predictor.make(session.model, dataset, session.loss, settings.threshold)
    title = f"{config.choices.get('model', 'model')} on {dataset.name}"
    subject = diagnostics.Subject(session.model, dataset, predictor, title)
    diagnostics.check_diagnostics(config.diagnostics, subject)
    if settings.objective is not None:
        check_objective(settings.objective, results.expect_metrics(config, session, policy, predictor))
    listening = diagnostics.make_listeners(config.diagnostics, subject, run.folder, find_epoch=session.plan.find_epoch)
    checkpoint = Checkpoint(run.folder / runs.CHECKPOINT, settings.checkpoint.seconds)
    x = "step" if settings.steps else "epoch"
    listeners = [
        StateRecorder(run, session.plan),
        History(run.folder / runs.HISTORY),
        Progress(session.plan),
        Curves(run, dataset, title=title, x=x),
        *([] if settings.max_seconds is None else [TimeLimit(settings.max_seconds)]),
        *make_callbacks(config.callbacks, run.folder, session.metrics, session.derived),
        *make_loggers(config, run.folder, session.plan),
        *listening.values(),
        *make_pruning(
            config, run.folder, [metric.name for metric in session.metrics] + [*session.derived], session.plan
        ),
        checkpoint,
    ]
    resumed = settings.resume and run.has_trained and checkpoint.exists()
    if not resumed:
        run.clear()
    run.begin_training(config, data_fingerprint, session.plan.total, resumed=resumed)
    results.write_before_training(run, session, policy, data_fingerprint)
    log.info("%s", results.introduce(session, policy))

    test: dict[str, float] = {}
    evaluated = None
    with StopRequest() as stop:
        outcome = session.fit(listeners)
        results.save_model(run, session.model, predictor)
        with stop.at_once():
            results.draw_history(run, outcome, dataset, title=title, x=x)
            if outcome.status == "completed" and not stop.made:
                before = time.perf_counter()
                outputs = session.predict_outputs(dataset.test)
                test["seconds"] = time.perf_counter() - before
                evaluated = evaluate(predictor, outputs, dataset.test)
                test |= session.test(outcome)
                results.write_evaluation(run, evaluated, dataset, title=title)
        if stop.made and outcome.status == "completed":
            outcome.status = "interrupted"
        seconds = outcome.seconds_before + time.perf_counter() - started
        metrics = results.collect(config, session, outcome, policy, test, evaluated, seconds)
        results.write_metrics(run, metrics)
        run.record(state=outcome.status, step=outcome.steps, reason=results.explain_status(outcome))
    if not settings.checkpoint.keep and outcome.status != "interrupted":
        checkpoint.remove()
    for listener in listeners:
        if isinstance(listener, Listener):
            listener.on_run_end(metrics)
    log.info("%s", results.format_metrics(metrics, run.folder))
    if stop.made or outcome.status == "interrupted":
        if outcome.status == "interrupted":
            log.info("To go on, run the same command with hydra.run.dir=%s resume=true.", run.folder)
        raise KeyboardInterrupt
    if outcome.status == "completed":
        left = {name: options for name, options in config.diagnostics.items() if name not in listening}
        diagnostics.run_diagnostics(left, subject, run.folder)
    return metrics


@hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name="train")
def job(config: DictConfig) -> float:
    """One run of the command line, or one job of a sweep, in the directory that Hydra made for it.

    What goes wrong is in the state of the run; the jobs of a sweep after it go on.

    Returns:
        The objective, for a sweeper; NaN of a run that was not completed.

    Raises:
        KeyboardInterrupt: if the user stopped it.
    """
    return run_job(train, config, HydraConfig.get())


def main() -> None:
    """The command line: what the user did wrong is one sentence on standard error and a non-zero exit."""
    # Hydra then hands its exceptions on instead of printing them in its own words.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    sys.argv[1:] = [quote_where(argument) for argument in put_overrides_first(sys.argv[1:])]
    try:
        job()
    except Refused as refused:
        say(str(refused.mistake))
        raise
    except Completed as completed:
        print(f"The run in {completed.folder} is completed already: nothing was trained.")
        raise
    except KeyboardInterrupt:
        say("stopped by the user; what was finished is kept.")
        sys.exit(130)
    except Exception as error:
        if not explain.is_users_error(error):
            raise
        say(explain.explain(error))
        sys.exit(2)
    finally:
        lock.release_all()


if __name__ == "__main__":
    main()
