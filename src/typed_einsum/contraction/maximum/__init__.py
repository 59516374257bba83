"""The maximum of many dot products without the tensor of all of them: in tiles, or in one GPU kernel."""

from typed_einsum.contraction.maximum.products import best_products

__all__ = ["best_products"]
