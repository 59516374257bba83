"""What each process of a group does: every case below, one after the other, and a record of how it went.

`python group.py FOLDER` runs in a process that torch's own variables make one of a group, and leaves
`FOLDER/RANK.json`: for each case "passed", or what it raised. `test_distributed.py` starts the processes.
"""

from __future__ import annotations

import copy
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from typed_einsum import einsum, errors, shape_checked, shaped, softmax, typed_einsum
from typed_einsum.nn import MaxSigmoidAttnBlock

Case = Callable[[DeviceMesh], None]
CASES: dict[str, Case] = {}
Placements = tuple[list[Shard | Replicate], list[Shard | Replicate], type]


@typed_einsum
def scores(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]: ...


@typed_einsum(max="k")
def best_scores(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q"]: ...


@shape_checked
def attend(
    query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"], value: Float[Tensor, "b k e"]
) -> Float[Tensor, "b q e"]:
    weights = shaped(softmax(scores(query, key), "b q k", over="k"), "b q k")
    return einsum("b q k, b k e -> b q e", weights, value)


DOORS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "typed_einsum": scores,
    "einsum": lambda query, key: einsum("b q d, b k d -> b q k", query, key),
    "typed_einsum with max": best_scores,
    "einsum with max": lambda query, key: einsum("b q d, b k d -> b q", query, key, max="k"),
}

# Where query and key lie, and where the result of the plain contraction then lies.
LAYOUTS: dict[str, Placements] = {
    "a batch axis sharded": ([Shard(0)], [Shard(0)], Shard),
    "a batch axis sharded in one operand": ([Shard(0)], [Replicate()], Shard),
    "a free axis sharded": ([Shard(1)], [Replicate()], Shard),
    "the other free axis sharded": ([Replicate()], [Shard(1)], Shard),
    "the contracted axis sharded": ([Shard(2)], [Shard(2)], Partial),
    "replicated": ([Replicate()], [Replicate()], Replicate),
}


def case(name: str) -> Callable[[Case], Case]:
    """Put a function among the cases."""

    def named(function: Case) -> Case:
        CASES[name] = function
        return function

    return named


def randn(*shape: int) -> Tensor:
    """The same numbers in every process."""
    generator = torch.Generator().manual_seed(sum((i + 1) * size for i, size in enumerate(shape)))
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def agree(found: Tensor, wanted: Tensor) -> None:
    """Compare the whole of two tensors, wherever they lie."""
    whole = found.full_tensor() if isinstance(found, DTensor) else found
    torch.testing.assert_close(whole, wanted, rtol=1e-9, atol=1e-9)


def wanted_of(door: str, query: Tensor, key: Tensor) -> Tensor:
    """The definition, in one process."""
    products = torch.einsum("bqd,bkd->bqk", query, key)
    return products.amax(-1) if "max" in door else products


def add_contractions() -> None:
    """Every door with every layout, forward and backward."""
    for door, function in DOORS.items():
        for layout, places in LAYOUTS.items():

            def run(
                mesh: DeviceMesh,
                door: str = door,
                function: Callable[[Tensor, Tensor], Tensor] = function,
                places: Placements = places,
            ) -> None:
                # 5 and 7 do not divide by the number of processes: the shards are of unequal sizes.
                of_query, of_key, of_result = places
                query, key = randn(5, 7, 6), randn(5, 9, 6)
                spread = [
                    distribute_tensor(query, mesh, of_query).requires_grad_(),
                    distribute_tensor(key, mesh, of_key).requires_grad_(),
                ]
                result = function(*spread)
                if "max" not in door:
                    assert isinstance(result.placements[0], of_result), result.placements
                single = [query.clone().requires_grad_(), key.clone().requires_grad_()]
                wanted = wanted_of(door, *single)
                agree(result, wanted)
                weight = randn(*wanted.shape)
                (wanted * weight).sum().backward()
                (result * distribute_tensor(weight, mesh, [Replicate()])).sum().backward()
                for ours, theirs in zip(spread, single, strict=True):
                    agree(ours.grad, theirs.grad)

            CASES[f"{door}, {layout}"] = run


add_contractions()


@case("a partial operand")
def partial_operand(mesh: DeviceMesh) -> None:
    query, key = randn(5, 7, 6), randn(5, 9, 6)
    part = query * (dist.get_rank() + 1)  # the operand is the sum of what the processes hold
    whole = query * sum(rank + 1 for rank in range(dist.get_world_size()))
    spread = DTensor.from_local(part, mesh, [Partial()])
    agree(
        scores(spread, distribute_tensor(key, mesh, [Replicate()])), torch.einsum("bqd,bkd->bqk", whole, key)
    )


@case("three operands")
def three_operands(mesh: DeviceMesh) -> None:
    a, b, c = randn(5, 6), randn(6, 7), randn(7, 9)
    spread = [distribute_tensor(tensor, mesh, [Shard(0)]) for tensor in (a, b, c)]
    agree(einsum("i j, j k, k l -> i l", *spread), a @ b @ c)


@case("two axes of a mesh")
def two_axes_of_a_mesh(mesh: DeviceMesh) -> None:
    square = init_device_mesh("cpu", (2, dist.get_world_size() // 2), mesh_dim_names=("data", "model"))
    query, key = randn(5, 7, 6), randn(5, 9, 6)
    spread = [distribute_tensor(tensor, square, [Shard(0), Shard(2)]) for tensor in (query, key)]
    result = scores(*spread)
    assert isinstance(result.placements[0], Shard)
    agree(result, torch.einsum("bqd,bkd->bqk", query, key))


@case("a checked function")
def checked_function(mesh: DeviceMesh) -> None:
    query, key, value = randn(5, 7, 6), randn(5, 9, 6), randn(5, 9, 8)
    spread = [distribute_tensor(tensor, mesh, [Shard(0)]) for tensor in (query, key, value)]
    weights = torch.einsum("bqd,bkd->bqk", query, key).softmax(-1)
    agree(attend(*spread), torch.einsum("bqk,bke->bqe", weights, value))


@case("sizes in a message are those of the whole")
def global_sizes(mesh: DeviceMesh) -> None:
    query = distribute_tensor(randn(8, 7, 6), mesh, [Shard(0)])
    key = distribute_tensor(randn(4, 9, 6), mesh, [Shard(0)])
    for function in (scores, best_scores, DOORS["einsum"]):
        try:
            function(query, key)
        except errors.ShapeError as error:
            assert error.code == "TE201"
            assert "axis `b` is 8 in " in str(error)
            assert "[8, 7, 6]" in str(error)
            assert "[4, 9, 6]" in str(error)
        else:
            raise AssertionError("a wrong shape was accepted")


class Attention(nn.Module):
    """A module of typed einsums."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        for name in ("query", "key", "value"):
            weight = torch.randn(6, 6, generator=generator, dtype=torch.float64)
            setattr(self, name, nn.Parameter(weight / 6))

    @shape_checked
    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t e"]:
        query = einsum("b t d, d e -> b t e", x, self.query)
        key = einsum("b t d, d e -> b t e", x, self.key)
        value = einsum("b t d, d e -> b t e", x, self.value)
        return attend(query, key, value)


def block() -> nn.Module:
    """The flagship, the same in every process."""
    torch.manual_seed(0)
    return MaxSigmoidAttnBlock(12, 12, nh=3, ec=12, gc=10).double().eval()


MODULES: dict[str, tuple[Callable[[], nn.Module], tuple[tuple[int, ...], ...]]] = {
    "attention": (Attention, ((8, 5, 6),)),
    "MaxSigmoidAttnBlock": (block, ((8, 12, 5, 4), (8, 7, 10))),
}


def add_modules() -> None:
    """Data-parallel training of modules: gradients are the mean over all samples."""
    for name, (make, shapes) in MODULES.items():
        for wrapping in ("DistributedDataParallel", "fully_shard"):

            def run(
                mesh: DeviceMesh,
                make: Callable[[], nn.Module] = make,
                shapes: tuple[tuple[int, ...], ...] = shapes,
                wrapping: str = wrapping,
            ) -> None:
                single = make()
                spread = copy.deepcopy(single)
                if wrapping == "fully_shard":
                    wrapped = fully_shard(spread, mesh=mesh)
                else:
                    wrapped = DistributedDataParallel(spread)
                inputs = [randn(*shape) for shape in shapes]
                mine = [whole.chunk(dist.get_world_size())[dist.get_rank()] for whole in inputs]
                result, wanted = wrapped(*mine), single(*inputs)
                agree(result, wanted.chunk(dist.get_world_size())[dist.get_rank()])
                result.square().mean().backward()
                wanted.square().mean().backward()
                gradients = {key: value.grad for key, value in spread.named_parameters()}
                assert any(gradient is not None for gradient in gradients.values())
                for key, value in single.named_parameters():
                    if value.grad is not None:
                        agree(gradients[key], value.grad)
                refused(wrapped, mine)

            CASES[f"{wrapping} of {name}"] = run


def refused(module: nn.Module, inputs: list[Tensor]) -> None:
    """A wrong shape is refused inside a wrapped module as it is inside a bare one."""
    first, *others = inputs
    try:
        module(first.flatten(0, 1), *others)
    except errors.ShapeError as error:
        assert error.code == "TE202", error
    else:
        raise AssertionError("a tensor with an axis too few was accepted")


add_modules()


@case("a false claim")
def false_claim(mesh: DeviceMesh) -> None:
    agree(distribute_tensor(randn(5, 6), mesh, [Shard(0)]), randn(5, 6) + 1)


@case("a process that never comes")
def never_comes(mesh: DeviceMesh) -> None:
    time.sleep(3600)


LEFT_OUT = {"a process that never comes"}
"""Cases that run alone, where they are asked for."""


def main(folder: Path, *asked: str) -> None:
    """Run the cases, and record how each went here."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    record = {}
    for name in asked or [name for name in CASES if name not in LEFT_OUT]:
        try:
            CASES[name](mesh)
            record[name] = "passed"
        except Exception:
            record[name] = traceback.format_exc()
    (folder / f"{os.environ['RANK']}.json").write_text(json.dumps(record), encoding="utf-8")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
