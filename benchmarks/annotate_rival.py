"""RightTyper on the projects of annotate.py: `python benchmarks/annotate_rival.py CLONES` fills the page.

The Python that runs this is 3.12 or later, has RightTyper, and can run the projects' tests. Each project is
copied and loses its shape annotations. RightTyper writes what it infers from the same tests, with its option
for shapes and without sampling, and the axes are compared as ours are. `--only NAME` runs one project and
keeps what is recorded of the others.

alphafold3-pytorch's runtime checks are off: with them, it could not be imported. In the clone, `TYPECHECK` is
set to `False` in its tests.
"""

from __future__ import annotations

import argparse
import ast
import importlib.metadata
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any

from annotate import PAGE, PROJECTS, Key, Result, Slot, axes_of, compared, functions_in, stripped
from pages import fill, table

RECORD = Path(__file__).parent / "annotate_rival.json"

OPTIONS = ("--infer-shapes", "--no-sampling", "--output-files", "--overwrite")
"""What RightTyper's own help names for shapes, for using every call, and for writing into the files."""


def run(project: Path, package: str, tests: str) -> dict[str, Any]:
    """Take the annotations of a copy away, have RightTyper write its own, and compare."""
    truth: dict[Key, dict[Slot, str]] = {}
    words: dict[str, set[str]] = {}
    for file in sorted((project / package).rglob("*.py")):
        new, said = stripped(file.read_text(encoding="utf-8"))
        shown = file.relative_to(project).as_posix()
        truth |= {(shown, name): axes for name, axes in said.items()}
        words[shown] = {*re.findall(r"[A-Za-z_]\w*", new)}
        file.write_text(new, encoding="utf-8")
    started = monotonic()
    pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:typed_einsum", *shlex.split(tests)]
    inside = os.pathsep.join([str(project), os.environ.get("PYTHONPATH", "")])
    subprocess.run(
        [sys.executable, "-m", "righttyper", *OPTIONS, *pytest],
        cwd=project, env={**os.environ, "PYTHONPATH": inside}, check=False,
    )  # fmt: skip
    result = Result(len(truth), seconds=round(monotonic() - started, 1))
    every: list[str] = []
    for shown, known in words.items():
        found = dict(functions_in(ast.parse((project / shown).read_text(encoding="utf-8"))))
        for (file_of, name), axes in truth.items():
            written = axes_of(found[name]) if file_of == shown and name in found else {}
            every += written.values()
            result.observed += bool(written)
            result.compared += bool(written) and compared(axes, written, known, result)
    return {**asdict(result), "axes": len(every), "numbers": sum(each.isdecimal() for each in every)}


SECTION = """Beside it is what RightTyper {version} gets, which also writes annotations from the calls of
tests, with the same tests and measure (Python {python}, `{options}`):"""

MEANING = """*Written* are functions that got a shape, *annotated again* those of which two axes or more can
be compared, as in the table above. *Numbers* are axes that are written as the sizes that were seen, such as
`"2 16 64"`; two equal numbers count as one axis. `python benchmarks/annotate_rival.py CLONES` measures it.
RightTyper writes all other types, too, does not look for names, and runs no check of what it writes.
The runtime checks of alphafold3-pytorch were off, and nerfstudio was not tried."""


def texts_of(record: Mapping[str, Any]) -> dict[str, str]:
    """What the page says of the record; empty where nothing was recorded."""
    if not record["projects"]:
        return {"annotate-rival": ""}
    rows = []
    for name, data in record["projects"].items():
        axes, numbers = data["axes"], data["numbers"]
        result = Result(**{each: data[each] for each in data.keys() - {"axes", "numbers"}})
        share = 100 * result.equal_names / max(result.names, 1)
        names = f"{result.equal_names} of {result.names} ({share:.0f} %)"
        counts = [str(each) for each in (result.functions, result.observed, result.compared)]
        rows.append([name, *counts, f"{result.f1:.3f}", names, f"{numbers} of {axes} axes"])
    header = ["project", "annotated", "written", "annotated again", "F1 of axes", "equal names", "numbers"]
    said = SECTION.format(version=record["version"], python=record["python"], options=" ".join(OPTIONS[:2]))
    return {"annotate-rival": f"{said}\n\n{table(header, rows)}\n\n{MEANING}"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clones", type=Path)
    parser.add_argument("--only", metavar="NAME")
    options = parser.parse_args()
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {"projects": {}}
    record["version"] = importlib.metadata.version("righttyper")
    record["python"] = ".".join(map(str, sys.version_info[:2]))
    for name, (package, tests) in PROJECTS.items():
        if options.only not in (None, name) or not (options.clones / name).is_dir():
            continue
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / name
            shutil.copytree(options.clones / name, copy, ignore=shutil.ignore_patterns(".git"))
            record["projects"][name] = run(copy, package, tests)
            print(name, record["projects"][name])
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    fill(PAGE, texts_of(record))


if __name__ == "__main__":
    main()
