"""From an example as its file has it to what a network reads: the arithmetic of the data sources, in one place.

A data source converts its files with one of these values and puts it into its :class:`~cldnn_lab.data.dataset.Dataset`;
a predictor keeps it, so that new examples are converted with the very same operations.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cldnn_lab.config.errors import ConfigError

BYTES = 256
PADDING, UNKNOWN = 0, 1
_WORD = re.compile(r"[\w'-]+")


@dataclass(frozen=True)
class Preparation:
    """The conversion of one kind of examples, and the layout in which the network reads them.

    Attributes:
        layout: what follows the conversion: ``time_first`` drops the one channel and puts the time axis first,
            ``channel_last`` adds an axis of one channel; None for nothing.
        time_axis: which axis of an example is time, for ``time_first``.
    """

    layout: str | None = None
    time_axis: int = 0

    def prepare(self, x: Any) -> np.ndarray:
        """Examples (examples, ...) as the network reads them.

        Raises:
            ConfigError: if ``x`` is not of the kind that :meth:`convert` takes.
        """
        return arrange_axes(self.convert(x), self.layout, self.time_axis)

    def convert(self, x: Any) -> np.ndarray:
        """Examples in the layout of the data source, as float32 or, for token ids, int32."""
        raise NotImplementedError

    def describe(self) -> dict[str, Any]:
        """The preparation as plain values, from which :func:`restore` makes it again."""
        return {"kind": type(self).__name__.lower(), **dataclasses.asdict(self)}


@dataclass(frozen=True)
class Numbers(Preparation):
    """Numbers divided by one number.

    Attributes:
        divide_by: this number.
    """

    divide_by: float = 1

    def convert(self, x: Any) -> np.ndarray:
        """Numbers of any shape, divided, as float32."""
        numbers = _read_numbers(x)
        if self.divide_by == 1:
            return numbers.astype(np.float32)
        return np.divide(numbers, np.float32(self.divide_by), dtype=np.float32, casting="same_kind")


@dataclass(frozen=True)
class Pictures(Preparation):
    """Pictures in [0, 1].

    Attributes:
        gray: whether they have one channel; else three.
        size: height and width to which picture files are resized; None where they have the right size.
    """

    gray: bool = True
    size: tuple[int, int] | None = None

    def convert(self, x: Any) -> np.ndarray:
        """Picture files (a list of paths) or an array (examples, height, width[, channels]).

        The array holds whole numbers of 0 to 255 (of 16 bits: 0 to 65,535), or floats that are in [0, 1] already.
        """
        if _holds_only(x, (str, Path)):
            from cldnn_lab.data.pictures import read_pictures

            return read_pictures([Path(file) for file in x], gray=self.gray, size=self.size)
        pixels = _read_numbers(x)
        channels = 1 if self.gray else 3
        if pixels.ndim == 3 and self.gray:
            pixels = pixels[..., None]
        if pixels.ndim != 4 or pixels.shape[-1] != channels:
            raise ConfigError(
                f"an array of shape {pixels.shape} does not hold pictures of {channels} channel(s): it must be "
                "(examples, height, width, channels)."
            )
        if pixels.dtype.kind == "f":
            return pixels.astype(np.float32)
        depth = 65535 if pixels.dtype == np.uint16 else 255
        return np.divide(pixels, np.float32(depth), dtype=np.float32, casting="unsafe")


@dataclass(frozen=True)
class Signals(Preparation):
    """Signals of an in-phase and a quadrature row, each divided by its own size.

    Attributes:
        scaling: ``magnitude``, ``power``, ``peak`` or ``none``, see :func:`compute_divisors`.
    """

    scaling: str = "none"

    def convert(self, x: Any) -> np.ndarray:
        """An array (examples, 2, length[, 1]) or (examples, length, 2) as (examples, 2, length, 1)."""
        vectors = order_vectors(_read_numbers(x))
        if vectors is None:
            raise ConfigError(
                f"an array of shape {np.shape(x)} does not hold signals: it must be (examples, 2, length), "
                "(examples, 2, length, 1) or (examples, length, 2)."
            )
        out = np.empty(vectors.shape, np.float32)
        np.divide(vectors, compute_divisors(vectors, self.scaling), out=out, casting="same_kind")
        return out[..., None]


@dataclass(frozen=True)
class Texts(Preparation):
    """Texts as token ids, cut or padded to one length.

    Attributes:
        tokens: ``words``, or ``chars`` for the bytes of UTF-8.
        length: tokens per example.
        lowercase: whether capitals are made small first.
        one_hot: whether bytes become rows of 256 with a single 1.
        words: the vocabulary, the word of id 2 first; other words have the id 1, padding 0.
    """

    tokens: str = "words"
    length: int = 1
    lowercase: bool = False
    one_hot: bool = False
    words: tuple[str, ...] = ()

    def convert(self, x: Any) -> np.ndarray:
        """A list of strings as int32 ids (examples, length), or float32 (examples, length, 256) if one-hot."""
        if not _holds_only(x, (str,)):
            raise ConfigError("the network reads texts: give a list of strings.")
        encode = self._make_encoder()
        ids = np.full((len(x), self.length), PADDING, np.int32)
        for row, text in zip(ids, x, strict=True):
            found = encode(str(text).lower() if self.lowercase else str(text))
            row[: len(found)] = found
        if not self.one_hot:
            return ids
        out = np.zeros((*ids.shape, BYTES), np.float32)
        np.put_along_axis(out, ids[..., None], 1, axis=-1)
        return out

    def _make_encoder(self) -> Callable[[str], list[int]]:
        if self.tokens != "words":
            return lambda text: list(text.encode("utf-8")[: self.length])
        numbers = {word: number for number, word in enumerate(self.words, start=2)}
        return lambda text: [numbers.get(word, UNKNOWN) for word in _WORD.findall(text)[: self.length]]

    def list_words(self, texts: Sequence[str]) -> tuple[str, ...]:
        """The words among the first ``length`` of each text, by first appearance."""
        cased = (text.lower() if self.lowercase else text for text in texts)
        return tuple(dict.fromkeys(word for text in cased for word in _WORD.findall(text)[: self.length]))


_KINDS: dict[str, Any] = {kind.__name__.lower(): kind for kind in (Numbers, Pictures, Signals, Texts)}


def restore(values: Mapping[str, Any]) -> Preparation:
    """The preparation that :meth:`Preparation.describe` described.

    Raises:
        KeyError, TypeError: if the values do not describe one.
    """
    fields = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items() if key != "kind"}
    return _KINDS[values["kind"]](**fields)


def arrange_axes(x: np.ndarray, layout: str | None, time_axis: int) -> np.ndarray:
    """Examples (examples, ...) in another layout, in C order; see :class:`Preparation`."""
    if layout == "time_first":
        x = np.moveaxis(x[..., 0], time_axis + 1, 1)
    elif layout == "channel_last":
        x = x[..., None]
    return np.ascontiguousarray(x)


def order_vectors(x: np.ndarray) -> np.ndarray | None:
    """Vectors as (examples, 2, length), whichever of the three shapes they have; None for any other shape."""
    if x.ndim == 4 and x.shape[3] == 1:
        x = x[..., 0]
    if x.ndim == 3 and x.shape[1] == 2:
        return x
    return np.moveaxis(x, 2, 1) if x.ndim == 3 and x.shape[2] == 2 else None


def compute_divisors(vectors: np.ndarray, scaling: str) -> np.ndarray:
    """What each vector of (N, 2, length) is divided by, of shape (N, 1, 1), with |v(t)|^2 = I(t)^2 + Q(t)^2.

    ``magnitude``: the mean over t of |v(t)|; ``power``: the root of the mean of |v(t)|^2; ``peak``: the
    largest |v(t)|; ``none``: 1. A vector of zeros is divided by 1.
    """
    if scaling == "none":
        return np.ones((len(vectors), 1, 1), np.float32)
    power = np.square(vectors, dtype=np.float32).sum(axis=1)
    if scaling == "power":
        size = np.sqrt(power.mean(axis=1))
    elif scaling == "magnitude":
        size = np.sqrt(power).mean(axis=1)
    else:
        size = np.sqrt(power.max(axis=1))
    return np.where(size == 0, np.float32(1), size)[:, None, None]


def _read_numbers(x: Any) -> np.ndarray:
    try:
        array = np.asarray(x)
    except ValueError as error:  # lists of several lengths
        raise ConfigError(f"the examples are not an array: {error}.") from error
    if array.dtype.kind not in "fiub" or array.ndim == 0:
        raise ConfigError(f"the network reads numbers, but the examples are of type {array.dtype}.")
    return array


def _holds_only(x: Any, kinds: tuple[type, ...]) -> bool:
    return not isinstance(x, str) and isinstance(x, Sequence | np.ndarray) and all(isinstance(one, kinds) for one in x)
