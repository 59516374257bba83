"""A call that is judged changes no object that the program passes to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from jaxtyping import Float
from torch import Tensor, nn

from typed_einsum.testing import check_contract
from typed_einsum.testing.calls.copies import MOST_COPIED, private
from typed_einsum.testing.inputs.recipe import CannotMake
from typed_einsum.testing.listing.running import recorded


class Cache:
    def __init__(self) -> None:
        self.last: Any = None
        self.every: list[Tensor] = []
        self.total = torch.zeros(3)


def remember(cache: Any, x: Float[Tensor, "b t"]) -> Float[Tensor, "b t"]:
    cache.last = x * 2
    cache.every.append(x)
    cache.total += 1
    return x + 1


def test_what_a_function_keeps_in_an_argument_is_not_kept_by_the_program() -> None:
    cache = Cache()
    report = check_contract(remember, args=(cache, torch.ones(2, 3)))
    assert (report.skipped, report.findings) == ("", ())
    assert (cache.last, cache.every, cache.total.tolist()) == (None, [], [0.0] * 3)


def test_statistics_of_a_module_that_is_passed_stay_as_they_are() -> None:
    def normalised(x: Float[Tensor, "b c"], norm: nn.Module) -> Float[Tensor, "b c"]:
        normal: Tensor = norm(x)
        return normal

    norm = nn.BatchNorm1d(3)
    check_contract(normalised, args=(torch.randn(5, 3), norm))
    assert norm.num_batches_tracked == 0  # type: ignore[comparison-overlap]


def test_the_context_of_a_gradient_keeps_the_tensors_of_the_program() -> None:
    contexts: list[Any] = []

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            ctx.kept = x
            contexts.append(ctx)
            return x * x

        @staticmethod
        def backward(ctx: Any, grad: Float[Tensor, "b t"]) -> Float[Tensor, "b t"]:  # type: ignore[override]
            ctx.seen = grad
            (x,) = ctx.saved_tensors
            return 2 * ctx.kept * grad + 0 * x

    x = torch.ones(2, 3, requires_grad=True)
    y = Square.apply(x)  # type: ignore[no-untyped-call]
    (context,) = contexts
    report = check_contract(Square.backward, args=(context, torch.ones(2, 3)))
    assert report.skipped == ""
    assert not hasattr(context, "seen")
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.sum() == 12
    private(context)  # its tensors are gone


def test_what_is_copied() -> None:
    large, computed = torch.empty(MOST_COPIED + 1, device="meta"), torch.ones(2, requires_grad=True) * 2
    cache = Cache()
    cache.last, cache.every = computed, [large]
    copied = private(cache)
    assert copied.last is not computed
    assert copied.last.requires_grad
    assert copied.every[0] is large
    assert private(nn) is nn
    random = torch.Generator().manual_seed(3)
    state = random.get_state()
    torch.rand(2, generator=private(random))
    assert random.get_state().equal(state)


class Refusing:
    def __init__(self) -> None:
        self.kept: list[int] = []

    def __deepcopy__(self, memo: dict[int, Any]) -> Refusing:
        raise TypeError("no copies")


class RefusingAll(Refusing):
    def __copy__(self) -> RefusingAll:
        raise TypeError("no copies")


def test_what_cannot_be_copied_stays_unless_it_can_be_read_once_alone() -> None:
    refusing, refusing_all = Refusing(), RefusingAll()
    assert private(refusing) is not refusing
    assert private(refusing).kept is refusing.kept
    assert private(refusing_all) is refusing_all

    def numbers() -> Iterator[int]:
        yield 1

    with pytest.raises(CannotMake, match="can be read once alone"):
        private(numbers())


def test_a_listing_of_a_call_that_values_decide_leaves_the_objects_of_the_program_alone() -> None:
    def keep(cache: Any, x: Tensor) -> Tensor:
        if x.sum().item() > 0:
            cache.every.append(x)
        return x

    cache = Cache()
    assert recorded(keep, (cache, torch.ones(2, 3)), {}).error is None
    assert cache.every == []
    assert recorded(keep, ((each for each in [cache]), torch.ones(2, 3)), {}).error is not None
