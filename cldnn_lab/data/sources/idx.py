"""MNIST and its relatives, from idx files.

Format: http://yann.lecun.com/exdb/mnist/ (a magic number 0, 0, type, dimensions; a big-endian size a
dimension; the values). Only unsigned bytes are used.
"""

from __future__ import annotations

import gzip
import math
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.classes import choose_classes, keep_classes
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.data.download import download
from cldnn_lab.data.files import check_given, find, list_folders
from cldnn_lab.data.options import DataConfig
from cldnn_lab.data.preparation import Pictures
from cldnn_lab.data.splits import split_as_sklearn

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
CLASSES = {
    "mnist": tuple("0123456789"),
    "fashion_mnist": (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
}  # fmt: skip
TITLES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}
Bytes = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass
class Options(DataConfig):
    """MNIST and its relatives: idx or idx.gz files, else Keras's own download.

    Attributes:
        collection: which set: where it is looked for, its class names, and what Keras would download.
        path: the folder of the four files; null to look under ``data_root`` and in the system.
        test_fraction: null for the files' own test set; else this share of the training files is the test
            set, drawn as scikit-learn's ``train_test_split(random_state=data.split_seed)`` draws it, and the
            files' own test set stays shut.
    """

    collection: str = field(default="mnist", metadata={"choices": ("mnist", "fashion_mnist")})
    path: str | None = None
    test_fraction: float | None = field(default=None, metadata={"above": 0, "below": 1})


def load(config: Options, data_root: Path) -> Dataset:
    """Grey images of shape (28, 28, 1) in [0, 1], and their classes.

    Raises:
        ConfigError: for missing, truncated, corrupt or unfit files, naming the file.
    """
    (x_train, y_train), (x_test, y_test), files, folder = read(config.collection, config.path, data_root)
    origin = f"{TITLES[config.collection]}, {files}"
    names = CLASSES[config.collection]
    chosen = choose_classes(config.classes, names, config.collection)
    train = keep_classes(Split(x_train, y_train), chosen, len(names))
    test = keep_classes(Split(x_test, y_test), chosen, len(names))
    if config.test_fraction is not None:
        stay, out = split_as_sklearn(len(train), config.test_fraction, config.split_seed)
        train, test = train.take(stay), train.take(out)
        origin += f", {100 * config.test_fraction:g}% of the training files as test set instead of t10k-*"
    train, test = make_images(train), make_images(test)
    kept = tuple(names[c] for c in chosen)
    return Dataset(config.name, "multiclass", train, test, kept, origin, folder=folder, preparation=Pictures())


def make_images(split: Split) -> Split:
    """Bytes of shape (N, H, W) as float32 of shape (N, H, W, 1) in [0, 1]."""
    return Split(Pictures().convert(split.x), split.y)


def read(collection: str, path: str | None, data_root: Path) -> tuple[*Bytes, str, Path | None]:
    """Images as bytes of shape (N, 28, 28) and labels, to train on and to test on; what they are from, and its folder.

    Raises:
        ConfigError: if there are none, naming the files and where to put them, or if one is broken.
    """
    place = check_given(path)
    package = f"dataset-{collection.replace('_', '-')}"
    places = [place] if place else list_folders(data_root, [collection], [package])
    packed = [f"{name}.gz" for name in FILES]
    # Some copies of MNIST write a dot for the second dash.
    dotted = [name.replace("-idx", ".idx") for name in FILES]
    found = find(places, FILES, packed, dotted, [f"{name}.gz" for name in dotted])
    if found:
        named = "idx files train-* and t10k-*"
        return _check_pair(found[0], found[1]), _check_pair(found[2], found[3]), named, found[0].parent
    wanted = ", ".join(FILES)
    if place:
        raise ConfigError(f"data.path: {place} lacks one of {wanted} (or the same with .gz).")
    train, test = download(collection, f"put {wanted} (or the same with .gz) in {(data_root / collection).resolve()}")
    return train, test, "Keras's download", None


def _check_pair(images: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    x, y = read_idx(images), read_idx(labels)
    if x.ndim != 3:
        raise ConfigError(f"{images} holds {x.ndim} dimensions, not images: is it a file of labels?")
    if y.ndim != 1:
        raise ConfigError(f"{labels} holds {y.ndim} dimensions, not labels: is it a file of images?")
    if len(x) != len(y):
        raise ConfigError(f"{images} holds {len(x)} images and {labels} {len(y)} labels: not one set.")
    if len(y) and y.max() > 9:
        raise ConfigError(f"{labels} holds a label {y.max()}, above 9: it is not of this set.")
    return x, y


def read_idx(path: Path) -> np.ndarray:
    """The unsigned bytes of an idx or idx.gz file.

    Raises:
        ConfigError: if it is truncated, corrupt, or not idx.
    """
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ConfigError(f"{path} is truncated or corrupt gzip ({error}): get it again.") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}.") from error
    dimensions = content[3] if len(content) > 3 else 0
    start = 4 + 4 * dimensions
    if content[:3] != b"\0\0\x08" or not 1 <= dimensions <= 4 or len(content) < start:
        raise ConfigError(f"{path} is not an idx file of bytes: put the right file there.")
    shape = tuple(np.frombuffer(content, ">i4", dimensions, 4).tolist())
    size = math.prod(shape)
    if min(shape) < 0 or len(content) != start + size:
        raise ConfigError(
            f"{path} is truncated or corrupt: it announces {size} values and holds {len(content) - start}: "
            "get it again."
        )
    return np.frombuffer(content, np.uint8, size, start).reshape(shape)
