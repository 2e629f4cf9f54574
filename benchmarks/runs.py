"""What a whole run costs beside its training: seconds to the first step and after the last epoch, and memory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from statistics import median

import numpy as np
from networks import NETWORKS

HERE = Path(__file__).parent


def whole_runs(rounds: int) -> dict[str, float]:
    """Seconds and MiB of whole commands: one epoch of the small CNN of report 001 on 2,000 images of noise, and the
    memory of the CNN of report 000 on 20,000."""
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small.npz"), Path(folder, "large.npz")
        for path, name, count in ((small, "binary_cnn", 2_000), (large, "cnn", 20_000)):
            x, y = NETWORKS[name].noise(count)
            np.savez(path, x_train=x, y_train=y, x_test=x[:1000], y_test=y[:1000])
        lab = [sys.executable, "-m", "cldnn_lab.train", "data=arrays", "epochs=1"]
        plain = [sys.executable, str(HERE / "plain_keras.py")]
        found: dict[str, list[float]] = {}
        for _ in range(rounds):
            for key, command in (
                ("plain", [*plain, "binary_cnn", str(small), "1"]),
                ("lab", [*lab, "model=binary_cnn", f"data.path={small}", f"hydra.run.dir={folder}/run"]),
            ):
                began = time.time()
                done, _ = _run(command, folder)
                ended = time.time()
                if key == "plain":
                    first = float(re.search(r"first step at ([\d.]+)", done)[1])  # type: ignore[index]
                else:
                    times = {
                        m[2]: _clock(m[1]) for m in re.finditer(r"\[([^\]]+)\]\[[^\]]+\]\[INFO\] - (\w+)", _log(folder))
                    }
                    metrics = json.loads(Path(folder, "run", "metrics.json").read_text())
                    first = times["Model"] + metrics["first_step_seconds"]
                    found.setdefault("after the last epoch, lab", []).append(ended - times["epoch"])
                found.setdefault(f"to the first step, {key}", []).append(first - began)
        big = f"hydra.run.dir={folder}/large"
        for key, command in (
            ("plain", [*plain, "cnn", str(large), "1"]),
            ("lab", [*lab, "model=cnn", f"data.path={large}", big]),
            ("lab, precision=auto", [*lab, "model=cnn", f"data.path={large}", big, "precision=auto"]),
        ):
            found[f"peak memory, {key}"] = [_run(command, folder)[1]]
        began = time.time()
        _run([*lab, "--cfg", "job"], folder)
        found["--cfg job"] = [time.time() - began]
    return {key: median(values) for key, values in found.items()}


def _run(command: list[str], folder: str) -> tuple[str, float]:
    """What a command printed, and its peak memory in MiB."""
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.STDOUT, text=True)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{text[-2000:]}")
    return text, usage.ru_maxrss / 1024


def _log(folder: str) -> str:
    return Path(folder, "run", "train.log").read_text()


def _clock(stamp: str) -> float:
    return datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S,%f").timestamp()
