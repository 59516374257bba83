"""The plan: the sequence of tensor operations that carries out a contraction.

Axes are first classified for each pair of operands: batch (in both and kept), contracted (in both and
summed), left and right (in one). A pair with contracted axes becomes one matrix product between permutes and
reshapes, a pair without becomes one product of aligned operands. Of the equivalent forms the cheapest is
taken, by a rough price for each operation. A maximum over one axis of one operand is a step of its own, in
which the products never exist all at once. The steps know axes by name only; sizes come when they run.
"""

from typed_einsum.plan.choice import (
    LARGE,
    can_be_small,
    depends_on_sizes,
    operands_of,
    parts_of,
    plan_along,
    plan_for_bucket,
    plan_of,
)
from typed_einsum.plan.path import Path
from typed_einsum.plan.steps import Plan, Value

__all__ = [
    "LARGE",
    "Path",
    "Plan",
    "Value",
    "can_be_small",
    "depends_on_sizes",
    "operands_of",
    "parts_of",
    "plan_along",
    "plan_for_bucket",
    "plan_of",
]
