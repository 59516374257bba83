"""Shapes that comments and docstrings say: `# (B, nh, T, hs)`, `x: (batch, length, n_heads)`."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from typed_einsum.testing.listing.source import Source
from typed_einsum.testing.listing.values import Shape, Size, Value, shapes_in
from typed_einsum.testing.names.evidence import Evidence, Kind

LISTED = re.compile(r"[\(\[]([^()\[\]]+)[\)\]]")
"""Something in brackets, which may be the axes of a tensor."""

AXIS = re.compile(r"[A-Za-z_]\w*|\d+|[\w\s*/+-]+")
CROSSED = re.compile(r"\b[A-Za-z]\w*(?:\s*[x\u00d7]\s*(?:[A-Za-z]\w*|\d+))+\b")
"""Axes with a sign between them: `B x C x H x W`."""

SAID_OF = re.compile(r"^\W*`*(?:\w+\.)?([A-Za-z_]\w*)`*\s*(?:\([^)]*\))?\s*[:=]")
"""The name that a comment or a line of a docstring begins with: `x: (b, t)`, `x (Tensor): (b, t)`."""

NO_AXES = {"tensor", "optional", "torch", "float", "int", "bool", "long", "none", "list", "tuple", "default"}
"""Words in brackets that speak of types."""


def axes_in(text: str) -> list[list[str]]:
    """The lists of axes in a text. After an arrow, those of what comes out alone."""
    text = re.split(r"->|=>|\u2192|\u27f6", text)[-1]
    found = [re.split(r"\s*[,;]\s*", inside.strip().rstrip(",")) for inside in LISTED.findall(text)]
    found += [re.split(r"\s*[x\u00d7]\s*", crossed) for crossed in CROSSED.findall(text)]
    lone = [axes for axes in found if _are_axes(axes)]
    spaced = [inside.split() for inside in LISTED.findall(text) if "," not in inside]
    return [*lone, *(axes for axes in spaced if len(axes) > 1 and all(_is_name(axis) for axis in axes))]


def _are_axes(axes: Sequence[str]) -> bool:
    is_each = all(AXIS.fullmatch(axis) for axis in axes)
    return is_each and not any(axis.lower() in NO_AXES or len(axis.split()) > 3 for axis in axes)


def _is_name(axis: str) -> bool:
    return axis.isidentifier() and axis.lower() not in NO_AXES and len(axis) <= 12


def named(axes: Sequence[str], shape: Shape) -> list[tuple[str, Size]] | None:
    """The axes of a shape with what is written of them; None where it speaks of another shape."""
    if len(axes) != len(shape.axes):
        return None
    found: dict[str, Size] = {}
    for axis, size in zip(axes, shape.axes, strict=True):
        if axis.isdigit() and isinstance(size, int) and int(axis) != size:
            return None
        if axis.isidentifier() and axis != "_" and found.setdefault(axis, size) != size:
            return None
    return list(found.items())


def of_statement(
    source: Source, first: int, last: int, values: Mapping[str, Value], is_result: bool = False
) -> Iterator[Evidence]:
    """What the comments in the lines of a statement say of the tensors that it sets."""
    comments = comments_of(source)
    for line in range(last, first - 1, -1):
        text = comments.get(line, "")
        for axes in reversed(axes_in(text)) if text else ():
            found = [_evidence(axes, shape, source, line) for v in values.values() for shape in shapes_in(v)]
            fitting = [each for each in found if each is not None]
            if fitting and (is_result or len(fitting) == len(found)):
                yield from fitting[0]
                return


def _evidence(axes: Sequence[str], shape: Shape, source: Source, line: int) -> list[Evidence] | None:
    found = named(axes, shape)
    if found is None:
        return None
    return [Evidence(size, name, Kind.COMMENT, source, line) for name, size in found]


def of_names(source: Source, values: Mapping[str, Value]) -> Iterator[Evidence]:
    """What the docstring, and comments on lines of their own, say of tensors that they name."""
    for line, text in _prose(source):
        said = SAID_OF.match(text)
        value = None if said is None else values.get(said.group(1))
        if said is None or value is None:
            continue
        for axes in axes_in(text[said.end() :]):
            for shape in shapes_in(value):
                yield from _evidence(axes, shape, source, line) or ()


def _prose(source: Source) -> Iterator[tuple[int, str]]:
    """The lines of the docstring and of comments."""
    first = source.node.body[0]
    if source.docstring:
        yield from ((line, source.text(line)) for line in range(first.lineno, (first.end_lineno or 0) + 1))
    for line, text in comments_of(source).items():
        if source.first <= line <= source.last:
            yield line, text


def comments_of(source: Source) -> dict[int, str]:
    """The comments of a file by their lines, without their sign."""
    return _comments(source.lines)


@lru_cache(maxsize=64)
def _comments(lines: tuple[str, ...]) -> dict[int, str]:
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO("".join(lines)).readline))
    except (tokenize.TokenError, SyntaxError, IndentationError):
        return {}
    return {
        token.start[0]: token.string.lstrip("#").strip() for token in tokens if token.type == tokenize.COMMENT
    }
