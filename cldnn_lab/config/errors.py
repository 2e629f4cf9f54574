"""What the user is told when something in a config, a file or an argument is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ConfigError(Exception):
    """A mistake the user can mend: one sentence that says what is wrong, where, and how to mend it.

    The entry points print the sentence, without a traceback, and exit with a non-zero status.
    """


def suggest(name: object, options: Iterable[object]) -> str:
    """The hint that closes a sentence about an unknown name.

    >>> suggest("epoch", ["epochs", "seed"])
    'did you mean epochs? Known: epochs, seed'
    """
    known = [str(option) for option in options]
    close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    listing = "Known: " + ", ".join(known)
    return f"did you mean {close[0]}? {listing}" if close else listing
