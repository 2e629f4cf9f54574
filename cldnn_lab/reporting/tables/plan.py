"""Which runs the rows of a section stand on: their overrides, and the fingerprints by which they are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from cldnn_lab.config import explain
from cldnn_lab.config.composer import Composer
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.groups import CONFIGS
from cldnn_lab.config.schema import Config, parse_composed
from cldnn_lab.reporting.tables.definition import Budget, Section, Table, Variant
from cldnn_lab.reporting.tables.measure import ONLY
from cldnn_lab.runs.fingerprint import compute_seed_fingerprints


@dataclass(frozen=True)
class Planned:
    """A row on one kind of data, at one budget.

    Attributes:
        table, section, row, variant, budget: their names.
        overrides: as they would be typed, without the seed.
        fingerprints: of the config, by seed.
        synthetic: whether its data are generated; None for whatever is found.
        config: with its first seed.
        figures: that its section prints.
    """

    table: str
    section: str
    row: str
    variant: str
    budget: str
    overrides: tuple[str, ...]
    fingerprints: dict[int, str]
    synthetic: bool | None
    config: Config
    figures: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the row is called among all rows, such as ``001/q1/proposed``."""
        return "/".join(part for part in (self.table, self.section, self.row, self.variant) if part)

    def find_lacking(self, run: pd.Series) -> dict[str, Any]:
        """The diagnostics, with their options, of which a recorded run has none of the figures that are printed; of a
        run that diverged there is nothing to be found."""
        lacking: dict[str, Any] = {}
        if run["status"] != "completed":
            return lacking
        for name, options in self.config.diagnostics.items():
            printed = [figure for figure in self.figures if figure.startswith(f"{name}.")]
            if printed and run.reindex(printed).isna().all():
                lacking[name] = options
        return lacking


def plan_section(
    table: Table, section: Section, budget_name: str, budget: Budget, common: Sequence[str] = ()
) -> list[Planned]:
    """Every row of a section on every kind of data, checked.

    Args:
        budget: one of the section's own, or the user's.
        common: overrides of the whole command, such as ``backend=jax``.

    Raises:
        ConfigError: for a mistake in a row, naming it.
    """
    variants: dict[str, Variant | None] = {**section.variants} or {ONLY: None}
    planned = []
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        composer = Composer(loader, loader.load_configuration("train", [], run_mode=RunMode.MULTIRUN))
        for name, row in section.rows.items():
            for kind, variant in variants.items():
                where = f"table {table.name}: sections.{section.name}.rows.{name}"
                own = [*section.overrides, *row.overrides, *(variant.overrides if variant else ()), *common]
                smaller = row.at.get(budget_name.split()[0], ())  # of quick also where the user changed its epochs
                try:
                    overrides = own if budget.is_published else [*_spend(composer, own, section, budget), *smaller]
                    config = _parse(composer, overrides)
                except ConfigError as mistake:
                    raise ConfigError(f"{where}: {mistake}") from None
                planned.append(
                    Planned(
                        table.name,
                        section.name,
                        name,
                        kind,
                        budget_name,
                        tuple(overrides),
                        compute_seed_fingerprints(config, range(1, budget.seeds + 1)),
                        None if variant is None else variant.synthetic,
                        config,
                        tuple(section.figures),
                    )
                )
    return planned


def _spend(composer: Composer, overrides: Sequence[str], section: Section, budget: Budget) -> list[str]:
    """The overrides of a row at a smaller budget.

    Args:
        overrides: of the row as it was published.
    """
    found = [*overrides, *budget.overrides]
    settings = _parse(composer, overrides).settings
    if budget.epochs is not None:
        found += [f"epochs={budget.epochs}", "steps=null", "validate_every=null"]
    elif budget.training is not None and settings.steps is not None:
        found.append(f"steps={max(1, round(settings.steps * budget.training))}")
        if settings.validate_every is not None:
            found.append(f"validate_every={max(1, round(settings.validate_every * budget.training))}")
    elif budget.training is not None:
        found.append(f"epochs={max(1, round(settings.epochs * budget.training))}")
    if budget.data is not None:
        if section.train_examples is None:
            raise ConfigError("budget.data: the table does not say of how many training examples; set train_examples.")
        found.append(f"data.train_limit={max(1, round(section.train_examples * budget.data))}")
    return found


def _parse(composer: Composer, overrides: Sequence[str]) -> Config:
    try:
        return parse_composed(composer.compose(overrides))
    except ConfigError:
        raise
    except Exception as error:
        if not explain.is_users_error(error):
            raise
        raise ConfigError(explain.explain(error)) from error
