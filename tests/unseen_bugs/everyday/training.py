"""Losses, returns and updates of training, each with a mistake that was written before any check was tried on it."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor


def discounted_returns_buggy(
    rewards: Float[Tensor, "n t"], dones: Bool[Tensor, "n t"], values: Float[Tensor, "n t"], gamma: float = 0.9
) -> Float[Tensor, "n t"]:
    """The steps are walked along the first axis, which has the environments."""
    returns = torch.zeros_like(rewards)
    running = torch.zeros_like(rewards[0])
    for step in reversed(range(rewards.shape[0])):
        running = rewards[step] + gamma * running * (~dones[step]).float()
        returns[step] = running
    return returns - values


def discounted_returns_fixed(
    rewards: Float[Tensor, "n t"], dones: Bool[Tensor, "n t"], values: Float[Tensor, "n t"], gamma: float = 0.9
) -> Float[Tensor, "n t"]:
    returns = torch.zeros_like(rewards)
    running = torch.zeros_like(rewards[:, 0])
    for step in reversed(range(rewards.shape[1])):
        running = rewards[:, step] + gamma * running * (~dones[:, step]).float()
        returns[:, step] = running
    return returns - values


def token_loss_buggy(
    logits: Float[Tensor, "b t v"], targets: Int[Tensor, "b t"], mask: Bool[Tensor, "b t"]
) -> Float[Tensor, ""]:
    """The masked losses are averaged over all tokens, with the padded ones."""
    loss = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
    loss = loss * mask
    return loss.mean()


def token_loss_fixed(
    logits: Float[Tensor, "b t v"], targets: Int[Tensor, "b t"], mask: Bool[Tensor, "b t"]
) -> Float[Tensor, ""]:
    loss = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
    loss = loss * mask
    return loss.sum() / mask.sum().clamp(min=1)


def next_token_buggy(logits: Float[Tensor, "b t v"], tokens: Int[Tensor, "b t"]) -> Float[Tensor, ""]:
    """Logits are flattened with time inside, tokens with the batch inside."""
    flat = logits[:, :-1].reshape(-1, logits.shape[-1])
    wanted = tokens[:, 1:].t().reshape(-1)
    return F.cross_entropy(flat, wanted)


def next_token_fixed(logits: Float[Tensor, "b t v"], tokens: Int[Tensor, "b t"]) -> Float[Tensor, ""]:
    flat = logits[:, :-1].reshape(-1, logits.shape[-1])
    wanted = tokens[:, 1:].reshape(-1)
    return F.cross_entropy(flat, wanted)


def dpo_buggy(
    policy: Float[Tensor, "b t v"],
    reference: Float[Tensor, "b t v"],
    labels: Int[Tensor, "b t"],
    mask: Bool[Tensor, "b t"],
    better: Float[Tensor, "b"],
) -> Float[Tensor, ""]:
    """The mask is applied to the policy alone."""
    ours = policy.log_softmax(-1).gather(2, labels[..., None]).squeeze(-1)
    theirs = reference.log_softmax(-1).gather(2, labels[..., None]).squeeze(-1)
    ratio = (ours * mask).sum(-1) - theirs.sum(-1)
    return -F.logsigmoid(0.1 * ratio * better).mean()


def dpo_fixed(
    policy: Float[Tensor, "b t v"],
    reference: Float[Tensor, "b t v"],
    labels: Int[Tensor, "b t"],
    mask: Bool[Tensor, "b t"],
    better: Float[Tensor, "b"],
) -> Float[Tensor, ""]:
    ours = policy.log_softmax(-1).gather(2, labels[..., None]).squeeze(-1)
    theirs = reference.log_softmax(-1).gather(2, labels[..., None]).squeeze(-1)
    ratio = (ours * mask).sum(-1) - (theirs * mask).sum(-1)
    return -F.logsigmoid(0.1 * ratio * better).mean()


def mixup_buggy(
    images: Float[Tensor, "b c h w"], targets: Float[Tensor, "b k"], share: Float[Tensor, "b"]
) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b k"]]:
    """Images and targets are mixed with different partners."""
    share_images = share[:, None, None, None]
    other = images[torch.randperm(images.shape[0])]
    other_targets = targets[torch.randperm(targets.shape[0])]
    mixed = share_images * images + (1 - share_images) * other
    return mixed, share[:, None] * targets + (1 - share[:, None]) * other_targets


def mixup_fixed(
    images: Float[Tensor, "b c h w"], targets: Float[Tensor, "b k"], share: Float[Tensor, "b"]
) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b k"]]:
    share_images = share[:, None, None, None]
    order = torch.randperm(images.shape[0])
    mixed = share_images * images + (1 - share_images) * images[order]
    return mixed, share[:, None] * targets + (1 - share[:, None]) * targets[order]


def supervised_contrastive_buggy(
    features: Float[Tensor, "n d"], labels: Int[Tensor, "n"], temperature: float = 0.1
) -> Float[Tensor, ""]:
    """The pairs are averaged by the count of columns' positives, and subtracted along the rows."""
    features = F.normalize(features, dim=1)
    logits = features @ features.t() / temperature
    itself = torch.eye(len(features), dtype=torch.bool)
    positive = (labels[:, None] == labels[None, :]) & ~itself
    log_p = logits - torch.logsumexp(logits.masked_fill(itself, -1e9), dim=1)
    return -((log_p * positive).sum(1) / positive.sum(1).clamp(min=1)).mean()


def supervised_contrastive_fixed(
    features: Float[Tensor, "n d"], labels: Int[Tensor, "n"], temperature: float = 0.1
) -> Float[Tensor, ""]:
    features = F.normalize(features, dim=1)
    logits = features @ features.t() / temperature
    itself = torch.eye(len(features), dtype=torch.bool)
    positive = (labels[:, None] == labels[None, :]) & ~itself
    log_p = logits - torch.logsumexp(logits.masked_fill(itself, -1e9), dim=1, keepdim=True)
    return -((log_p * positive).sum(1) / positive.sum(1).clamp(min=1)).mean()


def clip_accuracy_buggy(
    images: Float[Tensor, "n d"], texts: Float[Tensor, "m d"], owner: Int[Tensor, "m"]
) -> Float[Tensor, ""]:
    """For each text the best image is wanted, and each image's best text is compared with it."""
    similarity = F.normalize(images, dim=-1) @ F.normalize(texts, dim=-1).t()
    best = similarity.argmax(dim=1)
    return (owner[best] == torch.arange(len(images))).float().mean() + (best == owner.max()).float().mean()


def clip_accuracy_fixed(
    images: Float[Tensor, "n d"], texts: Float[Tensor, "m d"], owner: Int[Tensor, "m"]
) -> Float[Tensor, ""]:
    similarity = F.normalize(images, dim=-1) @ F.normalize(texts, dim=-1).t()
    best = similarity.argmax(dim=0)
    return (best == owner).float().mean()


def pinball_buggy(
    predicted: Float[Tensor, "b t q"], target: Float[Tensor, "b t"], quantiles: Float[Tensor, "q"]
) -> Float[Tensor, ""]:
    """The parts over and under are added with the larger weight where the smaller belongs, per quantile mean."""
    error = target.unsqueeze(-1) - predicted
    loss = torch.maximum(quantiles * error, (quantiles - 1) * error)
    return loss.mean(dim=(0, 1)).sum() / target.shape[1]


def pinball_fixed(
    predicted: Float[Tensor, "b t q"], target: Float[Tensor, "b t"], quantiles: Float[Tensor, "q"]
) -> Float[Tensor, ""]:
    error = target.unsqueeze(-1) - predicted
    loss = torch.maximum(quantiles * error, (quantiles - 1) * error)
    return loss.mean(dim=(0, 1)).sum() / len(quantiles)


def dueling_target_buggy(
    online: Float[Tensor, "b a"],
    target: Float[Tensor, "b a"],
    rewards: Float[Tensor, "b 1"],
    done: Float[Tensor, "b 1"],
    actions: Int[Tensor, "b 1"],
    q: Float[Tensor, "b a"],
) -> Float[Tensor, ""]:
    """The next value has lost its last axis, so that every reward meets every value."""
    best = online.argmax(dim=1, keepdim=True)
    following = target.gather(1, best).squeeze(1)
    wanted = rewards + 0.99 * (1 - done) * following
    return F.smooth_l1_loss(q.gather(1, actions), wanted.mean(1, keepdim=True))


def dueling_target_fixed(
    online: Float[Tensor, "b a"],
    target: Float[Tensor, "b a"],
    rewards: Float[Tensor, "b 1"],
    done: Float[Tensor, "b 1"],
    actions: Int[Tensor, "b 1"],
    q: Float[Tensor, "b a"],
) -> Float[Tensor, ""]:
    best = online.argmax(dim=1, keepdim=True)
    following = target.gather(1, best)
    wanted = rewards + 0.99 * (1 - done) * following
    return F.smooth_l1_loss(q.gather(1, actions), wanted)


def dice_buggy(logits: Float[Tensor, "b k h w"], target: Int[Tensor, "b h w"]) -> Float[Tensor, ""]:
    """The one-hot classes stay last, and are moved to where the rows are."""
    p = logits.softmax(1)
    wanted = F.one_hot(target.clamp(0, p.shape[1] - 1), p.shape[1]).float().permute(0, 3, 2, 1)
    overlap = (p.flatten(2) * wanted.flatten(2)).sum(-1)
    total = p.flatten(2).sum(-1) + wanted.flatten(2).sum(-1)
    return 1 - (2 * overlap / total.clamp(min=1e-6)).mean()


def dice_fixed(logits: Float[Tensor, "b k h w"], target: Int[Tensor, "b h w"]) -> Float[Tensor, ""]:
    p = logits.softmax(1)
    wanted = F.one_hot(target.clamp(0, p.shape[1] - 1), p.shape[1]).float().permute(0, 3, 1, 2)
    overlap = (p.flatten(2) * wanted.flatten(2)).sum(-1)
    total = p.flatten(2).sum(-1) + wanted.flatten(2).sum(-1)
    return 1 - (2 * overlap / total.clamp(min=1e-6)).mean()


def label_smoothing_buggy(
    logits: Float[Tensor, "b k"], target: Int[Tensor, "b"], eps: float = 0.1
) -> Float[Tensor, ""]:
    """The smoothed part is spread over the samples instead of the classes."""
    log_p = logits.log_softmax(-1)
    nll = -log_p.gather(1, target[:, None]).squeeze(1)
    smooth = -log_p.sum(-1) / logits.shape[0]
    return ((1 - eps) * nll + eps * smooth).mean()


def label_smoothing_fixed(
    logits: Float[Tensor, "b k"], target: Int[Tensor, "b"], eps: float = 0.1
) -> Float[Tensor, ""]:
    log_p = logits.log_softmax(-1)
    nll = -log_p.gather(1, target[:, None]).squeeze(1)
    smooth = -log_p.sum(-1) / logits.shape[1]
    return ((1 - eps) * nll + eps * smooth).mean()


def vicreg_covariance_buggy(x: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    """The covariance is divided by the count of features, not of samples."""
    x = x - x.mean(0)
    covariance = x.t() @ x / (x.shape[1] - 1)
    off = covariance - torch.diag(torch.diag(covariance))
    return off.pow(2).sum() / x.shape[1]


def vicreg_covariance_fixed(x: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    x = x - x.mean(0)
    covariance = x.t() @ x / (x.shape[0] - 1)
    off = covariance - torch.diag(torch.diag(covariance))
    return off.pow(2).sum() / x.shape[1]


def ppo_buggy(
    log_p: Float[Tensor, "b t"],
    old_log_p: Float[Tensor, "b t"],
    advantages: Float[Tensor, "b"],
    mask: Bool[Tensor, "b t"],
) -> Float[Tensor, ""]:
    """Advantages of a whole answer are normalised over the tokens after they were spread over them."""
    spread = advantages[:, None].expand_as(log_p)
    spread = (spread - spread.mean(1, keepdim=True)) / (spread.std(1, keepdim=True) + 1e-8)
    ratio = (log_p - old_log_p).exp()
    loss = -torch.min(ratio * spread, ratio.clamp(0.8, 1.2) * spread)
    return (loss * mask).sum() / mask.sum().clamp(min=1)


def ppo_fixed(
    log_p: Float[Tensor, "b t"],
    old_log_p: Float[Tensor, "b t"],
    advantages: Float[Tensor, "b"],
    mask: Bool[Tensor, "b t"],
) -> Float[Tensor, ""]:
    scaled = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    spread = scaled[:, None].expand_as(log_p)
    ratio = (log_p - old_log_p).exp()
    loss = -torch.min(ratio * spread, ratio.clamp(0.8, 1.2) * spread)
    return (loss * mask).sum() / mask.sum().clamp(min=1)
