"""What the tests share: composed configs and a cache that is nobody's."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from cldnn_lab.config.groups import CONFIGS

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
