"""Labels: the names by which messages know a value, such as `x`, `steps[2]` or `batch.inner.x`.

A label begins with a parameter, or with `return`, and goes on with fields and items. Others, such as
"the mask", are text. Dynamo traces these functions, which is why they use no regular expressions.
"""

from __future__ import annotations

RETURN = "return"
"""The label of a result."""


def root_of(label: str) -> str:
    """The parameter with which a label begins; a label that is a text as it is.

    >>> root_of("batch.steps[2]"), root_of("the mask")
    ('batch', 'the mask')
    """
    root = label.partition("[")[0].partition(".")[0]
    return root if root.isidentifier() else label


def steps_of(label: str) -> tuple[tuple[str, bool], ...]:
    """What follows the parameter: each field or item, and whether it is a field.

    >>> steps_of("batch.steps[2]")
    (('steps', True), ('2', False))
    """
    rest, steps = label[len(root_of(label)) :], []
    while rest:
        is_field = rest.startswith(".")
        stop = 1
        while stop < len(rest) and not _ends(rest, stop, is_field):
            stop += 1
        steps.append((rest[1:stop], is_field))
        rest = rest[stop if is_field else stop + 1 :]
    return tuple(steps)


def _ends(rest: str, stop: int, is_field: bool) -> bool:
    """Whether a step ends here: a field before the next step, an item at the `]` before it."""
    if is_field:
        return rest[stop] in ".["
    return rest[stop] == "]" and rest[stop + 1 : stop + 2] in ("", ".", "[")


def is_result(label: str) -> bool:
    """Whether a value is the result, or a part of it."""
    return root_of(label) == RETURN
