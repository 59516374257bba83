"""Array-like objects other than torch tensors: what an annotation says of one, how one is made."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from inspect import Parameter, Signature
from itertools import islice
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from typed_einsum.annotations.arrays import ArrayHint
from typed_einsum.checked.attributes import known_names
from typed_einsum.equation.axes import Named, Variadic, is_variadic
from typed_einsum.solver import placed
from typed_einsum.tensors import shape_of
from typed_einsum.testing.inputs.arguments import Arguments
from typed_einsum.testing.inputs.draw import Draw, primes
from typed_einsum.testing.inputs.names import says
from typed_einsum.testing.inputs.own import attributes_of
from typed_einsum.testing.inputs.recipe import CannotMake, Recipe
from typed_einsum.testing.inputs.signatures import heirs, recipe_of

MOST_PARTS = 10_000
"""So many parts of an object are looked at for tensors."""

MOST_CLASSES = 20
"""So many classes are looked at for one that takes a tensor and has its shape."""


@dataclass(frozen=True)
class ArraySizes:
    """The sizes that an object gives to the axes in its annotation.

    `ranks` says for how many axes `*batch` stands, and `sizes` has `*batch[0]` for the first of them.
    """

    sizes: Mapping[str, int] = field(default_factory=dict)
    ranks: Mapping[str, int] = field(default_factory=dict)


def sizes_of_array(array: ArrayHint, value: Any) -> ArraySizes:
    """What the shape of an object says of its axes; nothing where it has none that fits."""
    try:
        shape = shape_of(value)
    except Exception:  # the property is the user's, and a class that others inherit from may refuse
        return ArraySizes()
    if len(shape) < len(array.axes) - sum(map(is_variadic, array.axes)):
        return ArraySizes()
    single = dict(placed(array.axes, len(shape)))
    sizes = {axis.name: shape[at] for at, axis in single.items() if isinstance(axis, Named)}
    spread = next((axis for axis in array.axes if isinstance(axis, Variadic)), None)
    if spread is None:
        return ArraySizes(sizes)
    label = Draw.label(spread)
    inside = [shape[at] for at in range(len(shape)) if at not in single]
    return ArraySizes(
        {**sizes, **{f"{label}[{i}]": size for i, size in enumerate(inside)}}, {label: len(inside)}
    )


def tensors_inside(value: Any) -> Iterator[Tensor]:
    """The tensors that an object holds, in its attributes and in what these hold."""
    seen, waiting = set[int](), [value]
    while waiting and len(seen) < MOST_PARTS:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, Tensor):
            yield part
        elif isinstance(part, list | tuple):
            waiting += part
        elif isinstance(part, dict):
            waiting += part.values()
        elif not isinstance(part, type | ModuleType):
            waiting += attributes_of(part).values()


def axis_by_size(sizes: Mapping[str, int], size: int) -> str | None:
    """The one axis that has a size; None where that is not one alone."""
    found = [name for name, each in sizes.items() if each == size]
    return found[0] if len(found) == 1 else None


def known_to(owner: Any, array: ArrayHint | None) -> ArraySizes:
    """What an object says of axes: by its shape, which `array` annotates, by its attributes, or in words."""
    found = ArraySizes() if array is None else sizes_of_array(array, owner)
    known = known_names(owner)
    spread = {label: shape for label, (_, shape) in known.variadics.items()}
    inside = {f"{label}[{i}]": size for label, shape in spread.items() for i, size in enumerate(shape)}
    ranks = {label: len(shape) for label, shape in spread.items()}
    return ArraySizes({**found.sizes, **inside, **known.sizes}, {**found.ranks, **ranks})


def array_with(array: ArrayHint, shape: tuple[int, ...], device: str) -> Any:
    """An object of this shape, of the first class that makes one of a tensor. Raises `CannotMake`."""
    for kind in islice((array.kind, *heirs(array.kind)), MOST_CLASSES):
        try:
            made = _made(kind, shape, device)
            if shape_of(made) == shape:
                return made
        except Exception:  # the constructor is the user's
            continue
    raise CannotMake(f"no class is known that makes a `{array.kind.__name__}` from one tensor of its shape")


def own_array(kind: type, array: ArrayHint, device: str) -> Any:
    """An object of a class, or of an heir, whose axes all have different sizes. Raises `CannotMake`."""
    return _maker(device).array("self", replace(array, kind=kind))


def composed_array(kind: type, array: ArrayHint, device: str) -> Any:
    """An object of a class, or of an heir, that is made from others with a shape. Raises `CannotMake`."""
    part = _maker(device).array("self", array)
    for each in islice((kind, *heirs(kind)), MOST_CLASSES):
        try:
            made = _composed(each, part)
            if fits_array(array, made):
                return made
        except Exception:  # the constructor is the user's
            continue
    raise CannotMake(f"no other object makes a `{kind.__name__}` of this shape")


def _maker(device: str) -> Arguments:
    return Arguments(Recipe(Signature(), {}), Draw(primes(11), device), {})


def fits_array(array: ArrayHint, value: Any) -> bool:
    """Whether an object has a shape with the axes of an annotation, each name with one size."""
    try:
        shape = shape_of(value)
    except Exception:  # the property is the user's
        return False
    if len(shape) < len(array.axes) - sum(map(is_variadic, array.axes)):
        return False
    named = [(axis.name, shape[at]) for at, axis in placed(array.axes, len(shape)) if isinstance(axis, Named)]
    return len({*named}) == len({name for name, _ in named})


def _composed(kind: type, part: Any) -> Any:
    """An object from others, which are all that its constructor needs."""
    parameters = recipe_of(kind).signature.parameters.values()
    if any(each.kind is Parameter.VAR_POSITIONAL for each in parameters):
        return kind(part, copy.deepcopy(part))
    needed = [each for each in parameters if each.default is Parameter.empty and each.kind not in STARS]
    return kind(*(copy.deepcopy(part) for _ in needed))


def _made(kind: type, shape: tuple[int, ...], device: str) -> Any:
    """An object from the one argument that a constructor needs, a tensor, or from `*sizes`."""
    parameters = recipe_of(kind).signature.parameters.values()
    if any(each.kind is Parameter.VAR_POSITIONAL and says(SIZES, each.name) for each in parameters):
        return kind(*shape)
    needed = [each for each in parameters if each.default is Parameter.empty and each.kind not in STARS]
    if len(needed) != 1:
        return None
    return kind(torch.zeros(shape, device=device))


STARS = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
SIZES = r"^(sizes?|shape|dims)$"
