"""Axes of size 1 are dropped before a plan is made, where sizes decide on the plan: nothing else changes."""

from __future__ import annotations

import itertools

import pytest
import torch

from typed_einsum import einsum

EQUATIONS = {
    "g c z x, a z g x -> a g c": None,
    "x i c m, m x i k -> k c i": None,
    "e a c, e g f, g a c f -> c e f": None,
    "d p w, m w, m p p d -> m": None,
    "a b, b c, c d -> a d": None,
    "a b, b c, c -> a": None,
    "a a b, b, c b -> c": "a",
}


@pytest.mark.parametrize("equation", EQUATIONS)
def test_the_result_is_that_of_torch(equation: str) -> None:
    alone = EQUATIONS[equation]
    inputs, _, output = equation.partition("->")
    names = sorted(set(inputs.replace(",", " ").split()))
    letters = equation.replace(" ", "")
    for ones in itertools.chain([()], *(itertools.combinations(names, n) for n in (1, len(names)))):
        sizes = {name: 1 if name in ones else 2 + at for at, name in enumerate(names)}
        tensors = [
            torch.randn([sizes[name] for name in part.split()], dtype=torch.float64, requires_grad=True)
            for part in inputs.split(",")
        ]
        found, expected = einsum(equation, *tensors, sum=alone), torch.einsum(letters, *tensors)
        assert found.shape == tuple(sizes[name] for name in output.split())
        torch.testing.assert_close(found, expected)
        for mine, theirs in zip(
            torch.autograd.grad(found.square().sum(), tensors),
            torch.autograd.grad(expected.square().sum(), tensors),
            strict=True,
        ):
            torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_integers_keep_their_dtype(dtype: torch.dtype) -> None:
    tensors = [torch.randint(0, 9, size, dtype=dtype) for size in ((1, 3, 4), (3, 5, 1), (5, 4, 4, 1))]
    expected = torch.einsum("eac,agf,gccf->cef", *tensors)
    found = einsum("e a c, a g f, g c c f -> c e f", *tensors)
    assert found.dtype == expected.dtype
    assert torch.equal(found, expected)
