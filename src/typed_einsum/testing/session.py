"""Checks files in a worker process, one after another; a worker that hangs or dies is replaced."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typed_einsum.testing.findings import Outcome

START_UP = 60.0
"""Seconds that a worker may take to import torch and the file before the limit of a function counts."""


class Worker:
    """One process, with a thread that collects its answers."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "typed_einsum.testing.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self._answers: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put(None)

    def ask(self, file: str, skip: int) -> None:
        """Send a file to be checked, from its target number `skip` on."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"file": file, "skip": skip}) + "\n")
        self._process.stdin.flush()

    def answer(self, seconds: float) -> dict[str, Any] | None:
        """The next event; None if the process has ended. Raises `queue.Empty` when it takes too long."""
        line = self._answers.get(timeout=seconds)
        return None if line is None else json.loads(line)

    def status(self) -> int:
        """How the process ended."""
        return self._process.wait()

    def stop(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()


class Session:
    """Checks files; keeps one worker as long as it lives."""

    def __init__(self, time_limit: float) -> None:
        self.time_limit = time_limit
        self._worker: Worker | None = None

    def check(self, file: Path, shown: str) -> Iterator[Outcome]:
        """The outcomes of one file, as they come."""
        done = 0
        while True:
            worker = self._worker = self._worker or Worker()
            worker.ask(str(file), done)
            doing: dict[str, Any] = {"name": "", "line": 1}
            try:
                while (event := worker.answer(self._patience(doing))) is not None:
                    if event["event"] == "done":
                        return
                    if event["event"] == "begin":
                        doing = event
                        continue
                    done += 1
                    del event["event"]
                    yield Outcome(**event)
                status = worker.status()
                how = f"died of signal {-status}" if status < 0 else f"exited with status {status}"
            except queue.Empty:
                how = f"ran for more than {self.time_limit:g} seconds"
            self.close()
            what = "it" if doing["name"] else "importing the file"
            text = f"{what} {how}"
            yield Outcome("finding", shown, doing["line"], 1, doing["name"], text, "TE702")
            if not doing["name"]:
                return
            done += 1

    def _patience(self, doing: dict[str, Any]) -> float:
        return self.time_limit if doing["name"] else START_UP + self.time_limit

    def close(self) -> None:
        """End the worker, if there is one."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
