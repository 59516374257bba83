"""Whole numbers that objects hold: attributes that a function uses, and what its layers were built with."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from typing import Any

from torch import nn

from typed_einsum.tensors import shape_of
from typed_einsum.testing.listing.source import Source, source_of
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
            own = getattr(owner, "__dict__", {})
            return own.get(name, own.get("_modules", {}).get(name) if isinstance(owner, nn.Module) else None)
    return None


def of_layers(source: Source, owner: Any) -> Iterator[tuple[int, ast.expr, int]]:
    """The numbers with which a module has built its layers: value, what is written, and the line."""
    if not isinstance(owner, nn.Module):
        return
    named = _by_name(owner)
    for name, call in _calls(_class_of(owner)):
        layer = named.get(name)
        if layer is not None:
            yield from _of_layer(_class_of(owner), layer, call)
        elif (parameter := owner._parameters.get(name)) is not None:
            yield from _of_parameter(shape_of(parameter), call)


def _of_parameter(shape: tuple[int, ...], call: ast.Call) -> Iterator[tuple[int, ast.expr, int]]:
    """The numbers with which a parameter was made: `nn.Parameter(torch.zeros(heads, dim))`."""
    for made in ast.walk(call):
        if isinstance(made, ast.Call) and is_shaping(made):
            passed = made.args[0].elts if made.args and isinstance(made.args[0], ast.Tuple) else made.args
            for size, written in zip(shape, passed, strict=False) if len(passed) == len(shape) else ():
                if size > 1 and not isinstance(written, ast.Constant):
                    yield size, written, written.lineno
            return


def _of_layer(owner: type, layer: nn.Module, call: ast.Call) -> Iterator[tuple[int, ast.expr, int]]:
    """The numbers of one layer, or of those in a sequence."""
    if not _builds(owner, call.func, type(layer)):
        return
    if isinstance(layer, nn.Sequential):
        for inner, written in zip(layer, call.args, strict=False):
            if isinstance(written, ast.Call):
                yield from _of_layer(owner, inner, written)
        return
    for parameter, written in _passed(type(layer), call):
        value = layer.__dict__.get(parameter)
        value = value[0] if isinstance(value, tuple) and len(value) == 1 else value
        if type(value) is int and value > 1:
            yield value, written, written.lineno


def _class_of(owner: nn.Module) -> Any:
    return type(owner)


def _builds(owner: type, func: ast.expr, kind: type) -> bool:
    """Whether a call in a constructor is of a class, by its name or through a partial."""
    if isinstance(func, ast.Attribute):
        return func.attr == kind.__name__
    name = func.id if isinstance(func, ast.Name) else ""
    found = getattr(vars(owner).get("__init__"), "__globals__", {}).get(name)
    return name == kind.__name__ or (isinstance(found, partial) and found.func is kind)


def _by_name(owner: nn.Module) -> dict[str, nn.Module]:
    """The layers of a module, and those in its dicts, by their last name."""
    found = dict(owner._modules)
    for each in list(owner._modules.values()):
        if isinstance(each, nn.ModuleDict):
            found.update(each._modules)
    return {name: layer for name, layer in found.items() if layer is not None}


@lru_cache(maxsize=256)
def _calls(kind: Any) -> tuple[tuple[str, ast.Call], ...]:
    """The calls in a constructor whose result gets a name, as in `self.out = nn.Linear(d, d)`."""
    init = kind.__dict__.get("__init__")
    code = getattr(init, "__code__", None)
    if code is None:
        return ()
    source = source_of(code)
    found: list[tuple[str, ast.Call]] = []
    for node in ast.walk(source.node) if source is not None else ():
        match node:
            case ast.Assign(targets=[ast.Attribute(attr=name)], value=value):
                choices = (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,)
                found += [(name, call) for call in choices if isinstance(call, ast.Call)]
            case ast.keyword(arg=str(name), value=ast.Call() as call):
                found.append((name, call))
    return tuple(found)


def _passed(kind: type, call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """The arguments of a call by the names of the parameters."""
    if any(isinstance(each, ast.Starred) for each in call.args) or any(k.arg is None for k in call.keywords):
        return
    try:
        names = list(inspect.signature(kind).parameters)
    except (TypeError, ValueError):
        return
    yield from zip(names, call.args, strict=False)
    yield from ((each.arg, each.value) for each in call.keywords if each.arg is not None)
