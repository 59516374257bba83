"""Watches every call of torch while a function runs, follows the axes, and lets rules judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import prod
from typing import Any

from torch.overrides import TorchFunctionMode

from typed_einsum.locations import shown_path
from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit.dimensions import TrackedAxes, shown_all
from typed_einsum.testing.audit.facts import Facts
from typed_einsum.testing.audit.findings import Finding, Flaw
from typed_einsum.testing.audit.following import follow
from typed_einsum.testing.audit.lines import calling_line
from typed_einsum.testing.audit.operations import Operation, tensors_in
from typed_einsum.testing.audit.repairs import Repair, repair_for
from typed_einsum.testing.audit.rules import judge
from typed_einsum.testing.audit.vocabulary import ASKS, spelling_of


class Sizes(TorchFunctionMode):
    """A mode under which a function runs, which sees sizes alone: that costs half of what `Watch` does.

    `calls` are those that came through, `squeezed` says how many axes each `squeeze()` without a number has
    dropped, and `entries` how many numbers all results have.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.squeezed: dict[tuple[str, int], int] = {}
        self.entries = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run one call of torch, and look at the sizes of its results."""
        options = dict(kwargs or {})
        name = spelling_of(func)
        if name in ASKS:
            return func(*args, **options)
        result = func(*args, **options)
        self._came_through(name, args, options, result)
        return result

    def _came_through(
        self, name: str, args: tuple[Any, ...], options: Mapping[str, Any], result: Any
    ) -> bool:
        """Take a call that has returned; whether its results have entries."""
        self.calls += 1
        shapes = [shape_of(tensor) for tensor in tensors_in([result])]
        self.entries += sum(map(prod, shapes))
        if any(0 in shape for shape in shapes):
            return False
        if name == "squeeze" and options.get("dim", args[1] if len(args) > 1 else None) is None:
            squeezed = next(tensors_in([*args, *options.values()]))
            self.squeezed[calling_line()] = len(shape_of(squeezed)) - len(shapes[0])
        return True


class Watch(Sizes):
    """A mode under which a function runs; afterwards `findings` holds what was seen.

    `repairs` are sizes that would have let a failed call go on, such as a multiple for a split, and `failed`
    shows the last call that did not come through.
    """

    def __init__(self, tracked: TrackedAxes) -> None:
        super().__init__()
        self.tracked = tracked
        self.facts = Facts()
        self.findings: list[Finding] = []
        self.repairs: list[Repair] = []
        self.failed = ""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run one call of torch, and look at it."""
        options = dict(kwargs or {})
        name = spelling_of(func)
        if name in ASKS:
            return func(*args, **options)
        line = calling_line()
        before = Operation.of(name, args, options, line)
        self._add(judge(before, self.tracked, self.facts, before=True))
        try:
            result = func(*args, **options)
        except (RuntimeError, ValueError, IndexError):
            self.repairs += repair_for(before, self.tracked)
            self.failed = _shown_call(before, self.tracked)
            raise
        if not self._came_through(name, args, options, result):
            return result
        operation = replace(before, result=result)
        self._add(judge(operation, self.tracked, self.facts))
        follow(func, operation, self.tracked)
        return result

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)  # type: ignore[no-untyped-call]
        self._add(self.facts.confirmed())

    def _add(self, found: Iterator[tuple[str, Flaw]]) -> None:
        for code, flaw in found:
            file, number = flaw.line
            finding = Finding(code, flaw.severity, flaw.message, shown_path(file), number)
            if finding not in self.findings:
                self.findings.append(finding)


def _shown_call(operation: Operation, tracked: TrackedAxes) -> str:
    """A call with the axes of what it was given: `mul` of (b, 1, t) and (b, t, d)."""
    tensors = operation.tensors
    if not tensors or len(tensors) > 3:
        return ""
    operands = " and ".join(shown_all(tracked.of(tensor)) for tensor in tensors)
    return f"`{operation.name.strip('_')}` of {operands}"


class EmptyConvolutions(TorchFunctionMode):
    """A mode that sees whether a convolution is given a tensor without entries."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = False

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run one call of torch."""
        if spelling_of(func).startswith("conv"):
            self.seen |= any(0 in shape_of(tensor) for tensor in tensors_in(args))
        return func(*args, **(kwargs or {}))
