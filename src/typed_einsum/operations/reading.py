"""Reading the texts that a reduction is given: the axes, those to reduce, those of a mask."""

from __future__ import annotations

import re
from typing import Any

from typed_einsum.annotations import TensorHint
from typed_einsum.diagnostics import Diagnostic, Span
from typed_einsum.equation.axes import spelled
from typed_einsum.equation.reading import not_a_text
from typed_einsum.errors import ArgumentError, EquationError
from typed_einsum.locations import caller_place, passed_text
from typed_einsum.messages import MASK, with_article
from typed_einsum.operations.axes import ReducedAxes, name_of
from typed_einsum.scopes.cache import Cache
from typed_einsum.scopes.text import passed_hint
from typed_einsum.tensors import described


def value_axes(function: str, axes: Any, over: Any) -> ReducedAxes:
    """The axes of a value, of which `over` names those to reduce."""
    return TEXTS.find(function, axes, over, None)


def mask_axes(function: str, axes: Any, over: Any, mask: Any) -> ReducedAxes:
    """The axes of a mask for a value with these axes, reduced over those that `over` names."""
    return TEXTS.find(function, axes, over, mask)


def _read(function: str, axes: Any, over: Any, mask: Any) -> ReducedAxes:
    hint = _hint(function, axes, "axes")
    reduced = _reduced(function, hint, over)
    if mask is None:
        return ReducedAxes(function, hint, hint.text, over=reduced)
    of_mask = _hint(function, mask, "mask_axes")
    if mask != axes:
        _require_fit(hint, of_mask, over)
    return ReducedAxes(function, of_mask, of_mask.text, MASK)


TEXTS = Cache(_read)


def _hint(function: str, axes: Any, option: str) -> TensorHint:
    if not isinstance(axes, str):
        raise _no_text(function, option, axes)
    return passed_hint(axes)


def _no_text(function: str, option: str, value: Any) -> ArgumentError:
    repair = f'axes have names here, not numbers: {function}(x, "b n c", over="c")'
    return not_a_text(function, option, with_article(described(value)), caller_place(), repair)


def _refusal(code: str, summary: str, text: str, span: Span, said: str, repair: str) -> EquationError:
    at = passed_text(text, span, said)
    return EquationError(Diagnostic(code, summary, at.place, at.marks, help=repair))


def _words(over: str) -> dict[str, Span]:
    """The names in `over=`, each with where it stands."""
    return {word.group(): Span(*word.span()) for word in re.finditer(r"[^\s,]+", over)}


def _reduced(function: str, hint: TensorHint, over: Any) -> tuple[int, ...]:
    """Where the axes to reduce stand in the text."""
    if not isinstance(over, str):
        raise _no_text(function, "over", over)
    names = [name_of(axis) for axis in hint.axes]
    known = ", ".join(f"`{name}`" for name in dict.fromkeys(names))
    repair = f"name one of {known}" if names else "a scalar has no axis to reduce"
    if not _words(over):
        summary = f"`over=` names no axis for `{function}` to reduce"
        raise _refusal("TE109", summary, hint.text, Span(0, len(hint.text)), "the axes", repair)
    for name, span in _words(over).items():
        if name not in names:
            summary = f"`over=` names axis `{name}`, which `{hint.text}` does not have"
            raise _refusal("TE109", summary, over, span, "not an axis of the value", repair)
        if names.count(name) > 1:
            summary = f"`over=` names axis `{name}`, which stands twice in `{hint.text}`"
            repair = "two axes of one name have one size, but only one is reduced: give them two names"
            raise _refusal("TE109", summary, over, span, "which of the two?", repair)
    return tuple(sorted(names.index(name) for name in _words(over)))


def _require_fit(hint: TensorHint, mask: TensorHint, over: str) -> None:
    known, given = [[name_of(axis) for axis in text.axes] for text in (hint, mask)]
    for name, axis in zip(given, mask.axes, strict=True):
        if name not in known or given.count(name) > 1:
            why = "twice in the mask" if name in known else f"not among `{hint.text}`"
            summary = f"axis `{spelled(axis)}` of {MASK} is {why}"
            repair = "a mask has axes of the scores, in any order, each once"
            raise _refusal("TE117", summary, mask.text, axis.span, "here", repair)
    if not _words(over).keys() & set(given):
        summary = f"{MASK} has no axis `{over}`, so it cannot choose between scores"
        repair = f"mask along `{over}`; rows that are not wanted at all are masked after the softmax"
        raise _refusal("TE117", summary, mask.text, Span(0, len(mask.text)), f"no `{over}`", repair)
