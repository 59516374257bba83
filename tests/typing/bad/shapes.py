"""Axes that disagree. The types are right, so it takes a checker that follows shapes, or a call."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from typed_einsum import einsum, shape_checked, shaped, softmax, typed_einsum


@typed_einsum
def scores(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]: ...


@shape_checked
def project(x: Float[Tensor, "b c"], weight: Float[Tensor, "c d"]) -> Float[Tensor, "b d"]:
    return x @ weight


def two_sizes_for_one_axis() -> Tensor:
    return scores(torch.ones(2, 3, 5), torch.ones(2, 7, 11))  # error: none


def an_axis_too_few() -> Tensor:
    return scores(torch.ones(2, 3, 5), torch.ones(7, 5))  # error: none


def a_dtype_that_the_annotation_does_not_allow() -> Tensor:
    ones = torch.ones(2, 3, 5, dtype=torch.int64)
    return scores(ones, ones)  # error: none


def two_sizes_in_a_checked_function() -> Tensor:
    return project(torch.ones(2, 3), torch.ones(5, 7))  # error: none


def a_result_with_its_axes_exchanged() -> Tensor:
    @shape_checked
    def transposed(x: Float[Tensor, "b c"]) -> Float[Tensor, "c b"]:
        return x  # error: none

    return transposed(torch.ones(2, 3))


def a_local_value_with_its_axes_exchanged() -> Tensor:
    @shape_checked
    def doubled(x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
        return shaped(x * 2, "c b")  # error: none

    return doubled(torch.ones(2, 3))


def a_size_of_one_that_would_broadcast() -> Tensor:
    return einsum("b c, b c -> b", torch.ones(2, 3), torch.ones(1, 3))  # error: none


def a_softmax_over_an_axis_that_does_not_exist() -> Tensor:
    return softmax(torch.ones(2, 3), "b c", over="k")  # error: none


def a_result_of_another_dtype() -> Tensor:
    @shape_checked
    def counted(x: Float[Tensor, "b c"]) -> Int[Tensor, "b"]:
        return x.sum(1)  # error: none

    return counted(torch.ones(2, 3))


def matrices_that_torch_cannot_multiply() -> Tensor:
    return torch.ones(2, 3) @ torch.ones(5, 7)  # error: stubs


def an_einsum_of_torch_that_cannot_run() -> Tensor:
    return torch.einsum("bqd,bkd->bqk", torch.ones(2, 3, 5), torch.ones(2, 7, 11))  # error: stubs


@shape_checked
def a_checked_body_that_torch_cannot_run() -> Float[Tensor, "2 7"]:
    return torch.ones(2, 3) @ torch.ones(5, 7)  # error: stubs
