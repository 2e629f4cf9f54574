"""Diagnostics of a network that was trained before."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from omegaconf import DictConfig, OmegaConf

from cldnn_lab import runs
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.schema import parse
from cldnn_lab.diagnostics import Subject, run_diagnostics
from cldnn_lab.evaluation.predictor import Predictor

if TYPE_CHECKING:
    from cldnn_lab.data.dataset import Dataset


def inspect_run(run: runs.Run, chosen: Mapping[str, Any], folder: Path, told: Mapping[str, Any]) -> list[Path]:
    """Run diagnostics on the network of a run directory, and return the files that they left in ``folder``.

    Args:
        chosen: options by name.
        told: where that differs from the run's config: ``backend``, ``data_root``, ``data``.

    Raises:
        ConfigError: if the run saved no model, if its data are not found or are others now, where a diagnostic does not
            apply, and where ``folder`` cannot be written to.
    """
    config = parse(cast(DictConfig, OmegaConf.merge(run.config, told)), run.choices)
    if not (run.folder / runs.MODEL).is_file():
        raise ConfigError(f"{run.folder / runs.MODEL} is missing: the run saved no model.")
    predictor = Predictor.load(run.folder)

    from cldnn_lab import data
    from cldnn_lab.launch import backend

    backend.load(config.backend)
    dataset = data.load(config.data, Path(config.settings.data_root), prefers=config.prefers)
    compared = _compare_data(run, dataset)
    title = f"{config.choices.get('model', 'model')} on {dataset.name}"
    left = inspect_subject(Subject(run.model(), dataset, predictor, title), chosen, folder)
    if not compared:
        print(
            f"note: the run has no fingerprint of its data in {runs.ENVIRONMENT}, so whether they were these "
            f"({dataset.provenance}) was not checked.",
            file=sys.stderr,
        )
    return left


def inspect_subject(subject: Subject | None, chosen: Mapping[str, Any], folder: Path) -> list[Path]:
    """Run diagnostics on a network and data, or without either, and return the files that they left in ``folder``.

    Raises:
        ConfigError: where a diagnostic does not apply, and where ``folder`` cannot be written to.
    """
    try:
        return run_diagnostics(chosen, subject, folder)
    except OSError as error:
        raise ConfigError(
            f"cannot write to {folder} ({error.strerror}); choose another with folder=<folder>."
        ) from error


def _compare_data(run: runs.Run, dataset: Dataset) -> bool:
    """Whether the data could be compared with those that the run was trained and judged on.

    Raises:
        ConfigError: if they are others.
    """
    from cldnn_lab.data import fingerprint

    then = run.environment
    if "data_fingerprint" not in then:
        return False
    if then["data_fingerprint"] != fingerprint(dataset):
        source, folder = then.get("data_source"), then.get("data_folder")
        raise ConfigError(
            f"{run.folder}: the run had other data ({source}{f' in {folder}' if folder else ''}) than are found now "
            f"({dataset.provenance}): say where its own are with data_root=<folder> or data.path=<file or folder>, or "
            "train again if they, or how this program prepares them, have changed."
        )
    return True
