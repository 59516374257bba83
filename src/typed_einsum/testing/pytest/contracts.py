"""For the pytest plugin: every contract of a file as a test item."""

from __future__ import annotations

import copy
import inspect
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from inspect import getattr_static
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from typed_einsum.annotations import TensorHint
from typed_einsum.decorate.definition import definition_of
from typed_einsum.diagnostics import Span
from typed_einsum.errors import TypedEinsumError
from typed_einsum.locations import shown_path, written_axes
from typed_einsum.testing.contracts.judging import Broken, judged
from typed_einsum.testing.contracts.promises import Promises, names, stored_on
from typed_einsum.testing.inputs.recipe import Recipe
from typed_einsum.testing.process.outcome import first_line
from typed_einsum.testing.pytest.sources import TIME_LIMIT
from typed_einsum.testing.targets.discovery import discover
from typed_einsum.testing.targets.importer import import_file, is_missing_library
from typed_einsum.testing.targets.names import ModuleName
from typed_einsum.testing.targets.target import NotJudged, Target

OPTIONS = tuple(Promises.__dataclass_fields__)
"""What a `shape_contract` marker may say."""


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

    def collect(self) -> Iterator[pytest.Item]:
        """One item for each annotated function and method, in the order of the file."""
        working = self.config.invocation_params.dir
        try:
            module = import_file(self.path, working, self._asked())
        except (Exception, SystemExit) as error:  # whatever the user's file raises, the run goes on
            yield FailedImport.of(self, error, is_missing_library(error, self.path, working))
            return
        for target in discover(module).targets:
            yield ContractItem.of(self, target)

    def _asked(self) -> ModuleName | None:
        """The name by which the file was asked for, and the folder that it starts from."""
        if self.module_name is None:
            return None
        steps = self.module_name.count(".") + (self.path.stem == "__init__")
        return ModuleName(self.module_name, self.path.parents[steps])


class FailedImport(pytest.Item):
    """Stands for the contracts of a file that cannot be imported; no other file is concerned."""

    error: BaseException
    lacks_library: bool

    @classmethod
    def of(cls, parent: ContractFile, error: BaseException, lacks_library: bool) -> FailedImport:
        """The item for what an import raised; a library that is not installed is a reason to skip."""
        item: FailedImport = cls.from_parent(parent, name="shape-contract[import]")
        item.error, item.lacks_library = error, lacks_library
        item.add_marker(pytest.mark.shape_contract)
        return item

    def runtest(self) -> None:
        """Fail with what the import raised, or skip."""
        said = f"importing {shown_path(str(self.path))} raised {first_line(self.error)}"
        if self.lacks_library:
            pytest.skip(said)
        if isinstance(self.error, TypedEinsumError):
            raise Broken(str(self.error))
        trace = "".join(traceback.format_exception(self.error, limit=-2))
        raise Broken(f"{said}\n\n{trace}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The message alone."""
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int, str]:
        """The top of the file."""
        return self.path, 0, self.name


class ContractItem(pytest.Item):
    """The contract of one function."""

    target: Target
    axes: tuple[str, ...] = ()
    advice = ""

    @classmethod
    def of(cls, parent: ContractFile, target: Target) -> ContractItem:
        """The contract of a target; it has the marks of its function, and those of the class around it."""
        item: ContractItem = cls.from_parent(parent, name=f"shape-contract[{target.name}]")
        item.target = target
        item.add_marker(pytest.mark.shape_contract)
        for marked in (target.function, target.kind):
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
        place = self.target.place(str(self.path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sizes of 0 and 1 make torch warn; no warning is a finding
            report, function = judged(
                self.target, self._owner(), place, self._promises(), self.config.stash[TIME_LIMIT]
            )
        if report.skipped:
            pytest.skip(report.skipped)
        self.axes = axis_names(function)
        if not report.ok:
            path, line, _ = self.reportinfo()
            raise Broken(f"{shown_path(str(path))}:{line + 1}: {report}")
        if report.findings:
            self.advice = str(report)
            self.add_report_section("call", "shape contract", self.advice)

    def _owner(self) -> Callable[[str], Any] | None:
        """What makes the object on a device: as a `conftest.py` says, or else by inference."""
        kind, inferred = self.target.kind, self.target.owner
        attribute = self.target.name.rpartition(".")[2]
        if kind is None or inferred is None or attribute == "__init__":
            return inferred
        if isinstance(getattr_static(kind, attribute), classmethod):
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
        listed = {name: names(said[name]) for name in ("independent", "ordered", "couples", "causal")}
        return Promises(**{**said, **listed})

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The report of a finding; any other exception with its traceback."""
        if isinstance(excinfo.value, Broken | TypedEinsumError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the first annotation stands that names axes, counted from 0 as pytest does."""
        return self.path, annotation_line(self.target, self.path) - 1, self.name


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
        definition = definition_of(target.checked())
        hints = {} if definition is None else definition.signature.hints
    except (TypedEinsumError, NotJudged):
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
