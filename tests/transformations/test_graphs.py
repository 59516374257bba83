"""Graphs: torch.compile in four ways, torch.export in two, ONNX, and tensors without data."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from cells import agrees, column, refuses
from public_callables import ROWS, Row
from torch import Tensor, nn
from torch._dynamo.exc import UserError
from torch._dynamo.testing import CompileCounter
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

SIZES = (2, 3, 5)
"""Batches, in this order: the second makes the size a variable, the third must need no new graph."""

# After a refusal Dynamo compiles the inner frames one by one. It reads `.grad` of their arguments, which are
# not leaves, and torch warns about that.
beside_a_refusal = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")


class Program(nn.Module):
    """A callable as a module, which torch.export asks for."""

    def __init__(self, inner: Callable[..., Tensor]) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *tensors: Tensor) -> Tensor:
        return self.inner(*tensors)


@pytest.fixture(autouse=True, scope="module")
def _nothing_compiled() -> None:
    """Once for the module, not for each row: Dynamo takes seconds to find that it cannot compile messages."""
    torch._dynamo.reset()


def fits(row: Row, compiled: Callable[..., Tensor], made: Callable[..., Tensor]) -> None:
    """The same numbers at several batch sizes."""
    for size in SIZES:
        agrees(row, made, compiled(*row.tensors(size)), row.tensors(size))


@beside_a_refusal
@column("`torch.compile`", slow=True)
def test_compile(row: Row) -> None:
    made = row.make()
    counter = CompileCounter()
    compiled = torch.compile(made, backend=counter)
    fits(row, compiled, made)
    assert 1 <= counter.frame_count <= 2, "one graph for the first batch, and one for all others"
    refuses(row, compiled)


IN_OUR_WORDS = "typed-einsum refuses a call in this function, which ends the trace"
AS_USER_ERROR = "a refusal is torch's `UserError`, in our words"


def ends_the_trace(row: Row, made: Callable[..., Tensor], **options: Any) -> None:
    """A wrong shape while one graph is made is torch's error, and says who refused."""
    torch._dynamo.reset()
    with pytest.raises(UserError, match=IN_OUR_WORDS):
        torch.compile(made, fullgraph=True, **options)(*row.wrong_tensors())


@column("`compile(fullgraph=True)`", notes=AS_USER_ERROR, slow=True)
def test_compile_into_one_graph(row: Row) -> None:
    made = row.make()
    compiled = torch.compile(made, backend="aot_eager", fullgraph=True)
    agrees(row, made, compiled(*row.tensors()), row.tensors())
    ends_the_trace(row, made, backend="eager")


@column("`compile(dynamic=True)`", notes=AS_USER_ERROR, slow=True)
def test_compile_with_any_size(row: Row) -> None:
    made = row.make()
    fits(row, torch.compile(made, backend="eager", fullgraph=True, dynamic=True), made)
    ends_the_trace(row, made, backend="eager", dynamic=True)


# Inductor imports a module of torch that uses what torch deprecates.
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")
@column("`compile`, code by Inductor", notes=AS_USER_ERROR, slow=True)
@pytest.mark.thorough
def test_compile_by_inductor(row: Row) -> None:
    made = row.make()
    agrees(row, made, torch.compile(made, fullgraph=True)(*row.tensors()), row.tensors())
    ends_the_trace(row, made)


def exported(
    row: Row, made: Callable[..., Tensor], strict: bool, tensors: tuple[Tensor, ...] = ()
) -> torch.export.ExportedProgram:
    """The program for any batch."""
    batch = torch.export.Dim("batch", min=2, max=64)
    axes = tuple({0: batch} if place in row.batched else None for place in range(len(row.shapes)))
    with warnings.catch_warnings():
        # Strict export tells of the stack of names, which ends as it began.
        warnings.filterwarnings("ignore", message="While compiling, we found certain side effects")
        return torch.export.export(
            Program(made).eval(), tensors or row.tensors(), dynamic_shapes=(axes,), strict=strict
        )


@column("`torch.export`", slow=True)
def test_export(row: Row) -> None:
    made = row.make()
    fits(row, exported(row, made, strict=False).module(), made)
    refuses(row, lambda *wrong: exported(row, made, False, wrong))


@column("`export(strict=True)`", notes=AS_USER_ERROR, slow=True)
def test_strict_export(row: Row) -> None:
    made = row.make()
    fits(row, exported(row, made, strict=True).module(), made)
    with pytest.raises(UserError, match=IN_OUR_WORDS):
        exported(row, made, True, row.wrong_tensors())


def through_onnx(program: torch.export.ExportedProgram, *tensors: Tensor) -> Tensor:
    """What onnxruntime computes with the program."""
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        made = torch.onnx.export(program, verbose=False)
    assert made is not None
    model = made.model_proto
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    given = zip(model.graph.input, tensors, strict=True)
    (found,) = session.run(None, {value.name: tensor.numpy() for value, tensor in given})
    return torch.from_numpy(found)


POOLS = tuple(row for row in ROWS if row.name == "ImagePoolingAttn")


@column("ONNX, by onnxruntime", rows=tuple(row for row in ROWS if row not in POOLS), slow=True)
def test_onnx(row: Row) -> None:
    made = row.make()
    found = through_onnx(exported(row, made, strict=False), *row.tensors(5))
    agrees(row, made, found, row.tensors(5))


@column(
    "ONNX, by onnxruntime",
    rows=POOLS,
    kind="refused",
    slow=True,
    notes="refused by torch, whose exporter has no adaptive maximum pooling",
)
def test_onnx_without_adaptive_pooling(row: Row) -> None:
    program = exported(row, row.make(), strict=False)
    with pytest.raises(torch.onnx.errors.OnnxExporterError, match="adaptive_max_pool2d"):
        through_onnx(program, *row.tensors(5))


@column("meta tensors")
def test_meta(row: Row) -> None:
    made = row.make()
    on_meta = made.to("meta") if isinstance(made, nn.Module) else made
    found = on_meta(*(tensor.to("meta") for tensor in row.tensors(3)))
    expected = row.expected(row.make(), *row.tensors(3))
    assert (found.device.type, found.shape, found.dtype) == ("meta", expected.shape, expected.dtype)
    refuses(row, on_meta, *(tensor.to("meta") for tensor in row.wrong_tensors()))


@column("`FakeTensorMode`")
def test_fake(row: Row) -> None:
    made = row.make()
    expected = row.expected(made, *row.tensors(3))
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        found = made(*map(mode.from_tensor, row.tensors(3)))
        refuses(row, made, *map(mode.from_tensor, row.wrong_tensors()))
    assert isinstance(found, FakeTensor)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
