"""For the pytest plugin: the calls that tests make are observed, and told at the end."""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import pytest

from typed_einsum.testing.observe import store
from typed_einsum.testing.observe.garbage import CollectedOnce, collected_rarely
from typed_einsum.testing.observe.observation import LONGER, Observation
from typed_einsum.testing.observe.records import Found, Json, Observations
from typed_einsum.testing.observe.sources import TEST_FILES, NoSuchPackage, sources
from typed_einsum.testing.references.suggestions import suggestion

REPORT = "typed-einsum report"
AT_FIRST = 3.0
"""Seconds that judging may take in any case, of functions of which nothing is known: to import what judges
takes a quarter of them. For the rest, it has its share of the tests' own processor time."""

CONTRACTS = "shape_contracts"
"""The setting for contracts, which take the objects that tests have made."""


class ShapesObserved:
    """Observes while tests run. With pytest-xdist, its workers do, and the process that prints combines."""

    def __init__(self, observation: Observation, contract: str) -> None:
        self._observation = observation
        self._contract = contract
        self._garbage = CollectedOnce()

    @classmethod
    def begin(cls, config: pytest.Config, packages: Sequence[str], contract: str) -> ShapesObserved:
        """Observe packages from now on; `contract` is in each contract's node id. Raises `UsageError`."""
        test_files = dict.fromkeys((*TEST_FILES, *config.getini("python_files")))
        root = config.rootpath
        try:
            observed = sources(packages, root, test_files=[*test_files])
            serves_contracts = bool(config.known_args_namespace.shape_contracts or config.getini(CONTRACTS))
            observation = Observation(
                observed,
                root / store.FOLDER,
                keeps_objects=serves_contracts,
                grace=0.0,
                at_first=AT_FIRST,
            )
            observation.begin()
        except NoSuchPackage as error:
            raise pytest.UsageError(
                f"--shapes: expected a package, folder or file, got {str(error)!r}"
            ) from None
        except RuntimeError as error:
            raise pytest.UsageError(f"--shapes: {error}") from None
        observed_shapes = cls(observation, contract)
        config.add_cleanup(observed_shapes._garbage.over)  # first, and so after what pytest itself looks for
        return observed_shapes

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Empty the folder, before workers write into it."""
        if hasattr(session.config, "workerinput") or session.config.option.collectonly:
            return
        try:
            with collected_rarely():
                store.begin(session.config.rootpath)
        except OSError as error:
            raise pytest.UsageError(f"--shapes: what is observed cannot be written: {error}") from None

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """A test may call functions that are known in new ways."""
        self._observation.set_anew()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write down what was seen; the process that prints reads it, with what workers have seen."""
        if session.config.option.collectonly:
            self._observation.stop()
            return
        try:
            self._observation.end()
        except OSError as error:  # the tests are not to fail for it
            self._observation.failure = f"what was observed cannot be written: {error}"
        if self._observation.observer is not None and not hasattr(session.config, "workerinput"):
            self._garbage.now()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """What a contract calls is not the project's doing; some tests call functions wrongly on purpose."""
        if self._contract in item.nodeid or item.get_closest_marker("no_shape_checks") is not None:
            with self._observation.paused():
                return (yield)
        return (yield)

    @pytest.hookimpl(trylast=True)
    def pytest_shape_contract_build(self, kind: type) -> object | None:
        """An object of a class as the tests have made it, where no `conftest.py` says how to build one."""
        return self._observation.object_of(kind)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the line, and the findings below it."""
        if terminalreporter.config.option.collectonly:
            return
        for line in [f"shapes: {failed}"] if (failed := self._observation.failure) else self._lines():
            terminalreporter.write_line(line)

    def _lines(self) -> list[str]:
        try:
            with collected_rarely():
                return [*lines(store.read(self._observation.folder))]
        except store.BadStore as error:
            return [f"shapes: {error}"]


def lines(seen: Observations) -> Iterator[str]:
    """What is told of a run: the counts, the findings, and references to compare with."""
    found = list(dict.fromkeys(each for function in seen.functions for each in function.findings))
    yield f"shapes: {seen.summary()}; `{REPORT}` lists them"
    if seen.left:
        yield f"  {seen.left} left to judge in the next run; {LONGER}=60 gives judging 60 seconds more now"
    yield from (f"  {_line(each)}" for each in found)
    yield from (f"  {line}" for line in _references(seen))


def _references(seen: Observations) -> Iterator[str]:
    """The loops that functions may be compared with, as far as their names and their tensors say."""
    for function in seen.functions:
        tensors = [
            name for each in function.patterns for name, value in each.arguments.items() if _is_tensor(value)
        ]
        if text := suggestion(function.name, tensors):
            yield f"{function.file}:{function.line}: {text}"


def _is_tensor(value: Json) -> bool:
    return isinstance(value, dict) and "tensor" in value


def _line(found: Found) -> str:
    advice = "advice: " if found.severity == "advice" else ""
    return f"{found.file}:{found.line}: {found.code} {advice}{found.text}"


def without_a_value(config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """Take `--shapes` without `=` as asking for the whole project, and what follows as what it is."""
    if "--shapes" in args:
        args[:] = ["--shapes=." if each == "--shapes" else each for each in args]
        options: Any = copy.copy(config.option)
        config.known_args_namespace = parser.parse_known_args(args, namespace=options)
