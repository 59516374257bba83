"""The page about annotating says what was recorded, and the measure compares annotations rightly."""

from __future__ import annotations

import ast
import copy
import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import annotate
import pages

RECORD: dict[str, Any] = json.loads(annotate.RECORD.read_text(encoding="utf-8"))
PAGE = annotate.PAGE.read_text(encoding="utf-8")


def test_the_page_says_what_was_recorded() -> None:
    assert pages.filled(PAGE, annotate.texts_of(RECORD)) == PAGE, "run: python benchmarks/annotate.py"


def test_every_part_has_its_place() -> None:
    for name in annotate.texts_of(RECORD):
        assert f"<!-- {name} -->" in PAGE


def test_another_record_changes_the_page() -> None:
    changed = copy.deepcopy(RECORD)
    changed["nanoGPT"]["changes"].append("+ one more")
    assert pages.filled(PAGE, annotate.texts_of(changed)) != PAGE


def axes(signature: str) -> dict[annotate.Slot, str]:
    node = next(each for _, each in annotate.functions_in(ast.parse(f"def f{signature}: ...")))
    return annotate.axes_of(node)


@pytest.mark.parametrize(
    ("ours", "pairs", "names"),
    [
        ("(x: Float[Tensor, 'b d']) -> Float[Tensor, 'b']", (1, 0, 0), (2, 2)),
        ("(x: Float[Tensor, 'b d']) -> Float[Tensor, 'd']", (0, 1, 1), (2, 1)),
        ("(x: Float[Tensor, 'n m']) -> Float[Tensor, 'n']", (1, 0, 0), (2, 0)),
        ("(x: Float[Tensor, 'b d'])", (0, 0, 0), (2, 2)),
        ("(x: Float[Tensor, '*n b d']) -> Float[Tensor, '... b']", (1, 0, 0), (2, 2)),
    ],
)
def test_pairs_of_axes_are_compared(ours: str, pairs: tuple[int, ...], names: tuple[int, int]) -> None:
    result = annotate.Result()
    truth = axes("(x: Float['... b d']) -> Float['b']")
    assert annotate.compared(truth, axes(ours), {"b", "d"}, result)
    assert (result.both, result.only_ours, result.only_theirs) == pairs
    assert (result.names, result.equal_names) == names


def test_first_axes_of_a_tensor_of_any_rank_are_not_compared_with_last_ones() -> None:
    result, truth = annotate.Result(), axes("(x: Float['... b d']) -> Float['b']")
    assert not annotate.compared(truth, axes("(x: Float['n m ...']) -> Float['b']"), {"b", "d"}, result)
    assert (result.both, result.only_ours, result.only_theirs) == (0, 0, 0)


def test_shape_annotations_alone_are_taken_away() -> None:
    source = "def f(x: Float[Tensor, 'b'], n: int, kind: Literal['a'] = 'a') -> Float['b']: ...\n"
    text, truth = annotate.stripped(source)
    assert text == "def f(x, n: int, kind: Literal['a'] = 'a'): ...\n"
    assert truth == {"f": {("x", 0, 0): "b", ("return", 0, 0): "b"}}
