"""Train one network as its config says: ``python -m cldnn_lab.train model=cldnn data=radioml``.

config -> data -> model -> training -> evaluation -> run directory
"""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from cldnn_lab.config import explain
from cldnn_lab.config.arguments import put_overrides_first
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.groups import CONFIGS
from cldnn_lab.config.schema import Config
from cldnn_lab.launch.preflight import check_config

if TYPE_CHECKING:
    from cldnn_lab.runs.directory import Run

log = logging.getLogger("cldnn_lab")


class Unfinished(Exception):
    """A run that ended early, with everything it had already written."""


def train(config: Config, run: Run) -> None:
    """Run ``config`` and leave its results in ``run``.

    Raises:
        ConfigError: for what is wrong with the data or the model, before training starts.
        Unfinished: if the loss or a weight stopped being a number.
        KeyboardInterrupt: if the user stopped it, after what there is was written.
    """
    started = time.perf_counter()
    settings = config.settings
    from cldnn_lab import data, diagnostics
    from cldnn_lab.launch import backend

    backend.bind(config.backend, settings.threads)
    run.check()
    # Data first: a file that is missing or broken is told before Keras, which takes seconds, is imported.
    dataset = data.load(config.data, Path(settings.data_root), prefers=config.prefers)
    log.info("Data: %s: %s (%s)", dataset.name, dataset.provenance, dataset.sizes)
    policy = backend.start(config, dataset.nbytes)
    from cldnn_lab import runs
    from cldnn_lab.evaluation.metrics import evaluate
    from cldnn_lab.evaluation.predictor import Predictor
    from cldnn_lab.runs import results
    from cldnn_lab.training.checkpoint import Checkpoint
    from cldnn_lab.training.listeners.base import Listener
    from cldnn_lab.training.listeners.callbacks import make_callbacks, make_loggers
    from cldnn_lab.training.listeners.history import History
    from cldnn_lab.training.session import prepare
    from cldnn_lab.training.stop import StopRequest

    session = prepare(config, dataset, policy)
    predictor = Predictor.make(session.model, dataset, session.loss, settings.threshold)
    title = f"{config.choices.get('model', 'model')} on {dataset.name}"
    subject = diagnostics.Subject(session.model, dataset, predictor, title)
    diagnostics.check_diagnostics(config.diagnostics, subject)
    listening = diagnostics.make_listeners(config.diagnostics, subject, run.folder, epoch_of=session.plan.epoch_of)
    listeners = [
        History(run.folder / runs.HISTORY),
        *make_callbacks(config.callbacks, run.folder, session.metrics, session.derived),
        *make_loggers(config, run.folder, session.plan),
        *listening.values(),
        Checkpoint(run.folder, 60),
    ]
    run.clear()
    results.write_before_training(run, session, policy)
    log.info("%s", results.introduce(session, policy))

    test: dict[str, float] = {}
    evaluated = None
    with StopRequest() as stop:
        outcome = session.fit(listeners)
        results.save_model(run, session.model, predictor)
        with stop.at_once():
            results.draw_history(run, outcome, dataset, title=title, x="step" if settings.steps else "epoch")
            if outcome.status == "completed" and not stop.made:
                before = time.perf_counter()
                outputs = session.predict_outputs(dataset.test)
                test["seconds"] = time.perf_counter() - before
                evaluated = evaluate(predictor, outputs, dataset.test)
                test |= session.test(outcome)
                results.write_evaluation(run, evaluated, dataset, title=title)
        if stop.made and outcome.status == "completed":
            outcome.status = "interrupted"
        seconds = time.perf_counter() - started
        metrics = results.collect(config, session, outcome, policy, test, evaluated, seconds)
        results.write_metrics(run, metrics)
        for listener in listeners:
            if isinstance(listener, Listener):
                listener.on_run_end(metrics)
    log.info("%s", results.format_metrics(metrics, run.folder))
    if stop.made or outcome.status == "interrupted":
        raise KeyboardInterrupt
    if outcome.status == "completed":
        left = {name: options for name, options in config.diagnostics.items() if name not in listening}
        diagnostics.run_diagnostics(left, subject, run.folder)
    if outcome.status == "diverged":
        raise Unfinished(
            f"the loss or a weight stopped being a number in epoch {outcome.diverged_at}, at batch {outcome.steps}: "
            "the run is marked diverged; try a smaller optimizer.learning_rate or optimizer.clipnorm=1."
        )


@hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name="train")
def job(config: DictConfig) -> None:
    """One run of the command line, or one of a sweep, in the directory that Hydra made for it.

    A run that fails leaves its exit status in :data:`_failures`, so that the runs of a sweep after it go on.
    """
    from cldnn_lab.launch import backend
    from cldnn_lab.runs.directory import Run

    taken = HydraConfig.get()
    folder = Path(taken.runtime.output_dir)
    try:
        checked_config = check_config(config, taken.runtime.choices)
    except ConfigError as mistake:  # of a sweeper that did not say beforehand what it would run
        status = _say(f"in the run with {' '.join(taken.overrides.task)}: {mistake}", 2)
    else:
        Run(folder).save_places(checked_config.settings.data_root, getattr(checked_config.data, "path", None))
        if backend.is_bound_to(checked_config.backend, checked_config.settings.threads):
            status = attempt(checked_config, Run(folder))
        else:
            status = backend.run_apart(folder)
    if status:
        _failures.append(status)


_failures: list[int] = []


def attempt(config: Config, run: Run) -> int:
    """Train, and say in one sentence what prevented it; the exit status that this means."""
    try:
        train(config, run)
    except ConfigError as mistake:
        return _say(str(mistake), 2)
    except Unfinished as reason:
        return _say(str(reason), 3)
    return 0


def main() -> None:
    """The command line: what the user did wrong is one sentence on standard error and a non-zero exit."""
    # Hydra then hands its exceptions on instead of printing them in its own words.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    _failures.clear()
    sys.argv[1:] = put_overrides_first(sys.argv[1:])
    try:
        job()
    except KeyboardInterrupt:
        sys.exit(_say("stopped by the user; what was finished is kept.", 130))
    except Exception as error:
        if not explain.is_users_error(error):
            raise
        sys.exit(_say(explain.explain(error), 2))
    if _failures:
        sys.exit(_failures[0])


def _say(sentence: str, status: int) -> int:
    print(f"error: {sentence}", file=sys.stderr)
    return status


if __name__ == "__main__":
    main()
