"""Derivations and the gallery of equations."""

from collections.abc import Mapping
from typing import assert_type

from torch import Tensor

from typed_einsum import attention, explain
from typed_einsum.attention import equations
from typed_einsum.attention.dot_product import scores
from typed_einsum.derivation import Derivation


def derivations() -> None:
    derivation = explain("b q d, b k d -> b q k", {"b": 2, "q": 3}, names=("Q", "K", "S"))
    assert_type(derivation, Derivation)
    assert_type(explain(scores), Derivation)
    assert_type(explain("b q d -> b", "b=2,q=3", sum="q d"), Derivation)
    assert_type(derivation.equation, str)
    assert_type(derivation.roles, Mapping[str, str])
    assert_type(derivation.to_text(steps=["notation"]), str)
    assert_type(derivation.to_text("ansi"), str)
    assert_type(derivation.to_svg("network"), str)
    totals = derivation.cost.totals
    if totals is not None:  # where every axis has a size
        assert_type(totals.multiply_adds, int)


def gallery(x: Tensor) -> None:
    found = equations()["dot_product.scores"]
    assert_type(found.equation, str)
    assert_type(found(x, x), Tensor)
    assert_type(scores(x, x), Tensor)
    assert_type(attention.equations().keys() == equations().keys(), bool)
