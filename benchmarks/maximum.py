"""The maximum of a contraction, and the block around it: `python benchmarks/maximum.py`.

Each work is measured against the reference formulation, `einsum(...).max(-1)[0]`, in the same rounds. Peak
memory is what a call has allocated at once beyond its inputs, at most, in all threads. Writes a record into
maximum.json, beside those of other machines, wait policies and neighbours, and the tables of docs/maximum.md.

`--busy 2` runs two busy processes beside it. `OMP_WAIT_POLICY= python benchmarks/maximum.py` measures what
a user has who sets nothing; without that, the policy is passive.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from timing import machine, medians, peak_bytes, peak_bytes_of_all  # isort: skip  # before torch, which reads what it sets

import torch
from jaxtyping import Float
from pages import fill, table
from torch import Tensor, nn

from typed_einsum import typed_einsum
from typed_einsum.contraction.maximum import sizes, tiles, workers
from typed_einsum.nn import MaxSigmoidAttnBlock

HERE = Path(__file__).parent
RECORD = HERE / "maximum.json"
PAGE = HERE.parent / "docs" / "maximum.md"
FLAGSHIP = HERE.parent / "docs" / "flagship.md"

VOCABULARIES = {"n = 80": 80, "n = 1203": 1203}
IMAGE = {"b": 1, "m": 4, "c": 32, "h": 80, "w": 80}


@typed_einsum(max="n")
def best_text(
    embed: Float[Tensor, "b m c h w"], guide: Float[Tensor, "b n m c"]
) -> Float[Tensor, "b m h w"]: ...


@typed_einsum(max="k")
def best_token(query: Float[Tensor, "q d"], document: Float[Tensor, "n k d"]) -> Float[Tensor, "n q"]: ...


def reference_text(embed: Tensor, guide: Tensor) -> Tensor:
    """The scores of all texts, then their maximum."""
    return torch.einsum("bmchw,bnmc->bmhwn", embed, guide).max(-1)[0]


def reference_token(query: Tensor, document: Tensor) -> Tensor:
    """The scores of all tokens, then their maximum."""
    return torch.einsum("qd,nkd->nqk", query, document).max(-1)[0]


def tile_products(embed: Tensor, guide: Tensor) -> None:
    """The floor: the products of the same tiles, by the same workers, without any maximum of them."""
    b, m, c, h, w = embed.shape
    rows, columns = guide.transpose(1, 2).reshape(b * m, 1, -1, c), embed.reshape(b * m, c, h * w)
    count = workers.worker_count(rows, columns)
    layout = sizes.layout((b * m, 1, rows.shape[2], h * w), c, count, rows)

    def compute(every: Iterator[sizes.Tile]) -> None:
        products = tiles.Products.for_tiles_of(layout.entries, rows)
        for at_b, at_e, at_p in every:
            for start in range(0, rows.shape[2], layout.height):
                products.of(rows[at_b, at_e, start : start + layout.height], columns[at_b, :, at_p])

    workers.share(compute, layout.tiles, count)


class ReferenceBlock(nn.Module):
    """The block as one would write it: all scores, then the maximum. Its parameters are those of another."""

    def __init__(self, block: MaxSigmoidAttnBlock) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor, guide: Tensor) -> Tensor:
        """The weighted image."""
        block = self.block
        m, c = block.axis_sizes["m"], block.axis_sizes["c"]
        b, _, h, w = x.shape
        embed = (x if block.ec is None else block.ec(x)).view(b, m, c, h, w)
        texts = block.gl(guide).view(b, -1, m, c)
        best = torch.einsum("bmchw,bnmc->bmhwn", embed, texts).max(-1)[0] / math.sqrt(c)
        weight = (best + block.bias[None, :, None, None]).sigmoid() * block.scale
        value = block.proj_conv(x).view(b, m, -1, h, w)
        return (value * weight.unsqueeze(2)).view(b, -1, h, w)


def both_ways(function: Callable[..., Tensor], *operands: Tensor) -> None:
    """Forward and backward."""
    result = function(*operands)
    torch.autograd.grad(result, [each for each in operands if each.requires_grad], torch.ones_like(result))


def compared(ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int) -> dict[str, float]:
    """How many times as fast, and what part of the memory."""
    took = medians({"ours": ours, "theirs": theirs}, rounds, seconds=0.0)
    return {
        "times as fast": took["theirs"] / took["ours"],
        "ms": took["ours"] * 1e3,
        "peak": peak_bytes_of_all(ours) / peak_bytes(theirs),
    }


def contraction(rounds: int) -> dict[str, Any]:
    """The best text for each pixel, and the best token of each document."""
    found: dict[str, Any] = {}
    b, m, c, h, w = IMAGE.values()
    for name, n in VOCABULARIES.items():
        embed = torch.randn(b, m, c, h, w, requires_grad=True)
        guide = torch.randn(b, n, m, c, requires_grad=True)
        with torch.no_grad():
            found[f"{name}, forward"] = compared(
                lambda e=embed, g=guide: best_text(e, g),
                lambda e=embed, g=guide: reference_text(e, g),
                rounds,
            )
            took = medians(
                {
                    "ours": lambda e=embed, g=guide: best_text(e, g),
                    "floor": lambda e=embed, g=guide: tile_products(e, g),
                },
                rounds,
                seconds=0.0,
            )
            found[f"{name}, forward"]["of the tile products"] = took["ours"] / took["floor"]
        found[f"{name}, forward and backward"] = compared(
            lambda e=embed, g=guide: both_ways(best_text, e, g),
            lambda e=embed, g=guide: both_ways(reference_text, e, g),
            rounds,
        )
    query, document = torch.randn(32, 128), torch.randn(1000, 180, 128)
    found["MaxSim, forward"] = compared(
        lambda: best_token(query, document), lambda: reference_token(query, document), rounds
    )
    return found


def whole_block(rounds: int) -> dict[str, Any]:
    """The block with 64 channels and 2 heads on 80 by 80 pixels."""
    found: dict[str, Any] = {}
    for name, n in VOCABULARIES.items():
        block = MaxSigmoidAttnBlock(64, 64, nh=2, ec=64)
        reference = ReferenceBlock(block)
        x, guide = torch.randn(1, 64, 80, 80, requires_grad=True), torch.randn(1, n, 512, requires_grad=True)
        block.eval()
        with torch.no_grad():
            found[f"{name}, evaluation"] = compared(
                lambda x=x, g=guide, f=block: f(x, g), lambda x=x, g=guide, f=reference: f(x, g), rounds
            )
        block.train()
        found[f"{name}, training"] = compared(
            lambda x=x, g=guide, f=block: both_ways(f, x, g),
            lambda x=x, g=guide, f=reference: both_ways(f, x, g),
            rounds,
        )
    return found


CONTRACTION_TARGETS = {
    "n = 1203, forward": (4.5, 1 / 8),
    "n = 1203, forward and backward": (4.0, 1 / 8),
    "n = 80, forward": (1.8, None),
    "n = 80, forward and backward": (1.0, None),
    "MaxSim, forward": (1.5, 1 / 8),
}
BUSY_TARGETS = {"n = 1203, forward": 3.5, "n = 80, forward": 1.3}
"""The same with the default wait policy and two busy processes beside it."""
BLOCK_TARGETS = {
    "n = 80, evaluation": 1.05,
    "n = 80, training": 1.0,
    "n = 1203, evaluation": 2.5,
    "n = 1203, training": 2.5,
}
FLOOR_TARGET = 1.5


def setting(record: dict[str, Any]) -> str:
    """What tells a record from others."""
    host = record["machine"]
    beside = record["beside"]
    return f"{host['processor']}, {host['threads']} threads, {host['OMP_WAIT_POLICY']}, {beside}"


def tables(record: dict[str, Any]) -> dict[str, str]:
    """The tables of docs/maximum.md, by marker."""
    records = record["records"]
    numbered = [str(number) for number in range(1, len(records) + 1)]
    rows = []
    for work, (speed, memory) in CONTRACTION_TARGETS.items():
        found = [each["contraction"][work] for each in records]
        busy = f", busy ≥ {BUSY_TARGETS[work]}" if work in BUSY_TARGETS else ""
        peak = f"1/{1 / max(each['peak'] for each in found):.1f}"
        target = "" if memory is None else f"≤ 1/{1 / memory:.0f}"
        fast = [f"{each['times as fast']:.1f}" for each in found]
        rows.append([work, f"≥ {speed}{busy}", *fast, target, peak])
    floors = [each["contraction"]["n = 1203, forward"]["of the tile products"] for each in records]
    blocks = [
        [work, f"≥ {target}", *(f"{each['block'][work]['times as fast']:.2f}" for each in records)]
        for work, target in BLOCK_TARGETS.items()
    ]
    return {
        "maximum: contraction": table(
            ["times as fast", "target", *numbered, "peak memory: target", "measured"], rows
        ),
        "maximum: floor": (
            "Against the products of the tiles alone, without any maximum, n = 1203 takes "
            f"{', '.join(f'{floor:.2f}' for floor in floors)} times as long (target ≤ {FLOOR_TARGET})."
        ),
        "maximum: block": table(["the whole block, times as fast", "target", *numbered], blocks),
        "maximum: machine": "\n".join(
            f"{number}. {each['machine']['processor']}, {each['machine']['cores']} cores, "
            f"{each['machine']['threads']} threads, `OMP_WAIT_POLICY` {each['machine']['OMP_WAIT_POLICY']}, "
            f"{each['beside']}; Python {each['machine']['python']}, torch {each['machine']['torch']}, "
            f"medians of {each['rounds']} rounds."
            for number, each in zip(numbered, records, strict=True)
        ),
    }


@contextmanager
def neighbours(count: int) -> Iterator[str]:
    """Busy processes beside the benchmark, and how a record names them and what ran already."""
    load = os.getloadavg()[0]
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield f"{count or 'no'} busy processes beside it" if load < 1 else f"load average {load + count:.0f}"
    finally:
        for each in busy:
            each.kill()


def main() -> None:
    """Measure, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--busy", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    with neighbours(options.busy) as beside:
        record = {
            "machine": machine(),
            "beside": beside,
            "rounds": options.rounds,
            "contraction": contraction(options.rounds),
            "block": whole_block(options.rounds),
        }
    every = json.loads(RECORD.read_text(encoding="utf-8"))["records"] if RECORD.exists() else []
    kept = [each for each in every if setting(each) != setting(record)]
    written = {"records": sorted([*kept, record], key=setting)}
    RECORD.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for text in tables(written).values():
        print(f"\n{text}")
    for page in (PAGE, FLAGSHIP):
        fill(page, tables(written))


if __name__ == "__main__":
    main()
