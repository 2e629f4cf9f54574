"""What transmitters and channel share: the sample rate, phasors, and values between samples."""

from __future__ import annotations

import numpy as np

SAMPLE_RATE = 200_000  # Hz

# The interpolator behind the resampling of audio and the sample-rate offset.
TAPS = 8
BEFORE = 3  # samples an output needs before the one it falls behind
AFTER = TAPS - BEFORE - 1  # and how many past it
PHASES = 128
BANDWIDTH = 0.25  # cycles per sample: what lies within is interpolated almost without error


def make_phasor(phase: np.ndarray) -> np.ndarray:
    """exp(j phase), complex64, of a phase in radians that may be large (float64)."""
    # Wrapped before float32 would round away the digits that count.
    wrapped = np.remainder(phase, 2 * np.pi).astype(np.float32)
    out = np.empty(wrapped.shape, np.complex64)
    np.cos(wrapped, out=out.real)
    np.sin(wrapped, out=out.imag)
    return out


def _design_filters() -> np.ndarray:
    """(TAPS, PHASES + 1) float32: column p interpolates p / PHASES of a sample past tap BEFORE.

    For a signal that is white within BANDWIDTH and empty outside, its autocorrelation is
    sinc(2 B lag), and the taps of least squared error solve R c = r: the design that GNU Radio's
    mmse_fir_interpolator documents, with the same 8 taps, 128 phases and bandwidth.
    """
    taps = np.arange(TAPS)
    wanted = BEFORE + np.arange(PHASES + 1) / PHASES
    between_taps = np.sinc(2 * BANDWIDTH * (taps[:, None] - taps[None, :]))
    to_wanted = np.sinc(2 * BANDWIDTH * (taps[:, None] - wanted[None, :]))
    return np.linalg.solve(between_taps, to_wanted).astype(np.float32)


_TABLE = _design_filters()


def interpolate(x: np.ndarray, position: np.ndarray) -> np.ndarray:
    """The values of ``x`` at fractional positions.

    Args:
        x: real or complex samples, shape (rows, samples), or (samples,) for one row that all share.
        position: in samples from the first of a row, shape (rows, wanted); each must have BEFORE samples
            before it and AFTER past it.

    Returns:
        shape (rows, wanted), in the dtype of ``x``.
    """
    whole = np.floor(position)
    phase = np.rint((position - whole) * PHASES).astype(np.intp)
    first = whole.astype(np.intp) - BEFORE
    if x.ndim == 2:
        first += (np.arange(len(x)) * x.shape[1])[:, None]
    if first.min() < 0 or first.max() + TAPS > x.size:
        raise IndexError("positions reach beyond the samples")
    flat = x.reshape(-1)
    out = np.zeros(first.shape, x.dtype)
    near, weight = np.empty_like(out), np.empty(first.shape, np.float32)
    for taps in _TABLE:  # "clip" spares a check that was made above
        np.take(flat, first, out=near, mode="clip")
        np.take(taps, phase, out=weight, mode="clip")
        near *= weight
        out += near
        first += 1
    return out
