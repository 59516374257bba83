"""Tensors that are annotated without axes: those that are passed have axes of their own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from jaxtyping import Float
from torch import Tensor, nn

from typed_einsum.testing import check_contract


def scaled(x: Float[Tensor, "b d"], weight: Tensor) -> Float[Tensor, "b d"]:
    return x * weight


def against(x: Float[Tensor, "b d"], keys: Tensor) -> Float[Tensor, "b k"]:
    return x @ keys.mT


def by_any(x: Float[Tensor, "b d"], weight) -> Float[Tensor, "b d"]:  # type: ignore[no-untyped-def]
    return x * weight


def by_list(x: Float[Tensor, "b d"], weights: list[Tensor]) -> Float[Tensor, "b d"]:
    return x * weights[0]


def mixed(x: Float[Tensor, "b d"], weight: Tensor) -> Float[Tensor, "b d"]:
    return x.flip(0) * weight


def in_turn(x: Float[Tensor, "b d"], weight: Tensor) -> Float[Tensor, "b d"]:
    return x.flip(0) * weight[:1, :1].sum()


@pytest.mark.parametrize(
    ("function", "other"),
    [
        (scaled, torch.zeros(5)),  # an axis of `x`, the second one
        (scaled, torch.zeros(3, 5)),
        (scaled, nn.Parameter(torch.zeros(5))),
        (against, torch.zeros(7, 5)),  # as many axes as `x`, and one size of another
        (against, torch.zeros(3, 7, 5)[1]),
        (by_any, torch.rand(3, 5)),
        (by_list, [torch.rand(3, 5)]),
    ],
)
def test_a_tensor_that_is_passed_has_axes_of_its_own(function: Any, other: Any) -> None:
    report = check_contract(function, args=(torch.rand(3, 5), other))
    assert (report.findings, report.skipped) == ((), "")


@pytest.mark.parametrize(("function", "other"), [(mixed, torch.rand(3, 5)), (in_turn, torch.rand(7, 2))])
def test_samples_that_move_others_are_found_beside_it(function: Any, other: Tensor) -> None:
    report = check_contract(function, args=(torch.rand(3, 5), other))
    assert [finding.code for finding in report.findings] == ["TE709"]
