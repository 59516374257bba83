"""Layouts: what a reshape, a stack, a convolution or a grid makes of axes."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def conv_frames_buggy(x: Float[Tensor, "b c t f"]) -> Float[Tensor, "b t c*f"]:
    b, c, t, f = x.shape
    return x.reshape(b, t, c * f)


def conv_frames_fixed(x: Float[Tensor, "b c t f"]) -> Float[Tensor, "b t c*f"]:
    b, c, t, f = x.shape
    return x.transpose(1, 2).reshape(b, t, c * f)


def channel_shuffle_buggy(x: Float[Tensor, "b c h w"], groups: int = 3) -> Float[Tensor, "b c h w"]:
    b, c, h, w = x.shape
    return x.view(b, groups, c // groups, h, w).view(b, c // groups, groups, h, w).transpose(1, 2).reshape(b, c, h, w)


def channel_shuffle_fixed(x: Float[Tensor, "b c h w"], groups: int = 3) -> Float[Tensor, "b c h w"]:
    b, c, h, w = x.shape
    return x.view(b, groups, c // groups, h, w).transpose(1, 2).reshape(b, c, h, w)


def windows_buggy(x: Float[Tensor, "b h w c"], s: int = 4) -> Float[Tensor, "b*(h//4)*(w//4) 4 4 c"]:
    b, h, w, c = x.shape
    return x.view(b, h // s, s, w // s, s, c).reshape(-1, s, s, c)


def windows_fixed(x: Float[Tensor, "b h w c"], s: int = 4) -> Float[Tensor, "b*(h//4)*(w//4) 4 4 c"]:
    b, h, w, c = x.shape
    return x.view(b, h // s, s, w // s, s, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, s, s, c)


def unwindow_buggy(x: Float[Tensor, "n 4 4 c"], h: int = 16, w: int = 12) -> Float[Tensor, "n//12 16 12 c"]:
    return x.view(-1, w // 4, h // 4, 4, 4, x.shape[-1]).permute(0, 1, 3, 2, 4, 5).reshape(-1, h, w, x.shape[-1])


def unwindow_fixed(x: Float[Tensor, "n 4 4 c"], h: int = 16, w: int = 12) -> Float[Tensor, "n//12 16 12 c"]:
    return x.view(-1, h // 4, w // 4, 4, 4, x.shape[-1]).permute(0, 1, 3, 2, 4, 5).reshape(-1, h, w, x.shape[-1])


def patches_buggy(x: Float[Tensor, "b c h w"], p: int = 4) -> Float[Tensor, "b (h//4)*(w//4) 16*c"]:
    b, c, h, w = x.shape
    x = x.unfold(2, p, p).unfold(3, p, p)
    return x.contiguous().view(b, -1, c * p * p)


def patches_fixed(x: Float[Tensor, "b c h w"], p: int = 4) -> Float[Tensor, "b (h//4)*(w//4) 16*c"]:
    b, c, h, w = x.shape
    x = x.unfold(2, p, p).unfold(3, p, p).permute(0, 2, 3, 1, 4, 5)
    return x.reshape(b, -1, c * p * p)


def columns_buggy(x: Float[Tensor, "b c h w"], p: int = 4) -> Float[Tensor, "b (h//4)*(w//4) 16*c"]:
    b, c, h, w = x.shape
    return F.unfold(x, p, stride=p).view(b, -1, c * p * p)


def columns_fixed(x: Float[Tensor, "b c h w"], p: int = 4) -> Float[Tensor, "b (h//4)*(w//4) 16*c"]:
    return F.unfold(x, p, stride=p).transpose(1, 2)


def frames_to_batch_buggy(x: Float[Tensor, "b c t h w"]) -> Float[Tensor, "b*t c h w"]:
    b, c, t, h, w = x.shape
    return x.reshape(b * t, c, h, w)


def frames_to_batch_fixed(x: Float[Tensor, "b c t h w"]) -> Float[Tensor, "b*t c h w"]:
    b, c, t, h, w = x.shape
    return x.transpose(1, 2).reshape(b * t, c, h, w)


def stacked_states_buggy(a: Float[Tensor, "b d"], c: Float[Tensor, "b d"]) -> Float[Tensor, "b 2*d"]:
    return torch.stack([a, c]).view(a.shape[0], -1)


def stacked_states_fixed(a: Float[Tensor, "b d"], c: Float[Tensor, "b d"]) -> Float[Tensor, "b 2*d"]:
    return torch.stack([a, c], 1).view(a.shape[0], -1)


def list_of_steps_buggy(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
    steps = [x[:, i].tanh() for i in range(x.shape[1])]
    return torch.cat(steps).view(x.shape)


def list_of_steps_fixed(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
    steps = [x[:, i].tanh() for i in range(x.shape[1])]
    return torch.stack(steps, 1)


def stacked_steps_buggy(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
    steps = [x[:, i].tanh() for i in range(x.shape[1])]
    return torch.stack(steps).reshape(x.shape)


def stacked_steps_fixed(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
    steps = [x[:, i].tanh() for i in range(x.shape[1])]
    return torch.stack(steps, 1).reshape(x.shape)


def last_step_buggy(x: Float[Tensor, "t b d"], w: Float[Tensor, "d c"]) -> Float[Tensor, "b c"]:
    return x[:, -1] @ w


def last_step_fixed(x: Float[Tensor, "t b d"], w: Float[Tensor, "d c"]) -> Float[Tensor, "b c"]:
    return x[-1] @ w


def directions_buggy(h: Float[Tensor, "2*layers b d"]) -> Float[Tensor, "b 2*d"]:
    return h[-2:].permute(1, 2, 0).reshape(h.shape[1], -1).view(-1, 2 * h.shape[2]) + h[-2:].reshape(h.shape[1], -1)


def directions_fixed(h: Float[Tensor, "2*layers b d"]) -> Float[Tensor, "b 2*d"]:
    return h[-2:].transpose(0, 1).reshape(h.shape[1], -1)


def repeat_then_view_buggy(x: Float[Tensor, "b d"], n: int = 5) -> Float[Tensor, "b 5 d"]:
    return x.repeat(n, 1).view(x.shape[0], n, -1)


def repeat_then_view_fixed(x: Float[Tensor, "b d"], n: int = 5) -> Float[Tensor, "b 5 d"]:
    return x.repeat(1, n).view(x.shape[0], n, -1)


def beams_buggy(x: Float[Tensor, "b t d"], scores: Float[Tensor, "b k"]) -> Float[Tensor, "b k t d"]:
    b, k = scores.shape
    return x.repeat(k, 1, 1).view(b, k, *x.shape[1:]) * scores[..., None, None]


def beams_fixed(x: Float[Tensor, "b t d"], scores: Float[Tensor, "b k"]) -> Float[Tensor, "b k t d"]:
    b, k = scores.shape
    return x.repeat_interleave(k, 0).view(b, k, *x.shape[1:]) * scores[..., None, None]


def pairs_buggy(x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n n 2*d"]:
    b, n, d = x.shape
    left = x.repeat(1, n, 1).view(b, n, n, d)
    right = x.repeat(1, n, 1).view(b, n, n, d)
    return torch.cat([left, right], -1)


def pairs_fixed(x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n n 2*d"]:
    b, n, d = x.shape
    left = x.repeat_interleave(n, 1).view(b, n, n, d)
    right = x.repeat(1, n, 1).view(b, n, n, d)
    return torch.cat([left, right], -1)


def pooled_map_buggy(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c"]:
    return x.flatten(1).mean(1, keepdim=True).expand(-1, x.shape[1])


def pooled_map_fixed(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c"]:
    return x.flatten(2).mean(-1)


def coordinates_buggy(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 2 h w"]:
    b, _, h, w = x.shape
    ys, xs = torch.meshgrid(torch.arange(w), torch.arange(h), indexing="ij")
    return torch.stack([xs, ys]).float().expand(b, -1, -1, -1).reshape(b, 2, h, w)


def coordinates_fixed(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 2 h w"]:
    b, _, h, w = x.shape
    ys, xs = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    return torch.stack([xs, ys]).float().expand(b, -1, -1, -1)


def resized_buggy(x: Float[Tensor, "b c h w"], like: Float[Tensor, "b c p q"]) -> Float[Tensor, "b c p q"]:
    return F.interpolate(x, size=(like.shape[3], like.shape[2]))


def resized_fixed(x: Float[Tensor, "b c h w"], like: Float[Tensor, "b c p q"]) -> Float[Tensor, "b c p q"]:
    return F.interpolate(x, size=like.shape[2:])


def position_grid_buggy(pe: Float[Tensor, "n d"], x: Float[Tensor, "b d h w"]) -> Float[Tensor, "b d h w"]:
    _, d, h, w = x.shape
    grid = pe[: h * w].view(1, d, h, w)
    return x + grid


def position_grid_fixed(pe: Float[Tensor, "n d"], x: Float[Tensor, "b d h w"]) -> Float[Tensor, "b d h w"]:
    _, d, h, w = x.shape
    grid = pe[: h * w].T.reshape(1, d, h, w)
    return x + grid


def axis_embedding_buggy(rows: Float[Tensor, "n d"], columns: Float[Tensor, "n d"], x: Float[Tensor, "b h w d"]) -> Float[Tensor, "b h w d"]:
    h, w = x.shape[1:3]
    return x + rows[:w][None] + columns[:h][:, None]


def axis_embedding_fixed(rows: Float[Tensor, "n d"], columns: Float[Tensor, "n d"], x: Float[Tensor, "b h w d"]) -> Float[Tensor, "b h w d"]:
    h, w = x.shape[1:3]
    return x + rows[:h][:, None] + columns[:w][None]


def boxes_buggy(boxes: Float[Tensor, "b n 4"], image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b n 4"]:
    h, w = image.shape[-2:]
    return boxes / torch.tensor([h, w, h, w])


def boxes_fixed(boxes: Float[Tensor, "b n 4"], image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b n 4"]:
    h, w = image.shape[-2:]
    return boxes / torch.tensor([w, h, w, h])


def flat_index_buggy(x: Float[Tensor, "b c h w"]) -> Int[Tensor, "b c 2"]:
    h, w = x.shape[-2:]
    at = x.flatten(2).argmax(-1)
    return torch.stack([at // h, at % h], -1)


def flat_index_fixed(x: Float[Tensor, "b c h w"]) -> Int[Tensor, "b c 2"]:
    h, w = x.shape[-2:]
    at = x.flatten(2).argmax(-1)
    return torch.stack([at // w, at % w], -1)


def complex_pairs_buggy(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d//2 2"]:
    return torch.stack(x.chunk(2, -1)).reshape(*x.shape[:-1], -1, 2)


def complex_pairs_fixed(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d//2 2"]:
    return torch.stack(x.chunk(2, -1), -1)


def upsampled_buggy(x: Float[Tensor, "b 4*c h w"]) -> Float[Tensor, "b c 2*h 2*w"]:
    b, c, h, w = x.shape
    return x.reshape(b, c // 4, 2 * h, 2 * w)


def upsampled_fixed(x: Float[Tensor, "b 4*c h w"]) -> Float[Tensor, "b c 2*h 2*w"]:
    return F.pixel_shuffle(x, 2)
