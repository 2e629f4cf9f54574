"""The recipe of the published files, and each of its peculiarities as a setting.

O'Shea and West (GRCon 2016) describe the sets; what the files RML2016.10a and 10b really hold was found out later from
the authors' generator, GNU Radio's source at its 2016 revision and the files themselves (mainland/radioml2016).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from cldnn_lab.config.errors import ConfigError, suggest


@dataclass(frozen=True)
class Recipe:
    """How vectors are made. Everything true is what the published files have; everything false is :data:`CLEAN`.

    Attributes:
        raw_constellations: points as they are written down, +-1, +-3, ...: mean power 5 for PAM4, 10 for QAM16 and 42
            for QAM64. False: unit mean power.
        amplitude_labels: a label of L dB gives noise of amplitude 10^(-L/10), whatever arrives at the receiver, so
            that the SNR rises by 2 dB per dB of the label. False: the SNR of each vector is its label.
        noise_pool: noise is drawn, with replacement, from 8,192 values. False: a new value for each sample.
        one_channel: the channel starts anew on the same trajectory of fading and drift with each capture. False: a
            channel of its own for each capture.
        empty_am_ssb: AM-SSB sends nothing. False: a carrier and the upper sideband.
        slow_wbfm: WBFM is made at 220.5 kHz and read as if at 200 kHz. False: made at 200 kHz.
        same_audio: each capture sends the same first 10,000 samples of the recording. False: it begins anywhere.
        double_speed: of the recording every other sample is kept, and played as if nothing were missing. False: all.
        repeated_whitening: bits are a text XORed with 256 random bits over and over, new ones for each capture.
            False: fair, independent bits.
        start_up: a capture begins when its transmitter is switched on, so that early vectors lie in the filters'
            transient. False: it has long been sending.
    """

    raw_constellations: bool = True
    amplitude_labels: bool = True
    noise_pool: bool = True
    one_channel: bool = True
    empty_am_ssb: bool = True
    slow_wbfm: bool = True
    same_audio: bool = True
    double_speed: bool = True
    repeated_whitening: bool = True
    start_up: bool = True

    @property
    def name(self) -> str:
        """``rml2016`` or ``clean``, and what differs from the nearer of the two: ``rml2016, one_channel off``."""
        base = min(RECIPES, key=lambda known: len(_differences(self, RECIPES[known])))
        changes = [f"{key} {'on' if getattr(self, key) else 'off'}" for key in _differences(self, RECIPES[base])]
        return ", ".join([base, *changes])


def _differences(one: Recipe, other: Recipe) -> list[str]:
    return [field.name for field in fields(Recipe) if getattr(one, field.name) != getattr(other, field.name)]


RML2016 = Recipe()
CLEAN = Recipe(**{field.name: False for field in fields(Recipe)})
RECIPES: Mapping[str, Recipe] = {"rml2016": RML2016, "clean": CLEAN}


def choose_recipe(name: str, quirks: Mapping[str, bool | None] | None = None) -> Recipe:
    """The recipe of that name with single quirks turned on or off.

    Args:
        name: one of :data:`RECIPES`.
        quirks: attributes of :class:`Recipe`; those that are None stay as the recipe has them.

    Raises:
        ConfigError: for a recipe or a quirk that does not exist.
    """
    if name not in RECIPES:
        raise ConfigError(f"data.recipe: there is no recipe {name!r}; {suggest(name, RECIPES)}.")
    changes = {key: value for key, value in (quirks or {}).items() if value is not None}
    known = [field.name for field in fields(Recipe)]
    for key in changes:
        if key not in known:
            raise ConfigError(f"data.quirks.{key}: unknown key; {suggest(key, known)}.")
    return replace(RECIPES[name], **changes)
