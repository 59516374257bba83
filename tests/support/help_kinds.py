"""Every kind of help that a message can give, read from the sources of the library.

A kind is a text in the source: what is filled in when it is used, its names and sizes, is left open. It is
found by following each `help=` back to the texts that can reach it, through names, branches and functions.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "src" / "typed_einsum"
HELP_AT = {"Diagnostic": 5, "Flaw": 4}
"""Which argument of these classes is the help, where it is passed by position."""


def called(call: ast.Call) -> str | None:
    """The last name of what is called."""
    return getattr(call.func, "id", None) or getattr(call.func, "attr", None)


@dataclass(frozen=True)
class Kind:
    """A text with holes, and where it is written."""

    text: str
    place: str

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(".*".join(map(re.escape, self.text.split("{}"))))

    def is_in(self, help: str) -> bool:
        return self.pattern.search(help) is not None


@dataclass
class Reader:
    """Follows expressions back to texts."""

    trees: dict[Path, ast.Module]
    kinds: dict[str, Kind] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    seen: set[int] = field(default_factory=set)

    @cached_property
    def nodes(self) -> list[tuple[Path, ast.AST]]:
        return [(path, node) for path, tree in self.trees.items() for node in ast.walk(tree)]

    @cached_property
    def functions(self) -> list[tuple[Path, ast.FunctionDef]]:
        return [(path, node) for path, node in self.nodes if isinstance(node, ast.FunctionDef)]

    @cached_property
    def calls(self) -> list[tuple[Path, ast.Call]]:
        return [(path, node) for path, node in self.nodes if isinstance(node, ast.Call)]

    def read(self) -> None:
        for path, call in self.calls:
            given = [keyword.value for keyword in call.keywords if keyword.arg == "help"]
            if called(call) in ("Diagnostic", "Flaw", "replace"):
                at = HELP_AT.get(called(call) or "", len(call.args))
                for value in given + call.args[at : at + 1]:
                    self.follow(path, value)

    def follow(self, path: Path, value: ast.expr) -> None:
        if id(value) in self.seen:
            return
        self.seen.add(id(value))
        match value:
            case ast.Constant(value=str(text)):
                self.add(path, value, text)
            case ast.JoinedStr(values=parts):
                texts = (part.value if isinstance(part, ast.Constant) else "{}" for part in parts)
                self.add(path, value, "".join(map(str, texts)))
            case ast.IfExp(body=one, orelse=other) | ast.BinOp(left=one, right=other):
                self.follow(path, one)
                self.follow(path, other)
            case ast.BoolOp(values=parts):
                for part in parts:
                    self.follow(path, part)
            case ast.NamedExpr(value=inner):
                self.follow(path, inner)
            case ast.Name():
                self.follow_name(path, value)
            case ast.Call():
                self.follow_call(path, value)
            case ast.Constant(value=None) | ast.Attribute(attr="help" | "reason" | "label"):
                pass  # of another message, which is read where it is made
            case _:
                self.unread.add(f"{self.place(path, value)}: {ast.unparse(value)}")

    def add(self, path: Path, value: ast.expr, text: str) -> None:
        if len(text.replace("{}", "").split()) > 1:  # else it is a word within another text
            self.kinds.setdefault(text, Kind(text, self.place(path, value)))

    def place(self, path: Path, value: ast.expr) -> str:
        return f"{path.relative_to(SOURCES)}:{value.lineno}"

    def follow_name(self, path: Path, name: ast.Name) -> None:
        around = [
            f for p, f in self.functions if p == path and f.lineno <= name.lineno <= (f.end_lineno or 0)
        ]
        inner = max(around, key=lambda function: function.lineno)
        for node in ast.walk(inner):
            match node:
                case ast.Assign(targets=[ast.Name(id=name.id)], value=given):
                    self.follow(path, given)
                case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                    for one, given in zip(names, values, strict=True):
                        if isinstance(one, ast.Name) and one.id == name.id:
                            self.follow(path, given)
                case ast.AugAssign(target=ast.Name(id=name.id), value=given):
                    self.follow(path, given)
                case ast.NamedExpr(target=ast.Name(id=name.id), value=given):
                    self.follow(path, given)
        parameters = [a.arg for a in (*inner.args.posonlyargs, *inner.args.args, *inner.args.kwonlyargs)]
        if name.id in parameters:
            self.follow_parameter(inner.name, [p for p in parameters if p != "self"].index(name.id), name.id)

    def follow_parameter(self, function: str, position: int, name: str) -> None:
        for path, call in self.calls:
            if called(call) == function:
                given = [keyword.value for keyword in call.keywords if keyword.arg == name]
                for value in given or call.args[position : position + 1]:
                    self.follow(path, value)

    def follow_call(self, path: Path, call: ast.Call) -> None:
        name = called(call)
        if name in ("format", "rstrip", "join") and isinstance(call.func, ast.Attribute):
            self.follow(path, call.func.value)
            return
        if name == "next":
            self.follow(path, call.args[0])
            return
        found = [(place, function) for place, function in self.functions if function.name == name]
        if not found:
            self.unread.add(f"{self.place(path, call)}: {ast.unparse(call)}")
        for place, function in found:
            for node in ast.walk(function):
                if isinstance(node, ast.Return | ast.Yield) and node.value is not None:
                    self.follow(place, node.value)


def read_kinds() -> Reader:
    """All kinds, and the expressions that could not be followed."""
    paths = [path for path in SOURCES.rglob("*.py") if "cli" not in path.parts]
    reader = Reader({path: ast.parse(path.read_text(encoding="utf-8")) for path in paths})
    reader.read()
    return reader
