"""`torch.einsum` held to this library's rules: nothing implied or broadcast, one letter for one axis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from typed_einsum.testing.audit.dimensions import Dimension, TrackedAxes, is_named, shown, size_of
from typed_einsum.testing.audit.facts import Facts
from typed_einsum.testing.audit.findings import Flaw, advice, error
from typed_einsum.testing.audit.lines import written_equation
from typed_einsum.testing.audit.operations import Operation, letters_of
from typed_einsum.testing.audit.rules.registry import rule


@dataclass(frozen=True)
class Use:
    """A letter of an operand, and the dimension that it stands for."""

    letter: str
    name: str
    operand: int
    dimension: Dimension

    def __str__(self) -> str:
        return f"`{shown(self.dimension)}` in operand {self.operand}"


def uses(operation: Operation, tracked: TrackedAxes) -> list[Use]:
    """Every letter of an equation, operand by operand; none where the equation cannot be read."""
    letters = letters_of(operation) if operation.name == "einsum" else None
    operands = letters[0] if letters is not None else []
    return [
        Use(letter, name, index, dimension)
        for index, (operand, names, tensor) in enumerate(
            zip(operands, _names(operands), operation.tensors, strict=False), 1
        )
        for letter, name, dimension in zip(operand, names, tracked.of(tensor), strict=True)
    ]


def _names(operands: Sequence[str]) -> list[list[str]]:
    """The axes of each operand as their author wrote them, which einops hands on as letters."""
    written = (written_equation() or "").partition("->")[0].split(",")
    names = [each.split() if " " in each.strip() else list(each.strip()) for each in written]
    if [len(each) for each in names] == [len(each) for each in operands]:
        return names
    return [list(each) for each in operands]


def _meetings(found: list[Use]) -> Iterator[tuple[Use, Use]]:
    """The first use of each letter with each later one."""
    first: dict[str, Use] = {}
    yield from ((first[use.letter], use) for use in found if first.setdefault(use.letter, use) is not use)


@rule("TE101", before=True)
def implied(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """An equation without `->`, whose output torch puts in the order of the alphabet."""
    text = operation.arguments[0] if operation.arguments else None
    if operation.name != "einsum" or not isinstance(text, str) or "->" in text:
        return
    letters = [letter for letter in text if letter.isalpha()]
    once = [letter for letter in letters if letters.count(letter) == 1]
    written, sorted_ = "".join(once), "".join(sorted(once))
    message = f"the equation has no `->`: torch implies the output `{sorted_}`"
    if written == sorted_:
        yield advice(message, operation.line)
    else:
        message += f", in the order of the alphabet and not as written, `{written}`"
        yield error(message, operation.line)


@rule("TE108", before=True)
def summed_alone(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """Letters that one operand alone has and the output has not.

    Two such letters for one axis make a product of two sums. Where another letter is contracted, all pairs
    may be meant, and of one tensor the square of a sum.
    """
    found = uses(operation, tracked)
    letters = letters_of(operation) if found else None
    if letters is None or len(letters[0]) < 2:
        return
    operands, output = letters
    counts = Counter(letter for operand in operands for letter in dict.fromkeys(operand))
    alone = {use.letter: use for use in found if counts[use.letter] == 1 and use.letter not in output}
    lone = list(alone.values())
    for use in lone:
        yield advice(
            f"letter `{use.name}` ({shown(use.dimension)}) is in operand {use.operand} alone and not in "
            "the output: it is summed without a partner",
            operation.line,
        )
    is_contraction = any(count > 1 and letter not in output for letter, count in counts.items())
    if is_contraction or len(set(map(id, operation.tensors))) < len(operands):
        return
    for one, other in combinations(lone, 2):
        if one.operand != other.operand and one.dimension == other.dimension and is_named(one.dimension):
            yield error(
                f"`{one.name}` in operand {one.operand} and `{other.name}` in operand {other.operand} "
                f"are both `{shown(one.dimension)}`, but each is summed by itself; give both one letter, "
                "and their entries are multiplied pairwise",
                operation.line,
            )


@rule("TE110", before=True)
def two_axes(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """One letter for two axes of different sizes."""
    for one, other in _meetings(uses(operation, tracked)):
        sizes = size_of(one.dimension), size_of(other.dimension)
        if sizes[0] != sizes[1] and 1 not in sizes and is_named((*one.dimension, *other.dimension)):
            yield error(f"letter `{other.name}` stands for {one} but for {other}", operation.line)


@rule("TE201", before=True)
def repeated_one(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """A letter whose size is 1 in one operand alone, which torch broadcasts; to no entries, it may."""
    for one, other in _meetings(uses(operation, tracked)):
        sizes = size_of(one.dimension), size_of(other.dimension)
        if sizes[0] != sizes[1] and 1 in sizes and 0 not in sizes:
            yield error(
                f"letter `{other.name}` is {one} but {other}: torch repeats the axis of size 1",
                operation.line,
            )
