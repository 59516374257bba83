"""What is said of an observed call without annotations: the named shapes beside its lines, and an audit."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typed_einsum.testing.annotate.signatures import by_place, signatures_of
from typed_einsum.testing.axes.undecided import decided_by_values
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.inputs.recipe import Recipe
from typed_einsum.testing.listing.apart import separated
from typed_einsum.testing.listing.auditing import audited
from typed_einsum.testing.listing.named import names_of
from typed_einsum.testing.listing.needed import told_apart
from typed_einsum.testing.listing.running import Ran, recorded_call, recorded_on_values
from typed_einsum.testing.listing.shapes import Shapes, shapes_of
from typed_einsum.testing.listing.stored import is_better, stored
from typed_einsum.testing.names.glossary import glossary_near
from typed_einsum.testing.observe.holding import found_of, undisturbed
from typed_einsum.testing.observe.judging import PATIENCE
from typed_einsum.testing.observe.records import Found, Json
from typed_einsum.testing.observe.seen import Place
from typed_einsum.testing.process.outcome import first_line
from typed_einsum.testing.running.limits import OutOfTime, limited

MOST_SIGNATURES = 12
"""How many signatures of a function are kept, of all calls that were followed."""


@dataclass
class Looked:
    """What was found by following one call: of all functions that it went through, and of itself."""

    listings: dict[Place, Json] = field(default_factory=dict)
    signatures: dict[Place, list[Json]] = field(default_factory=dict)
    findings: tuple[Found, ...] = ()
    reason: str = ""


@dataclass
class Followed:
    """The best listing and the signatures of each function, of all calls that were followed."""

    listings: dict[Place, Json] = field(default_factory=dict)
    signatures: dict[Place, list[Json]] = field(default_factory=dict)

    def add(self, looked: Looked) -> None:
        """Take what was found by following one more call."""
        for place, listing in looked.listings.items():
            known = self.listings.get(place)
            self.listings[place] = listing if known is None or is_better(listing, known) else known
        for place, signatures in looked.signatures.items():
            kept = self.signatures.setdefault(place, [])
            kept += [each for each in signatures if each not in kept][: MOST_SIGNATURES - len(kept)]


def looked_at(
    function: Callable[..., Any], arguments: Mapping[str, Any], root: Path, limit: float, *, audit: bool
) -> Looked:
    """Follow a call whose arguments are copies. `limit` is in seconds of the processor, for all of it."""
    looked = Looked()
    try:
        with undisturbed(), limited(limit, patience=PATIENCE, most=limit):
            call = Call(
                function, Recipe(inspect.signature(function), {}), dict(arguments), {}, origin="observed"
            )
            ran = told_apart(separated(recorded_call(call)))
            names = names_of(ran, glossary_near(root))
            looked.listings = dict(_listings(shapes_of(ran, _entry(ran), names)))
            whole = recorded_on_values(ran)
            whole_names = names if whole is ran else names_of(whole, glossary_near(root))
            looked.signatures = dict(by_place(signatures_of(whole, whole_names)))
            if (entry := _entry(whole)) is None or (entry.file, entry.first) not in looked.signatures:
                looked.reason = _stopped(whole)
            if audit:
                looked.findings = tuple(found_of(each, root) for each in audited(call, ran, names))
    except OutOfTime as error:
        looked.reason = str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # ours or the project's, such as `pytest.skip`: never one in the program
        looked.reason = f"following it raised {first_line(error)}"
    return looked


def _entry(ran: Ran) -> Any:
    return ran.recorder.calls[0].source if ran.recorder.calls else None


def _stopped(ran: Ran) -> str:
    """Why a run has not come to the end of its call with symbols."""
    error = ran.error or (None if ran.trace is None else ran.trace.error)
    if error is None:
        return ""
    decided = decided_by_values(error)
    return f"following it stopped: {decided}" if decided else f"following it ended with {first_line(error)}"


def _listings(shapes: Shapes) -> Iterator[tuple[Place, Json]]:
    for function in shapes.functions:
        yield (function.file, function.first), stored(function, shapes)
