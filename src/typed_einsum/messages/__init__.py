"""From conflicts to messages: which axis, both sizes, who set each, where, and one repair."""

from typed_einsum.diagnostics import with_article
from typed_einsum.messages.facts import (
    AXIS_SIZES,
    MASK,
    Held,
    code_for,
    dtype_summary,
    facts,
    given_label,
    is_given,
    kind_of,
    title,
    verb,
)
from typed_einsum.messages.shapes import Locate, shape_error
from typed_einsum.messages.types import dtype_repair, type_repair

__all__ = [
    "AXIS_SIZES",
    "MASK",
    "Held",
    "Locate",
    "code_for",
    "dtype_repair",
    "dtype_summary",
    "facts",
    "given_label",
    "is_given",
    "kind_of",
    "shape_error",
    "title",
    "type_repair",
    "verb",
    "with_article",
]
