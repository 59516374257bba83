"""What an earlier call has asked of an operation holds in the next, wherever its sizes answer alike."""

import pytest
import torch
from jaxtyping import Float
from support.following import torch_follows
from torch import Tensor, nn

from typed_einsum.testing.axes import recalling
from typed_einsum.testing.axes.trace import trace
from typed_einsum.testing.calls.variation import without_numbers
from typed_einsum.testing.contracts.check import Check
from typed_einsum.testing.contracts.promises import Promises


@pytest.fixture(autouse=True)
def nothing_recalled(monkeypatch):
    monkeypatch.setattr(recalling, "_everything", {})


def call_of(function, **sizes):
    call = Check.of(function, Promises()).maker.call({})
    return without_numbers(call, {**call.sizes, **sizes})


def asked(ran):
    return [(each.asked, each.outcome, each.asker, each.place) for each in ran.questions]


def halves(x: Float[Tensor, "b t"]) -> Float[Tensor, "b t"]:
    return torch.cat(x.reshape(x.shape[0], 2, -1).softmax(-1).unbind(1), -1).reshape(x.shape)


def added(x: Float[Tensor, "b t"], y: Float[Tensor, "b s"]) -> Float[Tensor, "b t"]:
    return (x.exp() * 2 + y).softmax(-1)


class Projected(nn.Module):
    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.layer = nn.Linear(width, 4 * width)

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t 192"]:
        rows = x.reshape(-1, x.shape[-1])
        return self.layer(self.norm(rows)).reshape(*x.shape[:-1], -1)


@pytest.mark.parametrize(
    ("function", "first", "second"),
    [
        (halves, {"t": 34}, {"t": 38}),
        (halves, {"t": 17}, {"t": 38}),
        (halves, {"t": 38}, {"t": 17}),
        (added, {"t": 17, "s": 17}, {"t": 19, "s": 19}),
        (added, {"t": 17, "s": 17}, {"t": 17, "s": 19}),
        (added, {"t": 17, "s": 1}, {"t": 17, "s": 17}),
        (added, {"t": 17, "s": 17}, {"t": 17, "s": 1}),
        (Projected, {"d": 48}, {"d": 48, "t": 5}),
        (Projected, {"d": 48}, {"d": 49}),
    ],
)
def test_a_call_asks_the_same_after_another_one(function, first, second):
    """Whatever has been followed before: the same questions, in their order, and the same failure."""
    alone = trace(call_of(function, **second))
    recalling._everything.clear()
    trace(call_of(function, **first))
    after = trace(call_of(function, **second))
    assert asked(after) == asked(alone)
    assert (type(after.error), str(after.error)) == (type(alone.error), str(alone.error))


def test_what_was_followed_is_not_followed_at_other_sizes(monkeypatch):
    """Torch follows an operation on the same symbols once, also in a call of another function."""

    def other(hidden: Float[Tensor, "n m"]) -> Float[Tensor, "n m"]:
        return hidden.exp() * 2

    trace(call_of(added, t=17, s=17))
    seen = torch_follows(monkeypatch)
    trace(call_of(other))
    assert torch.ops.aten.exp.default not in seen


def test_an_operation_made_of_others_asks_what_these_have_asked_before():
    """A part that the first call had followed already is not lost to the second one."""

    def parted(x: Float[Tensor, "b t"]) -> Float[Tensor, "b t"]:
        x.reshape(x.shape[0], 2, -1)
        return x.reshape(x.shape[0], 2, -1).reshape(x.shape)

    def whole(x: Float[Tensor, "b t"]) -> Float[Tensor, "b t"]:
        return x.reshape(x.shape[0], 2, -1).reshape(x.shape)

    alone = trace(call_of(whole, t=34)).conditions
    recalling._everything.clear()
    trace(call_of(parted, t=34))
    assert {each.asked for each in trace(call_of(whole, t=34)).conditions} == {each.asked for each in alone}


def test_no_more_is_kept_than_a_number(monkeypatch):
    monkeypatch.setattr(recalling, "MOST_RECALLED", 2)
    trace(call_of(Projected))
    assert len(recalling._everything) <= 2
