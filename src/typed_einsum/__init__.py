"""Typed einsum for PyTorch: the shape annotation is the program, the check, the test and the documentation."""

from typed_einsum import errors
from typed_einsum.inline import einsum
from typed_einsum.switch import checks_off
from typed_einsum.typed import typed_einsum

__all__ = ["checks_off", "einsum", "errors", "typed_einsum"]
__version__ = "0.1.0"
