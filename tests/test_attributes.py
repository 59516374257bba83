"""Annotated attributes, such as parameters, bind their names in the checked methods of their object."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils import parametrize

from typed_einsum import einsum, errors, shape_checked, shaped
from typed_einsum.annotations import read_or_any
from typed_einsum.checked import attributes
from typed_einsum.testing import check_contract, example_inputs


def f32(*sizes: int) -> Tensor:
    return torch.zeros(sizes)


def refused(code: str, function: Callable[..., Any], *arguments: Any) -> str:
    """The message of a call that must be refused with a code."""
    with pytest.raises(errors.TypedEinsumError) as caught:
        function(*arguments)
    assert caught.value.code == code, str(caught.value)
    return str(caught.value)


class Linear(nn.Module):
    weight: Float[Tensor, "d_out d_in"]
    bias: Float[Tensor, "d_out"] | None
    scale: Float[Tensor, "d_out"]
    axis_sizes: dict[str, int]

    def __init__(self, d_in: int = 3, d_out: int = 5) -> None:
        super().__init__()
        self.weight = nn.Parameter(f32(d_out, d_in))
        self.bias = None
        self.register_buffer("scale", f32(d_out))

    @shape_checked
    def forward(self, x: Float[Tensor, "b d_in"]) -> Float[Tensor, "b d_out"]:
        shaped(self.scale, "d_out")
        return einsum("b d_in, d_out d_in -> b d_out", x, self.weight)

    @shape_checked
    def transposed(self, y: Float[Tensor, "b d_out"]) -> Float[Tensor, "b d_out"]:
        return y @ self.weight


def test_the_names_of_parameters_and_buffers_are_known() -> None:
    linear = Linear()
    assert linear(f32(2, 3)).shape == (2, 5)
    assert "`d_in` is 3 in `self.weight` but 4 in `x`" in refused("TE201", linear, f32(2, 4))
    assert "`d_out` is 5 in `self.weight` but 3 in the result" in refused(
        "TE201", linear.transposed, f32(2, 5)
    )
    linear.weight = nn.Parameter(f32(3, 5))  # transposed
    refused("TE201", linear, f32(2, 3))
    linear.weight = nn.Parameter(f32(3, 5, 2))
    assert "`self.weight` has 3 axes" in refused("TE202", linear, f32(2, 3))


def test_what_is_absent_says_nothing() -> None:
    linear = Linear()
    linear.bias = f32(7)
    refused("TE201", linear, f32(2, 3))
    del linear.bias
    assert linear(f32(2, 3)).shape == (2, 5)


def test_axis_sizes_win_and_a_conflict_names_both() -> None:
    linear = Linear()
    linear.axis_sizes = {"d_in": 3, "b": 2}
    assert linear(f32(2, 3)).shape == (2, 5)
    linear.axis_sizes = {"d_in": 4}
    assert "`d_in` is 4 in `axis_sizes` but 3 in `self.weight`" in refused("TE201", linear, f32(2, 3))


def test_a_lazy_parameter_binds_nothing_until_it_has_a_shape() -> None:
    class Lazy(nn.Module):
        weight: Float[Tensor, "d_out d_in"]

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.UninitializedParameter()

        @shape_checked
        def forward(self, x: Float[Tensor, "b d_in"]) -> Float[Tensor, "b d_out"]:
            if isinstance(self.weight, nn.UninitializedParameter):
                self.weight.materialize((5, x.shape[1]))
            return x @ self.weight.mT

    lazy = Lazy()
    assert lazy(f32(2, 3)).shape == (2, 5)
    assert lazy(f32(2, 3)).shape == (2, 5)
    refused("TE201", lazy, f32(2, 4))


def test_tied_weights_are_two_annotations_of_one_tensor() -> None:
    class Tied(nn.Module):
        embedding: Float[Tensor, "v d"]
        head: Float[Tensor, "v d"]

        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Parameter(f32(11, 3))
            self.head = self.embedding

        @shape_checked
        def forward(self, x: Float[Tensor, "b d"]) -> Float[Tensor, "b v"]:
            return x @ self.head.mT

    tied = Tied()
    assert tied(f32(2, 3)).shape == (2, 11)
    tied.head = nn.Parameter(f32(13, 3))
    assert "`v` is 11 in `self.embedding` but 13 in `self.head`" in refused("TE201", tied, f32(2, 3))


def test_parameters_in_dicts_and_lists() -> None:
    class Routed(nn.Module):
        experts: dict[str, Float[Tensor, "d k"]]
        layers: list[Float[Tensor, "d"]]

        def __init__(self) -> None:
            super().__init__()
            self.experts = nn.ParameterDict({"a": f32(3, 5), "b": f32(3, 5)})  # type: ignore[assignment]
            self.layers = nn.ParameterList([f32(3), f32(3)])  # type: ignore[assignment]

        @shape_checked
        def forward(self, x: Float[Tensor, "b d"], name: str) -> Float[Tensor, "b k"]:
            return x @ self.experts[name]

    routed = Routed()
    assert routed(f32(2, 3), "a").shape == (2, 5)
    assert '`d` is 3 in `self.experts["a"]` but 4 in `x`' in refused("TE201", routed, f32(2, 4), "a")
    routed.experts["b"] = nn.Parameter(f32(3, 7))
    assert '`self.experts["b"]`' in refused("TE201", routed, f32(2, 3), "a")


def test_a_cache_may_grow_in_a_call() -> None:
    class Attention(nn.Module):
        keys: Float[Tensor, "b s d"] | None

        def __init__(self) -> None:
            super().__init__()
            self.keys = None

        @shape_checked
        def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
            self.keys = x if self.keys is None else torch.cat((self.keys, x), 1)
            return x

        @shape_checked
        def wrong(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b d t"]:
            self.keys = f32(7, 7, 7)
            return x

    attention = Attention()
    for step in (7, 1, 1):
        attention(f32(2, step, 3))
    assert attention.keys is not None
    assert attention.keys.shape == (2, 9, 3)
    refused("TE201", attention, f32(4, 1, 3))
    assert "in the result" in refused("TE201", attention.wrong, f32(2, 5, 3))


def test_a_message_after_an_attribute_has_changed_names_the_attribute_all_the_same() -> None:
    class Grown(nn.Module):
        keys: Float[Tensor, "b s"]

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("keys", f32(2, 3))

        @shape_checked
        def forward(self, x: Float[Tensor, "b"]) -> Float[Tensor, "s"]:
            self.keys = f32(4, 5)
            return x

    assert "`s` is 3 in" in refused("TE201", Grown(), f32(2))


def test_computed_attributes_are_not_computed_for_a_check() -> None:
    asked = []

    class Doubled(nn.Module):
        def forward(self, weight: Tensor) -> Tensor:
            asked.append(weight)
            return 2 * weight

    linear = Linear()
    parametrize.register_parametrization(linear, "weight", Doubled())
    asked.clear()
    linear(f32(2, 3))
    assert len(asked) == 1  # by `forward` itself


def test_integers_and_other_dtypes_are_not_refused() -> None:
    linear = Linear().to(torch.float64)
    assert linear(torch.zeros(2, 3, dtype=torch.float64)).shape == (2, 5)
    linear.weight = nn.Parameter(torch.zeros(5, 3, dtype=torch.int8), requires_grad=False)
    with pytest.raises(errors.DtypeError, match=r"f64 but .* i8"):  # of `einsum` in the body
        linear(torch.zeros(2, 3, dtype=torch.float64))


def test_copies_and_pickles_know_their_own_sizes() -> None:
    linear = pickle.loads(pickle.dumps(copy.deepcopy(Linear())))
    assert linear(f32(2, 3)).shape == (2, 5)
    refused("TE201", linear, f32(2, 4))


def test_modules_compile_in_one_graph() -> None:
    linear = Linear()
    compiled = torch.compile(linear, backend="eager", fullgraph=True)
    assert compiled(f32(2, 3)).shape == (2, 5)
    with pytest.raises(Exception, match="typed-einsum refuses a call"):
        compiled(f32(2, 4))


def test_a_class_that_is_not_a_module_needs_the_decorator() -> None:
    class Table:
        rows: Float[Tensor, "r c"]

        def __init__(self) -> None:
            self.rows = f32(3, 5)

        def of(self, x: Float[Tensor, "c"]) -> Float[Tensor, "r"]:
            return self.rows @ x[:5]

    undecorated = type("Undecorated", (Table,), {"of": shape_checked(Table.of)})
    assert undecorated().of(f32(7)).shape == (3,)
    decorated = shape_checked(Table)
    assert decorated().of(f32(5)).shape == (3,)
    refused("TE201", decorated().of, f32(7))


@shape_checked
class Checked(nn.Module):
    table: Float[Tensor, "v d"]

    def __init__(self, x: Float[Tensor, "v d"]) -> None:
        super().__init__()
        self.register_buffer("table", x)

    def forward(self, ids: Int[Tensor, "b t"]) -> Float[Tensor, "b t d"]:
        return self.table[ids]

    @staticmethod
    def joined(x: Float[Tensor, "b c"], y: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
        return x + y

    @classmethod
    def of(cls, x: Float[Tensor, "v d"]) -> Checked:
        return cls(x)

    @property
    def first(self) -> Float[Tensor, "v"]:
        return self.table[0]

    def count(self, n: int) -> int:
        return n


def test_a_decorated_module_checks_every_annotated_method() -> None:
    module = Checked.of(f32(11, 3))
    assert module(torch.zeros(2, 5, dtype=torch.long)).shape == (2, 5, 3)
    refused("TE301", module, f32(2, 5))
    refused("TE201", Checked.joined, f32(2, 3), f32(2, 4))
    refused("TE202", Checked, f32(11))
    assert "`v` is 11 in `self.table`" in refused("TE201", lambda: module.first)
    assert module.count("seven") == "seven"  # type: ignore[arg-type, comparison-overlap]


def test_examples_and_contracts_take_the_sizes_of_the_object() -> None:
    assert example_inputs(Linear())["x"].shape[1] == 3
    assert check_contract(Linear()).ok


def test_what_torch_annotates_in_every_module_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    class Scaled(nn.Module):
        scale: Float[Tensor, "d"]

    read: list[Any] = []

    def reading(annotation: Any) -> Any:
        read.append(annotation)
        return read_or_any(annotation)

    monkeypatch.setattr(attributes, "read_or_any", reading)
    assert attributes.ATTRIBUTES.find(Scaled) is not None
    assert [getattr(each, "dim_str", each) for each in read] == ["d"]
