"""Square pulses and the triangles that answer them, as report 001 uses them (questions 6 to 9).

The published files of the course's exercise are read where they are found; else sequences like theirs are made. What
was measured in those files, 1,000 sequences with 5,577 pulses, is what is made here:

- A pulse is 3 steps or longer, 5 on average, and ends with the same probability at every step after the second; its
  height is uniform from 0.5 to 1.
- After a pulse come at least as many empty steps as it had and one more; the next begins with the same probability at
  each from there on, 7.9 steps later on average. Before the first it is the same, as after a pulse of no length.
- A pulse that, with its triangle, would not be over 14 steps after the end is left out, and all after it: towards the
  end pulses are rarer and shorter. What else reaches past the end is cut off.
- A triangle begins at the first step after its pulse, rises for as many steps as the pulse had, reaches its height at
  the last of these and falls as fast. Where two overlap they add up.
- White noise, uniform within 0.01 of 0, lies on inputs and targets, apart from each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.data.files import check_given, find, list_folders
from cldnn_lab.data.options import GeneratingConfig
from cldnn_lab.data.safe_pickle import load_array

FILES = ("pulsedata1-trn.npy", "pulsedata1-val.npy")
SHORTEST, MEAN_LENGTH, MEAN_WAIT, OVERHANG = 3, 5.0, 7.9, 14  # steps
HEIGHTS = (0.5, 1.0)


@dataclass
class Options(GeneratingConfig):
    """Square pulses and the triangles that answer them, a value per time step: the published files, or made after them.

    Attributes:
        path: the folder of ``pulsedata1-trn.npy`` and ``pulsedata1-val.npy``; null to look under
            ``data_root``, and to make the sequences if none are there.
        reversed: swap input and target, and run time backwards.
        train_size, test_size: sequences made.
        length: steps of a sequence made.
        noise: how far from 0 the noise on inputs and targets made reaches, either way; it is uniform.
        seed: draws the sequences.
    """

    reversed: bool = False
    train_size: int = field(default=500, metadata={"min": 2, "unit": "sequences"})
    test_size: int = field(default=500, metadata={"min": 2, "unit": "sequences"})
    length: int = field(default=100, metadata={"min": 20, "unit": "steps"})
    noise: float = field(default=0.01, metadata={"min": 0, "max": 1})
    seed: int = field(default=1, metadata={"min": 0, "max": 2**32 - 1})

    def check(self) -> None:
        super().check()
        self.refuse_classes("has targets that are numbers")


def load(config: Options, data_root: Path) -> Dataset:
    """Sequences of shape (steps, 1) with targets of the same shape: a regression at every step.

    Raises:
        ConfigError: for missing, corrupt or unfit files, naming the file.
    """
    place = check_given(config.path)
    found = None if config.generate else find([place] if place else list_folders(data_root, ["pulses"]), FILES)
    if place and not found:
        raise ConfigError(f"data.path: {place} is not a folder with {' and '.join(FILES)}.")
    if found:
        train, test = (_read(path) for path in found)
        origin = " and ".join(FILES)
    else:
        rng = np.random.default_rng(config.seed)
        train, test = (make_pulses(config, count, rng) for count in (config.train_size, config.test_size))
        origin = f"made by the project, seed {config.seed}"
    if config.reversed:
        train, test = (Split(split.y[:, ::-1], split.x[:, ::-1]) for split in (train, test))
        origin += ", reversed"
    folder = found[0].parent if found else None
    return Dataset(config.name, "regression", train, test, (), origin, synthetic=not found, folder=folder)


def _read(path: Path) -> Split:
    pair = load_array(path)
    if pair.ndim != 3 or pair.shape[0] != 2 or pair.dtype.kind not in "fiu":
        raise ConfigError(f"{path} has shape {pair.shape}, not (2, sequences, steps): inputs, then targets.")
    return Split(pair[0][..., None].astype(np.float32), pair[1][..., None].astype(np.float32))


def make_pulses(config: Options, count: int, rng: np.random.Generator) -> Split:
    """``count`` sequences of inputs and of targets."""
    pulses, triangles = rng.uniform(-config.noise, config.noise, (2, count, config.length)).astype(np.float32)
    for pulse, triangle in zip(pulses, triangles, strict=True):
        end = width = 0
        while True:
            start = end + width + rng.geometric(1 / MEAN_WAIT)
            width = SHORTEST - 1 + rng.geometric(1 / (MEAN_LENGTH - SHORTEST + 1))
            end = start + width
            if end + 2 * width > config.length + OVERHANG:
                break
            height = rng.uniform(*HEIGHTS)
            pulse[start:end] += height
            answer = triangle[end : end + 2 * width - 1]
            answer += (height * (1 - np.abs(np.arange(1, 2 * width) - width) / width))[: len(answer)]
    return Split(pulses[..., None], triangles[..., None])
