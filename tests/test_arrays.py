"""Array-like objects other than tensors, as in `Float[Operator, "m n"]`, and abstract classes."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

import pytest
import torch
from jaxtyping import Float
from torch import Tensor, nn

from typed_einsum.annotations.arrays import array_of
from typed_einsum.testing.contracts.check import Check
from typed_einsum.testing.contracts.promises import Promises
from typed_einsum.testing.contracts.report import Report
from typed_einsum.testing.inputs.arrays import array_with
from typed_einsum.testing.inputs.constructors import build
from typed_einsum.testing.inputs.recipe import CannotMake
from typed_einsum.testing.targets.discovery import discover


class Operator:
    """A matrix that is not stored; `dense` is left to the classes that inherit from it."""

    def dense(self) -> Tensor:
        raise NotImplementedError

    @property
    def shape(self) -> torch.Size:
        return self.dense().shape

    @property
    def dtype(self) -> torch.dtype:
        return self.dense().dtype

    def times(
        self: Float[Operator, "*batch m n"], other: Float[Tensor, "*batch n p"]
    ) -> Float[Tensor, "*batch m p"]:
        return self.dense() @ other

    def plus(self: Float[Operator, "... m n"], other: Float[Operator, "... m n"]) -> Float[Tensor, "... m n"]:
        return self.dense() + other.dense()

    def scaled(
        self: Float[Operator, "*batch m n"], by: Float[Tensor, "... m 1"]
    ) -> Float[Tensor, "*batch m n"]:
        return self.dense() * by

    def spread(self: Float[Operator, "*batch m n"], shape: torch.Size) -> Float[Tensor, "*batch m n"]:
        return self.dense().expand(*shape, -1, -1)

    def crossed(
        self: Float[Operator, "*batch m n"], other: Float[Tensor, "*batch n p"]
    ) -> Float[Tensor, "*batch p n"]:
        return self.dense() @ other


class Dense(Operator):
    def __init__(self, values) -> None:
        self.values = values

    def dense(self) -> Tensor:
        return self.values


class Diagonal(Operator):
    def __init__(self, values: Float[Tensor, "*batch n"]) -> None:
        self.values = values

    def dense(self) -> Tensor:
        return torch.diag_embed(self.values)

    def squared(self: Float[Operator, "*batch n n"]) -> Float[Tensor, "*batch n"]:
        return self.values**2  # type: ignore[attr-defined]


class Zero(Operator):
    def __init__(self, *sizes: int) -> None:
        self.sizes = sizes

    def dense(self) -> Tensor:
        return torch.zeros(self.sizes)

    def transposed(self: Float[Operator, "*batch m n"]) -> Float[Tensor, "*batch n m"]:
        return self.dense().mT


class Both(Operator):
    """It is made from others alone, whose kind is not known: what is wrong with them is no error of it."""

    def __init__(self, *parts) -> None:
        self.parts = parts

    def dense(self) -> Tensor:
        return self.parts[0].dense() + self.parts[1].values

    def twice(self: Float[Operator, "*batch m n"]) -> Float[Tensor, "*batch m n"]:
        return 2 * self.dense()

    def cut(self: Float[Operator, "*batch m n"]) -> Float[Tensor, "*batch m n"]:
        return self.dense()[..., 1:]


def report(kind: type, name: str) -> Report:
    function = getattr(kind, name)
    found = discover(__import__(__name__))
    [target] = [each for each in found.targets if each.name == f"{kind.__name__}.{name}"]
    checked: Callable[..., Any] = target.checked()
    assert target.function is function
    return Check(target.name, checked, target.owner, target.place(__file__), Promises()).report()


def test_the_class_and_the_axes_of_an_array_are_read() -> None:
    found = array_of(Float[Operator, "m n"])
    assert found is not None
    assert (found.kind, found.text) == (Operator, "m n")
    assert array_of(Float[Tensor, "m n"]) is None
    assert array_of(Float[Any, "m n"]) is None
    assert array_of(int) is None


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        (Operator, "times", "ok for all sizes"),
        (Operator, "plus", "ok for all sizes"),
        (Operator, "scaled", "ok for all sizes"),
        (Operator, "spread", "ok at m=17 n=19 *batch=(11, 13)"),
        (Diagonal, "squared", "ok for all sizes"),
        (Both, "twice", "ok for all sizes"),
        (
            Zero,
            "transposed",
            "ok for all sizes with m == 17, n == 19, *batch[0] == 11 and *batch[1] == 13",
        ),
    ],
)
def test_a_method_that_says_the_shape_of_its_object_is_judged(kind: type, name: str, said: str) -> None:
    assert str(report(kind, name)).partition(": ")[2] == said


def test_a_method_that_breaks_what_it_says_of_its_object_is_told() -> None:
    [finding] = report(Operator, "crossed").findings
    assert finding.code == "TE201"
    assert finding.message == "axis `p` is 23 in `other` but 17 in the result"


def test_an_array_is_made_from_a_tensor_of_its_shape() -> None:
    array = array_of(Float[Operator, "m n"])
    assert array is not None
    made = array_with(array, (2, 3), "cpu")
    assert isinstance(made, Dense)
    assert made.shape == (2, 3)


class Alone:
    shape = (4, 5)


def test_of_a_class_that_takes_no_tensor_no_array_is_made() -> None:
    array = array_of(Float[Alone, "m n"])
    assert array is not None
    with pytest.raises(CannotMake, match="no class is known that makes a `Alone` from one tensor"):
        array_with(array, (2, 3), "cpu")


class Loss(abc.ABC):
    @abc.abstractmethod
    def entries(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]: ...

    def mean(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "b"]:
        return self.entries(x).mean(1)


class Unfinished(Loss):
    @abc.abstractmethod
    def name(self) -> str: ...


class Squared(Loss):
    def entries(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
        return x**2


def test_a_method_of_an_abstract_class_is_called_on_one_that_inherits_from_it() -> None:
    assert isinstance(build(Loss, "meta"), Squared)
    assert str(report(Loss, "mean")) == "Loss.mean: ok for all sizes"


def test_an_abstract_class_without_heirs_is_not_built() -> None:
    with pytest.raises(CannotMake, match="it is an abstract class"):
        build(Unfinished, "meta")


class Scaled(nn.Module):
    weight: Float[Tensor, "*part c"]

    def __init__(self, width: int, parts: int | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width) if parts is None else torch.ones(parts, width))

    def forward(self, x: Float[Tensor, "b *part c"]) -> Float[Tensor, "b *part c"]:
        return x * self.weight


def test_an_argument_has_the_axes_of_the_attributes_of_its_object() -> None:
    assert str(report(Scaled, "forward")) == "Scaled.forward: ok for all sizes"
