"""What an observed call is held to where several objects have one name: records in a list, and attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from typed_einsum.testing.inputs.arrays import tensors_inside
from typed_einsum.testing.inputs.own import attributes_of
from typed_einsum.testing.listing.values import Several, seen
from typed_einsum.testing.observe.holding import held
from typed_einsum.testing.observe.judging import judged
from typed_einsum.testing.observe.records import Pattern
from typed_einsum.testing.observe.values import told


@dataclass
class Resampled:
    """The dead neurons of one component, and what they become."""

    index: Int[Tensor, "dead"]
    weight: Float[Tensor, "dead width"]


def resampled(count: int, width: int = 5, *, weights: int | None = None) -> Resampled:
    return Resampled(
        torch.zeros(count, dtype=torch.long), torch.zeros(count if weights is None else weights, width)
    )


def several(x: Float[Tensor, "width"]) -> list[Resampled]:
    return []


def by_key(x: Float[Tensor, "b"], found: dict[str, Resampled] | None) -> tuple[Sequence[Resampled], int]:
    return (), 0


def one(x: Float[Tensor, "width"]) -> Resampled:
    return resampled(3)


class Decoder(nn.Module):
    weight: Float[Tensor, "*component wide narrow"]

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2, 7, 5))

    def update(self, vectors: Float[Tensor, "*component wide n"], other: Float[Tensor, "*component"]) -> None:
        pass


def said(function: Any, result: Any, **arguments: Any) -> str:
    """The code of the error, what keeps the call from being judged, or nothing."""
    found = held(function, arguments, result, Pattern({}, None, "returned"), Path())
    if not isinstance(found, Pattern):
        return f"apart: {', '.join(sorted(found.apart))}" if found.apart else ""
    return found.findings[0].code if found.findings else found.text


APART = "apart: "


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([resampled(3), resampled(3)], ""),
        ([resampled(3), resampled(2)], APART),
        ([resampled(3), resampled(2, weights=4)], "TE201"),  # one record contradicts itself
    ],
)
def test_each_record_in_a_list_has_its_own_names(items: list[Resampled], expected: str) -> None:
    assert said(several, items, x=torch.zeros(5)).startswith(expected)
    assert (said(several, items, x=torch.zeros(5)) == "") == (not expected)
    given = {str(at): item for at, item in enumerate(items)}
    assert said(by_key, (items, 7), x=torch.zeros(5), found=given).startswith(expected)


def test_what_is_no_record_in_a_list_is_compared_with_the_arguments() -> None:
    assert said(several, [resampled(3), resampled(2)], x=torch.zeros(5, 1)) == "TE202"
    assert said(one, resampled(3), x=torch.zeros(7)) == "apart: return"
    assert said(one, resampled(3, weights=2), x=torch.zeros(7)) == "TE201"


@pytest.mark.parametrize(
    ("vectors", "other", "expected"),
    [
        ((2, 7, 3), (2,), ""),
        ((7, 3), (), "at the sizes seen, where several objects have one name"),  # one component of the weight
        ((7, 3), (2,), "TE204"),  # two arguments disagree
        ((2, 11, 3), (2,), "TE201"),  # a plain name of the attribute
    ],
)
def test_an_argument_may_have_other_leading_axes_than_an_attribute(
    vectors: tuple[int, ...], other: tuple[int, ...], expected: str
) -> None:
    found = said(Decoder.update, None, self=Decoder(), vectors=torch.zeros(vectors), other=torch.zeros(other))
    assert found.startswith(expected)
    assert (found == "") == (not expected)


def summed(
    x: Float[Tensor, "b d"], weights: dict[str, Float[Tensor, "out d"]]
) -> list[Float[Tensor, "b out"]]:
    return [x @ weight.mT for weight in weights.values()]


@pytest.mark.parametrize(
    ("outs", "widths", "rows", "expected"),
    [
        ((7, 7), (5, 5), 3, ""),
        ((7, 2), (5, 5), 3, "apart: return, weights"),
        ((7, 2), (5, 4), 3, "TE201"),  # an item and an argument disagree
        ((7, 2), (5, 5), 4, "TE201"),  # an item of the result does
    ],
)
def test_each_item_has_names_of_its_own_beside_those_of_the_arguments(
    outs: tuple[int, int], widths: tuple[int, int], rows: int, expected: str
) -> None:
    sizes = zip(outs, widths, strict=True)
    weights = {name: torch.zeros(size) for name, size in zip("pq", sizes, strict=True)}
    result = [torch.zeros(rows, out) for out in outs]
    assert said(summed, result, x=torch.zeros(3, 5), weights=weights) == expected


def test_a_call_whose_items_differ_is_judged_without_them(tmp_path: Path) -> None:
    def scaled(x: Float[Tensor, "b d"], weights: list[Float[Tensor, "n d"]]) -> Float[Tensor, "b d"]:
        return x * sum(weight.mean() for weight in weights)

    x, weights = torch.zeros(3, 5), [torch.zeros(4, 5), torch.zeros(2, 5)]
    found = judged(scaled, {"x": x, "weights": weights}, x, Pattern({}, None, "returned"), tmp_path, 5.0)
    assert found.text == "for all sizes, but `weights` at the sizes seen: each item has sizes of its own"
    assert not found.findings


@dataclass
class Cone:
    """A piece of space in front of each pixel."""

    tip: Float[Tensor, "*batch 3"]
    width: Float[Tensor, "*batch 1"]


@dataclass
class Cones:
    """A row of cones along each ray."""

    parts: Cone
    starts: Float[Tensor, "*batch n"]
    ends: Float[Tensor, "*batch n"]


def sampled(edges: Float[Tensor, "*batch n"]) -> tuple[Cones, Float[Tensor, "*batch"]]:
    return cones(4, 7), torch.zeros(4)


def cones(rays: int, count: int, *, widths: int = 7, ends: int = 4) -> Cones:
    parts = Cone(torch.zeros(rays, count, 3), torch.zeros(rays, widths, 1))
    return Cones(parts, torch.zeros(rays, count), torch.zeros(ends, count))


@pytest.mark.parametrize(
    ("record", "sums", "expected"),
    [
        (cones(4, 7), (4,), APART),  # the axes of a piece, and those of a ray
        (cones(4, 7, widths=6), (4,), "TE204"),  # a record inside contradicts itself
        (cones(4, 7, ends=5), (4,), "TE204"),  # the record itself does
        (cones(4, 7), (5,), "TE204"),  # what is no record does
    ],
)
def test_each_record_has_leading_axes_of_its_own(record: Cones, sums: tuple[int, ...], expected: str) -> None:
    found = said(sampled, (record, torch.zeros(sums)), edges=torch.zeros(4, 7))
    assert found.startswith(expected)


def test_what_remains_wrong_where_each_record_has_its_own_axes_is_told() -> None:
    result = cones(4, 7, ends=5), torch.zeros(4)
    found = held(sampled, {"edges": torch.zeros(4, 7)}, result, Pattern({}, None, "returned"), Path())
    assert isinstance(found, Pattern)
    assert "are (4,) in the result's item 0, field `starts` but (5,) in" in found.findings[0].text


def test_a_failure_about_dtypes_is_none_of_a_call_that_has_run(tmp_path: Path) -> None:
    """Under `torch.autocast`, torch takes these two."""

    def projected(x: Float[Tensor, "b d"], w: Float[Tensor, "d e"]) -> Float[Tensor, "b e"]:
        return torch.einsum("bd,de->be", x, w)

    x, w = torch.zeros(3, 5), torch.zeros(5, 7, dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = projected(x, w)
    found = judged(projected, {"x": x, "w": w}, result, Pattern({}, None, "returned"), tmp_path, 5.0)
    assert (found.extent, found.findings) == ("not judged", ())
    assert "autocast" in found.text


def test_a_size_that_is_a_symbol_is_a_number(tmp_path: Path) -> None:
    def counted(x: Float[Tensor, "n d"]) -> tuple[Float[Tensor, "d"], int, float, tuple[int, ...]]:
        return x.sum(0), len(x), x.shape[0] / 2, tuple(x.shape)

    x = torch.zeros(3, 5)
    found = judged(counted, {"x": x}, counted(x), Pattern({}, None, "returned"), tmp_path, 5.0)
    assert found.text == "for all sizes"


class Computed:
    """It has something else where objects keep their attributes, as configurations have that become dicts."""

    def __init__(self) -> None:
        pass

    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        return {}


def test_an_object_that_computes_its_attributes_holds_none() -> None:
    assert attributes_of(Computed()) == {}
    assert [each.shape for each in tensors_inside([Computed(), torch.zeros(3)])] == [(3,)]
    assert attributes_of(7) == {}
    assert attributes_of(resampled(3)).keys() == {"index", "weight"}


def test_a_key_that_holds_tensors_is_told_by_its_type() -> None:
    """No number of a tensor is stored."""
    x = torch.zeros(2)
    named = {"a": x, ("b", 3): x, x: x, (x, 1): x}
    assert [*told(named)["items"]] == ["a", "('b', 3)", "Tensor 2", "tuple 3"]
    listed = seen(named)
    assert isinstance(listed, Several)
    assert [name for name, _ in listed.items] == ["a", "('b', 3)", "Tensor 2", "tuple 3"]
