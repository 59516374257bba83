"""Offsets between queries and keys, and a learnt bias for each bucket of offsets."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from typed_einsum.checked import shape_checked
from typed_einsum.contraction import typed_einsum
from typed_einsum.diagnostics import Diagnostic
from typed_einsum.errors import SettingError
from typed_einsum.locations import caller_place


@typed_einsum
def chosen_bias(chosen: Float[Tensor, "q k j"], table: Float[Tensor, "j m"]) -> Float[Tensor, "m q k"]:
    """The bias of each bucket of distances, where `chosen` is 1 for the bucket of a pair and 0 elsewhere.

    Equation: `B[m,q,k] = Σ_j H[q,k,j] · T[j,m]`.

    Axes: `q` position of a query, `k` position of a key, `j` offset between two positions, or bucket of
    offsets, `m` head.

    Source: Raffel et al. 2020, T5, section 2.1.

    Examples:
        >>> import torch
        >>> chosen_bias(torch.ones(4, 5, 9), torch.ones(9, 3)).shape
        torch.Size([3, 4, 5])
    """


def offsets(queries: int, keys: int, device: torch.device | None = None) -> Tensor:
    """The offset `k - q` of each query and key, counted from the smallest of all `queries + keys - 1`.

    Cost: one subtraction of two ranges: `queries · keys` integers.

    Examples:
        >>> offsets(2, 3).tolist()
        [[1, 2, 3], [0, 1, 2]]
    """
    query, key = torch.arange(queries, device=device), torch.arange(keys, device=device)
    return key[None, :] - query[:, None] + queries - 1


def distance_buckets(
    queries: int,
    keys: int,
    count: int = 32,
    farthest: int = 128,
    *,
    both_sides: bool = True,
    device: torch.device | None = None,
) -> Tensor:
    """The bucket of each query and key: one for each small distance, wider ones for larger ones.

    With `both_sides`, later keys have the second half of the buckets; else they share bucket 0 with
    the query's own position. From `farthest` on, all distances share the last bucket.

    Equation: for a distance `n`, with `c` buckets on each side of which `e` are exact, `n` below `e`, and
    from there `e + floor((c - e) · log(n / e) / log(farthest / e))`, at most `c - 1`.

    Returns: the buckets, `q k`, integers for `bucket_bias`.

    Raises: `SettingError` (TE410) for fewer buckets than there are sides and kinds, or a `farthest` that is
    among the exact ones.

    Cost: some passes over `queries · keys` numbers. Neither lengths nor buckets change while a model trains:
    compute them once.

    Source: Raffel et al. 2020, T5, section 2.1: 32 buckets, of logarithmic width up to a distance of 128. The
    formula is that of the authors' released code.

    Examples:
        >>> distance_buckets(2, 6, count=8, farthest=16).tolist()
        [[0, 5, 6, 6, 6, 6], [1, 0, 5, 6, 6, 6]]
    """
    sides = 2 if both_sides else 1
    exact = count // sides // 2
    if exact < 1 or farthest <= exact:
        summary = f"`count` is {count} and `farthest` is {farthest}: {exact} distances have a bucket each"
        repair = f"pass a `count` of {2 * sides} or more, and a `farthest` beyond count / {2 * sides}"
        raise SettingError(Diagnostic("TE410", summary, caller_place(), help=repair))
    relative = offsets(queries, keys, device) - (queries - 1)
    distance = relative.abs() if both_sides else (-relative).clamp_min(0)
    of_side = count // sides
    # In single precision and in this order, as the published models were trained: at the edge of a bucket,
    # rounding decides.
    ratio = torch.log(distance.clamp_min(exact).float() / exact) / math.log(farthest / exact)
    far = (exact + (ratio * (of_side - exact)).long()).clamp_max(of_side - 1)
    bucket = torch.where(distance < exact, distance, far)
    return bucket + (relative > 0).long() * of_side if both_sides else bucket


@shape_checked
def bucket_bias(buckets: Int[Tensor, "q k"], table: Float[Tensor, "j m"]) -> Float[Tensor, "m q k"]:
    """A learnt bias for each head and each bucket of distances, to be added to the scores:
    the result of `chosen_bias`, without its first operand.

    Equation: `B[m,q,k] = T[bucket(q, k), m]`.

    Cost: a look-up of `q · k` rows of the table.

    Source: Raffel et al. 2020, T5, section 2.1.

    Examples:
        >>> import torch
        >>> bucket_bias(torch.zeros(4, 5, dtype=torch.int64), torch.randn(9, 3)).shape
        torch.Size([3, 4, 5])
    """
    return table[buckets].permute(2, 0, 1)
