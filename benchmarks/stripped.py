"""Bugs without their annotations: `python benchmarks/stripped.py` writes stripped.json and a sentence.

Each buggy form, and its repair, is called once, with the arguments of the file's `example()`. Counted is what
`lint` says of the call, and what `run` and `pytest --shapes` say of one without annotations. A bug is silent
where the buggy form raises nothing.

Predicted before the first run: 45 % of the silent bugs found, and no error on a repaired form.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from annotate import stripped
from fresh import Told, forms, load, told
from pages import fill
from torch import nn

from typed_einsum.testing import lint
from typed_einsum.testing.observe.unannotated import looked_at

HERE = Path(__file__).parent
TESTS = HERE.parent / "tests"
SETS = {
    "known": TESTS / "bugs",
    "cited": TESTS / "unseen_bugs" / "cited",
    "fresh": TESTS / "fresh_bugs",
}
RECORD = HERE / "stripped.json"
PAGE = HERE.parent / "docs" / "which-tool.md"

LONG = 20.0
"""Seconds that may go into following one call."""


def unannotated(path: Path, folder: Path) -> ModuleType:
    """A file without its shape annotations, as a module."""
    copy = folder / path.name
    copy.write_text(stripped(path.read_text(encoding="utf-8"))[0], encoding="utf-8")
    return load(copy)


def linted(form: Any, module: ModuleType) -> tuple[bool, Told]:
    """Whether a form raises on its example, and the codes of what is said of this call."""
    torch.manual_seed(0)
    function = form() if isinstance(form, type) else form
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            function(**module.example())
        except Exception:  # a bug that is not silent
            return True, {"error": [], "advice": []}
        found = told(lint(function, **module.example()))
    entry = type(function).forward if isinstance(function, nn.Module) else function
    owner = {"self": function} if isinstance(function, nn.Module) else {}
    looked = looked_at(entry, {**owner, **module.example()}, HERE, LONG, audit=True)
    for each in looked.findings:
        found[each.severity] = sorted({*found[each.severity], each.code})
    return False, found


def of_bugs(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is said of each bug of a folder, and of its repair."""
    with tempfile.TemporaryDirectory() as work:
        for path in sorted(folder.glob("*.py")):
            module = unannotated(path, Path(work))
            if not hasattr(module, "example"):
                continue
            buggy, fixed = forms(module)
            raises, found = linted(buggy, module)
            yield path.stem, {"silent": not raises, "buggy": found, "fixed": linted(fixed, module)[1]}


def counts(record: Mapping[str, Any]) -> dict[str, int]:
    """How many silent bugs there are, how many are found, and how many repaired forms have an error."""
    every = [each for found in record.values() for each in found.values()]
    silent = [each for each in every if each["silent"]]
    return {
        "silent": len(silent),
        "errors": sum(bool(each["buggy"]["error"]) for each in silent),
        "advised": sum(not each["buggy"]["error"] and _is_new_advice(each) for each in silent),
        "repairs": len(every),
        "alarms": sum(bool(each["fixed"]["error"]) for each in every),
    }


def _is_new_advice(bug: Mapping[str, Any]) -> bool:
    """Whether there is advice that the repaired form does not get."""
    return bool({*bug["buggy"]["advice"]} - {*bug["fixed"]["advice"]})


def texts_of(record: Mapping[str, Any]) -> dict[str, str]:
    """What stands on the page."""
    n = counts(record)
    found = n["errors"] + n["advised"]
    return {
        "stripped": f"Without their annotations, {found} of the {n['silent']} silent bugs known, cited and "
        f"fresh ({found / n['silent']:.0%}) are found on one call of each: {n['errors']} as errors, "
        f"{n['advised']} as advice that the repaired form does not get. Repaired forms with an error: "
        f"{n['alarms']} of {n['repairs']}."
    }


def main() -> None:
    """Measure all bugs, and fill the page."""
    record = {name: dict(of_bugs(folder)) for name, folder in SETS.items()}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    fill(PAGE, texts_of(record))


if __name__ == "__main__":
    sys.path.insert(0, str(TESTS / "unseen_bugs"))
    main()
