"""The run directory: what is in it, written whole, read back by the same names.

    run.json                 what has become of the run, and which process works on it
    .hydra/config.yaml       the composed config
    metrics.json             one flat mapping of figures and facts
    history.csv              a row for each evaluation: one per epoch, or as validate_every says
    accuracy.png, loss.png   the curves (and further pictures)
    model.keras, model.txt   the trained network and its layer table
    predictor.json           how its inputs are prepared and its outputs are read
    environment.json         versions, device, git revision, the folder and fingerprint of the data
    checkpoint.npz           the training as it last was, until the run is completed
    train.log                what was said
    .cldnn_lab.json          the list of all these files but Hydra's .hydra and train.log

Every file is written beside its name and then renamed, so it is whole or absent. A later run in the same directory
removes what is on the list and nothing else.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.diagnostics import list_files
from cldnn_lab.evaluation.predictor import FILE as PREDICTOR
from cldnn_lab.evaluation.predictor import Predictor
from cldnn_lab.runs import state as states
from cldnn_lab.runs.fingerprint import (
    compute_config_fingerprint,
    compute_fingerprint,
    compute_setting_fingerprint,
)
from cldnn_lab.runs.process import identify_process
from cldnn_lab.runs.state import STATE, State
from cldnn_lab.storage import manifest, tables

if TYPE_CHECKING:
    import pandas as pd

    from cldnn_lab.config.schema import Config

METRICS, HISTORY, MODEL, LAYERS, ENVIRONMENT, CHECKPOINT, CONFUSION = (
    "metrics.json", "history.csv", "model.keras", "model.txt", "environment.json", "checkpoint.npz",
    "confusion_matrix.csv",
)  # fmt: skip
CONFIG = ".hydra/config.yaml"
# The folders of the diagnostics of a finished run and of what it predicted for new examples.
DIAGNOSTICS, PREDICTIONS = "diagnostics", "predictions"
# Every name under which a run writes, its diagnostics left out.
NAMES = (
    STATE, METRICS, HISTORY, MODEL, PREDICTOR, LAYERS, ENVIRONMENT, CHECKPOINT, "accuracy.png", "loss.png",
    "normalised_error.png", "metric_*.png",
    CONFUSION, "confusion_matrix.png", "accuracy_by_snr.csv", "accuracy_by_snr.png",
)  # fmt: skip


class Run:
    """A run directory, to be filled or read.

    Args:
        folder: the directory; it exists.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def check(self) -> None:
        """See that no file that a run did not write has a name that this one, or one of its diagnostics, may write.

        Raises:
            ConfigError: naming the file.
        """
        manifest.check(self.folder, [*NAMES, *list_files()])

    def clear(self) -> None:
        """Take away what an earlier run in the same directory wrote, all but the state, so that none of it is taken for
        this one's."""
        for later in (self.folder / DIAGNOSTICS, self.folder / PREDICTIONS):
            if (later / manifest.LIST).is_file():
                manifest.remove(later)
                manifest.remove_empty(later)
        manifest.remove(self.folder, keep=[STATE])
        manifest.begin_list(self.folder)

    @property
    def state(self) -> State | None:
        """What has become of the run; None if the directory holds none, or one from before states were kept.

        Raises:
            ConfigError: if run.json is broken.
        """
        return states.read(self.folder)

    @property
    def has_trained(self) -> bool:
        """Whether the run of the recorded state began to train, and its files are in the directory."""
        state = self.state
        return state is not None and state.step is not None

    def start(self, config: Config | None, before: State | None = None) -> None:
        """Record that this process begins a run here.

        Args:
            config: of the run; None if it has a mistake.
            before: the state of the run that it resumes, if it does.
        """
        manifest.begin_list(self.folder)
        states.start(self.folder, None if config is None else compute_config_fingerprint(config), before)

    def begin_training(self, config: Config, data_fingerprint: str, steps: int, *, resumed: bool) -> None:
        """Record that training begins: from the first step, or ``resumed`` from where it was."""
        state = self.state
        if state is None or state.is_over or state.process != identify_process():
            self.start(config, state if resumed else None)
        step = state.step if resumed and state is not None else 0
        self.record(
            state="training",
            fingerprint=compute_fingerprint(compute_config_fingerprint(config), data_fingerprint),
            setting_fingerprint=compute_fingerprint(compute_setting_fingerprint(config), data_fingerprint),
            step=step,
            steps=steps,
        )

    def record(self, **changes: Any) -> None:
        """Record what is new of the run, by the names of :class:`~cldnn_lab.runs.state.State`."""
        states.update(self.folder, **changes)

    def write(self, name: str, fill: Callable[[Path], object]) -> Path:
        """Let ``fill`` write the file ``name``, whole or not at all, and list it; the finished path."""
        return manifest.write(self.folder / name, fill)

    def write_json(self, name: str, values: Mapping[str, Any]) -> None:
        """Write a flat mapping; a figure that is not a finite number becomes null, as JSON knows no NaN."""
        tables.write_json(self.folder / name, values)

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Write a table as CSV, without its index."""
        tables.write_table(self.folder / name, table)

    def save_places(self, data_root: str, data_path: str | None) -> None:
        """Put absolute places of the data into the saved config, if there is one: Hydra saved them as they were
        composed, which may be seen from the folder of the run or lead to an environment variable."""
        if not (self.folder / CONFIG).is_file():
            return
        config = self.config
        config.data_root = data_root
        if data_path is not None:
            config.data.path = data_path
        self.write(CONFIG, lambda path: OmegaConf.save(config, path))

    @property
    def config(self) -> DictConfig:
        """The composed config that the run was started with, the places of its data absolute.

        Raises:
            ConfigError: if the directory holds none.
        """
        path = self.folder / CONFIG
        if not path.is_file():
            raise ConfigError(f"{self.folder} is not a run directory: it has no {CONFIG}.")
        try:
            config = OmegaConf.load(path)
        except Exception as error:
            raise ConfigError(f"{path} is not readable YAML: {str(error).splitlines()[0]}.") from error
        if not isinstance(config, DictConfig):
            raise ConfigError(f"{path} does not hold a run's config.")
        return config

    @property
    def choices(self) -> dict[str, str]:
        """Which option of each config group was taken, such as ``{"model": "cldnn"}``; empty if not recorded."""
        path = self.folder / ".hydra" / "hydra.yaml"
        if not path.is_file():
            return {}
        return dict(OmegaConf.select(OmegaConf.load(path), "hydra.runtime.choices") or {})

    @property
    def metrics(self) -> dict[str, Any]:
        """What metrics.json says.

        Raises:
            ConfigError: if it is missing or broken.
        """
        found = self._mapping(METRICS)
        if found is None:
            raise ConfigError(f"{self.folder / METRICS} is missing: the run has not ended yet, or never began.")
        return found

    @property
    def environment(self) -> dict[str, Any]:
        """What environment.json says; empty if the run left none.

        Raises:
            ConfigError: if it is broken.
        """
        return self._mapping(ENVIRONMENT) or {}

    def _mapping(self, name: str) -> dict[str, Any] | None:
        path = self.folder / name
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ConfigError(f"{path} is not valid JSON: {error}.") from error

    @property
    def history(self) -> pd.DataFrame:
        """What history.csv says: a row for each evaluation, which ends each epoch unless ``validate_every`` is set."""
        import pandas as pd

        return pd.read_csv(self.folder / HISTORY)

    @property
    def confusion(self) -> pd.DataFrame | None:
        """What confusion_matrix.csv says: test examples by true class (index) and predicted class (columns); None if
        the run has no classes."""
        import pandas as pd

        path = self.folder / CONFUSION
        return pd.read_csv(path, index_col=0) if path.is_file() else None

    def model(self) -> Any:
        """The trained network, loaded in Keras's safe mode, which runs no code from the file.

        Raises:
            ConfigError: if there is none or it cannot be loaded.
        """
        import keras

        # Each registers what a saved model may hold.
        import cldnn_lab.models.layers
        import cldnn_lab.training.crossentropy
        import cldnn_lab.training.metrics  # noqa: F401

        path = self.folder / MODEL
        if not path.is_file():
            raise ConfigError(f"{path} is missing: the run saved no model.")
        try:
            return keras.saving.load_model(path, safe_mode=True)
        except Exception as error:
            raise ConfigError(f"{path} cannot be loaded as a Keras model: {str(error).splitlines()[0]}") from error

    def predict(self, x: Any) -> Any:
        """The scores of the trained network for new examples (examples, outputs): probabilities where it gives any; for
        regression, its values.

        Args:
            x: examples as the run's data source has them, see
                :meth:`cldnn_lab.evaluation.predictor.Predictor.prepare`.

        Raises:
            ConfigError: if there is no network, or the examples do not fit it.
        """
        return Predictor.load(self.folder).predict(self.model(), x)


def take_directory(wanted: str, key: str, *, ours: bool) -> str:
    """Make the directory of a run or of a sweep and return its name.

    Args:
        wanted: the name.
        key: under which the config has it.
        ours: the user gave the name, so an existing directory is meant; otherwise, where another that
            began in the same second has it, ``-2``, ``-3``, ... is added.

    Raises:
        ConfigError: if it cannot be written.
    """
    number, name = 1, wanted
    while True:
        path = Path(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(exist_ok=ours)
            with tempfile.TemporaryFile(dir=path):
                return name
        except FileExistsError as error:
            if ours or not path.is_dir():
                raise ConfigError(f"{key}: {error.filename or name} is a file, not a directory.") from error
            number += 1
            name = f"{wanted}-{number}"
        except OSError as error:
            raise ConfigError(
                f"{key}: cannot write to {path} ({error.strerror}); choose another folder with {key}=<folder>."
            ) from error


def open(folder: str | os.PathLike[str]) -> Run:
    """The run in ``folder``.

    Raises:
        ConfigError: if it is no directory.
    """
    path = Path(folder)
    if not path.is_dir():
        raise ConfigError(f"{path} is not a directory; give the run directory that training printed at its end.")
    return Run(path)
