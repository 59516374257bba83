"""Late interaction with packed documents, and the best documents: compared with scores one by one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from typed_einsum import attention, errors
from typed_einsum.attention import retrieval
from typed_einsum.contraction.maximum import products, sizes

B, Q, C = 2, 5, 24
LENGTHS = [0, 3, 40, 1, 0, 17, 2, 0]


@pytest.fixture(autouse=True, params=[1, 3], ids=["one thread", "workers"])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    monkeypatch.setattr(sizes, "numbers_in_cache", lambda like: 96)
    monkeypatch.setattr(sizes, "LEAST_TILE", 48)
    for name in ("SMALL", "SMALL_IN_TRAINING"):
        monkeypatch.setattr(products, name, 0)
    monkeypatch.setattr(retrieval, "DOCUMENTS_AT_ONCE", 3)
    yield
    torch.set_num_threads(before)


def drawn(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, packed tokens, and where each document begins."""
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(B, Q, C, generator=generator, dtype=torch.float64).to(dtype)
    tokens = torch.randn(sum(LENGTHS), C, generator=generator, dtype=torch.float64).to(dtype)
    lengths = torch.tensor(LENGTHS)
    return query, tokens, lengths.cumsum(0) - lengths


def one_by_one(query: Tensor, tokens: Tensor) -> Tensor:
    """The scores of documents, each by itself."""
    rows = []
    for document in tokens.split(LENGTHS):
        scores = query @ document.T
        rows.append(scores.max(-1).values.sum(-1) if len(document) else query.new_zeros(B))
    return torch.stack(rows, 1)


def test_packed_documents_score_as_each_by_itself() -> None:
    query, tokens, offsets = drawn()
    pair = query.requires_grad_(), tokens.requires_grad_()
    found, expected = attention.packed_late_interaction(*pair, offsets), one_by_one(*pair)
    torch.testing.assert_close(found, expected)
    weights = torch.arange(1.0, found.numel() + 1, dtype=found.dtype).reshape(found.shape)
    for mine, theirs in zip(
        torch.autograd.grad(found, pair, weights), torch.autograd.grad(expected, pair, weights), strict=True
    ):
        torch.testing.assert_close(mine, theirs)
    assert not torch.allclose(found, one_by_one(query, tokens.flip(0)))  # the comparison can fail


def test_of_equal_tokens_the_first_has_the_gradient() -> None:
    query, tokens, offsets = drawn()
    query, tokens = (query * 9).round(), (tokens * 9).round()  # equal to the last bit in any product
    tokens[20] = tokens[5] = tokens[42] = query[0, 0] * 9
    tokens.requires_grad_()
    (found,) = torch.autograd.grad(attention.packed_late_interaction(query, tokens, offsets).sum(), tokens)
    (expected,) = torch.autograd.grad(one_by_one(query, tokens).sum(), tokens)
    torch.testing.assert_close(found, expected)
    assert found[5].abs().sum() > 0
    assert found[20].abs().sum() == 0


def test_gradients_are_those_of_finite_differences() -> None:
    query, tokens, offsets = drawn()
    assert torch.autograd.gradcheck(
        lambda q, t: attention.packed_late_interaction(q, t, offsets),
        (query.requires_grad_(), tokens.requires_grad_()),
        fast_mode=True,
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_dtypes(dtype: torch.dtype) -> None:
    query, tokens, offsets = drawn(dtype)
    found = attention.packed_late_interaction(query, tokens, offsets)
    assert found.dtype == dtype
    expected = one_by_one(query.double(), tokens.double())
    torch.testing.assert_close(found.double(), expected, rtol=2e-2, atol=0.3)


def test_padded_queries_add_nothing() -> None:
    query, tokens, offsets = drawn()
    words = torch.arange(Q) < torch.tensor([[5], [2]])
    padded = query.masked_fill(~words.unsqueeze(2), torch.nan).requires_grad_()
    found = attention.packed_late_interaction(padded, tokens, offsets, words)
    torch.testing.assert_close(found[1], one_by_one(query[:, :2], tokens)[1])
    (grad,) = torch.autograd.grad(found.sum(), padded)
    assert (grad[1, 2:] == 0).all()


def test_packed_documents_compile() -> None:
    query, tokens, offsets = drawn()
    found = torch.compile(attention.packed_late_interaction, fullgraph=True, backend="aot_eager")(
        query, tokens, offsets
    )
    torch.testing.assert_close(found, one_by_one(query, tokens))


@pytest.mark.parametrize("bad", [[1, 3], [0, 70], [0, 9, 4], [-1, 5]])
def test_wrong_offsets_are_refused(bad: list[int]) -> None:
    query, tokens, _ = drawn()
    with pytest.raises(errors.ArgumentError) as caught:
        attention.packed_late_interaction(query, tokens, torch.tensor(bad))
    assert caught.value.diagnostic.summary == (
        f"expected `offsets` that rise from 0 to at most 63, the tokens; got {bad}"
    )


@pytest.mark.parametrize("padded", [False, True])
def test_the_best_documents(padded: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    query = torch.randn(B, Q, C, generator=generator, dtype=torch.float64).requires_grad_()
    document = torch.randn(11, 7, C, generator=generator, dtype=torch.float64).requires_grad_()
    mask = torch.rand(11, 7, generator=generator) < 0.7 if padded else None
    words = torch.arange(Q) < torch.tensor([[5], [2]]) if padded else None
    scores, numbers = attention.top_documents(query, document, 4, mask, words)
    every = attention.late_interaction(query, document, mask, words)
    expected, places = every.topk(4, 1)
    assert torch.equal(numbers, places)
    torch.testing.assert_close(scores, expected)
    for mine, theirs in zip(
        torch.autograd.grad(scores.square().sum(), (query, document)),
        torch.autograd.grad(expected.square().sum(), (query, document)),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs)
    with torch.no_grad():
        torch.testing.assert_close(attention.top_documents(query, document, 4, mask, words)[0], expected)


def test_the_best_documents_compile() -> None:
    query, document = torch.randn(B, Q, C), torch.randn(11, 7, C)
    compiled = torch.compile(attention.top_documents, fullgraph=True, backend="eager")
    for mine, theirs in zip(
        compiled(query, document, 4), attention.top_documents(query, document, 4), strict=True
    ):
        torch.testing.assert_close(mine, theirs)


def test_more_documents_than_there_are() -> None:
    with pytest.raises(errors.ArgumentError, match=r"expected at most as many .* got `top` 4 of 3"):
        attention.top_documents(torch.ones(2, 4, 6), torch.ones(3, 5, 6), 4)
