"""`shape_checked` decides as `jaxtyped(typechecker=beartype)` does, but for the differences at the end."""

from __future__ import annotations

import asyncio
import collections.abc
import gc
import os
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

import pytest
import torch
from beartype import beartype
from hypothesis import given, note, settings
from hypothesis import strategies as st
from jaxtyping import AnnotationError, Float, TypeCheckError, jaxtyped
from support.signatures import defined
from support.written_functions import Call, Writer
from support.written_values import NAMES, Thing
from torch import Tensor

from typed_einsum import errors, shape_checked

MANY = int(os.environ.get("MANY", "400"))
"""Calls in the fixed run; `MANY=20000 pytest tests/test_verdict.py` looks further."""


def jaxtyping_with_beartype(function: Any) -> Any:
    """What `shape_checked` must agree with."""
    return jaxtyped(function, typechecker=beartype)


def verdict(decorate: Callable[[Any], Any], call: Call) -> str:
    """What becomes of a call: accepted, or refused and where; errors of any other kind pass through."""
    ran: list[bool] = []
    names = {**call.names, "ran": ran, "result": [call.result]}
    function = defined(call.source, names, future=call.future)["function"]
    match call.binding:
        case "self":
            attribute = decorate(function)
        case "cls":
            attribute = decorate(classmethod(function))
        case "static":
            attribute = decorate(staticmethod(function))
        case _:
            attribute = staticmethod(decorate(function))
    owner = type("Owner", (Thing,), {"function": attribute})()
    try:
        returned = owner.function(*call.args, **call.kwargs)
    except AnnotationError:
        return "no size for the result" if ran else "no size for an argument"
    except (TypeCheckError, errors.TypedEinsumError):
        return "result refused" if ran else "arguments refused"
    except TypeError:
        assert not ran
        return "does not fit the parameters"
    assert returned is call.result
    return "accepted"


def agree(call: Call, decorate: Callable[[Any], Any] = shape_checked) -> str:
    """Assert that both decide alike; returns the verdict."""
    wanted = verdict(jaxtyping_with_beartype, call)
    found = verdict(decorate, call)
    if wanted == "no size for an argument":  # here we wait for the size: see the differences below
        assert found in ("accepted", "arguments refused", "result refused"), call
    else:
        assert found == wanted.replace("no size for the result", "result refused"), call
    return wanted


@settings(max_examples=200, derandomize=True)
@given(chance=st.randoms(use_true_random=False))
def test_the_verdict_is_that_of_jaxtyping_with_beartype(chance: Random) -> None:
    call = Writer(chance).call()
    note(str(call))
    assert agree(call)


@pytest.mark.thorough
def test_every_verdict_comes_up_often() -> None:
    counts = Counter(agree(Writer(Random(seed)).call()) for seed in range(MANY))
    assert counts["accepted"] >= 0.3 * MANY
    assert counts["arguments refused"] >= 0.15 * MANY
    assert counts["result refused"] >= 0.15 * MANY
    assert counts["no size for an argument"] >= 0.01 * MANY
    assert counts["no size for the result"] >= 1


def refusing(function: Any) -> Any:
    """Refuses every call before the function runs."""

    def refuse(*_: Any, **__: Any) -> None:
        raise TypeCheckError

    return refuse if callable(function) else type(function)(refuse)


@pytest.mark.parametrize("wrong", [lambda function: function, refusing], ids=["accepts all", "refuses all"])
def test_another_verdict_is_noticed(wrong: Callable[[Any], Any]) -> None:
    noticed = 0
    for seed in range(100):
        try:
            agree(Writer(Random(seed)).call(), wrong)
        except AssertionError:
            noticed += 1
    assert noticed >= 30


# One case for each thing that the writer above does not write.


class Pair(NamedTuple):
    """A tuple of a class of its own."""

    left: Any
    right: Any


def f32(*sizes: int) -> Tensor:
    """A tensor of these sizes."""
    return torch.empty(sizes)


NO_SIZE = "no size for an argument"

CASES: list[tuple[str, tuple[Any, ...], str]] = [
    # Annotations that are texts, or hold names for types.
    ('x: "Float[Tensor, \'a  a\']", y: Float[Tensor, "a"]', (f32(3, 3), f32(4)), "arguments refused"),
    ("x: 'Nowhere'", (3,), "accepted"),
    ("x: list['Nowhere']", (3,), "accepted"),
    ("x: list['Thing']", ([3],), "arguments refused"),
    ("x: list['Thing']", ([Thing()],), "accepted"),
    ("x: Optional['Thing'], y: Float[Tensor, 'a']", (3, f32(2)), "arguments refused"),
    ("x: Optional['Float[Tensor, \"a 2*a\"]']", (f32(2, 3),), "arguments refused"),
    ("x: Optional['Float[Tensor, \"a 2*a\"]']", (f32(2, 4),), "accepted"),
    # Tuples.
    ('x: tuple[Float[Tensor, "a"], Float[Tensor, "a"]]', (Pair(f32(3), f32(3)),), "accepted"),
    ('x: tuple[Float[Tensor, "a"], Float[Tensor, "a"]]', (Pair(f32(3), f32(4)),), "arguments refused"),
    ('x: tuple[Float[Tensor, "a"], Float[Tensor, "a"]]', ([f32(3), f32(3)],), "arguments refused"),
    ('x: tuple[tuple[Float[Tensor, "a"], int], int]', (((f32(3), 1), 3),), "accepted"),
    ('x: tuple[tuple[Float[Tensor, "a"], int], int]', (((f32(3), 1), "x"),), "arguments refused"),
    ('x: tuple[()], y: Float[Tensor, "a"]', ((), f32(3)), "accepted"),
    # Arrays that are no torch tensors.
    ('x: Float[np.ndarray, "a"], y: Float[Tensor, "a"]', (f32(3).numpy(), f32(3)), "accepted"),
    ('x: Float[np.ndarray, "a"], y: Float[Tensor, "a"]', (f32(3).numpy(), f32(4)), "arguments refused"),
    ('x: Int[int, "..."], y: Float[Tensor, "a"]', (3, f32(4)), "accepted"),
    ('x: Float[Tensor, "?a"]', (f32(3),), NO_SIZE),
    # Expressions beyond sums and products, and what divides by zero.
    ('x: Float[Tensor, "a a/2"]', (f32(6, 3),), "accepted"),
    ('x: Float[Tensor, "a a/2"]', (f32(5, 3),), "arguments refused"),
    ('x: Float[Tensor, "a a==5"]', (f32(5, 1),), "accepted"),
    ('x: Float[Tensor, "a b a//b"]', (f32(7, 2, 3),), "accepted"),
    ('x: Float[Tensor, "a b a//b"]', (f32(7, 0, 3),), "arguments refused"),
    ('x: Float[Tensor, "a b #a//b"]', (f32(7, 0, 1),), "accepted"),
    ('x: Float[Tensor, "a b a//(a%b)"]', (f32(7, 7, 3),), "arguments refused"),
    ('x: Float[Tensor, "a a//0"]', (f32(7, 3),), "arguments refused"),
    ('x: Float[Tensor, "a -1"]', (f32(7, 3),), "arguments refused"),
    ('x: Float[Tensor, "a 3_0 +2 ٣"]', (f32(7, 30, 2, 3),), "accepted"),
    ('x: Float[Tensor, "a 0x10"]', (f32(7, 16),), "accepted"),
    ('x: Float[Tensor, "min abs min+abs"]', (f32(2, 3, 5),), "accepted"),
    ('x: Float[Tensor, "True if None"], y: Float[Tensor, "if"]', (f32(2, 3, 5), f32(3)), "accepted"),
    ('x: Float[Tensor, "if 2*if"]', (f32(2, 4),), "arguments refused"),
    # Fields of every kind.
    ('x: Float[Tensor, "{x.ndim}"]', (f32(1),), "accepted"),
    ('x: Float[Tensor, "a {x.shape[0]}"]', (f32(5, 5),), "accepted"),
    ('x: Float[Tensor, "{x.nowhere}"]', (f32(5),), "arguments refused"),
    ('x: Float[Tensor, "{nowhere}"]', (f32(5),), NO_SIZE),
    ('x: Float[Tensor, "a {n}a"], n: int', (f32(5, 5), 2), "arguments refused"),
    # What a call is made of.
    ('x: Float[Tensor, "a"], y: int = None', (f32(3), None), "arguments refused"),
    ('x: Float[Tensor, "a"] = None', (), "accepted"),
    ('x: Float[Tensor, "a"] = None', (None,), "arguments refused"),
    ('x: Float[Tensor, "a"], *, y: Float[Tensor, "a"]', (f32(3), f32(3)), "does not fit the parameters"),
    ('x: Callable[[Float[Tensor, "a"]], int]', (len,), "accepted"),
    ('x: Callable[[Float[Tensor, "a"]], int]', (3,), "arguments refused"),
    # Parameters that share their names with builtins.
    ('type: Float[Tensor, "a"], len: tuple[Float[Tensor, "a"]]', (f32(3), (f32(3),)), "accepted"),
    ('type: Float[Tensor, "a"], len: tuple[Float[Tensor, "a"]]', (f32(3), (f32(4),)), "arguments refused"),
    ('x: Float[Tensor, "a"], isinstance: Thing', (f32(3), Thing()), "accepted"),
    ('x: Float[Tensor, "a"], isinstance: Thing', (f32(3), 3), "arguments refused"),
    ('ValueError: Float[Tensor, "a"], tuple: Float[Tensor, "a"]', (f32(3, 2), f32(4)), "arguments refused"),
]  # fmt: skip


@pytest.mark.parametrize(("parameters", "arguments", "wanted"), CASES)
def test_a_case(parameters: str, arguments: tuple[Any, ...], wanted: str) -> None:
    call = Call(f"def function({parameters}):\n    ran.append(True)", NAMES, arguments, {}, None)
    assert agree(call) == wanted


RESULTS: list[tuple[str, Any, str]] = [
    ('tuple[Float[Tensor, "b"], Float[Tensor, "a b"]]', (f32(2), f32(3, 2)), "accepted"),
    ('tuple[Float[Tensor, "b"], Float[Tensor, "a b"]]', (f32(2), f32(4, 2)), "result refused"),
    ('tuple[Float[Tensor, "2*b"], Float[Tensor, "b"]]', (f32(4), f32(2)), "no size for the result"),
    ('Float[Tensor, "2*b b"]', f32(4, 2), "no size for the result"),
    ('Float[Tensor, "{n}*a"]', f32(6), "accepted"),
    ('Float[Tensor, "{n}*a"]', f32(5), "result refused"),
    ('Float[Tensor, "{n}/4*a"]', f32(5), "result refused"),
    ('Float[Tensor, "max({n},a)"]', f32(3), "accepted"),
    ('Float[Tensor, "a//({n}-2)"]', f32(3), "result refused"),
    ("None", 3, "result refused"),
    ("'Nowhere'", 3, "accepted"),
]


@pytest.mark.parametrize(("annotation", "result", "wanted"), RESULTS)
def test_a_result(annotation: str, result: Any, wanted: str) -> None:
    head = f'def function(x: Float[Tensor, "a"], n: int = 2) -> {annotation}:'
    call = Call(f"{head}\n    ran.append(True)\n    return result[0]", NAMES, (f32(3),), {}, result)
    assert agree(call) == wanted


GENERATORS = [
    ("def function(x: {hint}):\n    yield 1", "accepted"),
    ("def function(x: {hint}) -> Iterator[int]:\n    yield 1", "accepted"),
    ("def function(x: {hint}) -> Generator[int, None, None]:\n    yield 1", "accepted"),
    ("def function(x: {hint}) -> Iterator:\n    yield 1", "accepted"),
    ("def function(x: {hint}) -> int:\n    yield 1", "result refused"),
    ("async def function(x: {hint}) -> AsyncIterator[Float[Tensor, 'a']]:\n    yield 1", "accepted"),
]


@pytest.mark.parametrize(("source", "wanted"), GENERATORS)
@pytest.mark.parametrize("fits", [True, False])
def test_a_generator_is_refused_by_its_arguments_or_its_type(source: str, wanted: str, fits: bool) -> None:
    names = {name: getattr(collections.abc, name) for name in ("Iterator", "Generator", "AsyncIterator")}
    value = f32(3) if fits else f32(3, 2)
    for decorate in (shape_checked, jaxtyping_with_beartype):
        function = decorate(defined(source.format(hint='Float[Tensor, "a"]'), names)["function"])
        if fits and wanted == "accepted":
            made = function(value)
            assert list(made) == [1] if hasattr(made, "__iter__") else hasattr(made, "__aiter__")
        else:
            with pytest.raises((TypeCheckError, errors.TypedEinsumError)):
                function(value)


# The differences, each shown on both sides.


@pytest.mark.parametrize(
    "result", ["Iterator[Float[Tensor, 'a']]", "Generator[Float[Tensor, 'a'], None, None]"]
)
def test_what_a_generator_yields_is_checked(result: str) -> None:
    names = {"Iterator": collections.abc.Iterator, "Generator": collections.abc.Generator}
    result = result.format(item='Float[Tensor, "a"]')
    source = f'def function(x: Float[Tensor, "a"], item: Any) -> {result}:\n    yield item'
    theirs, ours = both(source, {**names, "Any": Any})
    assert list(theirs(f32(3), 1)) == [1]
    assert len(list(ours(f32(3), f32(3)))) == 1
    for wrong in (1, f32(2)):
        with pytest.raises(errors.TypedEinsumError):
            list(ours(f32(3), wrong))


RECORD = """
def function(x: Float[Tensor, "a"], record: Record) -> None: ...
"""


def test_a_record_is_looked_into() -> None:
    class Record(NamedTuple):
        y: Any

    Record.__annotations__ = {"y": Float[Tensor, "a"]}
    theirs, ours = both(RECORD, {"Record": Record})
    for call in (theirs, ours):
        call(f32(3), Record(f32(3)))
    theirs(f32(3), Record(f32(2)))
    with pytest.raises(errors.ShapeError, match=r"`record\.y`"):
        ours(f32(3), Record(f32(2)))


def both(source: str, names: dict[str, Any] | None = None) -> tuple[Any, Any]:
    """The function of a source as jaxtyping checks it, and as we do."""
    function = defined(source, names)["function"]
    return jaxtyping_with_beartype(function), shape_checked(function)


WAITING = 'def function(x: Float[Tensor, "h*w"], y: Float[Tensor, "h w"]): return True'
WAITING_FOR_THE_RESULT = """
def function(x: Float[Tensor, "h*w"], h: int) -> Float[Tensor, "h w"]:
    return torch.empty(h, 5)
"""


def test_an_expression_in_an_argument_waits_until_its_names_have_sizes() -> None:
    theirs, ours = both(WAITING)
    with pytest.raises(AnnotationError):
        theirs(f32(15), f32(3, 5))
    assert ours(f32(15), f32(3, 5))
    with pytest.raises(errors.ShapeError, match="`h\\*w` is 14 in `x`, but its names make it 15"):
        ours(f32(14), f32(3, 5))


def test_an_expression_in_an_argument_may_wait_for_the_result() -> None:
    theirs, ours = both(WAITING_FOR_THE_RESULT)
    with pytest.raises(AnnotationError):
        theirs(f32(15), 3)
    assert ours(f32(15), 3).shape == (3, 5)
    with pytest.raises(errors.ShapeError, match="`h\\*w` is 14 in `x`, but its names make it 15"):
        ours(f32(14), 3)


def test_an_expression_may_wait_for_its_own_tensor() -> None:
    theirs, ours = both('def function(x: Float[Tensor, "2*a a"]): return True')
    with pytest.raises(AnnotationError):
        theirs(f32(4, 2))
    assert ours(f32(4, 2))
    with pytest.raises(errors.ShapeError, match="`2\\*a` is 5 in `x`, but its names make it 4"):
        ours(f32(5, 2))


def test_an_expression_does_not_wait_for_ever() -> None:
    theirs, ours = both('def function(x: Float[Tensor, "h*w"], y: Float[Tensor, "h"]): return True')
    with pytest.raises(AnnotationError):
        theirs(f32(15), f32(3))
    assert ours(f32(15), f32(3))  # `w` is 5
    with pytest.raises(errors.ShapeError, match="`w` has no size here, and 14 is not a multiple of 3"):
        ours(f32(14), f32(3))
    theirs, ours = both('def function(x: Float[Tensor, "h+w"], y: Float[Tensor, "h"]): return True')
    with pytest.raises(errors.ShapeError, match="cannot be computed: `w` has no size here\n"):
        ours(f32(15), f32(3))


AXES = ["a", "b", "a*b", "a+2*b", "#a", "_", "a-b", "3"]


@settings(max_examples=100, derandomize=True)
@given(
    texts=st.lists(st.lists(st.sampled_from(AXES), min_size=1, max_size=2), min_size=1, max_size=3),
    sizes=st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=2), min_size=3, max_size=3),
)
def test_waiting_gives_the_verdict_of_names_that_come_first(
    texts: list[list[str]], sizes: list[list[int]]
) -> None:
    parameters = [f'x{i}: Float[Tensor, "{" ".join(words)}"]' for i, words in enumerate(texts)]
    values = {f"x{i}": f32(*shape) for i, shape in zip(range(len(texts)), sizes, strict=False)}
    first = ['a_: Float[Tensor, "a"]', 'b_: Float[Tensor, "b"]']
    known = {"a_": f32(2), "b_": f32(3)}

    def decided(decorate: Callable[[Any], Any], order: list[str]) -> str:
        source = f"def function(*, {', '.join(order)}):\n    ran.append(True)"
        return verdict(decorate, Call(source, NAMES, (), {**values, **known}, None))

    wanted = decided(jaxtyping_with_beartype, [*first, *parameters])
    assert decided(shape_checked, [*parameters, *first]) == wanted


ASYNC = """
async def function(x: Float[Tensor, "a"], y: {other}) -> Float[Tensor, "a b"]:
    return torch.empty(len(x) if y else 7, 5)
"""


def refused_by(function: Any, *arguments: Any) -> None:
    """Assert that a call is refused, and drop all that it made."""
    with pytest.raises(TypeCheckError) as caught:
        function(*arguments)
    del caught
    gc.collect()


@pytest.mark.parametrize("other", ["int", 'list[Float[Tensor, "a"]]'])
def test_the_awaited_result_of_an_async_function_is_checked(other: str) -> None:
    theirs, ours = both(ASYNC.format(other=other))
    yes, no = (1, 0) if other == "int" else ([f32(3)], [])
    with pytest.warns(RuntimeWarning, match="never awaited"):
        refused_by(theirs, f32(3), yes)
    assert asyncio.run(ours(f32(3), yes)).shape == (3, 5)
    with pytest.raises(errors.TypedEinsumError):
        asyncio.run(ours(f32(3), no))
    with pytest.raises(errors.TypedEinsumError):
        asyncio.run(ours(f32(3), "x"))


MUTATING = """
def function(x: Float[Tensor, "a b"], y: Float[Tensor, "b"]) -> Float[Tensor, "b a"]:
    return x.t_().clone()
"""


def test_arguments_are_not_checked_a_second_time() -> None:
    theirs, ours = both(MUTATING)
    with pytest.raises(TypeCheckError):
        theirs(f32(3, 2), f32(2))
    assert ours(f32(3, 2), f32(2)).shape == (2, 3)


def test_an_object_knows_axis_sizes() -> None:
    theirs, ours = both('def function(self, x: Float[Tensor, "b c"]): return True')
    owner = Thing()
    owner.axis_sizes = {"c": 5}
    assert theirs(owner, f32(2, 3))
    assert ours(owner, f32(2, 5))
    with pytest.raises(errors.ShapeError, match="`c` is 5"):
        ours(owner, f32(2, 3))


def test_a_shape_that_does_not_resolve_is_refused() -> None:
    theirs, ours = both("def function(x: 'Float[Nowhere, \"a\"]'): return True")
    assert theirs(3)
    with pytest.raises(errors.SignatureError, match="TE505"):
        ours(3)


def test_a_lambda_can_be_checked() -> None:
    checked = shape_checked(lambda x: x)
    assert checked(3) == 3
    assert checked.source.startswith("def checked(x)")
    with pytest.raises(SyntaxError):
        jaxtyping_with_beartype(lambda x: x)
