"""Checks switched off: for a process by its environment, for a block by `checks_off`."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from jaxtyping import Float
from torch import Tensor
from torch._dynamo.testing import CompileCounter

from typed_einsum import checks_off, einsum, errors, shape_checked, shaped, typed_einsum
from typed_einsum.switch import switch


def ones(*shape: int) -> Tensor:
    return torch.ones(shape)


@typed_einsum
def product(x: Float[Tensor, "b c"], y: Float[Tensor, "c d"]) -> Float[Tensor, "b d"]: ...


@shape_checked
def checked(x: Float[Tensor, "b c"], y: Any) -> Float[Tensor, "c b"]:
    return shaped(y, "b c") if isinstance(y, Tensor) else y


def inline(y: Tensor) -> Tensor:
    return einsum("b c, b c -> b", ones(2, 3), y)


REFUSED: dict[str, Callable[[], Any]] = {
    "typed einsum": lambda: product(ones(2, 3), ones(1, 5)),
    "inline": lambda: inline(ones(1, 3)),
    "argument": lambda: checked(ones(2), None),
    "result": lambda: checked(ones(2, 3), None),
    "shaped": lambda: checked(ones(2, 3), ones(5, 7)),
    "shaped outside": lambda: shaped(ones(2), "b"),
}
"""Calls that are refused while checks are on, and run while they are off."""


def refusals() -> int:
    """How many of them are refused here and now."""
    count = 0
    for call in REFUSED.values():
        try:
            call()
        except errors.TypedEinsumError:
            count += 1
    return count


@pytest.fixture(autouse=True)
def _left_as_it_was() -> Any:
    yield
    assert not switch.anywhere_off
    assert refusals() == len(REFUSED)


# A block.


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_off_for_a_block(call: Callable[[], Any]) -> None:
    for _ in range(2):
        with pytest.raises(errors.TypedEinsumError):
            call()
        with checks_off():
            call()


def test_off_within_off() -> None:
    with checks_off():
        with checks_off(), checks_off():
            assert refusals() == 0
        assert refusals() == 0
    assert refusals() == len(REFUSED)


@pytest.mark.parametrize("error", [LookupError(), GeneratorExit(), StopIteration()], ids=repr)
def test_on_again_after_an_exception(error: BaseException) -> None:
    def fails() -> None:
        with checks_off():
            assert refusals() == 0
            raise error

    with pytest.raises(type(error)):
        fails()
    assert refusals() == len(REFUSED)


def test_off_for_a_decorated_function() -> None:
    @checks_off()
    def quick() -> int:
        return refusals()

    assert [quick(), quick(), refusals()] == [0, 0, len(REFUSED)]


def test_off_in_a_checked_call() -> None:
    @shape_checked
    def outer(x: Float[Tensor, "b c"], wrong: bool) -> Float[Tensor, "b c"]:
        with checks_off():
            assert shaped(ones(5), "b").shape == (5,)
            einsum("c b k -> k", ones(9, 8, 7))
            checked(ones(11), None)
        einsum("b k -> k", ones(2, 6))  # `k` was not bound above
        return x[:, :1] if wrong else shaped(x, "b c")

    assert outer(ones(2, 3), False).shape == (2, 3)
    with pytest.raises(errors.ShapeError):
        outer(ones(2, 3), True)


def test_a_call_that_began_without_checks_ends_without() -> None:
    manager = checks_off()

    @shape_checked
    def opens(x: Float[Tensor, "b c"]) -> Float[Tensor, "c b"]:
        manager.__exit__(None, None, None)
        return x

    manager.__enter__()
    assert opens(ones(2)).shape == (2,)


# Whose checks.


def test_off_in_one_thread_alone() -> None:
    number = 6
    barrier = threading.Barrier(number)

    def in_thread(index: int) -> list[int]:
        counts = []
        for turn in range(4):
            if (index + turn) % 2:
                with checks_off():
                    barrier.wait(20)
                    counts.append(refusals())
                    barrier.wait(20)
            else:
                barrier.wait(20)
                counts.append(refusals())
                barrier.wait(20)
        return counts

    with ThreadPoolExecutor(number) as pool:
        for index, counts in enumerate(pool.map(in_thread, range(number))):
            assert counts == [0 if (index + turn) % 2 else len(REFUSED) for turn in range(4)]


def test_off_in_one_task_and_the_tasks_it_starts() -> None:
    async def waits(off: bool) -> list[int]:
        if not off:
            await asyncio.sleep(0)
            return [refusals()]
        with checks_off():
            child = asyncio.create_task(waits(False))
            await asyncio.sleep(0)
            return [refusals(), *await child]

    async def together() -> list[list[int]]:
        return list(await asyncio.gather(waits(True), waits(False), waits(True), waits(False)))

    assert asyncio.run(together()) == [[0, 0], [len(REFUSED)]] * 2


# Off means torch's own rules.

SAME_AS_TORCH = [
    ("b c, b c -> b", "bc,bc->b", (2, 3), (1, 3)),
    ("b c, b c -> b c", "bc,bc->bc", (2, 1), (1, 3)),
    ("b q d, b k d -> b q k", "bqd,bkd->bqk", (2, 3, 5), (1, 4, 1)),
    ("b q d, b k d -> b q k", "bqd,bkd->bqk", (2, 3, 5), (2, 4, 5)),
    ("i j, j k, k l -> i l", "ij,jk,kl->il", (2, 3), (1, 4), (4, 5)),
    ("*r c, *r c -> *r", "...c,...c->...", (4, 2, 3), (1, 2, 1)),
    ("*#r c, *#r c -> *r", "...c,...c->...", (4, 2, 3), (2, 3)),
    ("b rgb=3 -> b", "bc->b", (2, 4)),
    ("b b -> b", "bb->b", (3, 3)),
]


@pytest.mark.parametrize(("named", "letters", "shapes"), [(n, c, s) for n, c, *s in SAME_AS_TORCH])
def test_a_contraction_without_checks(named: str, letters: str, shapes: list[tuple[int, ...]]) -> None:
    generator = torch.Generator().manual_seed(7)
    operands = [torch.randn(shape, dtype=torch.float64, generator=generator) for shape in shapes]
    wanted = torch.einsum(letters, *operands)
    with checks_off():
        torch.testing.assert_close(einsum(named, *operands), wanted, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(einsum(letters, *operands), wanted, rtol=1e-12, atol=1e-12)


def test_a_maximum_without_checks() -> None:
    x, y = torch.randn(2, 3, 5), torch.randn(1, 4, 5)
    with checks_off():
        found = einsum("b q d, b k d -> b q", x, y, max="k")
    torch.testing.assert_close(found, torch.einsum("bqd,bkd->bqk", x, y).amax(-1))


def test_a_typed_einsum_without_checks() -> None:
    x, y = torch.randn(2, 3, dtype=torch.float64), torch.randn(1, 5, dtype=torch.float64)
    with checks_off():
        torch.testing.assert_close(product(x, y), torch.einsum("bc,cd->bd", x, y))
        whole = product(x.int(), y=y.int())  # `Float` is not asked
    assert whole.dtype is torch.einsum("bc,cd->bd", x.int(), y.int()).dtype


def test_what_cannot_run_is_refused_without_checks() -> None:
    with checks_off():
        for code, call in {
            "TE106": lambda: einsum("b c -> d", ones(2, 3)),
            "TE108": lambda: einsum("b c, b d -> b c", ones(2, 3), ones(2, 5)),
            "TE110": lambda: typed_einsum("bc,cd->db")(product.__wrapped__),
            "TE401": lambda: product(ones(2, 3)),
            "TE402": lambda: product(ones(2, 3), z=ones(3, 5)),
            "TE403": lambda: einsum("b c -> b", ones(2, 3), ones(2, 3)),
        }.items():
            with pytest.raises(errors.TypedEinsumError) as caught:
                call()
            assert caught.value.code == code


@pytest.mark.parametrize("function", [product, lambda x, y: einsum("b c, c d -> b d", x, y)])
def test_compiled_functions_follow_the_switch(function: Callable[..., Tensor]) -> None:
    torch._dynamo.reset()
    counter = CompileCounter()
    compiled = torch.compile(function, fullgraph=True, backend=counter)
    wanted = ones(2, 5) * 3
    assert torch.equal(compiled(ones(2, 3), ones(3, 5)), wanted)
    with checks_off():
        assert torch.equal(compiled(ones(2, 3), ones(1, 5)), wanted)
    torch._dynamo.reset()
    with pytest.raises(errors.ShapeError):
        torch.compile(function, backend="eager")(ones(2, 3), ones(1, 5))


# A process.

PROGRAM = """
import json, sys
import torch
from jaxtyping import Float
from torch import Tensor
from typed_einsum import checks_off, einsum, errors, shape_checked, shaped, typed_einsum

@typed_einsum
def product(x: Float[Tensor, "b c"], y: Float[Tensor, "c d"]) -> Float[Tensor, "b d"]: ...

def plain(x: Float[Tensor, "b c"]) -> Float[Tensor, "c b"]:
    return shaped(x, "b b b")

def outcome(call):
    try:
        return list(call().shape)
    except errors.TypedEinsumError as error:
        return error.code

def wrong():
    @typed_einsum
    def f(x: Float[Tensor, "b c"]) -> Float[Tensor, "d"]: ...

with checks_off():
    pass
x = torch.ones(2, 3)
print(json.dumps({
    "typed": outcome(lambda: product(x, torch.ones(1, 5))),
    "inline": outcome(lambda: einsum("b c, b c -> b", x, torch.ones(1, 3))),
    "checked": outcome(lambda: shape_checked(plain)(x)),
    "shaped": outcome(lambda: shaped(x, "b")),
    "definition": outcome(wrong),
    "lone sum": outcome(lambda: einsum("b c, b d -> b c", x, x)),
    "wrapped": shape_checked(plain) is not plain,
    "equation": product.equation,
}))
"""
ON = {
    "typed": "TE201",
    "inline": "TE201",
    "checked": "TE202",
    "shaped": "TE405",
    "definition": "TE106",
    "lone sum": "TE108",
    "wrapped": True,
    "equation": "b c, c d -> b d",
}
OFF = {**ON, "typed": [2, 5], "inline": [2], "checked": [2, 3], "shaped": [2, 3], "wrapped": False}


def in_a_process(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("TYPED_EINSUM_CHECKS", "JAXTYPING_DISABLE")}
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, ON),
        ({"TYPED_EINSUM_CHECKS": "off"}, OFF),
        ({"JAXTYPING_DISABLE": "1"}, OFF),
        ({"TYPED_EINSUM_CHECKS": "on", "JAXTYPING_DISABLE": "0"}, ON),
    ],
    ids=["neither", "ours", "jaxtyping's", "both on"],
)
@pytest.mark.one_in(2)
def test_off_for_a_process(environment: dict[str, str], wanted: dict[str, Any]) -> None:
    ran = in_a_process(PROGRAM, **environment)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == wanted


@pytest.mark.parametrize(
    ("name", "word", "off"),
    [
        *[("TYPED_EINSUM_CHECKS", word, True) for word in ("OFF", " 0 ", "false", "No")],
        *[("TYPED_EINSUM_CHECKS", word, False) for word in ("", "On", "1", "TRUE", "yes")],
        *[("JAXTYPING_DISABLE", word, word.lower() in ("1", "true")) for word in ("True", "false", "")],
    ],
)
def test_the_words_of_the_environment(
    name: str, word: str, off: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typed_einsum.switch import _read_environment

    for variable in ("TYPED_EINSUM_CHECKS", "JAXTYPING_DISABLE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(name, word)
    assert _read_environment() is off


@pytest.mark.thorough
def test_another_word_is_an_error() -> None:
    ran = in_a_process("import typed_einsum.switch", TYPED_EINSUM_CHECKS="of")
    assert ran.returncode != 0
    assert "ValueError: TYPED_EINSUM_CHECKS is 'of'; it is read as `on` (the default) or `off`" in ran.stderr
