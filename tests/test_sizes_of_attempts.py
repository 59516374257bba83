"""A run that looks at sizes alone sees those that a watched run sees, and judges nothing."""

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from typed_einsum.testing.audit.watch import Watch
from typed_einsum.testing.axes.judge import judge
from typed_einsum.testing.calls.variation import at
from typed_einsum.testing.contracts.check import Check
from typed_einsum.testing.contracts.promises import Promises
from typed_einsum.testing.running.attempts import attempt, sizes_of_attempt


def call_of(function):
    return Check.of(function, Promises()).maker.call({})


def squeezed(x: Float[Tensor, "b t"]) -> Float[Tensor, "b t"]:
    return x[:, None].squeeze()


def emptied(x: Float[Tensor, "b t"]) -> Float[Tensor, "b t"]:
    return x[:0].squeeze().expand(x.shape)


def failing(x: Float[Tensor, "b t"]) -> Float[Tensor, "b t"]:
    return torch.sigmoid(x) @ x


def refusing(x: Float[Tensor, "b t"]) -> Float[Tensor, "b t"]:
    raise ValueError("not these")


@pytest.mark.parametrize("function", [squeezed, emptied, failing, refusing])
@pytest.mark.parametrize("size", [1, 5])
def test_sizes_are_those_of_a_watched_run(function, size):
    call = call_of(function)
    one = sizes_of_attempt(at(call, {"b": size}, "meta"))
    two = attempt(at(call, {"b": size}, "meta"))
    assert (type(one.error), one.refused, one.calls, one.squeezed, one.entries) == (
        type(two.error),
        two.refused,
        two.calls,
        two.squeezed,
        two.entries,
    )


def test_a_run_at_one_and_at_nothing_is_not_audited(monkeypatch):
    """Of a function without flaws, one run is watched, whatever the number of its axes is."""
    watched, begin = [], Watch.__enter__
    monkeypatch.setattr(Watch, "__enter__", lambda watch: (watched.append(watch), begin(watch))[1])

    def scaled(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        return x * 2

    assert judge(call_of(scaled)).extent == "all sizes"
    assert len(watched) == 1
