"""How a refusal leaves a trace of torch.compile: as an error of users, in our words."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from jaxtyping import Float
from torch import Tensor
from torch._dynamo.exc import UserError

from typed_einsum import einsum, errors, shape_checked, softmax
from typed_einsum.tracing import passing_error


@pytest.fixture(autouse=True)
def _nothing_compiled() -> None:
    torch._dynamo.reset()


def without_partner(query: Tensor, key: Tensor) -> Tensor:
    return einsum("b q d, b k e -> b q k", query + 1, key)


def over_no_axis(query: Tensor, _: Tensor) -> Tensor:
    return softmax(query + 1, "b q d", over="z")


@shape_checked
def scores(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]:
    return query @ key.mT


MISTAKES = {"TE108": without_partner, "TE109": over_no_axis}
each_mistake = pytest.mark.parametrize(("code", "function"), MISTAKES.items(), ids=MISTAKES)


@each_mistake
@pytest.mark.parametrize("fullgraph", [True, False])
def test_a_wrong_equation_is_our_error(code: str, function: Callable[..., Tensor], fullgraph: bool) -> None:
    compiled = torch.compile(function, backend="eager", fullgraph=fullgraph)
    with pytest.raises(errors.EquationError) as caught:
        compiled(torch.randn(2, 3, 5), torch.randn(2, 4, 7))
    assert caught.value.code == code
    assert str(caught.value).startswith(f"EquationError[{code}]: ")


@each_mistake
def test_without_one_graph_it_points_at_the_users_line(code: str, function: Callable[..., Tensor]) -> None:
    with pytest.raises(errors.EquationError) as caught:
        torch.compile(function, backend="eager")(torch.randn(2, 3, 5), torch.randn(2, 4, 7))
    assert caught.value.diagnostic.place.function == function.__name__


def test_a_wrong_shape_in_one_graph_says_how_to_read_what_is_wrong() -> None:
    compiled = torch.compile(scores, backend="eager", fullgraph=True)
    with pytest.raises(UserError) as caught:
        compiled(torch.randn(2, 3, 5), torch.randn(2, 4, 7))
    said = "typed-einsum refuses a call in this function, which ends the trace.\nhelp: call the function once"
    assert str(caught.value).startswith(said)


def test_a_call_after_a_refusal_is_compiled_as_ever() -> None:
    compiled = torch.compile(scores, backend="eager", fullgraph=True)
    query, key = torch.randn(2, 3, 5), torch.randn(2, 4, 5)
    with pytest.raises(UserError):
        compiled(query, key[:1])
    torch.testing.assert_close(compiled(query, key), torch.einsum("bqd,bkd->bqk", query, key))


def refusal() -> errors.TypedEinsumError:
    with pytest.raises(errors.EquationError) as caught:
        without_partner(torch.randn(2, 3, 5), torch.randn(2, 4, 7))
    return caught.value


def test_the_error_that_passes_is_both_ours_and_torchs() -> None:
    ordinary = refusal()
    passing = passing_error(ordinary)
    assert isinstance(passing, errors.EquationError)
    assert isinstance(passing, UserError)
    assert not isinstance(ordinary, UserError)
    assert (str(passing), passing.code) == (str(ordinary), ordinary.code)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_its_copies_are_ordinary(copied: Callable[[Any], Any]) -> None:
    ordinary = refusal()
    found = copied(passing_error(ordinary))
    assert type(found) is errors.EquationError
    assert str(found) == str(ordinary)
