"""Integers: one result dtype for an equation, that of torch.einsum, whatever the sizes and the plan."""

from __future__ import annotations

import random
from itertools import combinations_with_replacement, product
from typing import Any

import pytest
import torch
from jaxtyping import Int, Int32, Int64, Shaped
from support.reference_nn import refused
from support.signatures import defined
from torch import Tensor

from typed_einsum import einsum, shape_checked, typed_einsum

NARROW = [torch.uint8, torch.int8, torch.int16, torch.int32]
WIDE = torch.int64
SIZES = [
    {"a": 2, "b": 3, "c": 5},
    {"a": 5, "b": 2, "c": 3},
    {"a": 40, "b": 3, "c": 2},
    {"a": 3, "b": 2, "c": 40},
]
"""Each makes other pairs of three operands the cheapest."""

ROWS = ["", "a", "b", "ab", "ba", "bc", "abc", "aa"]
EQUATIONS = [
    (rows, "".join(output))
    for number in (1, 2, 3)
    for rows in combinations_with_replacement(ROWS, number)
    for output in {"", *sorted(set("".join(rows)))[:1], "".join(sorted(set("".join(rows))))[1:]}
]


def summed_alone(rows: tuple[str, ...], output: str) -> str:
    """The axes that one operand has and the output lacks."""
    letters = sorted(set("".join(rows)) - set(output))
    return "".join(letter for letter in letters if sum(letter in row for row in rows) == 1)


def drawn(shape: list[int], dtype: torch.dtype) -> Tensor:
    return torch.randint(0, 100, shape, dtype=WIDE).to(dtype)


def by_torch(text: str, operands: list[Tensor]) -> Tensor | None:
    """What torch.einsum gives; None where it refuses, as it mixes two dtypes itself."""
    try:
        return torch.einsum(text, *operands)
    except RuntimeError:
        return None


@pytest.mark.parametrize("dtype", [*NARROW, WIDE], ids=str)
def test_the_dtype_is_that_of_torch_einsum(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    compared = 0
    for rows, output in random.Random(0).sample(EQUATIONS, 150):
        text = f"{','.join(rows)}->{output}"
        alone = summed_alone(rows, output)
        found = set()
        for sizes in SIZES:
            operands = [drawn([sizes[letter] for letter in row], dtype) for row in rows]
            result = einsum(text, *operands, sum=alone if len(rows) > 1 else None)
            found.add(result.dtype)
            exact = torch.einsum(text, *(operand.to(WIDE) for operand in operands))
            torch.testing.assert_close(result, exact.to(result.dtype), rtol=0, atol=0)
            wanted = by_torch(text, operands)
            if wanted is not None:
                assert result.dtype == wanted.dtype, text
                compared += 1
        assert found == {WIDE if alone else dtype}, text
    assert compared > 400


def test_products_do_not_overflow_before_a_sum_widens_them() -> None:
    def nine(*shape: int) -> Tensor:
        return torch.full(shape, 9, dtype=torch.uint8)

    for b, c in product((3, 30, 300), (4, 40)):
        result = einsum("a, c, a b -> a", nine(2), nine(c), nine(2, b), sum="b c")
        assert result.dtype == WIDE
        assert result.tolist() == [9 * 9 * 9 * b * c] * 2


def test_products_without_such_a_sum_wrap_as_in_torch() -> None:
    left, right = torch.full((2, 3), 20, dtype=torch.uint8), torch.full((3, 4), 20, dtype=torch.uint8)
    found = einsum("a b, b c -> a c", left, right)
    torch.testing.assert_close(found, left @ right)
    assert found.dtype == torch.uint8


def test_an_axis_of_size_one_widens_as_well() -> None:
    x = torch.ones(2, 1, dtype=torch.int32)
    assert einsum("a b, a -> a", x, x[:, 0], sum="b").dtype == WIDE
    assert torch.einsum("ab,a->a", x, x[:, 0]).dtype == torch.int32  # torch's own depends on the size


@pytest.mark.parametrize(("equation", "options"), [("#b c -> c", {}), ("... c -> c", {"sum": "..."})])
def test_broadcast_and_any_number_of_axes(equation: str, options: dict[str, Any]) -> None:
    result = einsum(equation, torch.full((3, 5), 100, dtype=torch.int8), **options)
    assert result.dtype == WIDE
    assert result.tolist() == [300] * 5


def test_a_bool_is_counted() -> None:
    x = torch.tensor([[True, True, False], [True, False, False]])
    assert einsum("a b -> a", x).tolist() == torch.einsum("ab->a", x).tolist() == [2, 1]


@pytest.mark.parametrize("dtype", NARROW, ids=str)
def test_the_same_in_a_compiled_function(dtype: torch.dtype) -> None:
    torch._dynamo.reset()
    compiled = torch.compile(
        lambda x, y: einsum("a b, a -> a", x, y, sum="b"), backend="eager", fullgraph=True
    )
    x, y = torch.full((2, 3), 100).to(dtype), torch.full((2,), 3).to(dtype)
    assert compiled(x, y).dtype == WIDE
    assert compiled(x, y).tolist() == [int(x[0].long().sum()) * 3] * 2


def test_the_same_inside_a_checked_function() -> None:
    @shape_checked
    def weighted(x: Int32[Tensor, "a b"], y: Int32[Tensor, "a"]) -> Int64[Tensor, "a"]:
        return einsum("a b, a -> a", x, y, sum="b")

    x = torch.full((2, 3), 2**30, dtype=torch.int32)
    assert weighted(x, torch.full((2,), 2, dtype=torch.int32)).tolist() == [3 * 2**31] * 2


def test_a_typed_einsum_of_integers() -> None:
    @typed_einsum
    def rows(x: Int32[Tensor, "a b"]) -> Int64[Tensor, "a"]: ...

    @typed_einsum
    def product_of(x: Int32[Tensor, "a b"], y: Int32[Tensor, "b"]) -> Int32[Tensor, "a"]: ...

    @typed_einsum(sum="b")
    def any_integers(x: Int[Tensor, "a b"], y: Int[Tensor, "a"]) -> Int[Tensor, "a"]: ...

    @typed_einsum
    def any_kind(x: Shaped[Tensor, "a b"]) -> Shaped[Tensor, "a"]: ...

    x = torch.full((2, 3), 2**30, dtype=torch.int32)
    assert rows(x).tolist() == [3 * 2**30] * 2
    assert product_of(x, x[0]).dtype == torch.int32
    assert any_integers(x, x[:, 0]).dtype == WIDE
    assert any_kind(x).dtype == WIDE


@pytest.mark.parametrize("name", ["Int32", "Int16", "UInt8", "Bool"])
def test_a_result_that_never_comes_is_refused_at_the_definition(name: str) -> None:
    rows = f'def rows(x: {name}[Tensor, "a b"]) -> {name}[Tensor, "a"]: ...'
    weighted = f'def rows(x: {name}[Tensor, "a b"], y: {name}[Tensor, "a"]) -> {name}[Tensor, "a"]: ...'
    for decorator, source in ((typed_einsum, rows), (typed_einsum(sum="b"), weighted)):
        text = refused("TE305", decorator, defined(source)["rows"])
        assert f"the result is annotated `{name}`, which these operands cannot give" in text
        assert "help: torch sums integers in int64: annotate the result `Int64` or `Int`\n" in text
