"""Attention einsums: one function for each published equation, and functions composed of them.

Each module has one family. `equations()` returns all typed einsums, `AXES` the meaning of each axis name.
"""

from importlib import import_module
from types import MappingProxyType

from torch import Tensor

from typed_einsum.attention.alignment import bahdanau, biaffine, bilinear, luong
from typed_einsum.attention.buckets import bucket_bias, distance_buckets, offsets
from typed_einsum.attention.dot_product import fused_dot_product, multi_head, scaled_dot_product
from typed_einsum.attention.experts import mixture_of_experts
from typed_einsum.attention.grouped import grouped_query, multi_query
from typed_einsum.attention.images import (
    axial,
    gram,
    image_pooling,
    region_text,
    slot_attention,
)
from typed_einsum.attention.kernels import causal_linear, linear, performer, positive_features
from typed_einsum.attention.latent import multi_head_latent
from typed_einsum.attention.low_rank import adapted, tensor_train
from typed_einsum.attention.names import AXES
from typed_einsum.attention.positions import (
    decomposed_position_scores,
    offset_position_scores,
    relative_position,
)
from typed_einsum.attention.retrieval import late_interaction, packed_late_interaction, top_documents
from typed_einsum.attention.state_space import chunked_scan
from typed_einsum.attention.talking import talking_heads
from typed_einsum.contraction.declared import TypedEinsum

__all__ = [
    "AXES",
    "adapted",
    "axial",
    "bahdanau",
    "biaffine",
    "bilinear",
    "bucket_bias",
    "causal_linear",
    "chunked_scan",
    "decomposed_position_scores",
    "distance_buckets",
    "equations",
    "fused_dot_product",
    "gram",
    "grouped_query",
    "image_pooling",
    "late_interaction",
    "linear",
    "luong",
    "mixture_of_experts",
    "multi_head",
    "multi_head_latent",
    "multi_query",
    "offset_position_scores",
    "offsets",
    "packed_late_interaction",
    "performer",
    "positive_features",
    "region_text",
    "relative_position",
    "scaled_dot_product",
    "slot_attention",
    "talking_heads",
    "tensor_train",
    "top_documents",
]

FAMILIES = (
    "dot_product",
    "grouped",
    "latent",
    "kernels",
    "positions",
    "buckets",
    "talking",
    "alignment",
    "images",
    "retrieval",
    "state_space",
    "experts",
    "low_rank",
)
"""The modules of the package, in the order in which they are best read."""


def equations() -> MappingProxyType[str, TypedEinsum[..., Tensor]]:
    """All typed einsums of the package, by `family.name`.

    Cost: one pass over the names of the package's modules, which are loaded.

    Examples:
        >>> equations()["dot_product.scores"].equation
        'b m q c, b m k c -> b m q k'
    """
    found: dict[str, TypedEinsum[..., Tensor]] = {}
    for family in FAMILIES:
        module = import_module(f"{__name__}.{family}")
        for name, value in vars(module).items():
            if hasattr(value, "equation") and value.__module__ == module.__name__:
                found[f"{family}.{name}"] = value
    return MappingProxyType(found)
