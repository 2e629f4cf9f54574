"""The recipe's channel before noise: sample-rate offset, carrier offset and the fading of the windows of captures.

These are the parts of GNU Radio's dynamic_channel_model. Only windows of a capture are worked out, at their own time
since the capture began: an impairment is an array (windows, samples), and ``start`` (windows,) says at which sample of
its capture a window begins, ``capture`` (windows,) of which capture it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cldnn_lab.data.rml2016.fading import CHANNEL_SEED, HISTORY, Fading
from cldnn_lab.data.rml2016.signals import AFTER, BEFORE, SAMPLE_RATE, interpolate

SRO_STEP, SRO_LIMIT = 0.01, 50.0  # standard deviation in Hz per sample; Hz
CFO_STEP, CFO_LIMIT = 0.01, 500.0
LONGEST = 80_000  # samples in a published capture, at most


@dataclass(frozen=True)
class Drift:
    """A frequency that drifts, over windows of captures: both (windows, samples), float64.

    Attributes:
        frequency: in Hz.
        cycles: the frequency summed over all samples since the capture began, divided by the sample rate.
    """

    frequency: np.ndarray
    cycles: np.ndarray


def walk_at_random(normals: np.ndarray, start: np.ndarray, capture: np.ndarray, step: float, limit: float) -> Drift:
    """A frequency that starts at 0, takes a Gaussian step each sample and never passes the limit.

    As in GNU Radio's sro_model and cfo_model: f += step * normal, then f is cut to +-limit, then used.
    Between windows, where nobody looks, the walk and its sum leap by their joint Gaussian law; a limit met
    inside such a gap is applied at its end (the recipe's limits are thousands of steps away).

    Args:
        normals: standard normal numbers, (windows, 2 + samples): two for the gap before the window, one per sample.
        start, capture: of each window; within a capture in rising order and not overlapping.
        step: standard deviation of a step, Hz.
        limit: Hz.
    """
    length = normals.shape[1] - 2
    drift = Drift(*(np.empty((len(start), length)) for _ in range(2)))
    state = np.zeros((3, int(capture.max()) + 1))  # of each capture: frequency, its sum, and the sample reached
    for rows in _list_windows_by_turn(capture):
        now, total, at = state[:, capture[rows]]
        gap = start[rows] - at
        leap, sway = normals[rows, :2].T * step
        total = total + gap * now + gap**1.5 * (leap / 2 + sway / math.sqrt(12))
        now = np.clip(now + np.sqrt(gap) * leap, -limit, limit)
        steps = normals[rows, 2:] * np.float32(step)
        walk = now[:, None] + np.cumsum(steps, axis=-1, dtype=np.float64)
        for row in np.flatnonzero(np.maximum(walk.max(axis=-1), -walk.min(axis=-1)) > limit):
            walk[row] = _walk_clipped(float(now[row]), steps[row], limit)
        sums = total[:, None] + np.cumsum(walk, axis=-1)
        drift.frequency[rows], drift.cycles[rows] = walk, sums / SAMPLE_RATE
        state[:, capture[rows]] = walk[:, -1], sums[:, -1], start[rows] + length
    return drift


def _list_windows_by_turn(capture: np.ndarray) -> list[np.ndarray]:
    """The first window of every capture, then the second of every capture that has one, and so on."""
    order = np.argsort(capture, kind="stable")
    _, first, counts = np.unique(capture[order], return_index=True, return_counts=True)
    return [order[first[counts > number] + number] for number in range(counts.max())]


def _walk_clipped(now: float, steps: np.ndarray, limit: float) -> np.ndarray:
    walk = np.empty(len(steps))
    for sample, move in enumerate(steps.tolist()):
        now = min(max(now + move, -limit), limit)
        walk[sample] = now
    return walk


def place_clock(cycles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a receiver whose clock drifts looks at the transmission.

    Its n-th sample is taken at n plus all offsets so far over the sample rate (GNU Radio's sro_model).

    Args:
        cycles: of the clock's :class:`Drift`.

    Returns:
        whole samples that each window has moved by, (windows,), and the positions of the window's samples, counted
        from there, (windows, samples).
    """
    moved = np.floor(cycles.min(axis=-1))
    return moved.astype(np.int64), np.arange(cycles.shape[-1]) + (cycles - moved[..., None])


def count_needed(positions: np.ndarray) -> int:
    """How many samples :func:`apply_sample_rate_offset` must be given for these positions."""
    return int(positions.max()) + 1 + BEFORE + AFTER


def apply_sample_rate_offset(x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Samples taken by a drifting clock, by 8-tap least-squares interpolation (GNU Radio's sro_model).

    Args:
        x: (windows, :func:`count_needed`), of which the first BEFORE lie before position 0.
        positions: as :func:`place_clock` gives them.
    """
    return interpolate(x, BEFORE + positions)


@dataclass(frozen=True)
class Impairments:
    """What the channel does to windows, before noise.

    Attributes:
        clock, carrier: cycles that the sampling clock and the carrier have drifted by, float64,
            (windows, HISTORY + samples).
        gains: of the paths, complex64, (paths, windows, samples).
    """

    clock: np.ndarray
    carrier: np.ndarray
    gains: np.ndarray


def draw_impairments(
    generators: Sequence[np.random.Generator], start: np.ndarray, capture: np.ndarray, length: int
) -> Impairments:
    """A channel for each capture, from the capture's own random numbers, where its windows lie."""
    counts = np.bincount(capture, minlength=len(generators))

    def drift(step: float, limit: float) -> np.ndarray:
        normals = [
            rng.standard_normal((count, 2 + length), dtype=np.float32)
            for rng, count in zip(generators, counts, strict=True)
        ]
        return _prepend_history(walk_at_random(np.concatenate(normals), start, capture, step, limit))

    clock, carrier = drift(SRO_STEP, SRO_LIMIT), drift(CFO_STEP, CFO_LIMIT)
    return Impairments(clock, carrier, Fading.draw(generators).compute_gains(start, capture, length))


def _prepend_history(drift: Drift) -> np.ndarray:
    """Cycles over HISTORY samples more at the beginning, for which the frequency is taken to stand still."""
    back = np.arange(-HISTORY, 0) * drift.frequency[:, :1] / SAMPLE_RATE
    return np.concatenate([drift.cycles[:, :1] + back, drift.cycles], axis=1)


def make_published_impairments(start: np.ndarray, length: int) -> Impairments:
    """The channel that all captures of the published files go through, where windows lie."""
    clock, carrier, gains = _make_trajectory()
    received = start[:, None] + np.arange(-HISTORY, length)
    return Impairments(clock[received], carrier[received], gains[:, received[:, HISTORY:]])


@lru_cache(maxsize=1)
def _make_trajectory() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clock and carrier in cycles, and gains, of a whole capture of the published files.

    The fading is that of the files. Of the drifts only the law is known: they are drawn once, and by the end of a
    capture come to a few Hz.
    """
    start = capture = np.zeros(1, np.int64)
    rng = np.random.default_rng(CHANNEL_SEED)
    clock, carrier = (
        walk_at_random(rng.standard_normal((1, 2 + LONGEST), dtype=np.float32), start, capture, step, limit).cycles[0]
        for step, limit in ((SRO_STEP, SRO_LIMIT), (CFO_STEP, CFO_LIMIT))
    )
    return clock, carrier, Fading.make_published().compute_gains(start, capture, LONGEST)[:, 0]
