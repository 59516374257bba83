"""For Python 3.11: an import hook by which functions of the project report themselves.

Each function gets a first statement that asks whether this call is of interest, and `return` statements that
pass on what they return. Lines, names, docstrings and the objects that a module holds stay as they are.
"""

from __future__ import annotations

import ast
import builtins
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType

from typed_einsum.testing.observe.garbage import collected_rarely
from typed_einsum.testing.observe.hooks import First, rewrite_before
from typed_einsum.testing.observe.keeping import Rewritten, keep, kept
from typed_einsum.testing.observe.probes import OFF, Listener, Started
from typed_einsum.testing.observe.sources import Sources

START, CALL = "__typed_einsum_start__", "__typed_einsum_call__"
"""The function that a first statement calls, among the builtins, and the local that holds its answer."""

READS_LOCALS = {"locals", "vars", "eval", "exec", "dir"}
OF_AN_OBJECT = {"vars", "dir"}
"""What reads the attributes of an object instead, where it is given one."""

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
            if number in _known:  # nearly always, so that nothing is asked before
                return None
            frame = sys._getframe(1)
            if not self._sources.holds(frame.f_code):
                return None
            answer = self._listener.begun(frame.f_code, frame)
            if answer is OFF:
                _known.add(number)
                return None
            return answer

        self.set_anew()

        # Dynamo takes the answer, None in a trace, as a constant, and sees the function as it was written.
        start._dynamo_marked_constant = True  # type: ignore[attr-defined]
        setattr(builtins, START, start)
        sys.meta_path = First([self._finder, *sys.meta_path])

    def remove(self) -> None:
        """Report nothing more."""
        if self._finder in sys.meta_path:
            sys.meta_path = [each for each in sys.meta_path if each is not self._finder]
            setattr(builtins, START, _nothing)

    def set_anew(self) -> None:
        """Report the functions again that were switched off."""
        _known.clear()

    def compiled(self, source: bytes | str, file: str, *, keeps: bool = False) -> CodeType:
        """The code of a module whose functions report themselves; an earlier run may have kept it."""
        text = source.encode() if isinstance(source, str) else source
        found = kept(file, text) if keeps else None
        if found is None:
            found = _rewritten(text, file)
            if keeps:
                keep(file, text, found)
        for left_alone in found.left_alone:
            self._refused(file, *left_alone)
        return found.code

    def loaded(self, spec: ModuleSpec | None) -> ModuleSpec | None:
        """Where to import a module from: if it is the project's, so that its functions report themselves."""
        if spec is None or spec.origin is None or not spec.has_location:
            return spec
        if not self._sources.holds_file(spec.origin):
            return spec
        loader = spec.loader
        if type(loader) is SourceFileLoader:
            spec.loader = _Loader(loader.name, loader.path, self)
        elif isinstance(loader, SourceFileLoader):
            rewrite_before(loader, partial(self._rewrite, loader.path))
        else:
            name = type(loader).__name__
            self._refused(spec.origin, 1, "", f"it is imported by another import hook, {name}")
        return spec

    def _rewrite(self, file: str, tree: ast.AST, source: bytes) -> None:
        """Rewrite the tree of a module that another hook compiles."""
        functions = _Functions(file, source)
        functions.rewrite(tree)
        for left_alone in functions.left_alone:
            self._refused(file, *left_alone)


_known: set[int] = set()
"""The numbers of functions whose calls are of no more interest; each passes its own."""


def _rewritten(source: bytes, file: str) -> Rewritten:
    """The code of a module whose functions report themselves."""
    with collected_rarely():
        tree = ast.parse(source, file)
        functions = _Functions(file, source)
        functions.rewrite(tree)
        code: CodeType = compile(tree, file, "exec", dont_inherit=True)
    return Rewritten(code, functions.left_alone)


def _first_number(source: bytes, file: str) -> int:
    """A number for the first function of a file, far from those of other files, and the same in each run."""
    return int.from_bytes(sha256(b"\0".join((os.fsencode(file), source))).digest()[:5], "big") << 20


def _nothing(number: int) -> None:
    """The answer once nobody observes any more."""


class _Finder(MetaPathFinder):
    """Finds what the finders behind it find."""

    def __init__(self, rewriting: Rewriting) -> None:
        self._rewriting = rewriting

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a module is."""
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
            find = getattr(finder, "find_spec", None)
            spec = None if find is None else find(name, path, target)
            if spec is not None:
                return self._rewriting.loaded(spec)
        return None


class _Loader(SourceFileLoader):
    """Loads a module from its source, or from what an earlier run has made of this source."""

    def __init__(self, name: str, path: str, rewriting: Rewriting) -> None:
        super().__init__(name, path)
        self._rewriting = rewriting

    def get_code(self, fullname: str) -> CodeType | None:
        """The code of the module."""
        return self._rewriting.compiled(self.get_data(self.path), self.path, keeps=True)


class _Functions:
    """Rewrites every function of a module that can be, those inside others first."""

    def __init__(self, file: str, source: bytes) -> None:
        self.left_alone: list[tuple[int, str, str]] = []
        self._number = _first_number(source, file)
        self._around = ""
        text = source.decode(errors="ignore")
        # What the text does not hold need not be looked for in every expression.
        self._may_yield = "yield" in text
        self._may_read_locals = any(name in text for name in READS_LOCALS)

    def rewrite(self, node: ast.AST) -> None:
        """Rewrite the functions in a module, a class or a function."""
        for statement in list(_statements(node)):
            match statement:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    self._function(statement)
                case ast.ClassDef():
                    self._inside(statement)
                case _:
                    self.rewrite(statement)

    def _inside(self, node: Definition | ast.ClassDef) -> None:
        around, self._around = self._around, f"{self._around}{node.name}."
        self.rewrite(node)
        self._around = around

    def _function(self, node: Definition) -> None:
        reason = _compiled_by(node)
        if not reason and self._may_read_locals:
            reason = _reads_locals(node)
        if reason:
            self.left_alone.append((node.lineno, self._around + node.name, reason))
            return
        self._inside(node)
        if not _has_body(node):
            return
        ended: list[ast.stmt] = []
        if not (self._may_yield and any(isinstance(each, ast.Yield | ast.YieldFrom) for each in _own(node))):
            _pass_on_returns(node)
            ended = [ast.Expr(_told(ast.Constant(None)))]
        at = 1 if ast.get_docstring(node, clean=False) is not None else 0
        number = ast.Constant(self._number)
        self._number += 1
        start = ast.Assign([ast.Name(CALL, ast.Store())], ast.Call(ast.Name(START, ast.Load()), [number], []))
        for statement in (start, *ended):
            _place(statement, node)
        node.body = [*node.body[:at], start, *node.body[at:], *ended]


INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
"""What has returns, yields and locals of its own."""


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """The statements directly inside another, and its handlers and cases, which hold more."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        inside = getattr(node, name, None)
        if isinstance(inside, list):
            yield from inside


def _own(node: Definition) -> Iterator[ast.AST]:
    """What a function does itself, and not a function inside it."""
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        each = waiting.pop()
        if not isinstance(each, INNER):
            yield each
            waiting += ast.iter_child_nodes(each)


def _pass_on_returns(node: ast.AST) -> None:
    """Write `return X` as `return X if CALL is None else CALL.returned(X)`; the first usually runs."""
    for statement in _statements(node):
        if isinstance(statement, ast.Return):
            statement.value = _told(statement.value or ast.Constant(None))
            _place(statement.value, statement)
        elif not isinstance(statement, INNER):
            _pass_on_returns(statement)


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


def _compiled_by(node: Definition) -> str:
    """Why a function has to be left as it is for a decorator; empty where it need not."""
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        last = ast.unparse(called).rpartition(".")[2]
        if last in COMPILERS:
            return f"`{ast.unparse(called)}` compiles it"
    return ""


def _reads_locals(node: Definition) -> str:
    """Why a function has to be left as it is for what it calls; empty where it need not."""
    calls = (each for each in _own(node) if isinstance(each, ast.Call))
    named = ((each.func.id, each.args) for each in calls if isinstance(each.func, ast.Name))
    read = sorted(
        name for name, given in named if name in READS_LOCALS and not (given and name in OF_AN_OBJECT)
    )
    return f"it calls `{read[0]}`, which would see what is added to it" if read else ""


def _told(value: ast.expr) -> ast.IfExp:
    is_none = ast.Compare(ast.Name(CALL, ast.Load()), [ast.Is()], [ast.Constant(None)])
    returned = ast.Attribute(ast.Name(CALL, ast.Load()), "returned", ast.Load())
    return ast.IfExp(is_none, value, ast.Call(returned, [value], []))
