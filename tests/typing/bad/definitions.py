"""Typed einsums defined wrongly."""

from jaxtyping import Float
from torch import Tensor

from typed_einsum import typed_einsum


def an_option_that_does_not_exist() -> None:
    @typed_einsum(min="d")  # error: all
    def smallest(x: Float[Tensor, "b d"]) -> Float[Tensor, "b"]: ...


def an_option_that_is_not_text() -> None:
    @typed_einsum(max=1)  # error: all
    def largest(x: Float[Tensor, "b d"]) -> Float[Tensor, "b"]: ...


def an_equation_by_keyword() -> None:
    @typed_einsum(equation="bd,bd->b")  # error: all
    def product(x: Float[Tensor, "b d"], y: Float[Tensor, "b d"]) -> Float[Tensor, "b"]: ...


def something_that_is_not_a_function() -> None:
    typed_einsum(3)  # error: all


def a_body_of_another_type() -> None:
    @typed_einsum
    def total(x: Float[Tensor, "b d"], y: Float[Tensor, "b d"]) -> Float[Tensor, "b"]:
        return x.shape  # error: all


def a_body_that_would_never_run() -> None:
    @typed_einsum
    def total(x: Float[Tensor, "b d"], y: Float[Tensor, "b d"]) -> Float[Tensor, "b"]:
        return (x * y).sum(1)  # error: none


def an_operand_without_axes() -> None:
    @typed_einsum
    def total(x: Float[Tensor, "b d"], y: Tensor) -> Float[Tensor, "b"]: ...  # error: none


def a_result_without_axes() -> None:
    @typed_einsum
    def total(x: Float[Tensor, "b d"], y: Float[Tensor, "b d"]) -> int: ...  # error: none


def an_output_axis_from_nowhere() -> None:
    @typed_einsum
    def total(x: Float[Tensor, "b d"], y: Float[Tensor, "b d"]) -> Float[Tensor, "b e"]: ...  # error: none


def one_letter_for_two_names() -> None:
    @typed_einsum("bi,ii->bi")  # error: none
    def project(x: Float[Tensor, "b i"], weight: Float[Tensor, "i o"]) -> Float[Tensor, "b o"]: ...
