"""What the package depends on: with TensorFlow, unless ``CLDNN_LAB_WITHOUT_TENSORFLOW=1`` is set while it is installed.

Neither a requirement nor an extra can take a dependency away, and TensorFlow is of no use where another backend
computes.
"""

from __future__ import annotations

import os
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Dependencies(MetadataHookInterface):
    """Sets ``dependencies`` from the tables of this hook in pyproject.toml."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the dependencies, TensorFlow first where it is wanted."""
        wanted = os.environ.get("CLDNN_LAB_WITHOUT_TENSORFLOW", "") in ("", "0")
        metadata["dependencies"] = [self.config["tensorflow"]] * wanted + self.config["dependencies"]
