"""The language of equations: what each means is compared with slow loops written from the definition."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st
from jaxtyping import Float, Int, Num
from loops import contract
from signatures import written_einsum
from torch import Tensor
from typed_einsum import einsum, errors, shape_checked, typed_einsum

def examples(number: int) -> settings:
    """So many examples, the same ones on every run."""
    return settings(max_examples=number, derandomize=True, deadline=None)


CLASSIC = tuple("abcdeXY")
NAMED = ("b", "batch", "q", "d_model", "h1", "rgb", "ψ")
MOST_NUMBERS = 600
"""A case has at most this many multiplications, or the loops take too long."""


@dataclass(frozen=True)
class Axis:
    """One axis of one operand, as it is written, and the sizes it has there.

    `labels` names the single axes that it stands for: one, or as many as there are under `...`.
    """

    name: str
    written: str
    labels: tuple[str, ...]
    sizes: tuple[int, ...]

    @property
    def is_variadic(self) -> bool:
        return self.name in ("...", "*rest")


@dataclass(frozen=True)
class Case:
    """An equation with operands that fit it."""

    style: str
    operands: tuple[tuple[Axis, ...], ...]
    output: tuple[str, ...]
    summed: tuple[str, ...]
    maximised: tuple[str, ...]
    spread: dict[str, tuple[str, ...]]
    dtype: torch.dtype

    @property
    def between(self) -> str:
        return " " if self.style == "named" else ""

    def inputs(self) -> list[str]:
        return [self.between.join(axis.written for axis in axes) for axes in self.operands]

    def text(self) -> str:
        return f"{', '.join(self.inputs())} -> {self.between.join(self.output)}"

    def options(self) -> dict[str, str | None]:
        return {
            "sum": self.between.join(self.summed) or None,
            "max": self.between.join(self.maximised) or None,
        }

    def shapes(self) -> list[tuple[int, ...]]:
        return [tuple(size for axis in axes for size in axis.sizes) for axes in self.operands]

    def labels(self, names: Sequence[str]) -> list[str]:
        """The single axes under these names; where all operands may repeat, some names hold fewer."""
        sizes = self.sizes()
        return [label for name in names for label in self.spread.get(name, (name,)) if label in sizes]

    def sizes(self) -> dict[str, int]:
        """The size of each label: the one that is not repeated."""
        sizes: dict[str, int] = {}
        for axes in self.operands:
            for axis in axes:
                for label, size in zip(axis.labels, axis.sizes, strict=True):
                    sizes[label] = size if sizes.get(label, 1) == 1 else sizes[label]
        return sizes

    def tensors(self) -> list[Tensor]:
        """Small whole numbers: every sum is exact, in bfloat16 too."""
        generator = torch.Generator().manual_seed(7)
        high = 2 if self.dtype is torch.bfloat16 else 4
        drawn = [torch.randint(1 - high, high, shape, generator=generator) for shape in self.shapes()]
        if self.dtype.is_complex:
            return [(real + 1j * real.flip(-1) if real.dim() else 1j * real).to(self.dtype) for real in drawn]
        return [values.to(self.dtype) for values in drawn]

    def wanted(self, tensors: Sequence[Tensor]) -> tuple[tuple[int, ...], dict[tuple[int, ...], Any]]:
        """The shape of the result, and its numbers by the definition."""
        sizes = self.sizes()
        output = self.labels(self.output)
        written = [[label for axis in axes for label in axis.labels] for axes in self.operands]
        values = [(tensor.tolist(), labels) for tensor, labels in zip(tensors, written, strict=True)]
        shape = tuple(sizes[label] for label in output)
        return shape, contract(values, output, sizes, self.labels(self.maximised))


@st.composite
def cases(draw: st.DrawFn, broadcast: bool = True, most: int = 4) -> Case:
    """Equations of one to four operands, each with sizes, all that the language has mixed."""
    style = draw(st.sampled_from(["named", "classic"]))
    pool = draw(st.lists(st.sampled_from(NAMED if style == "named" else CLASSIC), max_size=4, unique=True))
    sizes = {name: draw(st.sampled_from([2, 3, 4, 1, 0, 5])) for name in pool}
    variadics = draw(st.sampled_from([(), (), ("...",), ("*rest",), ("...", "*rest")]))
    if style == "classic":
        variadics = tuple(name for name in variadics if name == "...")
    full = {
        name: tuple(draw(st.lists(st.sampled_from([2, 3, 1, 0]), max_size=2))) for name in variadics
    }
    spread = {name: tuple(f"{name}{i - len(shape)}" for i in range(len(shape))) for name, shape in full.items()}
    fixed = draw(st.sets(st.sampled_from(pool))) if style == "named" and pool else set()
    marks = broadcast and style == "named"

    def single(name: str, once: bool) -> Axis:
        repeated = marks and once and draw(st.integers(0, 4)) == 0
        size = 1 if repeated and draw(st.booleans()) else sizes[name]
        label = f"={sizes[name]}" if name in fixed and draw(st.booleans()) else ""
        return Axis(name, f"{'#' if repeated else ''}{name}{label}", (name,), (size,))

    def variadic(name: str) -> Axis:
        shape, labels = full[name], spread[name]
        if name == "*rest" and marks and draw(st.integers(0, 3)) == 0:
            ones = tuple(1 if draw(st.booleans()) else size for size in shape)
            return Axis(name, "*#rest", labels, ones)
        return Axis(name, name, labels, shape)

    operands = []
    for _ in range(draw(st.integers(1, most))):
        names = draw(st.lists(st.sampled_from(pool), max_size=3)) if pool else []
        axes = [single(name, names.count(name) == 1) for name in names]
        if variadics and draw(st.booleans()):
            axes.insert(draw(st.integers(0, len(axes))), variadic(draw(st.sampled_from(variadics))))
        operands.append(tuple(axes))
    held = Counter(name for axes in operands for name in {axis.name for axis in axes})
    output = tuple(name for name in draw(st.permutations(sorted(held))) if draw(st.booleans()))
    vanished = [name for name in sorted(held) if name not in output]
    maximised = tuple(name for name in vanished if draw(st.integers(0, 4)) == 0)
    lone = {name for name in vanished if (held[name] == 1 and len(operands) > 1) or name in spread}
    summed = tuple(
        name for name in vanished if name not in maximised and (name in lone or draw(st.integers(0, 3)) == 0)
    )
    dtypes = [torch.float64, torch.int64, torch.bfloat16] + ([] if maximised else [torch.complex64])
    case = Case(style, tuple(operands), output, summed, maximised, spread, draw(st.sampled_from(dtypes)))
    assume(math.prod(max(size, 1) for size in case.sizes().values()) <= MOST_NUMBERS)
    assume(style == "classic" or reads_as_named(case.inputs()))
    note(f"{case.text()!r} {case.options()} {case.shapes()} {case.dtype}")
    return case


def reads_as_named(inputs: Sequence[str]) -> bool:
    """Whether the text of operands is named: a space between two axes, or a sign that only names have.

    >>> reads_as_named(["b q", "q"]), reads_as_named(["batch", "q"]), reads_as_named(["batch=3"])
    (True, False, True)
    """
    return any(" " in axes.strip() or re.search("[*#=_]", axes) for axes in inputs)


def assert_wanted(result: Tensor, case: Case, tensors: Sequence[Tensor]) -> None:
    """The result has the shape, the dtype and every number that the definition gives."""
    shape, numbers = case.wanted(tensors)
    assert tuple(result.shape) == shape
    assert result.dtype is case.dtype
    found = {index: result[index].item() for index in numbers}
    assert found == numbers


def ways_to_run(case: Case) -> list[Callable[..., Tensor]]:
    """The contraction as `einsum`, as `einsum` inside a checked function, and as a typed einsum."""

    def inline(*operands: Tensor) -> Tensor:
        return einsum(case.text(), *operands, **case.options())

    if {"...", "*rest"} <= set(case.output):
        return [inline, shape_checked(inline)]  # jaxtyping allows one variadic axis in an annotation
    options = {name: text and " ".join(words_of(text, case.style)) for name, text in case.options().items()}
    inputs = [" ".join(axis.written for axis in axes) for axes in case.operands]
    return [inline, shape_checked(inline), written_einsum(inputs, " ".join(case.output), **options)]


def words_of(text: str, style: str) -> list[str]:
    """The axis names in `sum=` or `max=`.

    >>> words_of("...bX", "classic"), words_of("*rest batch", "named")
    (['...', 'b', 'X'], ['*rest', 'batch'])
    """
    return text.split() if style == "named" else re.findall(r"\.\.\.|\w", text)


@examples(300)
@given(case=cases())
def test_a_contraction_is_its_definition(case: Case) -> None:
    tensors = case.tensors()
    sizes = case.sizes()
    empty = any(sizes[label] == 0 for label in case.labels(case.maximised))
    for run in ways_to_run(case):
        if empty:
            with pytest.raises(errors.ShapeError) as caught:
                run(*tensors)
            assert caught.value.code == "TE207"
        else:
            assert_wanted(run(*tensors), case, tensors)
