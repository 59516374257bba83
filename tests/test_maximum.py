"""The maximum of a contraction: streamed or at once, its values and gradients are those of `Tensor.max`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from typed_einsum import einsum, errors, typed_einsum
from typed_einsum.contraction.maximum import best_products, products, tiles
from typed_einsum.contraction.maximum import sizes as tile_sizes

SMALL_TILES = [
    (products, "SMALL", 0),
    (products, "SMALL_IN_TRAINING", 0),
    (tile_sizes, "numbers_in_cache", lambda like: 96),
    (tile_sizes, "LEAST_TILE", 48),
    (tile_sizes, "LEAST_WIDTH", 8),
    (tile_sizes, "ALIGNED", 2),
    (tiles, "NARROW", 3),
]
"""With these, operands of a few hundred numbers take every way through the code."""


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    for module, name, value in SMALL_TILES:
        monkeypatch.setattr(module, name, value)


def reference(rows: Tensor, columns: Tensor) -> Tensor:
    return torch.einsum("benc,bcp->benp", rows, columns).max(2).values


def operands(
    b: int, e: int, n: int, c: int, p: int, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(b + 2 * e + 3 * n + 5 * c + 7 * p)
    rows = torch.randn(b, e, n, c, generator=generator, dtype=torch.float64).to(dtype)
    columns = torch.randn(b, c, p, generator=generator, dtype=torch.float64).to(dtype)
    return rows.requires_grad_(), columns.requires_grad_()


def gradients(function: Callable[..., Tensor], rows: Tensor, columns: Tensor) -> tuple[Tensor, ...]:
    result = function(rows, columns)
    weights = torch.arange(1.0, result.numel() + 1, dtype=result.dtype).reshape(result.shape)
    return torch.autograd.grad(result, (rows, columns), weights)


SIZES = st.tuples(*(st.integers(1, most) for most in (3, 3, 23, 4, 40)))


@settings(max_examples=150, derandomize=True, deadline=None)
@given(sizes=SIZES)
def test_tiles_agree_with_the_whole(sizes: tuple[int, int, int, int, int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "get_num_threads", lambda: 1)
        for module, name, value in SMALL_TILES:
            patch.setattr(module, name, value)
        rows, columns = operands(*sizes)
        expected = reference(rows, columns)
        torch.testing.assert_close(best_products(rows, columns), expected)
        torch.testing.assert_close(best_products(rows.detach(), columns.detach()), expected.detach())
        for mine, theirs in zip(
            gradients(best_products, rows, columns), gradients(reference, rows, columns), strict=True
        ):
            torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("sizes", [(2, 1, 8, 3, 30), (2, 1, 21, 3, 30), (1, 3, 7, 2, 5)])
def test_the_comparison_can_fail(sizes: tuple[int, ...], small_tiles: None) -> None:
    rows, columns = operands(*sizes)  # type: ignore[arg-type]
    assert not torch.allclose(best_products(rows, columns), reference(rows[:, :, : sizes[2] // 2], columns))


@pytest.mark.parametrize("n", [7, 21], ids=["few rows", "rows in steps"])
def test_of_equals_the_first_wins(n: int, small_tiles: None) -> None:
    rows, columns = operands(2, 1, n, 3, 11)
    with torch.no_grad():
        rows[:, :, 5] = rows[:, :, 2]
        rows[:, :, n - 1] = rows[:, :, 2]
    for mine, theirs in zip(
        gradients(best_products, rows, columns), gradients(reference, rows, columns), strict=True
    ):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("n", [7, 21])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_spreads_as_in_torch(n: int, bad: float, small_tiles: None) -> None:
    rows, columns = operands(2, 1, n, 3, 11)
    with torch.no_grad():
        rows[0, 0, 4, 1] = bad
        columns[1, 2, 7] = bad
    torch.testing.assert_close(best_products(rows, columns), reference(rows, columns), equal_nan=True)
    with torch.no_grad():
        torch.testing.assert_close(best_products(rows, columns), reference(rows, columns), equal_nan=True)
    # torch multiplies every row by its share of the gradient, 0 mostly, which makes NaN of infinity.
    for mine, theirs in zip(
        gradients(best_products, rows, columns), gradients(reference, rows, columns), strict=True
    ):
        torch.testing.assert_close(mine[~theirs.isnan()], theirs[~theirs.isnan()])


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch's own, on first use
@pytest.mark.parametrize("n", [7, 21])
def test_derivatives_of_both_orders(n: int, small_tiles: None) -> None:
    rows, columns = operands(2, 2, n, 2, 5)
    assert torch.autograd.gradcheck(best_products, (rows, columns), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(best_products, (rows, columns))


@pytest.mark.parametrize("n", [7, 21])
@pytest.mark.parametrize("in_dims", [(0, 0), (0, None), (None, 1)])
def test_vmap(n: int, in_dims: tuple[int | None, int | None], small_tiles: None) -> None:
    rows, columns = operands(3, 2, n, 2, 5)
    each = [
        tensor if dim is None else torch.stack([tensor, tensor * 2], dim)
        for tensor, dim in zip((rows, columns), in_dims, strict=True)
    ]
    torch.testing.assert_close(
        torch.func.vmap(best_products, in_dims)(*each), torch.func.vmap(reference, in_dims)(*each)
    )

    def total(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return lambda a, b: function(a, b).square().sum()

    torch.testing.assert_close(
        torch.func.vmap(torch.func.grad(total(best_products)), in_dims)(*each),
        torch.func.vmap(torch.func.grad(total(reference)), in_dims)(*each),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_dtypes(dtype: torch.dtype, small_tiles: None) -> None:
    rows, columns = operands(2, 1, 21, 3, 11, dtype)
    result = best_products(rows, columns)
    assert result.dtype == dtype
    close = {"rtol": 2e-2, "atol": 2e-2} if dtype != torch.float32 else {}
    torch.testing.assert_close(result, reference(rows, columns), **close)


def test_autocast(small_tiles: None) -> None:
    rows, columns = operands(2, 1, 21, 3, 11, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        result = best_products(rows, columns)
        assert result.dtype == reference(rows, columns).dtype == torch.bfloat16
    assert gradients(best_products, rows, columns)[0].dtype == torch.float32


def test_operands_laid_out_in_any_way(small_tiles: None) -> None:
    rows, columns = operands(2, 2, 21, 3, 30)
    turned = rows.detach().permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0)
    strided = columns.detach().repeat_interleave(2, 2)[:, :, ::2]
    expanded = columns.detach()[:, :, :1].expand(2, 3, 30)
    for some_columns in (strided, expanded):
        torch.testing.assert_close(best_products(turned, some_columns), reference(turned, some_columns))


class Largest(TorchDispatchMode):
    """The most entries that any tensor has while the mode is on."""

    def __init__(self) -> None:
        super().__init__()
        self.entries = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        found = [x for x in pytree.tree_leaves(result) if isinstance(x, Tensor)]
        self.entries = max([self.entries, *(tensor.numel() for tensor in found)])
        return result


@typed_einsum(max="n")
def best_text(
    embed: Float[Tensor, "b m c h w"], guide: Float[Tensor, "b n m c"]
) -> Float[Tensor, "b m h w"]: ...


@pytest.mark.parametrize("differentiated", [False, True])
def test_the_scores_never_exist_all_at_once(differentiated: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)  # tiles are larger with more
    embed = torch.randn(1, 2, 8, 40, 30, requires_grad=differentiated)
    guide = torch.randn(1, 700, 2, 8)
    scores = 2 * 700 * 40 * 30
    with Largest() as largest:
        result = best_text(embed, guide)
        if differentiated:
            result.sum().backward()
    assert largest.entries < scores / 3
    with Largest() as largest:
        torch.einsum("bmchw,bnmc->bmhwn", embed, guide)
    assert largest.entries >= scores  # the counter counts


def test_every_door_leads_there(small_tiles: None) -> None:
    embed, guide = torch.randn(2, 2, 3, 5, 4), torch.randn(2, 11, 2, 3)
    expected = torch.einsum("bmchw,bnmc->bmhwn", embed, guide).amax(-1)
    torch.testing.assert_close(best_text(embed, guide), expected)
    text = "b m c h w, b n m c -> b m h w"
    torch.testing.assert_close(einsum(text, embed, guide, max="n"), expected)
    torch.testing.assert_close(einsum("bmchw,bnmc->bmhw", embed, guide, max="n"), expected)


LATE = "q d, n k d -> n q"


def test_late_interaction(small_tiles: None) -> None:
    query, document = torch.randn(6, 5), torch.randn(7, 12, 5)
    expected = torch.einsum("qd,nkd->nqk", query, document).amax(-1)
    torch.testing.assert_close(einsum(LATE, query, document, max="k"), expected)


@pytest.mark.parametrize(
    "equation", ["b q d, b k d -> b q", "q d, k d -> q", "d, k d -> ", "b d e, k e d -> k"]
)
@pytest.mark.parametrize("axis", ["k", "q", "b"])
def test_whichever_axis_of_whichever_operand(equation: str, axis: str, small_tiles: None) -> None:
    inputs = equation.partition("->")[0]
    kept = [name for name in dict.fromkeys(inputs.replace(",", "").split()) if name in "bqk" and name != axis]
    if axis not in inputs:
        pytest.skip("there is no such axis")
    sizes = {"b": 3, "q": 5, "k": 11, "d": 4, "e": 2}
    tensors = [torch.randn([sizes[name] for name in part.split()]) for part in inputs.split(",")]
    full = inputs.replace(" ", "") + "->" + "".join(kept) + axis
    expected = torch.einsum(full, *tensors).amax(-1)
    found = einsum(f"{inputs}-> {' '.join(kept)}", *tensors, max=axis)
    torch.testing.assert_close(found, expected)


def test_an_empty_axis_has_no_maximum() -> None:
    with pytest.raises(errors.ShapeError) as caught:
        best_text(torch.ones(1, 2, 3, 4, 5), torch.ones(1, 0, 2, 3))
    assert caught.value.code == "TE207"


def test_other_axes_may_be_empty(small_tiles: None) -> None:
    assert best_text(torch.ones(0, 2, 3, 4, 5), torch.ones(0, 7, 2, 3)).shape == (0, 2, 4, 5)
    result = best_text(torch.ones(1, 2, 0, 4, 5), torch.ones(1, 7, 2, 0))
    assert torch.equal(result, torch.zeros(1, 2, 4, 5))


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
def test_integers(dtype: torch.dtype, small_tiles: None) -> None:
    query, document = torch.randint(-9, 9, (6, 5), dtype=dtype), torch.randint(-9, 9, (7, 12, 5), dtype=dtype)
    expected = torch.einsum("qd,nkd->nqk", query, document).amax(-1)
    assert torch.equal(einsum(LATE, query, document, max="k"), expected)


class BestText(torch.nn.Module):
    def forward(self, embed: Tensor, guide: Tensor) -> Tensor:
        return best_text(embed, guide)


def test_compiled(small_tiles: None) -> None:
    embed, guide = torch.randn(2, 2, 3, 5, 4, requires_grad=True), torch.randn(2, 11, 2, 3)
    expected = best_text(embed, guide)
    found = torch.compile(best_text, fullgraph=True, backend="aot_eager")(embed, guide)
    torch.testing.assert_close(found, expected)
    (mine,), (theirs,) = (torch.autograd.grad(each.square().sum(), embed) for each in (found, expected))
    torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("strict", [False, True])
def test_exported(strict: bool, small_tiles: None) -> None:
    embed, guide = torch.randn(2, 2, 3, 5, 4), torch.randn(2, 11, 2, 3)
    height = torch.export.Dim("height", min=2, max=99)
    exported = torch.export.export(
        BestText(), (embed, guide), strict=strict, dynamic_shapes={"embed": {3: height}, "guide": {}}
    )
    taller = torch.randn(2, 2, 3, 17, 4)
    torch.testing.assert_close(exported.module()(taller, guide), best_text(taller, guide))


def _jit_traced(*operands: Tensor) -> Callable[..., Tensor]:
    return torch.jit.trace(best_products, operands, check_trace=False)


def _graph_traced(*operands: Tensor) -> Callable[..., Tensor]:
    return make_fx(lambda rows, columns: best_products(rows, columns), tracing_mode="symbolic")(*operands)


@pytest.mark.filterwarnings("ignore:`torch.jit.trace` is deprecated", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("traced", [_jit_traced, _graph_traced])
def test_a_trace_runs_at_other_sizes(traced: Callable[..., Any], small_tiles: None) -> None:
    # Tiles in a trace would fit the sizes of the trace alone, and leave the rest of the result unwritten.
    shorter, longer = (operands(2, 3, 21, 3, p, torch.float32) for p in (30, 50))
    with torch.no_grad():
        function = traced(*shorter)
        torch.testing.assert_close(function(*longer), best_products(*longer))


def test_gradients_in_a_fake_world(small_tiles: None) -> None:
    with FakeTensorMode() as mode:
        rows, columns = (mode.from_tensor(each) for each in operands(2, 3, 21, 3, 30))
        assert [each.shape for each in gradients(best_products, rows, columns)] == [(2, 3, 21, 3), (2, 3, 30)]


def test_the_formulation_is_chosen_by_size_and_by_what_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []

    def spied(name: str) -> None:
        original = getattr(products, name)
        monkeypatch.setattr(products, name, lambda *a, **k: (called.append(name), original(*a, **k))[1])

    for name in ("_all_at_once", "largest", "largest_with_rows"):
        spied(name)
    for n, c, p, differentiated, expected in [
        (7, 5, 300, False, "_all_at_once"),
        (7, 5, 30000, False, "largest"),
        (7, 5, 300, True, "_all_at_once"),
        (7, 5, 30000, True, "_all_at_once"),
        (7, 5, 150000, True, "largest_with_rows"),
    ]:
        rows, columns = operands(1, 1, n, c, p, torch.float32)
        called.clear()
        best_products(rows, columns) if differentiated else best_products(rows.detach(), columns.detach())
        assert called == [expected], (n, c, p, differentiated)


@pytest.mark.parametrize("small", [False, True])
def test_equals_under_transforms(small: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not small:
        for module, name, value in SMALL_TILES:
            monkeypatch.setattr(module, name, value)
    rows, columns = (each.detach() for each in operands(2, 1, 21, 3, 11))
    rows[:, :, 5] = rows[:, :, 2]
    for function in (best_products, reference):
        assert not torch.equal(function(rows, columns), function(rows * 2, columns))
    found, expected = (
        torch.func.grad(lambda r, f=f: f(r, columns).square().sum())(rows) for f in (best_products, reference)
    )
    torch.testing.assert_close(found, expected)
    tangent = torch.randn(rows.shape, dtype=rows.dtype)
    found, expected = (
        torch.func.jvp(lambda r, f=f: f(r, columns), (rows,), (tangent,))[1]
        for f in (best_products, reference)
    )
    torch.testing.assert_close(found, expected)


def test_double_precision_stays_under_autocast(small_tiles: None) -> None:
    rows, columns = operands(2, 1, 21, 3, 11)
    with torch.autocast("cpu", torch.bfloat16):
        assert best_products(rows, columns).dtype == reference(rows, columns).dtype == torch.float64


def test_many_gradients_add_up_in_half_precision(small_tiles: None) -> None:
    # Summed in bfloat16 itself, ones stop to count at 256.
    rows, columns = torch.zeros(1, 1, 21, 1), torch.ones(1, 1, 3000)
    rows[0, 0, 17] = 1
    rows, columns = rows.bfloat16().requires_grad_(), columns.bfloat16()
    (found,) = torch.autograd.grad(best_products(rows, columns).sum(), rows)
    assert found.flatten().nonzero().tolist() == [[17]]
    assert found.max() == torch.tensor(3000.0).bfloat16()


def test_half_precision_overflows_only_where_the_answer_does(small_tiles: None) -> None:
    rows, columns = torch.full((1, 1, 21, 4), -200.0), torch.full((1, 4, 30), 100.0)
    rows[0, 0, 13] = 100
    assert best_products(rows.half(), columns.half()).unique().tolist() == [40000]


@pytest.mark.parametrize("which", [0, 1])
def test_one_operand_alone_has_a_gradient(which: int, small_tiles: None) -> None:
    pair = [*operands(2, 3, 21, 3, 30)]
    pair[1 - which].requires_grad_(False)
    (found,), (expected,) = (
        torch.autograd.grad(function(*pair).square().sum(), pair[which])
        for function in (best_products, reference)
    )
    torch.testing.assert_close(found, expected)


def test_what_is_gathered_backward_comes_in_tiles_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    rows, columns = operands(1, 60, 140, 64, 200, torch.float32)
    result = best_products(rows, columns)
    with Largest() as largest:
        result.sum().backward()
    most = max(tile_sizes.numbers_in_cache(rows), rows.numel())
    assert largest.entries <= most < 60 * 200 * 64  # so many would be gathered at once
