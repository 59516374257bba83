"""What kinds of values a parameter was passed in all calls, as an annotation whose axes have no names yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from typed_einsum.equation.axes import ELLIPSIS
from typed_einsum.testing.annotate.hints import Hint, Listed, Maybe, Plain, Shaped, Tupled, kind_of
from typed_einsum.testing.observe.values import MOST_ITEMS

Json = Any
Path = tuple[str, ...]

EACH = "*"
"""The step of a path that goes to every item of a container."""

ELLIPSIS_AT = 1 << 16
"""The number, among the axes, of the `...` that stands for axes that are there in some calls only."""

PLAIN = ("int", "float", "bool", "str")


class CannotSay(Exception):
    """No annotation can say what was passed; the text says why."""


def structure_of(values: Sequence[Json], *, is_star: bool = False) -> Hint | None:
    """The annotation for these values, axes by their numbers; None where no tensor is in them.

    Raises `CannotSay`. `is_star`: of what `*args` collects, the annotation speaks of each.
    """
    if not any(map(has_tensor, values)):
        return None
    if is_star:
        items = [item for value in values for item in _items(value)]
        return _of(items)
    return _of(list(values))


def has_tensor(value: Json) -> bool:
    """Whether what is told of a value says of a tensor."""
    return isinstance(value, dict) and ("tensor" in value or any(map(has_tensor, _items(value))))


def _items(value: Json) -> list[Json]:
    return list(value.get("items", {}).values()) if isinstance(value, dict) else []


def _of(values: list[Json]) -> Hint:
    present = [value for value in values if value is not None]
    if not present:
        raise CannotSay("a part of it was None in every call, and what else it may be is not known")
    hint = _of_present(present)
    return Maybe(hint) if len(present) < len(values) else hint


def _of_present(values: list[Json]) -> Hint:
    kinds = {_kind(value) for value in values}
    if kinds <= {"bool", "int"}:
        return Plain("bool" if kinds == {"bool"} else "int")
    if len(kinds) > 1:
        told = " and ".join(f"`{kind}`" for kind in sorted(kinds))
        raise CannotSay(f"it was {told} in different calls")
    match kinds.pop():
        case "Tensor":
            return _tensor(values)
        case "tuple":
            return _tuple(values)
        case "list":
            return Listed(_of([item for value in values for item in _items(value)]))
        case kind if kind in PLAIN:
            return Plain(kind)
        case kind:
            raise CannotSay(f"it holds tensors in a `{kind.rpartition('.')[2]}`")


def _kind(value: Json) -> str:
    match value:
        case bool():
            return "bool"
        case int():
            return "int"
        case {"tensor": _}:
            return "Tensor"
        case {"type": kind}:
            return str(kind)
    raise CannotSay(f"it was {value!r}")


def _tensor(values: list[Json]) -> Hint:
    kind, ranks = kind_of(value["tensor"] for value in values), {len(value["shape"]) for value in values}
    if len(ranks) > 1:
        return Shaped(kind, (ELLIPSIS, *map(str, range(-min(ranks), 0))))
    return Shaped(kind, tuple(map(str, range(ranks.pop()))))


def aligned_at_start(hint: Hint) -> Hint:
    """An annotation whose tensors of several ranks have their first axes in common, not the last."""
    match hint:
        case Shaped(kind, (first, *rest)) if first == ELLIPSIS:
            return Shaped(kind, (*map(str, range(len(rest))), ELLIPSIS))
        case Tupled(items, is_open):
            return Tupled(tuple(map(aligned_at_start, items)), is_open)
        case Listed(item):
            return Listed(aligned_at_start(item))
        case Maybe(inner):
            return Maybe(aligned_at_start(inner))
    return hint


def _tuple(values: list[Json]) -> Hint:
    lengths = {len(_items(value)) for value in values}
    if len(lengths) == 1 and lengths < {*range(1, MOST_ITEMS)}:
        return Tupled(tuple(_of(list(items)) for items in zip(*map(_items, values), strict=True)))
    return Tupled((_of([item for value in values for item in _items(value)]),), is_open=True)


def narrowed(hint: Hint, alike: Callable[[int], bool]) -> Hint:
    """An annotation of a tensor of several ranks with those axes that are `alike` in calls of all ranks.

    It is `b ...`, and not `b n ...`, where what follows `b` is a length in some calls and a window in others.
    """
    match hint:
        case Maybe(inner):
            return Maybe(narrowed(inner, alike))
        case Shaped(kind, axes) if ELLIPSIS in axes:
            named = [axis for axis in axes if axis != ELLIPSIS]
            outer = named if axes[-1] == ELLIPSIS else named[::-1]
            kept = [*takewhile(lambda axis: alike(int(axis)), outer)]
            return Shaped(kind, (*kept, ELLIPSIS) if axes[-1] == ELLIPSIS else (ELLIPSIS, *kept[::-1]))
    return hint


@dataclass(frozen=True)
class Found:
    """A tensor of a value: the path that an annotation has for it, its axes, and those that are spread.

    An axis is a size, or the text that a signature has for it, by the number that the annotation has for it.
    """

    path: Path
    axes: Mapping[int, Json]
    spread: tuple[Json, ...] | None


def tensors_in(value: Json, hint: Hint, *, is_star: bool = False) -> list[Found]:
    """The tensors of a value, as observed or in a signature, as far as they fit an annotation."""
    if is_star:
        return [found for item in _items(value) for found in _found(item, hint, (EACH,))]
    return _found(value, hint, ())


def _found(value: Json, hint: Hint, path: Path) -> list[Found]:
    if value is None:
        return []
    match hint:
        case Maybe(inner):
            return _found(value, inner, path)
        case Shaped(_, axes) if isinstance(value, dict):
            return _tensors(path, axes, value.get("shape", value.get("axes")))
        case Listed(item) | Tupled((item,), True):
            return [each for inner in _items(value) for each in _found(inner, item, (*path, EACH))]
        case Tupled(items, False) if isinstance(value, dict):
            inside = value.get("items", {})
            pairs = [(str(at), item) for at, item in enumerate(items)]
            return [each for at, item in pairs for each in _found(inside.get(at), item, (*path, at))]
    return []


def _tensors(path: Path, axes: tuple[str, ...], own: Sequence[Json] | None) -> list[Found]:
    if own is None:
        return []
    if ELLIPSIS not in axes:
        return [Found(path, dict(enumerate(own)), None)] if len(own) == len(axes) else []
    at, more = axes.index(ELLIPSIS), len(own) - len(axes) + 1
    if more < 0:
        return []
    named = {int(axis): own[int(axis)] for axis in axes if axis != ELLIPSIS}
    return [Found(path, named, tuple(own[at : at + more]))]


def with_axes(hint: Hint, texts: dict[tuple[Path, int], str], path: Path = ()) -> Hint:
    """An annotation whose axes have their texts. Raises `KeyError` for an axis of which nothing is known."""
    match hint:
        case Shaped(kind, axes):
            return Shaped(
                kind, tuple(texts[path, ELLIPSIS_AT if axis == ELLIPSIS else int(axis)] for axis in axes)
            )
        case Maybe(inner):
            return Maybe(with_axes(inner, texts, path))
        case Listed(item):
            return Listed(with_axes(item, texts, (*path, EACH)))
        case Tupled(items, True):
            return Tupled((with_axes(items[0], texts, (*path, EACH)),), is_open=True)
        case Tupled(items):
            return Tupled(tuple(with_axes(item, texts, (*path, str(at))) for at, item in enumerate(items)))
    return hint


def sizes_by_text(value: Json, hint: Hint) -> Iterator[tuple[str, int]]:
    """The sizes in a value that was observed, each with the text that an annotation has for the axis."""
    if value is None:
        return
    match hint:
        case Maybe(inner):
            yield from sizes_by_text(value, inner)
        case Shaped(_, axes) if isinstance(value, dict) and "shape" in value:
            own = value["shape"]
            spread = next((at for at, text in enumerate(axes) if text[:1] in ("*", ELLIPSIS[0])), None)
            if spread is None and len(own) == len(axes):
                yield from zip(axes, own, strict=True)
            elif spread is not None and len(own) >= len(axes) - 1:
                yield from zip(axes[:spread], own, strict=False)
                after = len(axes) - spread - 1
                yield from zip(axes[len(axes) - after :], own[len(own) - after :], strict=True)
        case Listed(item) | Tupled((item,), True):
            for each in _items(value):
                yield from sizes_by_text(each, item)
        case Tupled(items, False):
            for each, item in zip(_items(value), items, strict=False):
                yield from sizes_by_text(each, item)
