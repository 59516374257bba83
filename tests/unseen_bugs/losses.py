"""Losses, metrics and reinforcement learning."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def td_target_buggy(q: Float[Tensor, "b 1"], r: Float[Tensor, "b"], nxt: Float[Tensor, "b 1"]) -> Float[Tensor, ""]:
    target = r + 0.99 * nxt
    return F.smooth_l1_loss(q, target)


def td_target_fixed(q: Float[Tensor, "b 1"], r: Float[Tensor, "b"], nxt: Float[Tensor, "b 1"]) -> Float[Tensor, ""]:
    target = r[:, None] + 0.99 * nxt
    return F.smooth_l1_loss(q, target)


def advantage_buggy(returns: Float[Tensor, "t"], values: Float[Tensor, "t 1"], logp: Float[Tensor, "t"]) -> Float[Tensor, ""]:
    advantage = returns - values
    return -(logp * advantage).mean()


def advantage_fixed(returns: Float[Tensor, "t"], values: Float[Tensor, "t 1"], logp: Float[Tensor, "t"]) -> Float[Tensor, ""]:
    advantage = returns - values.squeeze(-1)
    return -(logp * advantage).mean()


def ratio_buggy(new: Float[Tensor, "b 1"], old: Float[Tensor, "b"], adv: Float[Tensor, "b"]) -> Float[Tensor, ""]:
    ratio = (new - old).exp()
    return -torch.min(ratio * adv, ratio.clamp(0.8, 1.2) * adv).mean()


def ratio_fixed(new: Float[Tensor, "b 1"], old: Float[Tensor, "b"], adv: Float[Tensor, "b"]) -> Float[Tensor, ""]:
    ratio = (new.squeeze(1) - old).exp()
    return -torch.min(ratio * adv, ratio.clamp(0.8, 1.2) * adv).mean()


def accuracy_buggy(logits: Float[Tensor, "b c"], labels: Int[Tensor, "b 1"]) -> Float[Tensor, ""]:
    return (logits.argmax(1) == labels).float().mean()


def accuracy_fixed(logits: Float[Tensor, "b c"], labels: Int[Tensor, "b 1"]) -> Float[Tensor, ""]:
    return (logits.argmax(1) == labels.squeeze(1)).float().mean()


def token_loss_buggy(logits: Float[Tensor, "b t v"], labels: Int[Tensor, "b t"]) -> Float[Tensor, ""]:
    return F.cross_entropy(logits.view(-1, logits.size(-1)), labels.T.reshape(-1))


def token_loss_fixed(logits: Float[Tensor, "b t v"], labels: Int[Tensor, "b t"]) -> Float[Tensor, ""]:
    return F.cross_entropy(logits.view(-1, logits.size(-1)), labels.reshape(-1))


def pixel_loss_buggy(logits: Float[Tensor, "b c h w"], labels: Int[Tensor, "b h w"]) -> Float[Tensor, ""]:
    c = logits.shape[1]
    return F.cross_entropy(logits.view(-1, c), labels.view(-1))


def pixel_loss_fixed(logits: Float[Tensor, "b c h w"], labels: Int[Tensor, "b h w"]) -> Float[Tensor, ""]:
    c = logits.shape[1]
    return F.cross_entropy(logits.permute(0, 2, 3, 1).reshape(-1, c), labels.view(-1))


def shifted_loss_buggy(logits: Float[Tensor, "b t v"], labels: Int[Tensor, "b t"]) -> Float[Tensor, ""]:
    return F.cross_entropy(logits[:-1].reshape(-1, logits.size(-1)), labels[1:].reshape(-1))


def shifted_loss_fixed(logits: Float[Tensor, "b t v"], labels: Int[Tensor, "b t"]) -> Float[Tensor, ""]:
    return F.cross_entropy(logits[:, :-1].reshape(-1, logits.size(-1)), labels[:, 1:].reshape(-1))


def time_first_loss_buggy(logits: Float[Tensor, "t b v"], labels: Int[Tensor, "b t"]) -> Float[Tensor, ""]:
    return F.nll_loss(logits.log_softmax(-1).reshape(-1, logits.size(-1)), labels.reshape(-1))


def time_first_loss_fixed(logits: Float[Tensor, "t b v"], labels: Int[Tensor, "b t"]) -> Float[Tensor, ""]:
    return F.nll_loss(logits.log_softmax(-1).reshape(-1, logits.size(-1)), labels.T.reshape(-1))


def log_probabilities_buggy(logits: Float[Tensor, "b t v"], labels: Int[Tensor, "b t"]) -> Float[Tensor, "b t"]:
    return logits.log_softmax(1).gather(-1, labels.unsqueeze(-1)).squeeze(-1)


def log_probabilities_fixed(logits: Float[Tensor, "b t v"], labels: Int[Tensor, "b t"]) -> Float[Tensor, "b t"]:
    return logits.log_softmax(-1).gather(-1, labels.unsqueeze(-1)).squeeze(-1)


def class_probability_buggy(logits: Float[Tensor, "n c"], labels: Int[Tensor, "n"]) -> Float[Tensor, ""]:
    logp = F.log_softmax(logits, dim=0)
    return F.nll_loss(logp, labels)


def class_probability_fixed(logits: Float[Tensor, "n c"], labels: Int[Tensor, "n"]) -> Float[Tensor, ""]:
    logp = F.log_softmax(logits, dim=1)
    return F.nll_loss(logp, labels)


def taken_actions_buggy(q: Float[Tensor, "n a"], action: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
    return q.gather(0, action[:, None]).squeeze(1)


def taken_actions_fixed(q: Float[Tensor, "n a"], action: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
    return q.gather(1, action[:, None]).squeeze(1)


def taken_columns_buggy(q: Float[Tensor, "n a"], action: Int[Tensor, "n"]) -> Float[Tensor, ""]:
    return q[:, action].mean()


def taken_columns_fixed(q: Float[Tensor, "n a"], action: Int[Tensor, "n"]) -> Float[Tensor, ""]:
    return q[torch.arange(len(q)), action].mean()


def contrast_buggy(x: Float[Tensor, "n d"], y: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
    x, y = F.normalize(x, dim=0), F.normalize(y, dim=0)
    return x @ y.T


def contrast_fixed(x: Float[Tensor, "n d"], y: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
    x, y = F.normalize(x, dim=1), F.normalize(y, dim=1)
    return x @ y.T


def pair_similarity_buggy(x: Float[Tensor, "b t d"], y: Float[Tensor, "b t d"]) -> Float[Tensor, ""]:
    return 1 - F.cosine_similarity(x, y).mean()


def pair_similarity_fixed(x: Float[Tensor, "b t d"], y: Float[Tensor, "b t d"]) -> Float[Tensor, ""]:
    return 1 - F.cosine_similarity(x, y, dim=-1).mean()


def distances_buggy(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    return (x.unsqueeze(1) - y.unsqueeze(0)).pow(2).sum(1)


def distances_fixed(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    return (x.unsqueeze(1) - y.unsqueeze(0)).pow(2).sum(-1)


def gram_distances_buggy(x: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
    squares = x.pow(2).sum(1)
    return squares + squares - 2 * x @ x.T


def gram_distances_fixed(x: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
    squares = x.pow(2).sum(1)
    return squares[:, None] + squares - 2 * x @ x.T


def weighted_loss_buggy(pred: Float[Tensor, "b d"], target: Float[Tensor, "b d"], w: Float[Tensor, "b"]) -> Float[Tensor, ""]:
    per_sample = (pred - target).pow(2).mean(0)
    return (w.mean() * per_sample).sum()


def weighted_loss_fixed(pred: Float[Tensor, "b d"], target: Float[Tensor, "b d"], w: Float[Tensor, "b"]) -> Float[Tensor, ""]:
    per_sample = (pred - target).pow(2).mean(1)
    return (w * per_sample).sum()


def sample_weight_buggy(logits: Float[Tensor, "b 1"], y: Float[Tensor, "b 1"], w: Float[Tensor, "b"]) -> Float[Tensor, ""]:
    loss = F.binary_cross_entropy_with_logits(logits, y, reduction="none")
    return (loss * w).mean()


def sample_weight_fixed(logits: Float[Tensor, "b 1"], y: Float[Tensor, "b 1"], w: Float[Tensor, "b"]) -> Float[Tensor, ""]:
    loss = F.binary_cross_entropy_with_logits(logits, y, reduction="none")
    return (loss * w[:, None]).mean()


def divergence_buggy(mu: Float[Tensor, "b z"], logvar: Float[Tensor, "b z"]) -> Float[Tensor, "b"]:
    return -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum()[None].expand(len(mu))


def divergence_fixed(mu: Float[Tensor, "b z"], logvar: Float[Tensor, "b z"]) -> Float[Tensor, "b"]:
    return -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1)


def top_tokens_buggy(logits: Float[Tensor, "b v"], k: int = 5) -> Float[Tensor, "b v"]:
    least = logits.topk(k, dim=0).values[-1:]
    return logits.masked_fill(logits < least, float("-inf"))


def top_tokens_fixed(logits: Float[Tensor, "b v"], k: int = 5) -> Float[Tensor, "b v"]:
    least = logits.topk(k, dim=-1).values[:, -1:]
    return logits.masked_fill(logits < least, float("-inf"))


def nucleus_buggy(logits: Float[Tensor, "b v"]) -> Float[Tensor, "b v"]:
    ordered, _ = logits.sort(-1, descending=True)
    return ordered.softmax(-1).cumsum(0)


def nucleus_fixed(logits: Float[Tensor, "b v"]) -> Float[Tensor, "b v"]:
    ordered, _ = logits.sort(-1, descending=True)
    return ordered.softmax(-1).cumsum(-1)


def masked_mean_buggy(loss: Float[Tensor, "b t"], mask: Float[Tensor, "b t"]) -> Float[Tensor, "b"]:
    return (loss * mask).sum(1) / mask.sum()


def masked_mean_fixed(loss: Float[Tensor, "b t"], mask: Float[Tensor, "b t"]) -> Float[Tensor, "b"]:
    return (loss * mask).sum(1) / mask.sum(1)
