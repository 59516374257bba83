"""Random large equations beside `torch.einsum`: `python benchmarks/equations.py` fills docs/speed.md.

2,000 equations in eight kinds, both contenders in the same rounds, on one thread. Times are processor time of
the process, which other work on the machine changes little.
Writes equations.json; `--fill` only fills the page.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pages import fill, table
from timing import machine
from torch import Tensor

from typed_einsum import einsum

HERE = Path(__file__).parent
RECORD = HERE / "equations.json"
PAGE = HERE.parent / "docs" / "speed.md"

PER_KIND = 250
ROUNDS = 30
MOST_ROUNDS = 120
"""A ratio that looks bad is measured again with so many rounds."""
LOOKS_BAD = 1.02
LEAST_WORK, MOST_WORK = 2**18, 2**24
"""Multiply-adds of an equation, if each name counts once."""
MOST_ENTRIES = 2**20
WORST = 10
PARTS = (0.1, 0.5, 0.9, 0.99, 1.0)


@dataclass(frozen=True)
class Case:
    """One equation with the sizes of its axes, and the axes that one operand alone has."""

    kind: str
    operands: tuple[str, ...]
    output: str
    sizes: dict[str, int]
    alone: str = ""

    @property
    def text(self) -> str:
        """The equation in letters."""
        return f"{','.join(self.operands)}->{self.output}"

    def tensors(self) -> list[Tensor]:
        """Operands of these sizes."""
        return [torch.randn([self.sizes[letter] for letter in row]) for row in self.operands]

    @property
    def work(self) -> int:
        """Multiply-adds, if all axes met in one product."""
        return math.prod(self.sizes.values())

    @property
    def largest(self) -> int:
        """The entries of the largest operand, or of the output."""
        return max(math.prod(self.sizes[x] for x in row) for row in (*self.operands, self.output))


def shuffled(drawing: random.Random, letters: str) -> str:
    """The letters in another order."""
    return "".join(drawing.sample(letters, len(letters)))


def pair(drawing: random.Random, kind: str, batch: int, free: tuple[int, int], contracted: int) -> Case:
    """Two operands with so many axes of each class, everything in any order."""
    names = iter(shuffled(drawing, "abcdefghijklmnopqrstuvwxyz"))
    b, left, right, c = ("".join(next(names) for _ in range(n)) for n in (batch, *free, contracted))
    rows = (shuffled(drawing, b + left + c), shuffled(drawing, b + right + c))
    return Case(kind, rows, shuffled(drawing, b + left + right), {})


def one_contracted(drawing: random.Random) -> Case:
    free = drawing.randint(1, 2), drawing.randint(1, 2)
    return pair(drawing, "one contracted axis", 0, free, 1)


def several_contracted(drawing: random.Random) -> Case:
    free = drawing.randint(0, 2), drawing.randint(0, 2)
    return pair(drawing, "several contracted axes", drawing.randint(0, 1), free, drawing.randint(2, 3))


def batched(drawing: random.Random) -> Case:
    free = drawing.randint(0, 2), drawing.randint(0, 2)
    return pair(drawing, "batch axes", drawing.randint(1, 2), free, 1)


def entrywise(drawing: random.Random) -> Case:
    free = drawing.randint(0, 2), drawing.randint(0, 2)
    return pair(drawing, "no contracted axis", drawing.randint(1, 3), free, 0)


def diagonals(drawing: random.Random) -> Case:
    case = pair(
        drawing, "diagonals", drawing.randint(0, 1), (drawing.randint(0, 1), 1), drawing.randint(1, 2)
    )
    rows = list(case.operands)
    which = drawing.randrange(2)
    rows[which] = shuffled(drawing, rows[which] + drawing.choice(rows[which]))
    return Case(case.kind, tuple(rows), case.output, {})


def alone(drawing: random.Random) -> Case:
    case = pair(drawing, "axes summed alone", drawing.randint(0, 1), (1, drawing.randint(0, 2)), 1)
    own = drawing.choice([letter for letter in case.operands[0] if letter not in case.operands[1]])
    output = case.output.replace(own, "")
    return Case(case.kind, case.operands, output, {}, own)


def tiny_free(drawing: random.Random) -> Case:
    case = pair(
        drawing, "tiny free axes", drawing.randint(0, 2), (1, drawing.randint(0, 1)), drawing.randint(1, 2)
    )
    left, right = (set(row) for row in case.operands)
    tiny = {letter: drawing.randint(1, 4) for letter in sorted(left ^ right)}
    return Case(case.kind, case.operands, case.output, tiny)


def three_operands(drawing: random.Random) -> Case:
    letters = shuffled(drawing, "abcdefg")[: drawing.randint(4, 6)]
    rows = ["", "", ""]
    for letter in letters:
        for i in drawing.sample(range(3), 2):
            rows[i] += letter
    rows = [shuffled(drawing, row) for row in rows]
    output = shuffled(drawing, letters)[: drawing.randint(1, 3)]
    return Case("three operands", tuple(rows), output, {})


KINDS: tuple[Callable[[random.Random], Case], ...] = (
    one_contracted,
    several_contracted,
    batched,
    entrywise,
    diagonals,
    alone,
    tiny_free,
    three_operands,
)


def sized(drawing: random.Random, case: Case) -> Case | None:
    """The equation with sizes whose work and entries lie in their bounds; None where no draw does."""
    letters = sorted(set("".join(case.operands)) - case.sizes.keys())
    for _ in range(200):
        sizes = {letter: round(2 ** drawing.uniform(1, 11)) for letter in letters}
        found = Case(case.kind, case.operands, case.output, case.sizes | sizes, case.alone)
        if LEAST_WORK <= found.work <= MOST_WORK and found.largest <= MOST_ENTRIES:
            return found
    return None


def cases(per_kind: int, seed: int = 0) -> Iterator[Case]:
    """The equations, the same in every run."""
    for kind in KINDS:
        drawing = random.Random(f"{seed} {kind.__name__}")
        count = 0
        while count < per_kind:
            drawn = kind(drawing)
            if not all(drawn.operands):
                continue
            case = sized(drawing, drawn)
            if case is not None:
                count += 1
                yield case


def ratio(case: Case, rounds: int = ROUNDS) -> tuple[float, float]:
    """Our time as a part of torch's, and torch's own in microseconds: medians of interleaved rounds."""
    tensors = case.tensors()
    calls: tuple[Callable[[], Any], ...] = (
        lambda: einsum(case.text, *tensors, sum=case.alone or None),
        lambda: torch.einsum(case.text, *tensors),
    )
    for call in calls * 2:
        call()
    times: tuple[list[int], list[int]] = ([], [])
    for turn in range(rounds):
        for i in (0, 1) if turn % 2 else (1, 0):
            start = time.process_time_ns()
            calls[i]()
            times[i].append(time.process_time_ns() - start)
    ours, theirs = (statistics.median(each) for each in times)
    return ours / theirs, theirs / 1000


def percentile(ratios: Sequence[float], part: float) -> float:
    """The ratio that this part of all does not exceed."""
    return sorted(ratios)[min(len(ratios) - 1, math.ceil(part * len(ratios)) - 1)]


def measured(per_kind: int) -> dict[str, Any]:
    """Every ratio, by kind."""
    rows = []
    gc.disable()
    for number, case in enumerate(cases(per_kind), 1):
        found, microseconds = ratio(case)
        if found > LOOKS_BAD:
            found, microseconds = ratio(case, MOST_ROUNDS)
        rows.append([case.kind, case.text, case.sizes, round(found, 3), round(microseconds, 1)])
        if number % 100 == 0:
            gc.collect()
            print(number, "of", per_kind * len(KINDS), file=sys.stderr)
    gc.enable()
    return {"machine": machine(), "rounds": ROUNDS, "equations": rows}


def tables(record: dict[str, Any]) -> dict[str, str]:
    """The tables of docs/speed.md, by marker."""
    rows = record["equations"]
    kinds = {"all": rows} | {
        kind: [r for r in rows if r[0] == kind] for kind in dict.fromkeys(r[0] for r in rows)
    }
    by_kind = [
        [kind, f"{len(some):,}", *(f"{percentile([r[3] for r in some], part):.2f}" for part in PARTS)]
        for kind, some in kinds.items()
    ]
    worst = [
        [
            f"`{text}`",
            " ".join(f"{name}={size}" for name, size in sizes.items()),
            f"{found:.2f}",
            f"{time_:,.0f}",
        ]
        for _, text, sizes, found, time_ in sorted(rows, key=lambda row: -row[3])[:WORST]
    ]
    where = record["machine"]
    said = (
        f"{where['processor']}, one thread, torch {where['torch']}, Python {where['python']}; medians of "
        f"{record['rounds']} rounds of processor time, of {MOST_ROUNDS} where a ratio was above {LOOKS_BAD}."
    )
    head = ["kind", "equations", *(f"{part:.0%}" for part in PARTS[:-1]), "worst"]
    return {
        "equations: kinds": table(head, by_kind),
        "equations: worst": table(["equation", "sizes", "ratio", "torch.einsum, µs"], worst),
        "equations: machine": said,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--fill", action="store_true", help="fill the page from the record, and measure nothing"
    )
    parser.add_argument("--quick", action="store_true", help="20 of each kind; nothing is written")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.quick:
        print(*tables(measured(20)).values(), sep="\n\n")
        return
    if not options.fill:
        rows = measured(PER_KIND)
        RECORD.write_text(dumped(rows), encoding="utf-8")
    fill(PAGE, tables(json.loads(RECORD.read_text(encoding="utf-8"))))


def dumped(record: dict[str, Any]) -> str:
    """The record with one equation on each line."""
    lines = ",\n".join(f"  {json.dumps(row)}" for row in record["equations"])
    rest = json.dumps({name: value for name, value in record.items() if name != "equations"}, indent=1)
    return f'{rest[:-2]},\n "equations": [\n{lines}\n ]\n}}\n'


if __name__ == "__main__":
    main()
