"""Records: fields are checked when one is made, and share the names of functions that take or return it."""

from __future__ import annotations

import dataclasses
import importlib.util
import pickle
from collections.abc import Callable, Mapping
from dataclasses import InitVar, dataclass, field
from typing import Any, ClassVar, Generic, NamedTuple, NotRequired, TypedDict, TypeVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from jaxtyping import Float, Int
from torch import Tensor

from typed_einsum import checks_off, einsum, errors, shape_checked, shaped
from typed_einsum.testing import example_inputs
from typed_einsum.testing.strategies import inputs

T = TypeVar("T")


def f32(*sizes: int) -> Tensor:
    return torch.zeros(sizes)


def refused(code: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    """The message of a call that must be refused with a code."""
    with pytest.raises(errors.TypedEinsumError) as caught:
        function(*arguments, **named)
    assert caught.value.code == code, str(caught.value)
    return str(caught.value)


@shape_checked
@dataclass
class Batch:
    x: Float[Tensor, "b t d"]
    mask: Float[Tensor, "b t"] | None = None
    step: int = 0


@shape_checked
@dataclass(frozen=True, slots=True)
class Frozen:
    x: Float[Tensor, "b t d"]
    mask: Float[Tensor, "b t"] | None = None
    step: int = 0


@shape_checked
class Named(NamedTuple):
    x: Float[Tensor, "b t d"]
    mask: Float[Tensor, "b t"] | None = None
    step: int = 0


@shape_checked
class Keyed(TypedDict):
    x: Float[Tensor, "b t d"]
    mask: NotRequired[Float[Tensor, "b t"]]
    step: NotRequired[int]


@dataclass(slots=True)
@shape_checked
class Below:
    x: Float[Tensor, "b t d"]
    mask: Float[Tensor, "b t"] | None = None
    step: int = 0


@shape_checked
@dataclass
class Inherited(Batch):
    y: Float[Tensor, "b k"] = field(default_factory=lambda: f32(2, 7))


@shape_checked
@dataclass
class Written:
    x: Float[Tensor, "b t d"]
    mask: Float[Tensor, "b t"] | None
    step: int

    def __init__(self, x: Any, mask: Any = None, step: Any = 0) -> None:
        self.x, self.mask, self.step = x, mask, step


RECORDS: list[Any] = [Batch, Frozen, Named, Keyed, Below, Inherited, Written]


@pytest.mark.parametrize("kind", RECORDS)
def test_fields_are_checked_against_one_another_when_a_record_is_made(kind: Any) -> None:
    kind(x=f32(2, 3, 5))
    kind(x=f32(2, 3, 5), mask=f32(2, 3), step=7)
    assert "`t` is 3 in `x` but 4 in `mask`" in refused("TE201", kind, x=f32(2, 3, 5), mask=f32(2, 4))
    refused("TE202", kind, x=f32(2, 3))
    refused("TE301", kind, x=f32(2, 3, 5).long())
    refused("TE406", kind, x=f32(2, 3, 5), step="seven")
    with checks_off():
        kind(x=f32(2, 3))


@pytest.mark.parametrize("kind", RECORDS)
def test_a_function_shares_the_names_of_a_record_that_it_takes(kind: Any) -> None:
    def loss(batch: Any, w: Tensor) -> Tensor:
        x = batch["x"] if isinstance(batch, dict) else batch.x
        shaped(x.sum(-1), "b t")
        return einsum("b t d, d k -> b t k", x, w)

    loss.__annotations__ = {"batch": kind, "w": Float[Tensor, "d k"], "return": Float[Tensor, "b t k"]}
    checked = shape_checked(loss)
    assert checked(kind(x=f32(2, 3, 5)), f32(5, 7)).shape == (2, 3, 7)
    said = refused("TE201", checked, kind(x=f32(2, 3, 5), mask=f32(2, 3)), f32(4, 7))
    assert ('`batch["x"]`' if kind is Keyed else "`batch.x`") in said
    assert refused("TE406", checked, 3, f32(5, 7))


@pytest.mark.parametrize("kind", RECORDS)
def test_a_result_that_is_a_record_shares_the_names_of_the_call(kind: Any) -> None:
    def make(x: Tensor) -> Any:
        return kind(x=x.mT)

    make.__annotations__ = {"x": Float[Tensor, "b t d"], "return": kind}
    checked = shape_checked(make)
    checked(f32(2, 3, 3))
    assert "the result's" in refused("TE201", checked, f32(2, 3, 5))


def test_what_copies_a_record_checks_the_copy() -> None:
    refused("TE201", dataclasses.replace, Batch(f32(2, 3, 5)), mask=f32(2, 4))
    refused("TE201", Named(f32(2, 3, 5))._replace, mask=f32(2, 4))
    refused("TE201", Named._make, [f32(2, 3, 5), f32(2, 4), 0])
    assert pickle.loads(pickle.dumps(Batch(f32(2, 3, 5)))).x.shape == (2, 3, 5)
    assert pickle.loads(pickle.dumps(Named(f32(2, 3, 5)))).x.shape == (2, 3, 5)


def test_a_record_keeps_its_name_signature_and_kind() -> None:
    assert Batch.__init__.__qualname__ == "Batch.__init__"
    assert Named._fields == ("x", "mask", "step")
    assert type(Keyed(x=f32(2, 3, 5))) is dict
    assert Frozen.__slots__ == ("x", "mask", "step")
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        Batch()  # type: ignore[call-arg]


def test_a_subclass_that_is_not_decorated_is_taken_for_its_base() -> None:
    @dataclass
    class More(Batch):
        z: Float[Tensor, "q"] | None = None

    @shape_checked
    def function(batch: Batch, w: Float[Tensor, "d"]) -> None: ...

    function(More(f32(2, 3, 5)), f32(5))
    refused("TE201", function, More(f32(2, 3, 5)), f32(4))


# Records without the decorator are not checked when made, and checked functions look into them all the same.


class PlainPair(NamedTuple):
    k: Float[Tensor, "b s c"]
    v: Float[Tensor, "b s c"]


@dataclass
class PlainCache:
    k: Float[Tensor, "b s c"]
    v: Float[Tensor, "b s c"]


class PlainBatch(TypedDict):
    k: Float[Tensor, "b s c"]
    v: Float[Tensor, "b s c"]


@pytest.mark.parametrize("kind", [PlainPair, PlainCache, PlainBatch])
def test_a_record_that_is_not_decorated_is_looked_into(kind: Any) -> None:
    def function(q: Tensor, kv: Any) -> None: ...

    function.__annotations__ = {"q": Float[Tensor, "b t c"], "kv": kind}
    checked = shape_checked(function)
    checked(f32(2, 7, 4), kind(k=f32(2, 3, 4), v=f32(2, 3, 4)))
    for _ in range(3):
        refused("TE201", checked, f32(2, 7, 4), kind(k=f32(2, 3, 4), v=f32(5, 3, 4)))
        refused("TE201", checked, f32(5, 7, 4), kind(k=f32(2, 3, 4), v=f32(2, 3, 4)))


# Where records stand.


@dataclass
class Nested:
    first: PlainPair
    others: list[PlainPair] = field(default_factory=list)
    by_name: dict[str, PlainCache] = field(default_factory=dict)
    last: PlainPair | None = None
    next: Nested | None = None


def pair(b: int = 2, s: int = 3, c: int = 4) -> PlainPair:
    return PlainPair(f32(b, s, c), f32(b, s, c))


def cache(b: int = 2, s: int = 3, c: int = 4) -> PlainCache:
    return PlainCache(f32(b, s, c), f32(b, s, c))


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (Nested(pair(b=5)), "nested.first.k"),
        (Nested(pair(), [pair(), pair(b=5)]), "nested.others[1].k"),
        (Nested(pair(), by_name={"a": cache(), "z": cache(b=5)}), 'nested.by_name["z"].k'),
        (Nested(pair(), last=pair(b=5)), "nested.last.k"),
        (Nested(pair(), next=Nested(pair(), next=Nested(pair(b=5)))), "nested.next.next.first.k"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_message_names_the_field_of_the_field(value: Nested, label: str) -> None:
    @shape_checked
    def function(q: Float[Tensor, "b"], nested: Nested) -> None:
        shaped(q, "b")

    function(f32(2), Nested(pair(), [pair()], {"a": cache()}, pair(), Nested(pair())))
    assert f"2 in `q` but 5 in `{label}`" in refused("TE201", function, f32(2), value)


def test_records_stand_in_containers_and_unions() -> None:
    @shape_checked
    def function(
        q: Float[Tensor, "b"],
        many: list[PlainPair],
        by_name: Mapping[str, PlainBatch],
        some: tuple[PlainCache, int],
        either: PlainPair | PlainCache,
        *rest: PlainPair,
    ) -> list[PlainPair]:
        return many

    keyed: PlainBatch = {"k": f32(2, 3, 4), "v": f32(2, 3, 4)}
    right = (f32(2), [pair(), pair()], {"a": keyed}, (cache(), 7), cache(), pair(), pair())
    assert len(function(*right)) == 2
    wrong_keyed: PlainBatch = {"k": f32(5, 3, 4), "v": f32(5, 3, 4)}
    wrong: list[tuple[int, Any, str]] = [
        (1, [pair(), pair(b=5)], "many[1].k"),
        (2, {"a": keyed, "z": wrong_keyed}, 'by_name["z"]["k"]'),
        (3, (cache(b=5), 7), "some[0].k"),
        (6, pair(b=5), "rest[1].k"),
    ]
    for place, value, label in wrong:
        arguments = [*right[:place], value, *right[place + 1 :]]
        assert f"`{label}`" in refused("TE201", function, *arguments)
    refused("TE201", function, *right[:4], pair(b=5))


def test_a_generic_record_has_the_shapes_of_its_arguments() -> None:
    @dataclass
    class Box(Generic[T]):
        content: T
        inner: list[T] = field(default_factory=list)

    @dataclass
    class Crate(Box[Float[Tensor, "b d"]]):
        pass

    def function(box: Any, crate: Any, w: Tensor) -> None: ...

    function.__annotations__ = {"box": Box[Float[Tensor, "b c"]], "crate": Crate, "w": Float[Tensor, "d"]}
    checked = shape_checked(function)
    crate = Crate(f32(2, 5))
    checked(Box(f32(2, 3), [f32(2, 3)]), crate, f32(5))
    assert "`box.inner[0]`" in refused("TE201", checked, Box(f32(2, 3), [f32(2, 4)]), crate, f32(5))
    assert "`crate.content`" in refused("TE201", checked, Box(f32(2, 3)), crate, f32(4))
    refused("TE406", checked, crate.content, crate, f32(5))


# What fields may be.


def test_sizes_may_be_other_fields() -> None:
    @shape_checked
    @dataclass
    class Heads:
        n: int
        q: Float[Tensor, "b {n}*d"]
        k: Float[Tensor, "b {self.n} d"]

    @shape_checked
    def function(heads: Heads, d: Float[Tensor, "d"]) -> None: ...

    heads = Heads(3, f32(2, 15), f32(2, 3, 5))
    function(heads, f32(5))
    refused("TE205", Heads, 3, f32(2, 10), f32(2, 3, 5))
    refused("TE205", Heads, 2, f32(2, 10), f32(2, 3, 5))
    assert "`heads.k`" in refused("TE201", function, heads, f32(4))


def test_defaults_and_what_is_set_later_are_not_checked() -> None:
    @shape_checked
    @dataclass
    class Lazy:
        size: InitVar[int]
        count: ClassVar[int] = 3
        x: Float[Tensor, "b c"] = None  # type: ignore[assignment]
        y: Float[Tensor, "b"] = field(init=False)

        def __post_init__(self, size: int) -> None:
            if size:
                self.y = f32(size)

    assert not hasattr(Lazy(0), "y")
    assert Lazy(0).x is None
    assert Lazy(2, f32(2, 3)).y.shape == (2,)
    refused("TE201", Lazy, 4, f32(2, 3))
    refused("TE304", Lazy, 0, "x")

    @shape_checked
    def function(lazy: Lazy, b: Float[Tensor, "b"]) -> None: ...

    function(Lazy(0), f32(5))
    refused("TE201", function, Lazy(2), f32(5))


def test_other_types_are_judged_by_beartype_when_a_record_is_made() -> None:
    @shape_checked
    @dataclass
    class Mixed:
        x: Float[Tensor, "b"]
        array: Float[np.ndarray, "b"]
        names: list[str]

    Mixed(f32(2), np.zeros(2, np.float32), ["a"])
    refused("TE406", Mixed, f32(2), np.zeros(3, np.float32), ["a"])
    refused("TE406", Mixed, f32(2), np.zeros(2, np.float32), [1])

    @shape_checked
    def function(mixed: Mixed, y: Float[Tensor, "b"]) -> None: ...

    mixed = Mixed(f32(2), np.zeros(2, np.float32), ["a"])
    function(mixed, f32(2))
    mixed.array = np.zeros(3, np.float32)
    refused("TE406", function, mixed, f32(2))
    mixed.array, mixed.names = np.zeros(2, np.float32), [1]  # type: ignore[list-item]
    function(mixed, f32(2))  # what has no tensors is checked when the record is made


def test_a_missing_key_is_refused() -> None:
    @shape_checked
    def function(batch: Keyed) -> Keyed:
        return batch

    function({"x": f32(2, 3, 5)})
    assert "`batch` has no `x`, which `Keyed` requires" in refused("TE406", function, {"mask": f32(2, 3)})
    refused("TE406", Keyed, mask=f32(2, 3))


def test_methods_of_a_checked_record_are_checked() -> None:
    @shape_checked
    @dataclass
    class Scored:
        x: Float[Tensor, "b d"]

        def scores(self, w: Float[Tensor, "d k"]) -> Float[Tensor, "b k"]:
            return self.x @ w

        @staticmethod
        def of(x: Float[Tensor, "b d"]) -> Scored:
            return Scored(x)

        @property
        def norm(self) -> Float[Tensor, "b"]:
            return self.x.sum(0)

        def count(self, n: int) -> int:
            return n

    scored = Scored.of(f32(2, 3))
    assert scored.scores(f32(3, 7)).shape == (2, 7)
    refused("TE202", Scored.of, f32(2))
    refused("TE202", scored.scores, f32(3))
    assert scored.count("seven") == "seven"  # type: ignore[arg-type, comparison-overlap]


# Torch.compile, examples, tensordict.


@pytest.mark.parametrize("kind", [Batch, Frozen, Named, Keyed, Below])
def test_records_compile_in_one_graph(kind: Any) -> None:
    def loss(batch: Any, w: Tensor) -> Tensor:
        return (batch["x"] if isinstance(batch, dict) else batch.x) @ w

    loss.__annotations__ = {"batch": kind, "w": Float[Tensor, "d k"], "return": Float[Tensor, "b t k"]}
    checked = shape_checked(loss)

    def step(x: Tensor, mask: Tensor, w: Tensor) -> Tensor:
        return checked(kind(x=x, mask=mask), w)

    step(f32(2, 3, 5), f32(2, 3), f32(5, 7))
    compiled = torch.compile(step, backend="eager", fullgraph=True)
    assert compiled(f32(2, 3, 5), f32(2, 3), f32(5, 7)).shape == (2, 3, 7)
    with pytest.raises(Exception, match="typed-einsum refuses a call"):
        compiled(f32(2, 3, 5), f32(2, 4), f32(5, 7))


def test_example_inputs_make_records() -> None:
    @shape_checked
    def function(
        batch: Batch, many: list[Frozen], named: Named, keyed: Keyed, nested: Nested, w: Float[Tensor, "d k"]
    ) -> None: ...

    made = example_inputs(function)
    function(**made)
    assert made["batch"].x.shape[2] == made["w"].shape[0] == made["many"][1].x.shape[2]
    assert made["nested"].next is None


def test_strategies_make_records() -> None:
    @shape_checked
    def function(batch: Batch, w: Float[Tensor, "d k"]) -> Float[Tensor, "b t k"]:
        return batch.x @ w

    seen = set()

    @settings(max_examples=10, deadline=None, database=None)
    @given(inputs(function))
    def run(arguments: dict[str, Any]) -> None:
        assert function(**arguments).shape[0] == arguments["batch"].x.shape[0]
        seen.add(arguments["batch"].x.shape)

    run()
    assert len(seen) > 1


def test_records_of_tensordict_are_records() -> None:
    if importlib.util.find_spec("tensordict") is None:
        pytest.skip("tensordict is not installed")
    tensordict: Any = importlib.import_module(
        "tensordict"
    )  # one that cannot be imported is no reason to skip

    @shape_checked
    @tensordict.tensorclass
    class Data:
        x: Float[Tensor, "b t"]
        y: Float[Tensor, "b"] | None = None

    @shape_checked
    class Schema(tensordict.TypedTensorDict):
        x: Float[Tensor, "b t"]
        y: Float[Tensor, "b"]

    kinds: tuple[Any, ...] = (Data, Schema)
    for kind in kinds:
        refused("TE201", kind, x=f32(2, 3), y=f32(4), batch_size=[])

        def function(data: Any, w: Tensor) -> None: ...

        function.__annotations__ = {"data": kind, "w": Float[Tensor, "t"]}
        checked = shape_checked(function)
        checked(kind(x=f32(2, 3), y=f32(2), batch_size=[2]), f32(3))
        refused("TE201", checked, kind(x=f32(2, 3), y=f32(2), batch_size=[2]), f32(5))
        checked(**example_inputs(checked))

    def keyed(data: Any, w: Tensor) -> None: ...

    keyed.__annotations__ = {"data": PlainBatch, "w": Float[Tensor, "c"]}
    checked = shape_checked(keyed)
    both = {"k": f32(2, 3, 4), "v": f32(2, 3, 4)}
    checked(tensordict.TensorDict(both, [2]), f32(4))
    assert '`data["k"]`' in refused("TE201", checked, tensordict.TensorDict(both, [2]), f32(5))


def test_a_class_without_shapes_stays_as_it_is() -> None:
    @shape_checked
    @dataclass
    class Settings:
        width: int

    assert Settings(3).width == 3
    refused("TE406", Settings, "3")

    @shape_checked
    class Labels(TypedDict):
        label: Int[Tensor, "b"]

    assert Labels(label=f32(2).long())["label"].shape == (2,)
