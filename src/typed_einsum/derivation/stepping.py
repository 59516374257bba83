"""The small example in HTML: every number in a cell, one entry of the result worked out.

What stands here is complete without scripts. `stepping.js` works out any other entry, from the cells alone,
and writes it in the same form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from html import escape
from importlib.resources import files
from math import prod
from typing import TYPE_CHECKING

from typed_einsum.derivation.consequences import (
    MOST_CANDIDATES_SHOWN,
    MOST_TERMS_SHOWN,
    indexed,
    signed,
)
from typed_einsum.derivation.example import Candidate, Example, Nested, Term, indices
from typed_einsum.derivation.subject import Subject, SymbolicTensor

if TYPE_CHECKING:
    from typed_einsum.derivation import Derivation

MOST_CELLS = 200
"""An array of more numbers than this is no longer looked at."""


@lru_cache(maxsize=1)
def script() -> str:
    """The script that steps through examples and keeps an axis lit; a page needs it once."""
    return files("typed_einsum.derivation").joinpath("stepping.js").read_text(encoding="utf-8")


def can_be_stepped(derivation: Derivation) -> bool:
    """Whether there is an example, small enough for its arrays to be drawn."""
    subject, example = derivation.subject, derivation.example
    if example is None:
        return False
    sizes = dict(example.sizes)
    tensors = (*subject.operands, subject.result)
    return all(prod(sizes[label] for label in tensor.labels) <= MOST_CELLS for tensor in tensors)


def stepper(derivation: Derivation) -> str:
    """The arrays with the entries that meet, a slider for scripts, and one entry worked out."""
    subject, example = derivation.subject, derivation.example
    assert example is not None
    sizes = dict(example.sizes)
    met = Meeting(subject, example)
    arrays = [
        _array(tensor, values, sizes, derivation.roles, met.classes(which))
        for which, (tensor, values) in enumerate(zip(subject.operands, example.operands, strict=True))
    ]
    chosen = {example.at: "einsum-chosen"}
    arrays.append(_array(subject.result, example.result, sizes, derivation.roles, chosen))
    entry = indexed(subject.result.symbol, example.at)
    reduced = f'data-sum="{_spaced(subject.summed)}" data-max="{_spaced(subject.maximised)}"'
    worked = "".join(_worked(subject, example, entry))
    return (
        f'<div class="einsum-stepper" {reduced}>\n'
        f'<div class="einsum-arrays" data-search-exclude="">{"".join(arrays)}</div>\n'
        f"{_slider(subject, example, sizes, entry)}"
        f'<div class="einsum-worked" aria-live="polite">{worked}</div>\n</div>\n'
    )


class Meeting:
    """Which entries of the operands meet in the entry that is worked out."""

    def __init__(self, subject: Subject, example: Example) -> None:
        self.subject = subject
        self.example = example

    def at(self, which: int, candidate: Candidate, term: Term) -> tuple[int, ...]:
        """The index of one operand in one product."""
        subject = self.subject
        where = dict(zip(subject.result.labels, self.example.at, strict=True))
        where |= zip(subject.maximised, candidate.at, strict=True)
        where |= zip(subject.summed, term.at, strict=True)
        return tuple(where[label] for label in subject.operands[which].labels)

    def classes(self, which: int) -> dict[tuple[int, ...], str]:
        """The classes of the cells of one operand, by their index."""
        winner = _winner(self.example)
        found: dict[tuple[int, ...], str] = {}
        for candidate in self.example.candidates:
            won = bool(self.subject.maximised) and candidate is winner
            for term in candidate.terms:
                at = self.at(which, candidate, term)
                if won or at not in found:
                    found[at] = "einsum-met einsum-won" if won else "einsum-met"
        return found

    def places(self, candidate: Candidate, term: Term) -> str:
        """Where the factors of a product stand in their arrays, counted row by row."""
        sizes = dict(self.example.sizes)
        places = []
        for which, operand in enumerate(self.subject.operands):
            place = 0
            for label, i in zip(operand.labels, self.at(which, candidate, term), strict=True):
                place = place * sizes[label] + i
            places.append(str(place))
        return " ".join(places)


def _winner(example: Example) -> Candidate:
    return max(example.candidates, key=lambda candidate: candidate.total)


def _spaced(labels: Sequence[str]) -> str:
    return escape(" ".join(labels))


def _array(
    tensor: SymbolicTensor,
    values: Nested,
    sizes: Mapping[str, int],
    roles: Mapping[str, str],
    classes: Mapping[tuple[int, ...], str],
) -> str:
    """One tensor: a grid of its last two axes for each index of those before."""
    labels = tensor.labels
    names = ", ".join(axis(label, roles) for label in labels)
    head = f"{escape(tensor.symbol)}[{names}]" if labels else escape(tensor.symbol)
    shape = [sizes[label] for label in labels]
    said = f"{escape(tensor.symbol)} = {values}".replace("(", "[").replace(",)", "]").replace(")", "]")
    blocks = "".join(
        _block(labels, outer, values, shape, classes) for outer in indices(shape[: max(len(shape) - 2, 0)])
    )
    return (
        f'<figure class="einsum-array" data-symbol="{escape(tensor.symbol)}" data-axes="{_spaced(labels)}" '
        f'data-sizes="{" ".join(map(str, shape))}"><figcaption>{head}</figcaption>'
        f'<div class="einsum-blocks" role="img" aria-label="{said}">{blocks}</div></figure>'
    )


def _block(
    labels: Sequence[str],
    outer: tuple[int, ...],
    values: Nested,
    shape: Sequence[int],
    classes: Mapping[tuple[int, ...], str],
) -> str:
    """The grid of the last two axes, at one index of the others."""
    inner = shape[len(outer) :]
    cells = []
    for rest in indices(inner):
        at = (*outer, *rest)
        value = values
        for i in at:
            value = value[i]
        kind = f' class="{classes[at]}"' if at in classes else ""
        cells.append(f"<i{kind}>{value}</i>")
    where = " ".join(f"{escape(label)}={i}" for label, i in zip(labels, outer, strict=False))
    said = f"<small>{where}</small>" if where else ""
    columns = inner[-1] if inner else 1
    return f'<div>{said}<div class="einsum-grid" style="--columns:{columns}">{"".join(cells)}</div></div>'


def axis(label: str, roles: Mapping[str, str]) -> str:
    """The name of an axis, which lights up with all others of its name."""
    return f'<var class="role-{roles[label]}" data-i="{escape(label)}">{escape(label)}</var>'


def _slider(subject: Subject, example: Example, sizes: Mapping[str, int], entry: str) -> str:
    shape = [sizes[label] for label in subject.result.labels]
    chosen = 0
    for size, i in zip(shape, example.at, strict=True):
        chosen = chosen * size + i
    whole = indexed(subject.result.symbol, subject.result.labels)
    return (
        f'<p class="einsum-choose"><label><output>{escape(entry)}</output> '
        f'<input type="range" aria-label="{escape(whole)}" min="0" max="{prod(shape) - 1}" value="{chosen}" '
        f'aria-valuetext="{escape(entry)} = {example.value}"/></label></p>\n'
    )


def _worked(subject: Subject, example: Example, entry: str) -> list[str]:
    """The lines of one entry: by index and by number, or each candidate of a maximum."""
    met = Meeting(subject, example)
    if not subject.maximised:
        (candidate,) = example.candidates
        terms = candidate.terms
        named = [
            "·".join(indexed(t.symbol, met.at(i, candidate, term)) for i, t in enumerate(subject.operands))
            for term in terms
        ]
        value = f" = <b>{candidate.total}</b>" if len(terms) > 1 or len(subject.operands) > 1 else ""
        return [
            f"<p>{escape(entry)} = {_sum(met, candidate, named)}</p>",
            f"<p>= {_sum(met, candidate, _numbered(terms))}{value}</p>",
        ]
    winner, lines = _winner(example), []
    for candidate in example.candidates[:MOST_CANDIDATES_SHOWN]:
        at = ", ".join(f"{x}={i}" for x, i in zip(subject.maximised, candidate.at, strict=True))
        kind = ' class="einsum-winner"' if candidate is winner else ""
        total = _sum(met, candidate, _numbered(candidate.terms))
        lines.append(f"<p{kind}>{escape(at)}: {total} = <b>{candidate.total}</b></p>")
    if len(example.candidates) > MOST_CANDIDATES_SHOWN:
        lines.append("<p>…</p>")
    totals = ", ".join(str(candidate.total) for candidate in example.candidates)
    return [*lines, f"<p>{escape(entry)} = max({totals}) = <b>{example.value}</b></p>"]


def _numbered(terms: Sequence[Term]) -> list[str]:
    return ["·".join(map(signed, term.factors)) for term in terms]


def _sum(met: Meeting, candidate: Candidate, shown: Sequence[str]) -> str:
    terms = [
        f'<span class="einsum-term" data-cells="{met.places(candidate, term)}">{escape(text)}</span>'
        for term, text in zip(candidate.terms[:MOST_TERMS_SHOWN], shown, strict=False)
    ]
    left = len(candidate.terms) - MOST_TERMS_SHOWN
    return " + ".join([*terms, *([f"… {left} more"] if left > 0 else [])])
