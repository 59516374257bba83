"""The models that models.py measures, written from the papers, with each function annotated.

Each takes the decorator of its functions, so that it exists with checks and without.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from typed_einsum.nn import MaxSigmoidAttnBlock

Check = Callable[[Callable[..., Any]], Any]


@dataclass(frozen=True)
class Model:
    """A loss to be differentiated, its module, and what it is given."""

    module: nn.Module
    inputs: tuple[Tensor, ...]


def transformer(check: Check, width: int, heads: int, *, causal: bool) -> nn.Module:
    """A block with normalisation before attention and before the hidden layer (Xiong et al. 2020)."""

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.joint, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

        @check
        def split(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b m t c"]:
            return x.unflatten(2, (heads, -1)).transpose(1, 2)

        @check
        def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
            query, key, value = (self.split(each) for each in self.joint(x).chunk(3, 2))
            mixed = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
            return self.out(mixed.transpose(1, 2).flatten(2))

    class Hidden(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        @check
        def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
            return self.down(F.gelu(self.up(x)))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention, self.hidden = Attention(), Hidden()
            self.before_attention, self.before_hidden = nn.LayerNorm(width), nn.LayerNorm(width)

        @check
        def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
            x = x + self.attention(self.before_attention(x))
            return x + self.hidden(self.before_hidden(x))

    return Block()


def gpt(check: Check) -> Model:
    """A language model as in nanoGPT: learned positions, tied weights (Radford et al. 2019)."""
    vocabulary, width, length = 512, 128, 128

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.places = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
            self.blocks = nn.ModuleList(transformer(check, width, 4, causal=True) for _ in range(4))
            self.norm = nn.LayerNorm(width)

        @check
        def logits(self, tokens: Int[Tensor, "b t"]) -> Float[Tensor, "b t v"]:
            x = self.words(tokens) + self.places.weight[: tokens.shape[1]]
            for block in self.blocks:
                x = block(x)
            return self.norm(x) @ self.words.weight.T

        @check
        def forward(self, tokens: Int[Tensor, "b t"], wanted: Int[Tensor, "b t"]) -> Float[Tensor, ""]:
            return F.cross_entropy(self.logits(tokens).flatten(0, 1), wanted.flatten())

    tokens = torch.randint(vocabulary, (4, length + 1))
    return Model(GPT(), (tokens[:, :-1], tokens[:, 1:]))


def vit(check: Check) -> Model:
    """A vision transformer with a class token (Dosovitskiy et al. 2021)."""
    width, patch, classes = 128, 4, 10

    class ViT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, width, patch, patch)
            self.chosen = nn.Parameter(torch.zeros(1, 1, width))
            self.places = nn.Parameter(torch.zeros(1, 65, width))
            self.blocks = nn.ModuleList(transformer(check, width, 4, causal=False) for _ in range(4))
            self.head = nn.Linear(width, classes)

        @check
        def embedded(self, image: Float[Tensor, "b rgb=3 h w"]) -> Float[Tensor, "b t d"]:
            x = self.patches(image).flatten(2).transpose(1, 2)
            return torch.cat([self.chosen.expand(len(x), -1, -1), x], 1) + self.places

        @check
        def forward(self, image: Float[Tensor, "b rgb=3 h w"], wanted: Int[Tensor, "b"]) -> Float[Tensor, ""]:
            x = self.embedded(image)
            for block in self.blocks:
                x = block(x)
            return F.cross_entropy(self.head(x[:, 0]), wanted)

    return Model(ViT(), (torch.randn(8, 3, 32, 32), torch.randint(classes, (8,))))


def ssd(check: Check) -> Model:
    """Mamba-2's state-space dual in chunks (Dao and Gu 2024, section 6)."""
    width, heads, states, chunk = 128, 4, 16, 32

    class SSD(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.into = nn.Linear(width, width + 2 * states + heads)
            self.decay, self.out = nn.Parameter(torch.zeros(heads)), nn.Linear(width, width)

        @check
        def chunked(self, x: Float[Tensor, "b t *rest"]) -> Float[Tensor, "b n l *rest"]:
            return x.unflatten(1, (-1, chunk))

        @check
        def segments(self, steps: Float[Tensor, "*a l"]) -> Float[Tensor, "*a l l"]:
            total = steps.cumsum(-1)
            between = total.unsqueeze(-1) - total.unsqueeze(-2)
            later = torch.ones(steps.shape[-1:] * 2, dtype=torch.bool, device=steps.device).triu(1)
            return between.masked_fill(later, -torch.inf).exp()

        @check
        def mixed(
            self,
            x: Float[Tensor, "b t m p"],
            steps: Float[Tensor, "b t m"],
            keys: Float[Tensor, "b t s"],
            queries: Float[Tensor, "b t s"],
        ) -> Float[Tensor, "b t m p"]:
            x, keys, queries = self.chunked(x), self.chunked(keys), self.chunked(queries)
            steps = self.chunked(steps).permute(0, 3, 1, 2)
            total = steps.cumsum(-1)
            inside = torch.einsum("bnls,bnks,bmnlk,bnkmp->bnlmp", queries, keys, self.segments(steps), x)
            left = (total[..., -1:] - total).exp()
            made = torch.einsum("bnks,bmnk,bnkmp->bnmps", keys, left, x)
            whole = F.pad(total[..., -1], (1, 0))
            carried = torch.einsum("bmzn,bnmps->bzmps", self.segments(whole)[..., :-1, 1:], made)
            return (inside + torch.einsum("bnls,bnmps,bmnl->bnlmp", queries, carried, total.exp())).flatten(
                1, 2
            )

        @check
        def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, ""]:
            x, keys, queries, steps = self.into(x).split([width, states, states, heads], 2)
            steps = F.softplus(steps)
            x = x.unflatten(2, (heads, -1))
            mixed = self.mixed(x * steps.unsqueeze(3), -steps * self.decay.exp(), keys, queries)
            return self.out(mixed.flatten(2)).square().mean()

    return Model(SSD(), (torch.randn(4, 256, width),))


def neck(check: Check) -> Model:
    """The text-guided block after the bottlenecks of a C2f layer (Cheng et al. 2024, section 3.3)."""
    width, half = 64, 32

    class Bottleneck(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = (nn.Conv2d(half, half, 3, padding=1) for _ in range(2))

        @check
        def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
            return x + F.silu(self.second(F.silu(self.first(x))))

    class C2f(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.into, self.out = nn.Conv2d(width, width, 1), nn.Conv2d(5 * half, width, 1)
            self.parts = nn.ModuleList(Bottleneck() for _ in range(2))
            self.guided = MaxSigmoidAttnBlock(half, half, nh=2, ec=half)

        @check
        def forward(self, x: Float[Tensor, "b c h w"], guide: Float[Tensor, "b n g"]) -> Float[Tensor, ""]:
            parts = list(F.silu(self.into(x)).chunk(2, 1))
            for part in self.parts:
                parts.append(part(parts[-1]))
            parts.append(self.guided(parts[-1], guide))
            return F.silu(self.out(torch.cat(parts, 1))).square().mean()

    return Model(C2f(), (torch.randn(2, width, 40, 40), torch.randn(2, 80, 512)))


def ppo(check: Check) -> Model:
    """The clipped loss of an actor and a critic (Schulman et al. 2017, equations 7, 9 and 11)."""
    seen, actions = 8, 4

    class PPO(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.actor, self.critic = (
                nn.Sequential(nn.Linear(seen, 64), nn.Tanh(), nn.Linear(64, out)) for out in (actions, 1)
            )

        @check
        def advantages(
            self, rewards: Float[Tensor, "t b"], values: Float[Tensor, "t b"]
        ) -> Float[Tensor, "t b"]:
            found, last = [], torch.zeros_like(rewards[0])
            following = torch.cat([values[1:], torch.zeros_like(values[:1])])
            errors = rewards + 0.99 * following - values
            for error in errors.flip(0):
                last = error + 0.99 * 0.95 * last
                found.append(last)
            return torch.stack(found[::-1])

        @check
        def chosen(self, states: Float[Tensor, "t b s"], taken: Int[Tensor, "t b"]) -> Float[Tensor, "t b"]:
            return self.actor(states).log_softmax(2).gather(2, taken.unsqueeze(2)).squeeze(2)

        @check
        def clipped(self, ratio: Float[Tensor, "t b"], gain: Float[Tensor, "t b"]) -> Float[Tensor, ""]:
            return -torch.minimum(ratio * gain, ratio.clamp(0.8, 1.2) * gain).mean()

        @check
        def forward(
            self,
            states: Float[Tensor, "t b s"],
            taken: Int[Tensor, "t b"],
            before: Float[Tensor, "t b"],
            rewards: Float[Tensor, "t b"],
        ) -> Float[Tensor, ""]:
            values = self.critic(states).squeeze(2)
            gain = self.advantages(rewards, values.detach())
            ratio = (self.chosen(states, taken) - before).exp()
            return self.clipped(ratio, gain) + 0.5 * (values - gain - values.detach()).square().mean()

    inputs = (
        torch.randn(16, 64, seen),
        torch.randint(actions, (16, 64)),
        torch.randn(16, 64),
        torch.randn(16, 64),
    )
    return Model(PPO(), inputs)


def segmenter(check: Check) -> Model:
    """The image encoder of SAM: windows, relative places by row and column (Kirillov et al. 2023)."""
    width, heads, patch, window = 64, 4, 4, 7

    class Attention(nn.Module):
        def __init__(self, rows: int) -> None:
            super().__init__()
            self.joint, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.by_row, self.by_column = (
                nn.Parameter(0.02 * torch.randn(2 * rows - 1, width // heads)) for _ in range(2)
            )

        @check
        def relative(self, places: Float[Tensor, "2*q-1 c"], q: int) -> Float[Tensor, "q q c"]:
            steps = torch.arange(q, device=places.device)
            return places[steps.unsqueeze(1) - steps.unsqueeze(0) + q - 1]

        @check
        def bias(self, query: Float[Tensor, "b m h w c"]) -> Float[Tensor, "b m h*w h*w"]:
            h, w = query.shape[2:4]
            rows = torch.einsum("bmhwc,hkc->bmhwk", query, self.relative(self.by_row, h))
            columns = torch.einsum("bmhwc,wlc->bmhwl", query, self.relative(self.by_column, w))
            return (rows.unsqueeze(5) + columns.unsqueeze(4)).flatten(4).flatten(2, 3)

        @check
        def forward(self, x: Float[Tensor, "b h w d"]) -> Float[Tensor, "b h w d"]:
            b, h, w, d = x.shape
            joint = self.joint(x).reshape(b, h * w, 3, heads, d // heads)
            query, key, value = joint.permute(2, 0, 3, 1, 4).unbind(0)
            bias = self.bias(query.unflatten(2, (h, w)))
            mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
            return self.out(mixed.transpose(1, 2).reshape(b, h, w, d))

    class Block(nn.Module):
        def __init__(self, rows: int, window: int) -> None:
            super().__init__()
            self.window = window
            self.attention = Attention(window or rows)
            self.before_attention, self.before_hidden = nn.LayerNorm(width), nn.LayerNorm(width)
            self.hidden = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        @check
        def windows(self, x: Float[Tensor, "b h w d"]) -> Float[Tensor, "n {self.window} {self.window} d"]:
            h, w = x.shape[1:3]
            x = F.pad(x, (0, 0, 0, -w % self.window, 0, -h % self.window))
            x = x.unflatten(2, (-1, self.window)).unflatten(1, (-1, self.window))
            return x.transpose(2, 3).flatten(0, 2)

        @check
        def joined(
            self, x: Float[Tensor, "n {self.window} {self.window} d"], h: int, w: int
        ) -> Float[Tensor, "b h w d"]:
            rows, columns = -(-h // self.window), -(-w // self.window)
            x = x.unflatten(0, (-1, rows, columns)).transpose(2, 3).flatten(3, 4).flatten(1, 2)
            return x[:, :h, :w]

        @check
        def forward(self, x: Float[Tensor, "b h w d"]) -> Float[Tensor, "b h w d"]:
            found = self.before_attention(x)
            if self.window:
                found = self.joined(self.attention(self.windows(found)), x.shape[1], x.shape[2])
            else:
                found = self.attention(found)
            x = x + found
            return x + self.hidden(self.before_hidden(x))

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, width, patch, patch)
            self.places = nn.Parameter(torch.zeros(1, 16, 16, width))
            self.blocks = nn.ModuleList(Block(16, each) for each in (window, window, 0))
            self.neck = nn.Conv2d(width, width, 3, padding=1, bias=False)

        @check
        def forward(self, image: Float[Tensor, "b rgb=3 h w"]) -> Float[Tensor, ""]:
            x = self.patches(image).permute(0, 2, 3, 1) + self.places
            for block in self.blocks:
                x = block(x)
            return self.neck(x.permute(0, 3, 1, 2)).square().mean()

    return Model(Encoder(), (torch.randn(2, 3, 64, 64),))


def unet(check: Check) -> Model:
    """Two paths with copies across, convolutions without padding (Ronneberger et al. 2015)."""
    width = 16

    class Twice(nn.Module):
        def __init__(self, into: int, out: int) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(into, out, 3), nn.Conv2d(out, out, 3)

        @check
        def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h-4 w-4"]:
            return F.relu(self.second(F.relu(self.first(x))))

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = [width, 2 * width, 4 * width]
            self.down = nn.ModuleList(Twice(into, out) for into, out in pairwise([1, *sizes]))
            self.raised = nn.ModuleList(nn.ConvTranspose2d(2 * out, out, 2, 2) for out in sizes[-2::-1])
            self.up = nn.ModuleList(Twice(2 * out, out) for out in sizes[-2::-1])
            self.head = nn.Conv2d(width, 2, 1)

        @check
        def cropped(
            self, x: Float[Tensor, "b c H W"], like: Float[Tensor, "b c h w"]
        ) -> Float[Tensor, "b c h w"]:
            top, left = ((own - wanted) // 2 for own, wanted in zip(x.shape[2:], like.shape[2:], strict=True))
            return x[:, :, top : top + like.shape[2], left : left + like.shape[3]]

        @check
        def scores(self, image: Float[Tensor, "b 1 H W"]) -> Float[Tensor, "b k h w"]:
            across, x = [], image
            for level in self.down[:-1]:
                across.append(level(x))
                x = F.max_pool2d(across[-1], 2)
            x = self.down[-1](x)
            for raised, level in zip(self.raised, self.up, strict=True):
                x = raised(x)
                x = level(torch.cat([self.cropped(across.pop(), x), x], 1))
            return self.head(x)

        @check
        def forward(self, image: Float[Tensor, "b 1 H W"], wanted: Int[Tensor, "b h w"]) -> Float[Tensor, ""]:
            return F.cross_entropy(self.scores(image), wanted)

    return Model(UNet(), (torch.randn(2, 1, 92, 92), torch.randint(2, (2, 52, 52))))


def gat(check: Check) -> Model:
    """Two layers of attention over the edges of a graph (Velickovic et al. 2018, equations 1 to 6)."""
    seen, width, heads, classes = 64, 16, 4, 7

    class Layer(nn.Module):
        def __init__(self, into: int, out: int) -> None:
            super().__init__()
            self.project = nn.Linear(into, heads * out, bias=False)
            self.source, self.target = (nn.Parameter(0.1 * torch.randn(heads, out)) for _ in range(2))

        @check
        def weights(
            self, scores: Float[Tensor, "e m"], target: Int[Tensor, "e"], n: int
        ) -> Float[Tensor, "e m"]:
            exponents = (scores - scores.amax()).exp()
            total = exponents.new_zeros(n, heads).index_add(0, target, exponents)
            return exponents / total[target]

        @check
        def forward(self, x: Float[Tensor, "n c"], edges: Int[Tensor, "2 e"]) -> Float[Tensor, "n m d"]:
            source, target = edges.unbind(0)
            x = self.project(x).unflatten(1, (heads, -1))
            scores = (x * self.source).sum(2)[source] + (x * self.target).sum(2)[target]
            weights = self.weights(F.leaky_relu(scores, 0.2), target, len(x))
            return torch.zeros_like(x).index_add(0, target, weights.unsqueeze(2) * x[source])

    class GAT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = Layer(seen, width), Layer(heads * width, classes)

        @check
        def forward(
            self, x: Float[Tensor, "n c"], edges: Int[Tensor, "2 e"], wanted: Int[Tensor, "n"]
        ) -> Float[Tensor, ""]:
            x = F.elu(self.first(x, edges)).flatten(1)
            return F.cross_entropy(self.second(x, edges).mean(1), wanted)

    edges = torch.cat([torch.randint(500, (2, 4000)), torch.arange(500).expand(2, -1)], 1)
    return Model(GAT(), (torch.randn(500, seen), edges, torch.randint(classes, (500,))))


MODELS: dict[str, Callable[[Check], Model]] = {
    "nanoGPT": gpt,
    "ViT": vit,
    "Mamba-2 SSD": ssd,
    "C2f with the text-guided block": neck,
    "PPO loss": ppo,
    "SAM encoder": segmenter,
    "U-Net": unet,
    "GAT": gat,
}
