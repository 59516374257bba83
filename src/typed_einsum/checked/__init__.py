"""Checked functions: `shape_checked` for a signature, `shaped` for a local value."""

from typed_einsum.checked.decorator import shape_checked
from typed_einsum.checked.local import shaped

__all__ = ["shape_checked", "shaped"]
