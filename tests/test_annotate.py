"""`typed-einsum annotate`: annotations planned from what was observed, written, and proved."""

from __future__ import annotations

import ast
import json
import linecache
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
import torch
from beartype.vale import Is
from jaxtyping import Float
from torch import Tensor

pytest.importorskip("libcst")

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import annotate

from typed_einsum.cli import annotating, main, observed
from typed_einsum.cli.observed import CannotObserve, observe, program_of
from typed_einsum.cli.running import CannotRun, Program
from typed_einsum.testing.annotate import contracts, proving, witness
from typed_einsum.testing.annotate.definitions import Definition
from typed_einsum.testing.annotate.hints import Style, kind_of
from typed_einsum.testing.annotate.joining import forced_in, joined
from typed_einsum.testing.annotate.mending import mend_of
from typed_einsum.testing.annotate.merging import Followed, merged
from typed_einsum.testing.annotate.overlay import VARIABLE, Overlay
from typed_einsum.testing.annotate.planning import ONE_RANK, Planned, planned
from typed_einsum.testing.annotate.project import Project
from typed_einsum.testing.annotate.structure import CannotSay, structure_of
from typed_einsum.testing.annotate.telling import diff_of, lines_of, more_time, summary
from typed_einsum.testing.annotate.words import Words, habits_of
from typed_einsum.testing.annotate.writing import written
from typed_einsum.testing.names.vocabulary import equations_of
from typed_einsum.testing.observe import store
from typed_einsum.testing.observe.records import (
    DROPPED,
    LATE,
    Found,
    Function,
    Observations,
    Pattern,
)
from typed_einsum.testing.process.outcome import Outcome
from typed_einsum.testing.process.supervisor import WorkerFailed

# What is known of a function, as `.typed-einsum` holds it


def f32(*shape: int) -> dict[str, Any]:
    return {"tensor": "f32", "shape": list(shape)}


def axes(text: str, dtype: str = "f32") -> dict[str, Any]:
    return {"dtype": dtype, "axes": text.split()}


def signature(result: Any = None, *, origins: str = "", **arguments: Any) -> dict[str, Any]:
    told = {name: ["local", "local in f, line 2"] for name in origins.split()}
    return {"arguments": arguments, "result": result, "origins": told, "names": {}}


def pattern(result: Any = None, **arguments: Any) -> Pattern:
    return Pattern(arguments, result, "returned")


def plan_of(source: str, patterns: list[Pattern], signatures: list[Any], **more: Any) -> Planned:
    node = next(each for each in ast.walk(ast.parse(source)) if isinstance(each, Definition))
    function = Function(
        "m.py", node.lineno, node.name, patterns=tuple(patterns), signatures=tuple(signatures)
    )
    return planned(function, node, more.get("words"), refine=more.get("refine", False))


def texts(plan: Planned) -> dict[str, str]:
    return {name: Style().text(hint) for name, hint in plan.hints.items()}


MATMUL = "def f(x, y):\n    return x @ y\n"


def test_axes_that_are_one_get_one_name() -> None:
    plan = plan_of(
        MATMUL,
        [pattern(f32(2, 5), x=f32(2, 3), y=f32(3, 5))],
        [signature(axes("b e"), x=axes("b d"), y=axes("d e"), origins="b d e")],
    )
    assert texts(plan) == {
        "x": 'Float[Tensor, "b d"]',
        "y": 'Float[Tensor, "d e"]',
        "return": 'Float[Tensor, "b e"]',
    }
    assert plan.axes == 6
    assert plan.origins == dict.fromkeys("bde", "local in f, line 2")


def test_a_call_with_other_sizes_tells_axes_apart() -> None:
    plan = plan_of(
        MATMUL,
        [pattern(f32(2, 2), x=f32(2, 2), y=f32(2, 2)), pattern(f32(7, 5), x=f32(7, 3), y=f32(3, 5))],
        [signature(axes("n n"), x=axes("n n"), y=axes("n n"), origins="n")],
    )
    assert texts(plan) == {
        "x": 'Float[Tensor, "n x1"]',
        "y": 'Float[Tensor, "x1 y1"]',
        "return": 'Float[Tensor, "n y1"]',
    }


def test_a_number_that_is_another_in_a_second_call_is_a_name() -> None:
    plan = plan_of(
        "def f(x):\n    return x\n",
        [pattern(f32(2, 64), x=f32(2, 64)), pattern(f32(2, 32), x=f32(2, 32))],
        [signature(axes("b 64"), x=axes("b 64"), origins="b")],
    )
    assert texts(plan)["x"] == 'Float[Tensor, "b x1"]'


def test_an_expression_stays_where_its_names_are_bound_and_it_holds() -> None:
    seen = [pattern(f32(2, 10), x=f32(2, 5))]
    followed = [signature(axes("b 2*t"), x=axes("b t"), origins="b t")]
    source = "def f(x):\n    return x\n"
    assert texts(plan_of(source, seen, followed))["return"] == 'Float[Tensor, "b 2*t"]'
    other = [*seen, pattern(f32(3, 7), x=f32(3, 4))]
    assert texts(plan_of(source, other, followed))["return"] == 'Float[Tensor, "b y1"]'


def said(name: str, kind: str, every: int, near: int, own: int) -> list[Any]:
    return [name, kind, f"{kind} in f, line 2", every, near, own]


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        ([said("batch", "local", 1, 1, 1), said("b", "equation", 9, 7, 0)], "b"),
        ([said("batch", "local", 1, 1, 1), said("b", "equation", 9, 1, 0)], "batch"),
        ([said("batch", "local", 1, 1, 1), said("b", "equation", 1, 1, 1)], "batch"),
        ([said("b", "local", 1, 1, 1), said("B", "local", 9, 9, 0)], "b"),
        ([said("c", "local", 1, 1, 1), said("n_embd", "comment", 9, 9, 0)], "c"),
        ([said("n_embd", "attribute", 9, 9, 9), said("c", "comment", 1, 1, 0)], "c"),
        ([said("b", "equation", 9, 9, 9), said("rows", "annotation", 1, 0, 0)], "rows"),
    ],
)
def test_of_two_names_for_an_axis_the_more_frequent_in_its_file(names: list[Any], chosen: str) -> None:
    told = {**signature(x=axes(names[0][0]), origins=names[0][0]), "names": {names[0][0]: names}}
    plan = plan_of("def f(x):\n    return x\n", [pattern(x=f32(3))], [told])
    assert texts(plan) == {"x": f'Float[Tensor, "{chosen}"]'}


def test_names_that_other_functions_say_come_from_one_line() -> None:
    def of(name: str, line: int, every: int) -> list[Any]:
        return [name, "local", f"local in g, line {line}", every, every, 0]

    told = {
        **signature(x=axes("n m"), origins="n m"),
        "names": {"n": [of("B", 2, 3), of("b", 7, 2)], "m": [of("t", 7, 2), of("T", 2, 1)]},
    }
    plan = plan_of("def f(x):\n    return x\n", [pattern(x=f32(3, 4))], [told])
    assert texts(plan) == {"x": 'Float[Tensor, "B T"]'}


def test_a_letter_for_two_axes_names_neither_that_has_another_name() -> None:
    d, dp = said("d", "equation", 9, 9, 1), said("dp", "comment", 1, 1, 0)
    told = {
        **signature(x=axes("n d"), y=axes("n d2"), origins="n d d2"),
        "names": {"n": [said("n", "local", 1, 1, 1)], "d": [d], "d2": [d, dp]},
    }
    plan = plan_of("def f(x, y):\n    return x\n", [pattern(x=f32(2, 3), y=f32(2, 5))], [told])
    assert texts(plan) == {"x": 'Float[Tensor, "n d"]', "y": 'Float[Tensor, "n dp"]'}


@pytest.mark.parametrize(("own", "chosen"), [(1, {"ds", "dp"}), (0, {"d", "dim"})])
def test_names_that_two_axes_have_in_common_give_way_to_what_the_function_calls_each(
    own: int, chosen: set[str]
) -> None:
    d, dim = said("d", "equation", 9, 9, 0), said("dim", "local", 9, 9, 0)
    ds, dp = said("ds", "comment", 2, 2, own), said("dp", "local", 4, 4, own)
    told = {
        **signature(x=axes("n d"), y=axes("n d2"), origins="n d d2"),
        "names": {"n": [said("n", "local", 1, 1, 1)], "d": [d, dim, ds], "d2": [d, dim, dp]},
    }
    plan = plan_of("def f(x, y):\n    return x\n", [pattern(x=f32(2, 3), y=f32(2, 5))], [told])
    assert {*plan.origins} == {"n"} | chosen
    assert not own or texts(plan) == {"x": 'Float[Tensor, "n ds"]', "y": 'Float[Tensor, "n dp"]'}


def test_letters_that_stand_for_one_axis_by_turns_come_after_its_name() -> None:
    names = [said("i", "equation", 9, 9, 9), said("j", "role", 9, 9, 9), said("n", "equation", 1, 1, 0)]
    told = {**signature(x=axes("i"), origins="i"), "names": {"i": names}}
    seen = [pattern(x=f32(3))]
    words = Words(equations_of(ast.parse("rearrange(x, 'b i j -> b j i'); rearrange(x, 'b n -> n b')")))
    assert texts(plan_of("def f(x):\n    return x\n", seen, [told]))["x"] == 'Float[Tensor, "i"]'
    assert texts(plan_of("def f(x):\n    return x\n", seen, [told], words=words))["x"] == 'Float[Tensor, "n"]'


def test_the_names_in_equations_and_patterns_are_read_from_source() -> None:
    source = (
        "einsum('bij,jk->bik', x, y); rearrange(x, 'b (h d) ... -> b h d ...'); pack([x], 'b n *'); f('a b')"
    )
    assert [*map(sorted, equations_of(ast.parse(source)))] == [[*"bijk"], [*"bdh"], [*"bn"]]


def test_an_axis_that_nothing_names_is_what_a_parameter_of_the_name_has_elsewhere() -> None:
    source = "def f(mask, other, x):\n    return x\n"
    known = plan_of(source, [pattern(mask=f32(2, 3))], [signature(mask=axes("b n"), origins="b n")] * 2)
    habits = habits_of([known])
    assert habits == {("mask", 2, 0): ("b", "`mask` in f"), ("mask", 2, 1): ("n", "`mask` in f")}
    unlike = plan_of(source, [pattern(mask=f32(2, 3))], [signature(mask=axes("b m"), origins="b m")])
    assert habits_of([known, unlike]) == {("mask", 2, 0): ("b", "`mask` in f")}

    told = {**signature(x=axes("b d"), mask=axes("mask0 mask1"), origins="b d")}
    told["origins"] |= {each: ["place", "its place in the argument"] for each in ("mask0", "mask1")}
    plan = plan_of(source, [pattern(x=f32(2, 5), mask=f32(2, 3))], [told], words=Words((), habits))
    assert texts(plan) == {"mask": 'Float[Tensor, "b n"]', "x": 'Float[Tensor, "b d"]'}
    assert plan.origins["n"] == "`mask` in f"
    plan = plan_of(source, [pattern(x=f32(7, 5), mask=f32(2, 3))], [told], words=Words((), habits))
    assert texts(plan)["mask"] == 'Float[Tensor, "mask0 n"]'


def test_axes_that_a_function_calls_the_same_are_one_where_they_are_equal() -> None:
    b = [said("b", "equation", 2, 2, 2)]
    told = {**signature(x=axes("b"), y=axes("y0"), origins="b y0"), "names": {"b": b, "y0": b}}
    seen = [pattern(x=f32(2), y=f32(2))]
    assert texts(plan_of("def f(x, y):\n    return x\n", seen, [told])) == dict.fromkeys(
        "xy", 'Float[Tensor, "b"]'
    )
    unlike = [*seen, pattern(x=f32(2), y=f32(3))]
    plan = plan_of("def f(x, y):\n    return x\n", unlike, [told])
    assert texts(plan) == {"x": 'Float[Tensor, "b"]', "y": 'Float[Tensor, "y0"]'}


@pytest.mark.parametrize(
    ("source", "patterns", "signatures", "told"),
    [
        (
            "def f(x):\n    return x\n",
            [pattern(f32(2, 3), x=f32(2, 3)), pattern(f32(5, 2, 3), x=f32(5, 2, 3))],
            [signature(axes("n d"), x=axes("n d"), origins="n d")],
            {},
        ),
        (
            "def f(x):\n    return x\n",
            [pattern(f32(2, 3), x=f32(2, 3)), pattern(f32(5, 2, 3), x=f32(5, 2, 3))],
            [
                signature(axes("n d"), x=axes("n d"), origins="n d"),
                signature(axes("b n d"), x=axes("b n d"), origins="b n d"),
            ],
            {"x": '"*batch n d"', "return": '"*batch n d"'},
        ),
        (
            "def f(x, lens):\n    return x\n",
            [
                pattern(f32(2, 7), x=f32(2, 3), lens=f32(2)),
                pattern(f32(5, 7, 4), x=f32(5, 6, 4), lens=f32(5)),
            ],
            [
                signature(axes("b m"), x=axes("b n"), lens=axes("b"), origins="b n m"),
                signature(axes("b m d"), x=axes("b n d"), lens=axes("b"), origins="b n m d"),
            ],
            {"x": '"b n *batch"', "lens": '"b"', "return": '"b m *batch"'},
        ),
        (
            "def f(x, y):\n    return y\n",
            [pattern(f32(4), x=f32(3), y=f32(4)), pattern(f32(4), x=f32(2, 3), y=f32(4))],
            [
                signature(axes("m"), x=axes("d"), y=axes("m"), origins="d m"),
                signature(axes("m"), x=axes("b d"), y=axes("m"), origins="b d m"),
            ],
            {"x": '"... d"', "y": '"m"', "return": '"m"'},
        ),
    ],
)
def test_tensors_of_several_ranks_spread_what_some_calls_alone_have(
    source: str, patterns: list[Pattern], signatures: list[Any], told: dict[str, str]
) -> None:
    plan = plan_of(source, patterns, signatures)
    assert texts(plan) == {name: f"Float[Tensor, {text}]" for name, text in told.items()}
    if not told:
        assert {each.reason for each in plan.left} == {ONE_RANK}


@pytest.mark.parametrize(
    ("code", "text", "forced"),
    [
        ("TE719", "this needs `b` and `n` to be one size, which no annotation says: give", ("n", "b")),
        ("TE720", "this needs `d` to be 3, which no annotation says: write", ("d", "3")),
        ("TE711", "this needs `b` and `n` to be one size", None),
    ],
)
def test_what_contracts_say_of_axes_is_taken(code: str, text: str, forced: tuple[str, str] | None) -> None:
    assert forced_in(code, text) == forced


def test_axes_are_joined_everywhere_in_a_plan() -> None:
    pair = {"type": "tuple", "items": {"0": f32(2, 2), "1": 4}}
    plan = plan_of(
        "def f(x, y):\n    return x\n",
        [pattern([f32(4)], x=pair, y=None), pattern([f32(4)], x=pair, y=f32(3))],
        [signature(x={"kind": "tuple", "items": {"0": axes("b n")}}, y=axes("d"), origins="b n d")],
    )
    plan = joined(plan, [("n", "b"), ("d", "3")])
    assert texts(plan) == {"x": 'tuple[Float[Tensor, "b b"], int]', "y": 'Float[Tensor, "3"] | None'}
    assert [*plan.origins] == ["b"]


@pytest.mark.parametrize(
    ("forced", "text"),
    [
        ([("c", "b"), ("b", "a")], "a a a"),
        ([("b", "a"), ("c", "b")], "a a a"),
        ([("b", "a"), ("a", "c")], "c c c"),
        ([("b", "a"), ("a", "b")], "a a c"),
        ([("b", "3"), ("b", "a")], "3 3 c"),
        ([("b", "3"), ("b", "a"), ("a", "b"), ("c", "a")], "3 3 3"),
    ],
)
def test_axes_that_are_one_by_way_of_another_are_one(forced: list[tuple[str, str]], text: str) -> None:
    followed = signature(x=axes("a b c"), origins="a b c")
    plan = plan_of("def f(x):\n    return None\n", [pattern(None, x=f32(4, 5, 6))], [followed])
    assert texts(joined(plan, forced)) == {"x": f'Float[Tensor, "{text}"]'}


def mended(finding: str, code: str = "TE716", result: str = "b d") -> dict[str, str]:
    """What becomes of `f(x: "b d", y: "c e")` with a result."""
    seen = [pattern(f32(2, 3), x=f32(2, 3), y=f32(2, 4)), pattern(f32(5, 3), x=f32(5, 3), y=f32(5, 6))]
    plan = plan_of(
        "def f(x, y):\n    return x\n",
        seen,
        [signature(axes(result), x=axes("b d"), y=axes("c e"), origins="b c d e")],
    )
    mend = mend_of(plan, code, finding, "it disagrees")
    return {} if mend is None else texts(contracts.changed(plan, mend))


@pytest.mark.parametrize(
    ("code", "finding", "x", "y", "result"),
    [
        ("TE716", "`gather` pairs `c` of its index with `b`, entry by entry", "b d", "b e", "b d"),
        ("TE701", "fails: `add` of (b, d) and (c, d): RuntimeError: (2) (at b=11)", "b d", "b e", "b d"),
        ("TE205", "axis `d` is 4 in the result, but its names make it 10", "b d", "c e", ""),
        ("TE701", "fails: `layer_norm` of (c, e): RuntimeError: got (13, 17) (at b=11)", "b d", "", "b d"),
        ("TE716", "`gather` pairs `d` of its index with `e`, entry by entry", "", "", ""),
        ("TE701", "fails: IndexError: list index out of range (at b=11)", "", "", ""),
    ],
)
def test_a_plan_that_contracts_disagree_with_asks_for_more_or_says_less(
    code: str, finding: str, x: str, y: str, result: str
) -> None:
    told = {"x": x, "y": y, "return": result}
    expected = {name: f'Float[Tensor, "{text}"]' for name, text in told.items() if text}
    assert mended(finding, code) == expected


def test_none_tuples_lists_and_stars() -> None:
    source = "def f(x=None, *rest, pair, **more):\n    return x\n"
    pair = {"type": "tuple", "items": {"0": f32(2, 3), "1": 4}}
    rest = {"type": "tuple", "items": {"0": f32(2), "1": f32(2)}}
    many = {"type": "list", "items": {"0": f32(2), "1": f32(2), "2": f32(2)}}
    followed = signature(
        {"kind": "list", "items": {"0": axes("b"), "1": axes("b"), "2": axes("b")}, "length": 3},
        x=axes("b d"),
        rest={"kind": "tuple", "items": {"0": axes("b"), "1": axes("b")}, "length": 2},
        pair={"kind": "tuple", "items": {"0": axes("b d"), "1": None}, "length": 2},
        origins="b d",
    )
    plan = plan_of(
        source,
        [pattern(many, x=f32(2, 3), rest=rest, pair=pair), pattern(many, x=None, rest=rest, pair=pair)],
        [followed],
    )
    assert texts(plan) == {
        "x": 'Float[Tensor, "b d"] | None',
        "rest": 'Float[Tensor, "b"]',
        "pair": 'tuple[Float[Tensor, "b d"], int]',
        "return": 'list[Float[Tensor, "b"]]',
    }


@pytest.mark.parametrize(
    ("dtypes", "kind"),
    [
        (["f32", "bf16"], "Float"),
        (["i64", "u8"], "Integer"),
        (["f32", "c64"], "Inexact"),
        (["f32", "i64"], "Real"),
        (["c64", "i64"], "Num"),
        (["bool", "i64"], "Shaped"),
    ],
)
def test_a_class_of_dtypes_is_as_wide_as_was_seen(dtypes: list[str], kind: str) -> None:
    assert kind_of(dtypes) == kind


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([{"type": "dict", "items": {"x": f32(2)}}], "it holds tensors in a `dict`"),
        ([f32(2), 3], "it was `Tensor` and `int` in different calls"),
        (
            [{"type": "tuple", "items": {"0": f32(2), "1": None}}],
            "a part of it was None in every call, and what else it may be is not known",
        ),
    ],
)
def test_what_no_annotation_says_has_a_reason(values: list[Any], reason: str) -> None:
    with pytest.raises(CannotSay) as raised:
        structure_of(values)
    assert str(raised.value) == reason


@pytest.mark.parametrize(
    ("source", "patterns", "signatures", "reason"),
    [
        (MATMUL, [], [], "no call with a tensor was seen"),
        (
            "@torch.jit.script\ndef f(x):\n    return x\n",
            [pattern(x=f32(2))],
            [signature(x=axes("b"))],
            "`@script` compiles it, and may not take other annotations",
        ),
        (MATMUL, [Pattern({"x": f32(2)})], [], "no call of it returned"),
        (MATMUL, [pattern(x=f32(2))], [], "torch's symbolic shapes could not be followed through it"),
        (
            MATMUL,
            [replace(pattern(x=f32(2)), text=text) for text in (LATE, "following it raised E")],
            [],
            "torch's symbolic shapes could not be followed through it: following it raised E",
        ),
        (
            MATMUL,
            [replace(pattern(x=f32(2)), text=LATE)],
            [],
            "the time for following calls ran out before its turn",
        ),
        (
            MATMUL,
            [replace(pattern(x=f32(2)), text=DROPPED)],
            [],
            "more calls waited to be followed than are kept",
        ),
        (
            "def f(x):\n    yield x\n",
            [pattern(x=f32(2))],
            [signature(x=axes("b"))],
            "what a generator or a coroutine gives is not observed",
        ),
    ],
)
def test_a_function_is_left_out_with_a_reason(
    source: str, patterns: list[Pattern], signatures: list[Any], reason: str
) -> None:
    plan = plan_of(source, patterns, signatures)
    assert (plan.hints, [each.reason for each in plan.left]) == ({}, [reason])


def test_a_parameter_that_no_followed_call_passes_says_why() -> None:
    seen = [pattern(x=f32(2), m=None), replace(pattern(x=f32(2), m=f32(3)), text=LATE)]
    plan = plan_of("def f(x, m=None):\n    return x\n", seen, [signature(x=axes("b"), origins="b")])
    assert [(each.what, each.reason) for each in plan.left] == [
        ("m", "no call that passes it was followed: the time for following calls ran out before its turn")
    ]


@pytest.mark.parametrize(
    ("weights", "origins", "expected"),
    [
        ([(2, 7, 1), (5, 7, 1)], "", "x0 x1 1"),  # a weight for each sample of a ray
        ([(2, 7, 3), (5, 7, 3)], "", "x0 x1 3"),  # the code fixes another axis to 3
        ([(2, 7, 4), (5, 7, 4)], "", "x0 x1 x2"),
        ([(2, 7, 1), (5, 7, 2)], "", "x0 x1 x2"),  # 1 in one call alone
        ([(2, 1, 5), (3, 1, 5)], "", "x0 x1 x2"),  # not the last axis
        ([(2, 7, 1), (5, 7, 1)], "x2", "x0 x1 x2"),  # the code has a name for it
    ],
)
def test_a_last_axis_without_a_name_is_the_number_that_it_always_is(
    weights: list[tuple[int, ...]], origins: str, expected: str
) -> None:
    seen = [pattern(f32(shape[0], 3), x=f32(*shape)) for shape in weights]
    told = signature(axes("x0 3"), x=axes("x0 x1 x2"), origins=origins)
    told["origins"] |= {name: ["place", ""] for name in ("x0", "x1", "x2") if name not in origins.split()}
    assert texts(plan_of("def f(x):\n    return x\n", seen, [told])) == {
        "x": f'Float[Tensor, "{expected}"]',
        "return": 'Float[Tensor, "x0 3"]',
    }


def test_an_axis_whose_last_entry_is_read_is_the_number_that_it_always_is() -> None:
    followed = {**signature(x=axes("b x1 n"), origins="b n"), "last_read": ["x1", "n"]}
    source, seen = "def f(x):\n    return None\n", [pattern(x=f32(2, 3, 4)), pattern(x=f32(5, 3, 4))]
    followed["origins"]["x1"] = ["place", "its place in the argument"]
    assert texts(plan_of(source, seen, [followed])) == {"x": 'Float[Tensor, "b 3 n"]'}
    followed["last_read"] = []
    assert texts(plan_of(source, seen, [followed])) == {"x": 'Float[Tensor, "b x1 n"]'}


def test_an_axis_that_is_taken_apart_into_names_is_their_number() -> None:
    followed = {**signature(x=axes("b c"), origins="b c"), "unpacked": ["c"]}
    seen = [pattern(x=f32(2, 3)), pattern(x=f32(5, 3))]
    source = "def f(x):\n    a, b, c = x.unbind(1)\n"
    assert texts(plan_of(source, seen, [followed])) == {"x": 'Float[Tensor, "b 3"]'}


def test_existing_annotations_are_not_planned() -> None:
    plan = plan_of(
        "def f(x: Tensor, y) -> Tensor:\n    return x @ y\n",
        [pattern(f32(2, 5), x=f32(2, 3), y=f32(3, 5))],
        [signature(axes("b e"), x=axes("b d"), y=axes("d e"), origins="b d e")],
    )
    assert texts(plan) == {"y": 'Float[Tensor, "d e"]'}
    assert {each.what: each.reason for each in plan.left} == {
        "x": "it is annotated already, as `Tensor`; --refine gives it a shape",
        "return": "it is annotated already, as `Tensor`; --refine gives it a shape",
    }


@pytest.mark.parametrize(
    ("annotation", "refined"),
    [
        ("Tensor", 'Float[Tensor, "b"]'),
        ("torch.Tensor", 'Float[Tensor, "b"]'),
        ("Optional[torch.Tensor]", 'Float[Tensor, "b"] | None'),
        ("Tensor | None", 'Float[Tensor, "b"] | None'),
        ("typing.Union[None, Tensor]", 'Float[Tensor, "b"] | None'),
        ("Union[Tensor, float]", None),
        ("torch.LongTensor", None),
        ("Sequence[Tensor]", None),
        ('Float[Tensor, "n"]', None),
        ("ArrayLike", None),
    ],
)
def test_refining_gives_a_shape_to_what_says_tensor_alone(annotation: str, refined: str | None) -> None:
    source = f"def f(x: {annotation}) -> {annotation}:\n    return x\n"
    seen, told = pattern(f32(2), x=f32(2)), signature(axes("b"), x=axes("b"), origins="b")
    plan = plan_of(source, [seen], [told], refine=True)
    assert texts(plan) == ({} if refined is None else {"x": refined, "return": refined})
    assert not plan_of(source, [seen], [told]).hints
    if refined is not None:
        after = written(source, [plan], 88)
        assert f"def f(x: {refined}) -> {refined}:\n" in after


def test_two_calls_that_name_an_axis_differently_take_the_more_telling_name() -> None:
    slots = [("x", (), 0)]
    calls = [
        Followed({slots[0]: "x0"}, {"x0": ["place", "its place in the argument"]}),
        Followed({slots[0]: "batch"}, {"batch": ["comment", "comment in f, line 3"]}),
        Followed({slots[0]: "b"}, {"b": ["local", "local in g, line 3"]}),
    ]
    assert merged(slots, calls, [], Words()).texts == {slots[0]: "b"}


# Writing

SOURCE = '''"""Doc."""
from __future__ import annotations
import torch  # kept


class A:
    @property
    def size(self): return self.x  # one line

    def forward(self, x,   y = None, *rest):  # odd   spacing
        """Doc."""
        return x
'''


def write(source: str, plans: list[Planned], width: int = 88, decorator: str = "") -> str:
    text = written(source, plans, width, decorator=decorator)
    ast.parse(text)
    return text


def forward(line: int = 10) -> Planned:
    source = "def forward(self, x,   y = None, *rest):\n    return x\n"
    rest = {"type": "tuple", "items": {"0": f32(5)}}
    kept = {"kind": "tuple", "items": {"0": axes("t")}, "length": 1}
    node = next(each for each in ast.walk(ast.parse(source)) if isinstance(each, Definition))
    followed = signature(axes("b"), x=axes("b t"), y=axes("b", "i64"), rest=kept, origins="b t")
    seen = pattern(f32(2), x=f32(2, 5), y={"tensor": "i64", "shape": [2]}, rest=rest)
    function = Function("m.py", line, "A.forward", patterns=(seen,), signatures=(followed,))
    return planned(function, node)


HEAD = (
    '    def forward(self, x: Float[Tensor, "b t"],   y: Int[Tensor, "b"] | None = None, '
    '*rest: Float[Tensor, "t"]) -> Float[Tensor, "b"]:  # odd   spacing\n'
)

WRITTEN = f'''"""Doc."""
from __future__ import annotations
import torch  # kept
from jaxtyping import Float, Int
from torch import Tensor
from typed_einsum import shape_checked


class A:
    @property
    def size(self): return self.x  # one line

    @shape_checked
{HEAD}        """Doc."""
        return x
'''


def test_formatting_and_comments_stay() -> None:
    assert write(SOURCE, [forward()], 150, "typed_einsum.shape_checked") == WRITTEN


def test_a_signature_that_becomes_too_long_gets_a_line_for_each_parameter() -> None:
    text = write(SOURCE, [forward()])
    assert (
        """    def forward(
        self,
        x: Float[Tensor, "b t"],
        y: Int[Tensor, "b"] | None = None,
        *rest: Float[Tensor, "t"],
    ) -> Float[Tensor, "b"]:  # odd   spacing
"""
        in text
    )


def test_imports_are_added_once_and_names_of_the_file_are_not_taken() -> None:
    head = "from jaxtyping import Float\nfrom typing import Optional\nfrom torch import Tensor\nInt = int\n"
    text = write(head + SOURCE.replace("from __future__ import annotations\n", ""), [forward(13)], 200)
    assert (
        text.startswith(head.replace("Int = int\n", "import jaxtyping\nInt = int\n"))
        or "import jaxtyping" in text
    )
    assert 'jaxtyping.Float[Tensor, "b t"]' in text
    assert 'Optional[jaxtyping.Int[Tensor, "b"]]' in text
    assert text.count("from torch import Tensor") == 1


# Telling


def test_names_are_counted_by_what_says_them() -> None:
    origins = {"b": "equation in f, line 2", "d": "legend's word for `dim`, line 3", "n": "`mask` in g"}
    text = summary([replace(forward(), origins=origins)], ["A"], "annotated").splitlines()[1]
    assert text == "names: 1 from equations, 1 from legends, 1 from other code"


def test_the_whole_text() -> None:
    out = plan_of(MATMUL, [pattern(x=f32(2))], [])
    found = Found("TE201", "error", "axis `b` is 2 in `x` but 3 in `y`", "m.py", 7)
    lines = "\n".join(
        [*lines_of([forward(), out], [found]), summary([forward(), out], ["A", "B"], "annotated")]
    )
    assert (
        lines
        == """m.py:10 A.forward: `b`, `t` (local in f, line 2)

left out:
  m.py:1 f: torch's symbolic shapes could not be followed through it

annotations that calls contradict, which stay as they are:
  m.py:7: TE201 axis `b` is 2 in `x` but 3 in `y`

annotated 1 function with 5 axes; 1 function left out
names: 2 from locals
proved by A, B"""
    )


FORM_FEED = "import torch\n\x0c\n\ndef f(x):\n    return x  # \x0c here\n"


def test_a_form_feed_is_part_of_a_line_of_a_patch(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(FORM_FEED)
    patch = diff_of("m.py", FORM_FEED, FORM_FEED.replace("(x)", "(x: int)"))
    assert "No newline" not in patch
    done = subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=patch.encode(), check=False)
    assert done.returncode == 0
    assert (tmp_path / "m.py").read_text() == FORM_FEED.replace("(x)", "(x: int)")


def test_a_form_feed_is_part_of_a_line_of_an_overlay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("get_data", "set_data"):  # put back after the test
        monkeypatch.setattr(SourceFileLoader, name, getattr(SourceFileLoader, name))
    file = str(tmp_path / "m.py")
    Overlay({file: FORM_FEED}).install()
    assert linecache.getline(file, 5) == "    return x  # \x0c here\n"


def test_where_time_ran_out_the_end_says_what_gives_more() -> None:
    late = Function("m.py", 1, "f", patterns=(replace(pattern(x=f32(2)), text=LATE),))
    plans = [Planned(late), Planned(replace(late, patterns=(pattern(x=f32(2)),)))]
    said = "1 function left out for want of time to follow calls: "
    assert (
        more_time(plans, 600, is_told=False)
        == f"{said}`annotate --with 'pytest -q'` follows calls for 10 minutes"
    )
    assert more_time(plans, 600, is_told=True) == f"{said}TYPED_EINSUM_GRACE=1800 gives them 30 minutes"
    assert more_time(plans, 20, is_told=True) == f"{said}TYPED_EINSUM_GRACE=60 gives them 60 seconds"
    assert more_time(plans[1:], 600, is_told=True) == ""


# Proving


def project_of(folder: Path, *functions: Function) -> Project:
    sources = {each.file: (folder / each.file).read_text() for each in functions}
    return Project(folder, functions, sources)


def matmul(file: str, line: int = 1) -> Function:
    seen = pattern(f32(2, 5), x=f32(2, 3), y=f32(3, 5))
    followed = signature(axes("b e"), x=axes("b d"), y=axes("d e"), origins="b d e")
    return Function(file, line, "f", patterns=(seen,), signatures=(followed,))


class ThreeFiles:
    """A supervisor: one file runs, one does not, and one ends the process."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def check(self, file: Path) -> list[Outcome]:
        told = {
            "good.py": Outcome("ok", str(file), name="f"),
            "fails.py": Outcome("failed", str(file), text="KeyError: 'HOME'"),
            "ends.py": Outcome("finding", str(file), text="importing the file ended it", code="TE702"),
        }
        return [told[file.name]]

    def close(self) -> None:
        return


def test_functions_of_files_that_contracts_cannot_run_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ("good.py", "fails.py", "ends.py")
    for file in files:
        (tmp_path / file).write_text(MATMUL)
    project = project_of(tmp_path, *map(matmul, files))
    monkeypatch.setattr(contracts, "Supervisor", ThreeFiles)
    plans = [*map(project.plan, project.functions)]
    plans = [*contracts.proved_by_contracts(plans, project.real_texts, tmp_path, 1.0).plans]
    assert [bool(each.hints) for each in plans] == [True, False, False]
    assert [each.reason for plan in plans for each in plan.left] == [
        "check_contract could not run its file: KeyError: 'HOME'",
        "check_contract could not run its file: TE702 importing the file ended it",
    ]


class Forced(ThreeFiles):
    """Says once that two axes are one."""

    said: ClassVar[list[str]] = []

    def check(self, file: Path) -> list[Outcome]:
        self.said.append(file.name)
        text = "this needs `d` and `e` to be one size, which no annotation says: give both axes one name"
        return (
            [Outcome("finding", str(file), name="f", text=text, code="TE719")] if len(self.said) == 1 else []
        )


def test_axes_that_contracts_find_to_be_one_are_proved_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.py").write_text(MATMUL)
    monkeypatch.setattr(contracts, "Supervisor", Forced)
    project = project_of(tmp_path, matmul("m.py"))
    (plan,), proofs = annotating._proved(project, None, 0)
    assert texts(plan) == {
        "x": 'Float[Tensor, "b d"]',
        "y": 'Float[Tensor, "d d"]',
        "return": 'Float[Tensor, "b d"]',
    }
    assert Forced.said == ["m.py", "m.py"]
    assert proofs[-1] == "check_contract"


class ByDim(ThreeFiles):
    """Says what is wrong with the result until it has no annotation."""

    said: ClassVar[list[str]] = []

    def check(self, file: Path) -> list[Outcome]:
        told = json.loads(Path(os.environ[VARIABLE]).read_text())
        self.said.append(told["texts"][str(file)])
        self.passed = told["passed"]
        text = "the result has 1 axis, but `b e` names 2"
        return (
            [Outcome("finding", str(file), name="f", text=text, code="TE202")]
            if "->" in self.said[-1]
            else []
        )


def test_a_result_that_contracts_disagree_with_stays_out_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.py").write_text(MATMUL)
    monkeypatch.setattr(contracts, "Supervisor", ByDim)
    project = project_of(tmp_path, matmul("m.py"))
    (plan,), _ = annotating._proved(project, None, 0)
    assert texts(plan) == {"x": 'Float[Tensor, "b d"]', "y": 'Float[Tensor, "d e"]'}
    assert [(each.what, each.reason) for each in plan.left] == [
        ("return", "check_contract disagrees: TE202 the result has 1 axis, but `b e` names 2")
    ]
    assert len(ByDim.said) == 2


def test_a_run_proves_where_it_was_started_and_claims_what_it_has_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inner").mkdir()
    for file in ("m.py", "n.py"):
        (tmp_path / file).write_text(MATMUL)
    (tmp_path / "inner" / "go.py").write_text(
        "import sys\nsys.path.insert(0, '..')\nimport torch, m\nm.f(torch.ones(2, 3), torch.ones(3, 5))\n"
    )
    monkeypatch.chdir(tmp_path / "inner")
    project = project_of(tmp_path, matmul("m.py"), matmul("n.py"))
    proof = proving.proved_by_run(
        project.functions, project.plan, project.real_texts, tmp_path, [*annotating.RUN, "go.py"]
    )
    assert proof.status == 0
    assert proof.claim(proof.plans, tmp_path) == "the command with the calls of 1 of 2 functions checked"
    assert proof.claim(proof.plans[:1], tmp_path) == "the command with every call checked"


def test_a_witness_lets_a_program_go_on_past_what_cannot_be_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def f(x: Float[Tensor, "b t"]) -> Any:
        return x[0], 7

    def validated(_: object) -> bool:
        raise KeyError("odd")

    f.__annotations__["return"] = tuple[Float[Tensor, "t"], Annotated[int, Is[validated]]]
    monkeypatch.setenv(witness.FOLDER, str(tmp_path))
    assert witness.witnessed(f)(torch.ones(3, 5))[1] == 7
    (written_down,) = tmp_path.glob("*.jsonl")
    assert json.loads(written_down.read_text().splitlines()[-1])["reason"] == "KeyError: 'odd'"
    monkeypatch.setenv(witness.FOLDER, str(tmp_path / "gone"))
    assert witness.witnessed(f)(torch.ones(3, 11))[1] == 7


@dataclass
class Pair:
    one: Float[Tensor, "b t"]
    other: Float[Tensor, "b t"]


@pytest.mark.parametrize(
    ("x", "pair", "reason"),
    [
        ((3, 5), ((3, 5), (3, 5)), None),
        ((3, 5), ((3, 5), (3, 7)), None),  # it was annotated before: not what is to be proved
        ((3, 5), ((3, 7), (3, 7)), "TE201"),  # what is new has names that the record has for other axes
        ((3,), ((3, 5), (3, 7)), "TE202"),
    ],
)
def test_a_witness_passes_over_a_record_that_breaks_its_own_annotations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, x: Any, pair: Any, reason: str | None
) -> None:
    def f(x: Float[Tensor, "b t"], pair: Pair) -> Pair:
        return pair

    f.__annotations__ |= {"x": Float[Tensor, "b t"], "pair": Pair, "return": Pair}
    monkeypatch.setenv(witness.FOLDER, str(tmp_path))
    witness.witnessed(f)(torch.ones(x), Pair(*map(torch.ones, pair)))
    (written_down,) = tmp_path.glob("*.jsonl")
    lines = [json.loads(line) for line in written_down.read_text().splitlines()]
    said = [line["reason"][:5] for line in lines if "reason" in line]
    assert said == ([] if reason is None else [reason])


UNREADABLE = 'NAME = f"{1:\\N{DIGIT ONE}}"\n\n\n' + MATMUL
"""Python reads it, and libcst does not."""


def test_a_file_that_libcst_cannot_read_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(UNREADABLE)
    (tmp_path / "m.py").write_text(MATMUL)
    store.write(tmp_path / store.FOLDER, Observations((matmul("odd.py", 4), matmul("m.py"))), "1")
    project = Project.read(tmp_path / store.FOLDER, None, "the project")
    assert [each.file for each in project.functions] == ["m.py"]
    assert project.left_alone == ("odd.py cannot be written: libcst cannot parse it",)


# The command

MODEL = """import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.heads = heads

    def forward(self, x, mask=None):
        b, t, c = x.shape  # all in one
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        q, k, v = (y.view(b, t, self.heads, -1).transpose(1, 2) for y in (q, k, v))
        scores = q @ k.transpose(-2, -1)
        if mask is not None:
            scores = scores.masked_fill(~mask, -1e9)
        return (scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, c)


def kept(x, rows):
    return x[:rows]
"""

ORIGINAL = """import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def merge(x: Float[Tensor, "b h t d"]) -> Float[Tensor, "b t h*d"]:
    b, h, t, d = x.shape
    return x.transpose(1, 2).reshape(b, t, h * d)


def scores(
    query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"], mask: Bool[Tensor, "q k"] | None = None
) -> Float[Tensor, "b q k"]:
    found = torch.einsum("bqd,bkd->bqk", query, key)
    return found if mask is None else found.masked_fill(~mask, 0.0)


def picked(
    x: Float[Tensor, "b t d"], index: Int[Tensor, "b"]
) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b"]]:
    b, t, d = x.shape
    return x[torch.arange(b), index], x.mean((1, 2))
"""
# Its annotations are taken away before the command runs.

TEST = """import torch
from layers import merge, picked, scores
from model import Attention, kept


def test_layers():
    assert merge(torch.randn(2, 3, 5, 7)).shape == (2, 5, 21)
    assert scores(torch.randn(2, 3, 7), torch.randn(2, 5, 7)).shape == (2, 3, 5)
    assert scores(torch.randn(2, 3, 7), torch.randn(2, 5, 7), torch.ones(3, 5) > 0).shape == (2, 3, 5)
    assert picked(torch.randn(2, 3, 5), torch.tensor([0, 2]))[0].shape == (2, 5)


def test_attention():
    for width, heads, t in ((12, 3, 5), (8, 2, 7)):
        model = Attention(width, heads)
        x = torch.randn(2, t, width)
        assert model(x).shape == x.shape
        assert model(x, torch.ones(t, t, dtype=torch.bool)).shape == x.shape


def test_kept():
    assert kept(torch.randn(4, 3), 4).shape == (4, 3)
    assert kept(torch.randn(4, 3), 2).shape == (2, 3)
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, capture_output=True, text=True, timeout=900,
        check=False, env={**os.environ, "COLUMNS": "80"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A project that the command has annotated, and what it has printed."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "model.py").write_text(MODEL)
    (folder / "layers.py").write_text(annotate.stripped(ORIGINAL)[0])
    (folder / "test_model.py").write_text(TEST)
    done = run(
        folder,
        "typed_einsum.cli",
        "annotate",
        "--write",
        "--decorate",
        "--with",
        "pytest -q -p no:cacheprovider",
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.mark.thorough
def test_a_project_is_annotated_in_one_command(annotated: tuple[Path, str]) -> None:
    folder, told = annotated
    text = (folder / "model.py").read_text()
    assert '    def forward(\n        self,\n        x: Float[Tensor, "b t c"],\n' in text
    assert '        mask: Bool[Tensor, "t t"] | None = None,\n    ) -> Float[Tensor, "b t c"]:\n' in text
    assert "@shape_checked\ndef kept" in text
    assert "proved by torch's symbolic shapes, the calls that were observed, the command" in told


@pytest.mark.thorough
def test_annotations_that_were_taken_away_are_written_again(annotated: tuple[Path, str]) -> None:
    text = (annotated[0] / "layers.py").read_text()
    found = {name: annotate.axes_of(node) for name, node in annotate.functions_in(ast.parse(text))}
    assert found == annotate.stripped(ORIGINAL)[1]


@pytest.mark.thorough
def test_its_tests_still_pass_and_check_agrees(annotated: tuple[Path, str]) -> None:
    folder, _ = annotated
    assert run(folder, "pytest", "-q", "-p", "no:cacheprovider").returncode == 0
    assert run(folder, "typed_einsum.cli", "check", "model.py").returncode == 0


@pytest.mark.thorough
def test_a_call_of_other_sizes_takes_a_name_back(annotated: tuple[Path, str]) -> None:
    """`kept` returns as many rows as it is given in its first call, and fewer in the second."""
    text = (annotated[0] / "model.py").read_text()
    signature_of_kept = text[text.index("def kept") :].splitlines()[0]
    assert signature_of_kept == 'def kept(x: Float[Tensor, "x0 x1"], rows) -> Float[Tensor, "y0 x1"]:'


def refusal(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> str:
    """What the command says where it exits with 2."""
    monkeypatch.chdir(folder)
    assert main(["annotate", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err


@pytest.mark.thorough
def test_files_that_have_changed_are_refused(
    annotated: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal(annotated[0], monkeypatch, capsys, "model.py") == (
        "typed-einsum: model.py: the file has changed since it was observed: observe again\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            [],
            "there is no .typed-einsum here or in a folder above: observe first, with `typed-einsum run "
            "SCRIPT`, `typed-einsum run -m MODULE` or `pytest --shapes`",
        ),
        (["--with", "ls"], "--with: expected pytest, python or a Python program, got `ls`"),
        (
            ["--with", "pytest -k 'a"],
            "--with: `pytest -k 'a` is not split into words: No closing quotation",
        ),
    ],
)
def test_bad_input_is_refused(
    tmp_path: Path,
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert refusal(tmp_path, monkeypatch, capsys, *arguments) == f"typed-einsum: {said}\n"


@pytest.mark.parametrize("program", ["nosuch.py", "-m nosuch"])
def test_what_lies_there_is_not_taken_for_what_a_command_shows(
    tmp_path: Path, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.py").write_text(MATMUL)
    store.write(store.begin(tmp_path), Observations((matmul("m.py"),)), "1")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CannotObserve) as raised:
        observe(f"python {program}")
    said = f"--with: `python {program}` ended with status 2, and nothing was observed"
    assert str(raised.value) == said


def test_a_script_that_is_not_there_is_refused_when_it_is_prepared() -> None:
    with pytest.raises(CannotRun, match=r"^cannot run nosuch\.py: there is no such file$"):
        Program.of(["nosuch.py"]).prepared(Overlay({}))


def test_words_are_split_as_the_system_does(monkeypatch: pytest.MonkeyPatch) -> None:
    command = r"""python tests\run.py -k "a b" '#c'"""
    assert program_of(command) == ["testsrun.py", "-k", "a b", "#c"]
    monkeypatch.setattr(observed, "IS_WINDOWS", True)
    assert program_of(command) == [r"tests\run.py", "-k", "a b", "#c"]


@pytest.mark.thorough
def test_paths_that_are_not_there_or_not_below_are_refused(
    annotated: tuple[Path, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, _ = annotated
    (folder / "broken.py").write_text("def f(:\n")
    for path, said in (
        ("nowhere.py", "nowhere.py: there is no such file or folder"),
        (str(tmp_path), f"{tmp_path} is not below {folder}, where the program was observed"),
        (
            "broken.py",
            "no function of broken.py was observed: run a program or tests that call its functions",
        ),
    ):
        assert refusal(folder, monkeypatch, capsys, path) == f"typed-einsum: {said}\n"


def test_without_libcst_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "libcst", None)
    assert refusal(tmp_path, monkeypatch, capsys) == (
        "typed-einsum: `typed-einsum annotate` writes with libcst, which is not installed: "
        'pip install "typed-einsum[annotate]"\n'
    )


def test_nothing_is_written_where_contracts_cannot_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def proved(*_: Any) -> None:
        raise WorkerFailed("the worker did not start in 120 seconds")

    monkeypatch.setattr(annotating, "_project", lambda *_, **__: None)
    monkeypatch.setattr(annotating, "_proved", proved)
    assert main(["annotate"]) == 2
    told = "check_contract could not run: the worker did not start in 120 seconds; nothing is written"
    assert capsys.readouterr().err == f"typed-einsum: {told}\n"


def test_following_takes_ten_minutes_unless_the_environment_says_another_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An empty variable says nothing, as elsewhere."""
    monkeypatch.setenv("TYPED_EINSUM_GRACE", "")
    monkeypatch.setenv("TYPED_EINSUM_AUDITS", "on")
    assert annotating._following() == {"TYPED_EINSUM_GRACE": "600", "TYPED_EINSUM_AUDITS": "on"}
    monkeypatch.setenv("TYPED_EINSUM_GRACE", "30")
    monkeypatch.delenv("TYPED_EINSUM_AUDITS")
    assert annotating._following() == {"TYPED_EINSUM_GRACE": "30", "TYPED_EINSUM_AUDITS": "off"}
