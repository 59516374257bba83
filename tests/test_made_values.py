"""Containers, records and unions of tensors are made from their annotations, and walked as one value."""

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import pytest
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from typed_einsum import shape_checked
from typed_einsum.testing import check_contract, example_inputs
from typed_einsum.testing.inputs.draw import Draw, Variant
from typed_einsum.testing.inputs.leaves import changed, passed_tensors
from typed_einsum.testing.inputs.recipe import CannotMake, Recipe


def recipe(function: Callable[..., Any]) -> Recipe:
    return Recipe.of(shape_checked(function))


def made(function: Callable[..., Any], draw: Draw | None = None) -> dict[str, Any]:
    """The arguments for a function; its own checks accept them."""
    bound = recipe(function).make(draw or Draw())
    shape_checked(function)(*bound.args, **bound.kwargs)
    return dict(bound.arguments)


def sizes(value: Any) -> Any:
    """A value with the shape of each tensor in its place."""
    match value:
        case Tensor():
            return tuple(value.shape)
        case Pair() | Sampled():
            return {
                name: sizes(getattr(value, name)) for name in ("features", "valid") if hasattr(value, name)
            }
        case tuple():
            return tuple(map(sizes, value))
        case list():
            return [sizes(each) for each in value]
        case dict():
            return {key: sizes(each) for key, each in value.items()}
    return value


class Pair(NamedTuple):
    features: Float[Tensor, "b c"]
    valid: Bool[Tensor, "b"]


@dataclass
class Sampled:
    features: Float[Tensor, "b c"]
    valid: Bool[Tensor, "b"] | None
    step: int
    name: str = "sampled"
    next: "Sampled | None" = None


class Batch(TypedDict):
    image: Float[Tensor, "b c h w"]
    label: Int[Tensor, "b"]


class Level(enum.Enum):
    LOW = "low"
    HIGH = "high"


def test_containers_share_the_names_of_the_call() -> None:
    def f(
        a: list[Float[Tensor, "b d"]],
        s: Sequence[Float[Tensor, "b _"]],
        i: Iterable[Int[Tensor, "d"]],
        t: tuple[Float[Tensor, "d"], ...],
        u: dict[str, Float[Tensor, "b"]],
        m: Mapping[Level, list[Float[Tensor, "d b"]]],
        o: list[Float[Tensor, "b"]] | None,
        *rest: list[Float[Tensor, "b"]],
    ) -> None: ...

    assert {name: sizes(value) for name, value in made(f).items()} == {
        "a": [(11, 13), (11, 13)],
        "s": [(11, 17), (11, 19)],
        "i": [(13,), (13,)],
        "t": ((13,), (13,)),
        "u": {"u_0": (11,), "u_1": (11,)},
        "m": {Level.LOW: [(13, 11), (13, 11)], Level.HIGH: [(13, 11), (13, 11)]},
        "o": [(11,), (11,)],
        "rest": ([(11,), (11,)], [(11,), (11,)]),
    }
    assert made(f, Draw(variant=Variant.SPARSE))["o"] is None


def test_records_share_the_names_of_the_call() -> None:
    def f(x: Float[Tensor, "b c"], pair: Pair, sampled: Sampled, batch: Batch, many: list[Pair]) -> None: ...

    arguments = made(f)
    assert sizes(arguments["pair"]) == {"features": (11, 13), "valid": (11,)}
    assert sizes(arguments["sampled"]) == {"features": (11, 13), "valid": (11,)}
    assert arguments["sampled"].name == "sampled"
    assert sizes(arguments["batch"]) == {"image": (11, 13, 17, 19), "label": (11,)}
    assert [sizes(each) for each in arguments["many"]] == [{"features": (11, 13), "valid": (11,)}] * 2
    assert recipe(f).axis_names == {"b", "c", "h", "w"}


def test_every_tensor_in_a_value_is_seen_and_changed() -> None:
    def f(
        x: Float[Tensor, "b c"],
        pair: Pair,
        batch: Batch,
        levels: list[Float[Tensor, "b"] | Int[Tensor, "b c"]],
        more: dict[str, tuple[Float[Tensor, "c"], int]],
        *rest: Float[Tensor, "c"],
    ) -> None: ...

    hints, arguments = recipe(f).hints, recipe(f).make(Draw()).arguments
    texts = [hint.text for hint, _ in passed_tensors(hints, arguments)]
    assert texts == ["b c", "b c", "b", "b c h w", "b", "b", "b", "c", "c", "c", "c"]
    copied = {
        name: changed(hints[name], value, lambda _, each: each.clone()) for name, value in arguments.items()
    }
    pairs = zip(passed_tensors(hints, arguments), passed_tensors(hints, copied), strict=True)
    assert [one is other for (_, one), (_, other) in pairs] == [False] * 11
    assert isinstance(copied["pair"], Pair)
    assert copied["more"]["more_0"][1] == 2


def test_the_members_of_a_union_are_variants() -> None:
    def f(
        x: Float[Tensor, "b m 3"] | Float[Tensor, "m 3"] | None,
        y: Float[Tensor, "m"] | list[Float[Tensor, "m"]],
        z: Float[Tensor, "m"] | int,
    ) -> None: ...

    assert recipe(f).variants() == (Variant.FULL, Variant.FIRST, Variant.SPARSE, Variant(member=1))
    shown = []
    for variant in recipe(f).variants():
        draw = Draw(variant=variant)
        shown.append(({name: sizes(value) for name, value in made(f, draw).items()}, draw.notes))
    assert shown[0] == ({"x": (11, 13, 3), "y": (13,), "z": (13,)}, [])
    assert shown[2] == ({"x": None, "y": (11,), "z": (11,)}, ["x=None"])
    second = {"x": (11, 3), "y": [(11,), (11,)], "z": (11,)}
    assert shown[3] == (second, ['x is "m 3"', 'y is "m"'])


def test_one_axis_the_same_axes_and_other_dtypes_are_offered() -> None:
    def f(x: Shaped[Tensor, "*b n"], y: Float[Tensor, "*c n"], z: Float[Tensor, "... n"]) -> None: ...

    assert recipe(f).alternatives() == (Variant.SINGLE, Variant.TOGETHER, Variant.INTEGERS)

    def shapes(variant: Variant) -> list[Any]:
        return [sizes(made(f, Draw(variant=variant))[name]) for name in "xyz"]

    assert shapes(Variant.FULL) == [(11, 13, 17), (19, 23, 17), (29, 31, 17)]
    assert shapes(Variant.SINGLE) == [(11, 13), (17, 13), (19, 13)]
    assert shapes(Variant.TOGETHER) == [(11, 13, 17), (11, 13, 17), (11, 13, 17)]
    assert made(f, Draw(variant=Variant.INTEGERS))["x"].dtype is torch.int64


def test_a_tensor_without_axes_is_made_like_the_first_that_has_some() -> None:
    def f(x: Tensor, y: Float[Tensor, "b d"]) -> None: ...

    draw = Draw()
    assert {name: sizes(value) for name, value in made(f, draw).items()} == {"x": (11, 13), "y": (11, 13)}
    assert repr(draw.stand_ins) == "{'x': a tensor of shape \"b d\"}"

    def unlike(x: Tensor, y: Float[Tensor, "b d"]) -> Float[Tensor, "b k"]:
        return y @ x

    report = str(check_contract(unlike))
    assert 'not judged: with x=a tensor of shape "b d", a guess, it raised' in report


def test_what_goes_wrong_with_a_guess_is_no_finding() -> None:
    def unlike(x: Tensor, y: Float[Tensor, "b d"]) -> Float[Tensor, "d b"]:
        return x

    assert check_contract(unlike).skipped


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (tuple[int, int], (2, 3)),
        (tuple[int, ...], (2, 3)),
        (list[float], [0.5, 0.5]),
        (Sequence[int], [2, 3]),
        (int | tuple[int, int], 2),
        (Annotated[int, "how many"], 2),
        (dict[str, int], {}),
        (torch.device, torch.device("meta")),
        (Literal["sum", "mean"], "sum"),
        (type(None), None),
    ],
)
def test_values_that_are_no_tensors(annotation: Any, expected: Any) -> None:
    def f(x: Float[Tensor, "b"], value) -> None: ...

    f.__annotations__["value"] = annotation
    assert made(f)["value"] == expected


def test_parameters_without_an_annotation_are_made_by_their_names() -> None:
    def f(x: Float[Tensor, "b"], eps, dropout, num_heads, dim, use_cache, temperature) -> None: ...

    arguments = recipe(f).make(Draw()).arguments
    assert {name: value for name, value in arguments.items() if name != "x"} == {
        "eps": 1e-5,
        "dropout": 0.0,
        "num_heads": 2,
        "dim": 3,
        "use_cache": False,
        "temperature": 0.5,
    }


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        (nn.Module, "nothing says how to make `x`, a `Module`"),
        (dict[Callable[[int], int], Float[Tensor, "b"]], "nothing says which keys `x` has"),
    ],
)
def test_what_cannot_be_made_is_said(annotation: Any, reason: str) -> None:
    def f(x): ...

    f.__annotations__["x"] = annotation
    with pytest.raises(CannotMake) as caught:
        made(f)
    assert str(caught.value) == reason


def test_an_iterable_under_a_star_is_ambiguous() -> None:
    def hcat(*images: Iterable[Float[Tensor, "c _ _"]]) -> Float[Tensor, "c h w"]:
        return torch.cat(list(images), 2)  # type: ignore[arg-type]

    reason = "each of `*images` is annotated as an Iterable: annotate what one of them is"
    assert check_contract(hcat).skipped == reason


def test_functions_of_containers_are_run() -> None:
    def union(
        x: Float[Tensor, "b m 3"] | Float[Tensor, "m 3"], mask: Bool[Tensor, "m"]
    ) -> Float[Tensor, "m"]:
        return x.sum(-1).reshape(-1, mask.shape[0]).sum(0) * mask

    def many(xs: list[Float[Tensor, "b d"]], y: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        return sum(xs, y)

    def named(xs: dict[str, Float[Tensor, "b c"]], y: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
        return sum(xs.values(), y)

    def plain(x: Tensor, y: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        return x + y

    def masked(pair: Pair, weight: Float[Tensor, "c"]) -> Float[Tensor, "b"]:
        return pair.features @ weight * pair.valid

    reports = [check_contract(function) for function in (union, many, named, plain, masked)]
    assert [(report.skipped, report.findings) for report in reports] == [("", ())] * 5

    def unmasked(pair: Pair, weight: Float[Tensor, "c"]) -> Float[Tensor, "c"]:
        return pair.features @ weight * pair.valid

    assert [finding.code for finding in check_contract(unmasked).findings] == ["TE201"]


def test_example_inputs_hold_containers() -> None:
    def named(xs: dict[str, Float[Tensor, "b c"]], pair: Pair) -> Float[Tensor, "b c"]:
        return sum(xs.values(), pair.features)

    arguments = example_inputs(named, sizes={"b": 5, "c": 7}, dtype=torch.float64)
    assert named(**arguments).dtype is torch.float64
    assert sizes(arguments["pair"]) == {"features": (5, 7), "valid": (5,)}


class Operator:
    """A matrix of another library, annotated by jaxtyping as a tensor is."""


def test_of_a_union_with_an_array_of_another_library_the_tensor_is_made() -> None:
    def f(x: Float[Operator, "b n"] | Float[Tensor, "b n"], y: Float[Tensor, "n"]) -> None: ...

    assert {name: sizes(value) for name, value in recipe(f).make(Draw()).arguments.items()} == {
        "x": (11, 13),
        "y": (13,),
    }


def test_numbers_that_the_code_refuses_are_chosen_again_each_less_than_the_one_before() -> None:
    def basis(width: int, rank: int, seed: int) -> Float[Tensor, "width rank"]:
        if not 0 < rank <= width:
            raise ValueError(f"rank must be between 1 and {width}, got {rank}")
        random = torch.Generator().manual_seed(seed)
        return torch.linalg.qr(torch.randn(width, rank, generator=random)).Q

    def chosen(width: int, places: Sequence[int]) -> Float[Tensor, "width k"]:
        index = torch.as_tensor(places)
        if (index >= width).any():
            raise ValueError(f"places must be in [0, {width}), got {index.tolist()}")
        return torch.eye(width)[:, index]

    def impossible(width: int, rank: int) -> Float[Tensor, "width rank"]:
        raise ValueError(f"no file for {width} and {rank}")

    assert [check_contract(each).skipped for each in (basis, chosen)] == ["", ""]
    assert "no file for" in check_contract(impossible).skipped
