"""A mixture of experts: tokens go to slots of experts, and their results come back."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from typed_einsum.checked import shape_checked
from typed_einsum.contraction import typed_einsum


@typed_einsum
def dispatched(sends: Float[Tensor, "t x s"], token: Float[Tensor, "t e"]) -> Float[Tensor, "x s e"]:
    """Put tokens into the slots of experts.

    Equation: `D[x,s,e] = Σ_t P[t,x,s] · X[t,e]`, where `P` is 1 where a token has a slot.

    Source: Lepikhin et al. 2021, GShard, algorithm 1.

    Examples:
        >>> import torch
        >>> dispatched(torch.ones(5, 3, 2), torch.ones(5, 6)).shape
        torch.Size([3, 2, 6])
    """


@typed_einsum
def widened(x: Float[Tensor, "x s e"], weight: Float[Tensor, "x e f"]) -> Float[Tensor, "x s f"]:
    """The first layer of every expert.

    Equation: `H[x,s,f] = Σ_e D[x,s,e] · W[x,e,f]`.

    Source: Lepikhin et al. 2021, GShard, algorithm 1.

    Examples:
        >>> import torch
        >>> widened(torch.ones(3, 2, 6), torch.ones(3, 6, 8)).shape
        torch.Size([3, 2, 8])
    """


@typed_einsum
def narrowed(x: Float[Tensor, "x s f"], weight: Float[Tensor, "x f e"]) -> Float[Tensor, "x s e"]:
    """The second layer of every expert.

    Equation: `Y[x,s,e] = Σ_f H[x,s,f] · W[x,f,e]`.

    Source: Lepikhin et al. 2021, GShard, algorithm 1.

    Examples:
        >>> import torch
        >>> narrowed(torch.ones(3, 2, 8), torch.ones(3, 8, 6)).shape
        torch.Size([3, 2, 6])
    """


@typed_einsum
def combined(weights: Float[Tensor, "t x s"], result: Float[Tensor, "x s e"]) -> Float[Tensor, "t e"]:
    """Bring the results of experts back to their tokens, each by its gate.

    Equation: `Y[t,e] = Σ_x Σ_s G[t,x,s] · R[x,s,e]`.

    Source: Lepikhin et al. 2021, GShard, algorithm 1.

    Examples:
        >>> import torch
        >>> combined(torch.ones(5, 3, 2), torch.ones(3, 2, 6)).shape
        torch.Size([5, 6])
    """


@shape_checked
def mixture_of_experts(
    token: Float[Tensor, "t e"],
    weights: Float[Tensor, "t x s"],
    widen: Float[Tensor, "x e f"],
    narrow: Float[Tensor, "x f e"],
) -> Float[Tensor, "t e"]:
    """Send each token to the slots where its gate is not 0, and sum what comes back.

    Equation: `Y[t] = Σ_x Σ_s G[t,x,s] · E_x(X[t])`, with `E_x` two layers and a ReLU between.

    Source: Lepikhin et al. 2021, GShard, algorithm 1.

    Examples:
        >>> import torch
        >>> layers = torch.randn(3, 6, 8), torch.randn(3, 8, 6)
        >>> mixture_of_experts(torch.randn(5, 6), torch.zeros(5, 3, 2), *layers).abs().max()
        tensor(0.)
    """
    sent = dispatched((weights != 0).type_as(token), token)
    return combined(weights, narrowed(F.relu(widened(sent, widen)), narrow))
