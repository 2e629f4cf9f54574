"""What a run directory says of its run, as the cells of a row."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.diagnostics import read_figures
from cldnn_lab.runs import state as states
from cldnn_lab.runs.directory import CONFIG, DIAGNOSTICS, ENVIRONMENT, HISTORY, METRICS
from cldnn_lab.runs.state import STATE

if TYPE_CHECKING:
    import pandas as pd

# The columns before and behind the overrides; the metrics follow, and the figures of diagnostics.
FIRST = ("run", "status", "reason")
IDENTITY = ("fingerprint", "config_fingerprint", "setting_fingerprint", "machine")
# Overrides of a command, not of what it computes.
_OF_THE_COMMAND = ("resume", "verbose", "sweep", "hydra")

_MISSING = object()


@dataclass
class Record:
    """One run, as it was read last.

    Attributes:
        name: in the table.
        source: what it was found in; a run has one record for each source.
        folder: its directory; None of an imported run.
        overrides, values: by column.
        stamp: of the file that says what has become of it, if it is over.
        history, config: of an imported run, whose directory is elsewhere; the config as :func:`read_config` has it.
    """

    name: str
    source: str
    folder: Path | None
    overrides: dict[str, Any]
    values: dict[str, Any]
    stamp: tuple[Any, ...] | None = None
    history: pd.DataFrame | None = None
    config: dict[str, Any] = field(default_factory=dict)

    def fill(self, names: Sequence[str]) -> None:
        """Take what was not overridden from the run's config."""
        missing = [name for name in names if name not in self.overrides]
        if missing:
            found = find_values(self.config if self.folder is None else read_config(self.folder), missing)
            self.overrides |= {name: found.get(name) for name in missing}


def read_history(run: Path) -> pd.DataFrame | None:
    """What history.csv in a run directory says; None if the run has none that can be read."""
    import pandas as pd

    try:
        state = states.read(run)
        if state is not None and state.step is None:
            return None  # it is of an earlier run, until this one trains
        return pd.read_csv(run / HISTORY)
    except (OSError, ValueError, ConfigError):
        return None


def stamp_run(folder: Path) -> tuple[Any, ...] | None:
    """What changes with the file that says what has become of the run; None if there is none."""
    for name in (STATE, METRICS):
        try:
            stat = os.stat(folder / name)
        except OSError:
            continue
        return name, stat.st_mtime_ns, stat.st_size, stat.st_ino
    return None


def read_values(folder: Path, stamp: tuple[Any, ...] | None) -> tuple[dict[str, Any], bool]:
    """What is known of a run by its columns, and whether it is over; nothing if ``folder`` holds no run."""
    if stamp is None:
        if not _is_run_config(folder / CONFIG):
            return {}, False
        return {"status": "killed", "reason": f"it left no {METRICS}, and is of before there was a {STATE}."}, False
    try:
        state = states.read(folder)
        if state is None:
            metrics = _read_json(folder / METRICS)
            machine = _read_json(folder / ENVIRONMENT).get("processor")
            return {"status": "completed", "machine": machine, **metrics, **_read_figures(folder)}, True
        # Before it trains, what an earlier run left is still there.
        metrics = _read_json(folder / METRICS) | _read_figures(folder) if state.step is not None else {}
    except ConfigError as error:
        return {"status": "failed", "reason": str(error)}, False
    killed = state.is_running is False and not state.is_over
    where = f" at step {state.step} of {state.steps}" if state.step is not None else ""
    return {
        **metrics,
        "status": "killed" if killed else state.state,
        "reason": f"{state.process} is gone{where}." if killed else state.reason,
        "fingerprint": state.fingerprint,
        "config_fingerprint": state.config_fingerprint,
        "setting_fingerprint": state.setting_fingerprint,
        "machine": state.process.host,
    }, state.is_over


def _read_figures(folder: Path) -> dict[str, float]:
    """The figures of the diagnostics that the run had; what it lacks, of those that it was inspected with."""
    return read_figures(folder / DIAGNOSTICS) | read_figures(folder)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path} is not valid JSON: {error}.") from error


def read_overrides(folder: Path) -> list[str]:
    """The overrides of a run, as Hydra kept them."""
    found = _read_yaml(folder / ".hydra" / "overrides.yaml")
    return [str(one) for one in found] if isinstance(found, list) else []


def _read_yaml(path: Path) -> Any:
    """What a YAML file holds; None if it is missing or broken. By libyaml where it is there: configs are many."""
    import yaml

    try:
        return yaml.load(path.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, ValueError, yaml.YAMLError):
        return None


def _is_run_config(path: Path) -> bool:
    """Whether it is a config of this program: Hydra's directories look alike."""
    config = _read_yaml(path)
    return isinstance(config, dict) and {"data", "model", "optimizer"} <= set(config)


def read_config(folder: Path) -> dict[str, Any]:
    """The config of a run, and under ``choices`` the options of its groups; empty if there is none."""
    config = _read_yaml(folder / CONFIG)
    if not isinstance(config, dict):
        return {}
    hydra = _read_yaml(folder / ".hydra" / "hydra.yaml")
    return {"config": config, "choices": hydra["hydra"]["runtime"]["choices"] if isinstance(hydra, dict) else {}}


def find_values(read: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """What a run's config has under the names of overrides: the option of a group, or a value.

    Args:
        read: as :func:`read_config` has it.
    """
    config, choices = read.get("config", {}), read.get("choices", {})
    found = {}
    for name in names:
        if name in choices:
            found[name] = _tidy(choices[name])
            continue
        node: Any = config
        for part in name.split("."):
            node = node.get(part, _MISSING) if isinstance(node, dict) else _MISSING
        if isinstance(node, str) and "${" in node:
            node = _resolve(config, name)
        if node is not _MISSING and not isinstance(node, dict):
            found[name] = _tidy(node)
    return found


def _resolve(config: dict[str, Any], name: str) -> Any:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        return OmegaConf.select(OmegaConf.create(config), name)
    except OmegaConfBaseException:
        return _MISSING


def parse_overrides(overrides: Iterable[str]) -> dict[str, Any]:
    """The values of overrides by their keys, without those of the command."""
    parsed = (parse_override(one) for one in overrides)
    return {key: value for key, value in parsed if key.split(".")[0].split("/")[0] not in _OF_THE_COMMAND}


@functools.lru_cache(maxsize=65536)
def parse_override(override: str) -> tuple[str, Any]:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        parsed = OverridesParser.create().parse_override(override)
    except HydraException:
        key, _, text = override.partition("=")
        return key.lstrip("+"), text
    key = parsed.get_key_element().lstrip("+")
    if parsed.is_delete():
        return key, "deleted"
    text = parsed.get_value_element_as_str()
    return key, text if parsed.is_sweep_override() else _tidy(parsed.value(), text)


def _tidy(value: Any, text: str | None = None) -> Any:
    """A value as a cell of a table holds it: a number, a truth value, or text."""
    if value is None:
        return "null"
    if isinstance(value, (bool, int, float, str)):
        return value
    return json.dumps(value, separators=(",", ":"), default=str).replace('"', "") if text is None else text
