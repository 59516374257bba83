"""Which plan an equation gets: the plan that runs and the plan that is derived are the same object.

Names alone decide for one operand, for most pairs, and for all small pairs. Sizes decide for three operands
and more, and for large pairs in which a long axis, or one of size 1, can make another plan much cheaper. They
are rounded first, so that every call of one size bucket has one plan. Axes of size 1 leave the operands then,
as in torch.einsum, and come back in the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from functools import lru_cache
from math import prod
from types import MappingProxyType

from typed_einsum.equation.equation import Equation, is_spread
from typed_einsum.plan.best import best_product, can_stream
from typed_einsum.plan.builder import Builder
from typed_einsum.plan.pairs import Choice, contract_pair, forms_of_pair
from typed_einsum.plan.path import Path, contraction_paths
from typed_einsum.plan.price import UNKNOWN_SIZE, memory_of, price
from typed_einsum.plan.steps import Plan, Value

Spread = Mapping[str, int]
"""How many axes each `*name` and `...` of an equation stands for."""

NONE: Mapping[str, int] = MappingProxyType({})

SHORT, LONG, MANY = (2, 64), (512, 16), (128, 4)
"""Sizes at which plans are compared: of one axis and of all others, and of batch axes and of all others."""

WORK = 2**22
"""Plans are compared as well where all axes are equal, with so many multiplications."""

MORE, MUCH, MICROSECONDS = 1.1, 2.0, 4.0
"""Sizes decide where another plan is so much cheaper, by a factor and in all: to look at them takes a
microsecond of each call. The larger factor is for plans that are at least as good as torch.einsum anyway."""

LARGE = 2**15
"""The sizes of a pair are looked at beyond so many multiplications; with fewer, that is too dear."""


def plan_of(equation: Equation, spread: Spread = NONE, sizes: Mapping[str, int] = NONE) -> Plan:
    """The plan for axes of these sizes, by the names of single axes; `sizes` may lack some of them."""
    counted = sizes if is_chosen_by_sizes(equation, spread, sizes) else NONE
    return plan_for_bucket(equation, spread, counted)


def plan_for_bucket(equation: Equation, spread: Spread, sizes: Mapping[str, int]) -> Plan:
    """The plan for all calls of a size bucket."""
    return _plan(equation, _frozen(spread), _frozen({part: rounded(size) for part, size in sizes.items()}))


def is_chosen_by_sizes(equation: Equation, spread: Spread, sizes: Mapping[str, int]) -> bool:
    """Whether a call of these sizes has a plan of its own."""
    if not depends_on_sizes(equation, spread):
        return False
    parts = {part for operand in operands_of(equation, spread) for part in operand.letters}
    if can_be_small(equation, spread):
        return parts <= sizes.keys() and prod(sizes[part] for part in parts) > LARGE
    return True


def can_be_small(equation: Equation, spread: Spread = NONE) -> bool:
    """Whether calls with little work take the plan of the names even where sizes decide."""
    return len(equation.operands) == 2 and not spread


def depends_on_sizes(equation: Equation, spread: Spread = NONE) -> bool:
    """Whether sizes decide on the plan of an equation."""
    return _depends_on_sizes(equation, _frozen(spread))


def plan_along(equation: Equation, spread: Spread, sizes: Mapping[str, int], path: Path) -> Plan:
    """The plan that contracts pairs of operands in this order; each result joins at the end of the list."""
    operands = operands_of(equation, spread)
    output, maximised = _single_axes(equation, spread)
    wanted = {*output, *maximised}
    builder = Builder([operand.name for operand in operands])

    values = [builder.diagonals(operand) for operand in operands]
    ones = {part for part, size in sizes.items() if size == 1 and not equation.maximised}
    values = [builder.dropped(value, ones) for value in values]
    wanted -= ones
    if len(values) == 2 and can_stream(values[0], values[1], output, maximised):
        value = best_product(builder, values[0], values[1], output, maximised[0])
        maximised = []
    else:
        for first, second in path:
            left, right = values[first], values[second]
            values = [value for i, value in enumerate(values) if i not in (first, second)]
            kept = wanted.union(*(value.letters for value in values))
            order = (*(part for part in output if part not in ones), *maximised) if not values else None
            values.append(contract_pair(builder, left, right, kept, order, operands, sizes))
        value = builder.sum_except(values[0], wanted)
    value = builder.maximum(value, maximised) if maximised else value
    value = builder.permute(value, [part for part in output if part not in ones])
    value = builder.reshape(value, tuple((part,) for part in output))
    return Plan(tuple(operands), tuple(builder.steps), value, path)


def operands_of(equation: Equation, spread: Spread) -> list[Value]:
    """The operands as values of a plan: `operand_1`, `operand_2`, …"""
    return [
        Value(f"operand_{number}", tuple((part,) for name in names for part in parts_of(name, spread)))
        for number, names in enumerate(equation.operand_keys, 1)
    ]


def _single_axes(equation: Equation, spread: Spread) -> tuple[list[str], list[str]]:
    """The single axes of the output, and those of the maximum."""
    keys = (equation.output_keys, equation.maximised)
    output, maximised = ([part for name in names for part in parts_of(name, spread)] for names in keys)
    return output, maximised


def parts_of(name: str, spread: Spread) -> list[str]:
    """The single axes that a name stands for, as plans call them."""
    return [f"{name}.{i}" for i in range(spread[name])] if is_spread(name) else [name]


def rounded(size: int) -> int:
    """The size that stands for all sizes of as many binary digits."""
    return size if size < 2 else 3 << size.bit_length() - 2


def _frozen(mapping: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(mapping.items()))


@lru_cache(maxsize=1024)
def _plan(
    equation: Equation, spread: tuple[tuple[str, int], ...], sizes: tuple[tuple[str, int], ...]
) -> Plan:
    return _cheapest(equation, dict(spread), dict(sizes))


def _cheapest(equation: Equation, spread: Spread, sizes: Mapping[str, int]) -> Plan:
    """The cheapest of the plans along the paths with the least work."""
    letters = [operand.letters for operand in operands_of(equation, spread)]
    output, maximised = _single_axes(equation, spread)
    known = {part: sizes.get(part, UNKNOWN_SIZE) for row in letters for part in row}
    paths = contraction_paths(letters, [*output, *maximised], known)
    plans = [plan_along(equation, spread, sizes, path) for path in paths]
    if len(plans) == 1:
        return plans[0]
    return min(plans, key=lambda plan: price(plan.steps, memory_of(plan.operands), known).total)


@lru_cache(maxsize=1024)
def _depends_on_sizes(equation: Equation, spread: tuple[tuple[str, int], ...]) -> bool:
    if len(equation.operands) != 2:
        return len(equation.operands) > 2
    operands = operands_of(equation, dict(spread))
    output, maximised = _single_axes(equation, dict(spread))
    builder = Builder([operand.name for operand in operands])
    left, right = (builder.diagonals(operand) for operand in operands)
    wanted = (*output, *maximised)
    choice = forms_of_pair(builder, left, right, {*wanted}, wanted)
    if not choice.trials or can_stream(left, right, output, maximised):
        return False
    unknown = choice.costs(operands, {})
    chosen = unknown.index(min(unknown))
    much = MUCH if choice.is_sure(operands, chosen) else MORE
    both = set(left.letters) & set(right.letters)
    for sizes in _telling_sizes(sorted({*left.letters, *right.letters}), both & {*wanted}):
        if _is_dearer(choice.costs(operands, sizes), chosen, much):
            return True
    free = ({*left.letters} - both, {*right.letters} - both)
    return not maximised and any(
        _is_worse_with_ones(choice, chosen, operands, wanted, ones, sizes)
        for ones in free
        for sizes in _usual_sizes(sorted({*left.letters, *right.letters} - ones), both & {*wanted})
        if ones and {*left.letters, *right.letters} - ones
    )


def _is_dearer(costs: Sequence[float], chosen: int, much: float) -> bool:
    return costs[chosen] > much * min(costs) and costs[chosen] > min(costs) + MICROSECONDS


def _is_worse_with_ones(
    choice: Choice,
    chosen: int,
    operands: Sequence[Value],
    wanted: Sequence[str],
    ones: Set[str],
    sizes: Mapping[str, int],
) -> bool:
    """Whether a form is dear beside that of torch.einsum, which drops axes of size 1."""
    sizes = {**sizes, **dict.fromkeys(ones, 1)}
    builder = Builder([operand.name for operand in operands])
    left, right = (builder.dropped(builder.diagonals(operand), ones) for operand in operands)
    rest = [letter for letter in wanted if letter not in ones]
    without = forms_of_pair(builder, left, right, {*rest}, rest, only_torchs=True)
    if not without.trials:
        return False
    of_torch = without.price_of(0, operands, sizes)
    kept = choice.price_of(chosen, operands, sizes)
    return _is_dearer([of_torch.total, kept.beside(of_torch)], 1, MORE)


def _telling_sizes(letters: Sequence[str], batch: Set[str]) -> Iterator[dict[str, int]]:
    """Sizes at which one plan may be far cheaper than another."""
    yield from _usual_sizes(letters, batch)
    for letter in letters:
        for one, others in (SHORT, LONG):
            yield {**dict.fromkeys(letters, others), letter: one}


def _usual_sizes(letters: Sequence[str], batch: Set[str]) -> Iterator[dict[str, int]]:
    yield dict.fromkeys(letters, round(WORK ** (1 / max(1, len(letters)))))
    if batch:
        yield {letter: MANY[0] if letter in batch else MANY[1] for letter in letters}
