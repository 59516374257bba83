"""Attention layers, caches and recurrences, each with a mistake that was written before any check looked at it."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


def alibi_buggy(
    q: Float[Tensor, "b h q d"], k: Float[Tensor, "b h k d"], v: Float[Tensor, "b h k d"]
) -> Float[Tensor, "b h q d"]:
    heads, queries, keys = q.shape[1], q.shape[2], k.shape[2]
    slopes = 2.0 ** (-8.0 * torch.arange(1, heads + 1) / heads)
    distances = torch.arange(queries)[:, None].expand(queries, keys)
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    scores = scores + slopes[:, None, None] * distances
    return scores.softmax(-1) @ v


def alibi_fixed(
    q: Float[Tensor, "b h q d"], k: Float[Tensor, "b h k d"], v: Float[Tensor, "b h k d"]
) -> Float[Tensor, "b h q d"]:
    heads, queries, keys = q.shape[1], q.shape[2], k.shape[2]
    slopes = 2.0 ** (-8.0 * torch.arange(1, heads + 1) / heads)
    distances = torch.arange(keys)[None, :].expand(queries, keys)
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    scores = scores + slopes[:, None, None] * distances
    return scores.softmax(-1) @ v


def window_mask_buggy(
    q: Float[Tensor, "b h t d"], k: Float[Tensor, "b h t d"], v: Float[Tensor, "b h t d"], window: int = 3
) -> Float[Tensor, "b h t d"]:
    t = q.shape[2]
    offset = torch.arange(t)[None, :] - torch.arange(t)[:, None]
    keep = (offset >= 0) & (offset < window)
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    return scores.masked_fill(~keep, float("-inf")).softmax(-1) @ v


def window_mask_fixed(
    q: Float[Tensor, "b h t d"], k: Float[Tensor, "b h t d"], v: Float[Tensor, "b h t d"], window: int = 3
) -> Float[Tensor, "b h t d"]:
    t = q.shape[2]
    offset = torch.arange(t)[:, None] - torch.arange(t)[None, :]
    keep = (offset >= 0) & (offset < window)
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    return scores.masked_fill(~keep, float("-inf")).softmax(-1) @ v


def cached_rotary_buggy(
    q: Float[Tensor, "b h t d"], k: Float[Tensor, "b h t d"], past: Float[Tensor, "b h p d"]
) -> Float[Tensor, "b h t p+t"]:
    d, t = q.shape[-1], q.shape[-2]
    positions = torch.arange(t)
    frequencies = 1.0 / 10000 ** (torch.arange(0, d // 2) * 2 / d)
    angles = positions[:, None] * frequencies
    angles = torch.cat([angles, angles], -1)
    q1, q2 = q.chunk(2, -1)
    k1, k2 = k.chunk(2, -1)
    q = q * angles.cos() + torch.cat([-q2, q1], -1) * angles.sin()
    k = k * angles.cos() + torch.cat([-k2, k1], -1) * angles.sin()
    keys = torch.cat([past, k], 2)
    return q @ keys.transpose(-1, -2)


def cached_rotary_fixed(
    q: Float[Tensor, "b h t d"], k: Float[Tensor, "b h t d"], past: Float[Tensor, "b h p d"]
) -> Float[Tensor, "b h t p+t"]:
    d, t = q.shape[-1], q.shape[-2]
    positions = torch.arange(t) + past.shape[2]
    frequencies = 1.0 / 10000 ** (torch.arange(0, d // 2) * 2 / d)
    angles = positions[:, None] * frequencies
    angles = torch.cat([angles, angles], -1)
    q1, q2 = q.chunk(2, -1)
    k1, k2 = k.chunk(2, -1)
    q = q * angles.cos() + torch.cat([-q2, q1], -1) * angles.sin()
    k = k * angles.cos() + torch.cat([-k2, k1], -1) * angles.sin()
    keys = torch.cat([past, k], 2)
    return q @ keys.transpose(-1, -2)


def positions_of_heads_buggy(x: Float[Tensor, "b h t d"], base: float = 10000.0) -> Float[Tensor, "b h t d"]:
    d = x.shape[-1]
    frequencies = 1.0 / base ** (torch.arange(0, d, 2) / d)
    angles = torch.outer(torch.arange(x.shape[1]).float(), frequencies)
    cos, sin = angles.cos()[None, :, None, :], angles.sin()[None, :, None, :]
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)


def positions_of_heads_fixed(x: Float[Tensor, "b h t d"], base: float = 10000.0) -> Float[Tensor, "b h t d"]:
    d = x.shape[-1]
    frequencies = 1.0 / base ** (torch.arange(0, d, 2) / d)
    angles = torch.outer(torch.arange(x.shape[2]).float(), frequencies)
    cos, sin = angles.cos()[None, None], angles.sin()[None, None]
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)


def scale_of_tokens_buggy(
    q: Float[Tensor, "b h q d"], k: Float[Tensor, "b h k d"], v: Float[Tensor, "b h k d"], pad: Bool[Tensor, "b k"]
) -> Float[Tensor, "b h q d"]:
    scores = torch.einsum("bhqd,bhkd->bhqk", q, k) * q.shape[2] ** -0.5
    scores = scores.masked_fill(pad[:, None, None, :], -1e4)
    return torch.einsum("bhqk,bhkd->bhqd", scores.softmax(-1), v)


def scale_of_tokens_fixed(
    q: Float[Tensor, "b h q d"], k: Float[Tensor, "b h k d"], v: Float[Tensor, "b h k d"], pad: Bool[Tensor, "b k"]
) -> Float[Tensor, "b h q d"]:
    scores = torch.einsum("bhqd,bhkd->bhqk", q, k) * q.shape[-1] ** -0.5
    scores = scores.masked_fill(pad[:, None, None, :], -1e4)
    return torch.einsum("bhqk,bhkd->bhqd", scores.softmax(-1), v)


def linear_normaliser_buggy(
    q: Float[Tensor, "b h t d"], k: Float[Tensor, "b h t d"], v: Float[Tensor, "b h t e"]
) -> Float[Tensor, "b h t e"]:
    q, k = F.elu(q) + 1, F.elu(k) + 1
    context = torch.einsum("bhtd,bhte->bhde", k, v)
    total = (q * k.sum(dim=1, keepdim=True)).sum(-1, keepdim=True)
    return torch.einsum("bhtd,bhde->bhte", q, context) / total


def linear_normaliser_fixed(
    q: Float[Tensor, "b h t d"], k: Float[Tensor, "b h t d"], v: Float[Tensor, "b h t e"]
) -> Float[Tensor, "b h t e"]:
    q, k = F.elu(q) + 1, F.elu(k) + 1
    context = torch.einsum("bhtd,bhte->bhde", k, v)
    total = (q * k.sum(dim=2, keepdim=True)).sum(-1, keepdim=True)
    return torch.einsum("bhtd,bhde->bhte", q, context) / total


def shifted_windows_buggy(x: Float[Tensor, "b c h w"], shift: int = 2) -> Float[Tensor, "b c h w"]:
    y = torch.roll(x, shifts=(-shift, -shift), dims=(1, 2))
    y = y - F.avg_pool2d(y, 3, stride=1, padding=1)
    return torch.roll(y, shifts=(shift, shift), dims=(1, 2))


def shifted_windows_fixed(x: Float[Tensor, "b c h w"], shift: int = 2) -> Float[Tensor, "b c h w"]:
    y = torch.roll(x, shifts=(-shift, -shift), dims=(2, 3))
    y = y - F.avg_pool2d(y, 3, stride=1, padding=1)
    return torch.roll(y, shifts=(shift, shift), dims=(2, 3))


def conv_state_buggy(
    state: Float[Tensor, "b d k"], x: Float[Tensor, "b d"], weight: Float[Tensor, "d k"]
) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b d k"]]:
    state = torch.roll(state, shifts=-1, dims=1)
    state = torch.cat([state[:, :, :-1], x[:, :, None]], -1)
    return F.silu((state * weight).sum(-1)), state


def conv_state_fixed(
    state: Float[Tensor, "b d k"], x: Float[Tensor, "b d"], weight: Float[Tensor, "d k"]
) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b d k"]]:
    state = torch.roll(state, shifts=-1, dims=2)
    state = torch.cat([state[:, :, :-1], x[:, :, None]], -1)
    return F.silu((state * weight).sum(-1)), state


def depthwise_causal_buggy(x: Float[Tensor, "b t d"], weight: Float[Tensor, "d 1 4"]) -> Float[Tensor, "b t d"]:
    width, t = weight.shape[-1], x.shape[1]
    y = F.conv1d(x.transpose(1, 2), weight, padding=width - 1, groups=x.shape[-1])
    return F.silu(y[..., -t:]).transpose(1, 2)


def depthwise_causal_fixed(x: Float[Tensor, "b t d"], weight: Float[Tensor, "d 1 4"]) -> Float[Tensor, "b t d"]:
    width, t = weight.shape[-1], x.shape[1]
    y = F.conv1d(x.transpose(1, 2), weight, padding=width - 1, groups=x.shape[-1])
    return F.silu(y[..., :t]).transpose(1, 2)


def backward_pass_buggy(x: Float[Tensor, "b t d"], decay: Float[Tensor, "d"]) -> Float[Tensor, "b t 2*d"]:
    gate = torch.sigmoid(decay)

    def scan(y: Tensor) -> Tensor:
        state, states = torch.zeros_like(y[:, 0]), []
        for step in y.unbind(1):
            state = gate * state + (1 - gate) * step
            states.append(state)
        return torch.stack(states, 1)

    return torch.cat([scan(x), scan(x.flip(0)).flip(0)], -1)


def backward_pass_fixed(x: Float[Tensor, "b t d"], decay: Float[Tensor, "d"]) -> Float[Tensor, "b t 2*d"]:
    gate = torch.sigmoid(decay)

    def scan(y: Tensor) -> Tensor:
        state, states = torch.zeros_like(y[:, 0]), []
        for step in y.unbind(1):
            state = gate * state + (1 - gate) * step
            states.append(state)
        return torch.stack(states, 1)

    return torch.cat([scan(x), scan(x.flip(1)).flip(1)], -1)


def forgotten_bias_buggy(
    q: Float[Tensor, "b h q d"], k: Float[Tensor, "b h k d"], v: Float[Tensor, "b h k d"], bias: Float[Tensor, "h q k"]
) -> Float[Tensor, "b h q d"]:
    scores = torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(q.size(-1))
    biased = scores + bias
    weights = torch.softmax(scores.float(), dim=-1).type_as(biased)
    return torch.matmul(weights, v)


def forgotten_bias_fixed(
    q: Float[Tensor, "b h q d"], k: Float[Tensor, "b h k d"], v: Float[Tensor, "b h k d"], bias: Float[Tensor, "h q k"]
) -> Float[Tensor, "b h q d"]:
    scores = torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(q.size(-1))
    biased = scores + bias
    weights = torch.softmax(biased.float(), dim=-1).type_as(biased)
    return torch.matmul(weights, v)


def read_token_buggy(
    x: Float[Tensor, "b t d"], cls: Float[Tensor, "d"], w: Float[Tensor, "d d"], head: Float[Tensor, "d c"]
) -> Float[Tensor, "b c"]:
    x = torch.cat([x, cls.expand(x.shape[0], 1, -1)], 1)
    x = x + F.gelu(F.layer_norm(x, x.shape[-1:]) @ w)
    return (x[:, 0] + x[:, :-1].mean(1)) @ head


def read_token_fixed(
    x: Float[Tensor, "b t d"], cls: Float[Tensor, "d"], w: Float[Tensor, "d d"], head: Float[Tensor, "d c"]
) -> Float[Tensor, "b c"]:
    x = torch.cat([x, cls.expand(x.shape[0], 1, -1)], 1)
    x = x + F.gelu(F.layer_norm(x, x.shape[-1:]) @ w)
    return (x[:, -1] + x[:, :-1].mean(1)) @ head


class PrefixMaskBuggy(nn.Module):
    """The prefix is seen from everywhere: its keys, not its queries."""

    def __init__(self, dim: int = 24, heads: int = 3) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Float[Tensor, "b t dim"], prefix: Bool[Tensor, "b t"]) -> Float[Tensor, "b t dim"]:
        b, t, dim = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        keep = torch.ones(t, t, dtype=torch.bool).tril() | prefix[:, None, :, None]
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=keep)
        return self.out(y.transpose(1, 2).reshape(b, t, dim))


class PrefixMaskFixed(nn.Module):
    """The prefix is seen from everywhere: its keys, not its queries."""

    def __init__(self, dim: int = 24, heads: int = 3) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Float[Tensor, "b t dim"], prefix: Bool[Tensor, "b t"]) -> Float[Tensor, "b t dim"]:
        b, t, dim = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        keep = torch.ones(t, t, dtype=torch.bool).tril() | prefix[:, None, None, :]
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=keep)
        return self.out(y.transpose(1, 2).reshape(b, t, dim))


def capacity_of_experts_buggy(logits: Float[Tensor, "n e"], capacity: int = 2) -> Float[Tensor, "n e"]:
    gates = logits.softmax(-1)
    chosen = F.one_hot(gates.argmax(-1), logits.shape[-1])
    place = torch.cumsum(chosen, dim=-1) * chosen
    keep = (place > 0) & (place <= capacity)
    return gates * keep


def capacity_of_experts_fixed(logits: Float[Tensor, "n e"], capacity: int = 2) -> Float[Tensor, "n e"]:
    gates = logits.softmax(-1)
    chosen = F.one_hot(gates.argmax(-1), logits.shape[-1])
    place = torch.cumsum(chosen, dim=0) * chosen
    keep = (place > 0) & (place <= capacity)
    return gates * keep
