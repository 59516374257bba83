"""From plan to running code: inline in the generated check, or one function for each rank and size bucket."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.compiler import is_dynamo_compiling

from typed_einsum.contraction.maximum import best_products
from typed_einsum.contraction.operands import Contraction
from typed_einsum.equation.equation import Equation, is_spread, name_of, spread_ranks
from typed_einsum.generated.checks import ShapeChecks
from typed_einsum.generated.compile import build
from typed_einsum.plan import Plan, depends_on_sizes, operands_of, parts_of, plan_of
from typed_einsum.plan.source import assigned, plan_lines
from typed_einsum.tensors import shape_of

MOST_KEPT = 256
"""Functions kept for the ranks or size buckets of one contraction; beyond that all are made again."""

OUTSIDE = {"torch": torch, "best_products": best_products}
"""What the source of a plan calls."""

Run = Callable[..., Tensor]


def running_lines(
    contraction: Contraction, variables: Sequence[str], checks: ShapeChecks
) -> tuple[list[str], str]:
    """Lines that contract operands already checked, and the expression of the result.

    The plan stands in the lines themselves where it depends on names only. With `*batch` it depends on
    ranks, with three operands or more (and some pairs) on sizes: then the lines call a function that looks
    at those.
    """
    equation = contraction.equation
    if _broadcasts(equation) or any(is_spread(name) for name in equation.keys):
        run = runner(contraction)
    elif depends_on_sizes(equation):
        run = _BySize(contraction, {})
    else:
        return _written(plan_of(equation), variables, checks, checks.known)
    return [], f"{checks.constant('run', run)}({', '.join(variables)})"


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
        by_size = depends_on_sizes(equation, spread)
        return _BySize(self._contraction, spread) if by_size else _function(equation, spread, {})


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
            bucket = tuple([size.bit_length() for operand in operands for size in shape_of(operand)])
        except AttributeError:  # symbolic sizes have no bit_length
            return self._contraction.run(operands)
        function = self._functions.get(bucket)
        if function is None:
            every = [size for operand in operands for size in shape_of(operand)]
            sizes = dict(zip(self._letters, every, strict=True))
            made = _function(self._contraction.equation, self._spread, sizes)
            function = _keep(self._functions, bucket, made)
        return function(*operands)


def _keep(functions: dict[tuple[int, ...], Run], key: tuple[int, ...], function: Run) -> Run:
    if len(functions) >= MOST_KEPT:
        functions.clear()
    functions[key] = function
    return function


def _function(equation: Equation, spread: Mapping[str, int], sizes: Mapping[str, int]) -> Run:
    """The plan for these ranks and sizes as a function of the operands."""
    ones = frozenset(name for name in equation.keys if sizes.get(name) == 1)
    if ones and not equation.maximised:
        run = _function(_dropped(equation, ones), spread, _others(sizes, ones))
        return _without(equation, spread, ones, run)
    return planned_function(plan_of(equation, spread, sizes))


def _without(equation: Equation, spread: Mapping[str, int], ones: frozenset[str], run: Run) -> Run:
    """A function that drops axes of size 1, which no product needs, and gives the result those it has."""
    drops = [_places(names, spread, ones) for names in equation.operand_keys]
    added = _places(equation.output_keys, spread, ones)

    def contract(*operands: Tensor) -> Tensor:
        result = run(*[operand.squeeze(at) for operand, at in zip(operands, drops, strict=True)])
        for at in added:
            result = result.unsqueeze(at)
        return result

    return contract


def _places(names: Sequence[str], spread: Mapping[str, int], ones: frozenset[str]) -> tuple[int, ...]:
    single = [part for name in names for part in parts_of(name, spread)]
    return tuple(at for at, part in enumerate(single) if part in ones)


def _dropped(equation: Equation, ones: frozenset[str]) -> Equation:
    """The equation without these axes."""
    *operands, output = (
        tuple(axis for axis in axes if name_of(axis) not in ones)
        for axes in (*equation.operands, equation.output)
    )
    summed = tuple(name for name in equation.summed if name not in ones)
    return replace(equation, operands=tuple(operands), output=output, summed=summed)


def _others(sizes: Mapping[str, int], ones: frozenset[str]) -> dict[str, int]:
    return {name: size for name, size in sizes.items() if name not in ones}


def planned_function(plan: Plan, best: str | None = None) -> Run:
    """A plan as a function of its operands; before them of `best`, which replaces `best_products`."""
    checks = ShapeChecks("_", {})
    variables = [operand.name for operand in plan.operands]
    local = {letter: checks.local() for operand in plan.operands for letter in operand.letters}
    unpacks = [
        f"({''.join(f'{local[letter]}, ' for letter in operand.letters)}) = {operand.name}.shape"
        for operand in plan.operands
    ]
    before, result = _written(plan, variables, checks, local, best)
    body = [*unpacks, *before, f"return {result}"]
    parameters = ", ".join(variables if best is None else [best, *variables])
    lines = [f"def contract({parameters}):", *(f"    {line}" for line in body)]
    return build("contract", lines, checks.namespace)[0]


def _written(
    plan: Plan,
    variables: Sequence[str],
    checks: ShapeChecks,
    sizes: Mapping[str, str],
    best: str | None = None,
) -> tuple[list[str], str]:
    """The lines of a plan under the names of a generated function."""
    names = {value.name: variable for value, variable in zip(plan.operands, variables, strict=True)}
    names = assigned(plan, names, checks.local)
    outside = {stem: checks.constant(stem, value) for stem, value in OUTSIDE.items()}
    outside |= {} if best is None else {"best_products": best}
    return plan_lines(plan, names, sizes, outside)
