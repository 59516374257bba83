"""Late interaction: score a document by the best match of every query token (ColBERT, arXiv:2004.12832).

Also here: a bilinear score, and attention scores on integers, where `matmul` needs the transpose that a named
equation does not.
"""

from jaxtyping import Float, Int
from torch import Tensor

from typed_einsum import shape_checked, typed_einsum


@typed_einsum(max="k")
def best_token(query: Float[Tensor, "q d"], documents: Float[Tensor, "n k d"]) -> Float[Tensor, "n q"]:
    """For each document, how well its best token matches each query token."""


@shape_checked
def document_scores(query: Float[Tensor, "q d"], documents: Float[Tensor, "n k d"]) -> Float[Tensor, "n"]:
    """The sum of the best matches: MaxSim."""
    return best_token(query, documents).sum(dim=-1)


@typed_einsum
def bilinear(
    left: Float[Tensor, "b i"], weight: Float[Tensor, "i j"], right: Float[Tensor, "b j"]
) -> Float[Tensor, "b"]:
    """One score for each pair of vectors, under a learned form."""


@typed_einsum("bqd,bkd->bqk")
def integer_scores(query: Int[Tensor, "b q d"], key: Int[Tensor, "b k d"]) -> Int[Tensor, "b q k"]:
    """The same numbers as `query @ key.transpose(-2, -1)`."""
