"""Building networks: parameter counts, shapes, refusals, saving."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.models.build import build, count_layers, count_parameters, summarize

CONF = Path(__file__).parents[1] / "conf"

# Each model on its natural input: shape of an example, outputs, vocabulary.
NATURAL: dict[str, tuple[tuple[int, ...], int, int | None]] = {
    "binary_cnn": ((28, 28, 1), 1, None),
    "char_cnn": ((100,), 15, 256),
    "char_rnn": ((100,), 15, 256),
    "cifar_cnn": ((32, 32, 3), 10, None),
    "cldnn": ((2, 128, 1), 10, None),
    "cnn": ((28, 28, 1), 10, None),
    "cnn_example": ((10, 10, 3), 12, None),
    "dense_ann": ((28, 28, 1), 10, None),
    "inception_cnn": ((28, 28, 1), 10, None),
    "lenet5": ((28, 28, 1), 10, None),
    "mcldnn": ((2, 128, 1), 10, None),
    "modulation_cldnn": ((2, 128, 1), 10, None),
    "modulation_cnn": ((2, 128, 1), 10, None),
    "modulation_densenet": ((2, 128, 1), 10, None),
    "modulation_resnet": ((2, 128, 1), 10, None),
    "pulse_rnn": ((100, 1), 1, None),
    "residual_cnn": ((28, 28, 1), 10, None),
    "rnn": ((28, 28), 10, None),
    "shapes_cnn": ((64, 64, 1), 3, None),
    "traditional_cnn": ((28, 28, 1), 10, None),
    "word_cnn": ((100,), 15, 1000),
    "word_rnn": ((100,), 15, 1000),
}


CONV = {"_target_": "keras.layers.Conv2D", "filters": 4, "kernel_size": 1, "padding": "same"}


def own(target: str, **arguments: Any) -> dict[str, Any]:
    return {"_target_": f"cldnn_lab.models.{target}", **arguments}


def make(
    name: str,
    *overrides: str,
    shape: tuple[int, ...] | None = None,
    outputs: int | None = None,
    **more: Any,
) -> keras.Model:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(overrides=[f"+model={name}", *overrides])
    natural_shape, natural_outputs, vocabulary = NATURAL[name]
    return build(
        config.model,
        input_shape=shape or natural_shape,
        outputs=natural_outputs if outputs is None else outputs,
        data_name="pictures",
        **{"vocabulary": None if shape else vocabulary, **more},
    )


def examples(model: keras.Model, count: int = 2) -> np.ndarray:
    shape = (count, *model.input_shape[1:])
    if model.inputs[0].dtype == "int32":
        return np.random.default_rng(0).integers(0, 200, shape).astype("int32")
    return np.random.default_rng(0).random(shape, dtype="float32")


@pytest.mark.parametrize(
    ("name", "overrides", "shape", "outputs", "count"),
    [
        ("cnn", (), None, None, 628_810),
        ("cnn", ("model.dropout.input=0.3", "model.dropout.conv=0.3"), None, None, 628_810),
        ("cldnn", (), None, None, 509_314),
        ("cnn_example", (), None, None, 32_076),
        ("rnn", ("model.cell=SimpleRNN",), None, None, 21_386),
        ("rnn", ("model.cell=GRU",), None, None, 61_962),
        ("rnn", ("model.cell=LSTM",), None, None, 81_674),
        ("binary_cnn", (), None, None, 1_209),
        ("binary_cnn", ("model.filters=3", "model.pool_size=3", "model.dense=5"), None, None, 185),
        ("binary_cnn", ("model.filters=2", "model.dense=0"), None, None, 109),
        ("shapes_cnn", (), None, None, 1_671),
        ("shapes_cnn", ("model.filters=3",), None, None, 1_237),
        ("pulse_rnn", (), None, None, 2_128),
        ("traditional_cnn", (), None, None, 6_484_330),
        ("dense_ann", (), (784,), 5, 1_398_597),
        ("lenet5", (), None, None, 3_274_634),
        ("cifar_cnn", (), None, None, 378_570),
        ("char_cnn", (), None, None, 53_385),
        ("char_rnn", (), None, None, 16_995),
        ("word_cnn", (), None, None, 6_185 + 20 * 1000),
        ("word_rnn", (), None, None, 2_835 + 20 * 1000),
        ("mcldnn", (), None, 11, 405_175),
    ],
)
def test_parameter_counts(
    name: str, overrides: tuple[str, ...], shape: tuple[int, ...] | None, outputs: int | None, count: int
) -> None:
    assert count_parameters(make(name, *overrides, shape=shape, outputs=outputs)) == count


@pytest.mark.parametrize(
    ("name", "count"),
    # Those of a residual block count each, those of an inception block's branches, too; pools and dropout never do.
    [("dense_ann", 5), ("traditional_cnn", 6), ("residual_cnn", 10), ("inception_cnn", 11), ("pulse_rnn", 3)],
)
def test_layers_with_weights_are_counted(name: str, count: int) -> None:
    assert count_layers(make(name)) == count


def test_a_wrapper_is_one_layer_and_one_that_is_shared_is_counted_once() -> None:
    entry = keras.Input((4, 3))
    shared = keras.Sequential([keras.layers.Dense(3), keras.layers.Dropout(0.5)])
    both = keras.layers.Bidirectional(keras.layers.LSTM(2, return_sequences=True))(shared(shared(entry)))
    steps = keras.layers.TimeDistributed(keras.layers.Dense(2))(both)
    assert count_layers(keras.Model(entry, keras.layers.Activation("relu")(steps))) == 3


@pytest.mark.parametrize(("name", "published"), [("residual_cnn", 6_753_669), ("inception_cnn", 325_426)])
@pytest.mark.parametrize("classes", [5, 10])
def test_reconstructions_are_within_two_percent(name: str, published: int, classes: int) -> None:
    assert count_parameters(make(name, outputs=classes)) == pytest.approx(published, rel=0.02)


def test_mcldnn_differs_from_the_public_program_by_its_second_biases() -> None:
    model = make("mcldnn", outputs=11)
    biases = sum(4 * layer.units for layer in model.layers if isinstance(layer, keras.layers.LSTM))
    assert count_parameters(model) + biases == 406_199


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONF / "model").glob("*.yaml")))
def test_every_model_builds_runs_and_survives_saving(name: str, tmp_path: Path) -> None:
    model = make(name)
    if name not in ("word_cnn", "word_rnn", "rnn"):  # whose files give counts by vocabulary and by cell
        assert f"{count_parameters(model):,}" in (CONF / "model" / f"{name}.yaml").read_text()
    x = examples(model)
    y = keras.ops.convert_to_numpy(model(x))
    assert y.shape[0] == 2 and y.shape[-1] == NATURAL[name][1]
    assert np.isfinite(y).all()
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(again(x)), y, atol=1e-6)


def test_the_cldnn_reads_time_in_order() -> None:
    model = make("cldnn")
    assert model.get_layer("steps").output.shape == (None, 120, 80)
    # A change of the last sample may reach the last step only.
    head = keras.Model(model.inputs[0], model.get_layer("steps").output)
    x = examples(model, 1)
    changed = x.copy()
    changed[:, :, -1] += 1.0
    moved = np.abs(keras.ops.convert_to_numpy(head(changed) - head(x))).max(axis=(0, 2))
    assert moved[-1] > 0 and not moved[:-1].any()


def test_the_cldnn_takes_longer_vectors_and_more_classes() -> None:
    model = make("cldnn", shape=(2, 1024, 1), outputs=24)
    assert model.output_shape == (None, 24)


def test_character_models_read_ids_and_one_hot_alike() -> None:
    keras.utils.set_random_seed(1)
    by_id, by_vector = make("char_cnn"), make("char_cnn", shape=(100, 256))
    by_vector.set_weights(by_id.get_weights())
    ids = examples(by_id)
    vectors = np.eye(256, dtype="float32")[ids]
    np.testing.assert_allclose(by_id.predict(ids, verbose=0), by_vector.predict(vectors, verbose=0), atol=1e-6)


def test_dropout_sits_where_its_knob_says() -> None:
    names = [layer.name for layer in make("cnn", "model.dropout.conv=0.3", "model.dropout.conv2=0").layers]
    assert names[:3] == ["conv1", "conv1_dropout", "pool1"]
    assert "conv2_dropout" not in names and "input_dropout" not in names
    assert make("cnn", "model.dropout.conv=0.3").get_layer("conv2_dropout").rate == 0.3


def test_knobs_reach_the_layers() -> None:
    model = make("cnn", "model.activation=tanh", "model.output_activation=sigmoid", "model.use_bias=false")
    assert model.get_layer("dense1").activation is keras.activations.tanh
    assert model.get_layer("output").activation is keras.activations.sigmoid
    assert not model.get_layer("conv1").use_bias
    stack = make("rnn", "model.cell=GRU", "model.num_layers=3", "model.dropout=0.2")
    cells = [layer for layer in stack.layers if isinstance(layer, keras.layers.GRU)]
    assert [cell.return_sequences for cell in cells] == [True, True, False]
    assert sum(isinstance(layer, keras.layers.Dropout) for layer in stack.layers) == 3


def test_lenet_starts_as_published() -> None:
    keras.utils.set_random_seed(1)
    kernel, bias = (keras.ops.convert_to_numpy(w) for w in make("lenet5").get_layer("dense").weights)
    assert np.abs(kernel).max() <= 0.2 + 1e-6  # truncated at two deviations
    assert kernel.std() == pytest.approx(0.088, abs=0.001)  # 0.1 loses 12 % to the truncation
    assert (bias == np.float32(0.1)).all()
    glorot = make("lenet5", "model.kernel_initializer=glorot_normal").get_layer("dense").weights[0]
    assert keras.ops.convert_to_numpy(glorot).std() < 0.03


def test_a_seed_fixes_the_weights() -> None:
    def weights(seed: int) -> list[np.ndarray]:
        keras.utils.set_random_seed(seed)
        return make("inception_cnn").get_weights()

    first, second, other = weights(3), weights(3), weights(4)
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
    assert not (first[0] == other[0]).all()


def test_one_initializer_serves_several_layers_with_different_numbers() -> None:
    from cldnn_lab.models.blocks import dense_stack

    layers = dense_stack([8, 8], kernel_initializer=keras.initializers.RandomNormal())
    for layer in layers:
        layer.build((None, 8))
    assert not (layers[0].get_weights()[0] == layers[1].get_weights()[0]).all()


def test_the_last_layer_computes_in_float32_under_mixed_precision() -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        for name in ("binary_cnn", "residual_cnn", "char_cnn"):
            model = make(name)
            assert model.layers[-1].compute_dtype == "float32"
            assert model.layers[-2].compute_dtype == "bfloat16"
            assert keras.backend.standardize_dtype(model(examples(model)).dtype) == "float32"
    finally:
        keras.config.set_dtype_policy(before)


@pytest.mark.parametrize(
    "end",
    [
        [own("layers.Residual", layers=[CONV])],
        [own("layers.Residual", layers=[CONV], activation="linear"), {"_target_": "keras.layers.Dropout", "rate": 0}],
        [own("layers.Branches", branches=[[CONV], []]), own("layers.Branches", branches=[[CONV | {"filters": 4}]])],
        [own("layers.Chain", layers=[CONV])],
        [own("layers.PerRow", layers=2 * [CONV | {"_target_": "keras.layers.Conv1D"}])],
        [own("blocks.dense_stack", widths=4)],
        [CONV, own("blocks.dense_stack", widths=0)],
        [{"_target_": "keras.layers.TimeDistributed", "layer": {"_target_": "keras.layers.Dense", "units": 4}}],
    ],
)
def test_a_network_that_ends_in_a_block_answers_in_float32_under_mixed_precision(end: list[dict[str, Any]]) -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        config = OmegaConf.create({"layers": [CONV, *end]})
        model = build(config, input_shape=(2, 6, 1), outputs=4, data_name="pictures")
        assert model.layers[0].compute_dtype == "bfloat16"
        assert keras.backend.standardize_dtype(model(examples(model)).dtype) == "float32"
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy(before)


@pytest.mark.parametrize(
    ("name", "overrides", "more", "said"),
    [
        ("rnn", (), {"shape": (28, 28, 1)}, r"gives images .*\(28, 28, 1\).*data\.layout=sequence"),
        ("cnn", (), {"shape": (28, 28)}, r"images .* pictures gives sequences .*\(28, 28\).*model=rnn"),
        ("cldnn", (), {"shape": (128, 2)}, r"sequences .*\(128, 2\).*data\.layout=image"),
        ("cnn", (), {"shape": (784,)}, r"vectors .*\(784,\)"),
        ("word_rnn", (), {"shape": (100, 20)}, r"sequences of ids .* pictures gives sequences"),
        ("char_rnn", (), {"shape": (28, 28, 1)}, r"OneHot.*\(28, 28, 1\): reads ids"),
        ("char_cnn", (), {"shape": (784,)}, r"OneHot.*\(784\): reads ids"),
        ("rnn", (), {"shape": (100,), "vocabulary": 50}, r"model=word_rnn"),
        ("cnn", (), {"shape": (7, 7, 1)}, r"conv2.*kernel \(3, 3\) is larger than its input of shape \(2, 2, 256\)"),
        ("cnn", ("model.kernel_size=30",), {}, r"conv1.*kernel \(30, 30\) is larger .*\(28, 28, 1\)"),
        ("cnn_example", (), {"shape": (8, 8, 3)}, r"pool \(2, 2\) is larger than its input of shape \(1, 1, 64\)"),
        ("cnn", ("model.outputs=9",), {}, r"model\.outputs=9 does not fit pictures, which needs 10"),
        ("cnn", (), {"outputs": 1}, r"model\.output_activation=softmax over a single output"),
        ("mcldnn", (), {"shape": (3, 128, 1)}, r"model\.layers\[0\].*\(3, 128, 1\): 2 layers for 3 rows"),
        ("cnn", ("model.layers=[{_target_: keras.layers.Flatten},{_target_: keras.layers.Dense,units: 3}]",), {},
         r"ends in 3 outputs but pictures needs 10"),
        ("cnn", ("model.layers=[{_target_: keras.layers.Dense,units: 3},{_target_: keras.layers.LSTM,units: 3}]",), {},
         r"model\.layers\[1\] \(LSTM .*cannot take input of shape \(28, 28, 3\)"),
        ("cnn", ("model.layers=[{_target_: keras.layers.Dense,unit: 3}]",), {},
         r"model\.layers\[0\] \(keras\.layers\.Dense\)"),
        ("cnn", (), {"stateful": True, "batch_size": 4}, r"no knob model\.stateful"),
        ("pulse_rnn", (), {"stateful": True}, r"fixed batch"),
        ("cnn", ("model.dropout.conv1=${model.dropout.first}",), {}, r"refers to something it does not hold"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_sentence(
    name: str, overrides: tuple[str, ...], more: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as refusal:
        make(name, *overrides, **more)
    assert "\n" not in str(refusal.value)


def test_a_skip_that_cannot_be_added_is_refused() -> None:
    from cldnn_lab.models.layers import Residual

    with pytest.raises(ValueError, match="cannot be added"):
        Residual([keras.layers.Conv2D(4, 3)])(keras.KerasTensor((None, 8, 8, 4)))


def test_the_layer_table_adds_up() -> None:
    model = make("cldnn")
    table = summarize(model)
    lines = table.splitlines()
    assert len({len(line) for line in lines[: len(model.layers) + 2]}) == 1  # aligned
    counts = [int(line.split()[-1].replace(",", "")) for line in lines[2 : 2 + len(model.layers)]]
    assert sum(counts) == 509_314 == count_parameters(model)
    assert "total parameters 509,314" in table and "(120, 80)" in table


def test_the_layer_table_leaves_hidden_states_out() -> None:
    model = make("pulse_rnn", shape=(50, 1), stateful=True, batch_size=20)
    assert count_parameters(model) == 2_128
    assert "trainable parameters 2,128" in summarize(model)
    assert "non-trainable parameters 0" in summarize(model)
