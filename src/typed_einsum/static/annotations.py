"""Shape annotations as they are written: `Float[Tensor, "b c"]`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from typed_einsum.diagnostics import Span
from typed_einsum.equation.axes import Axis, AxisSyntaxError, Expression, is_variadic, read_axes
from typed_einsum.equation.equation import Flaw, Site
from typed_einsum.static.literals import Source, Text
from typed_einsum.static.names import full_name

_FIELD = re.compile(r"\{[^{}]*\}")


def annotation_text(node: ast.AST | None, source: Source, imports: dict[str, str]) -> Text | None:
    """The axes of a jaxtyping annotation; None for any other expression."""
    if not isinstance(node, ast.Subscript) or not full_name(node.value, imports).startswith("jaxtyping."):
        return None
    match node.slice:
        case ast.Tuple([_, axes]):
            return source.literal(axes)
        case _:
            return None


def annotation_flaws(text: str) -> Iterator[Flaw]:
    """What jaxtyping refuses in the axes of an annotation."""
    try:
        axes = read_axes(text)
    except AxisSyntaxError as error:
        if "?" not in error.word:  # an axis of a tree of tensors
            summary = f"`{error.word}` is not an axis: {error.reason}"
            yield _misspelled(summary, error.span, "an axis is `b`, `*batch`, `...`, `rgb=3` or `#b`")
        return
    yield from (flaw for axis in axes if (flaw := _expression_flaw(axis)) is not None)
    spread = [axis for axis in axes if is_variadic(axis)]
    if len(spread) > 1:
        summary = "two axes stand for any number of axes: it is unknown where one ends and the next begins"
        yield Flaw("TE114", summary, Site(None, spread[1].span), "a second one", "keep one variadic axis")


def _expression_flaw(axis: Axis) -> Flaw | None:
    if not isinstance(axis, Expression):
        return None
    if "," in axis.text and "(" not in axis.text:
        summary = f"`{axis.text}` is not an axis: spaces separate axes, not commas"
        return _misspelled(summary, axis.span, "drop the comma")
    try:
        ast.parse(_FIELD.sub("1", axis.text), mode="eval")
    except SyntaxError:
        if axis.text.startswith("(") or axis.text.endswith(")"):  # a group, as einops has it
            return _misspelled(f"`{axis.text}` is not an axis", axis.span, "merged axes are a product: `h*d`")
        return _misspelled(f"`{axis.text}` is not an axis", axis.span, "spaces separate axes: `b c h w`")
    return None


def _misspelled(summary: str, span: Span, repair: str) -> Flaw:
    return Flaw("TE105", summary, Site(None, span), "not an axis", repair)
