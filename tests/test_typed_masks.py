"""`@typed_einsum(max=…, where=…)`: parameters that are masks, as in `einsum(..., where=…)`."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from typed_einsum import checks_off, einsum, explain, shape_checked, typed_einsum
from typed_einsum.errors import ArgumentError, DeviceError, DtypeError, EquationError, ShapeError
from typed_einsum.testing import check_contract


@typed_einsum(max="k", where="is_token, is_word")
def best(
    query: Float[Tensor, "b q c"],
    document: Float[Tensor, "n k c"],
    is_token: Bool[Tensor, "n k"],
    is_word: Bool[Tensor, "b q"],
) -> Float[Tensor, "b n q"]:
    """The best token of each document, for each word of a query."""
    ...


def inputs(tokens: int = 7) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    query = torch.randn(2, 5, 4, dtype=torch.float64, requires_grad=True)
    document = torch.randn(3, tokens, 4, dtype=torch.float64, requires_grad=True)
    return (
        query,
        document,
        torch.arange(tokens) < torch.tensor([[tokens], [4], [0]]),
        torch.arange(5) < torch.tensor([[5], [2]]),
    )


def by_einsum(query: Tensor, document: Tensor, is_token: Tensor, is_word: Tensor) -> Tensor:
    where = {"n k": is_token, "b q": is_word}
    return einsum("b q c, n k c -> b n q", query, document, max="k", where=where)


@pytest.mark.parametrize("tokens", [7, 12_000])
def test_it_is_einsum_with_masks(tokens: int) -> None:
    values = inputs(tokens)
    found, expected = best(*values), by_einsum(*values)
    assert found.shape == (2, 3, 5)
    assert (found[:, 2] == 0).all()
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad(result.square().sum(), values[:2]) for result in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_the_equation_leaves_masks_out() -> None:
    assert best.equation == "b q c, n k c -> b n q"
    assert "is_token.dtype is not" in best.source
    assert "is_token" not in str(explain(best))


def test_masks_go_by_name_and_in_methods_and_without_checks() -> None:
    query, document, is_token, is_word = inputs()
    expected = by_einsum(query, document, is_token, is_word)
    by_name = best(query, document, is_word=is_word, is_token=is_token)
    torch.testing.assert_close(by_name, expected)
    with checks_off():
        torch.testing.assert_close(best(query, document, is_token, is_word), expected)

    class Search:
        @typed_einsum("bqc,nkc->bnq", max="k", where="keep")
        def best(
            self,
            query: Float[Tensor, "b q c"],
            document: Float[Tensor, "n k c"],
            *,
            keep: Bool[Tensor, "n k"],
        ) -> Float[Tensor, "b n q"]: ...

    found = Search().best(query, document, keep=is_token)
    torch.testing.assert_close(found[0], expected[0])


def test_a_mask_of_many_axes_by_ellipsis() -> None:
    @typed_einsum(max="k", where="keep")
    def largest(
        x: Float[Tensor, "... k c"], y: Float[Tensor, "c"], keep: Bool[Tensor, "... k"]
    ) -> Float[Tensor, "..."]: ...

    x, y, keep = torch.randn(2, 3, 5, 4), torch.randn(4), torch.rand(2, 3, 5) < 0.5
    expected = (x @ y).masked_fill(~keep, -torch.inf).amax(-1)
    torch.testing.assert_close(largest(x, y, keep), expected.masked_fill(~keep.any(-1), 0))


def test_it_compiles_into_one_graph() -> None:
    values = inputs()
    compiled = torch.compile(best, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(*values), best(*values))


def test_names_are_shared_with_the_function_around() -> None:
    @shape_checked
    def scored(query: Float[Tensor, "b q c"], document: Float[Tensor, "n k c"]) -> Float[Tensor, "b n q"]:
        keep = torch.ones(document.shape[:2], dtype=torch.bool)
        return best(query, document, keep, torch.ones(query.shape[:2], dtype=torch.bool))

    query, document, *_ = inputs()
    expected = torch.einsum("bqc,nkc->bnqk", query, document).amax(-1)
    torch.testing.assert_close(scored(query, document), expected)


def test_its_contract_holds() -> None:
    report = check_contract(best)
    assert not report.errors, report


WRONG = {
    "axis `k` is 7 in `document` but 6 in `is_token`": (2, (3, 6), ShapeError, "TE201"),
    "`is_word` has 1 axis, but `b q` names 2": (3, (2,), ShapeError, "TE202"),
}


@pytest.mark.parametrize("said", WRONG)
def test_a_mask_of_another_shape_is_refused(said: str) -> None:
    at, shape, kind, code = WRONG[said]
    assert_refused(at, torch.ones(shape, dtype=torch.bool), kind, f"{code}]: {said}")


def test_a_mask_of_another_type_is_refused() -> None:
    far = torch.ones(3, 7, dtype=torch.bool, device="meta")
    assert_refused(
        2, torch.ones(3, 7), DtypeError, "TE301]: `is_token` has dtype f32, which `Bool` does not allow"
    )
    assert_refused(3, None, DtypeError, "TE304]: `is_word` is not a tensor but `None`")
    assert_refused(2, far, DeviceError, "TE303]: `query` is on cpu but `is_token` is on meta")


def assert_refused(at: int, wrong: Any, kind: type[Exception], said: str) -> None:
    values: list[Any] = list(inputs())
    values[at] = wrong
    with pytest.raises(kind) as caught:
        best(*values)
    assert str(caught.value).splitlines()[0] == f"{kind.__name__}[{said}"


def test_a_missing_mask_is_named() -> None:
    too_few: Any = inputs()[:3]
    with pytest.raises(ArgumentError, match="`best` needs `is_word`"):
        best(*too_few)


def test_a_mask_is_boolean() -> None:
    with pytest.raises(DtypeError) as caught:

        @typed_einsum(max="k", where="keep")
        def wrong(
            x: Float[Tensor, "b k c"], y: Float[Tensor, "b c"], keep: Int[Tensor, "b k"]
        ) -> Float[Tensor, "b"]: ...

    diagnostic = caught.value.diagnostic
    assert (diagnostic.code, diagnostic.summary) == (
        "TE302",
        "`keep` is annotated `Int`, but a mask is boolean",
    )
    assert diagnostic.help == 'annotate it Bool[Tensor, "b k"], and pass keep > 0 or keep.bool()'


AXES = {
    "b c": "axis `c` of the mask `keep` is summed before the maximum",
    "b z": "axis `z` of the mask `keep` is not among `b k`",
    "b k k": "axis `k` of the mask `keep` is twice in the mask",
    "#b k": "axis `#b` of the mask `keep` is not among `b k`",
}


@pytest.mark.parametrize("axes", AXES)
def test_the_axes_of_a_mask_are_those_of_the_scores(axes: str) -> None:
    with pytest.raises(EquationError) as caught:

        @typed_einsum(max="k", where="keep")
        def wrong(
            x: Float[Tensor, "b k c"],
            y: Float[Tensor, "b c"],
            keep: Bool[Tensor, axes],
        ) -> Float[Tensor, "b"]: ...

    assert (caught.value.code, caught.value.diagnostic.summary) == ("TE117", AXES[axes])


def test_where_names_parameters_of_a_maximum() -> None:
    def function(x: Float[Tensor, "b k c"], keep: Bool[Tensor, "b k"]) -> Float[Tensor, "b"]: ...

    with pytest.raises(EquationError) as caught:
        typed_einsum(sum="c", max="k", where="kept")(function)
    assert caught.value.diagnostic.summary == "`where=` names `kept`, which is no parameter of `function`"
    assert caught.value.diagnostic.help == "it has `x`, `keep`"
    with pytest.raises(EquationError, match="there is no `max=`"):
        typed_einsum(sum="c k", where="keep")(function)
    with pytest.raises(ArgumentError) as refused:
        typed_einsum(max="k", where={"b k": 1})  # type: ignore[call-overload]
    assert refused.value.diagnostic.summary == "`typed_einsum` takes `where` as a text, not a `dict`"
    assert refused.value.diagnostic.help == 'name the parameters that are masks in a text: where="keep"'
    with pytest.raises(Exception, match="has no operands"):
        typed_einsum(max="k", where="x keep")(function)


def test_a_name_may_stand_twice_in_where_and_none_is_no_mask() -> None:
    def function(x: Float[Tensor, "b q c"], keep: Bool[Tensor, "b q"]) -> Float[Tensor, "b q"]: ...
    def unmasked(x: Float[Tensor, "b q c"], y: Float[Tensor, "c k"]) -> Float[Tensor, "b q k"]: ...

    x, y = torch.randn(2, 5, 3), torch.randn(3, 4)
    keep = torch.tensor([[True, False, True, False, True], [False] * 5])
    twice = typed_einsum(max="c", where="keep, keep")(function)
    torch.testing.assert_close(twice(x, keep), x.amax(-1) * keep)
    torch.testing.assert_close(typed_einsum(where="")(unmasked)(x, y), x @ y)
