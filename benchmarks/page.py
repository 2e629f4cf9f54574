"""The page and the picture of what was measured."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from accuracy import LAB, PLAIN, differences
from networks import NETWORKS
from turns import VARIANTS

WANTED = [
    ("cnn", "lab, defaults", PLAIN, 1.0),
    ("cnn", LAB, PLAIN, 2.0),
    ("cldnn", "lab, defaults", PLAIN, 1.0),
    ("cldnn", LAB, PLAIN, 2.0),
    ("word_gru", LAB, PLAIN, 7.0),
    ("pulse_gru", LAB, PLAIN, 7.0),
    ("binary_cnn", LAB, PLAIN, 3.0),
    ("lenet5", LAB, PLAIN, 1.5),
    ("cnn", "lab, defaults", "plain PyTorch", 2.0),
    ("cldnn", "lab, defaults", "plain PyTorch", 2.0),
]
# Multiplications and additions of a training example: three times the forward products (forward, gradient of the
# inputs, gradient of the weights), counted by hand from the layers' shapes; element by element work is not counted.
MEGAFLOPS = {"cnn": 6 * 37.61, "cldnn": 6 * 61.94}


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
        panel.set(xscale="log", yscale="log", title=name, xlabel=factor, ylabel="milliseconds per example")
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


def report(table: pd.DataFrame, facts: dict[str, dict[str, float]], accuracy: pd.DataFrame | None, where: str) -> str:
    """results.md: the rates of results.csv, the facts of results.json, the runs of accuracy.csv, and the machine."""
    speed = table.set_index(["network", "variant"])["samples_per_second"]
    lines = [
        "# Speed",
        "",
        f"Written by `make bench`. {where}.",
        "",
        "*Plain Keras* is the script in `plain_keras.py`: compiled `model.fit`, TensorFlow, float32. *Lab, auto* is",
        "`backend=auto precision=auto`. Medians of turns of about two seconds that the variants take one after the",
        "other; training only, everything compiled. Seconds on a shared machine vary, so compare within a row.",
        *_rates(speed),
        *_aims(speed),
    ]
    if "products" in facts:
        lines += _share(speed, facts["products"])
    if "runs" in facts:
        lines += _runs(facts["runs"])
    if accuracy is not None:
        lines += _accuracy(accuracy)
    if "scaling" in facts:
        picture = "![Milliseconds per example by batch size, width, sequence length and data size](scaling.png)"
        lines += ["", "## How cost grows", "", picture]
    return "\n".join([*lines, ""])


def _table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]], before: str = "") -> list[str]:
    """A section with a Markdown table."""
    columns = list(columns)
    cells = [columns, ["---"] * len(columns), *rows]
    text = [before, ""] if before else []
    return ["", f"## {title}", "", *text, *(f"| {' | '.join(row)} |" for row in cells)]


def _rates(speed: pd.Series) -> list[str]:
    variants = [v for v in VARIANTS if v in speed.index.unique("variant")]

    def cell(name: str, variant: str) -> str:
        if (name, variant) not in speed.index:
            return ""
        return f"{speed[name, variant]:,.0f} ({speed[name, variant] / speed[name, PLAIN]:.2f})"

    names = [n for n in NETWORKS if n in speed.index.unique("network")]
    rows = ([name, *(cell(name, variant) for variant in variants)] for name in names)
    return [
        *_table("Training examples per second", ["network", *variants], rows),
        "",
        "In brackets the ratio to plain Keras.",
    ]


def _aims(speed: pd.Series) -> list[str]:
    rows = []
    for name, variant, other, aim in WANTED:
        if (name, variant) in speed.index and (name, other) in speed.index:
            got = speed[name, variant] / speed[name, other]
            rows.append([name, f"{variant} to {other}", f"{aim}", f"{got:.2f}{'' if got >= aim else ' (missed)'}"])
    table = _table("Aims", ["network", "ratio", "aim", "measured"], rows)
    return [*table, "", "What holds the missed ones, and what was tried: [limits.md](limits.md)."]


def _share(speed: pd.Series, products: dict[str, float]) -> list[str]:
    rows = []
    for name, work in MEGAFLOPS.items():
        for variant, dtype in ((PLAIN, "float32"), ("lab, defaults", "float32"), (LAB, "bfloat16")):
            if (name, variant) in speed.index:
                rate = speed[name, variant] * work / 1000
                rows.append([name, variant, f"{rate:.0f}", f"{100 * rate / products[dtype]:.0f} %"])
    return _table(
        "Share of the machine's matrix products",
        ["network", "variant", "GFLOP/s", "share"],
        rows,
        f"A product of 2048 x 2048 reaches {products['float32']:.0f} GFLOP/s in float32 and "
        f"{products['bfloat16']:.0f} in bfloat16.",
    )


def _runs(runs: dict[str, float]) -> list[str]:
    rows = ([key, f"{value:.0f} MiB" if "memory" in key else f"{value:.2f} s"] for key, value in runs.items())
    start, memory = (runs[f"{what}, lab"] / runs[f"{what}, plain"] for what in ("to the first step", "peak memory"))
    return [
        *_table("A whole run", ["what", "measured"], rows),
        "",
        f"To the first step the lab takes {start:.2f} of the plain script's time; its peak memory is {memory:.2f}",
        "of the plain script's (the CNN on 20,000 images).",
    ]


def _accuracy(runs: pd.DataFrame) -> list[str]:
    rows = (
        [
            row.network,
            row.figure.replace("_", " "),
            f"{row.plain:.4f}",
            f"{row.lab:.4f}",
            f"{row.difference:+.4f}",
            f"{row.low:+.4f} to {row.high:+.4f}",
        ]
        for row in differences(runs).itertuples()
    )
    return _table(
        "Accuracy",
        ["network", "figure", PLAIN, LAB, "difference", "95 % interval"],
        rows,
        "Means of five seeds each way, the lab with `backend=auto precision=auto`; the interval is that of Welch's\n"
        "t-test around their difference.",
    )
