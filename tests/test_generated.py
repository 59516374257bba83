"""Generated checks decide as the solver does, in the same words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from random import Random
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given, note, settings
from hypothesis import strategies as st
from support.signatures import defined
from support.written_functions import Call, Writer
from support.written_values import Marked, Thing
from torch import Tensor, nn

from typed_einsum import einsum, errors, shape_checked, shaped, typed_einsum
from typed_einsum.generated.checks import NotStraight, ShapeChecks


@contextmanager
def solver_alone() -> Iterator[None]:
    """What is decorated here has no generated checks: the solver looks at every call."""
    refuse = NotStraight("not now")
    with (
        patch.object(ShapeChecks, "tensor", side_effect=refuse),
        patch.object(ShapeChecks, "joined", side_effect=refuse),
    ):
        yield


def is_straight(function: Any) -> bool:
    """Whether a checked function has checks of its own; else its source is a call of the solver alone."""
    return len(function.source.splitlines()) > 2


def outcome(function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, ...]:
    """What a call returns, or all that it says as it fails."""
    try:
        return ("returned", function(*args, **kwargs))
    except errors.TypedEinsumError as error:
        # Beartype lists the members of a union in an order that changes.
        said = [line for line in str(error).splitlines() if "jaxtyping and beartype: " not in line]
        return (type(error), error.code, "\n".join(said))
    except (TypeError, RuntimeError, NotImplementedError) as error:  # Python or torch refuses the call
        return (type(error),)


# Checked functions.


def both_wrappers(call: Call) -> tuple[Any, Any, Any]:
    """A written function with generated checks and with the solver alone, and the arguments of its owner."""
    names = {**call.names, "ran": [], "result": [call.result]}
    function = defined(call.source, names, future=call.future)["function"]
    generated = shape_checked(function)
    with solver_alone():
        solved = shape_checked(function)
    return function, generated, solved


OWNED: list[Any] = [
    None,
    {},
    {"a": 2, "c": 3},
    {"a": 1},
    {"zz": 5},
    {"a": "2"},
    {"zz": True},
    {3: 3},
    ("a", 2),
]
"""What an object may say of its axes, some of it malformed."""


def compare(call: Call, owned: Any) -> str:
    """Assert that both decide alike, in the same words; returns how it went."""
    _, generated, solved = both_wrappers(call)
    owner = Thing()
    if owned is not None:
        owner.axis_sizes = owned
    args = (owner, *call.args) if call.binding in ("self", "cls") else call.args
    wanted = outcome(solved, *args, **call.kwargs)
    found = outcome(generated, *args, **call.kwargs)
    assert found == wanted
    path = "straight" if is_straight(generated) else "solver"
    return f"{path} {'returned' if wanted[0] == 'returned' else 'refused'}"


@settings(max_examples=200, derandomize=True)
@given(chance=st.randoms(use_true_random=False), owned=st.sampled_from(OWNED))
def test_generated_checks_of_a_function_say_what_the_solver_says(chance: Random, owned: Any) -> None:
    call = Writer(chance).call()
    note(str(call))
    assert compare(call, owned)


@pytest.mark.thorough
def test_both_paths_and_both_outcomes_come_up_often() -> None:
    chance = Random(0)
    counts = Counter(compare(Writer(Random(n)).call(), chance.choice(OWNED)) for n in range(400))
    assert counts["straight returned"] >= 120
    assert counts["straight refused"] >= 80
    assert counts["solver returned"] + counts["solver refused"] <= 4


def test_the_solver_is_alone_where_it_is_meant_to_be() -> None:
    source = 'def f(x: Float[Tensor, "a"]) -> Float[Tensor, "a"]: return x'
    function = defined(source)["f"]
    assert is_straight(shape_checked(function))
    with solver_alone():
        assert not is_straight(shape_checked(function))
        body = typed_einsum(
            defined('def f(x: Float[Tensor, "a b"]) -> Float[Tensor, "b a"]: ...')["f"]
        ).source
    assert len(body.splitlines()) == 2


def test_a_check_that_lets_all_pass_is_noticed() -> None:
    source = 'def f(x: Float[Tensor, "a"], y: Float[Tensor, "a"]): return 3'
    with patch.object(ShapeChecks, "_conditions", return_value=[]):
        lax = shape_checked(defined(source)["f"])
    with solver_alone():
        strict = shape_checked(defined(source)["f"])
    assert outcome(lax, torch.ones(2), torch.ones(3)) == ("returned", 3)
    assert outcome(strict, torch.ones(2), torch.ones(3))[1] == "TE201"


INSIDE = [
    ('shaped(torch.ones(2, 3), "*v b")', torch.ones(7, 3), "TE204"),
    ('shaped(torch.ones(2, 3), "*#v b")', torch.ones(7, 3), "TE204"),
    ('shaped(torch.ones(1, 3), "*#v b")', torch.ones(7, 3), None),
    ('shaped(torch.ones(5), "c")', torch.ones(7, 3), None),
    ('einsum("a, b -> a b", x, torch.ones(5))', torch.ones(7, 3), None),
    ('einsum("*v a -> a *v", torch.ones(5, 3))', torch.ones(7, 3), "TE204"),
]


@pytest.mark.parametrize(("statement", "result", "code"), INSIDE)
def test_names_bound_while_a_function_runs_hold_for_its_result(
    statement: str, result: Tensor, code: str | None
) -> None:
    source = f'def f(x: Float[Tensor, "a"]) -> Float[Tensor, "*v a"]:\n    {statement}\n    return result'
    function = defined(source, {"shaped": shaped, "einsum": einsum, "result": result})["f"]
    generated = shape_checked(function)
    with solver_alone():
        solved = shape_checked(function)
    assert is_straight(generated)
    wanted = outcome(solved, torch.ones(3))
    assert wanted[:2] == ("returned", result) if code is None else wanted[1] == code
    assert outcome(generated, torch.ones(3)) == wanted


# Contractions.

SIZES = {"a": 2, "b": 3, "c": 5, "d": 1, "*v": 2}
DTYPES = {
    "Float": [torch.float32, torch.float64],
    "Int": [torch.int64],
    "Num": [torch.float32, torch.int64],
    "Shaped": [torch.float32, torch.int64],
    "Float32": [torch.float32],
    "Complex": [torch.complex64],
}
STRANGE: list[Callable[[], Any]] = [
    lambda: None,
    lambda: 3,
    lambda: [1.0, 2.0],
    lambda: np.zeros((2, 3)),
    lambda: torch.ones(2, 3, device="meta"),
    lambda: torch.ones(()),
    lambda: torch.ones(2, 3, dtype=torch.uint8),
    lambda: torch.ones(2, 3, dtype=torch.complex128),
]


class Contractions:
    """Makes typed einsums and operands that fit or nearly fit, from one source of chance."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance

    def function(self) -> tuple[Callable[..., Any], dict[str, str], list[list[str]]]:
        """A function to decorate, the options, and the axes of its operands."""
        chance = self.chance
        operands = [
            [
                chance.choice(["a", "b", "c", "a", "b", "d", "#b", "rgb=3"])
                for _ in range(chance.choice([2, 1, 3, 0]))
            ]
            for _ in range(chance.choice([2, 2, 1, 3]))
        ]
        if chance.randrange(4) == 0:
            for axes in operands:
                axes.insert(chance.randrange(len(axes) + 1), "*v")
        plain = [[axis.lstrip("#").partition("=")[0] for axis in axes] for axes in operands]
        names = list(dict.fromkeys(name for axes in plain for name in axes))
        output = chance.sample(names, chance.randrange(len(names) + 1))
        gone = [name for name in names if name not in output]
        options = {"sum": " ".join(gone)} if gone else {}
        if gone and chance.randrange(4) == 0:
            options = {"max": gone[0]} | ({"sum": " ".join(gone[1:])} if gone[1:] else {})
        kind = chance.choice(list(DTYPES))
        parameters = [f'x{i}: {kind}[Tensor, "{" ".join(axes)}"]' for i, axes in enumerate(operands)]
        source = f'def contract({", ".join(parameters)}) -> {kind}[Tensor, "{" ".join(output)}"]: ...'
        self.dtype = chance.choice(DTYPES[kind])
        return defined(source)["contract"], options, operands

    def operand(self, axes: list[str]) -> Any:
        """A tensor with these axes, or nearly; once in a while, anything."""
        chance = self.chance
        if chance.randrange(12) == 0:
            return chance.choice(STRANGE)()
        sizes = {**SIZES, "rgb=3": 3, "#b": chance.choice([3, 1])}
        shape = [size for axis in axes for size in ([2, 4] if axis == "*v" else [sizes[axis]])]
        if shape and chance.randrange(5) == 0:
            shape[chance.randrange(len(shape))] = chance.choice([0, 1, 2, 7])
        if chance.randrange(12) == 0:
            shape = shape[1:] if chance.randrange(2) else [*shape, 2]
        made = (torch.arange(prod(shape)).reshape(shape) % 5).to(self.dtype)
        if chance.randrange(8) == 0:
            return nn.Parameter(made, requires_grad=False)
        return made.as_subclass(Marked) if chance.randrange(8) == 0 else made


def same(left: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
    """Whether two outcomes are one; small whole numbers are exact whatever the order of sums."""
    if "returned" not in (left[0], right[0]):
        return left == right
    if left[0] != right[0]:
        return False
    (_, x), (_, y) = left, right
    if x.shape != y.shape or x.dtype != y.dtype or x.device != y.device:
        return False
    return x.device.type == "meta" or torch.equal(torch.as_tensor(x), torch.as_tensor(y))


def compare_contractions(chance: Random) -> str:
    """Assert that generated checks and the solver agree on one call; returns how it went."""
    maker = Contractions(chance)
    function, options, axes = maker.function()
    try:
        generated = typed_einsum(**options)(function)
    except errors.EquationError:
        return "no equation"
    with solver_alone():
        solved = typed_einsum(**options)(function)
    operands = [maker.operand(each) for each in axes]
    wanted, found = outcome(solved, *operands), outcome(generated, *operands)
    assert same(found, wanted), (generated.equation, options, operands, found, wanted)
    path = "straight" if len(generated.source.splitlines()) > 2 else "solver"
    return f"{path} {'returned' if wanted[0] == 'returned' else 'refused'}"


@settings(max_examples=300, derandomize=True)
@given(chance=st.randoms(use_true_random=False))
def test_generated_checks_of_a_typed_einsum_say_what_the_solver_says(chance: Random) -> None:
    assert compare_contractions(chance)


@pytest.mark.thorough
def test_contractions_of_each_outcome_come_up_often() -> None:
    counts = Counter(compare_contractions(Random(seed)) for seed in range(600))
    assert counts["straight returned"] >= 100
    assert counts["straight refused"] >= 100
    assert counts["solver returned"] + counts["straight returned"] >= 150
    assert counts["no equation"] <= 300
