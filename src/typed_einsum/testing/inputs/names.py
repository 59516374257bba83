"""What parameters are called in the field, and what their names say of their values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

COUNTED = r"head|group|expert|class|query|queries|slot|codebook|quantizer|beam|sample|anchor|level|scale|band"
"""What a number of entries along an axis counts. A mistake about an axis of 1 broadcasts."""

ROLES = {
    "head width": r"dim_head|head_(dim|size|width|channels|features)|d_head|^d_?[kqv]{1,2}$|^hd$",
    "image": r"(image|img|input)_?(size|res|shape)|resolution|^(num_)?frames$",
    "exponent": r"log2|log_2|^log_",
    "kernel": r"kernel|^ks$",
    "one": r"^(stride|dilation|padding|pad|every|interval|start|skip)$|_every$|_(stride|dilation|padding)$",
    "position": r"(^|_)(idx|index|layer_id|seed|offset)$",
    "base": r"^(theta|base|rope_theta|rope_base|rotary_base)$",
    "length": r"max.*(len|pos|seq|tokens|frames)|seq_?len|block_size|context|length$|n_ctx|(num|n)_positions",
    "vocabulary": r"vocab|(num|n)_(tokens|embeddings|embeds|classes|labels|categories)$",
    "width": r"(dim|width|size|channels?|features)$|dim_(?!scale)|channels_",
    "count": rf"{COUNTED}|mult|layer|depth|block|stage|num_|n_|^nh?$|patch|window|iter|step|degree|order",
}
"""Whole numbers by what their parameter is called; the first that fits. What fits none is a width."""

WIDTHS = r"embd|hidden|inner|units|planes|embed|^inp$|^oup$|^d_|^(d|c|ch|c1|c2|cin|cout)$"
"""Further words for a width, of names that fit none of the roles."""

_EXCEPT = {"width": r"patch_size|window_size", "count": r"n_embd|n_hidden|n_inner|n_units"}

FLOATS = {
    0.0: r"drop|^p$|_p$|prob|jitter|noise|penalty|decay|smoothing",
    1e-5: r"eps",
    10000.0: r"theta|^base$|_base$",
    0.1: r"momentum|lr$|learning_rate|init_std|init_scale",
    2.0: r"mult|expan|mlp_ratio|ff_ratio|hidden_ratio|capacity|growth",
}
"""Real numbers by what their parameter is called; what fits none is 0.5."""

REALS = r"rate|ratio|temperature|scale$|alpha|beta|gamma|sigma|std|weight$|threshold|tau$|factor"

FLAG = (
    r"^(use|is|has|with|do|no|not|add|enable|return|pre|post|learn|learned|share|shared|apply)_|causal|bias"
    r"|affine|inplace|bidirectional|residual|flash|checkpoint|verbose|norm_first|batch_first"
)
TRUE = r"^bias$|_bias$|affine|batch_first"

LISTED = r"(dims|widths|sizes|depths|mults|strides|kernels|channels_list|hidden_layers|layer_dims)$"
"""Plural words: several whole numbers."""

ACTIVATION, NORM = r"^act$|^act_|_act$|activation|nonlin|non_lin", r"norm"
CLASSES = r"layer$|cls$|class$|klass$|type$|factory$|_fn$"
MODULES = (
    r"^(fn|func|net|network|module|model|block|backbone|encoder|decoder|transformer|attn|attention|mlp|ff|layer"
    r"|inner|base_?model|core|head|proj|projection|to_\w+)$"
    r"|_(net|network|module|model|encoder|decoder|fn|block)$"
)
CONFIG = (
    r"^(model_?)?(cfg|config|conf|configuration|args|arguments|hparams|hps|options|opts|opt|params|settings)$"
)
CONFIG_CLASS = r"(config|configuration|args|arguments|hparams|hyperparameters|options|params|cfg|settings)$"

ONE_OF = r"^(layer|block)(_idx|_index|_id)?$"
"""A number that says which of several blocks: the first one is there in every stack."""

DEPTH = r"^(depth|(num|n)_(layers|blocks))$|_depth$"
"""How many equal blocks a module stacks."""

INPUT = r"^(in|input)_(dim|channels|features|size)$"
"""The width of what a module takes."""

AXIS = r"^(dim|axis)$"
"""A number that says which axis: the last one is there in every tensor."""

OUTSIDE = r"path|file|folder|directory|url|tokenizer|dataset|logger|callback|checkpoint|writer|loader|env$"
"""What no constructor can be given without what lies outside the code."""

TEXTS = {
    "gelu": ACTIVATION,
    "layer": NORM,
    "same": r"padding",
    "mean": r"reduc|pool|aggregat",
    "cpu": r"device",
    "nearest": r"interp|upsample|mode",
}
"""Texts by what their parameter is called."""


def says(pattern: str, name: str) -> bool:
    """Whether a parameter's name fits a pattern."""
    return re.search(pattern, name.lower()) is not None


def role_of(name: str) -> str | None:
    """Which kind of whole number a parameter takes by its name, one of `ROLES`; None if it does not say."""
    for role, pattern in ROLES.items():
        if says(pattern, name) and not says(_EXCEPT.get(role, r"(?!)"), name):
            return role
    return "width" if says(WIDTHS, name) else None


def counts_entries(name: str) -> bool:
    """Whether a parameter is the length of an axis by its name, such as a number of heads."""
    return role_of(name) == "count" and says(COUNTED, name)


def float_for(name: str) -> float:
    """A real number for a parameter of this name."""
    return next((value for value, pattern in FLOATS.items() if says(pattern, name)), 0.5)


def text_for(name: str) -> str:
    """A text for a parameter of this name; the name itself where it does not say."""
    return next((text for text, pattern in TEXTS.items() if says(pattern, name)), name)


def callables_for(name: str) -> Iterator[Callable[..., Any]]:
    """Functions and classes of modules that a parameter of this name may take."""
    if says(ACTIVATION, name):
        made: list[Callable[..., Any]] = [nn.GELU(), nn.GELU]
    elif says(NORM, name):
        made = [nn.LayerNorm, nn.Identity()]
    else:
        made = [nn.Identity(), nn.Identity]
    yield from reversed(made) if says(CLASSES, name) and not says(NORM, name) else made


def is_a_size(name: str) -> bool:
    """Whether a parameter is the length of something by its name, whatever else the name holds."""
    return role_of(name) in ("width", "head width", "vocabulary", "length", "image") and not says(FLAG, name)


def guesses_by_name(name: str) -> Iterator[Any]:
    """Values by a parameter's name alone that are no whole numbers, the likeliest first."""
    if says(FLAG, name):
        yield from (True, False) if says(TRUE, name) else (False, True)
    if any(says(pattern, name) for pattern in FLOATS.values()):
        value = float_for(name)
        yield from (int(value), value) if value == 2.0 else (value,)
    if says(rf"{ACTIVATION}|{NORM}|{MODULES}", name):
        yield from callables_for(name)
    if role_of(name) is None and says(REALS, name):
        yield 0.5
    if says(rf"dtype|{'|'.join(TEXTS.values())}|kind|type", name):
        yield torch.float32 if says("dtype", name) else text_for(name)


def is_known(name: str) -> bool:
    """Whether a parameter's name alone says what it takes."""
    return role_of(name) is not None or any(True for _ in guesses_by_name(name))
