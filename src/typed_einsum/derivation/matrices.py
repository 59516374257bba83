"""The contraction as matrices: the plan that runs, step by step, with the shape of every value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from typed_einsum.derivation.subject import Subject
from typed_einsum.derivation.variables import variables
from typed_einsum.plan import Plan, Value, plan_of
from typed_einsum.plan.source import plan_lines
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
    Reshape,
    Step,
    Sum,
    sources,
)


@dataclass(frozen=True, slots=True)
class MatrixStep:
    """One operation of the plan: what it does, its line of torch, and the axes that result with their sizes.

    An axis made of several, such as `h·w`, is a group of labels. `pair` counts the contractions of two
    operands, from 0.
    """

    operation: str
    purpose: str
    code: str
    target: str
    groups: tuple[Group, ...]
    sizes: tuple[int, ...] | None
    pair: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Two values contracted into one: their names with their labels, what is summed, what is maximised."""

    left: tuple[str, tuple[str, ...]]
    right: tuple[str, tuple[str, ...]]
    target: str
    contracted: tuple[str, ...]
    maximised: tuple[str, ...]


@dataclass(frozen=True)
class Matrices:
    """The plan with its steps, the lines that name the sizes, and the contractions of two values."""

    plan: Plan
    unpacking: tuple[str, ...]
    steps: tuple[MatrixStep, ...]
    pairs: tuple[Pair, ...]
    result: str

    @property
    def source(self) -> str:
        """The whole plan as torch code."""
        return "\n".join([*self.unpacking, *(step.code for step in self.steps)]) + "\n"


def as_matrices(subject: Subject) -> Matrices:
    """The plan of a subject. Unknown sizes count as `UNKNOWN_SIZE` in the choice."""
    names = variables(subject)
    plan = plan_of(subject.equation, dict(subject.spread), subject.part_sizes)
    labels = {index.part: index.label for index in subject.indices}
    spelled = {value.name: name for value, name in zip(plan.operands, names.operands, strict=True)}
    taken = {*names.operands, names.result, *names.axes.values()}
    for number, step in enumerate(plan.steps):
        name = names.result if step is plan.steps[-1] else f"t{number}"
        while name in taken and name != names.result:
            name += "_"
        taken.add(name)
        spelled[step.target.name] = name
    sizes = {index.part: names.axes[index.label] for index in subject.indices}
    lines, last = plan_lines(plan, spelled, sizes, {name: name for name in ("torch", "best_products")})
    lines = [*lines, f"{names.result} = {last}"] if plan.steps else []
    steps, pairs, pair = [], [], 0
    for number, (step, line) in enumerate(zip(plan.steps, lines, strict=True)):
        if isinstance(step, Matmul | BestProduct | Multiply):
            pairs.append(_pair(step, spelled, labels, plan.steps[:number]))
        groups = tuple(tuple(labels[part] for part in group) for group in step.target.axes)
        operation, purpose = told(step, labels, spelled)
        code = _shown(step, line, spelled)
        steps.append(
            MatrixStep(
                operation, purpose, code, spelled[step.target.name], groups, _sizes(groups, subject), pair
            )
        )
        if _ends_pair(plan.steps, number):
            pair += 1
    last_pair = max(len(pairs) - 1, 0)
    steps = [_within(step, last_pair) for step in steps]
    unpacking = _unpacking(subject, names.operands, names.axes, lines)
    return Matrices(plan, unpacking, tuple(steps), tuple(pairs), spelled[plan.result.name])


def _shown(step: Step, line: str, names: Mapping[str, str]) -> str:
    """The line of a step, in torch alone."""
    if isinstance(step, BestProduct):
        rows, columns, target = (names[value.name] for value in (step.rows, step.columns, step.target))
        return f"{target} = ({rows} @ {columns}.unsqueeze(1)).amax(2)  # tile by tile"
    return line.replace(", ))", "))")


def _within(step: MatrixStep, last: int) -> MatrixStep:
    """What follows the last contraction belongs to it."""
    fields = (step.operation, step.purpose, step.code, step.target, step.groups, step.sizes)
    return MatrixStep(*fields, min(step.pair, last))


def _ends_pair(steps: Sequence[Step], number: int) -> bool:
    """Whether a contraction of two operands ends with this step: the product, or the reshape after it."""
    follows = steps[number + 1] if number + 1 < len(steps) else None
    match steps[number]:
        case Matmul(_, _, target) | BestProduct(_, _, target) | Multiply(_, _, target):
            return not (isinstance(follows, Reshape) and follows.source == target)
        case Reshape(source, _):
            before = steps[number - 1] if number else None
            return isinstance(before, Matmul | BestProduct) and source == before.target
        case _:
            return False


def _pair(
    step: Matmul | BestProduct | Multiply,
    spelled: Mapping[str, str],
    labels: Mapping[str, str],
    before: Sequence[Step],
) -> Pair:
    made = {earlier.target.name: earlier for earlier in before}

    def origin(value: Value) -> tuple[str, tuple[str, ...]]:
        """The value before it was permuted and reshaped."""
        while isinstance(earlier := made.get(value.name), Permute | Reshape | Copy | Expand):
            if isinstance(earlier, Reshape) and isinstance(made.get(earlier.source.name), Matmul):
                break
            value = earlier.source
        return spelled[value.name], tuple(labels[part] for part in value.letters)

    left, right = (origin(value) for value in sources(step))
    kept = {labels[part] for part in step.target.letters}
    gone = tuple(label for label in left[1] if label in right[1] and label not in kept)
    best = tuple(labels[part] for part in step.rows.axes[2]) if isinstance(step, BestProduct) else ()
    return Pair(left, right, spelled[step.target.name], gone, best)


def _sizes(groups: Sequence[Group], subject: Subject) -> tuple[int, ...] | None:
    if any(label not in subject.sizes for group in groups for label in group):
        return None
    return tuple(prod(subject.sizes[label] for label in group) for group in groups)


def _unpacking(
    subject: Subject, operands: Sequence[str], axes: Mapping[str, str], lines: Sequence[str]
) -> tuple[str, ...]:
    """Lines that give the sizes their names, where a reshape asks for them."""
    if not any(".reshape(" in line or ".expand(" in line for line in lines):
        return ()
    pairs = zip(operands, subject.operands, strict=True)
    return tuple(
        f"{', '.join(axes[label] for label in tensor.labels)}{',' if len(tensor.labels) == 1 else ''} "
        f"= {variable}.shape"
        for variable, tensor in pairs
        if tensor.labels
    )


def told(step: Step, labels: Mapping[str, str], names: Mapping[str, str]) -> tuple[str, str]:
    """What a step is called, and what it is for, in a few words."""

    def order(value: Value) -> str:
        return ", ".join("·".join(labels[part] for part in group) or "1" for group in value.axes)

    def at(value: Value, positions: Sequence[int]) -> str:
        return ", ".join(labels[value.letters[i]] for i in positions)

    match step:
        case Diagonal(source, _, first):
            return "diagonal", f"keep the entries where both {at(source, (first,))} agree"
        case Sum(source, _, positions):
            return "sum", f"sum over {at(source, positions)}, which no other value needs"
        case Maximum(source, _, positions):
            return "maximum", f"keep the largest over {at(source, positions)}"
        case Permute(_, target):
            return "permute", f"order the axes {order(target)}"
        case Reshape(source, target):
            return "reshape", _reshaped(source, target, order(target))
        case Copy(_, target):
            return "copy", f"lay {order(target)} out in memory in this order"
        case Expand(_, target):
            return "expand", f"repeat as a view: {order(target)}"
        case Matmul(left, right):
            batch = [labels[part] for group in left.axes[:-2] for part in group]
            many = f", once for each {', '.join(batch)}" if batch and len(right.axes) > 2 else ""
            inner = "·".join(labels[part] for part in left.axes[-1])
            return "matrix product", f"multiply {names[left.name]} and {names[right.name]} over {inner}{many}"
        case BestProduct(rows, columns):
            best, inner = ("·".join(labels[part] for part in group) for group in rows.axes[2:])
            multiplied = f"multiply {names[rows.name]} and {names[columns.name]} over {inner}"
            return "best product", f"{multiplied}, and keep the largest over {best}, tile by tile"
        case Multiply(left, right):
            return "product", f"multiply {names[left.name]} and {names[right.name]} entry by entry"


def _reshaped(source: Value, target: Value, order: str) -> str:
    """Whether a reshape merges axes, splits them, or only adds or drops axes of size 1."""
    merged = any(len(group) > 1 and group not in source.axes for group in target.axes)
    split = any(len(group) > 1 and group not in target.axes for group in source.axes)
    match merged, split:
        case True, False:
            return f"merge axes: {order}"
        case False, True:
            return f"split axes again: {order}"
        case False, False:
            more = len(target.axes) > len(source.axes)
            return f"{'add' if more else 'drop'} axes of size 1: {order or 'none left'}"
        case _:
            return f"regroup axes: {order}"
