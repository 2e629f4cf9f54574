"""The recipe's channel, in its order: sample-rate offset, carrier offset, selective fading, noise.

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

from cldnn_lab.data.rml2016.signals import AFTER, BEFORE, SAMPLE_RATE, interpolate, make_phasor

SRO_STEP, SRO_LIMIT = 0.01, 50.0  # standard deviation in Hz per sample; Hz
CFO_STEP, CFO_LIMIT = 0.01, 500.0
SINUSOIDS = 8
DOPPLER = 1.0  # Hz
RICIAN_K = 4.0
PATH_DELAYS = (0.0, 0.9, 1.7)  # samples
PATH_MAGNITUDES = (1.0, 0.8, 0.3)
FADING_TAPS = 8
HISTORY = FADING_TAPS - 1  # samples before a window that its fading reaches back to
CHANNEL_SEED = 4919  # 0x1337, of every capture in the published files
LONGEST = 80_000  # samples in a published capture, at most
POOL = 8192  # values that the published noise is drawn from
# Total power of the published noise at label 0: its pool has .98, and .93 on the amplitude brings the SNR that is
# measured out of band (see docs/radioml.md) to that of the real files. Why it takes this factor is not known.
POOL_POWER = 0.98 * 0.93**2
_TURN = 0.02  # radians a path may turn between instants at which its gain is worked out: 5e-5 of error


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
    for rows in _one_window_of_each(capture):
        now, total, at = state[:, capture[rows]]
        gap = start[rows] - at
        leap, sway = normals[rows, :2].T * step
        total = total + gap * now + gap**1.5 * (leap / 2 + sway / math.sqrt(12))
        now = np.clip(now + np.sqrt(gap) * leap, -limit, limit)
        steps = normals[rows, 2:] * np.float32(step)
        walk = now[:, None] + np.cumsum(steps, axis=-1, dtype=np.float64)
        for row in np.flatnonzero(np.maximum(walk.max(axis=-1), -walk.min(axis=-1)) > limit):
            walk[row] = _clipped_walk(float(now[row]), steps[row], limit)
        sums = total[:, None] + np.cumsum(walk, axis=-1)
        drift.frequency[rows], drift.cycles[rows] = walk, sums / SAMPLE_RATE
        state[:, capture[rows]] = walk[:, -1], sums[:, -1], start[rows] + length
    return drift


def _one_window_of_each(capture: np.ndarray) -> list[np.ndarray]:
    """The first window of every capture, then the second of every capture that has one, and so on."""
    order = np.argsort(capture, kind="stable")
    _, first, counts = np.unique(capture[order], return_index=True, return_counts=True)
    return [order[first[counts > number] + number] for number in range(counts.max())]


def _clipped_walk(now: float, steps: np.ndarray, limit: float) -> np.ndarray:
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
class Fading:
    """Frequency-selective fading: paths of fixed delay, the gain of each a sum of sinusoids.

    GNU Radio's selective_fading_model, after Alimohammad, Fard, Cockburn and Schlegel (2009). With angles theta,
    psi_n, phi_n even in +-pi, alpha_n = (2 pi n - pi + theta) / (4 N), N = 8, and w = 2 pi fD, the gain of a path is

        scale sum over n of cos(w t cos(alpha_n) + psi_n) + j sin(w t cos(alpha_n) + phi_n)           (:meth:`draw`)

    with n = 1..N, scale = sqrt(1/N) and hence unit mean power, or, in its release of 2016,

        scale sum over n of cos(w t cos(alpha_n) + psi_n) + j cos(w t sin(alpha_n) + phi_n)      (:meth:`published`)

    with n = 1..N-1 and scale = sqrt(2/N). The first path has a line of sight too: sqrt(1/(K+1)) of that, plus
    sqrt(K/(K+1)) exp(j (w t cos(theta_0) + psi_0)). (GNU Radio lets theta creep by 1e-9 radians per sample
    at 1 Hz, which leaves nothing to be seen in a capture.)

    Attributes:
        scale: of the sum.
        rates: of the real and the imaginary part, radians per sample, (2, captures, paths, sinusoids).
        phases: likewise, radians; both are put into a cosine.
        sight_rate, sight_phase: of the line of sight, (captures,).
        doppler: fD in Hz.
        k: the line of sight's power over the scattered.
    """

    scale: float
    rates: np.ndarray
    phases: np.ndarray
    sight_rate: np.ndarray
    sight_phase: np.ndarray
    doppler: float = DOPPLER
    k: float = RICIAN_K

    @classmethod
    def draw(cls, generators: Sequence[np.random.Generator], doppler: float = DOPPLER, k: float = RICIAN_K) -> Fading:
        """A channel for each capture, from the capture's own random numbers; ``doppler`` in Hz."""
        paths = len(PATH_DELAYS)
        angles = np.stack([rng.uniform(-np.pi, np.pi, paths * (1 + 2 * SINUSOIDS) + 2) for rng in generators])
        sight_angle, sight_phase, *rest = np.split(angles, [1, 2, 2 + paths, 2 + paths * (1 + SINUSOIDS)], axis=1)
        theta, psi, phi = (part.reshape(len(angles), paths, -1) for part in rest)
        rate = _radians_per_sample(doppler) * np.cos(_arrival(theta, SINUSOIDS))
        return cls(
            math.sqrt(1 / SINUSOIDS),
            np.stack([rate, rate]),
            np.stack([psi, phi - np.pi / 2]),
            _radians_per_sample(doppler) * np.cos(sight_angle[:, 0]),
            sight_phase[:, 0],
            doppler,
            k,
        )

    @classmethod
    def published(cls) -> Fading:
        """The one channel of the published files, from Mersenne Twisters of seeds 4919, 4920 and 4921."""
        angles = np.stack([_angles(CHANNEL_SEED + path, 2 + 2 * (SINUSOIDS + 1)) for path in range(len(PATH_DELAYS))])
        psi, phi = angles[:, 2::2], angles[:, 3::2]
        alpha = _arrival(angles[:, :1], SINUSOIDS - 1)
        turn = _radians_per_sample(DOPPLER)
        return cls(
            math.sqrt(2 / SINUSOIDS),
            turn * np.stack([np.cos(alpha), np.sin(alpha)])[:, None],
            np.stack([psi, phi])[:, None, :, 2:],
            turn * np.cos(angles[:1, 1]),
            psi[:1, 0],
        )

    def gains(self, start: np.ndarray, capture: np.ndarray, length: int) -> np.ndarray:
        """Gains of the paths over windows: complex64, (paths, windows, samples)."""
        # A path turns so slowly that its gain runs along a straight line between instants well apart.
        apart = int(np.clip(_TURN * SAMPLE_RATE / (2 * np.pi * max(self.doppler, 1e-9)), 1, length))
        known = self._gains_at(start[:, None] + np.arange(0, length + apart, apart), capture)
        left, right = known[..., :-1, None], known[..., 1:, None]
        lines = left + (right - left) * np.linspace(0, 1, apart, endpoint=False, dtype=np.float32)
        return lines.reshape(*known.shape[:-1], -1)[..., :length]

    def _gains_at(self, time: np.ndarray, capture: np.ndarray) -> np.ndarray:
        out = np.empty((len(PATH_DELAYS), *time.shape), np.complex64)
        for path, gain in enumerate(out):
            for part, rate, phase in zip((gain.real, gain.imag), self.rates, self.phases, strict=True):
                angle = rate[capture, path, :, None] * time[:, None] + phase[capture, path, :, None]
                part[:] = self.scale * np.cos(angle).sum(axis=1)
        sight = make_phasor(self.sight_rate[capture, None] * time + self.sight_phase[capture, None])
        out[0] = math.sqrt(1 / (self.k + 1)) * out[0] + math.sqrt(self.k / (self.k + 1)) * sight
        return out


def _arrival(theta: np.ndarray, sinusoids: int) -> np.ndarray:
    """The angles alpha_1, alpha_2, ... of the scattered waves along a new last axis of length ``sinusoids``."""
    return (2 * np.pi * np.arange(1, sinusoids + 1) - np.pi + theta) / (4 * SINUSOIDS)


def _radians_per_sample(doppler: float) -> float:
    return 2 * math.pi * doppler / SAMPLE_RATE


def _angles(seed: int, count: int) -> np.ndarray:
    """Angles in +-pi from the raw outputs of the Mersenne Twister MT19937."""
    raw = np.random.RandomState(seed).randint(0, 2**32, count, dtype=np.uint32)
    return 2 * np.pi * raw / 2.0**32 - np.pi


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
        return _with_history(walk_at_random(np.concatenate(normals), start, capture, step, limit))

    clock, carrier = drift(SRO_STEP, SRO_LIMIT), drift(CFO_STEP, CFO_LIMIT)
    return Impairments(clock, carrier, Fading.draw(generators).gains(start, capture, length))


def _with_history(drift: Drift) -> np.ndarray:
    """Cycles over HISTORY samples more at the beginning, for which the frequency is taken to stand still."""
    back = np.arange(-HISTORY, 0) * drift.frequency[:, :1] / SAMPLE_RATE
    return np.concatenate([drift.cycles[:, :1] + back, drift.cycles], axis=1)


def published_impairments(start: np.ndarray, length: int) -> Impairments:
    """The channel that all captures of the published files go through, where windows lie."""
    clock, carrier, gains = _trajectory()
    received = start[:, None] + np.arange(-HISTORY, length)
    return Impairments(clock[received], carrier[received], gains[:, received[:, HISTORY:]])


@lru_cache(maxsize=1)
def _trajectory() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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
    return clock, carrier, Fading.published().gains(start, capture, LONGEST)[:, 0]


def design_path_taps() -> np.ndarray:
    """(paths, FADING_TAPS) float32: each path's magnitude, its delay spread over whole samples by a sinc.

    As GNU Radio does, the sinc is cut off before sample 0 and past the last tap.
    """
    lag = np.arange(FADING_TAPS) - np.array(PATH_DELAYS)[:, None]
    return (np.array(PATH_MAGNITUDES)[:, None] * np.sinc(lag)).astype(np.float32)


def fade(x: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """The sum of the paths: y[n] = sum over paths p and lags l of gain_p[n] tap_p[l] x[n - l].

    Args:
        x: (windows, HISTORY + samples).
        gains: (paths, windows, samples).
    """
    length = gains.shape[-1]
    out = np.zeros(gains.shape[1:], np.complex64)
    for gain, taps in zip(gains, design_path_taps(), strict=True):
        delayed = np.zeros_like(out)
        for lag in np.flatnonzero(np.abs(taps) > 1e-7):
            delayed += taps[lag] * x[..., HISTORY - lag : HISTORY - lag + length]
        delayed *= gain
        out += delayed
    return out


def draw_noise(rng: np.random.Generator, shape: tuple[int, ...], *, pool: bool) -> np.ndarray:
    """Complex white noise: complex64, of unit power, or of the published pool's :data:`POOL_POWER`.

    Args:
        pool: draw, with replacement, from the same 8,192 Gaussian values every time.
    """
    if pool:
        return _noise_pool()[rng.integers(0, POOL, shape, dtype=np.uint16)]
    return rng.standard_normal((*shape, 2), dtype=np.float32).view(np.complex64)[..., 0] * np.float32(math.sqrt(0.5))


@lru_cache(maxsize=1)
def _noise_pool() -> np.ndarray:
    values = np.random.default_rng(CHANNEL_SEED).standard_normal((POOL, 2)).view(np.complex128)[:, 0]
    return (values * np.sqrt(POOL_POWER / np.mean(np.abs(values) ** 2))).astype(np.complex64)


def scale_noise(received: np.ndarray, snr: float, *, amplitude_labels: bool) -> np.ndarray | np.float32:
    """What unit noise is multiplied by for a label of ``snr`` dB.

    Args:
        received: (windows, samples), before noise.
        amplitude_labels: the amplitude is 10^(-snr/10), so that the power is 10^(-2 snr/10) whatever came through the
            fading; otherwise each window's power over that of its noise is ``snr`` in dB.
    """
    if amplitude_labels:
        return np.float32(10 ** (-snr / 10))
    power = np.mean(received.real**2 + received.imag**2, axis=-1, keepdims=True)
    return np.sqrt(power) * np.float32(10 ** (-snr / 20))
