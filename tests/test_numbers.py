"""Numbers for checks: signed and of different scales, indices over their range, masks that mask something."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from typed_einsum import shape_checked
from typed_einsum.testing import check_contract
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.inputs.draw import Draw, primes
from typed_einsum.testing.inputs.numbers import ANY, Telling, telling_numbers
from typed_einsum.testing.inputs.recipe import Recipe


def exchanged(function: Callable[..., Any], **sizes: int) -> Mapping[str, Any]:
    """The arguments of a function with numbers that tell; the function takes them."""
    checked = shape_checked(function)
    recipe, draw = Recipe.of(checked), Draw(primes(5), "cpu", known=sizes)
    call = Call(checked, recipe, recipe.make(draw).arguments, draw.sizes)
    told = Telling(recipe.hints, call.outputs, draw.sizes, dict(call.arguments)).exchanged()
    assert call.outputs(told) is not None
    return told


def test_real_numbers_are_signed_and_differ_in_scale_along_each_axis() -> None:
    numbers = telling_numbers((30, 40, 50), torch.float32, "x")
    assert -0.05 < numbers.mean() < 0.05
    for axis in range(3):
        scales = numbers.movedim(axis, 0).flatten(1).std(1)
        assert scales.max() > 1.8 * scales.min()
    assert torch.equal(numbers, telling_numbers((30, 40, 50), torch.float32, "x"))
    assert not torch.equal(numbers, telling_numbers((30, 40, 50), torch.float32, "y"))
    assert telling_numbers((), torch.bfloat16, "x").dtype is torch.bfloat16
    assert telling_numbers((3, 5), torch.complex64, "x").imag.abs().min() > 0


@pytest.mark.parametrize(
    "name", ["sigma", "attention_weights", "scale", "prob", "opacity", "mask", "variance"]
)
def test_numbers_that_mean_something_positive_are_positive(name: str) -> None:
    assert telling_numbers((50, 60), torch.float32, name).min() > 0


def test_masks_mask_something_and_not_everything_on_every_row() -> None:
    mask = telling_numbers((11, 7, 5), torch.bool, "mask")
    assert mask.any(-1).all()
    assert not mask.all(-1).any()
    assert telling_numbers((5, 1), torch.bool, "mask").shape == (5, 1)


def test_integers_without_a_limit_repeat() -> None:
    labels = telling_numbers((11,), torch.int64, "labels", most=ANY)
    assert sorted(labels.bincount().tolist()) == [2, 2, 2, 2, 3]


def test_indices_are_drawn_over_the_axis_that_they_index() -> None:
    def gathered(x: Float[Tensor, "b t d"], at: Int[Tensor, "b k"]) -> Float[Tensor, "b k d"]:
        return x.gather(1, at[..., None].expand(-1, -1, x.shape[2]))

    at = exchanged(gathered, t=13, k=7)["at"]
    assert int(at.max()) == 12
    assert all(len(set(row.tolist())) == 7 for row in at)

    def loss(logits: Float[Tensor, "b c"], labels: Int[Tensor, "b"]) -> Float[Tensor, ""]:
        return F.cross_entropy(logits, labels)

    labels = exchanged(loss, b=17, c=5)["labels"]
    assert set(labels.tolist()) == {0, 1, 2, 3, 4}

    table = nn.Embedding(100, 3)

    def embedded(ids: Int[Tensor, "b t"]) -> Float[Tensor, "b t 3"]:
        return table(ids)

    ids = exchanged(embedded, b=50, t=60)["ids"]
    assert int(ids.max()) == 63


def test_lengths_are_between_one_and_the_axis() -> None:
    def pooled(x: Float[Tensor, "b t d"], lengths: Int[Tensor, "b"]) -> Float[Tensor, "b d"]:
        keep = torch.arange(x.shape[1]) < lengths[:, None]
        return (x * keep[..., None]).sum(1) / lengths[:, None]

    lengths = exchanged(pooled, b=40, t=7, d=11)["lengths"]
    assert (int(lengths.min()), int(lengths.max())) == (1, 7)


def test_what_a_function_refuses_is_left_as_it_was() -> None:
    def rooted(x: Float[Tensor, "b c"], y: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
        return x.sqrt() + y

    arguments = exchanged(rooted)
    assert arguments["x"].min() > 0
    assert arguments["y"].min() < 0

    def only_true(x: Float[Tensor, "b c"], keep: Bool[Tensor, "b"]) -> Float[Tensor, "b c"]:
        assert keep.all()
        return x

    assert exchanged(only_true)["keep"].all()

    def one_row(x: Float[Tensor, "b c"], at: Int[Tensor, "b"]) -> Float[Tensor, "b c"]:
        return x[at * x.shape[0]]

    assert exchanged(one_row)["at"].tolist() == [0] * 5


def test_every_tensor_of_a_container_gets_numbers_of_its_own() -> None:
    def summed(xs: list[Float[Tensor, "b c"]]) -> Float[Tensor, "b c"]:
        return xs[0] - xs[1]

    first, second = exchanged(summed)["xs"]
    assert not torch.equal(first, second)


def test_a_reference_finds_what_zeros_hide() -> None:
    def picked(x: Float[Tensor, "b t d"], at: Int[Tensor, "b"]) -> Float[Tensor, "b d"]:
        return x[:, 0]

    def reference(x: Tensor, at: Tensor) -> Tensor:
        return torch.stack([row[i] for row, i in zip(x, at, strict=True)])

    codes = [finding.code for finding in check_contract(picked, reference=reference).findings]
    assert "TE713" in codes
