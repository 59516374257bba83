"""The vector-Jacobian product of each operand: an einsum again, with the broadcast or diagonal it needs.

For `R = Σ A B`, the gradient of A gathers the gradient of R and every other operand into the axes of A. An
axis that A has alone gets the same gradient everywhere; a diagonal of A gets one, and zeros beside it. A
maximum passes the gradient on to the winner. Of equals the first wins where the plan keeps the best products
only, as in `torch.max`; otherwise they share it evenly, as in `torch.amax`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_letters

from typed_einsum.derivation.formula import PRIME, Equality, Formula, Indexed, Product, Reduced, Winner
from typed_einsum.derivation.subject import Subject
from typed_einsum.derivation.variables import Variables, variables
from typed_einsum.plan import Plan
from typed_einsum.plan.steps import BestProduct


@dataclass(frozen=True, slots=True)
class Gradient:
    """The gradient of one operand: formula, equation of the einsum, code, and what to know about it.

    `broadcast` are the axes along which the gradient is the same, `diagonal` those on whose diagonal alone
    it is not zero, `shrunk` those that are summed too where the operand has size 1.
    """

    symbol: str
    variable: str
    formula: Equality
    equation: str
    code: str
    broadcast: tuple[str, ...]
    diagonal: tuple[str, ...]
    shrunk: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gradients:
    """Every operand's gradient; with a maximum, first the gradient that the winners get.

    `first_wins` says that of equals one has all of it.
    """

    winner: Equality | None
    winner_code: str
    first_wins: bool
    operands: tuple[Gradient, ...]

    @property
    def source(self) -> str:
        """The code of all, which runs on operands and on the gradient of the result."""
        return "\n".join(
            [*([self.winner_code] if self.winner_code else []), *(g.code for g in self.operands)]
        )


def gradients_of(subject: Subject, plan: Plan) -> Gradients:
    """The gradients of every operand."""
    if any(index.broadcasts for index in subject.indices):
        # A size may be 1 and repeat: torch.einsum and torch.max run instead of the plan.
        first_wins = len(subject.maximised) == 1
    else:
        first_wins = any(isinstance(step, BestProduct) for step in plan.steps)
    names = variables(subject)
    inner = (*subject.result.labels, *subject.maximised)
    winner, code = _winner(subject, names, inner, first_wins) if subject.maximised else (None, "")
    through = names.fresh("grad_inner") if subject.maximised else names.fresh(f"grad_{names.result}")
    found = tuple(
        _gradient(subject, names, operand, through, inner) for operand in range(len(subject.operands))
    )
    return Gradients(winner, code, first_wins, found)


def _winner(
    subject: Subject, names: Variables, inner: tuple[str, ...], first_wins: bool
) -> tuple[Equality, str]:
    symbol, labels = subject.result.symbol, subject.result.labels
    formula = Equality(
        Indexed(symbol, inner, "hat"), Product((Indexed(symbol, labels, "bar"), Winner(subject.maximised)))
    )
    last = tuple(range(-len(subject.maximised), 0))
    rows = [operand.labels for operand in subject.operands]
    call = _call(rows, inner, names.operands)
    nones = ", None" * len(subject.maximised)
    given, passed = names.fresh(f"grad_{names.result}"), names.fresh("grad_inner")
    if first_wins:
        lines = [
            f"inner = {call}",
            "winners = torch.zeros_like(inner).scatter_(-1, inner.argmax(-1, keepdim=True), 1.0)",
            f"{passed} = {given}[..., None] * winners",
        ]
        return formula, "\n".join(lines)
    return formula, "\n".join(
        [
            f"inner = {call}",
            f"winners = (inner == inner.amax({last}, keepdim=True)).to(inner.dtype)",
            f"{passed} = {given}[...{nones}] * winners / winners.sum({last}, keepdim=True)",
        ]
    )


def _gradient(
    subject: Subject, names: Variables, operand: int, through: str, inner: tuple[str, ...]
) -> Gradient:
    tensor = subject.operands[operand]
    others = [other for i, other in enumerate(subject.operands) if i != operand]
    variable = names.operands[operand]
    rows = [inner, *(other.labels for other in others)]
    held = {label for row in rows for label in row}
    target, view = _diagonal_view(tensor.labels)
    kept = tuple(label for label in target if label in held)
    arguments = (through, *(v for i, v in enumerate(names.operands) if i != operand))
    value = _call(rows, kept, arguments)
    if len(kept) < len(target):
        value += f"[{', '.join(':' if label in held else 'None' for label in target)}]"
    name = names.fresh(f"grad_{variable}")
    if view:
        code = f"{name} = torch.zeros_like({variable})\n{name}{view}.copy_({value})"
    else:
        code = f"{name} = {value}" + (f".expand({variable}.shape)" if len(kept) < len(target) else "")
    repeated = tuple(label for label, count in Counter(tensor.labels).items() if count > 1)
    return Gradient(
        tensor.symbol,
        name,
        _formula(subject, operand, inner, target),
        _equation(rows, kept)[0],
        code,
        tuple(label for label in target if label not in held),
        repeated,
        tuple(index.label for index in subject.indices if operand in index.broadcasts),
    )


def _diagonal_view(labels: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The axes of an operand's diagonal, each once, and the calls that view it."""
    view = ""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            view += f".diagonal(0, {first}, {second})"
            labels = (*(x for i, x in enumerate(labels) if i not in (first, second)), label)
    return labels, view


def _formula(subject: Subject, operand: int, inner: tuple[str, ...], target: tuple[str, ...]) -> Equality:
    tensor = subject.operands[operand]
    seen: Counter[str] = Counter()
    labels, deltas = [], []
    for label in tensor.labels:
        labels.append(label + PRIME * seen[label])
        if seen[label]:
            deltas.append(Indexed("δ", (label, labels[-1])))
        seen[label] += 1
    gradient = Indexed(subject.result.symbol, inner, "hat" if subject.maximised else "bar")
    others = [Indexed(o.symbol, o.labels) for i, o in enumerate(subject.operands) if i != operand]
    factors = (*deltas, gradient, *others)
    body: Formula = factors[0] if len(factors) == 1 else Product(factors)
    rows = [inner, *(other.labels for other in others)]
    summed = tuple(dict.fromkeys(label for row in rows for label in row if label not in target))
    return Equality(
        Indexed(tensor.symbol, tuple(labels), "bar"), Reduced("sum", summed, body) if summed else body
    )


def _call(rows: Sequence[tuple[str, ...]], output: tuple[str, ...], arguments: Sequence[str]) -> str:
    equation, lone = _equation(rows, output)
    option = f', sum="{lone}"' if lone else ""
    return f'einsum("{equation}", {", ".join(arguments)}{option})'


def _equation(rows: Sequence[tuple[str, ...]], output: tuple[str, ...]) -> tuple[str, str]:
    """The text of an equation, and the axes that one operand alone has and the output lacks."""
    if not any(len(row) > 1 for row in rows):
        # Without a space between two axes the equation is read letter by letter.
        labels = list(dict.fromkeys(label for row in rows for label in row))
        if not all(len(label) == 1 and label.isascii() and label.isalpha() for label in labels):
            letters = dict(zip(labels, ascii_letters, strict=False))
            rows = [tuple(letters[label] for label in row) for row in rows]
            output = tuple(letters[label] for label in output)
    counts = Counter(label for row in rows for label in set(row))
    lone = [label for label, count in counts.items() if count == 1 and label not in output and len(rows) > 1]
    text = f"{', '.join(' '.join(row) for row in rows)} -> {' '.join(output)}".rstrip()
    return text, " ".join(sorted(lone))
