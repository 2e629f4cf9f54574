"""Partial grids: conditions on the values of a job, and values that are paired."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser

from cldnn_lab.config.arguments import quote_where
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.grid import zip_choices
from cldnn_lab.config.groups import CONFIGS
from cldnn_lab.config.where import ConfigValues, parse_where

VALUES = {
    "optimizer": "adam",
    "optimizer.learning_rate": 0.001,
    "model": "rnn",
    "model.cell": "GRU",
    "model.units": 32,
    "model.filters": [8, 16],
    "seed": 3,
    "fast_layers": True,
    "data.train_limit": None,
    "data.validation": "test",
}


@pytest.mark.parametrize(
    "text",
    [
        "optimizer == adam and optimizer.learning_rate < 1e-2",
        "model.cell in [GRU, LSTM]",
        "model.cell not in [SimpleRNN]",
        "model.units * seed > 64",
        "1 < seed <= 3",
        "not (seed == 1 or seed == 2)",
        "optimizer != 'sgd'",
        'model.cell == "GRU"',
        "-seed < -2",
        "model.units % 2 == 0 and model.units / 2 ** 4 == 2 and seed - 1 + 1 == 3",
        "data.train_limit == null",
        "fast_layers",
        "fast_layers == true and not fast_layers == false",
        "data.validation == test or data.validation < 0.2",
        "8 in model.filters",
        "seed in (1, 3)",
        "model.filters == [8, 16]",
        "optimizer != 3",
    ],
)
def test_a_condition_is_met(text: str) -> None:
    condition = parse_where(text)
    assert condition.holds(VALUES)
    assert not parse_where(f"not ({text})").holds(VALUES)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("optimzer == adam", ["optimzer is no key", "did you mean optimizer?"]),
        ("sed < 3", ["sed is no key", "did you mean seed?"]),
        ("seed == 3 or sed < 3", ["sed is no key"]),
        ("optimizer.lerning_rate < 1", ["optimizer.lerning_rate is no key", "did you mean optimizer.learning_rate?"]),
        ("model.units * sed > 64", ["sed is no key", "did you mean seed?"]),
        ("model.units > 3 and seed", ["seed", "true or false"]),
        ("not sed", ["sed is no key"]),
        ("sed", ["sed is no key"]),
        ("1 < 2", ["nothing is a key"]),
        ("optimizer < 3", ["compares text with a number"]),
        ("seed < adam", ["compares a number with text"]),
        ("data.train_limit < 100", ["compares null with a number"]),
        ("optimizer < sgd", ["compares text by size"]),
        ("optimizer + 1 > 3", ["calculates with optimizer, which is text"]),
        ("optimizer in adam", ["in text", "write a list"]),
        ("seed", ["seed is a number, not true or false"]),
        ("seed / 0 > 1", ["cannot be calculated"]),
        ("seed ** 999999 > 1", ["cannot be calculated"]),
    ],
)  # fmt: skip
def test_a_mistake_in_a_condition_is_one_sentence(text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"^sweep.where: [^\n]*\.$") as mistake:
        parse_where(text).holds(VALUES)
    for word in words:
        assert word in str(mistake.value)


@pytest.mark.parametrize(
    "text",
    [
        "", "seed = 3", "seed ==", "print(seed)", "__import__('os')", "seed if seed else 1", "[s for s in seed]",
        "lambda: 1", "seed[0] == 1", "{1: 2} == seed", "seed == f'{seed}'", "seed == 1j", "seed == b'x'", "(" * 500,
        "(seed := 3)", "seed is 3", "seed & 1 == 1", "seed == adam; seed", "*seed == 1", "seed\x00", "await seed",
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused_before_any_value_is_known(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^sweep.where: [^\n]*\.$"):
        parse_where(text)


def test_the_values_of_a_composed_config_are_its_keys_and_the_chosen_options() -> None:
    with initialize_config_dir(str(Path(CONFIGS)), version_base="1.3"):
        config = compose("train", overrides=["model=rnn", "optimizer=sgd", "seed=5"], return_hydra_config=True)
    values = ConfigValues(config)
    assert (values["model"], values["optimizer"], values["seed"]) == ("rnn", "sgd", 5)
    assert values["optimizer.learning_rate"] == config.optimizer.learning_rate
    assert "hydra.job.name" not in values and "optimizer.lr" not in values and "model.cell" in values
    assert all(parse_where(f"{key} == {key}").holds(values) for key in ("model.cell", "data.validation", "schedule"))
    with pytest.raises(ConfigError, match=r"did you mean model\.units"):
        parse_where("model.unit > 3").holds(values)


@pytest.mark.parametrize(
    "condition",
    [
        "optimizer == adam or seed < 3",
        "model.cell in [GRU, LSTM]",
        "experiment == '001/q1'",
        "'a' == model.cell or model.cell == 'b'",
        'model.cell == "it\'s" and (seed == 1)',
    ],
)
def test_a_condition_reaches_the_config_as_it_was_typed(condition: str) -> None:
    override = OverridesParser.create().parse_override(quote_where(f"sweep.where={condition}"))
    assert override.value() == condition
    assert quote_where(quote_where(f"sweep.where={condition}")) == quote_where(f"sweep.where={condition}")


def test_other_arguments_are_left_alone() -> None:
    for argument in ("sweep.where=null", "sweep.where='seed < 3'", 'sweep.where="seed < 3"', "seed=1,2", "-m"):
        assert quote_where(argument) == argument


def test_keys_are_paired_or_combined() -> None:
    choices = {
        "+a": ["+a=1", "+a=2"],
        "seed": ["seed=1", "seed=2"],
        "b": ["b=x", "b=y"],
        "c": ["c=0"],
    }
    assert len(zip_choices(choices)) == 8
    assert zip_choices(choices)[1] == ["+a=1", "seed=1", "b=y", "c=0"]
    assert zip_choices(choices, ["b", "a"]) == [
        ["+a=1", "seed=1", "b=x", "c=0"],
        ["+a=1", "seed=2", "b=x", "c=0"],
        ["+a=2", "seed=1", "b=y", "c=0"],
        ["+a=2", "seed=2", "b=y", "c=0"],
    ]
    assert zip_choices(choices, [["a", "b"]]) == zip_choices(choices, ["b", "a"])
    assert zip_choices({"a": ["a=1", "a=2"], "b": ["b=1", "b=2"], "c": ["c=1", "c=2"], "d": ["d=1", "d=2"]},
                       [["a", "c"], ["b", "d"]])[1] == ["a=1", "b=2", "c=1", "d=2"]  # fmt: skip
    assert zip_choices({}) == [[]]


@pytest.mark.parametrize(
    ("zipped", "words"),
    [
        (["model.units", "sede"], "sede is given no values.*did you mean seed?"),
        (["model.units", "seed"], "model.units has 2, seed has 3"),
        ([["model.units", "rate"], ["rate", "model.units"]], "named twice"),
        ("seed", "at least two keys"),
        (["seed"], "at least two keys"),
        ([], "at least two keys"),
        (["seed", ["rate", "model.units"]], "at least two keys"),
    ],
)
def test_what_cannot_be_paired_is_one_sentence(zipped: object, words: str) -> None:
    choices = {"model.units": ["model.units=1", "model.units=2"], "seed": ["seed=1", "seed=2", "seed=3"],
               "rate": ["rate=1", "rate=2"]}  # fmt: skip
    with pytest.raises(ConfigError, match=f"^sweep.zip: .*{words}"):
        zip_choices(choices, zipped)
