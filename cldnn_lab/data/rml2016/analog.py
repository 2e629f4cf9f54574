"""The transmitters of audio: amplitude and frequency modulation of a recording at 44.1 kHz."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.signal import hilbert, lfilter, remez, upfirdn

from cldnn_lab.data.rml2016.content import AUDIO_RATE, make_recording
from cldnn_lab.data.rml2016.recipe import Recipe
from cldnn_lab.data.rml2016.signals import BEFORE, SAMPLE_RATE, interpolate, make_phasor
from cldnn_lab.data.rml2016.transmitter import Transmitter

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


@lru_cache(maxsize=2)
def make_audio(seed: int, double_speed: bool) -> np.ndarray:
    """The recording that all analog transmissions of a seed are cut from: float32, full scale at AUDIO_SCALE."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, int.from_bytes(b"audio", "big")]))
    whole = make_recording(rng, RECORDING_SECONDS) * np.float32(AUDIO_SCALE)
    return whole[::2].copy() if double_speed else whole


@lru_cache(maxsize=1)
def _make_sidebands(seed: int, double_speed: bool) -> np.ndarray:
    """The recording with its negative frequencies removed, complex64."""
    return hilbert(make_audio(seed, double_speed)).astype(np.complex64)


@lru_cache(maxsize=1)
def _make_fm_phase(seed: int, double_speed: bool, slow: bool) -> np.ndarray:
    """Phase of the recording's broadcast FM: radians, float64, at FM_RATE if ``slow``, else at SAMPLE_RATE."""
    phase = compute_wbfm_phase(make_audio(seed, double_speed))
    if slow:
        return phase
    # The phase is smooth where the signal is not, so it is the phase that is resampled, by a cubic spline.
    return map_coordinates(phase, [np.arange(0, len(phase) - 1, FM_RATE / SAMPLE_RATE)], mode="nearest")


def prepare(names: Iterable[str], seed: int, recipe: Recipe) -> None:
    """Make what these transmitters share and keep, before threads would each make their own."""
    make_audio(seed, recipe.double_speed)
    if "AM-SSB" in names and not recipe.empty_am_ssb:
        _make_sidebands(seed, recipe.double_speed)
    if "WBFM" in names:
        _make_fm_phase(seed, recipe.double_speed, recipe.slow_wbfm)


def _make_analog(wave: Callable[..., np.ndarray], samples: Callable[[Recipe], int]) -> Transmitter:
    """A transmitter of audio; ``wave(begin (windows, 1) in the recording, first, length, recipe, seed)`` sends."""

    def draw(rng: np.random.Generator, recipe: Recipe, seed: int) -> np.ndarray:
        if recipe.same_audio:
            return np.zeros(1, np.int64)
        room = len(make_audio(seed, recipe.double_speed)) - 2 * AUDIO_SAMPLES
        return rng.integers(0, room, 1)

    def send(
        content: np.ndarray, capture: np.ndarray, first: np.ndarray, length: int, recipe: Recipe, seed: int
    ) -> np.ndarray:
        return wave(content[capture], first, length, recipe, seed)

    return Transmitter(samples, draw, send)


def _cut_audio_windows(begin: np.ndarray, first: np.ndarray, length: int, track: np.ndarray) -> np.ndarray:
    """Windows of the recording at 200 kHz, by GNU Radio's fractional resampler (8-tap least squares)."""
    step = AUDIO_RATE / SAMPLE_RATE
    return interpolate(track, BEFORE + begin + step * (first[:, None] + np.arange(length)))


def _send_am_dsb(begin: np.ndarray, first: np.ndarray, length: int, recipe: Recipe, seed: int) -> np.ndarray:
    """Amplitude modulation with its carrier: 1 + audio."""
    return (1 + _cut_audio_windows(begin, first, length, make_audio(seed, recipe.double_speed))).astype(np.complex64)


def _send_am_ssb(begin: np.ndarray, first: np.ndarray, length: int, recipe: Recipe, seed: int) -> np.ndarray:
    """The carrier and the upper sideband alone, 1 + audio + j Hilbert(audio); or nothing.

    The recipe's own flow graph multiplies by a sine of 0 Hz, which is zero, so that the published AM-SSB
    vectors hold nothing but noise.
    """
    if recipe.empty_am_ssb:
        return np.zeros((len(first), length), np.complex64)
    return 1 + _cut_audio_windows(begin, first, length, _make_sidebands(seed, recipe.double_speed))


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


def _send_wbfm(begin: np.ndarray, first: np.ndarray, length: int, recipe: Recipe, seed: int) -> np.ndarray:
    """Wide-band (broadcast) frequency modulation of the recording."""
    phase = _make_fm_phase(seed, recipe.double_speed, recipe.slow_wbfm)
    rate = FM_RATE if recipe.slow_wbfm else SAMPLE_RATE
    return make_phasor(phase[begin * rate // AUDIO_RATE + first[:, None] + np.arange(length)])


def _count_audio_samples(recipe: Recipe) -> int:
    return int(AUDIO_SAMPLES / AUDIO_RATE * SAMPLE_RATE)


def _count_wbfm_samples(recipe: Recipe) -> int:
    return AUDIO_SAMPLES * FM_INTERPOLATION if recipe.slow_wbfm else _count_audio_samples(recipe)


ANALOG: dict[str, Transmitter] = {
    "AM-DSB": _make_analog(_send_am_dsb, _count_audio_samples),
    "AM-SSB": _make_analog(_send_am_ssb, _count_audio_samples),
    "WBFM": _make_analog(_send_wbfm, _count_wbfm_samples),
}
