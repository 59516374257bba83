"""The functions that take values, called wrongly."""

import torch
from torch import Tensor

from typed_einsum import checks_off, einsum, explain, mean, shape_checked, shaped, softmax
from typed_einsum.attention import equations
from typed_einsum.nn import ContrastiveHead, ImagePoolingAttn, MaxSigmoidAttnBlock
from typed_einsum.testing import assert_contract, check_contract, contract, example_inputs

QUERY, KEY = torch.ones(2, 3, 5), torch.ones(2, 7, 5)


def an_equation_left_out() -> Tensor:
    return einsum(QUERY, KEY)  # error: all


def an_equation_after_the_operands() -> Tensor:
    return einsum(QUERY, KEY, "b q d, b k d -> b q k")  # error: all


def a_contraction_with_an_option_of_another_name() -> Tensor:
    return einsum("b q d, b k d -> b q", QUERY, KEY, min="k")  # error: all


def an_axis_by_number() -> Tensor:
    return softmax(QUERY, "b q d", over=2)  # error: all


def a_reduction_over_no_axis() -> Tensor:
    return mean(QUERY, "b q d")  # error: all


def a_reduction_without_names() -> Tensor:
    return softmax(QUERY, over="d")  # error: all


@shape_checked
def a_local_value_without_axes() -> Tensor:
    return shaped(QUERY)  # error: all


@shape_checked
def a_local_value_that_is_not_a_tensor() -> Tensor:
    return shaped([1.0, 2.0], "b")  # error: all


@shape_checked
def a_local_value_with_a_number_for_axes() -> Tensor:
    return shaped(QUERY, 3)  # error: none


def a_switch_that_is_not_a_context() -> None:
    with checks_off:  # error: all
        pass


def a_derivation_with_an_option_of_another_name() -> str:
    return str(explain("b q d -> b", total="q d"))  # error: all


def a_colour_that_does_not_exist() -> str:
    return explain("b d, b d -> b").to_text("blue")  # error: all


def an_equation_taken_for_text() -> str:
    return equations()["dot_product.scores"].upper()  # error: all


def a_promise_of_the_wrong_type() -> None:
    check_contract(ContrastiveHead(), independent=2)  # error: all


def an_asserted_promise_of_the_wrong_type() -> None:
    assert_contract(ContrastiveHead(), independent=2)  # error: all


def a_promise_of_no_axes() -> None:
    contract(independent=1)(torch.add)  # error: all


def a_seed_that_is_not_a_number() -> None:
    example_inputs(ContrastiveHead(), seed="1")  # error: all


def a_module_with_a_setting_it_lacks() -> MaxSigmoidAttnBlock:
    return MaxSigmoidAttnBlock(64, 64, heads=2)  # error: all


def a_forward_with_an_argument_too_few() -> Tensor:
    return ImagePoolingAttn(ch=(4,)).forward([QUERY])  # error: all


def a_module_called_with_an_argument_too_few() -> Tensor:
    result: Tensor = ImagePoolingAttn(ch=(4,))([QUERY])  # error: stubs
    return result
