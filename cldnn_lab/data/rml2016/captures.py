"""Where vectors lie: how long each capture is, and at which of its samples its vectors begin."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

FIRST_START = (50, 500)  # samples, both included: where the first vector of a capture may begin
LARGEST_STEP = 0.05  # of a capture: the furthest that a vector begins after the one before


@dataclass(frozen=True)
class Cell:
    """The vectors of one modulation at one SNR.

    Attributes:
        seed, modulation, snr, part: what their random numbers depend on, and nothing else; SNR in dB. Cells of
            different parts have no capture in common.
    """

    seed: int
    modulation: str
    snr: float
    part: str

    def random(self, capture: int, stream: int) -> np.random.Generator:
        """Random numbers of one capture, the same however many captures are made and in whichever order."""
        name = f"{self.modulation} at {self.snr:g} dB {self.part}"
        return np.random.default_rng([self.seed, zlib.crc32(name.encode()), capture, stream])


def draw_starts(rng: np.random.Generator, samples: int, length: int) -> np.ndarray:
    """Where the vectors of one capture begin: int64, rising.

    The first begins at a uniform 50..500, each next a uniform ``length``..5 % of the capture later, as long as it
    ends within the capture.

    Args:
        samples: in the capture.
        length: samples in a vector.
    """
    furthest = max(length, round(LARGEST_STEP * samples))
    most = (samples - FIRST_START[0]) // length + 1
    steps = rng.integers(length, furthest, most, endpoint=True)
    steps[0] = rng.integers(*FIRST_START, endpoint=True)
    starts = np.cumsum(steps)
    return starts[starts + length < samples]


def plan(cell: Cell, vectors: int, samples: int, length: int) -> Iterator[tuple[int, np.ndarray]]:
    """Captures, each with the starts of its vectors, until there are ``vectors``: (capture, starts)."""
    capture = 0
    while vectors > 0:
        starts = draw_starts(cell.random(capture, 0), samples, length)[:vectors]
        if len(starts):
            yield capture, starts
        vectors -= len(starts)
        capture += 1
