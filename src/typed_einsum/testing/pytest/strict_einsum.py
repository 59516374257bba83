"""For the pytest plugin: `torch.einsum` that refuses what `typed_einsum.einsum` refuses, while tests run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, wraps
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from typed_einsum.contraction.operands import Contraction, Dtypes
from typed_einsum.diagnostics import Located, Mark, Span
from typed_einsum.equation.axes import Axis
from typed_einsum.equation.equation import Equation
from typed_einsum.equation.reading import linted
from typed_einsum.errors import TypedEinsumError
from typed_einsum.locations import passed_text
from typed_einsum.solver import Bindings
from typed_einsum.switch import switch
from typed_einsum.tensors import is_tensor
from typed_einsum.testing.targets.installed import INSTALLED

NOTE = "torch.einsum is strict while these tests run (--strict-einsum)"

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""The letter of each number, where torch is given lists of numbers for axes."""

_linted = lru_cache(4096)(linted)


class StrictEinsum:
    """Stands in for `torch.einsum`; strict for calls from files below `root` while it is `active`.

    What passes is computed by torch's own function: no result changes.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._active = False

    def install(self) -> Callable[[], None]:
        """Put it in place; the result puts torch's own back.

        It is in place from before the first import, for `from torch import einsum` keeps what it finds.
        """
        original = torch.functional.einsum

        @wraps(original)
        def einsum(*args: Any) -> Tensor:
            __tracebackhide__ = True
            if torch.compiler.is_compiling() or not self._applies(sys._getframe(1)):
                return original(*args)
            refused = refusal(args)
            if refused is not None:
                raise refused
            return original(*args)

        def restore() -> None:
            torch.einsum = torch.functional.einsum = original

        torch.einsum = torch.functional.einsum = einsum
        # `torch.jit.script` knows torch's functions by identity; there is no public way to name another.
        torch.jit._builtins._register_builtin(einsum, "aten::einsum")
        return restore

    @contextmanager
    def active(self) -> Iterator[None]:
        """Be strict for the length of a block."""
        before, self._active = self._active, True
        try:
            yield
        finally:
            self._active = before

    def _applies(self, caller: FrameType) -> bool:
        if not self._active or switch.is_off() or torch._C._get_tracing_state() is not None:
            return False
        module = str(caller.f_globals.get("__name__", ""))
        return module.partition(".")[0] != "typed_einsum" and is_below(self._root, caller.f_code.co_filename)


@lru_cache(4096)
def is_below(root: Path, file: str) -> bool:
    """Whether a file belongs to the project at a folder; what is installed there or generated does not."""
    path = Path(file)
    if file.startswith("<"):
        return False
    return not INSTALLED.intersection(path.parts) and path.resolve().is_relative_to(root)


def refusal(arguments: tuple[Any, ...]) -> TypedEinsumError | None:
    """The error that these arguments of `torch.einsum` deserve; None where they are right.

    Arguments that are no call of an einsum are left for torch to refuse.
    """
    written = _Written.of(arguments)
    if written is None:
        return None
    try:
        equation = _linted(written.text)
        if len(equation.operands) == len(written.operands):
            _contraction(equation, written).examine(written.operands, Bindings())
    except TypedEinsumError as error:
        return written.told(error)
    return None


@dataclass(frozen=True)
class _Written:
    """An equation as the caller wrote it, and without its spaces, which mean nothing to torch."""

    original: str
    operands: tuple[Tensor, ...]

    @classmethod
    def of(cls, arguments: Sequence[Any]) -> _Written | None:
        if not arguments:
            return None
        first, *operands = arguments
        if not isinstance(first, str):
            return cls.of_numbers(arguments)
        if len(operands) == 1 and isinstance(operands[0], list | tuple):
            operands = list(operands[0])
        return cls(first, tuple(operands)) if all(map(is_tensor, operands)) else None

    @classmethod
    def of_numbers(cls, arguments: Sequence[Any]) -> _Written | None:
        """`einsum(x, [0, 1], y, [1, 2], [0, 2])`: the axes as numbers."""
        tensors, axes = arguments[:-1:2], arguments[1::2]
        output = arguments[-1] if len(arguments) % 2 else None
        lists = [*axes, *([] if output is None else [output])]
        if not all(map(is_tensor, tensors)) or not all(map(_is_axes, lists)):
            return None
        inputs = ",".join(map(_letters, axes))
        return cls(inputs if output is None else f"{inputs}->{_letters(output)}", tuple(tensors))

    @property
    def text(self) -> str:
        return "".join(self.original.split())

    def marked(self, span: Span, label: str) -> Located:
        """The caller's line with carets below a span of `text`."""
        at = [i for i, letter in enumerate(self.original) if not letter.isspace()] or [0]
        start = at[min(span.start, len(at) - 1)]
        return passed_text(self.original, Span(start, at[min(span.stop, len(at)) - 1] + 1), label)

    def told(self, error: TypedEinsumError) -> TypedEinsumError:
        """The same error, at the caller's line and with what can be done about it in a call of torch's."""
        diagnostic = error.diagnostic
        if diagnostic.place is None:
            mark = next(iter(diagnostic.marks), Mark(self.text, Span(0, len(self.text))))
            at = self.marked(mark.span, mark.label)
            diagnostic = replace(diagnostic, place=at.place, marks=at.marks)
        help = diagnostic.help or ""
        if "sum=" in help or "`#" in help:
            help += ", with typed_einsum.einsum"
        return type(error)(replace(diagnostic, notes=(*diagnostic.notes, NOTE), help=help or None))


def _contraction(equation: Equation, written: _Written) -> Contraction:
    labels = tuple(f"operand {number}" for number in range(1, len(equation.operands) + 1))

    def locate(label: str, axis: Axis | None, said: str) -> Located:
        if label not in labels:
            return Located()
        axes = equation.operands[labels.index(label)]
        if axis is not None:
            span = axis.span
        else:
            span = Span(axes[0].span.start, axes[-1].span.stop) if axes else Span(0, len(written.text))
        return written.marked(span, said)

    return Contraction(equation, labels, tuple(Dtypes() for _ in labels), locate)


def _is_axes(value: Any) -> bool:
    numbers = [number for number in value if number is not ...] if isinstance(value, list | tuple) else [""]
    return all(isinstance(number, int) and 0 <= number < len(LETTERS) for number in numbers)


def _letters(axes: Sequence[Any]) -> str:
    return "".join("..." if number is ... else LETTERS[number] for number in axes)
