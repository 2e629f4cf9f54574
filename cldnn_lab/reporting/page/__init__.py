"""``index.html``: a sweep as one file that works offline, on a phone, and in print.

The page carries all that it shows. The two libraries that it uses (``vendor/``) and its data are compressed, and the
browser unpacks them; pictures are embedded up to :data:`~cldnn_lab.reporting.page.pictures.LIMIT`, and beyond it
linked. Its own style and scripts (``page.css``, ``scripts/``) are plain text.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import pandas as pd

from cldnn_lab.reporting.page.contents import collect, list_pictures
from cldnn_lab.reporting.page.curves import Curves, collect_curves
from cldnn_lab.reporting.page.pictures import embed
from cldnn_lab.runs.table import Runs
from cldnn_lab.storage import manifest

# Bytes of the page before pictures, which the curves are thinned to fit; and the points of a curve, from and to.
LIMIT = 2**20
MOST_POINTS, FEWEST_POINTS = 60, 8
_HERE = files(__package__)
_SCRIPTS = ("format.js", "tables.js", "curves.js", "job.js", "main.js")
_SCRIPTS_OF_OTHERS, _STYLES_OF_OTHERS = (
    ("tabulator.min.js", "uPlot.iife.min.js"),
    ("tabulator.min.css", "uPlot.min.css"),
)
_LICENCES = {"Tabulator 6.5.3": "tabulator.LICENSE", "uPlot 1.6.32": "uPlot.LICENSE"}


def write_page(
    path: Path,
    runs: Runs,
    settings: pd.DataFrame,
    *,
    title: str,
    command: str | None = None,
    pictures: Sequence[Path] = (),
) -> Path:
    """Write the page of a sweep.

    Args:
        path: the file to write; links to run directories are relative to its folder.
        runs: the jobs.
        settings: as :func:`~cldnn_lab.reporting.settings.fold_seeds` folds them.
        command: the command of the sweep, if there is one.
        pictures: of the whole sweep, shown in this order.

    Raises:
        ConfigError: if ``path`` is in a folder with a list of files, and not on it.
    """
    contents = collect(runs, settings, path.parent, title=title, command=command)
    shown = list_pictures(contents, path.parent, pictures)
    parts = {
        "title": html.escape(title),
        "style": _read("page.css"),
        "script": "\n".join(_read(f"scripts/{name}") for name in _SCRIPTS),
        "scripts_of_others": _pack("\n".join(_read(f"vendor/{name}") for name in _SCRIPTS_OF_OTHERS)),
        "styles_of_others": _pack("\n".join(_read(f"vendor/{name}") for name in _STYLES_OF_OTHERS)),
        "licences": "\n\n".join(f"{name}\n{html.escape(_read(f'vendor/{file}'))}" for name, file in _LICENCES.items()),
        "data": _pack(_encode(contents)),
    }
    template = Template(_read("template.html"))
    room = LIMIT - len(template.substitute(parts, curves="", pictures="{}").encode())
    text = template.substitute(parts, curves=_fit_curves(collect_curves(runs), room), pictures=_encode(embed(shown)))
    return manifest.write(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def _fit_curves(curves: Curves, room: int) -> str:
    """The curves as the page holds them, thinned to so many bytes if that can be."""
    points = MOST_POINTS
    while len(packed := _pack(_encode(curves.thin(points)))) > room and points > FEWEST_POINTS:
        points = max(FEWEST_POINTS, min(points - 1, int(points * room / len(packed))))
    return packed


def _read(name: str) -> str:
    return _HERE.joinpath(name).read_text(encoding="utf-8")


def _encode(values: Any) -> str:
    """JSON that may stand inside a script element."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def _pack(text: str) -> str:
    """Text as the page's ``unpack`` reads it: compressed by gzip, in base64."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
