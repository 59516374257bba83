"""What a checked call costs: `python benchmarks/speed.py` writes speed.json and docs/speed.md.

Sections: tiny calls, the cost of the checks alone, that of each kind of annotation, 400 equations of public
code at small sizes, the same at large sizes (forward, forward and backward, peak memory), and import time.
`--only SECTION` runs one.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import timeit
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from beartype import beartype
from jaxtyping import Float, jaxtyped
from pages import fill, table
from timing import machine, medians, peak_bytes
from torch import Tensor

from typed_einsum import einsum, errors, shape_checked, typed_einsum

HERE = Path(__file__).parent
RECORD = HERE / "speed.json"
PAGE = HERE.parent / "docs" / "speed.md"
EQUATIONS = HERE.parent / "tests" / "equations.json"

LOOKS_BAD = 1.05
"""A ratio above this is measured again at large sizes, where a call takes too long for many rounds."""


@typed_einsum
def scores(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]: ...


def bare_scores(query: Tensor, key: Tensor) -> Tensor:
    """The plan of `scores`, called bare."""
    return torch.bmm(query, key.mT)


def two_shapes(query: Tensor, key: Tensor) -> bool:
    """The least that any check must do: read two shapes and compare."""
    b, _, d = query.shape
    return key.shape[0] == b and key.shape[2] == d


def nothing(query: Tensor, key: Tensor) -> bool:
    """A call that does not even look."""
    return True


@jaxtyped(typechecker=beartype)
def jaxtyped_scores(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]:
    return torch.einsum("bqd,bkd->bqk", query, key)


def three(
    x: Float[Tensor, "b t c"], y: Float[Tensor, "b s c"], z: Float[Tensor, "t s"]
) -> Float[Tensor, "b t c"]:
    return x


def tiny(rounds: int) -> dict[str, Any]:
    """Per call on (2, 3, 5) and (2, 4, 5), one thread."""
    query, key = torch.randn(2, 3, 5), torch.randn(2, 4, 5)
    calls: dict[str, Callable[[], Any]] = {
        "torch.einsum": lambda: torch.einsum("bqd,bkd->bqk", query, key),
        "@typed_einsum": lambda: scores(query, key),
        "einsum, named": lambda: einsum("b q d, b k d -> b q k", query, key),
        "einsum, classic": lambda: einsum("bqd,bkd->bqk", query, key),
        "torch.bmm by hand": lambda: bare_scores(query, key),
        "jaxtyping + beartype": lambda: jaxtyped_scores(query, key),
        **_rivals(query, key),
    }
    return _against("torch.einsum", medians(calls, rounds))


def _rivals(query: Tensor, key: Tensor) -> dict[str, Callable[[], Any]]:
    """einops, einx and opt_einsum, those that are installed."""
    found: dict[str, Callable[[], Any]] = {}
    try:
        import einops

        found["einops"] = lambda: einops.einsum(query, key, "b q d, b k d -> b q k")
    except ImportError:
        pass
    try:
        import einx

        found["einx"] = lambda: einx.dot("b q d, b k d -> b q k", query, key)
    except ImportError:
        pass
    try:
        import opt_einsum

        found["opt_einsum"] = lambda: opt_einsum.contract("bqd,bkd->bqk", query, key)
    except ImportError:
        pass
    return found


def checks(rounds: int) -> dict[str, Any]:
    """What the checks add: a call minus the same work without them."""
    query, key = torch.randn(2, 3, 5), torch.randn(2, 4, 5)
    x, y, z = torch.randn(2, 3, 5), torch.randn(2, 4, 5), torch.randn(3, 4)
    ours, theirs = shape_checked(three), jaxtyped(three, typechecker=beartype)
    plain = medians(
        {
            "typed": lambda: scores(query, key),
            "bare plan": lambda: bare_scores(query, key),
            "jaxtyped": lambda: jaxtyped_scores(query, key),
            "bare einsum": lambda: torch.einsum("bqd,bkd->bqk", query, key),
            "shape_checked": lambda: ours(x, y, z),
            "jaxtyped three": lambda: theirs(x, y, z),
            "unchecked three": lambda: three(x, y, z),
            "two shapes": lambda: two_shapes(query, key),
            "nothing": lambda: nothing(query, key),
        },
        rounds,
    )
    typed = plain["typed"] - plain["bare plan"]
    jaxtyping = plain["jaxtyped"] - plain["bare einsum"]
    checked = plain["shape_checked"] - plain["unchecked three"]
    jaxtyping_three = plain["jaxtyped three"] - plain["unchecked three"]
    return {
        "typed_einsum, two tensors": {
            "µs": typed * 1e6,
            "jaxtyping + beartype, µs": jaxtyping * 1e6,
            "ratio": typed / jaxtyping,
        },
        "shape_checked, three tensors": {
            "µs": checked * 1e6,
            "jaxtyping + beartype, µs": jaxtyping_three * 1e6,
            "ratio": checked / jaxtyping_three,
        },
        "reading two shapes and comparing": {"µs": (plain["two shapes"] - plain["nothing"]) * 1e6},
    }


Row = tuple[str, Callable[..., Any], tuple[Any, ...]]


def kinds_of_annotations() -> list[Row]:
    """A function for each kind of annotation, with the arguments that it is called with."""
    x, small = torch.randn(2, 3, 12), torch.randn(2, 3)
    five = [x] * 5

    def one(hint: Any) -> Callable[..., Any]:
        def function(x: Any) -> None: ...

        function.__annotations__ = {"x": hint}
        return function

    def solved(x: Float[Tensor, "b t m*c"], m: int) -> None: ...

    def merged(x: Float[Tensor, "b h*w"], table: Float[Tensor, "h w"]) -> None: ...

    def field(x: Float[Tensor, "b t {c}"], c: int) -> None: ...

    image, shape = Float[Tensor, "b t c"], Float[Tensor, "b t"]
    return [
        ('`Float[Tensor, "b t c"]`', one(image), (x,)),
        ('`Float[Tensor, "#b t c"]`', one(Float[Tensor, "#b t c"]), (x[:1],)),
        ('`Float[Tensor, "*#b c"]`', one(Float[Tensor, "*#b c"]), (x,)),
        ('`Float[Tensor, "b t m*c"]`, `m: int`', solved, (x, 3)),
        ('`Float[Tensor, "b h*w"]`, `Float[Tensor, "h w"]`', merged, (torch.randn(2, 6), small)),
        ('`Float[Tensor, "b t {c}"]`, `c: int`', field, (x, 12)),
        ("a tensor or `None`", one(image | None), (x,)),
        ("one of two tensors", one(shape | image), (x,)),
        ("`list` of one tensor", one(list[image]), (five[:1],)),
        ("`list` of five", one(list[image]), (five,)),
        ("`tuple[X, ...]` of five", one(tuple[image, ...]), (tuple(five),)),
        ("`dict` of five", one(dict[str, image]), (dict(zip("abcde", five, strict=True)),)),
        ("`list[int]`, judged by beartype", one(list[int]), ([1, 2, 3],)),
    ]


def kinds(rounds: int) -> dict[str, Any]:
    """What the check of each kind of annotation adds to a call, and what it adds under jaxtyping."""
    found = {}
    for name, function, arguments in kinds_of_annotations():
        ours = shape_checked(function)
        calls: dict[str, Callable[[], Any]] = {
            "unchecked": lambda f=function, a=arguments: f(*a),  # type: ignore[misc]
            "checked": lambda f=ours, a=arguments: f(*a),  # type: ignore[misc]
        }
        if "m*c" not in name and "h*w" not in name:  # jaxtyping needs all names of an expression before it
            theirs = jaxtyped(function, typechecker=beartype)
            calls["jaxtyped"] = lambda f=theirs, a=arguments: f(*a)  # type: ignore[misc]
        took = {call: _least(run, 10 * rounds) for call, run in calls.items()}
        added = {call: round((took[call] - took["unchecked"]) * 1e6, 2) for call in took}
        found[name] = {"µs": added["checked"], "jaxtyping + beartype, µs": added.get("jaxtyped")}
    return {"machine": machine(), "added": found}


@dataclass(frozen=True)
class Case:
    """An equation with operands of some size."""

    equation: str
    operands: tuple[Tensor, ...]
    summed: str | None

    def ours(self) -> Tensor:
        return einsum(self.equation, *self.operands, sum=self.summed)

    def theirs(self) -> Tensor:
        return torch.einsum(self.equation, *self.operands)

    def backward(self, forward: Callable[[], Tensor]) -> None:
        result = forward()
        torch.autograd.grad(result, self.operands, torch.ones_like(result))


def cases(size_of: Callable[[list[list[str]]], dict[str, int]], grad: bool = False) -> Iterator[Case]:
    """Every equation that runs, with operands of the sizes that `size_of` chooses."""
    generator = torch.Generator().manual_seed(0)
    for entry in json.loads(EQUATIONS.read_text()):
        equation: str = entry["equation"]
        if "->" not in equation:
            continue
        inputs, output = ("".join(part.split()) for part in equation.split("->"))
        letters = [list(part.replace("...", "~^")) for part in inputs.split(",")]
        sizes = size_of([*letters, list(output.replace("...", "~^"))])
        shapes = [[sizes[letter] for letter in part] for part in letters]
        operands = tuple(torch.randn(shape, generator=generator, requires_grad=grad) for shape in shapes)
        kept = set(output.replace("...", "~^"))
        every = [letter for part in letters for letter in dict.fromkeys(part)]
        alone = [letter for letter in every if letter not in kept and every.count(letter) == 1]
        summed = " ".join(dict.fromkeys("..." if letter in "~^" else letter for letter in alone)) or None
        if "..." in inputs and "..." not in output:
            summed = " ".join(dict.fromkeys([*(summed or "").split(), "..."]))
        case = Case(equation, operands, summed if len(letters) > 1 or (summed and "." in summed) else None)
        try:
            case.ours()
        except errors.TypedEinsumError as error:
            print(f"left out: {equation} ({error.code})", file=sys.stderr)
            continue
        yield case


def small_sizes(letters: list[list[str]]) -> dict[str, int]:
    """2, 3, 4, 5, 2, 3 …: never square, always tiny."""
    return {letter: 2 + i % 4 for i, letter in enumerate(sorted({x for part in letters for x in part}))}


def large_sizes(letters: list[list[str]]) -> dict[str, int]:
    """Sizes that differ, grown together until the work or a tensor is large."""
    names = sorted({x for part in letters for x in part})
    base = 2.0
    while True:
        spread = [0.75 + 0.5 * i / max(1, len(names) - 1) for i in range(len(names))]
        sizes = {name: max(2, round(base * part)) for name, part in zip(names, spread, strict=True)}
        work = math.prod(sizes.values())
        entries = max(math.prod(sizes[x] for x in part) for part in letters)
        if work > 4e7 or entries > 4e6:
            return sizes
        base *= 1.05


def small(rounds: int) -> dict[str, Any]:
    """All equations at small sizes, forward: ratio to torch.einsum."""
    ratios = {}
    for case in cases(small_sizes):
        took = medians({"ours": case.ours, "theirs": case.theirs}, rounds, seconds=0.001)
        ratios[case.equation] = took["ours"] / took["theirs"]
    return _summary(ratios)


def large(rounds: int) -> dict[str, Any]:
    """All equations at large sizes: forward, forward and backward, peak memory; forward against itself."""
    forward, itself, both, memory = {}, {}, {}, {}
    for case in cases(large_sizes, grad=True):
        with torch.no_grad():
            forward[case.equation] = _ratio(case.ours, case.theirs, rounds)
            itself[case.equation] = _ratio(case.theirs, case.theirs, rounds)
            # One float more on both sides: some results are views, and take no memory at all.
            memory[case.equation] = (peak_bytes(case.ours) + 4) / (peak_bytes(case.theirs) + 4)
        both[case.equation] = _ratio(
            lambda c=case: c.backward(c.ours), lambda c=case: c.backward(c.theirs), rounds
        )
        columns = [found[case.equation] for found in (forward, both, memory, itself)]
        print(f"{case.equation:<40} " + " ".join(f"{ratio:5.2f}" for ratio in columns))
    return {
        "forward": _summary(forward),
        "forward, torch.einsum against itself": _summary(itself),
        "forward + backward": _summary(both),
        "peak memory": _summary(memory),
    }


def _ratio(ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int) -> float:
    """Ours against theirs. A ratio that looks bad is measured again, three times as long: that one counts."""
    for repeated in (rounds, 3 * rounds):
        took = medians({"ours": ours, "theirs": theirs}, repeated, seconds=0.0)
        ratio = took["ours"] / took["theirs"]
        if ratio <= LOOKS_BAD:
            break
    return ratio


def imports(rounds: int) -> dict[str, Any]:
    """What `import typed_einsum` takes after `import torch`, in fresh processes."""
    statement = "from typed_einsum import einsum, errors, shape_checked, shaped, typed_einsum"
    code = (
        "import time, torch; start = time.process_time(); import typed_einsum; "
        f"plain = time.process_time(); {statement}; "
        "print(plain - start, time.process_time() - start)"
    )
    # Compiled files are kept between runs, as on any machine that is used twice.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    times = []
    for _ in range(max(5, rounds // 3)):
        out = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
        )
        times.append([float(seconds) for seconds in out.stdout.split()])
    plain, everything = (statistics.median(column) * 1e3 for column in zip(*times, strict=True))
    return {"import typed_einsum, ms": plain, "all its names, ms": everything}


def _against(name: str, times: dict[str, float]) -> dict[str, Any]:
    return {
        other: {"µs": round(seconds * 1e6, 2), "ratio": round(seconds / times[name], 3)}
        for other, seconds in times.items()
    }


def _summary(ratios: dict[str, float]) -> dict[str, Any]:
    worst = sorted(ratios, key=lambda equation: -ratios[equation])[:12]
    return {
        "equations": len(ratios),
        "above 1.10": sum(ratio > 1.10 for ratio in ratios.values()),
        "geometric mean": math.exp(statistics.fmean(math.log(ratio) for ratio in ratios.values())),
        "worst": {equation: round(ratios[equation], 2) for equation in worst},
    }


def tables(record: dict[str, Any]) -> dict[str, str]:
    """The tables of docs/speed.md, by marker."""
    tiny, checks, large = record["tiny"], record["checks"], record["large"]
    floor = checks["reading two shapes and comparing"]
    two, three = checks["typed_einsum, two tensors"], checks["shape_checked, three tensors"]
    forward, itself = large["forward"], large["forward, torch.einsum against itself"]
    both, memory = large["forward + backward"], large["peak memory"]
    targets = [
        (
            "`@typed_einsum`, tiny call / bare `torch.einsum`",
            "≤ 0.40",
            f"{tiny['@typed_einsum']['ratio']:.2f}",
        ),
        ("`einsum`, tiny call / bare `torch.einsum`", "≤ 0.50", f"{tiny['einsum, named']['ratio']:.2f}"),
        ("checks of `@typed_einsum`, two tensors", "≤ 1.0 µs", f"{two['µs']:.2f} µs"),
        ("the same / those of jaxtyping + beartype", "≤ 1/20", f"1/{1 / two['ratio']:.0f}"),
        ("checks of `shape_checked`, three tensors", "≤ 1.5 µs", f"{three['µs']:.2f} µs"),
        ("the same / those of jaxtyping + beartype", "≤ 1/15", f"1/{1 / three['ratio']:.0f}"),
        (
            f"{record['small']['equations']} equations, small sizes, geometric mean",
            "≤ 0.60",
            _mean(record["small"]),
        ),
        ("large sizes, forward, geometric mean", "≤ 0.95", _mean(forward)),
        ("large sizes, forward and backward, geometric mean", "≤ 0.95", _mean(both)),
        ("large sizes, forward, the worst equation", "≤ 1.10", _worst(forward)),
        ("large sizes, `torch.einsum` against itself, the worst equation", "", _worst(itself)),
        ("large sizes, forward and backward, the worst equation", "≤ 1.10", _worst(both)),
        ("large sizes, peak memory, the worst equation", "≤ 1.05", _worst(memory)),
        ("`import typed_einsum` after `import torch`", "≤ 40 ms", _ms(record, "import typed_einsum, ms")),
        ("the same with all its names", "", _ms(record, "all its names, ms")),
    ]
    host = record["machine"]
    return {
        "speed: targets": table(["work", "target", "measured"], targets),
        "speed: tiny": table(
            ["call", "µs", "torch.einsum = 1"],
            [[name, f"{row['µs']:.1f}", f"{row['ratio']:.2f}"] for name, row in tiny.items()],
        ),
        "speed: floor": (
            f"To read two shapes and compare them takes {floor['µs']:.2f} µs here; `torch.bmm` by hand, "
            f"{tiny['torch.bmm by hand']['µs']:.1f} µs. No check can cost less than the first, and no "
            "contraction less than the second."
        ),
        "speed: kinds": table(
            ["annotation", "µs", "jaxtyping + beartype, µs"],
            [
                [name, f"{row['µs']:.2f}", _or_nothing(row["jaxtyping + beartype, µs"])]
                for name, row in record["kinds"]["added"].items()
            ],
        ),
        "speed: machine": (
            f"{host['processor']}, {host['cores']} cores, {host['threads']} thread, Python {host['python']}, "
            f"torch {host['torch']}, `OMP_WAIT_POLICY={host['OMP_WAIT_POLICY']}`."
        ),
    }


def _least(call: Callable[[], Any], rounds: int) -> float:
    """The least time of a call in several rounds: what the call itself takes, whatever runs beside it."""
    return min(timeit.repeat(call, number=200, repeat=rounds)) / 200


def _or_nothing(microseconds: float | None) -> str:
    return "" if microseconds is None else f"{microseconds:.1f}"


def _mean(summary: dict[str, Any]) -> str:
    return f"{summary['geometric mean']:.2f}"


def _worst(summary: dict[str, Any]) -> str:
    equation, ratio = next(iter(summary["worst"].items()))
    above = f", {summary['above 1.10']} above 1.10" if summary["above 1.10"] else ""
    return f"{ratio:.2f} (`{equation}`{above})"


def _ms(record: dict[str, Any], name: str) -> str:
    return f"{record['imports'][name]:.1f} ms"


SECTIONS = {
    "tiny": tiny,
    "checks": checks,
    "kinds": kinds,
    "small": small,
    "large": large,
    "imports": imports,
}


def main() -> None:
    """Run the sections and write what they found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SECTIONS, action="append")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, default=RECORD)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    known = json.loads(options.json.read_text()) if options.json.exists() else {}
    known["machine"] = machine()
    for name in options.only or SECTIONS:
        known[name] = SECTIONS[name](options.rounds)
        print(f"\n{name}: {(SECTIONS[name].__doc__ or '').splitlines()[0]}")
        print(json.dumps(known[name], indent=1, ensure_ascii=False))
    options.json.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")
    if options.json == RECORD and known.keys() >= SECTIONS.keys():
        fill(PAGE, tables(known))


if __name__ == "__main__":
    main()
