"""The command `typed-einsum`: `check` files, `run` programs, `report`, `explain` equations, list `errors`."""

from __future__ import annotations

import argparse
import difflib
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from typed_einsum import __version__
from typed_einsum.cli.annotating import add_annotate
from typed_einsum.cli.arguments import given_path, percent, positive
from typed_einsum.cli.checking import run_check
from typed_einsum.cli.formats import FORMATS
from typed_einsum.cli.html import add_html
from typed_einsum.cli.observed import CannotObserve, observe
from typed_einsum.cli.pages import address_of, page_of
from typed_einsum.cli.settings import BadSettings, prefixes, settings_near
from typed_einsum.cli.statuses import CLEAN, COULD_NOT_RUN
from typed_einsum.errors import CODES, TypedEinsumError

DERIVATIONS = ("text", "markdown", "latex", "mathml", "html", "svg", "json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; exit status 0: no findings, 1: findings, 2: something could not run."""
    options = _parser().parse_args(arguments)
    if options.run is not _run:  # a program prints as it does without us
        for stream in (sys.stdout, sys.stderr):  # the terminal may lack letters of names
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
    try:
        status: int = options.run(options)
    except KeyboardInterrupt:
        return 130  # as shells have it
    except BrokenPipeError:  # the reader of the pipe, such as `head`, has closed it
        sys.stderr.close()
        return COULD_NOT_RUN
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="typed-einsum", description="Check the shapes that your annotations promise."
    )
    parser.add_argument("--version", action="version", version=f"typed-einsum {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_check(commands)
    _add_run(commands)
    _add_report(commands)
    add_html(commands)
    add_annotate(commands)
    _add_explain(commands)
    errors = commands.add_parser("errors", help="print the page of an error code, such as TE201")
    errors.add_argument("codes", nargs="*", metavar="CODE", help="such as TE201; none lists all")
    errors.set_defaults(run=_errors)
    return parser


def _add_check(commands: Any) -> None:
    check = commands.add_parser(
        "check",
        help="run the annotated functions of files, at sizes that all differ",
        description="Import each file and run every function and method with shape annotations on meta "
        "tensors whose axes have sizes that all differ. Options can stand in pyproject.toml, under "
        "[tool.typed-einsum]; those given here win.",
        epilog="Exit status: 0 clean, 1 findings, 2 something could not run. Advice does not count.",
    )
    check.add_argument(
        "paths", nargs="+", type=given_path, metavar="PATH", help="a Python file, or a folder of them"
    )
    check.add_argument("--format", choices=FORMATS, help="how to print what is found (default: text)")
    check.add_argument("--select", type=_prefixes, metavar="CODES", help="report only these codes: TE2,TE703")
    check.add_argument("--ignore", type=_prefixes, metavar="CODES", help="do not report these codes")
    check.add_argument(
        "--time-limit",
        type=positive,
        metavar="SECONDS",
        help="for each call, and for each import (default: 30)",
    )
    check.add_argument(
        "--memory-limit",
        type=positive,
        metavar="GIB",
        help="for the process in which files run, where the system can limit it (default: 16)",
    )
    ways = check.add_mutually_exclusive_group()
    ways.add_argument(
        "--static",
        action="store_true",
        help="read the source alone: judge equations, einops patterns and annotations, and import nothing",
    )
    ways.add_argument(
        "--with",
        dest="observed",
        metavar="COMMAND",
        help="run this first, such as 'pytest tests -q', and use the calls that it makes for functions that "
        "cannot be called otherwise",
    )
    check.add_argument("-v", "--verbose", action="store_true", help="print whole messages below the lines")
    check.set_defaults(run=_check)


def _add_run(commands: Any) -> None:
    run = commands.add_parser(
        "run",
        usage="typed-einsum run [--source PKG] [--append] SCRIPT|-m MODULE|-c CODE [ARGS ...]",
        help="run a script or a module, and judge the calls of its functions",
        description="Run a program as Python does, and look at each function of the project that takes or "
        "returns a tensor. What is seen lies in .typed-einsum; `typed-einsum report` prints it.",
        epilog="Exit status: the program's own; 2 where there is no such program.",
    )
    run.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="PKG",
        help="look at this package, folder or file alone; may be given more than once (default: the files "
        "below this folder that are no tests)",
    )
    run.add_argument("--append", action="store_true", help="keep what earlier runs have seen")
    run.add_argument("-m", dest="module", nargs=argparse.REMAINDER, metavar="MODULE", help="run a module")
    run.add_argument("-c", dest="code", nargs=argparse.REMAINDER, metavar="CODE", help="run a text")
    run.add_argument("script", nargs=argparse.REMAINDER, metavar="SCRIPT", help="run a file")
    run.set_defaults(run=_run, refuse=run.error)


def _add_report(commands: Any) -> None:
    report = commands.add_parser(
        "report",
        help="print what `run` and `pytest --shapes` have seen",
        description="A line for each function that takes or returns a tensor: for which sizes it was judged, "
        "or why it was not. Then the findings.",
        epilog="Exit status: 0 clean, 1 findings or too few functions judged, 2 no run to report.",
    )
    report.add_argument("--format", choices=FORMATS, help="how to print it (default: text)")
    report.add_argument(
        "--select", type=_prefixes, metavar="CODES", help="report only these codes: TE2,TE703"
    )
    report.add_argument("--ignore", type=_prefixes, metavar="CODES", help="do not report these codes")
    report.add_argument(
        "--fail-under",
        type=percent,
        default=0.0,
        metavar="PERCENT",
        help="exit with 1 where less than this share of the functions with shape annotations were judged",
    )
    report.add_argument("-v", "--verbose", action="store_true", help="print whole messages below the lines")
    report.set_defaults(run=_report)


def _add_explain(commands: Any) -> None:
    explain = commands.add_parser(
        "explain",
        help="derive an equation step by step",
        description="From index notation to loops, dot products, matrices, cost, gradients and a picture.",
    )
    explain.add_argument("equation", help='such as "b q d, b k d -> b q k"')
    explain.add_argument("--sum", metavar="AXES", help="axes that are summed out of one operand alone")
    explain.add_argument("--max", metavar="AXIS", help="the axis whose maximum is taken")
    explain.add_argument("--sizes", metavar="SIZES", help="such as b=2,q=3,k=4,d=5")
    explain.add_argument("--steps", metavar="STEPS", help="only these, such as axes,loops,picture")
    explain.add_argument("--format", choices=DERIVATIONS, default="text")
    explain.set_defaults(run=_explain)


def _prefixes(text: str) -> tuple[str, ...]:
    codes = text.replace(",", " ").split()
    if not codes:
        raise argparse.ArgumentTypeError(f"expected codes such as TE2,TE703, got {text!r}")
    try:
        return prefixes(codes)
    except BadSettings as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _check(options: argparse.Namespace) -> int:
    try:
        settings = settings_near(Path.cwd())
    except BadSettings as error:
        print(f"typed-einsum: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    if options.observed is not None:
        try:
            observe(options.observed)
        except CannotObserve as error:
            print(f"typed-einsum: {error}", file=sys.stderr)
            return COULD_NOT_RUN
    chosen = settings.overridden(vars(options))
    if options.static:
        from typed_einsum.cli.static import run_static

        return run_static(options.paths, chosen, verbose=options.verbose)
    return run_check(options.paths, chosen, verbose=options.verbose)


def _run(options: argparse.Namespace) -> int:
    from typed_einsum.cli.running import Program, run_observed

    for option, words in (("-m", options.module), ("-c", options.code), ("", options.script)):
        if words:
            program = Program.of([option, *words] if option else words)
            break
    else:
        options.refuse("expected the path of a script, -m and the name of a module, or -c and code")
    return run_observed(program, options.source, append=options.append)


def _report(options: argparse.Namespace) -> int:
    from typed_einsum.cli.reporting import run_report

    try:
        settings = settings_near(Path.cwd())
    except BadSettings as error:
        print(f"typed-einsum: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    chosen = settings.overridden(vars(options))
    return run_report(chosen, fail_under=options.fail_under, verbose=options.verbose)


def _explain(options: argparse.Namespace) -> int:
    from typed_einsum.derivation import explain

    steps = None if options.steps is None else options.steps.replace(",", " ").split()
    try:
        derivation = explain(options.equation, options.sizes, sum=options.sum, max=options.max)
        print(_rendered(derivation, options.format, steps))
    except TypedEinsumError as error:
        print(error, file=sys.stderr)
        return COULD_NOT_RUN
    return CLEAN


def _rendered(derivation: Any, kind: str, steps: Sequence[str] | None) -> str:
    whole: dict[str, Callable[[], str]] = {
        "latex": derivation.to_latex,
        "mathml": derivation.to_mathml,
        "svg": derivation.to_svg,
        "json": derivation.to_json,
    }
    match kind:
        case "text":
            text: str = derivation.to_text("ansi" if sys.stdout.isatty() else "none", steps)
            return text
        case "markdown" | "html":
            rendered: str = getattr(derivation, f"to_{kind}")(steps)
            return rendered
        case _:
            return whole[kind]()


def _errors(options: argparse.Namespace) -> int:
    status = CLEAN
    for asked in options.codes or CODES:
        code = asked.upper()
        if code in CODES:
            print(_told(code) if options.codes else f"{code}  {CODES[code]}")
            continue
        near = difflib.get_close_matches(code, CODES, n=1)
        hint = f"did you mean {near[0]}?" if near else "`typed-einsum errors` lists them all"
        print(f"there is no code {asked or repr(asked)}: {hint}", file=sys.stderr)
        status = COULD_NOT_RUN
    return status


def _told(code: str) -> str:
    """The page of a code, or its meaning and address if the pages are not installed."""
    return page_of(code) or f"{code}  {CODES[code]}\n       {address_of(code)}"


if __name__ == "__main__":
    sys.exit(main())
