"""What the functions of `typed_einsum.attention` compute, written from their definitions.

The references know nothing of the library. Softmaxes are written out, sums are loops over vectors.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor


def softmax(scores: Tensor) -> Tensor:
    """Over the last axis."""
    powers = (scores - scores.max(-1, keepdim=True).values).exp()
    return powers / powers.sum(-1, keepdim=True)


def attend(query: Tensor, keys: Tensor, values: Tensor, scale: float, keep: Tensor | None = None) -> Tensor:
    """One query against keys `(k, c)` and values `(k, d)`."""
    scores = torch.stack([(query * key).sum() * scale for key in keys])
    if keep is not None:
        scores = torch.where(keep, scores, torch.full_like(scores, -math.inf))
    return sum((weight * value for weight, value in zip(softmax(scores), values, strict=True)), values[0] * 0)


def each(function: Callable[..., Tensor], *tensors: Tensor, depth: int) -> Tensor:
    """A function of slices along the first `depth` axes, which all tensors share."""
    if depth == 0:
        return function(*tensors)
    return torch.stack([each(function, *slices, depth=depth - 1) for slices in zip(*tensors, strict=True)])


def heads_of(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Attention of `(q, c)`, `(k, c)`, `(k, d)`."""
    return torch.stack([attend(row, key, value, scale) for row in query])


def scaled_dot_product(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    scale = 1 / math.sqrt(query.shape[-1])
    return each(lambda q, k, v: heads_of(q, k, v, scale), query, key, value, depth=2)


def linear(query: Tensor, key: Tensor, value: Tensor, *, causal: bool = False) -> Tensor:
    """The quadratic form: every weight made, then divided by their sum."""

    def one(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        weights = torch.stack([torch.stack([(row * other).sum() for other in k]) for row in q])
        weights = weights.tril() if causal else weights
        return torch.stack([(row[:, None] * v).sum(0) / row.sum() for row in weights])

    return each(one, query, key, value, depth=2)


def random_features(x: Tensor, directions: Tensor) -> Tensor:
    """One number after another."""
    out = torch.empty(*x.shape[:-1], len(directions), dtype=x.dtype)
    for index in itertools.product(*map(range, x.shape[:-1])):
        for f, direction in enumerate(directions):
            out[(*index, f)] = math.exp((direction * x[index]).sum() - (x[index] * x[index]).sum() / 2)
    return out / math.sqrt(len(directions))


def relative_position(q: Tensor, k: Tensor, v: Tensor, of_keys: Tensor, of_values: Tensor) -> Tensor:
    scale = 1 / math.sqrt(q.shape[-1])

    def one(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        rows = zip(q, of_keys, of_values, strict=True)
        return torch.stack([attend(row, k + more_k, v + more_v, scale) for row, more_k, more_v in rows])

    return each(one, q, k, v, depth=2)


def offset_position_scores(q: Tensor, k: Tensor, r: Tensor, u: Tensor, v: Tensor) -> Tensor:
    b, m, queries, _ = q.shape
    keys = k.shape[2]
    out = torch.empty(b, m, queries, keys, dtype=q.dtype)
    for sample in range(b):
        for head in range(m):
            for i in range(queries):
                for j in range(keys):
                    far = r[head, j - i + queries - 1]
                    content = ((q[sample, head, i] + u[head]) * k[sample, head, j]).sum()
                    out[sample, head, i, j] = content + ((q[sample, head, i] + v[head]) * far).sum()
    return out


def talking_heads(q: Tensor, k: Tensor, v: Tensor, before: Tensor, after: Tensor) -> Tensor:
    outputs = []
    for sample_q, sample_k, sample_v in zip(q, k, v, strict=True):
        raw = torch.stack([a @ b.T for a, b in zip(sample_q, sample_k, strict=True)]) / math.sqrt(q.shape[-1])
        mixed = [sum(raw[m] * before[m, u] for m in range(len(raw))) for u in range(before.shape[1])]
        weights = [softmax(scores) for scores in mixed]
        again = [sum(w * after[u, r] for u, w in enumerate(weights)) for r in range(after.shape[1])]
        outputs.append(torch.stack([w @ values for w, values in zip(again, sample_v, strict=True)]))
    return torch.stack(outputs)


def slot_attention(slot: Tensor, key: Tensor, value: Tensor, eps: float) -> Tensor:
    outputs = []
    for s, k, v in zip(slot, key, value, strict=True):
        share = softmax((s @ k.T / math.sqrt(s.shape[-1])).T).T + eps  # over slots, for each input
        outputs.append(torch.stack([(row[:, None] * v).sum(0) / row.sum() for row in share]))
    return torch.stack(outputs)


def axial(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    scale = 1 / math.sqrt(q.shape[-1])
    rows = each(lambda a, b, c: heads_of(a, b, c, scale), q, k, v, depth=3)
    turned = [x.transpose(2, 3) for x in (q, k, rows)]
    return each(lambda a, b, c: heads_of(a, b, c, scale), *turned, depth=3).transpose(2, 3)


def scan(x: Tensor, log_decay: Tensor, write: Tensor, read: Tensor) -> Tensor:
    """The recurrence, one position after another."""
    b, length, m, d = x.shape
    state = torch.zeros(b, m, write.shape[-1], d, dtype=x.dtype)
    out = []
    for t in range(length):
        state = state * log_decay[:, t, :, None, None].exp() + write[:, t, :, :, None] * x[:, t, :, None, :]
        out.append((read[:, t, :, :, None] * state).sum(2))
    return torch.stack(out, 1)


def mixture_of_experts(token: Tensor, weights: Tensor, widen: Tensor, narrow: Tensor) -> Tensor:
    """One token after another."""
    out = torch.zeros_like(token)
    for t, gates in enumerate(weights):
        for expert, slots in enumerate(gates):
            for gate in slots:
                if gate != 0:
                    out[t] += gate * ((token[t] @ widen[expert]).clamp(min=0) @ narrow[expert])
    return out


def distance_bucket(relative: int, count: int, farthest: int, both_sides: bool) -> int:
    """In whole numbers: bucket `e + i` begins where `(n / e) ** wide` reaches `(farthest / e) ** i`."""
    start = 0
    if both_sides:
        count //= 2
        start = count if relative > 0 else 0
        relative = -abs(relative)
    distance, exact = max(-relative, 0), count // 2
    if distance < exact:
        return start + distance
    wide = count - exact
    reached = (i for i in range(wide) if distance**wide * exact**i >= farthest**i * exact**wide)
    return start + exact + max(reached)
