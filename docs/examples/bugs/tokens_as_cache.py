"""One letter for two axes: query tokens and positions of the cache.

Source: https://github.com/hw-native-sys/pypto-lib/pull/186
Batch and sequence of the queries were merged into `t`, the letter that the cache uses for its positions. When
the two lengths coincide, each query is compared with one position instead of all.

What check says:

    TE201 axis `t` is 23 in `cache` but 143 in operand 1 (in cache_scores)
"""

from jaxtyping import Float
from torch import Tensor

from typed_einsum import einsum, shape_checked


@shape_checked
def cache_scores(
    query: Float[Tensor, "b s h d"], cache: Float[Tensor, "b t d"]
) -> Float[Tensor, "b s h t"]:
    score = einsum("t h d, b t d -> b h t", query.flatten(0, 1), cache)
    return score[:, None].expand(-1, query.shape[1], -1, -1)
