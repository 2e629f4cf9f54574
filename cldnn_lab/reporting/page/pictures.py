"""Pictures as the page holds them."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from PIL import Image

# Bytes of all pictures together, as base64, up to which they are embedded as they are, since to make them smaller takes
# long. Of smaller ones LIMIT bytes are embedded, and what is beyond is linked.
LIMIT_AS_THEY_ARE = 6 * 2**20
LIMIT = 2 * 2**20
# Pixels and colours of a picture that is made smaller.
WIDTH, COLOURS = 720, 64


def embed(pictures: Mapping[str, Path]) -> dict[str, str]:
    """The pictures as data URLs, by the given names: as they are if all of them fit, else made smaller, the first ones
    first, for as long as they fit.

    A file that is missing is left out.
    """
    sizes = {name: _measure(path) for name, path in pictures.items()}
    fits = 4 * sum(sizes.values()) <= 3 * LIMIT_AS_THEY_ARE
    embedded: dict[str, str] = {}
    left = LIMIT_AS_THEY_ARE if fits else LIMIT
    for name, path in pictures.items():
        if not sizes[name]:
            continue
        data = _encode(path.read_bytes()) if fits else _shrink(path, path.stat().st_mtime_ns)
        left -= len(data)
        if left < 0:
            break
        if data:
            embedded[name] = data
    return embedded


def _measure(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


@lru_cache(maxsize=1024)
def _shrink(path: Path, modified: int) -> str:
    """The picture as a small PNG; kept, as the page of a sweep that goes on is written again and again."""
    try:
        with Image.open(path) as image:
            small = image.convert("RGB")
    except OSError:
        return ""
    small.thumbnail((WIDTH, 4 * WIDTH), Image.Resampling.BILINEAR)
    file = io.BytesIO()
    small.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(file, "PNG")
    return _encode(file.getvalue())


def _encode(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()
