"""The forms of listings, signatures and values in a record: what was edited is refused by its place.

A form is a type, `[form]` for a list of any length, a tuple for a list of such parts, `{str: form}` for a
mapping from any names, a mapping with the names that must be there, or `Either` of several forms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any

Form = Any
Json = Any


@dataclass(frozen=True)
class Either:
    """One of several forms; a mapping is held to the first of which it has all names."""

    forms: tuple[Form, ...]
    called: str


LISTING: Form = {
    "extent": str,
    "signature": str,
    "notes": {str: [([str], str)]},
    "not_run": [int],
    "axes": [(str, int, str)],
    "calls": int,
    "last": int,
}

_inside: dict[Any, Form] = {}
VALUE = Either(({"dtype": str, "axes": [str]}, {"kind": str, "items": _inside}, NoneType), "a value, or null")
_inside[str] = VALUE

SIGNATURE: Form = {
    "arguments": {str: VALUE},
    "result": VALUE,
    "origins": {str: (str, str)},
}

_parts: dict[Any, Form] = {}
SEEN = Either(
    (
        {"tensor": str, "shape": [int]},
        {"type": str, "items": _parts},
        {"type": str},
        *(str, int, float, NoneType),
    ),
    "what was seen of a value",
)
_parts[str] = SEEN


def held_to(data: Json, form: Form, place: str) -> None:
    """Look at all of a value. Raises `TypeError` with the place at which it has another form."""
    for where, expected, got in _wrong(data, form, place):
        raise TypeError(f"`{where}`: expected {expected}, got {got!r:.60}")


def _wrong(data: Json, form: Form, place: str) -> Iterator[tuple[str, str, Json]]:
    match form:
        case Either(forms, called):
            chosen = next((each for each in forms if _may_be(data, each)), None)
            if chosen is None:
                yield place, called, data
            else:
                yield from _wrong(data, chosen, place)
        case type():
            if not isinstance(data, form):
                yield place, _words(form), data
        case [inner] if isinstance(form, list):
            if not isinstance(data, list | tuple):
                yield place, "a list", data
                return
            for at, each in enumerate(data):
                yield from _wrong(each, inner, f"{place}[{at}]")
        case tuple():
            yield from _wrong_parts(data, form, place)
        case _:
            yield from _wrong_fields(data, form, place)


def _wrong_parts(data: Json, form: Sequence[Form], place: str) -> Iterator[tuple[str, str, Json]]:
    if not isinstance(data, list | tuple) or len(data) != len(form):
        yield place, f"a list of {len(form)}", data
        return
    for at, (each, inner) in enumerate(zip(data, form, strict=True)):
        yield from _wrong(each, inner, f"{place}[{at}]")


def _wrong_fields(data: Json, form: Mapping[Any, Form], place: str) -> Iterator[tuple[str, str, Json]]:
    if not isinstance(data, Mapping):
        yield place, "a mapping", data
        return
    if str in form:
        for name, each in data.items():
            yield from _wrong(each, form[str], f"{place}.{name}")
        return
    for name, inner in form.items():
        if name not in data:
            yield place, f"a mapping with `{name}`", data
            return
        yield from _wrong(data[name], inner, f"{place}.{name}")


def _may_be(data: Json, form: Form) -> bool:
    if isinstance(form, type):
        return isinstance(data, form)
    return isinstance(data, Mapping) and all(name in data for name in form)


def _words(kind: type) -> str:
    return {"str": "a text", "int": "a whole number"}.get(kind.__name__, kind.__name__)
