"""What a transmitter is, whatever it modulates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cldnn_lab.data.rml2016.recipe import Recipe


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
