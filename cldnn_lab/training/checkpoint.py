"""A training under way in one file, from which it goes on as if it had never stopped.

The file holds every variable of the model, the optimizer and the metrics, the random states that are no
variables, what listeners have noted, and where the plan stands. The order of the examples follows from the seed and the
epoch (:meth:`cldnn_lab.training.plan.Plan.order`), so the step is enough for it. The file is whole or absent.
"""

from __future__ import annotations

import dataclasses
import json
import random
import sys
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.storage import manifest
from cldnn_lab.storage.pace import Pace
from cldnn_lab.training.listeners import keras_state
from cldnn_lab.training.listeners.base import Listener
from cldnn_lab.training.outcome import Outcome


class Checkpoint(Listener):
    """Writes a checkpoint now and then, and resumes from the one that is there when training begins.

    It goes behind the other listeners, which forget what they know where training begins.

    Args:
        path: of the file, whose suffix is ``.npz``.
        seconds: between two checkpoints, at least; 0 for one after every call of the engine, None to write none.
    """

    def __init__(self, path: Path, seconds: float | None) -> None:
        super().__init__()
        self.path, self.pace = path, Pace(seconds)

    def exists(self) -> bool:
        """Whether there is one to go on from."""
        return self.path.is_file()

    def remove(self) -> None:
        """Remove the file, if there is one."""
        self.path.unlink(missing_ok=True)

    def on_train_begin(self, logs: Any = None) -> None:
        """Resume from the checkpoint, if there is one.

        Raises:
            ConfigError: if it is unreadable or of another network.
        """
        if self.exists():
            self._restore()
        self._began = time.monotonic()
        self.pace.restart()

    def on_batches_end(self, step: int, logs: dict[str, float]) -> None:
        """Write one, if it is time."""
        if self.pace.is_due():
            self.save()

    def on_interrupt(self) -> None:
        """Write one, so that nothing that was trained is lost."""
        if self.pace.seconds is not None:
            self.save()

    def save(self) -> None:
        """Write the training as it stands."""
        with self.pace.measure():
            self._save()

    def _save(self) -> None:
        training = self.training
        arrays = {
            f"{group}/{index}": keras.ops.convert_to_numpy(variable)
            for group, variables in _group_variables(self.model).items()
            for index, variable in enumerate(variables)
        }
        outcome = dataclasses.asdict(training.outcome)
        outcome["seconds_before"] += time.monotonic() - self._began
        about: dict[str, Any] = {
            "outcome": outcome,
            "logs": training.logs,
            "elapsed": training.elapsed,
            "random": _pack(_get_random_states(), "random", arrays),
            "listeners": [
                _pack(_get_state(listener), f"listener{index}", arrays)
                for index, listener in enumerate(training.listeners)
            ],
        }
        arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
        manifest.write(self.path, lambda path: np.savez(path.open("wb"), **arrays))

    def _restore(self) -> None:
        try:
            with np.load(self.path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            about = json.loads(arrays["about"].tobytes())
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ConfigError(
                f"{self.path} cannot be read ({str(error).splitlines()[0]}): remove it to train from the beginning."
            ) from error
        groups = _group_variables(self.model)
        held = {name: array.shape for name, array in arrays.items() if name.split("/")[0] in groups}
        wanted = {f"{g}/{i}": tuple(v.shape) for g, variables in groups.items() for i, v in enumerate(variables)}
        if held != wanted or len(about["listeners"]) != len(self.training.listeners):
            raise ConfigError(
                f"{self.path} is of another network or other callbacks: remove it to train from the beginning."
            )
        for group, variables in groups.items():
            for index, variable in enumerate(variables):
                variable.assign(arrays[f"{group}/{index}"])
        # What the user stopped goes on.
        training, outcome = self.training, Outcome(**{**about["outcome"], "status": Outcome.status})
        # The listeners and whoever called fit hold the same object.
        vars(training.outcome).update(vars(outcome))
        training.logs, training.elapsed = about["logs"], about["elapsed"]
        for listener, state in zip(training.listeners, about["listeners"], strict=True):
            _set_state(listener, _unpack(state, arrays))
        _set_random_states(_unpack(about["random"], arrays))


def _group_variables(model: keras.Model) -> dict[str, list[Any]]:
    """What a backend holds of a training, by group: weights, states of layers and of their random numbers; the
    optimizer's; the running means."""
    return {"model": model.variables, "optimizer": model.optimizer.variables, "metrics": model.metrics_variables}


def _get_state(listener: keras.callbacks.Callback) -> dict[str, Any]:
    return listener.get_state() if isinstance(listener, Listener) else keras_state.get_state(listener)


def _set_state(listener: keras.callbacks.Callback, state: dict[str, Any]) -> None:
    if isinstance(listener, Listener):
        listener.set_state(state)
    else:
        keras_state.set_state(listener, state)


def _get_random_states() -> dict[str, Any]:
    """The random states that are no variables: Python's, NumPy's, and PyTorch's, which Keras draws dropout from."""
    version, words, gauss = random.getstate()
    name, keys, *rest = np.random.get_state(legacy=True)
    states: dict[str, Any] = {"python": [version, list(words), gauss], "numpy": [name, np.asarray(keys), *rest]}
    if keras.backend.backend() == "torch":
        torch = sys.modules["torch"]
        states["torch"] = torch.get_rng_state().numpy()
        states["cuda"] = [state.numpy() for state in torch.cuda.get_rng_state_all()]
    return states


def _set_random_states(states: dict[str, Any]) -> None:
    version, words, gauss = states["python"]
    random.setstate((version, tuple(words), gauss))
    np.random.set_state(tuple(states["numpy"]))
    if "torch" in states:
        torch = sys.modules["torch"]
        torch.set_rng_state(torch.from_numpy(states["torch"]))
        torch.cuda.set_rng_state_all([torch.from_numpy(state) for state in states["cuda"]])


def _pack(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """``value`` as JSON takes it, its arrays put into ``arrays`` under names that begin with ``name``."""
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"array": name}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {"mapping": {key: _pack(held, f"{name}.{key}", arrays) for key, held in value.items()}}
    if isinstance(value, list | tuple):
        return [_pack(held, f"{name}.{index}", arrays) for index, held in enumerate(value)]
    return value


def _unpack(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """What :func:`_pack` was given, tuples as lists."""
    if isinstance(value, list):
        return [_unpack(held, arrays) for held in value]
    if isinstance(value, dict):
        if "array" in value:
            return arrays[value["array"]]
        return {key: _unpack(held, arrays) for key, held in value["mapping"].items()}
    return value
