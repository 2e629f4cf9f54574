"""Pictures of one shape each, as report 001 uses them (questions 4 and 5).

Its two sets are not public, so the project draws its own of the same form: 64x64, grey, 500 to train on and
1,000 to test. ``crt`` has circles, rectangles and triangles; ``r3`` has squares, lying and standing
rectangles, which differ by their sides' ratio alone. The report's own folders are read where they are found.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cldnn_lab.data.classes import chosen_classes, keep_classes
from cldnn_lab.data.config import ShapesConfig
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.data.files import find, folders, given
from cldnn_lab.data.labels import class_indices
from cldnn_lab.data.pictures import read_pictures
from cldnn_lab.errors import Mistake

SIDE = 64  # pixels
CLASSES = {"crt": ("circle", "rectangle", "triangle"), "r3": ("square", "lying", "standing")}
_MARGIN = 1.0  # pixels between a shape and the border


def load(config: ShapesConfig, data_root: Path) -> Dataset:
    """Pictures of shape (64, 64, 1) in [0, 1], and which of three shapes each shows.

    Raises:
        Mistake: for missing, corrupt or unfit files, naming the file.
    """
    names = CLASSES[config.kind]
    place = given(config.path)
    places = [place] if place else folders(data_root, ["shapes", config.kind])
    sets = [f"{config.kind}-trn", f"{config.kind}-val"]
    wanted = [*sets, *(f"{name}_trg.csv" for name in sets)]
    found = find(places, wanted)
    if place and not found:
        raise Mistake(f"data.path: {place} lacks one of {', '.join(wanted)}.")
    if found:
        train, test = _folder(found[0], found[2]), _folder(found[1], found[3])
        origin = f"files in {found[0].parent}"
    else:
        rng = np.random.default_rng(config.seed)
        train, test = drawn(config, config.train_size, rng), drawn(config, config.test_size, rng)
        origin = f"drawn by the project, seed {config.seed}"
    chosen = chosen_classes(config.classes, names, config.kind)
    train, test = keep_classes(train, chosen, len(names)), keep_classes(test, chosen, len(names))
    kept = tuple(names[index] for index in chosen)
    return Dataset(config.name, "multiclass", train, test, test, kept, origin, synthetic=not found)


def _folder(pictures: Path, targets: Path) -> Split:
    """The report's layout: ``img_00001.png`` and so on, and a text file with one-hot rows."""
    try:
        rows = np.loadtxt(targets, usecols=(0, 1, 2), ndmin=2, delimiter=_delimiter(targets))
    except (OSError, ValueError, IndexError) as error:
        raise Mistake(f"{targets} is not a table of three columns: {error}.") from error
    y = class_indices(rows, str(targets))
    files = [pictures / f"img_{number:05}.png" for number in range(1, len(y) + 1)]
    if not files:
        raise Mistake(f"{targets} is empty: it must have a row for each picture.")
    return Split(read_pictures(files, gray=True), y)


def _delimiter(targets: Path) -> str | None:
    with open(targets, encoding="utf-8", errors="replace") as file:
        return "," if "," in file.readline() else None


def drawn(config: ShapesConfig, count: int, rng: np.random.Generator) -> Split:
    """``count`` pictures, as many of each shape as of any other, in random order."""
    y = rng.permutation(np.arange(count) % 3).astype(np.int32)
    size = rng.uniform(config.smallest, config.largest, count)  # the longer side, or the diameter
    ratio = rng.uniform(config.closest, config.farthest, count)
    if config.kind == "crt":
        width, height = size, size / ratio
        angle = rng.uniform(0, 2 * np.pi, count)
        reach = np.select([y == 0, y == 1], [size / 2, np.hypot(width, height) / 2], size / 2)
        across = down = reach
    else:
        width = np.where(y == 2, size / ratio, size)
        height = np.where(y == 1, size / ratio, size)
        angle = np.zeros(count)
        across, down = width / 2, height / 2
    room = (SIDE - 1) / 2 - _MARGIN
    x0 = (SIDE - 1) / 2 + rng.uniform(-1, 1, count) * np.clip(room - across, 0, config.shift)
    y0 = (SIDE - 1) / 2 + rng.uniform(-1, 1, count) * np.clip(room - down, 0, config.shift)

    # Coordinates of every pixel as the shape sees them.
    pixel = np.arange(SIDE)
    right, below = pixel[None, None, :] - x0[:, None, None], pixel[None, :, None] - y0[:, None, None]
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    u, v = cos * right + sin * below, cos * below - sin * right
    half_width, half_height = width[:, None, None] / 2, height[:, None, None] / 2
    outside = np.maximum(np.abs(u) - half_width, np.abs(v) - half_height)
    if config.kind == "crt":
        outside[y == 0] = (np.hypot(u, v) - half_width)[y == 0]
        outside[y == 2] = _triangle(u, v, half_width, rng)[y == 2]
    # The distance to the border, in pixels, says how much of a pixel the shape covers.
    covered = np.clip(0.5 - outside, 0, 1)

    contrast = rng.uniform(config.contrast, 1, count)
    ground = rng.uniform(0, 1 - contrast)
    picture = ground[:, None, None] + contrast[:, None, None] * covered
    picture += config.noise * rng.standard_normal(picture.shape)
    return Split(np.clip(picture, 0, 1).astype(np.float32)[..., None], y)


def _triangle(u: np.ndarray, v: np.ndarray, radius: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How far a pixel lies outside a triangle whose corners lie on the circle of that radius."""
    corner = 2 * np.pi * (np.arange(3)[:, None, None, None] + rng.uniform(-0.12, 0.12, (3, len(u), 1, 1))) / 3
    # Each side of the triangle is the chord between two corners: its normal halves the angle between them.
    after = np.roll(corner, -1, axis=0)
    after[-1] += 2 * np.pi
    normal, opening = (corner + after) / 2, (after - corner) / 2
    return np.max(np.cos(normal) * u + np.sin(normal) * v - radius * np.cos(opening), axis=0)
