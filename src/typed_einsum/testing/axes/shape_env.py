"""Torch's symbolic shapes, with a record of every question that a run asks about sizes."""

from __future__ import annotations

import linecache
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import jaxtyping
import sympy
import torch
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.utils._sympy.functions import FloorDiv, Mod
from torch.utils._sympy.printers import PythonPrinter

import typed_einsum
from typed_einsum.testing.axes.broadcast import equal_unless_one
from typed_einsum.testing.axes.quotients import divided_exactly, multiplied_out, without_quotients


def _folder(module: Any) -> str:
    return str(Path(module.__file__).parent)


def _beartype() -> str:
    """The folder of beartype, which is not imported for it; a file that there is not, where it is missing."""
    spec = find_spec("beartype")
    return "<beartype" if spec is None or spec.origin is None else str(Path(spec.origin).parent)


TORCH = (_folder(torch), _folder(sympy), "<frozen")
CHECKS = (_folder(typed_einsum), "<typed_einsum", _folder(jaxtyping), _beartype(), "<@beartype")
"""What compares shapes with annotations, and demands nothing of them."""

VIEWS = (
    str(Path(typed_einsum.__file__).parent / "operations" / "patterns"),
    "<typed_einsum rearrange",
    "<typed_einsum repeat",
)
"""What splits axes, which the sizes must allow."""

COMPUTES = tuple(
    str(Path(typed_einsum.__file__).parent / each) for each in ("attention", "contraction/maximum", "nn")
)
"""What computes by loops of its own, for which it needs sizes as numbers."""

FOLLOWS = str(Path(__file__).parent / "remembering.py")
"""What runs operations in the place of torch."""

ORDERS = "/site-packages/opt_einsum/"
"""What chooses the order in which torch.einsum contracts three operands or more: it needs numbers."""

Asker = Literal["annotation", "code", "value", "operation", "path"]
Place = tuple[str, int]
Point = Mapping[str, int]
"""A size for each symbol, which stands for itself by its name: sympy takes long to compare symbols."""


@dataclass(frozen=True)
class Question:
    """What a run asked of sizes: a condition with its outcome, or a size that was needed as a number.

    `place` is the line of the user's code. The outcome of what an `"annotation"` asks is what it says, not
    what the code needs. The `"code"` asks by itself, as in `if t > 64`, or for a
    `"value"` to compute with, as in `sqrt(d)`. Other questions are those of its operations. Of some the
    answer only says how an `"operation"` is computed: it chooses a `"path"`.
    """

    asked: sympy.Basic
    outcome: bool | int
    place: Place
    asker: Asker = "operation"

    @property
    def promised(self) -> bool:
        """Whether a check of an annotation has asked it."""
        return self.asker == "annotation"

    @property
    def written(self) -> bool:
        """Whether it stands in the code itself."""
        return self.asker == "code"

    @property
    def is_number(self) -> bool:
        """Whether Python needed the size itself, as in a loop over an axis."""
        return not isinstance(self.outcome, bool)

    @property
    def is_of_memory(self) -> bool:
        """Whether it compares how many entries tensors have, or where they lie in memory."""
        is_less = isinstance(self.asked, sympy.Lt | sympy.Le | sympy.Gt | sympy.Ge)
        return is_less and any(len(each.free_symbols) > 1 for each in self.asked.atoms(sympy.Mul))

    @property
    def is_equality(self) -> bool:
        """Whether its outcome says that two sizes are one, or that one divides another."""
        is_equal = isinstance(self.asked, sympy.Eq) and self.outcome is True
        return is_equal or (isinstance(self.asked, sympy.Ne) and self.outcome is False)

    @property
    def is_of_number(self) -> bool:
        """Whether it compares one size with a number, as with the width that an object was built with."""
        sides = self.asked.args if isinstance(self.asked, sympy.Eq | sympy.Ne) else ()
        return any(each.is_Integer for each in sides) and any(each.is_Symbol for each in sides)

    @cached_property
    def symbols(self) -> frozenset[str]:
        """The symbols in it, by name."""
        return names_of(self.asked)

    def at(self, point: Point) -> bool | int | None:
        """The outcome at other sizes; None where that is not known."""
        return value_at(self.asked, point)

    def holds_at(self, point: Point) -> bool:
        """Whether the outcome is the same at other sizes."""
        return self.at(point) == self.outcome


def names_of(expression: sympy.Basic) -> frozenset[str]:
    """The names of the symbols in an expression."""
    return frozenset(symbol.name for symbol in expression.free_symbols)


def value_at(expression: sympy.Basic, point: Point) -> bool | int | None:
    """What an expression is at a point; None where a symbol has no size, or it divides by zero."""
    try:
        found = eval(_compiled(expression), _ARITHMETIC, point)
    except (
        ArithmeticError,
        NameError,
        TypeError,
        ValueError,
        SyntaxError,
    ):  # or what it cannot be written as
        return None
    return found if isinstance(found, bool) else int(found)


_ARITHMETIC = {"__builtins__": {"max": max, "min": min, "abs": abs}, "math": math}


@lru_cache(maxsize=65536)
def _compiled(expression: sympy.Basic) -> Any:
    """An expression as Python code: sympy takes milliseconds to put numbers into a large one."""
    return compile(_PRINTER.doprint(expression), "<sizes>", "eval")


_PRINTER = PythonPrinter()


class Asked(ShapeEnv):
    """A shape environment in which every axis is its own symbol, and every question is kept.

    Checks of annotations are answered at the sizes of the run, and change nothing that is known.
    """

    def __init__(self) -> None:
        super().__init__(
            duck_shape=False,
            specialize_zero_one=False,
            assume_static_by_default=False,
            allow_scalar_outputs=True,
            allow_dynamic_output_shape_ops=True,
        )
        self.questions: list[Question] = []
        self.sizes: dict[str, int] = {}
        self._replacements_version_counter = 1  # with 0, torch takes expressions to be as simple as they are

    def replace(self, expr: Any) -> Any:  # type: ignore[override]
        """An expression with all that is known of its symbols.

        A quotient that is whole is none: torch has `n**2 // n` for the first axis of an `n n` that a reshape
        leaves, whose own quotients it would pile up on that.
        """
        return without_quotients(super().replace(expr))

    def evaluate_expr(self, orig_expr: Any, *args: Any, **kwargs: Any) -> Any:
        """Torch's answer, kept where it became known by asking.

        A number that Python needs, as in `d**-0.5` or a loop, is given without making the size one number:
        whether that matters is seen in the shapes.
        """
        if not getattr(orig_expr, "free_symbols", None):
            return super().evaluate_expr(orig_expr, *args, **kwargs)
        asker, frame = asked_by(sys._getframe(1))
        place = ("", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)
        if names_of(orig_expr) <= self.sizes.keys():
            outcome = value_at(orig_expr, self.sizes)
            if outcome is not None:
                asker = "value" if asker == "code" and _is_for_a_value(frame) else asker
                equal = equal_unless_one(orig_expr, outcome, lambda part: value_at(part, self.sizes))
                said = Question(orig_expr, outcome, place, asker)
                self._keep(said if equal is None else replace(said, asked=equal, outcome=True))
                return sympy.sympify(outcome)
        known = len(self.guards)
        found = super().evaluate_expr(orig_expr, *args, **kwargs)
        if len(self.guards) > known:
            is_condition = found in (sympy.true, sympy.false)
            outcome = bool(found) if is_condition else int(found)
            self._keep(Question(orig_expr, outcome, place, asker))
        return found

    def _keep(self, question: Question) -> None:
        self.questions.append(question)
        if question.is_equality and question.asker != "annotation":
            self._conclude(question)

    def _conclude(self, question: Question) -> None:
        """Which sizes are divisible, as a view of `t` as `(t//4, 4)` needs it of `t`."""
        left, right = question.asked.args
        if isinstance(left, Mod) and right == 0:
            self._add_divisible(left)
        for base, divisor in divided_exactly(left, right):
            rest = Mod(base, divisor)
            self._add_divisible(rest)
            self.questions.append(replace(question, asked=sympy.Eq(rest, 0), outcome=True))

    @property
    def settled(self) -> tuple[Question, ...]:
        """The questions with what is known in the end, without those that this answers."""
        asked = {each.asked for each in self.questions if each.asked.has(FloorDiv)}
        known = {each: self.known(each) for each in asked}
        found = (replace(each, asked=known.get(each.asked, each.asked)) for each in self.questions)
        return tuple(each for each in found if each.is_number or each.asked.free_symbols)

    def known(self, size: sympy.Basic) -> sympy.Basic:
        """A size, or a condition, with no division by what it is multiplied with."""
        return multiplied_out(self.simplify(size))

    def guard_or_defer_runtime_assert(  # type: ignore[override]
        self, orig_expr: Any, *args: Any, **kwargs: Any
    ) -> bool:
        """Torch's answer. What only holds for the values of this call makes no size a number."""
        values = self.real_tensor_prop_unbacked_vals
        if values and not values.keys().isdisjoint(getattr(orig_expr, "free_symbols", ())):
            return True
        return bool(super().guard_or_defer_runtime_assert(orig_expr, *args, **kwargs))


def asked_by(frame: FrameType | None) -> tuple[Asker, FrameType | None]:
    """Who asks a question, and the frame of the code.

    What operations within this library ask, as those of an einsum, is a matter of how it is computed.
    """
    found: Asker | None = None
    last = ""
    while frame is not None:
        file = frame.f_code.co_filename
        match _kind(file):
            case "dispatch" if found is None or frame.f_code.co_name in CHOOSES_KERNELS:
                found = "path" if frame.f_code.co_name in CHOOSES_KERNELS else "operation"
            case "check":
                found = "annotation" if found in (None, "annotation") else "path"
            case "computes" if found != "annotation":
                found = "path"
            case "view":  # it needs what it compares
                found = "operation"
            case "user":
                found = found or ("code" if last == torch.__file__ else "operation")
                return found, frame
        last = file
        frame = frame.f_back
    return found or "operation", None


def _is_for_a_value(frame: FrameType | None) -> bool:
    """Whether a size is but the argument of a root or a logarithm, of which no number of anything is made."""
    if frame is None:
        return False
    line, _, start, end = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    text = linecache.getline(frame.f_code.co_filename, line or 0)
    return VALUE.match(text[start:end]) is not None and WHOLE.search(text) is None


VALUE = re.compile(r"(\w+\.)?(sqrt|log|log2|log10|log1p|exp|float)\(")
WHOLE = re.compile(r"\b(int|round|floor|ceil|range)\(|//")

CHOOSES_KERNELS = ("conv",)
"""Functions of torch's fake tensors that ask which kernel is the fastest: for a batch of 16, another one."""


DISPATCH = ("fake_tensor.py", "_ops.py", "fake_impls.py", "functional.py")
"""Files of torch that run an operation."""


@lru_cache(maxsize=4096)
def _kind(file: str) -> str:
    if file == FOLLOWS:
        return "torch"
    if file.startswith(TORCH):
        return "dispatch" if file.endswith(DISPATCH) else "torch"
    if file.startswith(VIEWS):
        return "view"
    if file.startswith(COMPUTES) or ORDERS in file:
        return "computes"
    if file.startswith(CHECKS):
        return "check"
    return "library" if "/site-packages/einops/" in file else "user"
