"""The pytest plugin: contracts as test items, strict einsum and checked annotations while tests run.

It imports neither torch nor `typed_einsum` until one of its options is used.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from typed_einsum.testing.pytest.observation import ShapesObserved
    from typed_einsum.testing.pytest.sources import Source
    from typed_einsum.testing.pytest.strict_einsum import StrictEinsum

ITEM = "::shape-contract["
"""What the node id of a contract holds, and no other."""

MARKERS = (
    "shape_contract(*, independent, ordered, couples, causal, reference, like, sizes): "
    "what --shape-contracts holds this function to, beyond its annotations",
    "no_shape_checks: run this test without shape checks and strict einsum",
)


@dataclass(frozen=True)
class Asked:
    """What options and settings switch on.

    `contracts` are texts of options, `settled` those of settings, each with the folder it is relative to.
    `packages` are those of --shape-check, `observed` those of --shapes.
    """

    contracts: tuple[tuple[str, Path], ...]
    settled: tuple[tuple[str, Path], ...]
    strict: bool
    packages: tuple[str, ...]
    observed: tuple[str, ...]


_strict: pytest.StashKey[StrictEinsum] = pytest.StashKey()
_sources: pytest.StashKey[Sequence[Source]] = pytest.StashKey()
_shapes: pytest.StashKey[ShapesObserved] = pytest.StashKey()


class Hooks:
    """What a `conftest.py` may add."""

    @pytest.hookspec(firstresult=True)
    def pytest_shape_contract_build(self, kind: type) -> object | None:
        """Say how `--shape-contracts` builds a class whose methods it checks.

        Return the constructor's arguments by name as a dict, or an object of the class, or None to have
        the arguments inferred.
        """


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Let a `conftest.py` build modules."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The four options, and a setting for each."""
    group = parser.getgroup("typed-einsum", "shapes of tensors (typed-einsum)")
    group.addoption(
        "--shape-contracts",
        action="append",
        default=[],
        metavar="PKG_OR_PATH",
        help="check the contract of every annotated function and buildable module of a package, a file or "
        "a folder, each as a test; may be given more than once",
    )
    group.addoption(
        "--strict-einsum",
        action="store_true",
        help="while tests run, refuse in this project's calls of torch.einsum what typed_einsum.einsum "
        "refuses: broadcasting, an implied output, an axis summed without a partner",
    )
    group.addoption(
        "--shape-check",
        action="append",
        default=[],
        metavar="PKG",
        help="check the jaxtyping annotations of a package with beartype when its functions are called; "
        "may be given more than once",
    )
    group.addoption(
        "--shapes",
        action="append",
        nargs="?",
        const=".",
        default=[],
        metavar="PKG",
        help="judge the calls that tests make of the project's functions, or with --shapes=PKG of those of a "
        "package; may be given more than once",
    )
    parser.addini("shape_contracts", "packages, files and folders for --shape-contracts", type="linelist")
    parser.addini("strict_einsum", "as --strict-einsum", type="bool", default=False)
    parser.addini("shape_check", "packages for --shape-check", type="linelist")
    parser.addini("shapes", "packages for --shapes; . for the whole project", type="linelist")


def _asked(config: pytest.Config, given: Namespace) -> Asked:
    """What is switched on; paths are relative to where pytest starts, or to the file with the setting."""
    settings = config.inipath.parent if config.inipath is not None else config.rootpath
    contracts = tuple((text, config.invocation_params.dir) for text in given.shape_contracts)
    settled = tuple((text, settings) for text in _setting(config, "shape_contracts"))
    packages = [*given.shape_check, *_setting(config, "shape_check")]
    strict = given.strict_einsum or _setting(config, "strict_einsum")
    observed = tuple(dict.fromkeys([*given.shapes, *_setting(config, "shapes")]))
    return Asked(contracts, settled, strict, tuple(dict.fromkeys(packages)), observed)


def _setting(config: pytest.Config, name: str) -> Any:
    try:
        return config.getini(name)
    except (TypeError, ValueError, pytest.UsageError) as error:
        raise pytest.UsageError(f"the setting {name}: {error}") from error


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> None:
    """Install import hooks before a `conftest.py` imports anything."""
    if "--shapes" in args:
        from typed_einsum.testing.pytest.observation import without_a_value

        without_a_value(early_config, parser, args)
    if "TYPED_EINSUM_OVERLAY" in os.environ:  # workers of pytest-xdist, in a run of `typed-einsum annotate`
        from typed_einsum.testing.annotate.overlay import install_from_environment

        install_from_environment()
    asked = _asked(early_config, early_config.known_args_namespace)
    if asked.packages:
        from typed_einsum.testing.pytest.jaxtyping_checks import LeftAlone, install_checks

        for package in asked.packages:
            if package in sys.modules:
                raise pytest.UsageError(
                    f"--shape-check: {package} is imported already, by another plugin, and can no longer "
                    "be checked"
                )
        left_alone = LeftAlone()
        early_config.pluginmanager.register(left_alone, "typed_einsum_left_alone")
        early_config.add_cleanup(install_checks(asked.packages, left_alone))
    if asked.strict:
        from typed_einsum.testing.pytest.strict_einsum import StrictEinsum

        strict = early_config.stash[_strict] = StrictEinsum(early_config.rootpath)
        early_config.add_cleanup(strict.install())
    if asked.observed:
        from typed_einsum.testing.pytest.observation import ShapesObserved

        early_config.stash[_shapes] = ShapesObserved.begin(early_config, asked.observed, ITEM)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse options that name what does not exist. Raises `pytest.UsageError`."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    asked = _asked(config, config.option)
    config.stash[_sources] = ()
    if _shapes in config.stash:
        config.pluginmanager.register(config.stash[_shapes], "typed_einsum_shapes")
    if asked.packages or asked.contracts or asked.settled:
        from typed_einsum.testing.pytest.sources import TIME_LIMIT, found, source

        config.stash[TIME_LIMIT] = _time_limit(config)
        for package in asked.packages:
            if found(package, config) is None:
                raise pytest.UsageError(f"--shape-check: there is no package {package!r}")
        sources = [source(text, base, config) for text, base in asked.contracts]
        settled = [source(text, base, config) for text, base in asked.settled]
        config.stash[_sources] = (*sources, *([] if _names_tests_alone(config) else settled))
    if config.stash[_sources]:
        from typed_einsum.testing.pytest.summary import Summary

        config.pluginmanager.register(Summary(ITEM), "typed_einsum_summary")


def _time_limit(config: pytest.Config) -> float:
    """Seconds that a call may take, as for the command: `time-limit` under `[tool.typed-einsum]`."""
    from typed_einsum.cli.settings import BadSettings, settings_near

    try:
        return settings_near(config.rootpath).time_limit
    except BadSettings as error:
        raise pytest.UsageError(str(error)) from error


def _names_tests_alone(config: pytest.Config) -> bool:
    """Whether the command line names only test files: then a setting adds no contracts."""
    files = [config.invocation_params.dir / argument.partition("::")[0] for argument in config.args]
    return all(file.is_file() for file in files) and not _names_contracts(config)


def _names_contracts(config: pytest.Config) -> bool:
    """Whether the command line names contracts by their node ids, such as a line copied from a report."""
    return any(ITEM[:-1] in argument for argument in config.args)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """The contracts of a file, if the command line names it."""
    config = parent.config
    if not config.stash[_sources] or not _names_contracts(config):
        return None
    from typed_einsum.testing.pytest.sources import contract_files

    files = contract_files(config.stash[_sources], config)
    if file_path not in files:
        return None
    from typed_einsum.testing.pytest.contracts import ContractFile

    return ContractFile.of(parent, file_path, files[file_path])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the contracts after the tests."""
    if not config.stash[_sources]:
        return
    from typed_einsum.testing.pytest.contracts import ContractFile, ContractItem
    from typed_einsum.testing.pytest.sources import contract_files

    if not _names_contracts(config):
        for file, name in contract_files(config.stash[_sources], config).items():
            items.extend(session.genitems(ContractFile.of(session, file, name)))
    for item in items:
        if isinstance(item, ContractItem):
            item.refuse_unknown_options()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Einsums are strict while a test runs, unless it is marked; a contract has rules of its own for them."""
    is_contract = ITEM in item.nodeid
    strict = item.config.stash.get(_strict, None)
    off = item.get_closest_marker("no_shape_checks") is not None and not is_contract
    if off:
        from typed_einsum.testing.pytest.jaxtyping_checks import all_checks_off

        with all_checks_off():
            return (yield)
    if strict is None or is_contract:
        return (yield)
    with strict.active():
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, object, object]:
    """Leave the frames of this library out of a traceback, where it has run."""
    if call.excinfo is None or "typed_einsum" not in sys.modules:
        return (yield)
    from typed_einsum.testing.pytest.tracebacks import library_hidden

    with library_hidden(call.excinfo):
        return (yield)


@pytest.fixture
def shape_inputs() -> Callable[..., Any]:
    """Makes arguments for an annotated function: `typed_einsum.testing.example_inputs`."""
    from typed_einsum.testing import example_inputs

    return example_inputs
