"""Annotations as data, and how they are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from typed_einsum.testing.names.hints import BY_SHORT, class_name

WIDER = {
    "Integer": {"Int", "UInt"},
    "Inexact": {"Float", "Complex"},
    "Real": {"Float", "Int", "UInt"},
    "Num": {"Float", "Complex", "Int", "UInt"},
}
"""The classes of dtypes of jaxtyping that hold several others, the narrowest first."""


@dataclass(frozen=True)
class Shaped:
    """A tensor: a class of dtypes, and the text of its axes."""

    kind: str
    axes: tuple[str, ...]


@dataclass(frozen=True)
class Plain:
    """A type that holds no tensors, by its name."""

    name: str


@dataclass(frozen=True)
class Tupled:
    """A tuple with these items, or one of any length where `is_open`."""

    items: tuple[Hint, ...]
    is_open: bool = False


@dataclass(frozen=True)
class Listed:
    """A list whose items are alike."""

    item: Hint


@dataclass(frozen=True)
class Maybe:
    """What may be None."""

    hint: Hint


Hint = Shaped | Plain | Tupled | Listed | Maybe


def kind_of(dtypes: Iterable[str]) -> str:
    """The narrowest class that holds all dtypes, given by their short names: `Float` for f32 and bf16."""
    kinds = {class_name(BY_SHORT.get(dtype)) for dtype in dtypes}
    if len(kinds) == 1:
        return kinds.pop()
    return next((name for name, held in WIDER.items() if kinds <= held), "Shaped")


def shapes_of(hint: Hint | None) -> Iterator[Shaped]:
    """The tensors in an annotation."""
    match hint:
        case Shaped():
            yield hint
        case Tupled(items):
            for item in items:
                yield from shapes_of(item)
        case Listed(inner) | Maybe(inner):
            yield from shapes_of(inner)


@dataclass(frozen=True)
class Style:
    """How a file spells what annotations need: `Float` or `jaxtyping.Float`, `X | None` or `Optional[X]`."""

    tensor: str = "Tensor"
    prefix: str = ""
    optional: str = ""

    def text(self, hint: Hint) -> str:
        """An annotation as the file writes it."""
        match hint:
            case Shaped(kind, axes):
                return f'{self.prefix}{kind}[{self.tensor}, "{" ".join(axes)}"]'
            case Plain(name):
                return name
            case Tupled(items, is_open):
                inside = ", ".join(map(self.text, items))
                return f"tuple[{inside}, ...]" if is_open else f"tuple[{inside}]"
            case Listed(item):
                return f"list[{self.text(item)}]"
            case Maybe(inner):
                text = self.text(inner)
                return f"{self.optional}[{text}]" if self.optional else f"{text} | None"
