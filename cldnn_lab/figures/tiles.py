"""Arrays as pictures: many small ones side by side, and one at its own range."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np


def combine_tiles(tiles: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Tiles (count, height, width) side by side in one array, NaN between them.

    Without ``columns`` the whole comes out about three times as wide as it is high.
    """
    count, height, width = tiles.shape
    if columns is None:
        ideal = float(np.clip(np.sqrt(3 * count * (height + 1) / (width + 1)), 1, count))
        # A number that fills every row is worth a somewhat other shape.
        even = [n for n in range(1, count + 1) if count % n == 0 and ideal / 1.5 <= n <= 1.5 * ideal]
        columns = min(even, key=lambda n: abs(n - ideal), default=round(ideal))
    rows = -(-count // columns)
    whole = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for index, tile in enumerate(tiles):
        top, left = index // columns * (height + 1), index % columns * (width + 1)
        whole[top : top + height, left : left + width] = tile
    return whole


def fit_size(shape: tuple[int, ...], width: float, height: float) -> tuple[float, float]:
    """Inches for a picture of that many pixels with square pixels, within bounds."""
    scale = min(width / shape[1], height / shape[0], 0.35)
    return max(shape[1] * scale, 1.6), max(shape[0] * scale, 0.5)


def make_grey_with_gaps() -> Any:
    """Grey, with the gaps between tiles (NaN) in a tint that no value has."""
    return matplotlib.colormaps["gray"].with_extremes(bad="#FFE8B0")


def prepare_picture(example: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """What imshow needs to show an example (height, width, channels) at its own range."""
    if example.shape[-1] == 3:
        low, high = float(example.min()), float(example.max())
        if low < 0 or high > 1:
            example = (example - low) / max(high - low, 1e-12)
        return example, {"interpolation": "nearest"}
    return example[..., 0], {"cmap": "gray", "interpolation": "nearest"}
