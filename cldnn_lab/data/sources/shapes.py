"""Pictures of one shape each, as report 001 uses them (questions 4 and 5).

The published files of the course's exercise are read where they are found; else pictures like theirs are drawn.
What was measured in those files, 1,500 pictures of each kind, is what is drawn here: 64x64, a white outline (1) on
black (0) and nothing between, without noise. Lines are two pixels thick, the upright sides of rectangles three: every
pixel is where libgd puts it.

- ``crt``, rectangles: width and height from 6 to 32 pixels, apart from each other, 2 pixels or more from the border.
- ``crt``, circles: radius from 6 to 26, 4 pixels or more from the border.
- ``crt``, triangles: equilateral, turned by any angle, side from 6 to 48, centre within 8 pixels of (34, 32), corners
  from 5 to 58: what would lie outside is drawn again, so the larger sides are rarer.
- ``r3``: the shorter side from 6 to 32, the longer half as long again (rounded down), 2 pixels or more from the border.

Every quantity is uniform in its range, and so is the place in what is left. A class is 29 to 37 % of a published set;
here a third.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.classes import choose_classes, keep_classes
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.data.files import check_given, find, list_folders
from cldnn_lab.data.labels import number_classes
from cldnn_lab.data.options import GeneratingConfig
from cldnn_lab.data.pictures import read_pictures
from cldnn_lab.data.preparation import Pictures

SIDE = 64  # pixels
CLASSES = {"crt": ("rectangle", "circle", "triangle"), "r3": ("square", "lying", "standing")}


@dataclass
class Options(GeneratingConfig):
    """Pictures of 64x64 with one shape each: the published folders, or drawn by the project after them.

    Attributes:
        kind: ``crt`` (rectangle, circle, triangle) or ``r3`` (square, lying and standing rectangle).
        path: the folder that holds ``<kind>-trn/`` and its ``_trg.csv``; null to look under ``data_root``,
            and to draw if none is there.
        train_size, test_size: pictures drawn.
        seed: draws the pictures.
    """

    kind: str = field(default="crt", metadata={"choices": ("crt", "r3")})
    train_size: int = field(default=500, metadata={"min": 3, "unit": "pictures"})
    test_size: int = field(default=1000, metadata={"min": 3, "unit": "pictures"})
    seed: int = field(default=1, metadata={"min": 0, "max": 2**32 - 1})


def load(config: Options, data_root: Path) -> Dataset:
    """Pictures of shape (64, 64, 1) in [0, 1], and which of three shapes each shows.

    Raises:
        ConfigError: for missing, corrupt or unfit files, naming the file.
    """
    names = CLASSES[config.kind]
    place = check_given(config.path)
    places = [place] if place else list_folders(data_root, ["shapes", config.kind])
    sets = [f"{config.kind}-trn", f"{config.kind}-val"]
    wanted = [*sets, *(f"{name}_trg.csv" for name in sets)]
    found = None if config.generate else find(places, wanted)
    if place and not found:
        raise ConfigError(f"data.path: {place} lacks one of {', '.join(wanted)}.")
    if found:
        train, test = _read_folder(found[0], found[2]), _read_folder(found[1], found[3])
        origin = f"pictures of {config.kind}-trn and {config.kind}-val"
    else:
        rng = np.random.default_rng(config.seed)
        train, test = (draw_shapes(config.kind, count, rng) for count in (config.train_size, config.test_size))
        origin = f"drawn by the project, seed {config.seed}"
    chosen = choose_classes(config.classes, names, config.kind)
    train, test = keep_classes(train, chosen, len(names)), keep_classes(test, chosen, len(names))
    kept = tuple(names[index] for index in chosen)
    folder = found[0].parent if found else None
    return Dataset(
        config.name,
        "multiclass",
        train,
        test,
        kept,
        origin,
        synthetic=not found,
        folder=folder,
        preparation=Pictures(),
    )


def _read_folder(pictures: Path, targets: Path) -> Split:
    """The report's layout: ``img_00001.png`` and so on, and a text file with one-hot rows."""
    try:
        rows = np.loadtxt(targets, usecols=(0, 1, 2), ndmin=2, delimiter=_find_delimiter(targets))
    except (OSError, ValueError, IndexError) as error:
        raise ConfigError(f"{targets} is not a table of three columns: {error}.") from error
    y = number_classes(rows, str(targets))
    files = [pictures / f"img_{number:05}.png" for number in range(1, len(y) + 1)]
    if not files:
        raise ConfigError(f"{targets} is empty: it must have a row for each picture.")
    return Split(read_pictures(files, gray=True), y)


def _find_delimiter(targets: Path) -> str | None:
    with open(targets, encoding="utf-8", errors="replace") as file:
        return "," if "," in file.readline() else None


def draw_shapes(kind: str, count: int, rng: np.random.Generator) -> Split:
    """``count`` pictures, as many of each shape as of any other, in random order."""
    y = rng.permutation(np.arange(count) % 3).astype(np.int32)
    pictures = np.zeros((count, SIDE, SIDE, 1), np.float32)
    for picture, label in zip(pictures[..., 0], y, strict=True):
        match CLASSES[kind][label]:
            case "circle":
                _draw_circle(picture, rng)
            case "triangle":
                _draw_triangle(picture, rng)
            case shape:
                _draw_rectangle(picture, shape, rng)
    return Split(pictures, y)


def _draw_rectangle(picture: np.ndarray, shape: str, rng: np.random.Generator) -> None:
    side, other = rng.integers(6, 32, 2, endpoint=True)
    longer = side * 3 // 2
    width, height = {
        "rectangle": (side, other), "square": (side, side), "lying": (longer, side), "standing": (side, longer)
    }[shape]  # fmt: skip
    left, top = (rng.integers(3, SIDE - 4 - length, endpoint=True) for length in (width, height))
    picture[top - 1 : top + height + 2, left - 1 : left + width + 2] = 1
    picture[top + 1 : top + height, left + 2 : left + width - 1] = 0


def _draw_circle(picture: np.ndarray, rng: np.random.Generator) -> None:
    radius = int(rng.integers(6, 26, endpoint=True))
    left, top = rng.integers(4, SIDE - 4 - 2 * radius, 2, endpoint=True)
    outline = _draw_outline(radius)
    picture[top : top + len(outline), left : left + len(outline)] = outline


@cache
def _draw_outline(radius: int) -> np.ndarray:
    """A circle of ``2 radius + 1`` pixels: chords of a degree, their ends cut to whole pixels towards the centre."""
    angle = np.radians(np.arange(360))
    # libgd's table of cosines: 1,024ths. Half of one may come out a little less, so it is rounded before it is cut.
    cosines = np.trunc(np.round(1024 * np.stack([np.cos(angle), np.sin(angle)], axis=1), 6))
    ends = np.trunc(radius * cosines / 1024).astype(int)
    outline = np.zeros((2 * radius + 2, 2 * radius + 2), np.float32)
    _fill_polygon(outline, ends + radius + 1)
    return outline[1:, 1:]


def _draw_triangle(picture: np.ndarray, rng: np.random.Generator) -> None:
    while True:
        angle = rng.uniform(0, 2 * np.pi) + 2 * np.pi / 3 * np.arange(3)
        middle = np.array([34, 32]) + rng.uniform(-8, 8, 2)
        reach = rng.uniform(6, 48) / np.sqrt(3)
        corners = np.floor(middle + reach * np.stack([np.cos(angle), np.sin(angle)], axis=1)).astype(int)
        if corners.min() >= 5 and corners.max() <= 58:
            return _fill_polygon(picture, corners)


def _fill_polygon(picture: np.ndarray, corners: np.ndarray) -> None:
    """Lines through ``corners``, whole numbers of shape (N, 2), across and down, and back to the first.

    As libgd draws them two pixels thick: Bresenham's pixels, each with the one above it where the line is more level
    than upright, with the one to its left where not.
    """
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        across, down = np.abs(end - start)
        upright = across == 0 or down > across
        plane, start, end = (picture.T, start[::-1], end[::-1]) if upright else (picture, start, end)
        if start[0] > end[0]:
            start, end = end, start
        length, rise = end - start
        step = np.arange(length + 1)
        along = start[0] + step
        beside = start[1] + np.sign(rise) * ((2 * step * abs(rise) + length) // max(2 * length, 1))
        plane[beside, along] = plane[beside - 1, along] = 1
