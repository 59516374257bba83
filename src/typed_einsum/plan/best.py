"""A product of two operands of which only the largest over one axis is wanted."""

from __future__ import annotations

from collections.abc import Sequence

from typed_einsum.plan.builder import Builder
from typed_einsum.plan.steps import BestProduct, Group, Value


def can_stream(left: Value, right: Value, output: Sequence[str], maximised: Sequence[str]) -> bool:
    """Whether the maximum is over one axis of one operand, of products that are summed."""
    both = set(left.letters) & set(right.letters)
    if len(maximised) != 1 or maximised[0] in both:
        return False
    return bool(both - {*output})


def best_product(builder: Builder, left: Value, right: Value, output: Sequence[str], maximised: str) -> Value:
    """The largest product over the maximised axis; the axes of the result are those of the output."""
    wanted = {*output, maximised}
    both = set(left.letters) & set(right.letters)
    left = builder.sum_except(left, wanted | both)
    right = builder.sum_except(right, wanted | both)
    rows, columns = (left, right) if maximised in left.letters else (right, left)
    # In the order of the columns, which are the larger operand more often than not: they need no copy then.
    batch: Group = tuple(name for name in columns.letters if name in both and name in wanted)
    contracted: Group = tuple(name for name in columns.letters if name in both and name not in wanted)
    free: Group = tuple(name for name in columns.letters if name not in both)
    kept: Group = tuple(name for name in rows.letters if name not in both and name != maximised)
    rows = builder.permute(rows, (*batch, *kept, maximised, *contracted))
    rows = builder.reshape(rows, (batch, kept, (maximised,), contracted))
    columns = _columns(builder, columns, batch, contracted, free)
    target = builder.fresh((batch, kept, free))
    builder.steps.append(BestProduct(rows, columns, target))
    return builder.reshape(target, tuple((name,) for name in (*batch, *kept, *free)))


def _columns(builder: Builder, value: Value, batch: Group, contracted: Group, free: Group) -> Value:
    """Bring columns to batch, contracted, free, by a view where the operand allows one."""
    if value.letters == (*batch, *free, *contracted) and free and contracted:
        return builder.swap_last(builder.reshape(value, (batch, free, contracted)))
    value = builder.permute(value, (*batch, *contracted, *free))
    return builder.reshape(value, (batch, contracted, free))
