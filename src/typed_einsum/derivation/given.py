"""The operands of an example that a reader gives: nested lists of whole numbers, or tensors of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

from typed_einsum.derivation.subject import Subject, SymbolicTensor
from typed_einsum.diagnostics import Diagnostic
from typed_einsum.errors import ArgumentError, ShapeError

MOST_PRODUCTS = 4096
"""An example of more products than this is no longer one that a reader follows."""

Given = Sequence[Any] | str
"""An array for each operand, or the text of these arrays as JSON writes them, with commas between them."""

Entries = Mapping[tuple[int, ...], int]
"""Every entry of an array, by its index."""


def given_example(subject: Subject, given: Given) -> tuple[dict[str, int], list[Entries]]:
    """The sizes of the axes, and the entries of each operand.

    Raises `ArgumentError` (TE406) for what are no such arrays, `ShapeError` (TE201) for an axis of two sizes.
    """
    arrays = _arrays(subject, given)
    wanted = len(subject.operands)
    if len(arrays) != wanted:
        counted = f"{len(arrays)} {'array' if len(arrays) == 1 else 'arrays'}"
        operands = f"{wanted} {'operand' if wanted == 1 else 'operands'}"
        raise _refused(subject, f"`example` has {counted}, and the equation has {operands}")
    read = [_read(subject, operand, array) for operand, array in zip(subject.operands, arrays, strict=True)]
    sizes = _sizes(subject, [shape for shape, _ in read])
    products = prod(sizes.values())
    if products > MOST_PRODUCTS:
        raise _refused(
            subject, f"`example` has {products} products, and at most {MOST_PRODUCTS} are worked out"
        )
    return sizes, [entries for _, entries in read]


def _arrays(subject: Subject, given: Given) -> list[Any]:
    if not isinstance(given, str):
        return list(given)
    try:
        return list(json.loads(f"[{given}]"))
    except ValueError:
        raise _refused(subject, "`example` cannot be read") from None


def _read(subject: Subject, operand: SymbolicTensor, array: Any) -> tuple[tuple[int, ...], Entries]:
    """The shape of an array, and its entries."""
    nested = array.tolist() if hasattr(array, "tolist") else array
    entries: dict[tuple[int, ...], int] = {}
    for at, value in _flat(nested):
        if len(at) != len(operand.labels):
            counted = f"{len(at)} {'axis' if len(at) == 1 else 'axes'}"
            said = f"`example` gives `{operand.symbol}` {counted}, and the equation gives it "
            raise _refused(subject, f"{said}{len(operand.labels)}")
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            said = f"`example` has {value!r} in `{operand.symbol}`, which is not a whole number"
            raise _refused(subject, said)
        entries[at] = int(value)
    shape = tuple(max(i) + 1 for i in zip(*entries, strict=True))
    if not entries or len(entries) != prod(shape):
        raise _refused(
            subject, f"`example` gives `{operand.symbol}` lists of different lengths, or empty ones"
        )
    return shape, entries


def _flat(nested: Any, at: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Any]]:
    if not isinstance(nested, list | tuple):
        yield at, nested
        return
    for i, inner in enumerate(nested):
        yield from _flat(inner, (*at, i))


def _sizes(subject: Subject, shapes: Sequence[tuple[int, ...]]) -> dict[str, int]:
    """The size of each axis, in the order of the equation's axes."""
    found: dict[str, tuple[int, str]] = {}
    for operand, shape in zip(subject.operands, shapes, strict=True):
        for label, size in zip(operand.labels, shape, strict=True):
            first, holder = found.setdefault(label, (size, operand.symbol))
            if size != first:
                said = f"`example` gives axis `{label}` two sizes: {first} in `{holder}`, {size} in "
                raise ShapeError(Diagnostic("TE201", f"{said}`{operand.symbol}`", help=_help(subject)))
    return {index.label: found[index.label][0] for index in subject.indices}


def _refused(subject: Subject, summary: str) -> ArgumentError:
    return ArgumentError(Diagnostic("TE406", summary, help=_help(subject)))


def _help(subject: Subject) -> str:
    arrays = ", ".join(f"{each.symbol}[{','.join(each.labels)}]" for each in subject.operands)
    return f"give each operand an array of whole numbers: {arrays}"
