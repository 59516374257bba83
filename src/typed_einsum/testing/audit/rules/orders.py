"""Axes that two tensors have merged in different orders, and that meet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.findings import Found
from typed_einsum.testing.audit.labels import Label, Labels, Part, shown, size_of
from typed_einsum.testing.audit.operations import JOINS, MATMULS, POINTWISE, Operation, letters_of
from typed_einsum.testing.audit.rules.broadcasting import LOSSES

MOST = 4
"""Tensors that meet in one operation, as far as is looked."""

PAIRED = {"cosine_embedding_loss", "margin_ranking_loss", "triplet_margin_loss", "cosine_similarity", "stack"}
CLASSES = {"cross_entropy", "nll_loss"}
"""Losses whose target lacks the axis of the classes, the second one."""


def meeting(operation: Operation, labels: Labels) -> Iterator[Found]:
    """`x.reshape(b * t)` beside `y.T.reshape(t * b)`: as many entries, in another order."""
    for one, other in _meetings(operation, labels):
        if are_astray(one, other):
            name = operation.name.strip("_")
            text = f"`{name}` lays `{shown(one)}` against `{shown(other)}`: axes merged in another order, so "
            text += "that entries meet which do not belong together; permute one before its reshape"
            yield "TE703", "error", text, (operation.file, operation.line)


def are_astray(one: Label, other: Label) -> bool:
    """Whether an axis that is part of both has another stride in each; twins may be symmetric."""
    if size_of(one) != size_of(other) or not (_is_distinct(one) and _is_distinct(other)):
        return False
    strides = _strides(other)
    return any(strides.get(part, stride) != stride for part, stride in _strides(one).items())


def _is_distinct(label: Label) -> bool:
    return len({part.axis for part in label}) == len(label) > 1


def _strides(label: Label) -> dict[Part, int]:
    """How far apart the entries of each named axis are within a dimension."""
    return {
        part: size_of(label[at + 1 :]) for at, part in enumerate(label) if part.named and not part.extends
    }


def _meetings(operation: Operation, labels: Labels) -> Iterator[tuple[Label, Label]]:
    """The pairs of dimensions that an operation lays against each other."""
    tensors = operation.tensors
    if len(tensors) < 2:
        return
    one, other = (labels.of(tensor) for tensor in tensors[:2])
    match operation.name:
        case name if name in POINTWISE | LOSSES | PAIRED:
            for pair in combinations(tensors[:MOST], 2):
                yield from _from_the_right(*(labels.of(tensor) for tensor in pair))
        case name if name in CLASSES:
            same = len(shape_of(tensors[0])) == len(shape_of(tensors[1]))
            yield from _from_the_right(one if same else (*one[:1], *one[2:]), other)
        case name if name in MATMULS and one and other:
            yield one[-1], other[-2] if len(other) > 1 else other[-1]
            yield from _from_the_right(one[:-2], other[:-2])
        case name if name in JOINS:
            along = operation.option("dim", 1, 0)
            if isinstance(along, int) and len(one) == len(other) and -len(one) <= along < len(one):
                pairs = list(zip(one, other, strict=True))
                yield from pairs[: along % len(one)] + pairs[along % len(one) + 1 :]
        case "einsum" if (letters := letters_of(operation)) is not None:
            held: dict[str, Label] = {}
            for operand, tensor in zip(letters[0], operation.tensors, strict=True):
                for letter, label in zip(operand, labels.of(tensor), strict=True):
                    yield held.setdefault(letter, label), label
        case _:
            return


def _from_the_right(one: Sequence[Label], other: Sequence[Label]) -> Iterator[tuple[Label, Label]]:
    yield from zip(reversed(one), reversed(other), strict=False)
