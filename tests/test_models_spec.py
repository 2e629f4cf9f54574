"""The check of a model's config: what is wrong is said by its key, before Keras is loaded."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from cldnn_lab.config import targets
from cldnn_lab.config.callbacks import FILES
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.model import check_model

CONF = Path(__file__).parents[1] / "conf"
MODELS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))


def resolved(name: str, *overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(overrides=[f"+model={name}", *overrides])
    return OmegaConf.to_container(config.model, resolve=True)  # type: ignore[return-value]


@pytest.mark.parametrize("name", MODELS)
def test_every_model_config_composes_and_passes(name: str) -> None:
    check_model(resolved(name))


@pytest.mark.parametrize("name", MODELS)
def test_every_model_config_says_what_it_is(name: str) -> None:
    head = [line for line in (CONF / "model" / f"{name}.yaml").read_text().splitlines() if line.startswith("#")]
    text = " ".join(head)
    assert f"python -m cldnn_lab.train model={name} " in text
    assert "parameters" in text


@pytest.mark.parametrize(
    ("name", "override", "said"),
    [
        ("cnn", "model.output_activation=softmx", "model.output_activation='softmx'.*did you mean softmax"),
        ("cnn", "model.dropout.conv=1.5", r"model\.dropout\.conv must be a rate .* got 1\.5"),
        ("cnn", "model.dropout.conv2=1.0", r"model\.dropout\.conv2 must be a rate"),
        ("cnn", "model.dropout.input=half", r"model\.dropout\.input must be a rate"),
        ("cnn", "model.filters.conv1=0", r"model\.filters\.conv1 must be a positive integer; got 0"),
        ("cnn", "model.filters.conv2=2.5", r"model\.filters\.conv2 must be a positive integer"),
        ("cnn", "model.kernel_size=[3,0]", r"model\.kernel_size must be a positive integer or a list"),
        ("cnn", "model.pool_size=-2", r"model\.pool_size must be"),
        ("cnn", "model.kernel_initializer=glorot", r"model\.kernel_initializer='glorot'.*glorot_normal"),
        ("cnn", "model.input=picture", r"model\.input='picture'"),
        ("cnn", "model.outputs=0", r"model\.outputs must be auto"),
        ("cnn", "model.layers=[]", r"model\.layers must be a list of at least one layer"),
        ("cnn", "model.layers=[{units: 3}]", r"model\.layers\[0\] must name its layer in _target_"),
        ("cnn", "model.layers=[{_target_: os.system}]", r"'os\.system' is refused"),
        ("cnn", "model.layers=[{_target_: keras.layers.Lambda}]", r"'keras\.layers\.Lambda' is refused"),
        (
            "cnn",
            "model.layers=[{_target_: keras.layers.StringLookup, vocabulary: /etc/passwd}]",
            "p' is refused",
        ),
        ("cnn", "model.layers=[{_target_: keras.layers.TextVectorization}]", "TextVectorization' is refused"),
        ("cnn", "model.layers=[{_target_: keras.layers.serialize}]", "serialize' is refused"),
        ("cnn", "model.layers=[{_target_: keras.saving.load_model, filepath: a}]", "load_model' is refused"),
        (
            "cnn",
            "model.layers=[{_target_: keras.layers.Dense, units: 2, bias_initializer: {class_name: StringLookup, "
            "module: keras.layers, config: {vocabulary: /etc/passwd}}}]",
            r"bias_initializer\.class_name: name what is to be made in _target_",
        ),
        ("cnn", "model.layers=[{_target_: keras.layers.Dens}]", "no keras.layers.Dens; did you mean Dense"),
        ("cnn", "model.layers=[{_target_: cldnn_lab.models.blocks.recurent}]", "did you mean recurrent"),
        ("cnn", "model.layers=[{_target_: keras.layers.Dense, units: -4}]", r"model\.layers\[0\]\.units .* got -4"),
        ("rnn", "model.cell=GRUU", "model.cell='GRUU'.*did you mean GRU"),
        ("cldnn", "model.cell=LTSM", "model.cell='LTSM'.*did you mean LSTM"),
        ("rnn", "model.units=-3", r"model\.units must be a positive integer; got -3"),
        ("rnn", "model.num_layers=0", r"model\.num_layers must be a positive integer"),
        ("rnn", "model.recurrent_dropout=-0.1", r"model\.recurrent_dropout must be a rate"),
        ("binary_cnn", "model.dense=-1", r"model\.dense must be a number of units"),
    ],
)
def test_a_bad_value_is_named_by_its_key(name: str, override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refusal:
        check_model(resolved(name, override))
    assert "\n" not in str(refusal.value)


def test_what_may_be_named_is_in_keras_and_takes_neither_files_nor_functions() -> None:
    for part, names in targets._KERAS.items():
        module = importlib.import_module(f"keras.{part}")
        for name in names.split():
            arguments = inspect.signature(getattr(module, name)).parameters
            files = {FILES.get(name)} if part == "callbacks" else set()  # which lie in the run directory
            assert not {"vocabulary", "filepath", "path", "function", "module", "call_fn"} & set(arguments) - files, (
                name
            )


def test_layers_inside_branches_are_checked() -> None:
    config = resolved("inception_cnn")
    config["layers"][4]["branches"][1][0]["filters"] = 0
    with pytest.raises(ConfigError, match=r"model\.layers\[4\]\.branches\[1\]\[0\]\.filters"):
        check_model(config)


def test_good_overrides_pass() -> None:
    check_model(resolved("lenet5", "model.kernel_initializer=glorot_normal", "model.activation=sigmoid"))
    check_model(resolved("cnn", "model.kernel_initializer={_target_: keras.initializers.RandomNormal, stddev: 0.01}"))
    check_model(resolved("binary_cnn", "model.dense=0"))


def test_the_check_loads_nothing_heavy() -> None:
    code = (
        "import sys; from cldnn_lab.config.model import check_model\n"
        "try: check_model({'layers': [{'_target_': 'keras.layers.Dens'}]})\n"
        "except Exception: pass\n"
        "print([name for name in ('keras', 'numpy', 'pandas', 'tensorflow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
