"""Plans: how many operations reach torch's dispatcher, and the order in which operands are contracted."""

from __future__ import annotations

import gc
import linecache
from collections import Counter
from typing import Any
from unittest import mock

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from typed_einsum import einsum, explain
from typed_einsum.contraction import inline, planned
from typed_einsum.equation.reading import linted
from typed_einsum.plan import Plan, depends_on_sizes, plan_of
from typed_einsum.plan import path as paths
from typed_einsum.plan.builder import Builder
from typed_einsum.plan.choice import MICROSECONDS, MORE, rounded
from typed_einsum.plan.pairs import forms_of_pair
from typed_einsum.plan.path import contraction_paths, greedy_path
from typed_einsum.plan.source import plan_lines
from typed_einsum.plan.steps import sources
from typed_einsum.scopes import cache


class Counting(TorchDispatchMode):
    """Counts what reaches the dispatcher."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.counts[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def operations(equation: str, *shapes: tuple[int, ...], **options: Any) -> dict[str, int]:
    """The operations of one call, with how often each is called."""
    operands = [torch.ones(shape) for shape in shapes]
    einsum(equation, *operands, **options)  # the first call compiles
    with Counting() as mode:
        einsum(equation, *operands, **options)
    return dict(mode.counts)


def test_the_counter_counts() -> None:
    with Counting() as mode:
        torch.ones(2) + torch.ones(2)
    assert mode.counts == {"ones": 2, "add": 1}


@pytest.mark.parametrize(
    ("equation", "shapes", "expected"),
    [
        ("bqd,bkd->bqk", [(2, 3, 5), (2, 4, 5)], {"transpose": 1, "bmm": 1}),
        ("bkd,bqd->bkq", [(2, 4, 5), (2, 3, 5)], {"transpose": 1, "bmm": 1}),
        ("bqk,bkd->bqd", [(2, 3, 4), (2, 4, 5)], {"bmm": 1}),
        ("ij,jk->ik", [(2, 3), (3, 5)], {"mm": 1}),
        ("ij,kj->ik", [(2, 3), (5, 3)], {"transpose": 1, "mm": 1}),
        ("ij,j->i", [(2, 3), (3,)], {"mv": 1}),
        ("i,i->", [(3,), (3,)], {"dot": 1}),
        ("bc,bc->bc", [(2, 3), (2, 3)], {"mul": 1}),
        ("bc,c->bc", [(2, 3), (3,)], {"mul": 1}),
        ("i,j->ij", [(2,), (3,)], {"unsqueeze": 1, "mul": 1}),
        ("ij->ji", [(2, 3)], {"transpose": 1}),
        ("ij->i", [(2, 3)], {"sum": 1}),
        ("ii->i", [(3, 3)], {"diagonal": 1}),
        ("bnd,de->bne", [(2, 3, 5), (5, 7)], {"view": 1, "mm": 1, "_unsafe_view": 1}),
    ],
)
def test_operations_of_a_call(equation: str, shapes: list[tuple[int, ...]], expected: dict[str, int]) -> None:
    assert operations(equation, *shapes) == expected


def test_a_maximum_follows_the_contraction() -> None:
    found = operations("b q d, b k d -> b q", (2, 3, 5), (2, 4, 5), max="k")
    assert found == {"transpose": 1, "unsqueeze": 1, "view": 3, "bmm": 1, "amax": 1}


@pytest.mark.parametrize(
    "equation", ["bthd,bshd->bhts", "bmchw,bnmc->bmhwn", "nbe,nbe->n", "bhqd,bhkd->bhqk"]
)
def test_no_more_operations_than_torch_einsum(equation: str) -> None:
    sizes = {letter: 2 + i for i, letter in enumerate(sorted(set(equation) - set(",->")))}
    shapes = [tuple(sizes[letter] for letter in part) for part in equation.split("->")[0].split(",")]
    operands = [torch.ones(shape) for shape in shapes]
    with Counting() as mode:
        torch.einsum(equation, *operands)
    assert sum(operations(equation, *shapes).values()) <= mode.counts.total()


REPORTED = [
    ("qel,xleq->qlx", {"q": 9, "e": 300, "l": 7, "x": 40}),
    ("ssu,upqs->qp", {"s": 11, "u": 300, "p": 21, "q": 5}),
    ("enj,anje->nea", {"e": 5, "n": 70, "j": 30, "a": 60}),
    ("cr,fch->hrf", {"c": 388, "f": 30, "h": 3, "r": 112}),
    ("sqz,sq->zq", {"z": 4, "q": 1568, "s": 121}),
]
"""Equations that took 3 to 8 times as long as torch.einsum, for want of a price of their products."""


@pytest.mark.parametrize(("text", "sizes"), REPORTED)
def test_a_plan_does_other_work_than_torch_only_where_that_is_cheaper(
    text: str, sizes: dict[str, int]
) -> None:
    equation = linted(text)
    plan = plan_of(equation, sizes=sizes)
    left, right = plan.operands
    builder = Builder([left.name, right.name])
    output = equation.output_keys
    operands = builder.diagonals(left), builder.diagonals(right)
    choice = forms_of_pair(builder, *operands, {*output}, output)
    steps = [(*choice.before, *steps) for _, steps in choice.trials]
    costs = choice.costs(plan.operands, {name: rounded(size) for name, size in sizes.items()})
    chosen = steps.index(plan.steps)
    if depends_on_sizes(equation):
        assert costs[chosen] == min(costs)
    assert costs[chosen] <= MORE * costs[0] + MICROSECONDS  # the first form is that of torch.einsum
    assert max(costs) > costs[chosen]
    rows = text.partition("->")[0].split(",")
    tensors = [torch.randn([sizes[x] for x in row], dtype=torch.float64) for row in rows]
    torch.testing.assert_close(einsum(text, *tensors), torch.einsum(text, *tensors))


def test_sizes_of_one_bucket_have_one_plan() -> None:
    equation = linted("bmchw,bnmc->bmhwn")
    plans = [
        plan_of(equation, sizes={"b": 2, "m": 3, "c": 5, "h": 7, "w": 9, "n": n}) for n in (300, 511, 512)
    ]
    assert depends_on_sizes(equation)
    assert plans[0] is plans[1] is not plans[2]
    small = {"b": 1, "m": 2, "c": 3, "h": 4, "w": 5, "n": 30}  # names alone decide on small calls
    assert plan_of(equation, sizes=small) is plan_of(equation)
    known = linted("bqd,bkd->bqk")  # names alone decide on all
    assert plan_of(known) is plan_of(known, sizes={"b": 2, "q": 3, "k": 400, "d": 5})


def plans_that_run(text: str, *shapes: tuple[int, ...]) -> list[Plan]:
    """The plan that a first call runs; names alone may have chosen others before."""
    made: list[Plan] = []

    def recorded(plan: Plan, *rest: Any) -> Any:
        made.append(plan)
        return plan_lines(plan, *rest)

    with mock.patch.object(planned, "plan_lines", recorded):
        compiled = inline._compile(inline.contraction_of(text, linted(text)))
        compiled.alone(*[torch.ones(shape) for shape in shapes])
    return made


def test_a_large_call_runs_the_plan_of_its_sizes() -> None:
    text = "ylg,pgy->lyp"  # torch.einsum drops p of size 1, and multiplies vectors then
    by_names, *_, by_sizes = plans_that_run(text, (30, 7, 263), (1, 263, 30))
    assert by_names is plan_of(linted(text))
    assert by_sizes is plan_of(linted(text), sizes={"y": 30, "l": 7, "g": 263, "p": 1})
    assert all("p" not in step.target.letters for step in by_sizes.steps[:-1])
    assert "p" in by_sizes.steps[-1].target.letters
    assert {*map(id, plans_that_run(text, (3, 4, 5), (1, 5, 3)))} == {id(by_names)}


def test_a_vector_that_was_copied_is_a_row() -> None:
    """Its axis of size 1 gets a stride with which torch multiplies faster."""
    assert ".unsqueeze(1)" in planned_source("vxc,bvvcx->bv")


def planned_source(text: str) -> str:
    plan = plan_of(linted(text))
    names = {value.name: value.name for step in plan.steps for value in (*sources(step), step.target)}
    sizes = {letter: letter for operand in plan.operands for letter in operand.letters}
    before, result = plan_lines(plan, names, sizes, {"torch": "torch", "best_products": "best"})
    return "\n".join([*before, result])


def test_a_new_axis_leaves_torch_on_its_fast_path() -> None:
    vector = torch.randn(121, 1568).mT
    assert vector.unsqueeze(2).stride() == (1, 1568, 1)  # a matrix whose rows are contiguous
    assert vector.reshape(1568, 121, 1).stride() == (1, 1568, 1568)  # torch takes this for neither
    lines = explain("sqz,sq->zq", {"z": 4, "q": 1568, "s": 121}).matrices.source
    assert ".unsqueeze(" in lines


SIZES = {"i": 2, "j": 300, "k": 5, "l": 700}


def test_the_cheap_order_is_taken() -> None:
    # (ij, jk) first makes 2x5; (jk, kl) first would make 300x700.
    assert contraction_paths(["ij", "jk", "kl"], "il", SIZES)[0] == ((0, 1), (0, 1))
    assert contraction_paths(["kl", "jk", "ij"], "il", SIZES)[0] == ((1, 2), (0, 1))
    assert greedy_path(["kl", "jk", "ij"], "il", SIZES) == ((1, 2), (0, 1))


def test_of_orders_with_as_much_work_the_one_without_copies_is_taken() -> None:
    # The first pair, with b as its batch axis, would copy the large operand.
    sizes = {"m": 24, "n": 14, "a": 16, "b": 18, "c": 20, "i": 22}
    plan = plan_of(linted("m n a b c, a b c i, b -> m n i"), sizes=sizes)
    assert plan.path == ((1, 2), (0, 1))


@pytest.mark.parametrize("installed", [True, False])
def test_many_operands(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not installed:
        monkeypatch.setattr(paths, "find_spec", lambda name: None)
    letters = "abcdefgh"
    operands = [letters[i : i + 2] for i in range(7)]
    path = contraction_paths(operands, "ah", {letter: 2 + i for i, letter in enumerate(letters)})[0]
    assert len(path) == 6
    remaining = 7
    for first, second in path:
        assert 0 <= first < second < remaining
        remaining -= 1


@pytest.mark.parametrize("installed", [True, False])
def test_many_operands_contract(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not installed:
        monkeypatch.setattr(paths, "find_spec", lambda name: None)
    equation = "ab,bc,cd,de,ef,fg,gh->ah"
    monkeypatch.setattr(inline.COMPILED, "kept", {})
    operands = [torch.randn(2 + i, 3 + i, dtype=torch.float64) for i in range(7)]
    expected = operands[0]
    for operand in operands[1:]:
        expected = expected @ operand
    torch.testing.assert_close(einsum(equation, *operands), expected, rtol=1e-12, atol=1e-12)


def test_compiled_equations_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inline.COMPILED, "kept", {})
    monkeypatch.setattr(cache, "MOST_KEPT", 5)
    for i in range(20):
        einsum(f"b axis{i} -> axis{i} b", torch.ones(2, 3))
    assert len(inline.COMPILED.kept) == 5


def test_source_goes_with_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inline.COMPILED, "kept", {})
    einsum("b freed -> freed b", torch.ones(2, 3))
    compiled = next(iter(inline.COMPILED.kept.values()))
    file = compiled.alone.__code__.co_filename
    assert "operand_1.shape" in "".join(linecache.getlines(file))
    del compiled
    inline.COMPILED.kept.clear()
    gc.collect()
    einsum("b next -> next b", torch.ones(2, 3))  # its source takes the number of the one that is gone
    assert file not in linecache.cache or "freed" not in "".join(linecache.getlines(file))


def test_axes_of_size_1_are_dropped_where_they_stand() -> None:
    """Behind an ellipsis without axes, and behind one with two."""
    for rest in ((), (3, 2)):
        operand = torch.randn(*rest, 1, 1, dtype=torch.float64)
        others = torch.randn((), dtype=torch.float64), torch.randn((), dtype=torch.float64)
        expected = torch.einsum("bb,,->b", operand.reshape(-1, 1, 1).sum(0), *others)
        torch.testing.assert_close(einsum("*rest b b, , -> b", operand, *others, sum="*rest"), expected)
