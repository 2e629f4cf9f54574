"""The run in an MLflow store: settings, the figures of each evaluation, the results and the pictures."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import re
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
from omegaconf import OmegaConf

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.loggers import MlflowOptions
from cldnn_lab.config.schema import Config
from cldnn_lab.storage import manifest
from cldnn_lab.training.listeners.base import Listener
from cldnn_lab.training.plan import Plan

log = logging.getLogger(__name__)

_STORE = Path("outputs") / "mlruns"
_STATUS = {"completed": "FINISHED", "interrupted": "KILLED", "pruned": "KILLED"}
_PICTURES_AND_TABLES = (".png", ".csv", ".json", ".txt")
_FOLDER = "cldnn_lab.folder"  # the tag that has the run directory
_LONGEST = 500  # characters of a parameter that every store takes


def make(options: MlflowOptions, config: Config, folder: Path, plan: Plan) -> list[keras.callbacks.Callback]:
    """The listener that logs to MLflow.

    Raises:
        ConfigError: if MLflow is not installed or its store cannot be opened.
    """
    # MLflow reports what is used to its makers unless told not to, and tries an absent server again for minutes.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    try:
        from mlflow.tracking import MlflowClient
    except ModuleNotFoundError as error:
        raise ConfigError("logger: mlflow is not installed (pip install 'cldnn-lab[mlflow]').") from error
    uri = options.tracking_uri or str(_STORE)
    if "://" not in uri:
        uri = Path(uri).absolute().as_uri()
    if uri.startswith("file:"):
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # MLflow 3 asks for consent to write files
    artifacts = None
    if uri.startswith("sqlite:"):
        if find_spec("sqlalchemy") is None:
            raise ConfigError(
                "logger.mlflow.tracking_uri: a database needs the whole of MLflow (pip install mlflow); null logs to a "
                "folder."
            )
        beside = Path(uri.removeprefix("sqlite:///")).absolute().parent
        beside.mkdir(parents=True, exist_ok=True)
        artifacts = (beside / "mlartifacts").as_uri()  # MLflow's own choice is the folder that the program is in
    try:
        client = MlflowClient(tracking_uri=uri)
        found = client.get_experiment_by_name(options.experiment)
        experiment = found.experiment_id if found else client.create_experiment(options.experiment, artifacts)
    except Exception as error:
        raise ConfigError(f"logger.mlflow.tracking_uri: {uri} cannot be written to: {_first_line(error)}.") from error
    return [Mlflow(client, experiment, options.run_name or folder.name, flatten(config), folder, plan)]


class Mlflow(Listener):
    """Logs to one run of an MLflow experiment, which begins with the first evaluation.

    If the store fails while the network trains, one warning says so and nothing more is logged: what matters is in the
    run directory.

    Args:
        client: of the store.
        experiment: its id.
        name: of the run.
        parameters: the settings of the run.
        folder: the run directory, whose pictures and tables are logged at the end.
        plan: what is trained when: the axis has epochs, from 0; where evaluations are not epochs, the batches trained.
    """

    def __init__(
        self, client: Any, experiment: str, name: str, parameters: Mapping[str, str], folder: Path, plan: Plan
    ) -> None:
        super().__init__()
        self.client, self.experiment, self.name = client, experiment, name
        self.parameters, self.folder, self.plan = parameters, folder, plan
        self.run_id: str | None = None
        self.failed = False

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Log the figures of an evaluation."""
        step = epoch if self.plan.is_by_epoch else self.plan.find_step(epoch)
        figures = {**(logs or {}), "learning_rate": self.training.outcome.rows[-1]["learning_rate"]}
        self._try(lambda: self._log_metrics(figures, step))

    def on_run_end(self, metrics: Mapping[str, Any]) -> None:
        """Log the results and end MLflow's run."""
        self._try(lambda: self._finish(metrics))

    def get_state(self) -> dict[str, Any]:
        """MLflow's name for the run, with which a resumed training goes on."""
        return {"run_id": self.run_id}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on with the same run: the one that the checkpoint names, or one that began after it."""
        self.run_id = state["run_id"]
        if self.run_id is None:
            with contextlib.suppress(Exception):  # a store that fails is told of where something is written
                tag = f"tags.`{_FOLDER}` = '{self.folder}' and attributes.status = 'RUNNING'"
                found = self.client.search_runs([self.experiment], filter_string=tag, max_results=1)
                self.run_id = found[0].info.run_id if found else None

    def _try(self, write: Callable[[], None]) -> None:
        if self.failed:
            return
        try:
            if self.run_id is None:
                self._begin()
            write()
        except Exception as error:
            self.failed = True
            log.warning("MLflow's store failed, so nothing more is logged there: %s", _first_line(error))

    def _begin(self) -> None:
        from mlflow.entities import Param

        run = self.client.create_run(self.experiment, run_name=self.name, tags={_FOLDER: str(self.folder)})
        self.run_id = run.info.run_id
        parameters = [Param(name, value) for name, value in self.parameters.items()]
        for start in range(0, len(parameters), 100):  # as many as MLflow takes at once
            self.client.log_batch(self.run_id, params=parameters[start : start + 100])

    def _log_metrics(self, figures: Mapping[str, float], step: int) -> None:
        for name, value in figures.items():
            self.client.log_metric(self.run_id, _clean(name), float(value), step=step)

    def _finish(self, metrics: Mapping[str, Any]) -> None:
        for name, value in metrics.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                self.client.log_metric(self.run_id, _clean(name), float(value))
            elif value is not None:
                self.client.set_tag(self.run_id, _clean(name), str(value))
        written = [self.folder / name for name in manifest.list_names(self.folder)]
        for path in [*written, self.folder / ".hydra" / "config.yaml"]:
            if path.is_file() and (path.suffix in _PICTURES_AND_TABLES or path.name == "config.yaml"):
                self.client.log_artifact(self.run_id, str(path))
        self.client.set_terminated(self.run_id, _STATUS.get(str(metrics["status"]), "FAILED"))


def flatten(config: Config) -> dict[str, str]:
    """The settings of a run as MLflow's parameters: ``optimizer.learning_rate`` and the like. The layers of the model
    are left out: they are in the config, which is logged as a file."""
    model = OmegaConf.to_container(OmegaConf.create({"model": config.model}), resolve=True)
    assert isinstance(model, dict)
    nodes: dict[str, Any] = {
        **dataclasses.asdict(config.settings),
        "data": dataclasses.asdict(config.data),
        "model": {key: value for key, value in model["model"].items() if key != "layers"},
        "optimizer": config.optimizer,
        "schedule": config.schedule,
        "choice": config.choices,
    }
    del nodes["about"]
    return {_clean(name): str(value)[:_LONGEST] for name, value in _list_leaves(nodes, "")}


def _list_leaves(node: Mapping[str, Any], where: str) -> list[tuple[str, Any]]:
    leaves: list[tuple[str, Any]] = []
    for key, value in node.items():
        leaves += _list_leaves(value, f"{where}{key}.") if isinstance(value, Mapping) else [(f"{where}{key}", value)]
    return leaves


def _clean(name: str) -> str:
    """``name`` with what MLflow refuses in names as an underscore."""
    return re.sub(r"[^\w\-./: ]", "_", name)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
