"""The sweeper that runs every combination of the values that were given, or those that ``sweep.where`` admits."""

from __future__ import annotations

from typing import Any

from hydra.core.override_parser.types import Override

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.grid import zip_choices
from cldnn_lab.config.where import ConfigValues, parse_where
from cldnn_lab.launch.preflight import Refused
from cldnn_lab.launch.sweepers.base import BaseSweeper


class GridSweeper(BaseSweeper):
    """Run all combinations; keys that ``sweep.zip`` names are paired.

    Args:
        params: overrides that the config itself gives, such as ``{seed: "1,2,3"}``; the command's own come later.
    """

    __module__ = "hydra_plugins.cldnn_lab"  # Hydra makes no plugin of another package

    def __init__(self, params: dict[str, Any] | None = None) -> None:
        self.params = params

    def sweep(self, arguments: list[str]) -> Any:
        """Run the jobs that the overrides ask for.

        Raises:
            Refused: for a mistake in any of them, before the first starts.
        """
        try:
            settings = self.config.sweep
            # Seeds change fastest: jobs of one setting that follow each other share what the first has compiled.
            parsed = sorted(self.parse(arguments), key=lambda override: override.key_or_group == "seed")
            choices = {one.get_key_element(): list_choices(one) for one in parsed}
            combinations = zip_choices(choices, settings.zip)
            composed = [(one, self.compose(one)) for one in combinations]
            if settings.where is not None:
                condition = parse_where(settings.where)
                composed = [(one, config) for one, config in composed if condition.holds(ConfigValues(config))]
                if not composed:
                    raise ConfigError(f"sweep.where: none of the {len(combinations)} combinations meets it.")
            planned = [self.plan(number, *one) for number, one in enumerate(composed)]
            self.begin()
            self.run(planned)
        except ConfigError as mistake:
            raise Refused(mistake) from None


def list_choices(override: Override) -> list[str]:
    """The overrides that one of a command with its values comes to, one for each value.

    Raises:
        ConfigError: for an interval.
    """
    key = override.get_key_element()
    if not override.is_sweep_override():
        return [f"{key}={override.get_value_element_as_str()}"]
    if not override.is_discrete_sweep():
        raise ConfigError(f"{key}: an interval has no end of values; list them, or search it with sweeper=optuna.")
    return [f"{key}={value}" for value in override.sweep_string_iterator()]
