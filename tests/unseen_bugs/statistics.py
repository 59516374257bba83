"""Norms, means, gates, recurrences, and contractions with weights."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


def layer_norm_buggy(x: Float[Tensor, "b t d"], w: Float[Tensor, "d"]) -> Float[Tensor, "b t d"]:
    return (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True) * w


def layer_norm_fixed(x: Float[Tensor, "b t d"], w: Float[Tensor, "d"]) -> Float[Tensor, "b t d"]:
    return (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True) * w


def rms_buggy(x: Float[Tensor, "b t d"], w: Float[Tensor, "d"]) -> Float[Tensor, "b t d"]:
    return x * torch.rsqrt(x.pow(2).mean() + 1e-6) * w


def rms_fixed(x: Float[Tensor, "b t d"], w: Float[Tensor, "d"]) -> Float[Tensor, "b t d"]:
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * w


def instance_norm_buggy(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True)
    return (x - mean) / (var + 1e-5).sqrt()


def instance_norm_fixed(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    mean, var = x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True)
    return (x - mean) / (var + 1e-5).sqrt()


def unit_rows_buggy(x: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    return x / x.sum(1)


def unit_rows_fixed(x: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    return x / x.sum(1, keepdim=True)


def unit_codes_buggy(x: Float[Tensor, "n d"], codes: Float[Tensor, "k d"]) -> Int[Tensor, "n"]:
    return (x @ F.normalize(codes).T).argmax(0)[: len(x)]


def unit_codes_fixed(x: Float[Tensor, "n d"], codes: Float[Tensor, "k d"]) -> Int[Tensor, "n"]:
    return (x @ F.normalize(codes).T).argmax(1)


def centred_buggy(x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
    return x - x.mean(1)


def centred_fixed(x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
    return x - x.mean(1, keepdim=True)


def cloud_centre_buggy(x: Float[Tensor, "b n 3"]) -> Float[Tensor, "b n 3"]:
    return x - x.mean(-1, keepdim=True)


def cloud_centre_fixed(x: Float[Tensor, "b n 3"]) -> Float[Tensor, "b n 3"]:
    return x - x.mean(1, keepdim=True)


def squeeze_excite_buggy(x: Float[Tensor, "b c h w"], w: Float[Tensor, "c c"]) -> Float[Tensor, "b c h w"]:
    gate = torch.sigmoid(x.mean((2, 3)) @ w)
    return x * gate.mean(0).view(1, -1, 1, 1)


def squeeze_excite_fixed(x: Float[Tensor, "b c h w"], w: Float[Tensor, "c c"]) -> Float[Tensor, "b c h w"]:
    gate = torch.sigmoid(x.mean((2, 3)) @ w)
    return x * gate[:, :, None, None]


def square_linear_buggy(x: Float[Tensor, "b d"], w: Float[Tensor, "d d"]) -> Float[Tensor, "b d"]:
    return x @ w + F.linear(x, w)


def square_linear_fixed(x: Float[Tensor, "b d"], w: Float[Tensor, "d d"]) -> Float[Tensor, "b d"]:
    return F.linear(x, w) + F.linear(x, w)


def linear_layout_buggy(x: Float[Tensor, "b i"], w: Float[Tensor, "o i"]) -> Float[Tensor, "b o"]:
    return x @ w


def linear_layout_fixed(x: Float[Tensor, "b i"], w: Float[Tensor, "o i"]) -> Float[Tensor, "b o"]:
    return x @ w.T


def expert_gate_buggy(x: Float[Tensor, "b t d"], w: Float[Tensor, "d e"], y: Float[Tensor, "e b t d"]) -> Float[Tensor, "b t d"]:
    gate = (x @ w).softmax(1)
    return torch.einsum("bte,ebtd->btd", gate, y)


def expert_gate_fixed(x: Float[Tensor, "b t d"], w: Float[Tensor, "d e"], y: Float[Tensor, "e b t d"]) -> Float[Tensor, "b t d"]:
    gate = (x @ w).softmax(-1)
    return torch.einsum("bte,ebtd->btd", gate, y)


def mixture_buggy(logits: Float[Tensor, "b k"], means: Float[Tensor, "b k d"]) -> Float[Tensor, "b d"]:
    weights = F.softmax(logits, dim=0)
    return (weights[..., None] * means).sum(dim=1)


def mixture_fixed(logits: Float[Tensor, "b k"], means: Float[Tensor, "b k d"]) -> Float[Tensor, "b d"]:
    weights = F.softmax(logits, dim=1)
    return (weights[..., None] * means).sum(dim=1)


def mixture_logs_buggy(logits: Float[Tensor, "n k"], logp: Float[Tensor, "n k"]) -> Float[Tensor, "n"]:
    return torch.logsumexp(logits.log_softmax(0) + logp, dim=1)


def mixture_logs_fixed(logits: Float[Tensor, "n k"], logp: Float[Tensor, "n k"]) -> Float[Tensor, "n"]:
    return torch.logsumexp(logits.log_softmax(1) + logp, dim=1)


def entropy_buggy(logits: Float[Tensor, "n a"]) -> Float[Tensor, "n"]:
    p = logits.softmax(0)
    return -(p * p.log()).sum(1)


def entropy_fixed(logits: Float[Tensor, "n a"]) -> Float[Tensor, "n"]:
    p = logits.softmax(1)
    return -(p * p.log()).sum(1)


def expected_value_buggy(logits: Float[Tensor, "n a z"], support: Float[Tensor, "z"]) -> Float[Tensor, "n a"]:
    return (logits.softmax(1) * support).sum(-1)


def expected_value_fixed(logits: Float[Tensor, "n a z"], support: Float[Tensor, "z"]) -> Float[Tensor, "n a"]:
    return (logits.softmax(-1) * support).sum(-1)


def soft_argmax_buggy(heat: Float[Tensor, "b k h w"], xs: Float[Tensor, "w"]) -> Float[Tensor, "b k"]:
    p = heat.softmax(-1)
    return (p.sum(2) * xs).sum(-1)


def soft_argmax_fixed(heat: Float[Tensor, "b k h w"], xs: Float[Tensor, "w"]) -> Float[Tensor, "b k"]:
    p = heat.flatten(2).softmax(-1).view(heat.shape)
    return (p.sum(2) * xs).sum(-1)


def masked_pool_buggy(x: Float[Tensor, "b t d"], mask: Float[Tensor, "b t"]) -> Float[Tensor, "b d"]:
    return (x * mask.unsqueeze(-1)).sum(1) / mask.sum(0).mean()


def masked_pool_fixed(x: Float[Tensor, "b t d"], mask: Float[Tensor, "b t"]) -> Float[Tensor, "b d"]:
    return (x * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)


def lengths_buggy(x: Float[Tensor, "b t d"], lengths: Int[Tensor, "b"]) -> Float[Tensor, "b t d"]:
    mask = torch.arange(x.shape[0])[None] < lengths[:, None]
    return x * mask.unsqueeze(-1)


def lengths_fixed(x: Float[Tensor, "b t d"], lengths: Int[Tensor, "b"]) -> Float[Tensor, "b t d"]:
    mask = torch.arange(x.shape[1])[None] < lengths[:, None]
    return x * mask.unsqueeze(-1)


def noise_level_buggy(x: Float[Tensor, "b d"], alpha: Float[Tensor, "b"], noise: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    return alpha.mean().sqrt() * x + (1 - alpha[0]).sqrt() * noise


def noise_level_fixed(x: Float[Tensor, "b d"], alpha: Float[Tensor, "b"], noise: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    return alpha.sqrt()[:, None] * x + (1 - alpha).sqrt()[:, None] * noise


def discounted_buggy(r: Float[Tensor, "t b"]) -> Float[Tensor, "t b"]:
    return r.flip(1).cumsum(1).flip(1)


def discounted_fixed(r: Float[Tensor, "t b"]) -> Float[Tensor, "t b"]:
    return r.flip(0).cumsum(0).flip(0)


def segments_buggy(x: Float[Tensor, "n d"], index: Int[Tensor, "n"], size: int = 6) -> Float[Tensor, "size d"]:
    out = torch.zeros(size, x.shape[1])
    return out.scatter_add(0, index[:, None], x)


def segments_fixed(x: Float[Tensor, "n d"], index: Int[Tensor, "n"], size: int = 6) -> Float[Tensor, "size d"]:
    out = torch.zeros(size, x.shape[1])
    return out.scatter_add(0, index[:, None].expand_as(x), x)


def picked_tokens_buggy(x: Float[Tensor, "b t d"], index: Int[Tensor, "b k"]) -> Float[Tensor, "b k d"]:
    return x.gather(1, index.unsqueeze(-1)).expand(-1, -1, x.shape[-1])


def picked_tokens_fixed(x: Float[Tensor, "b t d"], index: Int[Tensor, "b k"]) -> Float[Tensor, "b k d"]:
    return x.gather(1, index.unsqueeze(-1).expand(-1, -1, x.shape[-1]))


def last_tokens_buggy(x: Float[Tensor, "b t d"], lengths: Int[Tensor, "b"]) -> Float[Tensor, "b d"]:
    return x[:, lengths][:, 0]


def last_tokens_fixed(x: Float[Tensor, "b t d"], lengths: Int[Tensor, "b"]) -> Float[Tensor, "b d"]:
    return x[torch.arange(len(x)), lengths]


def adjacency_buggy(a: Float[Tensor, "n n"], x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    return (a / a.sum(-1)) @ x


def adjacency_fixed(a: Float[Tensor, "n n"], x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    return (a / a.sum(-1, keepdim=True)) @ x


def covariance_buggy(x: Float[Tensor, "b n d"]) -> Float[Tensor, "b d d"]:
    x = x - x.mean(0, keepdim=True)
    return x.mT @ x / (x.shape[1] - 1)


def covariance_fixed(x: Float[Tensor, "b n d"]) -> Float[Tensor, "b d d"]:
    x = x - x.mean(1, keepdim=True)
    return x.mT @ x / (x.shape[1] - 1)


def gate_mask_buggy(scores: Float[Tensor, "b q k"], mask: Bool[Tensor, "b k"]) -> Float[Tensor, "b q k"]:
    return (scores + mask[:, None]).softmax(-1)


def gate_mask_fixed(scores: Float[Tensor, "b q k"], mask: Bool[Tensor, "b k"]) -> Float[Tensor, "b q k"]:
    return scores.masked_fill(~mask[:, None], float("-inf")).softmax(-1)


class Recurrent_buggy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRU(6, 10)

    def forward(self, x: Float[Tensor, "b t 6"]) -> Float[Tensor, "b t 10"]:
        return self.cell(x)[0]


class Recurrent_fixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRU(6, 10, batch_first=True)

    def forward(self, x: Float[Tensor, "b t 6"]) -> Float[Tensor, "b t 10"]:
        return self.cell(x)[0]


class Encoder_buggy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attend = nn.MultiheadAttention(12, 3)

    def forward(self, x: Float[Tensor, "b t 12"]) -> Float[Tensor, "b t 12"]:
        return self.attend(x, x, x)[0]


class Encoder_fixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attend = nn.MultiheadAttention(12, 3, batch_first=True)

    def forward(self, x: Float[Tensor, "b t 12"]) -> Float[Tensor, "b t 12"]:
        return self.attend(x, x, x)[0]
