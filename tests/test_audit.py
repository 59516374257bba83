"""Operations as the audit sees them: their lines, their spellings, and what it leaves alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from jaxtyping import Float
from torch import Tensor, nn

from typed_einsum.testing import Report, check_contract
from typed_einsum.testing.audit import Watch
from typed_einsum.testing.audit.dimensions import TrackedAxes


def codes(report: Report) -> list[tuple[str, str]]:
    return [(finding.code, finding.severity) for finding in report.findings]


REWRITER = """
import torch


def einsum(*tensors_and_pattern):
    *tensors, pattern = tensors_and_pattern
    pattern = pattern.replace(" ", "").replace("first", "a").replace("second", "z")
    return torch.einsum(pattern, *tensors)
"""


@pytest.fixture
def rewriter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A package of the name of one that rewrites equations in letters."""
    folder = tmp_path / "fancy_einsum"
    folder.mkdir()
    (folder / "__init__.py").write_text(REWRITER, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "fancy_einsum", raising=False)
    module = __import__("fancy_einsum")
    yield module
    del sys.modules["fancy_einsum"]


def test_an_equation_that_is_rewritten_is_shown_as_its_author_wrote_it(rewriter: ModuleType) -> None:
    def scores(x: Float[Tensor, "n i"], y: Float[Tensor, "1 j"]) -> Float[Tensor, "n i j"]:
        return rewriter.einsum(x, y, "first i, first j -> first i j")

    (finding,) = check_contract(scores).findings
    assert finding.line == scores.__code__.co_firstlineno + 1
    assert finding.message == (
        "letter `first` is `n` in operand 1 but `1` in operand 2: torch repeats the axis of size 1"
    )


def test_a_cast_that_autocast_makes_is_no_loss_of_precision() -> None:
    x, weight, bias = torch.rand(3, 5), torch.rand(5, 7), torch.rand(7)
    watch = Watch(TrackedAxes({"b": 3, "i": 5, "o": 7}))
    with torch.autocast("cpu", dtype=torch.bfloat16), watch:
        (x @ weight + bias).relu()
    assert watch.findings == []


def test_what_is_compiled_runs_eagerly(monkeypatch: pytest.MonkeyPatch) -> None:
    traced = []

    def backend(module: Any, inputs: Any) -> Any:
        traced.append(module)
        return module.forward

    class Compiled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = torch.compile(torch.nn.functional.gelu, backend=backend)

        def forward(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
            return self.act(x)

    assert codes(check_contract(Compiled())) == []
    assert traced == []


# Axes that are split in two ways.


def halves(x: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    return torch.cat((-x[..., half:], x[..., :half]), dim=-1)


def neighbours(x: Tensor) -> Tensor:
    return torch.stack([-x[..., 1::2], x[..., ::2]], -1).flatten(-2)


def whole_again(angles: Tensor) -> Tensor:
    return torch.cat([angles, angles], -1)


def each_twice(angles: Tensor) -> Tensor:
    return angles.repeat_interleave(2, -1)


def each_stacked(angles: Tensor) -> Tensor:
    return torch.stack([angles, angles], -1).flatten(-2)


@pytest.mark.parametrize("turn", [halves, neighbours])
@pytest.mark.parametrize("spread", [whole_again, each_twice, each_stacked])
def test_rotary_halves_need_angles_in_halves(
    turn: Callable[[Tensor], Tensor], spread: Callable[[Tensor], Tensor]
) -> None:
    def turned(x: Float[Tensor, "n t 12"]) -> Float[Tensor, "n t 12"]:
        angles = spread(torch.arange(x.shape[1])[:, None] / torch.arange(1, 7))
        return x * angles.cos() + turn(x) * angles.sin()

    agree = (turn is halves) == (spread is whole_again)
    assert codes(check_contract(turned)) == ([] if agree else [("TE731", "error")])


def test_a_named_axis_split_in_two_ways_is_a_finding() -> None:
    def pairs(scores: Float[Tensor, "n 10 t"]) -> Float[Tensor, "n 5*t"]:
        n, _, t = scores.shape
        shares = scores.view(n, 2, 5, t).softmax(1).view(n, 10, t)
        return shares.mT.reshape(n, t * 5, 2)[..., 1]

    def also_pairs(scores: Float[Tensor, "n 10 t"]) -> Float[Tensor, "n 5*t"]:
        n, _, t = scores.shape
        shares = scores.view(n, 5, 2, t).softmax(2).view(n, 10, t)
        return shares.mT.reshape(n, t * 5, 2)[..., 1]

    assert codes(check_contract(pairs)) == [("TE731", "error")]
    assert codes(check_contract(also_pairs)) == []


# Products of sums.


def test_a_table_of_pairs_that_is_used_is_no_product_of_sums() -> None:
    def pairs(x: Float[Tensor, "n"], y: Float[Tensor, "m"]) -> Float[Tensor, ""]:
        table = x[:, None] * y
        return table.sum() / table.amax()

    def counted(x: Float[Tensor, "n"], y: Float[Tensor, "m"]) -> Float[Tensor, ""]:
        return ((x > 0)[:, None] * (y > 0)).sum().float()

    def square(x: Float[Tensor, "n"]) -> Float[Tensor, ""]:
        return (x[:, None] * x).sum()

    assert [codes(check_contract(f)) for f in (pairs, counted, square)] == [[], [], []]


# Positions.


def test_positions_over_one_size_keep_the_aspect_ratio() -> None:
    def centred(image: Float[Tensor, "h w"]) -> Float[Tensor, "h w 2"]:
        h, w = image.shape
        ys, xs = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        return torch.stack([(xs - w / 2) / h, (ys - h / 2) / h], -1)

    assert codes(check_contract(centred)) == []


def test_an_index_of_rows_and_columns_follows_the_layout() -> None:
    def wrong(image: Float[Tensor, "h w"]) -> Float[Tensor, "h*w 2"]:
        h, w = image.shape
        grid = torch.stack(torch.meshgrid(torch.arange(w), torch.arange(h), indexing="ij"), -1)
        rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        return grid[rows.flatten(), columns.flatten()].float()

    def right(image: Float[Tensor, "h w"]) -> Float[Tensor, "h*w 2"]:
        h, w = image.shape
        grid = torch.stack(torch.meshgrid(torch.arange(w), torch.arange(h), indexing="ij"), -1)
        rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        return grid[columns.flatten(), rows.flatten()].float()

    assert ("TE733", "error") in codes(check_contract(wrong))
    assert codes(check_contract(right)) == []


# Assignments and cuts.


def test_an_empty_slice_that_a_short_axis_allows_is_no_finding() -> None:
    def kept(x: Float[Tensor, "n t"], keep: int = 13) -> Float[Tensor, "n t"]:
        mask = torch.ones(1, x.shape[1])
        mask[1:] = 0
        mask[:, keep:] = 0
        return x * mask

    assert codes(check_contract(kept)) == []


def test_a_cut_between_entries_of_the_outer_axis_is_no_finding() -> None:
    def first_row(matrix: Float[Tensor, "n 3 2"]) -> Float[Tensor, "n 2"]:
        return matrix.flatten(1)[:, :2]

    def first_column(matrix: Float[Tensor, "n 3 2"]) -> Float[Tensor, "n 3"]:
        return matrix.flatten(1)[:, :3]

    assert codes(check_contract(first_row)) == []
    assert codes(check_contract(first_column)) == [("TE735", "error")]


# Chosen among one.


def test_an_argmin_over_the_first_of_the_entries_that_nonzero_finds() -> None:
    def nearest(x: Float[Tensor, "p"], points: Float[Tensor, "p d"]) -> Float[Tensor, "d"]:
        found = (x >= x.mean()).nonzero()
        return points[found[points[found[0]].sum(1).argmin()]].squeeze(0)

    def also(x: Float[Tensor, "p"], points: Float[Tensor, "p d"]) -> Float[Tensor, "d"]:
        found = (x >= x.mean()).nonzero()
        return points[found[points[found.squeeze(1)].sum(1).argmin()]].squeeze(0)

    assert codes(check_contract(nearest)) == [("TE717", "error")]
    assert codes(check_contract(also)) == []


def test_unit_vectors_stay_so_when_they_are_taken_apart_and_put_together() -> None:
    def likeness(x: Float[Tensor, "n v d"], *, dim: int) -> Tensor:
        flat = torch.cat(torch.nn.functional.normalize(x, dim=dim).unbind(1))
        return (flat @ flat.T).sum()

    def wrong(x: Float[Tensor, "n v d"]) -> Float[Tensor, ""]:
        return likeness(x, dim=1)

    def right(x: Float[Tensor, "n v d"]) -> Float[Tensor, ""]:
        return likeness(x, dim=2)

    assert codes(check_contract(wrong)) == [("TE706", "error")]
    assert codes(check_contract(right)) == []


def test_the_worst_finding_of_a_line_is_kept() -> None:
    """One letter summed alone is advice; two of one axis, each by itself, are an error in the same line."""

    def summed(x: Float[Tensor, "n i"], y: Float[Tensor, "i"]) -> Float[Tensor, "n"]:
        return torch.einsum("ni,j->n", x, y)

    assert codes(check_contract(summed)) == [("TE108", "error")]


def test_a_grid_of_rows_and_columns_is_not_what_is_sampled_with() -> None:
    def sampled(image: Float[Tensor, "b c h w"], *, is_right: bool) -> Tensor:
        b, _, h, w = image.shape
        ys, xs = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        x, y = 2 * xs / (w - 1) - 1, 2 * ys / (h - 1) - 1
        grid = torch.stack([x, y] if is_right else [y, x], -1).expand(b, h, w, 2)
        return torch.nn.functional.grid_sample(image, grid, align_corners=True)

    def wrong(image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return sampled(image, is_right=False)

    def right(image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return sampled(image, is_right=True)

    (finding,) = check_contract(wrong).findings
    assert finding.message == (
        "`grid_sample` takes positions along `w` first, and then those along `h`: the two are exchanged, and "
        "the image is transposed"
    )
    assert codes(check_contract(right)) == []


# Order.


def test_a_shift_along_channels_is_advice_and_one_along_rows_is_none() -> None:
    def channels(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        return torch.roll(x, 1, 1)

    def everything(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        return torch.fft.fftshift(x)

    def rows(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        return torch.fft.fftshift(torch.roll(x, (1, 1), (2, 3)), dim=(-2, -1))

    def halves(x: Float[Tensor, "t d"]) -> Float[Tensor, "t d"]:
        return torch.roll(x, x.shape[1] // 2, -1)

    assert [codes(check_contract(f)) for f in (channels, everything)] == [[("TE739", "advice")]] * 2
    assert [codes(check_contract(f)) for f in (rows, halves)] == [[], []]


def test_sorted_entries_stay_among_sorted_ones() -> None:
    def wrong(x: Float[Tensor, "n v"]) -> Float[Tensor, "n v"]:
        return x.masked_fill(x.softmax(-1).sort(-1).values.cumsum(-1) < 0.3, 0.0)

    def cut(x: Float[Tensor, "n v"]) -> Float[Tensor, "n v"]:
        ordered, index = x.softmax(-1).sort(-1)
        kept = ordered.masked_fill(ordered.cumsum(-1) < 0.3, 0.0)
        return torch.zeros_like(x).scatter(-1, index, kept)

    def sparse(x: Float[Tensor, "n v"]) -> Float[Tensor, "n v"]:
        ordered = x.sort(-1, descending=True).values
        counts = torch.arange(1, x.shape[-1] + 1)
        is_in = 1 + counts * ordered > ordered.cumsum(-1)
        k = is_in.sum(-1, keepdim=True)
        tau = (ordered.cumsum(-1).gather(-1, k - 1) - 1) / k
        return (x - tau).clamp(min=0)

    assert codes(check_contract(wrong)) == [("TE741", "error")]
    assert [codes(check_contract(f)) for f in (cut, sparse)] == [[], []]


# Weights.


def test_what_is_divided_by_its_sum_is_normalised() -> None:
    def columns(links: Float[Tensor, "n m"], x: Float[Tensor, "m d"]) -> Float[Tensor, "n d"]:
        return links / (links.sum(0, keepdim=True) + 1e-6) @ x

    def rows(links: Float[Tensor, "n m"], x: Float[Tensor, "m d"]) -> Float[Tensor, "n d"]:
        return links / (links.sum(1, keepdim=True) + 1e-6) @ x

    def balanced(links: Float[Tensor, "n m"], x: Float[Tensor, "m d"]) -> Float[Tensor, "n d"]:
        links = links / links.sum(1, keepdim=True)
        return links / links.sum(0, keepdim=True) @ x

    (finding,) = check_contract(columns).findings
    assert (finding.code, finding.severity) == ("TE706", "advice")
    assert finding.message == (
        "weights are normalised over `n` but summed over `m`: they do not add up to 1; the division belongs "
        "over the axis that is summed"
    )
    assert [codes(check_contract(f)) for f in (rows, balanced)] == [[], []]


def test_weights_and_log_probabilities_that_meet_belong_over_one_axis() -> None:
    def wrong(p: Float[Tensor, "n c"], q: Float[Tensor, "n c"]) -> Float[Tensor, ""]:
        return torch.nn.functional.kl_div(p.log_softmax(1), q.softmax(0), reduction="batchmean")

    def written(p: Float[Tensor, "n c"], q: Float[Tensor, "n c"]) -> Float[Tensor, ""]:
        return -(q.softmax(0) * p.log_softmax(1)).sum(1).mean()

    def right(p: Float[Tensor, "n c"], q: Float[Tensor, "n c"]) -> Float[Tensor, ""]:
        return torch.nn.functional.kl_div(p.log_softmax(1), q.softmax(1), reduction="batchmean")

    (finding,) = check_contract(wrong).findings
    assert finding.message == (
        "log-probabilities over `c` meet weights that are normalised over `n`; both belong over one axis"
    )
    assert codes(check_contract(written)) == [("TE706", "error")]
    assert codes(check_contract(right)) == []
