"""400 einsum equations from public PyTorch code: each runs as in torch, or is refused for a reason."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from support.signatures import written_einsum

from typed_einsum import einsum, errors

ROWS = json.loads((Path(__file__).parent / "equations.json").read_text())
EQUATIONS = [row["equation"] for row in ROWS]

IMPLIED = "TE101"
LONE = "TE108"

REFUSED = {
    # Without `->`, torch sorts the letters that stand once into an output that nobody wrote.
    "xijk,i,j,k": (IMPLIED, "torch implies `x`"),
    "xijkl,i,j,k,l": (IMPLIED, "torch implies `x`"),
    "xij,i,j": (IMPLIED, "torch implies `x`"),
    "...d,dm": (IMPLIED, "torch implies `...m`"),
    "...im,...jm": (IMPLIED, "torch implies `...ij`"),
    "ii": (IMPLIED, "torch implies a trace; `ii->i` would be the diagonal"),
    # An axis of one operand alone is summed before anything is multiplied. Each of these means it, or has
    # size 1 there; the equation does not say which.
    "zui,zv->zvi": (LONE, "u"),
    "kbj,kvj,kb->bj": (LONE, "v"),
    "ijk,zuvij->zvk": (LONE, "u"),
    "kbj,kvj,bj->kb": (LONE, "v"),
    "ijk,zuij->zk": (LONE, "u"),
    "ijk,uw,zvj->zuiwk": (LONE, "v"),
    "zu,zv->zv": (LONE, "u"),
    "zu,zvj->zvj": (LONE, "u"),
    # An ellipsis that the output drops sums any number of axes.
    "...ij,jk->ik": (LONE, "..."),
    "...mb,...nb->mnb": (LONE, "..."),
}
"""Each refused equation, with its code and the reason; for a lone sum, that is the axis to name."""

ELLIPSIS_SIZES = (2, 3)
RELATIVE = 1e-12


def sizes_of(equation: str) -> dict[str, int]:
    """A size for each letter, no two the same, and none of those under the ellipsis.

    >>> sizes_of("bqd,...bd->...bq")
    {'b': 4, 'q': 5, 'd': 6}
    """
    letters = dict.fromkeys(re.findall("[a-zA-Z]", equation))
    return {letter: size for size, letter in enumerate(letters, max(ELLIPSIS_SIZES) + 1)}


def operands_of(equation: str) -> list[torch.Tensor]:
    """Positive numbers, so that no digits cancel in a sum.

    >>> [tuple(operand.shape) for operand in operands_of("bqd,...bd->...bq")]
    [(4, 5, 6), (2, 3, 4, 6)]
    """
    sizes = sizes_of(equation)
    generator = torch.Generator().manual_seed(20)
    operands = []
    for axes in equation.partition("->")[0].split(","):
        words = re.findall(r"\.\.\.|[a-zA-Z]", axes)
        shape = [size for word in words for size in (ELLIPSIS_SIZES if word == "..." else (sizes[word],))]
        operands.append(0.5 + torch.rand(shape, dtype=torch.float64, generator=generator))
    return operands


def assert_same(found: torch.Tensor, wanted: torch.Tensor) -> None:
    """Equal to the last few bits, with the same shape and dtype."""
    torch.testing.assert_close(found, wanted, rtol=RELATIVE, atol=0)


def spaced(axes: str) -> str:
    """The axes of an operand as an annotation.

    >>> spaced("...bd "), spaced("b d")
    ('... b d', 'b d')
    """
    return " ".join(re.findall(r"\.\.\.|[a-zA-Z]", axes))


def written(equation: str, **options: Any) -> Any:
    """The equation as the signature of a typed einsum."""
    inputs, _, output = equation.partition("->")
    return written_einsum([spaced(axes) for axes in inputs.split(",")], spaced(output), **options)


def test_the_list_is_whole() -> None:
    assert len(EQUATIONS) == len(set(EQUATIONS)) == 400
    assert [row["operands"] for row in ROWS] == [len(equation.split(",")) for equation in EQUATIONS]
    assert set(REFUSED) < set(EQUATIONS)


@pytest.mark.parametrize("equation", [e for e in EQUATIONS if e not in REFUSED])
def test_an_equation_runs_as_in_torch(equation: str) -> None:
    operands = operands_of(equation)
    wanted = torch.einsum(equation, *operands)
    assert_same(einsum(equation, *operands), wanted)
    function = written(equation)
    assert_same(function(*operands), wanted)
    assert_same(einsum(function.equation, *operands), wanted)


@pytest.mark.parametrize(("equation", "code"), [(e, code) for e, (code, _) in REFUSED.items()])
def test_an_equation_is_refused(equation: str, code: str) -> None:
    with pytest.raises(errors.EquationError) as caught:
        einsum(equation, *operands_of(equation))
    assert caught.value.code == code


@pytest.mark.parametrize("equation", [e for e, (code, _) in REFUSED.items() if code == IMPLIED])
def test_an_implied_output_is_shown_and_runs_once_written(equation: str) -> None:
    operands = operands_of(equation)
    with pytest.raises(errors.EquationError) as caught:
        einsum(equation, *operands)
    repair = re.search('"(.*)"', caught.value.diagnostic.help or "")
    assert repair is not None
    assert_same(einsum(repair[1], *operands), torch.einsum(equation, *operands))


@pytest.mark.parametrize(
    ("equation", "axis"), [(e, axis) for e, (code, axis) in REFUSED.items() if code == LONE]
)
def test_a_lone_sum_runs_when_it_is_named(equation: str, axis: str) -> None:
    operands = operands_of(equation)
    wanted = torch.einsum(equation, *operands)
    assert_same(einsum(equation, *operands, sum=axis), wanted)
    assert_same(written(equation, sum=axis)(*operands), wanted)
    with pytest.raises(errors.EquationError) as caught:
        written(equation)
    assert caught.value.code == LONE


def test_the_sizes_tell_axes_apart() -> None:
    for equation in EQUATIONS:
        sizes = [*sizes_of(equation).values(), *ELLIPSIS_SIZES]
        assert len(set(sizes)) == len(sizes)


def test_the_comparison_can_fail() -> None:
    operands = operands_of("bqd,bkd->bqk")
    wanted = torch.einsum("bqd,bkd->bqk", *operands)
    different = [
        wanted * (1 + 3 * RELATIVE),
        wanted.mT,
        wanted.float(),
        torch.cat([wanted[:1], wanted[:-1]]),
        wanted.index_put(
            (torch.tensor(0), torch.tensor(0), torch.tensor(0)), torch.tensor(math.nan).double()
        ),
    ]
    for other in different:
        with pytest.raises(AssertionError):
            assert_same(other, wanted)
