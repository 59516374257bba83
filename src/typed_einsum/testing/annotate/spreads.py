"""Axes that some calls alone have: `...`, or one name such as `*batch` where several tensors have them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from typed_einsum.equation.axes import ELLIPSIS
from typed_einsum.testing.annotate.structure import Found

Place = tuple[str, tuple[str, ...]]
"""A parameter, or `return`, and the path to the tensor in it."""

Spread = tuple[object, ...]

NAME = "batch"


def spread_texts(told: Mapping[Place, Sequence[Spread | None]], taken: Collection[str]) -> dict[Place, str]:
    """What is written for the axes that only some calls have.

    `told` says what they are in each call, None where a call has no such tensor; `taken` are names of axes.
    """
    groups: list[list[Place]] = []
    for place, own in told.items():
        joined = next((group for group in groups if all(_are_one(told[each], own) for each in group)), None)
        if joined is None:
            groups.append([place])
        else:
            joined.append(place)
    texts, names = dict[Place, str](), _free(taken)
    for group in groups:
        text = ELLIPSIS if len(group) == 1 else f"*{next(names)}"
        texts |= dict.fromkeys(group, text)
    return texts


def are_alike(told: Sequence[tuple[Found, Mapping[str, Sequence[Sequence[Any]]]]], at: int) -> bool:
    """Whether calls of different ranks have one name for an axis of a tensor.

    `told` are the tensors of these calls, with the names that each call has for its labels.
    """
    names: dict[int, set[str]] = {}
    for tensor, said in told:
        label = tensor.axes.get(at, "")
        known = said.get(label, ())
        near = {each[0] for each in (*known[:1], *(each for each in known if each[5]))}
        names.setdefault(len(tensor.spread or ()), set()).update({label, *near})
    return not names or bool(set.intersection(*names.values()))


def _are_one(one: Sequence[Spread | None], other: Sequence[Spread | None]) -> bool:
    both = [(a, b) for a, b in zip(one, other, strict=True) if a is not None and b is not None]
    return any(a for a, _ in both) and all(a == b for a, b in both)


def _free(taken: Collection[str]) -> Iterator[str]:
    names = (f"{NAME}{'' if number == 1 else number}" for number in count(1))
    return (name for name in names if name not in taken)
