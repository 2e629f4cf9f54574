"""How the tables of a report are printed, on a made-up one that has all that a table can have."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from table_example import LABELS, make_measured, make_runs

from cldnn_lab.reporting.tables import markdown, page, tex
from cldnn_lab.reporting.tables.book import write_contents
from cldnn_lab.reporting.tables.definition import Budget, Row, Section, Table
from cldnn_lab.reporting.tables.digits import (
    align,
    choose_decimals,
    format_interval,
    format_number,
    format_published,
)
from cldnn_lab.reporting.tables.footnotes import list_footnotes
from cldnn_lab.reporting.tables.frames import to_conclusions_frame, to_frame
from cldnn_lab.reporting.tables.layout import lay_out, lay_out_conclusions
from cldnn_lab.reporting.tables.measure import Measured, find_kind, measure
from cldnn_lab.reporting.tables.pictures import arrange_bars, draw_pictures
from cldnn_lab.reporting.tables.provenance import digest_runs
from cldnn_lab.reporting.tables.wording import list_remarks

PADDING = re.compile(r"[\u2007\u2008]|\\phantom\{.\}")


@pytest.fixture(scope="module")
def sections() -> list[Measured]:
    return make_measured()


@pytest.fixture(scope="module")
def texts(sections: list[Measured], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Each format, by its name."""
    return {
        "markdown": markdown.write_markdown(sections, {"single": ["single_published.png"]}),
        "tex": tex.write_tex(sections, {}),
        "page": page.write_page(sections, {}, tmp_path_factory.mktemp("page")),
    }


class Rows(HTMLParser):
    """The texts of the cells of a page, with rows spanned over as they are seen."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        self.links += [value for name, value in attributes if name in ("href", "src")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_every_format_holds_every_published_figure(sections, texts):
    for measured in sections:
        for row in measured.section.rows.values():
            for figure, value in row.published.items():
                printed = format_published(find_kind(figure), value)
                for name, text in texts.items():
                    assert re.search(rf"[|&>] *{re.escape(printed)} *([|&<]|\\\\)", PADDING.sub("", text)), (
                        name,
                        printed,
                    )


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("markdown", [r"ReLU, 50 % &amp; more", r"tanh\_1 \| &lt;wide&gt; layers \$x\$", "Sigmoid, α = 1"]),
        ("tex", [r"ReLU, 50 \% \& more", r"tanh\_1 \ensuremath{|} \ensuremath{<}wide\ensuremath{>} layers \$x\$"]),
        ("page", ["ReLU, 50 % &amp; more", "tanh_1 | &lt;wide&gt; layers $x$", "Sigmoid, α = 1"]),
    ],
)
def test_labels_are_escaped(texts, name, labels):
    for label in labels:
        assert label in texts[name]
    assert "<wide>" not in texts[name]


def test_markdown_columns_are_aligned_in_plain_text(texts):
    tables = [part for part in texts["markdown"].split("\n\n") if part.startswith("| ")]
    assert len(tables) == 3
    for table in tables:
        lines = table.split("\n")
        assert len({len(line) for line in lines}) == 1
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1


def test_page_is_well_formed_and_needs_nothing_else(texts):
    parser = Rows()
    parser.feed(texts["page"])
    assert parser.open == []
    assert not [link for link in parser.links if link.startswith("http")]


def test_tex_rows_have_all_columns(sections, texts):
    grid = lay_out(sections[0])
    lines = [line for line in texts["tex"].split("\n") if line.startswith("ReLU, 50") and "accuracy" in line]
    assert len(re.findall(r"(?<!\\)&", lines[0])) == len(grid.columns) - 1


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex")
def test_tex_compiles(sections, tmp_path):
    (tmp_path / "table.tex").write_text(
        tex.write_tex(sections, {"single": draw_pictures(sections[1], tmp_path)}), encoding="utf-8"
    )
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "table.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    assert b"Overfull" not in done.stdout


def test_a_label_stands_once_and_a_row_without_any_figure_has_one_line(sections):
    grid = lay_out(sections[0])
    labels = [row[0].text for row in grid.rows]
    assert [label for label in labels if label] == list(LABELS.values())
    assert [len(block) for block in grid.blocks] == [4, 4, 4, 1, 1]
    assert [cell.text for cell in grid.rows[-1][2:]] == ["–", "–", "–", "0", "–", "–", "–", "–"]


def test_variants_have_columns_of_their_own(sections):
    grid = lay_out(sections[1])
    assert grid.groups == [
        ("", 1),
        ("real shapes: accuracy, %", 8),
        ("drawn shapes: accuracy, %", 3),
        ("no files: accuracy, %", 3),
    ]
    tanh = [cell.text for cell in grid.rows[1]]
    assert tanh[9:] == ["–", "–", "0", "–", "–", "0"]
    assert tanh[7] == "no"


def test_footnotes_are_shared_and_numbered(sections):
    texts = [footnote.text for footnote in list_footnotes(sections[1])]
    off = "More than 2 points from the published accuracy. This budget is smaller than the published one."
    assert texts == [
        "A note_of this row",
        f"{off} Tried: another rate, 0.1 % higher.",
        off,
    ]
    published = replace(sections[1].section, budgets={"quick": Budget(6)})
    measured = measure(sections[1].table, published, "quick", sections[1].runs)
    assert list_footnotes(measured)[-1].text == "More than 2 points from the published accuracy. Not looked into yet."
    assert [row[0].marks for row in lay_out(sections[1]).rows] == [[1], [2], [3], [], [1]]


def test_remarks_say_what_the_runs_had(sections):
    several, single = (list_remarks(measured) for measured in sections)
    assert "Published training: 60 epochs of 5,000 pictures." in several
    assert (
        "Measured training: 12 epochs of 5,000 training examples; but 20 epochs of 5,000 training examples in "
        "“Sigmoid, α = 1”; 6 seeds a row." in several
    )
    assert "Rows that differ in it differ in the document, too." in several
    assert "Budget quick: 20 % of the published epochs or steps." in several
    assert "It gives up the long runs." in several
    assert "Not run at this budget: never run." in several
    assert "6 runs diverged, in no figure above: diverging (seeds 1 to 6)." in several
    assert (
        "With 6 seeds a two-sided sign-flip test over 3 comparisons cannot fall below 0.05; 7 seeds could." in several
    )
    assert any(remark.startswith("Runs of different data or configs") and "tanh_1" in remark for remark in several)
    assert "Device: CPU, 1 thread (20 runs); GPU (4 runs)." in several
    assert f"Fingerprint: runs {digest_runs(sections[0].runs)}, in runs.csv." in several
    assert "Not run at this budget on no files: all rows." in single
    assert "Budget quick: 12 epochs a row; other than published: optimizer.learning_rate=0.01." in single
    assert "Data, drawn shapes: made up for drawn." in single


def test_runs_of_another_budget_are_said(sections):
    runs = sections[0].runs.copy()
    runs.loc[0, "budget"] = "published"
    remarks = list_remarks(replace(sections[0], runs=runs))
    assert "Runs of another budget than quick are among them: published (1 run)." in remarks


def test_fewer_seeds_than_the_budget_are_said(sections):
    runs = sections[0].runs.iloc[1:]
    remarks = list_remarks(measure(sections[0].table, sections[0].section, "quick", runs))
    assert "Fewer than 6 seeds: “ReLU, 50 % & more (5)”." in remarks
    section = replace(
        sections[0].section, rows={name: sections[0].section.rows[name] for name in ("relu", "tanh")}, checks=[]
    )
    runs = sections[0].runs
    remarks = list_remarks(measure(sections[0].table, section, "quick", runs[runs["seed"] < 5]))
    assert "Fewer than 6 seeds: all rows have 4." in remarks


def test_the_digest_is_of_the_runs_in_any_order(sections):
    runs = sections[0].runs
    assert digest_runs(runs) == digest_runs(runs[::-1])
    assert digest_runs(runs) != digest_runs(runs[1:])
    assert re.fullmatch("[0-9a-f]{12}", digest_runs(runs) or "")


def test_a_table_without_runs_and_without_columns_is_printed(sections, tmp_path):
    runs = pd.DataFrame(columns=["row", "variant", "seed", "status"])
    empty = [measure(one.table, one.section, "quick", runs) for one in sections]
    for text in (
        markdown.write_markdown(empty, {}),
        tex.write_tex(empty, {}),
        page.write_page(empty, {}, tmp_path),
        *write_contents([empty]),
    ):
        assert "nan" not in text
    assert draw_pictures(empty[0], tmp_path) == ["several_published.png"]
    assert to_frame(empty[0])["n"].eq(0).all()


def test_conclusions_with_few_seeds_have_no_bootstrap_interval():
    measured = make_measured(seeds=3)[0]
    grid = lay_out_conclusions(measured)
    assert grid is not None
    heads = [column.head for column in grid.columns]
    first = dict(zip(heads, (cell.text for cell in grid.rows[0]), strict=True))
    assert first["95 % BCa interval"] == "–"
    assert first["seeds in favour"] == "3 of 3"
    assert first["verdict"] == "cannot be told"
    assert any("7 seeds could" in remark for remark in list_remarks(measured))


def test_frames_have_the_numbers_unrounded(sections):
    frame = to_frame(sections[1])
    assert len(frame) == 5 * 1 * 3
    one = sections[1].find("relu", "test_accuracy", "real")
    assert frame["mean"][0] == one.summary.mean
    assert list(to_conclusions_frame(sections[0])["better"]) == [
        "relu:test_accuracy",
        "tanh:test_accuracy",
        "relu:test_loss",
    ]
    assert list(to_conclusions_frame(sections[1])) == list(to_conclusions_frame(sections[0]))


def test_contents_count_rows_and_conclusions(sections):
    readme, index = write_contents([sections])
    line = next(line for line in readme.split("\n") if "Several figures" in line)
    cells = [cell.strip() for cell in line.split("|")[1:-1]]
    assert cells[1:] == ["[Several figures](made_up/table.md#several)", "quick", "6", "1 of 2", "0", "0", "2"]
    assert 'href="made_up/table.html#several"' in index


def test_pictures_are_drawn_and_held_by_the_page(sections, tmp_path):
    names = draw_pictures(sections[0], tmp_path)
    assert names == ["several_published.png", "several_loss_curves.png"]
    for name in names:
        with Image.open(tmp_path / name) as image:
            assert image.width > 600
    text = page.write_page(sections, {"several": names}, tmp_path)
    assert text.count('src="data:image/png;base64,') == 2
    assert 'alt="Several figures: loss over the epochs, a line per row"' in text


def test_all_shares_of_a_single_row_are_drawn_below_each_other(sections):
    figures = {f"test_accuracy_snr.{snr}": f"{snr} dB" for snr in range(5)}
    section = replace(
        sections[0].section,
        rows={"relu": Row("ReLU", published={"test_accuracy_snr.2": 0.25})},
        figures=figures | {"seconds": "time"},
        checks=[],
    )
    runs = make_runs(sections[0].section, 3).query("row == 'relu'")
    runs = runs.assign(**{name: 0.1 * snr for snr, name in enumerate(figures)})
    panels, labels = arrange_bars(measure(sections[0].table, section, "quick", runs))
    assert labels == list(figures.values())
    assert [bar.mean for bar in panels.pop("ReLU, %")] == pytest.approx([0, 10, 20, 30, 40]) and not panels


def test_many_rows_have_curves_side_by_side(tmp_path: Path):
    from cldnn_lab.figures.table_curves import draw_table_curves

    histories = [(f"row {place}", [pd.DataFrame({"epoch": [1, 2], "val_loss": [1, 0.1]})] * 2) for place in range(9)]
    path = draw_table_curves(histories, "loss", tmp_path / "curves.png", title="nine", origin="made up")
    with Image.open(path) as image:
        assert image.height > 700


def test_the_epochs_below_small_panels_do_not_touch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from cldnn_lab.figures import style
    from cldnn_lab.figures.table_curves import draw_table_curves

    drawn, save = [], style.save
    monkeypatch.setattr(style, "save", lambda figure, *rest: drawn.append(figure) or save(figure, *rest))
    curve = pd.DataFrame({"epoch": range(1, 501), "val_loss": 1.0})
    draw_table_curves(
        [(f"row {place}", [curve]) for place in range(7)], "loss", tmp_path / "c.png", title="", origin=""
    )
    low, high = drawn[0].axes[6].get_xlim()
    shown = [label for label in drawn[0].axes[6].get_xticklabels() if low <= label.get_position()[0] <= high]
    labels = [label.get_window_extent() for label in shown]
    assert len(labels) > 2
    for left, right in itertools.pairwise(labels):
        assert left.x1 + 3 < right.x0


@pytest.mark.parametrize(
    ("kind", "value", "published", "measured"),
    [
        ("share", 0.9946, "99.46", "99.46"),
        ("share", 0.5, "50", "50.0"),
        ("number", 0.012345, "0.012345", "0.0123"),
        ("number", 2.3, "2.3", "2.30"),
        ("number", -0.5, "−0.5", "−0.500"),
        ("number", 1e-9, "0.000000001", "1.00e−09"),
        ("count", 1209, "1,209", "1,209"),
        ("time", 1234.5, "1,234.5", "1,234"),
        ("number", None, "–", "–"),
    ],
)
def test_numbers_have_three_digits_and_published_ones_their_own(kind, value, published, measured):
    decimals = choose_decimals(kind, value, [] if value is None else [value])
    assert format_published(kind, value) == published
    assert format_number(kind, value, decimals) == measured


def test_signs_and_intervals():
    assert format_number("share", 0.0123, 1, signed=True) == "+1.2"
    assert format_number("share", -0.0001, 1, signed=True) == "0.0"
    assert format_interval("share", 0.98, 0.995, 1) == "98.0 to 99.5"
    assert format_interval("share", None, 0.995, 1) == "–"


def test_points_are_below_each_other():
    assert align(["1.25", "10", "–", "1,000.5"]) == ["1.25", "10\u2008\u2007\u2007", "–", "1,000.5\u2007"]
    assert align(["9.5 to 10.5", "8.1 to 9.2"]) == ["9.5 to 10.5", "8.1 to \u20079.2"]
    assert align(["0.12 to 0.34", "5.1 to 6.2"]) == ["0.12 to 0.34", "5.1 to 6.2\u2007"]


@pytest.mark.parametrize(
    ("figure", "values", "low"),
    [
        ("test_loss", [0.1, 0.2, 1.9], 0.0),
        ("test_normalised_error", [0.1, 0.2, 1.9], 0.0),
        ("test_loss", [-0.1, 0.2, 1.9], None),  # Poisson's loss can be below 0
        ("activation_stats.conv.mean", [0.1, 0.2, 1.9], None),
    ],
)
def test_intervals_of_losses_end_at_zero(figure: str, values: list[float], low: float | None):
    rows = {"one": Row(label="one")}
    section = Section(title="", published="", figures={figure: "it"}, rows=rows, budgets={"quick": Budget(seeds=3)})
    table = Table(title="", source="", sections={"only": section}, name="t", argument="t")
    lines = [
        {"row": "one", "variant": "", "seed": seed, "status": "completed", figure: value, "test_examples": 10}
        for seed, value in enumerate(values)
    ]
    found = measure(table, section, "quick", pd.DataFrame(lines)).find("one", figure, "").summary
    assert found.low == low if low is not None else found.low < 0
    assert found.predicted_low == low if low is not None else found.predicted_low < 0


def test_a_published_figure_outside_the_interval_is_said_with_what_was_tried(sections):
    several = sections[0]
    runs = several.runs.copy()
    runs.loc[runs["row"] == "relu", "test_loss"] += 1
    row = replace(several.section.rows["relu"], tried="other losses")
    section = replace(several.section, rows={**several.section.rows, "relu": row})

    def explain(budget: str) -> list[str]:
        return [footnote.text for footnote in list_footnotes(measure(several.table, section, budget, runs))]

    off = "Outside the prediction interval: the published loss."
    assert f"{off} Tried: other losses." in explain("published")
    assert f"{off} This budget is smaller than the published one. Tried: other losses." in explain("quick")


def test_a_table_of_a_document_without_figures_has_no_columns_for_them(sections):
    rows = {name: replace(row, published={}) for name, row in sections[0].section.rows.items()}
    measured = measure(sections[0].table, replace(sections[0].section, rows=rows), "quick", sections[0].runs)
    heads = [column.head for column in lay_out(measured).columns]
    assert heads == ["row", "figure", "mean", "95 % interval", "n", "prediction interval", "test-set interval"]
    assert "ublished inside" not in list_remarks(measured)[-1]
    assert "“Published inside?”" in list_remarks(sections[0])[-1]
