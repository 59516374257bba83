"""`max=` with `where=`: what a mask leaves out never wins and has no gradient, whatever it holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import pytest
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from typed_einsum import attention, einsum, errors, shape_checked
from typed_einsum.contraction.maximum import products, sizes, workers

EQUATION = "b q c, n k c -> b n q"
B, Q, N, K, C = 2, 5, 7, 40, 3


@pytest.fixture(autouse=True, params=["streamed", "at once"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways through the code, with tiles that divide the rows."""
    if request.param == "streamed":
        for name in ("SMALL", "SMALL_IN_TRAINING"):
            monkeypatch.setattr(products, name, 0)
        monkeypatch.setattr(sizes, "numbers_in_cache", lambda like: 96)
        monkeypatch.setattr(sizes, "LEAST_WIDTH", 4)


def drawn() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Queries, documents, and masks of both; one document and one query are empty, some are full."""
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(B, Q, C, generator=generator, dtype=torch.float64)
    document = torch.randn(N, K, C, generator=generator, dtype=torch.float64)
    tokens = torch.arange(K) < torch.tensor([40, 3, 0, 40, 17, 1, 39]).unsqueeze(1)
    tokens[4] = tokens[4].flip(0)
    words = torch.rand(B, Q, generator=generator) < 0.6
    words[1] = False
    return query, document, tokens, words


def reference(query: Tensor, document: Tensor, kept: Tensor) -> Tensor:
    """All scores, of which `kept` `(b, n, q, k)` take part."""
    scores = torch.einsum("bqc,nkc->bnqk", query, document).masked_fill(~kept, -math.inf)
    return scores.max(-1).values.masked_fill(~kept.any(-1), 0)


def kept_by(tokens: Tensor, words: Tensor | None) -> Tensor:
    kept = tokens[None, :, None, :].expand(B, N, Q, K)
    return kept if words is None else kept & words[:, None, :, None]


def agree(function: Callable[..., Tensor], query: Tensor, document: Tensor, kept: Tensor) -> None:
    """Values and gradients, where NaN stands in everything that takes no part."""
    padded = document.masked_fill(~kept.any(2).any(0).unsqueeze(-1), math.nan).requires_grad_()
    empty = query.masked_fill(~kept.any(3).any(1).unsqueeze(-1), math.nan).requires_grad_()
    query, document = query.requires_grad_(), document.requires_grad_()
    found, expected = function(empty, padded), reference(query, document, kept)
    torch.testing.assert_close(found, expected)
    weights = torch.arange(1.0, found.numel() + 1, dtype=found.dtype).reshape(found.shape)
    for mine, theirs in zip(
        torch.autograd.grad(found, (empty, padded), weights),
        torch.autograd.grad(expected, (query, document), weights),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs)
    with torch.no_grad():
        torch.testing.assert_close(function(empty, padded), expected)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("of_queries", [False, True])
def test_padding_never_wins(turned: bool, of_queries: bool) -> None:
    query, document, tokens, words = drawn()
    where = {"k n": tokens.T} if turned else {"n k": tokens}
    where |= {"b q": words} if of_queries else {}
    kept = kept_by(tokens, words if of_queries else None)
    agree(lambda q, d: einsum(EQUATION, q, d, max="k", where=where), query, document, kept)


def test_the_comparison_can_fail() -> None:
    query, document, tokens, _ = drawn()
    with pytest.raises(AssertionError):
        agree(lambda q, d: einsum(EQUATION, q, d, max="k"), query, document, kept_by(tokens, None))


def test_a_mask_may_join_both_operands() -> None:
    query, document, tokens, words = drawn()
    kept = kept_by(tokens, words) & (torch.arange(Q)[:, None] <= torch.arange(K))
    where = {"b n q k": kept}
    agree(lambda q, d: einsum(EQUATION, q, d, max="k", where=where), query, document, kept)


@pytest.mark.parametrize("axes", ["i k", "k", "i"])
def test_a_mask_beside_a_diagonal(axes: str) -> None:
    generator = torch.Generator().manual_seed(1)
    query = torch.randn(4, 4, C, generator=generator, dtype=torch.float64)
    key = torch.randn(K, C, generator=generator, dtype=torch.float64)
    keep = torch.rand([{"i": 4, "k": K}[axis] for axis in axes.split()], generator=generator) < 0.5
    keep[0] = False
    kept = (keep.unsqueeze(1) if axes == "i" else keep).expand(4, K)

    def found(query: Tensor, key: Tensor) -> Tensor:
        return einsum("i i c, k c -> i", query, key, max="k", where={axes: keep})

    def expected(query: Tensor, key: Tensor) -> Tensor:
        scores = (query.diagonal().mT @ key.mT).masked_fill(~kept, -math.inf)
        return scores.max(-1).values.masked_fill(~kept.any(-1), 0)

    query, key = query.requires_grad_(), key.requires_grad_()
    weights = torch.arange(1.0, 5, dtype=torch.float64)
    torch.testing.assert_close(found(query, key), expected(query, key))
    gradients = [torch.autograd.grad(way(query, key) @ weights, [query, key]) for way in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_with_workers() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        query, document, tokens, words = drawn()
        where = {"n k": tokens, "b q": words}
        kept = kept_by(tokens, words)
        agree(lambda q, d: einsum(EQUATION, q, d, max="k", where=where), query, document, kept)
        assert workers.pool.threads in (0, 2)
    finally:
        torch.set_num_threads(before)


def test_gradients_are_those_of_finite_differences() -> None:
    query, document, tokens, words = drawn()
    where = {"n k": tokens, "b q": words}

    def best(q: Tensor, d: Tensor) -> Tensor:
        return einsum(EQUATION, q, d, max="k", where=where)

    pair = query.requires_grad_(), document.requires_grad_()
    assert torch.autograd.gradcheck(best, pair, fast_mode=True)
    assert torch.autograd.gradgradcheck(best, pair, fast_mode=True)


def test_under_transforms() -> None:
    query, document, tokens, _ = drawn()

    def best(d: Tensor, keep: Tensor) -> Tensor:
        return einsum("q c, k c -> q", query[0], d, max="k", where={"k": keep}).square().sum()

    found = torch.func.vmap(torch.func.grad(best))(document, tokens)
    for i in range(N):
        one = document[i].clone().requires_grad_()
        (expected,) = torch.autograd.grad(best(one, tokens[i]), one)
        torch.testing.assert_close(found[i], expected)


def test_compiled() -> None:
    query, document, tokens, words = drawn()

    @torch.compile(fullgraph=True, backend="aot_eager")
    def best(q: Tensor, d: Tensor) -> Tensor:
        return einsum(EQUATION, q, d, max="k", where={"n k": tokens, "b q": words})

    agree(best, query, document, kept_by(tokens, words))


@pytest.mark.parametrize("equation", ["... q c, n k c -> ... n q", "*b q c, n k c -> *b n q"])
def test_any_number_of_axes(equation: str) -> None:
    query, document, tokens, _ = drawn()
    agree(
        lambda q, d: einsum(equation, q, d, max="k", where={"n k": tokens}),
        query,
        document,
        kept_by(tokens, None),
    )


def test_integers_and_several_axes() -> None:
    query, document, tokens, _ = drawn()
    query, document = (query * 9).long(), (document * 9).long()
    scores = torch.einsum("bqc,nkc->bqnk", query, document)
    expected = scores.masked_fill(~tokens, torch.iinfo(torch.int64).min).amax((2, 3))
    found = einsum("b q c, n k c -> b q", query, document, max="n k", where={"n k": tokens})
    assert torch.equal(found, expected)


def test_names_are_those_of_the_function() -> None:
    query, document, tokens, _ = drawn()

    @shape_checked
    def best(
        query: Float[Tensor, "b q c"], document: Float[Tensor, "n k c"], keep: Bool[Tensor, "n t"]
    ) -> Float[Tensor, "b n q"]:
        return einsum(EQUATION, query, document, max="k", where={"n k": keep})

    torch.testing.assert_close(
        best(query, document, tokens), reference(query, document, kept_by(tokens, None))
    )
    with pytest.raises(errors.ShapeError, match=r"axis `k` is 40 in .* but 39 in the mask"):
        best(query, document, tokens[:, 1:])


def test_late_interaction() -> None:
    query, document, tokens, words = drawn()
    agree_summed = reference(query, document, kept_by(tokens, words)).sum(-1)
    found = attention.late_interaction(query, document, tokens, words)
    torch.testing.assert_close(found, agree_summed)
    assert (found[:, 2] == 0).all()


REFUSED: Mapping[str, tuple[Callable[[], object], str]] = {
    "a summed axis": (
        lambda: _best({"n c": torch.ones(N, C, dtype=torch.bool)}),
        "axis `c` of the mask is summed before the maximum",
    ),
    "no axis": (lambda: _best({"n z": torch.ones(N, K)}), "axis `z` of the mask is not among `b q n k`"),
    "twice": (lambda: _best({"n n": torch.ones(N, N)}), "axis `n` of the mask is twice in the mask"),
    "no maximum": (
        lambda: einsum("b q c, n k c -> b q n k", *drawn()[:2], where={"n k": drawn()[2]}),
        "`where=` keeps entries for a maximum, but there is no `max=`",
    ),
    "numbers": (
        lambda: _best({"n k": torch.ones(N, K)}),
        "the mask has dtype f32, which `Bool` does not allow",
    ),
    "no dict": (
        lambda: _best(torch.ones(2, 3)),  # type: ignore[arg-type]
        "`einsum` takes `where` as a dict of axes and masks, not a tensor, `f32[2, 3]`",
    ),
    "no text": (
        lambda: _best({3: torch.ones(2, 3)}),  # type: ignore[dict-item]
        "`einsum` takes `where` as a dict of axes and masks, not an `int`",
    ),
}


def _best(where: Mapping[str, Tensor]) -> Tensor:
    return einsum(EQUATION, *drawn()[:2], max="k", where=where)


@pytest.mark.parametrize(("call", "summary"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(call: Callable[[], object], summary: str) -> None:
    with pytest.raises(errors.TypedEinsumError) as caught:
        call()
    assert caught.value.diagnostic.summary == summary
