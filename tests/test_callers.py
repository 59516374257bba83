"""The message of a refused call says which line made it, and in which module of a model."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from jaxtyping import Float
from torch import Tensor, nn

from typed_einsum import errors, shape_checked, typed_einsum


def f32(*sizes: int) -> Tensor:
    return torch.zeros(sizes)


def line_about_the_call(function: Callable[..., Any], *arguments: Any) -> str:
    """What the message of a refused call says of the call."""
    with pytest.raises(errors.TypedEinsumError) as caught:
        function(*arguments)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    lines = [line.strip() for line in str(caught.value).splitlines() if line.strip().startswith("called")]
    assert len(lines) <= 1
    return lines[0] if lines else ""


def here(function: Callable[..., Any], offset: int) -> str:
    """A line of a function of this file, as a message names it."""
    return f"tests/test_callers.py:{function.__code__.co_firstlineno + offset} in {function.__qualname__}"


@shape_checked
def added(x: Float[Tensor, "b t"], y: Float[Tensor, "b t"]) -> Float[Tensor, "b t"]:
    return x[:, :7] + y[:, :7]


@shape_checked
def yielded(x: Float[Tensor, "b t"]) -> Iterator[Float[Tensor, "b"]]:
    yield x[:, 0]
    yield x[0]


@typed_einsum
def scores(q: Float[Tensor, "q d"], k: Float[Tensor, "k d"]) -> Float[Tensor, "q k"]: ...


@shape_checked
@dataclass
class Pair:
    k: Float[Tensor, "b s"]
    v: Float[Tensor, "b s"]


def caller_of_a_function() -> None:
    added(f32(2, 3), f32(2, 4))


def caller_with_a_wrong_result() -> None:
    added(f32(2, 9), f32(2, 9))


def caller_of_a_typed_einsum() -> None:
    scores(f32(2, 3), f32(5, 4))


def caller_that_forgets() -> None:
    scores(f32(2, 3))  # type: ignore[call-arg]


def maker_of_a_record() -> None:
    Pair(f32(2, 3), f32(2, 4))


def reader_of_a_generator() -> None:
    list(yielded(f32(2, 3)))


@pytest.mark.parametrize(
    "function",
    [
        caller_of_a_function,
        caller_with_a_wrong_result,
        caller_of_a_typed_einsum,
        caller_that_forgets,
        maker_of_a_record,
        reader_of_a_generator,
    ],
)
def test_a_message_names_the_line_that_called(
    function: Callable[[], None], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(request.config.rootpath)
    assert line_about_the_call(function) == f"called from {here(function, 1)}"


def test_the_top_level_of_a_file_is_not_named() -> None:
    names = {"added": added, "f32": f32}
    source = "added(f32(2, 3), f32(2, 4))"
    assert line_about_the_call(lambda: exec(compile(source, "<a file>", "exec"), names)) == ""


class Head(nn.Module):
    @shape_checked
    def forward(self, x: Float[Tensor, "b t"], y: Float[Tensor, "b t"]) -> Float[Tensor, "b t"]:
        return x + y


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attn = Head()

    def forward(self, x: Tensor) -> Tensor:
        return self.attn(x, x.mT) if x.shape[1] == 5 else x[:, :-1]


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x

    def helped(self, x: Tensor) -> Tensor:
        return added(x, x.mT)


class Otherwise(nn.Module):
    def __init__(this) -> None:
        super().__init__()
        this.inner = nn.ModuleList([Head(), Second()])

    def forward(this, x: Tensor) -> Tensor:
        return this.inner[1].helped(x)  # type: ignore[no-any-return, operator]


class Second(nn.Module):
    def helped(it, x: Tensor) -> Tensor:
        return added(x, x.mT)


def test_a_module_is_known_whatever_its_methods_call_it() -> None:
    said = line_about_the_call(Otherwise(), f32(2, 3))
    assert said.endswith("in Second.helped, as part of `inner.1`")


@pytest.mark.parametrize(
    ("width", "path"), [(5, "blocks.0.attn"), (6, "blocks.1.attn"), (8, "blocks.3.attn")]
)
def test_a_message_names_the_module_of_a_model(width: int, path: str) -> None:
    said = line_about_the_call(Model(), f32(2, width))
    assert said.endswith(f"in Block.forward, as part of `{path}`")
    wrapped = nn.Sequential(nn.Identity(), Model())
    assert line_about_the_call(wrapped, f32(2, width)).endswith(f"as part of `1.{path}`")


def test_a_module_by_itself_has_no_path() -> None:
    assert "as part of" not in line_about_the_call(Head(), f32(2, 3), f32(3, 2))
    assert "as part of" not in line_about_the_call(Model().helped, f32(2, 3))


def test_an_inner_refusal_keeps_its_own_caller() -> None:
    @shape_checked
    def outer(x: Float[Tensor, "b t"]) -> Float[Tensor, "b t"]:
        caller_of_a_function()
        return x

    assert "in caller_of_a_function" in line_about_the_call(outer, f32(2, 3))
