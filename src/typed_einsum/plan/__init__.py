"""The plan: the sequence of tensor operations that carries out a contraction.

Axes are first classified for each pair of operands: batch (in both and kept), contracted (in both and
summed), left and right (in one). A pair with contracted axes becomes one matrix product between permutes and
reshapes, a pair without becomes one product of aligned operands. Of the equivalent forms the cheapest is
taken, by a rough price for each operation. A maximum over one axis of one operand is a step of its own, in
which the products never exist all at once. The steps know axes by name only; sizes come when they run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from typed_einsum.plan.best import best_product, can_stream
from typed_einsum.plan.builder import Builder
from typed_einsum.plan.pairs import contract_pair
from typed_einsum.plan.path import Path, contraction_path
from typed_einsum.plan.steps import Plan, Value

__all__ = ["Path", "Plan", "Value", "contraction_path", "plan_operand", "plan_operands"]


def plan_operand(operand: Value, output: Sequence[str], maximised: Sequence[str]) -> Plan:
    """The plan for one operand: diagonals, sums, a permute."""
    builder = Builder([operand.name])
    value = builder.diagonals(operand)
    value = builder.sum_except(value, {*output, *maximised})
    return _finished(builder, (operand,), value, output, maximised)


def plan_operands(
    operands: Sequence[Value],
    output: Sequence[str],
    maximised: Sequence[str],
    path: Path,
    sizes: Mapping[str, int] = MappingProxyType({}),
) -> Plan:
    """The plan for two operands or more. `path` names pairs; each result joins at the end.

    `sizes` may lack names. It decides which of two operands is copied, where one must be.
    """
    builder = Builder([operand.name for operand in operands])
    values = [builder.diagonals(operand) for operand in operands]
    if len(values) == 2 and can_stream(values[0], values[1], output, maximised):
        value = best_product(builder, values[0], values[1], output, maximised[0])
        return _finished(builder, tuple(operands), value, output, ())
    wanted = {*output, *maximised}
    for first, second in path:
        left, right = values[first], values[second]
        values = [value for i, value in enumerate(values) if i not in (first, second)]
        kept = wanted.union(*(value.letters for value in values))
        order = (*output, *maximised) if not values else None
        values.append(contract_pair(builder, left, right, kept, order, sizes))
    return _finished(builder, tuple(operands), values[0], output, maximised)


def _finished(
    builder: Builder,
    operands: tuple[Value, ...],
    value: Value,
    output: Sequence[str],
    maximised: Sequence[str],
) -> Plan:
    value = builder.maximum(value, maximised) if maximised else value
    value = builder.permute(value, output)
    return Plan(operands, tuple(builder.steps), value)
