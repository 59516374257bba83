"""Wrong texts: they are refused with an error of this library, cost little, and are never run as code."""

from __future__ import annotations

import ast
import builtins
import gc
import json
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hostile
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import Float
from torch import Tensor

from typed_einsum import einsum, errors, explain, shape_checked, softmax, typed_einsum
from typed_einsum.contraction import inline
from typed_einsum.equation.axes import AxisSyntaxError, read_axes
from typed_einsum.equation.reading import Reductions, linted
from typed_einsum.scopes.cache import MOST_KEPT

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import fuzz  # noqa: E402
import mutation  # noqa: E402
import pages  # noqa: E402

TRIES = {"the command": 150, "pytest": 100, "derivations": 300, "fences": 300, "calls of einsum": 600}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("door", hostile.DOORS)
def test_only_our_errors_come_out(door: str) -> None:
    found = hostile.counted(door, seed=10**9, count=TRIES.get(door, 1000))
    assert sum(found.values()) == TRIES.get(door, 1000)
    assert set(found) <= {"accepted", *errors.CODES}
    assert len(found) > 1 or door in ("the command", "pytest")


def test_every_door_accepts_something() -> None:
    record = json.loads(fuzz.RECORD.read_text(encoding="utf-8"))
    assert all(found["outcomes"]["accepted"] for found in record["doors"].values())


def test_an_error_of_another_kind_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(random: Any) -> None:
        raise KeyError("a defect")

    monkeypatch.setitem(hostile.DOORS, "sizes", broken)
    with pytest.raises(KeyError) as caught:
        hostile.counted("sizes", 5, 3)
    assert caught.value.__notes__ == ["door 'sizes', seed 5"]


def test_an_end_that_pytest_should_not_have_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pytest, "main", lambda arguments: pytest.ExitCode.INTERNAL_ERROR)
    with pytest.raises(hostile.LeftOtherwise):
        hostile.counted("pytest", 5, 1)


@given(st.text(), st.one_of(st.none(), st.text()))
def test_any_text_as_an_equation(text: str, option: str | None) -> None:
    refused = None
    try:
        linted(text, Reductions(option))
    except errors.TypedEinsumError as error:
        refused = error
    assert refused is None or refused.code.startswith("TE1")


@given(st.text())
def test_any_text_as_axes(text: str) -> None:
    refused = None
    try:
        axes = read_axes(text)
    except AxisSyntaxError as error:
        refused = error
    assert refused is not None or len(axes) == len(text.split())


# No text is run as code.

PROGRAMS = (
    "__import__('builtins').RAN.append(1)",
    "RAN.append(1)",
    "{RAN.append(1)}",
    "{x.__class__.__mro__}",
    "b)]\n    RAN.append(1)\n#",
    "'+str(RAN.append(1))+'",
    "(RAN:=[1])",
)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that every program above can reach, and would add to."""
    found: list[int] = []
    monkeypatch.setattr(builtins, "RAN", found, raising=False)
    return found


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_text_is_run(ran: list[int], program: str) -> None:
    matrix = torch.ones(2, 3)
    doors: list[Callable[[], object]] = [
        lambda: einsum(program, matrix),
        lambda: einsum(f"b {program} -> b", matrix),
        lambda: einsum("b c -> b c", matrix, max=program),
        lambda: softmax(matrix, f"b {program}", over="b"),
        lambda: explain(f"b {program}, b c -> b c"),
        lambda: explain("b c -> b c", f"b={program}"),
        lambda: hostile._within(f"b {program}"),
    ]
    for door in doors:
        with pytest.raises(errors.TypedEinsumError):
            door()
    assert ran == []


def test_the_list_does_see_what_runs(ran: list[int]) -> None:
    eval(PROGRAMS[0])
    assert ran == [1]


NAMES = ("class", "lambda", "None", "self", "print", "torch", "x", "exec", "dtype", "é", "名", "ß")
"""Names of axes that mean something in Python, in generated code, or in another alphabet."""


@pytest.mark.parametrize("name", NAMES)
def test_any_identifier_names_an_axis(name: str) -> None:
    annotation, other = Float[Tensor, f"b {name}"], Float[Tensor, f"{name} d"]

    def product(x: annotation, y: other) -> Float[Tensor, "b d"]: ...

    def checked(x: annotation, y: other) -> Float[Tensor, "b d"]:
        return x @ y

    x, y = torch.randn(2, 3), torch.randn(3, 5)
    for function in (typed_einsum(product), shape_checked(checked)):
        torch.testing.assert_close(function(x, y), x @ y)
        with pytest.raises(errors.ShapeError, match=f"axis `{name}` is 3 in `x` but 4 in `y`"):
            function(x, torch.randn(4, 5))
    torch.testing.assert_close(einsum(f"b {name}, {name} d -> b d", x, y), x @ y)


@pytest.mark.parametrize("name", ["__class__", "__builtins__", "_0", "_switch7"])
def test_a_name_that_begins_with_an_underscore_is_anonymous(name: str) -> None:
    """To jaxtyping such an axis is anonymous, so nothing can be contracted over it."""
    with pytest.raises(errors.EquationError):
        einsum(f"b {name}, {name} d -> b d", torch.ones(2, 3), torch.ones(3, 5))


@pytest.mark.parametrize("name", NAMES)
def test_no_name_of_an_axis_stands_in_generated_code(name: str) -> None:
    unusual = f"{name}_{'z' * 9}"
    annotation = Float[Tensor, f"b {unusual}"]

    def checked(x: annotation) -> annotation:
        return x

    source: str = shape_checked(checked).source
    strings = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    assert unusual not in source
    assert unusual not in strings


# What it costs.


def steps_of(work: Callable[[], object]) -> int:
    """How many calls the work makes, of Python and of C functions."""
    count = 0

    def profiled(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profiled)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def named(number: int) -> str:
    return " ".join(f"a{i}" for i in range(number))


READERS: dict[str, Callable[[int], object]] = {
    "axes": lambda number: read_axes(named(number)),
    "an equation": lambda number: linted(f"{named(number)} -> {named(number)}"),
    "letters": lambda number: linted(f"{'ab' * number} -> ab"),
    "commas": lambda number: linted(f"{','.join(['i'] * number)} -> i"),
    "sizes": lambda number: hostile.read_sizes(",".join(f"a{i}=2" for i in range(number))),
    "a fence": lambda number: hostile.derived("b -> b\n" + "\n" * number),
}


def outcome(work: Callable[[], object]) -> None:
    try:
        work()
    except errors.TypedEinsumError as error:
        assert error.code in {"TE104", "TE116", "TE103"}


@pytest.mark.parametrize("reader", READERS)
def test_reading_is_linear_in_the_text(reader: str) -> None:
    short, long = (steps_of(lambda n=n: outcome(lambda: READERS[reader](n))) for n in (40, 400))
    assert long < 15 * short


def test_the_count_sees_a_square() -> None:
    def square(number: int) -> int:
        return sum(len(str(i + j)) for i in range(number) for j in range(number))

    short, long = (steps_of(lambda n=n: square(n)) for n in (40, 400))
    assert long > 50 * short


def test_every_cache_is_bounded() -> None:
    bounds = []
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("lru_cache"):
                values = [*node.args, *(keyword.value for keyword in node.keywords)]
                bounds.append((path.name, *(ast.literal_eval(value) for value in values)))
            decorators = [ast.unparse(each) for each in getattr(node, "decorator_list", ())]
            assert not {"cache", "functools.cache", "lru_cache"} & set(decorators), path
    assert len(bounds) >= 5
    assert all(len(bound) == 2 and isinstance(bound[1], int) for bound in bounds), bounds


@pytest.mark.thorough
def test_distinct_equations_do_not_pile_up() -> None:
    matrix = torch.ones(2, 3)

    def contract(first: int, count: int) -> None:
        for number in range(first, first + count):
            einsum(f"b{number} c{number} -> c{number} b{number}", matrix)

    contract(0, MOST_KEPT + 100)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        contract(10**6, 2 * MOST_KEPT)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(inline.COMPILED.kept) <= MOST_KEPT
    # The cache was full before tracing began, so all that is kept now was made since: one cache full.
    assert grown < 40_000 * MOST_KEPT


def test_a_thousand_axes() -> None:
    with pytest.raises(errors.EquationError) as caught:
        linted(f"{named(1000)} -> {named(1000)}")
    assert caught.value.code in ("TE104", "TE116")
    text = ", ".join(f'x{i}: Float[Tensor, "{" ".join(f"a{i}_{j}" for j in range(20))}"]' for i in range(50))
    namespace: dict[str, Any] = {"Float": Float, "Tensor": Tensor}
    exec(f"def many({text}) -> None: pass", namespace)
    many = shape_checked(namespace["many"])
    tensors = [torch.ones(1, dtype=torch.float32).expand([1] * 20) for _ in range(50)]
    assert many(*tensors) is None
    with pytest.raises(errors.ShapeError, match="TE202"):
        many(*tensors[:-1], torch.ones(2))


# The page.


def test_the_page_says_what_was_recorded() -> None:
    record = json.loads(fuzz.RECORD.read_text(encoding="utf-8"))
    page = fuzz.PAGE.read_text(encoding="utf-8")
    assert pages.filled(page, fuzz.tables(record)) == page
    assert sum(sum(found["outcomes"].values()) for found in record["doors"].values()) >= 1_000_000
    record["doors"]["sizes"]["outcomes"]["accepted"] += 1
    assert pages.filled(page, fuzz.tables(record)) != page


def test_every_change_that_no_test_notices_is_argued() -> None:
    record = json.loads(mutation.RECORD.read_text(encoding="utf-8"))
    page = mutation.PAGE.read_text(encoding="utf-8")
    assert pages.filled(page, mutation.tables(record)) == page
    assert set(record) <= set(mutation.TESTS)
    assert "not argued" not in page


def test_the_changes_are_those_of_the_program() -> None:
    source = "def f(a, b):\n    if a < b and not b:\n        return a + 1\n    return None\n"
    made = [mutant.change for mutant in mutation.mutants(source)]
    assert made == [
        "in `f`, `a < b and (not b)` becomes `a < b or not b`",
        "in `f`, `a < b` becomes `a <= b`",
        "in `f`, `not b` becomes `b`",
        "in `f`, `return a + 1` becomes `return None`",
        "in `f`, `a + 1` becomes `a - 1`",
        "in `f`, `1` becomes `2`",
    ]


def test_a_change_is_noticed_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(
        "import changed\n\ndef test_it():\n    assert changed.value == 2\n"
    )
    monkeypatch.setattr(mutation, "ROOT", tmp_path)
    file = tmp_path / "changed.py"
    assert not mutation.notices("changed", file, "value = 2", ["test_it"])
    assert mutation.notices("changed", file, "value = 3", ["test_it"])
