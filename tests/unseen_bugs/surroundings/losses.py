"""Losses, samplers and decoders, each with a mistake that was written before any check looked at it."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor


def masked_mean_buggy(x: Float[Tensor, "b t d"], mask: Bool[Tensor, "b t"]) -> Float[Tensor, "b d"]:
    weights = mask.float().unsqueeze(-1)
    pooled = (x * weights).sum(1) / weights.sum().clamp(min=1.0)
    return F.normalize(pooled, dim=-1)[..., :] * pooled.norm(dim=-1, keepdim=True)


def masked_mean_fixed(x: Float[Tensor, "b t d"], mask: Bool[Tensor, "b t"]) -> Float[Tensor, "b d"]:
    weights = mask.float().unsqueeze(-1)
    pooled = (x * weights).sum(1) / weights.sum(1).clamp(min=1.0)
    return F.normalize(pooled, dim=-1)[..., :] * pooled.norm(dim=-1, keepdim=True)


def focal_alpha_buggy(
    logits: Float[Tensor, "b c"], target: Int[Tensor, "b"], alpha: Float[Tensor, "c"], gamma: float = 2.0
) -> Float[Tensor, ""]:
    entropy = F.cross_entropy(logits, target, reduction="none")
    p = torch.exp(-entropy)
    return (alpha * (1 - p) ** gamma * entropy).mean()


def focal_alpha_fixed(
    logits: Float[Tensor, "b c"], target: Int[Tensor, "b"], alpha: Float[Tensor, "c"], gamma: float = 2.0
) -> Float[Tensor, ""]:
    entropy = F.cross_entropy(logits, target, reduction="none")
    p = torch.exp(-entropy)
    return (alpha[target] * (1 - p) ** gamma * entropy).mean()


def info_nce_buggy(
    image: Float[Tensor, "b d"], text: Float[Tensor, "b d"], scale: Float[Tensor, ""]
) -> Float[Tensor, ""]:
    image, text = F.normalize(image, dim=-1), F.normalize(text, dim=-1)
    logits = scale.exp() * image @ text.T
    labels = torch.arange(len(image))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits, labels)) / 2


def info_nce_fixed(
    image: Float[Tensor, "b d"], text: Float[Tensor, "b d"], scale: Float[Tensor, ""]
) -> Float[Tensor, ""]:
    image, text = F.normalize(image, dim=-1), F.normalize(text, dim=-1)
    logits = scale.exp() * image @ text.T
    labels = torch.arange(len(image))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


def distillation_buggy(student: Float[Tensor, "b c"], teacher: Float[Tensor, "b c"], t: float = 2.0) -> Float[Tensor, ""]:
    expected = F.softmax(teacher / t, dim=0)
    log_probabilities = F.log_softmax(student / t, dim=1)
    return F.kl_div(log_probabilities, expected, reduction="batchmean") * t * t


def distillation_fixed(student: Float[Tensor, "b c"], teacher: Float[Tensor, "b c"], t: float = 2.0) -> Float[Tensor, ""]:
    expected = F.softmax(teacher / t, dim=1)
    log_probabilities = F.log_softmax(student / t, dim=1)
    return F.kl_div(log_probabilities, expected, reduction="batchmean") * t * t


def hard_triplets_buggy(x: Float[Tensor, "n d"], labels: Int[Tensor, "n"], margin: float = 0.3) -> Float[Tensor, ""]:
    x = F.normalize(x, dim=1)
    distances = (x[:, None] - x[None, :]).pow(2).sum(1).clamp(min=1e-8).sqrt()
    same = labels[:, None] == labels[None, :]
    furthest = (distances * same).amax(1)
    nearest = distances.masked_fill(same, 1e4).amin(1)
    return F.relu(furthest - nearest + margin).mean()


def hard_triplets_fixed(x: Float[Tensor, "n d"], labels: Int[Tensor, "n"], margin: float = 0.3) -> Float[Tensor, ""]:
    x = F.normalize(x, dim=1)
    distances = (x[:, None] - x[None, :]).pow(2).sum(2).clamp(min=1e-8).sqrt()
    same = labels[:, None] == labels[None, :]
    furthest = (distances * same).amax(1)
    nearest = distances.masked_fill(same, 1e4).amin(1)
    return F.relu(furthest - nearest + margin).mean()


def kl_of_gaussians_buggy(mean: Float[Tensor, "b z"], log_var: Float[Tensor, "b z"]) -> Float[Tensor, ""]:
    kl = -0.5 * (1 + log_var - mean.pow(2) - log_var.exp())
    return kl.sum(dim=0).mean()


def kl_of_gaussians_fixed(mean: Float[Tensor, "b z"], log_var: Float[Tensor, "b z"]) -> Float[Tensor, ""]:
    kl = -0.5 * (1 + log_var - mean.pow(2) - log_var.exp())
    return kl.sum(dim=1).mean()


def returns_buggy(rewards: Float[Tensor, "b t"], done: Bool[Tensor, "b t"], gamma: float = 0.9) -> Float[Tensor, "b t"]:
    returns, following = torch.zeros_like(rewards), torch.zeros(rewards.shape[1])
    for step in reversed(range(rewards.shape[0])):
        following = rewards[step] + gamma * following * (~done[step])
        returns[step] = following
    return returns


def returns_fixed(rewards: Float[Tensor, "b t"], done: Bool[Tensor, "b t"], gamma: float = 0.9) -> Float[Tensor, "b t"]:
    returns, following = torch.zeros_like(rewards), torch.zeros(rewards.shape[0])
    for step in reversed(range(rewards.shape[1])):
        following = rewards[:, step] + gamma * following * (~done[:, step])
        returns[:, step] = following
    return returns


def ratios_of_actions_buggy(
    new: Float[Tensor, "b a"], old: Float[Tensor, "b a"], advantage: Float[Tensor, "b"], eps: float = 0.2
) -> Float[Tensor, ""]:
    ratio = (new - old).exp()
    one = ratio * advantage[:, None]
    two = ratio.clamp(1 - eps, 1 + eps) * advantage[:, None]
    return -torch.min(one, two).mean()


def ratios_of_actions_fixed(
    new: Float[Tensor, "b a"], old: Float[Tensor, "b a"], advantage: Float[Tensor, "b"], eps: float = 0.2
) -> Float[Tensor, ""]:
    ratio = (new - old).sum(-1).exp()
    one = ratio * advantage
    two = ratio.clamp(1 - eps, 1 + eps) * advantage
    return -torch.min(one, two).mean()


def sequence_log_probability_buggy(logits: Float[Tensor, "b t v"], tokens: Int[Tensor, "b t"], pad: int = 0) -> Float[Tensor, "b"]:
    shifted, labels = logits[:, 1:], tokens[:, :-1]
    found = shifted.log_softmax(-1).gather(-1, labels[..., None]).squeeze(-1)
    return (found * (labels != pad)).sum(-1)


def sequence_log_probability_fixed(logits: Float[Tensor, "b t v"], tokens: Int[Tensor, "b t"], pad: int = 0) -> Float[Tensor, "b"]:
    shifted, labels = logits[:, :-1], tokens[:, 1:]
    found = shifted.log_softmax(-1).gather(-1, labels[..., None]).squeeze(-1)
    return (found * (labels != pad)).sum(-1)


def nucleus_buggy(logits: Float[Tensor, "b v"], top_p: float = 0.7) -> Float[Tensor, "b v"]:
    ordered, index = logits.sort(-1, descending=True)
    beyond = ordered.softmax(-1).cumsum(-1) > top_p
    beyond = torch.cat([torch.zeros_like(beyond[:, :1]), beyond[:, :-1]], -1)
    return logits.masked_fill(beyond, float("-inf")).softmax(-1)


def nucleus_fixed(logits: Float[Tensor, "b v"], top_p: float = 0.7) -> Float[Tensor, "b v"]:
    ordered, index = logits.sort(-1, descending=True)
    beyond = ordered.softmax(-1).cumsum(-1) > top_p
    beyond = torch.cat([torch.zeros_like(beyond[:, :1]), beyond[:, :-1]], -1)
    beyond = torch.zeros_like(beyond).scatter(-1, index, beyond)
    return logits.masked_fill(beyond, float("-inf")).softmax(-1)


def beam_step_buggy(
    scores: Float[Tensor, "b k v"], tokens: Int[Tensor, "b k t"], width: int = 2
) -> tuple[Float[Tensor, "b 2"], Int[Tensor, "b 2 t+1"]]:
    b, k, v = scores.shape
    best, flat = scores.log_softmax(-1).view(b, k * v).topk(width, -1)
    beam, token = (flat // k).clamp(max=k - 1), flat % v
    kept = tokens.gather(1, beam[..., None].expand(-1, -1, tokens.shape[-1]))
    return best, torch.cat([kept, token[..., None]], -1)


def beam_step_fixed(
    scores: Float[Tensor, "b k v"], tokens: Int[Tensor, "b k t"], width: int = 2
) -> tuple[Float[Tensor, "b 2"], Int[Tensor, "b 2 t+1"]]:
    b, k, v = scores.shape
    best, flat = scores.log_softmax(-1).view(b, k * v).topk(width, -1)
    beam, token = flat // v, flat % v
    kept = tokens.gather(1, beam[..., None].expand(-1, -1, tokens.shape[-1]))
    return best, torch.cat([kept, token[..., None]], -1)


def reordered_cache_buggy(cache: Float[Tensor, "b k t d"], beam: Int[Tensor, "b k"]) -> Float[Tensor, "b k t d"]:
    b, k, t, d = cache.shape
    return cache.view(b * k, t, d)[beam.clamp(max=k - 1).view(-1)].view(b, k, t, d)


def reordered_cache_fixed(cache: Float[Tensor, "b k t d"], beam: Int[Tensor, "b k"]) -> Float[Tensor, "b k t d"]:
    b, k, t, d = cache.shape
    start = torch.arange(b)[:, None] * k
    return cache.view(b * k, t, d)[(beam.clamp(max=k - 1) + start).view(-1)].view(b, k, t, d)


def after_the_end_buggy(tokens: Int[Tensor, "b t"], logp: Float[Tensor, "b t"], end: int = 1) -> Float[Tensor, "b"]:
    ended = (tokens == end).long()
    finished = ended.cumsum(0) - ended
    return (logp * (finished == 0)).sum(-1)


def after_the_end_fixed(tokens: Int[Tensor, "b t"], logp: Float[Tensor, "b t"], end: int = 1) -> Float[Tensor, "b"]:
    ended = (tokens == end).long()
    finished = ended.cumsum(1) - ended
    return (logp * (finished == 0)).sum(-1)


def guidance_chunks_buggy(noise: Float[Tensor, "2*b c h w"], scale: float = 5.0) -> Float[Tensor, "b c h w"]:
    both = noise.view(-1, 2, *noise.shape[1:])
    without, conditioned = both[:, 0], both[:, 1]
    return without + scale * (conditioned - without)


def guidance_chunks_fixed(noise: Float[Tensor, "2*b c h w"], scale: float = 5.0) -> Float[Tensor, "b c h w"]:
    both = noise.view(2, -1, *noise.shape[1:])
    without, conditioned = both[0], both[1]
    return without + scale * (conditioned - without)


def quantised_buggy(x: Float[Tensor, "b c h w"], codes: Float[Tensor, "k c"]) -> Int[Tensor, "b h w"]:
    b, c, h, w = x.shape
    flat = x.view(-1, c)
    distances = flat.pow(2).sum(1, keepdim=True) - 2 * flat @ codes.T + codes.pow(2).sum(1)
    return distances.argmin(-1).view(b, h, w)


def quantised_fixed(x: Float[Tensor, "b c h w"], codes: Float[Tensor, "k c"]) -> Int[Tensor, "b h w"]:
    b, c, h, w = x.shape
    flat = x.permute(0, 2, 3, 1).reshape(-1, c)
    distances = flat.pow(2).sum(1, keepdim=True) - 2 * flat @ codes.T + codes.pow(2).sum(1)
    return distances.argmin(-1).view(b, h, w)


def spans_of_padding_buggy(x: Float[Tensor, "b t d"], lengths: Int[Tensor, "b"]) -> Float[Tensor, "b t d"]:
    lengths, order = lengths.sort(descending=True)
    x = x[order]
    keep = torch.arange(x.shape[1])[None] < lengths[:, None]
    return torch.cumsum(x * keep[..., None], 1) / torch.arange(1, x.shape[1] + 1)[None, :, None]


def spans_of_padding_fixed(x: Float[Tensor, "b t d"], lengths: Int[Tensor, "b"]) -> Float[Tensor, "b t d"]:
    lengths, order = lengths.sort(descending=True)
    x = x[order]
    keep = torch.arange(x.shape[1])[None] < lengths[:, None]
    y = torch.cumsum(x * keep[..., None], 1) / torch.arange(1, x.shape[1] + 1)[None, :, None]
    return y[order.argsort()]
