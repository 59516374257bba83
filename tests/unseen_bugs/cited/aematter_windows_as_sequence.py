"""Windows folded to the front, given to sequence-first MultiheadAttention.

Source: https://github.com/aipixel/AEMatter/issues/3
Fix: batch_first=True.
"""

import torch
import torch.nn as nn
from drawn import rnd
from jaxtyping import Float
from torch import Tensor

torch.manual_seed(0)
mha_seq = nn.MultiheadAttention(8, 2).eval()
mha_bf = nn.MultiheadAttention(8, 2, batch_first=True).eval()
mha_bf.load_state_dict(mha_seq.state_dict())


def buggy(src: Float[Tensor, "b 8 h1*5 w"]) -> Float[Tensor, "b*h1 5*w 8"]:
    b, c, h, w = src.shape
    x = src.view(b, c, h // 5, 5, w).permute(0, 2, 3, 4, 1).reshape(b * (h // 5), 5 * w, c)
    return mha_seq(x, x, x, need_weights=False)[0]


def fixed(src: Float[Tensor, "b 8 h1*5 w"]) -> Float[Tensor, "b*h1 5*w 8"]:
    b, c, h, w = src.shape
    x = src.view(b, c, h // 5, 5, w).permute(0, 2, 3, 4, 1).reshape(b * (h // 5), 5 * w, c)
    return mha_bf(x, x, x, need_weights=False)[0]


def reference(src):
    out = []
    for s in src:
        for i in range(s.shape[1] // 5):
            x = s[:, i * 5 : i * 5 + 5].flatten(1).T.unsqueeze(1)
            out.append(mha_seq(x, x, x, need_weights=False)[0].squeeze(1))
    return torch.stack(out)


def example():
    return dict(src=rnd(2, 8, 10, 3))
