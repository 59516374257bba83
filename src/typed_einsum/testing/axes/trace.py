"""One call, run once on symbolic shapes: nothing is computed, and torch says what it asked of the sizes."""

from __future__ import annotations

import inspect
import logging
import warnings
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from torch._dispatch.python import enable_python_dispatcher

from typed_einsum.errors import TypedEinsumError
from typed_einsum.testing.axes.below import following
from typed_einsum.testing.axes.shape_env import Point, Question
from typed_einsum.testing.axes.symbols import Symbols
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.listing.einx_calls import einx_on_symbols
from typed_einsum.testing.process.outcome import first_line
from typed_einsum.testing.running.invoke import random_numbers_kept, run


@dataclass(frozen=True)
class Trace:
    """What a symbolic run has asked, in order, and what it raised.

    `names` are those of the axes, by the names of the symbols, and `sizes` those of the run.
    """

    call: Call
    names: Mapping[str, str]
    sizes: Point
    questions: tuple[Question, ...]
    error: Exception | None

    @property
    def needs(self) -> tuple[Question, ...]:
        """What the code needs, and no annotation says."""
        return tuple(question for question in self.questions if not question.promised)

    @cached_property
    def conditions(self) -> tuple[Question, ...]:
        """What sizes decided, each once; a size that Python needed as a number is none."""
        return tuple(dict.fromkeys(each for each in self.needs if not each.asked.is_Symbol))

    @cached_property
    def numbers(self) -> frozenset[str]:
        """The names of which the code needs one number."""
        fixed = [each for each in self.needs if each.is_equality and each.is_of_number]
        return frozenset(self.names[each] for found in fixed for each in found.symbols if each in self.names)

    @cached_property
    def symbols(self) -> Mapping[str, str]:
        """The symbols by the names of their axes."""
        return {name: symbol for symbol, name in self.names.items()}

    def point(self, sizes: Mapping[str, int]) -> Point:
        """The sizes of the symbols where the names have some."""
        return {symbol: sizes.get(name, self.sizes[symbol]) for symbol, name in self.names.items()}

    def ordered(self, symbols: Iterable[str]) -> list[str]:
        """Symbols of axes, the last that the arguments have first."""
        order = list(self.names)
        return sorted((each for each in symbols if each in self.names), key=order.index, reverse=True)


class CannotTrace(Exception):
    """Torch's symbolic shapes could not be set up for the arguments of a call."""


UNTRACEABLE = (
    "CannotTrace",
    "DynamicOutputShape",
    "DataDependent",
    "UnsupportedFakeTensor",
    "UnsupportedOperator",
    "MetadataMismatch",
)
"""Parts of the names of torch's own exceptions, where a value decides a shape, or nothing is known of one."""


def is_untraceable(error: Exception) -> bool:
    """Whether torch could not follow the shapes, whatever the sizes are."""
    kinds = [kind.__name__ for kind in type(error).__mro__]
    said = str(error)
    return (
        any(part in kind for part in UNTRACEABLE for kind in kinds)
        or "SymInt" in said
        or "INTERNAL ASSERT" in said
        or "ake tensor" in said
    )


def breaks_annotations(error: Exception) -> bool:
    """Whether names have sizes that disagree; an axis that a view cannot split may have another size."""
    return isinstance(error, TypedEinsumError) and error.code != "TE206"


def trace(call: Call) -> Trace:
    """Run a call on symbolic shapes. What it raises is kept, and may be torch's own failure to follow it."""
    error: Exception | None = None
    with undisturbed():
        try:
            symbols = Symbols(call)
            arguments = symbols.arguments()
        except Exception as raised:  # of another version of torch, or an object that cannot be copied
            return Trace(call, {}, {}, (), CannotTrace(first_line(raised)))
        bound = inspect.BoundArguments(call.recipe.signature, OrderedDict(arguments))
        try:
            # Composites are followed in Python: some of those in C++ turn sizes into numbers.
            with symbols.mode, enable_python_dispatcher(), following(symbols.env), einx_on_symbols():
                run(call.function, bound)
        except Exception as raised:  # the user's code, or torch's symbolic shapes: both are looked at again
            error = raised
    env = symbols.env
    return Trace(call, dict(symbols.names), dict(env.sizes), env.settled, error)


LOUD = ("torch._subclasses.fake_tensor", "torch.fx.experimental.symbolic_shapes", "torch.__trace")
"""Loggers of torch that tell of every operation which fails."""


@contextmanager
def undisturbed() -> Iterator[None]:
    """The random numbers of the program stay as they are, and neither logs nor warnings are shown."""
    loud = [logging.getLogger(name) for name in LOUD]
    levels = [logger.level for logger in loud]
    try:
        for logger in loud:
            if logger.level != logging.CRITICAL:  # to set it clears the caches of all loggers
                logger.setLevel(logging.CRITICAL)
        with random_numbers_kept(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where a program makes them errors, they would end the run
            yield
    finally:
        for logger, level in zip(loud, levels, strict=True):
            if logger.level != level:
                logger.setLevel(level)
