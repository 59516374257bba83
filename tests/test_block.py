"""MaxSigmoidAttnBlock: equal to its definition, loadable, and clear about what it refuses."""

from __future__ import annotations

import copy
import io
import itertools
import math
import pickle
import warnings
from typing import Any

import pytest
import torch
from support import reference_nn as reference
from support.reference_nn import close, randomised, refused
from torch import Tensor, nn

from typed_einsum import checks_off, errors
from typed_einsum.nn import Conv, MaxSigmoidAttnBlock
from typed_einsum.nn.max_sigmoid import best_score

PUBLISHED = [
    # channels of the block, height and width of the image, texts
    (32, 80, 72, 80),
    (64, 80, 72, 1),
    (64, 40, 36, 1203),
    (96, 40, 36, 80),
    (128, 40, 36, 1),
    (160, 20, 18, 1203),
    (192, 20, 18, 80),
    (256, 20, 18, 1),
    (288, 20, 18, 80),
    (320, 20, 18, 1203),
]
"""Every width of the published models, with 32 channels in a head, at each size of image and vocabulary."""


def block(
    c1: int = 24, c2: int = 36, *, seed: int = 0, dtype: torch.dtype = torch.float64, **settings: Any
) -> Any:
    settings = {"nh": 3, "ec": 12, "gc": 20, **settings}
    return randomised(MaxSigmoidAttnBlock(c1, c2, **settings), seed).to(dtype)


def inputs(
    *,
    b: int = 2,
    i: int = 24,
    h: int = 7,
    w: int = 5,
    n: int = 4,
    g: int = 20,
    dtype: torch.dtype = torch.float64,
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(b + 10 * n)
    x, guide = (torch.randn(shape, generator=generator) for shape in ((b, i, h, w), (b, n, g)))
    return x.to(dtype), guide.to(dtype)


def test_close_can_fail() -> None:
    ones = torch.ones(2, 3)
    close(ones, ones + 1e-6, 1e-5)
    for wrong in (ones + 1e-4, ones[:1], ones.double()):
        with pytest.raises(AssertionError):
            close(wrong, ones, 1e-5)


# The values.


def test_the_reference_is_the_definition_pixel_by_pixel() -> None:
    made, (x, guide) = block(nh=2, ec=6, scale=True, seed=3).eval(), inputs(h=3, w=2, n=3)
    state = made.state_dict()
    embed, value, texts = made.ec(x), made.proj_conv(x), made.gl(guide)
    expected = torch.empty(2, 36, 3, 2, dtype=torch.float64)
    for b, m, h, w in itertools.product(range(2), range(2), range(3), range(2)):
        scores = [
            sum(embed[b, 3 * m + c, h, w] * texts[b, n, 3 * m + c] for c in range(3)) / math.sqrt(3)
            for n in range(3)
        ]
        weight = state["scale"][0, m, 0, 0] / (1 + torch.exp(-max(scores) - state["bias"][m]))
        for d in range(18):
            expected[b, 18 * m + d, h, w] = value[b, 18 * m + d, h, w] * weight
    found = reference.max_sigmoid_attention(state, x, guide, 2)
    close(found, expected, 1e-12)
    close(made(x, guide), expected, 1e-12)
    for name in (
        "bias",
        "scale",
        "gl.weight",
        "gl.bias",
        "ec.conv.weight",
        "ec.bn.running_var",
        "proj_conv.bn.bias",
    ):
        other = reference.max_sigmoid_attention({**state, name: state[name] + 0.1}, x, guide, 2)
        with pytest.raises(AssertionError):
            close(found, other, 1e-6)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize(("c1", "c2", "ec"), [(24, 24, 24), (24, 36, 24), (24, 36, 12), (24, 18, 30)])
def test_equal_to_the_reference(c1: int, c2: int, ec: int, scale: bool, training: bool) -> None:
    made = block(c1, c2, ec=ec, scale=scale).train(training)
    x, guide = inputs(n=9)
    expected = reference.max_sigmoid_attention(
        copy.deepcopy(made.state_dict()), x, guide, 3, training=training
    )
    close(made(x, guide), expected, 1e-12)


@pytest.mark.parametrize(("c", "h", "w", "n"), PUBLISHED)
def test_published_configurations(c: int, h: int, w: int, n: int) -> None:
    heads = c // 32
    made = block(c, c, nh=heads, ec=c, gc=512, dtype=torch.float32).eval()
    x, guide = inputs(b=1, i=c, h=h, w=w, n=n, g=512, dtype=torch.float32)
    state = made.state_dict()
    close(made(x, guide), reference.max_sigmoid_attention(state, x, guide, heads), 1e-5)
    made, x, guide = made.double(), x.double(), guide.double()
    close(made(x, guide), reference.max_sigmoid_attention(made.state_dict(), x, guide, heads), 1e-12)


def gradients(output: Tensor, upstream: Tensor, sources: dict[str, Tensor]) -> dict[str, Tensor]:
    found = torch.autograd.grad(output, list(sources.values()), upstream)
    return dict(zip(sources, found, strict=True))


def compare_gradients(made: Any, x: Tensor, guide: Tensor, tolerance: float) -> None:
    """Every gradient against the reference's, where no rounding can choose another winner."""
    heads, training = made.axis_sizes["m"], made.training
    state = {name: value.detach().clone() for name, value in made.state_dict().items()}
    clear = reference.clear_winners(state, x, guide, heads, training=training, margin=1e-4)
    assert clear.double().mean() > 0.9
    upstream = torch.randn(
        len(x), made.axis_sizes["o"], *x.shape[2:], generator=torch.Generator().manual_seed(5)
    )
    upstream = upstream.to(x) * clear.repeat_interleave(made.axis_sizes["d"], 1)
    parameters = dict(made.named_parameters())
    for tensor in (x, guide, *(state[name] for name in parameters)):
        tensor.requires_grad_()
    expected = reference.max_sigmoid_attention(state, x, guide, heads, training=training)
    wanted = gradients(
        expected, upstream, {"x": x, "guide": guide, **{name: state[name] for name in parameters}}
    )
    found = gradients(made(x, guide), upstream, {"x": x, "guide": guide, **parameters})
    for name, gradient in found.items():
        close(gradient, wanted[name], tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 3e-5)])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("c1", "ec", "h", "w", "n"),
    [(24, 12, 7, 5, 9), (64, 64, 20, 18, 80), (32, 32, 10, 9, 1203), (64, 96, 9, 20, 1)],
)
def test_gradients(
    c1: int, ec: int, h: int, w: int, n: int, training: bool, dtype: torch.dtype, tolerance: float
) -> None:
    made = block(c1, 48, ec=ec, nh=2, scale=True, dtype=dtype).train(training)
    compare_gradients(made, *inputs(i=c1, h=h, w=w, n=n, dtype=dtype), tolerance)


@pytest.mark.parametrize(("c", "h", "w", "n"), PUBLISHED)
def test_gradients_of_published_configurations(c: int, h: int, w: int, n: int) -> None:
    made = block(c, c, nh=c // 32, ec=c, gc=512, dtype=torch.float32).eval()
    compare_gradients(made, *inputs(b=1, i=c, h=h, w=w, n=n, g=512, dtype=torch.float32), 3e-5)


def test_a_gradient_that_is_wrong_is_found() -> None:
    made, (x, guide) = block(), inputs()
    made.bias.register_hook(lambda gradient: gradient * 1.001)
    with pytest.raises(AssertionError, match="off, of"):
        compare_gradients(made, x, guide, 3e-5)


# Texts: one for each image, shared, masked, encoded before.


def test_one_vector_for_each_image() -> None:
    made, (x, guide) = block(), inputs(n=1)
    assert torch.equal(made(x, guide[:, 0]), made(x, guide))


def test_a_vocabulary_for_all_images() -> None:
    made, (x, guide) = block(), inputs(n=6)
    close(made(x, vocabulary=guide[0]), made(x, guide[:1].expand(2, -1, -1)), 1e-12)


def test_an_encoded_vocabulary() -> None:
    made, (x, guide) = block().eval(), inputs(n=6)
    encoded = made.encode_guide(guide[1])
    assert encoded.shape == (6, 3, 4)
    assert not encoded.requires_grad
    close(made(x), made(x, vocabulary=guide[1]), 1e-12)
    assert set(made.state_dict()) == set(block().state_dict())
    same = pickle.loads(pickle.dumps(copy.deepcopy(made)))
    assert torch.equal(same(x), made(x))
    assert made.float().encoded.dtype == torch.float32


@pytest.mark.parametrize("change", ["train", "load"])
def test_an_encoded_vocabulary_is_forgotten_with_its_weights(change: str) -> None:
    made, (x, guide) = block().eval(), inputs()
    made.encode_guide(guide[0])
    made.train() if change == "train" else nn.Sequential(made).load_state_dict(
        nn.Sequential(block(seed=1)).state_dict()
    )
    assert "expected texts to weight the image with, got none" in refused("TE401", made, x)


@pytest.mark.parametrize("garbage", [0.0, 1e3, math.nan, math.inf])
def test_padded_texts_do_not_enter(garbage: float) -> None:
    made, (x, guide) = block(), inputs(b=4, n=5)
    mask = torch.tensor([[1, 1, 0, 0, 0], [0, 1, 0, 1, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 1]]).bool()
    expected = reference.max_sigmoid_attention(
        copy.deepcopy(made.state_dict()), x, guide, 3, training=True, real=[[0, 1], [1, 3, 4], range(5), [4]]
    )
    padded = guide.masked_fill(~mask[:, :, None], garbage).requires_grad_()
    found = made(x, padded, mask=mask)
    close(found, expected, 1e-12)
    found.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in made.parameters())
    assert (padded.grad[~mask] == 0).all()
    assert (padded.grad[mask] != 0).any()


def test_padded_zeros_change_what_an_unmasked_block_returns() -> None:
    made, (x, guide) = block().eval(), inputs(n=5)
    mask = torch.tensor([[True, True, False, False, False]]).expand(2, -1)
    zeroed = guide.masked_fill(~mask[:, :, None], 0)
    assert not torch.allclose(made(x, zeroed), made(x, zeroed, mask=mask), rtol=1e-2)


def test_an_image_with_padding_only_is_weighted_by_zero() -> None:
    made, (x, guide) = block().eval(), inputs()
    mask = torch.tensor([[False] * 4, [True, False, True, False]])
    guide = guide.masked_fill(~mask[:, :, None], math.nan).requires_grad_()
    found = made(x, guide, mask=mask)
    assert (found[0] == 0).all()
    assert (found[1] != 0).any()
    found.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in made.parameters())


# What it refuses.


def test_the_guide_of_another_batch() -> None:
    made, (x, guide) = block(), inputs()
    message = refused("TE201", made, x, guide[:1])
    assert "axis `b` is 2 in `x` but 1 in `guide`" in message
    assert "guide.expand(2, -1, -1)" in message
    message = refused("TE201", made, x, guide.transpose(0, 1))
    assert "axis `b` is 2 in `x` but 4 in `guide`" in message
    message = refused("TE201", made, x, guide[0])
    assert "axis `b` is 2 in `x` but 4 in `guide`" in message


def test_other_shapes() -> None:
    made, (x, guide) = block(), inputs()
    assert "axis `g` is 20 in `axis_sizes` but 7 in `guide`" in refused("TE201", made, x, guide[..., :7])
    assert "axis `i` is 24 in `axis_sizes` but 11 in `x`" in refused("TE201", made, x[:, :11], guide)
    assert "`guide` has 4 axes" in refused("TE202", made, x, guide[:, :, None])
    assert "axis `n` is 3 in `mask`" in refused("TE201", made, x, guide, mask=torch.ones(2, 3).bool())
    message = refused("TE201", made, x, vocabulary=guide[0, :, :7])
    assert "axis `g` is 20 in `axis_sizes` but 7 in `vocabulary`" in message


@pytest.mark.parametrize("training", [False, True])
def test_an_empty_vocabulary(training: bool) -> None:
    made, (x, guide) = block().train(training), inputs()
    assert "`n` is empty" in refused("TE207", made, x, guide[:, :0])
    assert "`n` is empty" in refused("TE207", made, x, guide[:, :0], mask=torch.ones(2, 0).bool())
    assert "`v` is empty" in refused("TE207", made, x, vocabulary=guide[0, :0])


def test_not_one_set_of_texts() -> None:
    made, (x, guide) = block(), inputs()
    assert "encode_guide(vocabulary)" in refused("TE401", made, x)
    message = refused("TE403", made, x, guide, vocabulary=guide[0])
    assert "expected one set of texts, got `guide` and `vocabulary`" in message
    mask = torch.ones(2, 4).bool()
    assert "a vocabulary needs no mask" in refused("TE403", made, x, mask=mask, vocabulary=guide[0])
    assert "is in training mode" in refused("TE411", made.encode_guide, guide[0])
    assert "is in training mode" in refused("TE411", made.fuse)


@pytest.mark.parametrize(
    ("settings", "summary", "repair"),
    [
        (
            {"c2": 96, "nh": 5},
            "`c2` is 96 and `nh` is 5: 96 channels cannot be divided into 5 equal heads",
            "with c2=96, `nh` can be 4 or 6; with nh=5, `c2` can be 95 or 100",
        ),
        (
            {"c2": 96, "nh": 3},
            "`ec` is 128 and `nh` is 3: 128 channels cannot be divided into 3 equal heads",
            "with ec=128, `nh` can be 2 or 4; with nh=3, `ec` can be 126 or 129",
        ),
        (
            {"c2": 2, "nh": 5},
            "`c2` is 2 and `nh` is 5: 2 channels cannot be divided into 5 equal heads",
            "with c2=2, `nh` can be 2; with nh=5, `c2` can be 5",
        ),
        (
            {"c2": 96, "nh": 0},
            "`nh` is 0; expected a positive integer",
            "pass a positive integer as `nh`",
        ),
        (
            {"c2": 9.5},
            "`c2` is 9.5; expected a positive integer",
            "pass a positive integer as `c2`",
        ),
    ],
)
def test_settings_that_do_not_go_together(settings: dict[str, Any], summary: str, repair: str) -> None:
    with pytest.raises(ValueError, match="TE410") as caught:
        MaxSigmoidAttnBlock(64, **settings)
    assert isinstance(caught.value, errors.SettingError)
    assert f"SettingError[TE410]: {summary}\n" in str(caught.value)
    assert f"help: {repair}\n" in str(caught.value)


def test_the_numbers_a_message_names_do_work() -> None:
    for heads, channels in [(4, 96), (6, 96), (5, 95), (5, 100)]:
        assert MaxSigmoidAttnBlock(64, channels, nh=heads, ec=60).axis_sizes["d"] == channels // heads


def test_checks_off_computes_the_same() -> None:
    made, (x, guide) = block().eval(), inputs()
    with checks_off():
        found = made(x, guide)
    close(found, made(x, guide), 1e-12)


# The checkpoint.


def norm(prefix: str, channels: int) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    """The entries of a batch norm."""
    entries = dict.fromkeys(("weight", "bias", "running_mean", "running_var"), ((channels,), torch.float32))
    return {
        f"{prefix}.{name}": entry
        for name, entry in {**entries, "num_batches_tracked": ((), torch.int64)}.items()
    }


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("ec", [64, 96])
def test_names_shapes_and_dtypes_of_the_checkpoint(ec: int, scale: bool) -> None:
    published = {
        "gl.weight": ((ec, 512), torch.float32),
        "gl.bias": ((ec,), torch.float32),
        "bias": ((2,), torch.float32),
        "proj_conv.conv.weight": ((128, 64, 3, 3), torch.float32),
        **norm("proj_conv.bn", 128),
    }
    if scale:
        published["scale"] = ((1, 2, 1, 1), torch.float32)
    if ec != 64:
        published |= {"ec.conv.weight": ((ec, 64, 1, 1), torch.float32), **norm("ec.bn", ec)}
    made = MaxSigmoidAttnBlock(64, 128, nh=2, ec=ec, scale=scale)
    found = {name: (tuple(value.shape), value.dtype) for name, value in made.state_dict().items()}
    assert found == published
    checkpoint = {name: torch.ones(shape, dtype=dtype) for name, (shape, dtype) in published.items()}
    made.load_state_dict(checkpoint, strict=True)
    assert all(torch.equal(value, checkpoint[name]) for name, value in made.state_dict().items())


def test_defaults_are_the_published_ones() -> None:
    made = MaxSigmoidAttnBlock(64, 128)
    assert made.axis_sizes == {"i": 64, "o": 128, "m": 1, "c": 128, "d": 128, "g": 512}
    assert made.scale == 1.0
    assert (made.bias == 0).all()
    assert (MaxSigmoidAttnBlock(64, 128, scale=True).scale == 1).all()


def test_a_checkpoint_on_disk() -> None:
    made, (x, guide) = block().eval(), inputs()
    file = io.BytesIO()
    torch.save(made.state_dict(), file)
    file.seek(0)
    other = block(seed=1).eval()
    assert not torch.equal(other(x, guide), made(x, guide))
    other.load_state_dict(torch.load(file, weights_only=True), strict=True)
    assert torch.equal(other(x, guide), made(x, guide))


# Life as a module.


def test_copies_compute_the_same_and_are_apart() -> None:
    made, (x, guide) = block().eval(), inputs()
    expected = made(x, guide)
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert torch.equal(other(x, guide), expected)
        nn.init.zeros_(other.proj_conv.bn.weight)
        assert not torch.equal(other(x, guide), expected)
    assert torch.equal(made(x, guide), expected)


def test_a_replica_whose_parameters_are_plain_tensors() -> None:
    made, (x, guide) = block(scale=True).eval(), inputs()
    functional = torch.func.functional_call(
        made, {n: v.detach() * 1 for n, v in made.named_parameters()}, (x, guide)
    )
    assert torch.equal(functional, made(x, guide))
    replica = made._replicate_for_data_parallel()
    for name, child in made.named_children():
        replica._modules[name] = child
    for name, parameter in made.named_parameters(recurse=False):
        setattr(replica, name, parameter.detach() * 1)
    assert torch.equal(replica(x, guide), made(x, guide))


def test_fused_for_inference() -> None:
    made, (x, guide) = block().eval(), inputs()
    expected = made(x, guide)
    fused = made.fuse()
    assert fused is made
    assert not any(isinstance(module, nn.BatchNorm2d) for module in made.modules())
    close(made(x, guide), expected, 1e-12)
    before = copy.deepcopy(made.state_dict())
    assert all(torch.equal(value, before[name]) for name, value in made.fuse().state_dict().items())


@pytest.mark.parametrize("groups", [1, 2])
def test_a_layer_fuses_with_stride_and_groups(groups: int) -> None:
    layer = randomised(Conv(6, 10, k=3, s=2, g=groups)).double().eval()
    x = torch.randn(2, 6, 9, 7, dtype=torch.float64)
    expected = layer(x)
    assert expected.shape == (2, 10, 5, 4)
    close(layer.fuse()(x), expected, 1e-12)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 1e-2), (torch.bfloat16, 5e-2)])
def test_half_precision(dtype: torch.dtype, tolerance: float) -> None:
    made, (x, guide) = block(dtype=torch.float32).eval(), inputs(n=30, dtype=torch.float32)
    expected = made(x, guide)
    close(copy.deepcopy(made).to(dtype)(x.to(dtype), guide.to(dtype)).float(), expected, tolerance)
    with torch.autocast("cpu", dtype):
        found = made(x, guide)
    assert found.dtype == dtype
    close(found.float(), expected, tolerance)


def test_half_precision_scores_do_not_overflow() -> None:
    made = MaxSigmoidAttnBlock(64, 64, nh=1, ec=64, gc=64).eval()
    nn.init.eye_(made.gl.weight)
    nn.init.zeros_(made.gl.bias)
    x, guide = torch.full((1, 64, 3, 2), 40.0).half(), torch.full((1, 5, 64), 40.0).half()
    # 64 * 40 * 40 is beyond float16; divided by sqrt(64) it is not.
    assert torch.isinf(torch.tensor(64 * 40 * 40.0).half())
    made = made.half()
    assert best_score(x.unflatten(1, (1, 64)), made._encoded(guide)).isfinite().all()
    assert made(x, guide).isfinite().all()


def test_channels_last_goes_in_and_comes_out() -> None:
    made, (x, guide) = block().eval(), inputs()
    found = made(x.to(memory_format=torch.channels_last), guide)
    assert found.is_contiguous(memory_format=torch.channels_last)
    close(found, made(x, guide), 1e-12)


# Graphs.


@pytest.mark.parametrize("source", ["guide", "mask", "vocabulary"])
def test_compile_without_a_break(source: str) -> None:
    torch._dynamo.reset()
    made, (x, guide) = block(), inputs()
    mask = torch.tensor([[True, False, True, False], [True, True, True, False]])
    call = {
        "guide": {"guide": guide},
        "mask": {"guide": guide, "mask": mask},
        "vocabulary": {"vocabulary": guide[0]},
    }
    compiled = torch.compile(made, fullgraph=True, backend="aot_eager")
    close(compiled(x, **call[source]), copy.deepcopy(made)(x, **call[source]), 1e-12)


def test_export_with_a_dynamic_batch_and_vocabulary() -> None:
    made = block().eval()
    batch, texts = torch.export.Dim("batch", min=2), torch.export.Dim("texts", min=2)
    program = torch.export.export(made, inputs(), dynamic_shapes=({0: batch}, {0: batch, 1: texts}))
    x, guide = inputs(b=5, n=9)
    close(program.module()(x, guide), made(x, guide), 1e-12)


@pytest.mark.filterwarnings(
    "ignore:`torch.jit.trace:DeprecationWarning", "ignore:`torch.jit.trace:FutureWarning"
)
def test_a_trace_warns_that_sizes_are_checked_as_constants() -> None:
    made = block().eval()
    with pytest.warns(torch.jit.TracerWarning, match="Python boolean"):
        traced = torch.jit.trace(made, inputs(), check_trace=False)
    close(traced(*inputs()), made(*inputs()), 1e-12)


@pytest.mark.thorough
def test_onnx() -> None:
    """Plans are matrix products, so that a runtime without `Einsum`, from before opset 12, will do."""
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    made = block(dtype=torch.float32).eval()
    batch, texts = torch.export.Dim("batch", min=2), torch.export.Dim("texts", min=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        program = torch.export.export(
            made, inputs(dtype=torch.float32), dynamic_shapes=({0: batch}, {0: batch, 1: texts})
        )
        exported = torch.onnx.export(program, verbose=False)
    assert exported is not None
    model = exported.model_proto
    assert "Einsum" not in {node.op_type for node in model.graph.node}
    x, guide = inputs(b=5, n=9, dtype=torch.float32)
    names = [value.name for value in model.graph.input]
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, dict(zip(names, (x.numpy(), guide.numpy()), strict=True)))
    close(torch.from_numpy(found), made(x, guide).detach(), 1e-5)
