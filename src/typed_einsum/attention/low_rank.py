"""Large arrays as products of small ones: LoRA and the tensor train."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from typed_einsum.checked import shape_checked
from typed_einsum.contraction import typed_einsum


@typed_einsum
def lowered(x: Float[Tensor, "*b i"], down: Float[Tensor, "rank i"]) -> Float[Tensor, "*b rank"]:
    """Project to a few channels.

    Equation: `L[…,rank] = Σ_i x[…,i] · A[rank,i]`.

    Axes: `*b` any axes of samples, `i` channel that goes in, `rank` channel between two thin matrices.

    Source: Hu et al. 2022, LoRA, equation 3.

    Examples:
        >>> import torch
        >>> lowered(torch.ones(2, 5, 6), torch.ones(3, 6)).shape
        torch.Size([2, 5, 3])
    """


@typed_einsum
def raised(low: Float[Tensor, "*b rank"], up: Float[Tensor, "o rank"]) -> Float[Tensor, "*b o"]:
    """Project from a few channels to many.

    Equation: `Y[…,o] = Σ_rank L[…,rank] · B[o,rank]`.

    Axes: `*b` any axes of samples, `rank` channel between two thin matrices, `o` channel that comes out.

    Source: Hu et al. 2022, LoRA, equation 3.

    Examples:
        >>> import torch
        >>> raised(torch.ones(2, 5, 3), torch.ones(7, 3)).shape
        torch.Size([2, 5, 7])
    """


@typed_einsum
def dense(x: Float[Tensor, "*b i"], weight: Float[Tensor, "o i"]) -> Float[Tensor, "*b o"]:
    """A linear layer.

    Equation: `Y[…,o] = Σ_i x[…,i] · W[o,i]`.

    Axes: `*b` any axes of samples, `i` channel that goes in, `o` channel that comes out.

    Source: Hu et al. 2022, LoRA, equation 3.

    Examples:
        >>> import torch
        >>> dense(torch.ones(2, 5, 6), torch.ones(7, 6)).shape
        torch.Size([2, 5, 7])
    """


@typed_einsum
def tensor_train(
    first: Float[Tensor, "i1 rank1"], middle: Float[Tensor, "rank1 i2 rank2"], last: Float[Tensor, "rank2 i3"]
) -> Float[Tensor, "i1 i2 i3"]:
    """An array of three axes from a train of three small cores.

    Equation: `T[i1,i2,i3] = Σ_rank1 Σ_rank2 G1[i1,rank1] · G2[rank1,i2,rank2] · G3[rank2,i3]`.

    Axes: `i1` first index of a tensor train, `rank1` channel between the first and second core of a
    tensor train, `i2` second index of a tensor train, `rank2` channel between the second and third core
    of a tensor train, `i3` third index of a tensor train.

    Source: Oseledets 2011, Tensor-train decomposition, equation 1.3, for three indices.

    Examples:
        >>> import torch
        >>> tensor_train(torch.ones(4, 2), torch.ones(2, 5, 3), torch.ones(3, 6)).shape
        torch.Size([4, 5, 6])
    """


@shape_checked
def adapted(
    x: Float[Tensor, "*b i"],
    weight: Float[Tensor, "o i"],
    down: Float[Tensor, "rank i"],
    up: Float[Tensor, "o rank"],
    scale: float = 1.0,
) -> Float[Tensor, "*b o"]:
    """A linear layer with a change of low rank, whose full matrix is not computed.

    Equation: `Y = W x + scale · B A x`.

    Source: Hu et al. 2022, LoRA, equation 3.

    Examples:
        >>> import torch
        >>> adapted(torch.ones(2, 5, 6), torch.ones(7, 6), torch.ones(3, 6), torch.ones(7, 3)).shape
        torch.Size([2, 5, 7])
    """
    return dense(x, weight) + scale * raised(lowered(x, down), up)
