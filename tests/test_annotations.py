"""A text of axes means here what it means to jaxtyping, and what jaxtyping refuses is refused here."""

from __future__ import annotations

import functools
import warnings
from collections import Counter
from random import Random
from typing import Any

import jaxtyping
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import AbstractArray, AbstractDtype, Float, Num, Shaped, _array_types
from support.written_values import Half
from torch import Tensor

from typed_einsum.annotations import NotDescribed, hint_of_text, read_tensor_hint
from typed_einsum.equation.axes import (
    Anonymous,
    Axis,
    AxisSyntaxError,
    Expression,
    Fixed,
    Named,
    Variadic,
    read_axes,
)
from typed_einsum.equation.expressions import NotArithmetic
from typed_einsum.tensors import DTYPES

Meaning = tuple[Any, ...]

PIECES = [
    "#",
    "*",
    "_",
    "?",
    "a",
    "bc",
    "é",
    "if",
    "3",
    "0",
    "=",
    "...",
    ".",
    "+",
    "-",
    "//",
    "(",
    ")",
    ",",
    "{n}",
]
SPACES = [" ", "  ", "\t", "\n", "\u00a0", "\u2003"]


def meant_by_jaxtyping(annotation: type[AbstractArray]) -> list[Meaning]:
    """The axes as jaxtyping has read them, each as its kind and its properties."""
    return [_meaning(dim) for dim in annotation.dims]


def _meaning(dim: Any) -> Meaning:
    match type(dim).__name__:
        case "_NamedDim":
            return ("named", dim.name, dim.broadcastable)
        case "_NamedVariadicDim":
            return ("variadic", dim.name, dim.broadcastable)
        case "_FixedDim":
            return ("fixed", dim.size, dim.broadcastable)
        case "_SymbolicDim":
            return ("computed", dim.elem, dim.broadcastable)
        case kind:
            # Up to jaxtyping 0.3.9 these were two bare objects.
            variadic = dim is getattr(_array_types, "_anonymous_variadic_dim", None) or "Variadic" in kind
            return ("any number",) if variadic else ("any",)


def meant_here(axes: tuple[Axis, ...]) -> list[Meaning]:
    """The same for axes that we have read."""
    return [_ours(axis) for axis in axes]


def _ours(axis: Axis) -> Meaning:
    match axis:
        case Named(name, broadcast):
            return ("named", name, broadcast)
        case Variadic(name, broadcast):
            return ("any number",) if name == "..." else ("variadic", name, broadcast)
        case Fixed(size, _, broadcast):
            return ("fixed", size, broadcast)
        case Anonymous(variadic):
            return ("any number",) if variadic else ("any",)
        case Expression(text, broadcast):
            try:
                return ("fixed", int(text), broadcast)  # `-1` or `1_0`: the same size, computed
            except ValueError:
                return ("computed", text, broadcast)


def compare(text: str) -> str:
    """Assert that a text means the same on both sides, or nothing on either; returns which."""
    try:
        annotation = Float[Tensor, text]
    except ValueError:
        with pytest.raises((AxisSyntaxError, NotArithmetic)):
            hint_of_text(text)
        return "refused"
    return compare_axes(annotation, text)


def compare_axes(annotation: type[AbstractArray], text: str) -> str:
    """The same for an annotation: what has no description here is left to jaxtyping."""
    wanted = meant_by_jaxtyping(annotation)
    try:
        assert meant_here(read_axes(text)) == wanted
        hint = read_tensor_hint(annotation)
    except AxisSyntaxError:  # `?` belongs to trees; `#` and `a=` name an axis nothing
        assert "?" in text or any(meaning[1:2] == ("",) for meaning in wanted)
    except NotDescribed:
        assert any(isinstance(axis, Expression) for axis in read_axes(text))
    else:
        assert meant_here(hint.axes) == wanted
        return "read"
    with pytest.raises(NotDescribed):
        read_tensor_hint(annotation)
    return "left to jaxtyping"


words = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join)
texts = st.lists(st.one_of(words, st.sampled_from(SPACES)), max_size=5).map("".join)


@settings(max_examples=1500, derandomize=True)
@given(texts)
def test_every_text_means_what_it_means_to_jaxtyping(text: str) -> None:
    assert compare(text)


@settings(max_examples=300, derandomize=True)
@given(texts, texts)
def test_axes_before_an_annotation(outer: str, inner: str) -> None:
    try:
        annotation = Float[Float[Tensor, inner], outer]
    except ValueError:
        return
    assert compare_axes(annotation, f"{outer.strip()} {inner.strip()}")


def test_every_outcome_comes_up_often() -> None:
    chance = Random(0)

    def word() -> str:
        return "".join(chance.choices(PIECES, k=chance.randrange(1, 4)))

    counts = Counter(compare(" ".join(word() for _ in range(chance.randrange(4)))) for _ in range(1500))
    assert counts["read"] >= 300
    assert counts["refused"] >= 300
    assert counts["left to jaxtyping"] >= 200


def test_another_reading_is_noticed() -> None:
    for other in ["a b", "#a", "*a", "_", "...", "3", "a+b", "c"]:
        assert meant_here(read_axes("a")) != meant_by_jaxtyping(Float[Tensor, other])


def kinds() -> list[Any]:
    """Every dtype class of jaxtyping, some of them one inside another, and one that a user has made."""
    made = [
        kind
        for kind in vars(jaxtyping).values()
        if isinstance(kind, type) and issubclass(kind, AbstractDtype)
    ]
    whole = [kind[Tensor, "..."] for kind in made if kind is not AbstractDtype]
    nested = [Shaped[Float[Tensor, "..."], ""], Float[Num[Tensor, "..."], ""], Num[Shaped[Tensor, "..."], ""]]
    return [*whole, *nested, Half[Tensor, "..."]]


@pytest.mark.parametrize("annotation", kinds(), ids=str)
def test_a_dtype_class_allows_what_it_allows_in_jaxtyping(annotation: Any) -> None:
    allowed = read_tensor_hint(annotation).dtypes
    for dtype, tensor in tensors():
        assert isinstance(tensor, annotation) == (allowed is None or dtype in allowed), dtype


@functools.cache
def tensors() -> list[tuple[torch.dtype, Tensor]]:
    """A scalar of each dtype."""
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # some dtypes are experimental
        return [(dtype, torch.empty((), dtype=dtype, device="meta")) for dtype in DTYPES.values()]
