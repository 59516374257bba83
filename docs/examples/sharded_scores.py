"""Attention scores with the keys sharded: torchrun --nproc-per-node 2 sharded_scores.py"""

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Replicate, Shard, distribute_tensor

from typed_einsum import errors, typed_einsum


@typed_einsum
def scores(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]: ...


def say(text: str) -> None:
    if dist.get_rank() == 0:
        print(text)


def main() -> None:
    dist.init_process_group("gloo")  # "nccl" on GPUs
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))

    torch.manual_seed(0)
    query, key = torch.randn(2, 3, 5), torch.randn(2, 8, 5)
    queries = distribute_tensor(query, mesh, [Replicate()])
    keys = distribute_tensor(key, mesh, [Shard(1)])  # each process holds some of the 8 positions

    found = scores(queries, keys)
    here = found.to_local()
    say(f"the result is {found.placements[0]}, its shape {tuple(found.shape)}, here {tuple(here.shape)}")
    torch.testing.assert_close(found.full_tensor(), torch.einsum("bqd,bkd->bqk", query, key))

    try:
        scores(queries, distribute_tensor(torch.randn(4, 8, 5), mesh, [Shard(1)]))
    except errors.ShapeError as error:
        say(str(error))

    dist.barrier()  # no process leaves while another still sends
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
