"""The language of equations: what each means is compared with slow loops written from the definition."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st
from jaxtyping import Float, Int, Num
from support.loops import contract
from support.signatures import written_einsum
from torch import Tensor

from typed_einsum import einsum, errors, shape_checked, typed_einsum


def examples(number: int) -> settings:
    """So many examples, the same ones on every run."""
    return settings(max_examples=number, derandomize=True, deadline=None)


CLASSIC = tuple("abcdeXY")
NAMED = ("b", "batch", "q", "d_model", "h1", "rgb", "ψ")
MOST_NUMBERS = 600
"""A case has at most this many multiplications, or the loops take too long."""


@dataclass(frozen=True)
class Axis:
    """One axis of one operand, as it is written, and the sizes it has there.

    `labels` names the single axes that it stands for: one, or as many as there are under `...`.
    """

    name: str
    written: str
    labels: tuple[str, ...]
    sizes: tuple[int, ...]

    @property
    def is_variadic(self) -> bool:
        return self.name in ("...", "*rest")


@dataclass(frozen=True)
class Case:
    """An equation with operands that fit it."""

    style: str
    operands: tuple[tuple[Axis, ...], ...]
    output: tuple[str, ...]
    summed: tuple[str, ...]
    maximised: tuple[str, ...]
    spread: dict[str, tuple[str, ...]]
    dtype: torch.dtype

    @property
    def between(self) -> str:
        return " " if self.style == "named" else ""

    def inputs(self) -> list[str]:
        return [self.between.join(axis.written for axis in axes) for axes in self.operands]

    def text(self) -> str:
        return f"{', '.join(self.inputs())} -> {self.between.join(self.output)}"

    def options(self) -> dict[str, str | None]:
        return {
            "sum": self.between.join(self.summed) or None,
            "max": self.between.join(self.maximised) or None,
        }

    def shapes(self) -> list[tuple[int, ...]]:
        return [tuple(size for axis in axes for size in axis.sizes) for axes in self.operands]

    def labels(self, names: Sequence[str]) -> list[str]:
        """The single axes under these names; where all operands may repeat, some names hold fewer."""
        sizes = self.sizes()
        return [label for name in names for label in self.spread.get(name, (name,)) if label in sizes]

    def sizes(self) -> dict[str, int]:
        """The size of each label: the one that is not repeated."""
        sizes: dict[str, int] = {}
        for axes in self.operands:
            for axis in axes:
                for label, size in zip(axis.labels, axis.sizes, strict=True):
                    sizes[label] = size if sizes.get(label, 1) == 1 else sizes[label]
        return sizes

    def tensors(self) -> list[Tensor]:
        """Small whole numbers: every sum is exact, in bfloat16 too."""
        generator = torch.Generator().manual_seed(7)
        high = 2 if self.dtype is torch.bfloat16 else 4
        drawn = [torch.randint(1 - high, high, shape, generator=generator) for shape in self.shapes()]
        if self.dtype.is_complex:
            return [(real + 1j * real.flip(-1) if real.dim() else 1j * real).to(self.dtype) for real in drawn]
        return [values.to(self.dtype) for values in drawn]

    def wanted(self, tensors: Sequence[Tensor]) -> tuple[tuple[int, ...], dict[tuple[int, ...], Any]]:
        """The shape of the result, and its numbers by the definition."""
        sizes = self.sizes()
        output = self.labels(self.output)
        written = [[label for axis in axes for label in axis.labels] for axes in self.operands]
        values = [(tensor.tolist(), labels) for tensor, labels in zip(tensors, written, strict=True)]
        shape = tuple(sizes[label] for label in output)
        return shape, contract(values, output, sizes, self.labels(self.maximised))


@st.composite
def cases(draw: st.DrawFn, broadcast: bool = True, most: int = 4) -> Case:
    """Equations of one to four operands, each with sizes, all that the language has mixed."""
    style = draw(st.sampled_from(["named", "classic"]))
    pool = draw(st.lists(st.sampled_from(NAMED if style == "named" else CLASSIC), max_size=4, unique=True))
    sizes = {name: draw(st.sampled_from([2, 3, 4, 1, 0, 5])) for name in pool}
    variadics = draw(st.sampled_from([(), (), ("...",), ("*rest",), ("...", "*rest")]))
    if style == "classic":
        variadics = tuple(name for name in variadics if name == "...")
    full = {name: tuple(draw(st.lists(st.sampled_from([2, 3, 1, 0]), max_size=2))) for name in variadics}
    spread = {
        name: tuple(f"{name}{i - len(shape)}" for i in range(len(shape))) for name, shape in full.items()
    }
    fixed = draw(st.sets(st.sampled_from(pool))) if style == "named" and pool else set()
    marks = broadcast and style == "named"

    def single(name: str, once: bool) -> Axis:
        repeated = marks and once and draw(st.integers(0, 4)) == 0
        size = 1 if repeated and draw(st.booleans()) else sizes[name]
        label = f"={sizes[name]}" if name in fixed and draw(st.booleans()) else ""
        return Axis(name, f"{'#' if repeated else ''}{name}{label}", (name,), (size,))

    def variadic(name: str) -> Axis:
        shape, labels = full[name], spread[name]
        if name == "*rest" and marks and draw(st.integers(0, 3)) == 0:
            ones = tuple(1 if draw(st.booleans()) else size for size in shape)
            return Axis(name, "*#rest", labels, ones)
        return Axis(name, name, labels, shape)

    operands = []
    for _ in range(draw(st.integers(1, most))):
        names = draw(st.lists(st.sampled_from(pool), max_size=3)) if pool else []
        axes = [single(name, names.count(name) == 1) for name in names]
        if variadics and draw(st.booleans()):
            axes.insert(draw(st.integers(0, len(axes))), variadic(draw(st.sampled_from(variadics))))
        operands.append(tuple(axes))
    held = Counter(name for axes in operands for name in {axis.name for axis in axes})
    output = tuple(name for name in draw(st.permutations(sorted(held))) if draw(st.booleans()))
    vanished = [name for name in sorted(held) if name not in output]
    maximised = tuple(name for name in vanished if draw(st.integers(0, 4)) == 0)
    lone = {name for name in vanished if (held[name] == 1 and len(operands) > 1) or name in spread}
    summed = tuple(
        name for name in vanished if name not in maximised and (name in lone or draw(st.integers(0, 3)) == 0)
    )
    dtypes = [torch.float64, torch.int64, torch.bfloat16] + ([] if maximised else [torch.complex64])
    case = Case(style, tuple(operands), output, summed, maximised, spread, draw(st.sampled_from(dtypes)))
    assume(math.prod(max(size, 1) for size in case.sizes().values()) <= MOST_NUMBERS)
    # Where every operand repeats an axis that the text fixes, the text and the operands disagree on its size.
    assume(all(case.sizes()[name] == sizes[name] for name in fixed & held.keys()))
    assume(style == "classic" or reads_as_named(case.inputs()))
    note(f"{case.text()!r} {case.options()} {case.shapes()} {case.dtype}")
    return case


def reads_as_named(inputs: Sequence[str]) -> bool:
    """Whether the text of operands is named: a space between two axes, or a sign that only names have.

    >>> reads_as_named(["b q", "q"]), reads_as_named(["batch", "q"]), reads_as_named(["batch=3"])
    (True, False, True)
    """
    return any(" " in axes.strip() or re.search("[*#=_]", axes) for axes in inputs)


def assert_wanted(result: Tensor, case: Case, tensors: Sequence[Tensor]) -> None:
    """The result has the shape, the dtype and every number that the definition gives."""
    shape, numbers = case.wanted(tensors)
    assert tuple(result.shape) == shape
    assert result.dtype is case.dtype
    found = {index: result[index].item() for index in numbers}
    assert found == numbers


def ways_to_run(case: Case) -> list[Callable[..., Tensor]]:
    """The contraction as `einsum`, as `einsum` inside a checked function, and as a typed einsum."""

    def inline(*operands: Tensor) -> Tensor:
        return einsum(case.text(), *operands, **case.options())

    if {"...", "*rest"} <= set(case.output):
        return [inline, shape_checked(inline)]  # jaxtyping allows one variadic axis in an annotation
    options = {name: text and " ".join(words_of(text, case.style)) for name, text in case.options().items()}
    inputs = [" ".join(axis.written for axis in axes) for axes in case.operands]
    return [inline, shape_checked(inline), written_einsum(inputs, " ".join(case.output), **options)]


def words_of(text: str, style: str) -> list[str]:
    """The axis names in `sum=` or `max=`.

    >>> words_of("...bX", "classic"), words_of("*rest batch", "named")
    (['...', 'b', 'X'], ['*rest', 'batch'])
    """
    return text.split() if style == "named" else re.findall(r"\.\.\.|\w", text)


@examples(300)
@given(case=cases())
def test_a_contraction_is_its_definition(case: Case) -> None:
    tensors = case.tensors()
    sizes = case.sizes()
    empty = any(sizes[label] == 0 for label in case.labels(case.maximised))
    for run in ways_to_run(case):
        if empty:
            with pytest.raises(errors.ShapeError) as caught:
                run(*tensors)
            assert caught.value.code == "TE207"
        else:
            assert_wanted(run(*tensors), case, tensors)


@examples(150)
@given(case=cases(broadcast=False), data=st.data())
def test_a_size_of_its_own_is_refused(case: Case, data: st.DataObject) -> None:
    """Where two axes share a name, no operand may give it another size, not even 1."""
    shared = [
        (operand, position, label)
        for operand, axes in enumerate(case.operands)
        for position, label in enumerate(label for axis in axes for label in axis.labels)
        if [label for axes in case.operands for axis in axes for label in axis.labels].count(label) > 1
    ]
    assume(shared)
    operand, position, label = data.draw(st.sampled_from(shared))
    sizes = case.sizes()
    shape = list(case.shapes()[operand])
    shape[position] = data.draw(st.sampled_from([size for size in (1, 2, 3, 4, 6) if size != sizes[label]]))
    tensors = [torch.zeros(s, dtype=case.dtype) for s in case.shapes()]
    tensors[operand] = torch.zeros(shape, dtype=case.dtype)
    for run in ways_to_run(case):
        with pytest.raises(errors.ShapeError) as caught:
            run(*tensors)
        assert caught.value.code in {"TE201", "TE203", "TE204"}


@examples(100)
@given(case=cases(broadcast=False), data=st.data())
def test_another_rank_is_refused(case: Case, data: st.DataObject) -> None:
    whole = [i for i, axes in enumerate(case.operands) if not any(axis.is_variadic for axis in axes)]
    assume(whole)
    operand = data.draw(st.sampled_from(whole))
    tensors = case.tensors()
    tensors[operand] = tensors[operand].unsqueeze(0)
    for run in ways_to_run(case):
        with pytest.raises(errors.ShapeError) as caught:
            run(*tensors)
        assert caught.value.code == "TE202"


@examples(200)
@given(
    text=st.one_of(
        st.text("abq ,.->*#=_3()[]{}→ψ\t", max_size=24),
        st.text(max_size=12),
        st.lists(
            st.sampled_from(["a", "b", " ", ",", "->", "...", "*q", "#b", "n=3", "_", "a*b", "{a}"])
        ).map("".join),
    ),
    option=st.none() | st.text("ab .*,", max_size=4),
)
def test_no_text_ends_in_an_error_of_another_kind(text: str, option: str | None) -> None:
    """Whatever the text, the contraction runs or says what is wrong with it."""
    operands = [torch.ones(2, 3), torch.ones(3, 2)][: text.partition("->")[0].count(",") + 1]
    try:
        result = einsum(text, *operands, sum=option)
    except errors.TypedEinsumError as error:
        assert error.code in errors.CODES
    else:
        assert isinstance(result, Tensor)


def test_the_comparison_with_the_definition_can_fail() -> None:
    axes = (Axis("b", "b", ("b",), (2,)), Axis("q", "q", ("q",), (3,)))
    case = Case("named", (axes, axes[1:]), ("b",), (), (), {}, torch.float64)
    tensors = case.tensors()
    result = einsum("b q, q -> b", *tensors)
    assert_wanted(result, case, tensors)
    for wrong in (result + 1, result.flip(0), result[:1], result.float(), result.unsqueeze(0)):
        with pytest.raises(AssertionError):
            assert_wanted(wrong, case, tensors)
    with pytest.raises(AssertionError):
        assert_wanted(result, replace(case, output=("q",)), tensors)


# Seeds of this project.


def random(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(11)
    return torch.randn(shape, dtype=dtype, generator=generator)


def test_the_worked_example() -> None:
    a, b = random(1, 2, 4, 5, 5), random(1, 3, 2, 4)
    scores = einsum("bmchw,bnmc->bmhwn", a, b)
    assert scores.shape == (1, 2, 5, 5, 3)
    torch.testing.assert_close(scores[0, :, 0, 0, 0], (a[0, :, :, 0, 0] * b[0, 0, :, :]).sum(1))
    torch.testing.assert_close(scores, torch.einsum("bmchw,bnmc->bmhwn", a, b))
    for h in range(5):
        for n in range(3):
            wanted = (a[0, :, :, h, 3] * b[0, n, :, :]).sum(1)
            torch.testing.assert_close(scores[0, :, h, 3, n], wanted)


@typed_einsum(max="n")
def best_score(
    embed: Float[Tensor, "b m c h w"], guide: Float[Tensor, "b n m c"]
) -> Float[Tensor, "b m h w"]: ...


@typed_einsum
def weighted(
    x: Float[Tensor, "b m c h w"], weight: Float[Tensor, "b m h w"]
) -> Float[Tensor, "b m c h w"]: ...


def test_the_best_score_weights_its_head() -> None:
    a, b = random(1, 2, 4, 5, 6), random(1, 3, 2, 4)
    assert best_score.equation == "b m c h w, b n m c -> b m h w"
    best = best_score(a, b)
    torch.testing.assert_close(best, torch.einsum("bmchw,bnmc->bmhwn", a, b).max(-1).values)
    weight = torch.sigmoid(best)
    torch.testing.assert_close(weighted(a, weight), a * weight.unsqueeze(2), rtol=0, atol=0)


def scores_of(dtype: Any) -> Callable[..., Tensor]:
    @typed_einsum
    def scores(query: dtype[Tensor, "b q d"], key: dtype[Tensor, "b k d"]) -> dtype[Tensor, "b q k"]: ...

    made: Callable[..., Tensor] = scores
    return made


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int8])
def test_integers_under_int_and_num(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(3)
    query = torch.randint(-3, 4, (2, 3, 5), dtype=dtype, generator=generator)
    key = torch.randint(-3, 4, (2, 4, 5), dtype=dtype, generator=generator)
    wanted = torch.matmul(query, key.transpose(-2, -1))
    assert wanted.abs().max() > 0
    for found in (
        scores_of(Int)(query, key),
        scores_of(Num)(query, key),
        einsum("bqd,bkd->bqk", query, key),
    ):
        assert found.dtype is dtype
        assert torch.equal(found, wanted)
    with pytest.raises(errors.DtypeError) as caught:
        scores_of(Float)(query, key)
    assert caught.value.code == "TE301"


# Dtypes that torch supports in part: the same operators, the same results.

WITHOUT_PRODUCTS_TO_SUM = ["ij->ji", "ii->i", "ij->i", "ij->", "i,j->ij", "ij,ij->ij", "ij,j,i->ij"]
MATRIX_PRODUCTS = ["ij,ij->i", "ij,jk->ik", "bij,bjk->bik", "ij,jk,kl->il"]


@pytest.mark.parametrize(
    ("equation", "dtype"),
    [(equation, torch.bool) for equation in WITHOUT_PRODUCTS_TO_SUM]
    + [
        (equation, dtype)
        for equation in WITHOUT_PRODUCTS_TO_SUM + MATRIX_PRODUCTS
        for dtype in (torch.uint8, torch.int32, torch.float16, torch.complex64)
    ],
)
def test_a_dtype_that_torch_contracts(equation: str, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(5)
    sizes = {"b": 2, "i": 3, "j": 3 if "ii" in equation else 4, "k": 5, "l": 6}
    operands = [
        torch.randint(0, 2, [sizes[letter] for letter in axes], generator=generator).to(dtype)
        for axes in equation.partition("->")[0].split(",")
    ]
    wanted = torch.einsum(equation, *operands)
    torch.testing.assert_close(einsum(equation, *operands), wanted, rtol=0, atol=0)


GRADIENTS = [
    ("b q d, b k d -> b q k", ((2, 3, 5), (2, 4, 5)), {}),
    ("b q k, b k d -> b q d", ((2, 3, 4), (2, 4, 5)), {}),
    ("i i -> i", ((3, 3),), {}),
    ("i j ->", ((3, 4),), {}),
    ("i, j -> j i", ((3,), (4,)), {}),
    ("... i j, j k -> ... i k", ((2, 3, 4, 5), (5, 6)), {}),
    ("b m c h w, b n m c -> b m h w n", ((2, 3, 4, 5, 6), (2, 7, 3, 4)), {}),
    ("i j, j k, k l -> i l", ((2, 3), (3, 4), (4, 5)), {}),
    ("i u, i v -> v", ((3, 2), (3, 4)), {"sum": "u"}),
]


@pytest.mark.parametrize(("equation", "shapes", "options"), GRADIENTS)
def test_gradients(equation: str, shapes: tuple[tuple[int, ...], ...], options: dict[str, str]) -> None:
    ours, theirs = ([random(*shape).requires_grad_() for shape in shapes] for _ in range(2))
    found, wanted = einsum(equation, *ours, **options), torch.einsum(equation, *theirs)
    pull = random(*wanted.shape)
    found.backward(pull)
    wanted.backward(pull)
    for left, right in zip(ours, theirs, strict=True):
        assert left.grad is not None
        torch.testing.assert_close(left.grad, right.grad)


def test_the_gradient_of_a_maximum_goes_to_the_best() -> None:
    a, b = random(2, 3, 5).requires_grad_(), random(4, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, y: einsum("b q d, k d -> b q", x, y, max="k"), (a, b))


# What `#` allows beyond one axis of one operand.


def test_a_marked_axis_repeats() -> None:
    x, y = random(2, 1, 5), random(2, 4, 5)
    torch.testing.assert_close(einsum("b #k d, b k d -> b k", x, y), (x * y).sum(-1))
    with pytest.raises(errors.ShapeError) as caught:
        einsum("b k d, b k d -> b k", x, y)
    assert caught.value.code == "TE201"


def test_a_diagonal_of_marked_axes_is_refused() -> None:
    with pytest.raises(errors.EquationError) as caught:
        einsum("#b #b -> b", random(3, 1))
    assert caught.value.code == "TE113"


def test_marked_axes_of_different_ranks() -> None:
    x, y = random(2, 3, 5), random(3, 5)
    torch.testing.assert_close(einsum("*#rest d, *#rest d -> *rest", x, y), (x * y).sum(-1))


@pytest.mark.parametrize("dtype", [torch.int32, torch.uint8])
def test_a_lone_sum_of_narrow_integers_before_a_product_keeps_them(dtype: torch.dtype) -> None:
    x, y = torch.ones(2, 3, 4, dtype=dtype), torch.ones(3, 5, dtype=dtype)
    assert torch.equal(einsum("i j u, j k -> i k", x, y, sum="u"), torch.full((2, 5), 12, dtype=dtype))
