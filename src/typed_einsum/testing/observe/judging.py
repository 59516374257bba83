"""What is said of an observed call, once it has returned. It leaves the program as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

from typed_einsum.solver.labels import RETURN
from typed_einsum.testing.axes.below import Passed
from typed_einsum.testing.axes.judge import Judgement, judge
from typed_einsum.testing.axes.passed import conditions_below
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.contracts.promises import stored_on
from typed_einsum.testing.observe.holding import found_of, held, place_of, undisturbed, with_verdict
from typed_einsum.testing.observe.records import Pattern
from typed_einsum.testing.process.outcome import first_line
from typed_einsum.testing.running.limits import OutOfTime, limited

PATIENCE = 10.0
"""How many times the limit a call may take where other programs keep the processor busy."""


def judged(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    result: Any,
    seen: Pattern,
    root: Path,
    limit: float,
) -> Pattern:
    """A pattern with what is said of its first call. `arguments` are copies, `result` is the program's.

    `limit` is in seconds, for each call that is made.
    """
    call = held(function, arguments, result, seen, root)
    return call if isinstance(call, Pattern) else judged_call(call, seen, root, limit)


def judged_call(
    call: Call, seen: Pattern, root: Path, limit: float, most: float = inf, *, numbers_too: bool = True
) -> Pattern:
    """A pattern with what is said of a call that is as annotated; without `numbers_too`, by shapes alone.

    `limit` is in seconds, for each call that is made; all together take `most` of the processor's.
    """
    try:
        with undisturbed(), limited(limit, patience=PATIENCE, most=most):
            said = judge(call, stored_on(call.function), numbers_too=numbers_too)
    except OutOfTime as error:
        return with_verdict(seen, "not judged", str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # ours or the project's, such as `pytest.skip`: never one in the program
        return with_verdict(seen, "not judged", f"judging it raised {first_line(error)}")
    return _told(seen, said, root, call)


def judged_below(call: Call, passed: Passed, seen: Pattern) -> Pattern | None:
    """A pattern with what a call above it says of it; None where it has to be judged on its own."""
    try:
        with undisturbed():
            conditions = conditions_below(passed, call, place_of(call.function))
    except KeyboardInterrupt:
        raise
    except BaseException:  # its own run may say more
        return None
    return (
        None
        if conditions is None
        else with_verdict(seen, "all sizes", _for_all_sizes(conditions) + _but(call))
    )


def _told(seen: Pattern, said: Judgement, root: Path, call: Call) -> Pattern:
    sizes = " ".join(f"{name}={size}" for name, size in said.sizes.items())
    match said.extent:
        case "all sizes":
            text = _for_all_sizes(said.conditions) + _but(call)
        case "these sizes":
            text = " ".join(filter(None, (f"at {sizes}" if sizes else "at the sizes seen", said.reason)))
        case "not judged":
            text = said.reason
    found = tuple(found_of(finding, root) for finding in said.findings)
    return with_verdict(seen, said.extent, text, found)


def _for_all_sizes(conditions: Sequence[str]) -> str:
    return f"for all sizes with {', '.join(conditions)}" if conditions else "for all sizes"


def _but(call: Call) -> str:
    """What of a call is known at the sizes seen alone, since its objects have names of their own."""
    names = ["the result" if name == RETURN else f"`{name}`" for name in sorted(call.apart)]
    told = f", but {' and '.join(names)} at the sizes seen: each item has sizes of its own"
    return told if names else ""
