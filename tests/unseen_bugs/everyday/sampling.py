"""Samplers, decoders and boxes, each with a mistake that was written before any check was tried on it."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor


def nucleus_buggy(logits: Float[Tensor, "b v"], p: float = 0.8) -> Float[Tensor, "b v"]:
    """The removal, in sorted order, is applied to the tokens in their own order."""
    ordered, order = logits.sort(dim=-1, descending=True)
    cumulative = ordered.softmax(-1).cumsum(-1)
    remove = cumulative - ordered.softmax(-1) > p
    return logits.masked_fill(remove, -1e9).softmax(-1)


def nucleus_fixed(logits: Float[Tensor, "b v"], p: float = 0.8) -> Float[Tensor, "b v"]:
    ordered, order = logits.sort(dim=-1, descending=True)
    cumulative = ordered.softmax(-1).cumsum(-1)
    remove = cumulative - ordered.softmax(-1) > p
    remove = torch.zeros_like(remove).scatter(1, order, remove)
    return logits.masked_fill(remove, -1e9).softmax(-1)


def min_p_buggy(logits: Float[Tensor, "b v"], share: float = 0.1) -> Float[Tensor, "b v"]:
    """The most likely token of all samples is the measure for each."""
    p = logits.softmax(-1)
    return logits.masked_fill(p < share * p.max(), -1e9).softmax(-1)


def min_p_fixed(logits: Float[Tensor, "b v"], share: float = 0.1) -> Float[Tensor, "b v"]:
    p = logits.softmax(-1)
    return logits.masked_fill(p < share * p.amax(-1, keepdim=True), -1e9).softmax(-1)


def repetition_penalty_buggy(
    logits: Float[Tensor, "b v"], past: Int[Tensor, "b t"], penalty: float = 1.3
) -> Float[Tensor, "b v"]:
    """All tokens that any sample has used are penalised for all."""
    result = logits.clone()
    used = past.flatten()
    score = logits[:, used]
    result[:, used] = torch.where(score < 0, score * penalty, score / penalty)
    return result


def repetition_penalty_fixed(
    logits: Float[Tensor, "b v"], past: Int[Tensor, "b t"], penalty: float = 1.3
) -> Float[Tensor, "b v"]:
    score = logits.gather(1, past)
    score = torch.where(score < 0, score * penalty, score / penalty)
    return logits.scatter(1, past, score)


def beam_step_buggy(
    scores: Float[Tensor, "b k"], log_p: Float[Tensor, "b k v"]
) -> tuple[Float[Tensor, "b k"], Int[Tensor, "b k"], Int[Tensor, "b k"]]:
    """The chosen beam and token are parted by the count of beams."""
    beams, words = log_p.shape[1:]
    total = (scores[..., None] + log_p).flatten(1)
    best, place = total.topk(beams, dim=1)
    return best, place // beams, place % beams


def beam_step_fixed(
    scores: Float[Tensor, "b k"], log_p: Float[Tensor, "b k v"]
) -> tuple[Float[Tensor, "b k"], Int[Tensor, "b k"], Int[Tensor, "b k"]]:
    beams, words = log_p.shape[1:]
    total = (scores[..., None] + log_p).flatten(1)
    best, place = total.topk(beams, dim=1)
    return best, place // words, place % words


def beam_histories_buggy(
    histories: Int[Tensor, "b k t"], parents: Int[Tensor, "b k"], tokens: Int[Tensor, "b k"]
) -> Int[Tensor, "b k t+1"]:
    """Every sample follows the parents of the first one."""
    followed = histories[:, parents[0].clamp(0, histories.shape[1] - 1)]
    return torch.cat([followed, tokens[..., None]], dim=-1)


def beam_histories_fixed(
    histories: Int[Tensor, "b k t"], parents: Int[Tensor, "b k"], tokens: Int[Tensor, "b k"]
) -> Int[Tensor, "b k t+1"]:
    index = parents.clamp(0, histories.shape[1] - 1)[..., None].expand_as(histories)
    return torch.cat([histories.gather(1, index), tokens[..., None]], dim=-1)


def ddim_step_buggy(
    x: Float[Tensor, "b c h w"], noise: Float[Tensor, "b c h w"], alphas: Float[Tensor, "s"], t: Int[Tensor, "b"]
) -> Float[Tensor, "b c h w"]:
    """The level of each sample is laid along the width."""
    level = alphas.sigmoid()[t]
    level = level.reshape(1, 1, 1, -1) if len(level) == x.shape[-1] else level.mean()
    clean = (x - (1 - level).sqrt() * noise) / level.sqrt()
    return clean.clamp(-1, 1)


def ddim_step_fixed(
    x: Float[Tensor, "b c h w"], noise: Float[Tensor, "b c h w"], alphas: Float[Tensor, "s"], t: Int[Tensor, "b"]
) -> Float[Tensor, "b c h w"]:
    level = alphas.sigmoid()[t].reshape(-1, 1, 1, 1)
    clean = (x - (1 - level).sqrt() * noise) / level.sqrt()
    return clean.clamp(-1, 1)


def guidance_buggy(
    predicted: Float[Tensor, "2*b c h w"], scale: Float[Tensor, "b"]
) -> Float[Tensor, "b c h w"]:
    """The halves are read as neighbours."""
    with_text, without = predicted.unflatten(0, (-1, 2)).unbind(1)
    return without + scale[:, None, None, None] * (with_text - without)


def guidance_fixed(
    predicted: Float[Tensor, "2*b c h w"], scale: Float[Tensor, "b"]
) -> Float[Tensor, "b c h w"]:
    with_text, without = predicted.chunk(2)
    return without + scale[:, None, None, None] * (with_text - without)


def dynamic_threshold_buggy(x: Float[Tensor, "b c h w"], q: float = 0.9) -> Float[Tensor, "b c h w"]:
    """One limit is taken over all samples."""
    limit = x.abs().flatten().quantile(q).clamp(min=1.0)
    return x.clamp(-limit, limit) / limit


def dynamic_threshold_fixed(x: Float[Tensor, "b c h w"], q: float = 0.9) -> Float[Tensor, "b c h w"]:
    limit = x.abs().flatten(1).quantile(q, dim=1).clamp(min=1.0)[:, None, None, None]
    return torch.minimum(torch.maximum(x, -limit), limit) / limit


def decode_boxes_buggy(deltas: Float[Tensor, "b n 4"], anchors: Float[Tensor, "n 4"]) -> Float[Tensor, "b n 4"]:
    """The height of an anchor is taken for its width."""
    width = anchors[:, 3] - anchors[:, 1]
    height = anchors[:, 2] - anchors[:, 0]
    x, y = (anchors[:, 0] + anchors[:, 2]) / 2, (anchors[:, 1] + anchors[:, 3]) / 2
    x, y = x + deltas[..., 0] * width, y + deltas[..., 1] * height
    w, h = width * deltas[..., 2].exp(), height * deltas[..., 3].exp()
    return torch.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], dim=-1)


def decode_boxes_fixed(deltas: Float[Tensor, "b n 4"], anchors: Float[Tensor, "n 4"]) -> Float[Tensor, "b n 4"]:
    width = anchors[:, 2] - anchors[:, 0]
    height = anchors[:, 3] - anchors[:, 1]
    x, y = (anchors[:, 0] + anchors[:, 2]) / 2, (anchors[:, 1] + anchors[:, 3]) / 2
    x, y = x + deltas[..., 0] * width, y + deltas[..., 1] * height
    w, h = width * deltas[..., 2].exp(), height * deltas[..., 3].exp()
    return torch.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], dim=-1)


def best_box_buggy(
    boxes: Float[Tensor, "b n 4"], scores: Float[Tensor, "b n k"]
) -> tuple[Float[Tensor, "b 4"], Int[Tensor, "b"]]:
    """The box with the best score is taken by the number of its class."""
    best_class = scores.amax(1).argmax(-1)
    index = best_class.clamp(max=boxes.shape[1] - 1)
    return boxes[torch.arange(len(boxes)), index], best_class


def best_box_fixed(
    boxes: Float[Tensor, "b n 4"], scores: Float[Tensor, "b n k"]
) -> tuple[Float[Tensor, "b 4"], Int[Tensor, "b"]]:
    best_class = scores.amax(1).argmax(-1)
    index = scores.amax(-1).argmax(1)
    return boxes[torch.arange(len(boxes)), index], best_class


def heatmap_peaks_buggy(heat: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k 2"]:
    """The flat position is parted by the height, and gives rows for columns."""
    b, k, h, w = heat.shape
    place = heat.flatten(2).argmax(-1)
    x, y = place % h, place // h
    return torch.stack([x / (w - 1), y / (h - 1)], dim=-1)


def heatmap_peaks_fixed(heat: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k 2"]:
    b, k, h, w = heat.shape
    place = heat.flatten(2).argmax(-1)
    x, y = place % w, place // w
    return torch.stack([x / (w - 1), y / (h - 1)], dim=-1)


def soft_argmax_buggy(heat: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k 2"]:
    """Both expected coordinates are divided by the width."""
    b, k, h, w = heat.shape
    p = heat.flatten(2).softmax(-1).view(b, k, h, w)
    ys, xs = torch.arange(h) / w, torch.arange(w) / w
    x = (p.sum(2) * xs).sum(-1)
    y = (p.sum(3) * ys).sum(-1)
    return torch.stack([x, y], dim=-1)


def soft_argmax_fixed(heat: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k 2"]:
    b, k, h, w = heat.shape
    p = heat.flatten(2).softmax(-1).view(b, k, h, w)
    ys, xs = torch.arange(h) / h, torch.arange(w) / w
    x = (p.sum(2) * xs).sum(-1)
    y = (p.sum(3) * ys).sum(-1)
    return torch.stack([x, y], dim=-1)


def forward_sum_buggy(log_p: Float[Tensor, "b t s"]) -> Float[Tensor, "b"]:
    """The sums over the paths are shifted along time instead of along the symbols."""
    b, t, s = log_p.shape
    alpha = torch.full((b, s), -1e4)
    alpha = torch.cat([log_p[:, 0, :1], alpha[:, 1:]], dim=1)
    for step in range(1, t):
        before = torch.cat([torch.full((1, s), -1e4), alpha[:-1]], dim=0)
        alpha = torch.logaddexp(alpha, before) + log_p[:, step]
    return -alpha[:, -1]


def forward_sum_fixed(log_p: Float[Tensor, "b t s"]) -> Float[Tensor, "b"]:
    b, t, s = log_p.shape
    alpha = torch.full((b, s), -1e4)
    alpha = torch.cat([log_p[:, 0, :1], alpha[:, 1:]], dim=1)
    for step in range(1, t):
        before = torch.cat([torch.full((b, 1), -1e4), alpha[:, :-1]], dim=1)
        alpha = torch.logaddexp(alpha, before) + log_p[:, step]
    return -alpha[:, -1]


def ema_codes_buggy(
    x: Float[Tensor, "n d"], codes: Float[Tensor, "k d"], counts: Float[Tensor, "k"], sums: Float[Tensor, "k d"]
) -> tuple[Float[Tensor, "k d"], Float[Tensor, "k"]]:
    """Smoothed counts are divided by the width of the codes, not by their count."""
    onehot = F.one_hot(torch.cdist(x, codes).argmin(1), len(codes)).float()
    counts = 0.9 * counts + 0.1 * onehot.sum(0)
    sums = 0.9 * sums + 0.1 * onehot.t() @ x
    total = counts.sum()
    counts = (counts + 1e-5) / (total + codes.shape[1] * 1e-5) * total
    return sums / counts[:, None], counts


def ema_codes_fixed(
    x: Float[Tensor, "n d"], codes: Float[Tensor, "k d"], counts: Float[Tensor, "k"], sums: Float[Tensor, "k d"]
) -> tuple[Float[Tensor, "k d"], Float[Tensor, "k"]]:
    onehot = F.one_hot(torch.cdist(x, codes).argmin(1), len(codes)).float()
    counts = 0.9 * counts + 0.1 * onehot.sum(0)
    sums = 0.9 * sums + 0.1 * onehot.t() @ x
    total = counts.sum()
    counts = (counts + 1e-5) / (total + codes.shape[0] * 1e-5) * total
    return sums / counts[:, None], counts
