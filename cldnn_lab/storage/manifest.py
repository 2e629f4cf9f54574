"""What this program wrote into a folder, by a list kept there: nothing else is ever overwritten or removed.

A name is listed before its file is written, so the list of a run that was killed covers its files too. A folder keeps
its list from :func:`begin_list` on; where there is none, :func:`write` only sees to it that files are whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.storage import atomic

LIST = ".cldnn_lab.json"


def begin_list(folder: Path) -> None:
    """Keep a list in ``folder`` from now on; one that is there goes on."""
    if not (folder / LIST).is_file():
        _save(folder, [])


def list_names(folder: Path) -> list[str]:
    """What the list of ``folder`` holds, as paths relative to it; nothing if there is none that can be read."""
    try:
        found = json.loads((folder / LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def check(folder: Path, patterns: Iterable[str]) -> None:
    """Refuse a folder in which a file of such a name is not listed, before anything is written.

    Raises:
        ConfigError: naming the file.
    """
    listed = set(list_names(folder))
    for pattern in patterns:
        for path in sorted(folder.glob(pattern)):
            if path.name not in listed or path.is_symlink() or not path.is_file():
                raise _foreign(path)


def write(path: Path, fill: Callable[[Path], object]) -> Path:
    """Let ``fill`` write ``path``, whole or not at all (:func:`~cldnn_lab.storage.atomic.write`), and list it first.

    Raises:
        ConfigError: if the folder keeps a list and somebody else's file has the name.
    """
    if (path.parent / LIST).is_file() and path.name not in list_names(path.parent):
        if os.path.lexists(path):
            raise _foreign(path)
        add(path.parent, [path])
    return atomic.write(path, fill)


def add(folder: Path, paths: Iterable[Path]) -> None:
    """List files inside ``folder``."""
    listed = list_names(folder)
    new = [name for name in (path.relative_to(folder).as_posix() for path in paths) if name not in listed]
    if new:
        _save(folder, [*listed, *new])


def remove(folder: Path, keep: Collection[str] = ()) -> None:
    """Remove the regular files that the list of ``folder`` names, the folders that this leaves empty, and the list.

    Args:
        keep: names of files that stay, and stay listed.
    """
    root = folder.resolve()
    listed = list_names(folder)
    kept = [name for name in listed if name in keep]
    for name in listed:
        if name in kept:
            continue
        path = folder / name
        if not path.parent.resolve().is_relative_to(root):  # a list that somebody wrote
            continue
        for file in (path, *atomic.list_partial(path)):
            if file.is_file() and not file.is_symlink():
                file.unlink()
        for parent in path.parents:
            if parent == folder or not remove_empty(parent):
                break
    if kept:
        _save(folder, kept)
        return
    for file in (folder / LIST, *atomic.list_partial(folder / LIST)):
        file.unlink(missing_ok=True)


def remove_empty(folder: Path) -> bool:
    """Remove ``folder`` if nothing is in it; whether that was so."""
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def _foreign(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} would be overwritten, and no run that kept a list wrote it: move it away, or choose another folder."
    )


def _save(folder: Path, listed: list[str]) -> None:
    atomic.write(folder / LIST, lambda path: path.write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8"))
