"""Sizes as a reader writes them: `b*t`, `(h-3)//2+1`."""

from __future__ import annotations

from collections.abc import Callable

import sympy

from typed_einsum.testing.listing.values import Size

Leaf = Callable[[Size], str]
"""Gives the text of a number or of a symbol."""


def written(size: Size, leaf: Leaf) -> str:
    """A size in names."""
    if isinstance(size, int) or size.is_Symbol or size.is_Integer:
        return leaf(int(size) if getattr(size, "is_Integer", False) else size)
    match type(size).__name__:
        case "Mul":
            return _product(size, leaf)
        case "Add":
            return _sum(size, leaf)
        case "Pow":
            base, power = size.args
            return f"{_inside(base, leaf)}**{written(power, leaf)}"
        case "FloorDiv" | "CleanDiv" | "IntTrueDiv":
            return "//".join(_inside(each, leaf) for each in size.args)
        case "Mod" | "PythonMod":
            return "%".join(_inside(each, leaf) for each in size.args)
        case "Max" | "Min" | "CeilToInt" | "FloorToInt" as name:
            return f"{name.lower()}({','.join(written(each, leaf) for each in size.args)})"
    found = {symbol: sympy.Symbol(leaf(symbol)) for symbol in size.free_symbols}
    return str(size.xreplace(found)).replace(" ", "")


def _inside(size: Size, leaf: Leaf) -> str:
    text = written(size, leaf)
    return text if text.isidentifier() or text.isdigit() or text.endswith(")") and "(" not in text[1:] else f"({text})"


def _product(size: sympy.Expr, leaf: Leaf) -> str:
    upper, lower = [], []
    for factor in size.args:
        if factor.is_Pow and factor.args[1].is_negative:
            lower.append(written(1 / factor, leaf))
        elif factor.is_Rational and not factor.is_Integer:
            lower.append(str(factor.q))
            upper += [str(factor.p)] if factor.p != 1 else []
        else:
            upper.append(written(factor, leaf) if not factor.is_Add else f"({written(factor, leaf)})")
    order = sorted(upper, key=lambda text: not text.isdigit())
    order = ["", *order[1:]] if order[:1] == ["-1"] else order
    text = "*".join(order or ["1"])
    return f"{text}//{'//'.join(lower)}" if lower else text


def _sum(size: sympy.Expr, leaf: Leaf) -> str:
    terms = sorted(size.args, key=lambda term: (bool(term.is_Number), bool(term.could_extract_minus_sign())))
    text = ""
    for term in terms:
        is_less = term.could_extract_minus_sign()
        shown = written(-term if is_less else term, leaf)
        text += ("-" if is_less else "+" if text else "") + shown
    return text
