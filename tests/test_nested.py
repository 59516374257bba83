"""Verdicts on annotations that nest containers, records and unions, against jaxtyping and beartype."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any

import pytest
import torch
from beartype import beartype
from jaxtyping import AnnotationError, Num, TypeCheckError, jaxtyped
from support.written_nested import Leaf, Node, holds_wrong
from torch import Tensor

from typed_einsum import errors, shape_checked

PAIRS = int(os.environ.get("PAIRS", "120"))
"""Pairs of an annotation and a value; `PAIRS=100000 pytest tests/test_nested.py` looks further."""

VALUES = 20
"""Values that are tried for each signature."""


def function_of(annotations: dict[str, Any]) -> Any:
    """A function with these parameters, and with the result that it is told to return."""
    names = [name for name in annotations if name != "return"]
    made: dict[str, Any] = {}
    exec(f"def function({', '.join([*names, 'result=None'])}):\n    return result", made)
    made["function"].__annotations__ = annotations
    return made["function"]


@lru_cache(maxsize=2000)
def theirs(annotations: tuple[Any, ...]) -> Any:
    """The tensors of a value as parameters of their own, as jaxtyping and beartype check them."""
    named = {f"x{index}": annotation for index, annotation in enumerate(annotations)}
    return jaxtyped(function_of(named), typechecker=beartype)


def wanted(leaves: list[tuple[Leaf, Any]]) -> str:
    """The verdict of jaxtyping and beartype on these tensors, in this order."""
    try:
        theirs(tuple(leaf.annotation for leaf, _ in leaves))(*(tensor for _, tensor in leaves))
    except AnnotationError:
        return "no size"
    except TypeCheckError:
        return "refused"
    return "accepted"


def found(checked: Any, arguments: dict[str, Any], result: Any) -> str:
    try:
        checked(**arguments, result=result)
    except errors.TypedEinsumError:
        return "refused"
    return "accepted"


def unions_last(leaves: list[tuple[Leaf, Any]]) -> list[tuple[Leaf, Any]]:
    """A union is decided after all else of a call, or of its result."""
    return sorted(leaves, key=lambda pair: pair[0].is_union)


def compare(pairs: int, decorate: Any = shape_checked, seed: int = 0) -> Counter[str]:
    """How often each verdict came up; asserts that both agree.

    An expression may stand before what sets its names. jaxtyping refuses that, and `shape_checked` waits.
    """
    chance, counts = Random(seed), Counter[str]()
    while counts.total() < pairs:
        hints = {f"p{index}": Node.write(chance, 3) for index in range(chance.randint(1, 3))}
        result = Node.write(chance, 2)
        annotations = {name: hint.annotation for name, hint in hints.items()}
        checked = decorate(function_of({**annotations, "return": result.annotation}))
        for _ in range(VALUES):
            given: list[tuple[Leaf, Any]] = []
            returned: list[tuple[Leaf, Any]] = []
            arguments = {name: hint.value(chance, given) for name, hint in hints.items()}
            value = result.value(chance, returned)
            expected = wanted([*unions_last(given), *unions_last(returned)])
            if holds_wrong([*arguments.values(), value]):
                expected = "refused"
            if expected != "no size":  # we wait for the size, see docs/howto/migrate.md
                said = found(checked, arguments, value)
                assert said == expected, (annotations, result.annotation, arguments, value)
            counts[expected] += 1
    return counts


def test_nested_verdicts_agree() -> None:
    counts = compare(PAIRS)
    assert counts["accepted"] > 0.2 * PAIRS
    assert counts["refused"] > 0.2 * PAIRS


def test_unions_in_a_record_are_decided_in_the_order_of_the_arguments() -> None:
    """`a` is 3 before the record is looked at; in the other order it would be 2, and all would fit."""

    @dataclass
    class Record:
        field: Num[Tensor, "#a ... 3"] | Num[Tensor, "a a #a"]

    def function(first, record): ...

    function.__annotations__ = {"first": Num[Tensor, "a"] | Num[Tensor, "_"], "record": Record}
    checked = shape_checked(function)
    checked(torch.ones(2), Record(torch.ones(2, 2, 1)))
    with pytest.raises(errors.TypedEinsumError):
        checked(torch.ones(3), Record(torch.ones(2, 2, 1)))


def test_a_wrong_verdict_is_noticed() -> None:
    def first_item_alone(function: Any) -> Any:
        """What looks at less."""
        checked = shape_checked(function)

        def looking(**arguments: Any) -> Any:
            return checked(**{**arguments, "result": arguments["result"]}) if "p1" in arguments else None

        return looking

    with pytest.raises(AssertionError):
        compare(400, first_item_alone)
