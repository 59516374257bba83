"""Torch's symbolic shapes, with a record of every question that a run asks about sizes."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import sympy
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.utils._sympy.functions import FloorDiv, Mod
from torch.utils._sympy.printers import PythonPrinter

from typed_einsum.testing.axes.askers import Asker, asked_by, is_for_a_value
from typed_einsum.testing.axes.broadcast import equal_unless_one
from typed_einsum.testing.axes.quotients import divided_exactly, multiplied_out, without_quotients

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

    def is_spared_by(self, next_one: Question) -> bool:
        """Whether it asked if sizes are equal, and no more depends on that than if one divides the other.

        Torch 2.6 asks so in `unflatten`. The next question is not asked where they are equal.
        """
        rest = next_one.asked.args[0] if isinstance(next_one.asked, sympy.Eq | sympy.Ne) else None
        if self.outcome is not False or not isinstance(self.asked, sympy.Eq) or not isinstance(rest, Mod):
            return False
        return self.place == next_one.place and {*self.asked.args} == {*rest.args}

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
        self.asked: list[tuple[Any, bool | int]] = []  # the same, as torch put it
        self.divided: frozenset[Any] = frozenset()
        self.unsettled = 0  # questions that these sizes alone do not answer
        self._is_unheard = False
        self._symbolic: dict[Any, Any] = {}
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
                if self._is_unheard:
                    return sympy.sympify(outcome)
                self.asked.append((orig_expr, outcome))
                asker = "value" if asker == "code" and is_for_a_value(frame) else asker
                equal = equal_unless_one(orig_expr, outcome, lambda part: value_at(part, self.sizes))
                said = Question(orig_expr, outcome, place, asker)
                self._keep(said if equal is None else replace(said, asked=equal, outcome=True))
                return sympy.sympify(outcome)
        self.unsettled += 1
        known = len(self.guards)
        found = super().evaluate_expr(orig_expr, *args, **kwargs)
        if len(self.guards) > known:
            is_condition = found in (sympy.true, sympy.false)
            outcome = bool(found) if is_condition else int(found)
            self._keep(Question(orig_expr, outcome, place, asker))
        return found

    def _get_stack_summary(self, is_debug: bool = False, framework_loc: str | None = None) -> Any:
        """Where torch says that a symbol or a guard was made. To find the line, it would import Dynamo."""
        return super()._get_stack_summary(is_debug, framework_loc or "")

    def _keep(self, question: Question) -> None:
        if self.questions and self.questions[-1].is_spared_by(question):
            self.questions.pop()
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

    def _add_divisible(self, expr: Any) -> None:
        super()._add_divisible(expr)  # type: ignore[no-untyped-call,unused-ignore]
        self.divided |= {expr}

    @contextmanager
    def unheard(self) -> Iterator[None]:
        """For the length of a block, what is asked is answered and not kept."""
        before, self._is_unheard = self._is_unheard, True
        try:
            yield
        finally:
            self._is_unheard = before

    def symbolic(self, size: Any) -> Any:
        """A size as torch takes it, of one that is written in symbols of axes."""
        if not isinstance(size, sympy.Basic):
            return size
        if size not in self._symbolic:
            self._symbolic[size] = self.create_symintnode(size, hint=value_at(size, self.sizes))
        return self._symbolic[size]

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
