"""The judge of calls, on torch's symbolic shapes: what is wrong, and for which sizes that is known."""

from __future__ import annotations

import linecache
import math
import random
import sys
import types
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from typed_einsum import attention, einsum, shape_checked, shaped
from typed_einsum.testing import Report, check_contract
from typed_einsum.testing.axes import askers
from typed_einsum.testing.observe.judging import judged
from typed_einsum.testing.observe.records import Pattern


def told(report: Report) -> list[tuple[str, str, str]]:
    """The code of each finding, the line that it names, and its whole text."""
    return [
        (each.code, linecache.getline(each.file, each.line).strip(), each.message) for each in report.findings
    ]


def sizes(report: Report) -> dict[str, int]:
    return {name: int(size) for name, _, size in (each.partition("=") for each in report.sizes.split())}


# Two names that the code needs to be one size.


def masked(scores: Float[Tensor, "b h t s"], mask: Float[Tensor, "b t s"]) -> Float[Tensor, "b h t s"]:
    b, t, _ = mask.shape
    return (scores + mask.reshape(b, 1, t, t)).softmax(-1)


def added(x: Float[Tensor, "b t d"], y: Float[Tensor, "b s d"]) -> Float[Tensor, "b t d"]:
    return x + y


def crossed(x: Float[Tensor, "b t d"], y: Float[Tensor, "b s e"]) -> Float[Tensor, "b t s"]:
    return x @ y.mT


ONE_SIZE = "to be one size, which no annotation says: give both axes one name, or mend this line"


@pytest.mark.parametrize(
    ("function", "line", "text"),
    [
        (
            masked,
            "return (scores + mask.reshape(b, 1, t, t)).softmax(-1)",
            f"`reshape` of (b, t, s) needs `t` and `s` {ONE_SIZE}",
        ),
        (added, "return x + y", f"`add` of (b, t, d) and (b, s, d) needs `t` and `s` {ONE_SIZE}"),
        (crossed, "return x @ y.mT", f"`matmul` of (b, t, d) and (b, e, s) needs `d` and `e` {ONE_SIZE}"),
    ],
)
def test_two_names_that_must_be_one_size_are_a_finding(
    function: Callable[..., Any], line: str, text: str
) -> None:
    report = check_contract(function)
    assert told(report) == [("TE719", line, text)]
    found = sizes(report)
    assert len({*found.values()}) == len(found), "no two names were made equal to get it to run"


def test_the_repairs_of_te719_work() -> None:
    def one_name(x: Float[Tensor, "b t d"], y: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        return x + y

    def mended(scores: Float[Tensor, "b h t s"], mask: Float[Tensor, "b t s"]) -> Float[Tensor, "b h t s"]:
        return (scores + mask[:, None]).softmax(-1)

    assert str(check_contract(one_name)) == "one_name: ok for all sizes"
    assert str(check_contract(mended)) == "mended: ok for all sizes"


# A name that the code fixes to a number, and one that Python only needs as a number.


def grey(image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
    weights = torch.tensor([0.3, 0.59, 0.11])
    return (image * weights[:, None, None]).sum(1)


def cells(x: Float[Tensor, "b n d"]) -> Float[Tensor, "b 6 7 d"]:
    return x.unflatten(1, (6, 7))


@pytest.mark.parametrize(
    ("function", "name", "size", "line"),
    [
        (grey, "c", 3, "return (image * weights[:, None, None]).sum(1)"),
        (cells, "n", 42, "return x.unflatten(1, (6, 7))"),
    ],
)
def test_a_name_that_must_be_a_number_is_a_finding(
    function: Callable[..., Any], name: str, size: int, line: str
) -> None:
    text = f"this needs `{name}` to be {size}, which no annotation says: write `{name}={size}` in the "
    text += "annotation, or mend this line"
    assert told(check_contract(function)) == [("TE720", line, text)]


def test_the_repair_of_te720_works() -> None:
    def fixed(x: Float[Tensor, "b n=42 d"]) -> Float[Tensor, "b 6 7 d"]:
        return x.unflatten(1, (6, 7))

    assert str(check_contract(fixed)) == "fixed: ok for all sizes"


def running(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
    rows = [x[:, : i + 1].sum(1) for i in range(x.shape[1])]
    return torch.stack(rows, 1)


def identity(x: Float[Tensor, "b t"]) -> Float[Tensor, "b t t"]:
    return x[:, None] * torch.eye(int(x.shape[1]))


def in_pieces(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
    return torch.cat([2 * x[:, start : start + 8] for start in range(0, x.shape[1], 8)], 1)


def short_or_not(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
    return x if len(x) < 64 else x[0]


@pytest.mark.parametrize(
    ("function", "known"),
    [
        (running, "t in (13, 19)"),
        (identity, "t in (13, 17)"),
        (in_pieces, "t in (13, 19)"),
        (short_or_not, "b in (11, 19)"),
    ],
)
def test_a_size_that_python_needs_as_a_number_is_no_finding(function: Callable[..., Any], known: str) -> None:
    """Nothing is known of other sizes: a comparison of Python's own numbers is not seen."""
    report = check_contract(function)
    text = f"{function.__name__}: ok for all sizes with {known}, which Python needs as a number"
    assert [str(report)] == [text]


def test_a_size_of_which_a_root_is_taken_is_no_number_of_anything() -> None:
    def scores(q: Float[Tensor, "b q d"], k: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]:
        return q @ k.mT / math.sqrt(q.shape[-1])

    def scaled(q: Float[Tensor, "b q d"], k: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]:
        return q @ k.mT * q.shape[-1] ** -0.5

    assert check_contract(scores).conditions == ()
    assert check_contract(scaled).conditions == ()


def test_a_number_that_an_argument_gives_is_no_finding() -> None:
    def reshaped(x: Float[Tensor, "b n d"], rows: int) -> Float[Tensor, "b rows n/rows d"]:
        return x.unflatten(1, (rows, -1))

    report = check_contract(reshaped)
    assert report.findings == ()
    assert not report.skipped


# Conditions.


class Attention(nn.Module):
    causal: Tensor

    def __init__(self, heads: int = 4, longest: int = 64) -> None:
        super().__init__()
        self.heads = heads
        self.register_buffer("causal", torch.ones(longest, longest).tril())

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        t = x.shape[1]
        value = x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        scores = (value @ value.mT).masked_fill(self.causal[:t, :t] == 0, -torch.inf)
        return (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)


def windows(x: Float[Tensor, "b h w c"]) -> Float[Tensor, "b h//4 w//4 16 c"]:
    split = x.unflatten(2, (-1, 4)).unflatten(1, (-1, 4))
    return split.transpose(2, 3).flatten(3, 4)


def tokens(x: Float[Tensor, "b n d"], like: Float[Tensor, "b h w c d"]) -> Float[Tensor, "b h w c d"]:
    return x.reshape(like.shape)


def placed(x: Float[Tensor, "b t d"], table: Float[Tensor, "longest d"]) -> Float[Tensor, "b t d"]:
    return x + table[: x.shape[1]]


def two_ways(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
    if x.shape[1] > 40:
        return x[:, :40]
    return 2 * x


def convolved(x: Float[Tensor, "b c=5 h w"]) -> Float[Tensor, "b 7 h w"]:
    """With 16 samples or more, torch takes another kernel. The report must not list that as a condition."""
    return nn.functional.conv2d(x, x.new_ones(7, 5, 3, 3), padding=1)


def in_windows(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c*16 n"]:
    """Strides are computed with `max(1, size)`. The report must not list that as a condition."""
    return x.unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 1, 4, 5, 2, 3).flatten(1, 3).flatten(2)


def in_an_order(
    a: Float[Tensor, "b i j"], b: Float[Tensor, "b j k"], c: Float[Tensor, "b k d"]
) -> Float[Tensor, "b i d"]:
    """Of three operands, opt_einsum chooses the order by their sizes. The code needs none as a number."""
    return torch.einsum("bij, bjk, bkd -> bid", a, b, c)


def in_chunks(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
    """What is split and joined again is as long as it was."""
    split = x.reshape(x.shape[0], x.shape[1] // 6, 6, x.shape[2])
    return split.cumsum(2).flatten(1, 2)


@pytest.mark.parametrize(
    ("function", "known"),
    [
        (windows, "h % 4 == 0 and w % 4 == 0"),
        (tokens, "n == h*w*c"),
        (placed, "t <= longest"),
        (two_ways, "t <= 40"),
        (convolved, ""),
        (in_windows, ""),
        (in_an_order, ""),
        (in_chunks, "t % 6 == 0"),
    ],
)
def test_what_sizes_must_be_is_said_in_plain_conditions(function: Callable[..., Any], known: str) -> None:
    text = f"{function.__name__}: ok for all sizes" + (f" with {known}" if known else "")
    assert str(check_contract(function)) == text


def test_conditions_of_a_module_are_those_of_its_object() -> None:
    report = check_contract(Attention())
    assert str(report) == "Attention: ok for all sizes with t <= 64 and d % 4 == 0"


def packed(tokens: Float[Tensor, "t c"], offsets: Int[Tensor, "n"]) -> Float[Tensor, "n c"]:
    bounds = [*offsets.tolist(), len(tokens)]
    return torch.stack([tokens[begin:end].sum(0) for begin, end in pairwise(bounds)])


@pytest.mark.parametrize("function", [packed, attention.packed_late_interaction])
def test_a_size_that_values_decide_is_no_demand(function: Callable[..., Any]) -> None:
    assert check_contract(function).findings == ()


def test_conditions_that_an_einsum_sets_itself_are_not_told() -> None:
    """A maximum over `n` is computed in tiles of as many cells as fit a limit."""

    def best(x: Float[Tensor, "b m c h w"], y: Float[Tensor, "b n m c"]) -> Float[Tensor, "b m h w"]:
        return einsum("b m c h w, b n m c -> b m h w", x, y, max="n")

    assert str(check_contract(best)) == "best: ok for all sizes"


def split(x: Float[Tensor, "b t c"], h: int) -> Float[Tensor, "b t c"]:
    return x.unflatten(-1, (h, -1)).softmax(-1).flatten(2)


def split_in_three(x: Float[Tensor, "b t c"], h: int = 3, scale: int = 2) -> Float[Tensor, "b t c"]:
    return split(x, h) * scale


class Heads(nn.Module):
    def __init__(self, num_heads: int, depth: int = 3) -> None:
        super().__init__()
        self.split = num_heads

    def forward(self, x: Float[Tensor, "b t c"]) -> Float[Tensor, "b t c"]:
        return split(x, self.split)


@pytest.mark.parametrize(
    ("function", "known"),
    [
        (split, "h=2 and c % 2 == 0"),
        (split_in_three, "h=3 and c % 3 == 0"),
        (Heads, "num_heads=2 and c % 2 == 0"),
    ],
)
def test_a_number_that_a_condition_comes_from_is_told_with_it(
    function: Callable[..., Any], known: str
) -> None:
    assert str(check_contract(function)) == f"{function.__name__}: ok for all sizes with {known}"


# What the annotations say, at all sizes.


def test_a_result_is_held_to_its_annotation_as_an_expression() -> None:
    def halves(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d//2"]:
        return x[..., ::2]

    [(code, _, text)] = told(check_contract(halves))
    assert (code, text) == ("TE205", "axis `d//2` is 9 in the result, but its names make it 8")


def test_a_local_is_held_to_its_names_as_an_expression() -> None:
    def swapped(x: Float[Tensor, "b t d"], y: Float[Tensor, "b s d"]) -> Float[Tensor, "b s t"]:
        return shaped(x @ y.mT, "b s t").mT

    [(code, line, text)] = told(check_contract(shape_checked(swapped)))
    assert (code, line) == ("TE201", 'return shaped(x @ y.mT, "b s t").mT')
    assert text == "axis `s` is 19 in `y` but 13 in the value"


# The program is not disturbed.


class Cached(nn.Module):
    """Writes what it was passed into itself."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(6, 5)
        self.drop = nn.Dropout(0.5)
        self.seen: dict[str, Tensor] = {}
        self.calls = 0

    def forward(self, x: Float[Tensor, "b t e"]) -> Float[Tensor, "b t f"]:
        self.calls += 1
        self.seen["x"] = x
        return self.drop(self.project(x))


def test_the_object_of_a_call_is_copied_and_random_numbers_stay() -> None:
    module, x = Cached(), torch.randn(2, 7, 6)
    torch.manual_seed(3)
    expected, own = torch.randn(4), {name: each.clone() for name, each in module.state_dict().items()}
    torch.manual_seed(3)
    assert str(check_contract(module, x)) == "Cached: ok for all sizes with e == 6"
    assert torch.equal(torch.randn(4), expected)
    assert (module.seen, module.calls, module.training) == ({}, 0, True)
    assert all(torch.equal(each, own[name]) for name, each in module.state_dict().items())


def seen(function: Callable[..., Any], result: Any, **arguments: Any) -> Pattern:
    """What is said of a call that a program has made."""
    return judged(function, arguments, result, Pattern({}), Path.cwd(), 5.0)


def test_random_numbers_of_a_program_go_on_as_they_would() -> None:
    module, x = Cached(), torch.randn(2, 7, 6)
    torch.manual_seed(3)
    random.seed(5)
    expected = torch.randn(4), random.random()
    torch.manual_seed(3)
    random.seed(5)
    found = seen(Cached.forward, module(x).new_ones(2, 7, 5), self=module, x=x)
    assert found.text == "for all sizes with e == 6"
    module.calls = 0
    torch.manual_seed(3)
    random.seed(5)
    seen(Cached.forward, torch.ones(2, 7, 5), self=module, x=x)
    assert torch.equal(torch.randn(4), expected[0])
    assert (random.random(), module.calls) == (expected[1], 0)
    assert module.seen["x"] is x


def test_the_result_of_the_program_is_held_to_its_annotation() -> None:
    """It is not computed again for that: what the program got is what counts."""

    def taken(x: Float[Tensor, "b t"], index: Int[Tensor, "b"]) -> Float[Tensor, "b"]:
        return x.gather(1, index[:, None])[:, 0]

    x, index = torch.randn(2, 5), torch.tensor([4, 3])
    assert seen(taken, taken(x, index), x=x, index=index).text == "for all sizes"
    [found] = seen(taken, torch.ones(3), x=x, index=index).findings
    assert (found.code, found.text) == (
        "TE201",
        "axis `b` is 2 in `x` but 3 in the result, in a call that the program makes",
    )


def test_a_program_whose_sizes_coincide_is_judged_at_others() -> None:
    scores, mask = torch.randn(2, 3, 5, 5), torch.randn(2, 5, 5)
    found = seen(masked, masked(scores, mask), scores=scores, mask=mask)
    assert [each.code for each in found.findings] == ["TE719"]


def test_errors_of_the_judge_are_none_of_the_program() -> None:
    class Stubborn(nn.Module):
        def __deepcopy__(self, memo: dict[int, Any]) -> Any:
            raise RuntimeError("cannot be copied")

        def forward(self, x: Float[Tensor, "b t"]) -> Float[Tensor, "b t"]:
            return x

    module, x = Stubborn(), torch.randn(2, 5)
    found = seen(Stubborn.forward, x, self=module, x=x)
    assert (found.extent, found.findings) == ("not judged", ())


# Where torch cannot follow.


class States(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(6, 5, batch_first=True)

    def forward(self, x: Float[Tensor, "b t e"]) -> Float[Tensor, "b t 5"]:
        return self.lstm(x)[0]


def padded(x: Float[Tensor, "b t d"], lengths: Int[Tensor, "b"]) -> Float[Tensor, "b t d"]:
    pairs = zip(x, lengths.tolist(), strict=True)
    return torch.stack([nn.functional.pad(row[:n], (0, 0, 0, len(row) - n)) for row, n in pairs])


def selected(x: Float[Tensor, "b t"]) -> Float[Tensor, "n"]:
    return x[x > 0]


def test_where_torch_cannot_follow_it_is_said_at_which_sizes_it_ran() -> None:
    assert str(check_contract(padded)) == "padded: ok at b=11 t=13 d=17"


def test_torch_follows_a_mask_whatever_it_selects_and_recurrent_layers() -> None:
    assert str(check_contract(selected)) == "selected: ok for all sizes"
    assert str(check_contract(States())) == "States: ok for all sizes with e == 6"


def test_an_error_of_an_annotation_is_told_as_it_is() -> None:
    def swapped(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b d t"]:
        return x

    [(code, _, text)] = told(check_contract(swapped))
    assert (code, text) == ("TE201", "axis `d` is 17 in `x` but 13 in the result")


def by_residue(
    residue: Float[Tensor, "k out p q"], term: Float[Tensor, "inp out p q z x"]
) -> Float[Tensor, "k out z x"]:
    return torch.einsum("kbpq,bipqzx->kizx", residue, term)


def test_a_tensor_of_many_axes_is_judged_where_some_sizes_would_make_it_too_large() -> None:
    [(code, _, text)] = told(check_contract(by_residue))
    assert (code, text) == ("TE110", "letter `b` stands for `out` in operand 1 but for `inp` in operand 2")


def test_a_selection_of_nothing_is_no_fault_of_the_function() -> None:
    """A chain that does not occur was made up; a slice that leaves nothing is the function's own."""

    def usual_type(chain: int, chains: Int[Tensor, " n"], types: Int[Tensor, " n"]) -> int:
        usual = types[chains == chain].mode()
        return int(usual.values.item())

    def late(x: Float[Tensor, "b 3"]) -> Float[Tensor, " b"]:
        return x[:, 3:].max(1).values

    assert "selects nothing" in check_contract(usual_type).skipped
    assert [finding.code for finding in check_contract(late).findings] == ["TE701"]


def test_a_library_that_asks_for_numbers_in_its_patterns_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """einx takes every size as a number: its letters say which axes they are, and which must be one."""

    def product(pattern: str, left: Tensor, right: Tensor) -> Tensor:
        assert pattern == "b i, b j -> b i j"
        sizes = [*map(int, left.shape), int(right.shape[1])]
        return (left[:, :, None] * right[:, None, :]).reshape(sizes)

    library = types.ModuleType("einx")
    vars(library)["product"] = product
    monkeypatch.setitem(sys.modules, "einx", library)

    def outer(x: Float[Tensor, "b i"], y: Float[Tensor, "b j"]) -> Float[Tensor, "b i j"]:
        return product("b i, b j -> b i j", x, y)

    def named(x: Float[Tensor, "b i"], y: Float[Tensor, "b j"]) -> Float[Tensor, "b i j"]:
        einx: Any = sys.modules["einx"]
        return einx.product("b i, b j -> b i j", x, y)  # type: ignore[no-any-return]

    def crossed(x: Float[Tensor, "b i"], y: Float[Tensor, "c j"]) -> Float[Tensor, "b i j"]:
        einx: Any = sys.modules["einx"]
        return einx.product("b i, b j -> b i j", x, y)  # type: ignore[no-any-return]

    assert check_contract(outer).conditions is None
    assert check_contract(named).conditions == ()
    assert [finding.code for finding in check_contract(crossed).findings] == ["TE719"]


def test_an_axis_of_what_is_left_out_may_be_meant() -> None:
    """A mask is as long as the context, or as `x` where there is none: two names cannot say that."""

    class Attend(nn.Module):
        def forward(
            self,
            x: Float[Tensor, "b i d"],
            mask: Float[Tensor, "b n"] | None = None,
            context: Float[Tensor, "b j d"] | None = None,
            needed: Float[Tensor, "b j"] | None = None,
        ) -> Float[Tensor, "b i d"]:
            assert needed is None
            context = x if context is None else context
            scores = x @ context.mT
            scores = scores if mask is None else scores + mask[:, None]
            return scores.softmax(-1) @ context

    assert not [each for each in check_contract(Attend()).findings if each.severity == "error"]


def attended(
    x: Float[Tensor, "b i d"],
    mask: Bool[Tensor, "b n"] | None = None,
    context: Float[Tensor, "b j d"] | None = None,
    bias: Float[Tensor, "b i j"] | None = None,
) -> Float[Tensor, "b i d"]:
    context = x if context is None else context
    scores = x @ context.mT
    scores = scores if bias is None else scores + bias
    scores = scores if mask is None else scores.masked_fill(~mask[:, None], -1e9)
    return scores.softmax(-1) @ context


def test_what_takes_the_place_of_an_argument_that_a_program_leaves_out_has_its_axes() -> None:
    """Without a context it is `x` itself, and `i`, `j` and `n` are one size; with a context that is named."""
    x, mask = torch.randn(2, 5, 3), torch.ones(2, 5, dtype=torch.bool)
    found = seen(attended, attended(x, mask, bias=torch.zeros(2, 5, 5)), x=x, mask=mask, bias=x @ x.mT)
    assert (found.findings, found.extent) == ((), "all sizes")

    def square(
        x: Float[Tensor, "b i d"], context: Float[Tensor, "b j d"], bias: Float[Tensor, "b i k"] | None = None
    ) -> Float[Tensor, "b i d"]:
        scores = x @ context.mT
        return (scores + scores.mT).softmax(-1) @ context

    assert [each.code for each in seen(square, square(x, x), x=x, context=x.clone()).findings] == ["TE719"]
    with_context = {
        "x": x,
        "context": torch.randn(2, 7, 3),
        "mask": torch.ones(2, 7, dtype=torch.bool),
        "bias": torch.zeros(2, 5, 7),
    }
    found = seen(attended, attended(**with_context), **with_context)
    assert [each.text for each in found.findings] == [
        "this needs `j` and `n` to be one size, which no annotation says: give both axes one name, or mend "
        "this line"
    ]


def test_values_of_a_program_that_fit_its_sizes_alone_are_no_fault_of_the_function() -> None:
    """Of the first entries, the mask selects none; what is passed beside it is as long as all selected."""

    def chosen(
        known: list[Float[Tensor, "b ..."]], chain: Bool[Tensor, "b n"], x: Float[Tensor, "b n"]
    ) -> Float[Tensor, "b a"]:
        rows = x[chain].reshape(x.shape[0], -1)
        return known[0] * rows

    chain = torch.arange(16)[None] >= 8
    given: dict[str, Any] = {"known": [torch.ones(1, 8)], "chain": chain, "x": torch.ones(1, 16)}
    found = seen(chosen, chosen(**given), **given)
    assert (found.findings, found.extent) == ((), "these sizes")
    assert found.text.startswith("at b=1 n=16 a=8 its values do not fit other sizes")


def test_einops_is_known_wherever_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its folder, and not by `site-packages`, which other systems call otherwise."""
    for name in ("einops", "einops_exts"):
        (tmp_path / "dist-packages" / name).mkdir(parents=True)
        (tmp_path / "dist-packages" / name / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path / "dist-packages")
    monkeypatch.delitem(sys.modules, "einops", raising=False)
    there = askers._folder_of("einops")
    assert f"{tmp_path / 'dist-packages' / 'einops' / 'einops.py'}".startswith(there)
    assert not f"{tmp_path / 'dist-packages' / 'einops_exts' / 'torch.py'}".startswith(there)
    assert [Path(each).name.strip("<") for each in askers.LIBRARIES] == ["einops", "einx"]
    monkeypatch.setattr(askers, "LIBRARIES", (there,))
    assert askers._kind(f"{there}einops.py") == "library"
    assert askers._kind(f"{tmp_path}/dist-packages/einops_exts/torch.py") == "user"
    assert askers._folder_of("no_such_package") == "<no_such_package"


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("torch/nn/functional.py", "dispatch"),
        ("torch/_ops.py", "dispatch"),
        ("torch/nn/modules/linear.py", "torch"),
        ("torchvision/ops/boxes.py", "user"),
        ("torchaudio/functional/functional.py", "user"),
        ("torch_geometric/_ops.py", "user"),
        ("jaxtyping_extras/checks.py", "user"),
    ],
)
def test_a_package_beside_torch_is_not_torch(file: str, kind: str) -> None:
    """What it asks of sizes, the code has written: it is no operation of torch."""
    folder = "jaxtyping" if file.startswith("jaxtyping") else "torch"
    installed = Path(sys.modules[folder].__file__ or "").parent.parent
    assert askers._kind(f"{installed / file}") == kind
