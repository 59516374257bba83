"""TE740: an axis along which entries change the results of others on one side alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from typed_einsum.testing.audit.findings import Flaw, advice
from typed_einsum.testing.audit.vocabulary import MATMULS, PERMUTES
from typed_einsum.testing.behaviour import perturbation
from typed_einsum.testing.behaviour.perturbation import Moved, NoSuchAxis
from typed_einsum.testing.behaviour.samples import BATCH, first_meeting
from typed_einsum.testing.behaviour.trace import Step, steps_of
from typed_einsum.testing.calls.call import Call

MIXES = {*MATMULS, "einsum", "scaled_dot_product_attention", "conv1d", "conv2d", "conv3d"}
"""Operations that mix entries in both directions, unless weights or a mask say otherwise.

What runs backward entry by entry, as advantages do, is written so on purpose.
"""


CUT = {"__getitem__", "narrow", *PERMUTES}


def sees_later_ones_alone(call: Call, name: str) -> Moved | None:
    """An entry that moves an earlier one, where none moves a later one."""
    try:
        if perturbation.moved(call, name) is None:
            return None
        backward = perturbation.moved(call, name, lambda changed, entry: entry >= changed)
        if backward is None or perturbation.moved(call, name, lambda changed, entry: entry <= changed):
            return None
    except NoSuchAxis:
        return None
    return backward


def _mixed_at(call: Call, name: str, found: Moved) -> Step | None:
    """The product in which entries meet; a convolution is seen where what it has padded is cut."""
    met = first_meeting(call, name, found)
    if met is not None and met.name in MIXES:
        return met
    if met is not None and met.name not in CUT:
        return None
    return next((step for step in steps_of(call, call.arguments) if step.name.startswith("conv")), None)


def against_time(call: Call, said: Collection[str]) -> Iterator[tuple[str, Flaw]]:
    """A causal mask that was transposed, and a causal convolution that was cut at the wrong end.

    Of the axes in `said` the user has said how their entries affect each other.
    """
    for name in sorted(call.recipe.axis_names & call.recipe.result_names - {*BATCH, *said}):
        if call.sizes.get(name, 0) < 3:
            continue
        backward = sees_later_ones_alone(call, name)
        met = None if backward is None else _mixed_at(call, name, backward)
        if met is None:
            continue
        text = (
            f"entries of `{name}` change the results of earlier ones, and never those of later ones; if each "
            "is to see what came before it, a mask or a cut is the wrong way round"
        )
        yield "TE740", advice(text, met.line)
