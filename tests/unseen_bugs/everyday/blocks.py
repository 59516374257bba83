"""Layers, caches and encodings, each with a mistake that was written before any check was tried on it."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


class CrossAttentionBuggy(nn.Module):
    """The padding of the context is forgotten after a causal one was added."""

    def __init__(self, width: int = 24, heads: int = 3) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.kv = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(
        self, x: Float[Tensor, "b t 24"], context: Float[Tensor, "b s 24"], padding: Bool[Tensor, "b s"]
    ) -> Float[Tensor, "b t 24"]:
        b, t, c = x.shape
        q = self.q(x).view(b, t, self.heads, -1).transpose(1, 2)
        k, v = self.kv(context).view(b, -1, 2, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        scores.masked_fill(padding[:, None, None, :], float("-inf"))
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, c))


class CrossAttentionFixed(CrossAttentionBuggy):
    def forward(
        self, x: Float[Tensor, "b t 24"], context: Float[Tensor, "b s 24"], padding: Bool[Tensor, "b s"]
    ) -> Float[Tensor, "b t 24"]:
        b, t, c = x.shape
        q = self.q(x).view(b, t, self.heads, -1).transpose(1, 2)
        k, v = self.kv(context).view(b, -1, 2, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        scores = scores.masked_fill(padding[:, None, None, :], -1e9)
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, c))


def softmax_times_mask_buggy(
    q: Float[Tensor, "b h t d"], k: Float[Tensor, "b h s d"], v: Float[Tensor, "b h s d"], keep: Bool[Tensor, "b s"]
) -> Float[Tensor, "b h t d"]:
    """Scores are multiplied with the mask before the softmax, which gives what is masked a weight."""
    scores = q @ k.mT / q.shape[-1] ** 0.5
    scores = scores * keep[:, None, None, :]
    return scores.softmax(-1) @ v


def softmax_times_mask_fixed(
    q: Float[Tensor, "b h t d"], k: Float[Tensor, "b h s d"], v: Float[Tensor, "b h s d"], keep: Bool[Tensor, "b s"]
) -> Float[Tensor, "b h t d"]:
    scores = q @ k.mT / q.shape[-1] ** 0.5
    scores = scores.masked_fill(~keep[:, None, None, :], -1e9)
    return scores.softmax(-1) @ v


def alibi_buggy(
    q: Float[Tensor, "b h t d"], k: Float[Tensor, "b h t d"], v: Float[Tensor, "b h t d"]
) -> Float[Tensor, "b h t d"]:
    """The slopes of the heads are made from the width of a head."""
    h, t, d = q.shape[1:]
    slopes = 2.0 ** (-8.0 * torch.arange(1, h + 1) / d)
    distance = torch.arange(t)[None, :] - torch.arange(t)[:, None]
    bias = slopes[:, None, None] * distance.clamp(max=0)
    causal = torch.ones(t, t, dtype=torch.bool).triu(1)
    scores = (q @ k.mT / d**0.5 + bias).masked_fill(causal, -1e9)
    return scores.softmax(-1) @ v


def alibi_fixed(
    q: Float[Tensor, "b h t d"], k: Float[Tensor, "b h t d"], v: Float[Tensor, "b h t d"]
) -> Float[Tensor, "b h t d"]:
    h, t, d = q.shape[1:]
    slopes = 2.0 ** (-8.0 * torch.arange(1, h + 1) / h)
    distance = torch.arange(t)[None, :] - torch.arange(t)[:, None]
    bias = slopes[:, None, None] * distance.clamp(max=0)
    causal = torch.ones(t, t, dtype=torch.bool).triu(1)
    scores = (q @ k.mT / d**0.5 + bias).masked_fill(causal, -1e9)
    return scores.softmax(-1) @ v


def rope_buggy(x: Float[Tensor, "b t h 16"], base: float = 10000.0) -> Float[Tensor, "b t h 16"]:
    """The positions count the heads."""
    half = x.shape[-1] // 2
    frequencies = base ** (-torch.arange(half) / half)
    angles = torch.arange(x.shape[2])[:, None] * frequencies
    cos, sin = angles.cos(), angles.sin()
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


def rope_fixed(x: Float[Tensor, "b t h 16"], base: float = 10000.0) -> Float[Tensor, "b t h 16"]:
    half = x.shape[-1] // 2
    frequencies = base ** (-torch.arange(half) / half)
    angles = torch.arange(x.shape[1])[:, None, None] * frequencies
    cos, sin = angles.cos(), angles.sin()
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


def sliding_window_buggy(
    q: Float[Tensor, "b h t d"], k: Float[Tensor, "b h t d"], v: Float[Tensor, "b h t d"], window: int = 2
) -> Float[Tensor, "b h t d"]:
    """The window looks forward: the difference of the positions has the wrong sign."""
    t = q.shape[2]
    offset = torch.arange(t)[None, :] - torch.arange(t)[:, None]
    allowed = (offset >= 0) & (offset < window)
    scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(~allowed, -1e9)
    return scores.softmax(-1) @ v


def sliding_window_fixed(
    q: Float[Tensor, "b h t d"], k: Float[Tensor, "b h t d"], v: Float[Tensor, "b h t d"], window: int = 2
) -> Float[Tensor, "b h t d"]:
    t = q.shape[2]
    offset = torch.arange(t)[:, None] - torch.arange(t)[None, :]
    allowed = (offset >= 0) & (offset < window)
    scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(~allowed, -1e9)
    return scores.softmax(-1) @ v


class MixtureOfExpertsBuggy(nn.Module):
    """The kept gates are normalised over the tokens."""

    def __init__(self, width: int = 12, experts: int = 5) -> None:
        super().__init__()
        self.gate = nn.Linear(width, experts, bias=False)
        self.experts = nn.ModuleList(nn.Linear(width, width) for _ in range(experts))

    def forward(self, x: Float[Tensor, "n 12"]) -> Float[Tensor, "n 12"]:
        weights, chosen = self.gate(x).softmax(-1).topk(2, dim=-1)
        weights = weights / weights.sum(0, keepdim=True)
        result = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            share = (weights * (chosen == number)).sum(-1, keepdim=True)
            result = result + share * expert(x)
        return result


class MixtureOfExpertsFixed(MixtureOfExpertsBuggy):
    def forward(self, x: Float[Tensor, "n 12"]) -> Float[Tensor, "n 12"]:
        weights, chosen = self.gate(x).softmax(-1).topk(2, dim=-1)
        weights = weights / weights.sum(-1, keepdim=True)
        result = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            share = (weights * (chosen == number)).sum(-1, keepdim=True)
            result = result + share * expert(x)
        return result


def expert_balance_buggy(gates: Float[Tensor, "n e"], chosen: Int[Tensor, "n k"]) -> Float[Tensor, ""]:
    """The load of each expert is scaled by the count of tokens instead of experts."""
    p = gates.softmax(-1)
    used = F.one_hot(chosen.clamp(0, p.shape[1] - 1), p.shape[1]).float().sum(1)
    return len(p) * (used.mean(0) * p.mean(0)).sum()


def expert_balance_fixed(gates: Float[Tensor, "n e"], chosen: Int[Tensor, "n k"]) -> Float[Tensor, ""]:
    p = gates.softmax(-1)
    used = F.one_hot(chosen.clamp(0, p.shape[1] - 1), p.shape[1]).float().sum(1)
    return p.shape[1] * (used.mean(0) * p.mean(0)).sum()


def masked_pool_buggy(
    x: Float[Tensor, "b t d"], lengths: Int[Tensor, "b"], weight: Float[Tensor, "e d"]
) -> Float[Tensor, "b e"]:
    """The sum over the valid tokens is divided by the count of all."""
    keep = torch.arange(x.shape[1])[None, :] < lengths[:, None]
    total = (x * keep[..., None]).sum(1)
    return F.linear(total / x.shape[1], weight)


def masked_pool_fixed(
    x: Float[Tensor, "b t d"], lengths: Int[Tensor, "b"], weight: Float[Tensor, "e d"]
) -> Float[Tensor, "b e"]:
    keep = torch.arange(x.shape[1])[None, :] < lengths[:, None]
    total = (x * keep[..., None]).sum(1)
    return F.linear(total / lengths.clamp(min=1)[:, None], weight)


def max_pool_padded_buggy(x: Float[Tensor, "b t d"], mask: Bool[Tensor, "b t"]) -> Float[Tensor, "b d"]:
    """Padded entries become 0, which wins where all valid entries are negative."""
    return F.normalize((x * mask[..., None]).amax(dim=1), dim=-1)


def max_pool_padded_fixed(x: Float[Tensor, "b t d"], mask: Bool[Tensor, "b t"]) -> Float[Tensor, "b d"]:
    return F.normalize(x.masked_fill(~mask[..., None], -1e4).amax(dim=1), dim=-1)


class GroupNormBuggy(nn.Module):
    """The groups are cut from the pixels: the view has the groups last."""

    def __init__(self, channels: int = 12, groups: int = 3) -> None:
        super().__init__()
        self.groups = groups
        self.weight, self.bias = nn.Parameter(torch.randn(channels)), nn.Parameter(torch.randn(channels))

    def forward(self, x: Float[Tensor, "b 12 h w"]) -> Float[Tensor, "b 12 h w"]:
        b, c, h, w = x.shape
        grouped = x.reshape(b, -1, self.groups)
        mean, var = grouped.mean(1, keepdim=True), grouped.var(1, keepdim=True, unbiased=False)
        x = ((grouped - mean) / (var + 1e-5).sqrt()).reshape(b, c, h, w)
        return x * self.weight[:, None, None] + self.bias[:, None, None]


class GroupNormFixed(GroupNormBuggy):
    def forward(self, x: Float[Tensor, "b 12 h w"]) -> Float[Tensor, "b 12 h w"]:
        b, c, h, w = x.shape
        grouped = x.reshape(b, self.groups, -1)
        mean, var = grouped.mean(2, keepdim=True), grouped.var(2, keepdim=True, unbiased=False)
        x = ((grouped - mean) / (var + 1e-5).sqrt()).reshape(b, c, h, w)
        return x * self.weight[:, None, None] + self.bias[:, None, None]


class VectorQuantiserBuggy(nn.Module):
    """The codes are put back as if the channels came first."""

    def __init__(self, codes: int = 9, width: int = 6) -> None:
        super().__init__()
        self.codebook = nn.Embedding(codes, width)

    def forward(self, x: Float[Tensor, "b 6 h w"]) -> tuple[Float[Tensor, "b 6 h w"], Int[Tensor, "b h w"]]:
        b, c, h, w = x.shape
        flat = x.permute(0, 2, 3, 1).reshape(-1, c)
        indices = torch.cdist(flat, self.codebook.weight).argmin(1)
        codes = self.codebook(indices).view(b, c, h, w)
        return x + (codes - x).detach(), indices.view(b, h, w)


class VectorQuantiserFixed(VectorQuantiserBuggy):
    def forward(self, x: Float[Tensor, "b 6 h w"]) -> tuple[Float[Tensor, "b 6 h w"], Int[Tensor, "b h w"]]:
        b, c, h, w = x.shape
        flat = x.permute(0, 2, 3, 1).reshape(-1, c)
        indices = torch.cdist(flat, self.codebook.weight).argmin(1)
        codes = self.codebook(indices).view(b, h, w, c).permute(0, 3, 1, 2)
        return x + (codes - x).detach(), indices.view(b, h, w)


def vq_loss_buggy(x: Float[Tensor, "n d"], codes: Float[Tensor, "k d"]) -> Float[Tensor, ""]:
    """Both parts of the loss detach the same side, so that the codes never learn."""
    nearest = codes[torch.cdist(x, codes).argmin(1)]
    commitment = F.mse_loss(x, nearest.detach())
    codebook = F.mse_loss(nearest.detach(), x)
    return codebook + 0.25 * commitment


def vq_loss_fixed(x: Float[Tensor, "n d"], codes: Float[Tensor, "k d"]) -> Float[Tensor, ""]:
    nearest = codes[torch.cdist(x, codes).argmin(1)]
    commitment = F.mse_loss(x, nearest.detach())
    codebook = F.mse_loss(nearest, x.detach())
    return codebook + 0.25 * commitment


class GraphAttentionBuggy(nn.Module):
    """Messages go back to the node that they came from."""

    def __init__(self, width: int = 7, out: int = 8) -> None:
        super().__init__()
        self.lin = nn.Linear(width, out, bias=False)
        self.score = nn.Linear(2 * out, 1)

    def forward(self, x: Float[Tensor, "n 7"], edges: Int[Tensor, "2 e"]) -> Float[Tensor, "n 8"]:
        source, target = edges
        z = self.lin(x)
        score = F.leaky_relu(self.score(torch.cat([z[source], z[target]], -1))).squeeze(-1)
        weight = (score - score.max()).exp()
        total = torch.zeros(len(x)).index_add(0, target, weight)
        weight = weight / total[source].clamp(min=1e-9)
        return torch.zeros_like(z).index_add(0, target, weight[:, None] * z[source])


class GraphAttentionFixed(GraphAttentionBuggy):
    def forward(self, x: Float[Tensor, "n 7"], edges: Int[Tensor, "2 e"]) -> Float[Tensor, "n 8"]:
        source, target = edges
        z = self.lin(x)
        score = F.leaky_relu(self.score(torch.cat([z[source], z[target]], -1))).squeeze(-1)
        weight = (score - score.max()).exp()
        total = torch.zeros(len(x)).index_add(0, target, weight)
        weight = weight / total[target].clamp(min=1e-9)
        return torch.zeros_like(z).index_add(0, target, weight[:, None] * z[source])


def graph_convolution_buggy(
    x: Float[Tensor, "n f"], adjacency: Float[Tensor, "n n"], weight: Float[Tensor, "f g"]
) -> Float[Tensor, "n g"]:
    """Rows are scaled by the degrees of the columns."""
    adjacency = adjacency.abs()
    degree = adjacency.sum(0)
    return (adjacency / degree.clamp(min=1e-6)[:, None]) @ x @ weight


def graph_convolution_fixed(
    x: Float[Tensor, "n f"], adjacency: Float[Tensor, "n n"], weight: Float[Tensor, "f g"]
) -> Float[Tensor, "n g"]:
    adjacency = adjacency.abs()
    degree = adjacency.sum(1)
    return (adjacency / degree.clamp(min=1e-6)[:, None]) @ x @ weight


class RingCacheBuggy(nn.Module):
    """The new keys are written over the heads' axis of the cache."""

    def __init__(self, room: int = 9, heads: int = 9, width: int = 4) -> None:
        super().__init__()
        self.register_buffer("k", torch.zeros(2, heads, room, width))
        self.register_buffer("v", torch.zeros(2, heads, room, width))

    def forward(
        self, q: Float[Tensor, "2 9 t 4"], k: Float[Tensor, "2 9 t 4"], v: Float[Tensor, "2 9 t 4"]
    ) -> Float[Tensor, "2 9 t 4"]:
        cached_k, cached_v = self.k.clone(), self.v.clone()
        places = torch.arange(k.shape[2])
        cached_k[:, :, places] = k
        cached_v[:, :, places] = v
        scores = q @ cached_k.mT / 2
        return scores.softmax(-1) @ cached_v


class RingCacheFixed(RingCacheBuggy):
    def forward(
        self, q: Float[Tensor, "2 9 t 4"], k: Float[Tensor, "2 9 t 4"], v: Float[Tensor, "2 9 t 4"]
    ) -> Float[Tensor, "2 9 t 4"]:
        cached_k, cached_v = self.k.clone(), self.v.clone()
        places = torch.arange(k.shape[2])
        cached_k[:, :, places] = k
        cached_v[:, :, places] = v
        filled = torch.arange(cached_k.shape[2]) < k.shape[2]
        scores = (q @ cached_k.mT / 2).masked_fill(~filled, -1e9)
        return scores.softmax(-1) @ cached_v


class SqueezeExciteBuggy(nn.Module):
    """The squeeze averages the channels and one side, so that rows are gated."""

    def __init__(self, channels: int = 6) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(channels, 3), nn.Linear(3, channels)

    def forward(self, x: Float[Tensor, "b h w 6"]) -> Float[Tensor, "b h w 6"]:
        gates = self.up(F.relu(self.down(x.mean(dim=2)))).sigmoid()
        return x * gates[:, :, None]


class SqueezeExciteFixed(SqueezeExciteBuggy):
    def forward(self, x: Float[Tensor, "b h w 6"]) -> Float[Tensor, "b h w 6"]:
        gates = self.up(F.relu(self.down(x.mean(dim=(1, 2))))).sigmoid()
        return x * gates[:, None, None]
