"""Finding the files of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.paths import make_absolute

# Where Debian's data packages lay their files out.
_SYSTEM = Path("/usr/share")


def check_given(path: str | None) -> Path | None:
    """The file or folder the user named in ``data.path``, as an absolute path; None if they named none.

    Raises:
        ConfigError: if there is no such file or folder; nothing else is looked for in its place.
    """
    if path is None:
        return None
    place = Path(make_absolute(path))
    if not place.exists():
        raise ConfigError(f"data.path: there is no {place}: correct it or set it null.")
    return place


def list_folders(data_root: Path, names: Iterable[str], packages: Sequence[str] = ()) -> list[Path]:
    """Where a data set may lie: ``data_root`` itself, its folders of these names, and system packages."""
    places = [data_root, *(data_root / name for name in names), *(_SYSTEM / package for package in packages)]
    return [place for place in places if place.is_dir()]


def find(places: Iterable[Path], *alternatives: Sequence[str]) -> list[Path] | None:
    """The files of the first place that has every name of one of the alternatives; None if no place has."""
    for place in places:
        for names in alternatives:
            found = [place / name for name in names]
            if all(path.exists() for path in found):
                return found
    return None
