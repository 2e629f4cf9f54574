"""The negative log-likelihood against p (report 000, part 1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cldnn_lab import figures
from cldnn_lab.diagnostics.options import Options


def run(model: Any, dataset: Any, folder: Path, options: Options, title: str) -> list[Path]:
    """Draw -ln p for p in (0, 1]; neither network nor data is looked at."""
    return [figures.negative_log_likelihood(folder / "loss_function.png")]
