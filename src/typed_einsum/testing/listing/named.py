"""The names of the axes in a call that was recorded, from all evidence in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import permutations
from typing import Any

from typed_einsum.testing.listing.recorder import Recorded, Recorder
from typed_einsum.testing.listing.running import Ran
from typed_einsum.testing.listing.source import Source
from typed_einsum.testing.listing.values import Shape, Size, Value, settled, shapes_in
from typed_einsum.testing.names.evidence import Evidence, Kind
from typed_einsum.testing.names.gathering import expressions, from_code, of_glossary, sizes_held
from typed_einsum.testing.names.legends import aliases
from typed_einsum.testing.names.naming import Names


def names_of(ran: Ran, glossary: Mapping[str, str]) -> Names:
    """The names of all axes in a call, whose sizes become what they are known to be in the end."""
    recorder = ran.recorder
    held = [replace(each, size=ran.final(each.size)) for each in sizes_held(recorder.calls)]
    settle(recorder, ran)
    evidence: list[Evidence] = [
        *held,
        *recorder.held,
        *from_code(recorder.calls, recorder.equations),
        *of_glossary(recorder.calls, glossary),
    ]
    evidence += aliases(evidence)
    free = {symbol: place for symbol, place in ran.places.items() if ran.final(symbol) == symbol}
    given = [
        Evidence(symbol, place, Kind.ANNOTATION) for symbol, place in free.items() if place.isidentifier()
    ]
    written = expressions(recorder.calls, recorder.equations)
    sizes = {symbol: ran.seen[place] for symbol, place in free.items()}
    return Names(free, sizes, [*given, *evidence], written, kin(recorder.calls))


def symbol_names(ran: Ran, names: Names, entry: Source | None) -> dict[Any, str]:
    """The name of each symbol, also of one that turned out to be another, or a number."""
    return {symbol: names.text(ran.final(symbol), entry) for symbol in ran.places}


def kin(calls: Iterable[Recorded]) -> dict[Source, dict[int, list[Source]]]:
    """The functions in which a tensor of another has the same number, if no shape has it twice."""
    holders: dict[int, dict[Source, Shape]] = {}
    twice: set[tuple[Source, Size]] = set()
    for call in calls:
        for shape in (shape for value in call.values() for shape in shapes_in(value)):
            twice |= {(call.source, size) for size in shape.axes if shape.axes.count(size) > 1}
            if shape.tensor is not None:
                holders.setdefault(id(shape.tensor), {})[call.source] = shape
    found: dict[Source, dict[int, list[Source]]] = {}
    for sources in holders.values():
        for source, other in permutations(sources, 2):
            for size in sources[source].axes:
                if isinstance(size, int) and (source, size) not in twice:
                    found.setdefault(source, {}).setdefault(size, []).append(other)
    return found


def settle(recorder: Recorder, ran: Ran) -> None:
    """Replace all sizes that were recorded by what they are known to be in the end."""

    def settled_all(values: Mapping[str, Value]) -> dict[str, Value]:
        return {name: settled(value, ran.final) for name, value in values.items()}

    for call in recorder.calls:
        call.arguments = settled_all(call.arguments)
        call.result = settled(call.result, ran.final)
        for step in call.steps:
            step.values, step.numbers = settled_all(step.values), settled_all(step.numbers)  # type: ignore[assignment]
    recorder.equations = [
        replace(each, sides=tuple((text, settled(shape, ran.final)) for text, shape in each.sides))
        for each in recorder.equations
    ]
