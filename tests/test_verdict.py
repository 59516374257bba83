"""`shape_checked` decides as `jaxtyped(typechecker=beartype)` does: written functions, called at random."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from beartype import beartype
from hypothesis import event, given, note, settings
from hypothesis import strategies as st
from jaxtyping import AnnotationError, TypeCheckError, jaxtyped
from signatures import defined
from written_functions import Call, Writer

from typed_einsum import errors, shape_checked


def examples(number: int) -> settings:
    """So many examples, the same ones on every run."""
    return settings(max_examples=number, derandomize=True, deadline=None)


def reference(function: Callable[..., Any]) -> Callable[..., Any]:
    """What `shape_checked` must agree with."""
    checked: Callable[..., Any] = jaxtyped(function, typechecker=beartype)
    return checked


def verdict(decorate: Callable[..., Any], call: Call) -> str:
    """What becomes of a call: accepted, or refused and where; errors of any other kind pass through."""
    ran: list[bool] = []
    names = {**call.names, "ran": ran, "result": [call.result]}
    function = decorate(defined(call.source, names, future=call.future)["function"])
    try:
        returned = function(*call.args, **call.kwargs)
    except AnnotationError:
        return "cannot be computed after the call" if ran else "cannot be computed"
    except (TypeCheckError, errors.TypedEinsumError):
        return "result refused" if ran else "arguments refused"
    except TypeError:
        assert not ran
        return "does not fit the parameters"
    assert returned is call.result
    return "accepted"


def agree(call: Call) -> str:
    """Assert that both decide alike; returns the verdict."""
    wanted = verdict(reference, call)
    if wanted == "cannot be computed":
        # A known difference: jaxtyping gives up on an expression whose names come later, and we wait.
        return wanted
    wanted = wanted.replace("cannot be computed after the call", "result refused")
    found = verdict(shape_checked, call)
    assert found == wanted
    return wanted


@examples(300)
@given(chance=st.randoms(use_true_random=False))
def test_the_verdict_is_that_of_jaxtyping_with_beartype(chance: Random) -> None:
    call = Writer(chance).call()
    note(str(call))
    event(agree(call))
