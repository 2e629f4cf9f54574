"""The transmitters of bits: linear modulations and frequency-shift keying.

The recipe (O'Shea and West, GRCon 2016): 8 samples per symbol; root-raised-cosine pulses of excess bandwidth 0.35;
GFSK of sensitivity 0.1 and BT 0.35; CPFSK of index 0.5.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from cldnn_lab.data.rml2016.content import draw_bits
from cldnn_lab.data.rml2016.recipe import Recipe
from cldnn_lab.data.rml2016.signals import make_phasor
from cldnn_lab.data.rml2016.transmitter import Transmitter

SAMPLES_PER_SYMBOL = 8
EXCESS_BANDWIDTH = 0.35
HALF_SPAN = 44  # symbols: half of the recipe's interpolator of 11 * 8 taps per sample, and its delay
GFSK_SENSITIVITY = 0.1  # radians per sample at full deviation
GFSK_BT = 0.35
CPFSK_INDEX = 0.5  # half turns per symbol
# Samples that a transmitter has been sending when a capture begins, where that is not at its switching on: more than
# the longest filter.
WARM_UP = 1000


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


def _make_digital(bits: int, per_symbol: int, wave: Callable[..., np.ndarray]) -> Transmitter:
    """A transmitter of bits; ``wave(bits (captures, symbols, per_symbol), capture, first, length, recipe)`` sends."""
    symbols = bits // per_symbol

    def draw(rng: np.random.Generator, recipe: Recipe, seed: int) -> np.ndarray:
        count = symbols + _count_sent_before(recipe) // SAMPLES_PER_SYMBOL
        drawn = draw_bits(rng, count * per_symbol, repeated_whitening=recipe.repeated_whitening)
        return drawn.reshape(count, per_symbol)

    def send(
        content: np.ndarray, capture: np.ndarray, first: np.ndarray, length: int, recipe: Recipe, seed: int
    ) -> np.ndarray:
        return wave(content, capture, first + _count_sent_before(recipe), length, recipe)

    return Transmitter(lambda recipe: symbols * SAMPLES_PER_SYMBOL, draw, send)


def _count_sent_before(recipe: Recipe) -> int:
    """Samples that a transmitter of bits has sent when a capture begins."""
    return 0 if recipe.start_up else WARM_UP


def _make_linear(name: str, bits: int) -> Transmitter:
    """BPSK, QPSK, 8PSK, PAM4, QAM16 or QAM64: symbols through a root-raised-cosine pulse."""
    width = int(math.log2(len(make_constellation(name))))
    weights = (1 << np.arange(width)).astype(np.uint8)
    pulse = design_root_raised_cosine().astype(np.float32)

    def wave(sent: np.ndarray, capture: np.ndarray, first: np.ndarray, length: int, recipe: Recipe) -> np.ndarray:
        points = make_constellation(name, raw=recipe.raw_constellations)
        return cut_pulse_windows(points[sent @ weights], pulse, capture, first, length)

    return _make_digital(bits, width, wave)


def _send_gfsk(sent: np.ndarray, capture: np.ndarray, first: np.ndarray, length: int, recipe: Recipe) -> np.ndarray:
    """Gaussian frequency-shift keying: 0.1 radians per sample either way, smoothed, at constant envelope."""
    return _shift_frequency(sent, GFSK_SENSITIVITY * design_gaussian_pulse(), capture, first, length)


def _send_cpfsk(sent: np.ndarray, capture: np.ndarray, first: np.ndarray, length: int, recipe: Recipe) -> np.ndarray:
    """Continuous-phase frequency-shift keying: each symbol turns the phase a quarter, either way, evenly."""
    step = np.pi * CPFSK_INDEX / SAMPLES_PER_SYMBOL
    return _shift_frequency(sent, np.full(SAMPLES_PER_SYMBOL, step), capture, first, length)


def _shift_frequency(
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
    return make_phasor(before[:, None] + _cut_recent(symbols, response, passed, capture, first, length))


def _cut_recent(
    symbols: np.ndarray, response: np.ndarray, passed: np.ndarray, capture: np.ndarray, first: np.ndarray, length: int
) -> np.ndarray:
    """:func:`cut_pulse_windows` of the symbols after ``passed`` alone."""
    kept = np.arange(len(response) // SAMPLES_PER_SYMBOL) + passed[:, None] + 1
    inside = (kept >= 0) & (kept < symbols.shape[1])
    near = np.where(inside, symbols[capture[:, None], np.where(inside, kept, 0)], 0).astype(np.float32)
    rows = np.arange(len(first))
    return cut_pulse_windows(near, response, rows, first - SAMPLES_PER_SYMBOL * (passed + 1), length)


DIGITAL: dict[str, Transmitter] = {
    "8PSK": _make_linear("8PSK", 10_000),
    "BPSK": _make_linear("BPSK", 10_000),
    "CPFSK": _make_digital(10_000, 1, _send_cpfsk),
    "GFSK": _make_digital(10_000, 1, _send_gfsk),
    "PAM4": _make_linear("PAM4", 10_000),
    "QAM16": _make_linear("QAM16", 20_000),
    "QAM64": _make_linear("QAM64", 30_000),
    "QPSK": _make_linear("QPSK", 10_000),
}
