"""Where an annotation stands in the user's source. Asked only when there is something to say.

In a trace of Dynamo's, that something is a refusal, and a trace has no frames to ask: so it ends there.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from types import FrameType
from typing import Any

from torch.compiler import is_dynamo_compiling

from typed_einsum.diagnostics import Located, Mark, Place, Span
from typed_einsum.generated.compile import GENERATED
from typed_einsum.solver.labels import RETURN
from typed_einsum.tracing import ends_a_trace


@dataclass(frozen=True, slots=True)
class Source:
    """The file of a function or class, the names of its module, and its own qualified name."""

    file: str
    names: dict[str, Any]
    name: str

    def written(self, number: int, line: str, span: Span) -> Written:
        """A span of a line of the file."""
        return Written(Place(shown_path(self.file), number, span.start + 1, self.name), line, span)


@dataclass(frozen=True, slots=True)
class Written:
    """A span of source: the place to print, the line's text, and the columns in it."""

    place: Place
    line: str
    span: Span

    def mark(self, label: str) -> Mark:
        """The line with carets below the span."""
        return Mark(self.line, self.span, label, self.place.line)


def shown_path(file: str) -> str:
    """The file as a reader would name it: relative below the working directory, and `In[3]` for a cell."""
    if (cell := _notebook_cell(file)) is not None:
        return cell
    try:
        relative = os.path.relpath(file)
    except ValueError:  # another drive, on Windows
        return file
    return file if relative.startswith("..") else relative


def _notebook_cell(file: str) -> str | None:
    """The cell of a notebook or of IPython whose source is in this file, as IPython's tracebacks name it."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    named = getattr(getattr(shell, "compile", None), "format_code_name", None)
    found = None if named is None else named(file)
    return None if found is None else str(found[-1])


@ends_a_trace
def definition_place(function: Callable[..., Any]) -> Place | None:
    """The line of the `def` itself."""
    function = inspect.unwrap(function)
    node = _definition(function)
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    line = code.co_firstlineno if node is None else node.lineno
    return Place(shown_path(code.co_filename), line, function=function.__qualname__)


def outside_frame() -> FrameType | None:
    """The innermost running frame of the user's; None in a trace, and where a program of ours makes the call.

    Frames of torch are passed over too: a module of ours is called by `torch.nn.Module.__call__`.
    """
    if is_dynamo_compiling():
        return None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not _is_users(frame):
        if frame.f_globals.get("__name__") == "__main__":
            return None
        frame = frame.f_back
    return frame


@ends_a_trace
def caller_place() -> Place | None:
    """The user's call that is running: its line, and the column where it begins."""
    frame = outside_frame()
    if frame is None:
        return None
    line, _, column, _ = _running(frame)
    if line is None or column is None:
        return _place_in(frame, frame.f_lineno)
    text = linecache.getline(frame.f_code.co_filename, line, frame.f_globals)
    return _place_in(frame, line, _column(text, column) + 1 if text else None)


@ends_a_trace
def passed_text(text: str, span: Span, said: str) -> Located:
    """A mark below the characters `span` of a text that the user's running call passes.

    It stands in the user's line where the text is written there, else in the text itself.
    """
    frame = outside_frame()
    literal = None if frame is None else _passed_literal(frame, text)
    if frame is not None and literal is not None:
        line = linecache.getline(frame.f_code.co_filename, literal.lineno, frame.f_globals).rstrip("\n")
        start = line.find(text, _column(line, literal.col_offset))
        if start >= 0:
            shifted = span.shifted(start)
            place = _place_in(frame, literal.lineno, shifted.start + 1)
            return Located(place, (Mark(line, shifted, said, literal.lineno),))
    return Located(caller_place(), (Mark(text, span, said),))


def _place_in(frame: FrameType, line: int, column: int | None = None) -> Place:
    code = frame.f_code
    function = None if code.co_name == "<module>" else code.co_qualname
    return Place(shown_path(code.co_filename), line, column, function)


def _running(frame: FrameType) -> tuple[int | None, int | None, int | None, int | None]:
    """First line, last line, first and last column (in bytes) of what the frame is running."""
    return next(islice(frame.f_code.co_positions(), frame.f_lasti // 2, None))


def _passed_literal(frame: FrameType, text: str) -> ast.Constant | None:
    """The literal with this text among the arguments of the call that the frame is running."""
    _, last_line, _, last_column = _running(frame)
    tree = parsed(frame.f_code.co_filename, frame.f_globals)
    if tree is None:
        return None
    # No two calls end at one place; where one begins differs between versions of Python.
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    for call in calls:
        if (call.end_lineno, call.end_col_offset) == (last_line, last_column):
            passed = [*call.args, *(keyword.value for keyword in call.keywords)]
            passed += [part for a in passed if isinstance(a, ast.Subscript) for part in _parts(a.slice)]
            passed += [key for a in passed if isinstance(a, ast.Dict) for key in a.keys if key is not None]
            return next((a for a in passed if isinstance(a, ast.Constant) and a.value == text), None)
    return None


def _is_users(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__", "")
    spec = frame.f_globals.get("__spec__") if name == "__main__" else None  # of `python -m NAME`
    package = str(getattr(spec, "name", name)).partition(".")[0]
    return package not in ("typed_einsum", "torch") and GENERATED not in frame.f_globals


@ends_a_trace
def written_axes(function: Callable[..., Any], parameter: str, text: str, span: Span) -> Written | None:
    """Where the characters `span` of the axes `text` in the annotation of a parameter stand.

    `parameter` is `"return"` for the result. Where the annotation is an alias, the alias is meant. None
    where there is no source to read.
    """
    function = inspect.unwrap(function)
    definition = _definition(function)
    annotation = None if definition is None else _annotation(definition, parameter)
    return None if annotation is None else axes_in(_source_of(function), annotation, text, span)


def axes_in(source: Source, annotation: ast.expr, text: str, span: Span) -> Written:
    """Where the characters `span` of the axes `text` stand in an annotation."""
    lines = linecache.getlines(source.file, source.names)
    for node in ast.walk(annotation):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            line = lines[node.lineno - 1].rstrip("\n")
            start = line.find(text, _column(line, node.col_offset)) if text else -1
            if text and start >= 0:
                return source.written(node.lineno, line, span.shifted(start))
            if node.value.strip() == text:
                return source.written(node.lineno, line, _whole(node, line))
    line = lines[annotation.lineno - 1].rstrip("\n")
    return source.written(annotation.lineno, line, _whole(annotation, line))


@ends_a_trace
def written_parameter(function: Callable[..., Any], parameter: str) -> Written | None:
    """Where the name of a parameter stands in the `def`."""
    function = inspect.unwrap(function)
    definition = _definition(function)
    argument = None if definition is None else _argument(definition, parameter)
    if argument is None:
        return None
    line = linecache.getlines(function.__code__.co_filename, function.__globals__)[argument.lineno - 1]
    column = _column(line, argument.col_offset)
    span = Span(column, column + len(parameter))
    return _source_of(function).written(argument.lineno, line.rstrip("\n"), span)


def _source_of(function: Callable[..., Any]) -> Source:
    return Source(function.__code__.co_filename, function.__globals__, function.__qualname__)


def _column(line: str, offset: int) -> int:
    """A column in characters from an offset in bytes, which is what `ast` counts."""
    return len(line.encode()[:offset].decode(errors="replace"))


def _whole(node: ast.expr, line: str) -> Span:
    start = _column(line, node.col_offset)
    one_line = node.end_lineno == node.lineno and node.end_col_offset is not None
    return Span(start, _column(line, node.end_col_offset) if one_line else len(line))  # type: ignore[arg-type]


def _definition(function: Callable[..., Any]) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    tree = parsed(code.co_filename, function.__globals__)
    for node in () if tree is None else ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == code.co_name:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if first == code.co_firstlineno:
                return node
    return None


def parsed(file: str, names: dict[str, Any]) -> ast.Module | None:
    """The syntax of a file; None where it cannot be read."""
    with _one_parse:
        return _tree("".join(linecache.getlines(file, names)))


# Before Python 3.13, `ast.parse` in two threads at a time may end in a SystemError.
_one_parse = threading.Lock()


@lru_cache(maxsize=16)
def _tree(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, SystemError):
        return None


def _parts(index: ast.expr) -> list[ast.expr]:
    return index.elts if isinstance(index, ast.Tuple) else [index]


def _argument(definition: ast.FunctionDef | ast.AsyncFunctionDef, parameter: str) -> ast.arg | None:
    arguments = definition.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    return next((argument for argument in every if argument.arg == parameter), None)


def _annotation(definition: ast.FunctionDef | ast.AsyncFunctionDef, parameter: str) -> ast.expr | None:
    if parameter == RETURN:
        return definition.returns
    argument = _argument(definition, parameter)
    return None if argument is None else argument.annotation
