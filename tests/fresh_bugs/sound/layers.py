"""Routing, graphs, transforms, convolutions, patches, detection."""
# CHECK ["Mixtral", "capacity_dispatch", "sorted_experts", "gcn", "gat", "voxel_pool", "VectorQuantizer", "fnet", "long_conv", "global_filter", "modulated_conv", "channel_shuffle", "depthwise", "patchify", "unpatchify", "mae_masking", "drop_path", "gumbel", "mixup", "qr_dqn", "gae", "dpo", "pairwise_iou", "focal", "sine_positions", "soft_argmax", "lora_conv", "rearranged", "pooled_by_einops", "selective_scan", "resample_positions", "nerf_weights", "warp", "dice", "confusion", "fold_windows"]
import math
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


class Mixtral(nn.Module):
    def __init__(self, width: int = 24, hidden: int = 32, experts: int = 4, choices: int = 2) -> None:
        super().__init__()
        self.choices = choices
        self.gate = nn.Linear(width, experts, bias=False)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(width, hidden), nn.SiLU(), nn.Linear(hidden, width)) for _ in range(experts))

    def forward(self, x: Float[Tensor, "b t e"]) -> Float[Tensor, "b t e"]:
        flat = x.flatten(0, 1)
        weights, chosen = self.gate(flat).softmax(-1).topk(self.choices, dim=-1)
        weights = weights / weights.sum(-1, keepdim=True)
        out = torch.zeros_like(flat)
        for index, expert in enumerate(self.experts):
            row, rank = (chosen == index).nonzero(as_tuple=True)
            out.index_add_(0, row, expert(flat[row]) * weights[row, rank, None])
        return out.view_as(x)


def capacity_dispatch(x: Float[Tensor, "n d"], gate: Float[Tensor, "e d"], experts: Float[Tensor, "e d f"], capacity: int = 8) -> Float[Tensor, "n f"]:
    probs = F.linear(x, gate).softmax(-1)
    weight, chosen = probs.max(-1)
    hot = F.one_hot(chosen, gate.shape[0]).float()
    place = (hot.cumsum(0) - 1) * hot
    hot = hot * (place < capacity)
    slots = F.one_hot(place.sum(-1).long().clamp(max=capacity - 1), capacity).float()
    dispatch = torch.einsum("ne,nc->nec", hot, slots)
    inside = torch.einsum("nec,nd->ecd", dispatch, x)
    outside = F.gelu(torch.einsum("ecd,edf->ecf", inside, experts))
    return torch.einsum("nec,ecf->nf", dispatch, outside) * weight[:, None]


def sorted_experts(x: Float[Tensor, "b t d"], gate: Float[Tensor, "e d"], experts: Float[Tensor, "e d f"]) -> Float[Tensor, "b t f"]:
    b, t, d = x.shape
    flat = x.reshape(b * t, d)
    weight, chosen = F.linear(flat, gate).softmax(-1).max(-1)
    order = chosen.argsort(stable=True)
    y = torch.einsum("nd,ndf->nf", flat[order], experts[chosen[order]])
    y = torch.empty_like(y).index_copy(0, order, y)
    return (y * weight[:, None]).view(b, t, -1)


def gcn(x: Float[Tensor, "n c"], edges: Int[Tensor, "2 m"], weight: Float[Tensor, "c d"]) -> Float[Tensor, "n d"]:
    source, target = edges
    degree = torch.ones(x.shape[0]).index_add(0, target, torch.ones(target.shape[0]))
    norm = degree[source].rsqrt() * degree[target].rsqrt()
    h = x @ weight
    return torch.zeros_like(h).index_add(0, target, h[source] * norm[:, None]) + h / degree[:, None]


def gat(x: Float[Tensor, "n c"], edges: Int[Tensor, "2 m"], weight: Float[Tensor, "h c d"], att: Float[Tensor, "2 h d"]) -> Float[Tensor, "n h d"]:
    source, target = edges
    y = torch.einsum("nc,hcd->nhd", x, weight)
    score = F.leaky_relu((y[source] * att[0]).sum(-1) + (y[target] * att[1]).sum(-1), 0.2)
    score = (score - score.amax()).exp()
    total = torch.zeros(x.shape[0], y.shape[1]).index_add(0, target, score)
    return torch.zeros_like(y).index_add(0, target, (score / total[target])[..., None] * y[source])


def voxel_pool(points: Float[Tensor, "n c"], cell: Int[Tensor, "n"], grid: Float[Tensor, "v c"]) -> Float[Tensor, "v c"]:
    sums = torch.zeros_like(grid).scatter_add(0, cell[:, None].expand_as(points), points)
    counts = torch.zeros(grid.shape[0]).scatter_add(0, cell, torch.ones(points.shape[0]))
    return grid + sums / counts.clamp(min=1)[:, None]


class VectorQuantizer(nn.Module):
    def __init__(self, codes: int = 16, width: int = 24) -> None:
        super().__init__()
        self.register_buffer("book", torch.randn(codes, width))
        self.register_buffer("count", torch.ones(codes))
        self.register_buffer("total", self.book.clone())

    def forward(self, x: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b c h w"], Int[Tensor, "b h w"], Float[Tensor, ""]]:
        flat = x.permute(0, 2, 3, 1).flatten(0, 2)
        index = torch.cdist(flat, self.book).argmin(1)
        if self.training:
            hot = F.one_hot(index, len(self.book)).type_as(flat)
            self.count.mul_(0.99).add_(hot.sum(0), alpha=0.01)
            self.total.mul_(0.99).add_(hot.T @ flat.detach(), alpha=0.01)
            self.book.copy_(self.total / self.count[:, None])
        b, c, h, w = x.shape
        found = self.book[index].view(b, h, w, c).permute(0, 3, 1, 2)
        return x + (found - x).detach(), index.view(b, h, w), F.mse_loss(x, found.detach())


def fnet(x: Float[Tensor, "b t d"], w1: Float[Tensor, "f d"], w2: Float[Tensor, "d f"]) -> Float[Tensor, "b t d"]:
    x = F.layer_norm(x + torch.fft.fft2(x, dim=(1, 2)).real, x.shape[-1:])
    return F.layer_norm(x + F.linear(F.gelu(F.linear(x, w1)), w2), x.shape[-1:])


def long_conv(x: Float[Tensor, "b d t"], kernel: Float[Tensor, "d t"], skip: Float[Tensor, "d"]) -> Float[Tensor, "b d t"]:
    t = x.shape[-1]
    y = torch.fft.irfft(torch.fft.rfft(x, n=2 * t) * torch.fft.rfft(kernel, n=2 * t), n=2 * t)[..., :t]
    return y + x * skip[:, None]


def global_filter(x: Float[Tensor, "b h w c"], weight: Float[Tensor, "h w c"]) -> Float[Tensor, "b h w c"]:
    spectrum = torch.fft.fftshift(torch.fft.fft2(x, dim=(1, 2), norm="ortho"), dim=(1, 2))
    spectrum = torch.fft.ifftshift(spectrum * weight, dim=(1, 2))
    return torch.fft.ifft2(spectrum, dim=(1, 2), norm="ortho").real


def modulated_conv(x: Float[Tensor, "b i h w"], style: Float[Tensor, "b i"], weight: Float[Tensor, "o i 3 3"]) -> Float[Tensor, "b o h w"]:
    b, i, h, w = x.shape
    kernels = weight[None] * style[:, None, :, None, None]
    kernels = kernels * (kernels.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
    y = F.conv2d(x.reshape(1, b * i, h, w), kernels.flatten(0, 1), padding=1, groups=b)
    return y.view(b, -1, h, w)


def channel_shuffle(x: Float[Tensor, "b c h w"], weight: Float[Tensor, "c k 1 1"], groups: int = 2) -> Float[Tensor, "b c h w"]:
    y = F.conv2d(x, weight, groups=groups)
    b, c, h, w = y.shape
    return y.view(b, groups, c // groups, h, w).transpose(1, 2).reshape(b, c, h, w)


def depthwise(x: Float[Tensor, "b c h w"], spatial: Float[Tensor, "c 1 3 3"], point: Float[Tensor, "o c 1 1"]) -> Float[Tensor, "b o h w"]:
    return F.conv2d(F.relu6(F.conv2d(x, spatial, padding=1, groups=x.shape[1])), point)


def patchify(x: Float[Tensor, "b c h w"], p: int = 4) -> Float[Tensor, "b n d"]:
    b, c, h, w = x.shape
    x = x.reshape(b, c, h // p, p, w // p, p)
    return torch.einsum("nchpwq->nhwpqc", x).reshape(b, (h // p) * (w // p), p * p * c)


def unpatchify(tokens: Float[Tensor, "b n d"], like: Float[Tensor, "b c h w"], p: int = 4) -> Float[Tensor, "b c h w"]:
    b, c, h, w = like.shape
    x = tokens.reshape(b, h // p, w // p, p, p, c)
    return x.permute(0, 5, 1, 3, 2, 4).reshape(b, c, h, w) - like


def mae_masking(x: Float[Tensor, "b n d"], keep: float = 0.5) -> tuple[Float[Tensor, "b k d"], Float[Tensor, "b n"], Int[Tensor, "b n"]]:
    b, n, d = x.shape
    kept = int(n * keep)
    noise = torch.rand(b, n, device=x.device)
    order = noise.argsort(1)
    restore = order.argsort(1)
    seen = x.gather(1, order[:, :kept, None].expand(-1, -1, d))
    mask = torch.ones(b, n, device=x.device)
    mask[:, :kept] = 0
    return seen, mask.gather(1, restore), restore


def drop_path(x: Float[Tensor, "b t d"], p: float = 0.3) -> Float[Tensor, "b t d"]:
    keep = torch.rand(x.shape[0], 1, 1, device=x.device) >= p
    return x * keep / (1 - p)


def gumbel(logits: Float[Tensor, "b n k"], values: Float[Tensor, "k d"]) -> Float[Tensor, "b n d"]:
    return F.gumbel_softmax(logits, tau=0.7, hard=True, dim=-1) @ values


def mixup(x: Float[Tensor, "b c h w"], y: Float[Tensor, "b k"]) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b k"]]:
    share = torch.rand(x.shape[0], device=x.device)
    other = torch.randperm(x.shape[0], device=x.device)
    return torch.lerp(x[other], x, share[:, None, None, None]), torch.lerp(y[other], y, share[:, None])


def qr_dqn(quantiles: Float[Tensor, "b a n"], action: Int[Tensor, "b"], target: Float[Tensor, "b n"]) -> Float[Tensor, ""]:
    b, _, n = quantiles.shape
    current = quantiles[torch.arange(b), action].unsqueeze(2)
    target = target.unsqueeze(1)
    tau = ((torch.arange(n) + 0.5) / n).view(1, -1, 1)
    u = F.smooth_l1_loss(target.expand(-1, n, -1), current.expand(-1, -1, n), reduction="none")
    return (u * (tau - (target - current).detach().le(0.0).float()).abs()).sum(-1).mean(1).mean()


def gae(reward: Float[Tensor, "t b"], value: Float[Tensor, "t b"], last: Float[Tensor, "b"], done: Bool[Tensor, "t b"]) -> tuple[Float[Tensor, "t b"], Float[Tensor, "t b"]]:
    following = torch.cat([value[1:], last[None]])
    alive = 1 - done.float()
    delta = reward + 0.99 * following * alive - value
    out, running = [], torch.zeros_like(last)
    for step in range(len(reward) - 1, -1, -1):
        running = delta[step] + 0.99 * 0.95 * alive[step] * running
        out.append(running)
    advantage = torch.stack(out[::-1])
    return advantage, advantage + value


def dpo(logits: Float[Tensor, "n t v"], reference: Float[Tensor, "n t v"], tokens: Int[Tensor, "n t"], mask: Bool[Tensor, "n t"]) -> Float[Tensor, ""]:
    """The first half are the chosen answers, the second half the rejected ones."""
    total = lambda x: (x.log_softmax(-1).gather(2, tokens[..., None]).squeeze(2) * mask).sum(1)
    good, bad = (total(logits) - total(reference)).chunk(2)
    return -F.logsigmoid(0.1 * (good - bad)).mean()


def pairwise_iou(a: Float[Tensor, "n 4"], b: Float[Tensor, "m 4"]) -> Float[Tensor, "n m"]:
    area = lambda x: (x[:, 2] - x[:, 0]) * (x[:, 3] - x[:, 1])
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    inside = (high - low).clamp(min=0).prod(-1)
    return inside / (area(a)[:, None] + area(b)[None] - inside + 1e-9)


def focal(logits: Float[Tensor, "b n k"], target: Int[Tensor, "b n"], boxes: Float[Tensor, ""]) -> Float[Tensor, ""]:
    hot = F.one_hot(target, logits.shape[-1] + 1)[..., :-1].float()
    p = logits.sigmoid()
    loss = F.binary_cross_entropy_with_logits(logits, hot, reduction="none")
    pt = p * hot + (1 - p) * (1 - hot)
    weight = 0.25 * hot + 0.75 * (1 - hot)
    return (weight * (1 - pt) ** 2 * loss).mean(1).sum() / boxes.clamp(min=1) * logits.shape[1]


def sine_positions(mask: Bool[Tensor, "b h w"], width: int = 16) -> Float[Tensor, "b d h w"]:
    y, x = mask.cumsum(1, dtype=torch.float32), mask.cumsum(2, dtype=torch.float32)
    y, x = (2 * math.pi * y / (y[:, -1:] + 1e-6), 2 * math.pi * x / (x[:, :, -1:] + 1e-6))
    scale = 10000 ** (2 * (torch.arange(width // 2) // 2) / (width // 2))
    parts = [p[..., None] / scale for p in (y, x)]
    parts = [torch.stack([p[..., 0::2].sin(), p[..., 1::2].cos()], -1).flatten(3) for p in parts]
    return torch.cat(parts, -1).permute(0, 3, 1, 2)


def soft_argmax(heat: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k 2"]:
    b, k, h, w = heat.shape
    p = heat.flatten(2).softmax(-1).view(b, k, h, w)
    x = (p.sum(2) * torch.arange(w)).sum(-1) / w
    y = (p.sum(3) * torch.arange(h)).sum(-1) / h
    return torch.stack([x, y], -1)


def lora_conv(x: Float[Tensor, "b i h w"], weight: Float[Tensor, "o i 3 3"], a: Float[Tensor, "r i3"], b: Float[Tensor, "o3 r"]) -> Float[Tensor, "b o h w"]:
    """The change of rank r is cut into kernels as it comes, by its authors' choice."""
    return F.conv2d(x, weight + 0.5 * (b @ a).view(weight.shape), padding=1)


def rearranged(x: Float[Tensor, "b c h w"], qkv: Float[Tensor, "e c"], heads: int = 4) -> Float[Tensor, "b d h w"]:
    from einops import rearrange

    h = x.shape[2]
    tokens = rearrange(x, "b c h w -> b (h w) c")
    q, k, v = rearrange(tokens @ qkv.T, "b n (s m d) -> s b m n d", s=3, m=heads)
    y = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) @ v
    return rearrange(y, "b m (h w) d -> b (m d) h w", h=h)


def pooled_by_einops(x: Float[Tensor, "b t h w c"], token: Float[Tensor, "c"]) -> Float[Tensor, "b n c"]:
    from einops import rearrange, reduce, repeat

    frames = reduce(x, "b t (h p) (w q) c -> b t h w c", "mean", p=2, q=2)
    cls = repeat(token, "c -> b 1 c", b=len(x))
    return torch.cat([cls, rearrange(frames, "b t h w c -> b (t h w) c")], 1)


def selective_scan(u: Float[Tensor, "b l d"], dt: Float[Tensor, "b l d"], a: Float[Tensor, "d n"], b_: Float[Tensor, "b l n"], c: Float[Tensor, "b l n"], skip: Float[Tensor, "d"]) -> Float[Tensor, "b l d"]:
    da = torch.exp(torch.einsum("bld,dn->bldn", F.softplus(dt), -a.exp()))
    dbu = torch.einsum("bld,bln,bld->bldn", F.softplus(dt), b_, u)
    state, out = torch.zeros_like(da[:, 0]), []
    for step in range(u.shape[1]):
        state = da[:, step] * state + dbu[:, step]
        out.append(torch.einsum("bdn,bn->bd", state, c[:, step]))
    return torch.stack(out, 1) + u * skip


def resample_positions(x: Float[Tensor, "b h w c"], table: Float[Tensor, "gh gw c"]) -> Float[Tensor, "b h*w c"]:
    maps = F.interpolate(table.permute(2, 0, 1)[None], size=x.shape[1:3], mode="bicubic", align_corners=False)
    return (x + maps.permute(0, 2, 3, 1)).flatten(1, 2)


def nerf_weights(density: Float[Tensor, "r s"], colour: Float[Tensor, "r s 3"], depth: Float[Tensor, "r s"]) -> Float[Tensor, "r 3"]:
    delta = torch.cat([depth.diff(dim=-1), torch.full_like(depth[:, :1], 1e10)], -1)
    alpha = 1 - (-density.relu() * delta).exp()
    through = torch.cat([torch.ones_like(alpha[:, :1]), 1 - alpha + 1e-10], -1).cumprod(-1)[:, :-1]
    return ((alpha * through)[..., None] * colour).sum(1)


def warp(image: Float[Tensor, "b c h w"], flow: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b c h w"]:
    h, w = image.shape[-2:]
    ys, xs = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    at = torch.stack([xs, ys]) + flow
    at = torch.stack([2 * at[:, 0] / max(w - 1, 1) - 1, 2 * at[:, 1] / max(h - 1, 1) - 1], -1)
    return F.grid_sample(image, at, align_corners=True)


def dice(logits: Float[Tensor, "b k h w"], target: Int[Tensor, "b h w"], ignore: int = 255) -> Float[Tensor, ""]:
    seen = (target != ignore)[:, None]
    hot = F.one_hot(target.masked_fill(target == ignore, 0), logits.shape[1]).permute(0, 3, 1, 2)
    p, hot = logits.softmax(1) * seen, hot * seen
    both, total = (p * hot).sum((0, 2, 3)), (p + hot).sum((0, 2, 3))
    return 1 - ((2 * both + 1) / (total + 1)).mean()


def confusion(logits: Float[Tensor, "b k h w"], target: Int[Tensor, "b h w"]) -> Float[Tensor, "k k"]:
    k = logits.shape[1]
    pairs = target.flatten() * k + logits.argmax(1).flatten()
    return torch.zeros(k * k).scatter_add(0, pairs, torch.ones(pairs.shape[0])).view(k, k)


def fold_windows(x: Float[Tensor, "b c h w"], size: int = 4) -> Float[Tensor, "b c h w"]:
    b, c, h, w = x.shape
    cols = F.unfold(x, size, stride=size)
    cols = cols * cols.view(b, c, size * size, -1).mean(2, keepdim=True).expand(-1, -1, size * size, -1).reshape(cols.shape)
    return F.fold(cols, (h, w), size, stride=size)


r = torch.randn
i = lambda *s, n=3: torch.randint(0, n, s)
EX = dict(
    Mixtral=lambda: (r(2, 5, 24),), capacity_dispatch=lambda: (r(7, 4), r(3, 4), r(3, 4, 5)), sorted_experts=lambda: (r(2, 5, 4), r(3, 4), r(3, 4, 6)),
    gcn=lambda: (r(5, 3), i(2, 8, n=5), r(3, 4)), gat=lambda: (r(5, 3), i(2, 8, n=5), r(2, 3, 4), r(2, 2, 4)), voxel_pool=lambda: (r(9, 3), i(9, n=4), r(4, 3)),
    VectorQuantizer=lambda: (r(2, 24, 3, 4),), fnet=lambda: (r(2, 5, 4), r(6, 4), r(4, 6)), long_conv=lambda: (r(2, 3, 7), r(3, 7), r(3)), global_filter=lambda: (r(2, 4, 5, 3), r(4, 5, 3)),
    modulated_conv=lambda: (r(2, 3, 4, 5), r(2, 3), r(6, 3, 3, 3)), channel_shuffle=lambda: (r(2, 4, 3, 5), r(4, 2, 1, 1)), depthwise=lambda: (r(2, 3, 4, 5), r(3, 1, 3, 3), r(6, 3, 1, 1)),
    patchify=lambda: (r(2, 3, 8, 12),), unpatchify=lambda: (r(2, 6, 48), r(2, 3, 8, 12)), mae_masking=lambda: (r(2, 6, 3),), drop_path=lambda: (r(3, 4, 5),), gumbel=lambda: (r(2, 3, 4), r(4, 5)),
    mixup=lambda: (r(4, 3, 2, 5), r(4, 6)), qr_dqn=lambda: (r(3, 4, 5), i(3), r(3, 5)), gae=lambda: (r(5, 3), r(5, 3), r(3), r(5, 3) > 1),
    dpo=lambda: (r(4, 5, 6), r(4, 5, 6), i(4, 5, n=6), r(4, 5) > 0), pairwise_iou=lambda: (r(3, 4), r(5, 4)), focal=lambda: (r(2, 5, 3), i(2, 5, n=4), torch.tensor(3.0)), sine_positions=lambda: (r(2, 4, 5) > -9,),
    soft_argmax=lambda: (r(2, 3, 4, 5),), lora_conv=lambda: (r(2, 4, 5, 6), r(5, 4, 3, 3), r(2, 12), r(15, 2)), rearranged=lambda: (r(2, 3, 4, 5), r(24, 3)), pooled_by_einops=lambda: (r(2, 3, 4, 6, 5), r(5)),
    selective_scan=lambda: (r(2, 5, 3), r(2, 5, 3), r(3, 4), r(2, 5, 4), r(2, 5, 4), r(3)), resample_positions=lambda: (r(2, 4, 5, 3), r(6, 7, 3)),
    nerf_weights=lambda: (r(4, 5), r(4, 5, 3), r(4, 5).abs().cumsum(-1)), warp=lambda: (r(2, 3, 4, 5), r(2, 2, 4, 5)), dice=lambda: (r(2, 3, 4, 5), i(2, 4, 5)), confusion=lambda: (r(2, 3, 4, 5), i(2, 4, 5)),
    fold_windows=lambda: (r(2, 3, 8, 12),),
)
