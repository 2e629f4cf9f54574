"""Every experiment is what its document says, builds on its data and trains; small stand-ins take the data's place."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from cldnn_lab.config.groups import CONFIGS
from cldnn_lab.config.schema import Config
from cldnn_lab.launch.preflight import check_config
from cldnn_lab.reporting import catalogue
from cldnn_lab.reporting.tables.definition import list_tables, read_table
from cldnn_lab.runs.directory import Run
from cldnn_lab.train import train

NAMES = catalogue.list_experiments()
DOCS = Path(__file__).resolve().parents[1] / "docs" / "experiments.md"

# Per data source, what makes little of it; files are made small by the fixture below.
SMALL = {
    "cifar10_gray": {"per_class": 2, "test_per_class": 1},
    "shapes": {"train_size": 9, "test_size": 6},
    "pulses": {"train_size": 4, "test_size": 4},
    "random": {"train_size": 24, "test_size": 24},
}

# Exact counts that the documents print (or, for 000, that Keras counts for what they describe).
PARAMETERS = {
    "000/listing": 32_076, "000/part2": 628_810, "000/part4": 628_810, "000/part6": 509_314,
    "001/q1": 1_209, "001/q2": 109, "001/q4": 1_671, "001/q5": 1_237, "001/q9": 2_128, "004/traditional": 6_484_330,
}  # fmt: skip


def list_rows() -> dict[str, list[str]]:
    """The overrides of each row of a table that is no experiment by itself."""
    found = {}
    for table in map(read_table, list_tables()):
        for section in table.sections.values():
            for name, row in section.rows.items():
                if row.overrides:
                    found[f"{table.name}/{section.name}/{name}"] = [*section.overrides, *row.overrides]
    return found


ROWS = list_rows()


@pytest.fixture(scope="session")
def composed() -> dict[str, catalogue.Experiment]:
    return {experiment.name: experiment for experiment in catalogue.compose_experiments()}


def small(composed: DictConfig, data_root: Path) -> Config:
    """A composed config as it is, but for one batch of four examples."""
    config = composed.copy()
    config.update(steps=1, batch_size=4, validate_every=None, data_root=str(data_root))
    config.data.update(SMALL.get(config.data.source, {}))
    return check_config(config, {"model": "model"})


@pytest.fixture(scope="session")
def _keras() -> None:
    from cldnn_lab.launch import backend

    backend.load("tensorflow")


@pytest.mark.usefixtures("_keras")
@pytest.mark.parametrize("name", NAMES)
def test_builds_and_trains(name: str, composed: dict[str, catalogue.Experiment], data_root: Path) -> None:
    """One step by the experiment's own loss and optimizer, eagerly: compiling a hundred networks takes minutes."""
    from cldnn_lab import data
    from cldnn_lab.models.build import count_parameters
    from cldnn_lab.training.losses import make_targets
    from cldnn_lab.training.policy import choose_policy
    from cldnn_lab.training.session import prepare

    config = small(composed[name].config, data_root)
    dataset = data.load(config.data, data_root, prefers=config.prefers)
    session = prepare(config, dataset, choose_policy(config.settings, "tensorflow", config.model, "CPU, 2 threads"))
    model, window = session.engine.model, config.settings.window
    x, y = dataset.train.x[:4], make_targets(model.loss, dataset.task, dataset.train.y[:4], dataset.outputs)
    before = [np.array(weight) for weight in model.get_weights()]
    model.run_eagerly = True
    loss = model.train_on_batch(*((x, y) if window is None else (x[:, :window], y[:, :window])))
    assert np.isfinite(loss).all()
    assert any((old != new).any() for old, new in zip(before, model.get_weights(), strict=True))
    if name in PARAMETERS:
        assert count_parameters(session.model) == PARAMETERS[name]


DIAGNOSTICS = {
    "000/part1": ["loss_function.png"], "000/part5": ["active_units.csv", "active_units.png"],
    "001/q3": ["feature_maps"], "001/q8": ["hidden_traces"], "002/part1c": ["filters", "activation_stats"],
    "002/part2": ["deconvnet"], "003/a1_feature_maps": ["feature_maps"], "004/metrics": ["predictions"],
}  # fmt: skip


@pytest.mark.parametrize("name", DIAGNOSTICS)
def test_leaves_what_its_diagnostics_write(
    name: str, composed: dict[str, catalogue.Experiment], data_root: Path, tmp_path: Path
) -> None:
    train(small(composed[name].config, data_root), Run(tmp_path))
    left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert Run(tmp_path).metrics["status"] == "completed"
    for diagnostic in DIAGNOSTICS[name]:
        assert any(file.startswith(diagnostic) for file in left), (diagnostic, left)


def test_says_what_it_reproduces(composed: dict[str, catalogue.Experiment]) -> None:
    for name, experiment in composed.items():
        text = (CONFIGS / "experiment" / f"{name}.yaml").read_text(encoding="utf-8")
        head = text.split("defaults:")[0]
        about = experiment.about
        assert f"python -m cldnn_lab.train experiment={name}\n" in head, name
        assert about["part"] and about["title"], name
        assert set(about) <= {"document", "part", "title", "note"}, name  # figures and times are in the tables
        named = re.search(r"table=(\w+) sections=(\w+)\n", head)
        assert named or "No figure is published" in head, name
        if named:
            assert named[2] in read_table(named[1]).sections, name


def test_published_settings(composed: dict[str, catalogue.Experiment]) -> None:
    """Rates, batches and budgets as the documents print them, where they do."""

    def find(name: str) -> DictConfig:
        if name in composed:
            return composed[name].config
        with initialize_config_dir(str(CONFIGS), version_base="1.3"):
            return compose("train", ROWS[name])

    def settings(name: str) -> tuple[object, ...]:
        config = find(name)
        kind = config.optimizer._target_.rsplit(".", 1)[-1]
        return kind, config.optimizer.learning_rate, config.batch_size, config.steps or config.epochs

    assert settings("000/part2")[3] == settings("000/part6")[3] == 200
    assert settings("000/listing") == ("RMSprop", 0.001, 1024, 100)
    assert settings("001/q1") == settings("001/q2") == ("Adam", 0.005, 64, 30)
    assert settings("001/q4") == settings("001/q5") == ("Adam", 0.003, 50, 50)
    assert settings("001/q9") == ("Adam", 0.003, 20, 40)
    assert settings("002/part1b") == settings("002/configurations/run8") == ("Adam", 0.001, 50, 5000)
    assert settings("002/configurations/run4") == settings("002/part1c") == ("Adam", 0.0001, 50, 5000)
    assert settings("002/configurations/run5") == ("Adam", 0.001, 50, 8000)
    assert settings("002/configurations/run7") == ("SGD", 0.001, 50, 5000)
    assert settings("002/rates/run2") == ("RMSprop", 0.0001, 100, 600)
    assert settings("002/part3b") == ("RMSprop", 0.001, 50, 3000)
    assert settings("003/a2") == settings("003/widths/grid1") == ("SGD", 0.001, 128, 500)
    assert settings("003/b4") == settings("003/b1") == ("Adam", 0.01, 128, 500)
    assert settings("004/traditional") == ("Adam", 0.0001, 1024, 400)
    assert settings("004/activations/tanh") == ("Adam", 0.001, 1024, 400)
    assert composed["001/q9"].config.window == 50
    assert find("003/optimizers/momentum").optimizer.momentum == 0.1
    assert find("003/cells/lstm2_clipped").optimizer.global_clipnorm == 2


def test_page_is_current(composed: dict[str, catalogue.Experiment]) -> None:
    """docs/experiments.md is what ``python -m cldnn_lab.reporting.catalogue`` prints."""
    assert DOCS.read_text(encoding="utf-8") == catalogue.write_page(composed.values())
