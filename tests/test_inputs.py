"""Arguments made from annotations: sizes that tell every axis apart, values that the annotations allow."""

import enum
import inspect
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import Bool, Complex, Float, Float16, Int, Num, Shaped, UInt8
from torch import Tensor, nn

from typed_einsum import shape_checked
from typed_einsum.decorate.definition import definition_of
from typed_einsum.testing.inputs.constructors import REMEDY, build
from typed_einsum.testing.inputs.draw import (
    Draw,
    Falling,
    Variant,
    multiples,
    numbers_in,
    primes,
    rising,
)
from typed_einsum.testing.inputs.recipe import CannotMake, Recipe


def signature_of(function: Callable[..., Any]) -> Any:
    definition = definition_of(shape_checked(function))
    assert definition is not None
    return definition.signature


def recipe(function: Callable[..., Any]) -> Recipe:
    signature = signature_of(function)
    return Recipe(inspect.signature(function), signature.hints, signature.result)


def made(function: Callable[..., Any], draw: Draw | None = None, **given: Any) -> dict[str, Any]:
    """The arguments for a function; its own checks accept them."""
    bound = recipe(function).make(draw or Draw(), given)
    signature_of(function).examine(bound)
    return dict(bound.arguments)


def shapes(function: Callable[..., Any], draw: Draw | None = None, **given: Any) -> dict[str, Any]:
    arguments = made(function, draw, **given)
    return {name: tuple(value.shape) for name, value in arguments.items() if isinstance(value, Tensor)}


def refusal(function: Callable[..., Any], draw: Draw | None = None, **given: Any) -> str:
    with pytest.raises(CannotMake) as caught:
        made(function, draw, **given)
    return str(caught.value)


def test_primes_are_prime() -> None:
    found = list(itertools.islice(primes(0), 25))
    assert found == [n for n in range(2, 98) if all(n % d for d in range(2, n))]
    assert next(primes(14)) == 17


def test_every_name_has_a_prime_of_its_own() -> None:
    def f(x: Float[Tensor, "b c h w"], y: Float[Tensor, "c b _ 3"], z: Float[Tensor, "rgb=3 _"]): ...

    found = shapes(f)
    assert found == {"x": (11, 13, 17, 19), "y": (13, 11, 23, 3), "z": (3, 29)}
    distinct = {size for shape in found.values() for size in shape}
    assert len(distinct) == 7
    assert all(math.gcd(a, b) == 1 for a, b in itertools.combinations(distinct, 2))


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6), st.integers(2, 20), st.integers(1, 4))
def test_sizes_differ_whatever_the_names(names: list[str], start: int, factor: int) -> None:
    def f(x: Float[Tensor, " ".join(names)]): ...

    (shape,) = shapes(f, Draw(multiples(factor, start))).values()
    assert len(set(shape)) == len(set(names))
    assert [names[shape.index(size)] for size in shape] == names


def test_sizes_that_divide_each_other() -> None:
    down, up = list(itertools.islice(Falling(4), 6)), list(itertools.islice(rising(), 4))
    assert down == [48, 24, 12, 6, 11, 13]
    assert up == [6, 12, 24, 48]


def test_numbers_of_the_source_are_avoided() -> None:
    def f(x: Float[Tensor, "b c"], groups: int = 13):
        return [x.unflatten(0, (part, 11)) for part in (17, LIMIT)]

    signature = inspect.signature(f)
    found = numbers_in(f, signature, SimpleNamespace(heads=23))
    assert found == {11, 13, 17, 19}
    assert shapes(f, Draw(avoid=found)) == {"x": (23, 29)}

    def g(self: Any):
        return self.heads

    assert numbers_in(g, inspect.signature(g), SimpleNamespace(heads=23, other=29)) == {23}


LIMIT = 19


def test_sizes_that_an_object_knows_are_kept() -> None:
    def f(x: Float[Tensor, "b c"], y: Float[Tensor, "d"]): ...

    assert shapes(f, Draw(known={"c": 11, "e": 13})) == {"x": (17, 11), "y": (19,)}


def test_variadic_axes_stand_for_two() -> None:
    def f(x: Float[Tensor, "*b c"], y: Float[Tensor, "... c"], z: Float[Tensor, "*b d"]): ...

    draw = Draw()
    assert shapes(f, draw) == {"x": (11, 13, 17), "y": (19, 23, 17), "z": (11, 13, 29)}
    assert str(draw) == "*b=(11, 13) c=17 ...=(19, 23) d=29"


def test_products_are_computed_from_their_factors() -> None:
    def f(x: Float[Tensor, "b h*d"], y: Float[Tensor, "h d 2*h-1"]): ...

    assert shapes(f) == {"x": (11, 221), "y": (13, 17, 25)}


def test_fields_are_read_from_the_object() -> None:
    def f(self, x: Float[Tensor, "b {self.heads}*d"]): ...

    owner = SimpleNamespace(heads=4)
    assert shapes(f, self=owner) == {"x": (11, 52)}
    expected = 'the sizes of `x`, "b {self.heads}*d", cannot be computed: '
    assert refusal(f, self=SimpleNamespace()).startswith(expected)


def test_a_size_below_zero_is_refused() -> None:
    def f(x: Float[Tensor, "b b-20"]): ...

    assert refusal(f) == '`x`, "b b-20", would have the sizes (11, -9)'


@pytest.mark.parametrize(
    ("annotation", "dtype"),
    [
        (Float, torch.float32),
        (Int, torch.int64),
        (Bool, torch.bool),
        (Complex, torch.complex64),
        (Num, torch.float32),
        (Shaped, torch.float32),
        (Float16, torch.float16),
        (UInt8, torch.uint8),
    ],
)
def test_dtypes_are_those_of_the_annotation(annotation: Any, dtype: torch.dtype) -> None:
    def f(x): ...

    f.__annotations__["x"] = annotation[Tensor, "b"]
    assert made(f)["x"].dtype is dtype


def test_tensors_share_a_dtype_where_they_can() -> None:
    def f(x: Num[Tensor, "b"], y: Int[Tensor, "b"], z: Shaped[Tensor, "b"]): ...

    assert {value.dtype for value in made(f).values()} == {torch.int64}

    def g(x: Num[Tensor, "b"], y: Bool[Tensor, "b"]): ...

    assert [value.dtype for value in made(g).values()] == [torch.float32, torch.bool]


def test_optional_tensors_are_given_and_left_out() -> None:
    def f(
        x: Float[Tensor, "b"] | None, y: Float[Tensor, "b"] = None, *, z: Float[Tensor, "b"] | None = None
    ): ...

    assert recipe(f).variants() == (Variant.FULL, Variant.FIRST, Variant.SPARSE)
    assert set(shapes(f)) == {"x", "y", "z"}
    draw = Draw(variant=Variant.SPARSE)
    assert made(f, draw) == {"x": None}
    assert str(draw) == "x=None, without y, without z"
    draw = Draw(variant=Variant.FIRST)
    assert made(f, draw).keys() == {"x"}
    assert str(draw) == "b=11, without y, without z"


def test_a_broadcasting_axis_is_one_in_all_tensors_but_one() -> None:
    def f(
        x: Float[Tensor, "#b c"],
        y: Float[Tensor, "#b #d"],
        z: Float[Tensor, "b *#e"],
        w: Float[Tensor, "*#e"],
    ): ...

    assert recipe(f).variants() == (Variant.FULL, Variant.BROADCAST)
    assert shapes(f) == {"x": (11, 13), "y": (11, 17), "z": (11, 19, 23), "w": (19, 23)}
    draw = Draw(variant=Variant.BROADCAST)
    assert shapes(f, draw) == {"x": (1, 11), "y": (1, 13), "z": (17, 19, 23), "w": (1, 1)}
    assert str(draw) == "c=11 d=13 b=17 *e=(19, 23), #b=1, #*e=1"


class Color(enum.Enum):
    RED = 1


def test_plain_values() -> None:
    def f(
        n: int,
        x: Float[Tensor, "n c"],
        heads: int,
        groups: int,
        rate: float,
        name: str,
        strict: bool,
        mode: Literal["sum", "mean"],
        color: Color,
        kind: torch.dtype,
        size: int | None,
        default: int = 7,
    ) -> Float[Tensor, "heads"]: ...

    draw = Draw()
    arguments = made(f, draw)
    assert tuple(arguments.pop("x").shape) == (11, 13)
    assert arguments == {
        "n": 11,
        "heads": 2,
        "groups": 3,
        "rate": 0.5,
        "name": "name",
        "strict": False,
        "mode": "sum",
        "color": Color.RED,
        "kind": torch.float32,
        "size": None,
    }
    # `n` and `heads` are sizes of axes; nothing says what the others should be.
    assert list(draw.guesses) == ["groups", "rate", "name", "strict", "mode", "color", "kind", "size"]


def test_tuples_and_further_arguments() -> None:
    def f(
        pair: tuple[Float[Tensor, "b"], tuple[Int[Tensor, "b c"], int]],
        *more: Float[Tensor, "c"],
        **rest: int,
    ): ...

    arguments = made(f)
    (first, (second, number)), (third, fourth) = arguments["pair"], arguments["more"]
    assert (first.shape, second.shape, number, third.shape) == ((11,), (11, 13), 2, (13,))
    assert fourth.shape == (13,)
    assert set(arguments) == {"pair", "more"}


def test_parameters_and_numbers() -> None:
    def f(
        x: Float[nn.Parameter, "b"], y: Int[Tensor, "b"], z: Bool[Tensor, "b"], c: Complex[Tensor, "b"]
    ): ...

    arguments = made(f, Draw(primes(3), on="cpu"))
    assert isinstance(arguments["x"], nn.Parameter)
    assert bool((arguments["x"] >= 0).all())
    assert arguments["y"].tolist() == [0, 0, 0]
    assert arguments["z"].all()
    assert arguments["c"].dtype is torch.complex64


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        (inspect.Parameter.empty, "parameter `x` has no annotation"),
        (nn.Module, "nothing says how to make `x`, a `Module`"),
        (
            list[Callable[[Float[Tensor, "b"]], int]],
            "nothing says how to make `x`, a "
            "`list[collections.abc.Callable[[jaxtyping.Float[Tensor, 'b']], int]]`",
        ),
        (Path, "nothing says how to make `x`, a `Path`"),
        (Callable[[int], int], "nothing says how to make `x`, a `collections.abc.Callable[[int], int]`"),
    ],
)
def test_what_cannot_be_made_is_said(annotation: Any, reason: str) -> None:
    def f(x): ...

    if annotation is not inspect.Parameter.empty:
        f.__annotations__["x"] = annotation
    assert refusal(f) == reason


def test_no_tensor_is_made_too_large() -> None:
    def f(x: Float[Tensor, "a b c d e f"]): ...

    assert shapes(f, Draw(primes(100)))
    expected = "`x` would have the sizes (101, 103, 107, 109, 113, 127), too many for real numbers"
    assert refusal(f, Draw(primes(100), "cpu")) == expected
    assert refusal(f, Draw(multiples(100, 100))).startswith("`x` would have the sizes (10100, 10300, ")


class Attention(nn.Module):
    def __init__(
        self, dim: int, num_heads: int, num_kv_heads: int, *, dropout: float, bias: bool = True
    ) -> None:
        super().__init__()
        if dim % num_heads or num_heads % num_kv_heads:
            raise ValueError(f"{dim}, {num_heads}, {num_kv_heads}")
        self.made_with = (dim, num_heads, num_kv_heads)
        self.linear = nn.Linear(dim, dim, bias)


def test_modules_are_built_of_sizes_that_divide() -> None:
    module = build(Attention, "meta")
    assert module.made_with == (48, 8, 4)
    assert module.linear.weight.device.type == "meta"
    assert build(Attention, "cpu").linear.weight.device.type == "cpu"


class Never(nn.Module):
    def __init__(self, width: int, height: int) -> None:
        raise ValueError("not square\nat all")


class FromFile(nn.Module):
    def __init__(self, path: Path) -> None: ...


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Never, "cannot build Never: Never(width=48, height=72) raised ValueError: not square"),
        (FromFile, "cannot build FromFile: nothing says how to make `path`, a `Path`"),
    ],
)
def test_what_cannot_be_built_is_said(kind: type, reason: str) -> None:
    with pytest.raises(CannotMake) as caught:
        build(kind, "meta")
    assert str(caught.value) == f"{reason} ({REMEDY})"
