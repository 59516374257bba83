"""Where the annotations of a class's fields stand in the user's source."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator

from typed_einsum.diagnostics import Span
from typed_einsum.locations import Source, Written, axes_in, outside_frame, parsed
from typed_einsum.tracing import ends_a_trace

SOURCE = "__typed_einsum_source__"
"""The attribute of a decorated class that says where it is written."""


@ends_a_trace
def written_field(kind: type, field: str, text: str, span: Span) -> Written | None:
    """As `written_axes`, in the annotation of a field in the body of a class, or of one of its bases."""
    for base in kind.__mro__:
        source = _source_of_class(base)
        for node in written_classes(base):
            annotations = (each for each in node.body if isinstance(each, ast.AnnAssign))
            for each in annotations:
                if isinstance(each.target, ast.Name) and each.target.id == field:
                    assert source is not None
                    return axes_in(source, each.annotation, text, span)
    return None


def written_classes(kind: type) -> Iterator[ast.ClassDef]:
    """The statements that may be those of a class, by its name, in its file: each is parsed once."""
    source = _source_of_class(kind)
    tree = None if source is None else parsed(source.file, source.names)
    if tree is not None:
        yield from _bodies(tree, kind.__qualname__.replace("<locals>.", "").split("."))


def _source_of_class(kind: type) -> Source | None:
    """The file of a class: that in which it was decorated, that of a method, or that of its module."""
    known = vars(kind).get(SOURCE)
    if isinstance(known, Source):
        return known
    for method in filter(inspect.isfunction, vars(kind).values()):
        written = inspect.unwrap(method)
        if written.__qualname__.startswith(f"{kind.__qualname__}."):
            return Source(written.__code__.co_filename, written.__globals__, kind.__qualname__)
    names = vars(sys.modules.get(kind.__module__, ast))
    file = names.get("__file__")
    return Source(file, names, kind.__qualname__) if isinstance(file, str) and file.endswith(".py") else None


def remember_source(kind: type) -> None:
    """Remember that a class is written in the file that the user's running frame is in."""
    frame = outside_frame()
    if frame is not None:
        setattr(kind, SOURCE, Source(frame.f_code.co_filename, frame.f_globals, kind.__qualname__))


def _bodies(tree: ast.AST, names: list[str]) -> Iterator[ast.ClassDef]:
    """The classes of a qualified name; functions and branches may stand around them."""
    if not names:
        return
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.ClassDef(name=name) if names == [name]:
                yield node
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                if node.name == names[0]:
                    yield from _bodies(node, names[1:])
            case _:
                yield from _bodies(node, names)
