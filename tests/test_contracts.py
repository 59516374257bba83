"""Contracts: real bugs are found, their repaired forms are not accused, and promises are held both ways."""

from __future__ import annotations

import importlib.util
import json
import random
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy
import pytest
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from typed_einsum import einsum, errors, shape_checked, shaped, typed_einsum
from typed_einsum.nn import C2fAttn, MaxSigmoidAttnBlock
from typed_einsum.testing import Report, assert_contract, check_contract, contract
from typed_einsum.testing.contracts.promises import stored_on

BUGS = sorted((Path(__file__).parent / "bugs").glob("*.py"))

UNSEEN = {
    "005_rotation_applied_inverse": "a rotation and its inverse have one shape and follow every permutation",
    "020_rope_last_position_broadcast": "one row for all positions is what many tables are meant to give",
    "046_gqa_tile_not_interleave": "tiled or interleaved, the heads have one size; both orders are in use",
    "070_linear_attention_cumsum_heads": "nothing says which axis is ordered",
    "072_gat_softmax_over_source": "which of two index rows groups the edges is known to their author alone",
}
"""Bugs that nothing in the function gives away, with the reason."""


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"bug_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("path", BUGS, ids=lambda path: path.stem)
@pytest.mark.one_in(7)
def test_a_real_bug_is_found_and_its_repair_is_not_accused(path: Path) -> None:
    module = load(path)
    buggy, fixed = check_contract(module.buggy), check_contract(module.fixed)
    assert not buggy.skipped
    assert not fixed.errors, str(fixed)
    assert buggy.ok == (path.stem in UNSEEN), str(buggy)


def test_most_bugs_are_seen() -> None:
    stems = {path.stem for path in BUGS}
    assert stems >= UNSEEN.keys()
    assert len(UNSEEN) <= 0.15 * len(stems)


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.thorough
def test_advice_on_repaired_functions_is_rare() -> None:
    advised = [path.stem for path in BUGS if check_contract(load(path).fixed).findings]
    assert advised == ["003_wo_dmodel_dmodel"]


def codes(report: Report) -> list[str]:
    return [finding.code for finding in report.findings]


def merged(x: Float[Tensor, "b h t d"]) -> Float[Tensor, "b t h*d"]:
    b, h, t, d = x.shape
    return x.reshape(b, t, h * d)


def test_a_report_says_where_and_shows_itself_in_three_ways() -> None:
    report = check_contract(merged)
    [finding] = report.findings
    assert (finding.code, finding.severity) == ("TE703", "error")
    assert finding.line == merged.__code__.co_firstlineno + 2
    assert not report.ok
    assert str(report).splitlines()[0] == "merged: 1 finding (at b=11 h=13 t=17 d=19)"
    data = json.loads(report.to_json())
    assert data["ok"] is False
    assert data["findings"][0]["message"] == finding.message
    assert "<td>TE703</td>" in report._repr_html_()


def test_an_assertion_raises_with_the_whole_report() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_contract(merged)
    assert str(caught.value) == str(check_contract(merged))


def test_what_cannot_be_run_does_not_pass() -> None:
    def f(x: Float[Tensor, "b"], tokenizer: Path) -> Float[Tensor, "b"]:
        return x

    report = check_contract(f)
    assert report.skipped == "nothing says how to make `tokenizer`, a `Path`"
    with pytest.raises(AssertionError, match="cannot be run does not hold"):
        assert_contract(f)


def test_locals_are_held_to_their_annotations() -> None:
    def f(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        shaped(x.transpose(1, 2), "b t d")
        return x

    assert codes(check_contract(f)) == ["TE201"]


def test_a_typed_einsum_and_a_checked_function_are_contracts_too() -> None:
    @typed_einsum
    def scores(q: Float[Tensor, "b q d"], k: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]: ...

    @shape_checked
    def twice(x: Float[Tensor, "b t"]) -> Float[Tensor, "b t"]:
        return einsum("b t -> b t", x) * 2

    assert_contract(scores)
    assert_contract(twice)


class Mixer(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.axis_sizes = {"d": width}
        self.norm = nn.BatchNorm1d(width)
        self.project = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        return self.norm(self.project(x).transpose(1, 2)).transpose(1, 2)


def test_batch_norm_is_no_leak_and_the_module_stays_as_it_was() -> None:
    module = Mixer(12)
    state = {name: value.clone() for name, value in module.state_dict().items()}
    assert_contract(module)
    assert module.training
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())


def test_a_large_module_is_not_copied() -> None:
    class Large(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            with torch.device("meta"):
                self.weight = nn.Parameter(torch.empty(2**20, 2**11))  # 8 GiB, were they numbers
            self.axis_sizes = {"d": 2**20}

        def forward(self, x: Float[Tensor, "b d"]) -> Float[Tensor, "b e"]:
            return x @ self.weight

    assert_contract(Large())


def centred(x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    return x - x.mean()


def positions(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
    return x + torch.arange(x.shape[0], device=x.device)[:, None, None]


def test_samples_that_move_each_other_are_a_leak_unless_it_is_said() -> None:
    assert codes(check_contract(centred)) == ["TE709"]
    assert codes(check_contract(centred, couples="b")) == []


def test_a_sample_that_knows_its_place_in_the_batch_is_a_leak() -> None:
    assert codes(check_contract(positions)) == ["TE709"]


def test_a_name_that_no_annotation_has_is_refused_with_those_that_exist() -> None:
    report = check_contract(centred, couples="batch")
    found = [each.message for each in report.findings if each.code == "TE712"]
    assert found == [
        "`batch` is said to couple samples, but no argument has such an axis: they have `b`, `d`"
    ]
    with pytest.raises(
        errors.ArgumentError,
        match=r"TE409.*`sizes` names `batch`, which no annotation has: the axes are `b`, `d`",
    ):
        check_contract(centred, sizes={"batch": 3})


def sizes_as_a_tuple(x: Float[Tensor, "b t"]) -> tuple[int, ...]:
    return x.shape


def sizes_beside_a_tensor(x: Float[Tensor, "b t"]) -> tuple[Float[Tensor, " b"], list[int]]:
    return x.sum(1), list(x.shape)


def one_size(x: Float[Tensor, "b t"]) -> int:
    return x.shape[1]


def names_of_sizes(x: Float[Tensor, "b t"]) -> dict[str, tuple[int, int]]:
    b, t = x.shape
    return {"x": (b, t)}


@pytest.mark.parametrize("function", [sizes_as_a_tuple, sizes_beside_a_tensor, one_size, names_of_sizes])
def test_a_result_of_sizes_is_followed_for_all_sizes(function: Any) -> None:
    assert str(check_contract(function)).endswith(": ok for all sizes")


def sizes_as_texts(x: Float[Tensor, "b t"]) -> tuple[str, ...]:
    return x.shape  # type: ignore[return-value]


def test_a_result_of_sizes_is_no_text() -> None:
    assert codes(check_contract(sizes_as_texts)) == ["TE407"]


def test_what_is_said_to_couple_and_does_not_is_a_finding() -> None:
    def f(x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        return x * 2

    assert codes(check_contract(f, couples="b")) == ["TE712"]
    assert codes(check_contract(f)) == []


def smoothed(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
    return x.cumsum(1)


def test_independence_is_held_both_ways() -> None:
    assert codes(check_contract(smoothed, independent="b d")) == []
    assert codes(check_contract(smoothed, independent=("b", "t"))) == ["TE712"]
    assert codes(check_contract(smoothed, independent="z")) == ["TE712"]


def test_order_is_held_both_ways() -> None:
    assert codes(check_contract(smoothed, ordered="t")) == []
    assert codes(check_contract(smoothed, ordered=())) == ["TE712"]
    assert codes(check_contract(smoothed, ordered="t d")) == ["TE712"]


def test_promises_can_be_stored_on_the_function() -> None:
    @contract(independent=("b", "t"))
    def f(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        return x.cumsum(1)

    assert codes(check_contract(f)) == ["TE712"]
    assert codes(check_contract(f, independent="b")) == []


class Widened(nn.Module):
    def __init__(self, dim: int, heads: int = 4) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, dim)

    @contract(sizes={"t": 29})
    def forward(self, x: Float[Tensor, "b t e"]) -> Float[Tensor, "b t e"]:
        return self.linear(x)


def test_a_class_of_modules_is_built() -> None:
    report = check_contract(Widened)
    assert (report.name, report.ok) == ("Widened", True)
    assert "t=29" in report.sizes


def test_what_cannot_be_built_is_skipped_with_its_reason() -> None:
    class Configured(nn.Module):
        def __init__(self, config) -> None:
            super().__init__()

        def forward(self, x: Float[Tensor, "b e"]) -> Float[Tensor, "b e"]:
            return x

    reason = "cannot build Configured: parameter `config` has no annotation "
    reason += "(build one in pytest_shape_contract_build, or observe your tests with check --with)"
    assert check_contract(Configured).skipped == reason


def test_a_report_has_short_lines_and_keeps_axes_together() -> None:
    def merged(x: Float[Tensor, "b h t d"]) -> Float[Tensor, "b t h*d"]:
        return x.reshape(len(x), x.size(2), -1)

    lines = str(check_contract(merged)).splitlines()
    assert max(map(len, lines)) <= 80
    assert [line[:4].isspace() for line in lines] == [False, False, True, True]
    assert any('"b h t d -> b t (h d)"' in line for line in lines)


class Biased(nn.Module):
    """Its parameters, and what it makes of them, fix sizes that the annotations leave open."""

    def __init__(self, heads: int = 3, dim: int = 8) -> None:
        super().__init__()
        self.table = nn.Embedding(7, heads)
        self.proxies = nn.Parameter(torch.randn(6, dim))

    def forward(self, scores: Float[Tensor, "b h q k"], x: Float[Tensor, "b d"]) -> Float[Tensor, "b h q k"]:
        _, _, q, k = scores.shape
        distance = (torch.arange(q)[:, None] - torch.arange(k)).clamp(0, 6)
        similar = x @ torch.nn.functional.normalize(self.proxies, dim=1).T
        return scores + self.table(distance).permute(2, 0, 1) + similar.sum(1)[:, None, None, None]


def test_a_module_fixes_sizes() -> None:
    report = check_contract(Biased())
    assert report.findings == ()
    assert {"h=3", "d=8"} <= set(report.sizes.split())


def test_a_size_that_a_function_alone_fixes_is_a_finding() -> None:
    def biased(x: Float[Tensor, "b h"]) -> Float[Tensor, "b h"]:
        return x + torch.ones(3)

    assert codes(check_contract(biased)) == ["TE720"]


def test_a_function_may_ask_for_gradients() -> None:
    def penalty(x: Float[Tensor, "b c"]) -> Float[Tensor, "b"]:
        x = x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(x.square().sum(), x)
        return gradient.norm(dim=1)

    assert codes(check_contract(penalty)) == []


def test_groups_within_the_channels_are_no_mixture() -> None:
    def normed(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        groups = x.reshape(x.shape[0], 2, -1)
        return ((groups - groups.mean(-1, keepdim=True)) / groups.std(-1, keepdim=True)).view_as(x)

    assert codes(check_contract(normed)) == []


def test_numbers_are_compared_with_a_reference() -> None:
    def doubled(x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        return x * 2

    assert codes(check_contract(doubled, reference=lambda x: x + x)) == []
    assert codes(check_contract(doubled, reference=lambda x: x * 3)) == ["TE713"]
    assert codes(check_contract(doubled, reference=lambda x: x[:, 0])) == ["TE713"]


def test_sizes_can_be_given() -> None:
    report = check_contract(smoothed, sizes={"t": 64})
    assert report.sizes == "t=64 b=11 d=13"


def scaled_by(
    x: Float[Tensor, "b d"], gain: Float[Tensor, "d"], *, sizes: float = 1.0
) -> Float[Tensor, "b d"]:
    return x * gain * sizes


def test_a_call_can_be_given_by_position_and_by_name() -> None:
    x, gain = torch.randn(3, 5), torch.randn(5)
    for report in (
        check_contract(scaled_by, x, gain),
        check_contract(scaled_by, x, gain=gain),
        check_contract(scaled_by, args=(x, gain)),
        check_contract(scaled_by, x, kwargs={"gain": gain, "sizes": 0.5}),
    ):
        assert codes(report) == []
        assert str(report) == "scaled_by: ok for all sizes"


def test_a_given_call_that_its_annotations_refuse_is_a_finding() -> None:
    assert codes(check_contract(scaled_by, torch.randn(3, 5), torch.randn(7))) == ["TE201"]


def test_a_given_object_is_used_as_it_is() -> None:
    class Gain(torch.nn.Module):
        def __init__(self, gain: Tensor) -> None:
            super().__init__()
            self.gain = gain

        def forward(self, x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
            return x * self.gain

    assert codes(check_contract(Gain(torch.randn(5)), torch.randn(3, 5))) == []
    assert codes(check_contract(Gain(torch.randn(7)), torch.randn(3, 5))) == ["TE701"]


def test_a_misspelled_promise_is_named() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'independant'"):
        check_contract(scaled_by, independant="b")


def test_operands_that_are_not_matched_are_advice() -> None:
    def f(x: Float[Tensor, "b d"], y: Float[Tensor, "b d"]) -> Float[Tensor, "d"]:
        return (x[:, None] - y).square().mean((0, 1))

    report = check_contract(f)
    assert report.ok
    assert codes(report) == ["TE710", "TE710"]


def test_pairs_within_one_argument_are_no_pairs_of_two() -> None:
    """The distances of all points are divided by a mean of their weights: nothing is to be matched."""

    def f(x: Float[Tensor, "b v 3"], weights: Float[Tensor, "b v"]) -> Float[Tensor, "b"]:
        apart = (x[:, None] - x[:, :, None]).norm(dim=-1)
        return (apart / weights.mean(1)[:, None, None]).mean((1, 2))

    assert codes(check_contract(f)) == []


def test_values_that_torch_refuses_are_ours() -> None:
    """Nothing says that a group is a number below the number of groups."""

    def as_matrices(of_item: Int[Tensor, "b n"], count: Int[Tensor, "b"]) -> Bool[Tensor, "b groups n"]:
        return F.one_hot(of_item.clamp(min=1), int(count[0].clamp(min=1, max=1))).mT.bool()

    report = check_contract(as_matrices)
    assert not report.findings
    assert "torch refuses the values that were made up for it" in report.skipped


def test_samples_that_meet_in_python_are_advice() -> None:
    """Each row takes the best column that is left: the code says itself that rows are not independent."""

    def f(x: Float[Tensor, "batch c"]) -> Float[Tensor, "batch c"]:
        taken: list[int] = []
        for row in x[: x.shape[1]]:
            best = row.argsort(descending=True).tolist()
            taken.append(next(at for at in best if at not in taken))
        return x[:, taken + [at for at in range(x.shape[1]) if at not in taken]]

    report = check_contract(f)
    assert codes(report) == ["TE709"]
    assert report.ok


def test_operands_are_not_said_to_be_unmatched_where_no_result_is_compared() -> None:
    """The solver does not read the result's annotation, so nothing was seen."""

    def f(x: Float[Tensor, "b n"], y: Float[Tensor, "b m"]) -> Float[Tensor, "b min(n,m)"]:
        few = min(x.size(1), y.size(1))
        return x[:, :few] * y[:, :few]

    assert codes(check_contract(f)) == []


def dropped(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
    return F.dropout(x, 0.5)


def test_a_random_function_is_not_accused() -> None:
    assert_contract(dropped)


def test_numbers_that_python_and_numpy_draw_are_the_same_in_each_call() -> None:
    def shifted(x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        return x + random.random() + float(numpy.random.rand())

    random.seed(3)
    expected = random.random()
    random.seed(3)
    assert codes(check_contract(shifted)) == []
    assert random.random() == expected


def test_masks_and_options_are_made() -> None:
    def f(
        q: Float[Tensor, "b q d"],
        k: Float[Tensor, "b k d"],
        keep: Bool[Tensor, "b k"] | None = None,
        scale: float = 1.0,
    ) -> Float[Tensor, "b q d"]:
        scores = q @ k.mT * scale
        if keep is not None:
            scores = scores.masked_fill(~keep[:, None], float("-inf"))
        return scores.softmax(-1) @ k

    assert_contract(f)


@pytest.mark.parametrize("bad", [3, "b", None, Tensor])
def test_what_is_no_function_is_refused_by_name(bad: Any) -> None:
    with pytest.raises(TypeError):
        check_contract(bad)


class Centred(nn.Module):
    """Promises that samples do not affect each other, and mixes them."""

    @contract(independent="b")
    def forward(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
        return x - x.mean(0)


def test_promises_stored_on_the_forward_of_a_module_are_held() -> None:
    found = {finding.code for finding in check_contract(Centred()).findings}
    assert "TE712" in found
    assert stored_on(Centred()).independent == ("b",)
    assert stored_on(nn.Linear(2, 3)).independent is None


def test_the_flagship_holds_its_own_contract() -> None:
    """Of its optional tensors one may be passed, and its variadic axis stands for one axis or none."""
    for module in (MaxSigmoidAttnBlock(12, 12, nh=3, ec=12, gc=10), C2fAttn(12, 12, nh=3, ec=12, gc=10)):
        report = check_contract(module)
        assert report.skipped == ""
        assert report.findings == ()


def test_a_variadic_axis_that_must_be_one_axis_is_tried_as_one() -> None:
    def summed(x: Float[Tensor, "b *rest"], bias: Float[Tensor, "*rest"] | None = None) -> Float[Tensor, "b"]:
        if x.ndim != 2 or bias is None:
            raise ValueError("one axis, and a bias")
        return (x + bias).sum(1)

    def mixed(x: Float[Tensor, "b *rest"], bias: Float[Tensor, "*rest"] | None = None) -> Float[Tensor, "b"]:
        if x.ndim != 2 or bias is None:
            raise ValueError("one axis, and a bias")
        return (x + bias).sum(0)

    assert check_contract(summed).ok
    assert {finding.code for finding in check_contract(mixed).findings} >= {"TE201"}


def test_a_loop_over_an_axis_may_come_by_the_size_of_another() -> None:
    def steps(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        return torch.stack([x[:, i].tanh() for i in range(x.shape[1])], 1)

    def position(x: Float[Tensor, "b t d"], table: Float[Tensor, "most d"]) -> Float[Tensor, "b t d"]:
        return x + table[x.shape[1]]

    assert check_contract(steps).findings == ()
    assert "TE714" in {finding.code for finding in check_contract(position).findings}


def test_numpys_indices_are_no_error_of_the_function() -> None:
    """What is compared with an array is no truth: a rule that compares an index with None is not to fail."""

    def ends(x: Float[Tensor, "n n"]) -> Float[Tensor, "2"]:
        row_sums = x.sum(1)
        return row_sums[numpy.array([0, -1])]

    def without_ends(x: Float[Tensor, "t d"]) -> Float[Tensor, "t d"]:
        kept = x.clone()
        kept[numpy.array([0, -1])] = 0
        return kept

    assert check_contract(ends).ok
    assert check_contract(without_ends).ok


@pytest.mark.parametrize(
    ("promises", "said"),
    [
        ({"sizes": 5}, "`sizes` is a `int`, not a mapping from names to sizes"),
        ({"sizes": {"b": "3"}}, "the size of `b` is '3', not a whole number"),
        ({"sizes": {"b": -1}}, "the size of `b` is -1, not a whole number"),
        ({"sizes": {"b": True}}, "the size of `b` is True, not a whole number"),
        ({"couples": 5}, "expected names of axes as a text or a list of texts, got 5"),
        ({"causal": ["t", 1]}, "expected names of axes as a text or a list of texts, got ['t', 1]"),
    ],
)
def test_promises_of_wrong_types_are_refused(promises: dict[str, Any], said: str) -> None:
    """When they are made, and not somewhere inside the check."""

    def same(x: Float[Tensor, "b t"]) -> Float[Tensor, "b t"]:
        return x

    for use in (lambda: check_contract(same, **promises), lambda: contract(**promises)(same)):
        with pytest.raises(errors.ArgumentError, match=re.escape(said)):
            use()
    of_numpy: Any = numpy.int64(3)
    assert check_contract(same, sizes={"b": of_numpy}).ok
