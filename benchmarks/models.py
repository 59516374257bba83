"""What checks cost a whole model: `python benchmarks/models.py` fills docs/models.md.

Small models, written from the papers, with each function annotated. Each exists twice with the same weights
in the same memory: with `shape_checked` on every function, and without any decorator of ours, with checks off
for the parts that are this library's own. A step is forward and backward, on one thread. Both take turns in
every round, and so does the unchecked one again: its difference from itself shows what cannot be told from
noise. A percentage is the median over the rounds of the difference within a round. Times are processor time
of the process, which other work on the machine changes little. Writes models.json; `--fill` only fills the
page.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial, wraps
from itertools import permutations
from pathlib import Path
from typing import Any

from timing import machine, peak_bytes  # isort: skip  # before torch, which reads what it sets

import torch
from pages import fill, table
from torch import Tensor
from whole_models import MODELS, Check, Model

from typed_einsum import checks_off, shape_checked

HERE = Path(__file__).parent
RECORD = HERE / "models.json"
PAGE = HERE.parent / "docs" / "models.md"

MOST_ROUNDS = 601
LEAST_SECONDS = 0.1
"""Short steps have more rounds, until each round asked for stands for so much time."""


def undecorated(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as it is."""
    return function


def pair(make: Callable[[Check], Model]) -> tuple[Model, Model]:
    """The model with and without checks, with the same weights and inputs, which also lie in the same memory.

    Where tensors lie changes a step by more than checks do.
    """
    torch.manual_seed(0)
    checked = make(shape_checked)
    torch.manual_seed(0)
    unchecked = make(undecorated)
    owners = dict(checked.module.named_modules())
    for name, module in unchecked.module.named_modules():
        for own in list(module._parameters):
            module._parameters[own] = owners[name]._parameters[own]
    return checked, Model(unchecked.module, checked.inputs)


def step(model: Model, run: Callable[..., Tensor]) -> Tensor:
    """The loss, after its gradients were computed."""
    model.module.zero_grad(set_to_none=True)
    loss = run(*model.inputs)
    loss.backward()
    return loss.detach()


def steps(name: str, backend: str | None) -> Iterator[tuple[str, Callable[[], Tensor]]]:
    """A step with and without checks, and without them again, compiled where a backend is given."""
    checked, unchecked = pair(MODELS[name])
    for kind, model in (("checked", checked), ("unchecked", unchecked), ("again", unchecked)):
        off = nullcontext if kind == "checked" else checks_off
        run: Callable[..., Tensor] = model.module
        if backend is not None:
            run = torch.compile(model.module, fullgraph=True, backend=backend)

        def one(model: Model = model, run: Callable[..., Tensor] = run, off: Any = off) -> Tensor:
            with off():
                return step(model, run)

        yield kind, one


def medians(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Milliseconds of an unchecked step, and percentages: how much longer the others take within a round.

    All take their turn in every round, in an order that changes; short steps have more rounds.
    """
    times: dict[str, list[int]] = {name: [] for name in calls}
    turns: list[int] = []
    for call in calls.values():
        call()
        start = time.process_time()
        call()
        turns.append(int(rounds * LEAST_SECONDS / (time.process_time() - start)))
    rounds = min(max(rounds, *turns), MOST_ROUNDS)
    orders = list(permutations(calls))
    gc.collect()
    gc.disable()  # a collection would fall on one of them by chance
    for turn in range(rounds):
        for name in orders[turn % len(orders)]:
            start = time.process_time_ns()
            calls[name]()
            times[name].append(time.process_time_ns() - start)
    gc.enable()
    unchecked = times["unchecked"]
    longer = {
        name: statistics.median(
            (own / other - 1) * 100 for own, other in zip(times[name], unchecked, strict=True)
        )
        for name in ("checked", "again")
    }
    return {"ms": statistics.median(unchecked) / 1e6, "rounds": rounds, **longer}


def peaks(name: str) -> dict[str, float]:
    """The most memory that a step takes beyond what was there before, in MiB."""
    found = {}
    for kind, model in zip(("checked", "unchecked"), pair(MODELS[name]), strict=True):
        with nullcontext() if kind == "checked" else checks_off():
            step(model, model.module)
            model.module.zero_grad(set_to_none=True)  # or the step would free what it did not allocate
            found[kind] = peak_bytes(partial(step, model, model.module)) / 2**20
    return found


def checked_calls(name: str) -> int:
    """How many calls of a step are checked."""
    count = 0

    def counting(function: Callable[..., Any]) -> Any:
        @wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            return function(*args, **kwargs)

        return counted

    model = MODELS[name](counting)
    model.module(*model.inputs)
    return count


def measured(rounds: int, backend: str, names: Sequence[str]) -> dict[str, Any]:
    """Times of steps, and peak memory in MiB."""
    found: dict[str, Any] = {}
    for name in names:
        eager, compiled = dict(steps(name, None)), dict(steps(name, backend))
        assert torch.allclose(eager["checked"](), eager["unchecked"]())
        found[name] = {
            "eager": medians(eager, rounds),
            "compiled": medians(compiled, rounds),
            "MiB": peaks(name),
            "checks": checked_calls(name),
        }
        print(name, found[name], flush=True)
    return found


def tables(record: dict[str, Any]) -> dict[str, str]:
    """The tables of docs/models.md, by marker."""
    rows = [
        [
            name,
            str(each["checks"]),
            f"{each['eager']['ms']:.1f}",
            f"{each['eager']['checked']:+.2f} %",
            f"{each['eager']['again']:+.2f} %",
            f"{each['compiled']['ms']:.1f}",
            f"{each['compiled']['checked']:+.2f} %",
            f"{each['compiled']['again']:+.2f} %",
            f"{each['MiB']['unchecked']:.1f}",
            f"{each['MiB']['checked']:.1f}",
        ]
        for name, each in record["models"].items()
    ]
    host = record["machine"]
    return {
        "models: times": table(
            [
                "model",
                "checked calls",
                *("eager, ms", "checked", "noise"),
                *("compiled, ms", "checked", "noise"),
                *("peak MiB", "checked"),
            ],
            rows,
        ),
        "models: machine": (
            f"{host['processor']}, {host['threads']} thread, load average {record['load']:.0f}, torch "
            f"{host['torch']}, backend `{record['backend']}`, medians of {record['rounds']} rounds or more, "
            f"up to {MOST_ROUNDS} for short steps."
        ),
    }


def main() -> None:
    """Measure, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--backend", default="inductor")
    parser.add_argument("--quick", action="store_true", help="7 rounds, for a look; nothing is written")
    parser.add_argument(
        "--fill", action="store_true", help="fill the page from the record, and measure nothing"
    )
    parser.add_argument("--only", nargs="*", default=list(MODELS), help="these models; nothing is written")
    options = parser.parse_args()
    if options.fill:
        fill(PAGE, tables(json.loads(RECORD.read_text(encoding="utf-8"))))
        return
    torch.set_num_threads(1)
    if options.quick or options.only != list(MODELS):
        measured(7 if options.quick else options.rounds, options.backend, options.only)
        return
    record = {
        "machine": machine(),
        "load": os.getloadavg()[0],
        "rounds": options.rounds,
        "backend": options.backend,
        "models": measured(options.rounds, options.backend, options.only),
    }
    RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    fill(PAGE, tables(record))


if __name__ == "__main__":
    main()
