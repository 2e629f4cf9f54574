"""Searches with Optuna: the space, the trials, their pruning, and how a search that was stopped goes on."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from cldnn_lab import runs, train
from cldnn_lab.config import search
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.reporting import gather
from cldnn_lab.reporting.study import compute_importance, summarize_study, write_study
from cldnn_lab.runs.sweep import Sweep
from cldnn_lab.storage.study import FILE, create_study, load_study

optuna = pytest.importorskip("optuna")

RATE = "optimizer.learning_rate=tag(log,interval(1e-4,1e-1))"
BASE = ("-m", "sweeper=optuna", "model=cnn_example", "data=random", "hydra.sweep.dir=sweep")
SMALL = ("data.train_limit=96", "data.test_limit=64", "batch_size=32", "epochs=3")


def judge(rate: float, seed: int) -> float:
    """The accuracy that stands for a training: the best rate is 0.01."""
    return 1 - 0.2 * abs(math.log10(rate) + 2) - 0.001 * seed


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, int]]:
    """Stand in for training, which takes seconds: the rate and seed of each job that would have been trained. With
    ``stop`` or ``fail`` among its attributes, the job of that number is interrupted, or fails."""

    class Trained(list):
        stop: int | None = None
        fail: Callable[[float, int], bool] = staticmethod(lambda rate, seed: False)

    done = Trained()

    def train_nothing(config, run) -> None:
        rate, seed = config.optimizer["learning_rate"], config.settings.seed
        if len(done) == done.stop:
            raise KeyboardInterrupt
        done.append((rate, seed))
        if done.fail(rate, seed):
            raise ConfigError("bad luck.")
        run.record(state="training", step=0, steps=10)
        run.write_json(runs.METRICS, {"status": "completed", "test_accuracy": judge(rate, seed), "seed": seed})
        run.record(state="completed", step=10)

    monkeypatch.setattr(train, "train", train_nothing)
    # What tables and pictures are made of has tests of its own.
    monkeypatch.setattr(gather, "gather", lambda runs, into: [])
    return done


def parse(*overrides: str) -> search.SearchSpace:
    return search.parse_space(OverridesParser.create().parse_overrides(list(overrides)))


def read_trials(folder: Path) -> list[tuple[str, Any, Any]]:
    return [(trial.state.name, trial.params, trial.value) for trial in load_study(folder).trials]


def test_a_search_space_is_written_as_hydra_s_sweeps() -> None:
    space = parse(
        "model=cnn", RATE, "model.dropout.input=0,0.3", "+optimizer.nesterov=choice(true,false)",
        "batch_size=range(16,65,16)", "optimizer.momentum=interval(0,1)", "model.units=tag(log,int(interval(8,64)))",
        "seed=3,1", "x=range(0.1,0.5,0.1)", "model.filters=[1,2],[3]", "epochs=range(3)", "y=int(interval(1,9))",
    )  # fmt: skip
    d = optuna.distributions
    assert space.parameters == {
        "optimizer.learning_rate": d.FloatDistribution(1e-4, 1e-1, log=True),
        "model.dropout.input": d.CategoricalDistribution(("0", "0.3")),
        "+optimizer.nesterov": d.CategoricalDistribution(("True", "False")),
        "batch_size": d.IntDistribution(16, 64, step=16),
        "optimizer.momentum": d.FloatDistribution(0, 1),
        "model.units": d.IntDistribution(8, 64, log=True),
        "x": d.FloatDistribution(0.1, 0.4, step=0.1),
        "model.filters": d.CategoricalDistribution(("[1,2]", "[3]")),
        "epochs": d.IntDistribution(0, 2),
        "y": d.IntDistribution(1, 9),
    }
    assert space.seeds == ("seed=3", "seed=1") and space.fixed == ("model=cnn",)


def test_the_jobs_of_a_trial_are_its_seeds() -> None:
    space = parse("model=cnn", RATE, "optimizer=adam,sgd", "seed=1,2")
    rate = 0.1 + 0.2  # whose digits must not be lost
    expected = ["model=cnn", f"optimizer.learning_rate={rate!r}", "optimizer=sgd"]
    assert space.list_jobs({"optimizer.learning_rate": rate, "optimizer": "sgd"}) == [
        [*expected, "seed=1"], [*expected, "seed=2"],
    ]  # fmt: skip
    assert parse(RATE).list_jobs({"optimizer.learning_rate": 1e-05}) == [["optimizer.learning_rate=1e-05"]]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("x=interval(2,1)", "x: the interval from 2.0 to 1.0 is empty"),
        ("x=interval(1,1)", "is empty"),
        ("x=tag(log,interval(0,1))", "above 0"),
        ("x=tag(log,int(interval(0,9)))", "above 0"),
        ("x=tag(lag,interval(1,2))", "the tag lag is unknown; did you mean log"),
        ("x=tag(log,choice(1,2))", "not for a list of values"),
        ("x=tag(log,range(1,10,2))", "steps of 1"),
        ("x=range(5,1)", "the range from 5 to 1 in steps of 1 is empty"),
        ("x=range(1,5,0)", "is empty"),
        ("x=1,1", "a value is given twice"),
        ("seed=interval(1,3)", "seeds repeat a trial"),
        ("seed=1,1", "a seed is given twice"),
        ("seed=1,2", "nothing to search"),
        ("x=3", "nothing to search"),
    ],
)
def test_a_mistake_in_a_search_space_is_one_sentence(override: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse(override)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["hydra.sweeper.sampler=TPSampler"], "did you mean TPESampler"),
        (["hydra.sweeper.sampler_options={n_start:3}"], "did you mean n_startup_trials"),
        (["hydra.sweeper.sampler_options={seed:3}"], "set hydra.sweeper.seed instead"),
        (["hydra.sweeper.pruner=Median"], "did you mean MedianPruner"),
        (["hydra.sweeper.pruner_options={n_warmup_steps:-1}"], "MedianPruner refuses them"),
        (["hydra.sweeper.pruner=WilcoxonPruner", "seed=1,2,3"], "at least 4"),
        (["hydra.sweeper.direction=up"], "hydra.sweeper.direction: 'up' is no choice"),
        (["hydra.sweeper.n_trials=0"], "at least 1"),
        (["hydra.sweeper.n_jobs=x"], "at least 1"),
        (["hydra.sweeper.seed=-1"], "at least 0"),
        (["sweep.where=seed == 1"], "combinations of a grid"),
        (["batch_size=0,2"], "No run was started"),
        (["epochs=int(interval(-1,3))"], "epochs: -1 must be at least 1"),
        (["objective=test_f1_macro"], "not measured while a run trains"),
        (["model.units=interval(a,1)"], "str is incompatible"),
        (["launcher=nowhere"], "there is no such option"),
    ],
)
def test_a_mistake_in_a_search_is_told_before_anything_is_written(cli, trained, tmp_path, overrides, words) -> None:
    status, err = cli(*BASE, RATE, *overrides)
    assert status == 2 and err.startswith("error: ") and err.count("\n") == 1 and words in err
    assert not trained and not list(tmp_path.iterdir())


def test_a_search_without_optuna_says_how_to_install_it(cli, trained, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    status, err = cli(*BASE, RATE)
    assert status == 2 and "pip install 'cldnn-lab[optuna]'" in err and not list(tmp_path.iterdir())


def test_a_search_finds_good_values_with_the_mean_over_seeds_as_the_value_of_a_trial(cli, trained, tmp_path) -> None:
    assert cli(*BASE, RATE, "seed=1,2,3", "hydra.sweeper.n_trials=6") == (0, "")
    study = load_study(tmp_path / "sweep")
    assert len(study.trials) == 6 and study.direction.name == "MAXIMIZE"
    for number, trial in enumerate(study.trials):
        rate = trial.params["optimizer.learning_rate"]
        assert trained[3 * number : 3 * number + 3] == [(rate, seed) for seed in (1, 2, 3)]
        assert trial.value == pytest.approx(judge(rate, 2))
    sweep = Sweep(tmp_path / "sweep")
    assert [job.trial for job in sweep.jobs] == [number for number in range(6) for _ in range(3)]
    assert [job.folder for job in sweep.jobs] == [str(number) for number in range(18)]
    assert all("sweep" not in override for job in sweep.jobs for override in job.overrides)
    recorded = sweep.about["search"]
    assert recorded["sampler"]["class"] == "TPESampler" and recorded["sampler"]["seed"] == 1
    assert recorded["optuna"] == optuna.__version__ and recorded == study.user_attrs
    assert {"optuna_slices.png", "optuna_importance.png", FILE} <= {path.name for path in sweep.folder.iterdir()}


def test_less_is_better_of_a_loss(cli, trained, tmp_path: Path) -> None:
    command = (*BASE, RATE, "objective=test_loss", "hydra.sweeper.n_trials=1")
    cli(*command)
    assert load_study(tmp_path / "sweep").direction.name == "MINIMIZE"
    cli(*command, "hydra.sweeper.direction=maximize", "hydra.sweep.dir=other")
    assert load_study(tmp_path / "other").direction.name == "MAXIMIZE"


@pytest.mark.parametrize(("sampler", "n_jobs"), [("TPESampler", 1), ("TPESampler", 3), ("GPSampler", 2)])
def test_a_search_that_was_stopped_comes_to_the_same_trials(cli, trained, tmp_path, sampler, n_jobs) -> None:
    if sampler == "GPSampler":
        pytest.importorskip("torch")
    command = (*BASE, RATE, "optimizer=adam,sgd", "seed=1,2", f"hydra.sweeper.n_jobs={n_jobs}",
               f"hydra.sweeper.sampler={sampler}",
               "hydra.sweeper.sampler_options={n_startup_trials:2}")  # fmt: skip
    assert cli(*command, "hydra.sweeper.n_trials=4", "hydra.sweep.dir=alone")[0] == 0
    alone = list(trained)
    trained.clear()
    trained.stop = 5
    assert cli(*command, "hydra.sweeper.n_trials=4")[0] == 130
    trained.stop = None
    assert cli(*command, "hydra.sweeper.n_trials=4")[0] == 0
    assert read_trials(tmp_path / "sweep") == read_trials(tmp_path / "alone")
    assert sorted(trained) == sorted(alone)  # no job was run twice
    assert cli(*command, "hydra.sweeper.n_trials=5")[0] == 0 and len(trained) == len(alone) + 2


KILLED = """
import os, signal, sys
from cldnn_lab import runs, train
from cldnn_lab.reporting import gather

deadly = sys.argv.pop()
gather.gather = lambda runs, into: []

def train_or_die(config, run):
    if run.folder.name == deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    run.record(state="training", step=0, steps=10)
    accuracy = config.optimizer["learning_rate"] * config.settings.seed
    run.write_json(runs.METRICS, {"status": "completed", "test_accuracy": accuracy})
    run.record(state="completed", step=10)

train.train = train_or_die
train.main()
"""


def test_a_search_that_was_killed_comes_to_the_same_trials(tmp_path: Path) -> None:
    def run(folder: str, deadly: str) -> int:
        command = [*BASE, RATE, "hydra.sweeper.n_trials=4", f"hydra.sweep.dir={folder}"]
        done = subprocess.run(
            [sys.executable, "-c", KILLED, *command, deadly], cwd=tmp_path, capture_output=True, text=True
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode

    assert run("alone", "none") == 0
    assert run("sweep", "2") == -signal.SIGKILL
    assert [state for state, *_ in read_trials(tmp_path / "sweep")] == ["COMPLETE", "COMPLETE", "RUNNING"]
    with (tmp_path / "sweep" / FILE).open("a") as file:
        file.write('{"op_code":5,"wor')  # as a power loss may leave it
    assert run("sweep", "none") == 0
    assert read_trials(tmp_path / "sweep") == read_trials(tmp_path / "alone")
    assert [job.folder for job in Sweep(tmp_path / "sweep").jobs] == ["0", "1", "2", "3"]


def test_another_search_does_not_go_on_in_the_same_directory(cli, trained, tmp_path: Path) -> None:
    assert cli(*BASE, RATE, "hydra.sweeper.n_trials=2")[0] == 0
    before = (tmp_path / "sweep" / FILE).read_bytes()
    for change in ("seed=1,2", "optimizer.learning_rate=interval(0.1,1)", "hydra.sweeper.seed=2", "epochs=7"):
        status, err = cli(*BASE, RATE, "hydra.sweeper.n_trials=2", change)
        assert status == 2 and "holds a search with other" in err and err.count("\n") == 1
    assert (tmp_path / "sweep" / FILE).read_bytes() == before and len(trained) == 2


def test_a_file_of_somebody_else_stays(cli, trained, tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / FILE).write_text("mine")
    status, err = cli(*BASE, RATE)
    assert status == 2 and f"{FILE} would be overwritten" in err and not trained
    assert (tmp_path / "sweep" / FILE).read_text() == "mine"


def test_a_trial_with_a_job_that_failed_does_not_count_and_the_search_goes_on(cli, trained, tmp_path: Path) -> None:
    trained.fail = lambda rate, seed: rate < 0.003
    status, err = cli(*BASE, RATE, "seed=1,2", "hydra.sweeper.n_trials=4")
    assert status == 2 and "bad luck" in err and "Traceback" not in err
    for state, parameters, value in read_trials(tmp_path / "sweep"):
        failed = parameters["optimizer.learning_rate"] < 0.003
        assert (state, value is None) == (("FAIL", True) if failed else ("COMPLETE", False))
    # The other seeds of a trial that failed are not run.
    assert {seed for rate, seed in trained if rate < 0.003} == {1} and {seed for rate, seed in trained} == {1, 2}


def test_a_search_without_any_completed_trial_ends_in_a_sentence(cli, trained, tmp_path: Path, capsys) -> None:
    trained.fail = lambda rate, seed: True
    assert cli(*BASE, RATE, "hydra.sweeper.n_trials=2")[0] == 2
    assert summarize_study(load_study(tmp_path / "sweep")) == (
        "Trials: 2 failed. None was completed, so there is no best."
    )
    assert write_study(tmp_path / "sweep") == []


def test_values_that_cannot_be_combined_fail_their_trial_alone(cli, trained, tmp_path: Path) -> None:
    # Each alone is right.
    status, err = cli(*BASE, "callbacks=none,reduce_lr", "schedule=constant,cosine", "hydra.sweeper.n_trials=5")
    states = {(one["callbacks"], one["schedule"]): state for state, one, _ in read_trials(tmp_path / "sweep")}
    assert states.pop(("reduce_lr", "cosine")) == "FAIL" and set(states.values()) == {"COMPLETE"}
    assert status == 2 and "of the trials could not be run" in err and "Traceback" not in err


def test_equal_trials_are_run_once(cli, trained, tmp_path: Path) -> None:
    assert cli(*BASE, "optimizer.learning_rate=0.01,0.02", "hydra.sweeper.n_trials=6") == (0, "")
    assert len(trained) == 2 and len(Sweep(tmp_path / "sweep").jobs) == 2
    assert [state for state, *_ in read_trials(tmp_path / "sweep")] == ["COMPLETE"] * 6


def test_the_pruner_of_seeds_leaves_out_the_seeds_of_a_hopeless_trial(cli, trained, tmp_path: Path) -> None:
    assert cli(*BASE, RATE, "seed=range(1,9)", "hydra.sweeper.n_trials=3", "hydra.sweeper.pruner=WilcoxonPruner") == (
        0,
        "",
    )
    study = load_study(tmp_path / "sweep")
    pruned = [trial for trial in study.trials if trial.state.name == "PRUNED"]
    assert pruned and len(trained) == 3 * 8 - sum(8 - len(trial.intermediate_values) for trial in pruned)
    assert all(4 <= len(trial.intermediate_values) < 8 for trial in pruned)
    assert all(trial.value < study.best_value for trial in pruned)


def test_a_hopeless_run_is_stopped_by_its_history(cli, tmp_path: Path, capsys) -> None:
    command = (*BASE, *SMALL, "optimizer.learning_rate=0.01,0.02", "seed=1,2", "hydra.sweeper.n_trials=1")
    always = ("hydra.sweeper.pruner=ThresholdPruner", "hydra.sweeper.pruner_options={lower: 2, n_warmup_steps: 1}")
    assert cli(*command, *always) == (0, "")
    jobs = Sweep(tmp_path / "sweep").jobs
    assert {job.overrides[-1] for job in jobs} == {"seed=1"}  # the second seed of a pruned trial is not run
    for job in jobs:
        run = runs.open(tmp_path / "sweep" / job.folder)
        assert run.state.state == run.metrics["status"] == "pruned" and "hopeless" in run.state.reason
        assert (
            len(run.history) == 2 and "test_accuracy" not in run.metrics and not (run.folder / runs.CHECKPOINT).exists()
        )
    study = load_study(tmp_path / "sweep")
    assert [trial.state.name for trial in study.trials] == ["PRUNED"]
    history = runs.open(tmp_path / "sweep" / "0").history
    assert list(study.trials[0].intermediate_values.values()) == pytest.approx(list(history["val_accuracy"]))
    assert "pruned" in (tmp_path / "sweep" / "results.csv").read_text()
    states = [(tmp_path / "sweep" / job.folder / runs.STATE).read_bytes() for job in jobs]
    assert cli(*command, *always) == (0, "")  # and it is not run again
    assert [(tmp_path / "sweep" / job.folder / runs.STATE).read_bytes() for job in jobs] == states


def test_a_run_that_is_watched_and_not_stopped_is_the_same_run(cli, tmp_path: Path) -> None:
    command = ("model=cnn_example", "data=random", *SMALL)
    assert cli(*command, "hydra.run.dir=alone")[0] == 0
    # What is searched has no effect, so that the trial is the same run.
    assert cli(*BASE, *SMALL, "checkpoint.seconds=60,61", "hydra.sweeper.n_trials=1")[0] == 0
    alone, watched = runs.open(tmp_path / "alone"), runs.open(tmp_path / "sweep" / "0")
    assert "sweep.trial=0" in (watched.folder / ".hydra" / "overrides.yaml").read_text()
    assert watched.state.fingerprint == alone.state.fingerprint
    assert watched.metrics["test_loss"] == alone.metrics["test_loss"]
    assert len(load_study(tmp_path / "sweep").trials[0].intermediate_values) == len(watched.history) == 3


def test_importance_and_slices_show_the_parameter_that_matters(tmp_path: Path) -> None:
    space = parse("rate=interval(0,1)", "other=interval(0,1)", "word=a,b")
    about = {"objective": "test_accuracy", "seeds": ["seed=1", "seed=2"]}
    study = create_study(tmp_path, "maximize", about)
    study.sampler = optuna.samplers.RandomSampler(seed=0)
    for _ in range(40):
        trial = study.ask(space.parameters)
        study.tell(trial, 1 - (trial.params["rate"] - 0.4) ** 2)
    importance = compute_importance(study)
    assert next(iter(importance)) == "rate" and importance["rate"] > 0.6
    assert sum(importance.values()) == pytest.approx(1)
    written = write_study(tmp_path)
    assert [path.name for path in written] == ["optuna_slices.png", "optuna_importance.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)
