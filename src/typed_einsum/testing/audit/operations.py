"""One operation of torch as the rules see it, and the dimensions of what it returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.dimensions import (
    Dimension,
    TrackedAxes,
)
from typed_einsum.testing.audit.findings import SourceLine
from typed_einsum.testing.audit.vocabulary import REVERSED, canonical


@dataclass(frozen=True)
class Operation:
    """A call of torch that has returned, and the user's line that made it."""

    name: str
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]
    result: Any
    line: SourceLine

    @classmethod
    def of(
        cls,
        name: str,
        arguments: tuple[Any, ...],
        options: Mapping[str, Any],
        line: SourceLine,
        result: Any = None,
    ) -> Operation:
        """A call under the one name of what it computes, its operands in their order."""
        if name in REVERSED and len(arguments) > 1:
            arguments = arguments[1], arguments[0], *arguments[2:]
        return cls(canonical(name), arguments, options, result, line)

    @property
    def tensors(self) -> list[Tensor]:
        """The tensors among the arguments, those in lists included."""
        return list(tensors_in([*self.arguments, *self.options.values()]))

    @property
    def results(self) -> list[Tensor]:
        """The tensors that came back."""
        return list(tensors_in([self.result]))

    def option(self, name: str, position: int, default: Any = None) -> Any:
        """An argument by name or, for a call without names, by position."""
        if name in self.options:
            return self.options[name]
        return self.arguments[position] if len(self.arguments) > position else default


def tensors_in(values: Any) -> Iterator[Tensor]:
    """The tensors among values, in lists and tuples too."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from tensors_in(value)


def letters_of(operation: Operation) -> tuple[list[str], str] | None:
    """The letters of each operand of an einsum and those of its output; None with `...` or without text."""
    text = operation.arguments[0] if operation.arguments else None
    if not isinstance(text, str) or "..." in text or "->" not in text:
        return None
    inputs, output = "".join(text.split()).split("->")
    operands = inputs.split(",")
    ranks = [len(shape_of(tensor)) for tensor in operation.tensors]
    return (operands, output) if [len(operand) for operand in operands] == ranks else None


def reduced_axes(operation: Operation) -> tuple[int, ...] | None:
    """The axes that a reduction is over, by position from the left; None for no reduction over axes."""
    dims = operation.option("dim", 1, operation.options.get("axis"))
    if operation.name == "norm":
        dims = operation.option("dim", 2)
    rank = len(shape_of(operation.tensors[0]))
    if dims is None:
        return tuple(range(rank)) if len(operation.arguments) <= 1 else None
    listed = [dims] if isinstance(dims, int) else list(dims) if isinstance(dims, list | tuple) else []
    if not listed or not all(isinstance(dim, int) and -rank <= dim < rank for dim in listed):
        return None
    return tuple(sorted({dim % rank for dim in listed}))


def is_total(operation: Operation) -> bool:
    """Whether a mean or a sum is over all axes."""
    everything = tuple(range(len(shape_of(operation.tensors[0]))))
    return operation.name in ("mean", "sum") and reduced_axes(operation) == everything


def summed_axes(operation: Operation, index: int, tracked: TrackedAxes) -> list[Dimension]:
    """The axes of an operand that a contraction sums together with another operand's."""
    own = tracked.of(operation.tensors[index])
    if operation.name != "einsum":
        if len(operation.tensors) != 2 or not own:
            return []
        return [own[-1] if index == 0 or len(own) == 1 else own[-2]]
    letters = letters_of(operation)
    if letters is None:
        return []
    operands, output = letters
    others = {letter for i, operand in enumerate(operands) if i != index for letter in operand}
    return [
        dimension
        for letter, dimension in zip(operands[index], own, strict=True)
        if letter in others and letter not in output
    ]
