"""Every table of the project is made, at the smallest budget there is, and holds every published figure."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from cldnn_lab.report import main
from cldnn_lab.reporting.tables.definition import list_tables, read_table

# Exact counts that the documents print, or about how many: within 2 %, and 150 to 200 weights in the recurrent layer.
PARAMETERS = {
    ("001", "digits", "proposed"): (1_209, 1_209), ("001", "digits", "as_run"): (185, 185),
    ("001", "digits", "trimmed"): (109, 109), ("001", "shapes", "crt"): (1_671, 1_671),
    ("001", "shapes", "r3_best"): (1_237, 1_237), ("001", "pulses", "reverse"): (2_128, 2_128),
    ("001", "pulses", "simple_12"): (150, 205), ("001", "pulses", "gru_6"): (150, 205),
    ("001", "pulses", "lstm_6"): (150, 205), ("004", "architectures", "dense_5"): (1_398_597, 1_398_597),
    ("004", "architectures", "traditional"): (6_484_330, 6_484_330),
    ("004", "architectures", "residual"): (0.98 * 6_753_669, 1.02 * 6_753_669),
    ("004", "architectures", "inception"): (0.98 * 325_426, 1.02 * 325_426),
    ("000", "cldnn", "cldnn"): (509_314, 509_314),
}  # fmt: skip
# What the made-up files of RadioML do not say.
UNKNOWN = ("test_accuracy_snr.", "test_class_accuracy.")


@pytest.mark.parametrize("name", list_tables())
def test_a_table_trains_every_row_and_prints_every_published_figure(
    name: str, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = (
        "budget=quick",
        "budget.epochs=1",
        "budget.data=0.05",
        "seeds=1",
        "estimate=false",
        "launcher=serial",
        "output=book",
    )
    assert main([f"table={name}", *arguments, f"data_root={data_root}"]) == 0
    printed = pd.read_csv(tmp_path / "book" / name / "table.csv")
    texts = [(tmp_path / "book" / name / f"table.{kind}").read_text() for kind in ("md", "tex", "html")]
    for section in read_table(name).sections.values():
        own = printed[printed["section"] == section.name]
        for row_name, row in section.rows.items():
            for text in texts:
                assert row.label.split(",")[0].split("'")[0] in text, row.label
            lines = own[own["row"] == row_name]
            for figure, value in row.published.items():
                assert value in list(lines[lines["figure"] == figure]["published"]), (section.name, row_name, figure)
            known = lines[~lines["figure"].str.startswith(UNKNOWN)]
            assert known.empty or (known.groupby("figure")["n"].max() == 1).any(), (section.name, row_name)
            if limits := PARAMETERS.get((name, section.name, row_name)):
                counted = lines[lines["figure"] == "parameters"]["mean"].dropna()
                assert len(counted) and counted.between(*limits).all(), (section.name, row_name)
    runs = pd.read_csv(tmp_path / "book" / "runs.csv")
    assert set(runs["status"]) == {"completed"} and runs["fingerprint"].is_unique
