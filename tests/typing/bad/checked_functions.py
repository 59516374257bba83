"""Checked functions used wrongly: the decorator hides no mistake that a checker would find without it."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from typed_einsum import shape_checked

IMAGE, WEIGHT = torch.ones(2, 3), torch.ones(3, 5)


@shape_checked
def project(x: Float[Tensor, "b c"], weight: Float[Tensor, "c d"], *, times: int = 1) -> Float[Tensor, "b d"]:
    return x @ weight * times


@shape_checked
async def fetched(x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
    return x


@shape_checked
def rows(x: Float[Tensor, "b c"]) -> Iterator[Float[Tensor, "c"]]:
    yield from x


@dataclass
class Head:
    weight: Float[Tensor, "c d"]

    @shape_checked
    def __call__(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "b d"]:
        return x @ self.weight

    @classmethod
    @shape_checked
    def of(cls, weight: Float[Tensor, "c d"]) -> "Head":
        return cls(weight)


def an_argument_too_few() -> Tensor:
    return project(IMAGE)  # error: all


def an_argument_too_many() -> Tensor:
    return project(IMAGE, WEIGHT, 2)  # error: all


def a_keyword_that_is_not_a_parameter() -> Tensor:
    return project(IMAGE, WEIGHT, time=2)  # error: all


def an_argument_that_is_not_a_tensor() -> Tensor:
    return project(IMAGE, 2.0)  # error: all


def an_argument_that_is_not_a_number() -> Tensor:
    return project(IMAGE, WEIGHT, times="2")  # error: all


def a_result_taken_for_text() -> str:
    return project(IMAGE, WEIGHT)  # error: all


def a_coroutine_taken_for_its_result() -> Tensor:
    return fetched(IMAGE).sum()  # error: all


def an_iterator_taken_for_a_list() -> Tensor:
    return rows(IMAGE)[0]  # error: all


def an_object_called_with_an_argument_too_many() -> Tensor:
    return Head(WEIGHT)(IMAGE, IMAGE)  # error: all


def a_class_method_with_a_keyword_it_lacks() -> Head:
    return Head.of(weights=WEIGHT)  # error: all


def a_property_that_the_class_lacks() -> Tensor:
    return Head.of(WEIGHT).weights  # error: all


def a_body_that_returns_something_else() -> Tensor:
    @shape_checked
    def total(x: Float[Tensor, "b c"]) -> Float[Tensor, "b"]:
        return x.shape  # error: all

    return total(IMAGE)


def something_that_cannot_be_called() -> None:
    shape_checked(3)  # error: none
