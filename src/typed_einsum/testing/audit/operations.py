"""One call of torch as the rules see it, and the labels of what it returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.labels import WRITTEN_ONE, Label, Labels, Part, size_of, twins_apart
from typed_einsum.testing.audit.reshapes import Mixed, regrouped

VIEWS = {"view", "reshape", "flatten", "unflatten", "view_as", "reshape_as"}
PERMUTES = {
    *("permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "t"),
    *("mT", "mH", "T", "H", "adjoint", "unsqueeze"),
}
MATMULS = {"matmul", "__matmul__", "bmm", "mm", "mv", "dot"}
REDUCTIONS = {
    *("sum", "mean", "amax", "amin", "max", "min", "argmax", "argmin", "logsumexp", "prod", "norm"),
    *("std", "var", "any", "all", "median", "nansum", "nanmean"),
}
JOINS = {"cat", "concat", "concatenate"}
ACTIVATIONS = {
    *("tanh", "sigmoid", "elu", "selu", "celu", "gelu", "silu", "mish", "leaky_relu", "prelu", "softplus"),
    *("relu6", "hardtanh", "relu_", "tanh_", "sigmoid_", "logsigmoid"),
}
POINTWISE = {
    *ACTIVATIONS,
    *("addcmul", "addcdiv", "lerp", "atan2", "xlogy", "fmod", "hypot", "logaddexp", "logical_xor", "__xor__"),
    *("bitwise_and", "bitwise_or", "bitwise_xor", "addcmul_", "lerp_", "true_divide_", "__mod__"),
    *("add", "sub", "mul", "div", "true_divide", "pow", "rsub", "maximum", "minimum", "where", "remainder"),
    *("__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__", "__rtruediv__"),
    *("__iadd__", "__isub__", "__imul__", "__itruediv__", "add_", "sub_", "mul_", "div_", "__pow__"),
    *("masked_fill", "masked_fill_", "eq", "ne", "lt", "le", "gt", "ge", "__eq__", "__ne__", "__lt__"),
    *("__le__", "__gt__", "__ge__", "__and__", "__or__", "logical_and", "logical_or", "subtract", "multiply"),
    *("divide", "abs", "square", "neg", "__neg__", "exp", "log", "sqrt", "clamp", "relu", "dropout"),
    *("to", "type_as", "float", "double", "half", "bfloat16", "contiguous", "clone", "type", "detach"),
}


@dataclass(frozen=True)
class Operation:
    """A call of torch that has returned, and the user's line that made it."""

    name: str
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]
    result: Any
    file: str
    line: int

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


def result_labels(call: Any, operation: Operation, labels: Labels) -> Mixed | None:
    """Remember the labels of everything that a call returned; what it mixed, if it was a reshape."""
    sources = [labels.of(tensor) for tensor in operation.tensors]
    if not operation.results or not sources:
        return None
    result, mixed = operation.results[0], None
    match operation.name:
        case name if name in VIEWS:
            found = regrouped(sources[0], shape_of(result))
            if isinstance(found, Mixed):
                mixed, found = found, _mixed_up(found, sources[0], shape_of(result), labels)
            for part in (part for label in found for part in label):
                labels.remember_part(part)
        case name if name in PERMUTES:
            found = _permuted(call, operation, sources[0])
        case name if name in MATMULS and len(sources) == 2:
            found = _multiplied(operation, labels, sources)
        case "linear" if shape_of(result) and shape_of(result)[-1] == 1:
            found = (*_followed(result, operation, labels, sources)[:-1], WRITTEN_ONE)
        case "einsum":
            found = _contracted(operation, labels)
        case "__getitem__" if (indexed := _indexed(operation, labels, sources[0])) is not None:
            found = indexed
        case name if name in REDUCTIONS and reduced_axes(operation) is not None:
            found = _reduced(operation, sources[0])
        case _ if all(len(labels_) == 0 for labels_ in sources):
            found = tuple(labels.by_size(size) for size in shape_of(result))
        case _:
            for tensor in operation.results:
                labels.remember(tensor, _followed(tensor, operation, labels, sources))
            return None
    for tensor in operation.results:
        labels.remember(tensor, found)
    return mixed


def _mixed_up(
    mixed: Mixed, source: Sequence[Label], shape: Sequence[int], labels: Labels
) -> tuple[Label, ...]:
    """Nothing is known of the dimensions that a reshape has mixed: their sizes no longer tell."""
    whole = {size_of(label) for label in source if not set(label) & set(mixed.parts)}
    return tuple(
        labels.by_size(size) if size == 1 or size in whole else (Part("?", size, named=False),)
        for size in shape
    )


def _followed(
    tensor: Tensor, operation: Operation, labels: Labels, sources: Sequence[tuple[Label, ...]]
) -> tuple[Label, ...]:
    """The labels of an operand of the same shape, or else those that sizes and positions say."""
    for source, operand in zip(sources, operation.tensors, strict=True):
        if shape_of(operand) == shape_of(tensor):
            return source
    return labels.inherited(shape_of(tensor), sources)


def _permuted(call: Any, operation: Operation, source: Sequence[Label]) -> tuple[Label, ...]:
    """What a permutation does, seen on a probe whose sizes are the positions of its axes."""
    probe = torch.empty([2 + i for i in range(len(source))], device="meta")
    moved = call(probe, *operation.arguments[1:], **operation.options)
    return tuple(() if size == 1 else source[size - 2] for size in shape_of(moved))


def _multiplied(operation: Operation, labels: Labels, sources: list[tuple[Label, ...]]) -> tuple[Label, ...]:
    left, right = sources
    rows = left[-2:-1]
    columns = right[-1:] if len(right) > 1 else ()
    shape = shape_of(operation.results[0])
    stacked = len(shape) - len(rows) - len(columns)
    batch = labels.inherited(shape[:stacked], [left[:-2], right[:-2]])
    return twins_apart([*batch, *rows, *columns])


def _indexed(operation: Operation, labels: Labels, source: Sequence[Label]) -> tuple[Label, ...] | None:
    """What numbers, slices, `None` and `...` leave; a slice of one entry is an axis that the data has."""
    key = operation.arguments[1]
    items = key if isinstance(key, tuple) else (key,)
    if not all(item is None or item is ... or type(item) in (int, slice) for item in items):
        return None
    taken = len([item for item in items if item is not None and item is not ...])
    at = items.index(...) if ... in items else len(items)
    whole = (slice(None),) * (len(source) - taken)
    axes, sizes = iter(source), iter(shape_of(operation.results[0]))
    found: list[Label] = []
    for item in (*items[:at], *whole, *items[at + 1 :]):
        if item is None:
            found.append(labels.by_size(next(sizes)))
            continue
        label = next(axes)
        if isinstance(item, slice):
            found.append(_slice(label, next(sizes), labels))
    return tuple(found)


def _slice(label: Label, size: int, labels: Labels) -> Label:
    """A part of a dimension; of one whose entries are mixed nothing is known."""
    if size == size_of(label):
        return label
    if size == 1:
        return WRITTEN_ONE
    return labels.by_size(size) if all(part.named for part in label) else (Part("?", size, named=False),)


def letters_of(operation: Operation) -> tuple[list[str], str] | None:
    """The letters of each operand of an einsum and those of its output; None with `...` or without text."""
    text = operation.arguments[0] if operation.arguments else None
    if not isinstance(text, str) or "..." in text or "->" not in text:
        return None
    inputs, output = "".join(text.split()).split("->")
    operands = inputs.split(",")
    ranks = [len(shape_of(tensor)) for tensor in operation.tensors]
    return (operands, output) if [len(operand) for operand in operands] == ranks else None


def _contracted(operation: Operation, labels: Labels) -> tuple[Label, ...]:
    letters = letters_of(operation)
    if letters is None:
        sources = [labels.of(tensor) for tensor in operation.tensors]
        return labels.inherited(shape_of(operation.results[0]), sources)
    held: dict[str, Label] = {}
    for operand, tensor in zip(letters[0], operation.tensors, strict=True):
        for letter, label in zip(operand, labels.of(tensor), strict=True):
            if not held.get(letter):
                held[letter] = label
    return twins_apart([held[letter] for letter in letters[1]])


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


def _reduced(operation: Operation, source: Sequence[Label]) -> tuple[Label, ...]:
    axes = reduced_axes(operation) or ()
    kept = len(shape_of(operation.results[0])) == len(source) and bool(source)
    labels = [() if i in axes else label for i, label in enumerate(source)]
    return tuple(label for i, label in enumerate(labels) if kept or i not in axes)
