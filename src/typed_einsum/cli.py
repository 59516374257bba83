"""The command `typed-einsum`: `check` files, list `errors`."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

CLEAN, FINDINGS, COULD_NOT_RUN = 0, 1, 2

SKIPPED_FOLDERS = {"__pycache__", "node_modules", "site-packages"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 0 for clean, 1 for findings, 2 for what could not run."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        sys.stderr.close()
        return COULD_NOT_RUN
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="typed-einsum", description="Check the shapes that your annotations promise."
    )
    parser.add_argument("--version", action="version", version=f"typed-einsum {_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check",
        help="run the annotated functions of files at telling sizes",
        description="Import each file and run every typed einsum, every shape_checked function and every "
        "nn.Module that can be built, on meta tensors whose axes have sizes that all differ.",
        epilog="Exit status: 0 clean, 1 findings, 2 something could not run.",
    )
    check.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a Python file, or a folder of them"
    )
    check.add_argument(
        "--time-limit", type=_seconds, default=30.0, metavar="SECONDS", help="for each function (default: 30)"
    )
    check.add_argument("-v", "--verbose", action="store_true", help="print whole messages below the lines")
    check.set_defaults(run=_check)
    errors = commands.add_parser("errors", help="say what a code means")
    errors.add_argument("codes", nargs="*", metavar="CODE", help="such as TE201; all codes without one")
    errors.set_defaults(run=_errors)
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds


def _version() -> str:
    from importlib.metadata import version

    return version("typed-einsum")


def _check(options: argparse.Namespace) -> int:
    from typed_einsum.locations import shown_path
    from typed_einsum.testing.session import Session

    counts: Counter[str] = Counter()
    files = []
    for path in options.paths:
        found = list(python_files(path))
        if not found:
            reason = "there is no Python file in it" if path.is_dir() else _why_not(path)
            print(f"{path}: could not run: {reason}", file=sys.stderr)
            counts["failed"] += 1
        files += found
    session = Session(options.time_limit)
    try:
        for file in dict.fromkeys(files):
            for outcome in session.check(file.resolve(), shown_path(str(file.resolve()))):
                counts[outcome.kind] += 1
                print(outcome, file=sys.stderr if outcome.kind == "failed" else sys.stdout, flush=True)
                if options.verbose and outcome.message:
                    print("\n".join(f"    {line}" for line in outcome.message.splitlines()))
    finally:
        session.close()
    print(_summary(counts))
    return COULD_NOT_RUN if counts["failed"] else FINDINGS if counts["finding"] else CLEAN


def _why_not(path: Path) -> str:
    if not path.exists():
        return "there is no such file or folder"
    return "it is no Python file (its name does not end in .py)"


def _summary(counts: Counter[str]) -> str:
    findings = f"{counts['finding']} finding{'' if counts['finding'] == 1 else 's'}"
    parts = [f"{counts['ok']} ok", findings, f"{counts['skipped']} skipped"]
    if counts["failed"]:
        parts.append(f"{counts['failed']} could not run")
    return ", ".join(parts)


def python_files(path: Path) -> Iterator[Path]:
    """The Python files at a path, sorted; hidden folders and environments are left out."""
    if path.is_file():
        if path.suffix == ".py":
            yield path
    elif path.is_dir():
        for entry in sorted(path.iterdir()):
            hidden = entry.name.startswith(".") or entry.name in SKIPPED_FOLDERS
            if (
                not hidden
                and not (entry / "pyvenv.cfg").exists()
                and (entry.is_dir() or entry.suffix == ".py")
            ):
                yield from python_files(entry)


def _errors(options: argparse.Namespace) -> int:
    from typed_einsum.diagnostics import PAGES
    from typed_einsum.errors import CODES

    status = CLEAN
    for asked in options.codes or CODES:
        code = asked.upper()
        if code in CODES:
            print(f"{code}  {CODES[code]}" + (f"\n       {PAGES}/{code}" if options.codes else ""))
            continue
        near = difflib.get_close_matches(code, CODES, n=1)
        hint = f"did you mean {near[0]}?" if near else "`typed-einsum errors` lists them all"
        print(f"there is no code {asked}: {hint}", file=sys.stderr)
        status = COULD_NOT_RUN
    return status


if __name__ == "__main__":
    sys.exit(main())
