"""TE737: an object that fails when it is called again with fewer entries."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from typed_einsum.testing.audit.findings import Flaw, SourceLine, error
from typed_einsum.testing.behaviour import perturbation
from typed_einsum.testing.calls.call import Call
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

        def function(*args: Any, **kwargs: Any) -> Any:
            return self.call.function(copy.deepcopy(self.module), *args[1:], **kwargs)

        return replace(self.call, function=function)

    def failure(self, *calls: Mapping[str, Any]) -> Exception | None:
        """What a fresh copy raises when it is called with these arguments, one after another."""
        module = copy.deepcopy(self.module)
        for arguments in calls:
            bound = copy.copy(self.call.bound)
            bound.arguments = type(bound.arguments)({**arguments, self.parameter: module})
            reseed(0)
            try:
                run(self.call.function, bound)
            except Exception as raised:  # of the user's module
                return raised
        return None


def stale(pristine: Pristine, definition: SourceLine) -> Iterator[tuple[str, Flaw]]:
    """What a module keeps of one call, such as a mask or a bias, and uses whole in a shorter one."""
    call = pristine.call
    for name in sorted(call.recipe.axis_names):
        size = call.sizes.get(name, 0)
        shorter = perturbation.shortened(call, name, size - 1) if size > 2 else None
        if shorter is None or pristine.failure(shorter) is not None:
            continue
        found = pristine.failure(call.arguments, shorter)
        if isinstance(found, RuntimeError | IndexError) and ABOUT_SIZES.search(str(found)):
            message = (
                f"called with `{name}`={size} and then with `{name}`={size - 1}, the same object "
                "fails, and a "
                f"fresh one does not: {first_line(found)}; cut what it keeps to the size of the call"
            )
            yield "TE737", error(message, definition)
            return
