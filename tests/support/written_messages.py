"""Sources that raise and the whole text of what each raises, from the `.txt` files among the tests.

A case: its name after `===`, the user's file `model.py`, `---`, the text but for its last line, which
says how to read the page of the code.
"""

from __future__ import annotations

import linecache
import re
from pathlib import Path
from typing import Any

import pytest

from typed_einsum import errors

FILE = "model.py"
CASE = re.compile(
    r"^=== (?P<name>.*)\n(?P<source>(?s:.*?))^---\n(?P<text>(?s:.*?))(?=\n===|\n###|\Z)", re.MULTILINE
)


def cases(file: str) -> dict[str, tuple[str, str]]:
    """Source and text of each case of a file, by its name."""
    return cases_in((Path(__file__).parents[1] / file).read_text(encoding="utf-8"))


def cases_in(written: str) -> dict[str, tuple[str, str]]:
    """Source and text of each case.

    >>> cases_in("=== a sum\\n1 + 1\\n---\\nNo error.\\n")
    {'a sum': ('1 + 1\\n', 'No error.')}
    """
    found = {case["name"]: (case["source"], case["text"].strip("\n")) for case in CASE.finditer(written)}
    assert len(found) == len(re.findall(r"^===", written, re.MULTILINE)), "a case is malformed or named twice"
    return found


def raised(source: str, names: dict[str, Any]) -> errors.TypedEinsumError:
    """The error that a file with this source raises. `linecache` alone knows the file."""
    linecache.cache[FILE] = (len(source), None, source.splitlines(True), FILE)
    try:
        with pytest.raises(errors.TypedEinsumError) as caught:
            exec(compile(source, FILE, "exec", dont_inherit=True), dict(names))
    finally:
        del linecache.cache[FILE]
    return caught.value


def difference(error: errors.TypedEinsumError, text: str) -> str | None:
    """What an error says instead of the text that it should have; None where it says just that."""
    whole = f"{text}\nsee: typed-einsum errors {error.code}"
    return None if str(error) == whole else str(error)


def error_code(text: str) -> str:
    """The code in the first line of a message.

    >>> error_code("ShapeError[TE201]: one axis")
    'TE201'
    """
    return text.partition("[")[2].partition("]")[0]
