"""Sound code that looks like a bug: nothing here may alarm."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


def relative_shift(x: Float[Tensor, "b h q k"]) -> Float[Tensor, "b h q k"]:
    b, h, q, k = x.shape
    x = torch.cat([x.new_zeros(b, h, q, 1), x], -1)
    return x.view(b, h, k + 1, q)[:, :, 1:].reshape(b, h, q, k)


def windows_of_two_segments(mem: Float[Tensor, "b t d"], x: Float[Tensor, "b t d"], w: int = 4) -> Float[Tensor, "b t//2 4 d"]:
    return torch.cat([mem, x], 1).view(x.shape[0], -1, w, x.shape[-1])


def windows_in_the_batch(mem: Float[Tensor, "b t d"], x: Float[Tensor, "b t d"]) -> Float[Tensor, "b*t 2 d"]:
    b, t, d = x.shape
    return torch.cat([mem, x], 1).view(b * t, 2, d)


def expert_choice(x: Float[Tensor, "t d"], w: Float[Tensor, "d e"]) -> Float[Tensor, "e 3 d"]:
    scores = (x @ w).softmax(-1)
    gate, at = scores.T.topk(3, dim=-1)
    return gate[..., None] * x[at]


def load_balance(logits: Float[Tensor, "t e"]) -> Float[Tensor, ""]:
    probs = logits.softmax(-1)
    picked = F.one_hot(probs.argmax(-1), probs.shape[-1]).float()
    return (probs.mean(0) * picked.mean(0)).sum() * probs.shape[-1]


def soft_pool(x: Float[Tensor, "b n d"], w: Float[Tensor, "d k"]) -> Float[Tensor, "b k d"]:
    return (x @ w).softmax(-1).mT @ x


def residual_codes(x: Float[Tensor, "b n d"], centres: Float[Tensor, "k d"]) -> Float[Tensor, "b k d"]:
    assign = F.softmax(F.normalize(x, dim=-1) @ F.normalize(centres, dim=-1).T, dim=-1)
    codes = assign.mT @ x - assign.sum(1)[..., None] * centres
    return F.normalize(codes, dim=-1)


def hidden_markov(obs: Float[Tensor, "b t s"], trans: Float[Tensor, "s s"]) -> Float[Tensor, "b"]:
    move, emit = trans.log_softmax(-1), obs.log_softmax(-1)
    alpha = emit[:, 0]
    for step in range(1, obs.shape[1]):
        alpha = torch.logsumexp(alpha[:, :, None] + move, dim=1) + emit[:, step]
    return alpha.logsumexp(-1)


def clip_loss(image: Float[Tensor, "b d"], text: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
    logits = F.normalize(image, dim=-1) @ F.normalize(text, dim=-1).T * 14.0
    at = torch.arange(len(logits), device=logits.device)
    rows = F.nll_loss(logits.log_softmax(1), at)
    columns = -logits.log_softmax(0).diagonal().mean()
    return (rows + columns) / 2


def nt_xent(z1: Float[Tensor, "b d"], z2: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    b, n = len(z1), 2 * len(z1)
    sim = (z @ z.T).masked_fill(torch.eye(n, dtype=torch.bool, device=z.device), -1e9)
    at = torch.arange(n, device=z.device).roll(b)
    return F.cross_entropy(sim, at)


def cross_correlation(x: Float[Tensor, "b d"], y: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
    x = (x - x.mean(0)) / (x.std(0) + 1e-4)
    y = (y - y.mean(0)) / (y.std(0) + 1e-4)
    c = x.T @ y / len(x)
    return (c - torch.eye(c.shape[0], device=c.device)).pow(2).sum()


def cross_covariance(q: Float[Tensor, "b h d n"], k: Float[Tensor, "b h d n"], v: Float[Tensor, "b h d n"]) -> Float[Tensor, "b h d n"]:
    weights = (F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT).softmax(-1)
    return weights @ v


def linear_attention(q: Float[Tensor, "b h t d"], k: Float[Tensor, "b h t d"], v: Float[Tensor, "b h t d"]) -> Float[Tensor, "b h t d"]:
    context = k.softmax(-2).mT @ v
    return q.softmax(-1) @ context


def slot_attention(slots: Float[Tensor, "b s d"], x: Float[Tensor, "b n d"]) -> Float[Tensor, "b s d"]:
    weights = torch.einsum("bsd,bnd->bsn", slots, x).softmax(1) + 1e-8
    return (weights / weights.sum(-1, keepdim=True)) @ x


def all_pairs(x: Float[Tensor, "n t d"], y: Float[Tensor, "m t d"]) -> Float[Tensor, "n m"]:
    return torch.einsum("nid,mjd->nm", x, y)


def degrees(a: Float[Tensor, "n n"], x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    d = a.sum(1).clamp(min=1e-6).rsqrt()
    return (d[:, None] * a * d) @ x


def double_centred(a: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    return a - a.mean(0) - a.mean(1, keepdim=True) + a.mean()


def squared_distances(x: Float[Tensor, "n d"], y: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
    xx, yy = (x**2).sum(1), (y**2).sum(1)
    inner = x @ y.T
    return xx[:, None] - 2 * inner + yy


def column_sums(x: Float[Tensor, "n d"], y: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
    yy = (y * y).sum(1)
    return x @ y.T - yy


def both_masks(q: Float[Tensor, "b t d"], k: Float[Tensor, "b t d"], pad: Bool[Tensor, "b t"]) -> Float[Tensor, "b t t"]:
    scores = (q @ k.mT).masked_fill(~pad[:, None, :], -1e9)
    return scores.masked_fill(~pad[:, :, None], -1e9).softmax(-1) * pad[:, :, None]


def additive_mask(q: Float[Tensor, "b h t d"], k: Float[Tensor, "b h t d"], keep: Float[Tensor, "b t"]) -> Float[Tensor, "b h t t"]:
    bias = (1.0 - keep[:, None, None, :]) * -10000.0
    return (q @ k.mT / math.sqrt(q.shape[-1]) + bias).softmax(-1)


def causal(q: Float[Tensor, "b t d"], k: Float[Tensor, "b t d"]) -> Float[Tensor, "b t t"]:
    t = q.shape[1]
    mask = torch.ones(t, t, dtype=torch.bool, device=q.device).triu(1)
    return (q @ k.mT).masked_fill(mask, float("-inf")).softmax(-1)


def one_hot(index: Int[Tensor, "b t"], size: int = 5) -> Float[Tensor, "b t size"]:
    out = torch.zeros(*index.shape, size, device=index.device)
    return out.scatter(2, index[..., None], 1.0)


def scattered(x: Float[Tensor, "n d"], index: Int[Tensor, "n"], size: int = 6) -> Float[Tensor, "size d"]:
    out = torch.zeros(size, x.shape[1], device=x.device)
    return out.scatter_reduce(0, index[:, None].expand(-1, x.shape[1]), x, "sum")


def beams(scores: Float[Tensor, "b k v"], width: int = 3) -> Int[Tensor, "b 3 2"]:
    _, at = scores.flatten(1).topk(width, -1)
    v = scores.shape[-1]
    return torch.stack([at // v, at % v], -1)


def peaks(x: Float[Tensor, "b c h w"], k: int = 3) -> Float[Tensor, "b 3 3"]:
    h, w = x.shape[-2:]
    values, at = x.flatten(1).topk(k)
    at = at % (h * w)
    return torch.stack([values, at // w / h, at % w / w], -1)


def last_valid(x: Float[Tensor, "b t d"], lengths: Int[Tensor, "b"]) -> Float[Tensor, "b d"]:
    at = (lengths - 1).clamp(min=0)[:, None, None].expand(-1, 1, x.shape[-1])
    return x.gather(1, at).squeeze(1)


def sequence_log_prob(logits: Float[Tensor, "b t v"], labels: Int[Tensor, "b t"]) -> Float[Tensor, "b"]:
    return logits.log_softmax(-1).gather(2, labels.unsqueeze(2)).squeeze(2).sum(-1)


def selected_steps(logits: Float[Tensor, "b t v"], at: Int[Tensor, "b"]) -> Float[Tensor, "b v"]:
    logp = logits.log_softmax(-1)
    return logp.gather(1, at[:, None, None].expand(-1, 1, logits.shape[-1])).squeeze(1)


def contrastive_labels(logits: Float[Tensor, "n c"], labels: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
    pairs = logits.log_softmax(-1)[:, labels]
    return pairs.diagonal()


def heat_entropy(heat: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k"]:
    p = heat.flatten(2).softmax(-1).view(heat.shape)
    return -(p * (p + 1e-8).log()).sum(-1).sum(-1)


def expected_position(heat: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k 2"]:
    h, w = heat.shape[-2:]
    p = heat.flatten(2).softmax(-1).view(heat.shape)
    ys, xs = torch.arange(h, device=heat.device), torch.arange(w, device=heat.device)
    return torch.stack([(p.sum(3) * ys).sum(-1), (p.sum(2) * xs).sum(-1)], -1)


def cartesian(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    n, m = len(x), len(y)
    return (x.repeat_interleave(m, 0) * y.repeat(n, 1)).sum(-1).view(n, m)


def unpatch(x: Float[Tensor, "b (h*w) 16*c"], h: int = 2, w: int = 3) -> Float[Tensor, "b c 4*h 4*w"]:
    b = x.shape[0]
    return x.view(b, h, w, 4, 4, -1).permute(0, 5, 1, 3, 2, 4).reshape(b, -1, 4 * h, 4 * w)


def shifted_windows(x: Float[Tensor, "b h w c"], s: int = 4) -> Float[Tensor, "b h w c"]:
    b, h, w, c = x.shape
    x = x.roll((-2, -2), (1, 2))
    x = x.view(b, h // s, s, w // s, s, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, s * s, c)
    x = x - x.mean(1, keepdim=True)
    x = x.view(b, h // s, w // s, s, s, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)
    return x.roll((2, 2), (1, 2))


def space_to_depth(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 4*c h//2 w//2"]:
    b, c, h, w = x.shape
    return x.view(b, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4).reshape(b, 4 * c, h // 2, w // 2)


def rotary_pairs(x: Float[Tensor, "b t h d"], cos: Float[Tensor, "t d//2"], sin: Float[Tensor, "t d//2"]) -> Float[Tensor, "b t h d"]:
    even, odd = x[..., ::2], x[..., 1::2]
    cos, sin = cos[:, None], sin[:, None]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


def rotary_halves(x: Float[Tensor, "b t h d"], angle: Float[Tensor, "t d//2"]) -> Float[Tensor, "b t h d"]:
    one, two = x.chunk(2, -1)
    angle = torch.cat((angle, angle), -1)[:, None]
    return x * angle.cos() + torch.cat((-two, one), -1) * angle.sin()


def guided(both: Float[Tensor, "2*b c"], scale: float = 2.0) -> Float[Tensor, "b c"]:
    free, told = both.chunk(2)
    return free + scale * (told - free)


def repeated_samples(x: Float[Tensor, "b d"], noise: Float[Tensor, "b k d"]) -> Float[Tensor, "b k d"]:
    b, k, d = noise.shape
    return (x.repeat_interleave(k, 0) + noise.reshape(b * k, d)).view(b, k, d)


def frames(x: Float[Tensor, "b t c h w"]) -> Float[Tensor, "b t c"]:
    b, t = x.shape[:2]
    return x.flatten(0, 1).mean((-2, -1)).view(b, t, -1)


def focal(logits: Float[Tensor, "b c h w"], labels: Int[Tensor, "b h w"]) -> Float[Tensor, ""]:
    logp = logits.log_softmax(1)
    picked = logp.gather(1, labels[:, None]).squeeze(1)
    return -((1 - picked.exp()) ** 2 * picked).mean()


def padded_embedding(tokens: Int[Tensor, "b t"], table: Float[Tensor, "v d"]) -> Float[Tensor, "b d"]:
    keep = (tokens != 0).unsqueeze(-1)
    return (table[tokens] * keep).sum(1) / keep.sum(1).clamp(min=1)


def quantile(x: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    ranks = x.argsort(-1).argsort(-1)
    return ranks / x.shape[-1]


class Block(nn.Module):
    def __init__(self, dim: int = 48, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.project, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x: Float[Tensor, "b t e"]) -> Float[Tensor, "b t e"]:
        b, t, e = x.shape
        q, k, v = self.project(self.norm(x)).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v)
        return x + self.out(y.transpose(1, 2).reshape(b, t, e))


class Convolutions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(6, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU())
        self.head = nn.Linear(12, 5)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 5"]:
        return self.head(self.net(x).flatten(2).mean(-1))


class Grouped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q, self.kv = nn.Linear(32, 32), nn.Linear(32, 2 * 8)

    def forward(self, x: Float[Tensor, "b t 32"]) -> Float[Tensor, "b t 32"]:
        b, t, _ = x.shape
        q = self.q(x).view(b, t, 8, 4).transpose(1, 2)
        k, v = self.kv(x).view(b, t, 2, 2, 4).unbind(2)
        k, v = (each.transpose(1, 2)[:, :, None].expand(-1, -1, 4, -1, -1).reshape(b, 8, t, 4) for each in (k, v))
        return ((q @ k.mT).softmax(-1) @ v).transpose(1, 2).flatten(2)
