"""The subscripts of `torch.einsum` for an equation, for operands that no plan covers.

Axis names become letters; `*batch` and `...` take as many letters as the tensors have axes there, so two of
them in one equation are no problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_letters

from typed_einsum.diagnostics import Diagnostic
from typed_einsum.equation.axes import Variadic
from typed_einsum.equation.equation import ContractionAxis, Equation, name_of
from typed_einsum.errors import EquationError


@dataclass(frozen=True, slots=True)
class Subscripts:
    """One `torch.einsum` and the output axes that are maximised after it (always its last ones)."""

    text: str
    maximised: int


def subscripts(equation: Equation, ranks: Mapping[str, int]) -> Subscripts:
    """Spell an equation for tensors whose variadic axes have these ranks. Raises TE116 beyond 52 axes."""
    letters: dict[tuple[str, int], str] = {}

    def spell(axes: tuple[ContractionAxis, ...]) -> str:
        return "".join(_letter(part, letters) for axis in axes for part in _parts(axis, ranks))

    operands = [spell(axes) for axes in equation.operands]
    kept = spell(equation.output)
    by_name = {name_of(axis): axis for axes in equation.operands for axis in axes}
    last = spell(tuple(by_name[name] for name in equation.maximised))
    return Subscripts(f"{','.join(operands)}->{kept}{last}", len(last))


def _parts(axis: ContractionAxis, ranks: Mapping[str, int]) -> list[tuple[str, int]]:
    name = name_of(axis)
    return [(name, i) for i in range(ranks[name])] if isinstance(axis, Variadic) else [(name, -1)]


def _letter(part: tuple[str, int], letters: dict[tuple[str, int], str]) -> str:
    if part not in letters:
        if len(letters) == len(ascii_letters):
            summary = (
                f"these tensors have more than {len(ascii_letters)} distinct axes; torch can contract no more"
            )
            raise EquationError(Diagnostic("TE116", summary, help="merge axes that stay together first"))
        letters[part] = ascii_letters[len(letters)]
    return letters[part]
