"""How fast the lab trains beside the script that a user would otherwise write: ``make bench``.

Every network is trained by each of its variants in a process of its own. All processes of a network are started and
warmed up first; then they take turns of about two seconds, so that whatever else the machine does falls on all alike,
and the medians are compared. After that: what a whole run costs beside its training, its memory, how cost grows, and
whether accuracy suffers.

    python benchmarks/bench.py [--rounds 5] [--only cnn,cldnn] [--parts rates,runs,scaling,accuracy]

Writes results.csv (network, variant, samples_per_second, ratio_to_plain), accuracy.csv, results.json (the rest),
results.md and scaling.png beside this file; with --only or --parts, what was not measured anew is kept.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
from accuracy import FAST, LAB, PLAIN, differences, measure
from networks import NETWORKS

HERE = Path(__file__).parent
PARTS = ("rates", "runs", "scaling", "accuracy")

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
WANTED = [
    ("cnn", "lab, defaults", PLAIN, 1.0),
    ("cnn", "lab, auto", PLAIN, 2.0),
    ("cldnn", "lab, defaults", PLAIN, 1.0),
    ("cldnn", "lab, auto", PLAIN, 2.0),
    ("word_gru", "lab, auto", PLAIN, 7.0),
    ("pulse_gru", "lab, auto", PLAIN, 7.0),
    ("binary_cnn", "lab, auto", PLAIN, 3.0),
    ("lenet5", "lab, auto", PLAIN, 1.5),
    ("cnn", "lab, defaults", "plain PyTorch", 2.0),
    ("cldnn", "lab, defaults", "plain PyTorch", 2.0),
]
# Multiplications and additions of a training example: three times the forward products (forward, gradient of the
# inputs, gradient of the weights), counted by hand from the layers' shapes; element by element work is not counted.
MEGAFLOPS = {"cnn": 6 * 37.61, "cldnn": 6 * 61.94}


class Worker:
    """A process that trains on demand."""

    def __init__(self, network: str, arguments: tuple[str, ...]) -> None:
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115, it is read when the process has died
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), network, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
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
        """Examples a second of one turn."""
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


# How cost grows: network, what is varied, the worker's option, its values.
SCALES = [
    ("cnn", "batch size", "--batch", (16, 64, 256)),
    ("cnn", "width of the first convolution", "--width", (64, 128, 256, 512)),
    ("word_gru", "sequence length", "--length", (25, 50, 100)),
    ("binary_cnn", "training set", "--examples", (500, 2_000, 8_000)),
]


def scaling() -> pd.DataFrame:
    """Milliseconds an example, one factor at a time; columns network, factor, value, variant, milliseconds."""
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


def draw(table: pd.DataFrame, path: Path) -> None:
    """One panel a factor, both axes logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib import ticker

    figure, panels = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")
    for panel, ((name, factor), rows) in zip(
        panels.flat, table.groupby(["network", "factor"], sort=False), strict=True
    ):
        for (variant, points), marker, line in zip(rows.groupby("variant", sort=False), "os", ("-", "--"), strict=True):
            panel.plot(points["value"], points["milliseconds"], marker=marker, linestyle=line, label=variant)
        panel.set(xscale="log", yscale="log", title=name, xlabel=factor, ylabel="milliseconds an example")
        panel.set_xticks(sorted(rows["value"].unique()), labels=[f"{v:,}" for v in sorted(rows["value"].unique())])
        panel.minorticks_off()
        panel.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_major_formatter("{x:g}")
        panel.grid(alpha=0.3)
        panel.margins(y=0.15)
        panel.legend()
    figure.suptitle("Training cost an example, one factor at a time")
    figure.savefig(path, dpi=120)


def machine() -> str:
    """The machine and the versions, in one sentence."""
    info = Path("/proc/cpuinfo")
    flags = info.read_text() if info.is_file() else ""
    model = re.search(r"model name\s*: (.*)", flags)
    has = [words for flag, words in (("avx512f", "AVX-512"), ("amx_bf16", "AMX")) if flag in flags]
    names = [n for n in ("keras", "tensorflow", "jax", "torch", "numpy") if importlib.util.find_spec(n)]
    versions = ", ".join(f"{n} {importlib.metadata.version(n)}" for n in names)
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model[1] if model else platform.processor()}, {threads} threads ({', '.join(has)}); {versions}"


def report(table: pd.DataFrame, facts: dict[str, dict[str, float]], where: str) -> str:
    """results.md."""
    wide = table.pivot(index="network", columns="variant", values="samples_per_second")
    speed = table.set_index(["network", "variant"])["samples_per_second"]
    lines = [
        "# Speed",
        "",
        f"Written by `make bench`. {where}.",
        "",
        "*Plain Keras* is the script in `plain_keras.py`: compiled `model.fit`, TensorFlow, float32. *Lab, auto* is",
        "`backend=auto precision=auto`. Medians of turns of about two seconds that the variants take one after the",
        "other; training only, everything compiled. Seconds on a shared machine vary, so compare within a row.",
        "",
        "## Training examples a second",
        "",
        "| network | " + " | ".join(v for v in VARIANTS if v in wide) + " |",
        "| --- |" + " --- |" * sum(v in wide for v in VARIANTS),
    ]
    for name in [n for n in NETWORKS if n in wide.index]:
        cells = []
        for variant in [v for v in VARIANTS if v in wide]:
            if (name, variant) not in speed.index:
                cells.append("")
                continue
            cells.append(f"{speed[name, variant]:,.0f} ({speed[name, variant] / speed[name, PLAIN]:.2f})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "In brackets the ratio to plain Keras.",
        "",
        "## Aims",
        "",
        "| network | ratio | aim | measured |",
        "| --- | --- | --- | --- |",
    ]
    for name, variant, other, aim in WANTED:
        if (name, variant) in speed.index and (name, other) in speed.index:
            got = speed[name, variant] / speed[name, other]
            lines.append(f"| {name} | {variant} to {other} | {aim} | {got:.2f}{'' if got >= aim else ' (missed)'} |")
    if "products" in facts:
        products = facts["products"]
        lines += [
            "",
            "## Share of the machine's matrix products",
            "",
            f"A product of 2048 x 2048 reaches {products['float32']:.0f} GFLOP/s in float32 and "
            f"{products['bfloat16']:.0f} in bfloat16.",
            "",
            "| network | variant | GFLOP/s | share |",
            "| --- | --- | --- | --- |",
        ]
        for name, work in MEGAFLOPS.items():
            for variant, dtype in ((PLAIN, "float32"), ("lab, defaults", "float32"), ("lab, auto", "bfloat16")):
                if (name, variant) in speed.index:
                    rate = speed[name, variant] * work / 1000
                    lines.append(f"| {name} | {variant} | {rate:.0f} | {100 * rate / products[dtype]:.0f} % |")
    if "runs" in facts:
        lines += ["", "## A whole run", "", "| what | measured |", "| --- | --- |"]
        for key, value in facts["runs"].items():
            lines.append(f"| {key} | {value:.0f} MiB |" if "memory" in key else f"| {key} | {value:.2f} s |")
        runs = facts["runs"]
        start, memory = (runs[f"{what}, lab"] / runs[f"{what}, plain"] for what in ("to the first step", "peak memory"))
        lines += [
            "",
            f"To the first step the lab takes {start:.2f} of the plain script's time; its peak memory is {memory:.2f}",
            "of the plain script's (the CNN on 20,000 images).",
        ]
    if (HERE / "accuracy.csv").is_file():
        lines += [
            "",
            "## Accuracy",
            "",
            "Means of five seeds each way, the lab with `backend=auto precision=auto`; the interval is that of Welch's",
            "t-test around their difference.",
            "",
            "| network | figure | plain Keras | lab, auto | difference | 95 % interval |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        for row in differences(pd.read_csv(HERE / "accuracy.csv")).itertuples():
            lines.append(
                f"| {row.network} | {row.figure.replace('_', ' ')} | {row.plain:.4f} | {row.lab:.4f} "
                f"| {row.difference:+.4f} | {row.low:+.4f} to {row.high:+.4f} |"
            )
    if (HERE / "scaling.png").is_file():
        picture = "![Milliseconds an example by batch size, width, sequence length and data size](scaling.png)"
        lines += ["", "## How cost grows", "", picture]
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure what was asked for and write the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="turns of each variant")
    parser.add_argument("--only", default=",".join(NETWORKS), help="networks, separated by commas")
    parser.add_argument("--parts", default=",".join(PARTS), help="what to measure")
    chosen = parser.parse_args()
    names, parts = chosen.only.split(","), chosen.parts.split(",")
    if unknown := [n for n in names if n not in NETWORKS] + [p for p in parts if p not in PARTS]:
        parser.error(f"unknown: {', '.join(unknown)}; networks are {', '.join(NETWORKS)}, parts {', '.join(PARTS)}")
    csv, facts_file = HERE / "results.csv", HERE / "results.json"
    table = pd.read_csv(csv) if csv.is_file() else pd.DataFrame(columns=["network", "variant"])
    facts = json.loads(facts_file.read_text()) if facts_file.is_file() else {}
    if "rates" in parts:
        facts["products"] = product_rates()
        new = pd.DataFrame(rates(names, chosen.rounds))
        table = pd.concat([table[~table["network"].isin(names)], new]) if len(table) else new
        table.to_csv(csv, index=False)
    if "runs" in parts:
        facts["runs"] = whole_runs(3)
    if "scaling" in parts:
        growth = scaling()
        facts["scaling"] = growth.round(4).to_dict("records")
        draw(growth, HERE / "scaling.png")
    facts_file.write_text(json.dumps(facts, indent=1) + "\n")
    if "accuracy" in parts:
        measure().to_csv(HERE / "accuracy.csv", index=False)
    (HERE / "results.md").write_text(report(table, facts, machine()))


if __name__ == "__main__":
    main()
