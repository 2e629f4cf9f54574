"""The recipe's channel, in its order: sample-rate offset, carrier offset, selective fading, noise.

These are the parts of GNU Radio's dynamic_channel_model. A capture is one draw of the channel; vectors are
looked at here and there in it. So each impairment is worked out for windows of a capture: arrays of shape
(captures, windows, samples), with ``start`` (captures, windows), the samples since the capture began.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cldnn_lab.data.rml2016.signals import AFTER, BEFORE, SAMPLE_RATE, interpolate, phasor

SRO_STEP, SRO_LIMIT = 0.01, 50.0  # standard deviation in Hz a sample; Hz
CFO_STEP, CFO_LIMIT = 0.01, 500.0
SINUSOIDS = 8
DOPPLER = 1.0  # Hz
RICIAN_K = 4.0
PATH_DELAYS = (0.0, 0.9, 1.7)  # samples
PATH_MAGNITUDES = (1.0, 0.8, 0.3)
FADING_TAPS = 8
HISTORY = FADING_TAPS - 1  # samples before a window that its fading reaches back to
_TURN = 0.02  # radians a path may turn between instants at which its gain is worked out: 5e-5 of error


@dataclass(frozen=True)
class Drift:
    """A frequency that drifts, over windows of a capture: both (captures, windows, samples), float64.

    Attributes:
        frequency: in Hz.
        cycles: the frequency summed over all samples since the capture began, divided by the sample rate.
    """

    frequency: np.ndarray
    cycles: np.ndarray


def random_walk(rng: np.random.Generator, start: np.ndarray, length: int, step: float, limit: float) -> Drift:
    """A frequency that starts at 0, takes a Gaussian step each sample and never passes the limit.

    As in GNU Radio's sro_model and cfo_model: f += step * normal, then f is cut to +-limit, then used.
    Between windows, where nobody looks, the walk and its sum leap by their joint Gaussian law; a limit met
    inside such a gap is applied at its end (the recipe's limits are thousands of steps away).

    Args:
        start: (captures, windows), first sample of each window, in rising order and not overlapping.
        length: samples in a window.
        step: standard deviation of a step, Hz.
        limit: Hz.
    """
    captures, windows = start.shape
    drift = Drift(*(np.empty((captures, windows, length)) for _ in range(2)))
    now, total, at = np.zeros(captures), np.zeros(captures), np.zeros(captures)
    for window in range(windows):
        gap = start[:, window] - at
        leap, sway = rng.standard_normal((2, captures)) * step
        total = total + gap * now + gap**1.5 * (leap / 2 + sway / math.sqrt(12))
        now = np.clip(now + np.sqrt(gap) * leap, -limit, limit)
        steps = rng.standard_normal((captures, length), dtype=np.float32) * np.float32(step)
        walk = now[:, None] + np.cumsum(steps, axis=-1, dtype=np.float64)
        for row in np.flatnonzero(np.maximum(walk.max(axis=-1), -walk.min(axis=-1)) > limit):
            walk[row] = _clipped_walk(float(now[row]), steps[row], limit)
        drift.frequency[:, window] = walk
        drift.cycles[:, window] = (total[:, None] + np.cumsum(walk, axis=-1)) / SAMPLE_RATE
        now, total = walk[:, -1], drift.cycles[:, window, -1] * SAMPLE_RATE
        at = start[:, window] + length
    return drift


def _clipped_walk(now: float, steps: np.ndarray, limit: float) -> np.ndarray:
    walk = np.empty(len(steps))
    for sample, move in enumerate(steps.tolist()):
        now = min(max(now + move, -limit), limit)
        walk[sample] = now
    return walk


def clock_positions(clock: Drift) -> tuple[np.ndarray, np.ndarray]:
    """Where a receiver whose clock drifts looks at the transmission.

    Its n-th sample is taken at n plus all offsets so far over the sample rate (GNU Radio's sro_model).

    Returns:
        whole samples that each window has moved by, (captures, windows), and the positions of the window's
        samples, counted from there, (captures, windows, samples).
    """
    moved = np.floor(clock.cycles.min(axis=-1))
    return moved.astype(np.int64), np.arange(clock.cycles.shape[-1]) + (clock.cycles - moved[..., None])


def samples_needed(positions: np.ndarray) -> int:
    """How many samples :func:`sample_rate_offset` must be given for these positions."""
    return int(positions.max()) + 1 + BEFORE + AFTER


def sample_rate_offset(x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Samples taken by a drifting clock, by 8-tap least-squares interpolation (GNU Radio's sro_model).

    Args:
        x: (captures, windows, :func:`samples_needed`), of which the first BEFORE lie before position 0.
        positions: as :func:`clock_positions` gives them.
    """
    flat = positions.reshape(-1, positions.shape[-1])
    return interpolate(x.reshape(len(flat), -1), BEFORE + flat).reshape(positions.shape)


def carrier_offset(x: np.ndarray, carrier: Drift) -> np.ndarray:
    """The carrier's own drift turns the signal: x exp(2 pi j cycles), as in GNU Radio's cfo_model."""
    return x * phasor(2 * np.pi * carrier.cycles)


@dataclass(frozen=True)
class Fading:
    """Frequency-selective fading: paths of fixed delay, the gain of each a sum of sinusoids.

    GNU Radio's selective_fading_model, after Alimohammad, Fard, Cockburn and Schlegel (2009): with N
    sinusoids the gain of a path is sqrt(1/N) sum over n of cos(w_n t + psi_n) + j sin(w_n t + phi_n), where
    w_n = 2 pi fD cos(alpha_n), alpha_n = (2 pi n - pi + theta) / (4 N), and theta, psi_n and phi_n are even
    in +-pi. The first path has a line of sight too: sqrt(1/(K+1)) of that, plus sqrt(K/(K+1))
    exp(j (w_0 t + psi_0)), w_0 = 2 pi fD cos(theta_0). (GNU Radio lets theta creep by 1e-9 radians a sample
    at 1 Hz, which leaves nothing to be seen in a capture.)

    Attributes:
        rate: radians a sample, (captures, paths, sinusoids).
        psi, phi: radians, likewise.
        sight_rate, sight_phase: of the line of sight, (captures,).
    """

    rate: np.ndarray
    psi: np.ndarray
    phi: np.ndarray
    sight_rate: np.ndarray
    sight_phase: np.ndarray
    doppler: float
    k: float

    @classmethod
    def draw(cls, rng: np.random.Generator, captures: int, doppler: float = DOPPLER, k: float = RICIAN_K) -> Fading:
        """One channel a capture; ``doppler`` in Hz, ``k`` the line of sight's power over the scattered."""
        paths = len(PATH_DELAYS)
        theta = rng.uniform(-np.pi, np.pi, (captures, paths, 1))
        psi, phi = rng.uniform(-np.pi, np.pi, (2, captures, paths, SINUSOIDS))
        sight_angle, sight_phase = rng.uniform(-np.pi, np.pi, (2, captures))
        alpha = (2 * np.pi * np.arange(1, SINUSOIDS + 1) - np.pi + theta) / (4 * SINUSOIDS)
        fastest = 2 * np.pi * doppler / SAMPLE_RATE
        rate, sight_rate = fastest * np.cos(alpha), fastest * np.cos(sight_angle)
        return cls(rate, psi, phi, sight_rate, sight_phase, doppler, k)

    def gains(self, start: np.ndarray, length: int) -> np.ndarray:
        """Gains of the paths over windows: complex64, (paths, captures, windows, samples)."""
        # A path turns so slowly that its gain runs along a straight line between instants well apart.
        apart = int(np.clip(_TURN * SAMPLE_RATE / (2 * np.pi * max(self.doppler, 1e-9)), 1, length))
        known = self._gains_at(start[..., None] + np.arange(0, length + apart, apart))
        left, right = known[..., :-1, None], known[..., 1:, None]
        lines = left + (right - left) * np.linspace(0, 1, apart, endpoint=False, dtype=np.float32)
        return lines.reshape(*known.shape[:-1], -1)[..., :length]

    def _gains_at(self, time: np.ndarray) -> np.ndarray:
        out = np.empty((len(PATH_DELAYS), *time.shape), np.complex64)
        for path, gain in enumerate(out):
            rate, psi, phi = (each[:, path, :, None, None] for each in (self.rate, self.psi, self.phi))
            angle = rate * time[:, None]
            gain.real = np.cos(angle + psi).sum(axis=1)
            gain.imag = np.sin(angle + phi).sum(axis=1)
            gain *= math.sqrt(1 / SINUSOIDS)
        sight = self.sight_rate[:, None, None] * time + self.sight_phase[:, None, None]
        out[0] = math.sqrt(1 / (self.k + 1)) * out[0] + math.sqrt(self.k / (self.k + 1)) * phasor(sight)
        return out


def path_taps() -> np.ndarray:
    """(paths, FADING_TAPS) float32: each path's magnitude, its delay spread over whole samples by a sinc.

    As GNU Radio does, the sinc is cut off before sample 0 and past the last tap.
    """
    lag = np.arange(FADING_TAPS) - np.array(PATH_DELAYS)[:, None]
    return (np.array(PATH_MAGNITUDES)[:, None] * np.sinc(lag)).astype(np.float32)


def fade(x: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """The sum of the paths: y[n] = sum over paths p and lags l of gain_p[n] tap_p[l] x[n - l].

    Args:
        x: (captures, windows, HISTORY + samples).
        gains: (paths, captures, windows, samples).
    """
    length = gains.shape[-1]
    out = np.zeros(gains.shape[1:], np.complex64)
    for gain, taps in zip(gains, path_taps(), strict=True):
        delayed = np.zeros_like(out)
        for lag in np.flatnonzero(np.abs(taps) > 1e-7):
            delayed += taps[lag] * x[..., HISTORY - lag : HISTORY - lag + length]
        delayed *= gain
        out += delayed
    return out


def add_noise(rng: np.random.Generator, x: np.ndarray, snr: float, true_snr: bool) -> np.ndarray:
    """Complex white Gaussian noise on top of the received signal.

    The recipe calls 10^(-snr/10) the noise's amplitude, so that its power is 10^(-2 snr/10) whatever came
    through the fading. With ``true_snr`` the noise is set by the power each window was received with, and
    signal over noise is ``snr`` in dB.
    """
    if true_snr:
        power = np.mean(x.real**2 + x.imag**2, axis=-1, keepdims=True)
        amplitude = np.sqrt(power) * np.float32(10 ** (-snr / 20))
    else:
        amplitude = np.float32(10 ** (-snr / 10))
    noise = rng.standard_normal((*x.shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
    return x + noise * (amplitude * np.float32(math.sqrt(0.5)))
