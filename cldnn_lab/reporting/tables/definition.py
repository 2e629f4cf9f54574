"""What a table of a report is: sections of rows, each a label, overrides and published figures; and its conclusions.

A file of conf/table is one document. Every section is printed as one table:

    title: LeNet-5 on grey pictures              of the document
    sections:
      configurations:
        title: Nine configurations
        overrides: [experiment=002/part1b]       of every row
        figures: {test_accuracy: accuracy}       figures that are printed, and their headings: metrics of metrics.json
                                                 or of a diagnostic, such as metrics.train_sensitivity
        rows:
          run1: {label: ReLU, overrides: [model.activation=relu], published: {test_accuracy: 0.49}}
        checks:
          - {says: ReLU beats tanh, figure: test_accuracy, order: [run1, run2]}
        budgets:
          published: {seeds: 6}
          quick: {training: 0.2, gives_up: the last digits of the long runs}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from cldnn_lab.config.errors import ConfigError, suggest
from cldnn_lab.config.groups import CONFIGS, list_options
from cldnn_lab.config.typed import extract_first_line, parse_dataclass
from cldnn_lab.diagnostics import needs_network

PUBLISHED, QUICK = "published", "quick"
# Sections without a budget of their own name.
FEWEST_SEEDS = 3


@dataclass
class Budget:
    """How much of the published training a row is given.

    Attributes:
        seeds: runs of each row, with the seeds 1, 2, ...
        epochs: of every row, whatever the row's own epochs or steps; None leaves those.
        training: share of the row's own epochs or steps.
        data: share of the training examples.
        overrides: what else differs from the published training, such as a rate to go with fewer steps.
        keeps, gives_up: what a table at this budget still shows, and what it does not; printed below it.
    """

    seeds: int = field(default=FEWEST_SEEDS, metadata={"min": 1})
    epochs: int | None = field(default=None, metadata={"min": 1})
    training: float | None = field(default=None, metadata={"above": 0, "max": 1})
    data: float | None = field(default=None, metadata={"above": 0, "max": 1})
    overrides: list[str] = field(default_factory=list)
    keeps: str | None = None
    gives_up: str | None = None

    @property
    def is_published(self) -> bool:
        """Whether the rows train as they were published."""
        return not (self.overrides or self.epochs or self.data or self.training)


@dataclass
class Row:
    """A row of a table.

    Attributes:
        label: what it is, as the document says.
        overrides: of ``python -m cldnn_lab.train``, behind those of the section.
        published: figures that the document prints, by metric; ``parameters`` and times are metrics too.
        at: further overrides at a smaller budget, by its name, such as a rate that fits fewer steps.
        note: what to know of the row; printed below the table.
        tried: what was tried to explain a difference of more than 2 points, or a published figure outside the
            prediction interval; printed below the table.
    """

    label: str
    overrides: list[str] = field(default_factory=list)
    published: dict[str, float] = field(default_factory=dict)
    at: dict[str, list[str]] = field(default_factory=dict)
    note: str | None = None
    tried: str | None = None


@dataclass
class Check:
    """A conclusion of the document.

    Attributes:
        says: the conclusion, in a sentence without its full stop.
        figure: the metric that decides.
        order: rows, best first; or ``row:metric`` to compare different figures, such as the losses of one row.
        better: ``higher``, ``lower``, or ``auto``: lower of losses, errors, times and parameters.
    """

    says: str
    order: list[str]
    figure: str | None = None
    better: str = field(default="auto", metadata={"choices": ("auto", "higher", "lower")})


@dataclass
class Variant:
    """Data that all rows of a section are measured on, beside other data.

    Attributes:
        label: over its columns.
        overrides: what chooses the data.
        synthetic: whether the data are generated; None for whatever is found. Where false, and the files are not at
            hand, the columns stay empty.
    """

    label: str
    overrides: list[str] = field(default_factory=list)
    synthetic: bool | None = None


@dataclass
class Section:
    """One printed table.

    Attributes:
        title: its heading.
        overrides: of every row.
        figures: the metrics that are printed, in this order, and the heading of each; those of a diagnostic, which the
            overrides have to choose, as ``<diagnostic>.<name>``.
        rows: by name.
        checks: the document's conclusions.
        variants: by name; the first is compared with the published figures. Empty for the data as they are found.
        budgets: by name, the published one first, each smaller than the one before.
        curves: metrics whose curves over the epochs are drawn, such as ``[loss, accuracy]``.
        confusion: whether the confusion matrix of each row is drawn, over the test sets of all its runs.
        draws: diagnostics that need no network, such as ``loss_function``, whose pictures go with the table.
        train_examples: of the published training; what ``budget.data`` is a share of.
        published: the published budget in words, such as ``500 epochs of 10,000 images``.
        note: what to know of the whole section; printed below the table.
    """

    title: str
    rows: dict[str, Row]
    figures: dict[str, str]
    overrides: list[str] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    variants: dict[str, Variant] = field(default_factory=dict)
    budgets: dict[str, Budget] = field(default_factory=dict)
    curves: list[str] = field(default_factory=list)
    confusion: bool = False
    draws: list[str] = field(default_factory=list)
    train_examples: int | None = None
    published: str | None = None
    note: str | None = None
    name: str = ""

    @property
    def has_published(self) -> bool:
        """Whether the document prints a figure of any row."""
        return any(row.published for row in self.rows.values())


@dataclass
class Table:
    """A document's tables.

    Attributes:
        title: of the document.
        source: where the published figures come from.
        sections: by name, in the order of the document.
        name: of its file.
        argument: of the command, by which it is found: the name, or the path of the user's file.
        chosen: names of the sections that the user chose; None for all.
    """

    title: str
    source: str
    sections: dict[str, Section]
    name: str = ""
    argument: str = ""
    chosen: list[str] | None = None


def choose_sections(table: Table, names: Sequence[str]) -> Table:
    """The table with some of its sections only, in the order of the document.

    Raises:
        ConfigError: for a section that the table does not have, and for none at all.
    """
    if not names:
        raise ConfigError(f"sections: name one or more; known: {', '.join(table.sections)}.")
    for name in names:
        if name not in table.sections:
            raise ConfigError(f"sections: {name}: no such section; {suggest(name, table.sections)}.")
    sections = {name: section for name, section in table.sections.items() if name in names}
    return replace(table, sections=sections, chosen=None if len(sections) == len(table.sections) else list(sections))


def find_other_budget(section: Section, budget: str) -> str | None:
    """The budget whose order of the rows is to be compared with that of a table at ``budget``: the quick one with the
    published, any other with the published; None if both train alike."""
    if not section.budgets[budget].is_published:
        return PUBLISHED
    quick = section.budgets.get(QUICK)
    return None if quick is None or quick.is_published else QUICK


def list_tables() -> list[str]:
    """The tables of the project."""
    return list_options("table")


def read_table(name: str) -> Table:
    """A table of conf/table, or one of the user's own.

    Args:
        name: of a file in conf/table, or the path of a YAML file.

    Raises:
        ConfigError: for an unknown name, and for anything wrong in the file, naming the key.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else CONFIGS / "table" / f"{name}.yaml"
    if not path.is_file():
        raise ConfigError(f"table: there is no {name}; {suggest(name, ['all', *list_tables()])}, or a .yaml file.")
    try:
        values = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except (OmegaConfBaseException, YAMLError, OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {extract_first_line(error)}.") from error
    if not isinstance(values, Mapping):
        raise ConfigError(f"{path}: must hold title, source and sections.")
    try:
        named = {str(key): value for key, value in values.items()} | {"name": path.stem, "argument": name}
        return _check(parse_dataclass(Table, named))
    except ConfigError as mistake:
        raise ConfigError(f"{path}: {mistake}") from None


def _check(table: Table) -> Table:
    for name, section in table.sections.items():
        section.name = name
        where = f"sections.{name}"
        if not section.rows:
            raise ConfigError(f"{where}.rows: a table needs a row.")
        for label, row in section.rows.items():
            for budget in row.at:
                if budget not in section.budgets or section.budgets[budget].is_published:
                    known = [one for one, made in section.budgets.items() if not made.is_published]
                    raise ConfigError(
                        f"{where}.rows.{label}.at: {budget}: no smaller budget; {suggest(budget, known)}."
                    )
        for figure in {figure for row in section.rows.values() for figure in row.published}:
            if figure not in section.figures:
                raise ConfigError(f"{where}.figures: a row has a published {figure}; give it a heading there.")
        for diagnostic in section.draws:
            if needs_network(diagnostic):
                raise ConfigError(f"{where}.draws: {diagnostic} needs a trained network; give it to a row instead.")
        for check in section.checks:
            _check_order(check, section, where)
        section.budgets = {PUBLISHED: section.budgets.get(PUBLISHED, Budget(seeds=6)), **section.budgets}
    return table


def _check_order(check: Check, section: Section, where: str) -> None:
    if len(check.order) < 2:
        raise ConfigError(f"{where}.checks: {check.says!r} must compare two rows or more in order.")
    for item in check.order:
        row, figure = split_item(item, check)
        if row not in section.rows:
            raise ConfigError(f"{where}.checks: {row}: no such row; {suggest(row, section.rows)}.")
        if figure not in section.figures:
            raise ConfigError(f"{where}.checks: {figure}: no such figure; {suggest(figure, section.figures)}.")


def split_item(item: str, check: Check) -> tuple[str, str]:
    """The row and the metric of an item of a check's ``order``."""
    row, _, figure = item.partition(":")
    return row, figure or str(check.figure)
