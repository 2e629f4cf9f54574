"""Frequency-selective fading, as GNU Radio's selective_fading_model computes it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cldnn_lab.data.rml2016.signals import SAMPLE_RATE, make_phasor

SINUSOIDS = 8
DOPPLER = 1.0  # Hz
RICIAN_K = 4.0
PATH_DELAYS = (0.0, 0.9, 1.7)  # samples
PATH_MAGNITUDES = (1.0, 0.8, 0.3)
FADING_TAPS = 8
HISTORY = FADING_TAPS - 1  # samples before a window that its fading reaches back to
CHANNEL_SEED = 4919  # 0x1337, of every capture in the published files
_TURN = 0.02  # radians a path may turn between instants at which its gain is worked out: 5e-5 of error


@dataclass(frozen=True)
class Fading:
    """Frequency-selective fading: paths of fixed delay, the gain of each a sum of sinusoids.

    GNU Radio's selective_fading_model, after Alimohammad, Fard, Cockburn and Schlegel (2009). With angles theta,
    psi_n, phi_n even in +-pi, alpha_n = (2 pi n - pi + theta) / (4 N), N = 8, and w = 2 pi fD, the gain of a path is

        scale sum over n of cos(w t cos(alpha_n) + psi_n) + j sin(w t cos(alpha_n) + phi_n)        (:meth:`draw`)

    with n = 1..N, scale = sqrt(1/N) and hence unit mean power, or, in its release of 2016,

        scale sum over n of cos(w t cos(alpha_n) + psi_n) + j cos(w t sin(alpha_n) + phi_n)   (:meth:`make_published`)

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
        rate = _compute_radians_per_sample(doppler) * np.cos(_compute_arrival(theta, SINUSOIDS))
        return cls(
            math.sqrt(1 / SINUSOIDS),
            np.stack([rate, rate]),
            np.stack([psi, phi - np.pi / 2]),
            _compute_radians_per_sample(doppler) * np.cos(sight_angle[:, 0]),
            sight_phase[:, 0],
            doppler,
            k,
        )

    @classmethod
    def make_published(cls) -> Fading:
        """The one channel of the published files, from Mersenne Twisters of seeds 4919, 4920 and 4921."""
        angles = np.stack(
            [_draw_angles(CHANNEL_SEED + path, 2 + 2 * (SINUSOIDS + 1)) for path in range(len(PATH_DELAYS))]
        )
        psi, phi = angles[:, 2::2], angles[:, 3::2]
        alpha = _compute_arrival(angles[:, :1], SINUSOIDS - 1)
        turn = _compute_radians_per_sample(DOPPLER)
        return cls(
            math.sqrt(2 / SINUSOIDS),
            turn * np.stack([np.cos(alpha), np.sin(alpha)])[:, None],
            np.stack([psi, phi])[:, None, :, 2:],
            turn * np.cos(angles[:1, 1]),
            psi[:1, 0],
        )

    def compute_gains(self, start: np.ndarray, capture: np.ndarray, length: int) -> np.ndarray:
        """Gains of the paths over windows: complex64, (paths, windows, samples)."""
        # A path turns so slowly that its gain runs along a straight line between instants well apart.
        apart = int(np.clip(_TURN * SAMPLE_RATE / (2 * np.pi * max(self.doppler, 1e-9)), 1, length))
        known = self._compute_gains_at(start[:, None] + np.arange(0, length + apart, apart), capture)
        left, right = known[..., :-1, None], known[..., 1:, None]
        lines = left + (right - left) * np.linspace(0, 1, apart, endpoint=False, dtype=np.float32)
        return lines.reshape(*known.shape[:-1], -1)[..., :length]

    def _compute_gains_at(self, time: np.ndarray, capture: np.ndarray) -> np.ndarray:
        out = np.empty((len(PATH_DELAYS), *time.shape), np.complex64)
        for path, gain in enumerate(out):
            for part, rate, phase in zip((gain.real, gain.imag), self.rates, self.phases, strict=True):
                angle = rate[capture, path, :, None] * time[:, None] + phase[capture, path, :, None]
                part[:] = self.scale * np.cos(angle).sum(axis=1)
        sight = make_phasor(self.sight_rate[capture, None] * time + self.sight_phase[capture, None])
        out[0] = math.sqrt(1 / (self.k + 1)) * out[0] + math.sqrt(self.k / (self.k + 1)) * sight
        return out


def _compute_arrival(theta: np.ndarray, sinusoids: int) -> np.ndarray:
    """The angles alpha_1, alpha_2, ... of the scattered waves along a new last axis of length ``sinusoids``."""
    return (2 * np.pi * np.arange(1, sinusoids + 1) - np.pi + theta) / (4 * SINUSOIDS)


def _compute_radians_per_sample(doppler: float) -> float:
    return 2 * math.pi * doppler / SAMPLE_RATE


def _draw_angles(seed: int, count: int) -> np.ndarray:
    """Angles in +-pi from the raw outputs of the Mersenne Twister MT19937."""
    raw = np.random.RandomState(seed).randint(0, 2**32, count, dtype=np.uint32)
    return 2 * np.pi * raw / 2.0**32 - np.pi


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
