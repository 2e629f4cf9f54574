"""The eleven transmitters of the recipe, each as windows cut out of an endless transmission at 200 kHz.

A window is cut where its transmission has long been running, so no filter's start-up is in it; every
transmitter's mean power is 1. ``start`` says at which sample of its transmission a window begins, and has
shape (captures, vectors): the windows of one capture belong to one transmission.

The recipe (O'Shea and West, GRCon 2016): 8 samples per symbol; root-raised-cosine pulses of excess
bandwidth 0.35; GFSK of sensitivity 0.1 and BT 0.35; CPFSK of index 0.5; WBFM and AM of 44.1 kHz audio.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np
from scipy.signal import hilbert, lfilter, remez, upfirdn

from cldnn_lab.data.rml2016.signals import AFTER, BEFORE, SAMPLE_RATE, interpolate, phasor
from cldnn_lab.data.rml2016.sources import AUDIO_RATE, speech, whitened_bits

SAMPLES_PER_SYMBOL = 8
EXCESS_BANDWIDTH = 0.35
GFSK_SENSITIVITY = 0.1  # radians per sample at full deviation
GFSK_BT = 0.35
CPFSK_INDEX = 0.5  # half turns per symbol
FM_DEVIATION = 75_000  # Hz at an audio value of 1
FM_PRE_EMPHASIS = 75e-6  # seconds
# GNU Radio's wfm_tx makes 5 samples of each audio sample, and the recipe sends these on as if they had
# been made at 200 kHz.
FM_INTERPOLATION = 5
# A recording of 16 bits is divided by 65535, so full scale is one half.
AUDIO_SCALE = 32767 / 65535
RECORDING_SECONDS = 60.0
_RRC_HALF_SPAN = 11  # symbols: what is cut off is 60 dB down

Transmitter = Callable[[np.random.Generator, np.ndarray, int, int], np.ndarray]


def constellation(name: str) -> np.ndarray:
    """The points of a linear modulation, complex64, of mean power 1.

    >>> len(constellation("QAM16"))
    16
    """
    if name in ("BPSK", "PAM4"):
        points = np.arange(1 - (levels := 2 if name == "BPSK" else 4), levels, 2).astype(complex)
    elif name in ("QPSK", "8PSK"):
        order = 4 if name == "QPSK" else 8
        points = np.exp(2j * np.pi * (np.arange(order) + 0.5) / order)
    else:
        side = {"QAM16": 4, "QAM64": 8}[name]
        level = np.arange(1 - side, side, 2)
        points = (level[:, None] + 1j * level[None, :]).ravel()
    return (points / np.sqrt(np.mean(np.abs(points) ** 2))).astype(np.complex64)


def root_raised_cosine() -> np.ndarray:
    """The pulse, SAMPLES_PER_SYMBOL a symbol, scaled so that unit symbols give unit mean power.

    With t in symbols and excess bandwidth b (Proakis, Digital Communications):
    h(t) = (sin(pi t (1 - b)) + 4 b t cos(pi t (1 + b))) / (pi t (1 - (4 b t)^2)), h(0) = 1 - b + 4 b / pi.
    """
    b = EXCESS_BANDWIDTH
    reach = _RRC_HALF_SPAN * SAMPLES_PER_SYMBOL
    t = np.arange(1, reach + 1) / SAMPLES_PER_SYMBOL  # 1 / (4 b), the other 0 / 0, is not on this grid
    right = (np.sin(np.pi * t * (1 - b)) + 4 * b * t * np.cos(np.pi * t * (1 + b))) / (
        np.pi * t * (1 - (4 * b * t) ** 2)
    )
    return np.concatenate([right[::-1], [1 - b + 4 * b / np.pi], right])


def linear(name: str) -> Transmitter:
    """BPSK, QPSK, 8PSK, PAM4, QAM16 or QAM64: symbols through a root-raised-cosine pulse."""
    points = constellation(name)
    width = int(math.log2(len(points)))
    weights = (1 << np.arange(width)).astype(np.uint8)
    pulse = root_raised_cosine().astype(np.float32)

    def transmit(rng: np.random.Generator, start: np.ndarray, length: int, seed: int) -> np.ndarray:
        bits = whitened_bits(rng, (_symbols_under(start, length), width))
        return _windows(_shape(points[bits @ weights], pulse), start, length)

    return transmit


def _symbols_under(start: np.ndarray, length: int) -> int:
    """Symbols in a stretch of transmission that has room for all windows, one after the other."""
    return start.size * -(-(length + SAMPLES_PER_SYMBOL - 1) // SAMPLES_PER_SYMBOL)


def _shape(symbols: np.ndarray, pulse: np.ndarray) -> np.ndarray:
    """A pulse for each symbol: SAMPLES_PER_SYMBOL samples a symbol, from the first pulse's middle on.

    The symbols go round in a ring, so that no sample lacks the tails of its neighbours.
    """
    around = -(-len(pulse) // (2 * SAMPLES_PER_SYMBOL))
    before = around * SAMPLES_PER_SYMBOL - len(pulse) // 2
    whole = np.zeros((2 * around + 1) * SAMPLES_PER_SYMBOL, symbols.dtype)
    whole[before : before + len(pulse)] = pulse
    ring = np.take(symbols, np.arange(-around, len(symbols) + around), mode="wrap")
    out = np.empty((len(symbols), SAMPLES_PER_SYMBOL), symbols.dtype)
    for late in range(SAMPLES_PER_SYMBOL):  # each sample of a symbol has taps of its own: a polyphase filter
        out[:, late] = np.convolve(ring, whole[late::SAMPLES_PER_SYMBOL], mode="valid")
    return out.ravel()


def _windows(transmission: np.ndarray, start: np.ndarray, length: int) -> np.ndarray:
    """Windows that begin ``start`` samples, modulo a symbol, after a symbol's beginning."""
    rows = transmission.reshape(start.size, -1)
    late = start.ravel() % SAMPLES_PER_SYMBOL
    out = np.empty((start.size, length), rows.dtype)
    for samples in range(SAMPLES_PER_SYMBOL):
        these = late == samples
        out[these] = rows[these, samples : samples + length]
    return out.reshape(*start.shape, length)


def gaussian_pulse() -> np.ndarray:
    """GFSK's frequency pulse: a symbol-long rectangle smoothed by a Gaussian of bandwidth-time product BT.

    The Gaussian is exp(-(2 pi BT t)^2 / (2 ln 2)), t in symbols, its sum one, cut to 4 symbols, as in GNU
    Radio's gfsk_mod and firdes.gaussian.
    """
    t = (np.arange(4 * SAMPLES_PER_SYMBOL) + 1 - 2 * SAMPLES_PER_SYMBOL) / SAMPLES_PER_SYMBOL
    gaussian = np.exp(-((2 * np.pi * GFSK_BT * t) ** 2) / (2 * np.log(2)))
    return np.convolve(gaussian / gaussian.sum(), np.ones(SAMPLES_PER_SYMBOL))


def gfsk(rng: np.random.Generator, start: np.ndarray, length: int, seed: int) -> np.ndarray:
    """Gaussian frequency-shift keying: 0.1 radians a sample either way, smoothed, at constant envelope."""
    bits = whitened_bits(rng, (_symbols_under(start, length),))
    frequency = _shape(bits.astype(np.float32) * 2 - 1, gaussian_pulse().astype(np.float32))
    return _windows(phasor(np.cumsum(GFSK_SENSITIVITY * frequency, dtype=np.float64)), start, length)


def cpfsk(rng: np.random.Generator, start: np.ndarray, length: int, seed: int) -> np.ndarray:
    """Continuous-phase frequency-shift keying: each symbol turns the phase a quarter, either way, evenly."""
    bits = whitened_bits(rng, (_symbols_under(start, length),))
    step = np.pi * CPFSK_INDEX / SAMPLES_PER_SYMBOL * (bits.astype(np.float64) * 2 - 1)
    return _windows(phasor(np.cumsum(np.repeat(step, SAMPLES_PER_SYMBOL))), start, length)


@lru_cache(maxsize=2)
def recording(seed: int) -> np.ndarray:
    """The audio that all analog transmissions of a seed are cut from: float32, full scale at AUDIO_SCALE."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, int.from_bytes(b"audio", "big")]))
    return speech(rng, RECORDING_SECONDS) * np.float32(AUDIO_SCALE)


@lru_cache(maxsize=1)
def _sidebands(seed: int) -> np.ndarray:
    """The recording with its negative frequencies removed, complex64."""
    return hilbert(recording(seed)).astype(np.complex64)


@lru_cache(maxsize=1)
def _fm_phase(seed: int) -> np.ndarray:
    return wbfm_phase(recording(seed))


_MATERIAL = {"AM-DSB": recording, "AM-SSB": _sidebands, "WBFM": _fm_phase}


def prepare(names: Iterable[str], seed: int) -> None:
    """Make what these transmitters share and keep, before threads would each make their own."""
    for name in names:
        if name in _MATERIAL:
            _MATERIAL[name](seed)


def _somewhere(rng: np.random.Generator, start: np.ndarray, span: int, samples: int) -> np.ndarray:
    """(windows, 1) first samples: each capture begins at a place of its own in a recording of ``samples``."""
    last = samples - span - int(start.max())
    return (rng.integers(0, last, (len(start), 1)) + start).reshape(-1, 1)


def _audio_windows(rng: np.random.Generator, start: np.ndarray, length: int, audio: np.ndarray) -> np.ndarray:
    """Windows of the recording at 200 kHz, by GNU Radio's fractional resampler (8-tap least squares)."""
    step = AUDIO_RATE / SAMPLE_RATE
    samples = int((len(audio) - BEFORE - AFTER - 1) / step)
    first = _somewhere(rng, start, length, samples)
    return interpolate(audio, BEFORE + step * (first + np.arange(length))).reshape(*start.shape, length)


def am_dsb(rng: np.random.Generator, start: np.ndarray, length: int, seed: int) -> np.ndarray:
    """Amplitude modulation with its carrier: 1 + audio."""
    return (1 + _audio_windows(rng, start, length, recording(seed))).astype(np.complex64)


def am_ssb(rng: np.random.Generator, start: np.ndarray, length: int, seed: int) -> np.ndarray:
    """The carrier and the upper sideband alone: 1 + audio + j Hilbert(audio).

    The recipe's own flow graph multiplies by a sine of 0 Hz, which is zero, so that the published AM-SSB
    vectors hold nothing but noise; that slip is not repeated here.
    """
    return 1 + _audio_windows(rng, start, length, _sidebands(seed))


def pre_emphasis(rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Filter coefficients (b, a) that raise audio above 1 / (2 pi 75 us) = 2.1 kHz by 6 dB an octave.

    H(s) = (s + w1) / (s + w2) by the bilinear transform, unit gain at 0 Hz, flat again above 0.925 of half
    the rate, as in GNU Radio's fm_preemph.
    """
    rise = math.tan(1 / FM_PRE_EMPHASIS / (2 * rate))
    flat = math.tan(math.pi * 0.925 / 2)
    zero, pole = (1 - rise) / (1 + rise), (1 - flat) / (1 + flat)
    gain = (1 - pole) / (1 - zero)
    return np.array([gain, -gain * zero]), np.array([1, -pole])


def wbfm_phase(audio: np.ndarray) -> np.ndarray:
    """The phase of broadcast FM of ``audio``, FM_INTERPOLATION samples a sample, wrapped to 0..2 pi, float32.

    GNU Radio's wfm_tx: interpolate, pre-emphasise, integrate. Its interpolator passes 16 kHz within 0.1 dB
    and holds the images from 18 kHz on down by 40 dB; pre-emphasis lifts what is left of them by 30 dB, so
    that they can be seen in the signal, and the filter has to be the same equal-ripple one.
    """
    rate = AUDIO_RATE * FM_INTERPOLATION
    bands, gains = [0, 16e3, 18e3, rate / 2], [FM_INTERPOLATION, 0]
    low_pass = remez(287, bands, gains, weight=[8.7, 1], fs=rate, maxiter=100)
    fine = upfirdn(low_pass.astype(np.float32), audio, up=FM_INTERPOLATION)
    frequency = lfilter(*pre_emphasis(rate), fine)
    del fine
    phase = np.cumsum(frequency, out=frequency)
    phase *= 2 * np.pi * FM_DEVIATION / rate
    return np.remainder(phase, 2 * np.pi, out=phase).astype(np.float32)


def wbfm(rng: np.random.Generator, start: np.ndarray, length: int, seed: int) -> np.ndarray:
    """Wide-band (broadcast) frequency modulation of the recording."""
    phase = _fm_phase(seed)
    first = _somewhere(rng, start, length, len(phase))
    return phasor(phase[first + np.arange(length)]).reshape(*start.shape, length)


TRANSMITTERS: dict[str, Transmitter] = {
    "8PSK": linear("8PSK"),
    "AM-DSB": am_dsb,
    "AM-SSB": am_ssb,
    "BPSK": linear("BPSK"),
    "CPFSK": cpfsk,
    "GFSK": gfsk,
    "PAM4": linear("PAM4"),
    "QAM16": linear("QAM16"),
    "QAM64": linear("QAM64"),
    "QPSK": linear("QPSK"),
    "WBFM": wbfm,
}
