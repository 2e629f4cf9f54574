"""Training rates: every variant of a network in a process of its own, all warmed up first, then taking turns.

Whatever else the machine does falls on all alike, so that the medians of their turns can be compared.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pandas as pd
from accuracy import FAST, LAB, PLAIN

HERE = Path(__file__).parent

# Variant: arguments of worker.py. The plain script is TensorFlow in float32 through model.fit.
VARIANTS = {
    PLAIN: ("keras",),
    "lab, defaults": ("lab",),
    LAB: ("lab", *FAST),
    "lab, layers as Keras has them": ("lab", "fast_layers=false"),
    "plain PyTorch": ("torch",),
}
CHOICES = {
    "cnn": tuple(VARIANTS),
    "cldnn": tuple(VARIANTS),
    **dict.fromkeys(("word_gru", "pulse_gru"), tuple(VARIANTS)[:4]),
    **dict.fromkeys(("binary_cnn", "lenet5"), tuple(VARIANTS)[:3]),
}


class Worker:
    """A process that trains on demand.

    Args:
        network, arguments: of worker.py.
        checkout: folder whose worker.py and package are used.
    """

    def __init__(self, network: str, arguments: tuple[str, ...], checkout: Path = HERE.parent) -> None:
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115, it is read when the process has died
        self.process = subprocess.Popen(
            [sys.executable, str(checkout / "benchmarks" / "worker.py"), network, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env={**os.environ, "PYTHONPATH": str(checkout)},
        )
        self.answer()

    def answer(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            sys.exit(f"{' '.join(self.process.args)} ended early:\n{self.errors.read()[-2000:]}")  # type: ignore[arg-type]
        return line.strip()

    def turn(self) -> float:
        """Examples per second of one turn."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.answer())

    def close(self) -> None:
        """Let it end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def rates(names: list[str], rounds: int) -> Iterator[dict[str, object]]:
    """A row of results.csv for each network and variant, with the medians of its turns."""
    for name in names:
        chosen = [v for v in CHOICES[name] if v != "plain PyTorch" or importlib.util.find_spec("torch")]
        workers = {variant: Worker(name, VARIANTS[variant]) for variant in chosen}
        turns: dict[str, list[float]] = {variant: [] for variant in chosen}
        for _ in range(rounds):
            for variant, worker in workers.items():
                turns[variant].append(worker.turn())
        for worker in workers.values():
            worker.close()
        plain = median(turns[PLAIN])
        for variant, figures in turns.items():
            speed = median(figures)
            print(
                f"{name:11s} {variant:30s} {speed:9.1f} /s  {speed / plain:5.2f}  {min(figures):.0f}-{max(figures):.0f}"
            )
            yield {
                "network": name,
                "variant": variant,
                "samples_per_second": round(speed, 1),
                "ratio_to_plain": round(speed / plain, 2),
            }


def product_rates() -> dict[str, float]:
    """GFLOP/s of this machine's own matrix product of 2048 x 2048, by type; the best of ten."""
    code = """
import time, tensorflow as tf
for dtype in (tf.float32, tf.bfloat16):
    a = tf.cast(tf.random.normal((2048, 2048)), dtype)
    product = tf.function(lambda a: tf.reduce_sum(tf.cast(tf.matmul(a, a)[:1], tf.float32)))
    product(a)
    seconds = []
    for _ in range(10):
        began = time.perf_counter(); product(a).numpy(); seconds.append(time.perf_counter() - began)
    print(dtype.name, 2 * 2048**3 / min(seconds) / 1e9)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return {name: float(rate) for name, rate in (line.split() for line in out.splitlines())}


# How cost grows: network, what is varied, the worker's option, its values.
SCALES = [
    ("cnn", "batch size", "--batch", (16, 64, 256)),
    ("cnn", "width of the first convolution", "--width", (64, 128, 256, 512)),
    ("word_gru", "sequence length", "--length", (25, 50, 100)),
    ("binary_cnn", "training set", "--examples", (500, 2_000, 8_000)),
]


def scaling() -> pd.DataFrame:
    """Milliseconds per example, one factor at a time; columns network, factor, value, variant, milliseconds."""
    rows = []
    for name, factor, option, values in SCALES:
        for value in values:
            workers = {v: Worker(name, (*VARIANTS[v], f"{option}={value}")) for v in (PLAIN, LAB)}
            turns = {v: [worker.turn() for _ in range(2)] for v, worker in workers.items()}
            for variant, worker in workers.items():
                worker.close()
                rows.append((name, factor, value, variant, 1000 / median(turns[variant])))
                print(f"{name}, {factor} {value}, {variant}: {rows[-1][-1]:.3f} ms an example", flush=True)
    return pd.DataFrame(rows, columns=["network", "factor", "value", "variant", "milliseconds"])
