"""The source of one function: its statements, and which names each of them sets."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import CodeType
from typing import Any

Definition = ast.FunctionDef | ast.AsyncFunctionDef
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
OWN_NAMES = (*SCOPES, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
"""What has names of its own, which a statement around it does not set."""


@dataclass(frozen=True)
class Statement:
    """A simple statement, or the head of a compound one, from its first line to its last.

    `targets` are the names that it sets, and attributes of names as in `self.cache`.
    """

    node: ast.stmt = field(repr=False)
    first: int
    last: int
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """The source of a function. `lines` are those of its whole file.

    `receiver` is the name of the parameter that is the object of a method, `self` as a rule. A
    function inside a method has it too. Other functions have an empty one.
    """

    name: str
    file: str
    node: Definition = field(repr=False)
    lines: tuple[str, ...] = field(repr=False, compare=False)
    receiver: str = field(default="", repr=False, compare=False)

    @property
    def first(self) -> int:
        """The line of the `def`."""
        return self.node.lineno

    @property
    def last(self) -> int:
        """The last line."""
        return self.node.end_lineno or self.node.lineno

    @property
    def docstring(self) -> str:
        """What it says of itself."""
        return ast.get_docstring(self.node) or ""

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """Its statements in their order, without those of functions inside."""
        return tuple(_statements(self.node.body))

    @cached_property
    def by_line(self) -> dict[int, Statement]:
        """The statement of each line that has one."""
        return {line: each for each in self.statements for line in range(each.first, each.last + 1)}

    @cached_property
    def parameter_lines(self) -> dict[str, int]:
        """The line in which each parameter is written."""
        arguments = self.node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
        return {each.arg: each.lineno for each in every}

    def text(self, line: int) -> str:
        """A line of the file, without its end."""
        return self.lines[line - 1].rstrip() if 0 < line <= len(self.lines) else ""


def _statements(body: list[ast.stmt]) -> Iterator[Statement]:
    for node in body:
        if isinstance(node, SCOPES):
            continue
        blocks = [block for name in ("body", "orelse", "finalbody") if (block := getattr(node, name, None))]
        blocks += [each.body for each in (*getattr(node, "handlers", ()), *getattr(node, "cases", ()))]
        last = node.end_lineno or node.lineno
        if blocks:
            last = max(node.lineno, min(last, blocks[0][0].lineno - 1))
        yield Statement(node, node.lineno, last, tuple(dict.fromkeys(_targets(node))))
        for block in blocks:
            yield from _statements(block)


def _targets(node: ast.AST, *, is_top: bool = True) -> Iterator[str]:
    """The names that a statement sets, without those that the statements inside set."""
    match node:
        case ast.Name(ctx=ast.Store(), id=name):
            yield name
            return
        case ast.Attribute(ctx=ast.Store(), value=ast.Name(id=owner), attr=name):
            yield f"{owner}.{name}"
            return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, OWN_NAMES) or (is_top and isinstance(child, ast.stmt | ast.excepthandler)):
            continue
        yield from _targets(child, is_top=False)


def source_of(code: CodeType, names: Any = None) -> Source | None:
    """The source of the function with this code; None where there is none."""
    lines = tuple(linecache.getlines(code.co_filename, names))
    found = _definitions(lines).get((code.co_firstlineno, code.co_name))
    if found is None:
        return None
    node, receiver = found
    return Source(code.co_qualname.replace("<locals>.", ""), code.co_filename, node, lines, receiver)


@lru_cache(maxsize=256)
def _definitions(lines: tuple[str, ...]) -> dict[tuple[int, str], tuple[Definition, str]]:
    """The functions of a file by their first line, decorators included, and their name."""
    try:
        tree = ast.parse("".join(lines))
    except (SyntaxError, ValueError):
        return {}
    return {
        (min(node.lineno, *(each.lineno for each in node.decorator_list), node.lineno), node.name): (
            node,
            receiver,
        )
        for node, receiver in _functions(tree, "")
    }


def _functions(node: ast.AST, receiver: str) -> Iterator[tuple[Definition, str]]:
    """The functions below a node, each with the name of the object that it or the method around it has."""
    for child in ast.iter_child_nodes(node):
        own = receiver
        if isinstance(child, Definition):
            own = _receiver(child) if isinstance(node, ast.ClassDef) else receiver
            yield child, own
        yield from _functions(child, own)


def _receiver(method: Definition) -> str:
    """The name under which a method has its object; empty for a static method."""
    if any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in method.decorator_list):
        return ""
    return next((each.arg for each in (*method.args.posonlyargs, *method.args.args)), "")
