"""Attention, masks and positions."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor


def fused_heads_buggy(x: Float[Tensor, "b t e"], w: Float[Tensor, "e 3*e"]) -> Float[Tensor, "b t e"]:
    b, t, e = x.shape
    q, k, v = (x @ w).view(b, t, 3, 4, -1).permute(2, 0, 3, 1, 4)
    weights = (q @ k.mT / math.sqrt(e // 4)).softmax(-1)
    return (weights @ v).reshape(b, t, e)


def fused_heads_fixed(x: Float[Tensor, "b t e"], w: Float[Tensor, "e 3*e"]) -> Float[Tensor, "b t e"]:
    b, t, e = x.shape
    q, k, v = (x @ w).view(b, t, 3, 4, -1).permute(2, 0, 3, 1, 4)
    weights = (q @ k.mT / math.sqrt(e // 4)).softmax(-1)
    return (weights @ v).transpose(1, 2).reshape(b, t, e)


def split_heads_buggy(x: Float[Tensor, "b t e"], heads: int = 4) -> Float[Tensor, "b heads t e//4"]:
    b, t, e = x.shape
    return x.view(b, heads, t, e // heads)


def split_heads_fixed(x: Float[Tensor, "b t e"], heads: int = 4) -> Float[Tensor, "b heads t e//4"]:
    b, t, e = x.shape
    return x.view(b, t, heads, e // heads).transpose(1, 2)


def self_scores_buggy(x: Float[Tensor, "b t d"], w: Float[Tensor, "d d"]) -> Float[Tensor, "b t d"]:
    weights = F.softmax(x @ w @ x.transpose(1, 2), dim=1)
    return weights @ x


def self_scores_fixed(x: Float[Tensor, "b t d"], w: Float[Tensor, "d d"]) -> Float[Tensor, "b t d"]:
    weights = F.softmax(x @ w @ x.transpose(1, 2), dim=2)
    return weights @ x


def pooled_tokens_buggy(x: Float[Tensor, "b t d"], w: Float[Tensor, "d"]) -> Float[Tensor, "b d"]:
    weights = F.softmax(x @ w, dim=0)
    return (weights.unsqueeze(-1) * x).sum(1)


def pooled_tokens_fixed(x: Float[Tensor, "b t d"], w: Float[Tensor, "d"]) -> Float[Tensor, "b d"]:
    weights = F.softmax(x @ w, dim=1)
    return (weights.unsqueeze(-1) * x).sum(1)


def tanh_scores_buggy(
    h: Float[Tensor, "b t d"], w: Float[Tensor, "d a"], u: Float[Tensor, "a"]
) -> Float[Tensor, "b d"]:
    scores = torch.tanh(h @ w) @ u
    weights = torch.softmax(scores, 0).unsqueeze(1)
    return torch.bmm(weights, h).squeeze(1)


def tanh_scores_fixed(
    h: Float[Tensor, "b t d"], w: Float[Tensor, "d a"], u: Float[Tensor, "a"]
) -> Float[Tensor, "b d"]:
    scores = torch.tanh(h @ w) @ u
    weights = torch.softmax(scores, 1).unsqueeze(1)
    return torch.bmm(weights, h).squeeze(1)


def query_mask_buggy(
    q: Float[Tensor, "b t d"], k: Float[Tensor, "b t d"], pad: Bool[Tensor, "b t"]
) -> Float[Tensor, "b t t"]:
    scores = q @ k.mT
    return scores.masked_fill(pad[:, :, None], -1e9).softmax(-1)


def query_mask_fixed(
    q: Float[Tensor, "b t d"], k: Float[Tensor, "b t d"], pad: Bool[Tensor, "b t"]
) -> Float[Tensor, "b t t"]:
    scores = q @ k.mT
    return scores.masked_fill(pad[:, None, :], -1e9).softmax(-1)


def mask_after_softmax_buggy(
    q: Float[Tensor, "b h q d"],
    k: Float[Tensor, "b h k d"],
    v: Float[Tensor, "b h k d"],
    mask: Bool[Tensor, "b k"],
) -> Float[Tensor, "b h q d"]:
    scores = torch.einsum("bhqd,bhkd->bhqk", q, k)
    weights = F.softmax(scores.masked_fill(~mask[:, None, None], -1e9), dim=-2)
    return torch.einsum("bhqk,bhkd->bhqd", weights, v)


def mask_after_softmax_fixed(
    q: Float[Tensor, "b h q d"],
    k: Float[Tensor, "b h k d"],
    v: Float[Tensor, "b h k d"],
    mask: Bool[Tensor, "b k"],
) -> Float[Tensor, "b h q d"]:
    scores = torch.einsum("bhqd,bhkd->bhqk", q, k)
    weights = F.softmax(scores.masked_fill(~mask[:, None, None], -1e9), dim=-1)
    return torch.einsum("bhqk,bhkd->bhqd", weights, v)


def batch_first_positions_buggy(x: Float[Tensor, "b t d"], pe: Float[Tensor, "n 1 d"]) -> Float[Tensor, "b t d"]:
    return x + pe[: x.size(0)]


def batch_first_positions_fixed(x: Float[Tensor, "b t d"], pe: Float[Tensor, "n 1 d"]) -> Float[Tensor, "b t d"]:
    return x + pe[: x.size(1)].transpose(0, 1)


def one_position_buggy(x: Float[Tensor, "b t d"], pe: Float[Tensor, "1 n d"]) -> Float[Tensor, "b t d"]:
    return x + pe[:, x.size(1) - 1]


def one_position_fixed(x: Float[Tensor, "b t d"], pe: Float[Tensor, "1 n d"]) -> Float[Tensor, "b t d"]:
    return x + pe[:, : x.size(1)]


def relative_bias_buggy(scores: Float[Tensor, "b h t t"], bias: Float[Tensor, "t t h"]) -> Float[Tensor, "b h t t"]:
    t = scores.shape[-1]
    return scores + bias.view(-1, t, t)


def relative_bias_fixed(scores: Float[Tensor, "b h t t"], bias: Float[Tensor, "t t h"]) -> Float[Tensor, "b h t t"]:
    return scores + bias.permute(2, 0, 1)


def value_letters_buggy(w: Float[Tensor, "b h q k"], v: Float[Tensor, "b h k d"]) -> Float[Tensor, "b h q d"]:
    return torch.einsum("bhqk,bhld->bhqd", w, v)


def value_letters_fixed(w: Float[Tensor, "b h q k"], v: Float[Tensor, "b h k d"]) -> Float[Tensor, "b h q d"]:
    return torch.einsum("bhqk,bhkd->bhqd", w, v)


def external_batch_buggy(q: Float[Tensor, "b t d"], k: Float[Tensor, "b s d"], v: Float[Tensor, "b s d"]) -> Float[Tensor, "b t d"]:
    scores = torch.einsum("btd,csd->bts", q, k)
    return scores.softmax(-1) @ v


def external_batch_fixed(q: Float[Tensor, "b t d"], k: Float[Tensor, "b s d"], v: Float[Tensor, "b s d"]) -> Float[Tensor, "b t d"]:
    scores = torch.einsum("btd,bsd->bts", q, k)
    return scores.softmax(-1) @ v


def rotary_cat_buggy(x: Float[Tensor, "b t h d"], cos: Float[Tensor, "t d"], sin: Float[Tensor, "t d"]) -> Float[Tensor, "b t h d"]:
    one, two = x.chunk(2, -1)
    return x * cos[:, None] + torch.cat((-two, one), dim=-2).view_as(x) * sin[:, None]


def rotary_cat_fixed(x: Float[Tensor, "b t h d"], cos: Float[Tensor, "t d"], sin: Float[Tensor, "t d"]) -> Float[Tensor, "b t h d"]:
    one, two = x.chunk(2, -1)
    return x * cos[:, None] + torch.cat((-two, one), dim=-1) * sin[:, None]


def grouped_queries_buggy(q: Float[Tensor, "b t 8*d"], k: Float[Tensor, "b t 2*d"]) -> Float[Tensor, "b 8 t t"]:
    b, t, _ = q.shape
    query = q.view(b, t, 8, -1).transpose(1, 2)
    key = k.view(b, t, 2, -1).repeat_interleave(4, 2).view(b, 8, t, -1)
    return query @ key.mT


def grouped_queries_fixed(q: Float[Tensor, "b t 8*d"], k: Float[Tensor, "b t 2*d"]) -> Float[Tensor, "b 8 t t"]:
    b, t, _ = q.shape
    query = q.view(b, t, 8, -1).transpose(1, 2)
    key = k.view(b, t, 2, -1).repeat_interleave(4, 2).transpose(1, 2)
    return query @ key.mT


def slots_buggy(scores: Float[Tensor, "b n s"], values: Float[Tensor, "b n d"]) -> Float[Tensor, "b s d"]:
    weights = scores.softmax(dim=1)
    weights = weights / weights.sum(dim=-1, keepdim=True)
    return torch.einsum("bns,bnd->bsd", weights, values)


def slots_fixed(scores: Float[Tensor, "b n s"], values: Float[Tensor, "b n d"]) -> Float[Tensor, "b s d"]:
    weights = scores.softmax(dim=-1)
    weights = weights / weights.sum(dim=1, keepdim=True)
    return torch.einsum("bns,bnd->bsd", weights, values)


def graph_neighbours_buggy(
    x: Float[Tensor, "b n d"], index: Int[Tensor, "b n k"]
) -> Float[Tensor, "b n k d"]:
    return torch.stack([row[at] for row, at in zip(x, index.transpose(1, 2))]).reshape(*index.shape, -1)


def graph_neighbours_fixed(
    x: Float[Tensor, "b n d"], index: Int[Tensor, "b n k"]
) -> Float[Tensor, "b n k d"]:
    return torch.stack([row[at] for row, at in zip(x, index)])


def scale_buggy(q: Float[Tensor, "b h t d"], k: Float[Tensor, "b h t d"]) -> Float[Tensor, "b h t t"]:
    return q @ k.mT / math.sqrt(q.size(-2))


def scale_fixed(q: Float[Tensor, "b h t d"], k: Float[Tensor, "b h t d"]) -> Float[Tensor, "b h t t"]:
    return q @ k.mT / math.sqrt(q.size(-1))


def square_scores_buggy(q: Float[Tensor, "b t d"], k: Float[Tensor, "b s d"], v: Float[Tensor, "b s d"]) -> Float[Tensor, "b t d"]:
    return torch.softmax(torch.einsum("btd,bsd->bts", q, k), dim=1) @ v


def square_scores_fixed(q: Float[Tensor, "b t d"], k: Float[Tensor, "b s d"], v: Float[Tensor, "b s d"]) -> Float[Tensor, "b t d"]:
    return torch.softmax(torch.einsum("btd,bsd->bts", q, k), dim=2) @ v


def transposed_weights_buggy(q: Float[Tensor, "b t d"], k: Float[Tensor, "b t d"], v: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
    weights = (q @ k.mT).softmax(-1)
    return weights.transpose(1, 2) @ v


def transposed_weights_fixed(q: Float[Tensor, "b t d"], k: Float[Tensor, "b t d"], v: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
    weights = (q @ k.mT).softmax(-1)
    return weights @ v
