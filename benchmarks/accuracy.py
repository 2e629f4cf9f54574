"""Whether speed costs accuracy: five seeds of the plain Keras script against five of the lab's fastest choices.

Fashion-MNIST (2,000 images, 5 epochs; looked for where the lab looks), the CLDNN on generated vectors (3,000, 6 epochs)
and the pulse GRU (500 sequences, 20 epochs).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

PLAIN, LAB = "plain Keras", "lab, auto"
FAST = ("backend=auto", "precision=auto")  # what "auto" stands for

# Network of plain_keras.py: the lab's overrides, figure that is compared.
CASES = {
    "cnn": ("data=fashion_mnist data.train_limit=2000 data.test_limit=2000 model=cnn epochs=5", "test_accuracy"),
    "cldnn": ("data=radioml data.vectors_per_cell=75 model=cldnn epochs=6", "test_accuracy"),
    "pulse_gru": (
        "data=pulses model=pulse_rnn optimizer.learning_rate=0.003 batch_size=20 epochs=20",
        "test_normalised_error",
    ),
}


def plain(name: str, overrides: str, figure: str, seed: int) -> float:
    """One run of the plain script's network on the arrays that the lab loads."""
    import keras
    import plain_keras
    from hydra import compose, initialize_config_dir

    from cldnn_lab import data
    from cldnn_lab.config.groups import CONFIGS
    from cldnn_lab.launch.preflight import check_config

    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = check_config(compose("train", overrides.split()))
    loaded = data.load(config.data, Path(config.settings.data_root), prefers=config.prefers)
    keras.utils.set_random_seed(seed)
    model = plain_keras.MODELS[name]()
    model.fit(
        loaded.train.x,
        loaded.train.y,
        batch_size=config.settings.batch_size,
        epochs=config.settings.epochs,
        verbose=0,
    )
    result = model.evaluate(loaded.test.x, loaded.test.y, verbose=0, return_dict=True)
    return result["accuracy"] if figure == "test_accuracy" else result["loss"] / float(np.var(loaded.test.y))


def lab(overrides: str, figure: str, seeds: int) -> list[float]:
    """The figure of each run of a sweep over the seeds, with :data:`FAST`."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "cldnn_lab.train", "-m", *overrides.split(), *FAST]
        seeded = f"seed={','.join(str(s) for s in range(1, seeds + 1))}"
        done = subprocess.run([*command, seeded, f"hydra.sweep.dir={folder}"], stdout=subprocess.DEVNULL)
        if done.returncode:
            sys.exit(done.returncode)  # the lab has said why
        found = sorted(Path(folder).glob("*/metrics.json"), key=lambda path: int(path.parent.name))
        return [float(json.loads(path.read_text())[figure]) for path in found]


def measure(seeds: int = 5) -> pd.DataFrame:
    """So many runs each way of every case; columns network, figure, variant, value."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    rows = []
    for name, (overrides, figure) in CASES.items():
        ours = lab(overrides, figure, seeds)
        theirs = [plain(name, overrides, figure, seed) for seed in range(1, seeds + 1)]
        rows += [(name, figure, way, v) for way, got in ((PLAIN, theirs), (LAB, ours)) for v in got]
        print(f"{name} {figure}: plain {np.mean(theirs):.4f}, lab {np.mean(ours):.4f}", flush=True)
    return pd.DataFrame(rows, columns=["network", "figure", "variant", "value"])


def differences(table: pd.DataFrame) -> pd.DataFrame:
    """For each network of :func:`measure`'s table both means, their difference and the 95 % interval of Welch's t-test
    around it."""
    rows = []
    for (name, figure), runs in table.groupby(["network", "figure"], sort=False):
        plain_runs, lab_runs = (runs.loc[runs["variant"] == way, "value"] for way in (PLAIN, LAB))
        around = stats.ttest_ind(lab_runs, plain_runs, equal_var=False).confidence_interval(0.95)
        means = plain_runs.mean(), lab_runs.mean()
        rows.append((name, figure, *means, means[1] - means[0], around.low, around.high))
    return pd.DataFrame(rows, columns=["network", "figure", "plain", "lab", "difference", "low", "high"])
