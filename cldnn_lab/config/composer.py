"""The configs of many jobs, composed as Hydra composes them, in a tenth of the time.

Hydra reads and merges all files anew for each job. Jobs that choose the same options of all config groups differ in
values alone, which Hydra sets at the end: they are set here on a copy of what it composed once.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig


class Composer:
    """Composes the configs of jobs.

    Args:
        loader: Hydra's.
        common: the config that the jobs have in common, with Hydra's own.
    """

    def __init__(self, loader: ConfigLoader, common: DictConfig) -> None:
        self.loader, self.common = loader, common
        self.parser = OverridesParser.create(config_loader=loader)
        self._composed: dict[tuple[str, ...], DictConfig] = {}
        self._is_group = functools.cache(lambda key: bool(loader.get_group_options(key, None)))  # reads folders

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The config of a job with these overrides, as ``load_sweep_config`` of Hydra's loader gives it.

        Raises:
            HydraException: if they do not fit the config.
        """
        parsed = self.parser.parse_overrides(list(overrides))
        values = [override for override in parsed if self._sets_value(override)]
        chosen = tuple(str(override.input_line) for override in parsed if override not in values)
        given = (*self.common.hydra.overrides.hydra, *chosen)  # with the sweep's directory, once that is known
        if given not in self._composed:
            self._composed[given] = self.loader.load_sweep_config(self.common, list(chosen))
        config = copy.deepcopy(self._composed[given])
        ConfigLoaderImpl._apply_overrides_to_config(values, config)
        task = [override for override in parsed if not override.is_hydra_override()]
        config.hydra.overrides.task = [str(override.input_line) for override in task]
        config.hydra.overrides.hydra += [str(one.input_line) for one in values if one.is_hydra_override()]
        how = config.hydra.job.config.override_dirname
        config.hydra.job.override_dirname = get_overrides_dirname(task, how.exclude_keys, how.item_sep, how.kv_sep)
        return config

    def _sets_value(self, override: Override) -> bool:
        """Whether it changes a value that is there, and no more: what it adds or removes could come to be before or
        behind what others do."""
        key = override.key_or_group
        plain = not (override.is_add() or override.is_delete() or override.is_force_add() or override.package)
        return plain and not self._is_group(key)
