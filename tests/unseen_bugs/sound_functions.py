"""Sound functions of all kinds, small."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

rnn = nn.LSTM(4, 3, batch_first=True, bidirectional=True)
bn = nn.BatchNorm1d(4)


def adv_norm(adv: Float[Tensor, "b"]) -> Float[Tensor, "b"]:
    return (adv - adv.mean()) / (adv.std() + 1e-08)


def grpo(r: Float[Tensor, "b g"]) -> Float[Tensor, "b g"]:
    return (r - r.mean(1, keepdim=True)) / (r.std(1, keepdim=True) + 0.0001)


def instnorm(x: Float[Tensor, "b c h w"], g: Float[Tensor, "c"]) -> Float[Tensor, "b c h w"]:
    return (
        (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), keepdim=True) + 1e-05).sqrt() * g[:, None, None]
    )


def infonce(z1: Float[Tensor, "b d"], z2: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
    l = F.normalize(z1, dim=1) @ F.normalize(z2, dim=1).T / 0.1
    return F.cross_entropy(l, torch.arange(len(l)))


def barlow(z1: Float[Tensor, "b d"], z2: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
    c = ((z1 - z1.mean(0)) / z1.std(0)).T @ ((z2 - z2.mean(0)) / z2.std(0)) / len(z1)
    return ((c - torch.eye(c.shape[0])) ** 2).sum()


def barlow_norm(z1: Float[Tensor, "b d"], z2: Float[Tensor, "b d"]) -> Float[Tensor, "d d"]:
    return F.normalize(z1, dim=0).T @ F.normalize(z2, dim=0)


def slot(
    k: Float[Tensor, "b n d"], q: Float[Tensor, "b s d"], v: Float[Tensor, "b n d"]
) -> Float[Tensor, "b s d"]:
    a = (k @ q.mT).softmax(-1)
    a = a / a.sum(1, keepdim=True)
    return a.mT @ v


def linattn(
    q: Float[Tensor, "b h n d"], k: Float[Tensor, "b h n d"], v: Float[Tensor, "b h n e"]
) -> Float[Tensor, "b h n e"]:
    return q.softmax(-1) @ (k.softmax(-2).mT @ v)


def netvlad(x: Float[Tensor, "b n d"], c: Float[Tensor, "k d"]) -> Float[Tensor, "b k d"]:
    a = (x @ c.T).softmax(-1)
    return a.mT @ x - a.sum(1)[..., None] * c


def moe_combine(
    x: Float[Tensor, "n d"], wg: Float[Tensor, "d e"], we: Float[Tensor, "e d f"]
) -> Float[Tensor, "n f"]:
    g = (x @ wg).softmax(-1)
    return torch.einsum("ne,nd,edf->nf", g, x, we)


def pagerank(adj: Float[Tensor, "n n"], p: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    t = adj.softmax(0)
    return 0.85 * t @ p + 0.15 / len(p)


def sinkhorn(c: Float[Tensor, "n m"]) -> Float[Tensor, "n m"]:
    k = (-c).exp()
    for _ in range(3):
        k = k / k.sum(1, keepdim=True)
        k = k / k.sum(0, keepdim=True)
    return k


def mmd(x: Float[Tensor, "n d"], y: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    k = lambda a, b: (-(a[:, None] - b[None]).square().sum(-1)).exp().mean()
    return k(x, x) + k(y, y) - 2 * k(x, y)


def rank_pair(s: Float[Tensor, "b"], y: Float[Tensor, "b"]) -> Float[Tensor, ""]:
    ds = s[:, None] - s[None]
    dy = (y[:, None] - y[None]).sign()
    return F.softplus(-ds * dy).mean()


def bootstrap_gae(r: Float[Tensor, "t b"], v: Float[Tensor, "t b"]) -> Float[Tensor, "t b"]:
    out = torch.zeros_like(r)
    a = torch.zeros_like(r[0])
    for i in reversed(range(len(r))):
        a = r[i] - v[i] + 0.95 * a
        out[i] = a
    return out


def shuffle_channels(x: Float[Tensor, "b g*k h w"], gsz: Float[Tensor, "g"]) -> Float[Tensor, "b k*g h w"]:
    b, c, h, w = x.shape
    g = len(gsz)
    return x.view(b, g, c // g, h, w).transpose(1, 2).reshape(b, c, h, w)


def pixel_unshuffle(x: Float[Tensor, "b c h*2 w*2"]) -> Float[Tensor, "b c*4 h w"]:
    b, c, H, W = x.shape
    return x.view(b, c, H // 2, 2, W // 2, 2).permute(0, 1, 3, 5, 2, 4).reshape(b, c * 4, H // 2, W // 2)


def patches(x: Float[Tensor, "b c h*4 w*4"]) -> Float[Tensor, "b h*w 4*4*c"]:
    b, c, H, W = x.shape
    return x.view(b, c, H // 4, 4, W // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(b, H // 4 * (W // 4), 16 * c)


def rel_shift(x: Float[Tensor, "b h t t"]) -> Float[Tensor, "b h t t"]:
    b, h, t, _ = x.shape
    y = F.pad(x, (1, 0)).view(b, h, t + 1, t)
    return y[:, :, 1:].view_as(x)


def outer_self(x: Float[Tensor, "b d"]) -> Float[Tensor, "b d d"]:
    return x[:, :, None] * x[:, None, :]


def gram(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c c"]:
    f = x.flatten(2)
    return f @ f.mT / f.shape[-1]


def focal_weight(
    logits: Float[Tensor, "b c"], y: Int[Tensor, "b"], w: Float[Tensor, "c"]
) -> Float[Tensor, ""]:
    return F.cross_entropy(logits, y.clamp(0, logits.shape[1] - 1), weight=w)


def covariance(x: Float[Tensor, "n d"]) -> Float[Tensor, "d d"]:
    c = x - x.mean(0)
    return c.T @ c / (len(x) - 1)


def shared_pe(x: Float[Tensor, "b t d"], pe: Float[Tensor, "t d"]) -> Float[Tensor, "b t d"]:
    return x + pe


def seq_first_attn(x: Float[Tensor, "t b d"]) -> Float[Tensor, "t b d"]:
    q = x.transpose(0, 1)
    return ((q @ q.mT).softmax(-1) @ q).transpose(0, 1)


def fft_mix(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
    return torch.fft.fft2(x).real


def axial(x: Float[Tensor, "b h w d"]) -> Float[Tensor, "b h w d"]:
    y = (x @ x.mT).softmax(-1) @ x
    z = x.transpose(1, 2)
    z = ((z @ z.mT).softmax(-1) @ z).transpose(1, 2)
    return y + z


def temporal_shift(x: Float[Tensor, "b*t c"], t_: Float[Tensor, "t"]) -> Float[Tensor, "b*t c"]:
    t = len(t_)
    y = x.view(-1, t, x.shape[1])
    return torch.roll(y, 1, 1).reshape_as(x)


def topk_gather(x: Float[Tensor, "b n d"], s: Float[Tensor, "b n"]) -> Float[Tensor, "b 2 d"]:
    i = s.topk(2, 1)[1]
    return x.gather(1, i[..., None].expand(-1, -1, x.shape[-1]))


def cumlink(x: Float[Tensor, "b"], thr: Float[Tensor, "k"]) -> Float[Tensor, "b k"]:
    return torch.sigmoid(thr - x[:, None])


def dice_batch(p: Float[Tensor, "b c h w"], t: Float[Tensor, "b c h w"]) -> Float[Tensor, "c"]:
    return 2 * (p * t).sum((0, 2, 3)) / (p + t).sum((0, 2, 3))


def retr(img: Float[Tensor, "n d"], txt: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    return (img @ txt.T).softmax(0)


def coattn(c: Float[Tensor, "b m d"], q: Float[Tensor, "b n d"]) -> Float[Tensor, "b m d"]:
    s = c @ q.mT
    c2q = s.softmax(2) @ q
    q2c = s.softmax(2) @ (s.softmax(1).mT @ c)
    return c2q + q2c


def ema_em(x: Float[Tensor, "b c n"], mu: Float[Tensor, "b c k"]) -> Float[Tensor, "b c n"]:
    z = (x.mT @ mu).softmax(-1)
    z_ = z / (1e-06 + z.sum(1, keepdim=True))
    m = x @ z_
    return m @ z.mT


def capsule(u: Float[Tensor, "b i j d"]) -> Float[Tensor, "b j d"]:
    bl = torch.zeros(u.shape[:3])
    for _ in range(2):
        c = bl.softmax(2)
        s = (c[..., None] * u).sum(1)
        bl = bl + (u * s[:, None]).sum(-1)
    return s


def diffpool(
    x: Float[Tensor, "b n d"], s: Float[Tensor, "b n k"], adj: Float[Tensor, "b n n"]
) -> Float[Tensor, "b k k"]:
    s = s.softmax(-1)
    return s.mT @ adj @ s


def diffpool_x(x: Float[Tensor, "b n d"], s: Float[Tensor, "b n k"]) -> Float[Tensor, "b k d"]:
    return s.softmax(-1).mT @ x


def gmm_means(x: Float[Tensor, "n d"], logr: Float[Tensor, "n k"]) -> Float[Tensor, "k d"]:
    r = logr.softmax(1)
    return r.T @ x / r.sum(0)[:, None]


def kmeans_soft(x: Float[Tensor, "n d"], c: Float[Tensor, "k d"]) -> Float[Tensor, "k d"]:
    r = (-torch.cdist(x, c)).softmax(1)
    return torch.einsum("nk,nd->kd", r, x) / r.sum(0)[:, None]


def dispatch(x: Float[Tensor, "n d"], phi: Float[Tensor, "d s"]) -> Float[Tensor, "n d"]:
    l = x @ phi
    xs = l.softmax(0).T @ x
    return l.softmax(1) @ xs


def rotary(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
    d = x.shape[-1]
    a = torch.outer(torch.arange(float(x.shape[1])), 1 / 10000 ** (torch.arange(0, d, 2) / d))
    a = torch.cat([a, a], -1)
    x1, x2 = x.chunk(2, -1)
    return x * a.cos() + torch.cat([-x2, x1], -1) * a.sin()


def mha4(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
    b, t, d = x.shape
    q = x.view(b, t, 4, d // 4).transpose(1, 2)
    return ((q @ q.mT).softmax(-1) @ q).transpose(1, 2).reshape(b, t, d)


def glu(x: Float[Tensor, "b t 2*d"]) -> Float[Tensor, "b t d"]:
    return F.glu(x, -1)


def groupnorm(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    return F.group_norm(x, 4)


def avgpool(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h//2 w//2"]:
    return F.avg_pool2d(x, 2)


def windowattn(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
    b, t, d = x.shape
    y = x.view(b, t // 2, 2, d)
    return ((y @ y.mT).softmax(-1) @ y).view(b, t, d)


def masked_mean(x: Float[Tensor, "b t d"], m: Bool[Tensor, "b t"]) -> Float[Tensor, "b d"]:
    return (x * m[..., None]).sum(1) / m.sum(1, keepdim=True)


def last_valid(x: Float[Tensor, "b t d"], lens: Int[Tensor, "b"]) -> Float[Tensor, "b d"]:
    return x[torch.arange(len(x)), lens - 1]


def onehot(y: Int[Tensor, "b"], logits: Float[Tensor, "b c"]) -> Float[Tensor, ""]:
    return -(F.one_hot(y, logits.shape[1]) * logits.log_softmax(1)).sum(1).mean()


def emb_lookup(
    ids: Int[Tensor, "b t"], tok: Float[Tensor, "v d"], pos: Float[Tensor, "T d"]
) -> Float[Tensor, "b t d"]:
    return tok[ids] + pos[: ids.shape[1]]


def causal(q: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
    t = q.shape[1]
    m = torch.tril(torch.ones(t, t, dtype=torch.bool))
    return (q @ q.mT).masked_fill(~m, -1000000000.0).softmax(-1) @ q


def sdpa(
    q: Float[Tensor, "b h t d"],
    k: Float[Tensor, "b h s d"],
    v: Float[Tensor, "b h s d"],
    m: Bool[Tensor, "b s"],
) -> Float[Tensor, "b h t d"]:
    return F.scaled_dot_product_attention(q, k, v, attn_mask=m[:, None, None])


def beam(lp: Float[Tensor, "b k v"], s: Float[Tensor, "b k"]) -> Int[Tensor, "b k"]:
    f = (lp + s[..., None]).flatten(1)
    return f.topk(s.shape[1], 1)[1] // lp.shape[-1]


def chamfer(a: Float[Tensor, "b n 3"], c: Float[Tensor, "b m 3"]) -> Float[Tensor, ""]:
    d = torch.cdist(a, c)
    return d.min(1)[0].mean() + d.min(2)[0].mean()


def spatial_softargmax(h: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k 2"]:
    b, k, H, W = h.shape
    p = h.flatten(2).softmax(-1).view(b, k, H, W)
    ys = torch.linspace(-1, 1, H)
    xs = torch.linspace(-1, 1, W)
    return torch.stack([(p.sum(2) * xs).sum(-1), (p.sum(3) * ys).sum(-1)], -1)


def nerf_weights(sigma: Float[Tensor, "r s"], rgb: Float[Tensor, "r s 3"]) -> Float[Tensor, "r 3"]:
    a = 1 - (-F.relu(sigma)).exp()
    T = torch.cumprod(torch.cat([torch.ones_like(a[:, :1]), 1 - a + 1e-10], 1), 1)[:, :-1]
    return ((a * T)[..., None] * rgb).sum(1)


def mel(x: Float[Tensor, "b f t"], fb: Float[Tensor, "f m"]) -> Float[Tensor, "b m t"]:
    return (x.mT @ fb).mT


def lstm_last(x: Float[Tensor, "b t 4"]) -> Float[Tensor, "b 6"]:
    return rnn(x)[1][0].transpose(0, 1).reshape(len(x), -1)


def bn_mod(x: Float[Tensor, "b 4 t"]) -> Float[Tensor, "b 4 t"]:
    return bn(x)


def dist_entropy(l: Float[Tensor, "b a"]) -> Float[Tensor, "b"]:
    return torch.distributions.Categorical(logits=l).entropy()


def ppo(lp: Float[Tensor, "b a"], adv: Float[Tensor, "b"]) -> Float[Tensor, ""]:
    adv = (adv - adv.mean()) / (adv.std() + 1e-08)
    return -(lp.sum(-1).exp() * adv).mean()


def supcon(f: Float[Tensor, "b d"], y: Int[Tensor, "b"]) -> Float[Tensor, ""]:
    f = F.normalize(f, dim=1)
    l = f @ f.T
    m = (y[:, None] == y[None]).float()
    return -(m * l.log_softmax(1)).sum(1).div(m.sum(1)).mean()


def squeeze_rank(x: Float[Tensor, "b 1 d"]) -> Float[Tensor, "b d"]:
    return x.squeeze(1)


def interleave(a: Float[Tensor, "b t d"], c: Float[Tensor, "b t d"]) -> Float[Tensor, "b t*2 d"]:
    return torch.stack([a, c], 2).flatten(1, 2)


def dt_stack(
    s: Float[Tensor, "b t d"], a: Float[Tensor, "b t d"], r: Float[Tensor, "b t d"]
) -> Float[Tensor, "b 3*t d"]:
    b, t, d = s.shape
    return torch.stack((r, s, a), 1).permute(0, 2, 1, 3).reshape(b, 3 * t, d)


def lightglue(
    q0: Float[Tensor, "b h n d"],
    q1: Float[Tensor, "b h m d"],
    v0: Float[Tensor, "b h n d"],
    v1: Float[Tensor, "b h m d"],
) -> Float[Tensor, "b h m d"]:
    sim = torch.einsum("bhid,bhjd->bhij", q0, q1)
    a10 = F.softmax(sim.transpose(-2, -1).contiguous(), -1)
    return torch.einsum("bhji,bhjd->bhid", a10.transpose(-2, -1), v0)


def upcast(x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    return x.float().softmax(-1).to(x.dtype)


def quant(x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    s = x.abs().amax(-1, keepdim=True) / 127
    return (x / s).round().to(torch.int8).to(x.dtype) * s


def eca(x: Float[Tensor, "b c h w"], k: Float[Tensor, "1 1 3"]) -> Float[Tensor, "b c h w"]:
    y = x.mean((2, 3))
    y = F.conv1d(y[:, None], k, padding=1)[:, 0]
    return x * y.sigmoid()[..., None, None]


def mixer(x: Float[Tensor, "b t d"], w: Float[Tensor, "t t"]) -> Float[Tensor, "b t d"]:
    return torch.einsum("btd,ts->bsd", x, w)


def normalise_cols(w: Float[Tensor, "d c"], x: Float[Tensor, "b d"]) -> Float[Tensor, "b c"]:
    return F.normalize(x, dim=1) @ F.normalize(w, dim=0)


def weightnorm(
    w: Float[Tensor, "o i"], g: Float[Tensor, "o"], x: Float[Tensor, "b i"]
) -> Float[Tensor, "b o"]:
    return F.linear(x, w / w.norm(dim=1, keepdim=True) * g[:, None])


def demod(w: Float[Tensor, "o i"], s: Float[Tensor, "b i"], x: Float[Tensor, "b i"]) -> Float[Tensor, "b o"]:
    ww = w[None] * s[:, None]
    ww = ww * (ww.square().sum(2, keepdim=True) + 1e-08).rsqrt()
    return torch.einsum("boi,bi->bo", ww, x)
