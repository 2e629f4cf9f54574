"""What the tests share: composed configs and a cache that is nobody's."""

from __future__ import annotations

import csv
import logging
import os
import pickle
import signal
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from PIL import Image

from cldnn_lab.config.groups import CONFIGS
from cldnn_lab.train import main

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "agg")
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # In the background of a shell Ctrl-C is ignored, by all that is started there, too; the tests send it themselves.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Generated data is cached in a folder of this test session."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def composed() -> Callable[..., DictConfig]:
    """Compose the run's config with overrides, as the command line does."""

    def make(*overrides: str) -> DictConfig:
        with initialize_config_dir(str(Path(CONFIGS)), version_base="1.3"):
            return compose("train", overrides=list(overrides))

    return make


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Call the command line in this process, in an empty folder; returns exit status and standard error."""
    monkeypatch.chdir(tmp_path)
    # Hydra sets logging up anew and closes the handlers there were; absl's, which other tests' TensorFlow brought,
    # would close the stream in which pytest captures.
    if absl := sys.modules.get("absl.logging"):
        monkeypatch.setattr(absl.PythonHandler, "close", lambda handler: None)

    # The handlers Hydra makes write to this test's captured streams, so they go when it ends.
    monkeypatch.setattr(logging.root, "handlers", list(logging.root.handlers))
    monkeypatch.setattr(logging.root, "level", logging.root.level)

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["cldnn-train", *arguments])
        status = 0
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
        return status, capsys.readouterr().err

    return call


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of every format the experiments read, with a handful of examples of each class."""
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for collection in ("mnist", "fashion_mnist"):
        (root / collection).mkdir()
        for name, count in (("train", 60), ("t10k", 40)):
            _write_idx(root / collection / f"{name}-images-idx3-ubyte", rng.integers(0, 256, (count, 28, 28)))
            _write_idx(root / collection / f"{name}-labels-idx1-ubyte", np.arange(count) % 10)
    batches = root / "cifar10" / "cifar-10-batches-py"
    batches.mkdir(parents=True)
    for name in ("data_batch_1", "test_batch_trim"):
        content = {b"data": rng.integers(0, 256, (20, 3072), dtype=np.uint8), b"labels": [i % 10 for i in range(20)]}
        (batches / name).write_bytes(pickle.dumps(content, protocol=2))
    for part, count, names in (("Train", 2, 1000), ("Test", 1, 100)):
        for label in range(10):
            folder = root / "cifar10_gray28" / part / str(label)
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 256, (28, 28), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"Image{number:05}.png")
            for number in range(count, names):  # as many names as the document's sets have pictures
                (folder / f"Image{number:05}.png").hardlink_to(folder / f"Image{number % count:05}.png")
    (root / "dbpedia").mkdir()
    for name in ("train_medium.csv", "test_medium.csv"):
        with open(root / "dbpedia" / name, "w", newline="", encoding="utf-8") as file:
            rows = [(n % 14 + 1, f"Entry {n}", f"Entry {n} is a thing of kind {n % 14}.") for n in range(28)]
            csv.writer(file).writerows(rows)
    (root / "radioml").mkdir()
    for name, count in (("train", 20), ("test", 20)):
        np.save(root / "radioml" / f"X_{name}.npy", rng.standard_normal((count, 2, 128)).astype(np.float32))
        np.save(root / "radioml" / f"Y_{name}.npy", np.eye(10, dtype=np.float32)[np.arange(count) % 10])
    return root


def _write_idx(path: Path, values: np.ndarray) -> None:
    header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    path.write_bytes(header + values.astype(np.uint8).tobytes())
