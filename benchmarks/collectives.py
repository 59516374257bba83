"""What processes send each other for a contraction: `python benchmarks/collectives.py` writes the record.

The record is collectives.json, and fills the tables of docs/howto/distributed.md.

Two processes contract sharded operands, forward and backward, while torch's CommDebugMode counts collectives.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
import torch.distributed as dist
from jaxtyping import Float
from pages import fill, table
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Partial, Placement, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.debug import CommDebugMode

from typed_einsum import typed_einsum

HERE = Path(__file__).parent
RECORD = HERE / "collectives.json"
PAGE = HERE.parent / "docs" / "howto" / "distributed.md"

LAYOUTS: dict[str, tuple[Placement, Placement]] = {
    "`b` sharded in both": (Shard(0), Shard(0)),
    "`b` sharded in the query": (Shard(0), Replicate()),
    "`q` sharded": (Shard(1), Replicate()),
    "`k` sharded": (Replicate(), Shard(1)),
    "`d` sharded in both": (Shard(2), Shard(2)),
    "`d` sharded in the query": (Shard(2), Replicate()),
    "replicated": (Replicate(), Replicate()),
}


@typed_einsum
def scores(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]: ...


@typed_einsum(max="k")
def best(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q"]: ...


FUNCTIONS = {"scores": scores, "best": best}


def counted(mode: CommDebugMode) -> dict[str, int]:
    """Collectives by their names, without torch's prefixes."""
    return {str(name).split(".")[-1]: count for name, count in mode.get_comm_counts().items() if count}


def placed(result: Tensor) -> str:
    """Where a result lies, in the axes of its annotation."""
    assert isinstance(result, DTensor)
    match result.placements[0]:
        case Shard(dim=dim):
            return f"`{'bqk'[dim]}` sharded"
        case Partial():
            return "partial sums"
    return "replicated"


def measure(rank: int, world: int, port: int, target: str) -> None:
    """One process: every function with every layout; the first process writes the record."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(world)}
    dist.init_process_group("gloo")
    mesh = init_device_mesh("cpu", (world,))
    query, key = torch.randn(4, 6, 8), torch.randn(4, 10, 8)
    record = {}
    for name, function in FUNCTIONS.items():
        for layout, (of_query, of_key) in LAYOUTS.items():
            spread = [
                distribute_tensor(query, mesh, [of_query]).requires_grad_(),
                distribute_tensor(key, mesh, [of_key]).requires_grad_(),
            ]
            with CommDebugMode() as forward:
                result = function(*spread)
            gradient = distribute_tensor(torch.ones(result.shape), mesh, [Replicate()])
            with CommDebugMode() as backward:
                result.backward(gradient)
            record[f"{name}, {layout}"] = {
                "result": placed(result),
                "forward": counted(forward),
                "backward": counted(backward),
            }
    if rank == 0:
        Path(target).write_text(json.dumps(record), encoding="utf-8")
    dist.destroy_process_group()


def said(counts: Mapping[str, int]) -> str:
    """Counts in words."""
    return ", ".join(f"{count} {name.replace('_', '-')}" for name, count in counts.items()) or "none"


def tables(record: dict[str, Any]) -> dict[str, str]:
    """The tables of the page."""
    header = ["layout", "result", "collectives, forward", "backward"]
    return {
        name: table(
            header,
            [
                [layout, found["result"], said(found["forward"]), said(found["backward"])]
                for key, found in record["layouts"].items()
                for function, layout in [key.split(", ", 1)]
                if function == name
            ],
        )
        for name in FUNCTIONS
    }


def main() -> None:
    """Count in two processes, and write what was counted."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with TemporaryDirectory() as folder:
        target = str(Path(folder) / "record.json")
        torch.multiprocessing.spawn(measure, args=(2, port, target), nprocs=2)
        layouts = json.loads(Path(target).read_text(encoding="utf-8"))
    record = {"torch": torch.__version__, "processes": 2, "layouts": layouts}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    fill(PAGE, tables(record))
    print(*tables(record).values(), sep="\n\n")


if __name__ == "__main__":
    main()
