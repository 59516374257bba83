"""The references are loops; each agrees with torch where torch has it, and with a second way elsewhere."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from typed_einsum.testing import Report, check_contract, contract, references
from typed_einsum.testing.observe.records import Function, Observations, Pattern
from typed_einsum.testing.pytest.observation import lines
from typed_einsum.testing.references.suggestions import USUAL, suggested, suggestion


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def operands() -> tuple[Tensor, Tensor, Tensor]:
    return torch.randn(2, 3, 5, 4), torch.randn(2, 3, 7, 4), torch.randn(2, 3, 7, 6)


def close(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_attention_agrees_with_torch_under_every_mask() -> None:
    q, k, v = operands()
    mask = torch.rand(2, 1, 5, 7) > 0.4
    mask[..., 0] = True
    bias = torch.randn(3, 5, 7)
    close(references.attention(q, k, v), F.scaled_dot_product_attention(q, k, v))
    close(references.attention(q, k, v, mask), F.scaled_dot_product_attention(q, k, v, mask))
    close(references.attention(q, k, v, bias=bias), F.scaled_dot_product_attention(q, k, v, bias))
    close(references.attention(q, k, v, causal=True), F.scaled_dot_product_attention(q, k, v, is_causal=True))
    close(references.attention(q, k, v, scale=0.3), F.scaled_dot_product_attention(q, k, v, scale=0.3))


def test_keys_in_the_past_and_windows_are_masks() -> None:
    q, k, v = operands()
    behind = torch.arange(2, 7)[:, None] - torch.arange(7)
    close(
        references.attention(q, k, v, causal=True, past=2),
        F.scaled_dot_product_attention(q, k, v, behind >= 0),
    )
    close(
        references.attention(q, k, v, causal=True, past=2, window=3),
        F.scaled_dot_product_attention(q, k, v, (behind >= 0) & (behind < 3)),
    )


def test_a_query_that_sees_nothing_has_no_result() -> None:
    q, k, v = operands()
    mask = torch.ones(5, 7, dtype=torch.bool)
    mask[3] = False
    result = references.attention(q, k, v, mask)
    assert result[..., 3, :].isnan().all()
    assert not result[..., :3, :].isnan().any()


@pytest.mark.parametrize("interleaved", [False, True])
def test_rotary_positions_multiply_complex_numbers(interleaved: bool) -> None:
    x, positions = torch.randn(2, 5, 6), torch.tensor([4, 0, 9, 2, 3])
    angles = positions[:, None] * 100.0 ** (-torch.arange(3) / 3)
    pairs = x.unflatten(-1, (3, 2)) if interleaved else x.unflatten(-1, (2, 3)).mT
    turned = torch.view_as_real(torch.view_as_complex(pairs.contiguous()) * torch.exp(1j * angles))
    expected = turned.flatten(-2) if interleaved else turned.mT.flatten(-2)
    close(references.rotary(x, positions, base=100.0, interleaved=interleaved), expected)


def test_norms_agree_with_torch() -> None:
    x, weight, bias = torch.randn(2, 3, 6), torch.randn(6), torch.randn(6)
    close(references.layer_norm(x, weight, bias), F.layer_norm(x, (6,), weight, bias))
    close(references.rms_norm(x, weight), F.rms_norm(x, (6,), weight, 1e-6))
    image = torch.randn(2, 6, 3, 5)
    close(references.group_norm(image, 2, weight, bias), F.group_norm(image, 2, weight, bias))


def test_cross_entropy_agrees_with_torch() -> None:
    logits, target = torch.randn(5, 7) * 30, torch.tensor([6, -100, 0, 3, 3])
    close(references.cross_entropy(logits, target), F.cross_entropy(logits, target))
    smooth = references.cross_entropy(logits, target, smoothing=0.1)
    close(smooth, F.cross_entropy(logits, target, label_smoothing=0.1))
    assert references.cross_entropy(logits[:1], torch.tensor([-100])).isnan()


def test_focal_weights_the_terms_of_a_binary_cross_entropy() -> None:
    logits, target = torch.randn(3, 5), (torch.rand(3, 5) > 0.5).float()
    terms = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    given = torch.where(target > 0, logits.sigmoid(), 1 - logits.sigmoid())
    weight = torch.where(target > 0, 0.3, 0.7) * (1 - given) ** 1.5
    close(references.focal(logits, target, alpha=0.3, gamma=1.5), (weight * terms).mean())


def test_patches_are_those_of_unfold() -> None:
    image = torch.randn(2, 3, 4, 6)
    expected = F.unfold(image, 2, stride=2).mT
    close(references.patchify(image, 2, channels_last=False), expected)
    last = expected.unflatten(-1, (3, 2, 2)).permute(0, 1, 3, 4, 2).flatten(2)
    close(references.patchify(image, 2), last)
    close(references.im2col(image, 3, stride=2, padding=1), F.unfold(image, 3, stride=2, padding=1))


def test_boxes_share_what_their_pixels_share() -> None:
    one, other = (
        torch.tensor([[0, 1, 4, 6], [2, 2, 3, 9]]),
        torch.tensor([[1, 0, 5, 4], [6, 6, 8, 9], [2, 2, 3, 9]]),
    )

    def pixels(box: Tensor) -> set[tuple[int, int]]:
        left, top, right, bottom = box.tolist()
        return {(x, y) for x in range(left, right) for y in range(top, bottom)}

    expected = [[len(pixels(a) & pixels(b)) / len(pixels(a) | pixels(b)) for b in other] for a in one]
    close(references.box_iou(one.float(), other.float()), torch.tensor(expected))


def test_advantages_follow_from_the_last_step_backwards() -> None:
    reward, value, following = torch.randn(3, 7, 2)
    alive = (torch.rand(7, 2) > 0.3).float()
    rows: list[torch.Tensor] = []
    last = torch.zeros(2)
    for r, v, f, a in reversed(list(zip(reward, value, following, alive, strict=True))):
        last = r + 0.9 * f * a - v + 0.9 * 0.8 * a * last
        rows.insert(0, last)
    close(references.gae(reward, value, following, alive, discount=0.9, decay=0.8), torch.stack(rows))


def test_a_state_space_is_a_masked_product() -> None:
    x, decay = torch.randn(2, 5, 3, 4), -torch.rand(2, 5, 3)
    into, out = torch.randn(2, 5, 6), torch.randn(2, 5, 6)
    total = decay.cumsum(1)
    kept = (total[:, :, None] - total[:, None]).exp() * torch.ones(5, 5).tril()[:, :, None]
    close(references.ssd(x, decay, into, out), torch.einsum("btsh,btn,bsn,bshp->bthp", kept, out, into, x))


# Functions that are held to another one.


def codes(report: Report) -> list[str]:
    return [finding.code for finding in report.findings]


def attended(
    q: Float[Tensor, "n q d"], k: Float[Tensor, "n k d"], v: Float[Tensor, "n k e"]
) -> Float[Tensor, "n q e"]:
    return (q @ k.mT / math.sqrt(q.shape[-1])).softmax(-1) @ v


def unscaled(
    q: Float[Tensor, "n q d"], k: Float[Tensor, "n k d"], v: Float[Tensor, "n k e"]
) -> Float[Tensor, "n q e"]:
    return (q @ k.mT).softmax(-1) @ v


@pytest.mark.parametrize("like", [references.attention, F.scaled_dot_product_attention])
def test_a_function_is_compared_with_one_of_the_same_meaning(like: object) -> None:
    assert codes(check_contract(attended, like=like)) == []  # type: ignore[arg-type]
    (finding,) = check_contract(unscaled, like=like).findings  # type: ignore[arg-type]
    assert finding.code == "TE713"
    assert "differ from `" in finding.message


def test_a_module_is_compared_with_a_module_and_stores_what_it_is_like() -> None:
    class Norm(nn.Module):
        def __init__(self, dim: int = 24) -> None:
            super().__init__()

        @contract(like=nn.LayerNorm(24))
        def forward(self, x: Float[Tensor, "n 24"], scale: float = 1.0) -> Float[Tensor, "n 24"]:
            return (
                scale * (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True, correction=0) + 1e-5).sqrt()
            )

    class Biased(Norm):
        @contract(like=nn.LayerNorm(24))
        def forward(self, x: Float[Tensor, "n 24"], scale: float = 1.0) -> Float[Tensor, "n 24"]:
            return scale * (x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + 1e-5)

    assert codes(check_contract(Norm())) == []
    (finding,) = check_contract(Biased()).findings
    assert "the numbers differ from `LayerNorm` by up to" in finding.message


def test_a_function_that_takes_other_arguments_cannot_be_compared() -> None:
    def summed(x: Float[Tensor, "n d"]) -> Float[Tensor, "n"]:
        return x.sum(1)

    with pytest.raises(TypeError, match="missing a required argument: 'y'"):
        check_contract(summed, like=lambda x, y: x)


def test_a_loss_is_compared_with_its_loop() -> None:
    def nll(logits: Float[Tensor, "n c"], target: Int[Tensor, "n"]) -> Float[Tensor, ""]:
        return -logits.log_softmax(1).gather(1, target[:, None]).mean()

    def over_samples(logits: Float[Tensor, "n c"], target: Int[Tensor, "n"]) -> Float[Tensor, ""]:
        return -logits.log_softmax(0)[torch.arange(len(target)), target].mean()

    assert codes(check_contract(nll, like=references.cross_entropy)) == []
    assert "TE713" in codes(check_contract(over_samples, like=references.cross_entropy))


# Which reference is suggested.


@pytest.mark.parametrize(
    ("name", "tensors", "reference"),
    [
        ("scaled_dot_product", ["q", "k", "v"], ""),
        ("masked_attention", ["query", "key", "value", "mask"], "attention"),
        ("CausalSelfAttention.forward", ["self", "x"], ""),
        ("CrossAttention.forward", ["q", "k", "v"], "attention"),
        ("compute_gae", ["rewards", "values", "dones"], "gae"),
        ("apply_rotary", ["x", "cos", "sin"], "rotary"),
        ("RMSNorm.forward", ["x"], "rms_norm"),
        ("pairwise_iou", ["boxes1", "boxes2"], "box_iou"),
        ("focal_loss", ["logits", "targets"], "focal"),
        ("linear", ["x"], ""),
    ],
)
def test_a_reference_is_suggested_by_name_and_parameters(
    name: str, tensors: list[str], reference: str
) -> None:
    assert suggested(name, tensors) == reference


def test_every_reference_can_be_suggested() -> None:
    assert sorted({usual.reference for usual in USUAL}) == sorted(references.__all__)


def test_a_class_is_what_is_compared_of_its_forward() -> None:
    text = suggestion("CrossAttention.forward", ["q", "k", "v"])
    assert (
        text == "check_contract(CrossAttention, like=references.attention) compares its numbers with a loop"
    )


def test_the_end_of_a_test_run_tells_what_is_suggested() -> None:
    seen = Pattern({name: {"tensor": "f32", "shape": [2, 3]} for name in "qkv"}, extent="all sizes")
    functions = (Function("model.py", 7, "attend", patterns=(seen,)), Function("model.py", 9, "other"))
    *_, last = lines(Observations(functions))
    assert last == (
        "  model.py:7: check_contract(attend, like=references.attention) compares its numbers with a loop"
    )
