"""`typed_einsum.testing`: contracts, inputs, lints."""

from typing import Any, assert_type

import torch
from hypothesis import given
from jaxtyping import Float
from torch import Tensor, nn

from typed_einsum import typed_einsum
from typed_einsum.testing import (
    Finding,
    Report,
    assert_contract,
    check_contract,
    contract,
    example_inputs,
    lint,
)
from typed_einsum.testing.strategies import inputs


@contract(independent="b", ordered=["k"], sizes={"b": 2})
def scores(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]:
    return query @ key.mT


@contract(couples="b", reference=scores)
@typed_einsum
def typed(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]: ...


def promises_keep_the_type(x: Tensor) -> None:
    assert_type(scores(x, key=x), Tensor)
    assert_type(typed(x, x), Tensor)
    assert_type(typed.equation, str)


def reports(module: nn.Module) -> None:
    report = check_contract(scores, independent=["b"], reference=typed, sizes={"q": 3})
    assert_type(report, Report)
    assert_type(report.ok, bool)
    assert_type(report.findings, tuple[Finding, ...])
    assert_type(report.findings[0].code, str)
    assert_type(report.to_json(), str)
    assert_type(check_contract(module), Report)
    assert_type(lint(module, torch.zeros(2, 3)), Report)
    assert_contract(scores, independent="b")


def arguments() -> None:
    assert_type(example_inputs(scores, seed=1, device="meta", dtype=torch.float64), dict[str, Any])
    assert_type(scores(**example_inputs(scores)), Tensor)


@given(inputs(scores, {"b": 2}, largest=5, dtypes=[torch.float32]))
def test_scores(arguments: dict[str, Any]) -> None:
    assert scores(**arguments).ndim == 3
