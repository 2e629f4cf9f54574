"""Tables and mappings as files, whole or absent."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cldnn_lab.storage import manifest

if TYPE_CHECKING:
    import pandas as pd


def write_table(path: Path, table: pd.DataFrame) -> Path:
    """Write a table as CSV, without its index."""
    return manifest.write(path, lambda beside: table.to_csv(beside, index=False))


def keep_whole(table: pd.DataFrame) -> pd.DataFrame:
    """The table as it is best written: whole numbers as such, beside empty cells too."""
    numbers = table.select_dtypes("float")
    whole = [name for name in numbers if (numbers[name].dropna() % 1 == 0).all()]
    return table.astype(dict.fromkeys(whole, "Int64"))


def write_json(path: Path, values: Mapping[str, Any]) -> Path:
    """Write a mapping as JSON; a number that is not finite becomes null, as JSON knows no NaN."""
    clean = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}
    return manifest.write(path, lambda beside: beside.write_text(json.dumps(clean, indent=2) + "\n", encoding="utf-8"))
