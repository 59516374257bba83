"""The plan of a subject: the one that runs for its sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from typed_einsum.derivation.subject import Subject
from typed_einsum.equation.equation import Equation, is_spread
from typed_einsum.plan import Path, Plan, Value, contraction_path, plan_operand, plan_operands
from typed_einsum.plan.price import UNKNOWN_SIZE, price

# These two, and the choice that they make, are those of the contraction itself; a test holds both together.
LONG = 400
MUCH = 2.0


def planned(subject: Subject, names: Sequence[str]) -> tuple[Plan, Path]:
    """The plan that runs for these sizes, and its path."""
    equation, spread = subject.equation, dict(subject.spread)
    sizes = {index.part: index.size for index in subject.indices if index.size is not None}
    if len(names) <= 2 and not spread:
        plan, path = make_plan(equation, {}, {}, names)
        if not _depends_on_sizes(equation, plan):
            return plan, path
    return make_plan(equation, spread, sizes, names)


def make_plan(
    equation: Equation, spread: Mapping[str, int], sizes: Mapping[str, int], names: Sequence[str]
) -> tuple[Plan, Path]:
    """The plan of an equation whose variadic axes have these ranks, and its path."""
    values = [
        Value(variable, tuple((part,) for name in keys for part in parts_of(name, spread)))
        for variable, keys in zip(names, equation.operand_keys, strict=True)
    ]
    output = [part for name in equation.output_keys for part in parts_of(name, spread)]
    maximised = [part for name in equation.maximised for part in parts_of(name, spread)]
    if len(values) == 1:
        return plan_operand(values[0], output, maximised), ()
    letters = [value.letters for value in values]
    every = {part: sizes.get(part, UNKNOWN_SIZE) for row in letters for part in row}
    path = ((0, 1),) if len(values) == 2 else contraction_path(letters, [*output, *maximised], every)
    return plan_operands(values, output, maximised, path, sizes), path


def parts_of(name: str, spread: Mapping[str, int]) -> list[str]:
    """The single axes that a name stands for, as the plan calls them."""
    return [f"{name}.{i}" for i in range(spread[name])] if is_spread(name) else [name]


def _depends_on_sizes(equation: Equation, plan: Plan) -> bool:
    """Whether a long axis in one operand would make another plan so much cheaper that sizes must choose."""
    if len(plan.operands) != 2:
        return False
    left, right = (set(operand.letters) for operand in plan.operands)
    for own in (left - right, right - left):
        sizes = dict.fromkeys(own, LONG)
        other, _ = make_plan(equation, {}, sizes, [operand.name for operand in plan.operands])
        costs = [price(found.steps, found.operands, sizes) for found in (plan, other)]
        if costs[0] > MUCH * costs[1]:
            return True
    return False
