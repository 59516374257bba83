"""Attention before the transformer: bilinear, multiplicative and additive scores."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from typed_einsum.checked import shape_checked
from typed_einsum.contraction import typed_einsum
from typed_einsum.operations import softmax


@typed_einsum
def bilinear(
    left: Float[Tensor, "b i"], weight: Float[Tensor, "i o"], right: Float[Tensor, "b o"]
) -> Float[Tensor, "b"]:
    """One score for two vectors of different lengths, with a matrix between them.

    Equation: `s[b] = Σ_i Σ_o x[b,i] · W[i,o] · y[b,o]`.

    Axes: `b` sample of a batch, `i` channel that goes in, `o` channel that comes out.

    Source: Luong et al. 2015, Effective approaches to attention, section 3.1, the score "general".

    Examples:
        >>> import torch
        >>> bilinear(torch.ones(2, 3), torch.ones(3, 4), torch.ones(2, 4))
        tensor([12., 12.])
    """


@typed_einsum
def biaffine(
    left: Float[Tensor, "b q i"], weight: Float[Tensor, "i o"], right: Float[Tensor, "b k o"]
) -> Float[Tensor, "b q k"]:
    """A bilinear score for each pair of two sequences.

    Equation: `S[b,q,k] = Σ_i Σ_o x[b,q,i] · W[i,o] · y[b,k,o]`.

    Axes: `b` sample of a batch, `q` position of a query, `i` channel that goes in, `o` channel that comes
    out, `k` position of a key.

    Source: Dozat and Manning 2017, Deep biaffine attention, equation 6, its first term. The second term, a
    bias for each key, is left out.

    Examples:
        >>> import torch
        >>> biaffine(torch.ones(2, 5, 3), torch.ones(3, 4), torch.ones(2, 6, 4)).shape
        torch.Size([2, 5, 6])
    """


@typed_einsum
def dot_scores(state: Float[Tensor, "b c"], key: Float[Tensor, "b k c"]) -> Float[Tensor, "b k"]:
    """The dot product of one decoder state with each position of the source.

    Equation: `S[b,k] = Σ_c h[b,c] · K[b,k,c]`.

    Axes: `b` sample of a batch, `c` channel in which two things are compared, `k` position of a key.

    Source: Luong et al. 2015, Effective approaches to attention, section 3.1, the score "dot".

    Examples:
        >>> import torch
        >>> dot_scores(torch.ones(2, 4), torch.ones(2, 5, 4)).shape
        torch.Size([2, 5])
    """


@typed_einsum
def general_scores(
    state: Float[Tensor, "b c"], weight: Float[Tensor, "c e"], key: Float[Tensor, "b k e"]
) -> Float[Tensor, "b k"]:
    """The score of one decoder state with each position of the source, with a matrix between them.

    Equation: `S[b,k] = Σ_c Σ_e h[b,c] · W[c,e] · K[b,k,e]`.

    Axes: `b` sample of a batch, `c` channel in which two things are compared, `e` channel of a model, `k`
    position of a key.

    Source: Luong et al. 2015, Effective approaches to attention, section 3.1, the score "general".

    Examples:
        >>> import torch
        >>> general_scores(torch.ones(2, 4), torch.ones(4, 3), torch.ones(2, 5, 3)).shape
        torch.Size([2, 5])
    """


@typed_einsum
def hidden_of_state(state: Float[Tensor, "b c"], weight: Float[Tensor, "a c"]) -> Float[Tensor, "b a"]:
    """The part of an additive score that depends on the decoder state.

    Equation: `H[b,a] = Σ_c h[b,c] · W[a,c]`.

    Axes: `b` sample of a batch, `c` channel in which two things are compared, `a` hidden unit.

    Source: Bahdanau et al. 2015, Neural machine translation, appendix A.1.2.

    Examples:
        >>> import torch
        >>> hidden_of_state(torch.ones(2, 4), torch.ones(6, 4)).shape
        torch.Size([2, 6])
    """


@typed_einsum
def hidden_of_keys(key: Float[Tensor, "b k e"], weight: Float[Tensor, "a e"]) -> Float[Tensor, "b k a"]:
    """The part of an additive score that depends on the source.

    Equation: `H[b,k,a] = Σ_e K[b,k,e] · U[a,e]`.

    Axes: `b` sample of a batch, `k` position of a key, `e` channel of a model, `a` hidden unit.

    Source: Bahdanau et al. 2015, Neural machine translation, appendix A.1.2.

    Examples:
        >>> import torch
        >>> hidden_of_keys(torch.ones(2, 5, 3), torch.ones(6, 3)).shape
        torch.Size([2, 5, 6])
    """


@typed_einsum
def energy(hidden: Float[Tensor, "b k a"], weight: Float[Tensor, "a"]) -> Float[Tensor, "b k"]:
    """The score of each position, from its hidden units.

    Equation: `S[b,k] = Σ_a H[b,k,a] · v[a]`.

    Axes: `b` sample of a batch, `k` position of a key, `a` hidden unit.

    Source: Bahdanau et al. 2015, Neural machine translation, appendix A.1.2.

    Examples:
        >>> import torch
        >>> energy(torch.ones(2, 5, 6), torch.ones(6)).shape
        torch.Size([2, 5])
    """


@typed_einsum
def context(weights: Float[Tensor, "b k"], value: Float[Tensor, "b k e"]) -> Float[Tensor, "b e"]:
    """The weighted sum of the source for one decoder state.

    Equation: `C[b,e] = Σ_k W[b,k] · V[b,k,e]`.

    Axes: `b` sample of a batch, `k` position of a key, `e` channel of a model.

    Source: Bahdanau et al. 2015, Neural machine translation, equation 5.

    Examples:
        >>> import torch
        >>> context(torch.ones(2, 5), torch.ones(2, 5, 3)).shape
        torch.Size([2, 3])
    """


@shape_checked
def luong(
    state: Float[Tensor, "b c"],
    weight: Float[Tensor, "c e"],
    source: Float[Tensor, "b k e"],
    mask: Tensor | None = None,
    mask_axes: str = "b k",
) -> Float[Tensor, "b e"]:
    """Attend from one state to the source, with multiplicative scores.

    `mask` hides padding of the source: boolean, True where a position may be attended to, or numbers that are
    added to the scores.
    `mask_axes` names its axes, `k` or `b k` in any order.

    Equation: `C = Σ_k softmax_k(h W K[k]) K[k]`.

    Source: Luong et al. 2015, Effective approaches to attention, equation 7 with the score "general" of
    section 3.1.

    Examples:
        >>> import torch
        >>> luong(torch.randn(2, 4), torch.randn(4, 3), torch.randn(2, 5, 3)).shape
        torch.Size([2, 3])
    """
    raw = general_scores(state, weight, source)
    weights = softmax(raw, "b k", over="k", mask=mask, mask_axes=None if mask is None else mask_axes)
    return context(weights, source)


@shape_checked
def bahdanau(
    state: Float[Tensor, "b c"],
    source: Float[Tensor, "b k e"],
    of_state: Float[Tensor, "a c"],
    of_source: Float[Tensor, "a e"],
    out: Float[Tensor, "a"],
    mask: Tensor | None = None,
    mask_axes: str = "b k",
) -> Float[Tensor, "b e"]:
    """Attend from one state to the source, with additive scores.

    `mask` hides padding of the source, as in `luong`.

    Equation: `C = Σ_k softmax_k(v · tanh(W h + U K[k])) K[k]`.

    Source: Bahdanau et al. 2015, Neural machine translation, equations 5 and 6.

    Examples:
        >>> import torch
        >>> weights = torch.randn(6, 4), torch.randn(6, 3), torch.randn(6)
        >>> bahdanau(torch.randn(2, 4), torch.randn(2, 5, 3), *weights).shape
        torch.Size([2, 3])
    """
    hidden = hidden_of_state(state, of_state).unsqueeze(1) + hidden_of_keys(source, of_source)
    raw = energy(hidden.tanh(), out)
    weights = softmax(raw, "b k", over="k", mask=mask, mask_axes=None if mask is None else mask_axes)
    return context(weights, source)
