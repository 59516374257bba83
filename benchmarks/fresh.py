"""Bugs collected by someone who wrote no check: `python benchmarks/fresh.py` writes fresh.json and tables.

Each file of a folder holds a bug of a public repository as it stands in a layer, a loss or a sampler, its
repaired form, and a reference. The folder `sound` beside them has functions that are right. For other files
of the same form, `python benchmarks/fresh.py FOLDER` prints what is found, and writes nothing.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from pages import fill, table

from typed_einsum.testing import Report, check_contract

HERE = Path(__file__).parent
FOLDER = HERE.parent / "tests" / "fresh_bugs"
WRITTEN = HERE.parent / "tests" / "unseen_bugs" / "surroundings"
"""Pairs of a bug and its repair, which is also its reference. Their author had read the checks."""

EVERYDAY = HERE.parent / "tests" / "unseen_bugs" / "everyday"
"""More such pairs, of small functions. Their author had read the rule on coordinates, and no other."""

HELD = HERE.parent / "tests" / "unseen_bugs" / "held_back"
"""Bugs of public repositories, retold with their repairs, for which no check was made or tuned."""

FIRST_FOUND = {"written": 17, "everyday": 12, "held back": 6}
"""How many of each were found, with nothing configured, when they were written."""

RECORD = HERE / "fresh.json"
PAGE = HERE.parent / "docs" / "which-tool.md"
Told = dict[str, list[str]]


def load(path: Path) -> ModuleType:
    """A file as a module of its own."""
    spec = importlib.util.spec_from_file_location(f"fresh_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def forms(module: ModuleType) -> tuple[Any, Any]:
    """The buggy form and the repaired one, as a user would pass them."""
    found: tuple[Any, Any] = module.fresh() if hasattr(module, "fresh") else (module.buggy, module.fixed)
    return found


def report_of(value: Any, reference: Callable[..., Any] | None = None) -> Report:
    """What the contract of a function or a module comes to."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return check_contract(value() if isinstance(value, type) else value, reference=reference)


def told(report: Report) -> Told:
    """The codes of errors and of advice."""
    return {
        severity: sorted({each.code for each in report.findings if each.severity == severity})
        for severity in ("error", "advice")
    }


def of_bug(path: Path) -> dict[str, Any]:
    """What is said of a bug and of its repair, with nothing configured and with a reference."""
    module = load(path)
    title, source = (
        (module.__doc__ or "").splitlines()[0],
        re.search(r"^Source: (\S+)", module.__doc__ or "", re.M),
    )
    found: dict[str, Any] = {"title": title, "source": source[1] if source else "", "silent": module.silent}
    for name, reference in (("", None), (" with reference", module.reference)):
        for form, value in zip(("buggy", "fixed"), forms(module), strict=True):
            found[form + name] = told(report_of(value, reference))
    return found


def sound_functions(folder: Path = FOLDER / "sound") -> dict[str, Any]:
    """The functions and modules that each file lists as right, if what they need is installed."""
    found = {}
    for path in sorted(folder.glob("*.py")):
        module = load(path)
        for name in json.loads(re.search(r"# CHECK (\[.*\])", path.read_text("utf-8"))[1]):  # type: ignore[index]
            source = getattr(module, name)
            needs_einops = "einops" in getattr(source, "__name__", "") or name == "rearranged"
            if not needs_einops or importlib.util.find_spec("einops"):
                found[name] = source
    return found


def written(folder: Path = WRITTEN) -> dict[str, Any]:
    """What is said of each pair, by its name."""
    found = {}
    for path in sorted(folder.glob("*.py")):
        module = load(path)
        for name in [name for name in vars(module) if name.lower().endswith("buggy")]:
            buggy = getattr(module, name)
            fixed = getattr(module, name.replace("buggy", "fixed").replace("Buggy", "Fixed"))
            found[name[: -len("buggy")].rstrip("_")] = {
                "buggy": told(report_of(buggy)),
                "fixed": told(report_of(fixed)),
                "buggy with reference": told(report_of(buggy, _built(fixed))),
            }
    return found


def _built(value: Any) -> Any:
    """A function, or an object of a class with the weights that `report_of` gives the other one."""
    torch.manual_seed(0)
    return value() if isinstance(value, type) else value


def record(folder: Path = FOLDER) -> dict[str, Any]:
    """What is said of every bug, repair and sound function."""
    bugs = {path.stem: of_bug(path) for path in sorted(folder.glob("*.py"))}
    sound = {name: told(report_of(value)) for name, value in sound_functions(folder / "sound").items()}
    return {"bugs": bugs, "sound": sound}


def counts(results: Mapping[str, Any]) -> dict[str, int]:
    """How many silent bugs are found, and how many right functions are not left alone."""
    silent = [bug for bug in results["bugs"].values() if bug["silent"]]
    right = [*(bug["fixed"] for bug in results["bugs"].values()), *results["sound"].values()]
    return {
        "bugs": len(results["bugs"]),
        "silent": len(silent),
        "found": sum(bool(bug["buggy"]["error"]) for bug in silent),
        "found with a reference": sum(bool(bug["buggy with reference"]["error"]) for bug in silent),
        "right": len(right),
        "errors": sum(bool(said["error"]) for said in right),
        "advice": sum(bool(said["advice"]) for said in right),
    }


def tables(results: Mapping[str, Any]) -> dict[str, str]:
    """The tables of the page, by the names of their places."""
    found = counts(results)
    rate = [
        ["silent bugs", str(found["silent"])],
        ["found with nothing configured", str(found["found"])],
        ["found with `reference=`", str(found["found with a reference"])],
        ["right functions, of which", str(found["right"])],
        ["… reported with an error", str(found["errors"])],
        ["… reported with advice", str(found["advice"])],
    ]
    rows = [
        [
            f"{stem[:3]} [{bug['title'].partition(' ')[2]}]({bug['source']})",
            "yes" if bug["silent"] else "no",
            ", ".join(bug["buggy"]["error"]) or "**not found**",
            ", ".join(bug["buggy with reference"]["error"]) or "**not found**",
        ]
        for stem, bug in results["bugs"].items()
    ]
    return {
        **{f"fresh: {name}": _of_pairs(results[name], name) for name in FIRST_FOUND if name in results},
        "fresh: rate": table(["measure", "count"], rate),
        "fresh: bugs": table(["bug", "silent", "nothing configured", "with `reference=`"], rows),
    }


def _of_pairs(results: Mapping[str, Any], name: str) -> str:
    """What is found of pairs of a bug and its repair."""
    pairs = results.values()
    said = {
        "bugs, each with its repair": len(pairs),
        "found with nothing configured, when they were written": FIRST_FOUND[name],
        "found now with nothing configured": sum(bool(each["buggy"]["error"]) for each in pairs),
        "… or told as advice": sum(_is_advised(each) for each in pairs),
        "found with `reference=`": sum(bool(each["buggy with reference"]["error"]) for each in pairs),
        "repairs reported with an error": sum(bool(each["fixed"]["error"]) for each in pairs),
        "repairs reported with advice": sum(bool(each["fixed"]["advice"]) for each in pairs),
    }
    return table(["measure", "count"], [[what, str(count)] for what, count in said.items()])


def _is_advised(pair: Mapping[str, Any]) -> bool:
    """Whether a bug has advice that its repair has not, and no error."""
    return not pair["buggy"]["error"] and bool({*pair["buggy"]["advice"]} - {*pair["fixed"]["advice"]})


def main() -> None:
    """Measure, print, and write the record and the pages."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    results = record(folder)
    if folder == FOLDER:
        sets = {"written": WRITTEN, "everyday": EVERYDAY, "held back": HELD}
        results |= {name: written(folder) for name, folder in sets.items()}
    print("\n\n".join(tables(results).values()))
    if folder == FOLDER:
        RECORD.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        fill(PAGE, tables(results))


if __name__ == "__main__":
    main()
