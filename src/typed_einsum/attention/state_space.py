"""A state space with a scalar decay, computed in chunks: attention inside, a recurrence between."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from typed_einsum.checked import shape_checked, shaped
from typed_einsum.contraction import typed_einsum
from typed_einsum.diagnostics import Diagnostic
from typed_einsum.errors import SettingError
from typed_einsum.locations import caller_place


@typed_einsum
def chunk_scores(
    read: Float[Tensor, "b chunk q m z"], write: Float[Tensor, "b chunk k m z"]
) -> Float[Tensor, "b chunk m q k"]:
    """The weight of position `k` in the output of position `q`, in each chunk, without decay.

    Equation: `S[b,chunk,m,q,k] = Σ_z C[b,chunk,q,m,z] · B[b,chunk,k,m,z]`.

    Axes: `b` sample of a batch, `chunk` chunk of a sequence, `q` position of a query, `m` head, `z`
    channel of a state, `k` position of a key.

    Source: Dao and Gu 2024, Transformers are SSMs, section 6.

    Examples:
        >>> import torch
        >>> chunk_scores(torch.ones(2, 3, 4, 5, 6), torch.ones(2, 3, 4, 5, 6)).shape
        torch.Size([2, 3, 5, 4, 4])
    """


@typed_einsum
def chunk_outputs(
    weights: Float[Tensor, "b chunk m q k"], x: Float[Tensor, "b chunk k m d"]
) -> Float[Tensor, "b chunk q m d"]:
    """The output of each position from its own chunk.

    Equation: `Y[b,chunk,q,m,d] = Σ_k W[b,chunk,m,q,k] · x[b,chunk,k,m,d]`.

    Axes: `b` sample of a batch, `chunk` chunk of a sequence, `m` head, `q` position of a query, `k`
    position of a key, `d` channel of a value.

    Source: Dao and Gu 2024, Transformers are SSMs, section 6.

    Examples:
        >>> import torch
        >>> chunk_outputs(torch.ones(2, 3, 5, 4, 4), torch.ones(2, 3, 4, 5, 7)).shape
        torch.Size([2, 3, 4, 5, 7])
    """


@typed_einsum
def chunk_states(
    write: Float[Tensor, "b chunk k m z"],
    decay: Float[Tensor, "b chunk k m"],
    x: Float[Tensor, "b chunk k m d"],
) -> Float[Tensor, "b chunk m z d"]:
    """What a chunk adds to the state at its end.

    Equation: `H[b,chunk,m,z,d] = Σ_k B[b,chunk,k,m,z] · L[b,chunk,k,m] · x[b,chunk,k,m,d]`.

    Axes: `b` sample of a batch, `chunk` chunk of a sequence, `k` position of a key, `m` head, `z` channel
    of a state, `d` channel of a value.

    Source: Dao and Gu 2024, Transformers are SSMs, section 6.

    Examples:
        >>> import torch
        >>> write, decay, x = torch.ones(2, 3, 4, 5, 6), torch.ones(2, 3, 4, 5), torch.ones(2, 3, 4, 5, 7)
        >>> chunk_states(write, decay, x).shape
        torch.Size([2, 3, 5, 6, 7])
    """


@typed_einsum
def state_outputs(
    read: Float[Tensor, "b chunk q m z"],
    state: Float[Tensor, "b chunk m z d"],
    decay: Float[Tensor, "b chunk q m"],
) -> Float[Tensor, "b chunk q m d"]:
    """The output of each position from the state before its chunk.

    Equation: `Y[b,chunk,q,m,d] = Σ_z C[b,chunk,q,m,z] · H[b,chunk,m,z,d] · L[b,chunk,q,m]`.

    Axes: `b` sample of a batch, `chunk` chunk of a sequence, `q` position of a query, `m` head, `z`
    channel of a state, `d` channel of a value.

    Source: Dao and Gu 2024, Transformers are SSMs, section 6.

    Examples:
        >>> import torch
        >>> read, state, decay = torch.ones(2, 3, 4, 5, 6), torch.ones(2, 3, 5, 6, 7), torch.ones(2, 3, 4, 5)
        >>> state_outputs(read, state, decay).shape
        torch.Size([2, 3, 4, 5, 7])
    """


@shape_checked
def chunked_scan(
    x: Float[Tensor, "b t m d"],
    log_decay: Float[Tensor, "b t m"],
    write: Float[Tensor, "b t m z"],
    read: Float[Tensor, "b t m z"],
    chunk: int,
) -> Float[Tensor, "b t m d"]:
    """The recurrence of a state space, with one sequential step for each chunk.

    Equation: `h[t] = exp(a[t]) h[t-1] + B[t] x[t]`, `y[t] = C[t] h[t]`. The length is a multiple of `chunk`.

    Raises: `ShapeError` (TE201, TE202), `SettingError` (TE410) for a `chunk` that does not divide the length.

    Source: Dao and Gu 2024, Transformers are SSMs, section 6.

    Examples:
        >>> import torch
        >>> x, a = torch.randn(2, 8, 3, 5), -torch.rand(2, 8, 3)
        >>> chunked_scan(x, a, torch.randn(2, 8, 3, 4), torch.randn(2, 8, 3, 4), 4).shape
        torch.Size([2, 8, 3, 5])
    """
    require_chunks(x.size(1), chunk)
    shape = (x.size(1) // chunk, chunk)
    x, write, read, log_decay = (torch.unflatten(each, 1, shape) for each in (x, write, read, log_decay))
    total = log_decay.cumsum(2)
    last = total[:, :, -1:]
    difference = (total.unsqueeze(3) - total.unsqueeze(2)).permute(0, 1, 4, 2, 3)
    later = torch.ones_like(difference, dtype=torch.bool).triu(1)
    inside = difference.masked_fill(later, -torch.inf).exp()
    outputs = chunk_outputs(chunk_scores(read, write) * inside, x)
    added = chunk_states(write, (last - total).exp(), x)
    state = torch.zeros_like(added[:, 0])
    before = []
    for step in range(added.size(1)):
        before.append(state)
        state = state * last[:, step, 0, :, None, None].exp() + added[:, step]
    carried = shaped(torch.stack(before, 1), "b chunk m z d")
    return (outputs + state_outputs(read, carried, total.exp())).flatten(1, 2)


def require_chunks(length: int, chunk: int) -> None:
    """Refuse a chunk that does not divide the length (TE410)."""
    if chunk < 1 or length % chunk:
        left = f"{length % chunk} positions are left over" if chunk > 0 else "a chunk has 1 position or more"
        summary = f"`chunk` is {chunk}, but `x` has {length} positions: {left}"
        divisors = [number for number in range(1, length + 1) if length % number == 0]
        listed = ", ".join(map(str, divisors[-4:])) or "1"
        repair = f"`chunk` can be one of {listed}; or pad `x`, with `log_decay` and `write` of 0"
        raise SettingError(Diagnostic("TE410", summary, caller_place(), help=repair))
