"""Names that jaxtyping's annotations in the source give to the axes of arguments and locals."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from typed_einsum.equation.equation import is_spread
from typed_einsum.testing.listing.source import Source
from typed_einsum.testing.listing.values import Shape, Value, shapes_in
from typed_einsum.testing.names.evidence import Evidence, Kind


def of_arguments(source: Source, values: Mapping[str, Value]) -> Iterator[Evidence]:
    """What the annotations of parameters say."""
    arguments = source.node.args
    for each in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
        yield from _said(source, each.annotation, values.get(each.arg))


def of_result(source: Source, value: Value | None) -> Iterator[Evidence]:
    """What the annotation of the result says."""
    yield from _said(source, source.node.returns, value)


def of_statement(source: Source, node: ast.stmt, values: Mapping[str, Value]) -> Iterator[Evidence]:
    """What the annotation of a local says, or `shaped` with its text."""
    match node:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
            yield from _said(source, annotation, values.get(name))
        case ast.Assign(
            targets=[ast.Name(id=name)], value=ast.Call(func=func, args=[_, ast.Constant() as text])
        ):
            if "shaped" in ast.unparse(func) and isinstance(value := values.get(name), Shape):
                yield from _axes(source, str(text.value), value, text.lineno)


def _said(source: Source, annotation: ast.expr | None, value: Value | None) -> Iterator[Evidence]:
    """What an annotation says of a value: of each tensor in it, if it speaks of tensors of one shape."""
    if annotation is None:
        return
    texts = [
        (node.slice.elts[1].value, node.lineno)
        for node in ast.walk(annotation)
        if isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Tuple)
        and len(node.slice.elts) == 2
        and isinstance(node.slice.elts[1], ast.Constant)
        and isinstance(node.slice.elts[1].value, str)
    ]
    shapes = list(shapes_in(value))
    if len(texts) not in (1, len(shapes)):
        return
    for at, shape in enumerate(shapes):
        text, line = texts[at if len(texts) > 1 else 0]
        yield from _axes(source, text, shape, line)


def _axes(source: Source, text: str, shape: Shape, line: int) -> Iterator[Evidence]:
    axes = text.split()
    spread = next((at for at, axis in enumerate(axes) if is_spread(axis)), None)
    if spread is None:
        pairs = list(zip(axes, shape.axes, strict=True)) if len(axes) == len(shape.axes) else []
    else:
        after = len(axes) - spread - 1
        is_long = len(shape.axes) >= spread + after
        pairs = list(zip(axes[:spread], shape.axes, strict=False)) if is_long else []
        pairs += (
            list(zip(axes[spread + 1 :], shape.axes[len(shape.axes) - after :], strict=False))
            if is_long
            else []
        )
    for axis, size in pairs:
        name, _, _ = axis.lstrip("#?").partition("=")
        if name.isidentifier() and name != "_":
            yield Evidence(size, name, Kind.ANNOTATION, source, line)
