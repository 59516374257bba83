"""A typed einsum in a class: called on an object, on the class, and from a subclass."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_type

from jaxtyping import Float
from torch import Tensor, nn

from typed_einsum import typed_einsum


class Attention(nn.Module):
    @typed_einsum
    def scores(
        self, query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]
    ) -> Float[Tensor, "b q k"]: ...

    @typed_einsum("bqk,bkd->bqd")
    def mix(
        self, weights: Float[Tensor, "b q k"], value: Float[Tensor, "b k d"]
    ) -> Float[Tensor, "b q d"]: ...

    @staticmethod
    @typed_einsum
    def outer(x: Float[Tensor, "b q"], y: Float[Tensor, "b k"]) -> Float[Tensor, "b q k"]: ...

    @classmethod
    @typed_einsum
    def trace(cls, x: Float[Tensor, "b q d"], y: Float[Tensor, "b q d"]) -> Float[Tensor, "b"]: ...

    @classmethod
    @typed_einsum("bqd,bqd->b")
    def letters(cls, x: Float[Tensor, "b q d"], y: Float[Tensor, "b q d"]) -> Float[Tensor, "b"]: ...

    @typed_einsum(sum="q")
    @classmethod
    def summed(cls, x: Float[Tensor, "b q d"], y: Float[Tensor, "b d"]) -> Float[Tensor, "b"]: ...

    @typed_einsum
    @staticmethod
    def inner(x: Float[Tensor, "b q"], y: Float[Tensor, "b q"]) -> Float[Tensor, "b"]: ...

    def forward(self, x: Float[Tensor, "b q d"]) -> Float[Tensor, "b q d"]:
        weights = self.scores(x, key=x).softmax(-1)
        return assert_type(self.mix(weights, x), Tensor)


class Causal(Attention):
    def forward(self, x: Float[Tensor, "b q d"]) -> Float[Tensor, "b q d"]:
        return assert_type(self.mix(self.scores(x, x).tril(), value=x), Tensor)


def calls(attention: Attention, x: Tensor) -> None:
    bound: Callable[[Tensor, Tensor], Tensor] = attention.scores
    assert_type(bound(x, x), Tensor)
    assert_type(attention.scores(x, key=x), Tensor)
    assert_type(Attention.scores(attention, x, x), Tensor)
    assert_type(Attention.scores.equation, str)
    assert_type(Attention.outer(x, x), Tensor)
    assert_type(attention.outer(x, y=x), Tensor)
    assert_type(Attention.trace(x, x), Tensor)
    assert_type(attention.trace(x, y=x), Tensor)
    assert_type(Attention.letters(x, y=x), Tensor)
    assert_type(attention.letters(x, x), Tensor)
    assert_type(Attention.summed(x, y=x), Tensor)
    assert_type(Attention.inner(x, y=x), Tensor)
    assert_type(attention.inner(x, y=x), Tensor)
    assert_type(Causal.outer.equation, str)
