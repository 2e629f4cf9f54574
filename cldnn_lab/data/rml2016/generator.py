"""Sets of RadioML 2016 vectors: captures drawn, vectors cut out and normalised, everything from one seed."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from cldnn_lab.config.errors import ConfigError, suggest
from cldnn_lab.data.rml2016 import channel
from cldnn_lab.data.rml2016.analog import prepare
from cldnn_lab.data.rml2016.captures import Cell, plan
from cldnn_lab.data.rml2016.fading import HISTORY, fade
from cldnn_lab.data.rml2016.modulators import TRANSMITTERS
from cldnn_lab.data.rml2016.noise import draw_noise, scale_noise
from cldnn_lab.data.rml2016.recipe import RML2016, Recipe
from cldnn_lab.data.rml2016.signals import BEFORE, make_phasor

MODULATIONS: tuple[str, ...] = tuple(sorted(TRANSMITTERS))

_CAPTURES_PER_BLOCK = 12  # a unit of work: small enough for the cache, large enough for NumPy
_BLOCKS_AHEAD = 8  # that wait for each thread, so that a large set is not planned as a whole


@dataclass(frozen=True)
class Generated:
    """Vectors ordered by modulation, then SNR, as they were asked for.

    Attributes:
        x: in-phase and quadrature, float32, (vectors, 2, length); a vector's magnitudes add up to 1.
        modulation: int16, index into the modulations asked for.
        snr: the labels in dB, float32.
        capture: int32, which capture of its modulation and SNR a vector was cut from.
    """

    x: np.ndarray
    modulation: np.ndarray
    snr: np.ndarray
    capture: np.ndarray


@dataclass(frozen=True)
class _Block:
    """Some captures of one cell, and where their vectors go."""

    cell: Cell
    captures: list[tuple[int, np.ndarray]]
    rows: slice


def generate(
    modulations: Sequence[str],
    snrs: Sequence[float],
    vectors: int,
    *,
    length: int = 128,
    seed: int = 2016,
    recipe: Recipe = RML2016,
    part: str = "",
    progress: Callable[[int], object] = lambda count: None,
) -> Generated:
    """Draw a set after the recipe of RadioML 2016 (O'Shea and West, GRCon 2016).

    The same arguments give the same bits, on however many cores; and what a pair of modulation and SNR
    holds does not depend on which other pairs are asked for.

    Args:
        modulations: names out of MODULATIONS.
        snrs: labels in dB.
        vectors: for each modulation at each SNR.
        length: samples in a vector.
        seed: 0 or more.
        recipe: what the vectors have of the published files' peculiarities.
        part: sets of different parts, such as ``train`` and ``test``, have no capture in common.
        progress: told of every so many vectors that are done.

    Raises:
        ConfigError: an unknown or repeated modulation or SNR, nothing asked for, or a number out of range.
    """
    check(modulations, snrs, vectors, length=length, seed=seed)
    x = np.empty((len(modulations) * len(snrs) * vectors, 2, length), np.float32)
    capture = np.empty(len(x), np.int32)
    prepare(modulations, seed, recipe)
    cells = [Cell(seed, name, float(snr), part) for name in modulations for snr in snrs]

    def work(block: _Block) -> int:
        _fill(block, x[block.rows], capture[block.rows], recipe)
        return block.rows.stop - block.rows.start

    with ThreadPoolExecutor(max_workers=_cores()) as pool:
        for count in _map_ahead(pool, work, _blocks(cells, vectors, length, recipe)):
            progress(count)
    return label(x, capture, modulations, snrs)


def label(x: np.ndarray, capture: np.ndarray, modulations: Sequence[str], snrs: Sequence[float]) -> Generated:
    """Vectors in the order of :func:`generate` with the labels that go with the order."""
    vectors = len(x) // (len(modulations) * len(snrs))
    levels = np.repeat(np.array(snrs, np.float32), vectors)
    modulation = np.repeat(np.arange(len(modulations), dtype=np.int16), len(snrs) * vectors)
    return Generated(x, modulation, np.tile(levels, len(modulations)), capture)


def check(modulations: Sequence[str], snrs: Sequence[float], vectors: int, *, length: int, seed: int) -> None:
    """Refuse what can't be generated.

    Raises:
        ConfigError: see :func:`generate`.
    """
    for name in modulations:
        if name not in TRANSMITTERS:
            raise ConfigError(f"unknown modulation {name!r}: {suggest(name, MODULATIONS)}.")
    if not len(modulations) or len(set(modulations)) < len(modulations):
        raise ConfigError(f"modulations to generate: {list(modulations)} must name at least one, each once.")
    if not len(snrs) or len(set(snrs)) < len(snrs):
        raise ConfigError(f"SNRs to generate: {list(snrs)} must hold at least one, each once.")
    if not all(-200 <= snr <= 200 for snr in snrs):
        raise ConfigError(f"SNRs to generate: {list(snrs)} must lie between -200 and 200 dB.")
    if vectors < 1:
        raise ConfigError(f"vectors for each modulation and SNR: {vectors} must be at least 1.")
    if not 1 <= length <= 8192:
        raise ConfigError(f"samples in a generated vector: {length} must be between 1 and 8192.")
    if seed < 0:
        raise ConfigError(f"seed of the generator: {seed} must be 0 or more.")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _blocks(cells: Sequence[Cell], vectors: int, length: int, recipe: Recipe) -> Iterator[_Block]:
    for number, cell in enumerate(cells):
        row = number * vectors
        captures = plan(cell, vectors, TRANSMITTERS[cell.modulation].samples(recipe), length)
        while some := list(itertools.islice(captures, _CAPTURES_PER_BLOCK)):
            count = sum(len(starts) for _, starts in some)
            yield _Block(cell, some, slice(row, row + count))
            row += count


def _map_ahead(pool: ThreadPoolExecutor, work: Callable[[_Block], int], blocks: Iterable[_Block]) -> Iterator[int]:
    """``pool.map``, which takes all of its input at once, a few blocks at a time."""
    blocks = iter(blocks)
    while some := list(itertools.islice(blocks, _cores() * _BLOCKS_AHEAD)):
        yield from pool.map(work, some)


def _fill(block: _Block, x: np.ndarray, capture: np.ndarray, recipe: Recipe) -> None:
    """Fill ``x`` (vectors, 2, length) and ``capture`` (vectors,) with the vectors of a block."""
    numbers = np.array([number for number, _ in block.captures], np.int32)
    counts = [len(starts) for _, starts in block.captures]
    rows = np.repeat(np.arange(len(numbers)), counts)
    generators = [block.cell.random(int(number), 1) for number in numbers]
    start = np.concatenate([starts for _, starts in block.captures])
    length = x.shape[-1]
    received = transmit_and_fade(generators, block.cell.modulation, start, rows, length, block.cell.seed, recipe)
    noise = np.concatenate(
        [
            draw_noise(rng, (count, length), pool=recipe.noise_pool)
            for rng, count in zip(generators, counts, strict=True)
        ]
    )
    noise *= scale_noise(received, block.cell.snr, amplitude_labels=recipe.amplitude_labels)
    received += noise
    received /= np.abs(received).sum(axis=-1, keepdims=True)
    x[:, 0] = received.real
    x[:, 1] = received.imag
    capture[:] = numbers[rows]


def transmit_and_fade(
    generators: Sequence[np.random.Generator],
    modulation: str,
    start: np.ndarray,
    capture: np.ndarray,
    length: int,
    seed: int,
    recipe: Recipe,
) -> np.ndarray:
    """What arrives at the receiver, before noise.

    Args:
        generators: random numbers of each capture.
        start, capture: of each window, the captures in rising order.

    Returns:
        complex64, (windows, length).
    """
    transmitter = TRANSMITTERS[modulation]
    content = np.stack([transmitter.draw(rng, recipe, seed) for rng in generators])
    if recipe.one_channel:
        impaired = channel.make_published_impairments(start, length)
    else:
        impaired = channel.draw_impairments(generators, start, capture, length)
    moved, positions = channel.place_clock(impaired.clock)
    first = start - HISTORY + moved - BEFORE
    x = transmitter.send(content, capture, first, channel.count_needed(positions), recipe, seed)
    x = channel.apply_sample_rate_offset(x, positions)
    x *= make_phasor(2 * np.pi * impaired.carrier)
    return fade(x, impaired.gains)
