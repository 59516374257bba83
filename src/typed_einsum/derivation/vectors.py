"""The contraction entry by entry: of which two vectors an output entry is the dot product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from typed_einsum.derivation.subject import Subject
from typed_einsum.derivation.variables import Variables, variables

Kind = Literal["dot", "product", "sum", "copy", "many"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """An operand after its own diagonals and lone sums: the code that makes it, and the axes left."""

    code: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vectors:
    """What one entry of the result is made of.

    `kind`: `dot` for the dot product of two vectors, `product` for one number from each operand, `sum` for
    the sum of one operand's entries, `copy` for one entry moved, `many` for three operands or more.
    `along` are the axes of the vectors; `fixed` those that choose the vectors: the result's and the
    maximised ones. `code` computes one entry in torch from `fixed` indices. `weights` is the operand whose
    rows weigh the other's vectors, where a matrix product reads so.
    """

    kind: Kind
    along: tuple[str, ...]
    fixed: tuple[str, ...]
    slices: tuple[str, ...]
    code: str
    weights: int | None


def entry_of(subject: Subject) -> Vectors:
    """Describe one entry of the result, before any maximum."""
    names = variables(subject)
    prepared = [prepare(subject, names, operand) for operand in range(len(subject.operands))]
    fixed = (*subject.result.labels, *subject.maximised)
    held = [label for label in prepared[0].labels if label not in fixed]
    along = tuple(held) if len(prepared) == 2 else subject.summed
    if len(prepared) != 2:
        along = tuple(label for label in subject.summed if any(label in p.labels for p in prepared))
    slices = tuple(_slice(names, operand, fixed) for operand in prepared)
    if len(prepared) == 1:
        kind: Kind = "sum" if subject.summed else "copy"
        own = _slice(names, _diagonals(subject, names, 0), fixed)
        return Vectors(kind, subject.summed, fixed, (own,), f"{own}.sum()", None)
    if len(prepared) > 2:
        return Vectors("many", along, fixed, slices, _many(names, subject, prepared, fixed), None)
    if not along:
        return Vectors("product", (), fixed, slices, " * ".join(slices), None)
    second = _slice(names, prepared[1], fixed)
    order = [label for label in prepared[1].labels if label not in fixed]
    if order != list(along):
        second += f".permute({', '.join(str(order.index(label)) for label in along)})"
    return Vectors(
        "dot", along, fixed, slices, f"({slices[0]} * {second}).sum()", _weights(subject, prepared, along)
    )


def prepare(subject: Subject, names: Variables, operand: int) -> Prepared:
    """The operand after diagonals over vanished axes and the sums over axes that it has alone."""
    value = _diagonals(subject, names, operand)
    own = {
        label
        for label in value.labels
        if label in subject.summed and subject.by_label[label].holders == (operand,)
    }
    if not own or len(subject.operands) == 1:
        return value
    positions = tuple(i for i, label in enumerate(value.labels) if label in own)
    return Prepared(
        f"{value.code}.sum({positions})", tuple(label for label in value.labels if label not in own)
    )


def _diagonals(subject: Subject, names: Variables, operand: int) -> Prepared:
    """Diagonals where a slice cannot take them: over axes that no index fixes."""
    code, labels = names.operands[operand], subject.operands[operand].labels
    for label in subject.summed:
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            code += f".diagonal(0, {first}, {second})"
            labels = (*(x for i, x in enumerate(labels) if i not in (first, second)), label)
    return Prepared(code, labels)


def _slice(names: Variables, value: Prepared, fixed: tuple[str, ...]) -> str:
    inside = [names.axes[label] if label in fixed else ":" for label in value.labels]
    return f"{value.code}[{', '.join(inside) or '()'}]"


def _many(names: Variables, subject: Subject, prepared: list[Prepared], fixed: tuple[str, ...]) -> str:
    """Three operands or more: slices aligned along the summed axes, multiplied and summed."""
    along = [label for label in subject.summed if any(label in p.labels for p in prepared)]
    parts = []
    for value in prepared:
        own = [label for label in value.labels if label not in fixed]
        order = [own.index(label) for label in along if label in own]
        part = _slice(names, value, fixed)
        if order != sorted(order):
            part += f".permute({', '.join(map(str, order))})"
        if len(own) < len(along):
            part += f"[{', '.join(':' if label in own else 'None' for label in along)}]"
        parts.append(part)
    product = " * ".join(parts)
    return f"({product}).sum()" if along else product


def _weights(subject: Subject, prepared: list[Prepared], along: tuple[str, ...]) -> int | None:
    """The operand whose rows are weights: `A[..., k] B[..., k, d]` reads as a weighted sum of rows of B.

    Its contracted axes come last; the other operand's come just before one free axis.
    """
    for weights, other in ((0, 1), (1, 0)):
        rows, vectors = prepared[weights].labels, prepared[other].labels
        free = vectors and subject.by_label[vectors[-1]].holders == (other,)
        if rows[-len(along) :] == along and free and vectors[-len(along) - 1 : -1] == along:
            return weights
    return None
