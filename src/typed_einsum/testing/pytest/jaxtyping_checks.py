"""For the pytest plugin: annotations that are checked without touching the code, and tests without checks."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

import pytest
from beartype import BeartypeConf, beartype
from jaxtyping import config, jaxtyped

from typed_einsum.annotations import mentions_tensors
from typed_einsum.decorate.resolution import Unresolved, resolved_annotations
from typed_einsum.switch import checks_off
from typed_einsum.testing.process.outcome import first_line

NAME = "__typed_einsum_checked__"
"""The global of a checked module that holds the decorator of its functions and classes."""

COMPILERS = {"cfunc", "guvectorize", "jit", "njit", "script", "script_method", "stencil", "vectorize"}
"""Last names of decorators that read the source or the bytecode of a function, and would read the check's."""

_checker = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int is a float, as PEP 484 has it


class LeftAlone:
    """The functions with shape annotations that are not checked, each with the reason; told at the end."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Send them to the process that prints the summary."""
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[NAME] = self.reasons

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take those of a worker."""
        self.reasons.update(getattr(node, "workeroutput", {}).get(NAME, {}))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print a line for each."""
        for name, reason in sorted(self.reasons.items()):
            terminalreporter.write_line(f"shape check: {name} is left alone: {reason}")


def install_checks(packages: Sequence[str], left_alone: LeftAlone) -> Callable[[], None]:
    """Have beartype check functions with shape annotations in packages that are imported from now on.

    The result ends it. What cannot be checked stays as it is, and `left_alone` is told.
    """
    finder = _Finder(tuple(packages), left_alone)
    sys.meta_path.insert(0, finder)
    return lambda: sys.meta_path.remove(finder)


class _Finder(MetaPathFinder):
    """Finds the modules of some packages as Python does, and has their source decorated."""

    def __init__(self, packages: tuple[str, ...], left_alone: LeftAlone) -> None:
        self._packages, self._left_alone = packages, left_alone

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module, where it is one of these."""
        if not any(fullname == each or fullname.startswith(f"{each}.") for each in self._packages):
            return None
        behind = sys.meta_path[sys.meta_path.index(self) + 1 :]  # one before may ask this one
        found = (finder.find_spec(fullname, path, target) for finder in behind)
        spec = next((each for each in found if each is not None), None)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(fullname, spec.loader.path, self._left_alone)
        return spec


class _Loader(SourceFileLoader):
    """Runs a module with a decorator on each function and class. Its bytecode is not kept."""

    def __init__(self, name: str, path: str, left_alone: LeftAlone) -> None:
        super().__init__(name, path)
        self._left_alone = left_alone

    def get_code(self, fullname: str) -> CodeType:
        """The code of the module."""
        path = self.get_filename(fullname)
        tree = _Decorating(fullname, self._left_alone).visit(ast.parse(self.get_data(path), path))
        code: CodeType = compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)
        return code

    def exec_module(self, module: ModuleType) -> None:
        """Run the module."""
        vars(module)[NAME] = lambda value: checked(value, self._left_alone)
        super().exec_module(module)


class _Decorating(ast.NodeTransformer):
    """Puts the decorator below all others of a function, and above those of a class, such as `@dataclass`."""

    def __init__(self, module: str, left_alone: LeftAlone) -> None:
        self._around, self._left_alone = module, left_alone

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """A class; one without type checks has none inside either."""
        if _has(node, {"no_type_check"}):
            return node
        node.decorator_list.insert(0, _decorator(node))
        return self._inside(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """A function; a compiler gets the function as it is written."""
        if compiled := _has(node, COMPILERS):
            if _has_shapes_written(node):
                self._left_alone.reasons[f"{self._around}.{node.name}"] = f"@{compiled} compiles it"
            return node
        if _has(node, {"no_type_check"}):
            return node
        node.decorator_list.append(_decorator(node))
        return self._inside(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """A function that waits."""
        node.decorator_list.append(_decorator(node))
        return self._inside(node)

    def _inside(self, node: Any) -> ast.AST:
        around, self._around = self._around, f"{self._around}.{node.name}"
        visited = self.generic_visit(node)
        self._around = around
        return visited


def _decorator(node: ast.stmt) -> ast.expr:
    return ast.copy_location(ast.Name(NAME, ast.Load()), node)


def _has(node: ast.ClassDef | ast.FunctionDef, names: set[str]) -> str:
    """The decorator of a function or class that has one of these last names, as it is written."""
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        written = ast.unparse(called)
        if written.rpartition(".")[2] in names and not written.startswith("jax."):
            return written
    return ""


def _has_shapes_written(node: ast.FunctionDef) -> bool:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    annotations = [*(each.annotation for each in arguments), node.returns]
    return any(Unresolved(ast.unparse(each), "").looks_like_tensor() for each in annotations if each)


def checked(value: Any, left_alone: LeftAlone) -> Any:
    """A function with its annotations checked, or a dataclass with those of its fields.

    Only where shapes are concerned; what beartype refuses stays as it is, and so does all else.
    """
    if not _has_shapes(value):
        return value
    try:
        return jaxtyped(value, typechecker=_checker)
    except Exception as error:  # of many types, all of them refusals of an annotation
        left_alone.reasons[f"{value.__module__}.{value.__qualname__}"] = first_line(error)
        return value


def _has_shapes(value: Any) -> bool:
    if not inspect.isfunction(value) and not hasattr(value, "__dataclass_fields__"):
        return False
    return any(
        each.looks_like_tensor() if isinstance(each, Unresolved) else mentions_tensors(each)
        for each in resolved_annotations(value, {}).values()
    )


@contextmanager
def all_checks_off() -> Iterator[None]:
    """For the length of a block, neither this library nor jaxtyping checks a call."""
    before = config.jaxtyping_disable
    config.update("jaxtyping_disable", True)
    try:
        with checks_off():
            yield
    finally:
        config.update("jaxtyping_disable", before)
