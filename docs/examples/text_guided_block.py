"""Text-guided attention over a feature map, the max-sigmoid attention of YOLO-World (arXiv:2401.17270).

Every cell of the map is compared with every text, in each head; the best match, through a sigmoid, says how
much of the cell goes on. Written from the equations: S = max_n Σ_c x[b,m,c,h,w] g[b,n,m,c] / √c + bias[m],
and the output is the projected map times σ(S).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from typed_einsum import shape_checked, shaped, typed_einsum


@typed_einsum(max="n")
def best_match(
    embed: Float[Tensor, "b m c h w"], guide: Float[Tensor, "b n m c"]
) -> Float[Tensor, "b m h w"]:
    """The score of each cell for the text that suits it best, in each head."""


@typed_einsum
def weigh(value: Float[Tensor, "b m v h w"], gate: Float[Tensor, "b m h w"]) -> Float[Tensor, "b m v h w"]:
    """Each head's share of the map, times that head's gate."""


class TextGuidedBlock(nn.Module):
    """Max-sigmoid attention between a feature map and the texts of a vocabulary."""

    def __init__(self, channels: int = 64, text_width: int = 512, heads: int = 2) -> None:
        super().__init__()
        self.axis_sizes = {"e": channels, "g": text_width, "m": heads, "c": channels // heads}
        self.heads = heads
        self.embed = nn.Conv2d(channels, channels, 1)
        self.guide = nn.Linear(text_width, channels)
        self.project = nn.Conv2d(channels, channels, 3, padding=1)
        self.bias = nn.Parameter(torch.zeros(heads))

    @shape_checked
    def forward(self, x: Float[Tensor, "b e h w"], texts: Float[Tensor, "b n g"]) -> Float[Tensor, "b e h w"]:
        """Keep of each cell what some text asks for."""
        embed = shaped(self.embed(x).unflatten(1, (self.heads, -1)), "b m c h w")
        guide = shaped(self.guide(texts).unflatten(-1, (self.heads, -1)), "b n m c")
        score = best_match(embed, guide) * embed.shape[2] ** -0.5
        gate = shaped((score + self.bias[:, None, None]).sigmoid(), "b m h w")
        value = shaped(self.project(x).unflatten(1, (self.heads, -1)), "b m c h w")
        return weigh(value, gate).flatten(1, 2)
