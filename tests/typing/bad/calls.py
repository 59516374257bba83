"""Typed einsums called wrongly. What a checker reports stands at the end of the line."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from typed_einsum import typed_einsum

QUERY, KEY = torch.ones(2, 3, 5), torch.ones(2, 7, 5)


@typed_einsum
def scores(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]: ...


@typed_einsum(max="k")
def best(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"], /) -> Float[Tensor, "b q"]: ...


class Attention(nn.Module):
    @typed_einsum
    def scores(
        self, query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]
    ) -> Float[Tensor, "b q k"]: ...

    @classmethod
    @typed_einsum
    def shared(cls, query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]: ...


def an_operand_too_few() -> Tensor:
    return scores(QUERY)  # error: all


def an_operand_too_many() -> Tensor:
    return scores(QUERY, KEY, KEY)  # error: all


def a_keyword_that_is_not_an_operand() -> Tensor:
    return scores(QUERY, keys=KEY)  # error: all


def a_keyword_for_a_positional_operand() -> Tensor:
    return best(QUERY, key=KEY)  # error: all


def an_operand_that_is_not_a_tensor() -> Tensor:
    return scores(QUERY, [1.0, 2.0])  # error: all


def an_operand_that_may_be_missing(key: Tensor | None = None) -> Tensor:
    return scores(QUERY, key)  # error: all


def a_result_taken_for_a_number() -> int:
    return scores(QUERY, KEY)  # error: all


def an_attribute_that_results_lack() -> Tensor:
    return scores(QUERY, KEY).softmaxes(-1)  # error: mypy, pyright, pyrefly, ty


def an_attribute_that_definitions_lack() -> str:
    return scores.equations  # error: all


def a_method_with_an_operand_too_few() -> Tensor:
    return Attention().scores(QUERY)  # error: all


def a_method_with_an_operand_too_many() -> Tensor:
    return Attention().scores(QUERY, KEY, KEY)  # error: all


def a_method_called_on_its_class() -> Tensor:
    return Attention.scores(QUERY, KEY)  # error: all


def a_class_method_with_an_operand_too_few() -> Tensor:
    return Attention.shared(QUERY)  # error: all
