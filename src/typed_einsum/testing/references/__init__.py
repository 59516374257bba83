"""References: the usual functions as loops over single entries, slow and plain, to compare others with.

A loop cannot broadcast, reshape or transpose by mistake. Pass one as `reference=` or as `like=`:

    check_contract(my_attention, like=references.attention)
"""

from typed_einsum.testing.references.attention import attention, rotary
from typed_einsum.testing.references.boxes import box_iou
from typed_einsum.testing.references.losses import cross_entropy, focal
from typed_einsum.testing.references.norms import group_norm, layer_norm, rms_norm
from typed_einsum.testing.references.patches import im2col, patchify
from typed_einsum.testing.references.steps import gae, ssd

__all__ = [
    "attention",
    "box_iou",
    "cross_entropy",
    "focal",
    "gae",
    "group_norm",
    "im2col",
    "layer_norm",
    "patchify",
    "rms_norm",
    "rotary",
    "ssd",
]
