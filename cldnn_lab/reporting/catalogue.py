"""What the experiments are, as tables: ``python -m cldnn_lab.reporting.catalogue > docs/experiments.md``.

Everything in them is read from the ``about`` of conf/experiment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from cldnn_lab.config.groups import CONFIGS, list_options

_HEADINGS = {
    "000": "Report 000: convolutional LSTM networks on Fashion-MNIST and RadioML",
    "001": "Report 001: small convolutional and recurrent networks",
    "002": "Report 002: LeNet-5 on grey CIFAR-10, recurrent networks on MNIST",
    "003": "Report 003: object recognition on CIFAR-10, text classification",
    "004": "Report 004: architectures for Fashion-MNIST",
    "radioml": "Networks for RadioML",
}
_INTRODUCTION = """\
# Experiments

The parts of the five source reports, and the networks for RadioML that go with them. Each is run by

    python -m cldnn_lab.train experiment=<name>

and any of its settings can be overridden on the same line, such as `epochs=3`. Data come from `data_root`; what is
missing there is generated, and the remarks say so. Published figures beside measured ones, row by row, are in the
[tables](tables/README.md), which `python -m cldnn_lab.report table=<document>` makes.

This page is written by `python -m cldnn_lab.reporting.catalogue` from the files in `conf/experiment`."""


@dataclass(frozen=True)
class Experiment:
    """An experiment file.

    Attributes:
        name: what ``experiment=`` takes, such as ``001/q7``.
        config: composed, with every default it overlays.
    """

    name: str
    config: DictConfig

    @property
    def about(self) -> Mapping[str, Any]:
        """Its ``about``: document, part, title, note."""
        about = OmegaConf.to_container(self.config.about)
        assert isinstance(about, dict)
        return {str(key): value for key, value in about.items()}


def list_experiments() -> list[str]:
    """Every experiment, in the order of its document; files that begin with ``_`` are shared parts of others."""
    return sorted(
        list_options("experiment"), key=lambda name: [part.zfill(3) for part in re.findall(r"\d+|[^\d]+", name)]
    )


def compose_experiments(chosen: Sequence[str] | None = None, overrides: Sequence[str] = ()) -> Iterable[Experiment]:
    """Compose experiments.

    Args:
        chosen: their names; None for all.
        overrides: applied to each, as on the command line.
    """
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        for name in list_experiments() if chosen is None else chosen:
            yield Experiment(name, compose("train", [f"experiment={name}", *overrides]))


def write_page(listed: Iterable[Experiment]) -> str:
    """The tables in Markdown, a section per document."""
    sections: dict[str, list[str]] = {}
    for experiment in listed:
        sections.setdefault(experiment.name.split("/")[0], []).append(_write_row(experiment))
    lines = [_INTRODUCTION]
    for folder, rows in sections.items():
        head = "| part | what | experiment | remarks |\n|---|---|---|---|"
        lines.append(f"## {_HEADINGS.get(folder, folder)}\n\n{head}\n" + "\n".join(rows))
    return "\n\n".join(lines) + "\n"


def _write_row(experiment: Experiment) -> str:
    about = experiment.about
    cells = (about["part"], about["title"], f"`{experiment.name}`", about.get("note") or "")
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    print(write_page(compose_experiments()), end="")
