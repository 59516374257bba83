"""A plan as source: one line of Python for each step."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from typed_einsum.plan.steps import (
    BestProduct,
    Copy,
    Diagonal,
    Expand,
    Group,
    Matmul,
    Maximum,
    Multiply,
    Permute,
    Plan,
    Reshape,
    Step,
    Sum,
    Value,
    sources,
)


def plan_lines(
    plan: Plan, names: Mapping[str, str], sizes: Mapping[str, str], outside: Mapping[str, str]
) -> tuple[list[str], str]:
    """The lines of a plan but for its last step, and that one as an expression: the result.

    `names` gives the variable of each value, `sizes` the expression for each axis name, and `outside` the
    names under which the source reaches `torch` and the function `best_products`.
    """
    if not plan.steps:
        return [], names[plan.result.name]
    *before, last = plan.steps
    lines = [f"{names[step.target.name]} = {_expression(step, names, sizes, outside)}" for step in before]
    return lines, _expression(last, names, sizes, outside)


def assigned(plan: Plan, operands: Mapping[str, str], fresh: Callable[[], str]) -> dict[str, str]:
    """A variable for every value of a plan: that of a value not needed any more, or else a fresh one.

    A variable that is assigned anew frees the memory of what it held.
    """
    names = dict(operands)
    free: list[str] = []
    last = {source.name: index for index, step in enumerate(plan.steps) for source in sources(step)}
    for index, step in enumerate(plan.steps):
        ended = [source.name for source in sources(step) if last[source.name] == index]
        free += [names[name] for name in ended if name not in operands]
        names[step.target.name] = free.pop() if free else fresh()
    return names


def _expression(
    step: Step, names: Mapping[str, str], sizes: Mapping[str, str], outside: Mapping[str, str]
) -> str:
    match step:
        case Diagonal(source, _, first, second):
            return f"{names[source.name]}.diagonal(0, {first}, {second})"
        case Sum(source, _, positions):
            return f"{names[source.name]}.sum({positions!r})"
        case Maximum(source, _, positions):
            return f"{names[source.name]}.amax({positions!r})"
        case Permute(source, _, order):
            if order == (*range(len(order) - 2), len(order) - 1, len(order) - 2):
                return f"{names[source.name]}.mT"
            return f"{names[source.name]}.permute({', '.join(map(str, order))})"
        case Reshape(source, target) if (position := _new_axis(source, target)) is not None:
            return f"{names[source.name]}.unsqueeze({position})"
        case Copy(source, _):
            return f"{names[source.name]}.contiguous()"
        case Reshape(source, target):
            shape = "".join(f"{_size(group, sizes)}, " for group in target.axes)
            return f"{names[source.name]}.reshape(({shape}))"
        case Expand(source, target):
            shape = "".join(f"{_size(group, sizes)}, " for group in target.axes)
            return f"{names[source.name]}.expand(({shape}))"
        case Matmul(left, right):
            # `mv` is none of the functions that autocast knows.
            function = {(2, 2): "mm", (3, 3): "bmm"}.get((len(left.axes), len(right.axes)), "matmul")
            return f"{outside['torch']}.{function}({names[left.name]}, {names[right.name]})"
        case BestProduct(rows, columns):
            return f"{outside['best_products']}({names[rows.name]}, {names[columns.name]})"
        case Multiply(left, right):
            return f"{outside['torch']}.mul({names[left.name]}, {names[right.name]})"


def _new_axis(source: Value, target: Value) -> int | None:
    """Where a reshape adds one axis of size 1 and does nothing else.

    `unsqueeze` gives it a stride with which torch takes the value for contiguous; `reshape` does not.
    """
    if len(target.axes) != len(source.axes) + 1 or () not in target.axes:
        return None
    position = len(target.axes) - 1 - target.axes[::-1].index(())
    rest = (*target.axes[:position], *target.axes[position + 1 :])
    return position if rest == source.axes else None


def _size(group: Group, sizes: Mapping[str, str]) -> str:
    return " * ".join(sizes[name] for name in group) if group else "1"
