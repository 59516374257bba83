"""TE715: a letter that stands twice in one operand of a product."""

from __future__ import annotations

from collections.abc import Iterator

from typed_einsum.testing.audit.dimensions import TrackedAxes
from typed_einsum.testing.audit.facts import Facts
from typed_einsum.testing.audit.findings import Flaw, error
from typed_einsum.testing.audit.operations import Operation, letters_of
from typed_einsum.testing.audit.rules.registry import rule


@rule("TE715", before=True)
def diagonal(operation: Operation, tracked: TrackedAxes, facts: Facts) -> Iterator[Flaw]:
    """`"ii,ij->j"` multiplies the diagonal of the first operand alone."""
    letters = letters_of(operation) if operation.name == "einsum" else None
    if letters is None or len(letters[0]) < 2:
        return
    for index, operand in enumerate(letters[0], 1):
        for letter in dict.fromkeys(operand):
            if operand.count(letter) > 1:
                yield error(
                    f"letter `{letter}` stands twice in operand {index}: only its diagonal is multiplied; "
                    "for a matrix, use two letters",
                    operation.line,
                )
