"""What a call computes on the way: each operation and its result, to compare two runs or to replay one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

from typed_einsum.testing.audit.annotated import annotated_dimensions
from typed_einsum.testing.audit.dimensions import Dimension, TrackedAxes
from typed_einsum.testing.audit.findings import SourceLine
from typed_einsum.testing.audit.following import follow
from typed_einsum.testing.audit.lines import calling_line
from typed_einsum.testing.audit.operations import Operation
from typed_einsum.testing.audit.vocabulary import ASKS, spelling_of
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.inputs.leaves import passed_tensors


@dataclass(frozen=True)
class Step:
    """One operation: its line, and the dimensions and the numbers of its first result."""

    name: str
    line: SourceLine
    dimensions: tuple[Dimension, ...]
    value: Tensor


class Trace(TorchFunctionMode):
    """A mode under which a call runs; `steps` are what it computed.

    `see` is asked about every operation, and returns the result that it is to have.
    """

    def __init__(self, tracked: TrackedAxes, see: Callable[[int, Operation, TrackedAxes], Any]) -> None:
        super().__init__()
        self.tracked = tracked
        self.see = see
        self.count = 0
        self.steps: list[Step] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run one operation, and remember it."""
        options = dict(kwargs or {})
        name = spelling_of(func)
        if name in ASKS:
            return func(*args, **options)
        operation = Operation.of(name, args, options, calling_line(), func(*args, **options))
        if not operation.results:
            return operation.result
        operation = replace(operation, result=self.see(self.count, operation, self.tracked))
        self.count += 1
        if operation.results[0].numel():
            follow(func, operation, self.tracked)
            value = operation.results[0]
            dimensions = self.tracked.of(value)
            self.steps.append(Step(operation.name, operation.line, dimensions, value.detach().clone()))
        return operation.result


def _as_it_is(index: int, operation: Operation, tracked: TrackedAxes) -> Any:
    return operation.result


def tracked_arguments(call: Call, arguments: Mapping[str, Any]) -> TrackedAxes:
    """The axes of arguments, as their annotations name them."""
    tracked = TrackedAxes(call.sizes)
    for hint, value in passed_tensors(call.recipe.hints, arguments):
        tracked.remember(value, annotated_dimensions(hint.axes, value, tracked))
    return tracked


def steps_of(
    call: Call,
    arguments: Mapping[str, Any],
    see: Callable[[int, Operation, TrackedAxes], Any] = _as_it_is,
) -> list[Step]:
    """What a call computes of these arguments; nothing where it fails."""
    with Trace(tracked_arguments(call, arguments), see) as trace:
        ran = call.outputs(arguments) is not None
    return trace.steps if ran else []


def replayed(call: Call, results: Mapping[int, tuple[str, Any]]) -> Call:
    """The call with some operations, by their number, returning what they returned in another run."""

    def see(index: int, operation: Operation, tracked: TrackedAxes) -> Any:
        name, result = results.get(index, ("", None))
        return result if name == operation.name else operation.result

    return rerun(call, see)


def rerun(call: Call, see: Callable[[int, Operation, TrackedAxes], Any]) -> Call:
    """The call with its operations returning what `see` says."""

    def function(*args: Any, **kwargs: Any) -> Any:
        arguments = call.recipe.signature.bind(*args, **kwargs).arguments
        with Trace(tracked_arguments(call, arguments), see):
            return call.function(*args, **kwargs)

    return replace(call, function=function)
