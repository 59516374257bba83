"""Sizes that are computed from other sizes: `h*w`, `2*n-1`, `{self.nh}*d`.

The text is read into a small tree of numbers, names, fields and arithmetic, and that tree is computed.
Nothing is ever evaluated as Python; what the tree cannot hold is refused here and left to jaxtyping.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

LONGEST = 200
"""Expressions beyond this many characters are refused, so that reading stays cheap."""

_FIELD = re.compile(r"\{([^{}]*)\}")

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


Tree = Number | Size | Field | Arithmetic

_COMPUTE = dict(_OPERATORS.values())


class NotArithmetic(Exception):
    """The text is more than arithmetic on sizes and fields."""


class Unknown(Exception):
    """A name in the expression has no size yet."""


@lru_cache(maxsize=1024)
def read_expression(text: str) -> Tree:
    """Read the text of an expression. Raises `NotArithmetic` for anything beyond arithmetic."""
    if len(text) > LONGEST:
        raise NotArithmetic(text)
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
        case _:
            raise NotArithmetic(ast.unparse(node))


def names_in(tree: Tree) -> tuple[str, ...]:
    """The axis names that an expression needs, in order, each once."""
    match tree:
        case Size(name):
            return (name,)
        case Arithmetic(_, left, right):
            return tuple(dict.fromkeys(names_in(left) + names_in(right)))
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


def compute(tree: Tree, sizes: Mapping[str, int], arguments: Mapping[str, Any]) -> int:
    """The size that the expression has now. Raises `Unknown` with the first name that has no size.

    A field that is no plain int raises `NotArithmetic`; a division by zero raises `ZeroDivisionError`.
    """
    match tree:
        case Number(value):
            return value
        case Size(name):
            if name not in sizes:
                raise Unknown(name)
            return sizes[name]
        case Field(argument, path):
            if argument not in arguments:
                raise Unknown(argument)
            value = arguments[argument]
            for name in path:
                value = getattr(value, name)
            if type(value) is not int or value < 0:
                raise NotArithmetic(f"{{{'.'.join((argument, *path))}}} is not a size")
            return value
        case Arithmetic(sign, left, right):
            return _COMPUTE[sign](compute(left, sizes, arguments), compute(right, sizes, arguments))
