"""Parts of the project that a config chooses by name, each one module of a package, such as a data source.

Only the module that is chosen is imported, so that a mistake in a config is answered at once. A new part is a new
module: there is no table to enter it into.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from cldnn_lab.config.errors import ConfigError, suggest


def list_modules(package: str) -> list[str]:
    """The names of the modules in ``package``, such as ``cldnn_lab.data.sources``, without importing them; those that
    begin with an underscore are left out."""
    found = pkgutil.iter_modules(importlib.import_module(package).__path__)
    return sorted(module.name for module in found if not module.name.startswith("_"))


def import_module(package: str, name: object, key: str, kind: str) -> ModuleType:
    """The module ``name`` of ``package``.

    Args:
        key: the config key that chose it, for the error.
        kind: what such a module is, such as ``data source``.

    Raises:
        ConfigError: where there is none of that name, with the names that there are.
    """
    known = list_modules(package)
    if name not in known:
        raise ConfigError(f"{key}: {name!r} is not a {kind}; {suggest(name, known)}.")
    return importlib.import_module(f"{package}.{name}")
