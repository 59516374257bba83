"""Annotations taken away, written again and compared: `python benchmarks/annotate.py CLONES` fills the page.

CLONES is a folder with clones of the projects, whose tests the Python that runs this can run. Each is copied,
its shape annotations are taken away, and `typed-einsum annotate --write` observes its own tests. In each
function of which both have an annotation, the axes are compared pair by pair: is a pair one axis, or two?
`--quick NAME` runs one project and records nothing.

Predicted before the first run: F1 of the pairs 0.95 and 0.80 of the names that occur in the same file.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from time import monotonic
from typing import Any

from pages import fill, table

HERE = Path(__file__).parent
RECORD = HERE / "annotate.json"
PAGE = HERE.parent / "docs" / "howto" / "ten-minutes.md"

PROJECTS = {
    "alphafold3-pytorch": (
        "alphafold3_pytorch",
        "tests/test_af3.py -k 'not (test_alphafold3 or selection or ranking or rasa or readme or 4- or 2-)'",
    ),
    "nerfstudio": (
        "nerfstudio",
        "-n0 tests/field_components tests/model_components tests/cameras tests/utils",
    ),
}
"""The package of each project, and the tests that are run."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef
Slot = tuple[str, int, int]
"""The parameter, or `return`, the number of the tensor in its annotation, and the axis."""

Key = tuple[str, str]
"""The file and the qualified name of a function."""


def functions_in(tree: ast.AST, around: str = "") -> Iterator[tuple[str, Definition]]:
    """The functions of a file with their qualified names."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Definition):
            yield f"{around}{node.name}", node
        inside = f"{around}{node.name}." if isinstance(node, Definition | ast.ClassDef) else around
        yield from functions_in(node, inside)


def annotations_of(node: Definition) -> Iterator[tuple[str, ast.expr]]:
    """The annotations of a function by parameter, that of the result as `return`."""
    given = node.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    every += [each for each in (given.vararg, given.kwarg) if each is not None]
    yield from ((each.arg, each.annotation) for each in every if each.annotation is not None)
    if node.returns is not None:
        yield "return", node.returns


def shapes_in(annotation: ast.expr) -> list[str]:
    """The texts of axes in an annotation, in the order in which they stand."""
    found = []
    for node in ast.walk(annotation):
        if isinstance(node, ast.Subscript):
            text = (
                node.slice.elts[-1] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
            )
            name = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            is_text = name not in ("Literal", "Optional", "Union", "List", "list", "tuple", "Tuple")
            if is_text and isinstance(text, ast.Constant) and isinstance(text.value, str):
                found.append((text.lineno, text.col_offset, text.value))
    return [text for _, _, text in sorted(found)]


class Axes(dict[Slot, str]):
    """The text of each axis. A tensor of any number of axes is in `open`, where only some are at the end."""

    open: frozenset[tuple[str, int]] = frozenset()


def axes_of(node: Definition) -> Axes:
    """The text of each axis that the annotations of a function name, but for `*b` and `...`."""
    found = Axes()
    for name, annotation in annotations_of(node):
        for number, text in enumerate(shapes_in(annotation)):
            axes = text.replace(", ", ",").split()
            spread = [at for at, axis in enumerate(axes) if axis.startswith("*") or axis == "..."]
            found.open |= {(name, number)} if spread and spread[0] else set()
            for at, axis in enumerate(axes):
                place = at if not spread or at < spread[0] else at - len(axes)  # from the end, behind `...`
                if at not in spread and axis.lstrip("#?") != "_":
                    found[name, number, place] = axis.lstrip("#?").partition("=")[2] or axis.lstrip("#?")
    return found


def stripped(source: str) -> tuple[str, dict[str, dict[Slot, str]]]:
    """A source without shape annotations, and what these said, by function."""
    import libcst as cst

    truth = {name: axes_of(node) for name, node in functions_in(ast.parse(source))}

    class Strip(cst.CSTTransformer):
        def _has_shape(self, node: cst.Annotation | None) -> bool:
            if node is None:
                return False
            return bool(shapes_in(ast.parse(cst.Module([]).code_for_node(node.annotation), mode="eval").body))

        def leave_Param(self, original_node: cst.Param, updated_node: cst.Param) -> cst.Param:
            return (
                updated_node.with_changes(annotation=None)
                if self._has_shape(original_node.annotation)
                else updated_node
            )

        def leave_FunctionDef(
            self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
        ) -> cst.FunctionDef:
            return (
                updated_node.with_changes(returns=None)
                if self._has_shape(original_node.returns)
                else updated_node
            )

    changed = cst.parse_module(source).visit(Strip()).code
    return changed, {name: axes for name, axes in truth.items() if axes}


@dataclass
class Result:
    """What came of a project."""

    functions: int = 0
    observed: int = 0
    compared: int = 0
    both: int = 0
    only_ours: int = 0
    only_theirs: int = 0
    names: int = 0
    equal_names: int = 0
    contradicted: int = 0
    seconds: float = 0.0

    @property
    def f1(self) -> float:
        """How well the pairs of axes that are one agree."""
        return 2 * self.both / max(2 * self.both + self.only_ours + self.only_theirs, 1)


def compared(truth: Mapping[Slot, str], ours: Mapping[Slot, str], words: set[str], result: Result) -> bool:
    """Count how two annotations of one function agree; whether they have axes in common."""
    mine = {slot: _same_axis(slot, truth, ours) for slot in truth}
    slots = [slot for slot in truth if mine[slot] is not None]
    for one, other in combinations(slots, 2):
        are_theirs, are_ours = truth[one] == truth[other], mine[one] == mine[other]
        result.both += are_theirs and are_ours
        result.only_ours += are_ours and not are_theirs
        result.only_theirs += are_theirs and not are_ours
    for name in {truth[slot] for slot in slots}:
        if name.isidentifier() and name in words:
            result.names += 1
            result.equal_names += all(mine[slot] == name for slot in slots if truth[slot] == name)
    return len(slots) > 1


def _same_axis(slot: Slot, truth: Mapping[Slot, str], ours: Mapping[Slot, str]) -> str | None:
    """What we call an axis of the other annotation. One of the two may count from the end, behind `...`."""
    if slot in ours:
        return ours[slot]
    name, number, at = slot
    counted = ours if at < 0 else truth
    places = [each[2] for each in counted if each[:2] == (name, number)]
    if not places or min(places) < 0 or (name, number) in getattr(counted, "open", ()):
        return None
    rank = max(places) + 1
    return ours.get((name, number, at + rank if at < 0 else at - rank))


def run(project: Path, package: str, tests: str) -> Result:
    """Take the annotations of a copy away, have them written again, and compare."""
    truth: dict[Key, dict[Slot, str]] = {}
    words: dict[str, set[str]] = {}
    for file in sorted((project / package).rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        new, said = stripped(text)
        shown = file.relative_to(project).as_posix()
        truth |= {(shown, name): axes for name, axes in said.items()}
        words[shown] = {*re.findall(r"[A-Za-z_]\w*", new)}
        file.write_text(new, encoding="utf-8")
    started = monotonic()
    command = f"pytest -q -p no:cacheprovider {tests}"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(project)]),
    }
    subprocess.run(
        [sys.executable, "-m", "typed_einsum.cli", "annotate", "--write", "--with", command, package],
        cwd=project, env=environment, check=False,
    )  # fmt: skip
    result = Result(len(truth), seconds=round(monotonic() - started, 1))
    seen = _observed(project)
    result.observed = len(truth.keys() & seen)
    for shown in words:
        found = dict(functions_in(ast.parse((project / shown).read_text(encoding="utf-8"))))
        for (shown_in, name), axes in truth.items():
            if shown_in == shown and name in found:
                result.compared += compared(axes, axes_of(found[name]), words[shown], result)
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", f"--shapes={package}", *shlex.split(tests)],
        cwd=project, env=environment, check=False,
    )  # fmt: skip
    result.contradicted = len(_broken(project))
    return result


def _records(project: Path) -> Iterator[Any]:
    for file in (project / ".typed-einsum").glob("*.json"):
        yield from json.loads(file.read_text(encoding="utf-8"))["functions"]


def _observed(project: Path) -> set[Key]:
    """The functions that tests have called with tensors."""
    return {(each["file"], each["name"]) for each in _records(project) if each["patterns"]}


def _broken(project: Path) -> set[Key]:
    """The functions whose own annotations, not those of a record's fields, a call of the tests has broken."""
    broken = set()
    for each in _records(project):
        for pattern in each["patterns"]:
            told = (found for found in pattern["findings"] if found["code"].startswith("TE2"))
            if any("in a call" in found["text"] and _is_of(each, found, project) for found in told):
                broken.add((each["file"], each["name"]))
    return broken


def _is_of(function: Mapping[str, Any], found: Mapping[str, Any], project: Path) -> bool:
    """Whether a finding has its place in the signature of a function."""
    tree = ast.parse((project / function["file"]).read_text(encoding="utf-8"))
    node = dict(functions_in(tree))[function["name"]]
    return found["file"] == function["file"] and node.lineno <= found["line"] < node.body[0].lineno


SECTION = """## Measured on annotations that were there

Shape annotations were taken away from projects that have them, and written again from what the projects' own
tests call:"""

MEANING = """*F1 of axes*: each pair of axes of a function is one axis or two, and the annotations that were
written agree with the original ones or not. *Equal names*: of the original names that still occur in the
file, those that the same axes got again. *Contradicted*: functions whose new annotations a call of the
project's tests breaks, not counting those of a record's fields, which were there before. `python
benchmarks/annotate.py CLONES` measures it.

Expected were 0.95 and 80 %. Functions that are left out count for nothing here: most choose shapes by values,
which torch cannot follow with symbols, or `check_contract` disagrees. The rules for names were made with
alphafold3-pytorch at hand, and then with nerfstudio, whose code has hardly a word for the axes that its
annotations name; axes that nothing in the code relates stay apart. Of alphafold3-pytorch's
tests, those of whole models are left out, and those that repeat another with more layers or streams; of
nerfstudio's, all but those of cameras, fields, rendering and utilities."""


def tables(record: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The section of the page with the table; empty where nothing was recorded."""
    if not record:
        return {"annotate": ""}
    rows = []
    for name, data in record.items():
        result = Result(**data)
        names = f"{result.equal_names} of {result.names}"
        share = 100 * result.equal_names / max(result.names, 1)
        rows.append(
            [
                name,
                str(result.functions),
                str(result.observed),
                str(result.compared),
                f"{result.f1:.3f}",
                f"{names} ({share:.0f} %)",
                str(result.contradicted),
            ]
        )
    header = [
        "project",
        "annotated",
        "called by tests",
        "annotated again",
        "F1 of axes",
        "equal names",
        "contradicted",
    ]
    return {"annotate": f"{SECTION}\n\n{table(header, rows)}\n\n{MEANING}"}


CALL = (
    "import torch; from model import GPT, GPTConfig; "
    "GPT(GPTConfig(vocab_size=96, n_layer=2, n_embd=48, n_head=3))(torch.zeros(2, 7, dtype=torch.long))"
)

COMMANDS = (
    "git clone https://github.com/karpathy/nanoGPT && cd nanoGPT",
    'pip install "typed-einsum[annotate]"',
    f"typed-einsum annotate model.py --write --with \"python -c '{CALL}'\"",
    "typed-einsum check model.py",
)
"""What one types from nothing to checked."""


def walk(clones: Path) -> dict[str, Any]:
    """Annotate nanoGPT as the page does: what has changed, and what was said."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "nanoGPT"
        shutil.copytree(clones / "nanoGPT", copy, ignore=shutil.ignore_patterns(".git", ".typed-einsum"))
        before = (copy / "model.py").read_text(encoding="utf-8").splitlines()
        said = [_said(words, copy) for words in map(shlex.split, COMMANDS[2:])]
        after = (copy / "model.py").read_text(encoding="utf-8").splitlines()
    changes = [line for line in difflib.unified_diff(before, after, n=0) if line[:1] in "+-"][2:]
    return {"changes": changes, "said": said[0].splitlines(), "check": said[1].splitlines()[-1]}


def _said(words: Sequence[str], folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "typed_einsum.cli", *words[1:]],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout or done.stderr


def walk_texts(data: Mapping[str, Any]) -> dict[str, str]:
    """The parts of the page that walk through nanoGPT."""
    said = [*data["said"], "", "$ typed-einsum check model.py", data["check"]]
    return {
        "walk-commands": fenced("bash", COMMANDS),
        "walk-changes": fenced("diff", data["changes"]),
        "walk-said": fenced("text", said),
    }


def fenced(language: str, lines: Sequence[str]) -> str:
    """Lines as a block of code."""
    return "\n".join([f"```{language}", *lines, "```"])


def texts_of(record: Mapping[str, Any]) -> dict[str, str]:
    """All that the page says of the record."""
    return {**tables(record["projects"]), **walk_texts(record["nanoGPT"])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clones", type=Path)
    parser.add_argument("--quick", metavar="NAME")
    options = parser.parse_args()
    record: dict[str, Any] = {}
    if options.quick in (None, "nanoGPT"):
        walked = walk(options.clones)
        print("\n".join(text for text in walk_texts(walked).values()))
    for name, (package, tests) in PROJECTS.items():
        if options.quick not in (None, name) or not (options.clones / name).is_dir():
            continue
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / name
            shutil.copytree(options.clones / name, copy, ignore=shutil.ignore_patterns(".git"))
            record[name] = asdict(run(copy, package, tests))
            print(name, record[name], f"F1 {Result(**record[name]).f1:.3f}")
    if options.quick is None:
        whole = {"projects": record, "nanoGPT": walked}
        RECORD.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        fill(PAGE, texts_of(whole))


if __name__ == "__main__":
    main()
