"""Every kind of annotation compiles into one graph, with the verdict that it has without torch.compile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, TypeVar

import pytest
import torch
from jaxtyping import Float
from support.signatures import defined
from torch import Tensor

from typed_einsum import errors, shape_checked, shaped
from typed_einsum.operations import mean


@pytest.fixture(autouse=True)
def _nothing_compiled() -> None:
    torch._dynamo.reset()


def f32(*sizes: int) -> Tensor:
    return torch.ones(sizes)


@dataclass(frozen=True)
class Row:
    """A function with an annotation of one kind, and arguments that are right and wrong for it."""

    name: str
    source: str
    right: tuple[Any, ...]
    wrong: tuple[Any, ...]
    code: str

    def made(self) -> Any:
        names = {"Sequence": Sequence, "Annotated": Annotated, "Any_": ANY, "Bound": BOUND, "Pair": Pair}
        return shape_checked(defined(self.source, names)["f"])


ANY = TypeVar("ANY")
BOUND = TypeVar("BOUND", bound=Tensor)


class Pair(NamedTuple):
    """A record with the names of the call."""

    x: Float[Tensor, "b c"]
    y: Float[Tensor, "b"]


def row(name: str, parameters: str, right: tuple[Any, ...], wrong: tuple[Any, ...], code: str) -> Row:
    head, _, result = parameters.partition(" -> ")
    arrow = f" -> {result}" if result else ""
    return Row(name, f"def f({head}){arrow}:\n    return x", right, wrong, code)


X = 'Float[Tensor, "b c"]'
ROWS = [
    row("plain", f"x: {X}, y: {X}", (f32(2, 3), f32(2, 3)), (f32(2, 3), f32(2, 4)), "TE201"),
    row("fixed", 'x: Float[Tensor, "b rgb=3"]', (f32(2, 3),), (f32(2, 4),), "TE203"),
    row(
        "broadcast first",
        f'x: Float[Tensor, "#b c"], y: {X}',
        (f32(1, 3), f32(2, 3)),
        (f32(1, 3), f32(2, 4)),
        "TE201",
    ),
    row(
        "variadic",
        'x: Float[Tensor, "*b c"], y: Float[Tensor, "*b"]',
        (f32(2, 5, 3), f32(2, 5)),
        (f32(2, 5, 3), f32(2, 4)),
        "TE204",
    ),
    row(
        "variadic broadcast",
        'x: Float[Tensor, "*#b c"], y: Float[Tensor, "*#b"]',
        (f32(2, 1, 3), f32(5)),
        (f32(2, 4, 3), f32(5)),
        "TE204",
    ),
    row(
        "ellipsis",
        'x: Float[Tensor, "... c"], y: Float[Tensor, "c"]',
        (f32(2, 5, 3), f32(3)),
        (f32(2, 5, 3), f32(4)),
        "TE201",
    ),
    row(
        "computed",
        'x: Float[Tensor, "b m*c"], y: Float[Tensor, "m c"]',
        (f32(2, 15), f32(3, 5)),
        (f32(2, 14), f32(3, 5)),
        "TE205",
    ),
    row(
        "solved by an operand",
        'x: Float[Tensor, "b m*c"], y: Float[Tensor, "m"], z: Float[Tensor, "c"] = None',
        (f32(2, 15), f32(3)),
        (f32(2, 15), f32(3), f32(4)),
        "TE205",
    ),
    row(
        "solved by an integer",
        'x: Float[Tensor, "b m*c"], m: int -> Float[Tensor, "b m*c"]',
        (f32(2, 15), 3),
        (f32(2, 14), 3),
        "TE206",
    ),
    Row(
        "waits for the result",
        'def f(x: Float[Tensor, "b m*c"]) -> Float[Tensor, "b m c"]:\n    return x.unflatten(-1, (3, 5))',
        (f32(2, 15),),
        (f32(2),),
        "TE202",
    ),
    row("field", 'x: Float[Tensor, "b {n}"], n: int = 3', (f32(2, 5), 5), (f32(2, 5),), "TE205"),
    row("least of two", 'x: Float[Tensor, "b c min(b,c)"]', (f32(2, 3, 2),), (f32(2, 3, 3),), "TE205"),
    row("optional", f"x: {X}, y: {X} | None = None", (f32(2, 3), None), (f32(2, 3), f32(2, 4)), "TE201"),
    row("default", f"x: {X}, y: {X} = None", (f32(2, 3), f32(2, 3)), (f32(2, 3), f32(2, 4)), "TE201"),
    row("tuple", f"x: tuple[{X}, {X}]", ((f32(2, 3), f32(2, 3)),), ((f32(2, 3), f32(4, 3)),), "TE201"),
    row(
        "tuple of any length",
        f"x: tuple[{X}, ...]",
        ((f32(2, 3), f32(2, 3)),),
        ((f32(2, 3), f32(4, 3)),),
        "TE201",
    ),
    row("list", f"x: list[{X}]", ([f32(2, 3), f32(2, 3)],), ([f32(2, 3), f32(4, 3)],), "TE201"),
    row("sequence", f"x: Sequence[{X}]", ((f32(2, 3), f32(2, 3)),), ([f32(2, 3), f32(4, 3)],), "TE201"),
    row(
        "dict",
        f"x: dict[str, {X}]",
        ({"a": f32(2, 3), "b": f32(2, 3)},),
        ({"a": f32(2, 3), "b": f32(4, 3)},),
        "TE201",
    ),
    row(
        "list of tuples",
        f"x: list[tuple[{X}, int]]",
        ([(f32(2, 3), 4)],),
        ([(f32(2, 3), 4), (f32(4, 3), 5)],),
        "TE201",
    ),
    row(
        "list or none",
        f"x: list[{X} | None] | None",
        ([f32(2, 3), None],),
        ([f32(2, 3), None, f32(4, 3)],),
        "TE201",
    ),
    row(
        "union",
        f'x: {X} | Float[Tensor, "b c d"], y: Float[Tensor, "b"]',
        (f32(2, 3), f32(2)),
        (f32(2, 3), f32(4)),
        "TE201",
    ),
    row(
        "union, second",
        f'x: {X} | Float[Tensor, "b c d"], y: Float[Tensor, "b"]',
        (f32(2, 3, 5), f32(2)),
        (f32(2, 3, 5), f32(4)),
        "TE201",
    ),
    row("union of dtypes", f'x: {X} | Int[Tensor, "b"]', (f32(2, 3),), (f32(2),), "TE406"),
    row(
        "union result",
        'x: Float[Tensor, "b t"] -> Float[Tensor, "b t"] | Float[Tensor, "b 1"]',
        (f32(2, 3),),
        (f32(2),),
        "TE202",
    ),
    row(
        "union of list and tensor",
        f"x: list[{X}] | {X}, y: {X}",
        ([f32(2, 3)], f32(2, 3)),
        ([f32(4, 3)], f32(2, 3)),
        "TE201",
    ),
    row(
        "stars",
        f"x: {X}, *y: {X}, **z: {X}",
        (f32(2, 3), f32(2, 3)),
        (f32(2, 3), f32(2, 3), f32(4, 3)),
        "TE201",
    ),
    row(
        "keyword",
        f"x: {X}, n: int, s: str, *, flag: bool = True",
        (f32(2, 3), 3, "a"),
        (f32(2, 3), 3.5, "a"),
        "TE406",
    ),
    row(
        "annotated",
        f'x: Annotated[{X}, "image"], y: {X}',
        (f32(2, 3), f32(2, 3)),
        (f32(2, 3), f32(4, 3)),
        "TE201",
    ),
    row("type variable", f"x: {X}, y: Any_, z: Any_", (f32(2, 3), 1, 2), (f32(2), 1, 2), "TE202"),
    row(
        "type variable with a bound",
        f"x: Bound, y: {X}",
        (f32(2, 3), f32(2, 3)),
        (f32(2, 3), f32(2)),
        "TE202",
    ),
    row(
        "named tuple",
        f"x: {X}, y: Pair",
        (f32(2, 3), Pair(f32(2, 3), f32(2))),
        (f32(2, 3), Pair(f32(2, 3), f32(4))),
        "TE201",
    ),
    row("result tuple", f"x: {X} -> tuple[{X}, ...] | {X}", (f32(2, 3),), (f32(2),), "TE202"),
    Row("list result", f"def f(x: {X}) -> list[{X}]:\n    return [x, x]", (f32(2, 3),), (f32(2),), "TE202"),
    Row(
        "body that asks jaxtyping",
        f"def f(x: {X}):\n    assert isinstance(x.shape[0], int)\n    return x",
        (f32(2, 3),),
        (f32(2),),
        "TE202",
    ),
]
each_row = pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])


@each_row
@pytest.mark.one_in(8)
def test_a_right_call_compiles_into_one_graph(row: Row) -> None:
    made = row.made()
    expected = made(*row.right)
    found = torch.compile(made, backend="eager", fullgraph=True)(*row.right)
    assert type(found) is type(expected)
    torch.testing.assert_close(found, expected)


@each_row
@pytest.mark.one_in(8)
def test_a_wrong_call_has_the_same_code(row: Row) -> None:
    made = row.made()
    with pytest.raises(errors.TypedEinsumError) as eager:
        made(*row.wrong)
    assert eager.value.code == row.code, str(eager.value)
    with pytest.raises(errors.TypedEinsumError) as compiled:
        torch.compile(made, backend="eager")(*row.wrong)
    assert compiled.value.code == row.code


@pytest.mark.parametrize("name", ["list", "union", "computed", "variadic broadcast"])
def test_other_sizes_stay_in_the_graph(name: str) -> None:
    made = next(row for row in ROWS if row.name == name).made()
    compiled = torch.compile(made, backend="eager", fullgraph=True, dynamic=True)
    for b in (2, 4, 6):
        right: dict[str, tuple[Any, ...]] = {
            "list": ([f32(b, 3), f32(b, 3)],),
            "union": (f32(b, 3), f32(b)),
            "computed": (f32(b, 15), f32(3, 5)),
            "variadic broadcast": (f32(b, 1, 3), f32(5)),
        }
        torch.testing.assert_close(compiled(*right[name]), made(*right[name]))


# Texts inside a function.


@shape_checked
def computed(x: Float[Tensor, "b c"], y: Tensor) -> Tensor:
    return shaped(y, "b*c")


@shape_checked
def solved(x: Float[Tensor, "b c"], y: Tensor) -> Tensor:
    shaped(y, "b*k")
    return shaped(x.repeat(1, 4), "b c*4")


@shape_checked
def broadcast(x: Float[Tensor, "b c"], y: Tensor) -> Tensor:
    return shaped(y, "#b *#r c")


@shape_checked
def reduced(x: Float[Tensor, "b c"], y: Tensor) -> Tensor:
    return mean(y, "b k", over="k")


INSIDE = [
    (computed, f32(6), f32(7), "TE205"),
    (solved, f32(8), f32(7), "TE206"),
    (broadcast, f32(1, 4, 3), f32(1, 4, 5), "TE201"),
    (reduced, f32(2, 4), f32(4, 5), "TE201"),
]


@pytest.mark.parametrize(("function", "right", "wrong", "code"), INSIDE)
@pytest.mark.one_in(3)
def test_a_text_inside_a_function(function: Any, right: Tensor, wrong: Tensor, code: str) -> None:
    x = f32(2, 3)
    found = torch.compile(function, backend="eager", fullgraph=True)(x, right)
    torch.testing.assert_close(found, function(x, right))
    for call in (function, torch.compile(function, backend="eager")):
        with pytest.raises(errors.TypedEinsumError) as caught:
            call(x, wrong)
        assert caught.value.code == code
