"""The eleven transmitters of the recipe, each as windows cut out of the captures it sends.

A transmitter is told what each capture sends (bits, or where in the recording it begins), and where windows lie:
``capture`` (windows,) says in which capture, ``first`` (windows,) from which of its samples. Only the windows are
worked out; each depends on no more than the bits and the audio around it.

The recipe (O'Shea and West, GRCon 2016): 8 samples per symbol; root-raised-cosine pulses of excess
bandwidth 0.35; GFSK of sensitivity 0.1 and BT 0.35; CPFSK of index 0.5; WBFM and AM of 44.1 kHz audio.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.signal import hilbert, lfilter, remez, upfirdn

from cldnn_lab.data.rml2016.recipe import Recipe
from cldnn_lab.data.rml2016.signals import BEFORE, SAMPLE_RATE, interpolate, make_phasor
from cldnn_lab.data.rml2016.sources import AUDIO_RATE, draw_bits, make_recording

SAMPLES_PER_SYMBOL = 8
EXCESS_BANDWIDTH = 0.35
HALF_SPAN = 44  # symbols: half of the recipe's interpolator of 11 * 8 taps per sample, and its delay
GFSK_SENSITIVITY = 0.1  # radians per sample at full deviation
GFSK_BT = 0.35
CPFSK_INDEX = 0.5  # half turns per symbol
FM_DEVIATION = 75_000  # Hz at an audio value of 1
FM_PRE_EMPHASIS = 75e-6  # seconds
# GNU Radio's wfm_tx makes 5 samples of each audio sample, and the recipe sends these on as if they had
# been made at 200 kHz.
FM_INTERPOLATION = 5
FM_RATE = AUDIO_RATE * FM_INTERPOLATION  # Hz
# A recording of 16 bits is divided by 65535, so full scale is one half.
AUDIO_SCALE = 32767 / 65535
RECORDING_SECONDS = 60.0
AUDIO_SAMPLES = 10_000  # of a capture
# Samples that a transmitter has been sending when a capture begins, where that is not at its switching on: more than
# the longest filter.
WARM_UP = 1000


@dataclass(frozen=True)
class Transmitter:
    """One modulation.

    Attributes:
        samples: how long a capture is at 200 kHz, for a recipe.
        draw: what one capture sends, from its own random numbers.
        send: windows of the transmission: complex64 (windows, length), of ``content`` (captures, ...) as ``draw``
            gives it, ``capture`` and ``first`` (windows,), ``length``, the recipe and the seed of the recording.
    """

    samples: Callable[[Recipe], int]
    draw: Callable[[np.random.Generator, Recipe, int], np.ndarray]
    send: Callable[[np.ndarray, np.ndarray, np.ndarray, int, Recipe, int], np.ndarray]


# --- of bits ------------------------------------------------------------------------------------


def make_constellation(name: str, *, raw: bool = False) -> np.ndarray:
    """The points of a linear modulation, complex64, of mean power 1.

    Args:
        raw: as they are written down instead: +-1, +-3, ... on each axis.

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
    return (points if raw else points / np.sqrt(np.mean(np.abs(points) ** 2))).astype(np.complex64)


def design_root_raised_cosine() -> np.ndarray:
    """The pulse, SAMPLES_PER_SYMBOL per symbol, scaled so that unit symbols give unit mean power.

    With t in symbols and excess bandwidth b (Proakis, Digital Communications):
    h(t) = (sin(pi t (1 - b)) + 4 b t cos(pi t (1 + b))) / (pi t (1 - (4 b t)^2)), h(0) = 1 - b + 4 b / pi.
    """
    b = EXCESS_BANDWIDTH
    reach = HALF_SPAN * SAMPLES_PER_SYMBOL
    t = np.arange(1, reach + 1) / SAMPLES_PER_SYMBOL  # 1 / (4 b), the other 0 / 0, is not on this grid
    right = (np.sin(np.pi * t * (1 - b)) + 4 * b * t * np.cos(np.pi * t * (1 + b))) / (
        np.pi * t * (1 - (4 * b * t) ** 2)
    )
    return np.concatenate([right[::-1], [1 - b + 4 * b / np.pi], right])


def design_gaussian_pulse() -> np.ndarray:
    """GFSK's frequency pulse: a symbol-long rectangle smoothed by a Gaussian of bandwidth-time product BT.

    The Gaussian is exp(-(2 pi BT t)^2 / (2 ln 2)), t in symbols, its sum one, cut to 4 symbols, as in GNU
    Radio's gfsk_mod and firdes.gaussian.
    """
    t = (np.arange(4 * SAMPLES_PER_SYMBOL) + 1 - 2 * SAMPLES_PER_SYMBOL) / SAMPLES_PER_SYMBOL
    gaussian = np.exp(-((2 * np.pi * GFSK_BT * t) ** 2) / (2 * np.log(2)))
    return np.convolve(gaussian / gaussian.sum(), np.ones(SAMPLES_PER_SYMBOL))


def cut_pulse_windows(
    symbols: np.ndarray, pulse: np.ndarray, capture: np.ndarray, first: np.ndarray, length: int
) -> np.ndarray:
    """Windows of y[m] = sum over k of symbols[k] pulse[m - 8 k], without the rest of y.

    Args:
        symbols: (captures, symbols), float32 or complex64; nothing is sent before the first and after the last.
        pulse: a filter's response to one symbol, from the symbol's first sample on.
        capture, first: of each window.
        length: samples in a window.

    Returns:
        (windows, length), in the dtype of ``symbols``.
    """
    symbol, late = np.divmod(first, SAMPLES_PER_SYMBOL)
    back = -(-len(pulse) // SAMPLES_PER_SYMBOL) - 1
    ahead = -(-(length + SAMPLES_PER_SYMBOL - 1) // SAMPLES_PER_SYMBOL)
    near = symbol[:, None] + np.arange(-back, ahead)
    inside = (near >= 0) & (near < symbols.shape[1])
    around = np.where(inside, symbols[capture[:, None], np.where(inside, near, 0)], 0).astype(symbols.dtype)
    # Row j holds the pulse of the j-th symbol around the window, at each of its samples.
    response = np.zeros((back + ahead, ahead * SAMPLES_PER_SYMBOL), np.float32)
    for row, samples in enumerate(response):
        delay = np.arange(len(samples)) - SAMPLES_PER_SYMBOL * (row - back)
        known = (delay >= 0) & (delay < len(pulse))
        samples[known] = pulse[delay[known]]
    aligned = np.empty((len(first), response.shape[1]), symbols.dtype)
    if np.iscomplexobj(symbols):
        aligned.real, aligned.imag = around.real @ response, around.imag @ response
    else:
        np.matmul(around, response, out=aligned)
    out = np.empty((len(first), length), symbols.dtype)
    for shift in range(SAMPLES_PER_SYMBOL):
        these = late == shift
        out[these] = aligned[these, shift : shift + length]
    return out


def _digital(bits: int, per_symbol: int, wave: Callable[..., np.ndarray]) -> Transmitter:
    """A transmitter of bits; ``wave(bits (captures, symbols, per_symbol), capture, first, length, recipe)`` sends."""
    symbols = bits // per_symbol

    def draw(rng: np.random.Generator, recipe: Recipe, seed: int) -> np.ndarray:
        count = symbols + _sent_before(recipe) // SAMPLES_PER_SYMBOL
        drawn = draw_bits(rng, count * per_symbol, repeated_whitening=recipe.repeated_whitening)
        return drawn.reshape(count, per_symbol)

    def send(
        content: np.ndarray, capture: np.ndarray, first: np.ndarray, length: int, recipe: Recipe, seed: int
    ) -> np.ndarray:
        return wave(content, capture, first + _sent_before(recipe), length, recipe)

    return Transmitter(lambda recipe: symbols * SAMPLES_PER_SYMBOL, draw, send)


def _sent_before(recipe: Recipe) -> int:
    """Samples that a transmitter of bits has sent when a capture begins."""
    return 0 if recipe.start_up else WARM_UP


def linear(name: str, bits: int) -> Transmitter:
    """BPSK, QPSK, 8PSK, PAM4, QAM16 or QAM64: symbols through a root-raised-cosine pulse."""
    width = int(math.log2(len(make_constellation(name))))
    weights = (1 << np.arange(width)).astype(np.uint8)
    pulse = design_root_raised_cosine().astype(np.float32)

    def wave(sent: np.ndarray, capture: np.ndarray, first: np.ndarray, length: int, recipe: Recipe) -> np.ndarray:
        points = make_constellation(name, raw=recipe.raw_constellations)
        return cut_pulse_windows(points[sent @ weights], pulse, capture, first, length)

    return _digital(bits, width, wave)


def _gfsk(sent: np.ndarray, capture: np.ndarray, first: np.ndarray, length: int, recipe: Recipe) -> np.ndarray:
    """Gaussian frequency-shift keying: 0.1 radians per sample either way, smoothed, at constant envelope."""
    return _frequency_shift(sent, GFSK_SENSITIVITY * design_gaussian_pulse(), capture, first, length)


def _cpfsk(sent: np.ndarray, capture: np.ndarray, first: np.ndarray, length: int, recipe: Recipe) -> np.ndarray:
    """Continuous-phase frequency-shift keying: each symbol turns the phase a quarter, either way, evenly."""
    step = np.pi * CPFSK_INDEX / SAMPLES_PER_SYMBOL
    return _frequency_shift(sent, np.full(SAMPLES_PER_SYMBOL, step), capture, first, length)


def _frequency_shift(
    sent: np.ndarray, pulse: np.ndarray, capture: np.ndarray, first: np.ndarray, length: int
) -> np.ndarray:
    """exp(j phase), where each symbol of -1 or 1 turns the phase by its frequency ``pulse``, radians per sample."""
    symbols = sent[..., 0].astype(np.float32) * 2 - 1
    # A pulse that has passed leaves its whole turn behind.
    passed = first // SAMPLES_PER_SYMBOL - (-(-len(pulse) // SAMPLES_PER_SYMBOL))
    turns = np.cumsum(symbols, axis=1, dtype=np.float64)
    before = np.where(passed >= 0, turns[capture, np.clip(passed, 0, symbols.shape[1] - 1)], 0) * pulse.sum()
    ahead = -(-(length + SAMPLES_PER_SYMBOL - 1) // SAMPLES_PER_SYMBOL)
    response = np.concatenate([np.cumsum(pulse), np.full((ahead + 1) * SAMPLES_PER_SYMBOL, pulse.sum())])
    return make_phasor(before[:, None] + _recent(symbols, response, passed, capture, first, length))


def _recent(
    symbols: np.ndarray, response: np.ndarray, passed: np.ndarray, capture: np.ndarray, first: np.ndarray, length: int
) -> np.ndarray:
    """:func:`cut_pulse_windows` of the symbols after ``passed`` alone."""
    kept = np.arange(len(response) // SAMPLES_PER_SYMBOL) + passed[:, None] + 1
    inside = (kept >= 0) & (kept < symbols.shape[1])
    near = np.where(inside, symbols[capture[:, None], np.where(inside, kept, 0)], 0).astype(np.float32)
    rows = np.arange(len(first))
    return cut_pulse_windows(near, response, rows, first - SAMPLES_PER_SYMBOL * (passed + 1), length)


# --- of audio -----------------------------------------------------------------------------------


@lru_cache(maxsize=2)
def audio(seed: int, double_speed: bool) -> np.ndarray:
    """The recording that all analog transmissions of a seed are cut from: float32, full scale at AUDIO_SCALE."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, int.from_bytes(b"audio", "big")]))
    whole = make_recording(rng, RECORDING_SECONDS) * np.float32(AUDIO_SCALE)
    return whole[::2].copy() if double_speed else whole


@lru_cache(maxsize=1)
def _sidebands(seed: int, double_speed: bool) -> np.ndarray:
    """The recording with its negative frequencies removed, complex64."""
    return hilbert(audio(seed, double_speed)).astype(np.complex64)


@lru_cache(maxsize=1)
def _fm_phase(seed: int, double_speed: bool, slow: bool) -> np.ndarray:
    """Phase of the recording's broadcast FM: radians, float64, at FM_RATE if ``slow``, else at SAMPLE_RATE."""
    phase = compute_wbfm_phase(audio(seed, double_speed))
    if slow:
        return phase
    # The phase is smooth where the signal is not, so it is the phase that is resampled, by a cubic spline.
    return map_coordinates(phase, [np.arange(0, len(phase) - 1, FM_RATE / SAMPLE_RATE)], mode="nearest")


def prepare(names: Iterable[str], seed: int, recipe: Recipe) -> None:
    """Make what these transmitters share and keep, before threads would each make their own."""
    audio(seed, recipe.double_speed)
    if "AM-SSB" in names and not recipe.empty_am_ssb:
        _sidebands(seed, recipe.double_speed)
    if "WBFM" in names:
        _fm_phase(seed, recipe.double_speed, recipe.slow_wbfm)


def _analog(wave: Callable[..., np.ndarray], samples: Callable[[Recipe], int]) -> Transmitter:
    """A transmitter of audio; ``wave(begin (windows, 1) in the recording, first, length, recipe, seed)`` sends."""

    def draw(rng: np.random.Generator, recipe: Recipe, seed: int) -> np.ndarray:
        if recipe.same_audio:
            return np.zeros(1, np.int64)
        room = len(audio(seed, recipe.double_speed)) - 2 * AUDIO_SAMPLES
        return rng.integers(0, room, 1)

    def send(
        content: np.ndarray, capture: np.ndarray, first: np.ndarray, length: int, recipe: Recipe, seed: int
    ) -> np.ndarray:
        return wave(content[capture], first, length, recipe, seed)

    return Transmitter(samples, draw, send)


def _audio_windows(begin: np.ndarray, first: np.ndarray, length: int, track: np.ndarray) -> np.ndarray:
    """Windows of the recording at 200 kHz, by GNU Radio's fractional resampler (8-tap least squares)."""
    step = AUDIO_RATE / SAMPLE_RATE
    return interpolate(track, BEFORE + begin + step * (first[:, None] + np.arange(length)))


def _am_dsb(begin: np.ndarray, first: np.ndarray, length: int, recipe: Recipe, seed: int) -> np.ndarray:
    """Amplitude modulation with its carrier: 1 + audio."""
    return (1 + _audio_windows(begin, first, length, audio(seed, recipe.double_speed))).astype(np.complex64)


def _am_ssb(begin: np.ndarray, first: np.ndarray, length: int, recipe: Recipe, seed: int) -> np.ndarray:
    """The carrier and the upper sideband alone, 1 + audio + j Hilbert(audio); or nothing.

    The recipe's own flow graph multiplies by a sine of 0 Hz, which is zero, so that the published AM-SSB
    vectors hold nothing but noise.
    """
    if recipe.empty_am_ssb:
        return np.zeros((len(first), length), np.complex64)
    return 1 + _audio_windows(begin, first, length, _sidebands(seed, recipe.double_speed))


def design_pre_emphasis(rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Filter coefficients (b, a) that raise audio above 1 / (2 pi 75 us) = 2.1 kHz by 6 dB an octave.

    H(s) = (s + w1) / (s + w2) by the bilinear transform, unit gain at 0 Hz, flat again above 0.925 of half
    the rate, as in GNU Radio's fm_preemph.
    """
    rise = math.tan(1 / FM_PRE_EMPHASIS / (2 * rate))
    flat = math.tan(math.pi * 0.925 / 2)
    zero, pole = (1 - rise) / (1 + rise), (1 - flat) / (1 + flat)
    gain = (1 - pole) / (1 - zero)
    return np.array([gain, -gain * zero]), np.array([1, -pole])


def compute_wbfm_phase(track: np.ndarray) -> np.ndarray:
    """The phase of broadcast FM of audio, FM_INTERPOLATION samples per sample, in radians, float64.

    GNU Radio's wfm_tx: interpolate, pre-emphasise, integrate. Its interpolator passes 16 kHz within 0.1 dB
    and holds the images from 18 kHz on down by 40 dB; pre-emphasis lifts what is left of them by 30 dB, so
    that they can be seen in the signal, and the filter has to be the same equal-ripple one.
    """
    bands, gains = [0, 16e3, 18e3, FM_RATE / 2], [FM_INTERPOLATION, 0]
    low_pass = remez(287, bands, gains, weight=[8.7, 1], fs=FM_RATE, maxiter=100)
    fine = upfirdn(low_pass.astype(np.float32), track, up=FM_INTERPOLATION)
    phase = np.cumsum(lfilter(*design_pre_emphasis(FM_RATE), fine), dtype=np.float64)
    phase *= 2 * np.pi * FM_DEVIATION / FM_RATE
    return phase


def _wbfm(begin: np.ndarray, first: np.ndarray, length: int, recipe: Recipe, seed: int) -> np.ndarray:
    """Wide-band (broadcast) frequency modulation of the recording."""
    phase = _fm_phase(seed, recipe.double_speed, recipe.slow_wbfm)
    rate = FM_RATE if recipe.slow_wbfm else SAMPLE_RATE
    return make_phasor(phase[begin * rate // AUDIO_RATE + first[:, None] + np.arange(length)])


def _audio_length(recipe: Recipe) -> int:
    return int(AUDIO_SAMPLES / AUDIO_RATE * SAMPLE_RATE)


def _wbfm_length(recipe: Recipe) -> int:
    return AUDIO_SAMPLES * FM_INTERPOLATION if recipe.slow_wbfm else _audio_length(recipe)


TRANSMITTERS: dict[str, Transmitter] = {
    "8PSK": linear("8PSK", 10_000),
    "AM-DSB": _analog(_am_dsb, _audio_length),
    "AM-SSB": _analog(_am_ssb, _audio_length),
    "BPSK": linear("BPSK", 10_000),
    "CPFSK": _digital(10_000, 1, _cpfsk),
    "GFSK": _digital(10_000, 1, _gfsk),
    "PAM4": linear("PAM4", 10_000),
    "QAM16": linear("QAM16", 20_000),
    "QAM64": linear("QAM64", 30_000),
    "QPSK": linear("QPSK", 10_000),
    "WBFM": _analog(_wbfm, _wbfm_length),
}
