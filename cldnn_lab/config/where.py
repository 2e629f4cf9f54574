"""Which combinations of a sweep are run: a condition on the values of a job, written as people write comparisons.

    optimizer == adam and optimizer.learning_rate < 1e-2
    model.cell in [GRU, LSTM] or not 1 < seed <= 3
    model.units * batch_size > 4096

A name that is a key of the config stands for its value, and the name of a config group for its chosen option. Any
other word is text, and so is what stands in quotes; ``true``, ``false`` and ``null`` are what they are in YAML. Text
equals no number. The condition is read by Python's parser and never run as a program: nothing but what is listed here
is let through.
"""

from __future__ import annotations

import ast
import itertools
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from omegaconf import DictConfig, OmegaConf

from cldnn_lab.config.errors import ConfigError, suggest

_WHERE = "sweep.where"
_WORDS = {"true": True, "false": False, "null": None}
_COMPARISONS: dict[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda value, values: value in values,
    ast.NotIn: lambda value, values: value not in values,
}
_ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_CALCULATIONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: lambda base, exponent: float(base) ** exponent,  # of whole numbers it could take for ever
}
_ALLOWED = (
    ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd, ast.Compare, ast.BinOp, ast.Name, ast.Load,
    ast.Attribute, ast.Constant, ast.List, ast.Tuple, *_COMPARISONS, *_CALCULATIONS,
)  # fmt: skip
_MEANT = (
    "compare keys with numbers, words, 'text' or lists, by == != < <= > >= in and not in, and join that with and, or, "
    "not"
)


def parse_where(text: str) -> Condition:
    """The condition that ``text`` states.

    Raises:
        ConfigError: if it states none, with what is wrong in it.
    """
    try:
        tree = ast.parse(str(text).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = getattr(error, "msg", None) or str(error)
        raise ConfigError(f"{_WHERE}: {text!r} is no condition ({reason}): {_MEANT}.") from None
    for node in ast.walk(tree):
        constant = isinstance(node, ast.Constant) and not isinstance(node.value, (str, bool, int, float, type(None)))
        if not isinstance(node, _ALLOWED) or constant:
            raise ConfigError(f"{_WHERE}: {ast.unparse(node) or text!r} cannot stand in a condition: {_MEANT}.")
    return Condition(str(text), tree)


@dataclass(frozen=True)
class Condition:
    """A condition on the values of a job.

    Attributes:
        text: as it was written.
        tree: as Python reads it, with nothing in it that is not allowed.
    """

    text: str
    tree: ast.expr

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether a job with these values meets it.

        Args:
            values: of the config, by dotted key, and the options chosen, by group: of a config that Hydra composed, as
                :class:`ConfigValues` reads them.

        Raises:
            ConfigError: if a name in it is no key, or values in it cannot be compared.
        """
        self._check_names(self.tree, values)
        try:
            return _decide(self.tree, values)
        except ConfigError:
            raise
        except (ArithmeticError, ValueError, RecursionError) as error:
            raise ConfigError(f"{_WHERE}: {self.text!r} cannot be calculated: {error}.") from None

    def _check_names(self, tree: ast.expr, values: Mapping[str, Any]) -> None:
        """Refuse a word that is no key where it must be one, also in a part of the condition that is not reached."""
        must_be_keys: list[ast.AST] = [tree]
        for node in _walk(tree):
            if isinstance(node, ast.Attribute):
                must_be_keys.append(node)
            elif isinstance(node, (ast.BinOp, ast.UnaryOp, ast.BoolOp)):
                must_be_keys += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
            elif isinstance(node, ast.Compare):
                for pair in itertools.pairwise([node.left, *node.comparators]):
                    words = [name for side in pair for one in _walk(side) if (name := _get_name(one))]
                    if not words:
                        raise ConfigError(f"{_WHERE}: in {ast.unparse(node)!r} nothing is a key of the config.")
                    if not any(word in values for word in words):
                        raise _unknown(words[0], values, f"in {ast.unparse(node)!r} ")
        for name in map(_get_name, must_be_keys):
            if name and name not in values:
                raise _unknown(name, values)


class ConfigValues(Mapping[str, Any]):
    """The values of a config that Hydra composed: by dotted key, and by config group the option that was chosen.

    Args:
        config: with its ``hydra`` node.
    """

    def __init__(self, config: DictConfig) -> None:
        self.config = config
        chosen = OmegaConf.select(config, "hydra.runtime.choices") or {}
        self.choices = {str(group): option for group, option in chosen.items() if not str(group).startswith("hydra/")}

    def __getitem__(self, key: str) -> Any:
        if key in self.choices:
            return self.choices[key]
        if key not in self._keys:
            raise KeyError(key)
        value = OmegaConf.select(self.config, key)
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    @cached_property
    def _keys(self) -> dict[str, None]:
        return dict.fromkeys([*self.choices, *_list_keys(self.config, "")])


def _list_keys(node: DictConfig, prefix: str) -> Iterator[str]:
    for name in node:
        if not prefix and name == "hydra":
            continue
        key = prefix + str(name)
        yield key
        child = node._get_node(name)
        if isinstance(child, DictConfig) and not (child._is_none() or child._is_interpolation() or child._is_missing()):
            yield from _list_keys(child, f"{key}.")


def _decide(node: ast.expr, values: Mapping[str, Any]) -> bool:
    """The truth of a condition or of a part of it."""
    if isinstance(node, ast.BoolOp):
        parts = (_decide(part, values) for part in node.values)
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return not _decide(node.operand, values)
    if isinstance(node, ast.Compare):
        sides = [_compute(side, values) for side in (node.left, *node.comparators)]
        pairs = zip(node.ops, sides, sides[1:], strict=False)
        return all([_compare(node, how, left, right) for how, left, right in pairs])
    value = _compute(node, values)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise ConfigError(
        f"{_WHERE}: {ast.unparse(node)} is {_describe(value)}, not true or false: compare it with something."
    )


def _compare(node: ast.Compare, how: ast.cmpop, left: Any, right: Any) -> bool:
    if isinstance(how, _ORDERS) and not (_is_number(left) and _is_number(right)):
        both_text = isinstance(left, str) and isinstance(right, str)
        what = "text by size" if both_text else f"{_describe(left)} with {_describe(right)}"
        raise ConfigError(f"{_WHERE}: {ast.unparse(node)!r} compares {what}.")
    if isinstance(how, (ast.In, ast.NotIn)) and not isinstance(right, list):
        raise ConfigError(
            f"{_WHERE}: {ast.unparse(node)!r} looks for a value in {_describe(right)}: write a list, [a, b]."
        )
    return _COMPARISONS[type(how)](left, right)


def _compute(node: ast.expr, values: Mapping[str, Any]) -> Any:
    """The value of a part of a condition: a number, text, a truth value, a list or None."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, (ast.Name, ast.Attribute)):
        name = ast.unparse(node)
        return values[name] if name in values else _WORDS.get(name, name)
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_compute(one, values) for one in node.elts]
    if isinstance(node, (ast.BinOp, ast.UnaryOp)) and not isinstance(node.op, ast.Not):
        operands = [node.left, node.right] if isinstance(node, ast.BinOp) else [node.operand]
        found = [_compute(one, values) for one in operands]
        for operand, value in zip(operands, found, strict=True):
            if not _is_number(value):
                raise ConfigError(f"{_WHERE}: {ast.unparse(node)!r} calculates with {ast.unparse(operand)}, which is "
                                  f"{_describe(value)}, not a number.")  # fmt: skip
        if isinstance(node, ast.BinOp):
            return _CALCULATIONS[type(node.op)](*found)
        return -found[0] if isinstance(node.op, ast.USub) else found[0]
    return _decide(node, values)


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """A part of a condition and all in it; a dotted name is one."""
    yield node
    if not isinstance(node, ast.Attribute):
        for child in ast.iter_child_nodes(node):
            yield from _walk(child)


def _get_name(node: ast.AST) -> str:
    """The name, dotted or not, that a node is; empty if it is none."""
    return ast.unparse(node) if _is_word(node) else ""


def _is_word(node: ast.AST) -> bool:
    return (isinstance(node, ast.Name) and node.id not in _WORDS) or isinstance(node, ast.Attribute)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _describe(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "true or false", str: "text", list: "a list", dict: "a part of the config"}
    return kinds.get(type(value), "a number")


def _unknown(name: str, values: Mapping[str, Any], place: str = "") -> ConfigError:
    parent = name.rpartition(".")[0]
    near = [key for key in values if key.rpartition(".")[0] == parent] or [key for key in values if "." not in key]
    return ConfigError(f"{_WHERE}: {place}{name} is no key of the config; {suggest(name, near)}.")
