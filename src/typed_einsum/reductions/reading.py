"""Reading the texts that a reduction is given: the axes, those to reduce, those of a mask."""

from __future__ import annotations

import re
from typing import Any

from torch.compiler import is_dynamo_compiling

from typed_einsum.annotations import TensorHint, hint_of_text
from typed_einsum.diagnostics import Diagnostic, Span
from typed_einsum.equation.axes import AxisSyntaxError, spelled
from typed_einsum.equation.expressions import NotArithmetic
from typed_einsum.equation.reading import not_a_text
from typed_einsum.errors import ArgumentError, EquationError
from typed_einsum.locations import caller_place, passed_text
from typed_einsum.messages import MASK, with_article
from typed_einsum.reductions.axes import VALUE, NamedAxes, name_of
from typed_einsum.tensors import described
from typed_einsum.tracing import constant_while_tracing, keep_for_tracing, traced

MOST_KEPT = 4096
"""Read texts that are kept; beyond that they are read again."""

_kept: dict[Any, NamedAxes] = {}


def value_axes(door: str, axes: Any, over: Any) -> NamedAxes:
    """The axes of a value, of which `over` names those to reduce."""
    return _read_once(door, axes, over, None)


def mask_axes(door: str, axes: Any, over: Any, mask: Any) -> NamedAxes:
    """The axes of a mask for a value with these axes, reduced over those that `over` names."""
    return _read_once(door, axes, over, mask)


def _read_once(door: str, axes: Any, over: Any, mask: Any) -> NamedAxes:
    if is_dynamo_compiling():
        traced_axes: NamedAxes = getattr(traced, _named_for_tracing(door, axes, over, mask))
        return traced_axes
    try:
        return _kept[door, axes, over, mask]
    except (KeyError, TypeError):
        pass
    made = _made(door, axes, over, mask)
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    _kept[door, axes, over, mask] = made
    return made


@constant_while_tracing
def _named_for_tracing(door: str, axes: Any, over: Any, mask: Any) -> str:
    return keep_for_tracing(("reduction", door, axes, over, mask), lambda: _made(door, axes, over, mask))


def _made(door: str, axes: Any, over: Any, mask: Any) -> NamedAxes:
    hint = _hint(door, axes, "axes")
    reduced = _reduced(door, hint, over)
    if mask is None:
        return NamedAxes(door, hint, VALUE, reduced)
    of_mask = _hint(door, mask, "mask_axes")
    if mask != axes:
        _require_fit(hint, of_mask, over)
    return NamedAxes(door, of_mask, MASK)


def _hint(door: str, axes: Any, option: str) -> TensorHint:
    if not isinstance(axes, str):
        raise _no_text(door, option, axes)
    try:
        return hint_of_text(axes)
    except AxisSyntaxError as error:
        span, said, summary = error.span, error.reason, f"`{error.word}` is not an axis"
        repair = "an axis is `b`, `*batch`, `...`, `rgb=3` or `#b`"
    except NotArithmetic:
        span, said = Span(0, len(axes)), "here"
        summary = "an expression here may only do arithmetic on names"
        repair = "compute the size, and name it"
    raise _refusal("TE105", summary, axes, span, said, repair)


def _no_text(door: str, option: str, value: Any) -> ArgumentError:
    repair = f'axes have names here, not numbers: {door}(x, "b n c", over="c")'
    return not_a_text(door, option, with_article(described(value)), caller_place(), repair)


def _refusal(code: str, summary: str, text: str, span: Span, said: str, repair: str) -> EquationError:
    at = passed_text(text, span, said)
    return EquationError(Diagnostic(code, summary, at.place, at.marks, help=repair))


def _words(over: str) -> dict[str, Span]:
    """The names in `over=`, each with where it stands."""
    return {word.group(): Span(*word.span()) for word in re.finditer(r"[^\s,]+", over)}


def _reduced(door: str, hint: TensorHint, over: Any) -> tuple[int, ...]:
    """Where the axes to reduce stand in the text."""
    if not isinstance(over, str):
        raise _no_text(door, "over", over)
    names = [name_of(axis) for axis in hint.axes]
    known = ", ".join(f"`{name}`" for name in dict.fromkeys(names))
    repair = f"name one of {known}" if names else "a scalar has no axis to reduce"
    if not _words(over):
        summary = f"`over=` names no axis for `{door}` to reduce"
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
