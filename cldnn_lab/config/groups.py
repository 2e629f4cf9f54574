"""Where the project's own configs are, and what options they offer."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
# In a wheel the configs are inside the package; in a checkout they are beside it.
CONFIGS = _PACKAGE / "conf" if (_PACKAGE / "conf").is_dir() else _PACKAGE.parent / "conf"


def list_options(group: str) -> list[str]:
    """The options of a config group, those of its subfolders as ``folder/option``; parts that only other options
    are made of (their names begin with an underscore) are left out."""
    root = CONFIGS / group
    found = [path.relative_to(root).with_suffix("") for path in root.rglob("*.yaml")]
    return sorted(path.as_posix() for path in found if not path.name.startswith("_"))
