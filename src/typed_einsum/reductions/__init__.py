"""Reductions that name their axis: `softmax`, `mean` and `normalize`."""

from typed_einsum.reductions.named import mean, normalize, softmax

__all__ = ["mean", "normalize", "softmax"]
