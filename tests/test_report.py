"""The command that reproduces tables: what it trains, what it takes from before, what it writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.report import main
from cldnn_lab.reporting.tables.definition import read_table

TABLE = """\
title: Two small networks
source: made up for a test
sections:
  sizes:
    title: Two sizes
    overrides: [model=cnn_example, data=random, data.train_limit=64, data.test_limit=32, batch_size=32, epochs=4]
    figures: {test_accuracy: accuracy, test_loss: loss, parameters: parameters, train_seconds: seconds}
    train_examples: 64
    published: 4 epochs of 64 pictures
    curves: [loss]
    rows:
      large: {label: large, published: {test_accuracy: 0.1123, parameters: 32076}}
      small: {label: small, overrides: [model.units=8], published: {test_accuracy: 0.0912}, note: It has 8 units.}
    checks:
      - {says: The large one beats the small one, figure: test_accuracy, order: [large, small]}
    budgets:
      quick: {training: 0.5, data: 0.5, seeds: 2, gives_up: everything}
"""


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.yaml"
    path.write_text(TABLE)
    return path


def _report(*arguments: str) -> int:
    return main(["table=small.yaml", "launcher=serial", "estimate=false", *arguments])


def _read(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "outputs" / "report" / "runs.csv")


def test_a_table_trains_what_is_missing_and_prints_every_published_figure(table: Path, tmp_path: Path) -> None:
    assert _report("seeds=2") == 0
    folder = tmp_path / "outputs" / "report" / "small"
    for name in ("table.md", "table.csv", "table.tex", "table.html"):
        assert (folder / name).is_file()
    text = (folder / "table.md").read_text()
    for published in ("11.23", "9.12", "32,076"):
        assert published in text
    runs = _read(tmp_path)
    assert len(runs) == 4 and set(runs["experiment"]) == {"small/sizes/large", "small/sizes/small"}
    # Every printed mean is that of the recorded runs.
    printed = pd.read_csv(folder / "table.csv")
    accuracy = printed[(printed["figure"] == "test_accuracy") & (printed["row"] == "large")]
    recorded = runs[runs["experiment"] == "small/sizes/large"]["test_accuracy"]
    assert accuracy["mean"].item() == pytest.approx(recorded.mean())

    trained = sorted((tmp_path / "outputs" / "report" / "runs").glob("*/*/metrics.json"))
    stamps = [path.stat().st_mtime_ns for path in trained]
    assert _report("seeds=3") == 0  # goes on: the runs that are there stay
    assert [path.stat().st_mtime_ns for path in trained] == stamps
    assert len(_read(tmp_path)) == 6


def test_smaller_budgets_are_other_runs_and_the_table_says_so(table: Path, tmp_path: Path) -> None:
    assert _report("budget=quick") == 0
    runs = _read(tmp_path)
    assert set(runs["epochs"]) == {2} and set(runs["train_examples"]) == {32} and set(runs["budget"]) == {"quick"}
    text = (tmp_path / "outputs" / "report" / "small" / "table.md").read_text()
    assert "2 epochs" in text and "everything" in text
    assert "report table=small.yaml budget=quick seeds=2\n" in text
    assert _report("budget=quick", "budget.epochs=1", "seeds=1") == 0
    assert set(_read(tmp_path)["epochs"]) == {1, 2}
    text = (tmp_path / "outputs" / "report" / "small" / "table.md").read_text()
    assert "report table=small.yaml budget=quick budget.epochs=1 seeds=1\n" in text


def test_single_sections_are_trained_and_printed_alone(table: Path, tmp_path: Path) -> None:
    section = TABLE[TABLE.index("  sizes:") :]
    table.write_text(TABLE + section.replace("  sizes:", "  others:").replace("Two sizes", "Two more sizes"))
    assert _report("sections=others", "seeds=1", "budget.epochs=1") == 0
    assert set(_read(tmp_path)["experiment"]) == {"small/others/large", "small/others/small"}
    text = (tmp_path / "outputs" / "report" / "small" / "table.md").read_text()
    assert "Two more sizes" in text and "Two sizes" not in text
    command = "python -m cldnn_lab.report table=small.yaml sections=others budget=published budget.epochs=1 seeds=1"
    assert command in text
    assert _report("sections=[others,sizes]", "train=false") == 0
    text = (tmp_path / "outputs" / "report" / "small" / "table.md").read_text()
    assert text.index("Two sizes") < text.index("Two more sizes")  # as in the document
    assert "table=small.yaml budget=published" in text


def test_the_confusion_matrices_of_rows_are_drawn_from_the_records(table: Path, tmp_path: Path) -> None:
    table.write_text(table.read_text().replace("    curves: [loss]\n", "    confusion: true\n"))
    assert _report("budget=quick", "seeds=2") == 0
    kept = [json.loads(text) for text in _read(tmp_path)["confusion"]]
    assert len(kept) == 4 and all(np.sum(one["counts"]) == 32 for one in kept)
    (tmp_path / "outputs" / "report" / "runs.csv").rename(tmp_path / "kept.csv")
    assert _report("budget=quick", "seeds=2", "train=false", "runs=none", "output=again", "records=kept.csv") == 0
    for name in ("large", "small"):
        assert (tmp_path / "again" / "small" / f"sizes_{name}_confusion.png").is_file()
        page = (tmp_path / "again" / "small" / "table.html").read_text()
        assert f"confusion matrix of {name}, test examples of all runs" in page


def test_a_table_says_how_another_budget_orders_its_rows_and_keeps_those_runs(table: Path, tmp_path: Path) -> None:
    # Accuracies of so few examples may be equal, which is no order.
    table.write_text(
        table.read_text()
        .replace("{test_accuracy: accuracy,", "{test_loss: loss, test_accuracy: accuracy,")
        .replace("accuracy, test_loss: loss,", "accuracy,")
    )
    for budget in ("quick", "published"):
        assert _report(f"budget={budget}", "seeds=2") == 0
    text = (tmp_path / "outputs" / "report" / "small" / "table.md").read_text()
    assert "Budget quick against this one in the order of 2 rows by loss: Kendall’s tau" in text
    assert set(_read(tmp_path)["budget"]) == {"quick", "published"}
    (tmp_path / "outputs" / "report" / "runs.csv").rename(tmp_path / "kept.csv")
    assert _report("seeds=2", "train=false", "runs=none", "output=again", "records=kept.csv") == 0
    assert (tmp_path / "again" / "small" / "table.md").read_text() == text


def test_figures_of_diagnostics_and_the_count_of_layers_are_printed(table: Path, tmp_path: Path) -> None:
    named = {
        "layers": "layers",
        "metrics.train_accuracy": "training accuracy",
        "activation_stats.conv.mean": "mean",
        "activation_stats.conv.standard_deviation": "standard deviation",
        "activation_stats.conv.variance": "variance",
        "active_units.dense.training": "active in training",
        "active_units.dense.test": "active in testing",
    }
    text = table.read_text()
    text = text.replace("data=random,", "data=random, 'diagnostics=[metrics,activation_stats,active_units]',")
    text = text.replace("{test_accuracy: accuracy,", f"{{{json.dumps(named)[1:-1]}, test_accuracy: accuracy,")
    text = text.replace("model=cnn_example,", "model=cnn_example, model.activation=relu,")
    table.write_text(text[: text.index("      small:")] + "    budgets:\n      quick: {training: 0.5, seeds: 1}\n")
    assert _report("budget=quick") == 0
    run = _read(tmp_path).iloc[0]
    printed = pd.read_csv(tmp_path / "outputs" / "report" / "small" / "table.csv").set_index("figure")["mean"]
    for figure in named:
        assert printed[figure] == pytest.approx(run[figure], abs=1e-12), figure
    assert run["activation_stats.conv.variance"] == pytest.approx(run["activation_stats.conv.standard_deviation"] ** 2)
    assert run["layers"] == 3 and 0 <= run["metrics.train_accuracy"] <= 1 and run["active_units.dense.test"] > 0


def test_a_figure_of_a_diagnostic_is_taken_from_runs_that_were_trained_without_it(table: Path, tmp_path: Path) -> None:
    assert _report("budget=quick") == 0
    trained = sorted((tmp_path / "outputs" / "report" / "runs").glob("*/*/metrics.json"))
    before = {path: path.read_bytes() for path in trained}
    asked = TABLE.replace("{test_accuracy:", "{metrics.train_accuracy: training accuracy, test_accuracy:", 1)
    table.write_text(asked.replace("data=random,", "data=random, diagnostics=metrics,"))
    kept = tmp_path / "kept.csv"
    kept.write_bytes((tmp_path / "outputs" / "report" / "runs.csv").read_bytes())

    assert _report("budget=quick", "train=false") == 0
    assert "metrics.train_accuracy" not in _read(tmp_path)
    assert _report("budget=quick") == 0
    assert {path: path.read_bytes() for path in trained} == before  # the networks are there
    inspected = _read(tmp_path)
    assert len(inspected) == 4 and inspected["metrics.train_accuracy"].between(0, 1).all()

    # Of runs of another machine the networks are not at hand: these are of a new training, which is said.
    of_before = pd.read_csv(kept)
    of_before.assign(date="2001-01-01", test_loss=7.0, device="abacus").to_csv(kept, index=False)
    assert _report("budget=quick", "output=again", "runs=elsewhere", f"records={kept}") == 0
    assert len(list((tmp_path / "elsewhere").glob("*/*/metrics.json"))) == 4
    again = pd.read_csv(tmp_path / "again" / "runs.csv")
    assert len(again) == 4 and again["metrics.train_accuracy"].notna().all()
    assert again["date"].min() > "2001-01-01" and again["test_loss"].max() < 7 and "abacus" not in set(again["device"])


def test_a_network_that_was_stopped_on_its_way_is_not_inspected(table: Path, tmp_path: Path) -> None:
    assert _report("budget=quick") == 0
    asked = TABLE.replace("{test_accuracy:", "{metrics.train_accuracy: training accuracy, test_accuracy:", 1)
    table.write_text(asked.replace("data=random,", "data=random, diagnostics=metrics,"))
    stopped = next((tmp_path / "outputs" / "report" / "runs" / "small").glob("*/run.json"))
    stopped.write_text(stopped.read_text().replace('"completed"', '"interrupted"'))
    assert _report("budget=quick") == 0
    assert json.loads(stopped.read_text())["state"] == "completed"
    assert _read(tmp_path)["metrics.train_accuracy"].notna().all()


def test_a_table_is_printed_again_from_its_records_alone(table: Path, tmp_path: Path) -> None:
    assert _report("budget=quick") == 0
    first = tmp_path / "outputs" / "report"
    again = ("train=false", "output=again", "runs=nowhere", "budget=recorded", f"records={first / 'runs.csv'}")
    assert _report(*again) == 0
    for name in ("table.md", "table.csv", "table.tex", "table.html"):
        assert (tmp_path / "again" / "small" / name).read_text() == (first / "small" / name).read_text()


def test_a_file_of_somebody_else_is_not_overwritten(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine" / "small").mkdir(parents=True)
    for name in ("runs.csv", "small/table.md"):
        path = tmp_path / "mine" / name
        path.write_text("seed,status,fingerprint,config_fingerprint,setting_fingerprint\n")
        before = path.read_bytes()
        assert _report("train=false", "output=mine") == 2
        assert str(path) in capsys.readouterr().err and path.read_bytes() == before
        path.unlink()


def test_nothing_is_trained_where_nothing_is_to_be(table: Path, tmp_path: Path) -> None:
    assert _report("train=false") == 0
    assert not (tmp_path / "outputs" / "report" / "runs").exists()
    assert "Not run at this budget: all rows." in (tmp_path / "outputs" / "report" / "small" / "table.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "table: say which"),
        (("table=00l",), "did you mean"),
        (("table=small.yaml", "sections=[size]"), "sections: size: no such section; did you mean sizes"),
        (("table=small.yaml", "sections=[]"), "sections: name one or more"),
        (("table=all", "sections=sizes"), "sections: these are of one table"),
        (("table=small.yaml", "budget=fast"), "budget: fast: no such budget"),
        (("table=small.yaml", "budget.data=2"), "budget.data: 2 must be a share"),
        (("table=small.yaml", "budget.epochs=0"), "budget.epochs: 0 must be"),
        (("table=small.yaml", "budget.dat=0.5"), "budget.dat: unknown key; did you mean data"),
        (("table=small.yaml", "seeds=none"), "seeds: 'none' must be"),
        (("table=small.yaml", "launcher=joblb"), "did you mean joblib"),
        (("table=small.yaml", "records=none.csv"), "records: there is no"),
        (("tables=001",), "tables: unknown key; did you mean table"),
    ],
)
def test_a_mistake_is_one_sentence(
    table: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str
) -> None:
    assert main(arguments or ["seeds=3"]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("order: [large, small]", "order: [large, smal]", "did you mean small"),
        ("order: [large, small]", "order: [large]", "two rows or more"),
        ("figure: test_accuracy", "figure: test_acuracy", "did you mean test_accuracy"),
        ("test_loss: loss, ", "", None),
        ("parameters: parameters, ", "", "a row has a published parameters"),
        ("curves: [loss]", "curve: [loss]", "did you mean curves"),
        ("seeds: 2", "seeds: two", "seeds"),
        ("title: Two small networks", "title: [", "cannot be read"),
    ],
)
def test_a_mistake_in_a_table_names_the_file_and_the_key(
    table: Path, before: str, after: str, sentence: str | None
) -> None:
    table.write_text(TABLE.replace(before, after))
    if sentence is None:
        read_table(str(table))
        return
    with pytest.raises(ConfigError, match=sentence) as caught:
        read_table(str(table))
    assert "small.yaml" in str(caught.value)


def test_a_row_with_a_mistake_is_named_before_anything_is_trained(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table.write_text(TABLE.replace("model.units=8", "model.unit=8"))
    assert _report() == 2
    told = capsys.readouterr().err
    assert "sections.sizes.rows.small" in told and "unit" in told
    assert not (tmp_path / "outputs" / "report" / "runs").exists()


def test_the_time_that_training_will_take_is_told_before_it_begins(
    table: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert _report("budget=quick", "budget.epochs=2", "estimate=true") == 0
    told = capfd.readouterr().out
    assert "Table small: 4 runs to train, 0 recorded: about " in told
    assert told.index("about ") < told.index("1/4")
    assert _report("budget=quick", "budget.epochs=2", "estimate=true") == 0
    assert "to train" not in capfd.readouterr().out


def test_a_row_whose_first_steps_fail_is_told_before_the_others_train(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # That a kernel is larger than the image is found out once the network is built.
    table.write_text(TABLE.replace("model.units=8", '"model.kernel_size=[20,20]"'))
    assert _report("budget=quick", "estimate=true") == 2
    told = capsys.readouterr().err
    assert "first steps" in told and "kernel" in told and told.count("\n") == 1
    assert not list((tmp_path / "outputs").rglob("metrics.json"))


def test_what_a_run_was_trained_on_is_what_it_measured_not_what_was_overridden(table: Path, tmp_path: Path) -> None:
    table.write_text(TABLE.replace("model.units=8", "steps=3"))
    assert _report("seeds=1") == 0
    runs = _read(tmp_path).set_index("experiment")
    assert runs.loc["small/sizes/large", "epochs"] == 4 and runs.loc["small/sizes/small", "epochs"] == 1.5
