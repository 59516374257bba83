"""Checks files in a worker process, one after another; a worker that hangs or dies is replaced."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

from typed_einsum.testing.process.outcome import Outcome

START_UP = 120.0
"""Seconds that a worker may take to import torch; no fault of the user's file."""

LONGEST = 1e9
"""Seconds beyond which a limit is none: no clock here counts to infinity."""

GROUPS = sys.platform != "win32"
"""Whether processes have groups here, which can be ended as one."""

GRACE = 5.0
"""Seconds that a worker may take to end a call that takes too long, or to end without its pipe."""

SWITCHES = {"TYPED_EINSUM_CHECKS", "JAXTYPING_DISABLE"}
"""Variables that would switch off what is to be checked."""


class WorkerFailed(Exception):
    """The worker cannot start, or has ended between two files."""


class Worker:
    """One process, with a thread that collects its answers. `memory_limit` is in GiB."""

    def __init__(self, memory_limit: float) -> None:
        kept = {name: value for name, value in os.environ.items() if name not in SWITCHES}
        self._process = subprocess.Popen(
            # -P: the working directory must not shadow what the worker itself imports.
            [sys.executable, "-P", "-m", "typed_einsum.testing.process.worker", str(memory_limit)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",  # a file may write anything to the pipe of the answers
            env=kept,
            process_group=0 if GROUPS else None,  # with all that the file starts
        )
        self._answers: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._collect, daemon=True).start()
        self._outlives = threading.Thread(target=self._outlive, daemon=True)
        self._outlives.start()
        self._await_ready()

    def _collect(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._answers.put(line)
        self._answers.put(None)

    def _outlive(self) -> None:
        """End what the file has started and left behind: it may hold the pipe, and would run on for ever."""
        self._process.wait()
        self._kill()

    def _kill(self) -> None:
        try:
            if GROUPS:
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        except (ProcessLookupError, PermissionError):  # nobody is left; macOS may call that forbidden
            return

    def _await_ready(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as errors:
            try:
                ready = self.answer(START_UP)
            except queue.Empty:
                self.stop()
                raise WorkerFailed(f"the worker did not start in {START_UP:g} seconds") from None
            if ready is None:
                said = errors.read().strip().splitlines() or ["no message"]
                self.stop()
                raise WorkerFailed(f"the worker did not start: {said[-1]}")

    def ask(self, file: str, skip: int, seconds: float) -> bool:
        """Send a file to be checked, from its function number `skip` on; False if nobody is there.

        A call may take `seconds`: the worker itself ends one that takes longer, if it can.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"file": file, "skip": skip, "seconds": seconds}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return False
        return True

    def answer(self, seconds: float) -> dict[str, Any] | None:
        """The next event; None if the process has ended. Raises `queue.Empty` when it takes too long."""
        ends = monotonic() + min(seconds, LONGEST)
        while (line := self._answers.get(timeout=max(0.0, ends - monotonic()))) is not None:
            if (event := _event(line)) is not None:
                return event
        return None

    def ending(self) -> str:
        """How the process ended, as a sentence without its subject."""
        try:
            status = self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            return "closed the pipe of its answers"
        return f"was killed by {_signal(-status)}" if status < 0 else f"exited with status {status}"

    def stop(self) -> None:
        """End the process, whatever it does."""
        assert self._process.stdin is not None
        if self._process.poll() is None:
            self._kill()
        self._outlives.join()
        try:
            self._process.stdin.close()
        except BrokenPipeError:  # what was still to be sent is of no use to anyone
            return


def _event(line: str) -> dict[str, Any] | None:
    """An answer of the worker; None for what a file has written to its pipe."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and "event" in event else None


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class Supervisor:
    """Checks files; keeps one worker as long as it lives.

    `functions` counts those that the files define, `annotated` those of them with shape annotations.
    """

    def __init__(self, time_limit: float, memory_limit: float = 16.0) -> None:
        self.time_limit, self.memory_limit = time_limit, memory_limit
        self.functions = self.annotated = 0
        self._worker: Worker | None = None

    def check(self, file: Path) -> Iterator[Outcome]:
        """The outcomes of one file, as they come. Raises `WorkerFailed`."""
        done = 0
        while True:
            worker = self._asked(str(file), done)
            doing: dict[str, Any] = {}
            optional = late = False
            try:
                while (event := worker.answer(self._patience(doing))) is not None:
                    match event.pop("event"):
                        case "done":
                            return
                        case "begin":
                            doing, optional = event, False
                        case "call":
                            optional = event["optional"]
                        case "counted" if not done:
                            self.functions += event["functions"]
                            self.annotated += event["annotated"]
                        case "end":
                            done += 1
                        case "outcome":
                            yield Outcome(**event)
                how = worker.ending()
            except queue.Empty:
                how, late = f"ran for more than {self.time_limit:g} seconds", True
            self.close()
            if not doing:
                raise WorkerFailed(f"the worker {how}")
            what = "the call" if doing["name"] else "importing the file"
            if optional:
                yield Outcome("skipped", **doing, text=f"it runs at first sizes, but then {what} {how}")
            elif late and doing["name"]:  # in code that cannot be interrupted, of torch or of this library
                yield Outcome(
                    "skipped", **doing, text=f"{what} {how}, with arguments that were made up for it"
                )
            else:
                yield Outcome("finding", **doing, text=f"{what} {how}", code="TE702")
            if not doing["name"]:
                return
            done += 1

    def _patience(self, doing: Mapping[str, Any]) -> float:
        """Seconds to wait for the next event: a worker that can end a call itself is left the time to."""
        return self.time_limit + (GRACE if doing.get("name") else 0.0)

    def _asked(self, file: str, skip: int) -> Worker:
        """A worker that has the file to check: the one that is there if it still lives, or a new one."""
        if self._worker is None or not self._worker.ask(file, skip, self.time_limit):
            self.close()
            self._worker = Worker(self.memory_limit)
            if not self._worker.ask(file, skip, self.time_limit):
                raise WorkerFailed(f"the worker {self._worker.ending()}")
        return self._worker

    def close(self) -> None:
        """End the worker, if there is one."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
