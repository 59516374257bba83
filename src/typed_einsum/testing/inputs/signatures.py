"""What a class's constructor takes: its parameters, and what its source says of them."""

from __future__ import annotations

import ast
import dis
import functools
import inspect
import sys
from collections.abc import Mapping
from inspect import Parameter
from typing import Any

from torch import nn

from typed_einsum.annotations import read_or_any
from typed_einsum.decorate.class_source import written_classes
from typed_einsum.decorate.resolution import Unresolved, resolved_annotations
from typed_einsum.testing.inputs.names import CONFIG_CLASS, says
from typed_einsum.testing.inputs.recipe import CannotMake, Recipe


@functools.lru_cache(maxsize=512)
def recipe_of(kind: type, asked: tuple[str, ...] = ()) -> Recipe:
    """How the arguments of a constructor are made. Raises `CannotMake` for a class without objects."""
    if getattr(kind, "_is_protocol", False):
        raise CannotMake("it is a Protocol, which says what others have: pass an object of a real class")
    if inspect.isabstract(kind):
        raise CannotMake("it is an abstract class: check a class that inherits from it")
    try:
        signature = inspect.signature(kind)
    except (TypeError, ValueError) as error:
        raise CannotMake(f"its constructor has no signature: {error}") from error
    named = list(signature.parameters.values())
    if named and named[-1].kind is Parameter.VAR_KEYWORD:
        further = [name for name in asked if name not in signature.parameters]
        kept = [*named[:-1], *(Parameter(name, Parameter.KEYWORD_ONLY) for name in further), named[-1]]
        signature = signature.replace(parameters=kept)
    annotations = _annotations(kind, signature)
    hints = {name: read_or_any(annotations.get(name, Any)) for name in signature.parameters}
    return Recipe(signature, hints, annotations=annotations)


def _annotations(kind: type, signature: inspect.Signature) -> Mapping[str, Any]:
    """The types of a constructor's parameters; one that does not resolve counts as not written."""
    found = resolved_annotations(_constructor(kind), {})
    for name, parameter in signature.parameters.items():
        if not isinstance(parameter.annotation, str):  # also of signatures that a library has made
            found.setdefault(name, parameter.annotation)
    return {
        name: annotation
        for name, annotation in found.items()
        if not isinstance(annotation, Unresolved) and annotation is not Parameter.empty
    }


def _constructor(kind: type) -> Any:
    for base in kind.__mro__:
        if base is not object and (own := vars(base).get("__init__") or vars(base).get("__new__")):
            return getattr(own, "__func__", own)
    return object.__init__


@functools.lru_cache(maxsize=512)
def compared_texts(kind: type, name: str) -> tuple[str, ...]:
    """The texts that a class's source compares a name with, in the order of the source."""
    nodes = (node for written in written_classes(kind) for node in ast.walk(written))
    compared = [node for node in nodes if isinstance(node, ast.Compare)]
    held = [
        node
        for node in compared
        if name in {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    ]
    constants = [each for node in held for each in ast.walk(node) if isinstance(each, ast.Constant)]
    return tuple(dict.fromkeys(each.value for each in constants if isinstance(each.value, str)))


@functools.lru_cache(maxsize=512)
def configurations(kind: type) -> tuple[type, ...]:
    """The classes of configurations in a class's module, first those that have its name in theirs."""
    around = vars(sys.modules.get(kind.__module__, inspect))
    classes = [each for each in around.values() if isinstance(each, type) and not issubclass(each, nn.Module)]
    found = [each for each in classes if says(CONFIG_CLASS, each.__name__)]
    return tuple(sorted(found, key=lambda each: not each.__name__.lower().startswith(kind.__name__.lower())))


def heirs(kind: type) -> list[type]:
    """The classes that inherit from a class, the nearest first."""
    found: list[type] = kind.__subclasses__()
    for each in found:  # grows as it goes
        own: list[type] = each.__subclasses__()
        found += [inner for inner in own if inner not in found]
    return found


def is_unfinished(kind: type) -> bool:
    """Whether a class leaves methods to those that inherit from it: abstract ones, or such as only raise."""
    own = [each.fget if isinstance(each, property) else each for each in vars(kind).values()]
    return inspect.isabstract(kind) or any(map(_only_raises, own))


def _only_raises(method: Any) -> bool:
    """Whether all that a method does is to raise a `NotImplementedError`."""
    code = getattr(method, "__code__", None)
    if code is None or "NotImplementedError" not in code.co_names:
        return False
    return not any(each.opname.startswith(("RETURN", "YIELD")) for each in dis.get_instructions(code))
