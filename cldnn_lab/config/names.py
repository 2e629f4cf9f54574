"""Which names Keras and this project offer, read from their files without importing either.

A misspelt layer or activation is then answered at once, not after the seconds it takes to load a backend.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_PROJECT = Path(__file__).parents[1] / "models"


@cache
def list_keras_names(module: str) -> tuple[str, ...]:
    """Public names of ``keras.<module>``, such as ``layers`` or ``optimizers.schedules``.

    Returns:
        The names in alphabetical order; empty where the installed Keras does not list them in a file, so that
        a caller who finds nothing leaves the question to Keras itself.
    """
    found = find_spec("keras")
    if found is None or found.origin is None:
        return ()
    root, relative = Path(found.origin).parent, Path(*module.split("."))
    for listing in (root / relative / "__init__.py", root / "api" / relative / "__init__.py"):
        if listing.is_file():
            # One "import a as A" a name, on its own line where the statement is long.
            text = listing.read_text(encoding="utf-8")
            names = set(re.findall(r"(?:import |^\s+)\w+ as ([A-Za-z]\w*)", text, re.MULTILINE))
            if names:
                return tuple(sorted(names))
    return ()


@cache
def list_project_names(module: str) -> tuple[str, ...]:
    """Public classes and functions of ``cldnn_lab.models.<module>`` (``layers`` or ``blocks``)."""
    text = (_PROJECT / f"{module}.py").read_text(encoding="utf-8")
    return tuple(sorted(re.findall(r"^(?:class|def) ([A-Za-z]\w*)", text, re.MULTILINE)))
