"""Which plan an equation gets: the plan that runs and the plan that is derived are the same object.

Names alone decide for one operand and for most pairs. Sizes decide for three operands and more, and for
pairs in which a long axis can make another plan much cheaper. They are rounded first, so that every call of
one size bucket has one plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from functools import lru_cache
from types import MappingProxyType

from typed_einsum.equation.equation import Equation, is_spread
from typed_einsum.plan.best import best_product, can_stream
from typed_einsum.plan.builder import Builder
from typed_einsum.plan.pairs import contract_pair, forms_of_pair
from typed_einsum.plan.path import Path, contraction_path
from typed_einsum.plan.price import UNKNOWN_SIZE
from typed_einsum.plan.steps import Plan, Value

Spread = Mapping[str, int]
"""How many axes each `*name` and `...` of an equation stands for."""

NONE: Mapping[str, int] = MappingProxyType({})

SHORT, LONG, MANY = (2, 64), (512, 16), (128, 4)
"""Sizes at which plans are compared: of one axis and of all others, and of batch axes and of all others."""

WORK = 2**22
"""Plans are compared as well where all axes are equal, with so many multiplications."""

MORE, MUCH, MICROSECONDS = 1.3, 3.0, 4.0
"""Sizes decide where another plan is so much cheaper, by a factor and in all: to look at them takes a
microsecond of each call. The larger factor is for plans that are at least as good as torch.einsum anyway."""


def plan_of(equation: Equation, spread: Spread = NONE, sizes: Mapping[str, int] = NONE) -> Plan:
    """The plan for axes of these sizes, by the names of single axes; `sizes` may lack some of them."""
    counted = sizes if depends_on_sizes(equation, spread) else NONE
    return _plan(equation, _frozen(spread), _frozen({part: rounded(size) for part, size in counted.items()}))


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
    if len(values) == 2 and can_stream(values[0], values[1], output, maximised):
        value = best_product(builder, values[0], values[1], output, maximised[0])
        maximised = []
    else:
        for first, second in path:
            left, right = values[first], values[second]
            values = [value for i, value in enumerate(values) if i not in (first, second)]
            kept = wanted.union(*(value.letters for value in values))
            order = (*output, *maximised) if not values else None
            values.append(contract_pair(builder, left, right, kept, order, operands, sizes))
        value = builder.sum_except(values[0], wanted)
    value = builder.maximum(value, maximised) if maximised else value
    value = builder.permute(value, output)
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
    """The plan along the cheapest path."""
    letters = [operand.letters for operand in operands_of(equation, spread)]
    output, maximised = _single_axes(equation, spread)
    known = {part: sizes.get(part, UNKNOWN_SIZE) for row in letters for part in row}
    return plan_along(equation, spread, sizes, contraction_path(letters, [*output, *maximised], known))


@lru_cache(maxsize=1024)
def _depends_on_sizes(equation: Equation, spread: tuple[tuple[str, int], ...]) -> bool:
    if len(equation.operands) != 2:
        return len(equation.operands) > 2
    operands = operands_of(equation, dict(spread))
    output, maximised = _single_axes(equation, dict(spread))
    builder = Builder([operand.name for operand in operands])
    left, right = (builder.diagonals(operand) for operand in operands)
    choice = forms_of_pair(builder, left, right, {*output, *maximised}, (*output, *maximised))
    if not choice.trials or can_stream(left, right, output, maximised):
        return False
    unknown = choice.costs(operands, {})
    chosen = unknown.index(min(unknown))
    much = MUCH if choice.is_sure(operands, chosen) else MORE
    batch = set(left.letters) & set(right.letters) & {*output, *maximised}
    for sizes in _telling_sizes(sorted({*left.letters, *right.letters}), batch):
        costs = choice.costs(operands, sizes)
        if costs[chosen] > much * min(costs) and costs[chosen] > min(costs) + MICROSECONDS:
            return True
    return False


def _telling_sizes(letters: Sequence[str], batch: Set[str]) -> Iterator[dict[str, int]]:
    """Sizes at which one plan may be far cheaper than another."""
    yield dict.fromkeys(letters, round(WORK ** (1 / max(1, len(letters)))))
    if batch:
        yield {letter: MANY[0] if letter in batch else MANY[1] for letter in letters}
    for letter in letters:
        for one, others in (SHORT, LONG):
            yield {**dict.fromkeys(letters, others), letter: one}
