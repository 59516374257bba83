"""`typed-einsum run`: a script or a module, run as Python runs it, and observed."""

from __future__ import annotations

import atexit
import builtins
import importlib.util
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Protocol

from typed_einsum.cli.statuses import CLEAN, COULD_NOT_RUN
from typed_einsum.testing.observe import store
from typed_einsum.testing.observe.observation import Observation
from typed_einsum.testing.observe.sources import NoSuchPackage, sources

RAISED, INTERRUPTED = 1, 130
"""The exit statuses of Python for an exception, and of shells for an interrupt."""


class Compiler(Protocol):
    """Compiles the file of a program, perhaps so that its functions are seen."""

    def compiled(self, source: bytes, file: str) -> CodeType:
        """The code of a file."""


class CannotRun(Exception):
    """There is no such program; the text says why."""


@dataclass(frozen=True)
class Program:
    """A script by its path, a module by its name, or code, with what is in `sys.argv` after its own name."""

    name: str
    arguments: Sequence[str]
    is_module: bool = False
    is_code: bool = False

    @classmethod
    def of(cls, words: Sequence[str]) -> Program:
        """The program that `python` runs when it is given these words."""
        is_module, is_code = words[0] == "-m", words[0] == "-c"
        name, *arguments = words[1:] if is_module or is_code else words
        return cls(name, arguments, is_module, is_code)

    @property
    def scripts(self) -> tuple[Path, ...]:
        """The file of a script. Raises `CannotRun`."""
        if self.is_module or self.is_code:
            return ()
        path = Path(self.name)
        if not path.is_file():
            if not self.name:
                raise CannotRun("expected the path of a script, got ''")
            why = "it is a folder" if path.is_dir() else "there is no such file"
            raise CannotRun(f"cannot run {self.name}: {why}")
        return (path,)

    @property
    def place(self) -> str:
        """What Python puts first on `sys.path`."""
        return os.getcwd() if self.is_module or self.is_code else str(Path(self.name).resolve().parent)

    def prepared(self, compiler: Compiler) -> tuple[CodeType, ModuleType]:
        """The code, and a new `__main__` for it. Raises what reading it raises, and `CannotRun`."""
        main = ModuleType("__main__")
        main.__dict__["__builtins__"] = builtins
        if self.is_module:
            spec = _spec_of(self.name)
            code = _code_of(spec)
            main.__spec__, main.__loader__, main.__package__ = spec, spec.loader, spec.parent
            main.__file__ = str(spec.origin)
        elif self.is_code:
            code = compile(self.name, "<string>", "exec", dont_inherit=True)
        else:
            main.__file__ = os.path.abspath(self.name)
            main.__loader__ = SourceFileLoader("__main__", main.__file__)
            (script,) = self.scripts
            code = compiler.compiled(script.read_bytes(), main.__file__)
        return code, main


def _spec_of(name: str) -> ModuleSpec:
    """Where a module is that is to be run, or the `__main__` of a package. Raises `CannotRun`."""
    if not name:
        raise CannotRun("expected the name of a module after -m, got ''")
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
    except (ImportError, ValueError) as error:
        raise CannotRun(f"cannot run -m {name}: {error}") from None
    if spec is None:
        raise CannotRun(f"cannot run -m {name}: there is no such module, or it cannot be run")
    return spec


def _code_of(spec: ModuleSpec) -> CodeType:
    get: Any = getattr(spec.loader, "get_code", None)
    code: CodeType | None = None if get is None else get(spec.name)
    if code is None:
        raise CannotRun(f"cannot run -m {spec.name}: it is no Python code")
    return code


def run_observed(program: Program, packages: Sequence[str], *, append: bool) -> int:
    """Run a program and observe it; the exit status is its own, or 2 where there is no such program."""
    root = Path.cwd()
    try:
        observed = sources(packages, root, scripts=program.scripts)
        observation = Observation(observed, root / store.FOLDER)
        observation.begin()
    except NoSuchPackage as error:
        return _refuse(f"--source: expected a package, folder or file, got {str(error)!r}")
    except (CannotRun, RuntimeError) as error:
        return _refuse(str(error))
    sys.argv = ["-c" if program.is_code else program.name, *program.arguments]
    if not sys.flags.safe_path:
        sys.path[0] = program.place
    try:
        code, main = program.prepared(observation)
        store.begin(root, append=append)
    except BaseException as error:
        observation.stop()
        return _not_begun(error)
    if program.is_module:
        sys.argv[0] = str(main.__file__)
    sys.modules["__main__"] = main
    atexit.register(_tell, observation)  # runs after the program's own, and after its threads
    return _run(code, main, observation)


def _refuse(text: str) -> int:
    print(f"typed-einsum: {text}", file=sys.stderr)
    return COULD_NOT_RUN


def _not_begun(error: BaseException) -> int:
    match error:
        case CannotRun():
            return _refuse(str(error))
        case OSError():
            return _refuse(f"what is observed cannot be written: {error}")
        case _:
            return _raised(error)


def _run(code: CodeType, main: ModuleType, observation: Observation) -> int:
    try:
        exec(code, main.__dict__)
    except BaseException as error:
        status = _raised(error)
        with observation.paused():
            _tell_shapes(error, observation)
        return status
    return CLEAN


def _tell_shapes(error: BaseException, observation: Observation) -> None:
    """Below the traceback of a program that died of a shape, the tensors of its functions."""
    if "torch" not in sys.modules:
        return
    from typed_einsum.testing.listing.crash import is_of_shapes, told

    if not is_of_shapes(error):
        return
    try:
        lines = told(error.__traceback__, observation.sources.holds_file)
    except Exception as ours:  # the traceback stands above, and is what matters
        lines = [f"  these cannot be shown ({type(ours).__name__}: {ours})"]
    if lines:
        print(
            "\n".join(["\ntyped-einsum: tensors of the functions above, the last call last", *lines]),
            file=sys.stderr,
        )


def _raised(error: BaseException) -> int:
    """Tell what a program has raised as Python does, without the frames that are ours; the exit status."""
    if isinstance(error, SystemExit):
        return _status(error.code)
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code.co_filename == __file__:
        traceback = traceback.tb_next
    sys.excepthook(type(error), error.with_traceback(traceback), traceback)
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else RAISED


def _status(code: object) -> int:
    """The exit status that Python gives an argument of `sys.exit`."""
    if code is None or isinstance(code, int):
        return code or CLEAN
    print(code, file=sys.stderr)
    return RAISED


def _tell(observation: Observation) -> None:
    """Write down what was seen, and say in one line what that was."""
    try:
        observation.end()
    except OSError as error:
        print(f"typed-einsum: what was observed cannot be written: {error}", file=sys.stderr)
        return
    try:
        seen = store.read(observation.folder)
    except store.BadStore as error:
        print(f"typed-einsum: {error}", file=sys.stderr)
        return
    line = observation.failure or f"{seen.summary()}; `typed-einsum report` lists them"
    print(f"typed-einsum: {line}", file=sys.stderr)
