"""For the pytest plugin: every contract of a file as a test item."""

from __future__ import annotations

import copy
import importlib
import inspect
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from inspect import getattr_static
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from typed_einsum.annotations import TensorHint, mentions_tensors
from typed_einsum.checked import shape_checked
from typed_einsum.decorate.definition import definition_of
from typed_einsum.decorate.resolution import resolved_annotations
from typed_einsum.diagnostics import Span
from typed_einsum.errors import TypedEinsumError
from typed_einsum.locations import shown_path, written_axes
from typed_einsum.testing.contracts.check import Check
from typed_einsum.testing.contracts.promises import Promises, names, stored_on
from typed_einsum.testing.inputs.constructors import build
from typed_einsum.testing.inputs.recipe import Recipe
from typed_einsum.testing.process.outcome import first_line
from typed_einsum.testing.targets.target import Target, is_checked, targets

OPTIONS = tuple(Promises.__dataclass_fields__)
"""What a `shape_contract` marker may say."""


class Broken(Exception):
    """A contract that does not hold; the text is all there is to say."""


class ContractFile(pytest.File):
    """A Python file whose functions are checked."""

    module_name: str | None = None

    @classmethod
    def of(cls, parent: pytest.Collector, path: Path, module_name: str | None) -> ContractFile:
        """The file at a path; the name of its module is told from the folders around it if not given."""
        ours = path.is_relative_to(parent.config.rootpath)
        # Outside the root directory pytest would name a file by its last part alone.
        nodeid = None if ours else path.as_posix()
        file: ContractFile = cls.from_parent(parent, path=path, nodeid=nodeid)
        file.module_name = module_name
        return file

    def collect(self) -> Iterator[ContractItem]:
        """One item for each annotated function and method, in the order of the file."""
        try:
            module = imported(self.path, self.module_name)
        except TypedEinsumError as error:
            raise self.CollectError(str(error)) from None
        except (Exception, SystemExit) as error:  # whatever the user's file raises, the run goes on
            trace = "".join(traceback.format_exception(error, limit=-2))
            raise self.CollectError(f"importing {self.path} raised {first_line(error)}\n\n{trace}") from None
        for target in contracts_of(module):
            yield ContractItem.of(self, target, module)


class ContractItem(pytest.Item):
    """The contract of one function."""

    target: Target
    kind: type | None
    axes: tuple[str, ...] = ()
    advice = ""

    @classmethod
    def of(cls, parent: ContractFile, target: Target, module: ModuleType) -> ContractItem:
        """The contract of a target; it has the marks of its function, and those of the class around it."""
        item: ContractItem = cls.from_parent(parent, name=f"shape-contract[{target.name}]")
        item.target = target
        owner = getattr(module, target.name.partition(".")[0], None)
        item.kind = owner if isinstance(owner, type) else None
        item.add_marker(pytest.mark.shape_contract)
        for marked in (target.function, item.kind):
            for mark in _marks(marked):
                item.add_marker(getattr(pytest.mark, mark.name)(*mark.args, **mark.kwargs))
        return item

    def refuse_unknown_options(self) -> None:
        """Raises `pytest.UsageError` where a marker says what no contract has."""
        for mark in self.iter_markers("shape_contract"):
            unknown = [*map(repr, mark.args), *(name for name in mark.kwargs if name not in OPTIONS)]
            if unknown:
                known = ", ".join(OPTIONS)
                raise pytest.UsageError(
                    f"{self.nodeid}: shape_contract has no option {', '.join(unknown)}; it has {known}"
                )

    def runtest(self) -> None:
        """Check the contract. Raises what makes it fail, or skips with the reason."""
        if self.get_closest_marker("no_shape_checks") is not None:
            pytest.skip("marked no_shape_checks")
        check = self._check()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sizes of 0 and 1 make torch warn; no warning is a finding
            report = check.report()
        if report.skipped:
            pytest.skip(report.skipped)
        self.axes = axis_names(check.function)
        if not report.ok:
            path, line, _ = self.reportinfo()
            raise Broken(f"{shown_path(str(path))}:{line + 1}: {report}")
        if report.findings:
            self.advice = str(report)
            self.add_report_section("call", "shape contract", self.advice)

    def _check(self) -> Check:
        """What is to be run: a function, or a method with what makes the object that it is called on."""
        target = self.target
        place = target.place(str(self.path))
        return Check(target.name, checked(target), self._owner(), place, self._promises())

    def _owner(self) -> Callable[[str], Any] | None:
        """What makes the object on a device: as a `conftest.py` says, or else by inference."""
        kind, inferred = self.kind, self.target.owner
        attribute = self.target.name.rpartition(".")[2]
        if kind is None or inferred is None or isinstance(getattr_static(kind, attribute), classmethod):
            return inferred
        said = self.config.hook.pytest_shape_contract_build(kind=kind)
        if said is None:
            return inferred
        if isinstance(said, kind):
            return lambda device: _copied(said, device)
        if isinstance(said, Mapping):
            return lambda device: _constructed(kind, said, device)
        raise Broken(
            f"pytest_shape_contract_build gave {said!r} for {kind.__name__}: return the arguments of its "
            f"constructor as a dict, or a {kind.__name__}"
        )

    def _promises(self) -> Promises:
        """What markers say, the function's own before its class's, and then what `@contract` stored."""
        said = vars(stored_on(self.target.function))
        for mark in reversed(list(self.iter_markers("shape_contract"))):
            said = {**said, **mark.kwargs}
        listed = {name: names(said[name]) for name in ("independent", "ordered", "couples")}
        return Promises(**{**said, **listed})

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The report alone; what is no finding, with its traceback."""
        if isinstance(excinfo.value, Broken | TypedEinsumError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the first annotation stands that names axes, counted from 0 as pytest does."""
        return self.path, annotation_line(self.target, self.path) - 1, self.name


def contracts_of(module: ModuleType) -> list[Target]:
    """Everything in a module with annotations that can be held to them, decorated or not."""
    found = {target.name: target for target in targets(module)}
    for name, value in list(vars(module).items()):
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if isinstance(value, type):
            for attribute, method in vars(value).items():
                target = _method(value, attribute, method)
                if target is not None and value.__name__ == name:
                    found.setdefault(target.name, target)
        elif _is_annotated(value) and value.__name__ == name:
            found.setdefault(name, Target(name, value))
    return sorted(found.values(), key=lambda target: target.first_line)


def _method(kind: type, attribute: str, value: Any) -> Target | None:
    """A method with annotations that no decorator of this library has seen."""
    name = f"{kind.__name__}.{attribute}"
    match value:
        case staticmethod() if _is_annotated(value.__func__):
            return Target(name, value.__func__)
        case classmethod() if _is_annotated(value.__func__):
            return Target(name, value.__func__, lambda device: kind)
        case _ if _is_annotated(value) and attribute != "__init__":
            return Target(name, value, lambda device: build(kind, device))
    return None


def _is_annotated(value: Any) -> bool:
    """Whether a value is a function of which some argument is a tensor with named axes."""
    if not inspect.isfunction(value):
        return False
    annotations = resolved_annotations(value, {})
    return any(mentions_tensors(a) for name, a in annotations.items() if name != "return")


def _copied(made: Any, device: str) -> Any:
    """An object that the user made; a module is copied, so that theirs stays as it is."""
    return copy.deepcopy(made).to(device) if isinstance(made, nn.Module) else made


def _constructed(kind: type, arguments: Mapping[str, Any], device: str) -> Any:
    """An object of a class from arguments of the user's. Raises `Broken`."""
    try:
        with torch.device(device):
            return kind(**arguments)
    except Exception as error:  # the constructor is the user's
        listed = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        call = f"{kind.__name__}({listed})"
        raise Broken(f"{call}, from pytest_shape_contract_build, raised {first_line(error)}") from error


def checked(target: Target) -> Callable[..., Any]:
    """The function of a target with its checks. Raises what is wrong with its annotations."""
    function = target.resolved()
    return function if is_checked(function) else shape_checked(function)


def axis_names(function: Any) -> tuple[str, ...]:
    """The axes that a checked function's annotations name, each once."""
    definition = definition_of(function)
    assert definition is not None
    signature = definition.signature
    recipe = Recipe(inspect.signature(function), signature.hints, signature.result)
    return tuple(sorted(recipe.axis_names | recipe.result_names))


def annotation_line(target: Target, file: Path) -> int:
    """The line of a function's first annotation with axes, or of its `def` where there is none to be read."""
    code = getattr(inspect.unwrap(target.function), "__code__", None)
    if code is None or Path(code.co_filename).resolve() != file.resolve():
        return 1  # a method that a class of this file has inherited from another
    try:
        definition = definition_of(checked(target))
        hints = {} if definition is None else definition.signature.hints
    except TypedEinsumError:
        hints = {}
    for name, hint in hints.items():
        if isinstance(hint, TensorHint):
            written = written_axes(target.function, name, hint.text, Span(0, len(hint.text)))
            if written is not None:
                return written.place.line
    return target.place(str(file)).line


def _marks(value: Any) -> Iterator[pytest.Mark]:
    """The marks on a function or class, which pytest keeps there as one or as a list."""
    stored = getattr(value, "pytestmark", [])
    for mark in stored if isinstance(stored, list) else [stored]:
        yield mark.mark if isinstance(mark, pytest.MarkDecorator) else mark


def imported(file: Path, name: str | None) -> ModuleType:
    """The module of a file, the same that tests import: nothing runs twice.

    As pytest does, it puts the folder that the name starts from on `sys.path`.
    """
    for module in list(sys.modules.values()):
        origin = getattr(module, "__dict__", {}).get("__file__")
        if isinstance(origin, str) and module.__name__ != "__main__" and _is_at(origin, file):
            return module
    name = _dotted(file) if name is None else name
    below = len(name.split(".")) - (file.stem != "__init__")
    root = file.parents[below]
    if root not in map(Path, sys.path):
        sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    module = importlib.import_module(name)
    origin = getattr(module, "__file__", None)
    if not isinstance(origin, str) or not _is_at(origin, file):
        raise ImportError(
            f"`{name}` is {origin or 'built in'}: give {file} another name, or a package of its own"
        )
    return module


def _is_at(origin: str, file: Path) -> bool:
    return Path(origin).name == file.name and Path(origin).resolve() == file.resolve()


def _dotted(file: Path) -> str:
    """The name of a file's module, with the packages that its folders are."""
    folder, parts = file.parent, [] if file.stem == "__init__" else [file.stem]
    while (folder / "__init__.py").exists():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts)
