"""Self-attention of a vision transformer (Dosovitskiy et al., arXiv:2010.11929, appendix A).

The two contractions are typed einsums: their signatures are the equations of the paper. The module knows
its width and its number of heads by itself, so `e` and `h` in `forward` mean this module's.
"""

from jaxtyping import Float
from torch import Tensor, nn

from typed_einsum import shape_checked, shaped, typed_einsum


@typed_einsum
def scores(query: Float[Tensor, "b h q d"], key: Float[Tensor, "b h k d"]) -> Float[Tensor, "b h q k"]:
    """How much each query attends to each key, before scaling."""


@typed_einsum
def mix(weights: Float[Tensor, "b h q k"], value: Float[Tensor, "b h k d"]) -> Float[Tensor, "b h q d"]:
    """The values, averaged with the weights of each query."""


class ViTAttention(nn.Module):
    """Multi-head self-attention over a sequence of patch embeddings."""

    def __init__(self, width: int = 192, heads: int = 3) -> None:
        super().__init__()
        self.axis_sizes = {"e": width, "h": heads}
        self.heads = heads
        self.to_qkv = nn.Linear(width, 3 * width)
        self.to_out = nn.Linear(width, width)

    @shape_checked
    def split_heads(self, x: Float[Tensor, "b t e"]) -> Float[Tensor, "b h t d"]:
        """Each head gets its share of the embedding."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    @shape_checked
    def forward(self, x: Float[Tensor, "b t e"]) -> Float[Tensor, "b t e"]:
        """Attend from every patch to every patch."""
        query, key, value = (self.split_heads(part) for part in self.to_qkv(x).chunk(3, dim=-1))
        weights = (scores(query, key) * query.shape[-1] ** -0.5).softmax(dim=-1)
        heads = shaped(mix(weights, value), "b h t d")
        return self.to_out(heads.transpose(1, 2).flatten(-2))
