"""Whether the run in a directory can be resumed by a config."""

from __future__ import annotations

from collections.abc import Callable

from omegaconf import OmegaConf

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.schema import Config
from cldnn_lab.runs.directory import METRICS, Run
from cldnn_lab.runs.fingerprint import compare, compute_config_fingerprint
from cldnn_lab.runs.state import State


def find_resumable(run: Run, config: Config, read_config: Callable[[Run], Config]) -> State | None:
    """The state of the run that ``config`` would go on with; None if the directory holds none.

    Args:
        read_config: reads the config that a run was started with.

    Raises:
        ConfigError: if the config is another one, with what differs, or the run cannot be known.
    """
    state = run.state
    if state is None:
        if (run.folder / METRICS).is_file():
            raise ConfigError(
                f"{run.folder} holds a run of an earlier version, which cannot be resumed: choose another folder, or "
                "leave resume=true away to replace it."
            )
        return None
    if state.config_fingerprint == compute_config_fingerprint(config):
        # No fingerprint of a config says so, and a completed run is not compared with its data again.
        if state.state == "completed" and config.generates and run.metrics["synthetic_data"] is False:
            raise ConfigError(
                f"{run.folder} holds a run on published files, and data.generate=true asks for generated data: choose "
                "another folder, or leave data.generate=true away."
            )
        return state
    try:
        differences = compare(read_config(run), config)
    except ConfigError:  # of another version
        differences = []
    what = f"config ({'; '.join(differences)})" if differences else "config, or of another version of this program"
    raise ConfigError(
        f"{run.folder} holds a run of another {what}: resume it with the overrides that it was started "
        f"with{_get_overrides(run)}, or choose another folder."
    )


def check_data(run: Run, fingerprint: str, provenance: str) -> None:
    """Refuse to go on with a run on other data than it began with.

    Args:
        fingerprint: of the config and the data that are there now.
        provenance: of these data, in words.

    Raises:
        ConfigError: if they are others.
    """
    state = run.state
    if state is not None and state.fingerprint != fingerprint:
        raise ConfigError(
            f"{run.folder} holds a run that began with other data than there are now ({provenance}): put its own data "
            "back, or leave resume=true away to start it anew."
        )


def _get_overrides(run: Run) -> str:
    path = run.folder / ".hydra" / "overrides.yaml"
    if not path.is_file():
        return ""
    overrides = [str(override) for override in OmegaConf.load(path) if not str(override).startswith("resume=")]
    return f" ({' '.join(overrides) or 'none'})"
