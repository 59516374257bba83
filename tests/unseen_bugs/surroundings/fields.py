"""Detection, images, audio, rays and graphs, each with a mistake written before any check looked at it."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor


def overlaps_buggy(one: Float[Tensor, "n 4"], other: Float[Tensor, "m 4"]) -> Float[Tensor, "n m"]:
    low = torch.max(one[:, None, :2], other[:, :2])
    high = torch.min(one[:, None, 2:], other[:, 2:])
    common = (high - low).clamp(min=0).prod(-1)
    area = (one[:, 2:] - one[:, :2]).prod(-1)
    other_area = (other[:, 2:] - other[:, :2]).prod(-1)
    return common / (area + other_area - common).clamp(min=1e-6)


def overlaps_fixed(one: Float[Tensor, "n 4"], other: Float[Tensor, "m 4"]) -> Float[Tensor, "n m"]:
    low = torch.max(one[:, None, :2], other[:, :2])
    high = torch.min(one[:, None, 2:], other[:, 2:])
    common = (high - low).clamp(min=0).prod(-1)
    area = (one[:, 2:] - one[:, :2]).prod(-1)
    other_area = (other[:, 2:] - other[:, :2]).prod(-1)
    return common / (area[:, None] + other_area - common).clamp(min=1e-6)


def anchor_points_buggy(features: Float[Tensor, "b 4 h w"], stride: int = 8) -> Float[Tensor, "b h*w 4"]:
    h, w = features.shape[2:]
    xs, ys = torch.meshgrid(torch.arange(w), torch.arange(h), indexing="ij")
    centres = (torch.stack([xs, ys], -1).reshape(-1, 2) + 0.5) * stride
    distances = features.flatten(2).transpose(1, 2) * stride
    return torch.cat([centres - distances[..., :2], centres + distances[..., 2:]], -1)


def anchor_points_fixed(features: Float[Tensor, "b 4 h w"], stride: int = 8) -> Float[Tensor, "b h*w 4"]:
    h, w = features.shape[2:]
    ys, xs = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    centres = (torch.stack([xs, ys], -1).reshape(-1, 2) + 0.5) * stride
    distances = features.flatten(2).transpose(1, 2) * stride
    return torch.cat([centres - distances[..., :2], centres + distances[..., 2:]], -1)


def warped_buggy(image: Float[Tensor, "b c h w"], flow: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b c h w"]:
    b, _, h, w = image.shape
    ys, xs = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    x = 2 * (xs + flow[:, 0]) / (w - 1) - 1
    y = 2 * (ys + flow[:, 1]) / (h - 1) - 1
    return F.grid_sample(image, torch.stack([y, x], -1), align_corners=True)


def warped_fixed(image: Float[Tensor, "b c h w"], flow: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b c h w"]:
    b, _, h, w = image.shape
    ys, xs = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    x = 2 * (xs + flow[:, 0]) / (w - 1) - 1
    y = 2 * (ys + flow[:, 1]) / (h - 1) - 1
    return F.grid_sample(image, torch.stack([x, y], -1), align_corners=True)


def peaks_buggy(heat: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k 2"]:
    b, k, h, w = heat.shape
    index = heat.view(b, k, -1).argmax(-1)
    x, y = index % h, index // h
    return torch.stack([x, y], -1).float()


def peaks_fixed(heat: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k 2"]:
    b, k, h, w = heat.shape
    index = heat.view(b, k, -1).argmax(-1)
    x, y = index % w, index // w
    return torch.stack([x, y], -1).float()


def soft_argmax_buggy(heat: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k 2"]:
    b, k, h, w = heat.shape
    p = heat.flatten(2).softmax(-1).view(b, k, h, w)
    x = (p.sum(3) * torch.linspace(0, 1, h)).sum(-1)
    y = (p.sum(2) * torch.linspace(0, 1, w)).sum(-1)
    return torch.stack([x, y], -1)


def soft_argmax_fixed(heat: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k 2"]:
    b, k, h, w = heat.shape
    p = heat.flatten(2).softmax(-1).view(b, k, h, w)
    x = (p.sum(2) * torch.linspace(0, 1, w)).sum(-1)
    y = (p.sum(3) * torch.linspace(0, 1, h)).sum(-1)
    return torch.stack([x, y], -1)


def birds_eye_buggy(
    points: Float[Tensor, "n d"], column: Int[Tensor, "n"], row: Int[Tensor, "n"], grid: Float[Tensor, "h w d"]
) -> Float[Tensor, "h w d"]:
    h, w, d = grid.shape
    row, column = row.clamp(max=h - 1), column.clamp(max=w - 1)
    flat = grid.reshape(h * w, d)
    index = (row * h + column).clamp(max=h * w - 1)
    return flat.index_add(0, index, points).view(h, w, d)


def birds_eye_fixed(
    points: Float[Tensor, "n d"], column: Int[Tensor, "n"], row: Int[Tensor, "n"], grid: Float[Tensor, "h w d"]
) -> Float[Tensor, "h w d"]:
    h, w, d = grid.shape
    row, column = row.clamp(max=h - 1), column.clamp(max=w - 1)
    flat = grid.reshape(h * w, d)
    index = (row * w + column).clamp(max=h * w - 1)
    return flat.index_add(0, index, points).view(h, w, d)


def patches_and_back_buggy(x: Float[Tensor, "b c h w"], p: int = 2) -> Float[Tensor, "b c h w"]:
    b, c, h, w = x.shape
    y = x.reshape(b, c, h // p, p, w // p, p).permute(0, 2, 4, 3, 5, 1).reshape(b, -1, p * p * c)
    y = F.layer_norm(y, y.shape[-1:])
    y = y.view(b, h // p, w // p, c, p, p)
    return y.permute(0, 3, 1, 4, 2, 5).reshape(b, c, h, w)


def patches_and_back_fixed(x: Float[Tensor, "b c h w"], p: int = 2) -> Float[Tensor, "b c h w"]:
    b, c, h, w = x.shape
    y = x.reshape(b, c, h // p, p, w // p, p).permute(0, 2, 4, 3, 5, 1).reshape(b, -1, p * p * c)
    y = F.layer_norm(y, y.shape[-1:])
    y = y.view(b, h // p, w // p, p, p, c)
    return y.permute(0, 5, 1, 3, 2, 4).reshape(b, c, h, w)


def deltas_buggy(mel: Float[Tensor, "b f t"]) -> Float[Tensor, "b 2*f t"]:
    padded = F.pad(mel, (1, 1), mode="replicate")
    delta = (torch.roll(padded, -1, 1) - torch.roll(padded, 1, 1))[..., 1:-1] / 2
    return torch.cat([mel, delta], 1)


def deltas_fixed(mel: Float[Tensor, "b f t"]) -> Float[Tensor, "b 2*f t"]:
    padded = F.pad(mel, (1, 1), mode="replicate")
    delta = (torch.roll(padded, -1, 2) - torch.roll(padded, 1, 2))[..., 1:-1] / 2
    return torch.cat([mel, delta], 1)


def low_frequencies_buggy(x: Float[Tensor, "b c h w"], keep: int = 2) -> Float[Tensor, "b c h w"]:
    h, w = x.shape[-2:]
    spectrum = torch.fft.fftshift(torch.fft.fft2(x))
    mask = torch.zeros(h, w)
    mask[h // 2 - keep : h // 2 + keep, w // 2 - keep : w // 2 + keep] = 1
    return torch.fft.ifft2(torch.fft.ifftshift(spectrum * mask, dim=(-2, -1))).real


def low_frequencies_fixed(x: Float[Tensor, "b c h w"], keep: int = 2) -> Float[Tensor, "b c h w"]:
    h, w = x.shape[-2:]
    spectrum = torch.fft.fftshift(torch.fft.fft2(x), dim=(-2, -1))
    mask = torch.zeros(h, w)
    mask[h // 2 - keep : h // 2 + keep, w // 2 - keep : w // 2 + keep] = 1
    return torch.fft.ifft2(torch.fft.ifftshift(spectrum * mask, dim=(-2, -1))).real


def propagated_buggy(x: Float[Tensor, "n d"], adjacency: Float[Tensor, "n n"], w: Float[Tensor, "d e"]) -> Float[Tensor, "n e"]:
    adjacency = adjacency + torch.eye(len(adjacency))
    weights = adjacency / adjacency.sum(0, keepdim=True).clamp(min=1e-6)
    return F.relu(weights @ (x @ w))


def propagated_fixed(x: Float[Tensor, "n d"], adjacency: Float[Tensor, "n n"], w: Float[Tensor, "d e"]) -> Float[Tensor, "n e"]:
    adjacency = adjacency + torch.eye(len(adjacency))
    weights = adjacency / adjacency.sum(1, keepdim=True).clamp(min=1e-6)
    return F.relu(weights @ (x @ w))


def laplacian_buggy(x: Float[Tensor, "n d"], adjacency: Float[Tensor, "n n"]) -> Float[Tensor, "n d"]:
    degree = adjacency.sum(1).clamp(min=1e-6).rsqrt()
    normalised = adjacency * degree * degree
    return x - normalised @ x


def laplacian_fixed(x: Float[Tensor, "n d"], adjacency: Float[Tensor, "n n"]) -> Float[Tensor, "n d"]:
    degree = adjacency.sum(1).clamp(min=1e-6).rsqrt()
    normalised = adjacency * degree[:, None] * degree
    return x - normalised @ x


def neighbours_buggy(x: Float[Tensor, "b n d"], index: Int[Tensor, "b n k"]) -> Float[Tensor, "b n 2*d"]:
    b, n, d = x.shape
    near = x.reshape(b * n, d)[index.clamp(max=n - 1).view(-1)].view(b, n, -1, d)
    return torch.cat([x, near.amax(2) - x], -1)


def neighbours_fixed(x: Float[Tensor, "b n d"], index: Int[Tensor, "b n k"]) -> Float[Tensor, "b n 2*d"]:
    b, n, d = x.shape
    index = index.clamp(max=n - 1) + torch.arange(b)[:, None, None] * n
    near = x.reshape(b * n, d)[index.view(-1)].view(b, n, -1, d)
    return torch.cat([x, near.amax(2) - x], -1)


def edge_weights_buggy(
    x: Float[Tensor, "n d"], source: Int[Tensor, "m"], target: Int[Tensor, "m"], score: Float[Tensor, "m"]
) -> Float[Tensor, "n d"]:
    source, target = source.clamp(max=len(x) - 1), target.clamp(max=len(x) - 1)
    weights = score.softmax(0)
    return torch.zeros_like(x).index_add(0, target, weights[:, None] * x[source])


def edge_weights_fixed(
    x: Float[Tensor, "n d"], source: Int[Tensor, "m"], target: Int[Tensor, "m"], score: Float[Tensor, "m"]
) -> Float[Tensor, "n d"]:
    source, target = source.clamp(max=len(x) - 1), target.clamp(max=len(x) - 1)
    weights = (score - score.max()).exp()
    total = torch.zeros(len(x)).index_add(0, target, weights)
    weights = weights / total[target].clamp(min=1e-6)
    return torch.zeros_like(x).index_add(0, target, weights[:, None] * x[source])


def transmittance_buggy(
    density: Float[Tensor, "r s"], colour: Float[Tensor, "r s 3"], step: Float[Tensor, "r s"]
) -> Float[Tensor, "r 3"]:
    alpha = 1 - torch.exp(-F.relu(density) * step)
    passed = torch.cat([torch.ones_like(alpha[:1]), 1 - alpha[:-1] + 1e-10], 0)
    weights = alpha * torch.cumprod(passed, -1)
    return (weights[..., None] * colour).sum(1)


def transmittance_fixed(
    density: Float[Tensor, "r s"], colour: Float[Tensor, "r s 3"], step: Float[Tensor, "r s"]
) -> Float[Tensor, "r 3"]:
    alpha = 1 - torch.exp(-F.relu(density) * step)
    passed = torch.cat([torch.ones_like(alpha[:, :1]), 1 - alpha[:, :-1] + 1e-10], 1)
    weights = alpha * torch.cumprod(passed, -1)
    return (weights[..., None] * colour).sum(1)


def instance_colours_buggy(x: Float[Tensor, "b c h w"], style: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    mean, std = x.mean((2, 3), keepdim=True), x.std((2, 3), keepdim=True) + 1e-5
    wanted = style.mean((1, 2), keepdim=True), style.std((1, 2), keepdim=True)
    return (x - mean) / std * wanted[1] + wanted[0]


def instance_colours_fixed(x: Float[Tensor, "b c h w"], style: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    mean, std = x.mean((2, 3), keepdim=True), x.std((2, 3), keepdim=True) + 1e-5
    wanted = style.mean((2, 3), keepdim=True), style.std((2, 3), keepdim=True)
    return (x - mean) / std * wanted[1] + wanted[0]


def repeated_frames_buggy(text: Float[Tensor, "b d"], video: Float[Tensor, "b*f d"]) -> Float[Tensor, "b*f d"]:
    frames = video.shape[0] // text.shape[0]
    condition = text.repeat(frames, 1)
    return video * torch.sigmoid(condition) + condition


def repeated_frames_fixed(text: Float[Tensor, "b d"], video: Float[Tensor, "b*f d"]) -> Float[Tensor, "b*f d"]:
    frames = video.shape[0] // text.shape[0]
    condition = text.repeat_interleave(frames, 0)
    return video * torch.sigmoid(condition) + condition


def rotated_points_buggy(
    points: Float[Tensor, "b n 3"], rotation: Float[Tensor, "b 3 3"], shift: Float[Tensor, "b 3"]
) -> Float[Tensor, "b n 3"]:
    return torch.bmm(points - shift[:, None], rotation.transpose(1, 2))


def rotated_points_fixed(
    points: Float[Tensor, "b n 3"], rotation: Float[Tensor, "b 3 3"], shift: Float[Tensor, "b 3"]
) -> Float[Tensor, "b n 3"]:
    return torch.bmm(points - shift[:, None], rotation)


def envelope_buggy(wave: Float[Tensor, "b n"], frame: int = 4) -> Float[Tensor, "b n"]:
    b, n = wave.shape
    frames = wave[:, : n // frame * frame].view(b, frame, -1)
    power = frames.pow(2).mean(-1)
    smooth = F.interpolate(power[:, None], size=n, mode="linear", align_corners=False)[:, 0]
    return wave / (smooth.sqrt() + 1e-3)


def envelope_fixed(wave: Float[Tensor, "b n"], frame: int = 4) -> Float[Tensor, "b n"]:
    b, n = wave.shape
    frames = wave[:, : n // frame * frame].view(b, -1, frame)
    power = frames.pow(2).mean(-1)
    smooth = F.interpolate(power[:, None], size=n, mode="linear", align_corners=False)[:, 0]
    return wave / (smooth.sqrt() + 1e-3)
