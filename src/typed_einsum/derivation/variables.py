"""Names in the code of a derivation: one for each tensor, one for each axis, none of them twice."""

from __future__ import annotations

import builtins
import keyword
from dataclasses import dataclass

from typed_einsum.derivation.subject import Subject

RESERVED = {*keyword.kwlist, *dir(builtins), "torch", "einsum", "total", "best", "inner", "winners", "view"}


@dataclass(frozen=True)
class Variables:
    """The variable of every tensor, in order, of the result, and of every axis by its label."""

    operands: tuple[str, ...]
    result: str
    axes: dict[str, str]

    def fresh(self, stem: str) -> str:
        """A variable that nothing else has."""
        return _free(stem, {*self.operands, self.result, *self.axes.values()})


def variables(subject: Subject) -> Variables:
    """The tensors keep their names where Python allows it; an axis gives way to a tensor."""
    taken: set[str] = set()
    tensors = []
    for tensor in (*subject.operands, subject.result):
        tensors.append(_free(tensor.symbol, taken))
        taken.add(tensors[-1])
    axes = {}
    for index in subject.indices:
        axes[index.label] = _free(index.label, taken)
        taken.add(axes[index.label])
    return Variables(tuple(tensors[:-1]), tensors[-1], axes)


def _free(name: str, taken: set[str]) -> str:
    while name in RESERVED or name in taken:
        name += "_"
    return name
