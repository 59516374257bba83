"""Modules of typed einsums: YOLO-World's text-guided attention, and its family.

Parameters are named as in Ultralytics' code, so that its checkpoints load. Checkpoints of the authors
of YOLO-World load as well: names that differ there are renamed.
"""

from typed_einsum.nn.c2f import C2fAttn
from typed_einsum.nn.contrastive import BNContrastiveHead, ContrastiveHead
from typed_einsum.nn.conv import Bottleneck, Conv
from typed_einsum.nn.image_pooling import ImagePoolingAttn
from typed_einsum.nn.max_sigmoid import MaxSigmoidAttnBlock

__all__ = [
    "BNContrastiveHead",
    "Bottleneck",
    "C2fAttn",
    "ContrastiveHead",
    "Conv",
    "ImagePoolingAttn",
    "MaxSigmoidAttnBlock",
]
