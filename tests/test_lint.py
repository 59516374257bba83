"""What the lint of equations finds, in the order in which it is found."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from typed_einsum import einsum
from typed_einsum.equation.lint import MOST_AXES, lint
from typed_einsum.equation.notation import read_equation, reduced_names


def flaws(text: str, sum: str | None = None, max: str | None = None) -> list[tuple[str, str]]:
    """Code and place of each flaw."""
    read = read_equation(text)
    read = replace(read, summed=reduced_names(sum, read.style), maximised=reduced_names(max, read.style))
    labels = [f"operand {number}" for number in range(1, len(read.operands) + 1)]
    found = []
    for flaw in lint(read, labels):
        span = None if flaw.site is None else flaw.site.span
        found.append((flaw.code, "" if span is None else text[span.start : span.stop]))
    return found


def axes(count: int) -> str:
    return " ".join(f"a{number}" for number in range(count))


def test_as_many_axes_as_torch_can_name() -> None:
    assert MOST_AXES == 52
    assert flaws(f"{axes(52)} -> {axes(52)}") == []
    assert flaws(f"{axes(53)} -> {axes(53)}") == [("TE116", "a52")]
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    x = torch.randn(*[1] * 50, 2, 3)
    assert torch.equal(einsum(f"{letters} -> {letters}", x), torch.einsum(f"{letters}->{letters}", x))


@pytest.mark.parametrize(
    ("text", "options", "wanted"),
    [
        ("b q d, b k d -> b q k", {}, []),
        ("a c, b -> b", {"sum": "a"}, [("TE108", "c")]),
        ("a c, b -> b", {"max": "a"}, [("TE108", "c")]),
        ("a c, b -> b", {}, [("TE108", "a"), ("TE108", "c")]),
        ("b *x *y -> b *x *y", {}, [("TE114", "*y")]),
        ("*x, *y -> *x *y", {}, []),
        ("b c -> b b c d", {}, [("TE107", "b"), ("TE106", "d")]),
        ("b c -> b", {"sum": "c", "max": "c"}, [("TE109", "c")]),
        ("b c -> b c", {"sum": "c"}, [("TE109", "c")]),
        ("b c -> b", {"sum": "d"}, [("TE109", "")]),
    ],
)
def test_every_flaw_is_found(text: str, options: dict[str, str], wanted: list[tuple[str, str]]) -> None:
    assert flaws(text, **options) == wanted
