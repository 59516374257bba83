"""Plain calls, and contexts that a call may run in: the numbers of plain torch, and the check."""

from __future__ import annotations

import pytest
import torch
from cells import agrees, column, refuses
from public_callables import ROWS, Row
from torch.utils.checkpoint import checkpoint


@column("a plain call")
def test_plain(row: Row) -> None:
    made = row.make()
    agrees(row, made, made(*row.tensors(3)), row.tensors(3))
    refuses(row, made)


def test_a_wrong_number_is_noticed() -> None:
    row = ROWS[0]
    made = row.make()
    with pytest.raises(AssertionError, match="not close"):
        agrees(row, made, made(*row.tensors()) + 0.01, row.tensors())


def test_a_missing_refusal_is_noticed() -> None:
    row = ROWS[0]
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        refuses(row, row.make(), *row.tensors())


@column("`no_grad`")
def test_no_grad(row: Row) -> None:
    made = row.make()
    tensors = [tensor.requires_grad_() for tensor in row.tensors(3)]
    with torch.no_grad():
        found = made(*tensors)
        refuses(row, made)
    assert not found.requires_grad
    agrees(row, made, found, row.tensors(3))


@column("`inference_mode`")
def test_inference_mode(row: Row) -> None:
    made = row.make()
    with torch.inference_mode():
        found = made(*row.tensors(3))
        refuses(row, made)
    assert found.is_inference()
    agrees(row, made, found.clone(), row.tensors(3))


@column("autocast")
def test_autocast(row: Row) -> None:
    made = row.make()
    with torch.autocast("cpu", torch.bfloat16):
        found = made(*row.tensors(3))
        refuses(row, made)
    assert found.dtype in (torch.bfloat16, torch.float32)
    expected = row.expected(made, *row.tensors(3))
    # bfloat16 keeps 8 bits; the stages of a module each round to it.
    torch.testing.assert_close(found.float(), expected, rtol=0.05, atol=0.05 * expected.abs().max().item())


@column("`checkpoint`")
def test_checkpoint(row: Row) -> None:
    made = row.make()
    for reentrant in (False, True):
        tensors = [tensor.requires_grad_() for tensor in row.tensors(3)]
        copies = [tensor.detach().clone().requires_grad_() for tensor in tensors]
        found = checkpoint(made, *tensors, use_reentrant=reentrant)
        agrees(row, made, found, row.tensors(3))
        found.square().sum().backward()  # the older, reentrant form knows no `torch.autograd.grad`
        plain = torch.autograd.grad(row.expected(made, *copies).square().sum(), copies)
        torch.testing.assert_close([tensor.grad for tensor in tensors], list(plain), rtol=1e-3, atol=1e-4)
        wrong = [tensor.requires_grad_() for tensor in row.wrong_tensors()]
        refuses(row, lambda *given, again=reentrant: checkpoint(made, *given, use_reentrant=again), *wrong)
