"""The remarks below a table, every figure in them taken from the runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cldnn_lab.reporting.tables.digits import format_number
from cldnn_lab.reporting.tables.footnotes import end_sentence
from cldnn_lab.reporting.tables.measure import Measured
from cldnn_lab.reporting.tables.provenance import count, describe_data, describe_machines, digest_runs, read_column
from cldnn_lab.reporting.tables.statistics import FEWEST_RESAMPLED, SIGNIFICANCE
from cldnn_lab.reporting.tables.training import describe_training, list_labels

# How the files of a section's pictures end, behind its name.
PUBLISHED_PICTURE, CURVES_PICTURE, CONFUSION_PICTURE = "_published.png", "_curves.png", "_confusion.png"


def list_remarks(measured: Measured) -> list[str]:
    """What is to be known of a whole table; of single rows see
    :func:`~cldnn_lab.reporting.tables.footnotes.list_footnotes`."""
    remarks = [end_sentence(measured.section.note)] if measured.section.note else []
    remarks += describe_training(measured)
    remarks += _describe_agreement(measured)
    remarks += [*_list_missing(measured), *_list_failures(measured), *_list_mixed(measured)]
    remarks += [*_warn_of_few_seeds(measured), *describe_data(measured), *describe_machines(measured)]
    digest = digest_runs(measured.runs)
    if digest:
        remarks.append(f"Fingerprint: runs {digest}, in runs.csv.")
    return [*remarks, explain_columns(measured)]


def write_command(sections: Sequence[Measured]) -> str:
    """What makes the tables of a document anew, from the same runs or others."""
    table = sections[0].table
    command = f"python -m cldnn_lab.report table={table.argument}"
    if table.chosen:
        command += f" sections={_write_list(table.chosen)}"
    budgets = {one.budget_name for one in sections}
    if len(budgets) > 1:
        return f"{command} budget=recorded train=false"
    name, *changes = budgets.pop().split()
    seeds = {one.budget.seeds for one in sections}  # equal where the user set them, and where they are so anyway
    changes = [f"budget.{change}" for change in changes] + ([f"seeds={seeds.pop()}"] if len(seeds) == 1 else [])
    return " ".join([command, f"budget={name}", *changes])


def _write_list(names: Sequence[str]) -> str:
    """Names as they are typed in a shell."""
    return names[0] if len(names) == 1 else f"'[{','.join(names)}]'"


def describe_picture(measured: Measured, name: str) -> str:
    """What a picture shows, in words for who cannot see it; ``name`` of its file tells."""
    title = measured.section.title
    if name.endswith(PUBLISHED_PICTURE):
        what = "published figures beside the measured means" if measured.section.has_published else "measured means"
        return f"{title}: {what}, with 95 % and prediction intervals"
    rest = Path(name).name.removeprefix(f"{measured.section.name}_")
    if name.endswith(CURVES_PICTURE):
        metric = rest.removesuffix(CURVES_PICTURE)
        return f"{title}: {metric.replace('_', ' ').strip()} over the epochs, a line per row"
    if name.endswith(CONFUSION_PICTURE):
        row = rest.removesuffix(CONFUSION_PICTURE)
        return f"{title}: confusion matrix of {measured.section.rows[row].label}, test examples of all runs"
    return f"{title}: {Path(name).stem.replace('_', ' ')}"


def explain_columns(measured: Measured) -> str:
    """What the columns of the table and of its conclusions mean."""
    parts = [
        "n: seeds. 95 % interval: of the mean over seeds (Student’s t). Prediction interval: where one more run would "
        "lie in 95 % of cases, mean ± t s √(1 + 1/n). Intervals of shares end at 0 and 100 %, those of times, "
        "losses and errors at 0."
    ]
    if measured.section.has_published:
        parts.append(
            "“Published inside?” says whether the published figure, which is one run, lies in the prediction interval; "
            "a count has to be equal, and a time of another machine is not judged."
        )
    if any(one.test_interval for one in measured.measurements):
        parts.append("Test-set interval: what so many test examples can tell of the mean (Wilson, 95 %).")
    if measured.conclusions:
        tests = sum(len(conclusion.comparisons) for conclusion in measured.conclusions)
        tested = measured.tested_variant
        on = f", on {measured.section.variants[tested].label}" if tested else ""
        parts.append(
            f"Conclusions{on}: paired over the same seeds; the mean difference is the first of the pair less the "
            "second, turned so that + is in favour of the conclusion; its BCa bootstrap interval needs "
            f"{FEWEST_RESAMPLED} seeds; p of the exact two-sided sign-flip test, and corrected by Holm over the "
            f"table’s {count(tests, 'comparison')}."
        )
    return " ".join(parts)


def _describe_agreement(measured: Measured) -> list[str]:
    """Whether another budget ranks the rows as this one does."""
    found = measured.agreement
    if found is None:
        return []
    figure = next(iter(measured.section.figures.values()))
    return [
        f"Budget {found.budget} against this one in the order of {count(found.rows, 'row')} by {figure}: Kendall’s tau "
        f"{format_number('number', found.tau, 2)} (1: the same order; 0: no agreement; −1: the reverse)."
    ]


def _list_missing(measured: Measured) -> list[str]:
    """Rows that have no run, and rows that have fewer than the budget asks for."""
    section, found = measured.section, []
    for variant in measured.variants:
        where = f" on {section.variants[variant].label}" if variant else ""
        runs = measured.runs[measured.runs["variant"] == variant]
        missing = [row.label for name, row in section.rows.items() if name not in set(runs["row"])]
        if len(missing) == len(section.rows):
            found.append(f"Not run at this budget{where}: all rows.")
        elif missing:
            found.append(f"Not run at this budget{where}: {list_labels(missing)}.")
        completed = runs[runs["status"] == "completed"]["row"].value_counts()
        fewer = {
            row.label: int(completed[name])
            for name, row in section.rows.items()
            if 0 < completed.get(name, 0) < measured.budget.seeds
        }
        wanted = f"Fewer than {count(measured.budget.seeds, 'seed')}{where}"
        if len(fewer) == len(section.rows) > 1 and len(set(fewer.values())) == 1:
            found.append(f"{wanted}: all rows have {min(fewer.values())}.")
        elif fewer:
            found.append(f"{wanted}: {list_labels([f'{label} ({n})' for label, n in fewer.items()])}.")
    return found


def _list_failures(measured: Measured) -> list[str]:
    """Runs that came to no figures."""
    found = []
    for status in sorted(set(measured.runs["status"].dropna()) - {"completed"}):
        runs = measured.runs[measured.runs["status"] == status]
        which = []
        for (row, variant), own in runs.groupby(["row", "variant"], sort=False):
            where = f" on {measured.section.variants[variant].label}" if variant in measured.section.variants else ""
            label = measured.section.rows[row].label if row in measured.section.rows else row
            which.append(f"{label}{where} ({_list_seeds(own['seed'])})")
        found.append(f"{count(len(runs), 'run')} {status}, in no figure above: {'; '.join(which)}.")
    return found


def _list_seeds(seeds: pd.Series) -> str:
    numbers = sorted(int(seed) for seed in seeds)
    if len(numbers) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"seeds {numbers[0]} to {numbers[-1]}"
    return f"seed{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"


def _list_mixed(measured: Measured) -> list[str]:
    """Rows whose runs are no repeats of each other."""
    completed = measured.runs[measured.runs["status"] == "completed"]
    if not len(read_column(completed, "setting_fingerprint")):
        return []
    mixed = []
    for (row, variant), own in completed.groupby(["row", "variant"], sort=False):
        settings = read_column(own, "setting_fingerprint").nunique()
        if settings > 1 and row in measured.section.rows:
            where = f" on {measured.section.variants[variant].label}" if variant in measured.section.variants else ""
            mixed.append(f"{measured.section.rows[row].label}{where} ({settings} settings)")
    return [f"Runs of different data or configs in one row, so no repeats: {list_labels(mixed)}."] if mixed else []


def _warn_of_few_seeds(measured: Measured) -> list[str]:
    """Where no verdict was possible, whatever the runs had been."""
    compared = [one for conclusion in measured.conclusions for *_, one in conclusion.comparisons]
    few = [one.n for one in compared if 0 < one.n < one.needed]
    if not few:
        return []
    seeds = count(min(few), "seed") if min(few) == max(few) else f"{min(few)} to {count(max(few), 'seed')}"
    return [
        f"With {seeds} a two-sided sign-flip test over {count(len(compared), 'comparison')} cannot fall below "
        f"{SIGNIFICANCE:g}; {compared[0].needed} seeds could."
    ]
