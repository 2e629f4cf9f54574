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
        origin = f"pictures of {config.kind}-trn and {config.kind}-val"
    else:
        rng = np.random.default_rng(config.seed)
        train, test = drawn(config, config.train_size, rng), drawn(config, config.test_size, rng)
        origin = f"drawn by the project, seed {config.seed}"
    chosen = chosen_classes(config.classes, names, config.kind)
    train, test = keep_classes(train, chosen, len(names)), keep_classes(test, chosen, len(names))
    kept = tuple(names[index] for index in chosen)
    folder = found[0].parent if found else None
    return Dataset(config.name, "multiclass", train, test, test, kept, origin, synthetic=not found, folder=folder)


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
    longer = rng.uniform(config.smallest, config.largest, count)
    ratio = rng.uniform(config.closest, config.farthest, count)
    if config.kind == "crt":
        width, height, angle = longer, longer / ratio, rng.uniform(0, 2 * np.pi, count)
        # A circle and a triangle lie in the circle around them, a turned rectangle in that of its diagonal.
        across = down = np.where(y == 1, np.hypot(width, height), longer) / 2
    else:
        width = np.where(y == 2, longer / ratio, longer)
        height = np.where(y == 1, longer / ratio, longer)
        angle = np.zeros(count)
        across, down = width / 2, height / 2
    # The corners of a triangle on its circle: a third of a turn apart, more or less.
    corners = 2 * np.pi * (np.arange(3) + rng.uniform(-0.12, 0.12, (count, 3))) / 3
    middle, room = (SIDE - 1) / 2, (SIDE - 1) / 2 - _MARGIN
    x0 = middle + rng.uniform(-1, 1, count) * np.clip(room - across, 0, config.shift)
    y0 = middle + rng.uniform(-1, 1, count) * np.clip(room - down, 0, config.shift)
    contrast = rng.uniform(config.contrast, 1, count)
    ground = rng.uniform(0, 1 - contrast)

    pictures = np.empty((count, SIDE, SIDE, 1), np.float32)
    pixel = np.arange(SIDE)
    for index, picture in enumerate(pictures[..., 0]):
        right, below = pixel[None, :] - x0[index], pixel[:, None] - y0[index]
        cos, sin = np.cos(angle[index]), np.sin(angle[index])
        # The pixel's place as the shape sees it, and how far it lies outside of the shape.
        u, v = cos * right + sin * below, cos * below - sin * right
        if config.kind == "crt" and y[index] == 0:
            outside = np.hypot(u, v) - longer[index] / 2
        elif config.kind == "crt" and y[index] == 2:
            outside = _outside_triangle(u, v, longer[index] / 2, corners[index])
        else:
            outside = np.maximum(np.abs(u) - width[index] / 2, np.abs(v) - height[index] / 2)
        # That distance says how much of a pixel at the edge the shape covers.
        grey = ground[index] + contrast[index] * np.clip(0.5 - outside, 0, 1)
        picture[...] = np.clip(grey + config.noise * rng.standard_normal(grey.shape), 0, 1)
    return Split(pictures, y)


def _outside_triangle(u: np.ndarray, v: np.ndarray, radius: float, corners: np.ndarray) -> np.ndarray:
    """How far each pixel lies outside the triangle with its corners at these angles of the circle."""
    after = np.append(corners[1:], corners[0] + 2 * np.pi)
    # A side is the chord between two corners: its normal halves the angle between them.
    normal, opening = (corners + after) / 2, (after - corners) / 2
    distances = [np.cos(n) * u + np.sin(n) * v - radius * np.cos(o) for n, o in zip(normal, opening, strict=True)]
    return np.maximum.reduce(distances)
