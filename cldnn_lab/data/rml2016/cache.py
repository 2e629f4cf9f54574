"""Generated sets kept on disk, so that a second run does not draw them again."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from tqdm import tqdm

from cldnn_lab.data.rml2016.generator import Generated, check, generate, label
from cldnn_lab.data.rml2016.recipe import RML2016, Recipe
from cldnn_lab.storage import atomic

# Goes up whenever the same parameters would give other vectors: older files are then left alone.
GENERATOR_VERSION = 2

_log = logging.getLogger(__name__)


def default_folder() -> Path:
    """``$XDG_CACHE_HOME/cldnn_lab``, or ``~/.cache/cldnn_lab``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "cldnn_lab"


def generate_or_load(
    modulations: Sequence[str],
    snrs: Sequence[float],
    vectors: int,
    *,
    length: int = 128,
    seed: int = 2016,
    recipe: Recipe = RML2016,
    part: str = "",
    folder: Path | None = None,
) -> Generated:
    """:func:`~cldnn_lab.data.rml2016.generator.generate`, from the cache where it holds the set already.

    A damaged file is drawn again; a folder that can't be written to costs only the cache, and a warning. A bar on the
    terminal shows how far a new set is.

    Args:
        folder: where the cache is; :func:`default_folder` if None.

    Raises:
        ConfigError: as ``generate``.
    """
    check(modulations, snrs, vectors, length=length, seed=seed)
    parameters = {
        "generator": GENERATOR_VERSION,
        "modulations": list(modulations),
        "snrs": [float(snr) for snr in snrs],
        "vectors": int(vectors),
        "length": int(length),
        "seed": int(seed),
        "recipe": asdict(recipe),
        "part": part,
    }
    path = (default_folder() if folder is None else Path(folder)) / name_file(parameters)
    kept = _read(path, parameters)
    if kept is not None:
        _log.info("generated vectors read from %s", path)
        return label(*kept, modulations, snrs)
    began, total = time.perf_counter(), len(modulations) * len(snrs) * vectors
    with tqdm(total=total, desc="Generating", unit="vector", leave=False, disable=None) as bar:
        made = generate(
            modulations, snrs, vectors, length=length, seed=seed, recipe=recipe, part=part, progress=bar.update
        )
    _log.info("%s vectors generated in %.1f s", f"{total:,}", time.perf_counter() - began)
    _write(path, parameters, made)
    return made


def name_file(parameters: dict) -> str:
    """A name that says what is in the file; the hash tells apart what the name only counts.

    Such as ``rml2016-v2-11mods-snr-20to18x20-train-800x128-seed2016-1f0c9a3e.npz``.
    """
    snrs = parameters["snrs"]
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()[:8]
    return (
        f"rml2016-v{parameters['generator']}-{len(parameters['modulations'])}mods"
        f"-snr{min(snrs):g}to{max(snrs):g}x{len(snrs)}{'-' + parameters['part'] if parameters['part'] else ''}"
        f"-{parameters['vectors']}x{parameters['length']}-seed{parameters['seed']}-{digest}.npz"
    )


def _read(path: Path, parameters: dict) -> tuple[np.ndarray, np.ndarray] | None:
    """Vectors and captures of a whole file made with these parameters, else None."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if json.loads(str(file["parameters"])) != parameters:
                raise ValueError("made with other parameters")
            x, capture = file["x"], file["capture"]  # the zip's checksum is verified on the way
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        _log.warning("%s can't be used (%s); its vectors are generated again", path, error)
        return None
    rows = len(parameters["modulations"]) * len(parameters["snrs"]) * parameters["vectors"]
    if x.shape != (rows, 2, parameters["length"]) or x.dtype != np.float32 or capture.shape != (rows,):
        _log.warning("%s can't be used (wrong shape); its vectors are generated again", path)
        return None
    return x, capture


def _write(path: Path, parameters: dict, made: Generated) -> None:
    about = np.array(json.dumps(parameters))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(path, lambda beside: np.savez(beside, parameters=about, x=made.x, capture=made.capture))
    except OSError as error:
        _log.warning("the generated vectors could not be kept in %s (%s)", path.parent, error)
