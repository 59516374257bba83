"""TE737: an object that fails, or gives other numbers, when it is called again with fewer entries."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

from torch import Tensor, nn

from typed_einsum.testing.audit.findings import Flaw, SourceLine, advice, error
from typed_einsum.testing.audit.operations import tensors_in
from typed_einsum.testing.behaviour import perturbation
from typed_einsum.testing.calls.call import Call, same
from typed_einsum.testing.process.outcome import first_line
from typed_einsum.testing.running.invoke import reseed, run
from typed_einsum.testing.running.weights import count_parameters, is_unfinished

MOST_PARAMETERS = 10**6
ABOUT_SIZES = re.compile(r"\bsize|\bshape|dimension|out of bounds", re.IGNORECASE)


@dataclass(frozen=True)
class Pristine:
    """A call of a module, and the module as it was before it was called at all."""

    call: Call
    parameter: str
    module: nn.Module

    @classmethod
    def of(cls, call: Call) -> Pristine | None:
        """A copy of the module that a call is of; None if there is none, or it is too large to be copied."""
        parameter, value = next(iter(call.arguments.items()), ("", None))
        if not isinstance(value, nn.Module) or is_unfinished(value):
            return None
        small = count_parameters(value) <= MOST_PARAMETERS
        return cls(call, parameter, copy.deepcopy(value)) if small else None

    def on_copies(self) -> Call:
        """The call on a fresh copy each time: what a module keeps of one call does not change the next."""

        @wraps(self.call.function)  # whose name and numbers are asked for
        def function(*args: Any, **kwargs: Any) -> Any:
            return self.call.function(copy.deepcopy(self.module), *args[1:], **kwargs)

        return replace(self.call, function=function)

    def outcome(self, *calls: Mapping[str, Any]) -> list[Tensor] | Exception:
        """What a fresh copy returns, or raises, when it is called with these arguments one after another."""
        found: list[Tensor] = []
        module = copy.deepcopy(self.module)
        for arguments in calls:
            bound = copy.copy(self.call.bound)
            bound.arguments = type(bound.arguments)({**arguments, self.parameter: module})
            reseed(0)
            try:
                found = list(tensors_in([run(self.call.function, bound)]))
            except Exception as raised:  # of the user's module
                return raised
        return found


def stale(pristine: Pristine, definition: SourceLine) -> Iterator[tuple[str, Flaw]]:
    """What a module keeps of one call, such as a mask or a bias, and uses whole in a shorter one."""
    call = pristine.call
    for name in sorted(call.recipe.axis_names):
        size = call.sizes.get(name, 0)
        shorter = perturbation.shortened(call, name, size - 1) if size > 2 else None
        fresh = None if shorter is None else pristine.outcome(shorter)
        if shorter is None or not isinstance(fresh, list):
            continue
        found = pristine.outcome(call.arguments, shorter)
        called = f"called with `{name}`={size} and then with `{name}`={size - 1}, the same object"
        fails = isinstance(found, RuntimeError | IndexError) and ABOUT_SIZES.search(str(found))
        differs = isinstance(found, list) and not _are_same(found, fresh)
        if not (fails or differs):
            continue
        if _counts_calls(pristine):
            return
        if isinstance(found, Exception):
            message = (
                f"{called} fails, and a fresh one does not: {first_line(found)}; cut what it keeps to "
                "the size of the call"
            )
            yield "TE737", error(message, definition)
        else:
            message = f"{called} gives other numbers than a fresh one: it uses what it keeps of the first"
            yield "TE737", advice(message, definition)
        return


def _counts_calls(pristine: Pristine) -> bool:
    """Whether a second call gives something else even with the same arguments, as a cache that grows does."""
    once, twice = (pristine.outcome(*[pristine.call.arguments] * times) for times in (1, 2))
    return not (isinstance(once, list) and isinstance(twice, list) and _are_same(once, twice))


def _are_same(one: list[Tensor], other: list[Tensor]) -> bool:
    return len(one) == len(other) and all(map(same, one, other))
