"""Signatures as their authors wrote them, and the parameters in them."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

WIDEST = 64
"""The longest signature on one line."""

ALIASES = {
    "Sides": "int | tuple[int, int]",
    "Sizes": "Mapping[str, int | tuple[int, ...]]",
    "Given": "Sequence[Any] | str",
    "st.SearchStrategy[dict[str, Any]]": "SearchStrategy[dict[str, Any]]",
    "Severity": 'Literal["error", "advice"]',
    "Derivation": "Derivation",
    "T": "Tensor",
}
"""Private names for types, and what they stand for."""


@dataclass(frozen=True)
class Parameter:
    """A parameter as a table shows it."""

    name: str
    shown: str
    kind: str
    default: str


@functools.cache
def _tree(file: str) -> ast.Module:
    with open(file, encoding="utf-8") as source:
        return ast.parse(source.read())


def _definition(value: Any) -> Any:
    value = inspect.unwrap(value)
    wanted = value.__qualname__.split(".")
    inside: ast.AST = _tree(str(inspect.getsourcefile(value)))
    for name in wanted:
        # The last: what stands above it under the same name are overloads.
        inside = [
            node
            for node in ast.iter_child_nodes(inside)
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name
        ][-1]
    return inside


def function_node(function: Any) -> ast.FunctionDef:
    """The definition of a function, decorated or not."""
    node = _definition(function)
    assert isinstance(node, ast.FunctionDef)
    return node


def class_node(made: type) -> ast.FunctionDef:
    """How an object of a class is made: its `__init__` under the name of the class."""
    node = _definition(made)
    assert isinstance(node, ast.ClassDef)
    for inner in node.body:
        if isinstance(inner, ast.FunctionDef) and inner.name == "__init__":
            inner = ast.parse(ast.unparse(inner)).body[0]  # a copy: the tree is shared
            assert isinstance(inner, ast.FunctionDef)
            inner.name, inner.returns = node.name, None
            return inner
    fields = [inner for inner in node.body if isinstance(inner, ast.AnnAssign)]
    listed = ", ".join(ast.unparse(field) for field in fields)
    (made_from,) = ast.parse(f"def {node.name}({listed}): ...").body
    assert isinstance(made_from, ast.FunctionDef)
    return made_from


def _all(node: ast.FunctionDef) -> Iterator[tuple[str, ast.arg, ast.expr | None]]:
    """Each parameter with the stars before it and its default."""
    arguments = node.args
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(plain) - len(arguments.defaults)) + [*arguments.defaults]
    yield from ((("", argument, default)) for argument, default in zip(plain, defaults, strict=True))
    if arguments.vararg:
        yield "*", arguments.vararg, None
    yield from (("", a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))
    if arguments.kwarg:
        yield "**", arguments.kwarg, None


def text_of(node: ast.expr | None) -> str:
    """An annotation or a default as it is written; private names are written out."""
    if node is None:
        return ""
    text = ast.unparse(node).replace("'", '"')
    parts = [ALIASES.get(part, part) for part in text.split(" | ")]
    return " | ".join(parts)


def parameters_of(node: ast.FunctionDef) -> list[Parameter]:
    """The parameters of a function, without `self`."""
    rows = []
    for stars, argument, default in _all(node):
        if argument.arg != "self":
            kind = " or ".join(f"`{part}`" for part in text_of(argument.annotation).split(" | "))
            rows.append(
                Parameter(
                    argument.arg, stars + argument.arg, kind, f"`{text_of(default)}`" if default else ""
                )
            )
    return rows


def written(node: ast.FunctionDef) -> str:
    """The signature, on one line where it is short, else with a line for each parameter."""
    listed: list[str] = []
    positional = len(node.args.posonlyargs)
    for number, (stars, argument, default) in enumerate(_all(node)):
        if argument.arg == "self":
            continue
        if argument in node.args.kwonlyargs[:1] and not node.args.vararg:
            listed.append("*")
        assigned = f" = {text_of(default)}" if default else ""
        annotation = f": {text_of(argument.annotation)}" if argument.annotation else ""
        listed.append(f"{stars}{argument.arg}{annotation}{assigned}")
        if number + 1 == positional:
            listed.append("/")
    returns = f" -> {text_of(node.returns)}" if node.returns else ""
    short = f"{node.name}({', '.join(listed)}){returns}"
    if len(short) <= WIDEST:
        return short
    return f"{node.name}(\n" + "".join(f"    {part},\n" for part in listed) + f"){returns}"
