"""For Python 3.11: an import hook by which functions of the project report themselves.

Each function gets a first statement that asks whether this call is of interest, and `return` statements that
pass on what they return. Lines, names, docstrings and the objects that a module holds stay as they are.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Callable, Sequence
from copy import deepcopy
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

from typed_einsum.testing.observe.probes import OFF, Listener, Started
from typed_einsum.testing.observe.sources import Sources

START, CALL = "__typed_einsum_start__", "__typed_einsum_call__"
"""The function that a first statement calls, among the builtins, and the local that holds its answer."""

READS_LOCALS = {"locals", "vars", "eval", "exec", "dir"}
COMPILERS = ("jit", "njit", "vectorize", "guvectorize", "kernel")
"""Decorators by these names compile what a function says, and take no more than it said."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef
Refused = Callable[[str, int, str, str], None]
"""Is told file, line, name and reason of a function that is left alone."""


class Rewriting:
    """Reports functions of modules that are imported from now on."""

    def __init__(self, sources: Sources, listener: Listener, refused: Refused) -> None:
        self._sources = sources
        self._listener = listener
        self._refused = refused
        self._finder = _Finder(self)

    def install(self) -> None:
        """Begin to report."""

        def start(number: int) -> Started | None:
            if _is_known[number]:  # nearly always, so that nothing is asked before
                return None
            frame = sys._getframe(1)
            if not self._sources.holds(frame.f_code):
                return None
            answer = self._listener.begun(frame.f_code, frame)
            if answer is OFF:
                _is_known[number] = True
                return None
            return answer

        self.set_anew()

        # Dynamo takes the answer, None in a trace, as a constant, and sees the function as it was written.
        start._dynamo_marked_constant = True  # type: ignore[attr-defined]
        setattr(builtins, START, start)
        sys.meta_path.insert(0, self._finder)

    def remove(self) -> None:
        """Report nothing more."""
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
            setattr(builtins, START, _nothing)

    def set_anew(self) -> None:
        """Report the functions again that were switched off."""
        _is_known[:] = [False] * len(_is_known)

    def compiled(self, source: bytes | str, file: str) -> CodeType:
        """The code of a module whose functions report themselves."""
        tree = ast.parse(source, file)
        _Functions(file, self._refused).visit(tree)
        code: CodeType = compile(tree, file, "exec", dont_inherit=True)
        return code

    def loaded(self, spec: ModuleSpec | None) -> ModuleSpec | None:
        """Where to import a module from: if it is the project's, so that its functions report themselves."""
        if spec is None or spec.origin is None or not spec.has_location:
            return spec
        if not self._sources.holds_file(spec.origin):
            return spec
        if type(spec.loader) is not SourceFileLoader:
            name = type(spec.loader).__name__
            self._refused(spec.origin, 1, "", f"it is imported by another import hook, {name}")
            return spec
        spec.loader = _Loader(spec.loader.name, spec.loader.path, self)
        return spec


_is_known: list[bool] = []
"""Whether the calls of a function are of no more interest; a function passes its position here."""


def _nothing(number: int) -> None:
    """The answer once nobody observes any more."""


class _Finder(MetaPathFinder):
    """Finds what the other finders find."""

    def __init__(self, rewriting: Rewriting) -> None:
        self._rewriting = rewriting

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a module is."""
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec = None if find is None else find(name, path, target)
            if spec is not None:
                return self._rewriting.loaded(spec)
        return None


class _Loader(SourceFileLoader):
    """Loads a module from its source, never from compiled code, and leaves none behind."""

    def __init__(self, name: str, path: str, rewriting: Rewriting) -> None:
        super().__init__(name, path)
        self._rewriting = rewriting

    def get_code(self, fullname: str) -> CodeType | None:
        """The code of the module."""
        return self._rewriting.compiled(self.get_data(self.path), self.path)


class _Functions(ast.NodeTransformer):
    """Rewrites every function of a module that can be, those inside others first."""

    def __init__(self, file: str, refused: Refused) -> None:
        self._file = file
        self._refused = refused
        self._around = ""

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        """A class, with its methods."""
        return self._inside(node)

    def _inside(self, node: Definition | ast.ClassDef) -> Any:
        around, self._around = self._around, f"{self._around}{node.name}."
        self.generic_visit(node)
        self._around = around
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        """A function or a method."""
        return self._rewritten(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        """A coroutine or an asynchronous generator."""
        return self._rewritten(node)

    def _rewritten(self, node: Definition) -> Definition:
        reason = _why_not(node)
        if reason:
            self._refused(self._file, node.lineno, self._around + node.name, reason)
            return node
        self._inside(node)
        if not _has_body(node):
            return node
        own = _Own(node)
        if own.is_generator:
            ended: list[ast.stmt] = []
        else:
            node.body = [_Returns().visit(statement) for statement in node.body]
            ended = [ast.Expr(_told(ast.Constant(None)))]
        at = 1 if ast.get_docstring(node, clean=False) is not None else 0
        number = ast.Constant(len(_is_known))
        _is_known.append(False)
        start = ast.Assign([ast.Name(CALL, ast.Store())], ast.Call(ast.Name(START, ast.Load()), [number], []))
        for statement in (start, *ended):
            _place(statement, node)
        node.body = [*node.body[:at], start, *node.body[at:], *ended]
        return node


def _place(new: ast.AST, at: ast.stmt) -> None:
    """Put what was added where a statement begins, so that no other line runs than did before."""
    for each in ast.walk(new):
        if "lineno" in each._attributes and not hasattr(each, "lineno"):
            each.lineno = each.end_lineno = at.lineno  # type: ignore[attr-defined]
            each.col_offset = each.end_col_offset = at.col_offset  # type: ignore[attr-defined]


def _has_body(node: Definition) -> bool:
    """Whether a function does anything: a typed einsum does not, nor does an overload."""
    return not all(
        isinstance(each, ast.Pass) or (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
        for each in node.body
    )


def _why_not(node: Definition) -> str:
    """Why a function has to be left as it is; empty where it need not."""
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        last = ast.unparse(called).rpartition(".")[2]
        if last in COMPILERS:
            return f"`{ast.unparse(called)}` compiles it"
    read = sorted(READS_LOCALS & _Own(node).called)
    return f"it calls `{read[0]}`, which would see what is added to it" if read else ""


class _Own(ast.NodeVisitor):
    """What a function does itself, and not a function inside it."""

    def __init__(self, node: Definition) -> None:
        self.is_generator = False
        self.called: set[str] = set()
        for statement in node.body:
            self.visit(statement)

    def _pass_over(self, node: ast.AST) -> None:
        return

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = visit_ClassDef = _pass_over

    def visit_Yield(self, node: ast.Yield) -> None:
        """An item of a generator."""
        self.is_generator = True
        self.generic_visit(node)

    def visit_YieldFrom(self, node: ast.YieldFrom) -> None:
        """Items of another generator."""
        self.is_generator = True
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """A call of a function by its name."""
        if isinstance(node.func, ast.Name):
            self.called.add(node.func.id)
        self.generic_visit(node)


class _Returns(ast.NodeTransformer):
    """Passes on what a function returns, but not what functions inside it do."""

    def _as_it_is(self, node: ast.AST) -> ast.AST:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = visit_ClassDef = _as_it_is

    def visit_Return(self, node: ast.Return) -> ast.Return:
        """`return X` as `return X if CALL is None else CALL.returned(X)`: the first is what usually runs."""
        value = node.value or ast.Constant(None)
        told = _told(value)
        _place(told, node)
        return ast.copy_location(ast.Return(told), node)


def _told(value: ast.expr) -> ast.IfExp:
    is_none = ast.Compare(ast.Name(CALL, ast.Load()), [ast.Is()], [ast.Constant(None)])
    returned = ast.Attribute(ast.Name(CALL, ast.Load()), "returned", ast.Load())
    return ast.IfExp(is_none, value, ast.Call(returned, [deepcopy(value)], []))
