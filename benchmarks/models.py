"""What checks cost a whole model: `python benchmarks/models.py` fills docs/models.md.

Small models, written from the papers, with each function annotated. Each exists twice with the same weights
in the same memory: with `shape_checked` on every function, and without any decorator of ours, with checks off
for the parts that are this library's own. A step is forward and backward, on one thread. Both take turns in
every round, and so does the unchecked one again: its difference from itself shows what cannot be told from
noise. A percentage is the median over the rounds of the difference within a round. Times are processor time
of the process, which other work on the machine changes little. Writes models.json; `--fill` only fills the
page.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial, wraps
from itertools import permutations
from pathlib import Path
from typing import Any

from timing import machine, peak_bytes  # isort: skip  # before torch, which reads what it sets

import torch
from jaxtyping import Float, Int
from pages import fill, table
from torch import Tensor, nn
from torch.nn import functional as F

from typed_einsum import checks_off, shape_checked
from typed_einsum.nn import MaxSigmoidAttnBlock

HERE = Path(__file__).parent
RECORD = HERE / "models.json"
PAGE = HERE.parent / "docs" / "models.md"

MOST_ROUNDS = 601
LEAST_SECONDS = 0.1
"""Short steps have more rounds, until each round asked for stands for so much time."""

Check = Callable[[Callable[..., Any]], Any]


def undecorated(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as it is."""
    return function


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


MODELS: dict[str, Callable[[Check], Model]] = {
    "nanoGPT": gpt,
    "ViT": vit,
    "Mamba-2 SSD": ssd,
    "C2f with the text-guided block": neck,
    "PPO loss": ppo,
}


def pair(make: Callable[[Check], Model]) -> tuple[Model, Model]:
    """The model with and without checks, with the same weights and inputs, which also lie in the same memory.

    Where tensors lie changes a step by more than checks do.
    """
    torch.manual_seed(0)
    checked = make(shape_checked)
    torch.manual_seed(0)
    unchecked = make(undecorated)
    owners = dict(checked.module.named_modules())
    for name, module in unchecked.module.named_modules():
        for own in list(module._parameters):
            module._parameters[own] = owners[name]._parameters[own]
    return checked, Model(unchecked.module, checked.inputs)


def step(model: Model, run: Callable[..., Tensor]) -> Tensor:
    """The loss, after its gradients were computed."""
    model.module.zero_grad(set_to_none=True)
    loss = run(*model.inputs)
    loss.backward()
    return loss.detach()


def steps(name: str, backend: str | None) -> Iterator[tuple[str, Callable[[], Tensor]]]:
    """A step with and without checks, and without them again, compiled where a backend is given."""
    checked, unchecked = pair(MODELS[name])
    for kind, model in (("checked", checked), ("unchecked", unchecked), ("again", unchecked)):
        off = nullcontext if kind == "checked" else checks_off
        run: Callable[..., Tensor] = model.module
        if backend is not None:
            run = torch.compile(model.module, fullgraph=True, backend=backend)

        def one(model: Model = model, run: Callable[..., Tensor] = run, off: Any = off) -> Tensor:
            with off():
                return step(model, run)

        yield kind, one


def medians(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Milliseconds of an unchecked step, and percentages: how much longer the others take within a round.

    All take their turn in every round, in an order that changes; short steps have more rounds.
    """
    times: dict[str, list[int]] = {name: [] for name in calls}
    turns: list[int] = []
    for call in calls.values():
        call()
        start = time.process_time()
        call()
        turns.append(int(rounds * LEAST_SECONDS / (time.process_time() - start)))
    rounds = min(max(rounds, *turns), MOST_ROUNDS)
    orders = list(permutations(calls))
    gc.collect()
    gc.disable()  # a collection would fall on one of them by chance
    for turn in range(rounds):
        for name in orders[turn % len(orders)]:
            start = time.process_time_ns()
            calls[name]()
            times[name].append(time.process_time_ns() - start)
    gc.enable()
    unchecked = times["unchecked"]
    longer = {
        name: statistics.median(
            (own / other - 1) * 100 for own, other in zip(times[name], unchecked, strict=True)
        )
        for name in ("checked", "again")
    }
    return {"ms": statistics.median(unchecked) / 1e6, "rounds": rounds, **longer}


def peaks(name: str) -> dict[str, float]:
    """The most memory that a step takes beyond what was there before, in MiB."""
    found = {}
    for kind, model in zip(("checked", "unchecked"), pair(MODELS[name]), strict=True):
        with nullcontext() if kind == "checked" else checks_off():
            step(model, model.module)
            model.module.zero_grad(set_to_none=True)  # or the step would free what it did not allocate
            found[kind] = peak_bytes(partial(step, model, model.module)) / 2**20
    return found


def checked_calls(name: str) -> int:
    """How many calls of a step are checked."""
    count = 0

    def counting(function: Callable[..., Any]) -> Any:
        @wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            return function(*args, **kwargs)

        return counted

    model = MODELS[name](counting)
    model.module(*model.inputs)
    return count


def measured(rounds: int, backend: str, names: Sequence[str]) -> dict[str, Any]:
    """Times of steps, and peak memory in MiB."""
    found: dict[str, Any] = {}
    for name in names:
        eager, compiled = dict(steps(name, None)), dict(steps(name, backend))
        assert torch.allclose(eager["checked"](), eager["unchecked"]())
        found[name] = {
            "eager": medians(eager, rounds),
            "compiled": medians(compiled, rounds),
            "MiB": peaks(name),
            "checks": checked_calls(name),
        }
        print(name, found[name], flush=True)
    return found


def tables(record: dict[str, Any]) -> dict[str, str]:
    """The tables of docs/models.md, by marker."""
    rows = [
        [
            name,
            str(each["checks"]),
            f"{each['eager']['ms']:.1f}",
            f"{each['eager']['checked']:+.2f} %",
            f"{each['eager']['again']:+.2f} %",
            f"{each['compiled']['ms']:.1f}",
            f"{each['compiled']['checked']:+.2f} %",
            f"{each['compiled']['again']:+.2f} %",
            f"{each['MiB']['unchecked']:.1f}",
            f"{each['MiB']['checked']:.1f}",
        ]
        for name, each in record["models"].items()
    ]
    host = record["machine"]
    return {
        "models: times": table(
            [
                "model",
                "checked calls",
                *("eager, ms", "checked", "noise"),
                *("compiled, ms", "checked", "noise"),
                *("peak MiB", "checked"),
            ],
            rows,
        ),
        "models: machine": (
            f"{host['processor']}, {host['threads']} thread, load average {record['load']:.0f}, torch "
            f"{host['torch']}, backend `{record['backend']}`, medians of {record['rounds']} rounds or more, "
            f"up to {MOST_ROUNDS} for short steps."
        ),
    }


def main() -> None:
    """Measure, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--backend", default="inductor")
    parser.add_argument("--quick", action="store_true", help="7 rounds, for a look; nothing is written")
    parser.add_argument(
        "--fill", action="store_true", help="fill the page from the record, and measure nothing"
    )
    parser.add_argument("--only", nargs="*", default=list(MODELS), help="these models; nothing is written")
    options = parser.parse_args()
    if options.fill:
        fill(PAGE, tables(json.loads(RECORD.read_text(encoding="utf-8"))))
        return
    torch.set_num_threads(1)
    if options.quick or options.only != list(MODELS):
        measured(7 if options.quick else options.rounds, options.backend, options.only)
        return
    record = {
        "machine": machine(),
        "load": os.getloadavg()[0],
        "rounds": options.rounds,
        "backend": options.backend,
        "models": measured(options.rounds, options.backend, options.only),
    }
    RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    fill(PAGE, tables(record))


if __name__ == "__main__":
    main()
