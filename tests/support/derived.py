"""Random equations for derivations, and the tensors, results and gradients that torch gives for them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from string import ascii_letters
from typing import Any

import torch
from hypothesis import assume
from hypothesis import strategies as st
from torch import Tensor

from typed_einsum import einsum

CLASSIC = tuple("bqdXY")
NAMED = ("b", "query", "d_model", "in", "total", "A")
MOST_NUMBERS = 800

Place = tuple[str, int]
"""A single axis: its name in the equation and which of the axes under that name it is."""


@dataclass(frozen=True)
class Case:
    """An equation as text with its options, and what it means: rows of single axes, and their sizes."""

    text: str
    sum: str | None
    max: str | None
    rows: tuple[tuple[Place, ...], ...]
    output: tuple[Place, ...]
    maximised: tuple[Place, ...]
    sizes: Mapping[Place, int]
    given: Mapping[str, int | tuple[int, ...]]

    @property
    def options(self) -> dict[str, Any]:
        return {"sum": self.sum, "max": self.max}

    def shape(self, row: Sequence[Place]) -> tuple[int, ...]:
        return tuple(self.sizes[place] for place in row)

    def tensors(self) -> list[Tensor]:
        """Small whole numbers in float64: every sum is exact, and maxima are often tied."""
        generator = torch.Generator().manual_seed(len(self.text))
        shapes = [self.shape(row) for row in self.rows]
        return [torch.randint(-3, 4, shape, generator=generator).double() for shape in shapes]

    def inner(self, tensors: Sequence[Tensor]) -> Tensor:
        """What torch gives before the maximum, its axes last."""
        letters: dict[Place, str] = {}
        for row in self.rows:
            for place in row:
                letters.setdefault(place, ascii_letters[len(letters)])
        spelled = ["".join(letters[place] for place in row) for row in (*self.rows, self.inner_axes)]
        return torch.einsum(f"{','.join(spelled[:-1])}->{spelled[-1]}", *tensors)

    @property
    def inner_axes(self) -> tuple[Place, ...]:
        return (*self.output, *self.maximised)

    def result(self, tensors: Sequence[Tensor]) -> Tensor:
        """What torch gives."""
        inner = self.inner(tensors)
        return inner.amax(tuple(range(-len(self.maximised), 0))) if self.maximised else inner

    def gradients(self, tensors: Sequence[Tensor], cotangent: Tensor) -> tuple[Tensor, ...]:
        """What autograd gives for each operand when the contraction itself runs."""
        leaves = [tensor.clone().requires_grad_() for tensor in tensors]
        return torch.autograd.grad(einsum(self.text, *leaves, **self.options), leaves, cotangent)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Equations of one to four operands with all that the language has, each axis with a size of its own."""
    named = draw(st.booleans())
    pool = draw(st.lists(st.sampled_from(NAMED if named else CLASSIC), min_size=1, max_size=4, unique=True))
    variadic = draw(st.sampled_from([None, None, "...", "*rest" if named else "..."]))
    rank = draw(st.integers(0, 2)) if variadic else 0
    numbers = draw(st.permutations([2, 3, 4, 5, 6, 7]))
    places: dict[str, tuple[Place, ...]] = {name: ((name, 0),) for name in pool}
    if variadic:
        places[variadic] = tuple((variadic, i) for i in range(rank))
    sizes = dict(zip((place for found in places.values() for place in found), numbers, strict=False))
    marks = draw(st.sampled_from(["", "", "", "#", "="])) if named else ""
    rows: list[list[str]] = []
    for _ in range(draw(st.sampled_from([1, 2, 2, 2, 3, 4]))):
        least = draw(st.sampled_from([2, 1, 3, 2, 0]))
        names = draw(st.lists(st.sampled_from(pool), min_size=least, max_size=4))
        if variadic and draw(st.booleans()):
            names.insert(draw(st.integers(0, len(names))), variadic)
        rows.append(names)
    held = Counter(name for row in rows for name in set(row))
    output = [name for name in draw(st.permutations(sorted(held))) if draw(st.booleans())]
    gone = [name for name in sorted(held) if name not in output]
    maximised = [name for name in gone if draw(st.integers(0, 4)) == 0]
    lone = [
        name
        for name in gone
        if name not in maximised and (name == variadic or (held[name] == 1 and len(rows) > 1))
    ]
    between = " " if named else ""

    def written(name: str, row: Sequence[str]) -> str:
        if marks == "=" and name in pool:
            return f"{name}={sizes[name, 0]}"
        return f"#{name}" if marks == "#" and name in pool and row.count(name) == 1 else name

    inputs = [between.join(written(name, row) for name in row) for row in rows]
    # A named equation shows itself by a space between two axes, or by a sign that only names have.
    assume(not named or any(" " in text or set(text) & set("*#=_") for text in inputs))

    def spread(names: Sequence[str]) -> tuple[Place, ...]:
        return tuple(place for name in names for place in places[name])

    used = {place for row in rows for place in spread(row)}
    assume(math.prod(sizes[place] for place in used) <= MOST_NUMBERS)
    given: dict[str, int | tuple[int, ...]] = {name: sizes[name, 0] for name in pool if name in held}
    if variadic is not None and variadic in held:
        given[variadic] = tuple(sizes[place] for place in places[variadic])
    return Case(
        f"{', '.join(inputs)} -> {between.join(output)}",
        between.join(lone) or None,
        between.join(maximised) or None,
        tuple(spread(row) for row in rows),
        spread(output),
        spread(maximised),
        {place: sizes[place] for place in used},
        given,
    )


def indexed(tensor: Tensor) -> dict[Any, Any]:
    """The entries of a tensor as a dict that is indexed in the same way: by a number where it has one axis.

    >>> indexed(torch.tensor([[5.0, 7.0]]))
    {(0, 0): 5.0, (0, 1): 7.0}
    >>> indexed(torch.tensor([5.0, 7.0]))
    {0: 5.0, 1: 7.0}
    >>> indexed(torch.tensor(3.0))
    {(): 3.0}
    """
    entries = {at: tensor[at].item() for at in product(*map(range, tensor.shape))}
    return {at[0]: value for at, value in entries.items()} if tensor.dim() == 1 else entries
