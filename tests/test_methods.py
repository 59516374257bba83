"""Methods of every kind under `shape_checked` and `typed_einsum`, and the axis sizes their objects know."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
from jaxtyping import Float
from torch import Tensor, nn

from typed_einsum import einsum, errors, shape_checked, shaped, typed_einsum


def ones(*shape: int) -> Tensor:
    return torch.ones(shape)


def refused(code: str, function: Callable[..., Any], *arguments: Any) -> str:
    """The message of a call that must be refused with a code."""
    with pytest.raises(errors.TypedEinsumError) as caught:
        function(*arguments)
    assert caught.value.code == code
    return str(caught.value)


class Table:
    """Every kind of method, `einsum` or `shaped` in each."""

    def __init__(self, rows: Tensor) -> None:
        self.rows = rows

    @shape_checked
    def method(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "b r"]:
        return einsum("b c, r c -> b r", x, self.rows)

    @shape_checked
    def __call__(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "b r"]:
        return einsum("b c, r c -> b r", x, self.rows)

    @shape_checked
    def __matmul__(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "b r"]:
        return einsum("b c, r c -> b r", x, self.rows)

    @classmethod
    @shape_checked
    def below_class_method(cls, x: Float[Tensor, "b c"]) -> Float[Tensor, "c b"]:
        return shaped(x.T, "c b") if cls is Table else x

    @shape_checked
    @classmethod
    def above_class_method(cls, x: Float[Tensor, "b c"]) -> Float[Tensor, "c b"]:
        return shaped(x.T, "c b") if cls is Table else x

    @staticmethod
    @shape_checked
    def below_static_method(x: Float[Tensor, "b c"]) -> Float[Tensor, "c b"]:
        return shaped(x.T, "c b")

    @shape_checked
    @staticmethod
    def above_static_method(x: Float[Tensor, "b c"]) -> Float[Tensor, "c b"]:
        return shaped(x.T, "c b")

    @property
    @shape_checked
    def below_property(self) -> Float[Tensor, "r c"]:
        return self.rows

    @shape_checked
    @property
    def above_property(self) -> Float[Tensor, "r c"]:
        return self.rows

    @above_property.setter
    @shape_checked
    def above_property(self, rows: Float[Tensor, "r c"]) -> None:
        self.rows = shaped(rows, "r c")

    @typed_einsum
    def typed(self, x: Float[Tensor, "b c"], y: Float[Tensor, "r c"]) -> Float[Tensor, "b r"]: ...

    @typed_einsum
    @classmethod
    def typed_class(cls, x: Float[Tensor, "b c"], y: Float[Tensor, "r c"]) -> Float[Tensor, "b r"]: ...

    @typed_einsum
    @staticmethod
    def typed_static(x: Float[Tensor, "b c"], y: Float[Tensor, "r c"]) -> Float[Tensor, "b r"]: ...


@pytest.mark.parametrize("name", ["method", "__call__", "__matmul__"])
def test_methods_of_an_instance(name: str) -> None:
    table = Table(ones(5, 3))
    assert getattr(table, name)(ones(2, 3)).shape == (2, 5)
    assert "axis `c` is 4 in `x` but 3 in operand 2" in refused("TE201", getattr(table, name), ones(2, 4))
    assert getattr(Table, name)(table, ones(2, 3)).shape == (2, 5)


@pytest.mark.parametrize("place", ["below", "above"])
@pytest.mark.parametrize("kind", ["class_method", "static_method"])
def test_class_and_static_methods(place: str, kind: str) -> None:
    for owner in (Table, Table(ones(5, 3))):
        function = getattr(owner, f"{place}_{kind}")
        assert function(ones(2, 3)).shape == (3, 2)
        assert "`x` has 1 axis, but `b c` names 2" in refused("TE202", function, ones(2))


@pytest.mark.parametrize("name", ["below_property", "above_property"])
def test_properties(name: str) -> None:
    assert getattr(Table(ones(5, 3)), name).shape == (5, 3)
    assert "the result has 1 axis" in refused("TE202", lambda: getattr(Table(ones(5)), name))


def test_the_setter_of_a_property() -> None:
    table = Table(ones(5, 3))
    table.above_property = ones(7, 3)
    assert table.rows.shape == (7, 3)
    refused("TE202", lambda: setattr(table, "above_property", ones(7)))
    assert table.rows.shape == (7, 3)


@pytest.mark.parametrize("name", ["typed", "typed_class", "typed_static"])
def test_typed_einsums_as_methods(name: str) -> None:
    function = getattr(Table(ones(5, 3)), name)
    assert function.equation == "b c, r c -> b r"
    assert function(ones(2, 3), y=ones(5, 3)).shape == (2, 5)
    assert "axis `c` is 3 in `x` but 4 in `y`" in refused("TE201", function, ones(2, 3), ones(5, 4))
    assert "needs `y`" in refused("TE401", function, ones(2, 3))
    assert "takes 2 operands, but 3 were given" in refused("TE403", function, *[ones(2, 3)] * 3)


# The axis sizes that an object knows.


class Heads(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.axis_sizes = {"e": width, "m": heads}
        self.project = nn.Linear(width, width)

    @shape_checked
    def forward(self, x: Float[Tensor, "b e"]) -> Float[Tensor, "b m c"]:
        return shaped(self.project(x).unflatten(-1, (self.axis_sizes["m"], -1)), "b m c")


@pytest.mark.parametrize(
    "prepared",
    [lambda heads: heads, copy.deepcopy, lambda heads: pickle.loads(pickle.dumps(heads)), nn.Sequential],
    ids=["as made", "copied", "pickled", "inside another"],
)
def test_a_module_knows_its_sizes(prepared: Callable[[Heads], nn.Module]) -> None:
    module = prepared(Heads(12, 4))
    assert module(ones(2, 12)).shape == (2, 4, 3)
    message = refused("TE201", module, ones(2, 24))
    assert "axis `e` is 12 in `axis_sizes` but 24 in `x`" in message
    assert "24 here; 12 was set by `axis_sizes`" in message


class Sized:
    """Axis sizes from wherever a subclass has them."""

    axis_sizes: Any

    @shape_checked
    def local(self, x: Tensor) -> Tensor:
        return shaped(x, "b c")

    @shape_checked
    def contracted(self, x: Tensor) -> Tensor:
        return einsum("b c -> c", x)

    @shape_checked
    def argument(self, x: Float[Tensor, "b c"]) -> Tensor:
        return x

    @shape_checked
    def optional(self, x: Float[Tensor, "b c"] | None = None) -> Tensor | None:
        return x

    @shape_checked
    def broadcast(self, x: Float[Tensor, "#b c"]) -> Tensor:
        return x

    @shape_checked
    def result(self, x: Tensor) -> Float[Tensor, "b c"]:
        return x

    @shape_checked
    def expression(self, x: Tensor) -> Float[Tensor, "b 2*c-3"]:
        return x


class OfTheClass(Sized):
    axis_sizes = {"c": 3}  # noqa: RUF012


class OfASubclass(OfTheClass):
    pass


class OfAProperty(Sized):
    @property
    def axis_sizes(self) -> dict[str, int]:
        return {"c": 3}


class OfTheInstance(OfTheClass):
    axis_sizes = {"c": 9}  # noqa: RUF012

    def __init__(self) -> None:
        self.axis_sizes = {"c": 3}


@pytest.mark.parametrize("kind", [OfTheClass, OfASubclass, OfAProperty, OfTheInstance])
@pytest.mark.parametrize(
    "name", ["local", "contracted", "argument", "optional", "broadcast", "result", "expression"]
)
def test_where_sizes_are_known_and_where_they_hold(kind: type[Sized], name: str) -> None:
    function = getattr(kind(), name)
    assert function(ones(2, 3)) is not None
    message = refused("TE205" if name == "expression" else "TE201", function, ones(2, 4))
    if name != "expression":
        assert "axis `c` is 3 in `axis_sizes` but 4 in " in message


def test_sizes_are_read_at_each_call() -> None:
    sized = OfTheInstance()
    assert sized.argument(ones(2, 3)).shape == (2, 3)
    sized.axis_sizes["c"] = 5
    assert sized.argument(ones(2, 5)).shape == (2, 5)
    assert "axis `c` is 5 in `axis_sizes` but 3" in refused("TE201", sized.argument, ones(2, 3))
    sized.axis_sizes = {"b": 2}
    assert sized.argument(ones(2, 7)).shape == (2, 7)
    sized.axis_sizes = None
    assert sized.argument(ones(11, 13)).shape == (11, 13)
    del sized.axis_sizes
    assert "axis `c` is 9 in `axis_sizes`" in refused("TE201", sized.argument, ones(2, 3))


class Grows(Sized):
    def __init__(self) -> None:
        self.axis_sizes = {"c": 3}

    @shape_checked
    def grow(self, x: Float[Tensor, "b c"]) -> Tensor:
        self.axis_sizes["c"] = 4
        return shaped(torch.cat([x, x]), "c c2")


def test_a_size_changed_during_a_call_counts_from_the_next_one() -> None:
    grows = Grows()
    assert "axis `c` is 3 in `" in refused("TE201", grows.grow, ones(2, 3))
    assert grows.grow(ones(2, 4)).shape == (4, 4)


def test_a_call_does_not_change_the_sizes() -> None:
    sized = OfTheInstance()
    sized.local(ones(2, 3))
    sized.contracted(ones(5, 3))
    assert sized.axis_sizes == {"c": 3}


@pytest.mark.parametrize("sizes", [["c"], "c=3", 3, {"c": "3"}, {"c": 4.0}, {"c": True}, {3: "c"}])
def test_sizes_that_are_no_sizes(sizes: Any) -> None:
    sized = OfTheInstance()
    sized.axis_sizes = sizes
    assert "`axis_sizes`" in refused("TE409", sized.argument, ones(2))


class SizedByClass:
    axis_sizes: ClassVar[OrderedDict[str, int]] = OrderedDict(d=3)

    @classmethod
    @shape_checked
    def on_class(cls, x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        return x


class SizedBelow(SizedByClass):
    pass


class SizedByProperty:
    @property
    def axis_sizes(self) -> dict[str, int]:
        return {"d": 3}

    @classmethod
    @shape_checked
    def on_class(cls, x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        return x


class Slotted:
    __slots__ = ("axis_sizes",)

    @shape_checked
    def on_object(self, x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        return x


@pytest.mark.parametrize("kind", [SizedByClass, SizedBelow])
def test_a_class_method_knows_the_sizes_of_its_class_and_those_above(kind: type[SizedByClass]) -> None:
    assert kind.on_class(torch.ones(2, 3)).shape == (2, 3)
    with pytest.raises(errors.ShapeError):
        kind.on_class(torch.ones(2, 4))


def test_sizes_that_only_objects_have_bind_nothing_on_the_class() -> None:
    assert SizedByProperty.on_class(torch.ones(2, 4)).shape == (2, 4)


def test_a_slot_that_is_not_set_binds_nothing() -> None:
    assert Slotted().on_object(torch.ones(2, 4)).shape == (2, 4)
