"""From plan to running code: inline in the generated check, or one function for each rank and size bucket."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

import torch
from torch import Tensor
from torch.compiler import is_dynamo_compiling

from typed_einsum.contraction.maximum import best_products
from typed_einsum.contraction.operands import Contraction
from typed_einsum.equation.equation import Equation, is_spread, spread_ranks
from typed_einsum.generated.checks import ShapeChecks
from typed_einsum.generated.compile import build
from typed_einsum.plan import (
    LARGE,
    Plan,
    can_be_small,
    depends_on_sizes,
    operands_of,
    plan_for_bucket,
    plan_of,
)
from typed_einsum.plan.source import assigned, plan_lines
from typed_einsum.tensors import shape_of

MOST_KEPT = 256
"""Functions kept for the ranks or size buckets of one contraction; beyond that all are made again."""

OUTSIDE = {"torch": torch, "best_products": best_products}
"""What the source of a plan calls."""

Run = Callable[..., Tensor]

digits_of = int.bit_length


def running_lines(
    contraction: Contraction,
    variables: Sequence[str],
    checks: ShapeChecks,
    returned: Callable[[str], str] = str,
) -> list[str]:
    """Lines that contract operands already checked; `returned` makes what they return of the result.

    The plan stands in the lines themselves where it depends on names only. With `*batch` it depends on
    ranks, with three operands or more on sizes, with some pairs on sizes where they are large: then the
    lines call a function that looks at those.
    """
    equation = contraction.equation

    def by(run: Run) -> str:
        call = f"{checks.constant('run', run)}({', '.join(variables)})"
        return f"return {returned(call)}"

    if _broadcasts(equation) or any(is_spread(name) for name in equation.keys):
        return [by(runner(contraction))]
    if not depends_on_sizes(equation):
        return _written(plan_of(equation), variables, checks, checks.known, returned=returned)
    by_size = by(_BySize(contraction, {}))
    if not can_be_small(equation):
        return [by_size]
    # A comparison of symbolic sizes would be a guard. In a trace of Dynamo they have the type int.
    tracing = checks.constant("tracing", is_dynamo_compiling)
    work, sizes = checks.local(), " * ".join(checks.known[name] for name in equation.keys)
    is_int = f"{checks.builtin(type)}({work} := {sizes}) is {checks.builtin(int)}"
    large = [f"if not {tracing}() and {is_int} and {work} > {LARGE}:", f"    {by_size}"]
    return [*large, *_written(plan_of(equation), variables, checks, checks.known, returned=returned)]


def runner(contraction: Contraction) -> Run:
    """A function that contracts operands already checked, whatever their ranks and sizes."""
    if _broadcasts(contraction.equation):
        return lambda *operands: contraction.run(operands)
    return _ByRank(contraction)


def _broadcasts(equation: Equation) -> bool:
    """Whether some operand may repeat an axis of size 1; torch.einsum does that itself."""
    return any(axis.broadcast for axes in equation.operands for axis in axes)


class _ByRank:
    """Runs the plan for the ranks of the operands."""

    def __init__(self, contraction: Contraction) -> None:
        self._contraction = contraction
        self._functions: dict[tuple[int, ...], Run] = {}

    def __call__(self, *operands: Tensor) -> Tensor:
        if is_dynamo_compiling():  # Dynamo cannot trace a function that is made while it traces
            return self._contraction.run(operands)
        ranks = tuple([operand.ndim for operand in operands])
        function = self._functions.get(ranks)
        if function is None:
            function = _keep(self._functions, ranks, self._make(ranks))
        return function(*operands)

    def _make(self, ranks: tuple[int, ...]) -> Run:
        equation = self._contraction.equation
        spread = spread_ranks(equation, ranks)
        if not depends_on_sizes(equation, spread):
            return planned_function(plan_of(equation, spread))
        by_size = _BySize(self._contraction, spread)
        return _where_large(equation, by_size) if can_be_small(equation, spread) else by_size


def _where_large(equation: Equation, by_size: Run) -> Run:
    """A function that looks at the sizes of operands where there is much work."""
    letters = [name for names in equation.operand_keys for name in names]
    small: list[Run] = []

    def contract(*operands: Tensor) -> Tensor:
        sizes = dict(zip(letters, [size for operand in operands for size in shape_of(operand)], strict=True))
        is_known = all(type(size) is int for size in sizes.values())  # a symbolic size would be guarded
        if not is_known or prod(sizes.values()) > LARGE:
            return by_size(*operands)
        if not small:
            small.append(planned_function(plan_of(equation)))
        return small[0](*operands)

    return contract


class _BySize:
    """Runs the plan for the rounded sizes of operands whose ranks are known."""

    def __init__(self, contraction: Contraction, spread: Mapping[str, int]) -> None:
        self._contraction = contraction
        self._spread = spread
        operands = operands_of(contraction.equation, spread)
        self._letters = [letter for operand in operands for letter in operand.letters]
        self._functions: dict[tuple[int, ...], Run] = {}

    def __call__(self, *operands: Tensor) -> Tensor:
        if is_dynamo_compiling():  # a trace has no sizes to plan by, and Inductor plans again
            return self._contraction.run(operands)
        try:
            bucket = tuple([digits_of(size) for operand in operands for size in shape_of(operand)])
        except TypeError:  # a symbolic size is no int; its own bit_length would fix it
            return self._contraction.run(operands)
        function = self._functions.get(bucket)
        if function is None:
            every = [size for operand in operands for size in shape_of(operand)]
            sizes = dict(zip(self._letters, every, strict=True))
            plan = plan_for_bucket(self._contraction.equation, self._spread, sizes)
            function = _keep(self._functions, bucket, planned_function(plan))
        return function(*operands)


def _keep(functions: dict[tuple[int, ...], Run], key: tuple[int, ...], function: Run) -> Run:
    if len(functions) >= MOST_KEPT:
        functions.clear()
    functions[key] = function
    return function


def planned_function(plan: Plan, best: str | None = None) -> Run:
    """A plan as a function of its operands; before them of `best`, which replaces `best_products`."""
    checks = ShapeChecks("_", {})
    variables = [operand.name for operand in plan.operands]
    local = {letter: checks.local() for operand in plan.operands for letter in operand.letters}
    unpacks = [
        f"({''.join(f'{local[letter]}, ' for letter in operand.letters)}) = {operand.name}.shape"
        for operand in plan.operands
    ]
    body = [*unpacks, *_written(plan, variables, checks, local, best)]
    parameters = ", ".join(variables if best is None else [best, *variables])
    lines = [f"def contract({parameters}):", *(f"    {line}" for line in body)]
    return build("contract", lines, checks.namespace)[0]


def _written(
    plan: Plan,
    variables: Sequence[str],
    checks: ShapeChecks,
    sizes: Mapping[str, str],
    best: str | None = None,
    returned: Callable[[str], str] = str,
) -> list[str]:
    """The lines of a plan under the names of a generated function."""
    names = {value.name: variable for value, variable in zip(plan.operands, variables, strict=True)}
    names = assigned(plan, names, checks.local)
    outside = {stem: checks.constant(stem, value) for stem, value in OUTSIDE.items()}
    outside |= {} if best is None else {"best_products": best}
    before, result = plan_lines(plan, names, sizes, outside)
    return [*before, f"return {returned(result)}"]
