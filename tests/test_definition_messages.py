"""The whole text of every message about an equation or a definition.

The texts stand in `definition_messages.txt`, beside the sources that raise them.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import jaxtyping
import numpy
import pytest
import torch
from support.written_messages import cases, cases_in, difference, error_code, raised
from torch import Tensor, nn

import typed_einsum
from typed_einsum import errors

CASES = cases("definition_messages.txt")


def unwritten(source: str) -> Callable[..., Any]:
    """The function `scores` or `project` of a source that is nowhere to be read."""
    namespace: dict[str, Any] = {**vars(jaxtyping), "Tensor": Tensor}
    exec(source, namespace)
    made: Callable[..., Any] = namespace.get("scores") or namespace["project"]
    return made


NAMES: dict[str, Any] = {
    **vars(jaxtyping),
    **{name: getattr(typed_einsum, name) for name in typed_einsum.__all__},
    "Tensor": Tensor,
    "functools": functools,
    "nn": nn,
    "numpy": numpy,
    "ones": torch.ones,
    "torch": torch,
    "unwritten": unwritten,
    "__name__": "model",
}


@pytest.mark.parametrize("name", CASES)
def test_the_whole_text_with_one_repair(name: str) -> None:
    source, text = CASES[name]
    assert difference(raised(source, NAMES), text) is None
    assert text.splitlines()[-1].startswith("help: ")


def test_every_code_has_a_case() -> None:
    shown = {error_code(text) for _, text in CASES.values()}
    assert shown == {code for code in errors.CODES if code[:3] in ("TE1", "TE5")}


def test_a_source_that_raises_nothing_fails() -> None:
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        raised("ones(2)", NAMES)


def test_a_text_with_another_size_is_seen() -> None:
    error = raised('einsum("b rgb=3, rgb=4 d -> b d", ones(2, 3), ones(4, 5))', NAMES)
    _, text = CASES["two fixed sizes"]
    assert difference(error, text) is None
    assert difference(error, text.replace("fixed to 3 and to 4", "fixed to 4 and to 3")) == str(error)


def test_a_malformed_file_is_refused() -> None:
    with pytest.raises(AssertionError, match="malformed or named twice"):
        cases_in("=== a case without a text\nones(2)\n")


# The equation that a message proposes, taken at its word.

PROPOSED = re.compile(r'(?:say what you mean:|write|spell) "(?P<equation>[^"]*)"')
PROPOSALS = {
    name: proposed["equation"]
    for name, (_, text) in CASES.items()
    if error_code(text) in ("TE101", "TE110", "TE111")
    and (proposed := PROPOSED.search(text.splitlines()[-1])) is not None
}


def with_equation(source: str, equation: str) -> str:
    """The source with the first text in it, its equation, replaced.

    >>> with_equation('einsum("bd,bd", x, y)', "bd,bd->")
    'einsum("bd,bd->", x, y)'
    """
    return re.sub(r'"[^"]*"', f'"{equation}"', source, count=1)


@pytest.mark.parametrize("name", PROPOSALS)
def test_a_proposed_equation_is_accepted(name: str) -> None:
    source, _ = CASES[name]
    code = compile(with_equation(source, PROPOSALS[name]), "proposed.py", "exec", dont_inherit=True)
    assert exec(code, dict(NAMES)) is None


def test_proposals_are_found() -> None:
    assert {error_code(CASES[name][1]) for name in PROPOSALS} == {"TE101", "TE110", "TE111"}
