"""Names that `einsum` and `shaped` share with the checked function around them, and with nothing else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from typed_einsum import einsum, errors, scope, shape_checked, shaped, typed_einsum
from typed_einsum.decorate.definition import definition_of
from typed_einsum.scopes.scope import current, scopes


def refused(code: str, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> str:
    """The message of a call that must be refused with a code."""
    with pytest.raises(errors.TypedEinsumError) as caught:
        function(*arguments, **keywords)
    assert caught.value.code == code
    assert scopes.stack == []
    return str(caught.value)


def ones(*shape: int) -> Tensor:
    return torch.ones(shape)


@typed_einsum
def product(x: Float[Tensor, "b c"], y: Float[Tensor, "c d"]) -> Float[Tensor, "b d"]: ...


# Sharing.


@shape_checked
def contracts(x: Float[Tensor, "b c"], y: Tensor) -> Tensor:
    return einsum("b d, d e -> b e", y, torch.ones(y.shape[1], 7))


def test_a_local_contraction_agrees_with_the_signature() -> None:
    assert contracts(ones(2, 3), ones(2, 5)).shape == (2, 7)
    message = refused("TE201", contracts, ones(2, 3), ones(4, 5))
    assert "axis `b` is 2 in `x` but 4 in operand 1\n" in message
    assert "^ 4 here; 2 was set by `x` (line" in message


@shape_checked
def binds_twice(x: Float[Tensor, "b c"], first: Tensor, second: Tensor) -> Tensor:
    einsum("b k, c k -> b c", first, ones(x.shape[1], first.shape[1]))
    return shaped(second, "b k")


def test_a_contraction_binds_names_for_what_follows() -> None:
    second = ones(2, 5)
    assert binds_twice(ones(2, 3), ones(2, 5), second) is second
    message = refused("TE201", binds_twice, ones(2, 3), ones(2, 5), ones(2, 7))
    assert "axis `k` is 5 in operand 1 of `b k, c k -> b c` but 7 in the value\n" in message


@shape_checked
def checks_then_contracts(x: Float[Tensor, "b c"], text: str, local: Tensor, after: str, then: Tensor) -> Any:
    assert shaped(local, text) is local
    return shaped(then, after)


@pytest.mark.parametrize(
    ("text", "local", "after", "good", "bad", "said"),
    [
        ("b c k", (2, 3, 5), "k b", (5, 2), (7, 2), "`k` is 5 in shaped `b c k` but 7 in the value"),
        ("*r c", (4, 6, 3), "b *r", (2, 4, 6), (2, 4), "under `*r` are (4, 6) in shaped `*r c` but (4,)"),
        ("*#r c", (4, 6, 3), "*r b", (4, 6, 2), (4, 2), "under `*r` are (4, 6) in shaped `*#r c` but (4,)"),
        ("b rgb=3", (2, 3), "b rgb", (2, 9), (8, 9), "`b` is 2 in `x` but 8 in the value"),
        ("b _ ...", (2, 9, 4), "b _", (2, 7), (7, 2), "`b` is 2 in `x` but 7 in the value"),
        ("#b k", (1, 5), "b k", (2, 5), (2, 6), "`k` is 5 in shaped `#b k` but 6 in the value"),
        ("b k", (2, 5), "b*c c+k", (6, 8), (6, 9), "`c+k` is 9 in the value, but its names make it 8"),
        ("b", (2,), "{x.ndim} b", (2, 2), (3, 2), "`{x.ndim}` is 3 in the value, but its names make it 2"),
        ("b c", (2, 3), "b 5", (2, 5), (2, 6), "`5` is 6 in the value, not 5"),
    ],
)
def test_shaped_binds_and_compares(
    text: str, local: tuple[int, ...], after: str, good: tuple[int, ...], bad: tuple[int, ...], said: str
) -> None:
    x = ones(2, 3)
    assert checks_then_contracts(x, text, ones(*local), after, ones(*good)).shape == good
    with pytest.raises(errors.ShapeError) as caught:
        checks_then_contracts(x, text, ones(*local), after, ones(*bad))
    assert said in str(caught.value)


@shape_checked
def accepts(x: Float[Tensor, "b c"], axes: Any) -> Any:
    return shaped(x, axes)


def test_shaped_takes_a_whole_annotation() -> None:
    x = nn.Parameter(ones(2, 3))
    assert accepts(x, Float[nn.Parameter, "b c"]) is x
    assert accepts(x, Float[Tensor, "b c"]) is x
    refused("TE304", accepts, ones(2, 3), Float[nn.Parameter, "b c"])
    refused("TE301", accepts, ones(2, 3), Int[Tensor, "b c"])


@pytest.mark.parametrize("axes", [["b", "c"], {"b": 2}, 3, None, ones(2, 3)])
def test_shaped_takes_no_other_axes(axes: Any) -> None:
    refused("TE408", accepts, ones(2, 3), axes)


def test_shaped_computes_no_more_than_sizes() -> None:
    @shape_checked
    def scaled(x: Float[Tensor, "b c"], scale: Any, axes: str) -> Tensor:
        return shaped(x, axes)

    assert scaled(ones(2, 6), 3, "b 2*{scale}").shape == (2, 6)
    assert "only do arithmetic on names" in refused("TE105", scaled, ones(2, 6), "abs(c)", "b {scale}")
    assert "only do arithmetic on names" in refused("TE105", scaled, ones(2, 6), 3, "b abs(c)")
    assert "`z` has no size here" in refused("TE206", scaled, ones(2, 6), 3, "b 2+z")
    assert "`{other}` has no size here" in refused("TE206", scaled, ones(2, 6), 3, "b {other}")


def test_shaped_outside_a_checked_function() -> None:
    refused("TE405", shaped, ones(2, 3), "b c")


# Where a name has its size from, when more than one place could have given it.


@shape_checked
def masked(x: Float[Tensor, "b c"], mask: Float[Tensor, "b k"] | None = None) -> None:
    einsum("b k -> k", ones(2, 5))
    shaped(ones(7), "k")


def test_an_absent_argument_is_no_origin() -> None:
    assert "axis `k` is 5 in operand 1 of `b k -> k` but 7 in the value" in refused(
        "TE201", masked, ones(2, 3)
    )
    assert "axis `k` is 4 in `mask` but 5 in operand 1" in refused("TE201", masked, ones(2, 3), ones(2, 4))


BIAS = ones(4)


@shape_checked
def defaulted(x: Float[Tensor, "b c"], bias: Float[Tensor, " k"] = BIAS) -> None:
    shaped(ones(5), "k")
    shaped(ones(7), "k")


def test_a_default_is_no_origin() -> None:
    assert "axis `k` is 5 in shaped `k` but 7 in the value" in refused("TE201", defaulted, ones(2, 3))
    assert "axis `k` is 4 in `bias` but 5" in refused("TE201", defaulted, ones(2, 3), ones(4))


@shape_checked
def solved(x: Float[Tensor, "b c"], equation: str, *operands: Tensor) -> None:
    for _ in range(2):
        einsum(equation, *operands)
    shaped(ones(8, 6), "b rgb=6")
    shaped(ones(9, 7), "k rgb")


def test_names_that_the_solver_bound_for_a_contraction() -> None:
    for axis, size in (("k", 9), ("rgb=5", 7)):
        name = axis.partition("=")[0]
        equation = f"*#r {axis}, *#r j {name} -> *r j"
        message = refused("TE201", solved, ones(8, 3), equation, ones(1, 5), ones(4, 6, 5))
        written = equation.replace(axis, name)
        assert f"axis `{name}` is 5 in operand 1 of `{written}` but {size} in the value" in message


@shape_checked
def anonymous(x: Float[Tensor, "b c"]) -> Tensor:
    einsum("... #k, ... k -> ...", ones(4, 1), ones(4, 5))
    einsum("... #k, ... k -> ...", ones(7, 6, 1), ones(7, 6, 5))
    assert current().names == {"b": 2, "c": 3, "k": 5}  # type: ignore[union-attr]
    shaped(ones(2, 11, 6), "b rows rgb=6")
    einsum("rgb u -> rgb", ones(9, 2))
    return shaped(ones(7), "rgb")


def test_what_has_no_name_is_not_shared() -> None:
    message = refused("TE201", anonymous, ones(2, 3))
    assert "axis `rgb` is 9 in operand 1 of `rgb u -> rgb` but 7 in the value" in message


@shape_checked
def broadcast(x: Float[Tensor, "#b c"], y: Float[Tensor, "b c"]) -> Tensor:
    return shaped(ones(7, 3), "b c")


def test_an_axis_of_size_one_that_broadcasts_is_no_origin() -> None:
    assert "axis `b` is 4 in `y` but 7 in the value" in refused("TE201", broadcast, ones(1, 3), ones(4, 3))


@shape_checked
def spread(x: Float[Tensor, "*#r c"], y: Float[Tensor, "*#r c"]) -> Tensor:
    return einsum("*r k -> *r", ones(4, 5, 7))


def test_sizes_under_a_broadcasting_name_are_shared() -> None:
    assert spread(ones(4, 1, 3), ones(5, 3)).shape == (4, 5)
    assert "under `*r` are (2, 5) in `x` but (4, 5)" in refused("TE204", spread, ones(2, 5, 3), ones(5, 3))


@shape_checked
def changes(x: Float[Tensor, "b c"]) -> Tensor:
    x.unsqueeze_(0)
    return shaped(ones(7), "c")


def test_an_argument_changed_in_place_is_still_the_origin() -> None:
    assert "axis `c` is 3 in `x` but 7 in the value" in refused("TE201", changes, ones(2, 3))


# A failure leaves nothing behind.


@shape_checked
def goes_on(x: Float[Tensor, "b c"], mask: Float[Tensor, "b k"] | None = None) -> Tensor:
    for wrong in ("k j b -> k", "k *r b -> k"):
        with pytest.raises(errors.ShapeError):
            einsum(wrong, ones(5, 6, 7), sum="*r" if "*" in wrong else None)
    with pytest.raises(errors.ShapeError):
        shaped(ones(8, 9, 7), "k j b")
    return einsum("b k, b j, *r -> *r k j", ones(2, 4), ones(2, 11), ones(12, 13))


def test_a_failed_check_binds_nothing() -> None:
    assert goes_on(ones(2, 3)).shape == (12, 13, 4, 11)


@shape_checked
def raises(x: Float[Tensor, "b c"], depth: int) -> Tensor:
    if depth == 0:
        raise LookupError("the user's own")
    return raises(ones(x.shape[0] + 1, 3), depth - 1)


@shape_checked
def survives(x: Float[Tensor, "b c"], inner: Callable[[], object], error: type[Exception]) -> Tensor:
    with pytest.raises(error):
        inner()
    return shaped(x, "b c")


@pytest.mark.parametrize(
    ("inner", "error"),
    [
        (lambda: raises(ones(5, 3), 4), LookupError),
        (lambda: raises(ones(5), 4), errors.ShapeError),
        (lambda: contracts(ones(5, 3), ones(6, 4)), errors.ShapeError),
        (lambda: product(ones(5, 3), ones(4, 7)), errors.ShapeError),
        (lambda: next(iter(())), StopIteration),
    ],
)
def test_exceptions_restore_the_names(inner: Callable[[], object], error: type[Exception]) -> None:
    assert survives(ones(2, 3), inner, error).shape == (2, 3)
    assert scopes.stack == []


# Whose names they are.


@shape_checked
def recurses(x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
    before = einsum("b c, k -> b c", x, ones(x.shape[0]), sum="k")
    if x.shape[0] > 1:
        recurses(x[1:])
    shaped(before, "b c")
    assert current() is not None
    assert current().names == {"b": x.shape[0], "c": 3, "k": x.shape[0]}  # type: ignore[union-attr]
    return x


def test_recursion_gives_each_call_its_own_names() -> None:
    assert recurses(ones(20, 3)).shape == (20, 3)
    assert current() is None


@shape_checked
def nests(x: Float[Tensor, "b c"]) -> Float[Tensor, "c b"]:
    contracts(ones(7, 11), ones(7, 13))
    assert product(ones(17, 19), ones(19, 23)).shape == (17, 23)
    return shaped(x.T, "c b")


def test_nested_calls_have_their_own_names() -> None:
    assert nests(ones(2, 3)).shape == (3, 2)


def unchecked(y: Tensor) -> Tensor:
    return einsum("b k -> k", y)


@shape_checked
def calls_unchecked(x: Float[Tensor, "b c"], y: Tensor) -> Tensor:
    return unchecked(y)


def test_a_function_without_checks_does_not_know_the_names_of_its_caller() -> None:
    assert calls_unchecked(ones(2, 3), ones(2, 5)).shape == (5,)
    assert calls_unchecked(ones(2, 3), ones(4, 5)).shape == (5,)
    assert unchecked(ones(4, 5)).shape == (5,)


# Names are known where they are written.


@shape_checked
def with_all_kinds(x: Float[Tensor, "b c"], y: Tensor, how: str) -> Any:
    def local(value: Tensor) -> Tensor:
        return shaped(value, "b k")

    match how:
        case "itself":
            return shaped(y, "b k")
        case "local function":
            return local(y)
        case "lambda":
            return (lambda: shaped(y, "b k"))()
        case "comprehension":
            return torch.cat([shaped(value, "b k") for value in (y,)])
        case "generator":
            return next(shaped(value, "b k") for value in (y,))
        case "inner lambda":
            return (lambda: (lambda: shaped(y, "b k"))())()
        case "another checked function":
            return calls(lambda: shaped(y, "b k"))
        case "method of torch":
            return torch.func.vmap(lambda row: einsum("k -> k", row))(shaped(y, "b k"))


@shape_checked
def calls(function: Callable[[], Tensor]) -> Tensor:
    return function()


WRITTEN = ["itself", "local function", "lambda", "comprehension", "generator", "inner lambda"]


@pytest.mark.parametrize("how", [*WRITTEN, "another checked function", "method of torch"])
def test_all_that_is_written_in_a_body_knows_its_names(how: str) -> None:
    assert with_all_kinds(ones(2, 3), ones(2, 5), how).shape == (2, 5)
    assert "`b` is 2 in `x` but 4" in refused("TE201", with_all_kinds, ones(2, 3), ones(4, 5), how)


@pytest.mark.parametrize("how", WRITTEN)
def test_the_same_holds_while_a_graph_is_traced(how: str) -> None:
    torch._dynamo.reset()
    compiled = torch.compile(with_all_kinds, backend="eager", fullgraph=True)
    assert compiled(ones(2, 3), ones(2, 5), how).shape == (2, 5)
    with pytest.raises(Exception, match="typed-einsum refuses a call"):
        compiled(ones(2, 3), ones(4, 5), how)


def scores(query: Tensor, key: Tensor) -> Tensor:
    return einsum("bqd,bkd->bqk", query, key)


@shape_checked
def helped(image: Float[Tensor, "b p e"], text: Float[Tensor, "b t c"]) -> Float[Tensor, "b p p"]:
    scores(text, text)
    return scores(image, image)


def test_the_letters_of_a_helper_are_its_own() -> None:
    image, text = ones(2, 7, 6), ones(2, 3, 4)
    assert helped(image, text).shape == (2, 7, 7)
    torch._dynamo.reset()
    assert torch.compile(helped, backend="eager", fullgraph=True)(image, text).shape == (2, 7, 7)


def helper_that_checks(y: Tensor) -> Tensor:
    return shaped(y, "b k")


def test_a_helper_cannot_compare_with_names_of_its_caller() -> None:
    @shape_checked
    def function(x: Float[Tensor, "b c"]) -> Tensor:
        return helper_that_checks(x)

    refused("TE405", function, ones(2, 3))


def test_a_block_has_names_of_its_own() -> None:
    found = []
    for size in (4, 5):
        with scope():
            shaped(ones(2, size), "b k")
            found.append(einsum("b k, k -> b", ones(2, size), ones(size)).shape)
            refused_inside("TE201", lambda: shaped(ones(3), "b"))
            assert [shaped(value, "k").shape for value in (ones(size),)] == [(size,)]
    assert found == [(2,), (2,)]
    assert scopes.stack == []
    refused("TE405", lambda: shaped(ones(3), "b"))


def refused_inside(code: str, function: Callable[[], Any]) -> None:
    with pytest.raises(errors.TypedEinsumError) as caught:
        function()
    assert caught.value.code == code


def test_a_block_in_a_checked_function_does_not_know_its_names() -> None:
    @shape_checked
    def levels(x: Float[Tensor, "b c"], pyramid: list[Tensor]) -> Float[Tensor, "b c"]:
        for level in pyramid:
            with scope():
                shaped(level, "b n c")
        return shaped(x, "b c")

    assert levels(ones(2, 3), [ones(4, 8, 5), ones(6, 7, 9)]).shape == (2, 3)


def test_a_block_ends_with_an_exception() -> None:
    with pytest.raises(errors.ShapeError), scope():
        shaped(ones(2, 3), "b b")
    assert scopes.stack == []


def test_what_a_block_calls_does_not_know_its_names() -> None:
    with scope():
        shaped(ones(2, 3), "b k")
        assert unchecked(ones(4, 5)).shape == (5,)


def in_blocks(pyramid: list[Tensor]) -> Tensor:
    for level in pyramid:
        with scope():
            total = einsum("b n c -> b c", level) + shaped(level, "b n c")[:, 0]
    return total


def test_a_block_compiles_into_one_graph() -> None:
    torch._dynamo.reset()
    compiled = torch.compile(in_blocks, backend="eager", fullgraph=True)
    assert compiled([ones(4, 8, 5), ones(6, 7, 9)]).shape == (6, 9)


def test_a_signature_that_travels_finds_its_code_again() -> None:
    definition = definition_of(with_all_kinds)
    assert definition is not None
    signature: Any = definition.signature
    state = signature.__getstate__()
    assert "codes" not in state
    other = object.__new__(type(signature))
    other.__setstate__(state)
    assert (other.code, other.codes) == (signature.code, signature.codes)


@shape_checked
def rows(x: Float[Tensor, "b c"]) -> Iterator[Tensor]:
    for row in x:
        assert current().names == {"b": 2, "c": 3}  # type: ignore[union-attr]
        yield row


def test_a_generator_has_its_names_while_it_runs() -> None:
    for row in rows(ones(2, 3)):
        assert current() is None
        assert row.shape == (3,)
    refused("TE202", rows, ones(2))


# Many at once.


@shape_checked
def meets(x: Float[Tensor, "b c"], barrier: threading.Barrier) -> Float[Tensor, "b k"]:
    barrier.wait(20)
    local = shaped(ones(x.shape[0], x.shape[0] + 1), "b k")
    barrier.wait(20)
    found = einsum("b c, c k -> b k", x, ones(3, x.shape[0] + 1))
    barrier.wait(20)
    return shaped(found + local, "b k")


def test_threads_have_their_own_names() -> None:
    number = 8
    barrier = threading.Barrier(number)
    with ThreadPoolExecutor(number) as pool:
        for _ in range(5):
            shapes = pool.map(lambda size: meets(ones(size, 3), barrier).shape, range(2, 2 + number))
            assert [tuple(shape) for shape in shapes] == [(n, n + 1) for n in range(2, 2 + number)]


@shape_checked
async def waits(x: Float[Tensor, "b c"], wrong: bool = False) -> Float[Tensor, "b k"]:
    shaped(ones(x.shape[0] + 1), "k")
    await asyncio.sleep(0)
    inner = await nested(ones(x.shape[0] + 5, 3))
    assert inner.shape == (x.shape[0] + 5,)
    await asyncio.sleep(0)
    return einsum("b c, c k -> b k", x, ones(3, x.shape[0] + (2 if wrong else 1)))


@shape_checked
async def nested(x: Float[Tensor, "b c"]) -> Float[Tensor, b]:
    await asyncio.sleep(0)
    return einsum("b c -> b", x)


def test_coroutines_that_take_turns_have_their_own_names() -> None:
    async def together() -> list[Any]:
        calls = [waits(ones(size, 3), wrong=size == 4) for size in range(2, 9)]
        return await asyncio.gather(*calls, return_exceptions=True)

    results = asyncio.run(together())
    refusal = results.pop(2)
    assert isinstance(refusal, errors.ShapeError)
    assert "axis `k` is 5 in shaped `k` but 6 in operand 2" in str(refusal)
    assert [tuple(result.shape) for result in results] == [(n, n + 1) for n in (2, 3, 5, 6, 7, 8)]
    assert scopes.stack == []


def test_a_cancelled_coroutine_leaves_no_names() -> None:
    @shape_checked
    async def sleeps(x: Float[Tensor, "b c"]) -> Tensor:
        try:
            await asyncio.sleep(60)
        finally:
            shaped(x, "b c")
        return x

    async def cancel() -> None:
        task = asyncio.create_task(sleeps(ones(2, 3)))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())
    assert scopes.stack == []
