"""What a run leaves: metrics, history, pictures, the network and what it ran on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cldnn_lab import runs
from cldnn_lab.config.quiet import silence_backends
from cldnn_lab.config.schema import Config
from cldnn_lab.data.dataset import Dataset
from cldnn_lab.evaluation.metrics import Evaluation, evaluate
from cldnn_lab.evaluation.predictor import Predictor
from cldnn_lab.figures.confusion import draw_confusion
from cldnn_lab.figures.curves import draw_curves
from cldnn_lab.figures.snr import draw_accuracy_by_snr
from cldnn_lab.models.build import count_layers, count_parameters, summarize
from cldnn_lab.runs.directory import Run
from cldnn_lab.training.outcome import Outcome
from cldnn_lab.training.policy import Policy
from cldnn_lab.training.session import Session

_SHOWN = (
    "status", "test_accuracy", "test_loss", "test_normalised_error", "test_precision_macro", "test_recall_macro",
    "test_f1_macro", "test_roc_auc_macro", "test_precision", "test_recall", "test_f1", "test_roc_auc",
    "test_sensitivity", "test_specificity", "train_accuracy", "train_loss", "train_normalised_error",
    "best_epoch", "best_by", "parameters", "epochs", "steps", "seconds", "samples_per_second", "data_source",
)  # fmt: skip
# The curves that have the name of their metric; those of others could be taken for another picture of the run.
_CURVES = ("loss", "accuracy", "normalised_error")


def write_metrics(run: Run, metrics: dict[str, Any]) -> None:
    """Write metrics.json; the last file of a run, so that its presence says that the run has ended."""
    run.write_json(runs.METRICS, metrics)


def collect(
    config: Config,
    session: Session,
    outcome: Outcome,
    policy: Policy,
    test: dict[str, float],
    evaluation: Evaluation | None,
    seconds: float,
) -> dict[str, Any]:
    """The flat mapping that metrics.json holds.

    ``train_*`` are from the evaluation whose weights are kept, as Keras counts them: the running mean over the epoch's
    batches, dropout on. ``test_*`` are measured on the test set after training. ``val_*`` are of the same evaluation:
    the last one unless a callback put earlier weights back; ``weights_epoch`` and ``weights_step`` say which.
    ``best_epoch`` and ``best_step`` are those of the evaluation that is the best by ``best_by``: by default the test
    set validates, and it is then the best on the very set that the test figures are of. ``validation_examples`` and
    ``test_examples`` count what ``val_*`` and ``test_*`` are of; in windows, which take whole batches alone, the first
    may be fewer.

    Args:
        policy: how the run was computed.
        test: the loss and metrics of the test set as the engine measured them and the seconds its prediction took,
            empty if training was cut short.
        evaluation: of the prediction for the test set, likewise None.
        seconds: wall-clock seconds of the whole run.
    """
    dataset, last, speed = (
        session.dataset,
        outcome.kept,
        outcome.samples_per_second,
    )
    best = outcome.best
    validated_on = "test" if dataset.validates_on_test else "validation"
    return {
        "status": outcome.status,
        **{f"test_{name}": value for name, value in test.items()},
        **{f"train_{name}": last[name] for name in _list_watched(last)},
        **{name: value for name, value in last.items() if name.startswith("val_")},
        **{f"test_{name}": value for name, value in (evaluation.metrics if evaluation else {}).items()},
        **({"best_epoch": best["epoch"], "best_step": best["step"]} if best else {}),
        **({"best_by": f"{validated_on} {outcome.judged_by}"} if best else {}),
        **({"weights_epoch": last["epoch"], "weights_step": last["step"]} if last else {}),
        "stopped_early": outcome.stopped_early,
        "validated_on": validated_on,
        "parameters": count_parameters(session.model),
        "layers": count_layers(session.model),
        "epochs": outcome.steps / session.plan.per_epoch,
        "steps": outcome.steps,
        "seconds": seconds,
        "train_seconds": outcome.train_seconds,
        "first_step_seconds": outcome.first_step_seconds,
        "seconds_per_epoch": len(dataset.train) / speed if speed else None,
        "samples_per_second": speed,
        "data_source": dataset.origin,
        "synthetic_data": dataset.synthetic,
        "train_examples": len(dataset.train),
        "validation_examples": session.plan.count_tested(len(dataset.validation)),
        "test_examples": len(dataset.test),
        "model": config.choices.get("model", ""),
        "data": dataset.name,
        "optimizer": config.optimizer["_target_"].rsplit(".", 1)[-1],
        "learning_rate": config.optimizer["learning_rate"],
        "batch_size": config.settings.batch_size,
        "loss_function": session.loss,
        "seed": config.settings.seed,
        "backend": policy.backend,
        "precision": policy.precision,
        "xla": policy.xla,
        "fast_layers": policy.fast_layers,
        "data_on_device": policy.data_on_device,
        "device": policy.device,
    }


def introduce(session: Session, policy: Policy) -> str:
    """What is about to be trained, and how, in two lines."""
    plan = session.plan
    return (
        f"Model: {count_parameters(session.model):,} parameters; {plan.total:,} batches of {plan.batch_size}, "
        f"{plan.per_epoch:,} per epoch; loss {session.loss}\n"
        f"Policy: {policy}"
    )


def expect_metrics(config: Config, session: Session, policy: Policy, predictor: Predictor) -> dict[str, Any]:
    """What metrics.json of a completed run will hold, as far as that is known before training; the values of figures
    mean nothing yet."""
    dataset = session.dataset
    shape = dataset.test.y.shape if dataset.task == "regression" else (len(dataset.test), dataset.outputs)
    guess = np.full(shape, 1 / dataset.outputs, np.float32)
    evaluation = evaluate(predictor, guess, dataset.test)
    watched = ("loss", *(metric.name for metric in session.metrics), *session.derived)
    rows = [{"epoch": 0.0, "step": 0.0, **{part + name: 0.0 for part in ("", "val_") for name in watched}}]
    test = {name: 0.0 for name in ("seconds", *watched)}
    return collect(config, session, Outcome(rows=rows), policy, test, evaluation, 0.0)


def explain_status(outcome: Outcome) -> str | None:
    """Why training ended early, in one sentence; None if it did not."""
    if outcome.status == "diverged":
        return (
            f"the loss or a weight stopped being a number in epoch {outcome.diverged_at}, at batch {outcome.steps}: "
            "the run is marked diverged; try a smaller optimizer.learning_rate or optimizer.clipnorm=1."
        )
    if outcome.status == "pruned":
        return f"hopeless beside the other trials of the search: stopped after batch {outcome.steps}."
    return "the user stopped it." if outcome.status == "interrupted" else None


def write_before_training(run: Run, session: Session, policy: Policy, data_fingerprint: str) -> None:
    """What is known before the first batch: the layer table and the environment."""
    run.write(runs.LAYERS, lambda path: path.write_text(summarize(session.model) + "\n", encoding="utf-8"))
    run.write_json(
        runs.ENVIRONMENT,
        {
            **runs.describe_environment(),
            "backend": policy.backend,
            "device": policy.device,
            "data_source": session.dataset.origin,
            "data_folder": None if session.dataset.folder is None else str(session.dataset.folder),
            "data_fingerprint": data_fingerprint,
        },
    )


def draw_history(run: Run, outcome: Outcome, dataset: Dataset, *, title: str, x: str) -> None:
    """A picture of each curve of the history; nothing if there was no evaluation."""
    history = outcome.history
    label = "test" if dataset.validates_on_test else "validation"
    for metric in _list_watched(map(str, history)):
        draw_curves(
            history,
            metric,
            run.folder / (f"{metric}.png" if metric in _CURVES else f"metric_{metric}.png"),
            title=f"{title}: {metric.replace('_', ' ')}",
            origin=dataset.origin,
            validation_label=label,
            x=x,
        )


def _list_watched(history: Iterable[str]) -> list[str]:
    """The loss and the metrics among the columns of a history."""
    return [name.removeprefix("val_") for name in history if name.startswith("val_")]


def write_evaluation(run: Run, evaluation: Evaluation, dataset: Dataset, *, title: str) -> None:
    """The pictures and tables of the final prediction."""
    import pandas as pd

    if evaluation.confusion is not None:
        counts = pd.DataFrame(evaluation.confusion, dataset.classes, dataset.classes)
        run.write_table(runs.CONFUSION, counts.reset_index(names="true class"))
        draw_confusion(
            evaluation.confusion,
            dataset.classes,
            run.folder / "confusion_matrix.png",
            title=f"{title}: confusion on the test set",
            origin=dataset.origin,
        )
    if evaluation.by_snr is not None:
        run.write_table("accuracy_by_snr.csv", evaluation.by_snr)
        draw_accuracy_by_snr(
            evaluation.by_snr,
            run.folder / "accuracy_by_snr.png",
            title=f"{title}: accuracy by SNR",
            origin=dataset.origin,
        )


def save_model(run: Run, model: keras.Model, predictor: Predictor) -> None:
    """model.keras, and predictor.json, which says how it is used; each whole or not at all."""
    run.write_json(runs.PREDICTOR, predictor.describe())
    # Keras imports TensorFlow to save, whatever the backend. The file beside the name keeps its suffix, by which
    # Keras knows the format.
    with silence_backends():
        run.write(runs.MODEL, lambda path: model.save(path))


def format_metrics(metrics: dict[str, Any], folder: Path) -> str:
    """The main figures as aligned lines, and where everything is."""
    watched = [f"test_{name}" for name in _list_watched(metrics)]
    names = list(dict.fromkeys([*_SHOWN[:1], *watched, *_SHOWN[1:]]))
    shown = [(name, metrics[name]) for name in names if metrics.get(name) is not None]
    width = max(len(name) for name, _ in shown)
    lines = [f"  {name:<{width}}  {_format_value(name, value)}" for name, value in shown]
    return "\n".join([*lines, f"Results: {folder}"])


def _format_value(name: str, value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}" if name in ("seconds", "samples_per_second") else f"{value:.4g}"
    return str(value)
