"""The process in which the user's files run. What they print goes nowhere; answers have their own pipe."""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from time import sleep
from typing import Any

from typed_einsum.diagnostics import Place
from typed_einsum.errors import TypedEinsumError
from typed_einsum.locations import shown_path
from typed_einsum.testing.annotate.overlay import install_from_environment
from typed_einsum.testing.process.outcome import Outcome, finding_of, first_line, outcome

Event = dict[str, Any]


def main() -> None:
    """Read one request a line, `{"file": …, "skip": n, "seconds": s}`, and answer with events, one a line."""
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    install_from_environment()
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    warnings.simplefilter("ignore")
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    worker = os.getpid()

    def send(event: Event) -> None:
        if os.getpid() != worker:  # a file has forked: one of the two goes on
            os._exit(0)
        answers.write(f"\n{json.dumps(event)}\n")  # on a line of its own, whatever a file wrote there
        answers.flush()

    for name in (
        "targets.discovery",
        "targets.importer",
        "process.target_run",
    ):  # with torch, most of the start-up, which has a limit of its own
        importlib.import_module(f"typed_einsum.testing.{name}")
    os.dup2(nowhere, 2)  # not before: why a worker does not start can be read there
    _limit_memory(float(sys.argv[1]))
    send({"event": "ready"})
    for line in requests:
        request = json.loads(line)

        def tell(optional: bool) -> None:
            send({"event": "call", "optional": optional})

        for event in events(Path(request["file"]), request["skip"], request["seconds"], tell):
            send(event)
        send({"event": "done"})


def _end_with(command: int) -> None:
    """End this process, and all that files have started in it, when the command is there no more."""
    while os.getppid() == command:
        sleep(1.0)
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _limit_memory(gib: float) -> None:
    """Let what is allocated beyond a limit fail here, before the machine has no memory left."""
    try:
        import resource
    except ImportError:  # not on this system
        return
    most = int(min(gib, 2**32) * 2**30)  # systems count in 63 bits
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, hard))


def events(file: Path, skip: int, seconds: float, tell: Callable[[bool], None]) -> Iterator[Event]:
    """What happens to one file: an event when something begins, and one with what came of it.

    The first `skip` functions are passed over: an earlier worker has dealt with them. A call may take
    `seconds`; `tell` is called while calls go on.
    """
    # With torch, these are most of the start-up: `main` imports them first, and says when it is done.
    from typed_einsum.testing.observe.garbage import collected_rarely
    from typed_einsum.testing.process.target_run import run_target
    from typed_einsum.testing.targets.discovery import discover
    from typed_einsum.testing.targets.importer import as_if_alone, forget_other_roots, import_file

    shown = shown_path(str(file))
    yield {"event": "begin", "file": shown, "line": 1, "name": ""}
    with as_if_alone(file), collected_rarely():
        try:
            forget_other_roots(file, Path.cwd())
            module = import_file(file, Path.cwd())
        except TypedEinsumError as error:
            yield _came_to(finding_of(error, Place(shown, 1)))
            return
        except SystemExit as error:
            if error.__context__ is not None:  # it gives up, as where a library is missing
                yield _came_to(Outcome("failed", shown, text=first_line(error.__context__)))
                return
            text = f"importing the file ended the process: SystemExit({error.code!r})"
            yield _came_to(outcome("finding", Place(shown, 1), "", text, "TE702"))
            return
        except Exception as error:  # the file is the user's: whatever its import raises is reported
            yield _came_to(Outcome("failed", shown, text=first_line(error)))
            return
        try:
            found = discover(module)
        except Exception as error:  # a defect of ours, or a value that raises whatever it is asked for
            text = f"its functions cannot be listed: {first_line(error)}"
            yield _came_to(Outcome("failed", shown, text=text))
            return
        yield {"event": "counted", "functions": found.functions, "annotated": found.annotated}
        for target in found.targets[skip:]:
            place = target.place(shown)
            yield {"event": "begin", "file": place.file, "line": place.line, "name": target.name}
            yield from map(_came_to, run_target(target, str(file), seconds, tell))
            gc.collect(1)  # failed calls, whose tracebacks hold objects and tensors, are garbage by now
            yield {"event": "end"}


def _came_to(outcome: Outcome) -> Event:
    return {"event": "outcome", **asdict(outcome)}


if __name__ == "__main__":
    main()
