"""Reading picture files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cldnn_lab.config.errors import ConfigError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")


def read_pictures(files: Sequence[Path], *, gray: bool, size: tuple[int, int] | None = None) -> np.ndarray:
    """float32 pictures (N, height, width, channels) in [0, 1]; one channel if ``gray``, else three.

    Args:
        size: height and width they are resized to; None where all have the size of the first.

    Raises:
        ConfigError: if a file is missing, truncated, corrupt, no picture, or of another size.
    """
    from PIL import Image

    out = None
    for index, file in enumerate(files):
        try:
            with Image.open(file) as image:
                depth = 65535 if image.mode.startswith("I") else 255
                # Pillow clips 16 bits where it should scale them, so those stay as they are.
                pixels = image if depth > 255 and gray else image.convert("L" if gray else "RGB")
                if size is not None and pixels.size != size[::-1]:
                    pixels = pixels.resize(size[::-1], Image.Resampling.BILINEAR)
                picture = np.asarray(pixels)
        except FileNotFoundError as error:
            raise ConfigError(f"{file} is missing.") from error
        except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
            reason = str(error).replace(f"{str(file)!r}", "it")
            raise ConfigError(f"{file} is truncated, corrupt or no picture ({reason}): get it again.") from error
        if picture.ndim == 2:
            picture = picture[..., None]
        if out is None:
            out = np.empty((len(files), *picture.shape), np.float32)
        if picture.shape != out.shape[1:]:
            sizes = f"{picture.shape[0]}x{picture.shape[1]}", f"{out.shape[1]}x{out.shape[2]}"
            raise ConfigError(f"{file} is {sizes[0]} pixels but {files[0]} {sizes[1]}: all must have one size.")
        np.divide(picture, np.float32(depth), out=out[index], casting="unsafe")
    assert out is not None
    return out
