"""`typed-einsum annotate`: annotations from what was observed, as a diff or in place."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typed_einsum.cli.arguments import given_path
from typed_einsum.cli.files import python_files
from typed_einsum.cli.observed import CannotObserve, observe, program_of
from typed_einsum.cli.reporting import NOTHING
from typed_einsum.cli.statuses import CLEAN, COULD_NOT_RUN, FINDINGS
from typed_einsum.testing.observe.observation import AUDITS, LONGER
from typed_einsum.testing.observe.store import BadStore, folder_near

if TYPE_CHECKING:
    from typed_einsum.testing.annotate.contracts import Contracts
    from typed_einsum.testing.annotate.planning import Planned
    from typed_einsum.testing.annotate.project import Project
    from typed_einsum.testing.annotate.proving import Proof
    from typed_einsum.testing.observe.records import Function

RUN = ("-m", "typed_einsum.cli.proving")
"""What runs a program with the annotations that are to be proved."""

DECORATOR = "typed_einsum.shape_checked"

FOLLOWING = {LONGER: "600", AUDITS: "off"}
"""What the program that is observed is told, unless the environment says another thing: calls are followed
for ten minutes, and not audited."""

TIME_LIMIT = 30.0
"""Seconds for one call of check_contract."""


class BadPath(Exception):
    """A path that cannot be annotated; the text says why."""


def add_annotate(commands: Any) -> None:
    """Add the command to the parser."""
    annotate = commands.add_parser(
        "annotate",
        help="write shape annotations from what was observed",
        description="Write jaxtyping annotations for the functions that `run` or `pytest --shapes` has "
        "observed, where they have none: a diff, or with --write in place. What cannot be proved is left "
        "out, with its reason.",
        epilog="Exit status: 0 done, 1 calls contradict existing annotations, 2 something could not run.",
    )
    annotate.add_argument(
        "paths",
        nargs="*",
        type=given_path,
        metavar="PATH",
        help="a Python file, or a folder (default: all observed)",
    )
    annotate.add_argument("--write", action="store_true", help="change the files, and print no diff")
    annotate.add_argument(
        "--decorate", action="store_true", help="put @shape_checked above each function that is annotated"
    )
    annotate.add_argument(
        "--refine", action="store_true", help="also give annotations that say `Tensor` alone a shape"
    )
    annotate.add_argument(
        "--with",
        dest="observed",
        metavar="COMMAND",
        help="run this first, such as 'pytest -q', and observe it; then again, to prove that every call "
        "keeps the annotations",
    )
    annotate.set_defaults(run=run_annotate)


def run_annotate(options: argparse.Namespace) -> int:
    """Plan, prove, and print or write; the exit status."""
    from typed_einsum.testing.annotate.project import CannotAnnotate
    from typed_einsum.testing.annotate.writing import CannotWrite, needs_libcst
    from typed_einsum.testing.process.supervisor import WorkerFailed

    try:
        needs_libcst()
        program = None if options.observed is None else program_of(options.observed)
        before = 0 if program is None else observe(options.observed, **_following())
        project = _project(options.paths, refine=options.refine)
        plans, proofs = _proved(project, program, before)
        _tell(project, plans, proofs, options)
    except WorkerFailed as error:
        print(f"typed-einsum: check_contract could not run: {error}; nothing is written", file=sys.stderr)
        return COULD_NOT_RUN
    except (BadPath, CannotAnnotate, CannotObserve, CannotWrite, BadStore, OSError) as error:
        print(f"typed-einsum: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    return FINDINGS if project.contradicted else CLEAN


def _following() -> dict[str, str]:
    return {name: os.environ.get(name) or value for name, value in FOLLOWING.items()}


def _tell(
    project: Project, plans: Sequence[Planned], proofs: Sequence[str], options: argparse.Namespace
) -> None:
    """Write the files or print the diff, and say what was done; beside a diff, on the error stream."""
    from typed_einsum.testing.annotate.telling import diff_of, lines_of, more_time, summary

    for file, text in project.texts(plans, DECORATOR if options.decorate else "").items():
        place = project.root / file
        if options.write:
            place.write_bytes(text.encode())
        else:
            print(diff_of(_shown(place), project.sources[file], text), end="")
    left_alone = [f"left alone: {each}" for each in project.left_alone]
    last = summary(plans, proofs, "annotated" if options.write else "would annotate")
    more = more_time(plans, float(_following()[LONGER]), is_told=options.observed is not None)
    told = "\n".join([*lines_of(plans, project.contradicted), *left_alone, last, *([more] if more else [])])
    print(told, file=sys.stdout if options.write else sys.stderr)


def _project(paths: Sequence[Path], *, refine: bool) -> Project:
    from typed_einsum.testing.annotate.project import Project

    folder = folder_near(Path.cwd())
    if folder is None:
        raise BadPath(NOTHING)
    shown = ", ".join(map(str, paths)) or "the project"
    wanted = _wanted(paths, folder.parent) if paths else None
    return Project.read(folder, wanted, shown, refine=refine)


def _proved(
    project: Project, program: Sequence[str] | None, before: int
) -> tuple[tuple[Planned, ...], list[str]]:
    """The plans that hold, and by what they were proved."""
    from typed_einsum.testing.annotate.contracts import Contracts, agreed, proved_by_contracts

    proofs = ["torch's symbolic shapes", "the calls that were observed"]
    proof = _run(project, program, before, Contracts(()))
    found = proved_by_contracts(proof.plans, project.real_texts, project.root, TIME_LIMIT)
    plans = found.plans
    if program is not None and found.ask_for_more:
        proof = _run(project, program, before, found)
        plans = agreed(proof.plans, plans)
    proofs += [] if program is None else [proof.claim(plans, project.root)]
    return plans, [*proofs, "check_contract"]


def _run(project: Project, program: Sequence[str] | None, before: int, mended: Contracts) -> Proof:
    """The plans that a run of the program agrees with, as they are `mended`."""
    from typed_einsum.testing.annotate.project import CannotAnnotate
    from typed_einsum.testing.annotate.proving import Proof, proved_by_run

    def plan(function: Function) -> Planned:
        return mended.mended(project.plan(function))

    if program is None:
        return Proof(tuple(map(plan, project.functions)))
    proof = proved_by_run(project.functions, plan, project.real_texts, project.root, [*RUN, *program])
    if proof.status != before:
        raise CannotAnnotate(
            f"--with: the command ended with status {before}, and with {proof.status} once functions are "
            "annotated: nothing is written"
        )
    return proof


def _wanted(paths: Sequence[Path], root: Path) -> set[str]:
    """The files at some paths, relative to the root. Raises `BadPath`."""
    found = set()
    for path in paths:
        real = Path(os.path.abspath(path))
        if not path.exists():
            raise BadPath(f"{path}: there is no such file or folder")
        if not real.is_relative_to(root):
            raise BadPath(f"{path} is not below {root}, where the program was observed")
        files = [Path(os.path.abspath(each)) for each in python_files(path)]
        if not files:
            raise BadPath(f"{path}: there is no Python file here")
        found |= {each.relative_to(root).as_posix() for each in files}
    return found


def _shown(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else Path(relative).as_posix()
