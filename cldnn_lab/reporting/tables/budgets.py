"""The budget at which a section is printed: one of its own, changed by the user, or the largest that was trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from cldnn_lab.config.errors import ConfigError, suggest
from cldnn_lab.reporting.tables.definition import FEWEST_SEEDS, QUICK, Budget, Section, Table
from cldnn_lab.reporting.tables.plan import Planned, plan_section
from cldnn_lab.reporting.tables.records import find_runs

RECORDED = "recorded"


def plan_at_budget(
    table: Table,
    section: Section,
    name: str,
    changes: Mapping[str, Any],
    records: pd.DataFrame,
    common: Sequence[str] = (),
) -> list[Planned]:
    """The rows of a section at the budget that was asked for.

    Args:
        name: of a budget of the section; or :data:`RECORDED`, the largest at which every row has runs.
        changes: what the user has it differ in: ``epochs``, ``training``, ``data``, ``seeds``.
        common: overrides of every row.

    Raises:
        ConfigError: for a budget that there is not, and for a mistake in a change or a row.
    """
    if name == RECORDED:
        plans = [plan_section(table, section, one, budget, common) for one, budget in section.budgets.items()]
        return max(plans, key=lambda planned: _count_recorded(planned, records))
    name, budget = _change_budget(section, name, changes)
    section.budgets[name] = budget
    return plan_section(table, section, name, budget, common)


def _change_budget(section: Section, name: str, changes: Mapping[str, Any]) -> tuple[str, Budget]:
    # What is quick anyway needs no budget of that name.
    budgets = {QUICK: Budget(), **section.budgets}
    if name not in budgets:
        raise ConfigError(f"budget: {name}: no such budget; {suggest(name, [RECORDED, *budgets])}.")
    spent = {key: value for key, value in changes.items() if key != "seeds"}
    _check_changes(spent)
    name = " ".join([name, *(f"{key}={value}" for key, value in spent.items())])
    if "epochs" in spent or "training" in spent:
        spent = {"epochs": None, "training": None, **spent}
    seeds = {"seeds": changes["seeds"]} if "seeds" in changes else {}
    return name, replace(budgets[name.split()[0]], **spent, **seeds)


def _check_changes(changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if key == "epochs" and not (number and isinstance(value, int) and value >= 1):
            raise ConfigError(f"budget.epochs: {value!r} must be a number of epochs, 1 or more.")
        if key != "epochs" and not (number and 0 < value <= 1):
            raise ConfigError(f"budget.{key}: {value!r} must be a share, above 0 and at most 1, such as 0.2.")


def _count_recorded(planned: Sequence[Planned], records: pd.DataFrame) -> tuple[bool, int]:
    """Whether each row has three runs or more, on one kind of data at least; and how many runs there are, so that of
    budgets that all rows have the larger is taken, which comes first."""
    found = find_runs(records, planned)
    counts = Counter(zip(found["row"], found["variant"], strict=True))
    most = dict.fromkeys((one.row for one in planned), 0)
    for (row, _), count in counts.items():
        most[row] = max(most[row], count)
    complete = min(most.values()) >= FEWEST_SEEDS
    return complete, 0 if complete else sum(most.values())
