"""Names inside containers, unions, expressions and what only jaxtyping judges are the names of the call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from random import Random
from typing import Annotated, Any, ClassVar

import numpy as np
import pytest
import torch
from beartype import beartype
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import Float, Int, jaxtyped, print_bindings
from support.signatures import defined
from torch import Tensor

from typed_einsum import einsum, errors, shape_checked, shaped, softmax


def f32(*sizes: int) -> Tensor:
    return torch.zeros(sizes)


def refused(code: str, function: Callable[..., Any], *arguments: Any) -> errors.TypedEinsumError:
    """The error of a call that must be refused with a code."""
    with pytest.raises(errors.TypedEinsumError) as caught:
        function(*arguments)
    assert caught.value.code == code, str(caught.value)
    return caught.value


X = Float[Tensor, "b c"]
HOLDERS: list[tuple[Any, Any]] = [
    (X, f32(2, 3)),
    (X | None, f32(2, 3)),
    (list[X], [f32(2, 3)]),
    (Sequence[X], (f32(2, 3), f32(2, 3))),
    (dict[str, X], {"a": f32(2, 3)}),
    (tuple[X, ...], (f32(2, 3),)),
    (tuple[X, int], (f32(2, 3), 7)),
    (list[tuple[X, X]], [(f32(2, 3), f32(2, 3))]),
    (dict[str, list[X]], {"a": [f32(2, 3)]}),
    (Annotated[X, "image"], f32(2, 3)),
    (X | Int[Tensor, "b c"], f32(2, 3)),
    (list[X] | X, [f32(2, 3)]),
    (list[X | None], [None, f32(2, 3)]),
    (Float[Tensor, "b c min(b,2)"], f32(2, 3, 2)),
    (Float[np.ndarray, "b c"], np.zeros((2, 3), dtype=np.float32)),
]


@pytest.mark.parametrize(("hint", "value"), HOLDERS, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("how", ["shaped", "einsum", "softmax"])
def test_the_body_knows_names_that_stand_anywhere(hint: Any, value: Any, how: str) -> None:
    def function(x: Any, local: Tensor) -> Tensor:
        match how:
            case "shaped":
                return shaped(local, "b")
            case "einsum":
                return einsum("b -> b", local)
            case _:
                return softmax(local, "b", over="b")

    function.__annotations__ = {"x": hint}
    checked = shape_checked(function)
    checked(value, f32(2))
    refused("TE201", checked, value, f32(5))


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("kind", [list, tuple, dict])
def test_every_item_is_checked_every_time(kind: Any, place: int) -> None:
    hints: dict[Any, Any] = {list: list[X], tuple: tuple[X, ...], dict: dict[int, X]}

    def function(x: Any) -> None: ...

    function.__annotations__ = {"x": hints[kind]}
    checked = shape_checked(function)
    items = [f32(2, 3), f32(2, 3), f32(2, 3)]
    items[place] = f32(4, 3)
    value = dict(enumerate(items)) if kind is dict else kind(items)
    for _ in range(5):
        error = refused("TE201", checked, value)
        assert f"`x[{max(place, 1)}]`" in str(error)


def test_a_subclass_of_a_container_is_looked_into() -> None:
    class Levels(list):  # type: ignore[type-arg]
        pass

    @shape_checked
    def function(x: list[X]) -> None: ...

    function(Levels([f32(2, 3)]))
    refused("TE201", function, Levels([f32(2, 3), f32(4, 3)]))
    refused("TE406", function, (f32(2, 3),))


def test_a_generator_is_left_to_its_reader() -> None:
    def stack(x: Any) -> list[Tensor]:
        return list(x)

    stack.__annotations__ = {"x": Iterable[X]}
    assert len(shape_checked(stack)(f32(2, 3) for _ in range(2))) == 2


# Verdicts on containers, against the same function with one parameter for each item.


@given(st.randoms(use_true_random=False))
def test_a_container_is_checked_as_its_items_would_be(chance: Random) -> None:
    axes = ["b", "c", "#b", "2", "_", "b*c", "*r"]
    text = " ".join(chance.sample(axes, chance.randint(1, 3)))
    if text.count("*r") > 1:
        return
    first = Float[Tensor, "b c"]
    hint = Float[Tensor, text]
    tensors = [f32(*(chance.choice([1, 2, 3, 6]) for _ in range(chance.randint(1, 3)))) for _ in range(3)]

    def apart(known: Any, x0: Any, x1: Any, x2: Any) -> None: ...

    apart.__annotations__ = {"known": first, "x0": hint, "x1": hint, "x2": hint}

    def together(known: Any, xs: Any) -> None: ...

    together.__annotations__ = {"known": first, "xs": list[hint]}  # type: ignore[valid-type]

    def stars(known: Any, *xs: Any) -> None: ...

    stars.__annotations__ = {"known": first, "xs": hint}

    def code(function: Callable[..., Any], *arguments: Any) -> str:
        try:
            shape_checked(function)(*arguments)
        except errors.TypedEinsumError as error:
            return error.code
        return "accepted"

    known = f32(2, 3)
    wanted = code(apart, known, *tensors)
    assert code(together, known, tensors) == wanted
    assert code(stars, known, *tensors) == wanted
    theirs = "accepted"
    try:
        jaxtyped(apart, typechecker=beartype)(known, *tensors)
    except Exception:
        theirs = "refused"
    assert (wanted == "accepted") == (theirs == "accepted")


# Unions.


def test_a_union_takes_the_first_member_that_fits_all_other_arguments() -> None:
    @shape_checked
    def function(x: Float[Tensor, "b t"] | Float[Tensor, "b 1"], y: Float[Tensor, "t"]) -> Tensor:
        return shaped(y, "t")

    function(f32(2, 1), f32(5))  # the second, since `t` is 5
    function(f32(2, 5), f32(5))
    error = refused("TE406", function, f32(2, 3), f32(5))
    assert 'Float[Tensor, "b t"]: axis `t` is 5 in `y` but 3 in `x`' in str(error)
    assert 'Float[Tensor, "b 1"]: axis `1` is 3 in `x`, not 1' in str(error)


def test_what_a_member_that_does_not_fit_has_bound_is_undone() -> None:
    @shape_checked
    def function(x: Float[Tensor, "k k c"] | Float[Tensor, "b k c"]) -> None:
        shaped(f32(7), "k")

    function(f32(2, 7, 3))
    refused("TE201", function, f32(2, 5, 3))
    refused("TE201", function, f32(2, 2, 3))


# Products.


def test_a_product_is_solved_by_an_integer_of_the_same_name() -> None:
    @shape_checked
    def split(x: Float[Tensor, "b t m*c"], m: int) -> Float[Tensor, "b m t c"]:
        heads = shaped(x.unflatten(-1, (m, -1)), "b t m c")
        assert heads.shape[-1] == 5
        return heads.transpose(1, 2)

    assert split(f32(2, 7, 15), 3).shape == (2, 3, 7, 5)
    error = refused("TE201", shape_checked(_wrong_split), f32(2, 7, 15), 3)
    assert "axis `m` is 3 in `m` but 7 in the result" in str(error)


def _wrong_split(x: Float[Tensor, "b t m*c"], m: int) -> Float[Tensor, "b m t c"]:
    return x.unflatten(-1, (m, -1))


def test_an_integer_that_no_expression_needs_is_another_thing() -> None:
    @shape_checked
    def function(x: Float[Tensor, "b m"], m: int) -> Float[Tensor, "b m"]:
        return x

    assert function(f32(2, 3), 7).shape == (2, 3)


def test_a_product_is_solved_by_the_sizes_of_an_object() -> None:
    class Heads:
        def __init__(self) -> None:
            self.axis_sizes = {"m": 3}

        @shape_checked
        def split(self, x: Float[Tensor, "b m*c"]) -> Float[Tensor, "b c"]:
            return shaped(x[:, : x.shape[1] // 3], "b c")

    assert Heads().split(f32(2, 15)).shape == (2, 5)
    refused("TE205", Heads().split, f32(2, 14))


# What only jaxtyping and beartype judge, and what asks jaxtyping.


def test_a_judged_parameter_leaves_the_others_to_generated_checks() -> None:
    @shape_checked
    def function(x: Float[np.ndarray, "b"], y: Float[Tensor, "b c"]) -> Float[Tensor, "c"]:
        return y[0]

    assert ".shape" in function.source  # type: ignore[attr-defined]
    array = np.zeros(2, dtype=np.float32)
    assert function(array, f32(2, 3)).shape == (3,)
    error = refused("TE406", function, np.zeros(4, dtype=np.float32), f32(2, 3))
    assert "the size of dimension b is 4" in str(error)


def test_isinstance_and_print_bindings_know_the_names(capsys: pytest.CaptureFixture[str]) -> None:
    @shape_checked
    def function(x: Float[Tensor, "b t"], local: Tensor) -> Float[Tensor, "k"]:
        assert isinstance(local, Float[Tensor, "b k"]), "another shape"
        print_bindings()
        return local[0]

    assert function(f32(5, 7), f32(5, 3)).shape == (3,)
    assert "b=5" in capsys.readouterr().out
    with pytest.raises(AssertionError, match="another shape"):
        function(f32(5, 7), f32(4, 3))
    source = 'def f(x: Float[Tensor, "b"]) -> Float[Tensor, "b"]: return x'
    assert "called_with_names" not in shape_checked(defined(source)["f"]).source


def test_a_name_that_isinstance_has_bound_holds_for_the_result() -> None:
    @shape_checked
    def function(x: Float[Tensor, "b"], local: Tensor) -> Float[Tensor, "k"]:
        assert isinstance(local, Float[Tensor, "k"])
        return f32(3)

    function(f32(2), f32(3))
    refused("TE201", function, f32(2), f32(4))


def test_below_a_context_manager_the_arguments_are_checked() -> None:
    @shape_checked
    @contextmanager
    def background(color: Float[Tensor, "rgb=3"]) -> Generator[None, None, None]:
        yield

    with background(f32(3)):
        pass
    refused("TE203", background, f32(4))


def test_a_coroutine_has_generated_checks() -> None:
    @shape_checked
    async def function(xs: list[X]) -> X:
        await asyncio.sleep(0)
        return shaped(xs[0], "b c")

    assert function.source.startswith("async def function(xs):")  # type: ignore[attr-defined]
    assert asyncio.run(function([f32(2, 3)])).shape == (2, 3)
    with pytest.raises(errors.ShapeError):
        asyncio.run(function([f32(2, 3), f32(4, 3)]))


# Expressions in a result, and calls that are compiled.


class Sized:
    """An object that knows a size."""

    axis_sizes: ClassVar[dict[str, int]] = {"b": 5}

    @shape_checked
    def least(self, x: Float[Tensor, "d"]) -> Float[Tensor, "min(d,3) b"]:
        return f32(3, 2)


@shape_checked
def least_after_a_local(x: Float[Tensor, "d"]) -> Float[Tensor, "min(d,3) b"]:
    shaped(f32(3), "b")
    return f32(3, 2)


@shape_checked
def least_of_a_local(x: Float[Tensor, "c"]) -> Float[Tensor, "min(d,3)"]:
    shaped(f32(4), "d")
    return f32(3)


def test_an_expression_in_a_result_knows_local_names_and_those_of_the_object() -> None:
    assert "`b` is 5 in `axis_sizes` but 2 in the result" in str(refused("TE201", Sized().least, f32(4)))
    assert "but 2 in the result" in str(refused("TE201", least_after_a_local, f32(4)))
    assert least_of_a_local(f32(4)).shape == (3,)


@shape_checked
def of_a_union(x: Float[Tensor, "b t"]) -> Float[Tensor, "b t"] | Float[Tensor, "b 1"]:
    return x[:, :1]


@shape_checked
def of_a_list(levels: list[Float[Tensor, "b _"]]) -> Float[Tensor, "b _"]:
    return levels[0]


@pytest.mark.parametrize("fullgraph", [True, False])
@pytest.mark.parametrize(
    ("function", "value"),
    [(of_a_union, f32(2, 3)), (of_a_list, [f32(2, 3), f32(2, 1)])],
    ids=["union", "list"],
)
def test_a_right_call_is_accepted_when_it_is_compiled(function: Any, value: Any, fullgraph: bool) -> None:
    compiled = torch.compile(function, backend="eager", fullgraph=fullgraph)
    assert compiled(value).shape == function(value).shape
