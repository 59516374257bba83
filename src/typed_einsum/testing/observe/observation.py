"""An observation: it begins before the project is imported, and its end writes down what was seen."""

from __future__ import annotations

import atexit
import multiprocessing.util
import os
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from types import CodeType, FrameType, ModuleType
from typing import TYPE_CHECKING

from typed_einsum.testing.observe.budget import Budget
from typed_einsum.testing.observe.garbage import collected_rarely
from typed_einsum.testing.observe.monitoring import Monitoring
from typed_einsum.testing.observe.places import below, line_of_def
from typed_einsum.testing.observe.probes import OFF, Answer, Probe
from typed_einsum.testing.observe.records import Function, Observations, combined
from typed_einsum.testing.observe.rewriting import Rewriting
from typed_einsum.testing.observe.sources import Sources
from typed_einsum.testing.observe.store import digests, new_name, write

if TYPE_CHECKING:
    from typed_einsum.testing.observe.observer import Observer


OFTEN = 30.0
"""Seconds after which what was seen is written down, for a process that may not reach its end."""

SHARE, GRACE = 0.3, 20.0
"""Judging may take this share of the processor time, and these seconds of it in any case."""

LONGER = "TYPED_EINSUM_GRACE"
"""The variable of the environment that gives other seconds."""

AUDITS = "TYPED_EINSUM_AUDITS"
"""The variable of the environment that is `off` where calls are followed for their shapes alone."""

NOT_CALLED = "it was not called"


class Observation:
    """What one process sees of a project, written to a folder. It does not import torch by itself.

    `failure` says why nothing can be seen, or is empty.
    """

    def __init__(
        self,
        sources: Sources,
        folder: Path,
        *,
        keeps_objects: bool = False,
        grace: float = GRACE,
        at_first: float = 0.0,
    ) -> None:
        self.sources = sources
        self._budget = Budget(SHARE, _grace(grace), at_first)
        self._keeps_objects = keeps_objects
        self.folder = folder
        self.observer: Observer | None = None
        self._left_alone: dict[tuple[str, int, str], str] = {}
        self.failure = ""
        self._pauses = 0
        self._saved = monotonic()
        self._probe = self._new_probe()
        self._name = new_name()
        self._process = os.getpid()

    def compiled(self, source: bytes, file: str) -> CodeType:
        """The code of a file that is run as a program, so that its functions are seen, too."""
        if isinstance(self._probe, Rewriting):
            return self._probe.compiled(source, file)
        code: CodeType = compile(source, file, "exec", dont_inherit=True)
        return code

    def _new_probe(self) -> Probe:
        if sys.version_info >= (3, 12):
            return Monitoring(self.sources, self)
        return Rewriting(self.sources, self, self._leave_alone)

    def _leave_alone(self, file: str, line: int, name: str, reason: str) -> None:
        self._left_alone[file, line, name] = reason

    def begin(self) -> None:
        """See the functions of the project from now on. Raises `RuntimeError` where that is not possible."""
        self._probe.install()
        # The first `finalize` of a process registers all of them. What is registered later is called earlier,
        # so calls are judged at the end while torch still has the operators that it finalizes.
        weakref.finalize(self, int)
        atexit.register(self.save)
        # A process that multiprocessing forks ends without `atexit`, and has a file of its own.
        multiprocessing.util.register_after_fork(self, Observation._in_fork)

    def _in_fork(self) -> None:
        self._name, self._process = new_name(), os.getpid()
        if self.observer is not None:
            self.observer.forget()
        multiprocessing.util.Finalize(None, self.save, exitpriority=0)

    def stop(self) -> None:
        """Stop observing."""
        self._probe.remove()
        atexit.unregister(self.save)

    def end(self) -> None:
        """Stop observing, and write down what was seen."""
        self.stop()
        self.save()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """For the length of a block, calls are not counted as the program's."""
        self._pauses += 1
        try:
            yield
        finally:
            self._pauses -= 1

    def object_of(self, kind: type) -> object | None:
        """A copy of an object of a class that was seen, where such are kept."""
        return None if self.observer is None else self.observer.kept.get(kind)

    def begun(self, code: CodeType, frame: FrameType) -> Answer:
        """Say whether the end of a call is of interest, and whether further calls are."""
        if self._pauses:
            return None
        if self.observer is None:
            if self.failure:
                return OFF
            if not _torch_is_ready():
                return None
            self._load()
            return None if self.observer is None else self.begun(code, frame)
        return self.observer.begun(code, frame)

    def _load(self) -> None:
        try:
            with self._budget.counted(), collected_rarely():
                from typed_einsum.testing.observe.earlier import Earlier
                from typed_einsum.testing.observe.observer import Observer

                earlier = Earlier(self.folder, self.sources.root)
                self.observer = Observer(self.sources.root, self._keeps_objects, self._budget, earlier)
        except Exception as error:  # ours: the program goes on, unobserved
            self.failure = f"nothing could be observed ({type(error).__name__}: {error})"

    def set_anew(self) -> None:
        """Look again at functions that were known: their next calls may be of new patterns."""
        if self.observer is not None:
            self.observer.set_anew()
            self._probe.set_anew()
            if monotonic() - self._saved > OFTEN:
                with suppress(OSError):  # the end of the program tries again, and tells
                    self.save(is_last=False)

    def save(self, *, is_last: bool = True) -> None:
        """Write down what was seen so far; a process forked by other means than multiprocessing does not.

        The last time, functions with shape annotations that were not called are written down, too.
        """
        if os.getpid() == self._process:
            with collected_rarely():
                write(self.folder, self.observations(is_last), self._name)
            self._saved = monotonic()

    def observations(self, is_last: bool) -> Observations:
        """What this process has seen so far."""
        if is_last and self.observer is not None:
            self.observer.settle(is_last=True)
        parts = [Observations(tuple(self._functions()))]
        parts += [Observations(tuple(self._annotated()))] if is_last else []
        functions = combined(parts).functions
        objects = {} if self.observer is None else self.observer.objects
        files = {each.file for each in functions if not Path(each.file).is_absolute()}
        files |= {below(self.sources.root, file) for file in self._files()} if is_last else set()
        kept = {name: tuple(each) for name, each in objects.items() if each}
        root = self.sources.root
        others = {below(root, file) for file in self._others()} - files if is_last else set()
        return Observations(functions, kept, digests(files, root), digests(others, root))

    def _functions(self) -> Iterator[Function]:
        if self.observer is not None:
            yield from self.observer.functions()
        for (file, line, name), reason in self._left_alone.items():
            yield Function(below(self.sources.root, file), line, name, reason=reason)

    def _files(self) -> Iterator[str]:
        return (file for file, _, _ in self._modules())

    def _others(self) -> Iterator[str]:
        """The files of the project that are not observed, such as tests."""
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            if isinstance(file, str) and self.sources.is_beside(file):
                yield file

    def _modules(self) -> Iterator[tuple[str, str, ModuleType]]:
        """The modules of the project, with their files and names."""
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if isinstance(file, str) and self.sources.holds_file(file):
                yield file, name, module

    def _annotated(self) -> Iterator[Function]:
        """Functions with shape annotations in the modules of the project, called or not."""
        if self.observer is None:
            return
        from typed_einsum.testing.targets.written import written_functions

        for file, name, module in self._modules():
            for each in written_functions(module):
                if each.has_shapes and not each.is_stub:
                    line = line_of_def(file, each.line)
                    shown = below(self.sources.root, file)
                    yield Function(shown, line, each.name, name, annotated=True, reason=NOT_CALLED)


def _grace(usual: float) -> float:
    """The seconds that judging may take in any case. Raises `RuntimeError` if it is not a number."""
    given = os.environ.get(LONGER, "")
    try:
        seconds = float(given or usual)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise RuntimeError(f"{LONGER}: expected a number of seconds, such as 60, got {given!r}")
    return seconds


def _torch_is_ready() -> bool:
    """Whether the program has imported torch, all of it."""
    torch = sys.modules.get("torch")
    spec = getattr(torch, "__spec__", None)
    return torch is not None and not getattr(spec, "_initializing", False)
