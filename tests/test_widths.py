"""The search for sizes begins where that of another method of the class ended, and ends when it must."""

import importlib

import torch
from jaxtyping import Float
from torch import Tensor, nn

from typed_einsum.testing.axes.widths import widths_for
from typed_einsum.testing.contracts.check import Check
from typed_einsum.testing.contracts.promises import Promises

fit = importlib.import_module("typed_einsum.testing.axes.fit")
judge = importlib.import_module("typed_einsum.testing.axes.judge")
resized = importlib.import_module("typed_einsum.testing.axes.resized")


def traced(monkeypatch):
    """The sizes of all traces from here on, each with whether it ran through."""
    found: list[tuple[dict[str, int], bool]] = []

    def trace(call):
        ran = torch_trace(call)
        found.append((dict(call.sizes), ran.error is None))
        return ran

    torch_trace = fit.trace
    monkeypatch.setattr(fit, "trace", trace)
    return found


def test_the_next_variant_begins_at_the_widths_that_were_found(monkeypatch):
    """With the optional mask or without it, the width is that of the layer."""

    class Masked(nn.Module):
        def __init__(self, width: int = 56) -> None:
            super().__init__()
            self.layer = nn.Linear(width, width)

        def forward(
            self, x: Float[Tensor, "b t d"], mask: Float[Tensor, "b t"] | None = None
        ) -> Float[Tensor, "b t d"]:
            x = self.layer(x)
            return x if mask is None else x * mask[..., None]

    found = traced(monkeypatch)
    report = Check.of(Masked, Promises()).report()
    assert report.conditions
    assert not report.findings
    assert [(sizes["d"] == 56, ran) for sizes, ran in found] == [(False, False), (True, True), (True, True)]


def test_no_two_axes_begin_with_one_size(monkeypatch):
    """A width that two axes have is kept for one of them: that they must be equal is to be seen."""

    class Both(nn.Module):
        def __init__(self, width: int = 56) -> None:
            super().__init__()
            self.left, self.right = nn.Linear(width, 8), nn.Linear(width, 8)

        def forward(self, x: Float[Tensor, "b d"], y: Float[Tensor, "b e"]) -> Float[Tensor, "b 8"]:
            return self.left(x) + self.right(y)

    maker = Check.of(Both, Promises()).maker
    judge.judge(maker.call({}), numbers_too=False)
    assert widths_for(maker.call({})) in ({"d": 56}, {"e": 56})


def test_a_free_axis_is_still_free(monkeypatch):
    """A width of one method says nothing of an axis of the same name that another method leaves open."""

    class Open(nn.Module):
        def __init__(self, width: int = 56) -> None:
            super().__init__()
            self.layer = nn.Linear(width, width)

        def narrow(self, x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
            return self.layer(x)

        def forward(self, x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
            return x * 2

    maker = Check.of(Open, Promises()).maker
    narrow = judge.judge(Check.of(Open().narrow, Promises()).maker.call({}), numbers_too=False)
    assert "d == 56" in narrow.conditions
    found = judge.judge(maker.call({}), numbers_too=False)
    assert (found.extent, found.conditions) == ("all sizes", ())


def test_other_dtypes_are_not_tried_for_what_dtypes_do_not_mend(monkeypatch):
    """A call that needs what nobody has needs it with integers, too."""

    def asks(x, y):
        raise FileNotFoundError("weights.pt")

    asks.__annotations__ = {"x": torch.Tensor, "y": Float[Tensor, "b t"], "return": torch.Tensor}
    made, first = [], judge.fitted

    def fitted(call, **options):
        made.append(call.variant)
        return first(call, **options)

    monkeypatch.setattr(judge, "fitted", fitted)
    report = Check.of(asks, Promises()).report()
    assert "weights.pt" in report.skipped
    assert not any(variant.integers for variant in made)
