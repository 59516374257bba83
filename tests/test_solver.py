"""The values of a field such as `{self.n}` that the solver accepts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from beartype import beartype
from jaxtyping import Float, jaxtyped
from torch import Tensor

from typed_einsum import errors, shape_checked


class Held:
    """An object whose attribute is a size, or should be one."""

    def __init__(self, n: Any) -> None:
        self.n = n
        self.m = 2

    @shape_checked
    def ours(self, x: Float[Tensor, "{self.n} c"]) -> Float[Tensor, "c"]:
        return x[0]

    @jaxtyped(typechecker=beartype)
    def theirs(self, x: Float[Tensor, "{self.n} c"]) -> Float[Tensor, "c"]:
        return x[0]


def verdict(call: Any, size: int) -> str:
    try:
        call(torch.ones(size, 3))
    except errors.TypedEinsumError as error:
        return error.code
    except Exception:
        return "refused"
    return "accepted"


@pytest.mark.parametrize(
    ("held", "of_one", "of_two"),
    [
        (2, "TE205", "accepted"),
        (2.0, "TE205", "accepted"),
        (True, "accepted", "TE205"),
        ("2", "TE205", "accepted"),
        ("1+1", "TE205", "accepted"),
        (-1, "TE205", "TE205"),
        (2.5, "TE406", "TE406"),
        ("{self.m}", "TE406", "TE406"),  # what a field holds is no annotation: it is not filled in again
        (None, "TE406", "TE406"),
    ],
)
def test_what_a_field_holds(held: Any, of_one: str, of_two: str) -> None:
    made = Held(held)
    assert (verdict(made.ours, 1), verdict(made.ours, 2)) == (of_one, of_two)
    by_jaxtyping = (verdict(made.theirs, 1), verdict(made.theirs, 2))
    assert by_jaxtyping == tuple("accepted" if code == "accepted" else "refused" for code in (of_one, of_two))
