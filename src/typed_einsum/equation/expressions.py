"""Sizes that are computed from other sizes: `h*w`, `2*n-1`, `min(b,4)`, `{self.nh}*d`, `(h d)` in a pattern.

The text is read into a small tree of numbers, names, fields and arithmetic, and that tree is computed.
Nothing is ever evaluated as Python; what the tree cannot hold is refused here and left to jaxtyping.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

LONGEST = 200
"""Expressions beyond this many characters are refused, so that reading stays cheap."""

_FIELD = re.compile(r"\{([^{}]*)\}")
_GROUP = re.compile(r"\(\w+(?: \w+)+\)")

MOST_KEPT = 1024
"""Expressions that are kept; beyond that they are read again."""

_trees: dict[str, Tree] = {}  # no `lru_cache`: Dynamo traces through this one without a warning

_OPERATORS: dict[type[ast.operator], tuple[str, Callable[[int, int], int]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
}


@dataclass(frozen=True, slots=True)
class Number:
    """A written size."""

    value: int


@dataclass(frozen=True, slots=True)
class Size:
    """The size of the axis of this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Field:
    """An attribute of an argument: `{self.nh}` is argument `self`, path `("nh",)`."""

    argument: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two trees joined by `+`, `-`, `*`, `//` or `%`."""

    sign: str
    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Extreme:
    """The least (`min`) or the greatest (`max`) of several trees."""

    function: str
    operands: tuple[Tree, ...]


Tree = Number | Size | Field | Arithmetic | Extreme

_COMPUTE = dict(_OPERATORS.values())
_EXTREMES: dict[str, Callable[..., int]] = {"min": min, "max": max}


class NotArithmetic(Exception):
    """The text is more than arithmetic on sizes and fields."""


class Unknown(Exception):
    """A name in the expression has no size yet."""


def read_expression(text: str) -> Tree:
    """Read the text of an expression. Raises `NotArithmetic` for anything beyond arithmetic."""
    if text not in _trees:
        if len(_trees) >= MOST_KEPT:
            _trees.clear()
        _trees[text] = _read(text)
    return _trees[text]


def is_group(text: str) -> bool:
    """Whether the text is a group of axes, `(h d)`, which is the product of them."""
    return _GROUP.fullmatch(text) is not None


def _read(text: str) -> Tree:
    if len(text) > LONGEST:
        raise NotArithmetic(text)
    if is_group(text):
        text = text.replace(" ", "*")
    fields: list[Field] = []

    def placeholder(match: re.Match[str]) -> str:
        parts = match.group(1).split(".")
        if not all(part.isidentifier() for part in parts):
            raise NotArithmetic(text)
        fields.append(Field(parts[0], tuple(parts[1:])))
        return f"[{len(fields) - 1}]"  # brackets cannot come from elsewhere: a list is not arithmetic

    bracketed = "[" in text or "]" in text
    try:
        source = ast.parse(_FIELD.sub(placeholder, text), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise NotArithmetic(text) from None
    if bracketed:
        raise NotArithmetic(text)
    return _tree(source, fields)


def _tree(node: ast.expr, fields: list[Field]) -> Tree:
    match node:
        case ast.Constant(value=int() as value) if not isinstance(value, bool):
            return Number(value)
        case ast.Name(id=name):
            return Size(name)
        case ast.List(elts=[ast.Constant(value=int() as index)]):
            return fields[index]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return Arithmetic(_OPERATORS[type(op)][0], _tree(left, fields), _tree(right, fields))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return Arithmetic("-", Number(0), _tree(operand, fields))
        case ast.Call(func=ast.Name(id=("min" | "max") as name), args=[_, _, *_] as args, keywords=[]):
            return Extreme(name, tuple(_tree(argument, fields) for argument in args))
        case _:
            raise NotArithmetic(ast.unparse(node))


def names_in(tree: Tree) -> tuple[str, ...]:
    """The axis names that an expression needs, in order, each once."""
    match tree:
        case Size(name):
            return (name,)
        case Arithmetic(_, left, right):
            return tuple(dict.fromkeys(names_in(left) + names_in(right)))
        case Extreme(_, operands):
            return tuple(dict.fromkeys(name for operand in operands for name in names_in(operand)))
        case _:
            return ()


def factors(tree: Tree) -> tuple[Number | Size, ...]:
    """The factors of a product of names and numbers, in order; none for anything else."""
    match tree:
        case Number() | Size():
            return (tree,)
        case Arithmetic("*", left, right):
            both = factors(left), factors(right)
            return (*both[0], *both[1]) if all(both) else ()
        case _:
            return ()


def expression_of(text: str, arguments: Mapping[str, Any]) -> Tree:
    """The expression of a text with what its fields hold now, put into the text as an f-string does.

    Raises `Unknown` with a field that cannot be read, `NotArithmetic` for one that holds anything but part
    of an expression.
    """
    if "{" not in text:  # Dynamo traces this, and cannot trace what fills a text
        return read_expression(text)
    whole = filled(text, arguments)
    if "{" in whole:
        raise NotArithmetic(text)
    return read_expression(whole)


def filled(text: str, arguments: Mapping[str, Any]) -> str:
    """The text with what its fields hold now. Raises `Unknown` with a field that cannot be read."""
    return _FIELD.sub(lambda found: _held_by(found, arguments), text)


def _held_by(found: re.Match[str], arguments: Mapping[str, Any]) -> str:
    argument, *path = found.group(1).split(".")
    try:
        value = arguments[argument]
        for name in path:
            value = getattr(value, name)
        whole = isinstance(value, bool) or (isinstance(value, float) and value.is_integer())
        return f"{int(value) if whole else value}"
    except Exception as error:  # a property may raise anything
        raise Unknown(found.group()) from error


def compute(tree: Tree, sizes: Mapping[str, int]) -> int:
    """The size that an expression without fields has. Raises `Unknown` with the first name without a size.

    A division by zero raises `ZeroDivisionError`.
    """
    match tree:
        case Number(value):
            return value
        case Size(name):
            if name not in sizes:
                raise Unknown(name)
            return sizes[name]
        case Field(argument, path):
            raise Unknown(f"{{{'.'.join((argument, *path))}}}")
        case Arithmetic(sign, left, right):
            return _COMPUTE[sign](compute(left, sizes), compute(right, sizes))
        case Extreme(function, operands):
            return _EXTREMES[function](*(compute(operand, sizes) for operand in operands))


def product_of(tree: Tree) -> tuple[int, tuple[str, ...]] | None:
    """The number and the names whose product an expression is; None for any other expression."""
    parts = factors(tree)
    names = tuple(part.name for part in parts if isinstance(part, Size))
    return (prod(part.value for part in parts if isinstance(part, Number)), names) if names else None


def solve(sizes: dict[str, Any], size: int, number: int, names: tuple[str, ...]) -> str | None:
    """Add to `sizes` the one of these names that lacks a size, and return it.

    It gets the size with which `number` times all names is `size`. None where another number of names is
    without a size, or where the known factors do not divide `size`. Dynamo traces this function.
    """
    unknown = None
    for name in names:
        if name in sizes:
            number *= sizes[name]
        elif unknown is None:
            unknown = name
        else:
            return None
    if unknown is None or number <= 0 or size % number != 0:
        return None
    sizes[unknown] = size // number
    return unknown
