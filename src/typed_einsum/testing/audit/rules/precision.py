"""Precision lost on the way, and truth values in arithmetic."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from typed_einsum.tensors import dtype_of, short
from typed_einsum.testing.audit.findings import Found
from typed_einsum.testing.audit.notes import Bounded, Lowered, Notes
from typed_einsum.testing.audit.operations import JOINS, PERMUTES, VIEWS, Operation

BOUNDED = {"sin", "cos", "tanh", "sigmoid", "softmax"}
CASTS = {"to", "type", "type_as", "long", "int", "short", "contiguous", "clone", "detach", "float", "double"}
LOW = (torch.bfloat16, torch.float16)
SUMS = {"add", "sub", "__add__", "__radd__", "__sub__", "__rsub__", "__iadd__", "__isub__", "add_", "sub_"}


def lowered(operation: Operation, notes: Notes) -> Iterator[Found]:
    """A cast down that is cast up again: the numbers in between were rounded for nothing."""
    place = operation.file, operation.line
    results = [tensor for tensor in operation.results if dtype_of(tensor).is_floating_point]
    if not results:
        return
    before = [dtype_of(tensor) for tensor in operation.tensors]
    now = dtype_of(results[0])
    found = [note for note in notes.of(operation.tensors) if isinstance(note, Lowered)]
    if now in LOW:
        if operation.name == "arange" or any(
            dtype.is_floating_point and dtype not in LOW for dtype in before
        ):
            found.append(Lowered(short(now), place))
        notes.add(results, *dict.fromkeys(found))
        return
    if found and any(dtype in LOW for dtype in before):
        dip = found[0]
        text = f"a dip in precision: what becomes {dip.to} here is {short(now)} again later; "
        text += "neighbouring values have become one"
        yield "TE707", "error", text, dip.place


def truncated(operation: Operation, notes: Notes) -> Iterator[Found]:
    """A sine as a whole number: cast back, as to the dtype of the positions that it was computed from."""
    name = operation.name
    found = [note for note in notes.of(operation.tensors) if isinstance(note, Bounded)]
    results = operation.results
    if name in BOUNDED:
        notes.add(results, Bounded(name))
    elif name in CASTS and found and results and _is_whole(dtype_of(results[0])):
        text = f"what `{found[0].function}` returns, at most 1, becomes {short(dtype_of(results[0]))} here: "
        yield "TE707", "error", f"{text}nothing but whole numbers is left", (operation.file, operation.line)
    elif found and name in VIEWS | PERMUTES | CASTS | JOINS | {"stack", "__getitem__", "repeat_interleave"}:
        notes.add(results, *dict.fromkeys(found))


def _is_whole(dtype: torch.dtype) -> bool:
    return not dtype.is_floating_point and not dtype.is_complex and dtype != torch.bool


def booleans(operation: Operation) -> Iterator[Found]:
    """A mask added to numbers: True counts as 1, where minus infinity may be meant."""
    if operation.name not in SUMS or len(operation.tensors) != 2:
        return
    dtypes = [dtype_of(tensor) for tensor in operation.tensors]
    if torch.bool in dtypes and any(dtype.is_floating_point for dtype in dtypes):
        text = "a bool tensor is added to numbers: True counts as 1; use masked_fill, or say `.to(x.dtype)`"
        yield "TE708", "error", text, (operation.file, operation.line)
