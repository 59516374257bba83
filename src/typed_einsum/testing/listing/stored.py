"""Listings as the folder `.typed-einsum` holds them: notes by line, without the source itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from typed_einsum.testing.listing.listing import AxisName, Line, Listed, Note
from typed_einsum.testing.listing.shapes import Shapes
from typed_einsum.testing.names.evidence import Kind

Json = Any


def stored(function: Listed, shapes: Shapes) -> Json:
    """What is kept of a function in a listing."""
    used = {word for line in function.lines for note in line.notes for word in _words(note.text)}
    axes = [axis for axis in shapes.axes if used & {*_words(axis.name)}]
    return {
        "extent": shapes.extent,
        "notes": {
            str(line.number): [[list(note.names), note.text] for note in line.notes]
            for line in function.lines
            if line.notes
        },
        "not_run": [line.number for line in function.lines if not line.ran],
        "axes": [[axis.name, axis.size, axis.origin] for axis in axes],
        "calls": function.calls,
        "signature": function.signature if _has_names(axes) else "",
        "last": function.lines[-1].number,
    }


def is_better(one: Json, other: Json) -> bool:
    """Whether a listing names as many axes of its function as another, and of as many tensors."""
    return _unknown(one) <= _unknown(other)


def _unknown(data: Json) -> tuple[int, int]:
    places = sum(origin.startswith(Kind.PLACE.word) for _, _, origin in data["axes"])
    return places, -sum(len(names) or 1 for notes in data["notes"].values() for names, _ in notes)


def _has_names(axes: Sequence[AxisName]) -> bool:
    return any(not axis.origin.startswith(Kind.PLACE.word) for axis in axes)


def _words(text: str) -> list[str]:
    return "".join(letter if letter.isalnum() or letter == "_" else " " for letter in text).split()


def listed(data: Json, name: str, file: str, lines: Sequence[str], first: int) -> Listed:
    """A function with its notes, beside the source in a file."""
    notes, not_run = data["notes"], {*data["not_run"]}
    rows = [
        Line(number, lines[number - 1], number not in not_run, _notes(notes.get(str(number), ())))
        for number in range(first, min(int(data["last"]), len(lines)) + 1)
    ]
    return Listed(name, file, first, tuple(rows), int(data["calls"]))


def _notes(data: Iterable[Json]) -> tuple[Note, ...]:
    return tuple(Note(tuple(names), text) for names, text in data)


def axes_in(data: Json) -> tuple[AxisName, ...]:
    """The axes of a listing."""
    return tuple(AxisName(name, size, origin) for name, size, origin in data["axes"])
