"""Pictures of an einsum as inline SVG: wires between axes, and the tensor network."""

from __future__ import annotations

from typing import Literal

from typed_einsum.derivation.picture.network import network
from typed_einsum.derivation.picture.svg import framed
from typed_einsum.derivation.picture.wires import wires
from typed_einsum.derivation.subject import Role, Subject
from typed_einsum.diagnostics import Diagnostic
from typed_einsum.errors import ArgumentError

__all__ = ["to_svg"]

_TITLES = {"wires": "Axes of {}", "network": "Tensor network of {}"}


def to_svg(subject: Subject, form: Literal["wires", "network"], prefix: str) -> str:
    """One picture, well-formed as XML, with a title and a description for those who do not see it.

    Raises `ArgumentError` (TE402) for another form.
    """
    if form not in _TITLES:
        summary = f"`{form}` is not a form of picture"
        raise ArgumentError(Diagnostic("TE402", summary, help="the forms are wires and network"))
    drawn = wires(subject) if form == "wires" else network(subject)
    return framed(
        drawn.elements,
        drawn.box,
        f"{prefix}einsum-{form}",
        _TITLES[form].format(subject.title),
        described(subject),
        drawn.roles,
    )


def described(subject: Subject) -> str:
    """The picture in words: one sentence for each axis."""
    return " ".join(_sentence(subject, index.label) for index in subject.indices) or "No axes."


def _sentence(subject: Subject, label: str) -> str:
    index = subject.by_label[label]
    named = label if index.size is None else f"{label}, size {index.size},"
    symbols = [subject.operands[i].symbol for i in index.holders]
    where = " and ".join([", ".join(symbols[:-1]), symbols[-1]] if len(symbols) > 1 else symbols)
    result = subject.result.symbol
    match index.role:
        case Role.BATCH:
            return f"Axis {named} goes from {where} to {result}: batch."
        case Role.FREE | Role.DIAGONAL:
            return f"Axis {named} goes from {where} to {result}: {index.role.value}."
        case Role.CONTRACTED:
            return f"Axis {named} joins {where} and ends there: contracted."
        case Role.MAXIMISED:
            return f"Axis {named} of {where} ends in a maximum."
        case Role.LONE:
            return f"Axis {named} of {where} ends in a sum."
