"""Bugs of public repositories, retold and kept apart: no check was made for any, and none was tuned on them.

Each function names where its bug was reported.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


def siren_image_buggy(image: Float[Tensor, "h w c"], weight: Float[Tensor, "e 2"]) -> Float[Tensor, ""]:
    """github.com/lucidrains/siren-pytorch/issues/6."""
    height, width, channels = image.shape
    axes = torch.linspace(-1, 1, width), torch.linspace(-1, 1, height)
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    features = torch.sin(30 * grid @ weight.t())
    return F.mse_loss(features.mean(-1, keepdim=True).expand(-1, channels), image.reshape(-1, channels))


def siren_image_fixed(image: Float[Tensor, "h w c"], weight: Float[Tensor, "e 2"]) -> Float[Tensor, ""]:
    height, width, channels = image.shape
    axes = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    features = torch.sin(30 * grid @ weight.t())
    return F.mse_loss(features.mean(-1, keepdim=True).expand(-1, channels), image.reshape(-1, channels))


def relative_bias_buggy(
    x: Float[Tensor, "b h w d"], table: Float[Tensor, "(2*h-1)*(2*w-1) n"]
) -> Float[Tensor, "b n h*w h*w"]:
    """github.com/leondgarse/keras_cv_attention_models/issues/26."""
    _, height, width, _ = x.shape
    ys, xs = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    ys, xs = ys.flatten(), xs.flatten()
    dy = ys[:, None] - ys[None] + height - 1
    dx = xs[:, None] - xs[None] + width - 1
    index = (dy * (2 * height - 1) + dx).clamp(max=table.shape[0] - 1)
    scores = torch.einsum("bid,bjd->bij", x.flatten(1, 2), x.flatten(1, 2))
    return scores[:, None] + table[index].permute(2, 0, 1)


def relative_bias_fixed(
    x: Float[Tensor, "b h w d"], table: Float[Tensor, "(2*h-1)*(2*w-1) n"]
) -> Float[Tensor, "b n h*w h*w"]:
    _, height, width, _ = x.shape
    ys, xs = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    ys, xs = ys.flatten(), xs.flatten()
    dy = ys[:, None] - ys[None] + height - 1
    dx = xs[:, None] - xs[None] + width - 1
    index = (dy * (2 * width - 1) + dx).clamp(max=table.shape[0] - 1)
    scores = torch.einsum("bid,bjd->bij", x.flatten(1, 2), x.flatten(1, 2))
    return scores[:, None] + table[index].permute(2, 0, 1)


class SelectiveKernelBuggy(nn.Module):
    """github.com/xmu-xiaoma666/External-Attention-pytorch/issues/18."""

    def __init__(self, channels: int = 6, kernels: tuple[int, ...] = (1, 3, 5)) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(channels, channels, k, padding=k // 2) for k in kernels)
        self.squeeze = nn.Linear(channels, 4)
        self.heads = nn.ModuleList(nn.Linear(4, channels) for _ in kernels)
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x: Float[Tensor, "b 6 h w"]) -> Float[Tensor, "b 6 h w"]:
        features = torch.stack([conv(x) for conv in self.convs], 0)
        squeezed = self.squeeze(features.sum(0).mean(-1).mean(-1))
        weights = torch.stack([head(squeezed)[:, :, None, None] for head in self.heads], 0)
        return (self.softmax(weights) * features).sum(0)


class SelectiveKernelFixed(SelectiveKernelBuggy):
    def __init__(self, channels: int = 6, kernels: tuple[int, ...] = (1, 3, 5)) -> None:
        super().__init__(channels, kernels)
        self.softmax = nn.Softmax(dim=0)


def latent_reward_buggy(z: Float[Tensor, "b n d"], h: Float[Tensor, "b n d"]) -> Float[Tensor, ""]:
    """github.com/facebookresearch/WMReward/issues/11."""
    return 1 - F.cosine_similarity(z, h, dim=1).mean()


def latent_reward_fixed(z: Float[Tensor, "b n d"], h: Float[Tensor, "b n d"]) -> Float[Tensor, ""]:
    return 1 - F.cosine_similarity(z, h, dim=-1).mean()


def memory_lookup_buggy(
    memory: Float[Tensor, "b m w"], keys: Float[Tensor, "b r w"], strengths: Float[Tensor, "b r"]
) -> Float[Tensor, "b r m"]:
    """github.com/ixaxaar/pytorch-dnc/issues/56."""
    memory_norm = memory.norm(2, 2, keepdim=True).expand_as(memory) + 1e-6
    key_norm = keys.norm(2, 2, keepdim=True).expand_as(keys) + 1e-6
    dot = torch.bmm(memory, keys.transpose(1, 2)).transpose(1, 2)
    similarity = dot / torch.bmm(memory_norm, key_norm.transpose(1, 2)).transpose(1, 2)
    return torch.softmax(similarity * strengths[..., None], -1)


def memory_lookup_fixed(
    memory: Float[Tensor, "b m w"], keys: Float[Tensor, "b r w"], strengths: Float[Tensor, "b r"]
) -> Float[Tensor, "b r m"]:
    memory_norm = memory.norm(2, 2).unsqueeze(2) + 1e-6
    key_norm = keys.norm(2, 2).unsqueeze(1) + 1e-6
    dot = torch.bmm(memory, keys.transpose(1, 2))
    similarity = (dot / (memory_norm * key_norm)).transpose(1, 2)
    return torch.softmax(similarity * strengths[..., None], -1)


def composited_buggy(
    density: Float[Tensor, "b r s"], color: Float[Tensor, "b r s 3"], depths: Float[Tensor, "b r s"]
) -> tuple[Float[Tensor, "b r 3"], Float[Tensor, "b r"]]:
    """github.com/KanishJebaMathewM/Truxify/pull/3664."""
    gaps = depths[..., 1:] - depths[..., :-1]
    gaps = torch.cat([gaps, torch.full_like(gaps[..., :1], 1e2)], -1).abs()
    alpha = 1 - torch.exp(-density.abs() * gaps)
    weights = alpha * torch.cumprod(1 - alpha + 1e-10, dim=-2)
    return (weights[..., None] * color).sum(-2), (weights * depths).sum(-1)


def composited_fixed(
    density: Float[Tensor, "b r s"], color: Float[Tensor, "b r s 3"], depths: Float[Tensor, "b r s"]
) -> tuple[Float[Tensor, "b r 3"], Float[Tensor, "b r"]]:
    gaps = depths[..., 1:] - depths[..., :-1]
    gaps = torch.cat([gaps, torch.full_like(gaps[..., :1], 1e2)], -1).abs()
    alpha = 1 - torch.exp(-density.abs() * gaps)
    weights = alpha * torch.cumprod(1 - alpha + 1e-10, dim=-1)
    return (weights[..., None] * color).sum(-2), (weights * depths).sum(-1)


def generations_of_image_buggy(
    patches: Float[Tensor, "l c"], weight: Float[Tensor, "d c"], queries: Float[Tensor, "g d"]
) -> Float[Tensor, "g l"]:
    """github.com/StarsfieldAI/R1-V/pull/49."""
    generations, length = queries.shape[0], patches.shape[0]
    repeated = patches.repeat_interleave(generations, dim=0)
    features = (repeated @ weight.t()).view(generations, length, -1)
    return torch.einsum("gld,gd->gl", features, queries)


def generations_of_image_fixed(
    patches: Float[Tensor, "l c"], weight: Float[Tensor, "d c"], queries: Float[Tensor, "g d"]
) -> Float[Tensor, "g l"]:
    generations, length = queries.shape[0], patches.shape[0]
    repeated = patches.repeat(generations, 1)
    features = (repeated @ weight.t()).view(generations, length, -1)
    return torch.einsum("gld,gd->gl", features, queries)


class ScaledAttentionBuggy(nn.Module):
    """github.com/aladdinpersson/Machine-Learning-Collection/issues/65."""

    def __init__(self, embed_size: int = 12, heads: int = 3) -> None:
        super().__init__()
        self.embed_size, self.heads, self.head_dim = embed_size, heads, embed_size // heads
        self.values, self.keys, self.queries = (nn.Linear(self.head_dim, self.head_dim) for _ in range(3))
        self.out = nn.Linear(embed_size, embed_size)

    def forward(self, x: Float[Tensor, "b t 12"], mask: Bool[Tensor, "b t"]) -> Float[Tensor, "b t 12"]:
        split = x.reshape(*x.shape[:2], self.heads, self.head_dim)
        q, k, v = self.queries(split), self.keys(split), self.values(split)
        energy = torch.einsum("nqhd,nkhd->nhqk", q, k).masked_fill(~mask[:, None, None], -1e20)
        attention = torch.softmax(energy / self.scale(), dim=3)
        return self.out(torch.einsum("nhql,nlhd->nqhd", attention, v).flatten(2))

    def scale(self) -> float:
        return math.sqrt(self.embed_size)


class ScaledAttentionFixed(ScaledAttentionBuggy):
    def scale(self) -> float:
        return math.sqrt(self.head_dim)


def masked_heads_buggy(
    q: Float[Tensor, "b t h d"],
    k: Float[Tensor, "b t h d"],
    v: Float[Tensor, "b t h d"],
    mask: Bool[Tensor, "b t t"],
) -> Float[Tensor, "b t h d"]:
    """github.com/sooftware/attentions/issues/4."""
    batch, length, heads, width = q.shape
    q, k, v = (x.permute(2, 0, 1, 3).reshape(heads * batch, length, width) for x in (q, k, v))
    mask = mask.unsqueeze(1).repeat(1, heads, 1, 1).view(-1, length, length)
    scores = torch.bmm(q, k.transpose(1, 2)) / math.sqrt(width)
    context = torch.bmm(scores.masked_fill(mask, -1e9).softmax(-1), v)
    return context.view(heads, batch, length, width).permute(1, 2, 0, 3)


def masked_heads_fixed(
    q: Float[Tensor, "b t h d"],
    k: Float[Tensor, "b t h d"],
    v: Float[Tensor, "b t h d"],
    mask: Bool[Tensor, "b t t"],
) -> Float[Tensor, "b t h d"]:
    batch, length, heads, width = q.shape
    q, k, v = (x.permute(2, 0, 1, 3).reshape(heads * batch, length, width) for x in (q, k, v))
    mask = mask.unsqueeze(0).repeat(heads, 1, 1, 1).view(-1, length, length)
    scores = torch.bmm(q, k.transpose(1, 2)) / math.sqrt(width)
    context = torch.bmm(scores.masked_fill(mask, -1e9).softmax(-1), v)
    return context.view(heads, batch, length, width).permute(1, 2, 0, 3)


def pose_loss_buggy(
    features: Float[Tensor, "b c h w"], weight: Float[Tensor, "3 c 1 1"], target: Float[Tensor, "b 3"]
) -> Float[Tensor, ""]:
    """github.com/dingmyu/CamNet/pull/4."""
    predicted = F.conv2d(F.adaptive_avg_pool2d(features, 1), weight)
    return F.l1_loss(predicted, target)


def pose_loss_fixed(
    features: Float[Tensor, "b c h w"], weight: Float[Tensor, "3 c 1 1"], target: Float[Tensor, "b 3"]
) -> Float[Tensor, ""]:
    predicted = F.conv2d(F.adaptive_avg_pool2d(features, 1), weight)
    return F.l1_loss(predicted.flatten(1), target)


def quantised_tokens_buggy(x: Float[Tensor, "b t d"], weight: Float[Tensor, "e d"]) -> Float[Tensor, "b t e"]:
    """github.com/vllm-project/compressed-tensors/pull/75."""
    low, high = torch.amin(x, dim=(0, 2), keepdim=True), torch.amax(x, dim=(0, 2), keepdim=True)
    scale = torch.maximum(low.abs(), high.abs()) / 127
    quantised = torch.clamp(torch.round(x / scale), -128, 127) * scale
    return F.linear(quantised, weight)


def quantised_tokens_fixed(x: Float[Tensor, "b t d"], weight: Float[Tensor, "e d"]) -> Float[Tensor, "b t e"]:
    low, high = torch.amin(x, dim=2, keepdim=True), torch.amax(x, dim=2, keepdim=True)
    scale = torch.maximum(low.abs(), high.abs()) / 127
    quantised = torch.clamp(torch.round(x / scale), -128, 127) * scale
    return F.linear(quantised, weight)


def mirrored_logits_buggy(
    images: Float[Tensor, "b 3 h w"], weight: Float[Tensor, "c 3 3 3"], head: Float[Tensor, "k c"]
) -> Float[Tensor, "b k"]:
    """github.com/libffcv/ffcv/pull/213."""

    def logits(x: Tensor) -> Tensor:
        return F.linear(F.conv2d(x, weight, padding=1).relu().mean((2, 3)), head)

    return logits(images) + logits(torch.fliplr(images))


def mirrored_logits_fixed(
    images: Float[Tensor, "b 3 h w"], weight: Float[Tensor, "c 3 3 3"], head: Float[Tensor, "k c"]
) -> Float[Tensor, "b k"]:
    def logits(x: Tensor) -> Tensor:
        return F.linear(F.conv2d(x, weight, padding=1).relu().mean((2, 3)), head)

    return logits(images) + logits(images.flip(-1))


def shifted_windows_buggy(
    x: Float[Tensor, "b 2*lat 3*lon d"], weight: Float[Tensor, "d d"]
) -> Float[Tensor, "b 2*lat 3*lon d"]:
    """github.com/NVIDIA/physicsnemo/issues/1399."""
    shift_lat, shift_lon = x.shape[1] // 2, x.shape[2] // 3
    shifted = torch.roll(x, shifts=(-shift_lat, -shift_lat), dims=(1, 2)) @ weight
    return x + torch.roll(shifted, shifts=(shift_lat, shift_lon), dims=(1, 2))


def shifted_windows_fixed(
    x: Float[Tensor, "b 2*lat 3*lon d"], weight: Float[Tensor, "d d"]
) -> Float[Tensor, "b 2*lat 3*lon d"]:
    shift_lat, shift_lon = x.shape[1] // 2, x.shape[2] // 3
    shifted = torch.roll(x, shifts=(-shift_lat, -shift_lon), dims=(1, 2)) @ weight
    return x + torch.roll(shifted, shifts=(shift_lat, shift_lon), dims=(1, 2))


def beams_attend_buggy(
    hidden: Float[Tensor, "b d"], memory: Float[Tensor, "b s d"], scores: Float[Tensor, "b k"]
) -> Float[Tensor, "b k d"]:
    """github.com/IBM/pytorch-seq2seq/issues/177."""
    batch, beams = scores.shape
    queries = hidden.repeat(beams, 1)
    inflated = memory.repeat(beams, 1, 1)
    weights = torch.einsum("nd,nsd->ns", queries, inflated).softmax(-1)
    context = torch.einsum("ns,nsd->nd", weights, inflated)
    return context.view(batch, beams, -1) * scores[..., None]


def beams_attend_fixed(
    hidden: Float[Tensor, "b d"], memory: Float[Tensor, "b s d"], scores: Float[Tensor, "b k"]
) -> Float[Tensor, "b k d"]:
    batch, beams = scores.shape
    queries = hidden.repeat_interleave(beams, 0)
    inflated = memory.repeat_interleave(beams, 0)
    weights = torch.einsum("nd,nsd->ns", queries, inflated).softmax(-1)
    context = torch.einsum("ns,nsd->nd", weights, inflated)
    return context.view(batch, beams, -1) * scores[..., None]


def gathered_dice_buggy(
    logits: Float[Tensor, "b c h w"], target: Float[Tensor, "b c h w"]
) -> Float[Tensor, ""]:
    """github.com/ScrollPrize/villa/pull/1501: of one process, what is gathered is a list of one."""
    probabilities = logits.softmax(1)
    overlap = torch.cat([(probabilities * target).sum((2, 3))], 0).sum(0)
    total = torch.cat([probabilities.sum((2, 3)) + target.sum((2, 3))], 0).sum(0)
    overlap, total = overlap.sum(0), total.sum(0)
    return 1 - ((2 * overlap + 1) / (total + 1)).mean()


def gathered_dice_fixed(
    logits: Float[Tensor, "b c h w"], target: Float[Tensor, "b c h w"]
) -> Float[Tensor, ""]:
    probabilities = logits.softmax(1)
    overlap = torch.stack([(probabilities * target).sum((2, 3))], 0).sum(0)
    total = torch.stack([probabilities.sum((2, 3)) + target.sum((2, 3))], 0).sum(0)
    overlap, total = overlap.sum(0), total.sum(0)
    return 1 - ((2 * overlap + 1) / (total + 1)).mean()


def scores_of_tokens_buggy(
    logits: Float[Tensor, "n v"], prior: Float[Tensor, "n"], beams: int = 3
) -> tuple[Int[Tensor, "3"], Float[Tensor, "3"]]:
    """github.com/facebookresearch/ParlAI/pull/4169."""
    logprobs = logits.log_softmax(-1)
    best = torch.topk((logprobs + prior[:, None]).view(-1), beams).indices
    vocabulary = logprobs.shape[1]
    tokens = best % vocabulary
    return tokens, torch.gather(logprobs, 1, tokens.unsqueeze(0)).view(-1)


def scores_of_tokens_fixed(
    logits: Float[Tensor, "n v"], prior: Float[Tensor, "n"], beams: int = 3
) -> tuple[Int[Tensor, "3"], Float[Tensor, "3"]]:
    logprobs = logits.log_softmax(-1)
    best = torch.topk((logprobs + prior[:, None]).view(-1), beams).indices
    vocabulary = logprobs.shape[1]
    rows = torch.div(best, vocabulary, rounding_mode="floor")
    tokens = best % vocabulary
    return tokens, logprobs[rows, tokens]


def session_graph_buggy(
    adjacency: Float[Tensor, "n n"], items: Float[Tensor, "n d"], weight: Float[Tensor, "d d"]
) -> Float[Tensor, "n d"]:
    """github.com/xiaxin1998/COTREC/issues/13."""
    weights = adjacency.abs() + torch.eye(adjacency.shape[0])
    normalised = weights * (1.0 / weights.sum(0).reshape(1, -1))
    return normalised @ items @ weight


def session_graph_fixed(
    adjacency: Float[Tensor, "n n"], items: Float[Tensor, "n d"], weight: Float[Tensor, "d d"]
) -> Float[Tensor, "n d"]:
    weights = adjacency.abs() + torch.eye(adjacency.shape[0])
    normalised = weights * (1.0 / weights.sum(1).reshape(-1, 1))
    return normalised @ items @ weight
