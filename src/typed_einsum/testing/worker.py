"""The process in which the user's files run. What they print goes nowhere; answers have their own pipe."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import json
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO


def main() -> None:
    """Read one request a line, `{"file": …, "skip": n}`, and answer with events, one a line."""
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_RDWR)
    requests = os.fdopen(os.dup(0))
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    warnings.simplefilter("ignore")
    for request in requests:
        asked = json.loads(request)
        for event in events(asked["file"], asked["skip"]):
            _send(answers, event)
        _send(answers, {"event": "done"})


def _send(answers: TextIO, event: dict[str, Any]) -> None:
    answers.write(json.dumps(event) + "\n")
    answers.flush()


def events(file: str, skip: int) -> Iterator[dict[str, Any]]:
    """What happens to one file: an event when a target begins, and one with its outcome."""
    from typed_einsum.errors import TypedEinsumError
    from typed_einsum.locations import shown_path
    from typed_einsum.testing.discovery import targets
    from typed_einsum.testing.findings import Outcome
    from typed_einsum.testing.running import finding_of, run_target

    def outcome(value: Outcome) -> dict[str, Any]:
        return {"event": "outcome", **dataclasses.asdict(value)}

    shown = shown_path(file)
    before = set(sys.modules)
    yield {"event": "begin", "name": "", "line": 1}
    try:
        module = import_file(Path(file))
    except TypedEinsumError as error:
        yield outcome(finding_of(error, (shown, 1, 1, "")))
    except SystemExit as error:
        text = f"importing the file ended the process: SystemExit({error.code!r})"
        yield outcome(Outcome("finding", shown, 1, 1, "", text, "TE702"))
    except Exception as error:  # the file is the user's: whatever its import raises is reported
        first = (str(error).strip().splitlines() or ["no message"])[0]
        yield outcome(Outcome("failed", shown, 1, 1, "", f"{type(error).__name__}: {first}"))
    else:
        for index, target in enumerate(targets(module)):
            if index >= skip:
                yield {"event": "begin", "name": target.name, "line": target.line}
                yield outcome(run_target(target, file))
    _forget(before, Path(file).parent)


def import_file(file: Path) -> ModuleType:
    """Import a file as Python would: in a package by its dotted name, else with its folder on the path."""
    root, parts = file.parent, [file.stem]
    while (root / "__init__.py").exists():
        parts.insert(0, root.name)
        root = root.parent
    sys.path.insert(0, str(root))
    try:
        if len(parts) > 1:
            return importlib.import_module(".".join(parts if file.stem != "__init__" else parts[:-1]))
        name = file.stem if file.stem not in sys.modules else f"{file.stem}_checked"
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(root))


def _forget(before: set[str], folder: Path) -> None:
    """Unload what the file imported from beside itself: another folder may have modules of the same names."""
    for name in set(sys.modules) - before:
        origin = getattr(sys.modules[name], "__file__", None)
        if origin is not None and Path(origin).is_relative_to(folder):
            del sys.modules[name]


if __name__ == "__main__":
    main()
