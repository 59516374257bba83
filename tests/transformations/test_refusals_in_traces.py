"""How a refusal leaves a trace of torch.compile: as an error of users, in our words."""

from __future__ import annotations

import copy
import pickle
import re
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
    said, repair = str(caught.value).splitlines()[:2]
    why = "axis `d` is 5 in `query` but 7 in `key`"
    assert said == f"typed-einsum refuses a call in this function, which ends the trace: {why}."
    assert repair.startswith("help: call the function once")


@shape_checked
def levelled(x: Float[Tensor, "b c"], levels: dict[str, list[Float[Tensor, "*b c"]]], n: int) -> None: ...


REFUSED: list[tuple[dict[str, list[Any]], Any, str]] = [
    ({"a": [torch.ones(7, 3), torch.ones(5, 3)]}, 2, '(7,) in `levels["a"][0]` but (5,) in `levels["a"][1]`'),
    ({"a": [torch.ones(7, 4)]}, 2, 'axis `c` is 3 in `x` but 4 in `levels["a"][0]`'),
    ({"a": [torch.ones(7, 3).int()]}, 2, '`levels["a"][0]` is not what its annotation says'),
    ({"a": [3]}, 2, '`levels["a"][0]` is not what its annotation says'),
    ({}, "2", "`n` is not what its annotation says"),
]


@pytest.mark.parametrize(("levels", "n", "why"), REFUSED)
def test_a_refusal_in_one_graph_says_which_item_is_wrong(levels: Any, n: Any, why: str) -> None:
    with pytest.raises(UserError, match=re.escape(f"{why}.")):
        torch.compile(levelled, backend="eager", fullgraph=True)(torch.ones(2, 3), levels, n)


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
