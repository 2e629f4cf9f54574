"""Optimizers and learning-rate schedules as configs."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.schedule import check_schedule
from cldnn_lab.config.targets import instantiate
from cldnn_lab.training.schedules import make_schedule

CONF = Path(__file__).parents[1] / "conf"


def resolved(*overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(overrides=list(overrides))
    return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]


def rates(schedule: str, steps: int, at: list[int], *overrides: str) -> list[float]:
    config = resolved("+optimizer=adam", f"+schedule={schedule}", "optimizer.learning_rate=0.1", *overrides)
    made = make_schedule(config["schedule"], steps)
    return [float(made(step)) for step in at]


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONF / "optimizer").glob("*.yaml")))
def test_every_optimizer_lists_every_parameter_with_keras_default(name: str) -> None:
    node = resolved(f"+optimizer={name}")["optimizer"]
    optimizer = instantiate(node, "optimizer")
    signature = inspect.signature(type(optimizer).__init__).parameters
    defaults = {key: value.default for key, value in signature.items() if key not in ("self", "name", "kwargs")}
    given = {key: value for key, value in node.items() if key != "_target_"}
    if name == "momentum":
        assert given.pop("momentum") == 0.9
        defaults.pop("momentum")
    assert given == defaults


def test_the_rate_of_the_optimizer_is_where_a_schedule_starts() -> None:
    assert rates("cosine", 100, [0, 50, 100]) == pytest.approx([0.1, 0.05, 0.0], abs=1e-6)
    assert rates("exponential", 100, [0, 100]) == pytest.approx([0.1, 0.01])
    assert rates("step", 100, [0, 50, 51, 75, 76]) == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001])
    assert rates("warmup_cosine", 100, [0, 5, 100]) == pytest.approx([0.0, 0.1, 0.0], abs=1e-6)


def test_lengths_may_be_counts_or_fractions() -> None:
    assert rates("cosine", 100, [10], "schedule.decay_steps=10") == pytest.approx([0.0], abs=1e-6)
    assert rates("cosine", 100, [50], "schedule.decay_steps=0.5") == pytest.approx([0.0], abs=1e-6)
    assert rates("step", 100, [30, 31], "schedule.boundaries=[30]", "schedule.factors=[1,0.5]") == pytest.approx(
        [0.1, 0.05]
    )


def test_a_schedule_counts_batches_however_many_updates_a_batch_is() -> None:
    for name, override in (("cosine", "schedule.decay_steps=50"), ("step", "schedule.boundaries=[30,60]")):
        node = resolved("+optimizer=adam", f"+schedule={name}", override)["schedule"]
        by_batch, by_update = make_schedule(node, 100), make_schedule(node, 100, updates=4)
        for batch in (0, 10, 31, 49, 61, 100):
            assert float(by_update(4 * batch)) == pytest.approx(float(by_batch(batch)), abs=1e-8)


def test_a_constant_rate_is_no_schedule() -> None:
    assert make_schedule(resolved("+schedule=constant")["schedule"], 100) is None


@pytest.mark.parametrize(
    ("schedule", "override", "said"),
    [
        ("cosine", "schedule.decay_steps=-3", r"schedule\.decay_steps"),
        ("cosine", "schedule.decay_steps=all", r"schedule\.decay_steps"),
        ("step", "schedule.boundaries=[0.7,0.2]", r"schedule\.boundaries must rise"),
        ("step", "schedule.boundaries=[0.7]", r"schedule\.factors needs one entry more .* 2, got 3"),
        ("step", "schedule.boundaries=[]", r"schedule\.boundaries must be"),
        ("cosine", "schedule._target_=os.system", "refused"),
    ],
)
def test_bad_schedules_are_named(schedule: str, override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_schedule(resolved("+optimizer=adam", f"+schedule={schedule}", override)["schedule"])
