"""Each code of the audit has one rule, in one file, and each operation of torch one spelling."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from typed_einsum.errors import CODES
from typed_einsum.testing import audit
from typed_einsum.testing.audit import vocabulary
from typed_einsum.testing.audit.findings import SourceLine
from typed_einsum.testing.audit.operations import Operation
from typed_einsum.testing.audit.rules import RULES
from typed_einsum.testing.audit.rules.registry import rule

FOLDER = Path(audit.__file__).parent
CODE = re.compile(r"\bTE\d{3}\b")


def test_every_rule_has_a_code_that_is_explained() -> None:
    assert set(RULES) <= set(CODES)


def test_every_code_that_the_audit_yields_has_one_rule_in_one_file() -> None:
    quoted = {path: set(re.findall(r'"(TE\d{3})"', path.read_text("utf-8"))) for path in FOLDER.rglob("*.py")}
    codes = [code for found in quoted.values() for code in found]
    assert sorted(codes) == sorted(RULES)
    for code, function in RULES.items():
        path = Path(function.__code__.co_filename)
        assert code in quoted[path]


def test_the_file_of_a_rule_opens_with_its_code() -> None:
    for code, function in RULES.items():
        if code.startswith("TE7"):
            text = Path(function.__code__.co_filename).read_text("utf-8")
            assert code in CODE.findall(text.partition("\n")[0]), code


def test_a_code_cannot_have_two_rules() -> None:
    with pytest.raises(ValueError, match="TE706 has a rule already"):
        rule("TE706")


def test_other_files_keep_no_names_of_in_place_operations() -> None:
    """`add_` and `__iadd__` are `add` by the time that a rule sees them."""
    for path in FOLDER.rglob("*.py"):
        if path.name != "vocabulary.py":
            quoted = set(re.findall(r'"(\w+)"', path.read_text("utf-8")))
            assert [name for name in quoted if vocabulary.canonical(name) != name] == [], path


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("__iadd__", "add"),
        ("add_", "add"),
        ("true_divide_", "div"),
        ("concat", "cat"),
        ("swapaxes", "transpose"),
    ],
)
def test_an_operation_has_one_spelling(spelling: str, name: str) -> None:
    assert vocabulary.canonical(spelling) == name


@pytest.mark.parametrize("spelling", ["transpose_", "unsqueeze_", "squeeze_"])
def test_a_permutation_in_place_is_another_operation(spelling: str) -> None:
    assert vocabulary.canonical(spelling) == spelling


def test_a_reversed_operator_has_its_operands_in_their_order() -> None:
    x = torch.zeros(3, 5)
    reversed_ = Operation.of("__rsub__", (x, 2.0), {}, SourceLine("model.py", 7))
    assert (reversed_.name, reversed_.arguments) == ("sub", (2.0, x))
