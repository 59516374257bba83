"""Equations of einsum and patterns of einops that a call meets: their letters name axes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from typed_einsum.tensors import is_tensor
from typed_einsum.testing.listing.values import Shape, Size, seen

if TYPE_CHECKING:
    from typed_einsum.testing.listing.source import Source

Where = tuple["Source", int]
"""The function that holds a line, and the line."""

GROUP = re.compile(r"\([^()]*\)|\S+")


@dataclass(frozen=True)
class Equation:
    """Tensors with the axes that an equation gives them: `sides` are pairs of axes and a shape."""

    text: str
    sides: tuple[tuple[str, Shape], ...]
    where: Where
    by: str

    def letters(self) -> Iterator[tuple[str, Size, bool]]:
        """Each letter or word of it that is one axis, with its size, and whether the axis has another, too.

        In `b i d, b j d -> b i j`, what `i` and `j` call by turns has a name of its own elsewhere.
        """
        found = [(axis, size) for axis, size in self._axes() if axis.isidentifier() and axis != "_"]
        names: dict[Size, set[str]] = {}
        for axis, size in found:
            names.setdefault(size, set()).add(axis)
        yield from ((axis, size, len(names[size]) > 1 and not isinstance(size, int)) for axis, size in found)

    def products(self) -> Iterator[tuple[list[str], Size]]:
        """The axes that it writes as products, `(h d)`, each with its size."""
        for axis, size in self._axes():
            names = axis.strip("()").split()
            if (
                axis.startswith("(")
                and len(names) > 1
                and all(n.isidentifier() or n.isdigit() for n in names)
            ):
                yield names, size

    def _axes(self) -> Iterator[tuple[str, Size]]:
        for written, shape in self.sides:
            yield from _placed(written, shape)


def _placed(written: str, shape: Shape) -> Iterator[tuple[str, Size]]:
    """Each axis as it is written, with its size; those of an ellipsis are left out."""
    axes = axes_written(written)
    spread = next((at for at, axis in enumerate(axes) if axis in ("...", "*", "…")), None)
    if spread is None:
        if len(axes) == len(shape.axes):
            yield from zip(axes, shape.axes, strict=True)
        return
    after = len(axes) - spread - 1
    if spread + after <= len(shape.axes):
        yield from zip(axes[:spread], shape.axes[:spread], strict=True)
        yield from zip(axes[spread + 1 :], shape.axes[len(shape.axes) - after :], strict=True)


def axes_written(written: str) -> list[str]:
    """The axes of one tensor: words where they are apart, else letters."""
    written = written.strip()
    if " " in written or "(" in written:
        return GROUP.findall(written)
    if len(written) > 1 and not re.fullmatch(r"[A-Za-z]*(\.\.\.)?[A-Za-z]*", written):
        return [written]
    return re.findall(r"\.\.\.|.", written)


@dataclass(frozen=True)
class Reader:
    """Reads the equation that a function of a library is passed, and the tensors that it is for."""

    read: Callable[[Mapping[str, Any]], tuple[str, Sequence[Any], bool] | None]
    by: str

    def begun(self, frame: FrameType, where: Where | None, into: list[Equation]) -> Any:
        """Keep the equation of a call that begins; its result is kept when it ends."""
        found = None if where is None else self.read(frame.f_locals)
        if found is None or where is None:
            return None
        text, operands, has_result = found
        left, arrow, right = text.partition("->")
        if not arrow and self.by != "einx":
            return None
        shapes = [seen(each) for each in operands]
        written = left.split(",") if "," in left else [left]
        known = [
            (each, shape) for each, shape in zip(written, shapes, strict=False) if isinstance(shape, Shape)
        ]
        into.append(Equation(text, tuple(known), where, self.by))
        return _Result(text, right, where, self.by, into) if arrow and has_result else None


@dataclass(frozen=True)
class _Result:
    """Waits for what a call returns."""

    text: str
    right: str
    where: Where
    by: str
    into: list[Equation]

    def __call__(self, frame: FrameType, event: str, value: Any) -> Any:
        if event == "return" and isinstance(shape := seen(value), Shape):
            self.into.append(Equation(self.text, ((self.right, shape),), self.where, self.by))
        return self


def _torch_einsum(values: Mapping[str, Any]) -> tuple[str, Sequence[Any], bool] | None:
    arguments = values.get("args", ())
    if not arguments or not isinstance(arguments[0], str):
        return None
    operands = arguments[1] if len(arguments) == 2 and not is_tensor(arguments[1]) else arguments[1:]
    return arguments[0], operands, True


def _einops_reduce(values: Mapping[str, Any]) -> tuple[str, Sequence[Any], bool] | None:
    pattern = values.get("pattern")
    return (pattern, [values.get("tensor")], True) if isinstance(pattern, str) else None


def _einops_einsum(values: Mapping[str, Any]) -> tuple[str, Sequence[Any], bool] | None:
    *operands, pattern = values.get("tensors_and_pattern", (None,))
    return (pattern, operands, True) if isinstance(pattern, str) else None


def _einops_layer(values: Mapping[str, Any]) -> tuple[str, Sequence[Any], bool] | None:
    pattern = getattr(values.get("self"), "pattern", None)
    return (pattern, [values.get("input")], True) if isinstance(pattern, str) else None


def _einx(values: Mapping[str, Any]) -> tuple[str, Sequence[Any], bool] | None:
    pattern, *operands = values.get("args", (None,)) or (None,)
    if not isinstance(pattern, str):
        return None
    return pattern.replace("[", "").replace("]", ""), operands, "," not in pattern.partition("->")[2]


def _own_einsum(values: Mapping[str, Any]) -> tuple[str, Sequence[Any], bool] | None:
    equation = values.get("equation")
    return (equation, values.get("operands", ()), True) if isinstance(equation, str) else None


READERS = {
    ("torch", "functional.py", "einsum"): Reader(_torch_einsum, "einsum"),
    ("einops", "einops.py", "reduce"): Reader(_einops_reduce, "einops"),
    ("einops", "einops.py", "einsum"): Reader(_einops_einsum, "einsum"),
    ("layers", "torch.py", "forward"): Reader(_einops_layer, "einops"),
    ("listing", "einx_calls.py", "einx_called"): Reader(_einx, "einx"),
    ("contraction", "inline.py", "einsum"): Reader(_own_einsum, "einsum"),
}
"""By the folder, the file and the name of the function that is called."""


def reader_of(code: CodeType) -> Reader | None:
    """What reads the equation that code is passed; None where it is passed none."""
    if code.co_name not in ("einsum", "reduce", "forward", "einx_called"):
        return None
    path = PurePath(code.co_filename)
    return READERS.get((path.parent.name, path.name, code.co_name))
