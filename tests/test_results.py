"""Tables of runs, seeds folded into settings, pictures of a comparison, and the command that makes them."""

from __future__ import annotations

import itertools
import json
import math
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image
from scipy import stats

from cldnn_lab import results
from cldnn_lab.figures.response import wants_log_axis
from cldnn_lab.reporting import gather
from cldnn_lab.reporting.settings import fold_seeds, label_settings
from cldnn_lab.runs import lock, state
from cldnn_lab.runs.exported import export_runs
from cldnn_lab.runs.table import RunReader, Runs, read_runs
from cldnn_lab.storage import manifest
from cldnn_lab.storage.lock import lock_file

PROCESS = {"pid": 1, "host": platform.node(), "started": "no such boot/1"}
EPOCHS = 4
Value = Callable[[Mapping[str, Any]], float]


def write_run(folder: Path, *, metrics: Mapping[str, Any] | None = None, epochs: int = EPOCHS, **about: Any) -> Path:
    """Leave what a run leaves, without training."""
    folder.mkdir(parents=True, exist_ok=True)
    known = {
        "state": "completed",
        "process": PROCESS,
        "config_fingerprint": f"config of {folder}",
        "step": 8,
        "steps": 8,
    }
    now = {"started": "2026-01-31T12:00:00+00:00", "updated": "2026-01-31T12:00:00+00:00"}
    (folder / "run.json").write_text(json.dumps({"fingerprint": str(folder), **known, **now, **about}))
    if metrics is not None:
        (folder / "metrics.json").write_text(json.dumps({"status": "completed", "data_source": "noise", **metrics}))
        best = metrics.get("test_accuracy", 0.5)
        rows = [f"{epoch},{2 * epoch},{best * epoch / epochs}" for epoch in range(1, epochs + 1)]
        (folder / "history.csv").write_text("\n".join(["epoch,step,val_accuracy", *rows]) + "\n")
    return folder


def write_hydra(folder: Path, overrides: Sequence[str], config: str = "", choices: str = "{}") -> None:
    """Leave what Hydra leaves in a run directory."""
    hidden = folder / ".hydra"
    hidden.mkdir(parents=True, exist_ok=True)
    (hidden / "overrides.yaml").write_text("".join(f"- {one}\n" for one in overrides))
    (hidden / "config.yaml").write_text(f"data: {{source: random}}\nmodel: {{}}\noptimizer: {{}}\n{config}")
    (hidden / "hydra.yaml").write_text(f"hydra: {{runtime: {{choices: {choices}}}}}\n")


def write_sweep(folder: Path, space: Mapping[str, Sequence[Any]], value: Value, failed: Sequence[int] = ()) -> Path:
    """A sweep over all combinations, whose jobs have ``value`` as their accuracy; NaN of one that waits."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = []
    for number, values in enumerate(itertools.product(*space.values())):
        chosen = dict(zip(space, values, strict=True))
        overrides = [f"{name}={one}" for name, one in chosen.items()]
        run, digest = folder / str(number), f"config of {' '.join(overrides)}"
        jobs.append({"folder": run.name, "overrides": overrides, "config_fingerprint": digest})
        about = {"config_fingerprint": digest, "fingerprint": f"all of {' '.join(overrides)}"}
        accuracy = value(chosen)
        if number in failed:
            write_run(run, state="failed", reason="out of memory | try less.", **about)
        elif not math.isnan(accuracy):
            write_run(run, metrics={"test_accuracy": accuracy, "test_loss": 1 - accuracy, "seconds": 3.5}, **about)
    (folder / "sweep.json").write_text(json.dumps({"command": [], "jobs": jobs}))
    return folder


def read_rows(*folders: Path, folder: Path) -> dict[str, dict[str, Any]]:
    return {row["run"]: row for row in read_runs(folders, folder).table.to_dict("records")}


SPACE = {"optimizer": ["adam", "sgd"], "optimizer.learning_rate": [0.001, 0.01], "seed": [1, 2, 3]}


def rate(chosen: Mapping[str, Any]) -> float:
    """The best is sgd with 0.01, and seeds differ by 0.01."""
    best = 0.8 + 0.05 * (chosen["optimizer"] == "sgd") + 2 * chosen["optimizer.learning_rate"]
    return float(best + 0.01 * chosen["seed"])


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    return write_sweep(tmp_path / "sweep", SPACE, rate, failed=[0])


def test_a_row_for_each_job_with_its_overrides_as_columns(sweep):
    runs = read_runs([sweep], sweep)
    columns = list(runs.table.columns)
    assert runs.overrides == ("optimizer", "optimizer.learning_rate", "seed")
    assert columns[:6] == ["run", "status", "reason", *runs.overrides] and columns[6:8] == [
        "fingerprint",
        "config_fingerprint",
    ]
    assert runs.swept == ["optimizer", "optimizer.learning_rate"]
    assert runs.objective == ("test_accuracy", "max")
    rows = runs.table.set_index("run")
    assert list(rows.index) == [str(number) for number in range(12)]
    assert rows.loc["0", "status"] == "failed" and rows.loc["0", "reason"] == "out of memory | try less."
    assert rows.loc["4", "optimizer.learning_rate"] == 0.01 and rows.loc["4", "seed"] == 2
    assert rows.loc["4", "test_accuracy"] == pytest.approx(0.84)


def test_what_has_become_of_a_job(tmp_path):
    sweep = write_sweep(tmp_path / "sweep", {"seed": [1, 2, 3, 4, 5]}, lambda chosen: math.nan)
    write_run(sweep / "0", state="training", step=3)
    write_run(sweep / "1", state="training", process=vars(state.identify_process()))
    write_run(sweep / "2", state="training", process={**PROCESS, "host": "another"})
    (sweep / "3").mkdir()
    (sweep / "3" / "run.json").write_text("{")
    rows = read_rows(sweep, folder=sweep)
    assert [rows[name]["status"] for name in "01234"] == ["killed", "training", "training", "failed", "waiting"]
    assert "is gone at step 3 of 8" in rows["0"]["reason"] and "run.json" in rows["3"]["reason"]


def test_what_an_earlier_run_left_is_not_taken_for_that_of_the_run_which_begins(tmp_path):
    run = write_run(tmp_path / "run", metrics={"test_accuracy": 0.9})
    assert len(read_runs([run], tmp_path).read_history("run")) == EPOCHS
    write_run(run, state="failed", step=None, reason="no data.")
    runs = read_runs([run], tmp_path)
    assert "test_accuracy" not in runs.table and runs.read_history("run") is None


def test_runs_of_before_there_was_a_state(tmp_path):
    for name, metrics in {"0": {"test_accuracy": 0.9}, "1": {"status": "diverged"}, "2": None}.items():
        write_hydra(tmp_path / "old" / name, ["optimizer=adam", f"seed={name}"])
        if metrics is not None:
            (tmp_path / "old" / name / "metrics.json").write_text(json.dumps(metrics))
    write_hydra(tmp_path / "old" / "else", [])
    (tmp_path / "old" / "else" / ".hydra" / "config.yaml").write_text("db: mysql\n")  # another program's
    rows = read_rows(tmp_path / "old", folder=tmp_path)
    assert {name: row["status"] for name, row in rows.items()} == {
        "old/0": "completed", "old/1": "diverged", "old/2": "killed",
    }  # fmt: skip
    assert rows["old/1"]["optimizer"] == "adam" and rows["old/1"]["seed"] == 1


def test_figures_of_diagnostics_are_columns(tmp_path):
    for name in ("during", "later", "both", "resumed"):
        step = None if name == "resumed" else 8
        write_run(tmp_path / name, metrics={"test_accuracy": 0.9}, step=step)
    for folder, value in (
        ("during", 1),
        ("later/diagnostics", 2),
        ("both", 3),
        ("both/diagnostics", 4),
        ("resumed", 5),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "metrics_train.json").write_text(json.dumps({"sensitivity": value}))
    runs = read_runs([tmp_path], tmp_path)
    figures = runs.table.set_index("run")["metrics.train_sensitivity"].to_dict()
    assert "metrics.train_sensitivity" in runs.metrics
    # What a run was inspected with later counts where it had none itself; of a run that has yet to train, nothing does.
    assert math.isnan(figures.pop("resumed")) and figures == {"during": 1, "later": 2, "both": 3}
    (tmp_path / "during" / "metrics_train.json").write_text("{")
    row = read_rows(tmp_path, folder=tmp_path)["during"]
    assert row["status"] == "failed" and "diagnostics=metrics" in row["reason"]


def test_of_equal_runs_the_one_with_diagnostics_is_kept(tmp_path):
    for sweep in ("plain", "inside"):
        write_run(tmp_path / sweep / "0", metrics={"test_accuracy": 0.9}, fingerprint="one", config_fingerprint="two")
    (tmp_path / "inside" / "0" / "metrics_train.json").write_text('{"accuracy": 0.5}')
    rows = read_rows(tmp_path / "plain", tmp_path / "inside", folder=tmp_path)
    assert [(run, row["metrics.train_accuracy"]) for run, row in rows.items()] == [("inside/0", 0.5)]


def test_what_was_not_overridden_is_read_from_the_config(tmp_path):
    config = "batch_size: 32\nepochs: ${batch_size}\nclip: null\n"
    for name, overrides in {"a": ["optimizer=sgd", "batch_size=64", "epochs=3", "clip=1.5"], "b": [], "c": []}.items():
        write_hydra(write_run(tmp_path / name, metrics={}), overrides, config, "{optimizer: adam}")
    (tmp_path / "c" / ".hydra" / "config.yaml").unlink()
    rows = read_rows(tmp_path, folder=tmp_path)
    found = {name: [rows[name][key] for key in ("optimizer", "batch_size", "epochs", "clip")] for name in "ab"}
    assert found == {"a": ["sgd", 64, 3, 1.5], "b": ["adam", 32, 32, "null"]}
    assert pd.isna(rows["c"]["batch_size"])


def test_overrides_of_the_command_are_no_columns_and_an_override_goes_before_a_metric(tmp_path):
    overrides = [
        "resume=true",
        "sweep.where=x",
        "verbose=true",
        "hydra.job.chdir=false",
        "+trainer=[1,2]",
        "optimizer=adam",
    ]
    write_hydra(write_run(tmp_path / "run", metrics={"optimizer": "Adam", "test_accuracy": 1}), overrides)
    runs = read_runs([tmp_path], tmp_path)
    assert runs.overrides == ("trainer", "optimizer")
    assert runs.table.loc[0, "optimizer"] == "adam" and runs.table.loc[0, "trainer"] == "[1,2]"
    assert runs.metrics == ["data_source", "test_accuracy"]


def test_the_objective_of_the_config_says_what_is_best(tmp_path):
    write_hydra(write_run(tmp_path / "run", metrics={"test_loss": 1, "test_accuracy": 1}), [], "objective: test_loss\n")
    assert read_runs([tmp_path], tmp_path).objective == ("test_loss", "min")


def test_what_is_over_is_read_once(sweep, monkeypatch):
    reader, read = RunReader([sweep], sweep), state.read
    asked: list[str] = []
    monkeypatch.setattr(state, "read", lambda folder: asked.append(folder.name) or read(folder))
    write_run(sweep / "2", state="training")
    before = reader.read().table
    assert len(asked) == 12
    asked.clear()
    assert reader.read().table.equals(before) and asked == ["2"]  # it may have ended
    write_run(sweep / "5", state="diverged", reason="the loss is not a number.")
    assert reader.read().table.set_index("run").loc["5", "status"] == "diverged"


def test_seeds_are_folded(sweep):
    runs = read_runs([sweep], sweep)
    settings = fold_seeds(runs)
    assert list(settings.columns[:5]) == ["optimizer", "optimizer.learning_rate", "n", "jobs", "failed"]
    assert list(label_settings(settings, runs.swept)) == [
        "optimizer=sgd learning_rate=0.01",
        "optimizer=sgd learning_rate=0.001",
        "optimizer=adam learning_rate=0.01",
        "optimizer=adam learning_rate=0.001",
    ]
    assert list(settings["n"]) == [3, 3, 3, 2] and list(settings["failed"]) == [0, 0, 0, 1]
    assert list(settings["jobs"]) == [3] * 4
    values = [rate({"optimizer": "sgd", "optimizer.learning_rate": 0.01, "seed": seed}) for seed in (1, 2, 3)]
    low, high = stats.t.interval(0.95, 2, loc=sum(values) / 3, scale=stats.sem(values))
    first = settings.iloc[0]
    assert first["test_accuracy_mean"] == pytest.approx(0.89) and first["test_accuracy_std"] == pytest.approx(0.01)
    assert (first["test_accuracy_low"], first["test_accuracy_high"]) == pytest.approx((low, high))


def test_one_seed_has_no_interval_and_is_called_an_anecdote(tmp_path):
    sweep = write_sweep(tmp_path / "sweep", {"model.units": [8, 16]}, lambda chosen: chosen["model.units"] / 100)
    runs = read_runs([sweep], sweep)
    settings = fold_seeds(runs)
    assert settings["test_accuracy_mean"].tolist() == [0.16, 0.08]
    assert settings[["test_accuracy_std", "test_accuracy_low", "test_accuracy_high"]].isna().all(axis=None)
    text = gather.write_markdown(runs, settings)
    assert "anecdote" in text and "±" not in text.split("\n\n")[2]


def test_the_lowest_error_is_first(tmp_path):
    for name, loss in {"a": 0.3, "b": 0.1, "c": 0.2}.items():
        write_hydra(write_run(tmp_path / name, metrics={"test_loss": loss}), [f"optimizer={name}"])
    assert fold_seeds(read_runs([tmp_path], tmp_path))["optimizer"].tolist() == ["b", "c", "a"]


def test_runs_whose_configs_differ_besides_the_overrides_are_settings_of_their_own(tmp_path):
    for seed, digest in {1: "one", 2: "one", 3: "another", 4: None}.items():
        run = write_run(tmp_path / str(seed), metrics={"test_accuracy": seed / 10}, setting_fingerprint=digest)
        write_hydra(run, [f"seed={seed}"])
    assert sorted(fold_seeds(read_runs([tmp_path], tmp_path))["n"]) == [1, 3]


def test_results_in_words_are_ready_for_a_report(sweep):
    gather.gather(read_runs([sweep], sweep), sweep)
    text = (sweep / "results.md").read_text()
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 6 and len({len(line) for line in table}) == 1
    assert "11 of 12 jobs completed (1 failed). Best first: highest test accuracy." in text
    assert table[2].split()[:9] == ["|", "sgd", "|", "0.01", "|", "0.8900", "±", "0.0100", "|"]
    assert "- 0 (optimizer=adam optimizer.learning_rate=0.001 seed=1), failed: out of memory" in text
    written = pd.read_csv(sweep / "results.csv")
    assert written["status"].value_counts().to_dict() == {"completed": 11, "failed": 1}
    assert pd.read_csv(sweep / "settings.csv")["n"].tolist() == [3, 3, 3, 2]


@pytest.mark.parametrize("done", [0, 1])
def test_a_sweep_that_has_only_begun_gives_whole_tables(tmp_path, done):
    space = {"optimizer": ["adam", "sgd"], "seed": [1, 2]}
    sweep = write_sweep(tmp_path / "sweep", space, lambda chosen: math.nan)
    if done:
        write_run(sweep / "0", metrics={"test_accuracy": 0.5})
    runs = read_runs([sweep], sweep)
    written = {path.name for path in gather.gather(runs, sweep)}
    assert ("comparison.png" in written) == bool(done)
    assert f"{done} of 4 jobs completed" in (sweep / "results.md").read_text()
    assert f"{done} of 4 jobs completed" in gather.summarize(runs)
    assert len(pd.read_csv(sweep / "results.csv")) == 4


@pytest.mark.parametrize(
    "space, drawn",
    [
        ({"optimizer.learning_rate": [0.001, 0.01, 0.1]}, True),
        ({"model.cell": ["GRU", "LSTM"]}, True),
        ({"optimizer": ["adam", "sgd"], "optimizer.learning_rate": [0.001, 0.01]}, True),
        ({"model.units": [8, 16, 32], "model.dropout.input": [0, 0.3]}, True),
        ({"model.cell": ["GRU", "LSTM"], "optimizer": ["adam", "sgd"]}, True),
        ({"model.cell": ["GRU", "LSTM"], "optimizer": ["adam", "sgd"], "model.units": [8, 16]}, False),
        ({}, False),
    ],
)
def test_pictures_fit_what_was_swept(tmp_path, space, drawn):
    sweep = write_sweep(tmp_path / "sweep", {**space, "seed": [1, 2]}, lambda chosen: 0.5 + 0.1 * chosen["seed"], [3])
    written = {path.name for path in gather.gather(read_runs([sweep], sweep), sweep)}
    assert "comparison.png" in written and ("response.png" in written) == drawn
    for name in written & {"comparison.png", "response.png"}:
        with Image.open(sweep / name) as picture:
            assert "data: noise" in picture.info["Source"] and min(picture.size) > 300
    assert written <= set(gather.NAMES)


@pytest.mark.parametrize("space", [{"optimizer.learning_rate": [0.01, 1e30]}, {"optimizer": ["adam", "sgd"]}])
def test_a_value_at_which_no_run_was_completed_hinders_no_picture(tmp_path, space):
    sweep = write_sweep(tmp_path / "sweep", {**space, "seed": [1, 2]}, lambda chosen: 0.5, failed=[2, 3])
    assert sweep / "response.png" in gather.gather(read_runs([sweep], sweep), sweep)


def test_a_picture_that_no_longer_fits_is_taken_away(tmp_path):
    sweep = tmp_path / "sweep"
    sweep.mkdir()
    manifest.begin_list(sweep)
    gather.gather(read_runs([write_sweep(sweep, {"optimizer": ["adam", "sgd"]}, lambda chosen: 0.5)], sweep), sweep)
    assert (sweep / "response.png").is_file()
    gather.gather(read_runs([write_sweep(sweep, {"seed": [1, 2]}, lambda chosen: 0.5)], sweep), sweep)
    assert not (sweep / "response.png").exists() and (sweep / "comparison.png").is_file()


def test_many_settings_are_compared(tmp_path):
    space = {"model.units": list(range(1, 13)), "seed": [1, 2]}
    sweep = write_sweep(tmp_path / "sweep", space, lambda chosen: 0.01 * chosen["model.units"] + 0.1 * chosen["seed"])
    assert sweep / "comparison.png" in gather.gather(read_runs([sweep], sweep), sweep)


def test_a_log_axis_is_taken_for_values_of_even_ratios():
    assert wants_log_axis([0.0001, 0.001, 0.01]) and wants_log_axis([16, 32, 64]) and wants_log_axis([1, 10])
    assert not wants_log_axis([0, 0.1, 0.2]) and not wants_log_axis([10, 20, 30]) and not wants_log_axis([1, 2])


def test_results_travel(sweep, tmp_path):
    here = read_runs([sweep], sweep)
    table = export_runs(here, tmp_path / "machine.csv")
    away = read_runs([table], tmp_path)
    assert away.overrides == here.overrides and away.swept == here.swept
    assert away.table["run"].tolist() == [f"machine.csv/{number}" for number in range(12)]
    assert set(away.table["machine"]) == {platform.node()}
    # All that failed leaves no trace but for empty cells, whose kind a table of text does not tell.
    columns = [name for name in here.table if name != "run" and here.table[name].notna().any()]
    pd.testing.assert_frame_equal(away.table[columns], here.table[columns], check_dtype=False)
    pd.testing.assert_frame_equal(away.read_history("machine.csv/4"), here.read_history("4"))
    pd.testing.assert_frame_equal(fold_seeds(away), fold_seeds(here), check_dtype=False)
    assert export_runs(away, tmp_path / "again.csv").read_text().count("machine.csv/") == 12


def test_runs_of_two_machines_are_one_table(tmp_path):
    space = {"optimizer": ["adam", "sgd"], "seed": [1, 2]}

    def done(*seeds: int) -> Value:
        return lambda chosen: 0.1 * chosen["seed"] if chosen["seed"] in seeds else math.nan

    there = write_sweep(tmp_path / "there", space, done(1))
    table = export_runs(read_runs([there], there), tmp_path / "there.csv")
    here = write_sweep(tmp_path / "here", space, done(2), failed=[0])
    runs = read_runs([here, table], tmp_path)
    assert sorted(runs.table["run"]) == ["here/1", "here/3", "there.csv/0", "there.csv/2"]
    assert (runs.table["status"] == "completed").all() and fold_seeds(runs)["n"].tolist() == [2, 2]
    assert len(read_runs([here, here, table, table], tmp_path).table) == 4


def test_jobs_of_one_sweep_are_rows_of_their_own_though_they_compute_the_same(tmp_path):
    for threads in (1, 2):
        run = write_run(tmp_path / str(threads), metrics={"seconds": 3 / threads}, fingerprint="same")
        write_hydra(run, [f"threads={threads}"])
    assert read_runs([tmp_path], tmp_path).swept == ["threads"]


def test_sweeps_with_the_same_overrides_and_other_configs_are_told_apart(tmp_path):
    for name in ("before", "after"):
        sweep = write_sweep(tmp_path / name, {"optimizer": ["adam"], "seed": [1, 2]}, lambda chosen: 0.5)
        for number in (0, 1):
            digests = dict.fromkeys(("fingerprint", "config_fingerprint"), f"{name} {number}")
            write_run(sweep / str(number), metrics={"test_accuracy": 0.5}, **digests)
    runs = read_runs([tmp_path / "before", tmp_path / "after"], tmp_path)
    assert runs.swept == ["sweep"] and fold_seeds(runs)["sweep"].tolist() == ["before", "after"]
    assert fold_seeds(runs)["n"].tolist() == [2, 2]


def test_a_default_and_the_same_override_are_told_apart_where_configs_differ(tmp_path):
    for name, overrides in {"before": [], "after": ["optimizer=adam"]}.items():
        run = write_run(tmp_path / name / "0", metrics={"test_accuracy": 0.5}, setting_fingerprint=name)
        write_hydra(run, overrides, choices="{optimizer: adam}")
    runs = read_runs([tmp_path / "before", tmp_path / "after"], tmp_path)
    assert runs.swept == ["sweep"] and runs.table["optimizer"].tolist() == ["adam", "adam"]
    again = RunReader([export_runs(runs, tmp_path / "runs.csv"), tmp_path / "before"], tmp_path)
    for _ in range(2):
        assert again.read().table["sweep"].tolist() == ["before", "after"]


def call(*arguments: object) -> int:
    return results.main([str(one) for one in arguments])


def test_the_command_writes_into_the_sweep(sweep, capsys):
    assert call(sweep) == 0
    said = capsys.readouterr().out
    assert "Best test accuracy: 0.89 ± 0.01 (3 seeds)" in said
    assert {"results.csv", "settings.csv", "results.md", "comparison.png"} <= set(manifest.list_names(sweep))
    assert call(sweep) == 0  # its own files may be written again


def test_the_command_writes_several_sweeps_into_a_folder_of_their_own(sweep, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    other = write_sweep(tmp_path / "other", {"optimizer": ["rmsprop"], "seed": [1]}, lambda chosen: 0.7)
    before = sorted(tmp_path.rglob("*"))
    assert call("sweep", "other") == 0
    made = {path for path in tmp_path.rglob("*") if path not in before and path.is_file()}
    folders = {path.parent for path in made}
    assert len(folders) == 1 and folders.pop().match("outputs/*-*-*/*-*-*-results")
    assert call("sweep", "other", "output=both") == 0
    table = pd.read_csv(tmp_path / "both" / "results.csv")
    assert set(table["run"].str.split("/").str[0]) == {"sweep", "other"} and len(table) == 13
    assert not list(other.glob("*.csv"))
    capsys.readouterr()


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["nowhere"], "there is no nowhere"),
        (["output=x"], "give run or sweep directories"),
        (["sweep", "outptu=x"], "did you mean output?"),
        (["empty"], "there is no run in empty"),
        (["mine.csv"], "mine.csv is no table of runs"),
        (["sweep", "--export"], "name the table to write"),
        (["sweep", "--exprot", "runs.csv"], "--exprot: unknown option; did you mean --export?"),
        (["sweep", "--export", "mine.csv"], "is there already"),
        (["sweep", "output=mine"], "results.md would be overwritten"),
        (["sweep", "output=mine.csv"], "is a file, not a directory"),
    ],
)
def test_mistakes_are_told_in_one_sentence_and_nothing_is_overwritten(
    sweep, tmp_path, monkeypatch, capsys, arguments, said
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "results.md").write_text("mine")
    (tmp_path / "mine.csv").write_text("a,b\n1,2\n")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert call(*arguments) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_what_an_exported_run_was_not_told_is_read_from_its_config(tmp_path: Path) -> None:
    for name, overrides in (("here", ["epochs=8", "optimizer=sgd"]), ("there", [])):
        run = write_run(tmp_path / name, metrics={"test_accuracy": 0.5})
        write_hydra(run, overrides, "epochs: 30\n", "{optimizer: adam}")
    table = tmp_path / "there.csv"
    export_runs(read_runs([tmp_path / "there"], tmp_path), table)
    both = read_runs([tmp_path / "here", table], tmp_path).table
    assert [tuple(row) for row in both[["epochs", "optimizer"]].to_numpy()] == [(8, "sgd"), (30, "adam")]
    export_runs(read_runs([tmp_path / "here", table], tmp_path), tmp_path / "again.csv")
    again = read_runs([tmp_path / "again.csv"], tmp_path)
    assert again.read_config(again.table["run"][1])["config"]["epochs"] == 30


def test_the_command_exports_and_reads_back(sweep, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert call("sweep", "--export", "runs.csv") == 0 and capsys.readouterr().out == f"{tmp_path / 'runs.csv'}\n"
    assert not (sweep / "results.csv").exists()
    assert call("runs.csv", "output=back") == 0
    assert call("sweep") == 0
    for name in ("results.md", "settings.csv"):
        assert (tmp_path / "back" / name).read_text().replace("runs.csv/", "") == (sweep / name).read_text()
    assert (tmp_path / "back" / "comparison.png").is_file()
    capsys.readouterr()


def test_a_sweep_that_is_running_is_left_to_itself(sweep, tmp_path, capsys):
    assert lock_file(sweep / lock.LOCK) is not None
    assert call(sweep) == 2
    assert "is in use" in capsys.readouterr().err and not (sweep / "results.csv").exists()
    assert call(sweep, f"output={tmp_path / 'out'}") == 0


def test_a_real_run_is_a_row(cli, tmp_path, capsys):
    small = ["model=cnn_example", "data=random", "data.train_limit=96", "data.test_limit=64", "epochs=1"]
    assert cli(*small, "seed=3", f"hydra.run.dir={tmp_path / 'run'}")[0] == 0
    assert call(tmp_path / "run", f"output={tmp_path / 'out'}") == 0
    row = pd.read_csv(tmp_path / "out" / "results.csv").loc[0]
    assert row["status"] == "completed" and row["seed"] == 3 and row["model"] == "cnn_example" and row["run"] == "run"
    assert 0 <= row["test_accuracy"] <= 1 and len(row["fingerprint"]) == 32
    assert isinstance(read_runs([tmp_path / "run"], tmp_path), Runs)


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = subprocess.Popen([sys.executable, "-m", "cldnn_lab.results", "--help"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    assert command.stdout is not None and command.stderr is not None
    command.stdout.close()
    assert command.stderr.read() == "" and command.wait() == 0
