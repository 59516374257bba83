"""`softmax`, `mean` and `normalize`: torch's values over the axis that is named, and nothing else."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from typed_einsum import checks_off, einsum, errors, mean, normalize, shape_checked, shaped, softmax
from typed_einsum.scopes.scope import scopes

REDUCTIONS: dict[str, Callable[..., Tensor]] = {"softmax": softmax, "mean": mean, "normalize": normalize}
each = pytest.mark.parametrize("reduce", REDUCTIONS.values(), ids=REDUCTIONS)


def refused(code: str, call: Callable[..., Any], *arguments: Any, **keywords: Any) -> str:
    """The message of a call that must be refused with a code."""
    with pytest.raises(errors.TypedEinsumError) as caught:
        call(*arguments, **keywords)
    assert caught.value.code == code
    assert scopes.stack == []
    return str(caught.value)


def drawn(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape) + sum(shape))).to(dtype)


# The definitions, entry by entry.


def by_definition(name: str, x: Tensor, over: list[int]) -> Tensor:
    """Each vector over the reduced axes on its own."""
    kept = [i for i in range(x.ndim) if i not in over]
    rows = x.permute(*kept, *over).reshape(*(x.shape[i] for i in kept), -1)
    result = torch.empty_like(rows)
    for place in torch.cartesian_prod(*(torch.arange(x.shape[i]) for i in kept)).reshape(-1, len(kept)):
        index = tuple(place.tolist())
        row = [value.item() for value in rows[index]]
        match name:
            case "softmax":
                total = sum(math.exp(value) for value in row)
                row = [math.exp(value) / total for value in row]
            case "mean":
                row = [sum(row) / len(row)] * len(row)
            case "normalize":
                length = math.sqrt(sum(value * value for value in row))
                row = [value / length for value in row]
        result[index] = torch.tensor(row, dtype=x.dtype)
    if name == "mean":
        return result[..., 0]
    result = result.reshape([x.shape[i] for i in [*kept, *over]])
    return result.permute([[*kept, *over].index(i) for i in range(x.ndim)])


CASES = [
    ("b q k", "k"),
    ("b q k", "q"),
    ("b q k", "b"),
    ("b c h w", "h w"),
    ("b c h w", "w c"),
]


@each
@pytest.mark.parametrize(("axes", "over"), CASES)
def test_the_named_axes_are_reduced(reduce: Any, axes: str, over: str) -> None:
    names = axes.split()
    x = drawn(*[2, 3, 5, 7][: len(names)])
    places = [names.index(name) for name in over.split()]
    found = reduce(x, axes, over=over)
    torch.testing.assert_close(found, by_definition(reduce.__name__, x, places), rtol=1e-12, atol=1e-12)
    shifted = sorted((place + 1) % x.ndim for place in places)
    wrong = by_definition(reduce.__name__, x, shifted)
    assert found.shape != wrong.shape or not torch.allclose(found, wrong)


names = st.lists(st.sampled_from("bchnw"), min_size=1, max_size=5, unique=True)


@st.composite
def reductions(draw: st.DrawFn) -> tuple[list[str], list[str], Tensor]:
    """Axes, some of them to reduce, and a tensor; axes may have size 1."""
    axes = draw(names)
    over = draw(st.lists(st.sampled_from(axes), min_size=1, unique=True))
    shape = draw(st.lists(st.integers(1, 4), min_size=len(axes), max_size=len(axes)))
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    return (
        axes,
        over,
        torch.randn(shape, generator=torch.Generator().manual_seed(draw(st.integers(0, 99)))).to(dtype),
    )


@given(reductions())
def test_equal_to_torch(case: tuple[list[str], list[str], Tensor]) -> None:
    axes, over, x = case
    text, wanted = " ".join(axes), " ".join(over)
    places = tuple(axes.index(name) for name in over)
    torch.testing.assert_close(mean(x, text, over=wanted), x.mean(places))
    torch.testing.assert_close(normalize(x, text, over=wanted), F.normalize(x, dim=places))
    if len(places) == 1:
        assert torch.equal(softmax(x, text, over=wanted), x.softmax(places[0]))
    weights = softmax(x, text, over=wanted)
    torch.testing.assert_close(weights.sum(places), torch.ones_like(x.sum(places)))
    torch.testing.assert_close(weights.log() - x, (weights.log() - x).amax(places, keepdim=True).expand_as(x))


@each
@pytest.mark.parametrize("over", ["k", "*s", "k *s", "..."])
def test_axes_of_any_number(reduce: Any, over: str) -> None:
    x, several = drawn(2, 3, 5, 7), "..." if over == "..." else "*s"
    places = {"k": (3,), "*s": (1, 2), "k *s": (1, 2, 3), "...": (1, 2)}[over]
    found = reduce(x, f"b {several} k", over=over)
    torch.testing.assert_close(found, by_definition(reduce.__name__, x, list(places)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("value", [2.0, -3.0])
def test_over_no_axis_at_all(value: float) -> None:
    x = torch.full((4,), value)
    assert torch.equal(softmax(x, "b *s", over="*s"), torch.ones(4))
    assert torch.equal(mean(x, "b *s", over="*s"), x)
    assert torch.equal(normalize(x, "b *s", over="*s"), x.sign())


def test_fixed_and_repeatable_axes() -> None:
    x = drawn(2, 3)
    assert torch.equal(mean(x, "b rgb=3", over="rgb"), x.mean(1))
    assert torch.equal(mean(x, "b 3", over="3"), x.mean(1))
    assert torch.equal(mean(x, "#b c", over="b"), x.mean(0))


@each
def test_gradients(reduce: Any) -> None:
    x = drawn(2, 3, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: reduce(x, "b n c", over="n"), x)
    assert torch.autograd.gradgradcheck(lambda x: reduce(x, "b n c", over="n c"), x)


# Edges: nothing, zeros, halves.


def test_nothing_to_reduce() -> None:
    x = torch.ones(2, 0, 3)
    assert softmax(x, "b n c", over="n").shape == (2, 0, 3)
    assert normalize(x, "b n c", over="n").shape == (2, 0, 3)
    message = refused("TE207", mean, x, "b n c", over="n")
    assert "the mean over `n` has nothing to average: the value is empty there" in message
    assert "the value  f32[2, 0, 3]   b=2 n=0 c=3" in message
    assert mean(x, "b n c", over="c").shape == (2, 0)
    with checks_off():
        assert mean(x, "b n c", over="n").isnan().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_vector_of_zeros_stays_zero(dtype: torch.dtype) -> None:
    x = torch.tensor([[0, 0], [3, 4]], dtype=dtype)
    assert torch.equal(normalize(x, "n c", over="c"), torch.tensor([[0, 0], [0.6, 0.8]], dtype=dtype))


def test_complex_vectors() -> None:
    x = torch.complex(drawn(2, 3), drawn(3, 2).T)
    torch.testing.assert_close(normalize(x, "n c", over="c").abs().square().sum(1), torch.ones(2).double())
    torch.testing.assert_close(mean(x, "n c", over="c"), x.mean(1))


# Masks.


def masked_by_definition(scores: Tensor, kept: Tensor) -> Tensor:
    """Softmax over the last axis of what is kept, row by row."""
    weights = torch.zeros_like(scores)
    rows = zip(scores.flatten(0, -2), kept.expand_as(scores).flatten(0, -2), strict=True)
    for row, (values, keep) in zip(weights.view(-1, scores.shape[-1]), rows, strict=True):
        if keep.any():
            row[keep] = values[keep].softmax(0)
    return weights


@given(st.integers(0, 999), st.sampled_from(["b h q k", "b k", "q k", "k h", "k q b", "k"]))
def test_a_mask_keeps_what_it_says(seed: int, mask_axes: str) -> None:
    generator = torch.Generator().manual_seed(seed)
    sizes = {"b": 2, "h": 3, "q": 4, "k": 5}
    scores = torch.randn(2, 3, 4, 5, generator=generator).double()
    mask = torch.rand([sizes[name] for name in mask_axes.split()], generator=generator) < 0.4
    letters = mask_axes.replace(" ", "")
    full = torch.einsum(f"{letters},bhqk->bhqk", mask.double(), torch.ones_like(scores)).bool()
    expected = masked_by_definition(scores, full)
    additive = torch.zeros(mask.shape).double().masked_fill(~mask, -torch.inf)
    for given_mask in (mask, additive):
        found = softmax(scores, "b h q k", over="k", mask=given_mask, mask_axes=mask_axes)
        torch.testing.assert_close(found, expected)
    torch.testing.assert_close(softmax(scores, "b h q k", over="k", mask=full), expected)


def test_an_additive_mask_is_added() -> None:
    scores, bias = drawn(2, 3, 5), drawn(3, 5)
    found = softmax(scores, "b q k", over="k", mask=bias, mask_axes="q k")
    torch.testing.assert_close(found, (scores + bias).softmax(2))


def test_a_mask_over_two_axes() -> None:
    scores, mask = drawn(2, 3, 5), torch.tensor([True, False, True])
    found = softmax(scores, "b h w", over="h w", mask=mask, mask_axes="h")
    assert (found[:, 1] == 0).all()
    torch.testing.assert_close(found[:, [0, 2]].flatten(1), scores[:, [0, 2]].flatten(1).softmax(1))


def test_a_mask_of_any_number_of_axes() -> None:
    scores, mask = drawn(2, 3, 4, 5), torch.rand(5, 3, 4, generator=torch.Generator().manual_seed(1)) < 0.5
    found = softmax(scores, "b *s k", over="k", mask=mask, mask_axes="k *s")
    torch.testing.assert_close(found, masked_by_definition(scores, mask.permute(1, 2, 0)))
    found = softmax(scores, "b *s k", over="k", mask=mask[:, 0, 0], mask_axes="k")
    torch.testing.assert_close(found, masked_by_definition(scores, mask[:, 0, 0]))


@pytest.mark.parametrize("kind", ["boolean", "additive"])
@pytest.mark.parametrize("garbage", [1.0, math.inf, math.nan])
def test_where_nothing_is_kept_all_is_zero_and_so_are_gradients(kind: str, garbage: float) -> None:
    mask = torch.tensor([[True, False, True], [False, False, False]])
    scores = drawn(2, 3).masked_fill(~mask, garbage).requires_grad_()
    given_mask = mask if kind == "boolean" else torch.zeros(2, 3).double().masked_fill(~mask, -torch.inf)
    if kind == "additive" and math.isinf(garbage):
        given_mask = given_mask.requires_grad_()  # inf - inf must not show either
    with torch.autograd.set_detect_anomaly(True):
        weights = softmax(scores, "q k", over="k", mask=given_mask)
        weights.square().sum().backward()
    assert (weights[~mask] == 0).all()
    assert weights[0].sum().item() == pytest.approx(1)
    assert (scores.grad[~mask] == 0).all()
    assert (scores.grad[mask] != 0).all()


def test_the_mask_of_scaled_dot_product_attention() -> None:
    query, key, value = drawn(2, 4, 3), drawn(2, 5, 3), drawn(2, 5, 7)
    mask = torch.rand(2, 4, 5, generator=torch.Generator().manual_seed(3)) < 0.4
    mask[1, 2] = False
    weights = softmax(query @ key.mT / math.sqrt(3), "b q k", over="k", mask=mask)
    torch.testing.assert_close(weights @ value, F.scaled_dot_product_attention(query, key, value, mask))


@pytest.mark.parametrize(
    ("code", "shape", "mask_axes", "said"),
    [
        ("TE202", (3, 5), None, "the mask has 2 axes, but `b q k` names 3"),
        ("TE201", (5, 3), "q k", "axis `q` is 3 in softmax `b q k` but 5 in the mask"),
        ("TE201", (5, 3), "q k", "transpose(0, 1)"),
        ("TE117", (2, 3), "b q", "the mask has no axis `k`, so it cannot choose between scores"),
        ("TE117", (2, 7), "b j", "axis `j` of the mask is not among `b q k`"),
        ("TE117", (5, 5), "k k", "axis `k` of the mask is twice in the mask"),
        ("TE105", (2, 5), "b 3d=", "`3d=` is not an axis"),
    ],
)
def test_masks_that_do_not_fit(code: str, shape: tuple[int, ...], mask_axes: str | None, said: str) -> None:
    mask = torch.ones(shape).bool()
    message = refused(code, softmax, drawn(2, 3, 5), "b q k", over="k", mask=mask, mask_axes=mask_axes)
    assert said in message


@pytest.mark.parametrize(
    ("code", "mask", "said"),
    [
        ("TE301", torch.ones(2, 3, 5).long(), "the mask has dtype i64"),
        ("TE302", torch.ones(2, 3, 5), "the value is f64 but the mask is f32"),
        ("TE304", [True], "the mask is not a tensor but a `list`"),
    ],
)
def test_masks_of_another_type(code: str, mask: Any, said: str) -> None:
    assert said in refused(code, softmax, drawn(2, 3, 5), "b q k", over="k", mask=mask)


# What is refused, in whole.


def test_an_axis_that_is_not_there() -> None:
    message = refused("TE109", softmax, drawn(2, 3, 5), "b q k", over="j")
    lines = message.splitlines()
    assert lines[0] == "EquationError[TE109]: `over=` names axis `j`, which `b q k` does not have"
    assert lines[1].startswith("  --> tests/test_reductions.py:")
    assert lines[-2] == "help: name one of `b`, `q`, `k`"
    assert any(line.endswith("^ not an axis of the value") for line in lines)


def test_axes_to_reduce_may_be_listed_with_commas() -> None:
    x = drawn(2, 3, 5)
    assert torch.equal(mean(x, "b h w", over="h, w"), mean(x, "b h w", over="w h"))


@each
def test_texts_that_do_not_do(reduce: Any) -> None:
    x = drawn(2, 3, 3)
    assert "stands twice in `b n n`" in refused("TE109", reduce, x, "b n n", over="n")
    assert "names no axis" in refused("TE109", reduce, x, "b n c", over=" ")
    assert "a scalar has no axis" in refused("TE109", reduce, torch.tensor(1.0), "", over="n")
    assert "not an `int`" in refused("TE408", reduce, x, "b n c", over=-1)
    assert "not a `list`" in refused("TE408", reduce, x, ["b", "n", "c"], over="n")
    assert "`3d=` is not an axis" in refused("TE105", reduce, x, "b n 3d=", over="n")


@each
def test_values_that_do_not_do(reduce: Any) -> None:
    x = drawn(2, 3, 5)
    assert "the value has 3 axes, but `b n` names 2" in refused("TE202", reduce, x, "b n", over="n")
    assert "axis `n` is both 3 and 5 in the value" in refused("TE201", reduce, x, "b n n", over="b")
    assert "axis `rgb=4` is 3 in the value, not 4" in refused("TE203", reduce, x, "b rgb=4 c", over="c")
    assert "the value is not a tensor but a `list`" in refused("TE304", reduce, [1.0], "n", over="n")
    message = refused("TE301", reduce, x.long(), "b n c", over="n")
    assert f"the value has dtype i64, which `{reduce.__name__}` does not allow" in message
    if reduce is softmax:
        assert "absolute value" in refused("TE301", reduce, x.cfloat(), "b n c", over="n")


# Names of the checked function around.


@shape_checked
def attend(
    query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"], text: str = "b q k", over: str = "k"
) -> Float[Tensor, "b q k"]:
    return softmax(einsum("b q d, b k d -> b q k", query, key), text, over=over)


def test_names_are_shared_with_the_function() -> None:
    query, key = drawn(2, 3, 4), drawn(2, 5, 4)
    torch.testing.assert_close(attend(query, key), (query @ key.mT).softmax(2))
    message = refused("TE201", attend, query, key, "b k q")
    assert "axis `k` is 5 in `key` but 3 in the value" in message
    assert "transpose(" in message
    assert refused("TE109", attend, query, key, over="m")


@shape_checked
def binds(x: Float[Tensor, "b n c"], y: Tensor) -> Float[Tensor, "b c"]:
    pooled = mean(x.unflatten(1, (2, -1)), "b p s c", over="p s")
    shaped(y, "b s")
    return pooled


def test_new_names_are_bound_for_what_follows() -> None:
    x = drawn(2, 6, 5)
    torch.testing.assert_close(binds(x, drawn(2, 3)), x.mean(1))
    message = refused("TE201", binds, x, drawn(2, 4))
    assert "axis `s` is 3 in mean `b p s c` but 4 in the value" in message


@shape_checked
def masked(scores: Float[Tensor, "b q k"], mask: Bool[Tensor, "b j"]) -> Float[Tensor, "b q k"]:
    return softmax(scores, "b q k", over="k", mask=mask, mask_axes="b k")


def test_the_mask_shares_names_too() -> None:
    scores = drawn(2, 3, 5)
    assert masked(scores, torch.ones(2, 5).bool()).shape == (2, 3, 5)
    message = refused("TE201", masked, scores, torch.ones(2, 4).bool())
    assert "axis `k` is 5 in `scores` but 4 in the mask" in message


@each
def test_checks_off(reduce: Any) -> None:
    x = drawn(2, 3, 3)
    expected = reduce(x, "b n c", over="c")
    with checks_off():
        assert torch.equal(reduce(x, "b n c", over="c"), expected)
        assert reduce(x, "b rgb=4 c", over="c").shape == expected.shape


# Graphs and transforms.


def with_mask(x: Tensor, _axes: str, *, over: str) -> Tensor:
    weights = softmax(x, "b n c", over=over, mask=x > 0)
    return weights + softmax(x, "b n c", over=over, mask=x[0] > 0, mask_axes="n c")


every = pytest.mark.parametrize("reduce", [*REDUCTIONS.values(), with_mask], ids=[*REDUCTIONS, "masked"])


class Module(torch.nn.Module):
    def __init__(self, reduce: Callable[..., Tensor]) -> None:
        super().__init__()
        self.reduce = reduce

    @shape_checked
    def forward(self, x: Float[Tensor, "b n c"]) -> Tensor:
        return self.reduce(x, "b n c", over="n")


@every
def test_compile(reduce: Any) -> None:
    torch._dynamo.reset()
    for function in (lambda x: reduce(x, "b n c", over="n"), Module(reduce)):
        compiled = torch.compile(function, fullgraph=True, backend="eager")
        for size in (2, 3, 5):
            torch.testing.assert_close(compiled(drawn(size, 4, 3)), function(drawn(size, 4, 3)))


@each
@pytest.mark.one_in(3)
def test_refusals_under_compile(reduce: Any) -> None:
    torch._dynamo.reset()
    for code, axes in [("TE202", "b n"), ("TE203", "b n c=7")]:
        compiled = torch.compile(lambda x, axes=axes: reduce(x, axes, over="n"), backend="eager")
        with pytest.raises(errors.ShapeError) as caught:
            compiled(drawn(2, 3, 5))
        assert caught.value.code == code
    compiled = torch.compile(lambda x: reduce(x, "b n c", over="k"), backend="eager")
    with pytest.raises(Exception, match=r"EquationError\[TE109\]"):  # inside an error of Dynamo's
        compiled(drawn(2, 3, 5))


@every
@pytest.mark.parametrize("strict", [True, False])
def test_export_with_a_dynamic_batch(reduce: Any, strict: bool) -> None:
    batch = torch.export.Dim("batch", min=2)
    example, shapes = (drawn(2, 4, 3),), ({0: batch},)
    with warnings.catch_warnings():
        # Strict export tells of the scope's stack, which ends as it began.
        warnings.filterwarnings("ignore", message="While compiling, we found certain side effects")
        program = torch.export.export(Module(reduce), example, dynamic_shapes=shapes, strict=strict)
    x = drawn(5, 4, 3)
    torch.testing.assert_close(program.module()(x), reduce(x, "b n c", over="n"))


@every
def test_vmap(reduce: Any) -> None:
    x = drawn(7, 2, 4, 3)
    mapped = torch.func.vmap(lambda x: reduce(x, "b n c", over="n"))(x)
    torch.testing.assert_close(mapped, torch.stack([reduce(one, "b n c", over="n") for one in x]))


def test_autocast_takes_a_mask_of_another_precision() -> None:
    scores, bias = drawn(2, 3, 5, dtype=torch.bfloat16), drawn(2, 3, 5, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        found = softmax(scores, "b q k", over="k", mask=bias)
    torch.testing.assert_close(found.float(), (scores.float() + bias).softmax(2), rtol=1e-2, atol=1e-2)
