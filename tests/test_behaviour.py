"""What needs numbers: samples, statistics over them, promises, and references."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from typed_einsum.testing import Report, check_contract, contract


def codes(report: Report) -> list[tuple[str, str]]:
    return [(finding.code, finding.severity) for finding in report.findings]


def line_of(function: object, text: str) -> int:
    """The line of a function in which a text stands."""
    lines, start = inspect.getsourcelines(function)  # type: ignore[arg-type]
    return next(start + i for i, line in enumerate(lines) if text in line)


# Samples.


def next_sample(x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
    half = x * 0.5
    later = torch.cat([x[1:], torch.zeros_like(x[:1])])
    return half + later


def test_what_flows_from_later_samples_to_earlier_ones_is_a_leak() -> None:
    assert codes(check_contract(next_sample)) == [("TE709", "error")]


def test_a_leak_is_placed_where_samples_meet_first() -> None:
    (finding,) = check_contract(next_sample).findings
    assert finding.line == line_of(next_sample, "torch.cat")


def normalised(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    mean = x.mean((0, 2, 3), keepdim=True)
    spread = x.std((0, 2, 3), keepdim=True)
    return (x - mean) / (spread + 1e-5)


def decorrelated(x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    covariance = x.T @ x / len(x)
    return x @ torch.linalg.inv(covariance + torch.eye(x.shape[1]))


def ranked(values: Float[Tensor, "batch c"]) -> Float[Tensor, "batch c"]:
    return values[:, values.sum(0).argsort(descending=True)]


def mixed(x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
    return torch.lerp(x[torch.randperm(len(x))], x, torch.rand(()))


def test_partners_that_are_drawn_at_random_are_meant() -> None:
    assert codes(check_contract(mixed)) == []


@pytest.mark.parametrize("function", [normalised, decorrelated, ranked])
def test_what_is_computed_over_the_batch_on_purpose_is_advice(function: object) -> None:
    report = check_contract(function)  # type: ignore[arg-type]
    assert codes(report) == [("TE709", "advice")]
    name = "batch" if function is ranked else "b"
    assert codes(check_contract(function, couples=name)) == []  # type: ignore[arg-type]


def test_advice_on_the_batch_names_the_line_of_the_statistic() -> None:
    (finding,) = check_contract(normalised).findings
    assert finding.line == line_of(normalised, "x.mean")
    assert finding.message == (
        "samples of `b` affect each other through what is computed over `b` here; "
        'if that is meant, say couples="b"'
    )


def test_a_mean_over_everything_is_no_statistic_of_the_batch() -> None:
    def centred(x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
        return x - x.mean()

    assert codes(check_contract(centred)) == [("TE709", "error")]


def test_a_statistic_does_not_excuse_another_leak() -> None:
    def both(x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
        return (x - x.mean(0)) * x.mean()

    assert codes(check_contract(both)) == [("TE709", "error")]


# Promises.


def attended(x: Float[Tensor, "b t c"], *, keep: Tensor) -> Float[Tensor, "b t c"]:
    return (x @ x.mT).masked_fill(~keep, -torch.inf).softmax(-1) @ x


def forward(x: Float[Tensor, "b t c"]) -> Float[Tensor, "b t c"]:
    return attended(x, keep=torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril())


def backward(x: Float[Tensor, "b t c"]) -> Float[Tensor, "b t c"]:
    return attended(x, keep=torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu())


def test_independence_is_probed_at_both_ends() -> None:
    assert codes(check_contract(forward, independent="t")) == [("TE712", "error")]
    assert codes(check_contract(backward, independent="t")) == [("TE712", "error")]


def test_a_causal_function_keeps_its_promise_and_a_transposed_mask_breaks_it() -> None:
    assert codes(check_contract(forward, causal="t")) == []
    (finding,) = check_contract(backward, causal="t").findings
    assert finding.message == (
        "`t` is said to be causal, but changing entry 2 changes the result at the earlier entry 0"
    )


def test_causality_is_held_in_both_directions() -> None:
    def doubled(x: Float[Tensor, "b t c"]) -> Float[Tensor, "b t c"]:
        return x * 2

    (finding,) = check_contract(doubled, causal="t").findings
    assert finding.message == (
        '`t` is said to be causal, but no entry moves a later one: say independent="t"'
    )
    (finding,) = check_contract(doubled, causal="z").findings
    assert finding.message == "`z` is said to be causal, but inputs and result do not both have it"


def test_causality_can_be_stored_on_the_function() -> None:
    @contract(causal="t")
    def summed(x: Float[Tensor, "b t c"]) -> Float[Tensor, "b t c"]:
        return x.flip(1).cumsum(1)

    assert codes(check_contract(summed)) == [("TE712", "error")]


# Matching.


def test_arguments_that_are_reduced_by_themselves_need_no_match() -> None:
    def box(position: Float[Tensor, "n 3"], scale: Float[Tensor, "n 1"]) -> Float[Tensor, "3"]:
        return position.amin(0) / scale.amax()

    assert codes(check_contract(box)) == []


def test_an_argument_that_gives_its_shape_alone_needs_no_match() -> None:
    def rays(image: Float[Tensor, "n c h w"], pose: Float[Tensor, "n 3"]) -> Float[Tensor, "n h w 3"]:
        _, _, h, w = image.shape
        return pose[:, None, None].expand(-1, h, w, -1)

    assert codes(check_contract(rays)) == []


# References.


def test_a_reference_is_compared_at_small_sizes_too() -> None:
    """`torch.cross` without `dim` takes the first axis of size 3."""

    def normal(x: Float[Tensor, "n 3"], y: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        return torch.cross(x, y)

    def reference(x: Tensor, y: Tensor) -> Tensor:
        return torch.linalg.cross(x, y)

    report = check_contract(normal, reference=reference)
    assert any("where `n` is 3, the numbers differ" in finding.message for finding in report.findings)


def test_a_reference_that_draws_the_same_random_numbers_is_compared() -> None:
    def noisy(x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        return x + torch.rand(x.shape[0], 1)

    def also(x: Tensor) -> Tensor:
        return x + torch.rand(x.shape[0])[:, None]

    def other(x: Tensor) -> Tensor:
        return x - torch.rand(x.shape[0], 1)

    def more(x: Tensor) -> Tensor:
        return x + torch.rand(x.shape[0], 2)[:, :1]

    assert codes(check_contract(noisy, reference=also)) == []
    assert codes(check_contract(noisy, reference=other)) == [("TE713", "error")]
    assert codes(check_contract(noisy, reference=more)) == []


def test_a_reference_of_a_module_takes_its_inputs_alone() -> None:
    class Doubled(nn.Module):
        def forward(self, x: Float[Tensor, "n d"]) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n"]]:
            return x * 2, x.sum(1)

    assert codes(check_contract(Doubled(), reference=lambda x: (x + x, x.sum(1)))) == []
    assert codes(check_contract(Doubled(), reference=lambda x: (x + x, x.mean(1)))) == [("TE713", "error")]


def test_an_index_out_of_bounds_on_every_real_input_is_an_error() -> None:
    """On `meta` nothing looks at an index."""

    def rows(image: Float[Tensor, "h w"]) -> Float[Tensor, "w"]:
        at = torch.arange(image.shape[0] + 1)
        return image[at].sum(0)

    (finding,) = check_contract(rows).findings
    assert finding.code == "TE701"
    assert finding.message == (
        "fails at sizes that its annotations allow: `getitem` of (h, w) and (4): "
        "IndexError: index 3 is out of bounds for dimension 0 with size 3 (at h=3 w=5)"
    )


def test_an_object_that_keeps_the_mask_of_a_longer_call_is_found() -> None:
    class Causal(nn.Module):
        mask: Tensor | None = None

        def __init__(self, cut: bool) -> None:
            super().__init__()
            self.cut = cut

        def forward(self, scores: Float[Tensor, "n t t"]) -> Float[Tensor, "n t t"]:
            t = scores.shape[-1]
            if self.mask is None or len(self.mask) < t:
                self.mask = torch.ones(t, t).triu(1).bool()
            mask = self.mask[:t, :t] if self.cut else self.mask
            return scores.masked_fill(mask, -torch.inf).softmax(-1)

    assert "TE737" in [code for code, _ in codes(check_contract(Causal(cut=False)))]
    assert "TE737" not in [code for code, _ in codes(check_contract(Causal(cut=True)))]


def test_an_axis_is_not_to_be_taken_for_another_of_a_size_that_the_function_names() -> None:
    def crossed(x: Float[Tensor, "n 3"], y: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        return torch.cross(x, y)

    (finding,) = check_contract(crossed).findings
    assert (finding.code, finding.severity) == ("TE736", "error")


def test_a_count_of_entries_that_are_all_alike_is_advice_and_positions_are_none() -> None:
    def offset(x: Float[Tensor, "n h t"]) -> Float[Tensor, "n h t"]:
        return x + x.shape[1]

    def placed(x: Float[Tensor, "n h t"]) -> Float[Tensor, "n h t"]:
        return x + torch.linspace(0, 1, x.shape[2])

    assert codes(check_contract(offset)) == [("TE736", "advice")]
    assert codes(check_contract(placed)) == []


def test_two_roles_of_one_name_are_told_of_where_they_differ() -> None:
    def linear(x: Float[Tensor, "n d"], weight: Float[Tensor, "d d"]) -> Float[Tensor, "n d"]:
        return x @ weight

    def energy(x: Float[Tensor, "d d"]) -> Float[Tensor, ""]:
        return x.square().sum()

    def centred(x: Float[Tensor, "d d"]) -> Float[Tensor, "d d"]:
        return x - x.mean(0) - x.mean(1, keepdim=True)

    assert codes(check_contract(linear)) == [("TE711", "advice")]
    assert [codes(check_contract(f)) for f in (energy, centred)] == [[], []]


class Triangle(nn.Module):
    """Of pairs of one set: whatever names its two axes have, they are of one size."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(dim, dim), nn.Linear(dim, dim)

    def forward(self, x: Float[Tensor, "b n n d"]) -> Float[Tensor, "b n n d"]:
        return x + torch.einsum("bikd,bjkd->bijd", self.left(x), self.right(x))


class Cached(nn.Module):
    """It keeps what it has made for the longest sequence that it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = torch.zeros(0, 0)

    def forward(self, scores: Float[Tensor, "b i i"]) -> Float[Tensor, "b i i"]:
        if self.bias.shape[-1] < scores.shape[-1]:
            self.bias = torch.zeros(scores.shape[-2:])
        return (scores + self.bias).softmax(-1)


def test_a_module_is_not_changed_by_a_look_at_the_roles_of_a_name() -> None:
    report = check_contract(Cached(), reference=lambda scores: scores.softmax(-1))
    assert "TE713" not in dict(codes(report))


def test_two_roles_that_must_have_one_size_have_one_name() -> None:
    def biased(x: Float[Tensor, "b n d"], bias: Float[Tensor, "b n n"]) -> Float[Tensor, "b n d"]:
        return (x @ x.mT + bias).softmax(-1) @ x

    def masked(x: Float[Tensor, "n n d"], mask: Bool[Tensor, "n"]) -> Float[Tensor, "n d"]:
        return (x.softmax(1) * mask[:, None, None] * mask[None, :, None]).sum(1)

    def affine(
        x: Float[Tensor, "n d"], weight: Float[Tensor, "d d"], bias: Float[Tensor, "d"]
    ) -> Float[Tensor, "n d"]:
        return x @ weight + bias

    assert [codes(check_contract(f)) for f in (Triangle, biased, masked)] == [[], [], []]
    assert codes(check_contract(affine)) == [("TE711", "advice")]


def test_an_object_that_keeps_something_of_each_call_is_compared_with_fresh_copies() -> None:
    class Queue(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("total", torch.zeros(()))

        def forward(self, x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
            self.total += x.sum()  # type: ignore[operator]
            return x * 2 + self.total - x.sum()

    assert codes(check_contract(Queue())) == []


def test_a_sample_is_followed_through_several_products() -> None:
    def patches(x: Float[Tensor, "b c h*4 w*4"]) -> Float[Tensor, "b h*w 4*4*c"]:
        b, c, rows, columns = x.shape
        cut = x.view(b, c, rows // 4, 4, columns // 4, 4).permute(0, 2, 4, 3, 5, 1)
        return cut.reshape(b, rows // 4 * (columns // 4), 16 * c)

    assert codes(check_contract(patches)) == []
    assert codes(check_contract(patches, independent="b c h w")) == []


# Arguments without effect, and one direction.


def forgotten(scores: Float[Tensor, "q k"], bias: Float[Tensor, "q k"]) -> Float[Tensor, "q k"]:
    biased = scores + bias
    return scores.softmax(-1).type_as(biased)


def masked_in_vain(scores: Float[Tensor, "q k"], keep: Bool[Tensor, "q k"]) -> Float[Tensor, "q k"]:
    scores.masked_fill(~keep, -1e9)
    return scores.softmax(-1)


def masked(scores: Float[Tensor, "q k"], keep: Bool[Tensor, "q k"]) -> Float[Tensor, "q k"]:
    return scores.masked_fill(~keep, -1e9).softmax(-1)


def unused(x: Float[Tensor, "n d"], mask: Float[Tensor, "n"]) -> Float[Tensor, "n d"]:
    return x * 2


def shape_alone(x: Float[Tensor, "n d"], like: Float[Tensor, "m d"]) -> Float[Tensor, "m d"]:
    return x.mean(0).expand_as(like)


def threshold(x: Float[Tensor, "n d"], floor: Float[Tensor, "d"]) -> Float[Tensor, "n d"]:
    return torch.maximum(x, floor - 50)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (
            forgotten,
            "other numbers in `bias` change nothing, though it is used: is what was computed from it lost?",
        ),
        (
            masked_in_vain,
            "other numbers in `keep` change nothing, though it is used: is what was computed from it lost?",
        ),
        (unused, "`mask` is not used: leave it out, or name it `_mask`"),
    ],
)
def test_an_argument_without_effect_is_advice(function: Callable[..., object], text: str) -> None:
    (finding,) = check_contract(function).findings
    assert (finding.code, finding.severity, finding.message) == ("TE738", "advice", text)


class Step(nn.Module):
    def forward(self, x: Float[Tensor, "n d"], mask: Float[Tensor, "n"]) -> Float[Tensor, "n d"]:
        return x


class Counted(Step):
    """Gives other numbers at each call, so that it is called on copies."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Float[Tensor, "n d"], mask: Float[Tensor, "n"]) -> Float[Tensor, "n d"]:
        self.calls += 1
        return x * self.calls


def test_an_unused_argument_of_an_interface_is_none_in_a_module_that_keeps_state() -> None:
    assert check_contract(Counted()).findings == ()


@pytest.mark.parametrize("function", [shape_alone, threshold, masked])
def test_an_argument_for_its_shape_or_for_some_numbers_is_none(function: Callable[..., object]) -> None:
    assert check_contract(function).findings == ()


class Base(nn.Module):
    def forward(self, x: Float[Tensor, "n d"], mask: Float[Tensor, "n"]) -> Float[Tensor, "n d"]:
        return x * mask[:, None]


class Unmasked(Base):
    def forward(self, x: Float[Tensor, "n d"], mask: Float[Tensor, "n"]) -> Float[Tensor, "n d"]:
        return x * 2


def test_an_argument_that_a_base_class_asks_for_may_be_unused() -> None:
    assert check_contract(Unmasked()).findings == ()


class Kept(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.last = torch.zeros(())

    def forward(self, x: Float[Tensor, "n d"], weight: Float[Tensor, "n"]) -> Float[Tensor, "n d"]:
        self.last = weight.mean()
        return x * 2


def test_an_argument_that_the_object_keeps_matters() -> None:
    assert check_contract(Kept()).findings == ()


def upside_down(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
    seen = torch.ones(x.shape[1], x.shape[1]).triu() > 0
    return (x @ x.mT).masked_fill(~seen, -torch.inf).softmax(-1) @ x


def returns(rewards: Float[Tensor, "b t"]) -> Float[Tensor, "b t"]:
    return rewards.flip(1).cumsum(1).flip(1)


def test_entries_that_see_only_what_follows_are_advice_where_they_meet() -> None:
    (finding,) = check_contract(upside_down).findings
    assert (finding.code, finding.severity) == ("TE740", "advice")
    assert finding.line == line_of(upside_down, "x @ x.mT")
    assert check_contract(upside_down, ordered="t").findings == ()


def test_what_runs_backward_step_by_step_is_none() -> None:
    assert check_contract(returns).findings == ()


def sloped(q: Float[Tensor, "h q d"], k: Float[Tensor, "h k d"]) -> Float[Tensor, "h q k"]:
    slopes, places = torch.arange(1.0, len(q) + 1), torch.arange(q.shape[1])
    scores = q @ k.mT
    scores = scores + slopes[:, None, None] * places[:, None]
    return scores.softmax(-1)


def kept_small(q: Float[Tensor, "h q d"], k: Float[Tensor, "h k d"]) -> Float[Tensor, "h q k"]:
    scores = q @ k.mT
    scores = scores - scores.amax(-1, keepdim=True)
    return scores.softmax(-1)


def returned_too(
    q: Float[Tensor, "q d"], k: Float[Tensor, "k d"], bias: Float[Tensor, "q"]
) -> tuple[Float[Tensor, "q k"], Float[Tensor, "q k"]]:
    scores = q @ k.T + bias[:, None]
    return scores, scores.softmax(-1)


def test_an_addend_that_does_not_vary_along_the_softmax_has_no_effect() -> None:
    (finding,) = check_contract(sloped).findings
    assert (finding.code, finding.severity) == ("TE717", "error")
    assert finding.message == (
        "what is added here does not vary along `k`, axis 2 of (h, q, k), over which the softmax is: "
        "it has no effect"
    )
    assert finding.line == line_of(sloped, "slopes[:, None, None]")


@pytest.mark.parametrize("function", [kept_small, returned_too])
def test_a_maximum_that_is_taken_off_and_scores_that_are_returned_are_meant(
    function: Callable[..., object],
) -> None:
    assert check_contract(function).findings == ()


def reversed_samples(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
    return x.flip(0).cumsum(1).flip(0)


def reversed_time(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
    return x.flip(1).cumsum(1).flip(1)


def test_samples_that_change_places_and_come_back_are_an_error() -> None:
    (finding,) = check_contract(reversed_samples).findings
    assert (finding.code, finding.severity) == ("TE739", "error")
    assert finding.message == (
        "samples of `b` change places here, and that changes nothing: turn the axis that is meant"
    )
    assert check_contract(reversed_time).findings == ()


def cut_at_the_start(x: Float[Tensor, "b c t"], weight: Float[Tensor, "e c 3"]) -> Float[Tensor, "b e t"]:
    return torch.conv1d(x, weight, padding=2)[..., -x.shape[-1] :]


def test_a_convolution_that_is_cut_at_the_wrong_end_is_advice() -> None:
    assert codes(check_contract(cut_at_the_start)) == [("TE740", "advice")]


class KeepsPlaces(nn.Module):
    """Computes where entries are once, and reads them from the end in each later call."""

    def __init__(self) -> None:
        super().__init__()
        self.places: Tensor | None = None

    def forward(self, x: Float[Tensor, "t d"]) -> Float[Tensor, "t d"]:
        if self.places is None or len(self.places) < len(x):
            self.places = torch.linspace(0, 1, len(x))
        return x + self.places[-len(x) :, None]


class Remembers(nn.Module):
    """Adds each call to what it keeps, which is what it is for."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Tensor | None = None

    def forward(self, x: Float[Tensor, "t d"]) -> Float[Tensor, "d"]:
        total = x.sum(0)
        self.seen = total if self.seen is None else self.seen + total
        return self.seen


def test_an_object_that_goes_on_with_what_it_keeps_of_a_longer_call_is_advice() -> None:
    found = [each for each in check_contract(KeepsPlaces()).findings if each.code == "TE737"]
    assert [(each.severity, each.message) for each in found] == [
        (
            "advice",
            "called with `t`=3 and then with `t`=2, the same object gives other numbers than a fresh one: it "
            "uses what it keeps of the first",
        )
    ]
    assert not [each for each in check_contract(Remembers()).findings if each.code == "TE737"]


def test_what_is_added_and_taken_out_again_is_not_lost() -> None:
    def round_trip(x: Float[Tensor, "n d"], shift: Float[Tensor, "d"]) -> Float[Tensor, "n d"]:
        return x + shift - shift

    assert "TE738" not in [code for code, _ in codes(check_contract(round_trip))]


class BeginsAtNothing(nn.Module):
    """A branch of a residual block, whose last layer is zeros in a new object."""

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(5, 5, bias=False)
        nn.init.zeros_(self.out.weight)

    def forward(
        self, x: Float[Tensor, "n d=5"], gate: Float[Tensor, "n d"], keep: Bool[Tensor, "n"]
    ) -> Float[Tensor, "n d"]:
        return self.out((x * gate).masked_fill(~keep[:, None], 0.0))


class Adaptive(nn.Module):
    """A norm that a condition moves, by a layer that is zeros in a new object; a second condition is lost."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.film = nn.Linear(dim, 2 * dim)
        nn.init.zeros_(self.film.weight)

    def forward(
        self, x: Float[Tensor, "b n d"], cond: Float[Tensor, "b 1 d"], lost: Float[Tensor, "b 1 d"]
    ) -> Float[Tensor, "b n d"]:
        gamma, beta = self.film(cond).chunk(2, dim=-1)
        self.film(lost)
        return x * (gamma + 1) + beta


def test_an_argument_that_goes_through_zeros_is_not_lost() -> None:
    (finding,) = check_contract(Adaptive).findings
    assert finding.message.startswith("other numbers in `lost` change nothing")


def test_zeros_that_a_new_object_begins_with_hide_nothing_that_is_lost() -> None:
    assert check_contract(BeginsAtNothing()).findings == ()


def test_samples_that_are_single_numbers_may_be_normalised_together() -> None:
    def shares(loss: Float[Tensor, "batch *component"]) -> Float[Tensor, "batch *component"]:
        return loss / loss.sum(0)

    assert [check_contract(shares, args=(torch.rand(5),)).findings] == [()]
    advice = check_contract(shares, args=(torch.rand(5, 3),)).findings
    assert [(each.code, each.severity) for each in advice] == [("TE709", "advice")]


def test_samples_that_are_padded_to_the_longest_do_not_affect_each_other() -> None:
    def repeated(x: Float[Tensor, "b n"], often: Int[Tensor, "b n"]) -> Float[Tensor, "b m"]:
        rows = [one.repeat_interleave(count) for one, count in zip(x, often, strict=True)]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)

    often = torch.tensor([[3, 4, 2], [2, 5, 1]])
    assert check_contract(repeated, args=(torch.rand(2, 3), often)).findings == ()


def test_samples_may_be_in_an_axis_without_a_name() -> None:
    """A bias for each sample under `...` stays where it is when the samples change places."""

    def biased(scores: Float[Tensor, "b h i j"], bias: Float[Tensor, "... i j"]) -> Float[Tensor, "b h i j"]:
        return (scores + bias).softmax(-1)

    def by_place(
        scores: Float[Tensor, "b h i j"], bias: Float[Tensor, "... i j"]
    ) -> Float[Tensor, "b h i j"]:
        return (scores + bias) * torch.arange(len(scores))[:, None, None, None]

    scores = torch.rand(2, 3, 5, 7)
    assert check_contract(biased, args=(scores, torch.rand(2, 3, 5, 7))).findings == ()
    assert codes(check_contract(by_place, args=(scores, torch.rand(5, 7)))) == [("TE709", "error")]
