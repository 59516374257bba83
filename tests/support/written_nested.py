"""Writes annotations that nest containers, records and unions, and values for them.

What a value must be is known in two ways: a part of another type is wrong, and the tensors in it are judged
by jaxtyping and beartype as parameters of their own, since in a container beartype looks at one by chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, make_dataclass
from random import Random
from typing import Annotated, Any, NamedTuple, Optional

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

SIZES = {"a": 2, "b": 3, "c": 5}
AXES = ["a", "b", "c", "a", "b", "c", "#a", "_", "3", "2*a", "a+b", "..."]


class Wrong:
    """A value that is of no type that an annotation allows."""


@dataclass(frozen=True)
class Leaf:
    """One tensor, or a union of two."""

    annotation: Any
    texts: tuple[str, ...]
    dtypes: tuple[torch.dtype, ...]

    @property
    def is_union(self) -> bool:
        """Whether it is decided when all other names are known."""
        return len(self.texts) > 1

    @classmethod
    def write(cls, chance: Random) -> Leaf:
        """A tensor of up to three axes."""
        members, texts, dtypes = [], [], []
        for _ in range(2 if chance.random() < 0.15 else 1):
            words = [chance.choice(AXES) for _ in range(chance.randint(0, 3))]
            if words.count("...") > 1:
                words = [word for word in words if word != "..."]
            kind, dtype = chance.choice([(Float, torch.float32), (Int, torch.int64), (Num, torch.float32)])
            texts.append(" ".join(words))
            dtypes.append(dtype)
            members.append(kind[Tensor, texts[-1]])
        union = members[0] if len(members) == 1 else members[0] | members[1]
        return cls(union, tuple(texts), tuple(dtypes))

    def value(self, chance: Random, leaves: list[tuple[Leaf, Any]]) -> Any:
        """A tensor that fits in most cases."""
        which = chance.randrange(len(self.texts))
        sizes = [size for word in self.texts[which].split() for size in self._sizes(word, chance)]
        if sizes and chance.random() < 0.04:
            sizes[chance.randrange(len(sizes))] += chance.choice([-1, 1, 2])
        if chance.random() < 0.01:
            sizes.append(2)
        dtype = torch.bool if chance.random() < 0.01 else self.dtypes[which]
        tensor = torch.empty(sizes, dtype=dtype)
        leaves.append((self, tensor))
        return tensor

    @staticmethod
    def _sizes(word: str, chance: Random) -> list[int]:
        match word:
            case "...":
                return [4] * chance.randint(0, 2)
            case "_":
                return [chance.randint(1, 3)]
            case "#a":
                return [chance.choice([1, SIZES["a"]])]
            case "2*a":
                return [2 * SIZES["a"]]
            case "a+b":
                return [SIZES["a"] + SIZES["b"]]
            case "3":
                return [3]
            case name:
                return [SIZES[name]]


@dataclass(frozen=True)
class Node:
    """A container or a record with its parts."""

    kind: str
    annotation: Any
    parts: tuple[Leaf | Node, ...]
    record: Any = None

    @classmethod
    def write(cls, chance: Random, depth: int) -> Leaf | Node:
        """An annotation of up to some depth."""
        if depth == 0 or chance.random() < 0.25:
            return Leaf.write(chance)
        kind = chance.choice(
            ["list", "sequence", "dict", "mapping", "tuple", "tuples", "maybe", "noted", "named", "data"]
        )
        count = chance.randint(1, 3) if kind in ("tuple", "named", "data") else 1
        parts = tuple(cls.write(chance, depth - 1) for _ in range(count))
        inner = [part.annotation for part in parts]
        record: Any = None
        if kind in ("named", "data"):
            fields = [(f"f{index}", each) for index, each in enumerate(inner)]
            record = NamedTuple("Named", fields) if kind == "named" else make_dataclass("Data", fields)  # type: ignore[misc]
        annotation = {
            "list": lambda: list[inner[0]],  # type: ignore[valid-type]
            "sequence": lambda: Sequence[inner[0]],  # type: ignore[valid-type]
            "dict": lambda: dict[str, inner[0]],  # type: ignore[valid-type]
            "mapping": lambda: Mapping[str, inner[0]],  # type: ignore[valid-type]
            "tuple": lambda: tuple[tuple(inner)],  # type: ignore[misc]
            "tuples": lambda: tuple[inner[0], ...],  # type: ignore[valid-type]
            "maybe": lambda: Optional[inner[0]],  # noqa: UP045  (an annotation that is made)
            "noted": lambda: Annotated[inner[0], "a note"],
            "named": lambda: record,
            "data": lambda: record,
        }[kind]()
        return cls(kind, annotation, parts, record)

    def value(self, chance: Random, leaves: list[tuple[Leaf, Any]]) -> Any:
        """A value, its tensors added to `leaves`; `Wrong` in a few cases."""
        if chance.random() < 0.01:
            return Wrong()
        if self.kind == "maybe" and chance.random() < 0.3:
            return None
        count = 1 if self.kind in ("maybe", "noted") else chance.randint(0, 3)
        parts = self.parts if self.kind in ("tuple", "named", "data") else self.parts * count
        values = [part.value(chance, leaves) for part in parts]
        if any(isinstance(each, Wrong) for each in values) and self.kind in ("maybe", "noted"):
            return Wrong()
        match self.kind:
            case "list" | "sequence":
                return values
            case "dict" | "mapping":
                return {f"k{index}": each for index, each in enumerate(values)}
            case "tuple" | "tuples":
                return tuple(values)
            case "named" | "data":
                return self.record(*values)
            case _:
                return values[0]


def holds_wrong(value: Any) -> bool:
    """Whether a part of a value is of a wrong type."""
    if isinstance(value, Wrong):
        return True
    if isinstance(value, dict):
        return any(map(holds_wrong, value.values()))
    if isinstance(value, list | tuple):
        return any(map(holds_wrong, value))
    return any(map(holds_wrong, vars(value).values())) if hasattr(value, "__dataclass_fields__") else False
