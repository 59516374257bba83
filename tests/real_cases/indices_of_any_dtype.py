from jaxtyping import Shaped
from torch import Tensor, nn


class Embed(nn.Module):
    def __init__(self, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.table = nn.Embedding(in_dim, out_dim)

    def forward(self, ids: Shaped[Tensor, "*batch n"]) -> Shaped[Tensor, "*batch n out"]:
        return self.table(ids)
