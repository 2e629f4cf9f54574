"""How every picture looks, and how it is saved: as one whole PNG file.

Figures are matplotlib ``Figure`` objects without pyplot, so that nothing is kept between pictures however many
runs one process makes. Series differ by line style and marker as well as by colour (Okabe and Ito's, which
colour-blind readers can tell apart), and shading is even in lightness, so that a grey print still reads.
Every picture that shows data says at its foot where the data came from.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cldnn_lab.storage import manifest

# Okabe and Ito's palette (Color Universal Design, 2008) without its yellow, which is lost on white.
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK, GREY = "#E69F00", "#56B4E9", "#000000", "#767676"
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "h")
DPI = 130
SMALL = 7.5


def get_line_style(index: int) -> dict[str, Any]:
    """Colour, line style and marker of series ``index``: no two of the first 385 are alike."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": DASHES[index % len(DASHES)],
        "marker": MARKERS[index % len(MARKERS)],
    }


def make_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of so many inches with one pair of axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def set_title(figure: Figure, title: str) -> None:
    """A title over the whole figure's width, wrapped to it."""
    figure.suptitle(textwrap.fill(title, int(figure.get_figwidth() * 10)), fontsize=11)


def save(figure: Figure, path: Path, origin: str | None) -> Path:
    """Add the foot, draw, and put the whole file in its place; the file's own metadata repeat both."""
    about = {"Title": " ".join(figure.get_suptitle().split())}
    if origin is not None:
        lines = textwrap.wrap(f"data: {origin}", int(figure.get_figwidth() * 17)) or ["data: not stated"]
        about["Source"] = f"data: {origin}"
        figure.text(
            0.01, 0.008, "\n".join(lines), fontsize=6.5, color="#555555", va="bottom", ha="left", parse_math=False
        )
        share = (0.13 * len(lines) + 0.05) / figure.get_figheight()
        engine = figure.get_layout_engine()
        if engine is not None:
            engine.set(rect=(0, share, 1, 1 - share), w_pad=0.07, h_pad=0.07)  # type: ignore[call-arg]
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({"font.family": "DejaVu Sans"}):
        canvas = FigureCanvasAgg(figure)
        figure.set_dpi(DPI)
        # Figure.savefig would draw it twice, once for the layout alone.
        return manifest.write(path, lambda beside: canvas.print_png(beside, metadata=about))


def add_grid(axes: Axes) -> None:
    """Pale lines behind what is drawn."""
    axes.grid(True, color="#DDDDDD", linewidth=0.7)
    axes.set_axisbelow(True)


def remove_ticks(axes: Axes) -> None:
    """Leave a picture without ticks."""
    axes.set_xticks([])
    axes.set_yticks([])


def shorten(name: object, length: int) -> str:
    """A name of at most so many characters, with dollars that matplotlib takes for themselves."""
    text = str(name).replace("$", r"\$")
    return text if len(text) <= length else text[: length - 1] + "…"
