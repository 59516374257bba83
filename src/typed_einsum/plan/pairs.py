"""Two operands as one matrix product: every form worth a price, and the cheapest of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from typed_einsum.plan.builder import Builder
from typed_einsum.plan.price import price
from typed_einsum.plan.steps import Group, Matmul, Value


@dataclass(frozen=True)
class Form:
    """One way to carry out a pair as a matrix product: which operand is left, and the order of each class.

    `merged` makes one axis of several batch axes, which torch multiplies faster where it costs no copy.
    """

    merged: bool
    swapped: bool
    batch: Group
    left: Group
    right: Group
    contracted: Group


@dataclass(frozen=True)
class Loop:
    """A small matrix or vector times each of a stack of matrices: `(l, k) @ (..., k, r)`.

    The stack keeps its layout and the small one is repeated without a copy. (`torch.matmul` would copy the
    whole stack to make one matrix of it whenever a gradient is asked for.)
    """

    swapped: bool
    contracted: str
    row: Group
    leading: Group
    column: Group


def contract_pair(
    builder: Builder,
    left: Value,
    right: Value,
    kept: set[str],
    order: Sequence[str] | None,
    sizes: Mapping[str, int],
) -> Value:
    """Contract two operands, keeping some names. `order` is the order wanted of the result, if any.

    `sizes` may lack names; those it has tell which operand is dear to copy.
    """
    both = set(left.letters) & set(right.letters)
    multiplied = not both <= kept
    left = builder.sum_except(left, kept | both)
    right = builder.sum_except(right, kept | both)
    wanted = tuple(order) if order is not None else _natural_order(left, right, kept)
    if not multiplied:
        return builder.multiply(left, right, wanted)
    forms: list[Form | Loop] = [*_forms(left, right, kept, wanted), *_loops(left, right, kept)]

    def price_of(form: Form | Loop) -> float:
        trial = Builder([left.name, right.name])
        _carry_out(trial, left, right, form, order)
        return price(trial.steps, (left, right), sizes)

    return _carry_out(builder, left, right, min(forms, key=price_of), order)


def _natural_order(left: Value, right: Value, kept: set[str]) -> tuple[str, ...]:
    return tuple(letter for letter in dict.fromkeys(left.letters + right.letters) if letter in kept)


def _forms(left: Value, right: Value, kept: set[str], wanted: Sequence[str]) -> Iterator[Form]:
    """Every form worth a price: classes ordered as in an operand or as in the result, sides both ways."""
    both = set(left.letters) & set(right.letters)
    batch = {letter for letter in both if letter in kept}
    contracted = both - batch
    for merged, swapped in product((False, True) if len(batch) > 1 else (False,), (False, True)):
        first, second = (right, left) if swapped else (left, right)
        choices = product(
            _orders(batch, first.letters, second.letters, wanted),
            _orders(set(first.letters) - both, first.letters, wanted),
            _orders(set(second.letters) - both, second.letters, wanted),
            _orders(contracted, first.letters, second.letters),
        )
        yield from (Form(merged, swapped, *choice) for choice in choices)


def _loops(left: Value, right: Value, kept: set[str]) -> Iterator[Loop]:
    """The loop forms: one contracted axis, inside a stack, and no batch."""
    both = set(left.letters) & set(right.letters)
    if both & kept or len(both) != 1:
        return
    (contracted,) = both
    for swapped, small, stack in ((False, left, right), (True, right, left)):
        at = stack.letters.index(contracted)
        leading, column = stack.letters[:at], stack.letters[at + 1 :]
        if len(small.axes) <= 2 and leading and column:
            row = tuple(letter for letter in small.letters if letter != contracted)
            yield Loop(swapped, contracted, row, leading, column)


def _orders(letters: set[str], *sequences: Sequence[str]) -> list[Group]:
    return list(dict.fromkeys(tuple(s for s in sequence if s in letters) for sequence in sequences))


def _carry_out(
    builder: Builder, left: Value, right: Value, form: Form | Loop, order: Sequence[str] | None
) -> Value:
    first, second = (right, left) if form.swapped else (left, right)
    match form:
        case Form():
            result = _product(builder, first, second, form)
        case Loop():
            result = _loop(builder, first, second, form)
    return result if order is None else builder.permute(result, order)


def _loop(builder: Builder, small: Value, stack: Value, form: Loop) -> Value:
    contracted = (form.contracted,)
    small = builder.permute(small, (*form.row, form.contracted))
    repeated = builder.expand(small, (form.leading, form.row, contracted))
    stacked = builder.reshape(stack, (form.leading, contracted, form.column))
    target = builder.fresh((form.leading, form.row, form.column))
    builder.steps.append(Matmul(repeated, stacked, target))
    return builder.reshape(target, tuple((letter,) for letter in (*form.leading, *form.row, *form.column)))


def _product(builder: Builder, first: Value, second: Value, form: Form) -> Value:
    batched = bool(form.batch)
    batch = (form.batch,) if form.merged else tuple((letter,) for letter in form.batch)
    rows = _sides(form.left, merged=batched and len(form.left) != 1, absent=batched)
    columns = _sides(form.right, merged=len(form.right) > 1 or (batched and not form.right), absent=batched)
    a = _as_matrix(builder, first, batch, form.left, rows, form.contracted, contracted_last=True)
    b = _as_matrix(builder, second, batch, form.right, columns, form.contracted, contracted_last=False)
    target = builder.fresh((*batch, *rows, *columns))
    builder.steps.append(Matmul(a, b, target))
    return builder.reshape(target, tuple((letter,) for letter in (*form.batch, *form.left, *form.right)))


def _sides(letters: Group, *, merged: bool, absent: bool) -> tuple[Group, ...]:
    """The free axes of one side of a product: each on its own, all merged, or one of size 1."""
    if not letters:
        return ((),) if absent else ()
    return (letters,) if merged else tuple((letter,) for letter in letters)


def _as_matrix(
    builder: Builder,
    value: Value,
    batch: tuple[Group, ...],
    free: Group,
    free_axes: tuple[Group, ...],
    contracted: Group,
    *,
    contracted_last: bool,
) -> Value:
    """Bring an operand to batch, free, contracted (or batch, contracted, free)."""
    leading = tuple(letter for group in batch for letter in group)
    orders = [(*leading, *free, *contracted), (*leading, *contracted, *free)]
    shapes = [(*batch, *free_axes, contracted), (*batch, contracted, *free_axes)]
    if not contracted_last:
        orders.reverse()
        shapes.reverse()
    merges = any(len(group) > 1 for group in shapes[0])
    keeps_innermost = orders[1][-1:] == value.letters[-1:] != orders[0][-1:]
    if len(free_axes) == 1 and (value.letters == orders[1] != orders[0] or (merges and keeps_innermost)):
        return builder.swap_last(builder.reshape(builder.permute(value, orders[1]), shapes[1]))
    return builder.reshape(builder.permute(value, orders[0]), shapes[0])
