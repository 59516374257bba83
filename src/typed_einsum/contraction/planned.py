"""From plan to running code: inline in the generated check, or one function for each rank and size bucket."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.compiler import is_dynamo_compiling

from typed_einsum.contraction.maximum import best_products
from typed_einsum.contraction.operands import Contraction
from typed_einsum.equation.equation import Equation, is_spread, spread_ranks
from typed_einsum.generated.checks import ShapeChecks
from typed_einsum.generated.compile import build
from typed_einsum.plan import Plan, Value, contraction_path, plan_operand, plan_operands
from typed_einsum.plan.price import price
from typed_einsum.plan.source import assigned, plan_lines
from typed_einsum.tensors import shape_of

MOST_KEPT = 256
"""Functions kept for the ranks and size buckets of one contraction; beyond that they are made again."""

OUTSIDE = {"torch": torch, "best_products": best_products}
"""What the source of a plan calls."""

LONG = 400
MUCH = 2.0
"""A plan is chosen by the sizes of each call where an axis this long can make another plan so much cheaper:
to look at the sizes takes a microsecond."""


def running_lines(
    contraction: Contraction, variables: Sequence[str], checks: ShapeChecks
) -> tuple[list[str], str]:
    """Lines that contract operands already checked, and the expression of the result.

    The plan stands in the lines themselves where it depends on names only. With `*batch` it depends on
    ranks, with three operands or more (and some pairs) on sizes: then the lines call a function that knows
    those.
    """
    equation = contraction.equation
    if has_broadcast(equation):
        return [], f"{checks.constant('run', contraction.run)}(({', '.join(variables)},))"
    by_size = True
    if len(variables) <= 2:
        planned = None if has_spread(equation) else make_plan(equation, {}, {}, variables)
        by_size = planned is not None and depends_on_sizes(equation, planned)
        if planned is not None and not by_size:
            return written(planned, checks, variables, checks.known)
    run = checks.constant("run", PlannedByShape(contraction, by_size))
    return [], f"{run}({', '.join(variables)})"


def runner(contraction: Contraction) -> Callable[..., Tensor]:
    """What contracts operands that the generated lines did not know, but that are right: made when needed."""
    made: list[Callable[..., Tensor]] = []

    def run(*operands: Tensor) -> Tensor:
        if has_broadcast(contraction.equation):
            return contraction.run(operands)
        if not made:
            made.append(PlannedByShape(contraction, by_size=_needs_sizes(contraction.equation)))
        return made[0](*operands)

    return run


def _needs_sizes(equation: Equation) -> bool:
    if len(equation.operands) > 2:
        return True
    variables = [f"operand_{index + 1}" for index in range(len(equation.operands))]
    return not has_spread(equation) and depends_on_sizes(equation, make_plan(equation, {}, {}, variables))


def has_spread(equation: Equation) -> bool:
    """Whether some name stands for any number of axes."""
    return any(is_spread(name) for name in equation.keys)


def written(
    planned: Plan, checks: ShapeChecks, variables: Sequence[str], sizes: Mapping[str, str]
) -> tuple[list[str], str]:
    """The lines of a plan under the names of a generated function."""
    names = {value.name: variable for value, variable in zip(planned.operands, variables, strict=True)}
    names = assigned(planned, names, checks.local)
    outside = {stem: checks.constant(stem, value) for stem, value in OUTSIDE.items()}
    return plan_lines(planned, names, sizes, outside)


def has_broadcast(equation: Equation) -> bool:
    """Whether some operand may repeat an axis of size 1; torch.einsum does that itself."""
    return any(axis.broadcast for axes in equation.operands for axis in axes)


def make_plan(
    equation: Equation, spread: Mapping[str, int], sizes: Mapping[str, int], variables: Sequence[str]
) -> Plan:
    """The plan of an equation whose variadic axes have these ranks; `sizes` are needed for a path."""
    values = [
        Value(variable, tuple((part,) for name in names for part in parts(name, spread)))
        for variable, names in zip(variables, equation.operand_keys, strict=True)
    ]
    output = [part for name in equation.output_keys for part in parts(name, spread)]
    maximised = [part for name in equation.maximised for part in parts(name, spread)]
    if len(values) == 1:
        return plan_operand(values[0], output, maximised)
    letters = [value.letters for value in values]
    path = ((0, 1),) if len(values) == 2 else contraction_path(letters, [*output, *maximised], sizes)
    return plan_operands(values, output, maximised, path, sizes)


def depends_on_sizes(equation: Equation, planned: Plan) -> bool:
    """Whether sizes decide which of two operands is better copied: long axes in one change the plan much."""
    if len(planned.operands) != 2:
        return False
    left, right = (set(operand.letters) for operand in planned.operands)
    for own in (left - right, right - left):
        sizes = dict.fromkeys(own, LONG)
        other = make_plan(equation, {}, sizes, [operand.name for operand in planned.operands])
        if cost(planned, sizes) > MUCH * cost(other, sizes):
            return True
    return False


def cost(planned: Plan, sizes: Mapping[str, int]) -> float:
    """The price of a plan where some sizes are known."""
    return price(planned.steps, planned.operands, sizes)


def parts(name: str, spread: Mapping[str, int]) -> list[str]:
    """The single axes that a name stands for."""
    return [f"{name}.{i}" for i in range(spread[name])] if is_spread(name) else [name]


class PlannedByShape:
    """Runs the plan for the ranks and, from three operands on, the rounded sizes of the operands."""

    def __init__(self, contraction: Contraction, by_size: bool) -> None:
        self.contraction = contraction
        self._functions: dict[Any, Callable[..., Tensor]] = {}
        self._by_size = by_size

    def __call__(self, *operands: Tensor) -> Tensor:
        """Contract operands already checked."""
        if is_dynamo_compiling():  # a trace has no sizes to plan by; Inductor plans again anyway
            return self.contraction.run(operands)
        try:
            bucket = self._bucket(operands)
        except AttributeError:  # symbolic sizes have no bit_length
            return self.contraction.run(operands)
        function = self._functions.get(bucket)
        if function is None:
            function = self._made(operands, bucket)
        return function(*operands)

    def _bucket(self, operands: Sequence[Tensor]) -> Any:
        if self._by_size:
            return tuple([size.bit_length() for operand in operands for size in shape_of(operand)])
        return tuple([operand.ndim for operand in operands])

    def _made(self, operands: Sequence[Tensor], bucket: Any) -> Callable[..., Tensor]:
        if len(self._functions) >= MOST_KEPT:
            self._functions.clear()
        shapes = [shape_of(operand) for operand in operands]
        function = planned_function(self.contraction.equation, shapes, by_size=self._by_size)
        self._functions[bucket] = function
        return function


def planned_function(
    equation: Equation, shapes: Sequence[tuple[int, ...]], *, by_size: bool
) -> Callable[..., Tensor]:
    """A function that contracts operands of these ranks, or also of such sizes, checked before."""
    spread = spread_ranks(equation, [len(shape) for shape in shapes])
    letters = [[part for name in names for part in parts(name, spread)] for names in equation.operand_keys]
    sizes = {
        letter: size
        for row, shape in zip(letters, shapes, strict=True)
        for letter, size in zip(row, shape, strict=True)
    }
    variables = [f"operand_{index + 1}" for index in range(len(shapes))]
    planned = make_plan(equation, spread, sizes if by_size else {}, variables)
    checks = ShapeChecks("_", {})
    local = {letter: checks.local() for letter in sizes}
    unpacks = [
        f"({''.join(f'{local[letter]}, ' for letter in row)}) = {variable}.shape"
        for row, variable in zip(letters, variables, strict=True)
    ]
    before, result = written(planned, checks, variables, local)
    body = [*unpacks, *before, f"return {result}"]
    lines = [f"def contract({', '.join(variables)}):", *(f"    {line}" for line in body)]
    return build("contract", lines, checks.namespace)[0]
