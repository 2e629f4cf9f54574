"""The files of a table, and of the book of all tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cldnn_lab.reporting.tables.book import write_contents
from cldnn_lab.reporting.tables.frames import to_conclusions_frame, to_frame
from cldnn_lab.reporting.tables.markdown import write_markdown
from cldnn_lab.reporting.tables.measure import Measured
from cldnn_lab.reporting.tables.page import write_page
from cldnn_lab.reporting.tables.pictures import draw_pictures
from cldnn_lab.reporting.tables.tex import write_tex
from cldnn_lab.storage import manifest
from cldnn_lab.storage.tables import keep_whole, write_table

MARKDOWN, CSV, CONCLUSIONS, TEX, PAGE = "table.md", "table.csv", "conclusions.csv", "table.tex", "table.html"
# Every name under which this module writes a table, its pictures left out.
NAMES = (MARKDOWN, CSV, CONCLUSIONS, TEX, PAGE)
CONTENTS, CONTENTS_PAGE = "README.md", "index.html"


def write_table_files(sections: Sequence[Measured], folder: Path) -> list[Path]:
    """Write one document's tables, in every format, with their pictures.

    Returns:
        Those to be opened first.

    Raises:
        ConfigError: if somebody else's file has one of the names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    manifest.check(folder, NAMES)
    manifest.begin_list(folder)
    pictures = {measured.section.name: draw_pictures(measured, folder) for measured in sections}
    write_table(folder / CSV, keep_whole(_join([to_frame(measured) for measured in sections])))
    write_table(folder / CONCLUSIONS, keep_whole(_join([to_conclusions_frame(measured) for measured in sections])))
    _write(folder / TEX, write_tex(sections, pictures))
    return [
        _write(folder / MARKDOWN, write_markdown(sections, pictures)),
        _write(folder / PAGE, write_page(sections, pictures, folder)),
    ]


def write_book(tables: Sequence[Sequence[Measured]], folder: Path) -> list[Path]:
    """Write the contents page of all tables, which are in folders of their names; what was written."""
    markdown, page = write_contents(tables)
    return [_write(folder / CONTENTS, markdown), _write(folder / CONTENTS_PAGE, page)]


def _join(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([frame.astype(object) for frame in frames], ignore_index=True).infer_objects()


def _write(path: Path, text: str) -> Path:
    return manifest.write(path, lambda beside: beside.write_text(text, encoding="utf-8"))
