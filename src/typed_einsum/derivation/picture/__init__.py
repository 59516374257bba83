"""Pictures of an einsum as inline SVG: wires between axes, and the tensor network."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from typed_einsum.derivation.picture.network import network
from typed_einsum.derivation.picture.svg import framed, small
from typed_einsum.derivation.picture.wires import wires
from typed_einsum.derivation.subject import Role, Subject
from typed_einsum.diagnostics import Diagnostic
from typed_einsum.errors import ArgumentError

__all__ = ["drawing"]

_TITLES = {"wires": "Axes of {}", "network": "Tensor network of {}"}


def drawing(
    subject: Subject, form: Literal["wires", "network", "thumbnail"], prefix: str, *, style: bool = True
) -> str:
    """One picture, well-formed as XML, with a title and a description for those who do not see it.

    A thumbnail has neither: it stands beside its words. Without `style` the page has the style sheet.
    Raises `ArgumentError` (TE402) for another form.
    """
    if form == "thumbnail":
        return small(wires(without_sizes(subject)), style=style)
    if form not in _TITLES:
        summary = f"`{form}` is not a form of picture"
        raise ArgumentError(Diagnostic("TE402", summary, help="the forms are wires, network and thumbnail"))
    drawn = wires(subject) if form == "wires" else network(subject)
    stem, title = f"{prefix}einsum-{form}", _TITLES[form].format(subject.title)
    return framed(drawn, stem, title, described(subject), style=style)


def without_sizes(subject: Subject) -> Subject:
    """The same subject with no size known."""
    return replace(subject, indices=tuple(replace(index, size=None) for index in subject.indices))


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
