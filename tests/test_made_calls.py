"""Calls that are made from annotations alone: what they may be, and what is no fault of the function."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Literal

import pytest
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from typed_einsum.decorate.resolution import Unresolved
from typed_einsum.testing import check_contract
from typed_einsum.testing.calls.variation import copied
from typed_einsum.testing.contracts.check import Check
from typed_einsum.testing.contracts.promises import Promises
from typed_einsum.testing.inputs.constructors import build
from typed_einsum.testing.targets.discovery import discover
from typed_einsum.testing.targets.target import Target

if TYPE_CHECKING:
    from elsewhere import Part


def said(name: str) -> str:
    """What is said of a function of this module."""
    [target] = [each for each in discover(__import__(__name__)).targets if each.name == name]
    place = target.place(__file__)
    return str(Check(name, target.checked(), target.owner, place, Promises()).report()).partition(": ")[2]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ('Float[Tensor, "b c"]', True),
        ('Float[Tensor, "b c"] | None', True),
        ('dict[str, Float[Tensor, "b"]]', True),
        ('Literal["row", "column"]', False),
        ('typing.Literal["row", "column"]', False),
        ('dict[str, "Part"]', False),
        ("Part[int, str]", False),
    ],
)
def test_texts_in_types_of_python_are_no_axes(text: str, is_one: bool) -> None:
    assert Unresolved(text, "").looks_like_tensor() is is_one


def shifted(
    points: Float[Tensor, "*points 3"], origin: Float[Tensor, "*origins 3"]
) -> Float[Tensor, "*points 3"]:
    return points - origin


def test_names_for_any_number_of_axes_may_stand_for_the_same_axes() -> None:
    assert said("shifted") == "ok for all sizes with the same axes under *origins and *points"


def first(rows: Float[Tensor, "*rows 3"], other: Float[Tensor, "*others 3"]) -> Float[Tensor, "*others 3"]:
    return 2 * rows


def test_where_such_names_are_mixed_up_they_stay_apart() -> None:
    assert [each.code for each in check_contract(first).findings] == ["TE204"]


def stepped(x: Float[Tensor, "... t"]) -> Float[Tensor, "... t"]:
    return torch.cat([torch.zeros(x.shape[0], 1, dtype=x.dtype, device=x.device), x], 1)[:, 1:]


def test_an_ellipsis_may_stand_for_one_axis() -> None:
    assert str(check_contract(stepped)) == "stepped: ok for all sizes with one axis under ..."


def looked_up(indices: Shaped[Tensor, "b t"], table: Float[Tensor, "n d"]) -> Float[Tensor, "b t d"]:
    return nn.functional.embedding(indices, table)


def test_tensors_of_any_numbers_hold_integers_where_a_call_needs_them() -> None:
    assert str(check_contract(looked_up)) == "looked_up: ok for all sizes"


def solved(
    matrix: Float[Tensor, "b m n"], right: Float[Tensor, "b n p"] | Float[Tensor, "n"]
) -> Float[Tensor, "b m p"] | Float[Tensor, "b m"]:
    return matrix @ right if right.ndim == 3 else (matrix + right[:, :, None]).sum(2)


def test_members_of_a_union_that_the_rest_does_not_take_are_no_error() -> None:
    assert said("solved") == "ok for all sizes"


def normalised(x: Tensor) -> Float[Tensor, "b c"]:
    return x / x.norm(dim=-1, keepdim=True)


def along(x: Float[Tensor, "b c"], dim: int) -> Float[Tensor, "b c"]:
    return x.softmax(dim)


def on_device(size: Float[Tensor, "b"], device) -> Float[Tensor, "b"]:
    return size.to(device)


def labelled(x: Float[Tensor, "b c"], labels: Sequence[Hashable], layer: int) -> Float[Tensor, "c"]:
    assert len(set(labels)) == 2
    return [x.mean(0)][layer]


@pytest.mark.parametrize("name", ["normalised", "along", "on_device", "labelled"])
def test_bare_tensors_axes_by_number_devices_and_labels_are_made(name: str) -> None:
    assert said(name) == "ok for all sizes"


class Counts:
    def __init__(self, n_parts: int, n_kinds: int) -> None:
        self.counts = torch.zeros(n_parts, n_kinds, dtype=torch.int64)

    def logged(self, seen: Int[Tensor, "part kind"]) -> None:
        self.counts += seen
        raise ValueError("there is no logger")


def test_what_fails_for_another_reason_at_sizes_that_fit_is_no_error() -> None:
    assert said("Counts.logged") == (
        "not judged: it refused all inputs tried: ValueError: there is no logger (at part=2 kind=3)"
    )


class Stack(nn.Module):
    def __init__(self, dim: int, in_channels: int | None = None, depth: int = 24) -> None:
        super().__init__()
        self.width, self.blocks = in_channels, nn.ModuleList(nn.Linear(dim, dim) for _ in range(depth))


def test_of_many_equal_blocks_a_few_are_built_and_inputs_get_a_width() -> None:
    made = build(Stack, "meta")
    assert len(made.blocks) == 2
    assert made.width == 72


def endless(x: Float[Tensor, "b"], rounds: int) -> Float[Tensor, "b"]:
    while rounds:
        pass
    return x


def test_a_call_that_is_slow_with_a_value_that_was_made_up_is_no_error() -> None:
    from typed_einsum.testing.contracts.judging import judged

    target = Target("endless", endless)
    report, _ = judged(target, None, target.place(__file__), Promises(), 0.5)
    assert report.skipped == "the call ran for more than 0.5 seconds, with arguments that were made up for it"
    assert not report.findings


def ordered(points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    chosen, rest = points[:1], points[1:]
    while len(rest):
        nearest = (rest - chosen[-1]).norm(dim=1).argmin()
        chosen = torch.cat([chosen, rest[nearest][None]])
        rest = torch.cat([rest[:nearest], rest[nearest + 1 :]])
    return chosen


def test_a_loop_that_has_one_choice_left_at_its_end_is_no_error() -> None:
    assert "TE717" not in said("ordered")


def placed(
    points: Float[Tensor, "*points 3"], origin: Float[Tensor, "*origins 3"], at: str
) -> Float[Tensor, "*points 3"]:
    moved = points - origin
    if at not in ("start", "end"):
        raise ValueError(f"there is no place {at}")
    return moved


def test_a_value_that_is_refused_once_the_axes_fit_is_no_error() -> None:
    assert said("placed").startswith("not judged: ")


class Conditioned(nn.Module):
    def __init__(self, dim: int, dim_cond: int | None = None) -> None:
        super().__init__()
        self.norm, self.scale = nn.LayerNorm(dim), nn.Linear(dim_cond or dim, dim)

    def forward(self, x: Float[Tensor, "b d"], cond: Float[Tensor, "b e"]) -> Float[Tensor, "b d"]:
        return self.norm(x) * self.scale(cond)


def test_widths_that_an_object_has_as_defaults_of_each_other_are_no_error() -> None:
    assert "TE719" not in said("Conditioned.forward")


class Measured:
    def __init__(self, table: Float[Tensor, "n d"]) -> None:
        self.table, self.most = table, float(table.max())

    def rows(self, at: Int[Tensor, "b"]) -> Float[Tensor, "b d"]:
        return self.table[at]


def test_a_class_whose_constructor_asks_for_numbers_is_built_with_some() -> None:
    assert said("Measured.rows").startswith("ok ")


class Held:
    def __init__(self, values: Tensor) -> None:
        self.values = values
        self.parts = [{"twice": 2 * values}]


def test_an_object_with_a_tensor_that_torch_has_computed_is_copied() -> None:
    values = torch.ones(2, 3, requires_grad=True)
    made = copied(Held(values), "cpu")
    assert made.values is not values
    assert torch.equal(made.parts[0]["twice"], 2 * values)


def named(
    parts: dict[str, "Part"], x: Float[Tensor, "b"], mode: Literal["up", "down"] = "up"
) -> Float[Tensor, "b"]:
    return x


def test_a_class_that_is_imported_for_type_checkers_alone_is_no_error() -> None:
    assert "TE505" not in said("named")
