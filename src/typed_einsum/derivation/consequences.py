"""The derivation in words, steps six to eight: cost, gradients, an example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typed_einsum.derivation.cost import Alternative, Totals
from typed_einsum.derivation.document import (
    Block,
    Line,
    Listing,
    Math,
    Table,
    axes,
    grouped,
    in_bytes,
    paragraph,
)
from typed_einsum.derivation.subject import Subject

if TYPE_CHECKING:
    from typed_einsum.derivation import Derivation
    from typed_einsum.derivation.example import Example, Nested
    from typed_einsum.derivation.gradients import Gradient

MOST_SHOWN = 48
"""Tables of more numbers than this are not printed."""
MOST_TERMS_SHOWN = 12
MOST_CANDIDATES_SHOWN = 6
MOST_COLUMNS = 90


def cost_blocks(derivation: Derivation) -> tuple[Block, ...]:
    """The counts, with their conventions."""
    cost = derivation.cost
    rows: list[tuple[Line, ...]] = [
        ((item.operation,), (_times(item.labels),), ("" if item.count is None else grouped(item.count),))
        for item in cost.work
    ]
    blocks: list[Block] = []
    if rows:
        blocks.append(Table("Work of each step", ("counted", "of", "number"), tuple(rows), (2,)))
    else:
        blocks.append(paragraph("Nothing is computed: the entries only move."))
    if any(step.operation == "best product" for step in derivation.matrices.steps):
        said = (
            "The products before the maximum are computed tile by tile and do not count as an intermediate."
        )
        blocks.append(paragraph(said))
    if cost.totals is None:
        blocks.append(paragraph("Give sizes to see the numbers."))
        return tuple(blocks)
    blocks.append(Table("In all", ("quantity", "number", "how it is counted"), _totals(cost.totals), (1,)))
    if cost.alternative is not None:
        blocks.append(paragraph(_dearer(cost.alternative, cost.totals)))
    return tuple(blocks)


def _times(labels: Sequence[str]) -> str:
    return " · ".join(labels) or "1"


def _totals(totals: Totals) -> tuple[tuple[Line, ...], ...]:
    largest = (
        f"{grouped(totals.largest)} entries of {_times(totals.largest_labels)}, "
        f"{in_bytes(4 * totals.largest)} in float32"
        if totals.largest
        else "no value is made besides the result"
    )
    others = totals.operations - totals.flops
    rows = [
        ("multiply-adds", grouped(totals.multiply_adds), "in matrix products; torch counts each as 2 FLOPs"),
        ("FLOPs", grouped(totals.flops), "as torch's FLOP counter: matrix products only"),
        (
            "other operations",
            grouped(others),
            "products by entry, sums, comparisons",
        ),
        ("bytes at least", grouped(totals.least_bytes), "float32: operands read once, result written once"),
        ("bytes moved", grouped(totals.moved_bytes), "float32: each step reads its values and writes one"),
        ("intensity", f"{totals.intensity:.3g}", "operations for each byte at least"),
        ("largest intermediate", grouped(totals.largest), largest),
    ]
    return tuple(((name,), (number,), (said,)) for name, number, said in rows)


def _dearer(alternative: Alternative, totals: Totals) -> str:
    largest = f"its largest intermediate has {grouped(alternative.largest)} entries"
    if alternative.path is None:
        own = (
            f"where this plan's has {grouped(totals.largest)}"
            if totals.largest
            else "where this plan has none"
        )
        return f"A dearer way: {alternative.name}. {_capital(largest)}, {own}."
    pairs = ", ".join(f"({first + 1}, {second + 1})" for first, second in alternative.path)
    return (
        f"A dearer way: {alternative.name}, pairs {pairs}. It takes {grouped(alternative.operations)} "
        f"operations instead of {grouped(totals.operations)}, {alternative.times:.3g} times as many; "
        f"{largest}."
    )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def gradient_blocks(derivation: Derivation) -> tuple[Block, ...]:
    """The vector-Jacobian products, as formulas and as code."""
    subject, gradients = derivation.subject, derivation.gradients
    result = subject.result.symbol
    said = f"A bar marks the gradient of a loss: from that of `{result}` come those of the operands."
    blocks: list[Block] = [paragraph(said)]
    if gradients.winner is not None:
        tied = "the first of equals wins" if gradients.first_wins else "equals share it evenly"
        said = f"Only the winner of the maximum over {axes(subject.maximised)} gets a gradient; {tied}."
        blocks.append(paragraph(said))
        blocks.append(Math(gradients.winner))
    for gradient in gradients.operands:
        blocks.append(Math(gradient.formula))
        blocks += [paragraph(note) for note in _gradient_notes(gradient)]
    blocks.append(
        paragraph("As code, with `einsum` from `typed_einsum` (for complex numbers, conjugate the operands):")
    )
    blocks.append(Listing(gradients.source))
    return tuple(blocks)


def _gradient_notes(gradient: Gradient) -> list[str]:
    notes = []
    if gradient.broadcast:
        notes.append(f"It is the same for every {axes(gradient.broadcast)}: a broadcast.")
    if gradient.diagonal:
        notes.append(f"Off the diagonal of {axes(gradient.diagonal)} it is 0.")
    if gradient.shrunk:
        notes.append(
            f"Where `{gradient.symbol}` has size 1 along {axes(gradient.shrunk)}, sum over that axis too."
        )
    return notes


def example_blocks(derivation: Derivation) -> tuple[Block, ...]:
    """The numbers, and one entry worked out."""
    subject, example = derivation.subject, derivation.example
    if example is None:
        return (paragraph("The equation has too many axes for an example of a readable size."),)
    sizes = " ".join(f"{label}={size}" for label, size in example.sizes)
    lines = [
        shown
        for tensor, values in zip(subject.operands, example.operands, strict=True)
        for shown in _array(tensor.symbol, values)
    ]
    blocks: list[Block] = []
    if sizes:
        blocks.append(paragraph(f"With sizes `{sizes}`:"))
    if lines:
        blocks.append(Listing("\n".join(lines), "text"))
    blocks.append(paragraph("One entry, worked out:"))
    blocks.append(Listing("\n".join(_worked(subject, example)), "text"))
    result = _array(subject.result.symbol, example.result)
    if result:
        blocks += [paragraph("And all of them:"), Listing("\n".join(result), "text")]
    return tuple(blocks)


def _array(symbol: str, values: Nested) -> list[str]:
    """An array as lines, one for each row; none where it is too long to read."""
    if _count(values) > MOST_SHOWN:
        return []
    start, rows = f"{symbol} = ", _rows(values, _widest(values))
    return [start + line if i == 0 else " " * len(start) + line for i, line in enumerate(rows)]


def _count(values: Nested) -> int:
    return sum(map(_count, values)) if isinstance(values, tuple) else 1


def _widest(values: Nested) -> int:
    return max(map(_widest, values), default=0) if isinstance(values, tuple) else len(str(values))


def _rows(values: Nested, width: int) -> list[str]:
    if not isinstance(values, tuple):
        return [str(values)]
    if not values or not isinstance(values[0], tuple):
        return [f"[{', '.join(f'{value:>{width}}' for value in values)}]"]
    lines: list[str] = []
    for i, inner in enumerate(values):
        for j, line in enumerate(_rows(inner, width)):
            lines.append(("[" if i == j == 0 else " ") + line)
        lines[-1] += "]" if i == len(values) - 1 else ","
    return lines


def _worked(subject: Subject, example: Example) -> list[str]:
    entry = f"{subject.result.symbol}[{', '.join(map(str, example.at)) or '()'}]"
    if not subject.maximised:
        return _sum_lines(entry, subject, example, 0)
    lines: list[str] = []
    for i, candidate in enumerate(example.candidates):
        at = ", ".join(f"{x}={value}" for x, value in zip(subject.maximised, candidate.at, strict=True))
        if i < MOST_CANDIDATES_SHOWN:
            lines += _sum_lines(f"{at}:  ", subject, example, i)
        elif i == MOST_CANDIDATES_SHOWN:
            lines.append("…")
    totals = ", ".join(str(candidate.total) for candidate in example.candidates)
    return [*lines, f"{entry} = max({totals}) = {example.value}"]


def _sum_lines(start: str, subject: Subject, example: Example, which: int) -> list[str]:
    """One sum: first with the entries by their indices (but for a maximum), then with their numbers."""
    candidate = example.candidates[which]
    shown = candidate.terms[:MOST_TERMS_SHOWN]
    where = dict(zip(subject.result.labels, example.at, strict=True))
    where |= zip(subject.maximised, candidate.at, strict=True)
    left = len(candidate.terms) - len(shown)
    more = [f"… {left} more"] if left else []
    lines = []
    if not subject.maximised:
        entries = []
        for term in shown:
            where |= zip(subject.summed, term.at, strict=True)
            entries.append(
                "·".join(indexed(t.symbol, [where[x] for x in t.labels]) for t in subject.operands)
            )
        lines += _wrapped(f"{start} = ", [*entries, *more])
        start = " " * len(start) + " = "
    numbers = ["·".join(signed(factor) for factor in term.factors) for term in shown]
    lines += _wrapped(start, [*numbers, *more])
    lines[-1] += f" = {candidate.total}" if len(numbers) > 1 or "·" in numbers[0] else ""
    return lines


def _wrapped(start: str, terms: Sequence[str]) -> list[str]:
    """A sum over as many lines as it needs."""
    lines, room = [start], MOST_COLUMNS
    for i, term in enumerate(terms):
        sign = " + " if i else ""
        if i and len(lines[-1]) + len(sign) + len(term) > room:
            lines.append(" " * len(start) + "+ " + term)
        else:
            lines[-1] += sign + term
    return lines


def indexed(symbol: str, at: Sequence[object]) -> str:
    """An entry by its index: `A[0,1]`."""
    return f"{symbol}[{','.join(map(str, at))}]" if at else symbol


def signed(number: int) -> str:
    """A factor: a negative one in parentheses."""
    return f"({number})" if number < 0 else str(number)
