"""The axes that a reduction was given as text, and those of them that it reduces."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from typed_einsum.equation.axes import Axis, is_variadic, key, spelled
from typed_einsum.scopes.text import AxesText


def name_of(axis: Axis) -> str:
    """The name of an axis in `over=` and in the axes of a mask."""
    return key(axis) or spelled(axis)


@dataclass(eq=False)
class ReducedAxes(AxesText):
    """The axes of a value, or of the mask of one; `over` are the positions in the text that are reduced."""

    over: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._has_one_rank = not any(is_variadic(axis) for axis in self.hint.axes)

    def parts(self, rank: int) -> list[tuple[str, int]]:
        """One entry for each axis of a tensor: its name, and the place under it for a `*name`."""
        several = rank - len(self.hint.axes) + 1
        return [
            (name_of(axis), place)
            for axis in self.hint.axes
            for place in range(several if is_variadic(axis) else 1)
        ]

    def positions(self, value: Tensor) -> tuple[int, ...]:
        """The positions to reduce in a value of any rank that the axes allow."""
        if self._has_one_rank:
            return self.over
        names = {name_of(self.hint.axes[index]) for index in self.over}
        return tuple(i for i, (name, _) in enumerate(self.parts(value.ndim)) if name in names)
