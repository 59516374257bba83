"""Contractions: `einsum` for an equation as text, `typed_einsum` for a signature."""

from typed_einsum.contraction.inline import einsum
from typed_einsum.contraction.typed import typed_einsum

__all__ = ["einsum", "typed_einsum"]
