"""Predict new examples with a network that was trained before.

    python -m cldnn_lab.predict outputs/2026-01-31/12-00-00 input=shoe.png
    python -m cldnn_lab.predict RUN input=photos output=photos.csv
    python -m cldnn_lab.predict RUN input=signals.npy
    python -m cldnn_lab.predict RUN input=texts.txt

The input is what the run's own data are, before they are prepared: a picture file or a folder of them, an array in a
.npy file with the examples along its first axis (pictures of bytes, RadioML vectors, or numbers as in the file that the
run was trained on), or for a network that reads text a file with one text per line. It is prepared as the training
examples were.

The table has one row per example: the predicted class, its probability, and the probability of every class. It goes to
RUN/predictions/predictions.csv, or to the file that output= names, which must not be there yet.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from cldnn_lab import runs
from cldnn_lab.config.commands import parse_arguments, run_command
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.schema import parse
from cldnn_lab.data.files import make_absolute
from cldnn_lab.data.pictures import SUFFIXES
from cldnn_lab.data.preparation import Pictures, Texts
from cldnn_lab.evaluation.predictor import Predictor
from cldnn_lab.storage import manifest, tables

_KEYS = ("input", "output", "backend")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 when the table was written, 2 with one sentence for a mistake, 130 after Ctrl-C."""
    return run_command(arguments, predict, lambda: f"{(__doc__ or '').strip()}\n\nAlso: backend=NAME")


def predict(arguments: Sequence[str]) -> list[Path]:
    """Predict what the command line names; the file that was written.

    Raises:
        ConfigError: for a wrong argument, run directory or network, and for examples that the network cannot read.
    """
    folder, settings = parse_arguments(arguments, _KEYS)
    if folder is None:
        raise ConfigError("give a run directory: python -m cldnn_lab.predict RUN input=<file or folder>.")
    if settings.get("input") is None:
        raise ConfigError("say what to predict with input=<file or folder>.")
    run = runs.open(folder)
    predictor = Predictor.load(run.folder)
    names, x = _read_input(Path(make_absolute(str(settings.input))), predictor)
    predictor.prepare(x)  # what the network cannot read is told before Keras, which takes seconds, is imported
    told = {"backend": settings.backend} if "backend" in settings else {}
    config = parse(cast(DictConfig, OmegaConf.merge(run.config, told)), run.choices)
    place = _choose_place(run, settings.get("output"))

    from cldnn_lab.launch import backend

    backend.load(config.backend)
    table = predictor.tabulate(predictor.predict(run.model(), x))
    if names:
        table.insert(1, "file", [names[example] for example in table["example"]])
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.parent == run.folder / runs.PREDICTIONS:
            manifest.begin_list(place.parent)
        return [tables.write_table(place, table)]
    except OSError as error:
        raise ConfigError(f"cannot write {place} ({error.strerror}); choose another with output=<file>.") from error


def _read_input(path: Path, predictor: Predictor) -> tuple[list[str], Any]:
    """The names of the files that hold one example each (none for other files), and the examples."""
    if not path.exists():
        raise ConfigError(f"input: there is no {path}.")
    if path.suffix == ".npy":
        from cldnn_lab.data.safe_pickle import load_array

        return [], load_array(path)
    if isinstance(predictor.preparation, Pictures):
        files = [path] if path.is_file() else sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
        if not files:
            raise ConfigError(f"input: {path} has no pictures ({', '.join(SUFFIXES)}).")
        return [file.name for file in files], files
    if isinstance(predictor.preparation, Texts) and path.is_file():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise ConfigError(f"input: {path} is not text in UTF-8: {error.reason} at byte {error.start}.") from error
        return [], lines
    wanted = (
        "a text file with one text per line" if isinstance(predictor.preparation, Texts) else "an array in a .npy file"
    )
    raise ConfigError(f"input: {path} is not what this network reads: give {wanted}.")


def _choose_place(run: runs.Run, output: Any) -> Path:
    """Where the table goes.

    Raises:
        ConfigError: if ``output`` names a file that is there already.
    """
    if output is None:
        return run.folder / runs.PREDICTIONS / "predictions.csv"
    place = Path(make_absolute(str(output)))
    if place.exists():
        raise ConfigError(f"output: {place} is there already: move it away, or name another file.")
    return place


if __name__ == "__main__":
    sys.exit(main())
