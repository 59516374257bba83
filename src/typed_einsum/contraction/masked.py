"""`max=` with `where=`: masks that say which entries take part in the maximum, with their axes by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod

import torch
from torch import Tensor
from torch.compiler import is_dynamo_compiling

from typed_einsum.contraction.masks import axis_name
from typed_einsum.contraction.maximum import best_products
from typed_einsum.contraction.maximum.tiles import least
from typed_einsum.contraction.operands import Contraction
from typed_einsum.contraction.planned import Run, planned_function, runner
from typed_einsum.equation.axes import Axis
from typed_einsum.equation.equation import Equation, is_spread, name_of, spread_ranks
from typed_einsum.plan import operands_of, plan_of
from typed_einsum.plan.choice import Spread, parts_of
from typed_einsum.plan.steps import BestProduct, Group
from typed_einsum.tensors import device_of, dtype_of, shape_of


@dataclass(frozen=True)
class Letters:
    """The single axes of each operand, of each mask, and of all scores: the output's, then the maximum's."""

    operands: tuple[Group, ...]
    masks: tuple[Group, ...]
    output: Group
    maximised: Group


@dataclass(eq=False)
class Masked:
    """An equation with masks, ready to run on operands and masks that were checked."""

    contraction: Contraction
    masks: tuple[tuple[Axis, ...], ...]

    def __post_init__(self) -> None:
        equation = self.contraction.equation
        scores = replace(self.contraction, equation=_without_maximum(equation), _subscripts={})
        self._scores = runner(scores)
        self._scores_in_trace = scores.run
        self._spreads = any(is_spread(name) for name in equation.keys)
        self._broadcasts = any(axis.broadcast for axes in equation.operands for axis in axes)
        self._streamed = None if self._spreads or self._broadcasts else self._streamed_of({})

    def run(self, operands: Sequence[Tensor], masks: Sequence[Tensor]) -> Tensor:
        """The best of what the masks keep; 0 where they keep nothing."""
        equation = self.contraction.equation
        spread = spread_ranks(equation, [operand.ndim for operand in operands]) if self._spreads else {}
        streamed = self._streamed
        if self._spreads and not self._broadcasts and not is_dynamo_compiling():
            streamed = self._streamed_of(spread)
        if streamed is not None:
            return streamed(operands, masks)
        return self._all_at_once(operands, masks, self._letters(spread))

    def _letters(self, spread: Spread) -> Letters:
        def parts(names: Sequence[str]) -> Group:
            return tuple(part for name in names for part in parts_of(name, spread))

        equation = self.contraction.equation
        return Letters(
            tuple(operand.letters for operand in operands_of(equation, spread)),
            tuple(parts([axis_name(axis) for axis in axes]) for axes in self.masks),
            parts(equation.output_keys),
            parts(equation.maximised),
        )

    def _streamed_of(self, spread: Spread) -> Callable[..., Tensor] | None:
        """A function that never holds all products, where each mask is one of rows or of columns."""
        plan = plan_of(self.contraction.equation, spread)
        step = next((step for step in plan.steps if isinstance(step, BestProduct)), None)
        if step is None:
            return None
        letters = self._letters(spread)
        of_rows, of_columns = step.rows.axes[:3], (step.columns.axes[0], step.columns.axes[2])
        sides = [_side(mask, of_rows, of_columns) for mask in letters.masks]
        if None in sides:
            return None
        contract = planned_function(plan, best="best")

        def run(operands: Sequence[Tensor], masks: Sequence[Tensor]) -> Tensor:
            sizes = {
                letter: size
                for names, operand in zip(letters.operands, operands, strict=True)
                for letter, size in zip(names, shape_of(operand), strict=True)
            }
            kept: dict[str, Tensor] = {}
            for mask, names, side in zip(masks, letters.masks, sides, strict=True):
                assert side is not None
                groups = of_rows if side == "allowed_rows" else of_columns
                arranged = _arranged(mask, names, groups, sizes)
                kept[side] = kept[side] & arranged if side in kept else arranged
            return contract(partial(best_products, **kept), *operands)

        return run

    def _all_at_once(self, operands: Sequence[Tensor], masks: Sequence[Tensor], letters: Letters) -> Tensor:
        """The same from all scores: for several maximised axes, or a mask that joins both operands."""
        every = (*letters.output, *letters.maximised)
        kept = torch.ones((1,) * len(every), dtype=torch.bool, device=device_of(operands[0]))
        for mask, names in zip(masks, letters.masks, strict=True):
            kept = kept & _fitted(mask, names, every)
        run: Run = (lambda *each: self._scores_in_trace(each)) if is_dynamo_compiling() else self._scores
        pairs = zip(operands, letters.operands, strict=True)
        scores = run(*[_cleared(operand, names, kept, every) for operand, names in pairs])
        kept = kept.expand(shape_of(scores))
        last = tuple(range(-len(letters.maximised), 0))
        best = torch.where(kept, scores, least(dtype_of(scores)))
        best = best.max(-1).values if len(last) == 1 and best.requires_grad else best.amax(last)
        return best.masked_fill(~kept.flatten(last[0]).any(-1), 0)


def _without_maximum(equation: Equation) -> Equation:
    axes = {name_of(axis): axis for row in equation.operands for axis in row}
    output = (*equation.output, *(axes[name] for name in equation.maximised))
    return replace(equation, output=output, maximised=())


def _side(mask: Group, of_rows: Sequence[Group], of_columns: Sequence[Group]) -> str | None:
    """Which side of the products a mask belongs to, or None where it joins both."""
    for side, groups in (("allowed_rows", of_rows), ("allowed_columns", of_columns)):
        if set(mask) <= {letter for group in groups for letter in group}:
            return side
    return None


def _arranged(mask: Tensor, held: Group, groups: Sequence[Group], sizes: Mapping[str, int]) -> Tensor:
    """The mask with one axis for each group of axes."""
    order = tuple(letter for group in groups for letter in group)
    whole = _fitted(mask, held, order).expand([sizes[letter] for letter in order])
    return whole.reshape([prod([sizes[letter] for letter in group]) for group in groups])


def _fitted(mask: Tensor, held: Group, wanted: Group) -> Tensor:
    """The mask with its axes in the order wanted, and an axis of size 1 for each that it lacks.

    A letter wanted twice, of a diagonal, takes the axis of the mask where it stands first.
    """
    taken = [letter in held and letter not in wanted[:place] for place, letter in enumerate(wanted)]
    order = [held.index(letter) for letter, is_taken in zip(wanted, taken, strict=True) if is_taken]
    return mask.permute(order)[tuple(slice(None) if is_taken else None for is_taken in taken)]


def _cleared(operand: Tensor, names: Group, kept: Tensor, every: Group) -> Tensor:
    """The operand with 0 where it takes part in nothing: a gradient of 0 times NaN would be NaN."""
    others = tuple(i for i, letter in enumerate(every) if letter not in names)
    some = kept.any(others) if others else kept
    held = tuple(letter for letter in every if letter in names)
    return operand.masked_fill(~_fitted(some, held, names), 0)
