"""What the tests share: composed configs and a cache that is nobody's."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from cldnn_lab.config.groups import CONFIGS
from cldnn_lab.train import main

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "agg")


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
