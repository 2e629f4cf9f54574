"""Diagnostics: what the layers of a network learned and do, as pictures and tables.

A diagnostic is one module of this package, found by its name; modules whose names begin with an underscore are what
several share. It has

- ``Options``, a dataclass of what can be set for it; the first line of its docstring says what the diagnostic shows;
- ``FILES``, the names of the files that it may write, as patterns such as ``feature_maps_[0-9]*.png``;
- ``run(subject, folder, options) -> list[Path]``, which writes them;
- ``check(subject, options)``, where it does not fit every network and data set: it raises a
  :class:`~cldnn_lab.config.errors.ConfigError` before anything is trained;
- ``listen(subject, folder, options, find_epoch) -> Listener``, where it has to be there while the network trains: the
  listener then writes the files, and ``run`` is for a network that was trained before;
- ``read(folder) -> dict[str, float]``, where its files hold figures that tables of runs may show: these, by name;
- ``NEEDS_NETWORK = False``, where it needs neither network nor data.

Importing such a module imports neither Keras nor matplotlib nor pandas: its functions do, when they are called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.modules import import_module, list_modules
from cldnn_lab.diagnostics._subject import Subject
from cldnn_lab.storage import manifest

if TYPE_CHECKING:
    from cldnn_lab.training.listeners.base import Listener

__all__ = [
    "Subject",
    "check_diagnostics",
    "find_diagnostic",
    "list_diagnostics",
    "list_files",
    "make_listeners",
    "needs_network",
    "read_figures",
    "run_diagnostics",
]


def list_diagnostics() -> list[str]:
    """The names of all diagnostics."""
    return list_modules(__name__)


def find_diagnostic(name: str) -> ModuleType:
    """The module of a diagnostic.

    Raises:
        ConfigError: where there is none of that name.
    """
    return import_module(__name__, name, "diagnostics", "diagnostic")


def list_files(names: Iterable[str] | None = None) -> list[str]:
    """The names, as patterns, of the files that these diagnostics may write; None for all diagnostics."""
    return [file for name in (list_diagnostics() if names is None else names) for file in find_diagnostic(name).FILES]


def needs_network(name: str) -> bool:
    """Whether a diagnostic needs a network and data."""
    return getattr(find_diagnostic(name), "NEEDS_NETWORK", True)


def check_diagnostics(chosen: Mapping[str, Any], subject: Subject) -> None:
    """See, before the network is trained, that each diagnostic applies to it.

    Args:
        chosen: options by name, as :func:`cldnn_lab.config.diagnostics.choose_diagnostics` gives them.

    Raises:
        ConfigError: where one does not apply to this network or data, with the reason.
    """
    for name, options in chosen.items():
        module = find_diagnostic(name)
        if hasattr(module, "check"):
            module.check(_set_threshold(subject, options), options)


def make_listeners(
    chosen: Mapping[str, Any],
    subject: Subject,
    folder: Path,
    *,
    find_epoch: Callable[[int], float] = lambda evaluation: evaluation + 1,
) -> dict[str, Listener]:
    """The listeners of those diagnostics that have to be there while the network trains, by name.

    They write their own files when training ends; leave their names out of :func:`run_diagnostics` then.

    Args:
        find_epoch: how many epochs are over at evaluation number n (from 0); n + 1 where each epoch ends in one.
    """
    modules = {name: find_diagnostic(name) for name in chosen}
    return {
        name: module.listen(_set_threshold(subject, chosen[name]), folder, chosen[name], find_epoch)
        for name, module in modules.items()
        if hasattr(module, "listen")
    }


def run_diagnostics(chosen: Mapping[str, Any], subject: Subject | None, folder: Path) -> list[Path]:
    """Run each diagnostic and return the files that it left in ``folder``.

    Args:
        chosen: options by name.
        subject: None only for diagnostics that need no network.

    Raises:
        ConfigError: where one does not apply to this network or data, with the reason.
    """
    files: list[Path] = []
    folder.mkdir(parents=True, exist_ok=True)
    manifest.begin_list(folder)
    for name, options in chosen.items():
        module = find_diagnostic(name)
        files += module.run(None if subject is None else _set_threshold(subject, options), folder, options)
    return files


def read_figures(folder: Path) -> dict[str, float]:
    """The figures that diagnostics left in ``folder``, each as ``<diagnostic>.<name>``.

    Raises:
        ConfigError: where a file is not as its diagnostic wrote it.
    """
    figures: dict[str, float] = {}
    for name in list_diagnostics():
        module = find_diagnostic(name)
        try:
            found = module.read(folder) if hasattr(module, "read") else {}
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise ConfigError(
                f"{folder}: what diagnostics={name} left there cannot be read ({error}); remove its files, or make "
                f"them again with python -m cldnn_lab.inspect RUN diagnostics={name}."
            ) from error
        figures |= {f"{name}.{figure}": value for figure, value in found.items()}
    return figures


def _set_threshold(subject: Subject, options: Any) -> Subject:
    """The subject with the threshold that the options of one diagnostic give, if they give any."""
    threshold = getattr(options, "threshold", None)
    return subject if threshold is None else subject.with_threshold(threshold)
