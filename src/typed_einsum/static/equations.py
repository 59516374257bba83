"""Equations in calls and signatures, judged without a tensor."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from typed_einsum.diagnostics import Span
from typed_einsum.equation.axes import AxisSyntaxError, read_axes
from typed_einsum.equation.equation import ARROW, Equation, Flaw, FlawError, Site, assemble, name_of
from typed_einsum.equation.lint import lint
from typed_einsum.equation.notation import read_equation
from typed_einsum.equation.reading import Reductions, in_words, operand_labels
from typed_einsum.errors import EquationError
from typed_einsum.static.verdict import Verdict

_IMPLIED = re.compile(r"[a-zA-Z\s.,]*[a-zA-Z][a-zA-Z\s.,]*")
"""Operands and no arrow of any kind."""


def torch_verdicts(text: str, operands: int | None) -> Iterator[Verdict]:
    """An equation as torch reads it: one letter is one axis, and spaces mean nothing."""
    if _IMPLIED.fullmatch(text):
        yield _implied_verdict(text)
        return
    tight, positions = "".join(text.split()), _positions(text)
    try:
        equation = read_equation(tight)
    except EquationError as error:
        yield Verdict(_widened(_flaw_of(error), positions), "error")
        return
    for verdict in _equation_verdicts(equation, operands):
        yield replace(verdict, flaw=_widened(verdict.flaw, positions))


def named_verdicts(text: str, operands: int | None) -> Iterator[Verdict]:
    """An equation in which every word is a name, as einops reads it."""
    inputs, arrow, output = text.partition(ARROW)
    if not arrow:
        yield Verdict(Flaw("TE101", "the equation has no `->`", help="say which output you mean"), "error")
        return
    parts, offset = [], 0
    for part in inputs.split(","):
        parts.append((part, offset))
        offset += len(part) + 1
    try:
        axes = [read_axes(part, at) for part, at in (*parts, (output, len(inputs) + len(ARROW)))]
        equation = assemble(axes[:-1], axes[-1], "named")
    except AxisSyntaxError as error:
        flaw = Flaw("TE105", f"`{error.word}` is not an axis", Site(None, error.span), error.reason)
        yield Verdict(flaw, "error")
    except FlawError as error:
        if error.flaw.code != "TE112":  # einops takes an axis of size 1 as it is
            yield Verdict(error.flaw, "error")
    else:
        yield from _equation_verdicts(equation, operands)


def our_verdicts(text: str, reductions: Reductions) -> Iterator[Verdict]:
    """An equation of `typed_einsum.einsum`, judged as at its first call."""
    if in_words(text, reductions) is not None:  # what it means is seen in its tensors
        return
    try:
        equation = reductions.of(read_equation(text))
    except EquationError as error:
        yield Verdict(_flaw_of(error), "error")
        return
    yield from (Verdict(flaw, "error") for flaw in lint(equation, operand_labels(equation)))


def signature_flaws(texts: Sequence[str], labels: Sequence[str], reductions: Reductions) -> Iterator[Flaw]:
    """The flaws of the equation that the annotations of a typed einsum are; the last is the result's."""
    try:
        axes = [read_axes(text) for text in texts]
        equation = assemble(axes[:-1], axes[-1], "named")
    except AxisSyntaxError:  # told where the annotation stands
        return
    except FlawError as error:
        yield error.flaw
        return
    yield from lint(reductions.of(equation), labels)


def _flaw_of(error: EquationError) -> Flaw:
    """The flaw that an error about one text tells."""
    told = error.diagnostic
    mark = next(iter(told.marks), None)
    site = None if mark is None else Site(None, mark.span)
    return Flaw(told.code, told.summary, site, "" if mark is None else mark.label, told.help)


def implied_output(text: str) -> tuple[str, str]:
    """The output that torch implies where there is no `->`, and the same letters in the order written."""
    letters = [letter for letter in text if letter.isalpha()]
    once = [letter for letter in letters if letters.count(letter) == 1]
    return "".join(sorted(once)), "".join(once)


def _implied_verdict(text: str) -> Verdict:
    """An equation without an arrow: an error where torch orders the output otherwise than it is written."""
    implied, written = implied_output(text)
    summary = f"the equation has no `->`: torch implies the output `{implied}`"
    if implied != written:
        summary += f", in the order of the alphabet and not as written, `{written}`"
    repair = f'say which output you mean: "{text.strip()}{ARROW}{written}"'
    flaw = Flaw("TE101", summary, help=repair)
    return Verdict(flaw, "advice" if implied == written else "error")


def _equation_verdicts(equation: Equation, operands: int | None) -> Iterator[Verdict]:
    """What is wrong with an equation of torch's, and what may be meant so."""
    labels = tuple(f"operand {index + 1}" for index in range(len(equation.operands)))
    if operands is not None and operands != len(labels):
        summary = f"the equation names {len(labels)} operands, but {operands} are given"
        yield Verdict(Flaw("TE401" if operands < len(labels) else "TE403", summary), "error")
    if len(labels) > 1:
        yield from _diagonals(equation)
    apart = _is_a_product_of_sums(equation)
    for flaw in lint(equation, labels):
        if flaw.code != "TE108":
            yield Verdict(flaw, "error")
        elif not flaw.summary.startswith("axis `...`"):
            said = replace(flaw, help="if you mean the sum, sum that operand before the product")
            yield Verdict(said, "error" if apart else "advice")


def _diagonals(equation: Equation) -> Iterator[Verdict]:
    for index, names in enumerate(equation.operand_keys):
        for name, count in Counter(names).items():
            if count > 1:
                axis = [axis for axis in equation.operands[index] if name_of(axis) == name][1]
                summary = f"letter `{name}` stands twice in operand {index + 1}: only its diagonal is used"
                site = Site(index, axis.span)
                flaw = Flaw("TE715", summary, site, "again", "for a matrix, use two letters")
                yield Verdict(flaw, "error")


def _is_a_product_of_sums(equation: Equation) -> bool:
    """Whether two operands lose a letter each and none is contracted: the result is a product of two sums."""
    counts = Counter(name for names in equation.operand_keys for name in dict.fromkeys(names))
    if any(counts[name] > 1 for name in equation.vanished):
        return False
    losing = [names for names in equation.operand_keys if set(names) & set(equation.vanished)]
    return len(losing) > 1


def _positions(text: str) -> list[int]:
    """Where each character of an equation without spaces stands in the text as written."""
    return [position for position, letter in enumerate(text) if not letter.isspace()]


def _widened(flaw: Flaw, positions: list[int]) -> Flaw:
    """A flaw of an equation without spaces, in the text as written."""
    if flaw.site is None or not positions:
        return flaw
    last = len(positions) - 1
    start, stop = flaw.site.span.start, flaw.site.span.stop
    span = Span(positions[min(start, last)], positions[min(max(stop - 1, start), last)] + 1)
    return replace(flaw, site=Site(flaw.site.operand, span))
