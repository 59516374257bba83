"""What a `def` says: its parameters and their annotations."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Parameter:
    """A parameter as it is written. `stars` are those before it."""

    name: str
    stars: int = 0
    annotation: ast.expr | None = None
    may_be_none: bool = False


def parameters(node: Definition) -> Iterator[Parameter]:
    """The parameters of a function in their order."""
    given = node.args
    plain = [*given.posonlyargs, *given.args]
    defaults = [*[None] * (len(plain) - len(given.defaults)), *given.defaults]
    for each, default in zip(plain, defaults, strict=True):
        yield Parameter(each.arg, 0, each.annotation, is_none(default))
    if given.vararg is not None:
        yield Parameter(given.vararg.arg, 1, given.vararg.annotation)
    for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        yield Parameter(each.arg, 0, each.annotation, is_none(default))
    if given.kwarg is not None:
        yield Parameter(given.kwarg.arg, 2, given.kwarg.annotation)


def is_none(node: ast.expr | None) -> bool:
    """Whether `None` is written."""
    return isinstance(node, ast.Constant) and node.value is None


def yields(node: ast.AST) -> bool:
    """Whether a call makes a generator."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(child, Definition | ast.Lambda | ast.ClassDef) and yields(child):
            return True
    return False


def last_name(node: ast.expr) -> str:
    """The last part of a name, of a decorator also where it is called."""
    match node:
        case ast.Call(func=func):
            return last_name(func)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def says_tensor_alone(annotation: ast.expr | None) -> bool:
    """Whether an annotation says `Tensor` and no more, or that it may be None."""
    match _without_none(annotation):
        case ast.Name(id="Tensor") | ast.Attribute(attr="Tensor", value=ast.Name()):
            return True
    return False


def is_optional(annotation: ast.expr | None) -> bool:
    """Whether an annotation says of one type that it may be None."""
    return _without_none(annotation) is not annotation


def _without_none(annotation: ast.expr | None) -> ast.expr | None:
    """The type in `Optional[T]`, `T | None` or `Union[T, None]`; any other annotation as it is."""
    match annotation:
        case ast.Subscript(slice=ast.Tuple(elts=[one, other])) if last_name(annotation.value) == "Union":
            pair = one, other
        case ast.Subscript(slice=inner) if last_name(annotation.value) == "Optional":
            return inner
        case ast.BinOp(left=one, op=ast.BitOr(), right=other):
            pair = one, other
        case _:
            return annotation
    inside = [each for each in pair if not is_none(each)]
    return inside[0] if len(inside) == 1 else annotation
