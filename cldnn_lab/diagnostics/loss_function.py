"""The negative log-likelihood against p (report 000, part 1)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cldnn_lab.diagnostics._subject import Subject

FILES = ("loss_function.png",)
NEEDS_NETWORK = False


@dataclass
class Options:
    """The negative log-likelihood against p; needs neither network nor data."""


def run(subject: Subject | None, folder: Path, options: Options) -> list[Path]:
    """Draw -ln p for p in (0, 1]."""
    return [draw(folder / "loss_function.png")]


def draw(path: Path) -> Path:
    """The loss of one example, -ln p, against the probability p that the network gives to its true class."""
    from cldnn_lab.figures import style

    probability = np.linspace(0.001, 1, 2000)
    figure, axes = style.make_figure(7, 4.5)
    axes.plot(probability, -np.log(probability), color=style.BLUE, linewidth=2.2, label="−ln p")
    for marked, marker in ((0.1, "s"), (0.5, "^"), (0.9, "D")):
        value = -np.log(marked)
        axes.plot(marked, value, marker=marker, color=style.VERMILLION, linestyle="none", markersize=7,
                  label=f"p = {marked:g}: {value:.3f}")  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 7)
    axes.set_xlabel("probability p of the true class")
    axes.set_ylabel("negative log-likelihood −ln p (nats)")
    axes.legend()
    style.add_grid(axes)
    style.set_title(figure, "Negative log-likelihood against the probability of the true class")
    return style.save(figure, path, None)
