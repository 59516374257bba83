"""Whole numbers that objects hold, in attributes that a function uses."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from typed_einsum.testing.inputs.own import attributes_of
from typed_einsum.testing.listing.source import Source
from typed_einsum.testing.names.evidence import Evidence, Kind

SHAPING = {
    "view", "reshape", "expand", "unflatten", "split", "chunk", "repeat", "zeros", "ones", "empty", "full",
    "randn", "rand", "new_zeros", "new_ones", "new_empty", "arange", "rearrange", "reduce",
}  # fmt: skip
"""Calls whose arguments are sizes."""

LARGE = 8
"""A smaller attribute names an axis only where the function makes a shape of it."""


def of_owner(source: Source, owner: Any) -> Iterator[Evidence]:
    """The numbers that a method reads from its object, by the last part of what it writes."""
    held = {source.receiver: owner}
    in_shapes = {id(part) for node in ast.walk(source.node) if is_shaping(node) for part in ast.walk(node)}
    for node in ast.walk(source.node):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            value = held_by(node, held)
            if type(value) is not int or value < 2:
                continue
            if id(node) in in_shapes:
                yield Evidence(value, node.attr, Kind.ATTRIBUTE, source, node.lineno)
            elif value >= LARGE:
                yield Evidence(value, node.attr, Kind.READ, source, node.lineno)


def is_shaping(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    func = node.func
    name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
    return name in SHAPING


def held_by(node: ast.expr, held: Mapping[str, Any]) -> Any:
    """The value of a chain of attributes, without running code: properties have none."""
    match node:
        case ast.Name(id=name):
            return held.get(name)
        case ast.Attribute(value=inner, attr=name):
            owner = held_by(inner, held)
            own = attributes_of(owner)
            return own.get(name, own.get("_modules", {}).get(name) if isinstance(owner, nn.Module) else None)
    return None
