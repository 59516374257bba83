"""TE739: samples that change places and come back, with nothing in between that their order matters to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typed_einsum.testing.audit.dimensions import TrackedAxes
from typed_einsum.testing.audit.findings import Flaw, SourceLine, error
from typed_einsum.testing.audit.operations import Operation
from typed_einsum.testing.behaviour.samples import BATCH
from typed_einsum.testing.behaviour.trace import rerun
from typed_einsum.testing.calls.call import Call, same

TURNS = {"flip", "roll"}


class Turns:
    """Collects, while a call runs, where samples change places."""

    def __init__(self) -> None:
        self.found: dict[int, tuple[str, SourceLine]] = {}

    def see(self, index: int, operation: Operation, tracked: TrackedAxes) -> None:
        """Look at one operation."""
        if name := _turned(operation, tracked):
            self.found[index] = name, operation.line


def turned_in_vain(call: Call, seen: Turns) -> Iterator[tuple[str, Flaw]]:
    """`x.flip(0)` of (b, t, d), where time was to run backward: without it the results are the same."""
    if not seen.found:
        return

    def see_without(index: int, operation: Operation, tracked: TrackedAxes) -> Any:
        is_turn = index in seen.found and operation.name in TURNS
        return operation.tensors[0] if is_turn else operation.result

    before, after = call.results, rerun(call, see_without).outputs(call.arguments)
    if before and after and all(same(one, two) for (_, one), (_, two) in zip(before, after, strict=True)):
        name, line = next(iter(seen.found.values()))
        text = (
            f"samples of `{name}` change places here, and that changes nothing: turn the axis that is meant"
        )
        yield "TE739", error(text, line)


def _turned(operation: Operation, tracked: TrackedAxes) -> str:
    """The batch, if samples change places; empty where others do, too."""
    if operation.name not in TURNS or not operation.tensors:
        return ""
    own = tracked.of(operation.tensors[0])
    position = 1 if operation.name == "flip" else 2
    axes = operation.option("dims", position)
    if operation.name == "flip" and isinstance(axes, int):
        axes = operation.arguments[1:]
    listed = list(axes) if isinstance(axes, list | tuple) else [axes]
    if len(listed) != 1 or type(listed[0]) is not int or not -len(own) <= listed[0] < len(own):
        return ""
    names = [factor.axis for factor in own[listed[0]]]
    return names[0] if len(names) == 1 and names[0] in BATCH else ""
