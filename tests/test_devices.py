"""The doors on every device there is: numbers and gradients are those of the CPU, and refusals the same."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from jaxtyping import Float
from torch import Tensor, nn

from typed_einsum import einsum, errors, mean, normalize, shape_checked, shaped, softmax, typed_einsum
from typed_einsum.nn import C2fAttn, ContrastiveHead, ImagePoolingAttn, MaxSigmoidAttnBlock

NO_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
DEVICES = ["cpu", pytest.param("cuda", marks=NO_CUDA)]


@typed_einsum
def scores(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]: ...


@typed_einsum(max="k")
def best(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q"]: ...


@shape_checked
def attend(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q d"]:
    weights = shaped(softmax(scores(query, key), "b q k", over="k"), "b q k")
    return einsum("b q k, b k d -> b q d", weights, key)


QUERY, KEY = (2, 30, 40), (2, 2000, 40)
DOORS: dict[str, tuple[Callable[..., Tensor], tuple[tuple[int, ...], ...]]] = {
    "typed_einsum": (scores, (QUERY, KEY)),
    "typed_einsum with max": (best, (QUERY, KEY)),
    "einsum": (lambda query, key: einsum("b q d, b k d -> b q k", query, key), (QUERY, KEY)),
    "einsum with max": (lambda q, k: einsum("b q d, b k d -> b q", q, k, max="k"), (QUERY, KEY)),
    "three operands": (lambda a, b, c: einsum("i j, j k, k l -> i l", a, b, c), ((3, 4), (4, 5), (5, 6))),
    "shape_checked": (attend, (QUERY, KEY)),
    "mean": (lambda x: mean(x, "b q d", over="q"), (QUERY,)),
    "normalize": (lambda x: normalize(x, "b q d", over="d"), (QUERY,)),
}
MODULES: dict[str, tuple[Callable[[], nn.Module], tuple[tuple[int, ...], ...]]] = {
    "MaxSigmoidAttnBlock": (
        lambda: MaxSigmoidAttnBlock(12, 12, nh=3, ec=12, gc=10),
        ((2, 12, 20, 24), (2, 90, 10)),
    ),
    "C2fAttn": (lambda: C2fAttn(12, 12, nh=3, ec=12, gc=10), ((2, 12, 20, 24), (2, 90, 10))),
    "ContrastiveHead": (ContrastiveHead, ((2, 12, 20, 24), (2, 9, 12))),
}


def made(shapes: tuple[tuple[int, ...], ...], device: str) -> list[Tensor]:
    """The same numbers on each device, asked for gradients."""
    generator = torch.Generator().manual_seed(0)
    tensors = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    return [tensor.to(device).requires_grad_() for tensor in tensors]


def agree(function: Callable[..., Any], there: Callable[..., Any], shapes: Any, device: str) -> None:
    """A result and its gradients on a device are those of the CPU."""
    here, moved = made(shapes, "cpu"), made(shapes, device)
    wanted, found = function(*here), there(*moved)
    assert found.device.type == device
    torch.testing.assert_close(found.cpu(), wanted)
    weight = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(1), dtype=wanted.dtype)
    expected = torch.autograd.grad(wanted, here, weight)
    gradients = torch.autograd.grad(found, moved, weight.to(device))
    for ours, theirs in zip(gradients, expected, strict=True):
        torch.testing.assert_close(ours.cpu(), theirs)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", DOORS)
def test_a_door(name: str, device: str) -> None:
    function, shapes = DOORS[name]
    agree(function, function, shapes, device)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", MODULES)
def test_a_module(name: str, device: str) -> None:
    make, shapes = MODULES[name]
    torch.manual_seed(0)
    module = make().double().eval()
    agree(module, copy.deepcopy(module).to(device), shapes, device)


@pytest.mark.parametrize("device", DEVICES)
def test_the_pooling_of_images(device: str) -> None:
    torch.manual_seed(0)
    module = ImagePoolingAttn(ec=12, ch=(6, 8), ct=10, nh=3).double().eval()
    text, fine, coarse = made(((2, 5, 10), (2, 6, 12, 14), (2, 8, 6, 7)), "cpu")
    moved = copy.deepcopy(module).to(device)
    found = moved([fine.to(device), coarse.to(device)], text.to(device))
    torch.testing.assert_close(found.cpu(), module([fine, coarse], text))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("function", [scores, best, attend, DOORS["einsum"][0]])
def test_a_refusal(function: Callable[..., Tensor], device: str) -> None:
    with pytest.raises(errors.ShapeError, match="axis `b` is 2 in"):
        function(torch.ones(2, 3, 5, device=device), torch.ones(4, 6, 5, device=device))


@NO_CUDA
def test_operands_on_two_devices() -> None:
    with pytest.raises(errors.DeviceError, match="TE303"):
        scores(torch.ones(2, 3, 5), torch.ones(2, 4, 5, device="cuda"))


def test_the_comparison_sees_a_difference() -> None:
    with pytest.raises(AssertionError):
        agree(scores, lambda query, key: scores(query, key) * 1.001, (QUERY, KEY), "cpu")
