"""What is in the RadioML files, measured on generated vectors: the pictures and figures of docs/radioml.md.

    python benchmarks/radioml.py signals       pictures, and the SNR by label (a minute)
    python benchmarks/radioml.py training      networks trained on either recipe, by capture and by vector (minutes)

Each writes its pictures and tables beside the page and its figures into the page, between two comments.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cldnn_lab.data.rml2016 import channel, digital, modulators
from cldnn_lab.data.rml2016.fading import Fading, design_path_taps
from cldnn_lab.data.rml2016.generator import MODULATIONS, generate
from cldnn_lab.data.rml2016.recipe import CLEAN, RECIPES, RML2016, Recipe
from cldnn_lab.data.rml2016.signals import SAMPLE_RATE
from cldnn_lab.figures.style import BLUE, COLOURS, DASHES, GREY, MARKERS, VERMILLION

PAGE = Path(__file__).parents[1] / "docs" / "radioml.md"
FOLDER = PAGE.with_suffix("")
LINEAR = ("BPSK", "QPSK", "8PSK", "PAM4", "QAM16", "QAM64")
# Label 0 of the real RML2016.10a, from its out-of-band power: dB.
REAL_INTERCEPTS = {"BPSK": 5.18, "QPSK": 5.40, "8PSK": 4.94, "PAM4": 12.31, "QAM16": 15.35, "QAM64": 21.58}
LABELS = np.arange(-20, 20, 2)


def figure(rows: int, columns: int, width: float, height: float, **settings: object) -> tuple[Figure, np.ndarray]:
    """An empty figure and its panels (rows, columns)."""
    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(made)
    return made, made.subplots(rows, columns, squeeze=False, **settings)


def save(made: Figure, name: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    made.savefig(FOLDER / name, dpi=120)


def transmit(name: str, recipe: Recipe, captures: int, length: int) -> np.ndarray:
    """(captures, length) samples of what is sent, from the 2,000th on."""
    rng, transmitter = np.random.default_rng(1), modulators.TRANSMITTERS[name]
    content = np.stack([transmitter.draw(rng, recipe, 2016) for _ in range(captures)])
    first = np.full(captures, 2_000)
    return transmitter.send(content, np.arange(captures), first, length, recipe, 2016)


def draw_constellations() -> None:
    """What a matched filter sees of each linear modulation at its symbols, before the channel."""
    made, panels = figure(2, 6, 11, 4.3)
    pulse = digital.design_root_raised_cosine()
    for row, (title, recipe) in zip(panels, (("rml2016", RML2016), ("clean", CLEAN)), strict=True):
        for panel, name in zip(row, LINEAR, strict=True):
            x = transmit(name, recipe, 12, 1024)
            symbols = np.stack([np.convolve(one, pulse / np.sum(pulse**2), "valid")[::8] for one in x])
            panel.plot(symbols.real.ravel(), symbols.imag.ravel(), ".", color=BLUE, markersize=4)
            reach = 8 if recipe is RML2016 else 1.7
            power = np.mean(np.abs(digital.make_constellation(name, raw=recipe.raw_constellations)) ** 2)
            panel.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", title=f"{name}, power {power:g}")
            panel.grid(alpha=0.3)
        row[0].set_ylabel(f"{title}\nquadrature")
    for panel in panels[-1]:
        panel.set_xlabel("in-phase")
    made.suptitle("Points that are sent (before the channel)")
    save(made, "constellations.png")


def draw_spectra() -> None:
    """Mean power spectra of vectors at 18 dB of both recipes."""
    made, panels = figure(3, 4, 11, 7, sharex=True, sharey=True)
    frequency = np.fft.fftshift(np.fft.fftfreq(128, 1 / SAMPLE_RATE)) / 1e3
    for panel, name in zip(panels.flat, MODULATIONS, strict=False):
        for (title, recipe), colour, dashes in zip(RECIPES.items(), (BLUE, VERMILLION), ("-", "--"), strict=True):
            x = generate((name,), (18,), 1_000, recipe=recipe).x
            power = np.mean(np.abs(np.fft.fft((x[:, 0] + 1j * x[:, 1]) * np.hanning(128))) ** 2, axis=0)
            decibels = 10 * np.log10(np.fft.fftshift(power / power.sum()))
            panel.plot(frequency, decibels, color=colour, linestyle=dashes, label=title, linewidth=1.5)
        panel.set_title(name)
        panel.grid(alpha=0.3)
    panels.flat[-1].axis("off")
    panels.flat[-1].legend(*panels[0, 0].get_legend_handles_labels(), loc="center", title="recipe", fontsize=11)
    for panel in panels[:, 0]:
        panel.set_ylabel("share of power, dB")
    for panel in (*panels[-1, :3], panels[-2, 3]):
        panel.set_xlabel("frequency, kHz")
        panel.tick_params(labelbottom=True)
    made.suptitle("Mean spectra of generated vectors at the label 18 dB")
    save(made, "spectra.png")


def draw_fading() -> list[str]:
    """Power gain in the middle of the band over a capture: the published trajectory, and five drawn channels.

    Returns:
        a sentence on the published one.
    """
    time = np.arange(0, channel.LONGEST, 50)
    zero = np.zeros(len(time), int)

    def response(fading: Fading, capture: np.ndarray) -> np.ndarray:
        return design_path_taps().sum(axis=1) @ fading.compute_gains(time, capture, 1)[..., 0]

    def decibels(fading: Fading, capture: np.ndarray) -> np.ndarray:
        return 20 * np.log10(np.abs(response(fading, capture)))

    made, panels = figure(1, 2, 11, 4, sharey=True)
    panels[0, 0].plot(time / SAMPLE_RATE, decibels(Fading.make_published(), zero), color=BLUE, linewidth=2)
    panels[0, 0].set_title("rml2016: every capture goes through this")
    for samples, names in ((26_664, "8PSK"), (40_000, "QPSK, PAM4, QAM"), (80_000, "BPSK, GFSK, CPFSK")):
        place = samples / SAMPLE_RATE
        panels[0, 0].axvline(place, color=GREY, linestyle=":")
        panels[0, 0].annotate(
            f"end of {names}", (place, -40), xytext=(-3, 0), textcoords="offset points", ha="right", rotation=90
        )
    drawn = Fading.draw([np.random.default_rng(n) for n in range(5)])
    for number in range(5):
        panels[0, 1].plot(
            time / SAMPLE_RATE, decibels(drawn, zero + number), color=COLOURS[number], linestyle=DASHES[number],
            linewidth=1.7, label=f"capture {number + 1}",
        )  # fmt: skip
    panels[0, 1].set_title("clean: each capture has a channel of its own")
    panels[0, 1].legend()
    for panel in panels[0]:
        panel.set_xlabel("time since the capture began, s")
        panel.grid(alpha=0.3)
    panels[0, 0].set_ylabel("power gain at 0 Hz, dB")
    save(made, "fading.png")
    gain = decibels(Fading.make_published(), zero)
    turn = np.degrees(np.ptp(np.unwrap(np.angle(response(Fading.make_published(), zero)))))
    return [
        f"Over {channel.LONGEST:,} samples its gain at 0 Hz lies between {gain.min():.1f} and {gain.max():.1f} dB, and "
        f"it turns the phase by {turn:.0f} degrees."
    ]


def measure_snr(x: np.ndarray) -> float:
    """SNR in dB of vectors (N, 2, 128): noise by the power outside of +-40 kHz, where linear modulations have none."""
    power = np.abs(np.fft.fft((x[:, 0] + 1j * x[:, 1]) * np.hanning(128))) ** 2
    outside = np.abs(np.fft.fftfreq(128, 1 / SAMPLE_RATE)) > 40e3
    noise = power[:, outside].mean(axis=1) * 128
    with np.errstate(invalid="ignore"):
        return float(10 * np.log10(np.median((power.sum(axis=1) - noise) / noise)))


def measure_snrs(vectors: int = 1_000) -> pd.DataFrame:
    """Measured SNR of each linear modulation, label and recipe: columns recipe, modulation, label, snr."""
    rows = []
    for title, recipe in RECIPES.items():
        x = generate(LINEAR, LABELS.tolist(), vectors, recipe=recipe).x.reshape(
            len(LINEAR), len(LABELS), vectors, 2, 128
        )
        for name, cells in zip(LINEAR, x, strict=True):
            rows += [(title, name, int(label), measure_snr(cell)) for label, cell in zip(LABELS, cells, strict=True)]
    return pd.DataFrame(rows, columns=["recipe", "modulation", "label", "snr"])


def draw_snr(table: pd.DataFrame) -> None:
    """Measured SNR against the label."""
    made, panels = figure(1, 2, 11, 4.6, sharey=True)
    table = table[table["snr"] > -13]  # what lies deeper in the noise is lost in the estimate's own
    for panel, (title, rows) in zip(panels[0], table.groupby("recipe", sort=False), strict=True):
        for index, (name, points) in enumerate(rows.groupby("modulation", sort=False)):
            panel.plot(
                points["label"], points["snr"], color=COLOURS[index], linestyle=DASHES[index % 5],
                marker=MARKERS[index], markersize=4, label=name,
            )  # fmt: skip
            if title == "rml2016":
                panel.plot(0, REAL_INTERCEPTS[str(name)], marker="x", color="black", markersize=9, linestyle="none",
                           label="real files, label 0" if index == 5 else None)  # fmt: skip
        panel.plot(LABELS, LABELS, color=GREY, linewidth=1, label="SNR = label")
        panel.set(title=str(title), xlabel="label, dB", ylim=(-15, 60))
        panel.set_xticks(LABELS[::2])
        panel.grid(alpha=0.3)
        panel.legend(fontsize=8.5)
    panels[0, 0].set_ylabel("measured SNR, dB")
    save(made, "snr.png")


def fit_lines(table: pd.DataFrame) -> list[str]:
    """Slopes and intercepts from -4 to 10 dB, where neither noise nor signal hides the other, as lines of a table."""
    lines = [
        "| modulation | rml2016: slope | at label 0 | real RML2016.10a at label 0 | clean: slope | at label 0 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    near, found = table[table["label"].between(-4, 10)], {}
    for name in LINEAR:
        fits = []
        for title in RECIPES:
            rows = near[(near["recipe"] == title) & (near["modulation"] == name)]
            fits.append(np.polyfit(rows["label"], rows["snr"], 1))
        (slope, zero), (own_slope, own_zero) = fits
        real = f"{REAL_INTERCEPTS[name]:.2f} dB"
        found[name] = slope, zero
        lines.append(f"| {name} | {slope:.2f} | {zero:.2f} dB | {real} | {own_slope:.2f} | {own_zero:.2f} dB |")
    means = [
        f'"{label} dB" is {found["QPSK"][0] * label + found["QPSK"][1]:.0f} dB for a QPSK and '
        f"{found['QAM64'][0] * label + found['QAM64'][1]:.0f} dB for a QAM64"
        for label in (18, -10)
    ]
    return [*lines, "", f"So in the files {'; '.join(means)}."]


def write_block(name: str, lines: list[str]) -> None:
    """Put ``lines`` between the page's comments ``<!-- name -->`` and ``<!-- end of name -->``."""
    text = PAGE.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, after = text.split(begin)[0], text.split(end)[1]
    PAGE.write_text(before + begin + "\n".join(lines) + "\n" + end + after, encoding="utf-8")


def signals() -> None:
    """All pictures, and the table of SNRs."""
    draw_constellations()
    draw_spectra()
    write_block("fading", draw_fading())
    table = measure_snrs()
    draw_snr(table)
    write_block("signals", fit_lines(table))


# A CNN with an eighth of its published maps, so that a dozen runs take minutes.
TRAINED = [
    "model=modulation_cnn",
    "model.filters={conv1:32,conv2:32,conv3:16,conv4:16}",
    "model.dropout=0.3",
    "data=radioml",
    "epochs=5",
    "schedule=cosine",
]
SEEDS = "1,2"


def train(overrides: list[str]) -> list[dict]:
    """Metrics of a run for each seed."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "cldnn_lab.train", "-m", *TRAINED, *overrides, f"seed={SEEDS}"]
        subprocess.run([*command, f"hydra.sweep.dir={folder}"], check=True)
        return [json.loads(path.read_text()) for path in sorted(Path(folder).glob("*/metrics.json"))]


def training() -> None:
    """Test accuracy on either recipe, with test vectors from captures of their own and at random."""
    rows = []
    for recipe in RECIPES:
        for split in ("capture", "vector"):
            runs = train([f"data.recipe={recipe}", f"data.split={split}"])
            rows += [{"recipe": recipe, "split": split, "test_accuracy": run["test_accuracy"]} for run in runs]
            print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    table.to_csv(FOLDER / "training.csv", index=False)
    lines = [f"`{' '.join(TRAINED)}`, 12,000 vectors at 10 to 18 dB to train on, 3,000 to test:", ""]
    lines += ["| recipe | test vectors | test accuracy | seeds |", "| --- | --- | --- | --- |"]
    words = {"capture": "from captures of their own", "vector": "at random, as papers do"}
    for (recipe, split), runs in table.groupby(["recipe", "split"], sort=False)["test_accuracy"]:
        lines.append(f"| {recipe} | {words[split]} | {runs.mean():.3f} (sd {runs.std():.3f}) | {len(runs)} |")
    write_block("training", lines)


if __name__ == "__main__":
    if sys.argv[1:] not in (["signals"], ["training"]):
        sys.exit(f"usage: python {sys.argv[0]} signals|training")
    {"signals": signals, "training": training}[sys.argv[1]]()
