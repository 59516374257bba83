"""What all functions of `typed_einsum.attention` have in common, with arguments made from their annotations.

No test names a function, so a new one is tested as soon as it exists. That the numbers are right is tested
elsewhere, against references.
"""

from __future__ import annotations

import re
import typing
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from typed_einsum import attention, errors, shape_checked
from typed_einsum.testing import check_contract, example_inputs

Function = Callable[..., Tensor]


def annotated_axes(function: Callable[..., Any]) -> dict[str, str]:
    """The axes of each argument that is annotated as a tensor."""
    hints = typing.get_type_hints(function)
    return {
        name: hint.dim_str for name, hint in hints.items() if name != "return" and hasattr(hint, "dim_str")
    }


def gives_a_tensor(function: Callable[..., Any]) -> bool:
    """Whether the result is one tensor, as these tests ask; `top_documents` gives numbers beside it."""
    return hasattr(typing.get_type_hints(function).get("return"), "dim_str")


PUBLIC: dict[str, Function] = {
    name: value
    for name, value in ((name, getattr(attention, name)) for name in attention.__all__)
    if callable(value) and annotated_axes(value) and gives_a_tensor(value)
}
EVERY: dict[str, Function] = {**attention.equations(), **PUBLIC}

by_name = pytest.mark.parametrize("name", PUBLIC)
by_any_name = pytest.mark.parametrize("name", EVERY)


SIZES = {"chunked_scan": {"t": 12, "chunk": 3}}
"""Sizes of functions that refuse numbers which do not go together."""


def arguments(function: Function, dtype: torch.dtype = torch.float64) -> dict[str, Any]:
    return example_inputs(function, SIZES.get(function.__name__), dtype=dtype)


def grown(arguments: dict[str, Any], name: str, axis: int) -> dict[str, Any]:
    """The same arguments, but one of them has one entry more along an axis."""
    value = arguments[name]
    return {**arguments, name: torch.cat([value, value.narrow(axis, 0, 1)], axis)}


def accepted(function: Function) -> list[str]:
    """The axes that two arguments share, in which one may be larger without a message that names the axis."""
    axes = {each: text.split() for each, text in annotated_axes(function).items()}
    given = arguments(function)
    counts = Counter(axis for words in axes.values() for axis in words if axis.isidentifier())
    found = []
    for each, words in axes.items():
        if each not in given or any(word.startswith("*") for word in words):
            continue  # an optional mask, or an axis whose place depends on how many there are before it
        for position, axis in enumerate(words):
            if counts[axis] > 1:
                try:
                    function(**grown(given, each, position))
                except errors.ShapeError as error:
                    first = str(error).partition("\n")[0]
                    # As the axis itself, or as a name in the size of another, such as `q+k-1`.
                    if not re.search(rf"`[^`]*\b{axis}\b[^`]*`", first):
                        found.append(f"{each}: {axis} is not in {first}")
                except Exception as error:
                    found.append(f"{each}: {axis} raises {type(error).__name__}")
                else:
                    found.append(f"{each}: {axis} is not noticed")
    return found


def test_there_is_something_to_test() -> None:
    assert len(PUBLIC) >= 25
    assert len(EVERY) >= 70


@by_name
@pytest.mark.one_in(7)
def test_it_compiles_into_one_graph(name: str) -> None:
    torch.compiler.reset()
    given = arguments(PUBLIC[name])
    compiled = torch.compile(PUBLIC[name], fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(**given), PUBLIC[name](**given), rtol=1e-12, atol=1e-12)


@by_name
@pytest.mark.one_in(7)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    given = arguments(PUBLIC[name])
    floating = [each for each, value in given.items() if torch.is_tensor(value) and value.is_floating_point()]

    def of_tensors(*tensors: Tensor) -> Tensor:
        return PUBLIC[name](**{**given, **dict(zip(floating, tensors, strict=True))})

    tensors = [given[each].requires_grad_() for each in floating]
    assert torch.autograd.gradcheck(of_tensors, tensors, fast_mode=True)


@by_name
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_lower_precision_stays_and_is_near(name: str, dtype: torch.dtype) -> None:
    given = arguments(PUBLIC[name], dtype)
    exact = {
        each: value.double() if torch.is_tensor(value) and value.is_floating_point() else value
        for each, value in given.items()
    }
    found, wanted = PUBLIC[name](**given), PUBLIC[name](**exact)
    assert found.dtype == dtype
    # bfloat16 keeps 8 bits, and every intermediate result is rounded to it.
    near = 1e-4 if dtype == torch.float32 else 0.1
    torch.testing.assert_close(found.double(), wanted, rtol=near, atol=near)


@by_name
@pytest.mark.one_in(7)
def test_it_maps_over_an_axis_that_it_does_not_know(name: str) -> None:
    given = arguments(PUBLIC[name])
    tensors = [each for each, value in given.items() if torch.is_tensor(value)]
    others = {each: value for each, value in given.items() if each not in tensors}
    stacked = [torch.stack([given[each], given[each].flip(0)]) for each in tensors]

    def of_tensors(*values: Tensor) -> Tensor:
        return PUBLIC[name](**dict(zip(tensors, values, strict=True)), **others)

    wanted = torch.stack([of_tensors(*(value[i] for value in stacked)) for i in range(2)])
    torch.testing.assert_close(torch.vmap(of_tensors)(*stacked), wanted, rtol=1e-12, atol=1e-12)


@by_any_name
@pytest.mark.one_in(7)
def test_every_axis_that_arguments_share_is_held_to_one_size(name: str) -> None:
    assert accepted(EVERY[name]) == []


def test_an_axis_that_is_not_held_to_one_size_is_noticed() -> None:
    def sums(x: Float[Tensor, "b k c"], y: Float[Tensor, "c d"], z: Float[Tensor, "b d"]) -> Tensor:
        if x.size(0) != z.size(0):
            raise ValueError("b")
        return x.sum() + (y.sum(0) * z).sum()

    assert accepted(shape_checked(sums)) == []
    assert accepted(sums) == [
        "x: b raises ValueError",
        "x: c is not noticed",
        "y: c is not noticed",
        "y: d raises RuntimeError",
        "z: b raises ValueError",
        "z: d raises RuntimeError",
    ]


@by_any_name
@pytest.mark.one_in(7)
def test_axes_do_not_mix(name: str) -> None:
    """At sizes that tell axes apart, nothing that the library can see is wrong inside."""
    assert check_contract(EVERY[name]).errors == ()


@by_any_name
def test_every_axis_has_a_meaning(name: str) -> None:
    text = " ".join(annotated_axes(EVERY[name]).values())
    assert set(re.findall(r"[a-z]\w*", text)) <= attention.AXES.keys()


def test_two_meanings_are_never_alike() -> None:
    meanings = list(attention.AXES.values())
    assert len(meanings) == len(set(meanings))
    assert not [meaning for meaning in meanings if ";" in meaning]
