"""TE731: one axis that is split as `2*a` in one place and as `a*2` in another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.dimensions import Dimension, Factor, TrackedAxes
from typed_einsum.testing.audit.facts import Facts, Pair, PutTogether
from typed_einsum.testing.audit.findings import Flaw, SourceLine, error
from typed_einsum.testing.audit.operations import Operation
from typed_einsum.testing.audit.rules.fractions import entries_of
from typed_einsum.testing.audit.rules.registry import rule
from typed_einsum.testing.audit.vocabulary import POINTWISE, VIEWS


@rule("TE731")
def split_otherwise(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """Halves in one place and neighbouring pairs in the other, of the same axis."""
    found = [tracked.of(tensor) for tensor in operation.tensors]
    for tensor, dimensions in zip(operation.tensors, found, strict=True):
        for piece in (piece for dimension in dimensions for piece in dimension):
            if piece.whole is not None and _is_named(piece.whole):
                outer = piece.whole.size // piece.size if piece.inner else piece.size
                source = entries_of(tensor, facts)
                other = tracked.split_elsewhere(piece.whole, outer, operation.line, source)
                if other is not None:
                    yield _flaw(piece.whole, outer, operation.line, other)
    _note_rotation(operation, tracked, facts)
    if operation.name in POINTWISE and len(found) == 2:
        yield from _repeated(operation, found, facts)


def _is_named(whole: Factor) -> bool:
    while whole.whole is not None:
        whole = whole.whole
    return whole.named


def _note_rotation(operation: Operation, tracked: TrackedAxes, facts: Facts) -> None:
    """A last axis that is taken apart in two and put together again, its two parts exchanged."""
    tensors, results = operation.tensors, operation.results
    if not tensors or not results:
        return
    match operation.name:
        case "__getitem__":
            pair = _pair(operation.arguments[1], shape_of(tensors[0])[-1:])
            facts.add(results, *([pair] if pair else []))
        case "chunk" if len(results) == 2:
            rank = len(shape_of(tensors[0]))
            if operation.option("dim", 2, 0) in (-1, rank - 1):
                facts.add(results, Pair(is_half=True))
        case "neg" | "mul":
            facts.add(results, *facts.of(Pair, tensors[:1]))
        case "cat" | "stack" if len(tensors) == 2:
            kinds = {fact for tensor in tensors for fact in facts.of(Pair, [tensor])}
            rank = len(shape_of(results[0]))
            is_last = operation.option("dim", 1, 0) in (-1, rank - 1)
            is_whole = is_last and all(facts.of(Pair, [tensor]) for tensor in tensors)
            if is_whole and kinds == {Pair(is_half=operation.name == "cat")}:
                facts.add(results, PutTogether(operation.name == "cat", operation.line))
        case name if name in VIEWS:
            facts.add(results, *facts.of(PutTogether, tensors[:1]))
        case _:
            return


def _pair(key: Any, last: Sequence[int]) -> Pair | None:
    """`x[..., : c // 2]` is one of two halves, `x[..., ::2]` one of each two neighbours."""
    item = key[-1] if isinstance(key, tuple) and key else None
    if not isinstance(item, slice) or not last or last[0] % 2 or last[0] < 4:
        return None
    taken, half = range(*item.indices(last[0])), last[0] // 2
    if taken in (range(half), range(half, last[0])):
        return Pair(is_half=True)
    return Pair(is_half=False) if taken in (range(0, last[0], 2), range(1, last[0], 2)) else None


def _repeated(operation: Operation, found: Sequence[Sequence[Dimension]], facts: Facts) -> Iterator[Flaw]:
    """Angles that are repeated for neighbours, where an axis is turned by its halves; or the reverse."""
    for index, tensor in enumerate(operation.tensors):
        angles = found[1 - index][-1] if found[1 - index] else ()
        size = shape_of(tensor)[-1:]
        for fact in facts.of(PutTogether, [tensor]):
            if len(angles) != 2 or list(size) != [angles[0].size * angles[1].size]:
                continue
            count = angles[1] if fact.is_half else angles[0]
            if count.is_count and count.size == 2 != size[0] // 2:
                outer = size[0] // 2 if fact.is_half else 2
                yield _flaw(Factor("", size[0]), outer, operation.line, fact.line)


def _flaw(whole: Factor, outer: int, line: SourceLine, other: SourceLine) -> Flaw:
    inner = whole.size // outer
    name = f"`{whole}`, of {whole.size} entries," if whole.name else f"an axis of {whole.size} entries"
    return error(
        f"{name} is split as {outer}*{inner} here but as {inner}*{outer} in line {other.number}: entries "
        "that belong together in one place do not in the other",
        line,
    )
