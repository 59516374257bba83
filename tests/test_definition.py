"""A decorated function is known by one object, its definition, and by nothing else."""

from __future__ import annotations

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from typed_einsum import errors, shape_checked, typed_einsum
from typed_einsum.decorate.definition import definition_of


@shape_checked
def checked(x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
    return x


@typed_einsum
def typed(x: Float[Tensor, "b c"], w: Float[Tensor, "c d"]) -> Float[Tensor, "b d"]: ...


@pytest.mark.parametrize("function", [checked, typed])
def test_a_definition_tells_the_function_and_its_signature(function: object) -> None:
    definition = definition_of(function)
    assert definition is not None
    assert definition.resolve() is function
    assert definition.signature.hints["x"].text == "b c"
    assert definition.signature.function is function.__wrapped__  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["resolve", "shape_signature", "source", "equation"])
def test_an_attribute_of_the_same_name_makes_no_definition(name: str) -> None:
    def plain(x: Tensor) -> Tensor:
        return x

    setattr(plain, name, lambda: plain)
    assert definition_of(plain) is None


def test_a_function_resolved_late_keeps_what_it_is_known_by() -> None:
    def late(x: Float[Tensor, "b c"], w: Float[Tensor, "c d"]) -> After: ...  # type: ignore[name-defined]

    function = typed_einsum(late)
    definition = definition_of(function)
    assert definition is not None
    assert definition.known is None
    with pytest.raises(errors.SignatureError, match="TE505"):
        definition.resolve()
    late.__globals__["After"] = Float[Tensor, "b d"]
    try:
        assert function(torch.ones(2, 3), torch.ones(3, 5)).shape == (2, 5)
    finally:
        del late.__globals__["After"]
    assert function.equation == "b c, c d -> b d"
    assert "def late" in function.source
    assert function.__wrapped__ is late
    assert definition.signature.result.text == "b d"
