"""What a module has built its layers with: the words for numbers that a layer fixes."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from types import FunctionType
from typing import Any

from torch import nn

from typed_einsum.tensors import shape_of
from typed_einsum.testing.listing.source import source_of
from typed_einsum.testing.names.attributes import held_by, is_shaping


@dataclass(frozen=True)
class Built:
    """A number with which a layer was built, as the class of the name `owner` writes it in a line."""

    value: int
    written: ast.expr
    line: int
    owner: str

    @property
    def note(self) -> str:
        """What tells a reader that a name stands where layers are built."""
        return f"layer of {self.owner}"


def of_layers(owner: Any) -> Iterator[Built]:
    """The numbers with which a module has built its layers and parameters."""
    if not isinstance(owner, nn.Module):
        return
    named, kept = _by_name(owner), _in_containers(owner)
    for kind in type(owner).__mro__:
        for name, call in _calls(kind):
            parameter = owner._parameters.get(name)
            if name in named:
                found = _of_layer(kind, named[name], call)
            elif parameter is not None:
                found = _of_parameter(shape_of(parameter), call)
            else:
                found = _of_one_among(kind, owner, kept, call) if not name else iter(())
            yield from (Built(value, node, node.lineno, kind.__name__) for value, node in found)


def _of_parameter(shape: tuple[int, ...], call: ast.Call) -> Iterator[tuple[int, ast.expr]]:
    """The numbers with which a parameter was made: `nn.Parameter(torch.zeros(heads, dim))`."""
    for made in ast.walk(call):
        if isinstance(made, ast.Call) and is_shaping(made):
            passed = made.args[0].elts if made.args and isinstance(made.args[0], ast.Tuple) else made.args
            for size, written in zip(shape, passed, strict=False) if len(passed) == len(shape) else ():
                if size > 1 and not isinstance(written, ast.Constant):
                    yield size, written
            return


def _of_layer(kind: type, layer: nn.Module, call: ast.Call) -> Iterator[tuple[int, ast.expr]]:
    """The numbers of one layer, or of those in a sequence."""
    if not _builds(kind, call.func, type(layer)):
        return
    if isinstance(layer, nn.Sequential):
        for inner, written in zip(layer, call.args, strict=False):
            if isinstance(written, ast.Call):
                yield from _of_layer(kind, inner, written)
        return
    for parameter, written in _passed(type(layer), call):
        value = _held(layer, parameter)
        if value > 1:
            yield value, written


def _of_one_among(
    kind: type, owner: nn.Module, layers: tuple[nn.Module, ...], call: ast.Call
) -> Iterator[tuple[int, ast.expr]]:
    """The numbers of a layer that stands in a list: of those that it can be, as far as they agree."""
    likely = [each for each in layers if _builds(kind, call.func, type(each)) and _fits(owner, each, call)]
    for parameter, written in _passed(type(likely[0]), call) if likely else ():
        values = {_held(each, parameter) for each in likely}
        if len(values) == 1 and (value := values.pop()) > 1:
            yield value, written


def _fits(owner: nn.Module, layer: nn.Module, call: ast.Call) -> bool:
    """Whether a layer has the numbers that a call passes from attributes of its owner."""
    return all(
        type(value := held_by(written, {"self": owner})) is not int or value == _held(layer, parameter)
        for parameter, written in _passed(type(layer), call)
    )


def _held(layer: nn.Module, parameter: str) -> int:
    """The number that a layer keeps of an argument; 0 where it keeps none."""
    value = layer.__dict__.get(parameter)
    value = value[0] if isinstance(value, tuple) and len(value) == 1 else value
    return value if type(value) is int else 0


def _builds(kind: type, func: ast.expr, layer: type) -> bool:
    """Whether a call in a class is of a class of layers, by its name or through a partial."""
    if isinstance(func, ast.Attribute):
        return func.attr == layer.__name__
    name = func.id if isinstance(func, ast.Name) else ""
    found = next((each.__globals__.get(name) for each in _methods(kind)), None)
    return name == layer.__name__ or (isinstance(found, partial) and found.func is layer)


def _by_name(owner: nn.Module) -> dict[str, nn.Module]:
    """The layers of a module, and those in its dicts, by their last name."""
    found = dict(owner._modules)
    for each in list(owner._modules.values()):
        if isinstance(each, nn.ModuleDict):
            found.update(each._modules)
    return {name: layer for name, layer in found.items() if layer is not None}


def _in_containers(owner: nn.Module) -> tuple[nn.Module, ...]:
    """The layers in lists and sequences of a module."""
    lists = [each for each in owner._modules.values() if isinstance(each, nn.ModuleList | nn.Sequential)]
    return tuple(layer for each in lists for layer in each._modules.values() if layer is not None)


def _methods(kind: type) -> list[FunctionType]:
    """The methods that a class itself has, none of torch's own."""
    if kind.__module__.partition(".")[0] == "torch":
        return []
    own = [inspect.unwrap(each) for each in vars(kind).values() if isinstance(each, FunctionType)]
    return [each for each in own if isinstance(each, FunctionType)]


@lru_cache(maxsize=256)
def _calls(kind: type) -> tuple[tuple[str, ast.Call], ...]:
    """The calls in the methods of a class that may build layers.

    Each is with the name that its result gets, as in `self.out = nn.Linear(d, d)`; with none in a list.
    """
    sources = (source_of(each.__code__) for each in _methods(kind))
    return tuple(pair for source in sources if source is not None for pair in _calls_in(source.node))


def _calls_in(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Attribute(attr=name)], value=value):
                choices = (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,)
                yield from ((name, call) for call in choices if isinstance(call, ast.Call))
            case ast.keyword(arg=str(name), value=ast.Call() as call):
                yield name, call
            case ast.Call(func=ast.Attribute(attr="append"), args=[ast.Call() as call]):
                yield "", call
            case ast.List(elts=several):
                yield from (("", call) for call in several if isinstance(call, ast.Call))
            case ast.ListComp(elt=ast.Call() as call) | ast.GeneratorExp(elt=ast.Call() as call):
                yield "", call


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
