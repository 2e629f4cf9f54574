"""The noise at the receiver."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from cldnn_lab.data.rml2016.fading import CHANNEL_SEED

POOL = 8192  # values that the published noise is drawn from
# Total power of the published noise at label 0: its pool has .98, and .93 on the amplitude brings the SNR that is
# measured out of band (see docs/radioml.md) to that of the real files. Why it takes this factor is not known.
POOL_POWER = 0.98 * 0.93**2


def draw_noise(rng: np.random.Generator, shape: tuple[int, ...], *, pool: bool) -> np.ndarray:
    """Complex white noise: complex64, of unit power, or of the published pool's :data:`POOL_POWER`.

    Args:
        pool: draw, with replacement, from the same 8,192 Gaussian values every time.
    """
    if pool:
        return _make_noise_pool()[rng.integers(0, POOL, shape, dtype=np.uint16)]
    return rng.standard_normal((*shape, 2), dtype=np.float32).view(np.complex64)[..., 0] * np.float32(math.sqrt(0.5))


@lru_cache(maxsize=1)
def _make_noise_pool() -> np.ndarray:
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
