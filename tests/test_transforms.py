"""torch.compile, torch.export and vmap: no graph break, no needless recompile, checks while tracing."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal

import pytest
import torch
import torch._dynamo.testing
from jaxtyping import Bool, Float
from torch import Tensor, nn

from typed_einsum import einsum, errors, shape_checked, shaped, typed_einsum


@typed_einsum
def scores(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]: ...


@typed_einsum(max="k")
def best(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q"]: ...


@typed_einsum
def any_rank(query: Float[Tensor, "*b q d"], key: Float[Tensor, "*b k d"]) -> Float[Tensor, "*b q k"]: ...


def inline(query: Tensor, key: Tensor) -> Tensor:
    return einsum("batch query dim, batch key dim -> batch query key", query, key)


@shape_checked
def checked(
    query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"], keep: Bool[Tensor, "b k"] | None = None
) -> Float[Tensor, "b q k"]:
    weights = einsum("b q d, b k d -> b q k", query, key)
    return shaped(weights, "b q k").softmax(-1)


class Module(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.axis_sizes = {"d": 4}
        self.weight = nn.Parameter(torch.randn(4, 4))

    @shape_checked
    def forward(self, query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]:
        return scores(query, einsum("b k d, d e -> b k e", key, self.weight))


class Wrapped(nn.Module):
    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *operands: Tensor) -> Tensor:
        return self.function(*operands)


def bare(query: Tensor, key: Tensor) -> Tensor:
    return torch.einsum("bqd,bkd->bqk", query, key)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "typed einsum": scores,
    "maximum": best,
    "any rank": any_rank,
    "inline": inline,
    "shape_checked and shaped": checked,
    "module": Module(),
}
each = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)


def inputs(size: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(size)
    shapes = (size, size + 1, 4), (size, size + 3, 4)
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)  # type: ignore[return-value]


def frames_over_seven_shapes(function: Callable[..., Any]) -> int:
    """How many graphs seven shapes take, every result compared with eager."""
    torch._dynamo.reset()
    counter = torch._dynamo.testing.CompileCounter()
    compiled = torch.compile(function, fullgraph=True, backend=counter)
    for size in range(2, 9):
        torch.testing.assert_close(compiled(*inputs(size)), function(*inputs(size)))
    return counter.frame_count


@each
def test_compile_without_break_or_needless_recompile(function: Callable[..., Any]) -> None:
    assert frames_over_seven_shapes(function) <= frames_over_seven_shapes(bare)


@each
def test_a_wrong_shape_is_our_error_under_compile(function: Callable[..., Any]) -> None:
    torch._dynamo.reset()
    query, key = inputs(3)
    with pytest.raises(errors.ShapeError) as caught:
        torch.compile(function, backend="eager")(query, key[:2])
    assert caught.value.code == ("TE204" if function is any_rank else "TE201")


@each
@pytest.mark.parametrize("strict", [True, False])
def test_export_with_a_dynamic_batch(function: Callable[..., Any], strict: bool) -> None:
    batch = torch.export.Dim("batch", min=2)
    with warnings.catch_warnings():
        # Strict export tells of the scope's stack, which ends as it began.
        warnings.filterwarnings("ignore", message="While compiling, we found certain side effects")
        program = torch.export.export(
            Wrapped(function), inputs(2), dynamic_shapes=(({0: batch}, {0: batch}),), strict=strict
        )
    for size in (2, 5):
        query, key = (x[:, :3] for x in inputs(size))
        query, key = query.contiguous(), torch.cat([key, key[:, :2]], 1)
        torch.testing.assert_close(program.module()(query, key), function(query, key))
    calls = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    assert all(call.startswith(("aten.", "<built-in")) for call in calls)
    assert not any("assert" in call for call in calls)


BY_SIZES = [
    ("b c h w, n c -> b n h w", ((64, 8, 9), (5, 64)), "b*"),
    ("bmchw,bnmc->bmhwn", ((3, 5, 7, 9), (6, 3, 5)), "bb"),
    ("*b c h, n c -> *b n h", ((64, 80), (5, 64)), "b*"),
    ("b i, j i, k j -> b k", ((4,), (5, 4), (6, 5)), "b**"),
    ("*b i, i j, *b j k -> *b k", ((4,), (4, 5), (5, 6)), "b*b"),
    ("b i i, i j, #b j k -> b k", ((5, 5), (5, 4), (4, 6)), "b*b"),
]
"""Equations whose plan depends on sizes or ranks, the sizes of their operands, and which have a batch."""
by_sizes = pytest.mark.parametrize(("text", "shapes", "batched"), BY_SIZES)


def of_batch(size: int, shapes: Sequence[tuple[int, ...]], batched: str) -> list[Tensor]:
    pairs = zip(shapes, batched, strict=True)
    return [torch.randn((size, *shape) if has == "b" else shape) for shape, has in pairs]


@by_sizes
@pytest.mark.parametrize(("strict", "size"), [(True, 24), (False, 23)])
def test_export_keeps_a_batch_dynamic_where_sizes_decide(
    text: str, shapes: Sequence[tuple[int, ...]], batched: str, strict: bool, size: int
) -> None:
    def function(*operands: Tensor) -> Tensor:
        return einsum(text, *operands)

    batch = torch.export.Dim("batch", min=2)
    axes = tuple({0: batch} if has == "b" else {} for has in batched)
    operands = tuple(of_batch(size, shapes, batched))
    program = torch.export.export(Wrapped(function), operands, dynamic_shapes=(axes,), strict=strict)
    for other in (2, size + 1, 300):
        operands = tuple(of_batch(other, shapes, batched))
        torch.testing.assert_close(program.module()(*operands), function(*operands), rtol=1e-4, atol=1e-4)


@by_sizes
def test_one_graph_of_dynamic_sizes_where_sizes_decide(
    text: str, shapes: Sequence[tuple[int, ...]], batched: str
) -> None:
    counted = torch._dynamo.testing.CompileCounter()
    compiled = torch.compile(
        lambda *operands: einsum(text, *operands), dynamic=True, fullgraph=True, backend=counted
    )
    for size in (3, 24, 301):
        operands = of_batch(size, shapes, batched)
        torch.testing.assert_close(compiled(*operands), einsum(text, *operands), rtol=1e-4, atol=1e-4)
    assert counted.frame_count == 1


@each
def test_vmap(function: Callable[..., Any]) -> None:
    query, key = (torch.stack([x, 2 * x, x + 1]) for x in inputs(2))
    mapped = torch.func.vmap(function)(query, key)
    one_by_one = [function(q, k) for q, k in zip(query, key, strict=True)]
    torch.testing.assert_close(mapped, torch.stack(one_by_one))


def test_vmap_speaks_of_the_axes_inside() -> None:
    query, key = torch.randn(6, 2, 3, 4), torch.randn(6, 2, 5, 7)
    with pytest.raises(errors.ShapeError) as caught:
        torch.func.vmap(scores)(query, key)
    assert "axis `d` is 4 in `query` but 7 in `key`" in str(caught.value)


@shape_checked
def first_of(xs: Sequence[Tensor], y: Float[Tensor, "b"], how: Literal["+", "-"] = "+") -> Float[Tensor, "b"]:
    return y + xs[0] if how == "+" else y - xs[0]


def test_values_that_are_no_tensors_break_no_graph() -> None:
    compiled = torch.compile(first_of, fullgraph=True, backend="eager")
    assert torch.equal(compiled([torch.ones(3)], torch.ones(3)), torch.full((3,), 2.0))
    with pytest.raises(errors.TypedEinsumError):
        first_of([torch.ones(3)], torch.ones(3), how="*")
