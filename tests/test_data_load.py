"""What every data set shares: limits, validation, layout, checks, the fingerprint, and what a config may say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from data_files import config, load, write_idx
from omegaconf import OmegaConf

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.modules import import_module, list_modules
from cldnn_lab.data import fingerprint
from cldnn_lab.data.dataset import Split

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf" / "data"
SOURCES = "cldnn_lab.data.sources"


def save(path: Path, **arrays: np.ndarray) -> str:
    np.savez(path, **arrays)
    return str(path)


def labelled(path: Path, count: int = 100, classes: int = 4, shape: tuple[int, ...] = (3,)) -> str:
    """x of example ``i`` is ``i`` throughout, and its class ``i % classes``; the same again to test on."""
    x = np.broadcast_to(np.arange(count, dtype=np.float32).reshape(-1, *[1] * len(shape)), (count, *shape))
    y = np.arange(count) % classes
    return save(path, x_train=x, y_train=y, x_test=x, y_test=y)


@pytest.mark.parametrize("file", sorted(CONF.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_data_file_names_all_its_keys_and_opens_with_what_it_is(file: Path) -> None:
    written = OmegaConf.load(file)
    known = import_module(SOURCES, written.source, "data.source", "data source").Options
    assert set(written) == {field.name for field in fields(known)}
    OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(known), written))
    assert file.read_text().startswith("# ") and "python -m cldnn_lab.train" in file.read_text()
    assert written.name == file.stem


def test_options_are_read_without_anything_heavy() -> None:
    code = f"""
import importlib, sys
for name in {list_modules(SOURCES)}:
    importlib.import_module("{SOURCES}." + name)
print({{'keras', 'tensorflow', 'jax', 'torch', 'pandas', 'PIL', 'h5py', 'scipy', 'sklearn', 'tqdm'}} & set(sys.modules))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


def test_a_new_source_is_a_module_and_a_yaml(tmp_path: Path) -> None:
    for folder in ("cldnn_lab", "conf"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "cldnn_lab" / "data" / "sources" / "ramps.py").write_text(
        dedent(
            """
            from dataclasses import dataclass, field

            import numpy as np

            from cldnn_lab.data.dataset import Dataset, Split
            from cldnn_lab.data.options import DataConfig


            @dataclass
            class Options(DataConfig):
                size: int = field(default=6, metadata={"min": 2, "unit": "examples"})


            def load(config, data_root):
                y = np.arange(config.size) % 2
                split = Split(np.linspace(0, 1, 5) * (2 * y[:, None] - 1), y)
                return Dataset(config.name, "binary", split, split, ("falling", "rising"), "made here", synthetic=True)


            def fit(config, dataset):
                mean = dataset.train.x.mean(axis=0)
                return dataset.with_examples(lambda x: x - mean)
            """
        )
    )
    (tmp_path / "conf" / "data" / "ramps.yaml").write_text("source: ramps\nname: ramps\nsize: 8\nvalidation: 0.25\n")
    code = """
        import sys
        from pathlib import Path
        from hydra import compose, initialize_config_dir
        from cldnn_lab import data
        from cldnn_lab.config.errors import ConfigError
        from cldnn_lab.config.groups import CONFIGS
        from cldnn_lab.config.schema import parse

        with initialize_config_dir(str(CONFIGS), version_base="1.3"):
            config, bad = (compose("train", ["model=dense_ann", "data=ramps", f"data.size={size}"]) for size in (12, 1))
        made = data.load(parse(config).data, Path("."))
        print(made.sizes, made.provenance, abs(made.train.x.mean(axis=0)).max() < 1e-6, sep="; ")
        print(*sorted(name for name in sys.modules if name.startswith("cldnn_lab.data.sources.")))
        try:
            parse(bad)
        except ConfigError as mistake:
            print(mistake)
    """
    ran = subprocess.run(
        [sys.executable, "-c", dedent(code)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.splitlines() == [
        "9 to train, 3 to validate, 12 to test, each 5; made here; True",
        "cldnn_lab.data.sources.ramps",
        "data.size: 1 must be at least 2 examples.",
    ]


def test_an_unknown_source_is_answered_with_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match=r"data.source: 'shape' is not a data source; did you mean shapes\? Known: arr"
    ):
        import_module(SOURCES, "shape", "data.source", "data source")


@pytest.mark.parametrize(
    ("source", "settings", "said"),
    [
        ("random", {"validation": "half"}, "data.validation: 'half'"),
        ("random", {"validation": 1.0}, "data.validation: 1.0"),
        ("random", {"validation": 0.0}, "data.validation: 0.0"),
        ("random", {"classes": []}, "data.classes: the list is empty"),
        ("random", {"classes": [1, 1]}, "named more than once"),
        ("radioml", {"snrs": []}, "data.snrs: the list is empty"),
        ("radioml", {"snr_min": 10, "snr_max": 4}, "data.snr_min: 10 dB is above data.snr_max, 4 dB"),
        ("radioml", {"classes": ["QPKS"]}, "did you mean QPSK"),
        ("mnist56", {"classes": [5]}, "data.classes: mnist56"),
        ("pulses", {"classes": [5]}, "data.classes: pulses"),
        ("dbpedia", {"one_hot": True}, "data.one_hot"),
        ("image_folder", {}, "data.path"),
        ("image_folder", {"path": "x", "size": [28]}, "data.size"),
        ("arrays", {}, "data.path"),
        ("arrays", {"path": "x", "task": "regression", "classes": [0, 1]}, "data.classes"),
    ],
)
def test_mistakes_seen_before_a_file_is_opened(source: str, settings: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("(", r"\(")):
        config(source, **settings)


def test_arrays_have_their_final_type_and_order(tmp_path: Path) -> None:
    x = np.asfortranarray(np.random.default_rng(0).random((20, 6, 5)))
    dataset = load("arrays", tmp_path, path=save(tmp_path / "a.npz", x=x, y=np.arange(20) % 2))
    for split in (dataset.train, dataset.test):
        assert split.x.dtype == np.float32 and split.x.flags.c_contiguous
        assert split.y.dtype == np.int32 and split.y.shape == (len(split.x),)
    assert dataset.validates_on_test


def test_limits_are_even_follow_split_seed_and_keep_the_order(tmp_path: Path) -> None:
    path = labelled(tmp_path / "a.npz")
    dataset = load("arrays", tmp_path, path=path, train_limit=30, test_limit=2)
    counts = np.bincount(dataset.train.y)
    assert counts.sum() == 30 and counts.min() >= 7
    assert len(dataset.test) == 2 and len(set(dataset.test.y)) == 2
    assert (np.diff(dataset.train.x[:, 0]) > 0).all()
    assert (dataset.train.x[:, 0] % 4 == dataset.train.y).all()
    again, other = (
        load("arrays", tmp_path, path=path, train_limit=30, test_limit=20, split_seed=seed) for seed in (42, 7)
    )
    assert (again.train.x == dataset.train.x).all()
    assert (other.train.x != dataset.train.x).any() and (other.test.x != again.test.x).any()
    assert len(load("arrays", tmp_path, path=path, train_limit=1000).train) == 100


def test_a_limit_takes_from_large_classes_what_small_ones_lack(tmp_path: Path) -> None:
    y = np.array([0] * 3 + [1] * 50 + [2] * 47)
    x = np.zeros((100, 2))
    path = save(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    dataset = load("arrays", tmp_path, path=path, train_limit=43)
    assert sorted(np.bincount(dataset.train.y)) == [3, 20, 20]


def test_a_limit_on_a_regression_is_a_seeded_subset(tmp_path: Path) -> None:
    dataset = load("pulses", tmp_path, train_limit=17, test_limit=5)
    assert (len(dataset.train), len(dataset.test)) == (17, 5)


def test_held_out_validation_is_stratified_and_follows_split_seed(tmp_path: Path) -> None:
    path = labelled(tmp_path / "a.npz", count=200)
    dataset = load("arrays", tmp_path, path=path, validation=0.2)
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (160, 40, 200)
    assert (np.bincount(dataset.validation.y) == 10).all()
    assert not set(dataset.train.x[:, 0]) & set(dataset.validation.x[:, 0])
    other = load("arrays", tmp_path, path=path, validation=0.2, split_seed=7)
    assert (other.validation.x != dataset.validation.x).any()


def test_too_little_to_hold_out_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data.validation: 0.1 of 4 training examples"):
        load("arrays", tmp_path, path=labelled(tmp_path / "a.npz"), validation=0.1, train_limit=4)


def test_layout_follows_the_model_unless_set(tmp_path: Path) -> None:
    write_idx(tmp_path / "mnist")
    shapes = {
        (prefers, layout): load("idx", tmp_path, prefers=prefers, layout=layout).input_shape
        for prefers in ("image", "sequence", "vector", "tokens", "any")
        for layout in ("auto", "image", "sequence")
    }
    for (prefers, layout), shape in shapes.items():
        as_sequence = layout == "sequence" or (layout == "auto" and prefers == "sequence")
        assert shape == ((28, 28) if as_sequence else (28, 28, 1)), (prefers, layout)


def test_an_image_reads_as_its_rows_and_a_sequence_as_an_image(tmp_path: Path) -> None:
    x = np.arange(4 * 5 * 3, dtype=np.float32).reshape(4, 5, 3, 1)
    path = save(tmp_path / "a.npz", x_train=x, y_train=[0, 1, 0, 1], x_test=x, y_test=[0, 1, 0, 1])
    rows = load("arrays", tmp_path, path=path, prefers="sequence")
    assert (rows.train.x == x[..., 0]).all()
    columns = load("arrays", tmp_path, path=path, prefers="sequence", time_axis=1)
    assert (columns.train.x == np.swapaxes(x[..., 0], 1, 2)).all() and columns.time_axis == 0
    assert columns.validates_on_test
    flat = save(tmp_path / "b.npz", x_train=x[..., 0], y_train=[0, 1, 0, 1], x_test=x[..., 0], y_test=[0, 1, 0, 1])
    assert load("arrays", tmp_path, path=flat, prefers="image").input_shape == (5, 3, 1)


def test_vectors_stay_unless_the_layout_insists(tmp_path: Path) -> None:
    path = labelled(tmp_path / "a.npz")
    assert load("arrays", tmp_path, path=path, prefers="image").input_shape == (3,)
    assert load("arrays", tmp_path, path=path, layout="sequence").input_shape == (3, 1)
    with pytest.raises(ConfigError, match=r"data.layout: image, but examples of arrays are vectors of 3"):
        load("arrays", tmp_path, path=path, layout="image")


def test_a_colour_image_is_no_sequence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"images of 3 channels, 10x10x3"):
        load("random", tmp_path, prefers="sequence")


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": np.ones((5, 2)), "y": np.zeros(4, int)}, "x holds 5 examples but y 4 targets"),
        ({"x": np.array([[1.0], [np.nan], [3.0], [4.0]]), "y": np.array([0, 1, 0, 1])}, "NaN or infinity in x"),
        ({"x": np.array([[1.0], [2.0]]), "y": np.array([0.5, np.inf])}, "NaN or infinity in y"),
        ({"x": np.ones((0, 2)), "y": np.zeros(0, int)}, "is empty"),
    ],
)
def test_arrays_that_no_network_should_see(tmp_path: Path, arrays: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load("arrays", tmp_path, path=save(tmp_path / "a.npz", **arrays), test_fraction=0.5)


def test_the_broken_example_is_named(tmp_path: Path) -> None:
    x = np.zeros((50, 3, 2), np.float32)
    x[37, 2, 1] = -np.inf
    y = np.arange(50) % 2
    path = save(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x[:10], y_test=y[:10])
    with pytest.raises(ConfigError, match=r"training set holds NaN or infinity in x, first in example 37"):
        load("arrays", tmp_path, path=path)


def test_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    size = {"train_size": 50, "test_size": 20, "class_count": 3}
    first = load("random", tmp_path, **size)
    assert fingerprint(first) == fingerprint(load("random", tmp_path, **size))
    prints = {
        fingerprint(load("random", tmp_path, **size, **other))
        for other in ({}, {"seed": 1}, {"train_limit": 40}, {"validation": 0.5}, {"classes": [1, 0]})
    }
    assert len(prints) == 5
    one = first.train.y.copy()
    one[7] = (one[7] + 1) % 3
    assert fingerprint(replace(first, train=Split(first.train.x, one))) != fingerprint(first)


def test_random_is_noise_of_the_listing(tmp_path: Path) -> None:
    dataset = load("random", tmp_path)
    assert dataset.train.x.shape == (5000, 10, 10, 3) and dataset.test.x.shape == (1000, 10, 10, 3)
    assert dataset.outputs == 12 and set(dataset.train.y) == set(range(12))
    assert dataset.synthetic and "noise" in dataset.origin
    assert abs(dataset.train.x.mean() - 0.5) < 0.01 and dataset.train.x.max() < 1
    assert load("random", tmp_path, classes=[3, 4]).classes == ("3", "4")
    with pytest.raises(ConfigError, match=r"random has no class 12"):
        load("random", tmp_path, classes=[0, 12])
    with pytest.raises(ConfigError, match=r"name two or more"):
        load("random", tmp_path, classes=[3])
