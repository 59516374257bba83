"""Drawn arguments: whatever an annotation allows occurs, what it refuses never does, and bugs shrink."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, find, given, settings
from jaxtyping import Bool, Float, Float16, Int, Num, Shaped
from torch import Tensor, nn

from typed_einsum import errors, shape_checked, typed_einsum
from typed_einsum.testing.inputs.contents import FLOATS, INDICES, INTEGERS, LAYOUTS
from typed_einsum.testing.strategies import inputs

FEW = settings(
    max_examples=40,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
"""Enough to meet every kind of argument; nothing here is to be shrunk."""

FOUND = settings(max_examples=400, deadline=None, database=None, derandomize=True)


def scores(q: Float[Tensor, "b q d"], k: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]:
    return q @ k.mT


def split_heads(x: Float[Tensor, "b t c"]) -> Float[Tensor, "b 4 t c//4"]:
    b, t, c = x.shape
    return x.reshape(b, t, 4, c // 4).transpose(1, 2)


def some_heads(x: Float[Tensor, "b t c"], heads: int) -> Float[Tensor, "b t c"]:
    b, t, _ = x.shape
    return x.reshape(b, t, heads, -1).flatten(2)


def grouped(q: Float[Tensor, "b h t d"], k: Float[Tensor, "b kv s d"]) -> Float[Tensor, "b h t s"]:
    return q @ k.repeat_interleave(q.shape[1] // k.shape[1], 1).mT


def positioned(x: Float[Tensor, "b t d"], table: Float[Tensor, "1 most d"]) -> Float[Tensor, "b t d"]:
    return x + table[:, : x.shape[1]]


def folded(err: Float[Tensor, "mb n"], weight: Float[Tensor, "b n"]) -> Float[Tensor, "4 b n"]:
    return err.reshape(4, weight.shape[0], -1) * weight


def chunks(
    x: Float[Tensor, "b c"], wide: Float[Tensor, "c cqkv"], narrow: Float[Tensor, "ck"]
) -> Float[Tensor, "b c"]:
    sizes = [x.shape[1], narrow.shape[0], narrow.shape[0]]
    return (x @ wide).split(sizes, -1)[0]


def looked_up(table: Float[Tensor, "v d"], ids: Int[Tensor, "b t"]) -> Float[Tensor, "b t d"]:
    return table[ids]


def masked(x: Float[Tensor, "b t"], keep: Bool[Tensor, "b t"] | None = None) -> Float[Tensor, "b t"]:
    return x if keep is None else x.masked_fill(~keep, 0)


def spread(x: Float[Tensor, "*batch c"], bias: Float[Tensor, "#c"]) -> Float[Tensor, "*batch c"]:
    return x + bias


def merged(x: Float[Tensor, "b h*d"], like: Float[Tensor, "h d"]) -> Float[Tensor, "b h d"]:
    return x.reshape(-1, *like.shape)


def paired(pair: tuple[Float[Tensor, "b c"], Int[Tensor, "b"]], _: Shaped[Tensor, "... 3"]) -> None: ...


def filled(x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
    return x.mul_(2)


def half(x: Float16[Tensor, "b c h w"]) -> Float16[Tensor, "b c"]:
    return x.amax((2, 3))


def counted(x: Num[Tensor, "b"], y: Int[Tensor, "b"]) -> Num[Tensor, "b"]:
    return x + y


class Mixer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.axis_sizes = {"d": 6}
        self.project = nn.Linear(6, 6)

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        return self.project(x.float()).to(x)


@typed_einsum
def typed(q: Float[Tensor, "b q d"], k: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]: ...


FUNCTIONS = (
    scores, split_heads, some_heads, grouped, positioned, folded, chunks, looked_up, masked, spread,
    merged, paired, filled, half, counted, typed,
)  # fmt: skip


def drawn(fn: Callable[..., Any], **options: Any) -> list[dict[str, Any]]:
    """Everything that one run of Hypothesis draws."""
    found: list[dict[str, Any]] = []

    @FEW
    @given(inputs(fn, **options))
    def run(arguments: dict[str, Any]) -> None:
        found.append(arguments)

    run()
    assert len(found) >= 10
    return found


@pytest.mark.parametrize("fn", FUNCTIONS, ids=lambda fn: fn.__name__)
def test_what_is_drawn_is_accepted(fn: Callable[..., Any]) -> None:
    checked = fn if fn is typed else shape_checked(fn)
    for arguments in drawn(fn):
        checked(**arguments)


def test_what_an_annotation_refuses_would_be_seen() -> None:
    """The test above can fail: the sizes of one function do not fit another."""

    def other(q: Float[Tensor, "b q d"], k: Float[Tensor, "b k q"]) -> None: ...

    refused = 0
    for arguments in drawn(scores):
        try:
            shape_checked(other)(**arguments)
        except errors.ShapeError:
            refused += 1
    assert refused > 0


def test_a_module_knows_sizes_by_itself() -> None:
    module = Mixer()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    for arguments in drawn(module):
        assert arguments["x"].shape[2] == 6
        assert module(**arguments).shape == arguments["x"].shape
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_sizes_go_from_one_up_and_can_be_given() -> None:
    sizes = {arguments["q"].shape for arguments in drawn(scores, sizes={"d": 9}, largest=5)}
    assert {shape[2] for shape in sizes} == {9}
    assert {shape[1] for shape in sizes} == {1, 2, 3, 4, 5}


def test_what_the_body_needs_is_learnt() -> None:
    assert {arguments["x"].shape[2] % 4 for arguments in drawn(split_heads)} == {0}
    assert len({arguments["x"].shape[2] for arguments in drawn(split_heads)}) > 1
    widths = {(a["x"].shape[2] % 2, a["x"].shape[2] > 2) for a in drawn(some_heads)}
    assert widths == {(0, False), (0, True)}
    grouped_by = {(a["q"].shape[1] % a["k"].shape[1], a["k"].shape[1] > 1) for a in drawn(grouped)}
    assert grouped_by == {(0, False), (0, True)}
    assert all(a["x"].shape[1] <= a["table"].shape[1] for a in drawn(positioned))
    assert all(a["err"].shape[0] == 4 * a["weight"].shape[0] for a in drawn(folded))
    assert len({a["weight"].shape[0] for a in drawn(folded)}) > 1


def test_indices_stay_within_their_axis_and_use_it() -> None:
    found = drawn(looked_up)
    assert all(a["ids"].min() >= 0 and a["ids"].max() < a["table"].shape[0] for a in found)
    assert any(a["ids"].max() > 0 for a in found)
    assert {a["ids"].dtype for a in found} == set(INDICES)


def is_expanded(x: Tensor) -> bool:
    return any(stride == 0 and size > 1 for stride, size in zip(x.stride(), x.shape, strict=True))


def is_channels_last(x: Tensor) -> bool:
    return x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()


def is_transposed(x: Tensor) -> bool:
    return x.permute(3, 2, 1, 0).is_contiguous() and not x.is_contiguous()


def is_sliced(x: Tensor) -> bool:
    return x.storage_offset() > 0 and not x.is_contiguous()


@pytest.mark.parametrize(
    "layout", [Tensor.is_contiguous, is_transposed, is_sliced, is_expanded, is_channels_last]
)
def test_every_layout_occurs(layout: Callable[[Tensor], bool]) -> None:
    def image(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return x

    assert find(inputs(image), lambda arguments: layout(arguments["x"]), settings=FOUND)
    if layout is not Tensor.is_contiguous:
        for arguments in drawn(image, layouts=["contiguous"]):
            assert not layout(arguments["x"])


def test_arguments_that_are_written_to_are_not_expanded() -> None:
    assert not any(is_expanded(arguments["x"]) for arguments in drawn(filled))
    assert any(is_expanded(arguments["x"]) for arguments in drawn(half))


@pytest.mark.parametrize("dtype", FLOATS)
def test_every_floating_dtype_occurs_and_operands_agree(dtype: torch.dtype) -> None:
    found = find(inputs(scores), lambda arguments: arguments["q"].dtype is dtype, settings=FOUND)
    assert found["k"].dtype is dtype
    assert {arguments["q"].dtype for arguments in drawn(scores, dtypes=[dtype])} == {dtype}


def test_dtypes_are_those_of_the_annotation() -> None:
    assert {arguments["x"].dtype for arguments in drawn(half)} == {torch.float16}
    assert {arguments["x"].dtype for arguments in drawn(counted)} == set(INTEGERS) - {torch.uint8}
    assert {arguments["keep"].dtype for arguments in drawn(masked) if "keep" in arguments} == {torch.bool}


def test_a_dtype_that_torch_has_no_kernel_for_is_left_out() -> None:
    def orthogonal(x: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
        return torch.linalg.qr(x)[0]

    assert {arguments["x"].dtype for arguments in drawn(orthogonal)} == {torch.float32, torch.float64}


@pytest.mark.parametrize(
    "holds",
    [
        lambda x: (x == 0).all(),
        lambda x: (x < 0).any() and (x > 0).any(),
        lambda x: x.abs().max() > 5000,
        lambda x: ((x > 0) & (x < 1)).all(),
    ],
    ids=["zeros", "both signs", "large", "from 0 to 1"],
)
def test_every_content_occurs_and_is_finite(holds: Callable[[Tensor], Any]) -> None:
    found = find(inputs(scores), lambda arguments: bool(holds(arguments["q"])), settings=FOUND)
    assert found["q"].isfinite().all()


def test_optional_tensors_are_passed_and_left_out() -> None:
    found = drawn(masked)
    assert {arguments.get("keep") is None for arguments in found} == {True, False}
    masks = [arguments["keep"] for arguments in found if arguments.get("keep") is not None]
    assert any(mask.all() for mask in masks)
    assert any(not mask.any() for mask in masks)


def test_broadcasting_axes_are_one_or_whole() -> None:
    found = [(a["bias"].shape[0], a["x"].shape[-1]) for a in drawn(spread)]
    assert any(bias == 1 < c for bias, c in found)
    assert any(bias == c > 1 for bias, c in found)


def gate(x: Float[Tensor, "b t d"], w: Float[Tensor, "d 1"]) -> Float[Tensor, "b t"]:
    return (x @ w).squeeze()  # drops the batch axis as well, where it is 1


def test_a_bug_at_size_one_is_found_and_shrinks() -> None:
    def fails(arguments: dict[str, Any]) -> bool:
        try:
            shape_checked(gate)(**arguments)
        except errors.ShapeError:
            return True
        return False

    found = find(inputs(gate), fails, settings=FOUND)
    assert found["x"].shape[2] == 1
    assert 1 in found["x"].shape[:2]
    assert max(found["x"].shape) <= 2
    assert found["x"].is_contiguous()
    assert found["x"].dtype is torch.float32
    assert not found["x"].any()


def test_a_view_of_transposed_storage_is_found() -> None:
    def flat(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t*d"]:
        return x.view(x.shape[0], -1)

    def fails(arguments: dict[str, Any]) -> bool:
        try:
            flat(**arguments)
        except RuntimeError as error:
            return "view size is not compatible" in str(error)
        return False

    assert find(inputs(flat), fails, settings=FOUND)["x"].shape in {
        (1, 2, 2),
        (2, 2, 1),
        (2, 1, 2),
        (2, 2, 2),
    }


def test_what_cannot_be_made_is_said_at_once() -> None:
    def told(x: Float[Tensor, "b"], options) -> None: ...

    with pytest.raises(errors.ArgumentError, match="parameter `options` has no annotation"):
        inputs(told)
    with pytest.raises(ValueError, match=r"layouts are some of contiguous, .*; not striped"):
        inputs(scores, layouts=["striped"])
    assert set(LAYOUTS) == {"contiguous", "transposed", "sliced", "expanded", "channels_last"}


@pytest.mark.thorough
def test_without_hypothesis_one_error_says_what_to_install() -> None:
    program = "import sys; sys.modules['hypothesis'] = None; import typed_einsum.testing.strategies"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    needs = 'typed_einsum.testing.strategies needs Hypothesis: pip install "typed-einsum[hypothesis]"'
    assert done.stderr.splitlines()[-1] == f"ImportError: {needs}"
