"""Writes annotations into the source of a file, whose formatting and comments stay as they are."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from typed_einsum.testing.annotate.hints import shapes_of
from typed_einsum.testing.annotate.planning import Planned

MISSING = (
    '`typed-einsum annotate` writes with libcst, which is not installed: pip install "typed-einsum[annotate]"'
)


class CannotWrite(Exception):
    """Annotations cannot be written; the text says why."""


def needs_libcst() -> None:
    """Raise `CannotWrite` where libcst is not installed."""
    try:
        importlib.import_module("libcst")
    except ImportError:
        raise CannotWrite(MISSING) from None


def can_parse(source: str) -> bool:
    """Whether libcst reads a source as Python does. Raises `CannotWrite`."""
    needs_libcst()
    import libcst

    try:
        libcst.parse_module(source)
    except libcst.ParserSyntaxError:
        return False
    return True


def written(source: str, plans: Sequence[Planned], width: int, *, decorator: str = "") -> str:
    """The source of a file with the annotations of its functions.

    `width` is how long a line may be. `decorator` is put above each function that gets some: the full name of
    an object that the file then imports.
    """
    needs_libcst()
    import libcst

    from typed_einsum.testing.annotate.rewriting import Imports, Signatures

    by_place = {(each.function.line, each.function.name): each for each in plans if each.hints}
    if not by_place:
        return source
    module = libcst.parse_module(source)
    imports = Imports.of(module)
    kinds = [
        shape.kind for each in by_place.values() for hint in each.hints.values() for shape in shapes_of(hint)
    ]
    style = imports.style(sorted({*kinds}))
    above = imports.decorator(decorator) if decorator else ""
    texts = {
        place: {name: style.text(hint) for name, hint in each.hints.items()}
        for place, each in by_place.items()
    }
    wrapper = libcst.metadata.MetadataWrapper(module, unsafe_skip_copy=True)
    return imports.added(wrapper.visit(Signatures(texts, above, width, module))).code
