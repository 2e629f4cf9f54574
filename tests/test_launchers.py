"""Where the jobs of a sweep run: launchers, the workers they start, and what becomes of a job whose worker dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from light_sweep import SEEN

import cldnn_lab
from cldnn_lab.launch.launchers.base import check_installed
from cldnn_lab.launch.preflight import Refused
from cldnn_lab.runs.directory import Run

PROJECT = str(Path(cldnn_lab.__file__).parents[1])
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
two_cores = pytest.mark.skipif(CORES < 2, reason="takes two cores whose use a process may choose")
SMALL = ("model=dense_ann", "data=random", "data.train_size=48", "data.test_size=24", "batch_size=16", "epochs=1")


@pytest.fixture
def sweep(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a sweep in ``tmp_path/sweep``, of light jobs unless ``module`` says otherwise."""
    started = []

    def start(*overrides: str, module: str = "light_sweep", **environment: str) -> subprocess.Popen[str]:
        place = os.pathsep.join([PROJECT, str(Path(__file__).parent)])
        process = subprocess.Popen(
            [sys.executable, "-m", module, "-m", *overrides, "hydra.sweep.dir=sweep"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": place, "XDG_RUNTIME_DIR": str(tmp_path), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit status and what was printed."""
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def read_seen(folder: Path, *numbers: int) -> list[dict[str, Any]]:
    """What each job saw; waits for it."""
    for _ in range(600):
        if all((folder / "sweep" / str(n) / SEEN).is_file() for n in numbers):
            break
        time.sleep(0.1)
    return [json.loads((folder / "sweep" / str(n) / SEEN).read_text()) for n in numbers]


def is_gone(pid: int) -> bool:
    """Whether a process ends, at the latest in some seconds."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
            if f"{pid} (" in Path(f"/proc/{pid}/stat").read_text() and ") Z " in Path(f"/proc/{pid}/stat").read_text():
                return True  # a zombie, whose parent is somebody else
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("form", ["launcher=serial", "hydra/launcher=serial", "seed=0"])
def test_a_sweep_is_serial_unless_it_says_otherwise(sweep, tmp_path: Path, form: str) -> None:
    _, out, _ = finish(sweep("about=report,fail,report", form))
    assert "Launching" not in out
    assert len({seen["pid"] for seen in read_seen(tmp_path, 0, 1, 2)}) == 1


def test_both_forms_choose_a_launcher_on_the_command_line_and_in_an_experiment(composed, tmp_path: Path) -> None:
    def choose(*overrides: str, body: str = "") -> str:
        (tmp_path / "experiment").mkdir(exist_ok=True)
        (tmp_path / "experiment" / "mine.yaml").write_text(f"# @package _global_\ndefaults:\n{body}")
        return subprocess.run(
            [sys.executable, "-m", "cldnn_lab.train", "--cfg", "hydra", "--config-dir", str(tmp_path), *overrides],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    for overrides, body in (
        (["launcher=joblib"], ""),
        (["hydra/launcher=joblib"], ""),
        (["experiment=mine"], "  - override /launcher: joblib\n"),
        (["experiment=mine"], "  - override /hydra/launcher: joblib\n"),
    ):
        assert "JoblibLauncher" in choose(*overrides, body=body), (overrides, body)


@two_cores
def test_jobs_side_by_side_have_workers_and_cores_of_their_own(sweep, tmp_path: Path) -> None:
    status, out, _ = finish(sweep("launcher=joblib", "hydra.launcher.n_jobs=2", "seed=range(6)"))
    seen = read_seen(tmp_path, *range(6))
    assert status == 0 and "speaks" not in out
    workers = {one["pid"]: tuple(one["cores"]) for one in seen}
    assert len(workers) == 2, "a worker stays for the next job"
    first, second = workers.values()
    assert first and not set(first) & set(second)
    assert {one["place"] for one in seen} == {str(tmp_path)}
    assert all(is_gone(pid) for pid in workers)


@two_cores
def test_gpus_are_divided_among_jobs(sweep, tmp_path: Path) -> None:
    listing = "GPU 0: Some (UUID: GPU-aa)\nGPU 1: Some (UUID: GPU-bb)"
    driver = tmp_path / "bin" / "nvidia-smi"
    driver.parent.mkdir()
    driver.write_text(f"#!/bin/sh\necho '{listing}'\n")
    driver.chmod(0o700)
    path = os.pathsep.join([str(driver.parent), os.environ["PATH"]])
    environment = {name: value for name, value in os.environ.items() if name == "CUDA_VISIBLE_DEVICES"}
    assert not environment, "the stand-in is asked only where nothing is said"
    assert finish(sweep("launcher=joblib", "seed=range(4)", PATH=path))[0] == 0
    gpus = {seen["pid"]: seen["gpu"] for seen in read_seen(tmp_path, *range(4))}
    assert sorted(gpus.values()) == ["GPU-aa", "GPU-bb"]


def test_a_worker_that_dies_costs_its_job_alone(sweep, tmp_path: Path) -> None:
    status, _, err = finish(sweep("launcher=joblib", "hydra.launcher.n_jobs=1", "about=report,die,report"))
    assert status == 1 and "Traceback" not in err
    state = Run(tmp_path / "sweep" / "1").state
    assert state is not None and state.state == "failed" and "signal 9" in (state.reason or "")
    before, _, after = read_seen(tmp_path, 0, 1, 2)
    assert before["pid"] != after["pid"]


@two_cores
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_the_jobs_that_run_and_leaves_those_that_wait(sweep, tmp_path: Path, number: int) -> None:
    process = sweep("launcher=joblib", "hydra.launcher.n_jobs=2", "about=wait,wait_apart,wait")
    running = read_seen(tmp_path, 0, 1)
    process.send_signal(number)
    status, _, err = finish(process)
    assert status == 130 and "Traceback" not in err
    assert all((tmp_path / "sweep" / n / "interrupted").exists() for n in "01")
    assert not (tmp_path / "sweep" / "2").exists()
    assert all(is_gone(seen["pid"]) for seen in running), "what a worker started is stopped with it"


def test_workers_end_with_a_sweep_that_is_killed(sweep, tmp_path: Path) -> None:
    process = sweep("launcher=joblib", "hydra.launcher.n_jobs=1", "about=wait")
    (running,) = read_seen(tmp_path, 0)
    process.kill()
    assert is_gone(running["pid"])


@pytest.mark.parametrize("n_jobs", ["0", "two", "1.5", "100000"])
def test_a_number_of_jobs_that_cannot_be_is_one_sentence(sweep, n_jobs: str) -> None:
    status, _, err = finish(sweep("launcher=joblib", f"hydra.launcher.n_jobs={n_jobs}", "seed=1,2"))
    assert status == 2 and err.startswith("error: hydra.launcher.n_jobs: ") and err.count("\n") == 1


def test_jobs_that_want_other_backends_train_apart_from_their_worker(sweep, tmp_path: Path) -> None:
    pytest.importorskip("jax")
    overrides = ("launcher=joblib", "hydra.launcher.n_jobs=1", "backend=tensorflow,jax,tensorflow")
    status, out, err = finish(sweep(*SMALL, *overrides, module="cldnn_lab.train"))
    assert (status, err) == (0, "") and "Data:" not in out
    states = [Run(tmp_path / "sweep" / n).state for n in "012"]
    assert [state.state for state in states if state] == ["completed"] * 3
    pids = [state.process.pid for state in states if state]
    assert pids[0] == pids[2] != pids[1]


def test_submitit_runs_jobs_and_tells_of_one_that_dies(sweep, tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    status, out, err = finish(sweep("launcher=submitit_local", "about=report,die"))
    assert status == 1 and "speaks" not in out
    assert err.startswith("error: job 1, about=die, failed: ") and err.count("\n") == 1
    state = Run(tmp_path / "sweep" / "1").state
    assert state is not None and state.state == "failed" and ".submitit" in (state.reason or "")
    assert read_seen(tmp_path, 0)[0]["place"] == str(tmp_path)


def test_submitit_submits_and_returns(sweep, tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    overrides = ("launcher=submitit_local", "hydra.launcher.wait=false", "seed=1")
    process = sweep(*SMALL, *overrides, module="cldnn_lab.train")
    assert process.wait(timeout=300) == 0
    assert not (tmp_path / "sweep" / "0" / "metrics.json").exists(), "it did not wait"
    _, out, err = finish(process)  # the jobs have the same standard output
    assert err == "" and "1 job is submitted" in out and "cldnn_lab.results sweep" in out
    state = Run(tmp_path / "sweep" / "0").state
    assert state is not None and state.state == "completed"


def test_slurm_is_asked_for_one_job_array(sweep, tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    slurm = tmp_path / "bin"
    slurm.mkdir()
    for name, does in (("srun", "exit 0"), ("sbatch", f"cp $1 {tmp_path}/script; echo Submitted batch job 12")):
        (slurm / name).write_text(f"#!/bin/sh\n{does}\n")
        (slurm / name).chmod(0o700)
    path = os.pathsep.join([str(slurm), os.environ["PATH"]])
    overrides = ("hydra.launcher.wait=false", "hydra.launcher.slurm_partition=fast", "seed=1,2,3")
    status, out, err = finish(sweep("launcher=submitit_slurm", *overrides, PATH=path))
    assert (status, err) == (0, "") and "3 jobs are submitted (slurm, 12_0 to 12_2)." in out
    script = (tmp_path / "script").read_text()
    assert "#SBATCH --array=0-2%" in script and "#SBATCH --partition=fast" in script and "--time=60" in script


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Refused) as refused:
        check_installed("ray", "ray")
    assert "pip install 'cldnn-lab[ray]'" in str(refused.value.mistake)


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["launcher=submitit_local", "+hydra.launcher.colour=red"], "'colour'"),
        (["launcher=submitit_slurm", "PATH="], "srun"),
    ],
)
def test_what_submitit_cannot_do_is_one_sentence(sweep, overrides: list[str], says: str) -> None:
    pytest.importorskip("submitit")
    environment = dict(override.split("=") for override in overrides[1:] if override == "PATH=")
    status, _, err = finish(sweep(*[o for o in overrides if o != "PATH="], "seed=1,2", **environment))
    assert status == 2 and err.startswith("error: hydra.launcher: ") and says in err and err.count("\n") == 1


@two_cores
def test_ray_keeps_workers_and_loses_only_the_job_of_one_that_dies(sweep, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    status, out, err = finish(sweep("launcher=ray", "about=report,report,die,report,report"))
    assert status == 1 and err.startswith("error: job 2, about=die, failed: ") and err.count("\n") == 1
    assert "speaks" not in out
    state = Run(tmp_path / "sweep" / "2").state
    assert state is not None and state.state == "failed" and "WorkerCrashedError" in (state.reason or "")
    seen = read_seen(tmp_path, 0, 1, 2, 3, 4)
    assert len({one["pid"] for one in seen}) < 5
    assert all(len(one["cores"]) == 1 for one in seen)


def test_ctrl_c_stops_the_jobs_that_run_on_ray(sweep, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    process = sweep("launcher=ray", f"hydra.launcher.num_cpus={CORES or 1}", "about=wait,report")
    read_seen(tmp_path, 0)
    process.send_signal(signal.SIGINT)
    status, _, err = finish(process)
    assert status == 130 and "Traceback" not in err
    assert (tmp_path / "sweep" / "0" / "interrupted").exists()
    assert not (tmp_path / "sweep" / "1").exists()


@pytest.mark.parametrize(
    ("override", "says"), [("address=127.0.0.1:1", "nothing answers"), ("num_cpus=10000", "the cluster has")]
)
def test_a_ray_cluster_that_is_not_there_or_too_small_is_one_sentence(sweep, override: str, says: str) -> None:
    pytest.importorskip("ray")
    status, _, err = finish(sweep("launcher=ray", f"hydra.launcher.{override}", "seed=1,2"))
    assert status == 2 and err.startswith("error: hydra.launcher") and says in err and err.count("\n") == 1
