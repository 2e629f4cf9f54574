"""A sweep and its directory: which jobs there are, which are run again, what the user sees of them."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf
from rich.console import Console

from cldnn_lab import runs, train
from cldnn_lab.config.composer import Composer
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.groups import CONFIGS
from cldnn_lab.launch import monitor
from cldnn_lab.launch.monitor import Monitor, format_seconds
from cldnn_lab.runs.objective import is_lower_better
from cldnn_lab.runs.sweep import SWEEP, Job, Sweep

SMALL = ["model=cnn_example", "data=random", "data.train_limit=96", "data.test_limit=64", "batch_size=32", "epochs=2"]
BASE = ["model=cnn_example", "data=random", "hydra.sweep.dir=sweep"]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for training, which takes seconds: the jobs that would have been trained, by their overrides."""
    overrides: list[str] = []

    def train_nothing(config, run) -> None:
        rate = config.optimizer["learning_rate"]
        told = (run.folder / ".hydra" / "overrides.yaml").read_text().split()
        overrides.append(" ".join(word for word in told if "=" in word and word not in BASE))
        if rate == 13:
            raise ConfigError("learning rate 13 brings bad luck.")
        run.record(state="training", step=0, steps=10)
        run.write_json(runs.METRICS, {"status": "completed", "test_accuracy": 1 - rate, "seed": config.settings.seed})
        run.record(state="diverged" if rate == 7 else "completed", step=10, reason="it blew up." if rate == 7 else None)

    monkeypatch.setattr(train, "train", train_nothing)
    return overrides


def read_jobs(folder: Path) -> dict[str, str]:
    """The swept overrides of each job of a sweep, by its folder."""
    return {job.folder: " ".join(one for one in job.overrides if one not in BASE) for job in Sweep(folder).jobs}


def test_a_sweep_says_which_job_is_where(cli, trained: list[str], tmp_path: Path) -> None:
    assert cli("-m", *BASE, "optimizer=adam,sgd", "seed=1,2") == (0, "")
    combinations = ["optimizer=adam seed=1", "optimizer=adam seed=2", "optimizer=sgd seed=1", "optimizer=sgd seed=2"]
    assert read_jobs(tmp_path / "sweep") == dict(zip("0123", combinations, strict=True))
    for folder, overrides in read_jobs(tmp_path / "sweep").items():
        saved = (tmp_path / "sweep" / folder / ".hydra" / "overrides.yaml").read_text()
        assert all(override in saved for override in overrides.split()) and "hydra" not in saved


def test_what_is_finished_is_not_run_again_and_what_is_new_gets_a_number_of_its_own(
    cli, trained: list[str], tmp_path: Path
) -> None:
    assert cli("-m", *BASE, "seed=1,2")[0] == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "sweep" / "0").rglob("*")}
    assert cli("-m", *BASE, "seed=3,2,1")[0] == 0
    assert trained == ["seed=1", "seed=2", "seed=3"]
    assert read_jobs(tmp_path / "sweep") == {"0": "seed=1", "1": "seed=2", "2": "seed=3"}
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "sweep" / "0").rglob("*")}
    assert cli("-m", *BASE, "seed=2")[0] == 0 and len(trained) == 3  # and the others stay in the sweep
    assert len(read_jobs(tmp_path / "sweep")) == 3


def test_resume_takes_up_the_last_sweep_of_the_same_command(cli, trained: list[str], tmp_path: Path) -> None:
    sweep = ("-m", *BASE[:2], "seed=1,2")
    for _ in range(2):
        assert cli(*sweep)[0] == 0
    assert cli("-m", *BASE[:2], "seed=5")[0] == 0
    _first, second, _other = sorted(tmp_path.glob("outputs/*/*"), key=lambda path: (path / SWEEP).stat().st_mtime_ns)
    (second / "1" / runs.STATE).unlink()
    (second / "1" / runs.METRICS).unlink()
    assert cli(*sweep, "resume=true")[0] == 0
    assert trained == ["seed=1", "seed=2", "seed=1", "seed=2", "seed=5", "seed=2"]
    assert (second / "1" / runs.STATE).is_file() and len(list(tmp_path.glob("outputs/*/*"))) == 3
    status, err = cli("-m", *BASE[:2], "seed=8,9", "resume=true")
    assert status == 2 and "no sweep of this command is in outputs" in err and len(trained) == 6


def test_a_changed_config_does_not_pass_for_the_old_one(cli, trained: list[str], tmp_path: Path) -> None:
    mine = tmp_path / "mine" / "experiment"
    mine.mkdir(parents=True)
    for epochs in (2, 3):
        (mine / "e.yaml").write_text(f"# @package _global_\nepochs: {epochs}\n")
        assert cli("-m", "--config-dir", "mine", *BASE, "experiment=e", "seed=1,2")[0] == 0
    assert len(trained) == 4
    sweep = Sweep(tmp_path / "sweep")
    assert [job.folder for job in sweep.jobs] == ["2", "3"] and sweep.about["replaced"] == ["0", "1"]
    assert [sweep.get_run(job).config.epochs for job in sweep.jobs] == [3, 3]
    assert runs.open(tmp_path / "sweep" / "0").config.epochs == 2  # still there
    (mine / "e.yaml").write_text("# @package _global_\nepochs: 2\n")
    assert cli("-m", "--config-dir", "mine", *BASE, "experiment=e", "seed=1,2")[0] == 0
    assert len(trained) == 4 and [job.folder for job in Sweep(tmp_path / "sweep").jobs] == ["0", "1"]


def test_what_failed_is_run_again_and_says_so_with_the_exit_status(cli, trained: list[str], tmp_path: Path) -> None:
    rates = "optimizer.learning_rate=0.1,13,0.2"
    status, err = cli("-m", *BASE, rates)
    assert status == 2 and len(trained) == 3
    assert err == "error: job 1, optimizer.learning_rate=13, failed: learning rate 13 brings bad luck.\n"
    status, err = cli("-m", *BASE, rates)
    assert status == 2 and trained[3:] == ["optimizer.learning_rate=13 resume=true"]


def test_a_job_that_diverged_is_not_run_again_and_keeps_the_exit_status(cli, trained: list[str]) -> None:
    for _ in range(2):
        status, err = cli("-m", *BASE, "optimizer.learning_rate=0.1,7")
        assert status == 3 and len(trained) == 2
    assert "diverged" in err or err == ""


def test_the_exit_status_is_of_the_jobs_of_the_command(cli, trained: list[str], tmp_path: Path) -> None:
    assert cli("-m", *BASE, "optimizer.learning_rate=13,7,0.1")[0] == 2
    assert cli("-m", *BASE, "optimizer.learning_rate=0.1,0.2")[0] == 0
    assert cli("-m", *BASE, "optimizer.learning_rate=7")[0] == 3
    assert len(trained) == 4 and len(read_jobs(tmp_path / "sweep")) == 4


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["seed=1,2,-5"], "in the run with model=cnn_example data=random seed=-5: seed: -5 must be at least 0"),
        (["optimizer=adam,adma"], "did you mean adam?"),
        (["optimizer.learning_rate=interval(0,1)"], "search it with sweeper=optuna"),
        (["seed=1,2", "hydra.sweep.subdir=same"], "hydra.sweep.subdir: 2 jobs would run in same"),
    ],
)
def test_a_bad_combination_is_told_before_the_first_job(cli, trained, tmp_path: Path, overrides, says: str) -> None:
    status, err = cli("-m", *BASE, *overrides)
    assert status == 2 and says in err and err.count("\n") == 1
    assert not trained and not list((tmp_path / "sweep").glob("[0-9]*"))


def test_a_file_of_the_user_s_is_not_overwritten(cli, trained: list[str], tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "results.csv").write_text("mine")
    status, err = cli("-m", *BASE, "seed=1,2")
    assert status == 2 and "results.csv would be overwritten" in err and not trained
    assert (tmp_path / "sweep" / "results.csv").read_text() == "mine"


def test_a_job_s_own_lines_are_in_its_log_and_verbose_brings_them_back(
    cli, trained: list[str], tmp_path: Path, monkeypatch, capsys
) -> None:
    def speak(config, run) -> None:
        train.log.info("words of seed %s", config.settings.seed)
        run.record(state="completed")
        run.write_json(runs.METRICS, {"test_accuracy": 0.5})

    said: list[str] = []
    monkeypatch.setattr(train, "train", speak)
    for overrides in (["seed=1,2"], ["seed=3,4", "verbose=true"]):
        monkeypatch.setattr(sys, "argv", ["cldnn-train", "-m", *BASE, *overrides])
        train.main()
        said.append(capsys.readouterr().out)
    assert "words of" not in said[0] and "words of seed 3" in said[1] and "words of seed 4" in said[1]
    assert "words of seed 2" in (tmp_path / "sweep" / "1" / "train.log").read_text()
    assert "1/2  seed=1  completed  test_accuracy 0.5" in said[0]


def test_results_are_gathered_while_the_sweep_goes_on(cli, trained: list[str], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(monitor, "_SECONDS_BETWEEN_TABLES", 0)
    seen: list[list[str]] = []
    train_nothing = train.train

    def look(config, run) -> None:
        table = tmp_path / "sweep" / "results.csv"
        seen.append(list(pd.read_csv(table)["status"]) if table.is_file() else [])
        train_nothing(config, run)

    monkeypatch.setattr(train, "train", look)
    assert cli("-m", *BASE, "seed=1,2,3")[0] == 0
    assert seen == [[], ["completed", "waiting", "waiting"], ["completed", "completed", "waiting"]]
    for name in ("results.csv", "settings.csv", "results.md", "index.html"):
        assert (tmp_path / "sweep" / name).is_file()


def test_the_live_table_counts_the_jobs_and_names_the_best(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path)
    jobs = sweep.place([Job(("model=cnn", f"seed={seed}"), f"config {seed}") for seed in range(5)])
    sweep.add(jobs)
    for job in jobs[:3]:
        (tmp_path / job.folder).mkdir()
        sweep.get_run(job).start(None)
    sweep.get_run(jobs[0]).record(state="completed")
    sweep.get_run(jobs[0]).write_json(runs.METRICS, {"test_accuracy": 0.875})
    watching = Monitor(sweep, jobs, jobs[1:], objective=None, verbose=False)
    for job, changes in zip(
        jobs[1:3], ({"state": "failed", "reason": "no."}, {"state": "training", "step": 3, "steps": 4}), strict=True
    ):
        sweep.get_run(job).record(**changes)
    watching.update()
    screen = Console(file=io.StringIO(), width=100)
    screen.print(watching)
    text = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "5 jobs: 0 done, 1 running, 1 failed, 1 skipped, 2 waiting" in text
    assert "running" in text and "seed=2" in text and "step 3 of 4" in text
    assert "best so far" in text and "test_accuracy 0.875" in text and "seed=0" in text and "model=cnn" not in text


def test_the_directory_of_a_job_is_found_by_its_config_alone(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path)
    twice = [Job(("threads=1",), "same"), Job(("threads=2",), "same")]
    placed = sweep.place(twice)
    assert [job.folder for job in placed] == ["0", "1"]  # a value without effect makes a job all the same
    sweep.add(placed)
    (tmp_path / "7").mkdir()  # whoever made it
    placed = Sweep(tmp_path).place([*twice, Job(("seed=2",), "new")])
    assert [job.folder for job in placed] == ["0", "1", "8"]
    Sweep(tmp_path).add(placed)
    assert Sweep(tmp_path).place([Job(("seed=3",), "later")])[0].folder == "9"


def test_a_job_that_generates_its_data_is_no_repeat_of_one_that_reads_them(
    cli, trained: list[str], tmp_path: Path
) -> None:
    command = ("-m", "model=cnn_example", "data=shapes_crt", "hydra.sweep.dir=sweep")
    for asked in ("data.generate=false", "data.generate=true", "data.generate=true,false"):
        assert cli(*command, asked) == (0, "")
    assert [job.split()[-1].lower() for job in trained] == ["data.generate=false", "data.generate=true"]
    ran = {job.folder: job.overrides[-1].lower() for job in Sweep(tmp_path / "sweep").jobs}
    assert ran == {"0": "data.generate=false", "1": "data.generate=true"}


def test_a_broken_sweep_file_is_one_sentence(cli, trained: list[str], tmp_path: Path) -> None:
    assert cli("-m", *BASE, "seed=1")[0] == 0
    (tmp_path / "sweep" / SWEEP).write_text("{")
    status, err = cli("-m", *BASE, "seed=1")
    assert status == 2 and "does not hold a sweep" in err and len(trained) == 1


def test_what_is_better_follows_from_the_name_of_the_figure() -> None:
    lower = ["test_loss", "test_normalised_error", "test_mse", "val_mean_absolute_error", "seconds", "parameters"]
    assert all(is_lower_better(name) for name in lower)
    assert not any(
        is_lower_better(name) for name in ["test_accuracy", "test_f1_macro", "val_auc", "samples_per_second"]
    )


def test_seconds_are_told_as_people_do() -> None:
    assert [format_seconds(s) for s in (0.4, 59, 60, 3599, 7500)] == [
        "0 s",
        "59 s",
        "1 min 0 s",
        "59 min 59 s",
        "2 h 5 min",
    ]


def test_a_sweep_killed_at_any_moment_and_resumed_ends_like_one_left_alone(tmp_path: Path) -> None:
    sweep = [sys.executable, "-m", "cldnn_lab.train", "-m", *SMALL, "epochs=6", "model.filters=8,16", "seed=1,2",
             "batches_per_call=1", "checkpoint.seconds=0.001"]  # fmt: skip

    def start(folder: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([*sweep, f"hydra.sweep.dir={folder}"], cwd=tmp_path, stdout=subprocess.DEVNULL)

    began = time.monotonic()
    assert start("alone").wait() == 0
    seconds, draw = time.monotonic() - began, random.Random(15)
    for _ in range(10):
        process = start("killed")
        time.sleep(draw.uniform(0.2, 0.7) * seconds)
        if process.poll() is not None:  # all is done
            break
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert start("killed").wait() == 0
    assert read_results(tmp_path / "killed") == read_results(tmp_path / "alone")


def read_results(folder: Path) -> dict[str, dict[str, object]]:
    """The figures of each job that do not depend on the clock, with its history."""
    found = {}
    for job in Sweep(folder).jobs:
        run = Sweep(folder).get_run(job)
        figures = {name: value for name, value in run.metrics.items() if "second" not in name}
        history = run.history.drop(columns=[name for name in run.history if "seconds" in name])
        found[" ".join(job.overrides)] = {**figures, "history": history.to_csv()}
    return found


@pytest.mark.parametrize(
    "overrides",
    [
        ["model=cnn", "data=fashion_mnist", "seed=3", "model.dropout.input=0.3"],
        [
            "optimizer=sgd",
            "optimizer.learning_rate=0.5",
            "data.snr_min=-20",
            "epochs=7",
            "model={dropout: {input: 0.5}}",
        ],
        ["experiment=001/q1", "seed=2", "hydra.sweep.subdir='4'", "hydra.job_logging.root.handlers=[file]"],
        [
            "seed=1",
            "+model.mine=3",
            "model.mine=4",
            "~checkpoint.keep",
            "callbacks=[early_stopping,reduce_lr]",
            "metrics=[accuracy]",
        ],
        ["data_root=${oc.env:HOME}/x", "about='what: ${epochs}'", "batch_size=64", "batch_size=32"],
    ],
)
def test_a_job_is_composed_as_hydra_composes_it(overrides: list[str]) -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        common = loader.load_configuration("train", ["seed=1,2"], run_mode=RunMode.MULTIRUN)
        composer = Composer(loader, common)
        for seed in ("seed=8", "seed=9"):
            composed = composer.compose([*overrides, seed])
            expected = loader.load_sweep_config(common, [*overrides, seed])
            assert OmegaConf.to_yaml(composed) == OmegaConf.to_yaml(expected)
            assert OmegaConf.is_struct(composed) == OmegaConf.is_struct(expected)
            assert composed.hydra.run.dir == expected.hydra.run.dir  # the time is that of the sweep


JOBS = """\
optimizer=adam   # the usual one

optimizer=sgd 'optimizer.learning_rate=0.5'
"""


def test_a_file_lists_jobs_that_are_no_grid(cli, trained: list[str], tmp_path: Path) -> None:
    (tmp_path / "jobs.txt").write_text(JOBS)
    command = ("-m", *BASE, "sweeper=listed", "hydra.sweeper.jobs=jobs.txt")
    assert cli(*command, "seed=1,2") == (0, "")
    assert [job.removeprefix("sweeper=listed ") for job in trained] == [
        *[f"optimizer=adam seed={seed}" for seed in (1, 2)],
        *[f"optimizer=sgd optimizer.learning_rate=0.5 seed={seed}" for seed in (1, 2)],
    ]
    (tmp_path / "jobs.txt").write_text("optimizer=adam\noptimizer=rmsprop\n")
    assert cli(*command, "seed=2") == (0, "")  # what is finished is not run again
    assert trained[4:] == ["sweeper=listed optimizer=rmsprop seed=2"]


def test_each_job_of_a_file_has_every_value_of_the_command(cli, trained: list[str], tmp_path: Path) -> None:
    (tmp_path / "jobs.txt").write_text("optimizer=adam\noptimizer=sgd 'data_root=\"my # data\"'\n")
    command = ("-m", *BASE, "sweeper=listed", "hydra.sweeper.jobs=jobs.txt")
    assert cli(*command, "seed=1,2", "optimizer.learning_rate=0.1,0.2") == (0, "")
    jobs = Sweep(tmp_path / "sweep").jobs
    assert [job.overrides[-2:] for job in jobs] == 2 * [
        (f"optimizer.learning_rate={rate}", f"seed={seed}") for rate in (0.1, 0.2) for seed in (1, 2)
    ]
    assert 'data_root="my # data"' in jobs[4].overrides


@pytest.mark.parametrize(
    ("text", "more", "sentence"),
    [
        ("optimizer=adam\noptimizer=adm\n", (), "jobs.txt, line 2"),
        ("optimizer=adam\noptimizer.learning_rate=-1\n", (), "jobs.txt, line 2"),
        ("optimizer='adam\n", (), "jobs.txt, line 1: No closing quotation"),
        ("optimizer=adam about.name=a#b\n", (), "'about.name=a#b' is not an override"),
        ("optimizer=adam\n\nseed=1,2\n", (), "jobs.txt, line 3: seed has several values"),
        ("optimizer=adam launcher=joblib\n", (), "jobs.txt, line 1: launcher is for all jobs"),
        ("hydra.sweep.dir=other\n", (), "jobs.txt, line 1: hydra.sweep.dir is for all jobs"),
        ("# nothing\n", (), "lists no job"),
        (None, (), "cannot be read"),
        ("optimizer=adam\n", ("sweep.where=seed<2",), "use sweeper=grid"),
        ("optimizer=adam\n", ("hydra.sweeper.jobs=null",), "name the file"),
    ],
)
def test_a_mistake_in_a_list_of_jobs_is_told_with_its_line(
    cli, trained: list[str], tmp_path: Path, text: str | None, more: tuple[str, ...], sentence: str
) -> None:
    if text is not None:
        (tmp_path / "jobs.txt").write_text(text)
    status, told = cli("-m", *BASE, "sweeper=listed", "hydra.sweeper.jobs=jobs.txt", *more)
    assert status == 2 and sentence in told and told.count("\n") == 1
    assert trained == [] and not (tmp_path / "sweep").exists()
