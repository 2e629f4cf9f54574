"""The tables hold every figure that the documents print: counted here a second time, document by document."""

from __future__ import annotations

import pytest

from cldnn_lab.reporting.tables.definition import Table, list_tables, read_table
from cldnn_lab.reporting.tables.plan import plan_section

# What the documents' tables and answers print, row by row.
ACCURACIES = {
    "000": [],
    "001": [0.9946, 0.9892, 0.99, 0.98, 0.78, 0.696, 0.78],
    "002": [
        *[0.49, 0.447, 0.519, 0.505, 0.51, 0.393, 0.348, 0.1, 0.452, 0.508],
        *[0.95, 0.95, 0.9801, 0.9756, 0.9728, 0.9823, 0.9861],
    ],
    "003": [
        *[0.35, 0.386, 0.377, 0.401, 0.366, 0.43, 0.405, 0.449, 0.447, 0.491],
        *[0.35, 0.491, 0.475, 0.53, 0.559, 0.45, 0.4, 0.4, 0.663, 0.61, 0.82, 0.81, 0.88, 0.81],
        *[0.88, 0.0737, 0.747, 0.116, 0.756, 0.0526, 0.711],
    ],
    "004": [
        *[0.8619, 0.9137, 0.897, 0.9027, 0.9013, 0.9137, 0.9023],
        *[0.8625, 0.9137, 0.8972, 0.9136, 0.9184],
    ],
    "radioml": [0.838, 0.835, 0.866, 0.885],
}  # fmt: skip
ERRORS = [0.26866, 0.26866, 0.03874, 0.0807, 0.0933]
PARAMETERS = {"001": [1209, 185, 109, 109, 1671, 1237, 1237, 2128], "004": [1398597, 6484330, 6753669, 325426]}
TIMES = {
    "001": [160],
    "003": [26241, 22834, 4576, 6590, 2716, 2780, 1397, 1840, 1397, 533, 1444, 580, 1357, 680, 1842],
    "004": [400],
}
EPOCHS = {"001": [3.96], "004": [0.47, 1, 5, 4]}
LAYERS = [5, 7, 11, 9]
# Of one batch each, the last that the listings print.
TRAINING = [0.98, 0.96, 0.96, 0.64, 0.78, 0.96, 0.32, 0.22, 0.06, 0.92]
# All that they print, these among them.
COUNTS = {"000": 0, "001": 33, "002": 47, "003": 54, "004": 60, "radioml": 22}


@pytest.fixture(scope="module")
def tables() -> dict[str, Table]:
    return {name: read_table(name) for name in list_tables()}


def _collect(table: Table, figure: str) -> list[float]:
    rows = [row for section in table.sections.values() for row in section.rows.values()]
    return [row.published[figure] for row in rows if figure in row.published]


def test_there_is_a_table_for_each_document(tables: dict[str, Table]) -> None:
    assert sorted(tables) == sorted(ACCURACIES)


@pytest.mark.parametrize("name", ACCURACIES)
def test_no_published_figure_is_lost(name: str, tables: dict[str, Table]) -> None:
    table = tables[name]
    assert sorted(_collect(table, "test_accuracy")) == sorted(ACCURACIES[name])
    assert sorted(_collect(table, "parameters")) == sorted(PARAMETERS.get(name, []))
    assert sorted(_collect(table, "train_seconds")) == sorted(TIMES.get(name, []))
    assert sorted(_collect(table, "seconds_per_epoch")) == sorted(EPOCHS.get(name, []))
    rows = [row for section in table.sections.values() for row in section.rows.values()]
    assert sum(len(row.published) for row in rows) == COUNTS[name]


def test_figures_of_one_document(tables: dict[str, Table]) -> None:
    assert sorted(_collect(tables["004"], "layers")) == sorted(LAYERS)
    assert sorted(_collect(tables["002"], "train_accuracy")) == sorted(TRAINING)


def test_errors_of_the_pulses(tables: dict[str, Table]) -> None:
    assert sorted(_collect(tables["001"], "test_normalised_error")) == sorted(ERRORS)


@pytest.mark.parametrize("name", ACCURACIES)
def test_every_row_composes_on_all_its_data_at_the_smallest_budget(name: str, tables: dict[str, Table]) -> None:
    """At the published budget tests/test_experiments.py trains them."""
    for section in tables[name].sections.values():
        budget_name, budget = list(section.budgets.items())[-1]
        planned = plan_section(tables[name], section, budget_name, budget)
        assert {row.row for row in planned} == set(section.rows)
        assert {row.variant for row in planned} == set(section.variants or [""])


def test_every_smaller_budget_says_what_it_gives_up(
    tables: dict[str, Table],
) -> None:
    for table in tables.values():
        for section in table.sections.values():
            assert section.published, section.title
            for check in section.checks:
                assert check.says[0].isupper() or check.says[0].isdigit() or check.says.startswith("tanh"), check.says
            for budget in section.budgets.values():
                assert budget.is_published or (budget.keeps and budget.gives_up), (table.name, section.name)
