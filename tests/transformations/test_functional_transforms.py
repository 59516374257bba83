"""torch.func: maps over a new axis, derivatives, and modules as functions of their weights."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from cells import agrees, column, refuses
from public_callables import Row
from torch import Tensor, nn
from torch.func import functional_call, grad, jvp, vmap


def total(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A number of the result, for a gradient: every entry counts, each in its own way."""

    def number(*tensors: Tensor) -> Tensor:
        result = function(*tensors)
        return (result * torch.linspace(1, 2, result.numel()).view(result.shape)).sum()

    return number


def every(row: Row) -> tuple[int, ...]:
    """The positions of all arguments."""
    return tuple(range(len(row.shapes)))


@column("`vmap`")
def test_vmap(row: Row) -> None:
    made = row.make()
    samples = [row.tensors(3, seed) for seed in range(4)]
    found = vmap(made)(*(torch.stack(each) for each in zip(*samples, strict=True)))
    for index, tensors in enumerate(samples):
        agrees(row, made, found[index], tensors)
    wrong = [torch.stack([tensor, tensor]) for tensor in row.wrong_tensors()]
    refuses(row, vmap(made), *wrong)


@column("`grad`")
def test_grad(row: Row) -> None:
    made, tensors = row.make(), row.tensors(3)
    found = grad(total(made), argnums=every(row))(*tensors)
    plain = grad(total(lambda *given: row.expected(made, *given)), argnums=every(row))(*tensors)
    torch.testing.assert_close(found, plain, rtol=1e-3, atol=1e-4)
    refuses(row, grad(total(made), argnums=every(row)))


# Torch scripts its own decompositions for forward mode, and deprecates that.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
@column("`jvp`")
def test_jvp(row: Row) -> None:
    made, tensors, tangents = row.make(), row.tensors(3), row.tensors(3, seed=1)
    found, moved = jvp(made, tensors, tangents)
    agrees(row, made, found, tensors)
    _, plain = jvp(lambda *given: row.expected(made, *given), tensors, tangents)
    torch.testing.assert_close(moved, plain, rtol=1e-3, atol=1e-4)
    refuses(row, lambda *wrong: jvp(made, wrong, wrong))


class Scaled(nn.Module):
    """A callable with one weight of its own, so that there is a weight to replace in every row."""

    def __init__(self, inner: Callable[..., Tensor]) -> None:
        super().__init__()
        self.inner = inner
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, first: Tensor, *others: Tensor) -> Tensor:
        result: Tensor = self.inner(self.scale * first, *others)
        return result


@column("`functional_call`")
def test_functional_call(row: Row) -> None:
    made, tensors = row.make(), row.tensors(3)
    module = Scaled(made)
    state = {name: 0.7 * value.detach() for name, value in module.state_dict().items()}
    found = functional_call(module, state, tensors)
    inner = {name.removeprefix("inner."): value for name, value in state.items() if name != "scale"}
    plain = row.plain(inner, state["scale"] * tensors[0], *tensors[1:])
    torch.testing.assert_close(found, plain, rtol=1e-4, atol=1e-5)
    refuses(row, lambda *wrong: functional_call(module, state, wrong))
