"""Sets of RadioML 2016 vectors: captures drawn, vectors cut out and normalised, everything from one seed."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from cldnn_lab.data.rml2016 import channel
from cldnn_lab.data.rml2016.modulators import TRANSMITTERS, prepare
from cldnn_lab.data.rml2016.signals import BEFORE
from cldnn_lab.errors import Mistake, nearest

MODULATIONS: tuple[str, ...] = tuple(sorted(TRANSMITTERS))

VECTORS_PER_CHANNEL = 4
CAPTURE = 80_000  # samples: the recipe sends 10,000 symbols
_ON_BEFORE = 1_000  # samples sent before a capture begins: more than a drifting clock can look back
_CAPTURES_PER_BLOCK = 128  # a unit of work: small enough for the cache, large enough for NumPy


@dataclass(frozen=True)
class Generated:
    """Vectors ordered by modulation, then SNR, as they were asked for.

    Attributes:
        x: in-phase and quadrature, float32, (vectors, 2, length); a vector's magnitudes add up to 1.
        modulation: int16, index into the modulations asked for.
        snr: the labels in dB, float32.
    """

    x: np.ndarray
    modulation: np.ndarray
    snr: np.ndarray


def generate(
    modulations: Sequence[str],
    snrs: Sequence[float],
    vectors: int,
    *,
    length: int = 128,
    seed: int = 2016,
    true_snr: bool = False,
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
        true_snr: the measured SNR equals the label; otherwise, as in the recipe, the noise's amplitude (not
            its power) is 10^(-snr/10).

    Raises:
        Mistake: an unknown or repeated modulation or SNR, nothing asked for, or a number out of range.
    """
    check(modulations, snrs, vectors, length=length, seed=seed)
    x = np.empty((len(modulations) * len(snrs) * vectors, 2, length), np.float32)
    prepare(modulations, seed)
    per_block = _CAPTURES_PER_BLOCK * VECTORS_PER_CHANNEL
    jobs = []
    for cell, (name, snr) in enumerate((name, snr) for name in modulations for snr in snrs):
        part = x[cell * vectors : (cell + 1) * vectors]
        for block, first in enumerate(range(0, vectors, per_block)):
            jobs.append((name, float(snr), block, part[first : first + per_block]))

    def work(job: tuple[str, float, int, np.ndarray]) -> None:
        name, snr, block, out = job
        entropy = [seed, zlib.crc32(f"{name} at {snr:g} dB".encode()), block]
        _fill(out, np.random.default_rng(np.random.SeedSequence(entropy)), name, snr, seed, true_snr)

    with ThreadPoolExecutor(max_workers=_cores()) as pool:
        for _ in pool.map(work, jobs):
            pass
    return labelled(x, modulations, snrs)


def labelled(x: np.ndarray, modulations: Sequence[str], snrs: Sequence[float]) -> Generated:
    """Vectors in the order of :func:`generate` with the labels that go with the order."""
    vectors = len(x) // (len(modulations) * len(snrs))
    levels = np.repeat(np.array(snrs, np.float32), vectors)
    modulation = np.repeat(np.arange(len(modulations), dtype=np.int16), len(snrs) * vectors)
    return Generated(x, modulation, np.tile(levels, len(modulations)))


def check(modulations: Sequence[str], snrs: Sequence[float], vectors: int, *, length: int, seed: int) -> None:
    """Refuse what can't be generated.

    Raises:
        Mistake: see :func:`generate`.
    """
    for name in modulations:
        if name not in TRANSMITTERS:
            raise Mistake(f"unknown modulation {name!r}: {nearest(name, MODULATIONS)}.")
    if not len(modulations) or len(set(modulations)) < len(modulations):
        raise Mistake(f"modulations to generate: {list(modulations)} must name at least one, each once.")
    if not len(snrs) or len(set(snrs)) < len(snrs):
        raise Mistake(f"SNRs to generate: {list(snrs)} must hold at least one, each once.")
    if not all(-200 <= snr <= 200 for snr in snrs):
        raise Mistake(f"SNRs to generate: {list(snrs)} must lie between -200 and 200 dB.")
    if vectors < 1:
        raise Mistake(f"vectors for each modulation and SNR: {vectors} must be at least 1.")
    if not 1 <= length <= 8192:
        raise Mistake(f"samples in a generated vector: {length} must be between 1 and 8192.")
    if seed < 0:
        raise Mistake(f"seed of the generator: {seed} must be 0 or more.")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _fill(out: np.ndarray, rng: np.random.Generator, name: str, snr: float, seed: int, true_snr: bool) -> None:
    """Draw captures of one modulation at one SNR; cut the vectors ``out`` (vectors, 2, length) from them."""
    vectors, _, length = out.shape
    captures = -(-vectors // VECTORS_PER_CHANNEL)
    start = vector_starts(rng, captures, length)
    received = transmit_and_fade(rng, name, start, length, seed)
    received = channel.add_noise(rng, received, snr, true_snr).reshape(-1, length)[:vectors]
    received /= np.abs(received).sum(axis=-1, keepdims=True)
    out[:, 0] = received.real
    out[:, 1] = received.imag


def vector_starts(rng: np.random.Generator, captures: int, length: int) -> np.ndarray:
    """Where in its capture each vector begins: int64, (captures, VECTORS_PER_CHANNEL).

    One somewhere in each quarter of the capture, with room for what comes before it.
    """
    room = length + channel.HISTORY
    slot = max(CAPTURE // VECTORS_PER_CHANNEL, 2 * room)
    within = rng.integers(channel.HISTORY, slot - length, (captures, VECTORS_PER_CHANNEL))
    return slot * np.arange(VECTORS_PER_CHANNEL) + within


def transmit_and_fade(rng: np.random.Generator, name: str, start: np.ndarray, length: int, seed: int) -> np.ndarray:
    """What arrives at the receiver, before noise: complex64, (captures, windows, length)."""
    began, needed = start - channel.HISTORY, length + channel.HISTORY
    clock = channel.random_walk(rng, began, needed, channel.SRO_STEP, channel.SRO_LIMIT)
    moved, positions = channel.clock_positions(clock)
    first = _ON_BEFORE + began + moved - BEFORE
    sent = TRANSMITTERS[name](rng, first, channel.samples_needed(positions), seed)
    x = channel.sample_rate_offset(sent, positions)
    carrier = channel.random_walk(rng, began, needed, channel.CFO_STEP, channel.CFO_LIMIT)
    x = channel.carrier_offset(x, carrier)
    fading = channel.Fading.draw(rng, len(start))
    return channel.fade(x, fading.gains(start, length))
