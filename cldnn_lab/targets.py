"""Which classes a config may name in ``_target_``, and how they are made.

A config is data that people pass around, so a ``_target_`` reaches only the public building
blocks of Keras and this project's own model parts; nothing that runs code or reads files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cldnn_lab.errors import Mistake

_ALLOWED = re.compile(
    r"keras\.(layers|initializers|regularizers|constraints|optimizers(\.schedules)?)\.[A-Z]\w*"
    r"|cldnn_lab\.models\.(layers|blocks)\.[A-Za-z]\w*"
)
# Layers that exist to run arbitrary code or a foreign graph.
_REFUSED = {"keras.layers.Lambda", "keras.layers.TFSMLayer", "keras.layers.TorchModuleWrapper",
            "keras.layers.JaxLayer", "keras.layers.FlaxLayer"}  # fmt: skip


def walk(node: Any, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every mapping inside ``node`` with its place in the config, such as ``model.layers[3]``."""
    if isinstance(node, Mapping):
        yield where, node
        for key, value in node.items():
            yield from walk(value, f"{where}.{key}")
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for index, value in enumerate(node):
            yield from walk(value, f"{where}[{index}]")


def check_targets(node: Any, where: str) -> None:
    """Refuse every ``_target_`` in a resolved config (plain dicts and lists) that is not a building block.

    Raises:
        Mistake: naming the place and the target.
    """
    for place, mapping in walk(node, where):
        if "_target_" not in mapping:
            continue
        target = mapping["_target_"]
        if not isinstance(target, str) or not _ALLOWED.fullmatch(target) or target in _REFUSED:
            raise Mistake(
                f"{place}._target_: {target!r} is refused: only keras.layers, keras.initializers, "
                "keras.regularizers, keras.constraints, keras.optimizers and this project's own "
                "cldnn_lab.models.layers and .blocks may be named (no Lambda, nothing that runs code)."
            )


def instantiate(node: Mapping[str, Any], where: str, **extra: Any) -> Any:
    """Make what a checked config node describes; ``extra`` overrides its arguments.

    Raises:
        Mistake: with the place and the library's own reason in one sentence.
    """
    from hydra.utils import instantiate as make

    try:
        return make(node, **extra, _convert_="all")
    except Mistake:
        raise
    except Exception as error:
        cause = error.__cause__ or error
        reason = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
        raise Mistake(f"{where} ({node.get('_target_')}): {reason}") from error
