"""Large arrays as products of small ones: LoRA and the tensor train."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from typed_einsum.checked import shape_checked
from typed_einsum.contraction import typed_einsum


@typed_einsum
def lowered(x: Float[Tensor, "*b i"], down: Float[Tensor, "y i"]) -> Float[Tensor, "*b y"]:
    """Project to a few channels.

    Equation: `L[…,y] = Σ_i x[…,i] · A[y,i]`.

    Source: Hu et al. 2022, LoRA, equation 3.

    Examples:
        >>> import torch
        >>> lowered(torch.ones(2, 5, 6), torch.ones(3, 6)).shape
        torch.Size([2, 5, 3])
    """


@typed_einsum
def raised(low: Float[Tensor, "*b y"], up: Float[Tensor, "o y"]) -> Float[Tensor, "*b o"]:
    """Project from a few channels to many.

    Equation: `Y[…,o] = Σ_y L[…,y] · B[o,y]`.

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

    Source: Hu et al. 2022, LoRA, equation 3.

    Examples:
        >>> import torch
        >>> dense(torch.ones(2, 5, 6), torch.ones(7, 6)).shape
        torch.Size([2, 5, 7])
    """


@typed_einsum
def tensor_train(
    first: Float[Tensor, "i y"], middle: Float[Tensor, "y o z"], last: Float[Tensor, "z f"]
) -> Float[Tensor, "i o f"]:
    """An array of three axes from a train of three small cores.

    Equation: `T[i,o,f] = Σ_y Σ_z G1[i,y] · G2[y,o,z] · G3[z,f]`.

    Source: Oseledets 2011, Tensor-train decomposition, equation 1.2.

    Examples:
        >>> import torch
        >>> tensor_train(torch.ones(4, 2), torch.ones(2, 5, 3), torch.ones(3, 6)).shape
        torch.Size([4, 5, 6])
    """


@shape_checked
def adapted(
    x: Float[Tensor, "*b i"],
    weight: Float[Tensor, "o i"],
    down: Float[Tensor, "y i"],
    up: Float[Tensor, "o y"],
    scale: float = 1.0,
) -> Float[Tensor, "*b o"]:
    """A linear layer with a change of low rank, which is never multiplied out.

    Equation: `Y = W x + scale · B A x`.

    Source: Hu et al. 2022, LoRA, equation 3.

    Examples:
        >>> import torch
        >>> adapted(torch.ones(2, 5, 6), torch.ones(7, 6), torch.ones(3, 6), torch.ones(7, 3)).shape
        torch.Size([2, 5, 7])
    """
    return dense(x, weight) + scale * raised(lowered(x, down), up)
