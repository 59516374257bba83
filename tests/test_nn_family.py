"""The family of the block: equal to plain references, loadable, and the same in a graph."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from support import reference_nn as reference
from support.reference_nn import close, randomised, refused
from torch import Tensor, nn

from typed_einsum import errors
from typed_einsum.nn import (
    BNContrastiveHead,
    Bottleneck,
    C2fAttn,
    ContrastiveHead,
    Conv,
    ImagePoolingAttn,
    MaxSigmoidAttnBlock,
)

DOUBLE = torch.float64
HEADS, SIDE = 4, 3


def image(channels: int, h: int = 11, w: int = 8, dtype: torch.dtype = DOUBLE) -> Tensor:
    return torch.randn(2, channels, h, w, generator=torch.Generator().manual_seed(channels)).to(dtype)


def texts(channels: int, n: int = 5, dtype: torch.dtype = DOUBLE) -> Tensor:
    return torch.randn(2, n, channels, generator=torch.Generator().manual_seed(n)).to(dtype)


def stage(**settings: Any) -> C2fAttn:
    return randomised(C2fAttn(24, 20, **{"n": 2, "ec": 16, "nh": 2, "gc": 18, **settings})).double()


def pooling(**settings: Any) -> ImagePoolingAttn:
    return randomised(
        ImagePoolingAttn(**{"ec": 32, "ch": (12, 20), "ct": 18, "nh": HEADS, **settings})
    ).double()


def levels() -> list[Tensor]:
    return [image(12), image(20, 6, 4)]


CASES: dict[str, tuple[Callable[[], nn.Module], Callable[[], tuple[Any, ...]], Callable[..., Tensor]]] = {
    "C2fAttn": (
        stage,
        lambda: (image(24), texts(18)),
        lambda state, training, x, guide: reference.c2f_attention(
            state, x, guide, 2, shortcut=False, training=training
        ),
    ),
    "C2fAttn with shortcuts, groups and another width": (
        lambda: stage(n=3, shortcut=True, g=2, e=0.8, ec=12),
        lambda: (image(24), texts(18)),
        lambda state, training, x, guide: reference.c2f_attention(
            state, x, guide, 2, shortcut=True, training=training
        ),
    ),
    "ImagePoolingAttn": (
        pooling,
        lambda: (levels(), texts(18)),
        lambda state, training, x, text: reference.image_pooling_attention(state, x, text, HEADS, SIDE),
    ),
    "ImagePoolingAttn with a scale": (
        lambda: pooling(scale=True, k=2),
        lambda: (levels(), texts(18)),
        lambda state, training, x, text: reference.image_pooling_attention(state, x, text, HEADS, 2),
    ),
    "ContrastiveHead": (
        lambda: randomised(ContrastiveHead()).double(),
        lambda: (image(18), texts(18)),
        lambda state, training, x, w: reference.contrastive_scores(state, x, w, training=training),
    ),
    "BNContrastiveHead": (
        lambda: randomised(BNContrastiveHead(18)).double(),
        lambda: (image(18), texts(18)),
        lambda state, training, x, w: reference.contrastive_scores(state, x, w, training=training),
    ),
}
each = pytest.mark.parametrize(("make", "inputs", "plain"), CASES.values(), ids=CASES)


def converted(values: tuple[Any, ...], change: Callable[[Tensor], Tensor]) -> tuple[Any, ...]:
    return tuple([change(v) for v in value] if isinstance(value, list) else change(value) for value in values)


def flat(values: tuple[Any, ...]) -> list[Tensor]:
    return [part for value in values for part in (value if isinstance(value, list) else [value])]


@each
@pytest.mark.parametrize("training", [False, True])
def test_equal_to_the_reference(make: Any, inputs: Any, plain: Any, training: bool) -> None:
    module, values = make().train(training), inputs()
    state = copy.deepcopy(module.state_dict())
    expected = plain(state, training, *values)
    close(module(*values), expected, 1e-12)
    values = converted(values, Tensor.float)
    single = {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
    module = make().float().train(training)
    close(module(*values), plain(single, training, *values), 1e-5)


@each
def test_every_parameter_matters_to_the_comparison(make: Any, inputs: Any, plain: Any) -> None:
    module, values = make().eval(), inputs()
    found, state = module(*values), module.state_dict()
    for name, value in state.items():
        same_for_all_keys = name in {"key.0.bias", "key.1.bias"}  # which a softmax cannot see
        if value.is_floating_point() and not same_for_all_keys:
            other = plain({**state, name: value * 1.3 + 0.1}, False, *values)
            assert (found - other).abs().max() > 1e-9, name


@each
@pytest.mark.parametrize("training", [False, True])
def test_gradients(make: Any, inputs: Any, plain: Any, training: bool) -> None:
    module = make().train(training)
    values = converted(inputs(), lambda tensor: tensor.requires_grad_())
    state = {name: value.detach().clone() for name, value in module.state_dict().items()}
    parameters = dict(module.named_parameters())
    for name in parameters:
        state[name].requires_grad_()
    expected = plain(state, training, *values)
    upstream = torch.randn(expected.shape, generator=torch.Generator().manual_seed(5), dtype=DOUBLE)
    wanted = torch.autograd.grad(expected, [*flat(values), *(state[name] for name in parameters)], upstream)
    found = torch.autograd.grad(module(*values), [*flat(values), *parameters.values()], upstream)
    largest = max(gradient.abs().max().item() for gradient in wanted)
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape
        assert (one - other).abs().max() <= 1e-12 * largest


@each
@pytest.mark.one_in(4)
def test_in_a_graph(make: Any, inputs: Any, plain: Any) -> None:
    torch._dynamo.reset()
    module, values = make().eval(), inputs()
    expected = module(*values)
    close(torch.compile(module, fullgraph=True, backend="aot_eager")(*values), expected, 1e-12)
    program = torch.export.export(module, values)
    close(program.module()(*values), expected, 1e-12)


@each
def test_copies_and_lower_precision(make: Any, inputs: Any, plain: Any) -> None:
    module, values = make().eval(), inputs()
    expected = module(*values)
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(other(*values), expected)
    other = randomised(make(), seed=9).double().eval()
    assert not torch.equal(other(*values), expected)
    other.load_state_dict(module.state_dict(), strict=True)
    assert torch.equal(other(*values), expected)
    half = other.bfloat16()(*converted(values, Tensor.bfloat16))
    assert half.dtype == torch.bfloat16
    close(half.double(), expected, 5e-2)
    with torch.autocast("cpu", torch.bfloat16):
        close(make().float().eval()(*converted(values, Tensor.float)).double(), expected, 5e-2)


# Checkpoints: names and shapes of the published modules.


def norm(prefix: str, channels: int) -> dict[str, tuple[int, ...]]:
    shapes = dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (channels,))
    return {f"{prefix}.{name}": shape for name, shape in {**shapes, "num_batches_tracked": ()}.items()}


def layer(prefix: str, weight: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    return {f"{prefix}.conv.weight": weight, **norm(f"{prefix}.bn", weight[0])}


def linear(prefix: str, weight: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    return {f"{prefix}.weight": weight, f"{prefix}.bias": weight[:1]}


def shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in module.state_dict().items()}


def test_names_of_c2f() -> None:
    published = {**layer("cv1", (64, 96, 1, 1)), **layer("cv2", (64, 160, 1, 1))}
    for i in range(2):
        published |= {**layer(f"m.{i}.cv1", (32, 32, 3, 3)), **layer(f"m.{i}.cv2", (32, 32, 3, 3))}
    published |= {
        "attn.bias": (1,),
        **linear("attn.gl", (32, 512)),
        **layer("attn.proj_conv", (32, 32, 3, 3)),
    }
    assert shapes(C2fAttn(96, 64, n=2, ec=32)) == published
    wider = shapes(C2fAttn(96, 64, n=2))
    assert wider["attn.ec.conv.weight"] == (128, 32, 1, 1)
    assert wider["attn.gl.weight"] == (128, 512)


@pytest.mark.parametrize("scale", [False, True])
def test_names_of_image_pooling(scale: bool) -> None:
    published: dict[str, tuple[int, ...]] = {"scale": (1,)} if scale else {}
    for name, (into, out) in {"query": (512, 256), "key": (256, 256), "value": (256, 256)}.items():
        published |= {
            f"{name}.0.weight": (into,),
            f"{name}.0.bias": (into,),
            **linear(f"{name}.1", (out, into)),
        }
    published |= linear("proj", (512, 256))
    for i, channels in enumerate((128, 256, 512)):
        published |= linear(f"projections.{i}", (256, channels, 1, 1))
    made = ImagePoolingAttn(256, (128, 256, 512), scale=scale)
    assert shapes(made) == published
    assert made.scale == (0 if scale else 1)


def test_names_and_beginnings_of_the_heads() -> None:
    assert shapes(ContrastiveHead()) == {"bias": (1,), "logit_scale": ()}
    assert shapes(BNContrastiveHead(512)) == {"bias": (1,), "logit_scale": (), **norm("norm", 512)}
    assert ContrastiveHead().bias.item() == BNContrastiveHead(8).bias.item() == -10
    assert ContrastiveHead().logit_scale.item() == pytest.approx(math.log(1 / 0.07))
    assert BNContrastiveHead(8).logit_scale.item() == -1


# What is their own.


def test_a_stage_passes_texts_on_and_fuses() -> None:
    module, x, guide = stage().eval(), image(24), texts(18)
    expected = module(x, guide[:1].expand(2, -1, -1))
    close(module(x, vocabulary=guide[0]), expected, 1e-12)
    assert module.encode_guide(guide[0]).shape == (5, 2, 8)
    close(module(x), expected, 1e-12)
    assert module.fuse() is module
    assert not any(isinstance(inner, nn.BatchNorm2d) for inner in module.modules())
    close(module(x), expected, 1e-12)
    mask = torch.tensor([[True, True, False, True, False], [False, True, True, True, True]])
    padded = guide.masked_fill(~mask[:, :, None], math.nan)
    one_by_one = [module(x[i : i + 1], guide[i : i + 1, mask[i]]) for i in range(2)]
    close(module(x, padded, mask=mask), torch.cat(one_by_one), 1e-12)


def test_a_bottleneck_adds_only_where_channels_agree() -> None:
    x = image(6)
    for c2, shortcut in itertools.product((6, 8), (False, True)):
        module = randomised(Bottleneck(6, c2, shortcut)).double().eval()
        added = module(x) - module.cv2(module.cv1(x))
        assert torch.equal(added != 0, torch.full_like(added, shortcut and c2 == 6).bool())
        assert module.cv1.conv.out_channels == c2 // 2


def test_pooling_takes_a_tuple_and_cells_that_share_rows() -> None:
    module, text = pooling().eval(), texts(18)
    assert torch.equal(module(tuple(levels()), text), module(levels(), text))
    small = [image(12, 4, 2), image(20, 2, 1)]  # fewer rows than cells
    expected = reference.image_pooling_attention(module.state_dict(), small, text, HEADS, SIDE)
    close(module(small, text), expected, 1e-12)


def test_a_learnt_scale_begins_by_changing_nothing() -> None:
    text = texts(18)
    module = ImagePoolingAttn(ec=32, ch=(12, 20), ct=18, nh=HEADS, scale=True).double()
    assert torch.equal(module(levels(), text), text)


def test_heads_of_equal_vectors_score_highest() -> None:
    text = texts(18)
    x = (3 * text).transpose(1, 2).unflatten(2, (5, 1))
    scores = ContrastiveHead().double()(x, text)[..., 0]
    assert (scores.argmax(1) == torch.arange(5)).all()
    close(scores.diagonal(dim1=1, dim2=2), torch.full((2, 5), 1 / 0.07 - 10, dtype=DOUBLE), 1e-6)


def test_what_they_refuse() -> None:
    module, text = pooling(), texts(18)
    one, two = levels()
    assert "`x` has 1 level, but `ch` lists the channels of 2" in refused("TE401", module, [one], text)
    assert "`x` has 3 levels, but `ch` lists" in refused("TE403", module, [one, two, two], text)
    assert "axis `i=12` is 20 in the value" in refused("TE203", module, [two, one], text)
    assert "axis `b` is 2 in `text` but 1 in the value" in refused("TE201", module, [one[:1], two[:1]], text)
    assert "axis `g` is 18 in `axis_sizes` but 7" in refused("TE201", module, levels(), text[..., :7])
    assert "axis `b` is 2 in `x` but 1 in `guide`" in refused("TE201", stage(), image(24), text[:1])
    for head in (ContrastiveHead(), BNContrastiveHead(18)):
        assert "axis `c` is 18 in" in refused("TE201", head.double(), image(18), text[..., :7])
        assert "axis `b` is 2 in `x` but 1 in `w`" in refused("TE201", head, image(18), text[:1])


@pytest.mark.parametrize(
    ("make", "summary"),
    [
        (lambda: ImagePoolingAttn(ec=30, ch=(8,)), "`ec` is 30 and `nh` is 8"),
        (lambda: ImagePoolingAttn(), "`len(ch)` is 0"),
        (lambda: ImagePoolingAttn(ch=(8, 0)), "`ch[1]` is 0"),
        (lambda: C2fAttn(8, 10, nh=2), "`int(c2 * e)` is 5 and `nh` is 2"),
        (lambda: C2fAttn(8, 1), "`int(c2 * e)` is 0"),
        (lambda: Bottleneck(8, 8, e=0.1), "`int(c2 * e)` is 0"),
        (lambda: BNContrastiveHead(0), "`embed_dims` is 0"),
        (lambda: Conv(6, 8, g=4), "`c1` is 6 and `g` is 4: 6 channels cannot be divided into 4 equal groups"),
    ],
)
def test_settings_that_do_not_go_together(make: Callable[[], nn.Module], summary: str) -> None:
    with pytest.raises(errors.SettingError, match="TE410") as caught:
        make()
    assert summary in str(caught.value)


# What the published models call on these modules, and what their authors name the parameters.


def test_the_fifth_argument_of_a_convolution_is_its_padding() -> None:
    assert Conv(16, 32, 3, 1, 2).conv.padding == (2, 2)
    assert Conv(16, 32, 3, 1, None, 4).conv.groups == 4
    assert Conv(16, 32, 3, 2, 1, 1, 1, False)(torch.randn(2, 16, 11, 8)).shape == (2, 32, 6, 4)


@pytest.mark.parametrize(
    ("k", "d", "padding"),
    [(1, 1, (0, 0)), (3, 1, (1, 1)), (3, 2, (2, 2)), ((3, 5), 1, (1, 2)), (2, 1, (1, 1))],
)
def test_a_convolution_keeps_the_size_of_an_image(k: Any, d: int, padding: tuple[int, int]) -> None:
    layer = Conv(6, 10, k, d=d)
    assert layer.conv.padding == padding
    even = 1 if k == 2 else 0
    assert layer(torch.randn(2, 6, 11, 8)).shape == (2, 10, 11 + even, 8 + even)


def test_a_convolution_with_another_activation_folded_from_outside() -> None:
    layer = randomised(Conv(6, 10, 3, act=nn.ReLU())).eval()
    x = torch.randn(2, 6, 11, 8)
    expected = layer(x)
    assert expected.min() == 0
    layer.fuse()
    del layer.bn
    close(layer.forward_fuse(x), expected, 1e-5)


def test_a_bottleneck_with_other_kernels() -> None:
    inner = Bottleneck(16, 16, True, 1, ((3, 3), 5), 0.5)
    assert (inner.cv1.conv.kernel_size, inner.cv2.conv.kernel_size) == ((3, 3), (5, 5))
    assert Bottleneck(16, 16, True, 1, (1, 3), 0.5)(torch.randn(2, 16, 11, 8)).shape == (2, 16, 11, 8)


def test_a_stage_without_bottlenecks() -> None:
    bare = stage(n=0)
    assert bare(image(24), texts(18)).shape == (2, 20, 11, 8)
    with pytest.raises(errors.SettingError, match=r"`n` is -1; expected an integer of at least 0"):
        stage(n=-1)


def test_a_stage_split_in_another_way() -> None:
    module: Any = stage().eval()
    assert torch.equal(module.forward_split(image(24), texts(18)), module(image(24), texts(18)))
    module.forward = module.forward_split
    assert module(image(24), texts(18)).shape == (2, 20, 11, 8)


@pytest.mark.parametrize("make", [ContrastiveHead, lambda: BNContrastiveHead(18)])
def test_one_set_of_texts_for_a_batch_is_asked_for(make: Callable[[], nn.Module]) -> None:
    head, x, w = randomised(make()).eval(), image(18, dtype=torch.float32), texts(18, dtype=torch.float32)
    shared = head(x, vocabulary=w[0])
    close(shared, head(x, w[:1].expand(2, -1, -1)), 1e-6)
    close(head(x[:1], w[:1]), shared[:1], 1e-6)
    with pytest.raises(
        errors.ShapeError, match=r"axis `b` is 2 in `x` but 1 in `w`[^$]*pass vocabulary=w\[0\]"
    ):
        head(x, w[:1])
    with pytest.raises(errors.ArgumentError, match="got none") as none:
        head(x)
    with pytest.raises(errors.ArgumentError, match="got `w` and `vocabulary`") as both:
        head(x, w, vocabulary=w[0])
    assert (none.value.code, both.value.code) == ("TE401", "TE403")


def test_a_head_that_a_detector_has_folded_away() -> None:
    """The detector folds head and texts into the 1x1 convolution before, as the docstring says."""
    head: Any = randomised(BNContrastiveHead(18)).double().eval()
    before: Any = nn.Conv2d(12, 18, 1).double()
    x, w = image(12), texts(18)[0]
    expected = head(before(x), vocabulary=w)
    gain = head.norm.weight / (head.norm.running_var + head.norm.eps).sqrt()
    shift = head.norm.bias - head.norm.running_mean * gain
    text = w / w.norm(dim=1, keepdim=True) * head.logit_scale.exp()
    folded = nn.Conv2d(12, 5, 1).double()
    folded.weight = nn.Parameter(((text * gain) @ before.weight.flatten(1))[:, :, None, None])
    folded.bias = nn.Parameter(text @ (gain * before.bias + shift) + head.bias)
    assert head.fuse() is head
    assert head.fuse().is_fused
    assert list(head.parameters()) == []
    close(head(folded(x), texts(18)), expected, 1e-12)
    close(copy.deepcopy(head)(folded(x)), expected, 1e-12)
    with pytest.raises(errors.ArgumentError, match="training mode"):
        BNContrastiveHead(18).fuse()


def authors_names(state: dict[str, Tensor], *, stage: bool) -> dict[str, Tensor]:
    """A checkpoint under the names that the authors of YOLO-World have in their code."""
    renamed = {}
    for name, value in state.items():
        other = name
        if stage:
            if name.startswith("m."):
                other = (
                    name.replace("m.", "blocks.", 1).replace(".cv1.", ".conv1.").replace(".cv2.", ".conv2.")
                )
            other = re.sub(r"^cv1\.", "main_conv.", re.sub(r"^cv2\.", "final_conv.", other))
            other = re.sub(r"^attn\.", "attn_block.", other)
        other = re.sub(r"(^|attn_block\.)ec\.", r"\1embed_conv.", other)
        other = re.sub(r"(^|attn_block\.)gl\.", r"\1guide_fc.", other)
        renamed[re.sub(r"(^|attn_block\.)proj_conv\.", r"\1project_conv.", other)] = value
    return renamed


def test_checkpoints_with_the_names_of_the_authors_load() -> None:
    for make, is_stage in (
        (lambda: MaxSigmoidAttnBlock(12, 20, nh=2, ec=16, gc=18, scale=True), False),
        (lambda: C2fAttn(24, 20, n=2, ec=16, nh=2, gc=18), True),
    ):
        given = randomised(make())
        state = authors_names(given.state_dict(), stage=is_stage)
        assert not set(state) & {"gl.weight", "cv1.conv.weight", "attn.gl.weight", "m.0.cv1.conv.weight"}
        neck = nn.ModuleList([make(), make()])
        neck.load_state_dict({f"{i}.{name}": value for i in (0, 1) for name, value in state.items()})
        for loaded in (neck[1], pickle.loads(pickle.dumps(neck[0]))):
            assert all(
                torch.equal(a, b)
                for a, b in zip(loaded.state_dict().values(), given.state_dict().values(), strict=True)
            )
        with pytest.raises(RuntimeError, match="Unexpected key"):
            make().load_state_dict({**state, "other_conv.weight": torch.ones(1)})


def test_pooling_and_heads_with_the_names_of_the_authors_load() -> None:
    given: Any = randomised(ImagePoolingAttn(ec=32, ch=(12, 20), ct=18, nh=4))
    state = {
        re.sub(r"^projections\.(\d)\.", r"projections.\1.conv.", k): v for k, v in given.state_dict().items()
    }
    loaded: Any = ImagePoolingAttn(ec=32, ch=(12, 20), ct=18, nh=4)
    loaded.load_state_dict(state)
    assert torch.equal(loaded.projections[1].weight, given.projections[1].weight)
    head = BNContrastiveHead(18)
    head.load_state_dict({**head.state_dict(), "bias": torch.tensor(-3.0)})
    assert head.bias.tolist() == [-3.0]


def test_shapes_that_the_authors_published() -> None:
    """The small model's stage at the middle level, as a published checkpoint has it."""
    middle = C2fAttn(512 + 256, 256, n=1, ec=128, nh=4)
    state = authors_names(middle.state_dict(), stage=True)
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    assert shapes["final_conv.conv.weight"] == (256, 512, 1, 1)
    assert shapes["attn_block.bias"] == (4,)
    assert shapes["attn_block.guide_fc.weight"] == (128, 512)
    assert not any("embed_conv" in name for name in shapes)


def test_the_activation_that_all_convolutions_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Configurations set it on the class before they build a model."""
    monkeypatch.setattr(Conv, "default_act", nn.ReLU())
    assert isinstance(Conv(6, 10).act, nn.ReLU)
    assert isinstance(Conv(6, 10, act=False).act, nn.Identity)
    assert Conv(6, 10)(torch.randn(2, 6, 11, 8)).min() == 0
