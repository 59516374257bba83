"""`torch.einsum` held to this library's rules: nothing implied or broadcast, one letter for one axis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations

from typed_einsum.testing.audit.findings import Found
from typed_einsum.testing.audit.labels import Label, Labels, shown, size_of
from typed_einsum.testing.audit.operations import Operation, letters_of


def strict(operation: Operation, labels: Labels) -> Iterator[Found]:
    """What the strict `einsum` would refuse."""
    place = operation.file, operation.line
    text = operation.arguments[0] if operation.arguments else None
    if not isinstance(text, str):
        return
    if "->" not in text:
        yield from _implied(text, place)
        return
    letters = letters_of(operation)
    if letters is None:
        return
    operands, output = letters
    held: dict[str, tuple[int, Label]] = {}
    for index, (operand, tensor) in enumerate(zip(operands, operation.tensors, strict=True), 1):
        if len(operands) > 1:
            yield from _diagonal(operand, index, place)
        for letter, label in zip(operand, labels.of(tensor), strict=True):
            first, other = held.setdefault(letter, (index, label))
            yield from _clash(letter, (first, other), (index, label), place)
    counts = Counter(letter for operand in operands for letter in dict.fromkeys(operand))
    lone = [
        letter
        for letter, count in counts.items()
        if count == 1 and letter not in output and len(operands) > 1
    ]
    for letter in lone:
        index, label = held[letter]
        message = f"letter `{letter}` ({shown(label)}) is in operand {index} alone and not in the output"
        yield "TE108", "advice", f"{message}: it is summed without a partner", place
    is_contraction = any(count > 1 and letter not in output for letter, count in counts.items())
    if not is_contraction and len(set(map(id, operation.tensors))) == len(operands):
        yield from _summed_apart({letter: held[letter] for letter in lone}, place)


def _implied(text: str, place: tuple[str, int]) -> Iterator[Found]:
    letters = [letter for letter in text if letter.isalpha()]
    once = [letter for letter in letters if letters.count(letter) == 1]
    written, implied = "".join(once), "".join(sorted(once))
    severity = "advice" if written == implied else "error"
    message = f"the equation has no `->`: torch implies the output `{implied}`"
    order = "" if written == implied else f", in the order of the alphabet and not as written, `{written}`"
    yield "TE101", severity, message + order, place  # type: ignore[misc]


def _summed_apart(lone: Mapping[str, tuple[int, Label]], place: tuple[str, int]) -> Iterator[Found]:
    """Two letters for one axis, each summed in its own operand: a product of two sums, and no contraction.

    Where another letter is contracted, all pairs may be meant, and of one tensor the square of a sum.
    """
    for (letter, (index, label)), (other, (there, same)) in combinations(lone.items(), 2):
        if index != there and label and label == same and all(part.named for part in label):
            message = (
                f"`{letter}` in operand {index} and `{other}` in operand {there} are both `{shown(label)}`"
            )
            text = f"{message}, but each is summed by itself; give both one letter, and their entries meet"
            yield "TE108", "error", text, place


def _diagonal(operand: str, index: int, place: tuple[str, int]) -> Iterator[Found]:
    for letter in dict.fromkeys(operand):
        if operand.count(letter) > 1:
            message = (
                f"letter `{letter}` stands twice in operand {index}: the product sees its diagonal alone"
            )
            yield "TE715", "error", f"{message}; for a matrix, use two letters", place


def _clash(
    letter: str, first: tuple[int, Label], second: tuple[int, Label], place: tuple[str, int]
) -> Iterator[Found]:
    sizes = size_of(first[1]), size_of(second[1])
    if sizes[0] == sizes[1]:
        return
    names = [f"`{shown(label)}` in operand {index}" for index, label in (first, second)]
    if 1 in sizes:
        message = f"letter `{letter}` is {names[0]} but {names[1]}: torch repeats the axis of size 1"
        yield "TE201", "error", message, place
    elif all(part.named for part in (*first[1], *second[1])):
        yield "TE110", "error", f"letter `{letter}` stands for {names[0]} but for {names[1]}", place
