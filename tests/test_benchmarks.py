"""The benchmark compares like with like, and its worker trains."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"

SAME = """
import sys
sys.path.insert(0, sys.argv[1])
import plain_keras
from hydra import compose, initialize_config_dir
from networks import NETWORKS
from cldnn_lab.config.groups import CONFIGS
from cldnn_lab.models.build import build, count_parameters

for name, network in NETWORKS.items():
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = compose("train", list(network.overrides))
    x, y = network.noise(4)
    outputs = network.classes if network.classes > 2 else 1
    sizes = {"input_shape": x.shape[1:], "outputs": outputs, "vocabulary": network.vocabulary}
    ours = build(config.model, data_name="noise", **sizes)
    plain = plain_keras.MODELS[name]()
    assert plain.count_params() == count_parameters(ours), name
    assert abs(float(plain.optimizer.learning_rate) - config.optimizer.learning_rate) < 1e-9, name
print("same")
"""


def run(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], input=text, capture_output=True, text=True, timeout=300)


def test_the_plain_networks_are_those_of_the_lab() -> None:
    done = run("-c", SAME, str(BENCHMARKS))
    assert done.stdout.strip() == "same", done.stderr


@pytest.mark.parametrize("variant", ["lab", "keras"])
def test_the_worker_trains_a_turn_for_every_line(variant: str) -> None:
    done = run(str(BENCHMARKS / "worker.py"), "binary_cnn", variant, "--examples=128", text="\n")
    ready, speed = done.stdout.split()
    assert ready == "ready" and float(speed) > 0, done.stderr


def test_the_benchmark_refuses_what_it_does_not_know() -> None:
    done = run(str(BENCHMARKS / "bench.py"), "--only", "resnet")
    assert done.returncode == 2 and "unknown: resnet" in done.stderr
