"""Square pulses and the triangles that answer them, as report 001 uses them (questions 6 to 9).

Its files are not public, so the project makes its own by the report's rules: pulses of varying length and
height; a wait after each of at least twice its length; the triangle begins where the pulse ends, is twice as
wide at its base, and as high.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cldnn_lab.data.config import PulsesConfig
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.data.files import find, folders, given
from cldnn_lab.data.safe_pickle import load_array
from cldnn_lab.errors import Mistake

FILES = ("pulsedata1-trn.npy", "pulsedata1-val.npy")
# What the report leaves open, in steps; heights have no unit.
LENGTHS = (3, 10)
HEIGHTS = (0.2, 1.0)
EXTRA_WAIT = 12


def load(config: PulsesConfig, data_root: Path) -> Dataset:
    """Sequences of shape (steps, 1) with targets of the same shape: a regression at every step.

    Raises:
        Mistake: for missing, corrupt or unfit files, naming the file.
    """
    place = given(config.path)
    found = find([place] if place else folders(data_root, ["pulses"]), FILES)
    if place and not found:
        raise Mistake(f"data.path: {place} is not a folder with {' and '.join(FILES)}.")
    if found:
        train, test = (_read(path) for path in found)
        origin = " and ".join(FILES)
    else:
        rng = np.random.default_rng(config.seed)
        train, test = (made(count, config.length, rng) for count in (config.train_size, config.test_size))
        origin = f"made by the project, seed {config.seed}"
    if config.reversed:
        train, test = (Split(split.y[:, ::-1], split.x[:, ::-1]) for split in (train, test))
        origin += ", reversed"
    folder = found[0].parent if found else None
    return Dataset(config.name, "regression", train, test, test, (), origin, synthetic=not found, folder=folder)


def _read(path: Path) -> Split:
    pair = load_array(path)
    if pair.ndim != 3 or pair.shape[0] != 2 or pair.dtype.kind not in "fiu":
        raise Mistake(f"{path} has shape {pair.shape}, not (2, sequences, steps): inputs, then targets.")
    return Split(pair[0][..., None].astype(np.float32), pair[1][..., None].astype(np.float32))


def made(count: int, length: int, rng: np.random.Generator) -> Split:
    """``count`` sequences of ``length`` steps; what does not fit at the end is cut off."""
    # Room at the end for what is cut off: a pulse and its triangle.
    pulses = np.zeros((count, length + 3 * LENGTHS[1]), np.float32)
    triangles = np.zeros_like(pulses)
    for pulse, triangle in zip(pulses, triangles, strict=True):
        start = int(rng.integers(EXTRA_WAIT + 1))
        while start < length:
            width = int(rng.integers(LENGTHS[0], LENGTHS[1] + 1))
            height = rng.uniform(*HEIGHTS)
            end = start + width
            pulse[start:end] = height
            ramp = 1 - np.abs(np.arange(2 * width) - width) / width
            triangle[end : end + 2 * width] = height * ramp
            start = end + 2 * width + int(rng.integers(EXTRA_WAIT + 1))
    return Split(pulses[:, :length, None], triangles[:, :length, None])
