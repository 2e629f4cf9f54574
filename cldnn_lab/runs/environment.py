"""What a run is computed with, as environment.json keeps it."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any


def describe_environment() -> dict[str, Any]:
    """What the run was computed with: versions, operating system and the project's git revision, if any."""
    names = (
        "keras",
        "tensorflow",
        "jax",
        "torch",
        "numpy",
        "scipy",
        "scikit-learn",
        "hydra-core",
        "omegaconf",
    )
    versions = {name: _find_version(name) for name in ("cldnn-lab", *names)}
    return {
        "python": platform.python_version(),
        **{f"version.{name}": version for name, version in versions.items() if version},
        "system": platform.platform(),
        "processor": _find_processor(),
        "command": " ".join(sys.argv),
        **_find_git_revision(),
    }


def _find_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _find_processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def _find_git_revision() -> dict[str, Any]:
    """Revision of the checkout that this code runs from, and whether it has uncommitted changes."""
    here = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        result = subprocess.run(
            ["git", "-C", str(here), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
        return result.stdout.strip()

    try:
        # A package installed inside somebody else's repository is not that repository's code.
        git("ls-files", "--error-unmatch", Path(__file__).name)
        return {
            "git_revision": git("rev-parse", "HEAD"),
            "git_dirty": bool(git("status", "--porcelain", "-uno")),
        }
    except (OSError, subprocess.SubprocessError):
        return {}
