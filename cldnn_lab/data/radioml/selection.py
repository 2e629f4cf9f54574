"""Which classes and SNRs of RadioML a config keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.classes import choose_classes

if TYPE_CHECKING:
    from cldnn_lab.data.sources.radioml import Options

# The classes of RML2016.10b, and the eleventh of RML2016.10a.
RML2016_CLASSES = (
    "8PSK", "AM-DSB", "BPSK", "CPFSK", "GFSK", "PAM4", "QAM16", "QAM64", "QPSK", "WBFM",
)  # fmt: skip
RML2016_EXTRA = "AM-SSB"
RML2018_CLASSES = (
    "OOK", "4ASK", "8ASK", "BPSK", "QPSK", "8PSK", "16PSK", "32PSK", "16APSK", "32APSK", "64APSK", "128APSK",
    "16QAM", "32QAM", "64QAM", "128QAM", "256QAM", "AM-SSB-WC", "AM-SSB-SC", "AM-DSB-WC", "AM-DSB-SC", "FM",
    "GMSK", "OQPSK",
)  # fmt: skip


def choose_default_classes(config: Options, names: Sequence[str], where: str) -> list[int]:
    """The chosen classes; where none are named, all but AM-SSB, which only 2016.10a has."""
    if config.classes is None:
        return [index for index, name in enumerate(names) if name != RML2016_EXTRA]
    return choose_classes(config.classes, names, where)


def choose_snrs(config: Options, available: Sequence[float], where: str) -> list[float]:
    """The SNRs of ``available`` that the config keeps.

    Raises:
        ConfigError: if one it names is not there, or none is left.
    """
    there = ", ".join(f"{snr:g}" for snr in available)
    if config.snrs is not None:
        missing = [snr for snr in config.snrs if snr not in available]
        if missing:
            lacks = ", ".join(f"{snr:g}" for snr in missing)
            raise ConfigError(f"data.snrs: {where} has no vectors at {lacks} dB; it has {there}.")
        return sorted(set(config.snrs))
    low = -np.inf if config.snr_min is None else config.snr_min
    high = np.inf if config.snr_max is None else config.snr_max
    kept = [snr for snr in available if low <= snr <= high]
    if not kept:
        raise ConfigError(f"data.snr_min: no SNR of {where} is in {low:g} to {high:g} dB; it has {there}.")
    return kept
