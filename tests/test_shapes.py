"""`shapes`: the listing of a call, as far as it goes, without disturbing the program."""

# ruff: noqa: RUF059 - locals that hold a size are what the functions here are about.

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import nn

from typed_einsum import shapes
from typed_einsum.testing.listing.text import to_text


def mismatched(x, w):
    b, t, d = x.shape
    y = x.reshape(b * t, d)
    z = y @ w
    return z.sum()


def test_a_call_that_fails_is_shown_up_to_the_line_that_fails() -> None:
    listing = shapes(mismatched, torch.zeros(2, 3, 5), torch.zeros(7, 4))
    first = mismatched.__code__.co_firstlineno
    assert str(listing) == "\n".join(
        [
            f"mismatched  tests/test_shapes.py:{first}",
            f"{first}   def mismatched(x, w):        │ x (b, t, d)   w (w0, w1)",
            f"{first + 1}       b, t, d = x.shape",
            f"{first + 2}       y = x.reshape(b * t, d)  │ y (b*t, d)",
            f"{first + 3} ✗     z = y @ w",
            f"{first + 4}       return z.sum()",
            "",
            f"failed at tests/test_shapes.py:{first + 3}: RuntimeError: "
            "mat1 and mat2 shapes cannot be multiplied (6x5 and 7x4)",
            "  y (b*t, d)",
            "  w (w0, w1)",
            "",
            "axes",
            f"  b   2  local in mismatched, line {first + 1}",
            f"  t   3  local in mismatched, line {first + 1}",
            f"  d   5  local in mismatched, line {first + 1}",
            "  w0  7  its place in the argument",
            "  w1  4  its place in the argument",
        ]
    )


def chosen(x):
    b, t = x.shape
    some = x[x > 0]
    count = int((some > 1).sum())
    head = some[:count]
    return head, x.mT


def test_where_values_decide_the_rest_has_the_sizes_of_the_call() -> None:
    x = torch.tensor([[1.0, 2.0, -3.0], [4.0, -5.0, 6.0]])
    listing = shapes(chosen, x)
    notes = {
        name: note.text for line in listing.functions[0].lines for note in line.notes for name in note.names
    }
    assert notes["x"] == "(b, t)"
    assert re.fullmatch(r"\(u\d+,\)", notes["some"])
    line = chosen.__code__.co_firstlineno
    assert listing.failure is None
    told = "torch cannot follow them as symbols there"
    assert listing.extent == f"at the sizes of this call after line {line + 3} of chosen: {told}"


class Counting(nn.Module):
    """A module with a state, and with random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.drop, self.calls = nn.Linear(5, 4), nn.Dropout(0.5), 0

    def forward(self, x):
        self.calls += 1
        x += 1
        return self.drop(self.linear(x))


def test_neither_the_module_nor_its_arguments_nor_random_numbers_change() -> None:
    module, x = Counting(), torch.zeros(3, 5)
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    listing = shapes(module, x)
    assert module.calls == 0
    assert torch.equal(x, torch.zeros(3, 5))
    assert torch.equal(torch.rand(2), expected)
    assert listing.functions[0].name == "Counting.forward"


class Looped(nn.Module):
    """Layers in a loop, and a block that is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 20, 3, stride=2)])
        self.block = Counting()

    def forward(self, image):
        b, c, h, w = image.shape
        for layer in self.layers:
            image = layer(image)
        rows = [self.block(row) for row in (image.new_zeros(2, 5), image.new_zeros(7, 5))]
        if h > 10**6:
            image = image[:, :, 0]
        return {"image": image, "rows": rows}


def test_loops_repeated_calls_and_lines_that_did_not_run() -> None:
    listing = shapes(Looped(), torch.zeros(2, 3, 9, 11))
    forward, block = listing.functions
    texts = {line.text.strip(): line for line in forward.lines}
    assert texts["image = layer(image)"].notes[0].text == "(b, 8, h, w), then (b, 20, (h-3)//2+1, (w-3)//2+1)"
    assert not texts["image = image[:, :, 0]"].ran
    assert block.calls == 2
    assert "(called 2 times)" in str(listing)
    assert texts['return {"image": image, "rows": rows}'].notes[0].text.startswith("dict image: (b, 20,")


def test_colours_stand_in_a_terminal_alone() -> None:
    listing = shapes(mismatched, torch.zeros(2, 3, 5), torch.zeros(5, 4))
    assert "\x1b[" not in str(listing)
    coloured = to_text(listing, colour=True)
    assert "\x1b[36m│ y (b*t, d)\x1b[0m" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == str(listing)


def escaped(x):
    """<script>alert("&")</script>"""
    return x  # <b>


def test_html_is_escaped_and_asks_nothing_of_the_network() -> None:
    html = shapes(escaped, torch.zeros(3, 5))._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;alert(&quot;&amp;&quot;)&lt;/script&gt;" in html
    assert "http" not in html
    assert '<var class="role-batch">x0</var>' in html


@pytest.mark.parametrize("function", [lambda x: x.mT, torch.relu, nn.Linear(5, 4), Counting().forward])
def test_anything_that_can_be_called_can_be_shown(function: Any) -> None:
    assert str(shapes(function, torch.zeros(3, 5)))


def test_arguments_that_do_not_fit_are_refused() -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'w'"):
        shapes(mismatched, torch.zeros(2, 3, 5))


def test_a_trace_function_of_the_program_stays() -> None:
    import sys

    before = sys.gettrace()
    shapes(escaped, torch.zeros(3, 5))
    assert sys.gettrace() is before


def attended(query, key):
    b, q, d = query.shape
    return (query @ key.mT).softmax(-1)


def test_axes_that_are_equal_by_chance_or_have_one_entry_stay_axes_of_their_own() -> None:
    listing = shapes(attended, torch.zeros(1, 5, 5), torch.zeros(1, 5, 5))
    every = [note for line in listing.functions[0].lines for note in line.notes]
    assert [(note.names, note.text) for note in every][:2] == [
        (("query",), "(b, q, d)"),
        (("key",), "(b, key1, d)"),
    ]
    assert listing.functions[0].result == "(b, q, key1)"
    assert [(axis.name, axis.size) for axis in listing.axes] == [("b", 1), ("q", 5), ("d", 5), ("key1", 5)]
    assert listing.extent == "for all sizes"


def test_a_function_without_source_is_said_to_have_none() -> None:
    listing = shapes(lambda x: x.mT, torch.zeros(3, 5))
    said = "no source can be shown: write the function with `def`, in a file or a notebook"
    assert str(listing).splitlines()[0] == said
    assert "<p>no source can be shown" in listing._repr_html_()


def scanned(x, decay):
    b, t, d = x.shape
    x = x.reshape(b, t // 6, 6, d)
    decay = decay.reshape(b, t // 6, 6)
    state = torch.einsum("bcld, bcl, bcld -> bcd", x, decay, x)
    return (x + state[:, :, None]).flatten(1, 2), decay.flatten(1, 2)


def test_axes_that_are_split_alike_and_meet_are_one() -> None:
    listing = shapes(scanned, torch.zeros(2, 24, 5), torch.zeros(2, 24))
    notes = {note.names: note.text for line in listing.functions[0].lines for note in line.notes}
    assert (notes["x",], notes["decay",]) == ("(b, c, l, d)", "(b, c, l)")
    assert listing.functions[0].result == "((b, t, d), (b, t))"
    assert listing.extent == "for all sizes with t % 6 == 0"


class Narrow(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(12, 12)

    def forward(self, x):
        return self.layer(x)


def test_an_axis_that_is_shown_as_a_number_has_no_condition_of_its_own() -> None:
    """`12 == 12` says nothing: the shape says 12."""
    listing = shapes(Narrow(), torch.zeros(2, 5, 12))
    assert listing.functions[0].result == "(x0, x1, 12)"
    assert listing.extent == "for all sizes"


def on_the_diagonal(x, covs):
    variances = torch.diagonal(covs, dim1=-2, dim2=-1)[..., None] * torch.arange(4.0)
    return x.repeat_interleave(4, -1) + variances.flatten(-2)


def picked(x, index):
    return x.gather(1, index)


def picked_by_name(x, index):
    return torch.take_along_dim(x, indices=index, dim=-1)


@pytest.mark.parametrize(
    ("function", "sizes", "shown"),
    [
        (on_the_diagonal, [(2, 3), (2, 3, 3)], "x (x0, x1)   covs (x0, x1, x1)"),
        (picked, [(4, 6), (4, 3)], "x (x0, x1)   index (x0, index1)"),
        (picked, [(4, 6), (2, 3)], "x (x0, x1)   index (index0, index1)"),
        (picked_by_name, [(4, 6), (4, 3)], "x (x0, x1)   index (x0, index1)"),
    ],
)
def test_axes_that_an_operation_goes_along_together_are_one_where_they_are_equal(
    function: Any, sizes: list[tuple[int, ...]], shown: str
) -> None:
    first, second = sizes
    other = torch.zeros(second, dtype=torch.float if len(second) > 2 else torch.long)
    assert shown in str(shapes(function, torch.zeros(first), other)).splitlines()[1]
