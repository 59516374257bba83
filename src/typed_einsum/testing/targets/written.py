"""The functions that the source of a file defines, whatever importing it makes of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from typed_einsum.annotations import mentions_tensors
from typed_einsum.decorate.resolution import Unresolved

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class WrittenFunction:
    """One `def` of a source: its qualified name, and its first line with decorators.

    `around` is the function that it is defined in, or empty. `is_stub` says that there is nothing to run:
    the body is a docstring, `...`, `pass` or `raise NotImplementedError`.
    """

    name: str
    line: int
    has_shapes: bool
    around: str
    is_stub: bool


def written_functions(module: ModuleType) -> list[WrittenFunction]:
    """Every function that the file of a module defines; none without source."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        return []
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    return list(_within(tree.body, "", "", module))


def _within(body: list[ast.stmt], prefix: str, around: str, module: ModuleType) -> Iterator[WrittenFunction]:
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                name = f"{prefix}{node.name}"
                if not any(_last_name(each) == "overload" for each in node.decorator_list):
                    yield _function(node, name, around, module)
                yield from _within(node.body, f"{name}.", name, module)
            case ast.ClassDef():
                yield from _within(node.body, f"{prefix}{node.name}.", around, module)
            case ast.If() if _last_name(node.test) == "TYPE_CHECKING":
                yield from _within(node.orelse, prefix, around, module)
            case _:
                yield from _within(_statements(node), prefix, around, module)


def _statements(node: ast.AST) -> list[ast.stmt]:
    """The statements inside another, such as an `if`, in their order."""
    found: list[ast.stmt] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            found.append(child)
        elif isinstance(child, ast.ExceptHandler | ast.match_case):
            found += child.body
    return found


def _function(node: Function, name: str, around: str, module: ModuleType) -> WrittenFunction:
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
    annotations = [*(each.annotation for each in every), node.returns]
    has_shapes = any(_has_shape(each, module) for each in annotations if each is not None)
    line = min((each.lineno for each in node.decorator_list), default=node.lineno)
    return WrittenFunction(name, line, has_shapes, around, all(map(_does_nothing, node.body)))


def _has_shape(annotation: ast.expr, module: ModuleType) -> bool:
    """Whether an annotation holds a shape text, or a name of the module that stands for one."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        text = annotation.value
    else:
        text = ast.unparse(annotation)
    if Unresolved(text, "").looks_like_tensor():
        return True
    names = {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)} | {text}
    return any(mentions_tensors(vars(module)[name]) for name in names if name in vars(module))


def _does_nothing(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Expr(ast.Constant()):
            return True
        case ast.Raise(exc=ast.expr() as raised):
            return _last_name(raised) == "NotImplementedError"
    return False


def _last_name(node: ast.expr) -> str:
    """`overload` of `typing.overload`, `NotImplementedError` of `NotImplementedError("…")`."""
    match node:
        case ast.Call():
            return _last_name(node.func)
        case ast.Attribute():
            return node.attr
        case ast.Name():
            return node.id
    return ""
