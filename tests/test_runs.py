"""A run directory as a state: what it says, who may work in it, what can be resumed."""

from __future__ import annotations

import errno
import json
import logging
import math
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import cldnn_lab
from cldnn_lab import runs
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.launch import backend, job
from cldnn_lab.launch.preflight import Preflight, check_config
from cldnn_lab.runs import fingerprint, lock, results  # noqa: F401  (imported before a test changes what it imports)
from cldnn_lab.runs.objective import check_objective, read_objective
from cldnn_lab.runs.process import Process, identify_process
from cldnn_lab.storage.lock import LockUnsupported

SMALL = ("model=cnn_example", "data=random", "data.train_limit=96", "data.test_limit=64", "batch_size=32", "epochs=1")
TIMES = ("seconds", "samples_per_second")


def read_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write_arrays(path: Path, seed: int) -> None:
    draw = np.random.default_rng(seed)
    np.savez(path, x=draw.random((60, 8, 8, 1)), y=draw.integers(0, 3, 60))


@pytest.fixture
def elsewhere() -> Iterator[subprocess.Popen[str]]:
    """Start a process that holds a directory and has begun a run there."""
    code = (
        "import sys; from pathlib import Path; from cldnn_lab.runs import Run, lock\n"
        "folder = Path(sys.argv[1]); lock.hold(folder); Run(folder).start(None)\n"
        "Run(folder).record(state='training', step=3, steps=8)\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    started: list[subprocess.Popen[str]] = []

    def hold(folder: Path) -> subprocess.Popen[str]:
        folder.mkdir(parents=True, exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        return process

    yield hold  # type: ignore[misc]
    for process in started:
        process.kill()
        process.communicate()


def test_a_run_says_what_has_become_of_it(cli, tmp_path: Path) -> None:
    assert cli(*SMALL, "hydra.run.dir=run")[0] == 0
    run = runs.open(tmp_path / "run")
    state = run.state
    assert state.state == run.metrics["status"] == "completed" and str(state) == "completed"
    assert state.step == state.steps == run.metrics["steps"] == 3 and state.exit_status == 0
    assert state.process == identify_process() and not state.is_running
    assert state.started < state.ended and state.ended.endswith("+00:00")
    assert state.fingerprint and state.reason is None
    assert not (run.folder / lock.LOCK).exists()


@pytest.mark.parametrize("arguments", [["hydra.run.dir=run"], ["-m", "hydra.sweep.dir=.", "hydra.sweep.subdir=run"]])
def test_a_second_process_is_refused_before_anything_is_written(cli, tmp_path, elsewhere, arguments) -> None:
    other = elsewhere(tmp_path / "run")
    before = read_files(tmp_path)
    status, err = cli(*SMALL, *arguments)
    assert status == 2 and err.count("\n") == 1
    assert f"process {other.pid} on {platform.node()} works there" in err
    assert read_files(tmp_path) == before


def test_a_killed_run_reads_as_one_whose_process_is_gone(tmp_path: Path, elsewhere) -> None:
    other = elsewhere(tmp_path)
    assert runs.open(tmp_path).state.is_running
    other.kill()
    other.wait()
    state = runs.open(tmp_path).state
    assert state.is_running is False and not state.is_over
    assert str(state) == "training at step 3 of 8 (its process is gone)"
    lock.hold(tmp_path)  # is free again
    lock.release(tmp_path)


def test_a_process_is_told_from_later_ones_of_its_number_and_from_those_of_other_machines() -> None:
    own = identify_process()
    assert own.is_running
    assert Process(own.pid, own.host, "another boot/1").is_running is False
    assert Process(own.pid, "another machine", own.started).is_running is None


@pytest.mark.parametrize(("host", "refused"), [(platform.node(), False), ("another machine", True)])
def test_where_files_cannot_be_locked_the_process_that_is_named_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, refused: bool
) -> None:
    def unsupported(path: Path) -> int:
        raise LockUnsupported

    monkeypatch.setattr(lock, "lock_file", unsupported)
    (tmp_path / lock.LOCK).write_text(json.dumps({"pid": 1, "host": host, "started": "another boot/1"}))
    if refused:
        with pytest.raises(ConfigError, match=r"process 1 on another machine works there.*remove .*\.cldnn_lab\.lock"):
            lock.hold(tmp_path)
    else:
        lock.hold(tmp_path)
        assert json.loads((tmp_path / lock.LOCK).read_text())["pid"] == os.getpid()
        lock.release(tmp_path)


@pytest.mark.parametrize(
    ("error", "says"),
    [(ZeroDivisionError("by nothing"), "unexpected ZeroDivisionError: by nothing"), (MemoryError(), "out of memory")],
)
def test_a_sweep_goes_on_after_an_unexpected_error_which_is_the_state_of_its_job(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, says: str
) -> None:
    from cldnn_lab.evaluation import metrics

    real, returned = metrics.evaluate, []

    def fail_once(*arguments, **named):
        monkeypatch.setattr(metrics, "evaluate", real)
        raise error

    def note(self, config, job_return, **named):
        returned.append(job_return.return_value)
        ended(self, config, job_return, **named)

    ended = Preflight.on_job_end
    monkeypatch.setattr(Preflight, "on_job_end", note)
    monkeypatch.setattr(metrics, "evaluate", fail_once)
    status, err = cli("-m", *SMALL, "seed=1,2", "objective=test_loss", "hydra.sweep.dir=sweep")
    first, second = (runs.open(tmp_path / "sweep" / number) for number in "01")
    assert status == 1 and err.startswith(f"error: job 0, seed=1, failed: {says}") and err.count("\n") == 1
    assert first.state.state == "failed" and says in first.state.reason
    assert first.state.error == type(error).__name__
    assert "Traceback" in (first.folder / "train.log").read_text()
    assert second.state.state == "completed"
    assert math.isnan(returned[0]) and returned[1] == second.metrics["test_loss"]


def test_a_full_disk_is_one_sentence_and_leaves_whole_files_to_go_on_from(
    cli, tmp_path: Path, monkeypatch, capsys
) -> None:
    from cldnn_lab.storage import atomic
    from cldnn_lab.training.checkpoint import Checkpoint

    write, save = atomic.write, Checkpoint.save

    def refuse(path: Path, fill: object) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    def fill_up(checkpoint: Checkpoint) -> None:
        save(checkpoint)
        monkeypatch.setattr(atomic, "write", refuse)

    overrides = (*SMALL, "epochs=4", "batches_per_call=1", "hydra.run.dir=run")
    monkeypatch.setattr(Checkpoint, "save", fill_up)
    status, said = cli(*overrides, "checkpoint.seconds=0.001")
    assert "No space left on device: make room" in said and said.count("error:") == 1, said
    assert status == 1
    assert "Traceback" not in said
    monkeypatch.setattr(Checkpoint, "save", save)
    monkeypatch.setattr(atomic, "write", write)
    run = runs.open(tmp_path / "run")
    assert run.state.state == "training" and (run.folder / runs.CHECKPOINT).is_file()
    assert not list(run.folder.glob(".partial*"))
    assert cli(*overrides, "checkpoint.seconds=0.001", "resume=true")[0] == 0
    assert cli(*SMALL, "epochs=4", "hydra.run.dir=alone")[0] == 0
    columns = [name for name in run.history if name != "seconds"]
    assert run.history[columns].equals(runs.open(tmp_path / "alone").history[columns])


def test_a_mistake_is_the_state_of_its_job(cli, tmp_path: Path) -> None:
    assert cli("model=cnn", "data=fashion_mnist", "data.path=nowhere", "hydra.run.dir=run")[0] == 2
    state = runs.open(tmp_path / "run").state
    assert state.state == "failed" and "nowhere" in state.reason and state.exit_status == 2 and state.step is None


def test_a_process_of_its_own_that_was_killed_is_a_failed_run(cli, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(backend, "is_bound_to", lambda *arguments: False)
    monkeypatch.setattr(backend, "run_apart", lambda folder, train, log: -signal.SIGKILL)
    status, err = cli(*SMALL, "hydra.run.dir=run")
    assert status == 1 and "signal 9" in err
    assert runs.open(tmp_path / "run").state.state == "failed"


@pytest.mark.parametrize(
    ("overrides", "changed"),
    [
        (("threads=1", "data_root=elsewhere", "logger=tensorboard", "checkpoint.keep=true", "resume=true"), False),
        (("epochs=4", "steps=null", "data.snr_min=10", "optimizer.clipnorm=null", "schedule=constant"), False),
        (("optimizer={weight_decay:null,_target_:keras.optimizers.Adam,learning_rate:1e-3}",), False),
        (("diagnostics=filters", "about=mine", "objective=test_loss", "data.path=mine.dat"), False),
        (("data.generate=true",), False),  # where no files are found it is the same; else the data's digest differs
        (("epochs=5",), True),
        (("steps=100",), True),
        (("seed=2",), True),
        (("loss=mse",), True),
        (("precision=mixed_bfloat16",), True),
        (("backend=jax",), True),
        (("data.snr_min=null",), True),
        (("data.classes=[BPSK,QPSK]",), True),
        (("data.quirks.noise_pool=false",), True),
        (("optimizer.clipnorm=1",), True),
        (("schedule=cosine",), True),
        (("model.filters.conv1=7",), True),
    ],
)
def test_a_fingerprint_changes_with_what_affects_the_result_alone(composed, overrides, changed: bool) -> None:
    digests = {
        fingerprint.compute_config_fingerprint(check_config(composed(*given)))
        for given in ((), overrides)
    }  # fmt: skip
    assert len(digests) == 1 + changed


def test_what_differs_is_named_by_its_key_or_its_option(composed) -> None:
    before = check_config(composed("model=cnn", "data=mnist"), {"model": "cnn", "data": "mnist"})
    after = check_config(
        composed("model=rnn", "data=mnist", "steps=7", "data.validation=0.2"), {"model": "rnn", "data": "mnist"}
    )
    assert set(fingerprint.compare(before, after)) == {
        "epochs: 4 -> null", "steps: null -> 7", "data.validation: test -> 0.2", "model: cnn -> rnn",
    }  # fmt: skip


def test_a_completed_run_is_not_trained_again(cli, tmp_path: Path, capsys) -> None:
    assert cli(*SMALL, "hydra.run.dir=run")[0] == 0
    before = read_files(tmp_path / "run")
    assert cli(*SMALL, "hydra.run.dir=run", "resume=true", "threads=1") == (0, "")
    assert read_files(tmp_path / "run") == before
    returned = cldnn_lab.run(*SMALL, "hydra.run.dir=run", "resume=true")
    assert returned.folder == tmp_path / "run" and returned.state.state == "completed"
    assert read_files(tmp_path / "run") == before


def test_a_changed_config_is_refused_with_what_differs_before_anything_is_written(cli, tmp_path: Path) -> None:
    status, err = cli(*SMALL, "hydra.run.dir=run", "seed=1")
    assert status == 0, err
    before = read_files(tmp_path)
    status, err = cli(*SMALL, "hydra.run.dir=run", "seed=1", "resume=true", "optimizer=sgd", "epochs=3")
    assert status == 2 and err.count("\n") == 1
    assert "epochs: 1 -> 3" in err and "optimizer: adam -> sgd" in err and " ".join(SMALL) in err
    assert read_files(tmp_path) == before


def test_changed_data_are_refused_and_leave_the_run_as_it_was(cli, tmp_path: Path) -> None:
    arguments = ("model=lenet5", "data=arrays", "data.path=mine.npz", "steps=2", "batch_size=16", "hydra.run.dir=run")
    write_arrays(tmp_path / "mine.npz", 1)
    assert cli(*arguments)[0] == 0
    run = runs.open(tmp_path / "run")
    run.record(state="interrupted")
    kept = ("history.csv", "metrics.json", "model.keras")
    before = {name: (run.folder / name).read_bytes() for name in kept}
    write_arrays(tmp_path / "mine.npz", 2)
    status, err = cli(*arguments, "resume=true")
    assert status == 2 and "began with other data than there are now" in err
    assert {name: (run.folder / name).read_bytes() for name in kept} == before
    write_arrays(tmp_path / "mine.npz", 1)
    assert cli(*arguments, "resume=true")[0] == 0
    assert run.state.state == "completed"


def test_a_completed_run_on_files_is_not_given_back_as_one_on_generated_data(cli, tmp_path: Path) -> None:
    for part in ("trn", "val"):
        np.save(tmp_path / f"pulsedata1-{part}.npy", np.random.default_rng(1).random((2, 20, 100)))
    arguments = ("experiment=001/q6", "epochs=1", "data_root=.", "hydra.run.dir=run")
    status, err = cli(*arguments)
    assert status == 0, err
    before = read_files(tmp_path / "run")
    status, err = cli(*arguments, "resume=true", "data.generate=true")
    assert status == 2 and err.count("\n") == 1 and "data.generate=true asks for generated data" in err
    assert read_files(tmp_path / "run") == before
    assert cli(*arguments, "resume=true") == (0, "")


def test_a_run_without_a_state_is_not_resumed(cli, tmp_path: Path) -> None:
    assert cli(*SMALL, "hydra.run.dir=run")[0] == 0
    (tmp_path / "run" / "run.json").unlink()
    status, err = cli(*SMALL, "hydra.run.dir=run", "resume=true")
    assert status == 2 and "of an earlier version" in err


def test_a_new_run_replaces_what_was_begun_and_never_trained(cli, tmp_path: Path) -> None:
    assert cli(*SMALL, "hydra.run.dir=run")[0] == 0
    assert cli("model=cnn", "data=fashion_mnist", "data.path=nowhere", "hydra.run.dir=run")[0] == 2
    run = runs.open(tmp_path / "run")
    assert not run.has_trained and run.metrics["status"] == "completed"  # the first run's, until another trains
    status, err = cli("model=cnn", "data=fashion_mnist", "data.path=nowhere", "hydra.run.dir=run", "resume=true")
    assert status == 2 and "nowhere" in err and not run.has_trained


def test_the_objective_is_a_figure_of_metrics_json(tmp_path: Path) -> None:
    run = runs.Run(tmp_path)
    run.start(None)
    run.write_json(runs.METRICS, {"test_normalised_error": 0.5, "test_loss": None, "test_mse": 3, "device": "CPU"})
    assert math.isnan(read_objective(run, "test_mse"))
    run.record(state="completed")
    assert read_objective(run, None) == 0.5 and read_objective(run, "test_mse") == 3
    assert math.isnan(read_objective(run, "test_loss"))
    with pytest.raises(ConfigError, match="no test_mae; figures like it are test_mse"):
        read_objective(run, "test_mae")
    with pytest.raises(ConfigError, match="device is text"):
        check_objective("device", run.metrics)


def test_an_objective_that_there_will_not_be_is_refused_before_training(cli, tmp_path: Path) -> None:
    status, err = cli(*SMALL, "objective=test_acuracy", "hydra.run.dir=run")
    assert status == 2 and "figures like it are test_accuracy" in err
    assert not runs.open(tmp_path / "run").has_trained


def test_python_gets_what_the_command_gets(cli, tmp_path: Path, capsys) -> None:
    handlers, level = list(logging.root.handlers), logging.root.level
    signals = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    first, second = cldnn_lab.run(*SMALL, "hydra.run.dir=first"), cldnn_lab.run(*SMALL, "seed=2")
    assert (list(logging.root.handlers), logging.root.level) == (handlers, level)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == signals
    assert Path.cwd() == tmp_path and not logging.getLogger("cldnn_lab").handlers
    assert second.folder.parents[2] == tmp_path and second.folder.parents[1].name == "outputs"
    assert (first.folder / ".hydra" / "config.yaml").is_file()
    assert "test_accuracy" in (first.folder / "train.log").read_text()
    assert list(first.history["epoch"]) == [1] and first.model().count_params() == first.metrics["parameters"]
    x = np.random.default_rng(0).random((5, 10, 10, 3), np.float32)
    np.testing.assert_allclose(first.predict(x), first.model().predict(x, verbose=0), rtol=1e-6)
    with pytest.raises(ConfigError, match="have shape 10x10"):
        first.predict(x[..., 0])
    assert cli(*SMALL, "hydra.run.dir=command")[0] == 0

    def figures(run: runs.Run) -> dict[str, object]:
        return {k: v for k, v in run.metrics.items() if not any(word in k for word in TIMES)}

    assert figures(first) == figures(runs.open("command")) != figures(second)
    assert first.state.fingerprint == runs.open("command").state.fingerprint != second.state.fingerprint


@pytest.mark.parametrize("override", ["epochs=-1", "epoch=3", "seed=1,2", "-m", "data.path=nowhere"])
def test_python_gets_a_mistake_as_the_sentence_of_the_command(tmp_path: Path, monkeypatch, capsys, override) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=override.split("=")[0]):
        cldnn_lab.run("model=cnn", "data=fashion_mnist", override)
    assert capsys.readouterr().err == ""


def test_python_runs_on_two_backends_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("jax")
    monkeypatch.chdir(tmp_path)
    made = [cldnn_lab.run(*SMALL, f"backend={name}", f"hydra.run.dir={name}") for name in ("tensorflow", "jax")]
    assert [run.metrics["backend"] for run in made] == ["tensorflow", "jax"]
    assert [run.state.state for run in made] == ["completed"] * 2


def test_importing_the_package_is_light() -> None:
    code = "import sys, cldnn_lab; print([m for m in ('hydra', 'keras', 'numpy', 'pandas') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_an_error_says_its_first_line() -> None:
    assert job._describe(ValueError("shapes\ndo not fit")) == "unexpected ValueError: shapes."


def test_a_process_that_a_run_was_handed_to_holds_the_directory_alone(tmp_path: Path) -> None:
    code = (
        "import os, subprocess, sys; from pathlib import Path; from cldnn_lab.runs import lock\n"
        "folder = Path(sys.argv[1]); lock.hold(folder)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import sys; sys.stdin.read()'],\n"
        "                         pass_fds=lock.get_descriptors(folder))\n"
        "os.write(1, b'held\\n'); os._exit(9)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdin is not None and parent.stdout is not None
    assert parent.stdout.readline() == "held\n" and parent.wait() == 9
    with pytest.raises(ConfigError, match=f"process {parent.pid} on"):
        lock.hold(tmp_path)
    parent.stdin.close()  # which ends the child
    assert parent.stdout.read() == ""
    lock.hold(tmp_path)
    lock.release(tmp_path)
