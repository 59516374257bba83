"""Labels: the names by which messages know a value, such as `x`, `steps[2]` or `batch.inner.x`.

A label begins with a parameter, or with `return`, and goes on with fields and items. Others, such as
"the mask", are text.
"""

from __future__ import annotations

import re

RETURN = "return"
"""The label of a result."""

_ROOT = re.compile(r"[^\W\d]\w*(?=[.\[]|\Z)")
_STEP = re.compile(r"\.([^\W\d]\w*)|\[(.*?)\](?=[.\[]|\Z)", re.DOTALL)


def root_of(label: str) -> str:
    """The parameter with which a label begins; a label that is a text as it is.

    >>> root_of("batch.steps[2]"), root_of("the mask")
    ('batch', 'the mask')
    """
    found = _ROOT.match(label)
    return label if found is None else found.group()


def steps_of(label: str) -> tuple[tuple[str, bool], ...]:
    """What follows the parameter: each field or item, and whether it is a field.

    >>> steps_of("batch.steps[2]")
    (('steps', True), ('2', False))
    """
    rest = label[len(root_of(label)) :]
    return tuple((step[1] or step[2], bool(step[1])) for step in _STEP.finditer(rest))


def is_result(label: str) -> bool:
    """Whether a value is the result, or a part of it."""
    return root_of(label) == RETURN
