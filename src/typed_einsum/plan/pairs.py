"""Two operands as one matrix product: every form worth a price, and the cheapest of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

from typed_einsum.plan.builder import Builder
from typed_einsum.plan.price import Price, lie_together, memory_of, price
from typed_einsum.plan.steps import Group, Matmul, Step, Value


@dataclass(frozen=True)
class Form:
    """One way to carry out a pair as a matrix product: which operand is left, and the order of each class.

    `merged` makes one axis of the batch axes, or of the rows without a batch. `plain` lays out what
    must be copied as rows and columns, where copies that keep the innermost axis are cheaper. `copied` lays a
    vector out anew: a stack of products with vectors is faster where they are contiguous.
    """

    merged: bool
    swapped: bool
    batch: Group
    left: Group
    right: Group
    contracted: Group
    plain: bool = False
    copied: bool = False


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


@dataclass(frozen=True)
class Choice:
    """Two values to be multiplied as matrices, after these steps, and every form with its own steps."""

    left: Value
    right: Value
    before: tuple[Step, ...]
    trials: tuple[tuple[Form | Loop, tuple[Step, ...]], ...]

    def prices(self, operands: Sequence[Value], sizes: Mapping[str, int]) -> list[Price]:
        """The price of each form."""
        memory = memory_of(operands)
        price(self.before, memory, sizes)
        return [price(steps, memory.copy(), sizes) for _, steps in self.trials]

    def price_of(self, form: int, operands: Sequence[Value], sizes: Mapping[str, int]) -> Price:
        """The price of one form."""
        return replace(self, trials=self.trials[form : form + 1]).prices(operands, sizes)[0]

    def costs(self, operands: Sequence[Value], sizes: Mapping[str, int]) -> list[float]:
        """What each form costs; work that torch.einsum would not do counts as much as it may turn out."""
        prices = self.prices(operands, sizes)
        return [each.beside(prices[0]) for each in prices]

    def is_sure(self, operands: Sequence[Value], form: int) -> bool:
        """Whether a form does nothing that torch.einsum does not do, so that it is as good at any size."""
        prices = self.prices(operands, {})
        return set(prices[form].work) <= set(prices[0].work)


def forms_of_pair(
    builder: Builder,
    left: Value,
    right: Value,
    kept: Set[str],
    order: Sequence[str] | None,
    *,
    only_torchs: bool = False,
) -> Choice:
    """The forms of a product, first that of torch.einsum; `order` is that wanted of the result, if any."""
    both = set(left.letters) & set(right.letters)
    left = builder.sum_except(left, {*kept, *both})
    right = builder.sum_except(right, {*kept, *both})
    wanted = tuple(order) if order is not None else _natural_order(left, right, kept)
    given = left, right, frozenset(kept), wanted, order is not None, only_torchs
    trials = () if both <= kept else _trials(*given)
    return Choice(left, right, tuple(builder.steps), trials)


def contract_pair(
    builder: Builder,
    left: Value,
    right: Value,
    kept: Set[str],
    order: Sequence[str] | None,
    operands: Sequence[Value],
    sizes: Mapping[str, int],
) -> Value:
    """Contract two values, keeping some names. `sizes` may lack names; they tell what is dear to copy."""
    choice = forms_of_pair(builder, left, right, kept, order)
    left, right = choice.left, choice.right
    if not choice.trials:
        return builder.multiply(left, right, order or _natural_order(left, right, kept))
    costs = choice.costs(operands, sizes)
    form, _ = choice.trials[costs.index(min(costs))]
    return _carry_out(builder, left, right, form, order)


@lru_cache(maxsize=256)
def _trials(
    left: Value, right: Value, kept: frozenset[str], wanted: Group, in_order: bool, only_torchs: bool
) -> tuple[tuple[Form | Loop, tuple[Step, ...]], ...]:
    """Every form with its steps, first that of torch.einsum."""
    forms: list[Form | Loop] = [_form_of_torch(left, right, kept, wanted)]
    if not only_torchs:
        forms += [*_forms(left, right, kept, wanted), *_loops(left, right, kept)]
    trials: dict[tuple[Step, ...], Form | Loop] = {}
    for form in forms:
        trial = Builder([left.name, right.name])
        _carry_out(trial, left, right, form, wanted if in_order else None)
        trials.setdefault(tuple(trial.steps), form)
    return tuple((form, steps) for steps, form in trials.items())


def _form_of_torch(left: Value, right: Value, kept: Set[str], wanted: Sequence[str]) -> Form:
    """The product that torch.einsum makes: one batch axis, every class in the order of the result.

    It swaps the operands where that makes the result contiguous, and contracts letters in the order of the
    alphabet.
    """
    both = set(left.letters) & set(right.letters)
    classes = (both & kept, set(left.letters) - both, set(right.letters) - both)
    batch, rows, columns = (tuple(name for name in wanted if name in names) for names in classes)
    contracted = tuple(sorted(both - kept))
    free = [name for name in wanted if name not in batch]
    if rows and columns and free == [*columns, *rows]:
        return Form(True, True, batch, columns, rows, contracted, plain=True)
    return Form(True, False, batch, rows, columns, contracted, plain=True)


def _natural_order(left: Value, right: Value, kept: Set[str]) -> tuple[str, ...]:
    return tuple(letter for letter in dict.fromkeys(left.letters + right.letters) if letter in kept)


def _forms(left: Value, right: Value, kept: Set[str], wanted: Sequence[str]) -> Iterator[Form]:
    """Every form worth a price: classes ordered as in an operand or as in the result, sides both ways."""
    both = set(left.letters) & set(right.letters)
    batch = {letter for letter in both if letter in kept}
    contracted = both - batch
    for merged, swapped in product((False, True), (False, True)):
        first, second = (right, left) if swapped else (left, right)
        choices = product(
            _orders(batch, first.letters, second.letters, wanted),
            _orders(set(first.letters) - both, first.letters, wanted),
            _orders(set(second.letters) - both, second.letters, wanted),
            _orders(contracted, first.letters, second.letters),
        )
        for choice in choices:
            yield Form(merged, swapped, *choice)
            yield Form(merged, swapped, *choice, plain=True)
            if batch and not choice[1]:
                yield Form(merged, swapped, *choice, copied=True)


def _loops(left: Value, right: Value, kept: Set[str]) -> Iterator[Loop]:
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
    batch = (form.batch,) if form.merged and batched else tuple((letter,) for letter in form.batch)
    rows = _sides(form.left, merged=form.merged or (batched and len(form.left) != 1), absent=batched)
    columns = _sides(form.right, merged=len(form.right) > 1 or (batched and not form.right), absent=batched)
    if form.copied:
        first = builder.copy(builder.permute(first, (*form.batch, *form.contracted)))
    a = _as_matrix(builder, first, batch, form.left, rows, form.contracted, True, plain=form.plain)
    b = _as_matrix(builder, second, batch, form.right, columns, form.contracted, False, plain=form.plain)
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
    contracted_last: bool,
    *,
    plain: bool,
) -> Value:
    """Bring an operand to batch, free, contracted (or batch, contracted, free)."""
    innermost = value.letters[-1:]
    copied = not all(lie_together(group, value.letters) for group in (*batch, contracted))
    leading = tuple(letter for group in batch for letter in group)
    if batch and not free:  # a vector: a contiguous row, or any with its new axis innermost
        value = builder.permute(value, (*leading, *contracted))
        value = builder.reshape(value, (*batch, contracted))
        if contracted_last and (contracted[-1:] == innermost or copied):
            return builder.reshape(value, (*batch, (), contracted))
        value = builder.reshape(value, (*batch, contracted, ()))
        return builder.swap_last(value) if contracted_last else value
    orders = [(*leading, *free, *contracted), (*leading, *contracted, *free)]
    shapes = [(*batch, *free_axes, contracted), (*batch, contracted, *free_axes)]
    if not contracted_last:
        orders.reverse()
        shapes.reverse()
    merges = any(len(group) > 1 for group in shapes[0])
    keeps_innermost = orders[1][-1:] == value.letters[-1:] != orders[0][-1:]
    if (
        not plain
        and len(free_axes) == 1
        and (value.letters == orders[1] != orders[0] or (merges and keeps_innermost))
    ):
        return builder.swap_last(builder.reshape(builder.permute(value, orders[1]), shapes[1]))
    return builder.reshape(builder.permute(value, orders[0]), shapes[0])
