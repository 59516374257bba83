"""Modules are built from what their constructors' parameters are called, typed and defaulted to."""

import enum
import socket
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from typed_einsum.testing import check_contract
from typed_einsum.testing.inputs import isolation
from typed_einsum.testing.inputs.constructors import REMEDY, build
from typed_einsum.testing.inputs.draw import stand_ins_of
from typed_einsum.testing.inputs.recipe import CannotMake


def built_with(*names: str) -> Callable[[Callable[..., None]], type[nn.Module]]:
    """A class of modules with this constructor, which keeps what it was built with."""

    def decorate(constructor: Callable[..., None]) -> type[nn.Module]:
        def init(self: nn.Module, *args: Any, **kwargs: Any) -> None:
            nn.Module.__init__(self)
            bound = inspect_bound(constructor, self, args, kwargs)
            self.made_with = tuple(bound[name] for name in names)  # type: ignore[assignment]
            constructor(self, *args, **kwargs)

        init.__wrapped__ = constructor  # type: ignore[attr-defined]
        return type(constructor.__name__, (nn.Module,), {"__init__": init, "__module__": __name__})

    return decorate


def inspect_bound(function: Callable[..., Any], self: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    import inspect

    bound = inspect.signature(function).bind(self, *args, **kwargs)
    bound.apply_defaults()
    return bound.arguments


def test_parameters_without_annotations_are_guessed_by_their_names() -> None:
    @built_with("dim", "heads", "dim_head", "ff_mult", "dropout", "act", "norm_layer", "max_seq_len", "bias")
    def Layer(
        self, dim, heads, dim_head, ff_mult, dropout, act, norm_layer, max_seq_len, bias, causal=True
    ) -> None:
        nn.Linear(dim, dim * ff_mult)

    dim, heads, dim_head, mult, dropout, act, norm, longest, bias = build(Layer, "meta").made_with
    assert (dim, heads, dim_head, mult, dropout, longest, bias) == (48, 2, 16, 2, 0.0, 512, True)
    assert isinstance(act, nn.GELU)
    assert norm is nn.LayerNorm


def test_a_count_of_one_is_built_as_another_number() -> None:
    @built_with("channels", "num_heads", "groups", "depth", "stride", "eps")
    def Gate(self, channels: int, num_heads: int = 1, groups=1, depth: int = 1, stride: int = 1, eps=1.0):
        assert channels % num_heads == 0

    assert build(Gate, "meta").made_with == (48, 2, 3, 1, 1, 1.0)

    @built_with("num_heads")
    def OneHead(self, channels: int, num_heads: int = 1):
        assert num_heads == 1

    assert build(OneHead, "meta").made_with == (1,)


class HeadsAlongHeight(nn.Module):
    def __init__(self, channels: int, num_heads: int = 1):
        super().__init__()
        self.num_heads = num_heads
        self.axis_sizes = {"c": channels, "m": num_heads}
        self.bias = nn.Parameter(torch.zeros(num_heads))

    def forward(
        self, x: Float[Tensor, "b c h w"], weight: Float[Tensor, "b m h w"]
    ) -> Float[Tensor, "b c h w"]:
        weight = weight + self.bias[None, None, :, None]
        value = x.unflatten(1, (self.num_heads, -1))
        return (value * weight[:, None]).flatten(1, 2)


def test_a_mistake_about_heads_is_seen_though_their_default_is_one() -> None:
    assert [finding.code for finding in check_contract(HeadsAlongHeight).findings] == ["TE701"]


class Scaled(nn.Module):
    def __init__(self, dim, heads=4, expansion_factor=2.0):
        super().__init__()
        inner = int(dim * expansion_factor)
        self.net = nn.Sequential(nn.Linear(dim, inner), nn.GELU(), nn.Linear(inner, dim))

    def forward(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        return self.net(x)


def test_a_module_of_unannotated_parameters_is_checked() -> None:
    report = check_contract(Scaled)
    assert (report.skipped, report.findings) == ("", ())


@dataclass
class BlockConfig:
    width: int = 48
    heads: int = 1
    rates: list[float] = field(default_factory=list)


class Span(NamedTuple):
    dim: int
    dropout: float


class Mode(enum.Enum):
    LINEAR = "linear"
    SQUARE = "square"


class PlainConfig:
    def __init__(self, hidden_size=96, **kwargs):
        self.hidden_size = hidden_size
        for name, value in kwargs.items():
            setattr(self, name, value)


@built_with("config", "span", "mode", "sizes", "patch", "act", "norm", "inner", "plain")
def Typed(
    self,
    config: BlockConfig,
    span: Span,
    mode: Mode,
    sizes: tuple[int, int],
    patch: int | tuple[int, int],
    act: Callable[[Tensor], Tensor],
    norm: type[nn.Module],
    inner: nn.Module,
    plain: PlainConfig,
    missing: int | None = None,
): ...


def test_objects_are_made_by_their_types() -> None:
    config, span, mode, sizes, patch, act, norm, inner, plain = build(Typed, "meta").made_with
    assert config == BlockConfig(48, 2, [])
    assert span == Span(48, 0.0)
    assert mode is Mode.LINEAR
    assert sizes == (72, 120)
    assert patch == 3
    assert isinstance(act, nn.GELU)
    assert norm is nn.LayerNorm
    assert isinstance(inner, nn.Identity)
    assert plain.hidden_size == 96


@built_with("config")
def Block(self, config):
    assert config.width == 48


def test_a_config_without_an_annotation_is_of_the_class_beside_it() -> None:
    assert build(Block, "meta").made_with == (BlockConfig(48, 2, []),)


class Encoder(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.dim = dim


class Model(nn.Module):
    def __init__(self, encoder: Encoder, dim: int) -> None:
        super().__init__()
        assert encoder.dim == dim


def test_nested_modules_are_built_at_the_same_sizes() -> None:
    assert isinstance(build(Model, "meta"), Model)


class Base(nn.Module):
    def __init__(self, dim: int, depth: int | None = None, activation: str = "relu") -> None:
        super().__init__()
        assert depth is not None, "`depth` must be given"
        self.dim, self.depth = dim, depth


class Derived(Base):
    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, activation="gelu", **kwargs)  # type: ignore[misc]


def test_what_an_error_asks_for_is_passed() -> None:
    module = build(Derived, "meta")
    assert (module.dim, module.depth) == (48, 2)


class Chosen(nn.Module):
    def __init__(self, dim: int, mode: str, dims, kernel_size: int, image_size: int, patch_size: int = 16):
        super().__init__()
        if mode == "bilinear":
            first, _ = dims
        elif mode in ("nearest", "area"):
            first = dims[0]
        else:
            raise ValueError(f"unknown mode {mode}")
        assert first % 64 == 0
        assert image_size % patch_size == 0
        assert kernel_size == 4


def test_a_constructor_that_refuses_a_guess_gets_another() -> None:
    assert isinstance(build(Chosen, "meta"), Chosen)


class Square(nn.Module):
    def __init__(self, width: int, hidden_dim: int) -> None:
        super().__init__()
        assert width == hidden_dim


def test_sizes_are_equal_only_where_a_constructor_takes_no_others() -> None:
    assert isinstance(build(Square, "meta"), Square)


class Wrapper(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "b c 3"]:
        return self.net(x)


def test_what_goes_wrong_with_a_stand_in_is_no_finding() -> None:
    assert repr(stand_ins_of(build(Wrapper, "meta"))) == "{'net': Identity()}"
    skipped = check_contract(Wrapper).skipped
    assert skipped.startswith("with net=Identity(), a guess, it raised ")


class Abstract(nn.Module, ABC):
    @abstractmethod
    def loss(self) -> None: ...


class Duck(Protocol):
    def quack(self) -> None: ...


class Itself(nn.Module):
    def __init__(self, parent: "Itself") -> None: ...


class Exits(nn.Module):
    def __init__(self, dim: int) -> None:
        sys.exit(3)


class Online(nn.Module):
    def __init__(self, dim: int) -> None:
        socket.create_connection(("192.0.2.1", 80), timeout=5)


class Slow(nn.Module):
    def __init__(self, dim: int) -> None:
        time.sleep(60)


class FromFile(nn.Module):
    def __init__(self, path: Path) -> None: ...


class NoType(nn.Module):
    def __init__(self, tokenizer) -> None: ...


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Abstract, "it is an abstract class: check a class that inherits from it"),
        (Duck, "it is a Protocol, which says what others have: pass an object of a real class"),
        (Itself, "a `Itself` needs another `Itself`"),
        (Exits, "Exits(dim=48) raised SystemExit: 3"),
        (
            Online,
            "Online(dim=48) raised ConnectionRefusedError: a constructor gets no network while code is "
            "checked",
        ),
        (Slow, "Slow(dim=48) raised Stopped: it took more than 1 seconds"),
        (FromFile, "nothing says how to make `path`, a `Path`"),
        (NoType, "parameter `tokenizer` has no annotation"),
    ],
)
def test_what_cannot_be_built_is_said(kind: type, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "LONG", 1.0)
    with pytest.raises(CannotMake) as caught:
        build(kind, "meta")
    assert str(caught.value) == f"cannot build {kind.__name__}: {reason} ({REMEDY})"


def test_activations_are_called() -> None:
    assert F.gelu(torch.zeros(3)).tolist() == build(Typed, "cpu").made_with[5](torch.zeros(3)).tolist()
