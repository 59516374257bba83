"""Late interaction on a CPU, beside its rivals: `python benchmarks/retrieval.py` fills docs/retrieval.md.

All contenders take turns in every round. Peak memory is beyond the inputs, by torch's own profiler, as if
each thread needed all that one thread alone needs. `maxsim-cpu` and `late-interaction-kernels` are measured
where they are installed. The memory of the first is not torch's, so it is not told. Writes retrieval.json.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from timing import machine, medians, peak_bytes_of_all  # isort: skip  # before torch, which reads what it sets

import torch
from pages import fill, table
from torch import Tensor

from typed_einsum import attention

HERE = Path(__file__).parent
RECORD = HERE / "retrieval.json"
PAGE = HERE.parent / "docs" / "retrieval.md"

OURS = "typed-einsum"
PLAIN = "einsum, then max"
KERNELS = "late-interaction-kernels"
"""Its path for a CPU, where its kernels do not run."""


@dataclass
class Work:
    """One task, and each contender's way to do it."""

    name: str
    ways: dict[str, Callable[[], Any]]


def einsum_then_max(query: Tensor, document: Tensor, mask: Tensor | None = None) -> Tensor:
    """All scores, then their maximum."""
    scores = torch.einsum("bqc,nkc->bnqk", query, document)
    if mask is not None:
        scores = scores.masked_fill(~mask[:, None, :], -torch.inf)
    return scores.max(-1).values.sum(-1)


def matmul_then_amax(query: Tensor, document: Tensor, mask: Tensor | None = None) -> Tensor:
    """The same by a product of matrices, and `amax`, whose gradient is divided among equals."""
    scores = document @ query[0].T
    if mask is not None:
        scores = scores.masked_fill(~mask[..., None], -torch.inf)
    return scores.amax(1).sum(-1)[None]


def each_document(query: Tensor, tokens: Tensor, lengths: list[int]) -> Tensor:
    """Packed documents, one product for each."""
    return torch.stack([(query[0] @ part.T).amax(1).sum() for part in tokens.split(lengths)])[None]


def both_ways(function: Callable[..., Tensor], *operands: Tensor) -> None:
    """Forward and backward."""
    result = function(*operands)
    torch.autograd.grad(result, operands, torch.ones_like(result))


def padded(documents: int, tokens: int, dtype: torch.dtype) -> Iterator[Work]:
    """32 query tokens against documents with 128 channels, without and with padding, and with gradients."""
    query, document = torch.randn(1, 32, 128).to(dtype), torch.randn(documents, tokens, 128).to(dtype)
    lengths = torch.randint(tokens // 4, tokens + 1, (documents,))
    mask = torch.arange(tokens) < lengths.unsqueeze(1)
    size = f"{documents:,} documents of {tokens} tokens, {str(dtype).removeprefix('torch.')}"
    ways: dict[str, Callable[..., Tensor]] = {
        OURS: attention.late_interaction,
        PLAIN: einsum_then_max,
        "matmul, then amax": matmul_then_amax,
    }
    if find_spec("late_interaction_kernels"):
        from late_interaction_kernels.reference import maxsim_reference

        ways[KERNELS] = lambda q, d, mask=None: maxsim_reference(q, d, d_mask=mask)
    plain: dict[str, Callable[[], Any]] = {name: partial(way, query, document) for name, way in ways.items()}
    if find_spec("maxsim_cpu") and dtype == torch.float32:
        import maxsim_cpu

        plain["maxsim-cpu"] = lambda: maxsim_cpu.maxsim_scores(query[0].numpy(), document.numpy())
    with torch.no_grad():
        yield Work(size, plain)
        yield Work(
            f"{size}, padded",
            {name: partial(way, query, document, mask) for name, way in ways.items()},
        )
    some = query.clone().requires_grad_(), document.clone().requires_grad_()
    yield Work(
        f"{size}, with gradients", {name: partial(both_ways, way, *some) for name, way in ways.items()}
    )


def packed(documents: int, most: int) -> Iterator[Work]:
    """Documents of different lengths, one after another."""
    query, lengths = torch.randn(1, 32, 128), torch.randint(most // 4, most + 1, (documents,))
    tokens, listed = torch.randn(int(lengths.sum()), 128), lengths.tolist()
    offsets = lengths.cumsum(0) - lengths
    ways: dict[str, Callable[[], Any]] = {
        OURS: lambda: attention.packed_late_interaction(query, tokens, offsets),
        PLAIN: lambda: each_document(query, tokens, listed),
    }
    if find_spec("maxsim_cpu"):
        import maxsim_cpu

        apart = [part.numpy() for part in tokens.split(listed)]
        ways["maxsim-cpu"] = lambda: maxsim_cpu.maxsim_scores_variable(query[0].numpy(), apart)
    with torch.no_grad():
        yield Work(f"{documents:,} packed documents of {most // 4} to {most} tokens", ways)


def best(documents: int, tokens: int) -> Iterator[Work]:
    """The ten best documents."""
    query, document = torch.randn(1, 32, 128), torch.randn(documents, tokens, 128)
    with torch.no_grad():
        yield Work(
            f"the 10 best of {documents:,} documents of {tokens} tokens",
            {
                OURS: lambda: attention.top_documents(query, document, 10),
                PLAIN: lambda: einsum_then_max(query, document).topk(10, 1),
                "matmul, then amax": lambda: matmul_then_amax(query, document).topk(10, 1),
            },
        )


def works() -> Iterator[Work]:
    """Every task."""
    yield from padded(1000, 180, torch.float32)
    yield from padded(1000, 180, torch.bfloat16)
    yield from packed(1000, 180)
    yield from best(100_000, 24)


def measured(rounds: int) -> list[dict[str, Any]]:
    """Milliseconds and peak megabytes of every contender."""
    found = []
    for work in works():
        took = medians(work.ways, rounds if "100,000" not in work.name else max(3, rounds // 3), seconds=0.0)
        peaks = {
            name: peak_bytes_of_all(way) / 2**20 for name, way in work.ways.items() if name in (OURS, PLAIN)
        }
        found.append(
            {"work": work.name, "ms": {name: each * 1e3 for name, each in took.items()}, "MiB": peaks}
        )
        print(found[-1], flush=True)
    return found


def tables(record: dict[str, Any]) -> dict[str, str]:
    """The tables of docs/retrieval.md, by marker."""
    rivals = [PLAIN, "matmul, then amax", KERNELS, "maxsim-cpu"]
    rows = []
    for each in record["works"]:
        ours = each["ms"][OURS]
        against = [f"{each['ms'][rival] / ours:.1f}" if rival in each["ms"] else "" for rival in rivals]
        memory = f"{each['MiB'][OURS]:,.1f} of {each['MiB'][PLAIN]:,.1f}"
        rows.append([each["work"], f"{ours:,.0f}", *against, memory])
    host = record["machine"]
    return {
        "retrieval: times": table(
            ["work", "ms", *(f"times as fast as {rival}" for rival in rivals), "peak MiB, of the plain way"],
            rows,
        ),
        "retrieval: machine": (
            f"{host['processor']}, {host['threads']} threads, `OMP_WAIT_POLICY` {host['OMP_WAIT_POLICY']}, "
            f"load average {record['load']:.0f}, torch {host['torch']}, maxsim-cpu 0.1.0, "
            "late-interaction-kernels 0.4.5, medians of "
            f"{record['rounds']} rounds, a third of them for 100,000 documents."
        ),
    }


def main() -> None:
    """Measure, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    load = os.getloadavg()[0]
    record = {
        "machine": machine(),
        "load": load,
        "rounds": options.rounds,
        "works": measured(options.rounds),
    }
    RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    fill(PAGE, tables(record))


if __name__ == "__main__":
    main()
