"""Operands of one word each: letters as torch reads them, or the names of tensors with one axis each."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from typed_einsum import einsum, errors, typed_einsum
from typed_einsum.equation.reading import NO_REDUCTIONS
from typed_einsum.static.equations import our_verdicts

X, Y, Z = torch.randn(3), torch.randn(3), torch.randn(5)
IMAGE, OTHER = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5)

WORDS: dict[str, tuple[str, tuple[Tensor, ...], str]] = {
    "a dot product": ("time, time -> ", (X, Y), "i,i->"),
    "without spaces": ("time,time->", (X, Y), "i,i->"),
    "a sum": ("index ->", (X,), "i->"),
    "an elementwise product": ("token, token -> token", (X, Y), "i,i->i"),
    "a word with a letter twice": ("letter, letter -> letter", (X, Y), "i,i->i"),
    "an outer product": ("time, frequency -> time frequency", (X, Z), "i,j->ij"),
    "a short word beside a long one": ("time, f -> time f", (X, Z), "i,j->ij"),
}

LETTERS: dict[str, tuple[str, tuple[Tensor, ...]]] = {
    "a letter for each axis": ("bchw,bchw->b", (IMAGE, OTHER)),
    "with spaces around": ("bchw, bchw -> ", (IMAGE, OTHER)),
    "two letters": ("ij,j->i", (torch.randn(4, 3), X)),
    "one letter": ("i,i->", (X, Y)),
    "a product of matrices": ("ij, jk -> ik", (torch.randn(4, 3), torch.randn(3, 5))),
    "a word among tensors of several axes": ("abc,c->ab", (torch.randn(2, 4, 3), X)),
}


@pytest.mark.parametrize("name", WORDS)
def test_words_name_the_axes_of_tensors_with_one(name: str) -> None:
    equation, operands, letters = WORDS[name]
    torch.testing.assert_close(einsum(equation, *operands), torch.einsum(letters, *operands))


@pytest.mark.parametrize("name", LETTERS)
def test_letters_stay_letters(name: str) -> None:
    equation, operands = LETTERS[name]
    torch.testing.assert_close(einsum(equation, *operands), torch.einsum(equation, *operands))


def test_both_readings_of_one_equation() -> None:
    torch.testing.assert_close(einsum("bchw,bchw->", X, Y), X @ Y)
    torch.testing.assert_close(einsum("bchw,bchw->", IMAGE, OTHER), (IMAGE * OTHER).sum())


def test_two_letters_are_never_a_word() -> None:
    with pytest.raises(errors.ShapeError, match="`ij` names 2, one for each letter"):
        einsum("ij,ij->", X, Y)


def test_reductions_are_words_as_well() -> None:
    torch.testing.assert_close(einsum("time, freq -> time", X, Z, sum="freq"), X * Z.sum())
    torch.testing.assert_close(einsum("time, freq -> time", X, Z, max="freq"), (X[:, None] * Z).amax(1))


def test_letters_that_make_no_equation_are_refused_as_letters() -> None:
    with pytest.raises(errors.EquationError, match="output axis `t` is named twice"):
        einsum("letter, letter -> letter", torch.randn(2, 3), torch.randn(2, 3))


def test_an_explicit_equation_of_words() -> None:
    @typed_einsum("time, time -> ")
    def dot(x: Float[Tensor, "t"], y: Float[Tensor, "t"]) -> Float[Tensor, ""]: ...

    torch.testing.assert_close(dot(X, Y), X @ Y)
    with pytest.raises(errors.EquationError, match="stands for `t` in `x` but for `s` in `y`"):

        @typed_einsum("time, time -> ")
        def wrong(x: Float[Tensor, "t"], y: Float[Tensor, "s"]) -> Float[Tensor, ""]: ...


def test_words_compile_to_one_graph() -> None:
    def both(x: Tensor, y: Tensor) -> Tensor:
        return einsum("word, word -> ", x, y)

    compiled: Any = torch.compile(both, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(X, Y), X @ Y)
    torch.testing.assert_close(compiled(IMAGE, OTHER), (IMAGE * OTHER).sum())


def test_the_source_alone_does_not_tell() -> None:
    assert list(our_verdicts("letter, letter -> letter", NO_REDUCTIONS)) == []
    verdict, *_ = our_verdicts("letter, other -> letter", NO_REDUCTIONS)
    assert verdict.flaw.code == "TE107"


# Ellipses of two ranks, and other help that is followed.


def test_ellipses_of_two_ranks_are_written_as_the_message_says() -> None:
    a, b = torch.randn(3, 4, 5), torch.randn(5, 6)
    with pytest.raises(errors.ShapeError) as caught:
        einsum("...ij,...jk->...ik", a, b)
    assert "write `*#batch` for both `...`, and `*batch` in the output" in str(caught.value)
    torch.testing.assert_close(einsum("*#batch i j, *#batch j k -> *batch i k", a, b), a @ b)


def test_operands_in_a_list_take_a_star() -> None:
    operands = [torch.randn(2, 3, 4), torch.randn(4, 5)]
    with pytest.raises(errors.ArgumentError, match="a star before the list does"):
        einsum("bij,jk->bik", operands)  # type: ignore[arg-type]
    torch.testing.assert_close(einsum("bij,jk->bik", *operands), operands[0] @ operands[1])
