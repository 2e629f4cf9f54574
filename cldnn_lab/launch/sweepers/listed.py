"""The sweeper that runs the jobs of a file: settings that are no grid, such as the rows of a table."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from cldnn_lab.config import explain
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.grid import zip_choices
from cldnn_lab.config.paths import make_absolute
from cldnn_lab.launch.preflight import Refused
from cldnn_lab.launch.sweepers.base import BaseSweeper, is_of_the_command
from cldnn_lab.launch.sweepers.grid import list_choices
from cldnn_lab.runs.sweep import Job


class ListedSweeper(BaseSweeper):
    """Run the jobs that a file lists, each with the overrides of the command, in every combination of their values.

    Args:
        jobs: a text file with the overrides of one job on each line, quoted as in a shell; a word that begins with
            ``#`` begins a comment.
        params: overrides that the config itself gives; the command's own come later.
    """

    __module__ = "hydra_plugins.cldnn_lab"  # Hydra makes no plugin of another package

    def __init__(self, jobs: str | None = None, params: dict[str, Any] | None = None) -> None:
        self.jobs, self.params = jobs, params

    def sweep(self, arguments: list[str]) -> Any:
        """Run the jobs of the file.

        Raises:
            Refused: for a mistake in any of them, naming its line, before the first starts.
        """
        try:
            if self.config.sweep.where is not None or self.config.sweep.zip is not None:
                raise ConfigError("sweep: where and zip choose from a grid; list the jobs, or use sweeper=grid.")
            path, listed = self._read_jobs()
            # Seeds change fastest, as in a grid.
            parsed = sorted(self.parse(arguments), key=lambda override: override.key_or_group == "seed")
            combinations = zip_choices({one.get_key_element(): list_choices(one) for one in parsed}, None)
            planned: list[Job] = []
            for line, overrides in listed:
                try:
                    _check(overrides)
                    for combination in combinations:
                        together = [*overrides, *combination]
                        planned.append(self.plan(len(planned), together, self.compose(together)))
                except ConfigError as mistake:
                    raise ConfigError(f"{path}, line {line}: {mistake}") from None
                except Exception as error:
                    if not explain.is_users_error(error):
                        raise
                    raise ConfigError(f"{path}, line {line}: {explain.explain(error)}") from error
            self.begin()
            self.run(planned)
        except ConfigError as mistake:
            raise Refused(mistake) from None

    def _read_jobs(self) -> tuple[Path, list[tuple[int, list[str]]]]:
        """The file, and the number and the overrides of each of its lines that is a job."""
        if not self.jobs:
            raise ConfigError("hydra.sweeper.jobs: name the file that lists the jobs, one on each line.")
        path = Path(make_absolute(self.jobs))
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
            raise ConfigError(f"hydra.sweeper.jobs: {path} cannot be read: {reason}.") from error
        listed = [(number, words) for number, words in _split(path, lines) if words]
        if not listed:
            raise ConfigError(f"hydra.sweeper.jobs: {path} lists no job.")
        return path, listed


def _split(path: Path, lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(lines, 1):
        try:
            yield number, _split_words(line)
        except ValueError as error:
            raise ConfigError(f"{path}, line {number}: {error}.") from error


def _split_words(line: str) -> list[str]:
    """The words of a line; :mod:`shlex` would end them at any ``#``, and leave half a value."""
    for comment in re.finditer(r"(?<!\S)#", line):
        try:
            return shlex.split(line[: comment.start()])
        except ValueError:  # this one is within quotes
            continue
    return shlex.split(line)


def _check(overrides: Sequence[str]) -> None:
    """Refuse what a job alone cannot have, rather than run it without."""
    for one in OverridesParser.create().parse_overrides(list(overrides)):
        key = one.get_key_element()
        if is_of_the_command(one) or re.match(r"[+~]*hydra\b", key):
            raise ConfigError(f"{key} is for all jobs: give it with the command.")
        if one.is_sweep_override():
            raise ConfigError(f"{key} has several values: give it with the command, or write a line for each.")
