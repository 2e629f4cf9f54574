from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from keras import layers
from omegaconf import OmegaConf
from PIL import Image

from cldnn_lab import diagnostics, inspect
from cldnn_lab.config.diagnostics import choose_diagnostics
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.diagnostics import (
    Subject,
    active_units,
    list_diagnostics,
    list_files,
    make_listeners,
    read_figures,
    run_diagnostics,
)
from cldnn_lab.diagnostics.deconvnet import convolve_transposed, unpool
from cldnn_lab.evaluation.predictor import Predictor
from cldnn_lab.figures import style
from cldnn_lab.launch.preflight import check_config
from cldnn_lab.runs import results
from cldnn_lab.runs.directory import Run
from cldnn_lab.storage import manifest
from cldnn_lab.train import train

CONFIGS = Path(__file__).parent.parent / "conf"


def dataset_of(
    x: np.ndarray, y: np.ndarray | None = None, task: str = "multiclass", classes: int = 3, **more: Any
) -> Dataset:
    rng = np.random.default_rng(0)
    target = rng.integers(0, classes, len(x)).astype(np.int32) if y is None else y
    split = Split(x.astype(more.pop("dtype", np.float32)), target)
    names = () if task == "regression" else tuple(f"class {i}" for i in range(classes))
    return Dataset("made", task, split, split, names, "made by the test", synthetic=True, **more)  # type: ignore[arg-type]


def images(count: int = 20, channels: int = 1) -> Dataset:
    return dataset_of(np.random.default_rng(1).random((count, 8, 8, channels)))


def network(*stack: keras.layers.Layer, shape: tuple[int, ...] = (8, 8, 1)) -> keras.Model:
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input(shape), *stack], name="net")


def small_cnn() -> keras.Model:
    return network(
        layers.Conv2D(4, 3, activation="relu", name="conv1"),
        layers.MaxPooling2D(2, name="pool1"),
        layers.Conv2D(5, 2, activation="relu", name="conv2"),
        layers.Dropout(0.5),
        layers.Flatten(),
        layers.Dense(3, activation="softmax", name="output"),
    )


def subject_of(model: keras.Model, dataset: Dataset, loss: str = "crossentropy") -> Subject:
    return Subject(model, dataset, Predictor.make(model, dataset, loss, 0.5), "net on made")


def diagnose(name: str, model: Any, dataset: Any, folder: Path, **options: Any) -> list[Path]:
    subject = None if model is None else subject_of(model, dataset)
    files = run_diagnostics(choose_diagnostics({name: options}), subject, folder)
    # A run sees beforehand that no file of the user's has one of these names.
    assert all(any(path.match(pattern) for pattern in list_files([name])) for path in files)
    assert {path.name for path in files} <= set(manifest.list_names(folder))
    return files


def is_picture(path: Path) -> bool:
    with Image.open(path) as picture:
        return bool(np.asarray(picture.convert("L")).std() > 3)


# ---------------------------------------------------------------------------------------------- choosing


@pytest.mark.parametrize("value", ["filters,deconvnet", ["filters", "deconvnet"], {"filters": None, "deconvnet": {}}])
def test_diagnostics_are_named_in_several_ways(value: Any) -> None:
    assert list(choose_diagnostics(value)) == ["filters", "deconvnet"]
    assert choose_diagnostics(OmegaConf.create({"d": value}).d).keys() == choose_diagnostics(value).keys()


def test_nothing_asked_is_nothing_run() -> None:
    assert choose_diagnostics(None) == {} == choose_diagnostics([])


def test_options_are_typed_and_one_value_stands_for_a_list() -> None:
    options = choose_diagnostics({"feature_maps": {"images": 3, "stage": "after"}})["feature_maps"]
    assert options == diagnostics.find_diagnostic("feature_maps").Options(images=[3], stage="after")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("filtres", "did you mean filters"),
        (3, "not a name"),
        ({"filters": 3}, "must be options"),
        ({"feature_maps": {"imags": [1]}}, "feature_maps.imags: unknown key; did you mean images"),
        ({"feature_maps": {"images": [-1]}}, "at least 0"),
        ({"feature_maps": {"images": ["a"]}}, "could not be converted"),
        ({"feature_maps": {"stage": "afterwards"}}, "did you mean after"),
        ({"predictions": {"number": 1000}}, "at most 120"),
        ({"predictions": {"threshold": 1.5}}, "must be below 1"),
    ],
)
def test_wrong_choices_are_one_sentence(value: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        choose_diagnostics(value)


def test_choosing_imports_nothing_heavy() -> None:
    check = (
        "import sys, cldnn_lab.inspect; from cldnn_lab.config.diagnostics import choose_diagnostics as choose; "
        f"choose({list_diagnostics()}); "
        "sys.exit(bool({'keras', 'pandas', 'scipy', 'sklearn', 'matplotlib', 'tensorflow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


# ------------------------------------------------------------------------------------- a diagnostic of one's own

COUNT_PARAMETERS = '''
"""How many parameters the network has, for the users of a test."""

from dataclasses import dataclass, field

from cldnn_lab.storage.tables import write_json

FILES = ("count_parameters.json",)


@dataclass
class Options:
    """How many parameters the network has.

    Attributes:
        times: what their number is multiplied by.
    """

    times: int = field(default=1, metadata={"min": 1})


def run(subject, folder, options):
    number = options.times * subject.model.count_params()
    return [write_json(folder / "count_parameters.json", {"parameters": number})]
'''
LISTENING = """

def listen(subject, folder, options, find_epoch):
    from cldnn_lab.training.listeners.base import Listener

    class Counter(Listener):
        def on_epoch_end(self, epoch, logs=None):
            write_json(folder / "count_parameters.json", {"epochs": find_epoch(epoch)})

    return Counter()
"""


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Adds a diagnostic to those that there are, as a file in the package would."""

    def add(text: str) -> None:
        folder = tmp_path_factory.mktemp("own")
        (folder / "count_parameters.py").write_text(text)
        monkeypatch.setattr(diagnostics, "__path__", [*diagnostics.__path__, str(folder)])
        monkeypatch.delitem(sys.modules, "cldnn_lab.diagnostics.count_parameters", raising=False)

    yield add
    sys.modules.pop("cldnn_lab.diagnostics.count_parameters", None)


def test_a_new_diagnostic_is_one_module(
    own: Any, composed: Any, tmp_path: Path, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own(COUNT_PARAMETERS)
    small = ["model=cnn_example", "data=random", "data.train_limit=40", "data.test_limit=30", "epochs=1"]
    chosen = [*small, "diagnostics={count_parameters:{times:2}}"]
    train(check_config(composed(*chosen, f"backend={keras.backend.backend()}")), Run(tmp_path))
    kept = json.loads((tmp_path / "count_parameters.json").read_text())
    assert kept == {"parameters": 2 * Run(tmp_path).metrics["parameters"]}
    assert "count_parameters.json" in manifest.list_names(tmp_path)
    assert inspect.main([str(run_folder), "diagnostics=count_parameters", f"folder={tmp_path / 'later'}"]) == 0
    assert (tmp_path / "later" / "count_parameters.json").is_file()
    inspect.main(["--help"])
    assert "How many parameters the network has." in capsys.readouterr().out
    # Its options are checked, and a file of the user's of that name is seen before anything is trained.
    with pytest.raises(ConfigError, match=r"diagnostics.count_parameters.times: 0 must be at least 1"):
        check_config(composed("diagnostics={count_parameters:{times:0}}"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "count_parameters.json").write_text("mine")
    with pytest.raises(ConfigError, match=r"count_parameters.json would be overwritten"):
        Run(tmp_path / "other").check()


def test_a_new_diagnostic_may_listen_to_training(own: Any, composed: Any, tmp_path: Path) -> None:
    own(COUNT_PARAMETERS + LISTENING)
    small = ["model=cnn_example", "data=random", "data.train_limit=40", "data.test_limit=30", "epochs=3"]
    overrides = [*small, "diagnostics=count_parameters", f"backend={keras.backend.backend()}"]
    train(check_config(composed(*overrides)), Run(tmp_path))
    assert json.loads((tmp_path / "count_parameters.json").read_text()) == {"epochs": 3}


# ----------------------------------------------------------------------------------------------- filters


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[Any, ...]]:
    """The values that each drawing function was given."""
    kept: dict[str, tuple[Any, ...]] = {}
    for name in ("filters", "feature_maps", "hidden_traces", "deconvnet"):
        module = diagnostics.find_diagnostic(name)
        draw = module.draw

        def keep(*values: Any, _draw: Any = draw, _name: str = name, **more: Any) -> Path:
            kept[_name] = values
            return _draw(*values, **more)

        monkeypatch.setattr(module, "draw", keep)
    return kept


@pytest.mark.parametrize(
    ("stack", "shape", "tiles"),
    [
        ([layers.Conv2D(4, (3, 2))], (8, 8, 1), (4, 3, 2)),
        ([layers.Conv2D(4, (3, 2))], (8, 8, 3), (4, 3, 2, 3)),
        ([layers.Conv2D(4, (3, 2))], (8, 8, 5), (4, 3, 2)),
        ([layers.Conv1D(6, 3)], (20, 2), (6, 2, 3)),
        ([layers.Flatten(), layers.Dense(7)], (8, 8, 1), (7, 8, 8)),
        ([layers.GRU(5)], (20, 2), (1, 2, 15)),
    ],
)
def test_filters_are_the_first_layers_weights(
    stack: list[Any], shape: tuple[int, ...], tiles: tuple[int, ...], tmp_path: Path, handed: dict[str, Any]
) -> None:
    model = network(*[type(layer).from_config(layer.get_config()) for layer in stack], shape=shape)
    (path,) = diagnose("filters", model, dataset_of(np.zeros((2, *shape))), tmp_path)
    assert path == tmp_path / "filters.png" and is_picture(path)
    assert handed["filters"][0].shape == tiles


def test_filter_tiles_hold_the_weights_in_place(tmp_path: Path, handed: dict[str, Any]) -> None:
    model = small_cnn()
    diagnose("filters", model, images(), tmp_path, layer="conv1", limit=3)
    kernel = keras.ops.convert_to_numpy(model.get_layer("conv1").kernel)
    assert handed["filters"][0] == pytest.approx(np.stack([kernel[..., 0, i] for i in range(3)]))


def test_filters_of_a_network_without_weights_and_unknown_layers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no layer of this network has a kernel"):
        diagnose("filters", network(layers.Flatten()), images(), tmp_path)
    with pytest.raises(ConfigError, match="no layer 'conv3'; did you mean conv"):
        diagnose("filters", small_cnn(), images(), tmp_path, layer="conv3")
    with pytest.raises(ConfigError, match=r"pool1 .* has no kernel"):
        diagnose("filters", small_cnn(), images(), tmp_path, layer="pool1")


# ------------------------------------------------------------------------------------------ feature maps


def test_feature_maps_are_what_the_layers_make_of_the_image(tmp_path: Path, handed: dict[str, Any]) -> None:
    conv = layers.Conv2D(2, 1, use_bias=False)
    model = network(conv, layers.MaxPooling2D(4), layers.Flatten(), layers.Dense(3))
    conv.set_weights([np.array([2.0, -1.0]).reshape(1, 1, 1, 2)])
    data = images()
    (path,) = diagnose("feature_maps", model, data, tmp_path, images=[4])
    assert path.name == "feature_maps_4.png" and is_picture(path)
    picture, convolved, pooled = handed["feature_maps"][0]
    x = data.test.x[4, ..., 0]
    assert picture.maps[0] == pytest.approx(x)
    assert convolved.maps == pytest.approx(np.stack([2 * x, -x]))
    assert pooled.maps[0, 0, 1] == pytest.approx(2 * x[:4, 4:].max())


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"stage": "before"}, ["conv1", "conv2"]),
        ({"stage": "after"}, ["pool1"]),
        ({"stage": "both"}, ["conv1", "pool1", "conv2"]),
        ({"layers": ["dropout"]}, ["dropout"]),
    ],
)
def test_feature_maps_before_and_after_pooling(
    options: dict[str, Any], names: list[str], tmp_path: Path, handed: dict[str, Any]
) -> None:
    model = network(
        layers.Conv2D(4, 3, name="conv1"),
        layers.MaxPooling2D(2, name="pool1"),
        layers.Conv2D(5, 2, name="conv2"),
        layers.Dropout(0.5, name="dropout"),
    )
    diagnose("feature_maps", model, images(), tmp_path, images=0, limit=3, **options)
    shown = handed["feature_maps"][0][1:]
    assert [layer.title.split()[0] for layer in shown] == names
    assert all(len(layer.maps) == 3 and layer.note.startswith("first 3 of") for layer in shown)


def test_feature_maps_of_signals_and_colour_images(tmp_path: Path) -> None:
    signals = dataset_of(np.random.default_rng(0).normal(size=(3, 2, 32, 1)), time_axis=1)
    one = network(layers.Conv2D(6, (1, 3)), layers.Conv2D(4, (2, 3)), shape=(2, 32, 1))
    two = network(layers.Conv1D(6, 3), layers.MaxPooling1D(2), shape=(32, 2))
    sequences = dataset_of(np.random.default_rng(0).normal(size=(3, 32, 2)))
    three = network(layers.Conv2D(6, 3), shape=(8, 8, 3))
    for model, data in ((one, signals), (two, sequences), (three, images(channels=3))):
        assert all(is_picture(path) for path in diagnose("feature_maps", model, data, tmp_path, images=2))


def test_feature_maps_without_maps_or_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no convolution or pooling layer"):
        diagnose("feature_maps", network(layers.Flatten(), layers.Dense(3)), images(), tmp_path)
    with pytest.raises(ConfigError, match="no example 20; the last of these 20 is 19"):
        diagnose("feature_maps", small_cnn(), images(), tmp_path, images=[0, 20])
    with pytest.raises(ConfigError, match="output has no maps"):
        diagnose("feature_maps", small_cnn(), images(), tmp_path, layers=["output"])


# ---------------------------------------------------------------------------------------------- activity


def test_activation_stats_are_those_of_all_outputs(tmp_path: Path) -> None:
    model, data = small_cnn(), images(300)
    table_path, picture = diagnose("activation_stats", model, data, tmp_path, examples=300)
    table = pd.read_csv(table_path).set_index("layer")
    assert list(table.index) == ["conv1", "pool1", "conv2", "output"]
    inner = keras.Model(model.inputs[0], model.get_layer("conv2").output)
    values = keras.ops.convert_to_numpy(inner(data.test.x, training=False))
    row = table.loc["conv2"]
    assert row["values"] == values.size
    assert row["mean"] == pytest.approx(values.mean(), rel=1e-4)
    assert row["standard_deviation"] == pytest.approx(values.std(), rel=1e-4)
    assert row["variance"] == pytest.approx(values.var(), rel=1e-4)
    assert row["zero_share"] == pytest.approx((values == 0).mean(), abs=1e-3)
    assert (row["minimum"], row["maximum"]) == (0, pytest.approx(values.max(), rel=1e-4))
    assert is_picture(picture)


def relu_network() -> keras.Model:
    return network(
        layers.Flatten(),
        layers.Dense(400, activation="relu", name="dropped"),
        layers.Dropout(0.5),
        layers.BatchNormalization(),
        layers.Dense(30, activation="tanh"),
        layers.Dense(50, activation="relu", name="kept"),
        layers.Dense(3, activation="softmax"),
    )


def test_active_units_are_fewer_in_training_where_dropout_follows(tmp_path: Path) -> None:
    model, data = relu_network(), images()
    before = [keras.ops.convert_to_numpy(v) for v in model.variables]
    table_path, picture = diagnose("active_units", model, data, tmp_path, images=list(range(10)))
    after = [keras.ops.convert_to_numpy(v) for v in model.variables]
    assert all((a == b).all() for a, b in zip(before, after, strict=True))
    table = pd.read_csv(table_path).set_index("layer")
    assert list(table.index) == ["dropped", "kept"]
    assert table.loc["dropped", "units"] == 400
    with Image.open(picture) as drawn:
        assert "on 10 fixed test examples" in drawn.info["Title"]
    inner = keras.Model(model.inputs[0], model.get_layer("dropped").output)
    active = (keras.ops.convert_to_numpy(inner(data.test.x[:10])) > 0).sum(axis=1).mean()
    assert table.loc["dropped", "test"] == pytest.approx(active)
    assert table.loc["dropped", "training"] == pytest.approx(active / 2, rel=0.15)
    assert is_picture(picture)


def test_listening_counts_at_chosen_epochs_and_changes_nothing(tmp_path: Path) -> None:
    data = images()
    trained = []
    for name, asked in (
        ("alone", None),
        ("chosen", {"active_units": {"images": [0, 1], "epochs": [2]}}),
        ("usual", "active_units"),
    ):
        model = relu_network()
        model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
        listeners = make_listeners(choose_diagnostics(asked), subject_of(model, data), tmp_path / name).values()
        model.fit(data.train.x, data.train.y, epochs=4, batch_size=10, verbose=0, callbacks=[*listeners])
        trained.append([keras.ops.convert_to_numpy(w) for w in model.weights])
    assert all((a == b).all() and (a == c).all() for a, b, c in zip(*trained, strict=True))
    for name, counted in (("chosen", [2, 4]), ("usual", [1, 2, 3, 4])):
        table = pd.read_csv(tmp_path / name / "active_units.csv")
        assert table["epoch"].unique().tolist() == counted
        assert is_picture(tmp_path / name / "active_units.png")


def test_counting_goes_on_from_what_a_checkpoint_kept(tmp_path: Path) -> None:
    model, data = relu_network(), images()
    model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
    asked = choose_diagnostics({"active_units": {"epochs": [1, 2]}})
    first, second = (make_listeners(asked, subject_of(model, data), tmp_path)["active_units"] for _ in range(2))
    first.set_model(model)
    first.on_train_begin()
    first.on_epoch_end(0)
    second.set_model(model)
    second.on_train_begin()
    second.set_state(json.loads(json.dumps(first.get_state())))
    second.on_epoch_end(1)
    second.on_train_end()
    table = pd.read_csv(tmp_path / "active_units.csv")
    assert table["epoch"].tolist() == [1, 1, 2, 2] and (table["test"] > 0).all()


def test_active_units_need_a_relu(tmp_path: Path) -> None:
    model = network(layers.Flatten(), layers.Dense(3, activation="tanh"))
    with pytest.raises(ConfigError, match="no layer of this network has a ReLU"):
        diagnose("active_units", model, images(), tmp_path)
    model.compile("sgd", "mse")
    listeners = make_listeners(choose_diagnostics("active_units"), subject_of(model, images()), tmp_path).values()
    with pytest.raises(ConfigError, match="ReLU"):
        model.fit(np.zeros((4, 8, 8, 1)), np.zeros((4, 3)), verbose=0, callbacks=[*listeners])


# ----------------------------------------------------------------------------------------- hidden traces


def test_hidden_traces_end_where_the_layer_does(tmp_path: Path, handed: dict[str, Any]) -> None:
    model = network(
        layers.LSTM(4, return_sequences=True, name="rnn1"),
        layers.Bidirectional(layers.GRU(3), name="rnn2"),
        layers.Dense(3, activation="softmax"),
        shape=(12, 2),
    )
    data = dataset_of(np.random.default_rng(0).normal(size=(5, 12, 2)))
    table_path, picture = diagnose("hidden_traces", model, data, tmp_path, images=2)
    sequence, target, prediction, hidden = handed["hidden_traces"][:4]
    assert sequence == pytest.approx(data.test.x[2])
    assert target is None and prediction is None
    assert {name: states.shape for name, states in hidden.items()} == {"rnn1": (12, 4), "rnn2": (12, 6)}
    inner = keras.Model(model.inputs[0], model.get_layer("rnn2").output)
    last = keras.ops.convert_to_numpy(inner(data.test.x[2:3]))[0]
    # The forward half ends at the last step, the backward half at the first.
    assert hidden["rnn2"][-1, :3] == pytest.approx(last[:3], abs=1e-5)
    assert hidden["rnn2"][0, 3:] == pytest.approx(last[3:], abs=1e-5)
    table = pd.read_csv(table_path)
    assert len(table) == 12 and "rnn2_5" in table
    assert is_picture(picture)


def test_hidden_traces_of_a_sequence_to_sequence_network(tmp_path: Path, handed: dict[str, Any]) -> None:
    x = np.random.default_rng(0).normal(size=(4, 15, 1)).astype(np.float32)
    data = dataset_of(x, y=x * 2, task="regression")
    model = network(layers.SimpleRNN(5, return_sequences=True), layers.Dense(1), shape=(15, 1))
    diagnose("hidden_traces", model, data, tmp_path)
    _, target, prediction, _ = handed["hidden_traces"][:4]
    assert target == pytest.approx(2 * x[0])
    assert prediction == pytest.approx(keras.ops.convert_to_numpy(model(x[:1]))[0], abs=1e-5)


def test_hidden_traces_of_a_layer_with_steps_of_its_own_say_so(tmp_path: Path) -> None:
    model = network(
        layers.Conv1D(3, 4, strides=2), layers.GRU(2, return_sequences=True, name="behind"), layers.Dense(1),
        shape=(20, 1),
    )  # fmt: skip
    states = np.zeros((9, 2))
    drawn: list[Any] = []
    save = style.save

    def keep(figure: Any, *rest: Any) -> Path:
        drawn.append(figure)
        return save(figure, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "save", keep)
        diagnose("hidden_traces", model, dataset_of(np.zeros((2, 20, 1))), tmp_path)
    labels = [axes.get_ylabel() for axes in drawn[0].axes]
    assert labels[0] == "input" and labels[1] == f"behind\n({len(states)} steps)"


def test_hidden_traces_need_a_recurrent_layer(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no recurrent layer"):
        diagnose("hidden_traces", small_cnn(), images(), tmp_path)


# ----------------------------------------------------------------------------------------------- metrics


def test_metrics_of_the_training_set_are_those_of_the_trained_network(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 5)).astype(np.float32)
    data = dataset_of(x, rng.integers(0, 3, 40))
    train = Split(data.train.x[:30], data.train.y[:30])
    model = network(layers.Dropout(0.5), layers.Dense(3), shape=(5,))  # logits
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    table, picture = diagnose("metrics", model, replace(data, train=train), tmp_path)
    assert table.name == "metrics_train.json" and is_picture(picture)
    figures = json.loads(table.read_text())
    assert figures["log_loss"] == pytest.approx(model.evaluate(train.x, train.y, verbose=0), rel=1e-4)
    right = keras.ops.convert_to_numpy(model(train.x)).argmax(axis=1) == train.y
    assert figures["accuracy"] == pytest.approx(right.mean())


def test_figures_of_diagnostics_have_names_of_their_own(tmp_path: Path) -> None:
    model, data = relu_network(), images()
    assert read_figures(tmp_path) == {}
    (table_path, _), _ = (diagnose(name, model, data, tmp_path) for name in ("activation_stats", "metrics"))
    figures = read_figures(tmp_path)
    table = pd.read_csv(table_path).set_index("layer")
    for name in ("mean", "standard_deviation", "variance", "zero_share"):
        assert figures[f"activation_stats.kept.{name}"] == pytest.approx(table.loc["kept", name])
    written = json.loads((tmp_path / "metrics_train.json").read_text())
    assert figures["metrics.train_accuracy"] == written["accuracy"]
    assert not any(name.endswith((".kind", ".values", ".layer")) for name in figures)


def test_active_units_that_were_counted_last_are_the_figures(tmp_path: Path) -> None:
    rows = [(1, "conv.1", 9, 4.0, 5.0), (1, "2", 3, 1.0, 2.0), (1.5, "conv.1", 9, 6.0, 7.0), (1.5, "2", 3, 2.0, 3.0)]
    active_units.write_files([(None, "2", 3, 0.0, 1.0)], tmp_path, "active_units_trained", "made up", "noise")
    assert read_figures(tmp_path) == {"active_units.2.training": 0, "active_units.2.test": 1}
    active_units.write_files(rows, tmp_path, "active_units", "made up", "noise")
    assert read_figures(tmp_path) == {
        "active_units.conv.1.training": 6, "active_units.conv.1.test": 7,
        "active_units.2.training": 2, "active_units.2.test": 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("metrics_train.json", "{"),
        ("metrics_train.json", "[1]"),
        ("activation_stats.csv", ""),
        ("activation_stats.csv", "layer,mean\nconv1,0.1\n"),
        ("active_units.csv", "layer,training,test\nconv1,many,2\n"),
    ],
)
def test_figures_that_cannot_be_read_are_told_in_one_sentence(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text)
    name = file.removesuffix(".csv").partition("_train")[0]
    with pytest.raises(ConfigError, match=f"what diagnostics={name} left there cannot be read"):
        read_figures(tmp_path)


def test_metrics_of_two_classes_and_of_numbers(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 5)).astype(np.float32)
    binary = dataset_of(x, rng.integers(0, 2, 40), task="binary", classes=2)
    one = network(layers.Dense(1, activation="sigmoid"), shape=(5,))
    table, _ = diagnose("metrics", one, binary, tmp_path / "binary", threshold=0.7, split="test")
    scores = keras.ops.convert_to_numpy(one(x))[:, 0]
    assert table.name == "metrics_test.json"
    assert json.loads(table.read_text())["sensitivity"] == pytest.approx((scores > 0.7)[binary.test.y == 1].mean())

    numbers = dataset_of(x, y=x, task="regression")
    same = network(layers.Activation("linear"), shape=(5,))
    (table,) = diagnose("metrics", same, numbers, tmp_path / "numbers")
    assert json.loads(table.read_text())["normalised_error"] == 0


# ------------------------------------------------------------------------------------------- predictions


def test_predictions_rank_the_worst_first(tmp_path: Path) -> None:
    model, data = small_cnn(), images(90)
    table_path, picture = diagnose("predictions", model, data, tmp_path, examples=80, number=7)
    table = pd.read_csv(table_path)
    outputs = keras.ops.convert_to_numpy(model(data.test.x, training=False))
    target = data.test.y
    seen = table["index"].to_numpy()
    assert len(table) == table["index"].nunique() == 80 and set(table["index"]) <= set(range(90))
    assert table["margin"].is_monotonic_increasing
    assert table["correct"].is_monotonic_increasing  # every wrong one before every right one
    assert table["correct"].mean() == pytest.approx((outputs.argmax(axis=1) == target)[seen].mean())
    first = table.iloc[0]
    assert first["true"] == f"class {target[first['index']]}"
    assert first["score_true"] == pytest.approx(outputs[first["index"], target[first["index"]]], abs=1e-5)
    assert is_picture(picture)


def test_diagnostics_of_some_of_the_examples_see_every_class(tmp_path: Path, handed: dict[str, Any]) -> None:
    """Files often have their examples class by class, so that the first ones are of a few classes alone."""
    x = np.repeat(np.arange(3.0), 30)[:, None, None, None] * np.ones((1, 8, 8, 1))
    data = dataset_of(x, np.repeat(np.arange(3), 30))
    model = network(layers.Conv2D(1, 1, use_bias=False, name="same"), layers.Flatten(), layers.Dense(3))
    model.get_layer("same").set_weights([np.ones((1, 1, 1, 1))])
    table = pd.read_csv(diagnose("predictions", model, data, tmp_path, examples=9)[0])
    assert sorted(table["true"]) == sorted(["class 0", "class 1", "class 2"] * 3)
    assert (table["true"] == "class " + (table["index"] // 30).astype(str)).all()
    stats = pd.read_csv(diagnose("activation_stats", model, data, tmp_path, examples=9)[0]).set_index("layer")
    assert stats.loc["same", "mean"] == pytest.approx(1)
    diagnose("deconvnet", model, data, tmp_path, examples=9, top_images=9)
    ((_, _, causes),) = handed["deconvnet"][0]
    assert sorted(cause.max() for cause in causes) == [1, 1, 1, 2, 2, 2]  # zeros excite nothing


def test_an_output_that_is_no_number_is_no_prediction(tmp_path: Path, handed: dict[str, Any]) -> None:
    data = dataset_of(np.full((4, 8, 8, 1), np.nan), np.array([0, 1, 2, 0]))
    model = network(layers.Conv2D(1, 1), layers.Flatten(), layers.Dense(3))
    table = pd.read_csv(diagnose("predictions", model, data, tmp_path)[0])
    assert not table["correct"].any() and set(table["predicted"]) == {"no class"}
    diagnose("feature_maps", model, data, tmp_path, images=0)
    assert handed["feature_maps"][1].name == "feature_maps_0.png"
    with Image.open(handed["feature_maps"][1]) as picture:
        assert picture.info["Title"].endswith("true class 0, predicted no class")


def test_predictions_of_every_kind_of_data(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    binary = dataset_of(rng.random((20, 8, 8, 1)), rng.integers(0, 2, 20), task="binary", classes=2)
    one = network(layers.Flatten(), layers.Dense(1, activation="sigmoid"))
    table = pd.read_csv(diagnose("predictions", one, binary, tmp_path / "binary", threshold=0.4)[0])
    scores = keras.ops.convert_to_numpy(one(binary.test.x))[:, 0]
    assert table["correct"].mean() == pytest.approx(((scores > 0.4) == binary.test.y).mean())

    x = rng.normal(size=(6, 15, 1)).astype(np.float32)
    regression = dataset_of(x, y=x, task="regression")
    two = network(layers.GRU(2, return_sequences=True), layers.Dense(1), shape=(15, 1))
    table_path, picture = diagnose("predictions", two, regression, tmp_path / "regression")
    errors = ((keras.ops.convert_to_numpy(two(x)) - x) ** 2).mean(axis=(1, 2))
    assert pd.read_csv(table_path)["mse"].to_numpy() == pytest.approx(np.sort(errors)[::-1], rel=1e-4)
    assert is_picture(picture)

    ids = dataset_of(rng.integers(0, 9, (6, 10)), dtype=np.int32, vocabulary=9)
    three = network(layers.Embedding(9, 4), layers.GRU(3), layers.Dense(3, activation="softmax"), shape=(10,))
    assert [path.name for path in diagnose("predictions", three, ids, tmp_path / "ids")] == ["predictions.csv"]


def test_loss_function_needs_neither_network_nor_data(tmp_path: Path) -> None:
    (path,) = diagnose("loss_function", None, None, tmp_path / "new")
    assert path.name == "loss_function.png" and is_picture(path)


# --------------------------------------------------------------------------------------------- deconvnet


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("strides", "dilation"), [((1, 1), (1, 1)), ((2, 3), (1, 1)), ((1, 1), (2, 1))])
def test_transposed_convolution_is_the_adjoint_of_the_convolution(
    padding: str, strides: tuple[int, int], dilation: tuple[int, int]
) -> None:
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(1, 11, 10, 3)).astype("f"), rng.normal(size=(3, 4, 3, 5)).astype("f")
    stride: Any = strides if keras.backend.backend() != "torch" else list(strides)
    y = keras.ops.convert_to_numpy(keras.ops.conv(x, kernel, strides=stride, padding=padding, dilation_rate=dilation))
    signal = rng.normal(size=y.shape[1:]).astype("f")
    back = convolve_transposed(signal, kernel, x.shape[1:], strides, padding, dilation)
    assert back.shape == x.shape[1:]
    # <K x, s> = <x, K' s> for every x and s is what makes K' the adjoint of K.
    assert np.sum(y[0] * signal) == pytest.approx(np.sum(x[0] * back), rel=1e-3)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "strides"), [((2, 2), (2, 2)), ((3, 2), (2, 1))])
def test_unpooling_puts_values_back_at_the_maxima(
    size: tuple[int, int], strides: tuple[int, int], padding: str
) -> None:
    x = np.random.default_rng(0).random((7, 8, 2)).astype("f")
    pool = keras.ops.max_pool(x[None], size, strides=strides, padding=padding)
    pooled = keras.ops.convert_to_numpy(pool)[0]
    back = unpool(np.ones_like(pooled), x, size, strides, padding)
    assert back.sum() == pooled.size
    # A place is a switch exactly if its value is the maximum of some window.
    for channel in range(2):
        assert set(x[..., channel][back[..., channel] > 0]) == set(pooled[..., channel].reshape(-1))


def test_deconvnet_projects_the_strongest_activation_to_its_cause(tmp_path: Path, handed: dict[str, Any]) -> None:
    conv = layers.Conv2D(2, 1, activation="relu", use_bias=False)
    model = network(conv, layers.MaxPooling2D(2), layers.Conv2D(2, 1, use_bias=False, name="top"), layers.Flatten())
    conv.set_weights([np.array([1.0, -1.0]).reshape(1, 1, 1, 2)])
    model.get_layer("top").set_weights([np.array([[3.0, 0.0], [0.0, 3.0]]).reshape(1, 1, 2, 2)])
    data = images(12)
    (path,) = diagnose("deconvnet", model, data, tmp_path, maps=[0, 1], top_images=2)
    assert is_picture(path)
    ((caption, projected, causes),) = handed["deconvnet"][0]  # map 1 sees only negated inputs: never active
    assert caption == "map 0"
    peaks = data.test.x.max(axis=(1, 2, 3))
    best = int(peaks.argmax())
    assert causes[0] == pytest.approx(data.test.x[best])
    expected = np.where(data.test.x[best] == peaks[best], 9 * peaks[best], 0)
    assert projected[0] == pytest.approx(expected)


def test_deconvnet_says_what_it_cannot_undo(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no 2-D convolution"):
        diagnose("deconvnet", network(layers.Flatten(), layers.Dense(3)), images(), tmp_path)
    averaged = network(layers.Conv2D(2, 3), layers.AveragePooling2D(2, name="mean"), layers.Conv2D(2, 2, name="top"))
    with pytest.raises(ConfigError, match=r"mean .AveragePooling2D. lies between top and the input"):
        diagnose("deconvnet", averaged, images(), tmp_path)
    with pytest.raises(ConfigError, match="conv2 has 5 maps"):
        diagnose("deconvnet", small_cnn(), images(), tmp_path, maps=[5])


# --------------------------------------------------------------------------------------------- a saved run


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory with a saved network, as training leaves it."""
    folder = tmp_path_factory.mktemp("run")
    with initialize_config_dir(str(CONFIGS.resolve()), version_base=None):
        overrides = ["data=random", "model=cnn_example", "data.train_limit=40", "data.test_limit=30"]
        config = compose("train", overrides=[*overrides, f"backend={keras.backend.backend()}"])
    (folder / ".hydra").mkdir()
    OmegaConf.save(config, folder / ".hydra" / "config.yaml")
    model = network(
        layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(12, "softmax"), shape=(10, 10, 3)
    )
    predictor = Predictor("multiclass", tuple(map(str, range(12))), "softmax", 0.5, (10, 10, 3))
    results.save_model(Run(folder), model, predictor)
    return folder


def test_inspect_runs_diagnostics_on_a_saved_run(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = inspect.main([str(run_folder), "diagnostics=[filters,predictions]"])
    said = capsys.readouterr()
    assert code == 0, said.err
    names = {path.name for path in (run_folder / "diagnostics").iterdir()}
    assert names == {"filters.png", "predictions.csv", "predictions.png", ".cldnn_lab.json"}
    assert all(Path(line).is_file() for line in said.out.split())
    # What older versions left tells nothing of the data; that is said.
    assert said.err.startswith("note: ") and "no fingerprint" in said.err and said.err.count("\n") == 1


def test_inspect_takes_options_and_another_folder(run_folder: Path, tmp_path: Path) -> None:
    arguments = ["diagnostics.feature_maps.images=[0,3]", "diagnostics.feature_maps.stage=before"]
    assert inspect.main([str(run_folder), *arguments, f"folder={tmp_path}"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "feature_maps_0.png", "feature_maps_3.png", ".cldnn_lab.json",
    }  # fmt: skip


def test_inspect_judges_by_the_threshold_of_the_run_unless_told_another(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "two.npz", x=rng.normal(size=(80, 5)), y=rng.integers(0, 2, 80))
    with initialize_config_dir(str(CONFIGS.resolve()), version_base=None):
        overrides = ["data=arrays", f"data.path={tmp_path / 'two.npz'}", "data.task=binary", "threshold=0.7"]
        config = compose("train", overrides=[*overrides, f"backend={keras.backend.backend()}"])
    (tmp_path / ".hydra").mkdir()
    OmegaConf.save(config, tmp_path / ".hydra" / "config.yaml")
    model = network(layers.Dense(1, activation="sigmoid"), shape=(5,))
    results.save_model(Run(tmp_path), model, Predictor("binary", ("0", "1"), "sigmoid", 0.7, (5,)))
    table, _ = inspect.inspect([str(tmp_path), "diagnostics=metrics"])
    assert json.loads(table.read_text())["threshold"] == 0.7
    table, _ = inspect.inspect([str(tmp_path), "diagnostics.metrics.threshold=0.2"])
    assert json.loads(table.read_text())["threshold"] == 0.2


def test_inspect_takes_up_a_run_of_a_larger_machine_that_left_the_backend_to_the_policy(
    run_folder: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(run_folder, tmp_path / "run")
    config = copy / ".hydra" / "config.yaml"
    text = re.sub(r"(?m)^backend: .*$", "backend: auto", config.read_text())
    config.write_text(re.sub(r"(?m)^threads: .*$", "threads: 999", text))
    done = subprocess.run(
        [sys.executable, "-m", "cldnn_lab.inspect", str(copy), "diagnostics=filters"],
        capture_output=True,
        text=True,
        timeout=200,
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"},
    )
    assert done.returncode == 0, done.stderr
    assert (copy / "diagnostics" / "filters.png").is_file()


def test_inspect_draws_the_loss_function_without_a_run(tmp_path: Path) -> None:
    assert inspect.main(["diagnostics=loss_function", f"folder={tmp_path}"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [".cldnn_lab.json", "loss_function.png"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["RUN"], "say which diagnostic to run"),
        (["RUN", "diagnostics=filters", "backend=jaxx"], "did you mean jax"),
        (["RUN", "diagnostics=filtres"], "did you mean filters"),
        (["RUN", "diagnostic=filters"], "did you mean diagnostics"),
        (["RUN", "diagnostics=[a"], "cannot be read"),
        (["RUN", "diagnostics=hidden_traces"], "no recurrent layer"),
        (["RUN", "diagnostics.feature_maps.images=99"], "no example 99"),
        (["RUN", "RUN", "diagnostics=filters"], "one run directory"),
        (["nowhere", "diagnostics=filters"], "nowhere is not a directory"),
        (["diagnostics=filters"], "needs a run directory"),
    ],
)
def test_inspect_answers_mistakes_with_one_sentence(
    arguments: list[str], words: str, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert inspect.main([argument.replace("RUN", str(run_folder)) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and words in error
    assert error.count("\n") == 1 and "Traceback" not in error


def test_inspect_says_that_the_model_is_missing(tmp_path: Path, run_folder: Path) -> None:
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "config.yaml").write_text((run_folder / ".hydra" / "config.yaml").read_text())
    with pytest.raises(ConfigError, match=r"model.keras is missing"):
        inspect.inspect([str(tmp_path), "diagnostics=filters"])


def test_help_lists_every_diagnostic(capsys: pytest.CaptureFixture[str]) -> None:
    assert inspect.main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in list_diagnostics())
