"""What can be set for every data set; each source adds its own options, in its module.

Values are typed and checked before a file is opened. The metadata of a field says what they may be: ``min`` and
``max`` (inclusive), ``above`` and ``below`` (exclusive), ``choices``, and ``unit``. What concerns a list, or several
fields at once, is checked by :meth:`DataConfig.check`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import MISSING

from cldnn_lab.config.errors import ConfigError


@dataclass
class DataConfig:
    """What every data set has.

    Attributes:
        source: the module of :mod:`cldnn_lab.data.sources` that reads or makes it.
        name: what the data set is called in logs, figures and metrics.
        layout: ``image`` (height, width, channels), ``sequence`` (time, features), or ``auto``: as the
            model prefers.
        train_limit, test_limit: at most so many examples, drawn evenly from the classes; null for all.
        validation: ``test`` where the test set validates, else the share of the training set held out.
        classes: class names or indices to keep, in this order; null for all.
        split_seed: draws which examples the limits keep, what is held out, and the test set of files that have
            none; the run's own seed draws none of these.
    """

    source: str = MISSING
    name: str = MISSING
    layout: str = field(default="auto", metadata={"choices": ("auto", "image", "sequence")})
    train_limit: int | None = field(default=None, metadata={"min": 1, "unit": "examples"})
    test_limit: int | None = field(default=None, metadata={"min": 1, "unit": "examples"})
    validation: str | float = "test"
    classes: list[str | int] | None = None
    split_seed: int = field(default=42, metadata={"min": 0, "max": 2**32 - 1})

    def check(self) -> None:
        """Check what concerns several fields, without opening a file.

        Raises:
            ConfigError: naming the key and what it may be.
        """
        if isinstance(self.validation, str):
            if self.validation != "test":
                raise ConfigError(
                    f"data.validation: {self.validation!r} is neither test (the test set validates) nor a "
                    "share of the training set between 0 and 1, such as 0.1."
                )
        elif not 0 < self.validation < 1:
            raise ConfigError(
                f"data.validation: {self.validation} is not a share of the training set: give a number "
                "between 0 and 1 (both excluded), or test."
            )
        if self.classes is not None:
            if not self.classes:
                raise ConfigError("data.classes: the list is empty: name the classes to keep, or null for all.")
            twice = sorted({str(c) for c in self.classes if list(self.classes).count(c) > 1})
            if twice:
                raise ConfigError(f"data.classes: {', '.join(twice)} is named more than once.")

    def refuse_classes(self, why: str) -> None:
        """Refuse ``classes`` where there is nothing to choose, because the data set ``why``."""
        if self.classes is not None:
            raise ConfigError(f"data.classes: {self.name} {why}, so classes must stay null.")


@dataclass
class GeneratingConfig(DataConfig):
    """What a data set has that the project generates where its published files are missing.

    Attributes:
        path: where the files are; null to look under ``data_root``, and to generate where none are there.
        generate: generate them even where the files are found.
    """

    path: str | None = None
    generate: bool = False

    def check(self) -> None:
        super().check()
        if self.generate and self.path is not None:
            raise ConfigError("data.generate: nothing is generated where data.path says what to read; leave one out.")
