"""Judges one call: what is wrong with it, and for which sizes that is known."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from typed_einsum.diagnostics import Place
from typed_einsum.locations import definition_place
from typed_einsum.testing.audit import Finding
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.contracts.promises import Promises

Extent = Literal["all sizes", "these sizes", "not judged"]

NONE = Promises()


@dataclass(frozen=True)
class Judgement:
    """What is found of a call, and how far it reaches.

    Attributes: `name`, `file` and `line` of the function. `extent` is `"all sizes"` where torch's symbolic
    shapes were followed: the annotations hold for every size that the `conditions` allow, on the path that
    the call took. It is `"these sizes"` where the call ran at `sizes` alone, and `"not judged"` where it did
    not; `reason` says why. `findings` are what is wrong.
    """

    name: str
    file: str
    line: int
    extent: Extent
    conditions: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    reason: str = ""


def judge(call: Call, promises: Promises = NONE) -> Judgement:
    """Everything that is found of a call."""
    function = inspect.unwrap(call.function)
    place = definition_place(function) or Place(inspect.getfile(function), 1)
    name = getattr(function, "__qualname__", str(function)).rpartition("<locals>.")[2]
    return Judgement(name, place.file, place.line, "not judged", reason="not implemented")
