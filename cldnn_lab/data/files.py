"""Finding the files of a data set."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.paths import make_absolute

# Where Debian's data packages lay their files out.
_SYSTEM = Path("/usr/share")


class Watch:
    """Where a data set was looked for, and what lay there before it was read."""

    def __init__(self) -> None:
        self._found: dict[tuple[Path, bool], dict[str, tuple[int, ...]]] = {}

    def note(self, place: Path, *, deep: bool) -> None:
        """Note what lies in a folder, or beside a file; a place that does not exist counts as empty.

        Args:
            deep: whether the folders inside are of the data set, too.
        """
        if place.is_file():
            place, deep = place.parent, False
        self._found.setdefault((place, deep), _list_files(place, deep))

    def is_unchanged(self) -> bool:
        """Whether the same files lie there, neither written nor replaced since."""
        return all(_list_files(*where) == found for where, found in self._found.items())


_watch: ContextVar[Watch] = ContextVar("_watch")


@contextmanager
def watch() -> Iterator[Watch]:
    """A context that notes wherever the functions of this module look for files."""
    watch = Watch()
    token = _watch.set(watch)
    try:
        yield watch
    finally:
        _watch.reset(token)


def _note(place: Path, *, deep: bool) -> None:
    if (watch := _watch.get(None)) is not None:
        watch.note(place, deep=deep)


def _list_files(place: Path, deep: bool) -> dict[str, tuple[int, ...]]:
    """Every file in a folder, links followed, with what changes when it is written or replaced."""
    found: dict[str, tuple[int, ...]] = {}
    for folder, inside, names in os.walk(place, followlinks=True):
        if not deep:
            inside.clear()
        for name in names:
            path = os.path.join(folder, name)
            try:
                about = os.stat(path)
            except OSError:  # a link that leads nowhere
                continue
            found[path] = (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)
    return found


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
    _note(place, deep=True)
    return place


def list_folders(data_root: Path, names: Iterable[str], packages: Sequence[str] = ()) -> list[Path]:
    """Where a data set may lie: ``data_root`` itself, its folders of these names, and system packages."""
    named = [*(data_root / name for name in names), *(_SYSTEM / package for package in packages)]
    for place in (data_root, *named):
        _note(place, deep=place is not data_root)
    places = [data_root, *named]
    return [place for place in places if place.is_dir()]


def find(places: Iterable[Path], *alternatives: Sequence[str]) -> list[Path] | None:
    """The files of the first place that has every name of one of the alternatives; None if no place has."""
    for place in places:
        for names in alternatives:
            found = [place / name for name in names]
            if all(path.exists() for path in found):
                for path in found:
                    _note(path, deep=True)
                return found
    return None
