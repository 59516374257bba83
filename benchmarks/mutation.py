"""Do the tests notice a changed program? `python benchmarks/mutation.py` fills docs/robustness.md.

One small change at a time is made to the solver, to the lint of equations and to rules of the audit, in
memory, and the tests run on it in a process of its own until one fails. The record, mutation.json, lists the
changes that no test notices; `ARGUED` says of each why nobody can. Takes an hour; modules can be named.
After tests were added, `--again` tries the changes that no test had noticed.
"""

from __future__ import annotations

import ast
import copy
import importlib.abc
import importlib.util
import json
import os
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from pages import fill, table

HERE = Path(__file__).parent
ROOT = HERE.parent
RECORD = HERE / "mutation.json"
PAGE = ROOT / "docs" / "robustness.md"

CODES = {
    "alignment": "TE704",
    "assignments": "TE734",
    "averages": "TE743",
    "booleans": "TE708",
    "broadcasting": "TE704 TE706",
    "coordinates": "TE733",
    "cutting": "TE735",
    "defaults": "TE744",
    "diagonals": "TE715",
    "einsums": "TE101 TE108 TE110 TE201",
    "fractions": "TE706",
    "indexing": "TE714",
    "losses": "TE705",
    "masking": "TE745",
    "no_effect": "TE717",
    "normalisation": "TE706",
    "ordering": "TE739 TE741 TE704",
    "picking": "TE716",
    "precision": "TE707",
    "products": "TE732",
    "reshaping": "TE703",
    "scaling": "TE743",
    "shifting": "TE742",
    "splitting": "TE731",
}
"""The codes of each module of rules."""

OTHERS = {
    "coordinates": ("follows_the_layout", "aspect"),
    "einsums": ("rewritten",),
    "splitting": ("rotary", "split_in_two"),
}
"""Which tests of whole contracts there are of a module of rules, besides those of single operations."""

TESTS = {
    "typed_einsum.solver": (
        ("test_scope", "test_methods", "test_typed"),
        ("test_generated", "test_solver"),
        ("test_verdict", "test_call_messages"),
    ),
    "typed_einsum.equation.lint": (
        ("test_definition_messages", "test_lint"),
        ("test_equations", "test_language"),
    ),
    **{
        f"typed_einsum.testing.audit.rules.{name}": (
            *((f"test_rules -k {code}",) for code in codes.split()),
            *((f"test_audit -k {part}",) for part in OTHERS.get(name, ())),
        )
        for name, codes in CODES.items()
    },
}
"""The tests of each module, with options of pytest, the fast ones first."""

SECONDS = 240
"""A change that makes the tests compute for longer than this has been noticed."""

WAITING = 20 * SECONDS
"""So has one that makes them wait; a busy machine makes every test wait for some time."""

ARGUED: dict[str, str] = {
    "alignment: in `along_the_reduced`, `not tensors or not operation.results` becomes "
    "`not tensors and (not operation.results)`": "all that is looked at has operands and a result",
    "alignment: in `_own_reduction`, `continue` becomes `break`": "a tensor is left by one reduction",
    "alignment: in `_met`, `continue` becomes `break`": "a tensor is left by one reduction",
    "alignment: in `_carry`, `continue` becomes `break`": "a tensor is left by one reduction",
    "averages: in `over_another_count`, `not tensors or not results` becomes "
    "`not tensors and (not results)`": "all that is looked at has operands and a result",
    "averages: in `_new`, `0` becomes `1`": "both operands have the axis that is summed",
    "broadcasting: in `_added_in_front`, `len(one) > len(other)` becomes `len(one) >= len(other)`": (
        "tensors with as many axes were left alone before"
    ),
    "broadcasting: in `_added_in_front`, `True` becomes `False`": "both have the rank of the shorter one",
    "broadcasting: in `_note_crossed`, `picked[0][0] < len(own)` becomes `picked[0][0] <= len(own)`": (
        "torch refuses more indices than axes before"
    ),
    "broadcasting: in `_crossed`, `1` becomes `2`": "a mean or a sum has one tensor",
    "coordinates: in `crossed`, `False` becomes `True`": "meshgrid returns as many tensors as it is given",
    "coordinates: in `crossed`, `len(tensors) > 1` becomes `len(tensors) >= 1`": (
        "a grid is sampled by two tensors"
    ),
    "coordinates: in `_gathered`, `isinstance(index, Tensor) and type(axis) is int and "
    "(-len(own) <= axis < len(own))` becomes `isinstance(index, Tensor) or type(axis) is int or "
    "-len(own) <= axis < len(own)`": "torch refuses every other index and axis before",
    "coordinates: in `_sampled`, `2` becomes `3`": "a grid is sampled by two tensors",
    "coordinates: in `_used`, `facts.clear(use)` becomes `pass`": (
        "of two axes that are exchanged, the first one alone was suspected"
    ),
    "diagonals: in `diagonal`, `True` becomes `False`": "an einsum with these letters does not fail",
    "einsums: in `uses`, `True` becomes `False`": "an equation is read if its letters fit the axes",
    "fractions: `16` becomes `17`": "how many sums are remembered is a bound, and no promise",
    "fractions: in `over_other_weights`, `not tensors or not results` becomes "
    "`not tensors and (not results)`": "all that is looked at has operands and a result",
    "fractions: in `_divided`, `2` becomes `3`": "a division has two operands",
    "indexing: `7` becomes `8`": "the sizes of named axes begin above",
    "indexing: in `at_a_size`, `item >= SMALLEST` becomes `item > SMALLEST`": "the sizes begin above",
    "losses: in `unequal`, `1` becomes `2`": "a mean or a sum has one tensor",
    "masking: in `is_mask`, `False` becomes `True`": "all operands that are asked about are tensors",
    "masking: in `_reduce`, `1` becomes `2`": "a reduction has one tensor, and a sum one result",
    "masking: in `_reduce`, `continue` becomes `break`": "signs are the same under every mask",
    "masking: in `_reduce`, `axis < len(fact.varies)` becomes `axis <= len(fact.varies)`": (
        "a mask is compared with all axes of what it is multiplied with"
    ),
    "no_effect: in `_attended`, `1` becomes `2`": "keys and values have one axis of positions",
    "no_effect: in `_covers`, `True` becomes `False`": "both masks have the rank of the scores",
    "normalisation: in `over_another_axis`, `len(tensors) > 1` becomes `len(tensors) >= 1`": (
        "torch refuses a choice without an index before"
    ),
    "normalisation: in `over_another_axis`, `2` becomes `3`": "torch hands the axis on by its name",
    "normalisation: in `over_another_axis`, `1` becomes `2`": "torch hands the axis on by its name",
    "normalisation: in `_note_division`, `1` becomes `2`": "a sum to divide by holds no weights itself",
    "normalisation: in `_note_division`, `0` becomes `1`": (
        "a sum that has kept its axis has the rank of what was summed"
    ),
    "normalisation: in `_met`, `1` becomes `2`": "weights and logarithms that meet are two tensors",
    "normalisation: in `_met`, `2` becomes `3`": "only products and divergences of two tensors are looked at",
    "normalisation: in `_suspect_weights`, `2` becomes `3`": "only products of two tensors are looked at",
    "normalisation: in `_suspect_weights`, `continue` becomes `break`": (
        "all the weights that a tensor holds are logarithms of scores, or none is"
    ),
    "normalisation: in `_summed`, `1` becomes `2`": "a sum has one tensor",
    "normalisation: in `_picked`, `1` becomes `2`": "an index holds whole numbers, and no logarithms",
    "ordering: in `shifts_of`, `1` becomes `2`": "the sizes of named axes begin above",
    "ordering: in `shifts_of`, `type(axis) is int and -len(own) <= axis < len(own) and (type(shift) is int)` "
    "becomes `type(axis) is int or -len(own) <= axis < len(own) or type(shift) is int`": (
        "torch refuses every other axis before"
    ),
    "ordering: in `out_of_order`, `not tensors or not results` becomes `not tensors and (not results)`": (
        "all that is looked at has operands and a result"
    ),
    "ordering: in `_note_sorted`, `axis % rank - rank` becomes `axis % rank + rank`": (
        "which axis was sorted is noted, and nothing asks for it"
    ),
    "ordering: in `_note_sorted`, `axis % rank` becomes `axis * rank`": (
        "which axis was sorted is noted, and nothing asks for it"
    ),
    "picking: in `picked`, `1` becomes `2`": (
        "what is divided by a number or unravelled is one tensor, and torch hands the shape on by its name"
    ),
    "picking: in `_paired`, `len(own) != len(of_index) or not own` becomes "
    "`len(own) != len(of_index) and (not own)`": "torch refuses an index of another rank before",
    "picking: in `_paired`, `True` becomes `False`": "an index has the rank of what it is paired with",
    "products: in `summed_apart`, `1` becomes `2`": "a sum has one tensor",
    "products: in `_note`, `left and right` becomes `left or right`": "a sum must be over both",
    "products: in `_alone`, `size_of(dimension) > 1` becomes `size_of(dimension) >= 1`": (
        "the sizes of named axes begin above"
    ),
    "products: in `_alone`, `1` becomes `2`": "the sizes of named axes begin above 2",
    "reshaping: `4` becomes `5`": "how many tensors are compared is a bound, and no promise",
    "reshaping: in `_meetings`, `isinstance(along, int) and len(one) == len(other) and "
    "(-len(one) <= along < len(one))` becomes `isinstance(along, int) or len(one) == len(other) or "
    "-len(one) <= along < len(one)`": "torch refuses every other axis before",
    "reshaping: in `_meetings`, `True` becomes `False`": (
        "tensors of one rank are joined, and an equation is read if its letters fit the axes"
    ),
    "lint: in `_repair_for_output`, `1` becomes `2`": "the message names only the most similar name",
    "lint: in `_repair_for_reduced`, `1` becomes `2`": "the message names only the most similar name",
    "lint: in `_doubt`, `1` becomes `2`": "the message names only the most similar name",
    "scaling: in `scaled_by_another`, `0` becomes `1`": "both operands have the axis that is summed",
    "scaling: in `_squared`, `0` becomes `1`": "an axis of one entry has no name by its size",
    "shifting: in `along_another`, `not tensors or not results` becomes `not tensors and (not results)`": (
        "all that is looked at has operands and a result"
    ),
    "shifting: in `_added_up`, `type(axis) is not int or not -rank <= axis < rank` becomes "
    "`type(axis) is not int and (not -rank <= axis < rank)`": "torch refuses every other axis before",
    "shifting: in `_cuts`, `start < stop` becomes `start <= stop`": (
        "a result without entries is not looked at"
    ),
    "shifting: in `_cut`, `fact.by > 0` becomes `fact.by >= 0`": "a shift by 0 is left out in the next line",
    "splitting: in `split_otherwise`, `True` becomes `False`": "each tensor has its dimensions",
    "splitting: in `split_otherwise`, `piece.whole.size // piece.size` becomes "
    "`piece.whole.size * piece.size`": "the outer piece, which lies beside the inner one, says the same",
    "splitting: in `_note_rotation`, `not tensors or not results` becomes `not tensors and (not results)`": (
        "all that is looked at has operands and a result"
    ),
    "splitting: in `_repeated`, `continue` becomes `break`": "a tensor was put together once",
    "splitting: in `_pair`, `last[0] < 4` becomes `last[0] <= 4`": "four entries are two pairs either way",
    "splitting: in `_pair`, `4` becomes `5`": "four entries are two pairs either way",
    "solver: in `placed`, `i < spread` becomes `i <= spread`": "the axis at `spread` is left out",
    "solver: in `broadcast_shapes`, `True` becomes `False`": "both shapes were padded to one length",
}
"""Changes that no test can notice, with the reason."""

SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Continue: ast.Break,
    ast.Break: ast.Continue,
}


@dataclass(frozen=True)
class Mutant:
    """A changed module: what was changed, and the whole source."""

    change: str
    source: str


def changed(node: ast.AST) -> ast.AST | None:
    """The node with one small change, or None where there is none to make."""
    match node:
        case ast.Compare(left, [op], [right]) if type(op) in SWAPPED:
            return ast.Compare(left, [SWAPPED[type(op)]()], [right])
        case ast.BoolOp(op, values):
            return ast.BoolOp(SWAPPED[type(op)](), values)
        case ast.BinOp(left, op, right) if type(op) in SWAPPED:
            return ast.BinOp(left, SWAPPED[type(op)](), right)
        case ast.UnaryOp(ast.Not(), operand):
            return operand
        case ast.Constant(bool() as value):
            return ast.Constant(not value)
        case ast.Constant(int() as value):
            return ast.Constant(value + 1)
        case ast.Return(value) if value is not None and not isinstance(value, ast.Constant):
            return ast.Return(ast.Constant(None))
        case ast.Continue() | ast.Break():
            return SWAPPED[type(node)]()
        case ast.Expr(ast.Call() | ast.Yield() | ast.YieldFrom()) | ast.AugAssign() | ast.Raise():
            return ast.Pass()
    return None


class Change(ast.NodeTransformer):
    """Makes the change of one number, of all that can be made."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.seen = 0
        self.said: str | None = None
        self.functions: list[str] = []

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "dataclass":
            return node  # whether an object may be written to is no behaviour of these modules
        made = None if isinstance(node, ast.FormattedValue) else changed(node)
        if made is not None:
            self.seen += 1
            if self.seen == self.number:
                before, after = ast.unparse(node), ast.unparse(made)
                where = f"in `{self.functions[-1]}`, " if self.functions else ""
                self.said = f"{where}`{before}` becomes `{after}`"
                return ast.copy_location(made, node)
        is_function = isinstance(node, ast.FunctionDef)
        self.functions += [node.name] if is_function else []
        visited = self.generic_visit(node)
        self.functions = self.functions[:-1] if is_function else self.functions
        return visited


def mutants(source: str) -> Iterator[Mutant]:
    """Every changed form of a module."""
    tree = ast.parse(source)
    number = 1
    while True:
        change = Change(number)
        made = ast.fix_missing_locations(change.visit(copy.deepcopy(tree)))
        if change.said is None:
            return
        yield Mutant(change.said, ast.unparse(made))
        number += 1


class Instead(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a source in memory."""

    def __init__(self, name: str, source: str, file: str) -> None:
        self.name, self.source, self.file = name, source, file

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        return importlib.util.spec_from_loader(name, self, origin=self.file) if name == self.name else None

    def exec_module(self, module: Any) -> None:
        module.__file__ = self.file
        exec(compile(self.source, self.file, "exec"), module.__dict__)


def notices(name: str, file: Path, source: str, tests: Sequence[str]) -> bool:
    """Whether a test fails on this source, in a process of its own."""
    child = os.fork()
    if child == 0:
        os.setsid()
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        sys.meta_path.insert(0, Instead(name, source, str(file)))
        os.chdir(ROOT)
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        import pytest

        chosen = [part for test in tests for part in _chosen(test)]
        quiet = "ignore::pytest.PytestAssertRewriteWarning"  # of what was imported before
        os._exit(int(pytest.main(["-x", "-q", "-m", "", "-W", quiet, "-p", "no:cacheprovider", *chosen])))
    ends = monotonic() + WAITING
    while monotonic() < ends:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status != 0
        sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def _chosen(test: str) -> list[str]:
    """What pytest is told to run: a file of tests, and perhaps which of them."""
    file, *options = test.split()
    return [f"tests/{file}.py", *options]


def measured(name: str, known: Sequence[str] | None = None) -> dict[str, Any]:
    """One module: how many changes, and which of them nobody notices; of those alone that are `known`."""
    file = ROOT / "src" / Path(*name.split(".")).with_suffix(".py")
    source = file.read_text(encoding="utf-8")
    stages = TESTS[name]
    for stage in stages:
        if notices(name, file, ast.unparse(ast.parse(source)), stage):
            raise SystemExit(f"the tests fail on {name} as it is: {stage}")
    every = list(mutants(source))
    survivors = []
    for number, mutant in enumerate(every, 1):
        if known is not None and mutant.change not in known:
            continue
        if not any(notices(name, file, mutant.source, stage) for stage in stages):
            survivors.append(mutant.change)
            print(f"{number}/{len(every)} {name}: {mutant.change}", flush=True)
    return {"changes": len(every), "survivors": survivors}


def tables(record: dict[str, Any]) -> dict[str, str]:
    """The tables of the page."""
    rows = [
        [
            f"`{name}`",
            str(found["changes"]),
            str(found["changes"] - len(found["survivors"])),
            str(len(found["survivors"])),
        ]
        for name, found in record.items()
    ]
    left = [
        [change, ARGUED.get(change, "not argued")]
        for name, found in record.items()
        for change in (f"{name.rpartition('.')[2]}: {survivor}" for survivor in found["survivors"])
    ]
    waiting = ", ".join(f"`{name.rpartition('.')[2]}`" for name in TESTS if name not in record)
    shown = {
        "mutation": table(["module", "changes", "noticed by a test", "not noticed"], rows)
        + (f"\n\nNot changed in this way so far are the rules in {waiting}." if waiting else "")
    }
    return {
        **shown,
        "survivors": table(["change", "why nobody can notice"], left) if left else "None is left.",
    }


def _import_once() -> None:
    """What the library and its tests import of others, once for all the processes that are forked."""
    for name in ("hypothesis", "sybil", "typed_einsum.testing.contracts.api"):
        importlib.import_module(name)
    import torch

    with torch.device("meta"):
        torch.empty(2).roll(1)  # whose first call imports hundreds of modules
    for name in [name for name in sys.modules if name.partition(".")[0] == "typed_einsum"]:
        del sys.modules[name]


def main(names: Sequence[str]) -> None:
    """Change every module, and write which changes nobody noticed."""
    _import_once()
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    again, names = "--again" in names, [name for name in names if name != "--again"]
    for name in names or TESTS:
        record[name] = measured(name, record[name]["survivors"] if again else None)
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    fill(PAGE, tables(record))
    print(*tables(record).values(), sep="\n\n")


if __name__ == "__main__":
    main(sys.argv[1:])
