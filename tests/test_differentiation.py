"""Derivatives, function transforms, autocast and unusual operands: all as in torch.einsum.

Derivatives are compared with finite differences, everything else with torch.einsum on the same operands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from support.signatures import written_einsum
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vmap

from typed_einsum import einsum, errors

# The first forward derivative of a process makes torch compile a helper of its own, in a way it deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")


@dataclass(frozen=True)
class Case:
    """An equation with its options, and the same for torch. `ones` are the operands where `#c` is 1."""

    operands: tuple[str, ...]
    output: str
    sum: str | None = None
    max: str | None = None
    ones: tuple[int, ...] = ()

    def __str__(self) -> str:
        options = [f"{name}={text}" for name, text in (("sum", self.sum), ("max", self.max)) if text]
        return " ".join([f"{', '.join(self.operands)} -> {self.output}", *options])

    @property
    def sums_broadcast(self) -> bool:
        """Whether an axis that may be 1 somewhere is summed."""
        marked = {axis.strip("#") for axes in self.operands for axis in axes.split() if axis[0] == "#"}
        return not marked <= {*self.output.split(), self.max}

    @property
    def names(self) -> list[str]:
        """Every axis name once."""
        return sorted({axis.strip("#") for axes in self.operands for axis in axes.split()})

    def shape(self, index: int, sizes: dict[str, int]) -> tuple[int, ...]:
        """The shape of one operand."""
        axes = self.operands[index].split()
        return tuple(1 if axis[0] == "#" and index in self.ones else sizes[axis.strip("#")] for axis in axes)

    def tensors(self, dtype: torch.dtype = torch.float64, **sizes: int) -> list[Tensor]:
        """Random operands, with a size of its own for each axis unless `sizes` says otherwise."""
        generator = torch.Generator().manual_seed(len(str(self)))
        every = {**{name: 2 + i for i, name in enumerate(self.names)}, **sizes}
        shapes = [self.shape(index, every) for index in range(len(self.operands))]
        return [torch.randn(shape, dtype=torch.float64, generator=generator).to(dtype) for shape in shapes]

    def inline(self, *operands: Tensor) -> Tensor:
        """The contraction by `einsum`."""
        text = f"{', '.join(self.operands)} -> {self.output}"
        return einsum(text, *operands, sum=self.sum, max=self.max)

    def typed(self, dtype: str = "Num") -> Callable[..., Tensor]:
        """The contraction as a typed einsum."""
        return written_einsum(self.operands, self.output, dtype=dtype, sum=self.sum, max=self.max)

    def torch(self, *operands: Tensor) -> Tensor:
        """The contraction by torch."""
        letters = [axes.replace("#", "").replace(" ", "") for axes in (*self.operands, self.output)]
        maximised = (self.max or "").split()
        result = torch.einsum(
            f"{','.join(letters[:-1])}->{letters[-1]}{''.join(maximised)}",
            *operands,
        )
        return result.amax(tuple(range(-len(maximised), 0))) if maximised else result


CASES = [
    Case(("b q d", "b k d"), "b q k"),
    Case(("b q k", "b k d"), "q b d"),
    Case(("i j", "j k"), "k i"),
    Case(("i j", "j"), "i"),
    Case(("i", "i"), ""),
    Case(("i", "j"), "j i"),
    Case(("i j", "i j"), "j i"),
    Case(("i j k",), "k i"),
    Case(("i i",), ""),
    Case(("i i j",), "j i"),
    Case(("i i j", "i j k"), "k i"),
    Case(("i", ""), "i"),
    Case(("", ""), ""),
    Case(("i j", "k l"), "i l", sum="j k"),
    Case(("b i j", "j b k"), "i k"),
    Case(("i j", "j k", "k l"), "i l"),
    Case(("b i", "b j", "b k"), "b k i j"),
    Case(("i j k", "i l", "k l", "j"), "l"),
    Case(("b m c h", "b n m c"), "b m h n"),
    Case(("b m c h", "b n m c"), "b m h", max="n"),
    Case(("b q d", "k d"), "b", sum="q", max="k"),
    Case(("i j k",), "i", max="j k"),
    Case(("b #q d", "b q d"), "b q", ones=(0,)),
    Case(("#b c d", "b #c d"), "b c", ones=(0, 1)),
    Case(("#b i", "b j", "b #i"), "j i", ones=(0,)),
]
each = pytest.mark.parametrize("case", CASES, ids=str)
TWO = [case for case in CASES if len(case.operands) > 1]


def assert_same(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_the_comparison_can_fail() -> None:
    case = CASES[0]
    operands = case.tensors()
    wanted = case.torch(*operands)
    assert wanted.abs().max() > 1e-3
    for wrong in (wanted + 1e-10, wanted.float(), wanted.mT, wanted[:1]):
        with pytest.raises(AssertionError):
            assert_same(wrong, wanted)


# Derivatives.


@each
def test_first_and_second_derivatives(case: Case) -> None:
    operands = [operand.requires_grad_() for operand in case.tensors()]
    typed = case.typed()
    assert_same(typed(*operands), case.torch(*operands))
    assert gradcheck(typed, operands, check_forward_ad=True)
    assert gradcheck(case.inline, operands)
    assert gradgradcheck(typed, operands)


@pytest.mark.parametrize("case", [CASES[i] for i in (0, 4, 9, 13, 15, 23)], ids=str)
def test_derivatives_of_complex_contractions(case: Case) -> None:
    operands = [torch.complex(x, x.roll(1, 0) if x.ndim else -x) for x in case.tensors()]
    assert gradcheck(case.typed("Complex"), [operand.requires_grad_() for operand in operands])


def test_finite_differences_find_a_wrong_derivative() -> None:
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return 2 * x

        @staticmethod
        def backward(ctx: Any, pull: Tensor) -> Tensor:
            return pull

    x = CASES[0].tensors()[0].requires_grad_()
    assert not gradcheck(lambda x: CASES[0].inline(Wrong.apply(x), x.detach()), x, raise_exception=False)


@pytest.mark.parametrize("needed", [0, 1])
def test_one_operand_alone_asks_for_a_gradient(needed: int) -> None:
    case = CASES[0]
    operands = case.tensors()
    operands[needed].requires_grad_()
    case.inline(*operands).sum().backward()
    assert operands[needed].grad is not None
    assert operands[1 - needed].grad is None
    wanted = grad(lambda x: case.torch(*swapped(operands, needed, x)).sum())(operands[needed])
    assert_same(operands[needed].grad, wanted)


def swapped(operands: Sequence[Tensor], index: int, operand: Tensor) -> list[Tensor]:
    return [operand if i == index else other.detach() for i, other in enumerate(operands)]


# Function transforms.


@each
def test_transforms_of_one_operand(case: Case) -> None:
    operands = case.tensors()
    for index, operand in enumerate(operands):

        def ours(x: Tensor, index: int = index) -> Tensor:
            return case.inline(*swapped(operands, index, x))

        def theirs(x: Tensor, index: int = index) -> Tensor:
            return case.torch(*swapped(operands, index, x))

        assert_same(jacrev(ours)(operand), jacrev(theirs)(operand))
        assert_same(jacfwd(ours)(operand), jacfwd(theirs)(operand))
        for found, wanted in zip(*(jvp(f, (operand,), (operand + 1,)) for f in (ours, theirs)), strict=True):
            assert_same(found, wanted)
        stack = torch.stack([operand, -2 * operand, operand + 1], -1)
        assert_same(vmap(ours, -1, -1)(stack), vmap(theirs, -1, -1)(stack))
        per_sample = [vmap(grad(lambda x, f=f: (f(x) ** 2).sum()), -1)(stack) for f in (ours, theirs)]
        assert_same(*per_sample)


@pytest.mark.parametrize("case", TWO, ids=str)
def test_a_map_over_every_operand_within_a_map(case: Case) -> None:
    operands = [torch.stack([x, x + 1, 2 * x]).unsqueeze(-1).repeat_interleave(2, -1) for x in case.tensors()]
    found, wanted = (vmap(vmap(f), -1, 1)(*operands) for f in (case.typed(), case.torch))
    assert found.shape[1] == 2
    assert_same(found, wanted)


def test_a_hessian() -> None:
    case = CASES[17]
    operands = tuple(case.tensors())
    every = tuple(range(len(operands)))
    found, wanted = (
        hessian(lambda *x, f=f: (f(*x) ** 2).sum(), every)(*operands) for f in (case.typed(), case.torch)
    )
    for row, wanted_row in zip(found, wanted, strict=True):
        for block, wanted_block in zip(row, wanted_row, strict=True):
            assert_same(block, wanted_block)


# Autocast.


@pytest.mark.parametrize("case", TWO, ids=str)
def test_autocast(case: Case) -> None:
    operands = case.tensors(torch.float32)
    exact = case.torch(*(operand.double() for operand in operands))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for found in (case.typed("Float")(*operands), case.inline(*operands)):
            assert found.dtype is case.torch(*operands).dtype
            torch.testing.assert_close(found.double(), exact, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("case", [CASES[i] for i in (0, 2, 3, 15)], ids=str)
def test_autocast_makes_two_dtypes_one(case: Case) -> None:
    first, *others = case.tensors(torch.float32)
    mixed = [first, *(other.bfloat16() for other in others)]
    with pytest.raises(errors.DtypeError):
        case.inline(*mixed)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, wanted = case.typed("Float")(*mixed), case.torch(*mixed)
    assert found.dtype is wanted.dtype is torch.bfloat16
    torch.testing.assert_close(found, wanted, rtol=0.05, atol=0.05)


# Operands that are not fresh and contiguous.


@each
def test_an_empty_axis(case: Case) -> None:
    for name in case.names:
        ours, theirs = ([x.requires_grad_() for x in case.tensors(**{name: 0})] for _ in range(2))
        if name in (case.max or "").split():
            with pytest.raises(errors.ShapeError) as caught:
                case.inline(*ours)
            assert caught.value.code == "TE207"
            continue
        found, wanted = case.inline(*ours), case.torch(*theirs)
        assert found.shape == wanted.shape
        assert_same(found, wanted)
        for result in (found, wanted):
            result.sum().backward()
        for left, right in zip(ours, theirs, strict=True):
            assert left.grad is not None
            assert_same(left.grad, right.grad)


def reverse(x: Tensor) -> Tensor:
    return x.permute(tuple(reversed(range(x.ndim))))


VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "axes stored in reverse": lambda x: reverse(reverse(x).contiguous()),
    "every other number": lambda x: torch.stack([x, -x], -1)[..., 0],
    "every other row": lambda x: torch.cat([x, x])[::2] if x.ndim else x,
    "a part": lambda x: torch.cat([x, x, x], -1)[..., x.shape[-1] : 2 * x.shape[-1]] if x.ndim else x,
    "one row repeated": lambda x: x[:1].expand(x.shape) if x.ndim else x,
    "one number repeated": lambda x: x.flatten()[0].expand(x.shape),
    "real part of a complex tensor": lambda x: torch.complex(x, -x).real,
    "a negative view": lambda x: torch.complex(x, -x).conj().imag,
}


def test_the_views_are_views() -> None:
    x = torch.randn(3, 4, dtype=torch.float64)
    for view in VIEWS.values():
        assert view(x).shape == x.shape
        assert not view(x).is_contiguous()
    assert VIEWS["a negative view"](x).is_neg()


@each
def test_views(case: Case) -> None:
    typed = case.typed()
    for view in VIEWS.values():
        leaves = [x.requires_grad_() for x in case.tensors()]
        operands = [view(x) for x in leaves]
        found, wanted = typed(*operands), case.torch(*(x.clone() for x in operands))
        assert_same(found, wanted)
        assert_same(case.inline(*operands), wanted)
        gradients = [torch.autograd.grad((y**2).sum(), leaves, retain_graph=True) for y in (found, wanted)]
        for left, right in zip(*gradients, strict=True):
            assert_same(left, right)


def test_a_conjugate_view() -> None:
    for case in (CASES[2], CASES[6], CASES[7]):
        operands = [torch.complex(x, x + 1).conj() for x in case.tensors()]
        assert all(operand.is_conj() for operand in operands)
        assert_same(case.inline(*operands), case.torch(*operands))


def test_an_operand_given_twice() -> None:
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    assert_same(einsum("i j, k j -> i k", x, x), x @ x.T)
    assert gradcheck(lambda x: einsum("i j, k j -> i k", x, x), x)
    assert_same(einsum("i j, i j -> i", x, x), (x**2).sum(1))


# Dtypes.

NARROW = {torch.uint8, torch.int8, torch.int16}
WITHOUT_KERNELS = {torch.bool: 15, torch.uint8: 1, torch.int8: 1, torch.int16: 1}
"""How many equations torch.einsum itself cannot contract: booleans do not multiply as matrices, and its sum
over an axis of one operand widens small integers, which then no longer have the other operand's dtype."""


@pytest.mark.parametrize(
    "dtype",
    [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int64, torch.bfloat16, torch.complex128],
    ids=str,
)
def test_dtypes(dtype: torch.dtype) -> None:
    cases = [case for case in CASES if not (case.max and dtype.is_complex)]
    compared = 0
    for case in cases:
        operands = [x.sign().to(dtype) for x in case.tensors()]
        try:
            wanted = case.torch(*operands)
        except RuntimeError:
            continue
        found = case.inline(*operands)
        if dtype in NARROW and case.sums_broadcast:  # of size 1 in all operands but one, the sum is alone
            wanted = case.torch(*(operand.long() for operand in operands))
        assert found.dtype is wanted.dtype
        assert torch.equal(found, wanted)
        compared += 1
    assert compared == len(cases) - WITHOUT_KERNELS.get(dtype, 0)
