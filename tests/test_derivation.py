"""Derivations of a thousand random equations: what each step claims is executed, and must be true."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any
from unittest import mock

import pytest
import torch
from hypothesis import given, note, settings
from support.derived import Case, Place, cases, indexed
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from typed_einsum import einsum, errors, explain
from typed_einsum.contraction import inline, planned
from typed_einsum.derivation import Derivation, Role
from typed_einsum.derivation.cost import BYTES_PER_ENTRY, copies
from typed_einsum.derivation.formula import Equality, Formula, Indexed, Product, Reduced, Winner
from typed_einsum.derivation.variables import variables
from typed_einsum.equation.equation import is_spread
from typed_einsum.plan import Plan, plan_along
from typed_einsum.plan.source import plan_lines
from typed_einsum.plan.steps import BestProduct, Copy, Diagonal, Expand, Matmul, Permute, Reshape, sources

derived_well: set[str] = set()


def derived(case: Case) -> Derivation:
    return explain(case.text, case.given, **case.options)


def hold_every_claim(case: Case) -> None:
    drawn = f"{case.text!r} {case.options} {case.given}"
    note(drawn)
    # Only what has passed is left out: an equation that fails must fail again while it is made smaller.
    if drawn in derived_well:
        return
    derivation = derived(case)
    for claim in CLAIMS:
        claim(derivation, case)
    derived_well.add(drawn)


@pytest.mark.parametrize(
    ("number", "drawn"), [(150, 200), pytest.param(1000, 1200, marks=pytest.mark.thorough)]
)
def test_every_claim_about_random_equations_is_true(number: int, drawn: int) -> None:
    """More are drawn than `number`, because some are drawn twice."""
    derived_well.clear()
    settings(max_examples=drawn, derandomize=True, deadline=None)(given(case=cases())(hold_every_claim))()
    assert len(derived_well) >= number


# What each step claims.


def names_of(derivation: Derivation, case: Case) -> dict[str, Place]:
    """Which single axis each label stands for, by its place in the operands."""
    labels = {
        label: place
        for operand, row in zip(derivation.subject.operands, case.rows, strict=True)
        for label, place in zip(operand.labels, row, strict=True)
    }
    assert len(set(labels.values())) == len(labels)
    assert [labels[label] for label in derivation.subject.result.labels] == list(case.output)
    return labels


def axes_have_their_roles(derivation: Derivation, case: Case) -> None:
    """Roles again, from counts alone."""
    labels = names_of(derivation, case)
    assert set(labels) == {index.label for index in derivation.axes}
    for index in derivation.axes:
        place = labels[index.label]
        counts = [row.count(place) for row in case.rows]
        holders = sum(count > 0 for count in counts)
        kept, most = place in case.output, max(counts)
        table = {
            "maximised": place in case.maximised,
            "batch": kept and holders > 1,
            "free": kept and holders == 1 and most == 1,
            "diagonal": kept and holders == 1 and most > 1,
            "contracted": not kept and place not in case.maximised and holders > 1,
            "lone": not kept and place not in case.maximised and holders == 1,
        }
        assert [role for role, true in table.items() if true] == [index.role.value]
        assert index.size == case.sizes[place]
        assert [i for i, count in enumerate(counts) if count] == list(index.holders)
        assert [i for i, count in enumerate(counts) if count > 1] == list(index.repeated)


def notation_is_the_contraction(derivation: Derivation, case: Case) -> None:
    tensors = case.tensors()
    env = {operand.symbol: t for operand, t in zip(derivation.subject.operands, tensors, strict=True)}
    assert_equal(evaluated(derivation.notation, env, derivation), case.result(tensors))


def loops_are_the_contraction(derivation: Derivation, case: Case) -> None:
    """With sizes the loops run on dicts, without on tensors."""
    tensors = case.tensors()
    names = variables(derivation.subject)
    wanted = indexed(case.result(tensors))
    inputs = dict(zip(names.operands, map(indexed, tensors), strict=True))
    assert executed(derivation.loops, inputs)[names.result] == wanted
    ranks = {name: sizes for name, sizes in case.given.items() if is_spread(name)}
    loose = explain(case.text, ranks, **case.options)
    found = executed(loose.loops, dict(zip(names.operands, tensors, strict=True)))[names.result]
    assert {at: float(value) for at, value in found.items()} == wanted


def an_entry_is_what_the_vectors_say(derivation: Derivation, case: Case) -> None:
    tensors = case.tensors()
    names, vectors = variables(derivation.subject), derivation.vectors
    labels = names_of(derivation, case)
    assert [labels[label] for label in vectors.fixed] == list(case.inner_axes)
    inputs = dict(zip(names.operands, tensors, strict=True))
    code = compile(vectors.code, "vectors", "eval")
    wanted = case.inner(tensors)
    every = list(product(*map(range, wanted.shape)))
    for at in every[:: max(1, len(every) // 5)]:
        chosen = {names.axes[label]: i for label, i in zip(vectors.fixed, at, strict=True)}
        assert eval(code, {"torch": torch}, inputs | chosen).item() == wanted[at]
    if vectors.kind == "dot":
        left, right = (eval(part, {"torch": torch}, inputs | chosen) for part in vectors.slices)
        assert left.numel() == right.numel() == math.prod(case.sizes[labels[x]] for x in vectors.along)
    assert (vectors.kind == "many") == (len(tensors) > 2)


def the_matrices_are_the_plan_that_runs(derivation: Derivation, case: Case) -> None:
    """The code line by line with every shape, and the same plan as the contraction itself makes."""
    tensors = case.tensors()
    names, matrices = variables(derivation.subject), derivation.matrices
    inputs: dict[str, Any] = {"torch": torch, **dict(zip(names.operands, tensors, strict=True))}
    for line in matrices.unpacking:
        exec(line, inputs)
    for step in matrices.steps:
        exec(step.code, inputs)
        assert tuple(inputs[step.target].shape) == step.sizes, step
    assert_equal(inputs[matrices.result], case.result(tensors))
    # Where an axis may be 1 and broadcast, `einsum` runs torch.einsum instead of a plan.
    broadcasts = any(index.broadcasts for index in derivation.axes)
    run = {id(plan) for plan in plans_that_run(derivation, tensors)}
    assert run == (set() if broadcasts else {id(matrices.plan)})


def plans_that_run(derivation: Derivation, tensors: Sequence[Tensor]) -> list[Plan]:
    """The plans whose lines `einsum` compiles: alone, and inside a checked function."""
    run: list[Plan] = []

    def recorded(plan: Plan, *rest: Any) -> Any:
        run.append(plan)
        return plan_lines(plan, *rest)

    with mock.patch.object(planned, "plan_lines", recorded):
        compiled = inline._compile(inline.contraction_of(derivation.equation, derivation.subject.equation))
        compiled.alone(*tensors)
    return run


def pairs_lead_to_the_result(derivation: Derivation, case: Case) -> None:
    """Each pair of the path contracted by torch gives what the next one takes."""
    matrices, operands = derivation.matrices, len(case.rows)
    assert len(matrices.pairs) == operands - 1
    if operands == 1:
        return
    names = variables(derivation.subject)
    inputs: dict[str, Any] = {"torch": torch, **dict(zip(names.operands, case.tensors(), strict=True))}
    exec(matrices.source, inputs)
    letters: dict[str, str] = {}
    groups = {step.target: step.groups for step in matrices.steps}
    for pair in matrices.pairs:
        rows = [pair.left, pair.right]
        for _, labels in rows:
            for label in labels:
                letters.setdefault(label, "abcdefghijklmnopqrstuvwxyz"[len(letters)])
        kept = [label for group in groups[pair.target] for label in group] + list(pair.maximised)
        assert set(pair.contracted) == {x for x in pair.left[1] if x in pair.right[1]} - set(kept)
        spelled = ["".join(letters[x] for x in labels) for labels in (pair.left[1], pair.right[1], kept)]
        values = [inputs[name].reshape(shape_of(labels, derivation)) for name, labels in rows]
        wanted = torch.einsum(f"{spelled[0]},{spelled[1]}->{spelled[2]}", *values)
        wanted = wanted.amax(-1) if pair.maximised else wanted
        assert_equal(inputs[pair.target].reshape(wanted.shape), wanted)


def shape_of(labels: Sequence[str], derivation: Derivation) -> tuple[int, ...]:
    return tuple(derivation.subject.sizes[label] for label in labels)


def costs_are_counted_right(derivation: Derivation, case: Case) -> None:
    """FLOPs as torch counts them, every other operation from the shapes that come by."""
    totals = derivation.cost.totals
    assert totals is not None
    tensors = case.tensors()
    counted = Watched(derivation.matrices.plan, tensors, derivation)
    assert 2 * counted.multiply_adds == totals.flops == counted.flops + counted.not_seen_by_torch
    assert counted.others == totals.operations - totals.flops
    result = case.result(tensors)
    entries = sum(tensor.numel() for tensor in tensors) + result.numel()
    assert totals.least_bytes == BYTES_PER_ENTRY * entries
    assert totals.moved_bytes == BYTES_PER_ENTRY * counted.moved
    assert totals.largest == counted.largest
    assert math.isclose(totals.intensity, totals.operations / totals.least_bytes)
    work = Counter[str]()
    for item in derivation.cost.work:
        assert item.count == math.prod(derivation.subject.sizes[label] for label in item.labels)
        work[item.operation] += item.count
    assert work["multiply-adds"] == totals.multiply_adds
    other = derivation.cost.alternative
    if other is not None and other.path is not None:
        dearer = plan_by(derivation, other.path)
        found = Watched(dearer, tensors, derivation)
        assert 2 * found.multiply_adds + found.others == other.operations > totals.operations
        assert_equal(found.result, result)
    elif other is not None and any(isinstance(step, BestProduct) for step in derivation.matrices.plan.steps):
        assert other.largest == math.prod(case.sizes[place] for place in case.inner_axes)
    elif other is not None:
        shared = {place for row in case.rows for place in row if sum(place in r for r in case.rows) > 1}
        everything = shared | set(case.inner_axes)
        assert other.largest == math.prod(case.sizes[place] for place in everything)


def plan_by(derivation: Derivation, path: Any) -> Plan:
    subject = derivation.subject
    return plan_along(subject.equation, dict(subject.spread), subject.part_sizes, path)


class Watched:
    """A plan run step by step in torch, with everything counted from the tensors themselves."""

    def __init__(self, plan: Plan, tensors: Sequence[Tensor], derivation: Derivation) -> None:
        self.multiply_adds = self.flops = self.not_seen_by_torch = self.others = self.moved = 0
        sizes = {index.part: index.size for index in derivation.axes}
        values = {
            value.name: tensor.contiguous() for value, tensor in zip(plan.operands, tensors, strict=True)
        }
        made: dict[str, int] = {}
        expected = copies(plan, {part: size for part, size in sizes.items() if size is not None})
        for step in plan.steps:
            inputs = [values[value.name] for value in sources(step)]
            mode = FlopCounterMode(display=False)
            with mode:
                output = carried_out(step, inputs, sizes)
            if not isinstance(step, Permute | Diagonal | Expand | Reshape | Copy):
                output = (
                    output.contiguous()
                )  # torch may keep an operand's layout; the count does not follow it
            values[step.target.name] = output
            read = sum(value.numel() for value in inputs)
            match step:
                case Matmul(left, right):
                    number = output.numel() * math.prod(sizes[x] or 0 for x in left.axes[-1])
                    self.multiply_adds += number
                    self.flops += mode.get_total_flops()
                    if len(right.axes) == 1:  # mv and dot have no formula in torch's counter
                        self.not_seen_by_torch += 2 * number - mode.get_total_flops()
                case BestProduct():
                    products = output.numel() * inputs[0].shape[2]
                    self.multiply_adds += products * inputs[0].shape[3]
                    self.flops += mode.get_total_flops()
                    self.others += products - output.numel()
                case Permute() | Diagonal() | Expand() | Reshape() | Copy():
                    copied = output.untyped_storage().data_ptr() != inputs[0].untyped_storage().data_ptr()
                    assert copied == (step.target.name in expected), step
                    if not copied:
                        continue
                case _:
                    self.others += output.numel() if len(inputs) > 1 else read - output.numel()
            self.moved += read + output.numel()
            made[step.target.name] = output.numel()
        self.result = values[plan.result.name]
        pointer = self.result.untyped_storage().data_ptr()
        others = [n for name, n in made.items() if values[name].untyped_storage().data_ptr() != pointer]
        self.largest = max(others, default=0)


def carried_out(step: Any, inputs: Sequence[Tensor], sizes: Mapping[str, int | None]) -> Tensor:
    """One step in torch, by the meaning of its kind."""
    shape = [math.prod(sizes[x] or 0 for x in group) for group in step.target.axes]
    match step:
        case Diagonal(_, _, first, second):
            return inputs[0].diagonal(0, first, second)
        case Permute(_, _, order):
            return inputs[0].permute(order)
        case Reshape():
            return inputs[0].reshape(shape)
        case Copy():
            return inputs[0].contiguous()
        case Expand():
            return inputs[0].expand(shape)
        case Matmul():
            return inputs[0] @ inputs[1]
        case BestProduct():
            return (inputs[0] @ inputs[1].unsqueeze(1)).amax(2)
        case _ if len(inputs) == 2:
            return inputs[0] * inputs[1]
        case _:
            return (inputs[0].amax if type(step).__name__ == "Maximum" else inputs[0].sum)(step.positions)


def gradients_are_those_of_autograd(derivation: Derivation, case: Case) -> None:
    """The code, and every formula by itself."""
    tensors = case.tensors()
    result = case.result(tensors)
    cotangent = torch.arange(1.0, result.numel() + 1, dtype=result.dtype).reshape(result.shape)
    wanted = case.gradients(tensors, cotangent)
    names, gradients = variables(derivation.subject), derivation.gradients
    inputs = {"torch": torch, "einsum": einsum, names.fresh(f"grad_{names.result}"): cotangent}
    found = executed(gradients.source, inputs | dict(zip(names.operands, tensors, strict=True)))
    env = {operand.symbol: t for operand, t in zip(derivation.subject.operands, tensors, strict=True)}
    env[bar(derivation.subject.result.symbol)] = cotangent
    inner = case.inner(tensors)
    if gradients.winner is not None:
        env["winners"] = winners(inner, len(case.maximised), gradients.first_wins)
        passed = evaluated(gradients.winner, env, derivation)
        env[hat(derivation.subject.result.symbol)] = passed
    for gradient, tensor in zip(gradients.operands, wanted, strict=True):
        torch.testing.assert_close(found[gradient.variable], tensor, rtol=1e-12, atol=1e-12)
        by_formula = evaluated(gradient.formula, env, derivation)
        torch.testing.assert_close(by_formula.expand(tensor.shape), tensor, rtol=1e-12, atol=1e-12)


def winners(inner: Tensor, maximised: int, first_wins: bool) -> Tensor:
    """1 for the winner; of equals the first has all, or each has its share."""
    last = tuple(range(-maximised, 0))
    best = (inner == inner.amax(last, keepdim=True)).to(inner.dtype)
    if first_wins:
        return best * (best.cumsum(-1) == 1)
    return best / best.sum(last, keepdim=True)


def bar(symbol: str) -> str:
    return f"{symbol} bar"


def hat(symbol: str) -> str:
    return f"{symbol} hat"


def the_example_is_worked_out_right(derivation: Derivation, case: Case) -> None:
    example = derivation.example
    assert example is not None
    labels = names_of(derivation, case)
    sizes = {labels[label]: size for label, size in example.sizes}
    assert all(2 <= size <= 4 for size in sizes.values())
    small = replace(case, sizes=sizes)
    tensors = [torch.tensor(values, dtype=torch.float64) for values in example.operands]
    assert [tuple(t.shape) for t in tensors] == [small.shape(row) for row in case.rows]
    result = small.result(tensors)
    assert_equal(torch.tensor(example.result, dtype=torch.float64).reshape(result.shape), result)
    assert result[example.at].item() == example.value
    inner = small.inner(tensors)
    subject = derivation.subject
    for candidate in example.candidates:
        assert inner[(*example.at, *candidate.at)].item() == candidate.total
        assert candidate.total == sum(term.value for term in candidate.terms)
        for term in candidate.terms:
            at = dict(
                zip(
                    (*subject.result.labels, *subject.maximised, *subject.summed),
                    (*example.at, *candidate.at, *term.at),
                    strict=True,
                )
            )
            read = [
                tensor[tuple(at[label] for label in operand.labels)].item()
                for tensor, operand in zip(tensors, subject.operands, strict=True)
            ]
            assert list(term.factors) == read
            assert term.value == math.prod(term.factors)


CLAIMS: list[Callable[[Derivation, Case], None]] = [
    axes_have_their_roles,
    notation_is_the_contraction,
    loops_are_the_contraction,
    an_entry_is_what_the_vectors_say,
    the_matrices_are_the_plan_that_runs,
    pairs_lead_to_the_result,
    costs_are_counted_right,
    gradients_are_those_of_autograd,
    the_example_is_worked_out_right,
]


# Formulas, evaluated.


def evaluated(formula: Formula, env: Mapping[str, Tensor], derivation: Derivation) -> Tensor:
    """The right side of an equality as a tensor with the axes of the left side, in its order."""
    assert isinstance(formula, Equality)
    assert isinstance(formula.left, Indexed)
    labels = sorted(labels_in(formula))
    value = valued(formula.right, labels, env, derivation)
    for label in reversed(labels):  # an axis that only the left side has is one along which nothing changes
        if label not in formula.left.labels:
            value = value.squeeze(labels.index(label))
    left = [label for label in labels if label in formula.left.labels]
    return value.permute([left.index(label) for label in formula.left.labels])


def labels_in(formula: Formula) -> set[str]:
    match formula:
        case Indexed(_, labels) | Winner(labels):
            return set(labels)
        case Reduced(_, labels, body):
            return set(labels) | labels_in(body)
        case Product(factors):
            return set().union(*map(labels_in, factors))
        case Equality(left, right):
            return labels_in(left) | labels_in(right)


def valued(
    formula: Formula, labels: Sequence[str], env: Mapping[str, Tensor], derivation: Derivation
) -> Tensor:
    """A formula as a tensor with one axis for each label, of size 1 where it does not depend on it."""
    subject = derivation.subject
    sizes = subject.sizes
    match formula:
        case Indexed("δ", (first, second)):
            return aligned(torch.eye(sizes[first], dtype=torch.float64), (first, second), labels)
        case Indexed(symbol, own, accent):
            return aligned(env[f"{symbol} {accent}" if accent else symbol], own, labels)
        case Winner():
            # The winners depend on the axes of the result and on those of the maximum.
            return aligned(env["winners"], (*subject.result.labels, *subject.maximised), labels)
        case Product(factors):
            value = torch.ones([1] * len(labels), dtype=torch.float64)
            for factor in factors:
                value = value * valued(factor, labels, env, derivation)
            return value
        case Reduced(sign, over, body):
            value = valued(body, labels, env, derivation)
            at = [labels.index(label) for label in over]
            assert all(value.shape[i] == sizes[label] for i, label in zip(at, over, strict=True))
            return value.sum(at, keepdim=True) if sign == "sum" else value.amax(at, keepdim=True)
        case Equality():
            raise AssertionError(formula)


def aligned(tensor: Tensor, own: Sequence[str], labels: Sequence[str]) -> Tensor:
    """Bring a tensor to one axis for each label; where it has one twice, take the diagonal."""
    own = list(own)
    for label in list(dict.fromkeys(own)):
        while own.count(label) > 1:
            first = own.index(label)
            second = own.index(label, first + 1)
            tensor = tensor.diagonal(0, first, second)
            own = [x for i, x in enumerate(own) if i not in (first, second)] + [label]
    order = sorted(range(len(own)), key=lambda i: labels.index(own[i]))
    tensor = tensor.permute(order)
    present = [own[i] for i in order]
    sizes = iter(tensor.shape)
    return tensor.reshape([next(sizes) if label in present else 1 for label in labels])


def executed(source: str, names: Mapping[str, Any]) -> dict[str, Any]:
    namespace = dict(names)
    exec(source, namespace)
    return namespace


def assert_equal(found: Tensor, wanted: Tensor) -> None:
    assert found.shape == wanted.shape
    assert torch.equal(found.double(), wanted.double())


# The claims above can fail.


def attention() -> Case:
    """Best scores, every axis with a size of its own."""
    b, q, k, d = ("b", 0), ("q", 0), ("k", 0), ("d", 0)
    sizes = {b: 2, q: 3, k: 4, d: 5}
    given = {name: size for (name, _), size in sizes.items()}
    return Case("b q d, b k d -> b q", None, "k", ((b, q, d), (b, k, d)), (b, q), (k,), sizes, given)


def chain() -> Case:
    i, j, k, m = ("i", 0), ("j", 0), ("k", 0), ("m", 0)
    sizes = {i: 2, j: 7, k: 3, m: 5}
    given = {name: size for (name, _), size in sizes.items()}
    return Case("ij, jk, km -> im", None, None, ((i, j), (j, k), (k, m)), (i, m), (), sizes, given)


def with_part(part: str, **changes: Any) -> Callable[[Derivation], Derivation]:
    """Change fields of one step."""
    return lambda derivation: replace(derivation, **{part: replace(getattr(derivation, part), **changes)})


def with_first_axis(**changes: Any) -> Callable[[Derivation], Derivation]:
    def change(derivation: Derivation) -> Derivation:
        first, *rest = derivation.subject.indices
        return replace(
            derivation, subject=replace(derivation.subject, indices=(replace(first, **changes), *rest))
        )

    return change


def with_totals(**more: int) -> Callable[[Derivation], Derivation]:
    def change(derivation: Derivation) -> Derivation:
        totals = derivation.cost.totals
        assert totals is not None
        changes = {name: getattr(totals, name) + number for name, number in more.items()}
        return replace(derivation, cost=replace(derivation.cost, totals=replace(totals, **changes)))

    return change


def with_first(part: str, field: str, **changes: Any) -> Callable[[Derivation], Derivation]:
    """Change the first item of a tuple in one step."""

    def change(derivation: Derivation) -> Derivation:
        step = getattr(derivation, part)
        first, *rest = getattr(step, field)
        return replace(derivation, **{part: replace(step, **{field: (replace(first, **changes), *rest)})})

    return change


WRONG: list[tuple[Callable[[Derivation, Case], None], Callable[[Derivation], Derivation]]] = [
    (axes_have_their_roles, with_first_axis(role=Role.FREE)),
    (axes_have_their_roles, with_first_axis(size=3)),
    (axes_have_their_roles, with_first_axis(holders=(0,))),
    (notation_is_the_contraction, with_part("notation", right=Indexed("A", ("b", "q", "d")))),
    (loops_are_the_contraction, lambda d: replace(d, loops=d.loops.replace("+=", "-="))),
    (an_entry_is_what_the_vectors_say, lambda d: with_part("vectors", code=f"2 + {d.vectors.code}")(d)),
    (an_entry_is_what_the_vectors_say, lambda d: with_part("vectors", along=("b", "d"))(d)),
    (the_matrices_are_the_plan_that_runs, with_first("matrices", "steps", sizes=(2, 5, 3))),
    (the_matrices_are_the_plan_that_runs, with_first("matrices", "steps", code="t0 = B.mT + 1")),
    (
        the_matrices_are_the_plan_that_runs,
        lambda d: replace(
            d, matrices=replace(d.matrices, plan=explain("b q d, b k d -> b q k").matrices.plan)
        ),
    ),
    (pairs_lead_to_the_result, with_first("matrices", "pairs", contracted=())),
    (costs_are_counted_right, with_totals(multiply_adds=1)),
    (costs_are_counted_right, with_totals(comparisons=1)),
    (costs_are_counted_right, with_totals(moved_bytes=4)),
    (costs_are_counted_right, with_totals(largest=1)),
    (costs_are_counted_right, with_first("cost", "work", count=7)),
    (gradients_are_those_of_autograd, with_first("gradients", "operands", code="grad_A = 2 * B")),
    (
        gradients_are_those_of_autograd,
        lambda d: with_first("gradients", "operands", formula=d.gradients.operands[1].formula)(d),
    ),
    (the_example_is_worked_out_right, with_part("example", value=1000)),
    (the_example_is_worked_out_right, with_first("example", "candidates", total=1000)),
]


@pytest.mark.parametrize(("claim", "wrong"), WRONG)
def test_a_wrong_claim_is_found(
    claim: Callable[[Derivation, Case], None], wrong: Callable[[Derivation], Derivation]
) -> None:
    case = attention()
    derivation = derived(case)
    claim(derivation, case)
    with pytest.raises((AssertionError, RuntimeError, NameError)):
        claim(wrong(derivation), case)


def test_a_wrong_path_is_found() -> None:
    case = chain()
    derivation = derived(case)
    pairs_lead_to_the_result(derivation, case)
    first, second = derivation.matrices.pairs
    wrong = with_part("matrices", pairs=(replace(first, left=second.left), second))(derivation)
    with pytest.raises((AssertionError, RuntimeError)):
        pairs_lead_to_the_result(wrong, case)


def test_every_claim_can_fail() -> None:
    assert {claim for claim, _ in WRONG} == set(CLAIMS)


def test_an_example_takes_numbers_of_a_readers_own() -> None:
    torch.manual_seed(0)
    a, b = torch.randint(-2, 4, (1, 2, 4, 3, 5)), torch.randint(-2, 3, (1, 3, 2, 4))
    result = torch.einsum("bmchw,bnmc->bmhwn", a, b)
    for given_numbers in ((a, b), (a.float(), b.tolist()), f"{a.tolist()}, {b.tolist()}"):
        example = explain("bmchw,bnmc->bmhwn", {"h": 20}, example=given_numbers).example
        assert example is not None
        assert_equal(torch.tensor(example.result), result)
        assert example.at == (0, 0, 0, 0, 0)
        assert example.value == result[0, 0, 0, 0, 0]
        assert dict(example.sizes) == {"b": 1, "m": 2, "c": 4, "h": 3, "w": 5, "n": 3}
    best = explain("bmchw,bnmc->bmhw", max="n", example=(a, b)).example
    assert best is not None
    assert_equal(torch.tensor(best.result), result.amax(-1))


def test_an_example_of_too_many_products_is_refused() -> None:
    with pytest.raises(errors.ArgumentError) as caught:
        explain("i j, j k -> i k", example=(torch.ones(20, 30), torch.ones(30, 10)))
    assert str(caught.value) == (
        "ArgumentError[TE406]: `example` has 6000 products, and at most 4096 are worked out\n"
        "help: give each operand an array of whole numbers: A[i,j], B[j,k]\n"
        "see: typed-einsum errors TE406"
    )
