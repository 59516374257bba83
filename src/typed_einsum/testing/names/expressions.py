"""Sizes as a reader writes them: `b*t`, `(h-3)//2+1`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy

from typed_einsum.testing.listing.values import Size

Leaf = Callable[[Size], str]
"""Gives the text of a number or of a symbol."""


def written(size: Size, leaf: Leaf, order: Sequence[sympy.Symbol] = ()) -> str:
    """A size in names, factors in the order of their symbols.

    A number within it has no name, unless it is a factor of the whole.
    """
    if not isinstance(size, int) and not (size.is_Symbol or size.is_Mul):
        return _written(size, lambda each: str(each) if isinstance(each, int) else leaf(each), order)
    return _written(size, leaf, order)


def _written(size: Size, leaf: Leaf, order: Sequence[sympy.Symbol]) -> str:
    if isinstance(size, int) or size.is_Symbol or size.is_Integer:
        return leaf(int(size) if getattr(size, "is_Integer", False) else size)
    match type(size).__name__:
        case "Mul":
            return _product(size, leaf, order)
        case "Add":
            return _sum(size, leaf, order)
        case "Pow":
            base, power = size.args
            return f"{_inside(base, leaf, order)}**{_written(power, leaf, order)}"
        case "FloorDiv" | "CleanDiv" | "IntTrueDiv":
            return "//".join(_inside(each, leaf, order) for each in size.args)
        case "Mod" | "PythonMod":
            return "%".join(_inside(each, leaf, order) for each in size.args)
        case "Max" | "Min" | "CeilToInt" | "FloorToInt" as name:
            return f"{name.lower()}({','.join(_written(each, leaf, order) for each in size.args)})"
    found = {symbol: sympy.Symbol(leaf(symbol)) for symbol in size.free_symbols}
    return str(size.xreplace(found)).replace(" ", "")


def _inside(size: Size, leaf: Leaf, order: Sequence[sympy.Symbol]) -> str:
    text = _written(size, leaf, order)
    return (
        text
        if text.isidentifier() or text.isdigit() or (text.endswith(")") and "(" not in text[1:])
        else f"({text})"
    )


def _product(size: sympy.Expr, leaf: Leaf, order: Sequence[sympy.Symbol]) -> str:
    upper, lower = [], []
    for factor in sorted(size.args, key=lambda each: _first(each, order)):
        if factor.is_Pow and factor.args[1].is_negative:
            lower.append(_written(1 / factor, leaf, order))
        elif factor.is_Rational and not factor.is_Integer:
            lower.append(str(factor.q))
            upper += [str(factor.p)] if factor.p != 1 else []
        else:
            text = _written(factor, leaf, order)
            upper.append(f"({text})" if factor.is_Add or "//" in text or "%" in text else text)
    sign = "-" if "-1" in upper else ""
    text = sign + "*".join(sorted((each for each in upper if each != "-1"), key=_is_no_number) or ["1"])
    return f"{text}//{'//'.join(lower)}" if lower else text


def _first(size: sympy.Basic, order: Sequence[sympy.Symbol]) -> int:
    """The place of an expression: that of its first symbol."""
    return min((order.index(each) for each in size.free_symbols if each in order), default=len(order))


def _is_no_number(text: str) -> bool:
    return not text.lstrip("-").isdigit()


def _sum(size: sympy.Expr, leaf: Leaf, order: Sequence[sympy.Symbol]) -> str:
    terms = sorted(size.args, key=lambda term: (bool(term.is_Number), bool(term.could_extract_minus_sign())))
    text = ""
    for term in terms:
        is_less = term.could_extract_minus_sign()
        shown = _written(-term if is_less else term, leaf, order)
        text += ("-" if is_less else "+" if text else "") + shown
    return text
