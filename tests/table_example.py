"""A made-up table with all that a table can have, and runs of it, for the tests of how it is printed."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from cldnn_lab.reporting.tables.definition import Budget, Check, Row, Section, Table, Variant
from cldnn_lab.reporting.tables.measure import Measured, measure

LABELS = {
    "relu": "ReLU, 50 % & more",
    "tanh": "tanh_1 | <wide> layers $x$",
    "sigmoid": "Sigmoid, α = 1",
    "failed": "diverging",
    "absent": "never run",
}


def make_measured(seeds: int = 6) -> list[Measured]:
    """Two sections: one of several figures without variants, one of a single figure on three kinds of data."""
    table = Table(
        title="Networks & *pictures*",
        source="A report_1, 100 % made up.",
        sections={},
        name="made_up",
        argument="made_up",
    )
    table.sections = {"several": _make_several(seeds), "single": _make_single(seeds)}
    return [measure(table, section, "quick", make_runs(section, seeds)) for section in table.sections.values()]


def make_runs(section: Section, seeds: int) -> pd.DataFrame:
    """Runs of all rows but the last, those of ``failed`` without figures, none of them on the variant ``none``."""
    random = np.random.default_rng(0)
    lines = []
    for variant in section.variants or [""]:
        for place, row in enumerate(list(section.rows)[:-1]):
            if variant == "none" or (variant == "drawn" and row == "tanh"):
                continue
            for seed in range(1, seeds + 1):
                failed = row == "failed"
                accuracy = 0.99 - 0.03 * place + 0.002 * random.normal()
                epochs = 20 if row == "sigmoid" else 12
                falling = [float(2.3 * 0.8**epoch) for epoch in range(epochs)]
                lines.append(
                    {
                        "row": row,
                        "variant": variant,
                        "seed": seed,
                        "status": "diverged" if failed else "completed",
                        "budget": "quick",
                        "epochs": epochs,
                        "train_examples": 5000,
                        "test_examples": 10000,
                        "device": "CPU, 1 thread" if seed > 1 else "GPU",
                        "versions": "TensorFlow 2.21.0, Keras 3.15.1",
                        "date": f"2026-01-{10 + seed}",
                        "data_source": f"made up for {variant or 'a test'}",
                        "synthetic_data": True,
                        "validated_on": "test",
                        "fingerprint": f"{section.name}{variant}{row}{seed}",
                        "setting_fingerprint": f"{row}{seed if row == 'tanh' else ''}",
                        "test_accuracy": np.nan if failed else accuracy,
                        "test_loss": np.nan if failed else 0.02 + 0.2 * place + 0.01 * random.normal(),
                        "parameters": np.nan if failed else 1209 + 100000 * place,
                        "seconds": np.nan if failed else 9.2 * (1 + 20 * place) + random.normal(),
                        "history": ""
                        if failed
                        else json.dumps(
                            {
                                "epoch": list(range(1, epochs + 1)),
                                "loss": falling,
                                "val_loss": [value + 0.05 * (place + 1) for value in falling],
                            }
                        ),
                    }
                )
    return pd.DataFrame(lines)


def _make_several(seeds: int) -> Section:
    published = {
        "relu": {"test_accuracy": 0.9946, "test_loss": 0.0123, "parameters": 1209},
        "tanh": {"test_accuracy": 0.92, "parameters": 1185},
    }
    return Section(
        title="Several figures",
        name="several",
        rows={name: Row(label, published=published.get(name, {})) for name, label in LABELS.items()},
        figures={
            "test_accuracy": "accuracy",
            "test_loss": "loss",
            "parameters": "parameters",
            "seconds": "time",
        },
        checks=[
            Check("ReLU beats tanh_1 beats sigmoid", ["relu", "tanh", "sigmoid"], "test_accuracy"),
            Check("The loss is lower", ["relu:test_loss", "tanh:test_loss"]),
        ],
        budgets={"published": Budget(6), "quick": Budget(seeds, training=0.2, gives_up="the long runs")},
        curves=["loss"],
        published="60 epochs of 5,000 pictures",
        note="Made up",
    )


def _make_single(seeds: int) -> Section:
    rows = {
        name: Row(
            label,
            published={"test_accuracy": 0.99 - 0.1 * place},
            note="A note_of this row" if name in ("relu", "absent") else None,
            tried="another rate, 0.1 % higher" if name == "tanh" else None,
        )
        for place, (name, label) in enumerate(LABELS.items())
    }
    return Section(
        title="One figure, three kinds of data",
        name="single",
        rows=rows,
        figures={"test_accuracy": "accuracy"},
        variants={
            "real": Variant("real shapes"),
            "drawn": Variant("drawn shapes"),
            "none": Variant("no files"),
        },
        budgets={"published": Budget(6), "quick": Budget(seeds, epochs=12, overrides=["optimizer.learning_rate=0.01"])},
    )
