"""The modules stand on floors, and imports go down only.

A file that breaks a rule shows up here with its line. The rules themselves are shown able to fail below.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PACKAGE = "typed_einsum"
PLUGIN = "typed_einsum_pytest"
SRC = Path(__file__).parent.parent / "src"

# A folder is one row: everything inside stands on its floor.
FLOORS = {
    # 0, ground
    "diagnostics": 0,
    "errors": 0,
    # 1, language
    "equation": 1,
    "generated": 1,
    "plan": 1,
    "solver": 1,
    "static": 1,
    # 2, doors
    "annotations": 2,
    "checked": 2,
    "contraction": 2,
    "decorate": 2,
    "locations": 2,
    "messages": 2,
    "operations": 2,
    "scopes": 2,
    "switch": 2,
    "tensors": 2,
    "tracing": 2,
    # 3, uses; the package itself gathers the public names from all floors below
    "__init__": 3,
    "attention": 3,
    "derivation": 3,
    "nn": 3,
    "testing": 3,
    # 4, programs
    "cli": 4,
    "markdown": 4,
    PLUGIN: 4,
}

READS_JAXTYPING = "annotations"
"""Alone among the machinery. Floor 3 imports it as any user does, to annotate its functions."""

ASKS_TENSORS = "tensors"
TENSOR_ATTRIBUTES = {"shape", "dtype", "device"}
NOT_TENSORS = {
    ("annotations", "annotation.dtype"),  # the kind of a jaxtyping annotation, such as Float
    ("contraction", "best.dtype"),  # in a kernel, the type of what a pointer points at
    ("testing", "self.device"),  # where a draw of sizes makes its tensors
    ("testing", "draw.device"),  # the same
    ("testing", "self.shape"),  # the shape that a draw gives to an annotation
}
"""Expressions, by module, whose attribute has such a name although no tensor is asked."""

STANDARD_LIBRARY_ONLY = {row for row, floor in FLOORS.items() if floor <= 1}
"""Floors 0 and 1 run where torch does not, such as a browser."""

OPTIONAL = {("plan", "opt_einsum")}
"""What a module of the standard library alone may use where it is installed."""

MOST_LINES = 300
FEWER_MODULES_THAN = 25


def sources() -> dict[str, str]:
    """The text of every module, by its path below the package without the suffix."""
    found = {
        path.relative_to(SRC / PACKAGE).with_suffix("").as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((SRC / PACKAGE).rglob("*.py"))
    }
    plugin = SRC / f"{PLUGIN}.py"
    if plugin.exists():
        found[PLUGIN] = plugin.read_text(encoding="utf-8")
    return found


def problems(modules: Mapping[str, str]) -> list[str]:
    """Every broken rule, as one line each."""
    rows = {module.split("/")[0] for module in modules}
    shown = len(rows - {"__init__", PLUGIN})  # what `ls src/typed_einsum` shows
    found = []
    if shown >= FEWER_MODULES_THAN:
        found.append(f"{shown} modules and folders; there must be fewer than {FEWER_MODULES_THAN}")
    for module, text in modules.items():
        row = module.split("/")[0]
        if row not in FLOORS:
            found.append(f"{module}.py: no floor: add a row for `{row}` to FLOORS in tests/test_floors.py")
            continue
        lines = len(text.splitlines())
        if lines > MOST_LINES:
            found.append(f"{module}.py: {lines} lines; a module has at most {MOST_LINES}")
        tree = ast.parse(text)
        broken = sorted({*import_problems(row, tree, rows), *reads(row, tree)})
        found += [f"{module}.py:{line}: {problem}" for line, problem in broken]
    return found


def import_problems(row: str, tree: ast.Module, rows: set[str]) -> Iterator[tuple[int, str]]:
    """What a module must not import; `rows` are those that exist."""
    floor = FLOORS[row]
    visitor = Imports()
    visitor.visit(tree)
    for line, name in visitor.found:
        top, _, rest = name.partition(".")
        if not top:
            yield line, "a relative import: write out the package's name"
        elif top in {PACKAGE, PLUGIN}:
            target = rest.split(".")[0] if top == PACKAGE else top
            if target not in FLOORS:
                if target in rows:
                    continue  # reported already, as a module without a floor
                # `from typed_einsum import einsum` names no module: it asks the package itself.
                target = "__init__"
            if FLOORS[target] > floor:
                yield line, f"floor {floor} imports `{target}` from floor {FLOORS[target]}"
        elif (row, top) in OPTIONAL:
            continue
        elif row in STANDARD_LIBRARY_ONLY and top not in sys.stdlib_module_names:
            yield line, f"imports {top}; `{row}` uses the standard library only"
        elif top == "jaxtyping" and floor != 3 and row != READS_JAXTYPING:
            yield line, f"imports jaxtyping; only `{READS_JAXTYPING}` may"


def reads(row: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Where a module asks a value its shape, dtype or device; `torch.device` and `torch.dtype` are types."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Load)
            and node.attr in TENSOR_ATTRIBUTES
        ):
            asked = ast.unparse(node)
            if row != ASKS_TENSORS and (row, asked) not in NOT_TENSORS and ast.unparse(node.value) != "torch":
                yield node.lineno, f"reads `{asked}`; only `{ASKS_TENSORS}` may ask a tensor"


class Imports(ast.NodeVisitor):
    """Collects every import, also those inside functions, except what only a type checker sees."""

    def __init__(self) -> None:
        self.found: list[tuple[int, str]] = []

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            for statement in node.orelse:
                self.visit(statement)
        else:
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.found += [(node.lineno, alias.name) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        prefix = "." * node.level + (node.module or "")
        self.found += [(node.lineno, f"{prefix}.{alias.name}") for alias in node.names]


def test_every_module_keeps_to_its_floor() -> None:
    modules = sources()
    assert "errors" in modules, "no sources found: this test would pass on nothing"
    assert problems(modules) == []


@pytest.mark.parametrize(
    ("module", "text", "problem"),
    [
        (
            "errors",
            "from typed_einsum.equation import Equation",
            ":1: floor 0 imports `equation` from floor 1",
        ),
        ("errors", "import typed_einsum.equation", ":1: floor 0 imports `equation` from floor 1"),
        ("plan", "from typed_einsum import tensors", ":1: floor 1 imports `tensors` from floor 2"),
        ("contraction", "from typed_einsum import einsum", ":1: floor 2 imports `__init__` from floor 3"),
        ("cli", "from . import errors", ":1: a relative import: write out the package's name"),
        (
            "nn/attention",
            "import typed_einsum_pytest",
            ":1: floor 3 imports `typed_einsum_pytest` from floor 4",
        ),
        ("equation", "import torch.nn", ":1: imports torch; `equation` uses the standard library only"),
        ("equation", "from numpy import pi", ":1: imports numpy; `equation` uses the standard library only"),
        (
            "solver",
            "def solve():\n    import beartype",
            ":2: imports beartype; `solver` uses the standard library only",
        ),
        (
            "plan",
            "if TYPE_CHECKING:\n    pass\nelse:\n    import torch",
            ":4: imports torch; `plan` uses the standard library only",
        ),
        ("contraction", "from jaxtyping import Float", ":1: imports jaxtyping; only `annotations` may"),
        ("cli", "import jaxtyping", ":1: imports jaxtyping; only `annotations` may"),
        (
            "contraction",
            "from typed_einsum import (\n  einsum,\n  shaped)",
            ":1: floor 2 imports `__init__` from floor 3",
        ),
        ("contraction", "x.weight.dtype", ":1: reads `x.weight.dtype`; only `tensors` may ask a tensor"),
        ("nn/block", "f(x.shape[0])", ":1: reads `x.shape`; only `tensors` may ask a tensor"),
        ("utils", "", ": no floor: add a row for `utils` to FLOORS in tests/test_floors.py"),
        ("equation", "\n" * 301, ": 301 lines; a module has at most 300"),
    ],
)
def test_a_broken_rule_is_found(module: str, text: str, problem: str) -> None:
    assert problems({module: text}) == [f"{module}.py{problem}"]


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("cli", "from typed_einsum import einsum, errors\nfrom typed_einsum.plan import Plan"),
        ("equation", "import re\nfrom typed_einsum import errors"),
        ("equation", "if TYPE_CHECKING:\n    from torch import Tensor"),
        ("annotations", "import jaxtyping"),
        ("attention", "from jaxtyping import Float"),
        ("annotations", "import markdown"),
        ("tensors", "x.shape, x.dtype, x.device"),
        ("contraction", "import torch\nself.dtype = torch.device('meta')"),
        ("equation", "\n" * 300),
    ],
)
def test_what_the_rules_allow(module: str, text: str) -> None:
    assert problems({module: text}) == []


def test_too_many_modules_are_found() -> None:
    many = {f"nn/block{number}": "" for number in range(30)} | {"__init__": ""}
    assert problems(many) == []
    rows = dict.fromkeys(map(str, range(25)), "") | {"__init__": ""}
    assert problems(rows)[0] == "25 modules and folders; there must be fewer than 25"
    del rows["0"]
    assert len(problems(rows)) == 24
