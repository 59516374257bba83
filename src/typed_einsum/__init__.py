"""Typed einsum for PyTorch: shape annotations are the program, the check, the test and the docs."""

from typed_einsum import errors
from typed_einsum.checked import shape_checked, shaped
from typed_einsum.contraction import einsum, typed_einsum
from typed_einsum.switch import checks_off

__all__ = ["checks_off", "einsum", "errors", "shape_checked", "shaped", "typed_einsum"]
__version__ = "0.1.0"
