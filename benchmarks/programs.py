"""Correct programs of others: modules of torch, layers of einops, models of x-transformers, vit-pytorch."""

# ruff: noqa: C408, SIM905 (these are the arguments of calls, and a list of names)
from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import MagicMock

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Program:
    """A module and what it is called with, all sizes different where the module allows it."""

    library: str
    name: str
    build: Callable[[], nn.Module]
    arguments: tuple[Tensor, ...]


def of_torch() -> Iterator[Program]:
    """Modules of torch.nn."""
    image, sequence, vector = torch.randn(3, 12, 17, 19), torch.randn(3, 11, 20), torch.randn(3, 20)
    memory, target, tokens = torch.randn(3, 13, 20), torch.rand(3, 11, 20), torch.zeros(3, 11).long()
    wide = {"batch_first": True}
    for module, arguments in (
        (nn.Linear(20, 7), [sequence]),
        (nn.LayerNorm(20), [sequence]),
        (nn.RMSNorm(20), [sequence]),
        (nn.RNN(20, 14), [sequence]),
        (nn.GRU(20, 14), [sequence]),
        (nn.LSTM(20, 14), [sequence]),
        (nn.GELU(), [sequence]),
        (nn.Softmax(-1), [sequence]),
        (nn.LogSoftmax(-1), [sequence]),
        (nn.Dropout(0.1), [sequence]),
        (nn.Bilinear(20, 12, 7), [vector, torch.randn(3, 12)]),
        (nn.Embedding(9, 20), [tokens]),
        (nn.EmbeddingBag(9, 20), [tokens]),
        (nn.Conv1d(11, 7, 3), [sequence]),
        (nn.Conv2d(12, 10, 3), [image]),
        (nn.Conv2d(12, 18, 3, groups=6), [image]),
        (nn.ConvTranspose2d(12, 10, 3), [image]),
        (nn.Conv3d(5, 7, 3), [torch.randn(3, 5, 6, 8, 9)]),
        (nn.BatchNorm2d(12), [image]),
        (nn.GroupNorm(4, 12), [image]),
        (nn.InstanceNorm2d(12), [image]),
        (nn.MaxPool2d(2), [image]),
        (nn.AvgPool2d(2), [image]),
        (nn.LPPool2d(2, 3), [image]),
        (nn.AdaptiveAvgPool2d((5, 7)), [image]),
        (nn.Upsample(scale_factor=2), [image]),
        (nn.Upsample(scale_factor=2, mode="bilinear"), [image]),
        (nn.Flatten(), [image]),
        (nn.Unfold(3), [image]),
        (nn.ChannelShuffle(3), [image]),
        (nn.PixelShuffle(2), [image]),
        (nn.PixelUnshuffle(2), [torch.randn(3, 5, 14, 22)]),
        (nn.ZeroPad2d(1), [image]),
        (nn.ReflectionPad2d(2), [image]),
        (nn.Dropout2d(0.2), [image]),
        (nn.MultiheadAttention(20, 4, **wide), [sequence, memory, memory]),
        (nn.TransformerEncoderLayer(20, 4, 33, **wide), [sequence]),
        (nn.TransformerDecoderLayer(20, 4, 33, **wide), [sequence, memory]),
        (nn.Transformer(20, 4, 2, 2, 33, **wide), [memory, sequence]),
        (nn.MSELoss(), [sequence, target]),
        (nn.L1Loss(), [sequence, target]),
        (nn.HuberLoss(), [sequence, target]),
        (nn.BCEWithLogitsLoss(), [sequence, target]),
        (nn.KLDivLoss(reduction="batchmean"), [sequence, target]),
        (nn.CrossEntropyLoss(), [torch.randn(7, 13), torch.zeros(7).long()]),
        (
            nn.CTCLoss(),
            [sequence.log_softmax(-1), torch.ones(11, 2).long(), *torch.tensor([[3] * 11, [2] * 11])],
        ),
        (nn.CosineSimilarity(), [vector, vector]),
        (nn.PairwiseDistance(), [vector, vector + 1]),
        (nn.TripletMarginLoss(), [vector, vector + 1, vector - 1]),
    ):
        yield Program("torch", type(module).__name__, lambda module=module: module, tuple(arguments))


def of_einops() -> Iterator[Program]:
    """Layers of einops."""
    layers = importlib.import_module("einops.layers.torch")
    image, sequence = torch.randn(3, 5, 14, 22), torch.randn(3, 11, 20)
    for text, layer, argument in (
        ("split heads", layers.Rearrange("b n (h d) -> b h n d", h=4), sequence),
        ("patches", layers.Rearrange("b c (h p) (w q) -> b (h w) (p q c)", p=2, q=2), image),
        ("mean of pixels", layers.Reduce("b c h w -> b c", "mean"), image),
        ("largest of windows", layers.Reduce("b c (h p) (w q) -> b c h w", "max", p=2, q=2), image),
        ("EinMix", layers.EinMix("b n c -> b n d", weight_shape="c d", c=20, d=13), sequence),
    ):
        yield Program("einops", text, lambda layer=layer: layer, (argument,))


ATTENTION: dict[str, dict[str, Any]] = {
    "plain": {},
    "rotary": {"rotary_pos_emb": True},
    "xpos": {"rotary_xpos": True},
    "alibi": {"alibi_pos_bias": True, "alibi_num_heads": 4},
    "relative bias": {"rel_pos_bias": True},
    "dynamic bias": {"dynamic_pos_bias": True},
    "talking heads": {"attn_pre_talking_heads": True, "attn_post_talking_heads": True},
    "grouped": {"attn_kv_heads": 2},
    "one key head": {"attn_one_kv_head": True},
    "gated units": {"ff_glu": True},
    "normalised": {"attn_qk_norm": True},
    "gated values": {"attn_gate_values": True},
    "sandwich": {"sandwich_norm": True},
    "memories": {"attn_num_mem_kv": 3},
    "sparse": {"attn_sparse_topk": 3},
    "residual": {"residual_attn": True},
    "shifted": {"shift_tokens": 1},
    "RMS": {"use_rmsnorm": True},
    "flash": {"attn_flash": True},
    "macaron": {"macaron": True},
    "selective": {"attn_selective": True},
}


CAUSAL = ("xpos", "selective")
"""What x-transformers has for decoders alone."""


def of_x_transformers() -> Iterator[Program]:
    """Encoders and decoders of x-transformers, and its models."""
    library = importlib.import_module("x_transformers")
    tokens = torch.randint(0, 50, (3, 13))

    def layers(kind: str = "Encoder", **options: Any) -> nn.Module:
        return getattr(library, kind)(dim=40, depth=2, heads=4, attn_dim_head=10, **options)

    def model(kind: str, options: dict[str, Any]) -> nn.Module:
        return library.TransformerWrapper(num_tokens=50, max_seq_len=29, attn_layers=layers(kind, **options))

    for name, options in ATTENTION.items():
        for kind in ("Encoder", "Decoder") if name not in CAUSAL else ("Decoder",):
            build = lambda kind=kind, options=options: model(kind, options)  # noqa: E731
            yield Program("x-transformers", f"{kind}, {name}", build, (tokens,))
    yield Program(
        "x-transformers",
        "continuous",
        lambda: library.ContinuousTransformerWrapper(
            dim_in=20, dim_out=17, max_seq_len=31, attn_layers=layers()
        ),
        (torch.randn(3, 11, 20),),
    )
    yield Program(
        "x-transformers",
        "vision",
        lambda: library.ViTransformerWrapper(
            image_size=20, patch_size=4, num_classes=9, attn_layers=layers()
        ),
        (torch.randn(3, 3, 20, 20),),
    )
    sides = dict(enc_depth=1, enc_heads=4, dec_depth=1, dec_heads=4, enc_num_tokens=50, dec_num_tokens=51)
    yield Program(
        "x-transformers",
        "encoder and decoder",
        lambda: library.XTransformer(dim=40, enc_max_seq_len=30, dec_max_seq_len=31, **sides),
        (tokens, torch.randint(0, 50, (3, 17))),
    )


SQUARE = dict(image_size=32, patch_size=4, num_classes=9, dim=36, depth=2, heads=4, mlp_dim=50)
STAGED = dict(num_classes=9, dim=(16, 24, 32, 40), depth=(1, 1, 1, 1))
LIKE_VIT = """
    vit.ViT simple_vit.SimpleViT deepvit.DeepViT parallel_vit.ViT vit_for_small_dataset.ViT
    vit_with_patch_merger.ViT vit_with_patch_dropout.ViT simple_vit_with_register_tokens.SimpleViT
    simple_vit_with_qk_norm.SimpleViT learnable_memory_vit.ViT rvt.RvT
    simple_vit_with_value_residual.SimpleViT
    normalized_vit.nViT simple_uvit.SimpleUViT vit_with_decorr.ViT
    simple_flash_attn_vit.SimpleViT
""".split()
VISION: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    **dict.fromkeys(LIKE_VIT, ((3, 3, 32, 32), SQUARE)),
    "cait.CaiT": ((3, 3, 32, 32), {**SQUARE, "cls_depth": 1}),
    "xcit.XCiT": ((3, 3, 32, 32), {**SQUARE, "cls_depth": 1}),
    "pit.PiT": ((3, 3, 32, 32), {**SQUARE, "depth": (1, 1)}),
    "t2t.T2TViT": ((3, 3, 32, 32), {name: size for name, size in SQUARE.items() if name != "patch_size"}),
    "cross_vit.CrossViT": (
        (3, 3, 32, 32),
        dict(image_size=32, num_classes=9, sm_dim=24, lg_dim=36, sm_patch_size=4, lg_patch_size=8),
    ),
    "levit.LeViT": (
        (3, 3, 64, 64),
        dict(image_size=64, num_classes=9, stages=2, dim=(24, 36), depth=1, heads=(2, 4), mlp_mult=2),
    ),
    "nest.NesT": (
        (3, 3, 32, 32),
        dict(image_size=32, patch_size=4, num_classes=9, dim=24, heads=2)
        | dict(num_hierarchies=2, block_repeats=(1, 1)),
    ),
    "sep_vit.SepViT": (
        (3, 3, 224, 224),
        dict(num_classes=9, dim=16, dim_head=8, heads=(1, 2, 2, 4), depth=(1, 1, 1, 1), window_size=7),
    ),
    "max_vit.MaxViT": (
        (3, 3, 224, 224),
        dict(num_classes=9, dim=16, depth=(1, 1, 1, 1), dim_head=8, window_size=7),
    ),
    "regionvit.RegionViT": ((3, 3, 224, 224), {**STAGED, "window_size": 7}),
    "vit_1d.ViT": ((3, 5, 24), dict(seq_len=24, patch_size=4, num_classes=9, channels=5, dim=36, depth=1)
                   | dict(heads=4, mlp_dim=50)),
    "vit_3d.ViT": (
        (3, 5, 8, 16, 24),
        dict(image_size=(16, 24), image_patch_size=4, frames=8, frame_patch_size=2, num_classes=9)
        | dict(dim=36, depth=1, heads=4, mlp_dim=50, channels=5),
    ),
}  # fmt: skip


def of_vit_pytorch() -> Iterator[Program]:
    """Models of vit-pytorch, which imports torchvision for what no model here needs."""
    if importlib.util.find_spec("torchvision") is None:
        for name in ("", ".transforms", ".models", ".ops", ".utils"):
            sys.modules["torchvision" + name] = MagicMock()
    for path, (shape, options) in VISION.items():
        module, name = path.split(".")
        yield Program(
            "vit-pytorch",
            path,
            lambda module=module, name=name, options=options: getattr(
                importlib.import_module(f"vit_pytorch.{module}"), name
            )(**options),
            (torch.randn(shape),),
        )


SOURCES = {
    "torch": of_torch,
    "einops": of_einops,
    "x-transformers": of_x_transformers,
    "vit-pytorch": of_vit_pytorch,
}
