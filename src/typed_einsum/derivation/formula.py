"""Formulas as small trees, and the same formula in text, LaTeX and MathML."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from typed_einsum.derivation.subject import Subject

Accent = Literal["", "bar", "hat"]


@dataclass(frozen=True, slots=True)
class Indexed:
    """A tensor with its indices: `A_{bqd}`. A gradient has a bar, one that the maximum passed on a hat."""

    symbol: str
    labels: tuple[str, ...]
    accent: Accent = ""


@dataclass(frozen=True, slots=True)
class Reduced:
    """A sum or a maximum over indices."""

    sign: Literal["sum", "max"]
    labels: tuple[str, ...]
    body: Formula


@dataclass(frozen=True, slots=True)
class Product:
    """Factors side by side; none of them is 1."""

    factors: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Winner:
    """1 where the index is the one of the maximum, and 0 elsewhere: `[n = n*]`."""

    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Equality:
    """Left is right."""

    left: Formula
    right: Formula


Formula = Indexed | Reduced | Product | Winner | Equality

PRIME = "\u2032"
"""Marks the second index of a diagonal: `i` and i with a prime."""

_COMBINING = {"": "", "bar": "\u0304", "hat": "\u0302"}


def notation(subject: Subject) -> Equality:
    """The equation in index notation."""
    factors = tuple(Indexed(operand.symbol, operand.labels) for operand in subject.operands)
    body: Formula = factors[0] if len(factors) == 1 else Product(factors)
    if subject.summed:
        body = Reduced("sum", subject.summed, body)
    if subject.maximised:
        body = Reduced("max", subject.maximised, body)
    return Equality(Indexed(subject.result.symbol, subject.result.labels), body)


def text(formula: Formula, paint: Callable[[str], str] = lambda label: label) -> str:
    """The formula in Unicode: `R_{bqk} = Σ_d A_{bqd} B_{bkd}`. `paint` colours a label."""

    def subscript(labels: Sequence[str]) -> str:
        if not labels:
            return ""
        between = "" if all(len(label.rstrip(PRIME)) == 1 for label in labels) else ","
        joined = between.join(map(paint, labels))
        return f"_{joined}" if len(labels) == 1 and len(labels[0]) == 1 else f"_{{{joined}}}"

    match formula:
        case Indexed(symbol, labels, accent):
            return f"{symbol}{_COMBINING[accent]}{subscript(labels)}"
        case Reduced(sign, labels, body):
            return f"{'Σ' if sign == 'sum' else 'max'}{subscript(labels)} {text(body, paint)}"
        case Product(factors):
            return " ".join(text(factor, paint) for factor in factors) or "1"
        case Winner(labels):
            return f"[{', '.join(f'{paint(label)} = {paint(label)}*' for label in labels)}]"
        case Equality(left, right):
            return f"{text(left, paint)} = {text(right, paint)}"


def latex(formula: Formula) -> str:
    """The formula in LaTeX, for amsmath."""
    match formula:
        case Indexed(symbol, labels, accent):
            name = _latex_name(symbol)
            name = f"\\{'bar' if accent == 'bar' else 'hat'}{{{name}}}" if accent else name
            return name + (f"_{{{_latex_labels(labels)}}}" if labels else "")
        case Reduced(sign, labels, body):
            return f"\\{sign}_{{{_latex_labels(labels)}}} {latex(body)}"
        case Product(factors):
            return r" \, ".join(latex(factor) for factor in factors) or "1"
        case Winner(labels):
            equal = ", ".join(f"{_latex_name(label)} = {_latex_name(label)}^{{\\ast}}" for label in labels)
            return f"[{equal}]"
        case Equality(left, right):
            return f"{latex(left)} = {latex(right)}"


def aligned(formulas: Sequence[Equality]) -> str:
    """Formulas below each other in LaTeX, aligned at their equal signs."""
    lines = [f"{latex(formula.left)} &= {latex(formula.right)}" for formula in formulas]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def _latex_labels(labels: Sequence[str]) -> str:
    return (" " if all(len(label.rstrip(PRIME)) == 1 for label in labels) else ", ").join(
        map(_latex_name, labels)
    )


def _latex_name(name: str) -> str:
    stem, primes = name.rstrip(PRIME), len(name) - len(name.rstrip(PRIME))
    if name == "δ":
        return r"\delta"
    shown = stem if len(stem) == 1 else rf"\mathrm{{{stem.replace('_', chr(92) + '_')}}}"
    return shown + "'" * primes


def mathml(formula: Formula, roles: Mapping[str, str]) -> str:
    """The formula as one MathML element, each index with the class of its role and `data-i`."""

    def index(label: str) -> str:
        stem = label.rstrip(PRIME)
        primes = f"<mo>{PRIME}</mo>" * (len(label) - len(stem))
        attributes = f'class="role-{roles[stem]}" data-i="{escape(stem)}"'
        if not primes:
            return f"<mi {attributes}>{escape(stem)}</mi>"
        return f"<msup {attributes}><mi>{escape(stem)}</mi>{primes}</msup>"

    def row(labels: Sequence[str]) -> str:
        wide = any(len(label.rstrip(PRIME)) > 1 for label in labels)
        comma = '<mo separator="true">,</mo>' if wide else ""
        return f"<mrow>{comma.join(index(label) for label in labels)}</mrow>"

    match formula:
        case Indexed(symbol, labels, accent):
            name = f"<mi>{escape(symbol)}</mi>"
            if accent:
                sign = "¯" if accent == "bar" else "^"
                name = f'<mover accent="true">{name}<mo stretchy="false">{sign}</mo></mover>'
            return f"<msub>{name}{row(labels)}</msub>" if labels else name
        case Reduced(sign, labels, body):
            operator = '<mo movablelimits="false">∑</mo>' if sign == "sum" else "<mi>max</mi>"
            return f"<mrow><munder>{operator}{row(labels)}</munder>{mathml(body, roles)}</mrow>"
        case Product(factors):
            between = '<mspace width="0.17em"/>'
            return f"<mrow>{between.join(mathml(f, roles) for f in factors) or '<mn>1</mn>'}</mrow>"
        case Winner(labels):
            equal = "<mo>,</mo>".join(
                f"{index(label)}<mo>=</mo><msup>{index(label)}<mo>*</mo></msup>" for label in labels
            )
            return f"<mrow><mo>[</mo>{equal}<mo>]</mo></mrow>"
        case Equality(left, right):
            return f"<mrow>{mathml(left, roles)}<mo>=</mo>{mathml(right, roles)}</mrow>"


def math_element(formula: Formula, roles: Mapping[str, str]) -> str:
    """A whole `math` element, set on a line of its own, with the formula as its spoken text."""
    spoken = escape(text(formula))
    namespace = 'xmlns="http://www.w3.org/1998/Math/MathML"'
    return f'<math {namespace} display="block" alttext="{spoken}">{mathml(formula, roles)}</math>'
