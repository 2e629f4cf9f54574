"""What a plain Keras callback has noted, so that it goes on where training is resumed."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import numpy as np


def get_state(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """The attributes of a callback that are numbers, words, arrays or lists of these: all that Keras's own note.

    What it was made with is not among them: Keras turns the sign of ``min_delta`` when it first sees a figure, and
    again after a resume; and a file argument may lead into another folder by then.
    """
    given = inspect.signature(type(callback)).parameters
    return {name: value for name, value in vars(callback).items() if name not in given and _is_plain(value)}


def set_state(callback: keras.callbacks.Callback, state: dict[str, Any]) -> None:
    """Give a callback the attributes that :func:`get_state` took."""
    vars(callback).update(state)


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_plain(held) for held in value)
    return value is None or isinstance(value, bool | int | float | str | np.generic | np.ndarray)
