"""A fused projection is cut into thirds, though keys and values have fewer heads than queries.

Source: https://github.com/vllm-project/vllm/issues/13686
With grouped queries the three parts have different widths. With as many key heads as query heads, as in the
test that was there, thirds are right.

What check says:

    TE201 axis `kv` is 24 in `axis_sizes` but 48 in the value (in GroupedQuery.forward)
"""

from jaxtyping import Float
from torch import Tensor, nn

from typed_einsum import shape_checked, shaped


class GroupedQuery(nn.Module):
    def __init__(self, width: int = 96, heads: int = 8, key_heads: int = 2) -> None:
        super().__init__()
        head = width // heads
        self.axis_sizes = {"e": width, "kv": key_heads * head}
        self.qkv = nn.Linear(width, width + 2 * key_heads * head)

    @shape_checked
    def forward(self, x: Float[Tensor, "b t e"]) -> Float[Tensor, "b t e"]:
        query, key, value = self.qkv(x).chunk(3, dim=-1)
        shaped(key, "b t kv")
        shaped(value, "b t kv")
        return shaped(query, "b t e")
