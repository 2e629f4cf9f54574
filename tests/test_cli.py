"""The command line: what a user types, what comes back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from data_files import write_idx

import cldnn_lab
from cldnn_lab import inspect
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.runs.directory import Run

SMALL = ["model=cnn_example", "data=random", "data.train_limit=96", "data.test_limit=64", "batch_size=32", "epochs=2"]


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "cldnn_lab.train", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["epoch=3"], "did you mean epochs?"),
        (["epochs=-1"], "epochs: -1 must be at least 1"),
        (["epochs=abc"], "epochs: Value 'abc'"),
        (["batch_size=0"], "batch_size: 0 must be at least 1"),
        (["seed=-3"], "seed: -3 must be at least 0"),
        (["threshold=1.5"], "threshold: 1.5 must be below 1"),
        (["model=cn"], "did you mean cnn?"),
        (["modle=cnn"], "did you mean model?"),
        (["optimizer=adma"], "did you mean adam?"),
        (["optimizer.learning_rate=-1"], "optimizer.learning_rate"),
        (["optimizer.learning_rate=fast"], "optimizer.learning_rate"),
        (["optimizer.beta_1=2"], "optimizer.beta_1"),
        (["optimizer.clipnorm=-1"], "optimizer.clipnorm"),
        (["model.dropot.input=0.3"], "did you mean dropout?"),
        (["model.dropout.input=1.5"], "model.dropout.input"),
        (["model.output_activation=sofmax"], "did you mean softmax?"),
        (["model.layers.0._target_=os.system"], "'os.system' is refused"),
        (["model.layers.0._target_=keras.layers.Lambda"], "is refused"),
        (["optimizer._target_=builtins.exec"], "is refused"),
        (["loss=crosentropy"], "did you mean crossentropy?"),
        (["loss=binary_crossentropy"], "needs independent outputs"),
        (["backend=jaxx"], "did you mean jax?"),
        (["precision=float64"], "precision"),
        (["threads=999"], "threads: 999 are more than"),
        (["batches_per_call=0"], "batches_per_call: 0 must be at least 1"),
        (["logger=wandb"], "logger"),
        (["checkpoint.seconds=0"], "checkpoint.seconds: 0.0 must be above 0 seconds"),
        (["checkpoint.second=3"], "did you mean seconds?"),
        (["resume=true"], "hydra.run.dir=<its folder>"),
        (["-m", "seed=1,2", "resume=true"], "hydra.sweep.dir=<its folder>"),
        (["data=fashion_mnst"], "did you mean fashion_mnist?"),
        (["data.train_limit=0"], "data.train_limit: 0 must be at least 1"),
        (["data.validation=2"], "data.validation"),
        (["data.snr_min=18", "data.snr_max=0"], "data.snr_min"),
        (["data.classes=[]"], "data.classes"),
        (["data.classes=[BPSK,QPKS]"], "QPKS"),
        (["diagnostics=filter"], "diagnostics"),
        (["experiment=000/part22"], "did you mean 000/part2 "),
        (["model=null"], "needs the name of an option"),
        (["~model"], "model: nothing chosen"),
        (["schedule=cosin"], "did you mean cosine?"),
        (["seed=1,2"], "need -m"),
        (["epochs"], "write key=value"),
        (["+nonsense=1"], "nonsense: unknown key"),
        (["callbacks.reduce_lr.patience=3"], "reduce_lr is not chosen; choose it with callbacks=reduce_lr"),
        (["--config-dir", "nowhere"], "nowhere"),
        (["-m", "seed=1,2,-5"], "in the run with seed=-5"),
        (["-m", "--cfg", "job"], "Only one of"),
        (["--resolve", "epochs=2"], "--cfg"),
        (["-m", "hydra/sweeper=nowhere"], "hydra/sweeper=nowhere: there is no such option"),
        (["-m", "launcher=nowhere"], "Known: joblib, ray, serial"),
        (["-m", "hydra/launcher=seral"], "did you mean serial?"),
        (["hydra.run.dir=/proc/nowhere"], "hydra.run.dir"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(cli, tmp_path: Path, arguments: list[str], says: str) -> None:
    status, err = cli(*arguments)
    assert status == 2
    assert says in err
    assert err.startswith("error: ") and err.count("\n") == 1 and "Traceback" not in err
    assert not list(tmp_path.iterdir())


def test_a_mistake_is_found_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['train', 'epochs=-1']\n"
        "from cldnn_lab.train import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 2\n"
        "print([m for m in ('keras', 'tensorflow', 'pandas', 'matplotlib', 'scipy', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("yaml", ["input: [", "- a\n- b\n", "input: image\nlayers: []\n"])
def test_a_broken_config_of_ones_own_is_one_sentence(cli, tmp_path: Path, yaml: str) -> None:
    (tmp_path / "mine" / "model").mkdir(parents=True)
    (tmp_path / "mine" / "model" / "broken.yaml").write_text(yaml)
    status, err = cli("--config-dir", "mine", "model=broken")
    assert status == 2 and err.startswith("error: ") and "Traceback" not in err


def test_help_lists_groups_keys_and_examples(tmp_path: Path) -> None:
    done = run("--help", cwd=tmp_path)
    assert done.returncode == 0
    for word in ("model: ", "cldnn", "radioml", "optimizer: ", "epochs=N", "Examples", "--config-dir"):
        assert word in done.stdout


def test_cfg_job_prints_the_composed_config(tmp_path: Path) -> None:
    done = run("--cfg", "job", "epochs=7", cwd=tmp_path)
    assert done.returncode == 0 and "epochs: 7" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "prints"),
    [
        (["model=cnn", "--cfg", "job", "epochs=7"], "epochs: 7"),
        (["epochs=7", "--config-dir", "mine", "model=tiny", "--cfg=job", "seed=3"], "width: 5"),
        (["--config-dir", "mine", "epochs=7", "-c", "job", "model=tiny"], "width: 5"),
        (["epochs=7", "--config-name", "train", "seed=3", "--cfg", "job", "model=cnn"], "epochs: 7"),
        (["model=cnn", "--info", "epochs=7"], "Config"),
        (["--info", "defaults", "model=cnn"], "Defaults List"),
        (["model=cnn", "--package", "optimizer", "--cfg", "job", "optimizer=sgd"], "keras.optimizers.SGD"),
    ],
)
def test_flags_may_stand_anywhere_among_the_overrides(tmp_path: Path, arguments: list[str], prints: str) -> None:
    (tmp_path / "mine" / "model").mkdir(parents=True)
    (tmp_path / "mine" / "model" / "tiny.yaml").write_text(
        "input: any\nwidth: 5\nlayers: [{_target_: keras.layers.Flatten}]\n"
    )
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 0 and prints in done.stdout, done.stderr


def test_a_sweep_s_flag_may_stand_among_the_overrides(cli, tmp_path: Path) -> None:
    status, err = cli(*SMALL[:2], "-m", *SMALL[2:], "seed=1,-2")
    assert status == 2 and "in the run with" in err and "seed=-2" in err


def test_a_model_of_ones_own_trains_from_any_folder(tmp_path: Path) -> None:
    (tmp_path / "mine" / "model").mkdir(parents=True)
    (tmp_path / "mine" / "model" / "tiny.yaml").write_text(
        "input: any\noutputs: auto\noutput_activation: softmax\nlayers:\n"
        "  - {_target_: keras.layers.Flatten}\n"
        '  - {_target_: keras.layers.Dense, units: "${model.outputs}", activation: "${model.output_activation}"}\n'
    )
    done = run("--config-dir", "mine", *SMALL, "model=tiny", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (metrics,) = tmp_path.glob("outputs/*/*/metrics.json")
    values = json.loads(metrics.read_text())
    assert values["status"] == "completed" and values["model"] == "tiny"
    assert values["parameters"] == 10 * 10 * 3 * 12 + 12
    assert str(metrics.parent.relative_to(tmp_path)) in done.stdout
    assert "epoch 2/2" in done.stdout


def test_ctrl_c_keeps_what_there_is_and_exits_130(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "cldnn_lab.train", *SMALL, "epochs=1000000", "hydra.run.dir=run"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch"):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Traceback" not in err and "stopped by the user" in err
    left = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"history.csv", "accuracy.png", "loss.png", "model.keras", "metrics.json", "train.log"} <= left
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["status"] == "interrupted"


def test_a_sweep_goes_on_after_a_run_that_diverged_and_exits_non_zero(cli, tmp_path: Path) -> None:
    status, err = cli("-m", *SMALL, "optimizer=sgd", "loss=mse", "model.output_activation=linear",
                      "optimizer.learning_rate=1e20,0.01", "hydra.sweep.dir=sweep")  # fmt: skip
    assert status == 3
    assert "stopped being a number in epoch 1" in err and "Traceback" not in err
    first, second = (json.loads((tmp_path / "sweep" / n / "metrics.json").read_text()) for n in ("0", "1"))
    assert first["status"] == "diverged" and second["status"] == "completed"
    assert (tmp_path / "sweep" / "0" / "model.keras").is_file()


def test_two_runs_of_the_same_second_do_not_share_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cldnn_lab.runs import take_directory

    monkeypatch.chdir(tmp_path)
    assert [take_directory("outputs/day/second", "hydra.run.dir", ours=False) for _ in range(3)] == [
        "outputs/day/second", "outputs/day/second-2", "outputs/day/second-3",
    ]  # fmt: skip
    assert take_directory("outputs/day/second", "hydra.run.dir", ours=True) == "outputs/day/second"


def test_two_sweeps_of_the_same_second_do_not_share_a_directory(cli, tmp_path: Path) -> None:
    # A name that holds no time is the same for both, as the default name is within one second.
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    (tmp_path / "mine" / "experiment" / "e.yaml").write_text(
        """# @package _global_\nhydra: {sweep: {dir: "o'clock, 12"}}\n"""
    )
    for seeds in ("1", "2,3"):
        status, err = cli("-m", "--config-dir", "mine", "experiment=e", *SMALL, "data=fashion_mnist",
                          "data.path=nowhere", f"seed={seeds}")  # fmt: skip
        assert status == 2 and "nowhere" in err
    jobs = sorted(place.parent.relative_to(tmp_path).as_posix() for place in tmp_path.glob("*/*/train.log"))
    assert jobs == ["o'clock, 12-2/0", "o'clock, 12-2/1", "o'clock, 12/0"]


SWEEPER = """
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
class Another(BasicSweeper):
    pass
"""


def test_a_sweeper_that_is_not_there_is_one_sentence(cli) -> None:
    status, err = cli("-m", "hydra.sweeper._target_=nowhere.Sweeper")
    assert status == 2 and err.startswith("error: ") and "nowhere.Sweeper" in err and err.count("\n") == 1


def test_a_mistake_in_a_run_of_another_sweeper_is_one_sentence_and_the_sweep_goes_on(tmp_path: Path) -> None:
    (tmp_path / "hydra_plugins").mkdir()
    (tmp_path / "hydra_plugins" / "mine.py").write_text(SWEEPER)
    project = str(Path(cldnn_lab.__file__).parents[1])
    done = run("-m", *SMALL, "epochs=-1,1", "hydra/sweeper=basic", "hydra.sweeper._target_=hydra_plugins.mine.Another",
               "hydra.sweep.dir=sweep", cwd=tmp_path, PYTHONPATH=os.pathsep.join([str(tmp_path), project]))  # fmt: skip
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "error: in the run with " in done.stderr and "epochs: -1 must be at least 1" in done.stderr
    assert json.loads((tmp_path / "sweep" / "1" / "metrics.json").read_text())["status"] == "completed"


def test_a_missing_data_file_is_named(cli) -> None:
    status, err = cli("data=fashion_mnist", "model=cnn", "data.path=nowhere", "hydra.run.dir=run")
    assert status == 2 and "nowhere" in err and "Traceback" not in err


def test_runs_of_one_sweep_can_want_different_backends(tmp_path: Path) -> None:
    pytest.importorskip("jax")
    done = run("-m", *SMALL, "backend=tensorflow,jax,tensorflow", "hydra.sweep.dir=sweep", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    metrics = [json.loads((tmp_path / "sweep" / n / "metrics.json").read_text()) for n in "012"]
    assert [m["backend"] for m in metrics] == ["tensorflow", "jax", "tensorflow"]
    assert {Run(tmp_path / "sweep" / n).state.state for n in "012"} == {"completed"}
    assert {m["status"] for m in metrics} == {"completed"} and metrics[0]["train_loss"] == metrics[2]["train_loss"]
    assert "jax on" in (tmp_path / "sweep" / "1" / "train.log").read_text()


def write_arrays(path: Path, seed: int) -> None:
    draw = np.random.default_rng(seed)
    y = draw.integers(0, 3, 120)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, x=draw.random((120, 10, 10, 1)) + 0.3 * y[:, None, None, None], y=y)


@pytest.fixture
def two_roots(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders that each have MNIST's files and arrays by the same names, of different content."""
    for seed, place in enumerate((tmp_path / "here", tmp_path / "there")):
        write_idx(place / "data" / "mnist", train=60 + 10 * seed)
        write_arrays(place / "mine.npz", seed)
    return tmp_path / "here", tmp_path / "there"


@pytest.mark.parametrize(
    ("where", "told"),
    [
        (["hydra.run.dir=run/0"], ["data=mnist"]),
        (["hydra.run.dir=run/0"], ["data=arrays", "data.path=mine.npz"]),
        (["-m", "seed=3", "hydra.sweep.dir=run"], ["data=mnist", "data_root=data"]),
    ],
)
def test_a_saved_run_is_inspected_on_its_own_data_from_any_folder(
    cli, two_roots: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, where: list[str], told: list[str]
) -> None:
    here, there = two_roots
    monkeypatch.chdir(here)
    status, err = cli(*where, "model=cnn_example", "batch_size=32", "steps=4", *told)
    assert status == 0, err
    run = Run(here / "run" / "0")
    assert run.config.data_root == str(here / "data")
    monkeypatch.chdir(there)
    table, _ = inspect.inspect([str(run.folder), "diagnostics.metrics.split=test"])
    assert json.loads(table.read_text())["accuracy"] == run.metrics["test_accuracy"]
    others = "data.path=mine.npz" if "data=arrays" in told else "data_root=data"
    with pytest.raises(ConfigError, match=r"the run had other data .*data_root=.*data\.path="):
        inspect.inspect([str(run.folder), "diagnostics=filters", others])


def test_a_run_whose_data_were_moved_or_changed_says_so(
    cli, two_roots: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two_roots
    monkeypatch.chdir(here)
    assert cli("model=cnn_example", "data=arrays", "data.path=mine.npz", "steps=1", "hydra.run.dir=run")[0] == 0
    (here / "mine.npz").rename(there / "moved.npz")
    command = [str(here / "run"), "diagnostics=filters"]
    with pytest.raises(ConfigError, match=rf"there is no {here / 'mine.npz'}"):
        inspect.inspect(command)
    assert inspect.inspect([*command, f"data.path={there / 'moved.npz'}"])
    write_arrays(here / "mine.npz", 5)
    with pytest.raises(ConfigError) as told:
        inspect.inspect(command)
    assert f"mine.npz in {here}" in str(told.value)
