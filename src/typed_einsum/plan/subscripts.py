"""The subscripts of `torch.einsum` for an equation, for operands that no plan covers.

Axis names become letters; `*batch` and `...` take as many letters as the tensors have axes there, so one
equation may have both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_letters

from typed_einsum.diagnostics import Diagnostic
from typed_einsum.equation.axes import Variadic
from typed_einsum.equation.equation import ContractionAxis, Equation, name_of
from typed_einsum.errors import EquationError
from typed_einsum.plan.path import contraction_paths
from typed_einsum.plan.price import UNKNOWN_SIZE


@dataclass(frozen=True, slots=True)
class Subscripts:
    """One `torch.einsum` and the output axes that are maximised after it (always its last ones)."""

    text: str
    maximised: int


def subscripts(equation: Equation, ranks: Sequence[int]) -> Subscripts:
    """Spell an equation for operands of these ranks. Raises TE116 beyond 52 axes.

    Where operands have fewer axes than others under one `*#name`, theirs are the last of them.
    """
    letters: dict[tuple[str, int], str] = {}
    own = [_spread(axes, rank) for axes, rank in zip(equation.operands, ranks, strict=True)]
    widest = {name: max(row.get(name, 0) for row in own) for row in own for name in row}

    def spell(axes: tuple[ContractionAxis, ...], spread: Mapping[str, int]) -> str:
        parts = [part for axis in axes for part in _parts(name_of(axis), spread, widest)]
        return "".join(_letter(part, letters) for part in parts)

    operands = [spell(axes, spread) for axes, spread in zip(equation.operands, own, strict=True)]
    kept = spell(equation.output, widest)
    by_name = {name_of(axis): axis for axes in equation.operands for axis in axes}
    last = spell(tuple(by_name[name] for name in equation.maximised), widest)
    return Subscripts(f"{','.join(operands)}->{kept}{last}", len(last))


@lru_cache(maxsize=1024)
def pairs_of(text: str) -> tuple[tuple[str, int, int], ...]:
    """The subscripts of each pair on the path for unknown sizes, and the places of the two values.

    The two leave the list of values, and their result joins at its end.
    """
    inputs, output = text.split("->")
    values = inputs.split(",")
    path = contraction_paths(values, output, dict.fromkeys("".join(values), UNKNOWN_SIZE))[0]
    pairs: list[tuple[str, int, int]] = []
    for first, second in path:
        left, right = values[first], values[second]
        values = [value for index, value in enumerate(values) if index not in (first, second)]
        wanted = {*output, *"".join(values)}
        kept = "".join(letter for letter in dict.fromkeys(left + right) if letter in wanted)
        values.append(kept if values else output)
        pairs.append((f"{left},{right}->{values[-1]}", first, second))
    return tuple(pairs)


def _spread(axes: tuple[ContractionAxis, ...], rank: int) -> dict[str, int]:
    return {name_of(axis): rank - len(axes) + 1 for axis in axes if isinstance(axis, Variadic)}


def _parts(name: str, spread: Mapping[str, int], widest: Mapping[str, int]) -> list[tuple[str, int]]:
    if name not in widest:
        return [(name, -1)]
    return [(name, i) for i in range(widest[name] - spread[name], widest[name])]


def _letter(part: tuple[str, int], letters: dict[tuple[str, int], str]) -> str:
    if part not in letters:
        if len(letters) == len(ascii_letters):
            summary = (
                f"these tensors have more than {len(ascii_letters)} distinct axes; torch can contract no more"
            )
            raise EquationError(Diagnostic("TE116", summary, help="merge axes that stay together first"))
        letters[part] = ascii_letters[len(letters)]
    return letters[part]
