"""A digest of all that affects a run's result: equal fingerprints, equal results on one machine.

What counts is the config as it is resolved, whatever the order of its keys and wherever they were set (an option's
file, an experiment, the command line). Two rules keep a run's fingerprint as the project grows:

- A setting (of the run or of its data) that has its default value is left out, so that a new setting does not change
  the fingerprints of the runs before it. Elsewhere (model, optimizer, ...) a key that is null is left out.
- :data:`RESULTS_VERSION` is part of every fingerprint. A change of the code after which the same config gives other
  figures raises it by one, and so does a change of a setting's default value; a change that leaves results alone
  (speed, files, words) does not.

What ``precision``, ``xla`` and ``fast_layers`` choose by themselves depends on the machine. The fingerprint holds what
was asked for; metrics.json says what was chosen.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from omegaconf import DictConfig

from cldnn_lab.config.schema import Config, Settings
from cldnn_lab.config.typed import resolve

RESULTS_VERSION = 1

# Settings that leave the result alone: where and how fast it is computed, what is kept or shown of it.
WITHOUT_EFFECT = frozenset({
    "threads", "batches_per_call", "data_on_device", "data_root", "data.path", "data.generate", "logger", "diagnostics",
    "about", "objective", "resume", "checkpoint", "sweep", "verbose",
})  # fmt: skip
# Parts of a Config that are not part of the training; whatever part is not named here counts.
_PARTS_WITHOUT_EFFECT = ("choices", "diagnostics", "loggers")


def compute_config_fingerprint(config: Config) -> str:
    """Digest of all in ``config`` that affects the result; nothing heavy is imported to tell."""
    return _digest(_collect(config))


def compute_seed_fingerprints(config: Config, seeds: Iterable[int]) -> dict[int, str]:
    """The same of a config with each of these seeds instead of its own."""
    values = _collect(config)
    values.pop("seed", None)
    return {seed: _digest(values if seed == Settings.seed else values | {"seed": seed}) for seed in seeds}


def compute_setting_fingerprint(config: Config) -> str:
    """The same of all but the seed."""
    settings = dataclasses.replace(config.settings, seed=Settings.seed)
    return compute_config_fingerprint(dataclasses.replace(config, settings=settings))


def compute_fingerprint(config_fingerprint: str, data_fingerprint: str) -> str:
    """Digest of the config and the data of a run.

    Args:
        config_fingerprint: by :func:`compute_config_fingerprint`.
        data_fingerprint: by :func:`cldnn_lab.data.fingerprint`.
    """
    return _digest({"config": config_fingerprint, "data": data_fingerprint})


def list_settings(config: Config) -> dict[str, Any]:
    """All in ``config`` that affects the result, by the name to set it by, such as ``model.layers.0.filters``."""
    found: dict[str, Any] = {}
    for name, value in _list_parts(config).items():
        found |= _flatten(value, name)
    return found


def compare(before: Config, after: Config) -> list[str]:
    """What differs between two configs and affects the result, each as ``key: before -> after``.

    Of a config group whose option differs, the option alone is named.
    """
    old, new = list_settings(before), list_settings(after)
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    differences: dict[str, None] = {}
    for key in keys:
        group = key.split(".")[0]
        was, is_now = before.choices.get(group), after.choices.get(group)
        if "." in key and was != is_now:
            differences[f"{group}: {was} -> {is_now}"] = None
        else:
            differences[f"{key}: {_format(old.get(key))} -> {_format(new.get(key))}"] = None
    return list(differences)


def _collect(config: Config) -> dict[str, Any]:
    """What a fingerprint is the digest of."""
    defaults = _list_defaults(Settings, "") | _list_defaults(type(config.data), "data.")
    values: dict[str, Any] = {"results_version": RESULTS_VERSION}
    for name, value in _list_parts(config).items():
        if name in defaults and value != defaults[name]:
            values[name] = None  # that a list is empty, or a value null, counts where neither is the default
        if value != defaults.get(name):
            values |= {key: one for key, one in _flatten(value, name).items() if one is not None}
    return values


def _list_parts(config: Config) -> dict[str, Any]:
    """Each setting of the run and of the data, and each other part of the config, that affects the result."""
    found: dict[str, Any] = {}
    for item in dataclasses.fields(config):
        part = getattr(config, item.name)
        if item.name == "settings":
            found |= dataclasses.asdict(part)
        elif item.name == "data":
            found |= {f"data.{name}": value for name, value in dataclasses.asdict(part).items()}
        elif item.name not in _PARTS_WITHOUT_EFFECT:
            found[item.name] = resolve(part, item.name) if isinstance(part, DictConfig) else part
    found["backend"] = config.backend
    if found["steps"] is not None:
        del found["epochs"]  # which counts only where steps is null
    return {name: value for name, value in found.items() if name not in WITHOUT_EFFECT}


def _list_defaults(cls: Any, prefix: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for item in dataclasses.fields(cls):
        if item.default is not dataclasses.MISSING:
            values[prefix + item.name] = item.default
        elif item.default_factory is not dataclasses.MISSING:
            values[prefix + item.name] = item.default_factory()
    return values


def _flatten(node: Any, prefix: str) -> dict[str, Any]:
    if isinstance(node, Mapping):
        items: Any = node.items()
    elif isinstance(node, (list, tuple)):
        items = enumerate(node)
    else:
        return {prefix: node}
    found: dict[str, Any] = {}
    for key, value in items:
        found |= _flatten(value, f"{prefix}.{key}" if prefix else str(key))
    return found


def _digest(values: Mapping[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _format(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
