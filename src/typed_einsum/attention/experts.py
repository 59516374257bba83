"""A mixture of experts: tokens are sent to slots of experts, and the results are summed for each token."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from typed_einsum.checked import shape_checked
from typed_einsum.contraction import typed_einsum


@typed_einsum
def dispatched(
    sends: Float[Tensor, "t expert s"], token: Float[Tensor, "t e"]
) -> Float[Tensor, "expert s e"]:
    """Put tokens into the slots of experts.

    Equation: `D[expert,s,e] = Σ_t P[t,expert,s] · X[t,e]`, where `P` is 1 where a token has a slot.

    Axes: `t` token, `expert` expert, `s` slot, `e` channel of a model.

    Source: Lepikhin et al. 2021, GShard, algorithm 2.

    Examples:
        >>> import torch
        >>> dispatched(torch.ones(5, 3, 2), torch.ones(5, 6)).shape
        torch.Size([3, 2, 6])
    """


@typed_einsum
def widened(
    x: Float[Tensor, "expert s e"], weight: Float[Tensor, "expert e a"]
) -> Float[Tensor, "expert s a"]:
    """The first layer of every expert.

    Equation: `H[expert,s,a] = Σ_e D[expert,s,e] · W[expert,e,a]`.

    Axes: `expert` expert, `s` slot, `e` channel of a model, `a` hidden unit.

    Source: Lepikhin et al. 2021, GShard, algorithm 2.

    Examples:
        >>> import torch
        >>> widened(torch.ones(3, 2, 6), torch.ones(3, 6, 8)).shape
        torch.Size([3, 2, 8])
    """


@typed_einsum
def narrowed(
    x: Float[Tensor, "expert s a"], weight: Float[Tensor, "expert a e"]
) -> Float[Tensor, "expert s e"]:
    """The second layer of every expert.

    Equation: `Y[expert,s,e] = Σ_a H[expert,s,a] · W[expert,a,e]`.

    Axes: `expert` expert, `s` slot, `a` hidden unit, `e` channel of a model.

    Source: Lepikhin et al. 2021, GShard, algorithm 2.

    Examples:
        >>> import torch
        >>> narrowed(torch.ones(3, 2, 8), torch.ones(3, 8, 6)).shape
        torch.Size([3, 2, 6])
    """


@typed_einsum
def combined(
    weights: Float[Tensor, "t expert s"], result: Float[Tensor, "expert s e"]
) -> Float[Tensor, "t e"]:
    """Sum the results of the experts for each token, weighted by its gates.

    Equation: `Y[t,e] = Σ_expert Σ_s G[t,expert,s] · R[expert,s,e]`.

    Axes: `t` token, `expert` expert, `s` slot, `e` channel of a model.

    Source: Lepikhin et al. 2021, GShard, algorithm 2.

    Examples:
        >>> import torch
        >>> combined(torch.ones(5, 3, 2), torch.ones(3, 2, 6)).shape
        torch.Size([5, 6])
    """


@shape_checked
def mixture_of_experts(
    token: Float[Tensor, "t e"],
    weights: Float[Tensor, "t expert s"],
    widen: Float[Tensor, "expert e a"],
    narrow: Float[Tensor, "expert a e"],
) -> Float[Tensor, "t e"]:
    """Send each token to the slots where its gate is not 0, and sum the results.

    A slot should have one token. If two tokens share a slot, the expert gets their sum.

    Equation: `Y[t] = Σ_expert Σ_s G[t,expert,s] · E_expert(X[t])`, with two layers
    and a ReLU between as the `E` of each expert.

    Source: Lepikhin et al. 2021, GShard, algorithm 2.

    Examples:
        >>> import torch
        >>> layers = torch.randn(3, 6, 8), torch.randn(3, 8, 6)
        >>> mixture_of_experts(torch.randn(5, 6), torch.zeros(5, 3, 2), *layers).abs().max()
        tensor(0.)
    """
    sent = dispatched((weights != 0).type_as(token), token)
    return combined(weights, narrowed(F.relu(widened(sent, widen)), narrow))
