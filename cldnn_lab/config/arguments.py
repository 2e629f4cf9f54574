"""What is typed on the command line, in the order that Hydra's parser needs."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.types import Quote, QuotedString

_CONDITION = re.compile(r"(\+{0,2}sweep\.where)=(.*)", re.DOTALL)
_QUOTED = re.compile(r"""(["'])(?:\\.|(?!\1)[^\\])*\1""", re.DOTALL)


def put_overrides_first(arguments: Sequence[str]) -> list[str]:
    """The same arguments with all flags behind the overrides, each in its own order.

    Hydra's parser takes overrides from one place alone: those behind a flag that stands between two of them are an
    error to it.

    >>> put_overrides_first(["model=cnn", "--config-dir", "mine", "-m", "seed=1,2"])
    ['model=cnn', 'seed=1,2', '--config-dir', 'mine', '-m']
    """
    options = [action for action in get_args_parser()._actions if action.option_strings]
    overrides: list[str] = []
    flags: list[str] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            return [*overrides, *rest, *flags]
        if not argument.startswith("-"):
            overrides.append(argument)
            continue
        flags.append(argument)
        if rest and any(_takes_value(option, argument, rest[0]) for option in options):
            flags.append(rest.pop(0))
    return [*overrides, *flags]


def quote_where(argument: str) -> str:
    """The same argument; the condition of ``sweep.where`` in quotes, without which Hydra cannot read it.

    >>> quote_where("sweep.where=optimizer == adam or seed < 3")
    "sweep.where='optimizer == adam or seed < 3'"
    """
    found = _CONDITION.fullmatch(argument)
    if found is None or found[2] in ("", "null") or _QUOTED.fullmatch(found[2]):
        return argument
    return f"{found[1]}={QuotedString(found[2], Quote.single).with_quotes()}"


def _takes_value(option: argparse.Action, flag: str, following: str) -> bool:
    """Whether ``flag``, which may be shortened as argparse allows, is ``option`` and ``following`` its value."""
    if not any(name.startswith(flag) for name in option.option_strings):
        return False
    if option.nargs == "?":
        return following in (option.choices or ())
    return option.nargs is None
