"""Runs the Python blocks of README.md and docs/ as tests; CONTRIBUTING.md states the conventions."""

from __future__ import annotations

import contextlib
import difflib
import io
import linecache
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest
from sybil import Document, Example, Region, Sybil
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

pytest_plugins = ["pytester"]

# Files with bugs in them: other tests run these, pytest must not import them.
collect_ignore = ["docs/examples", "tests/bugs", "tests/fresh_bugs", "tests/real_cases", "tests/unseen_bugs"]
collect_ignore += ["tests/typing/bad", "tests/typing/good"]
if find_spec("triton") is None:
    collect_ignore.append("src/typed_einsum/contraction/maximum/kernel.py")

FENCE = re.compile(r"(?P<language>\w*)(?P<options>[^\n]*)\n")
MARKER = re.compile(r"<!-- (\w+) -->\s*\Z")
TITLE = re.compile(r'title="([^"]+)"')
PAGE = "page"


def python_blocks(document: Document) -> Iterator[Region]:
    """Every Python block of a page, with its marker, its file name and the text block it must agree with."""
    blocks = list(RawFencedCodeBlockLexer(FENCE)(document))
    for block, following in zip(blocks, [*blocks, None][1:], strict=True):
        language = block.lexemes["language"]
        if language in {"py", "python3", "pycon"}:
            raise ValueError(f"{document.path}: write `python`, not `{language}`: only `python` blocks run")
        if language != "python":
            continue
        marker = MARKER.search(document.text, 0, block.start)
        kind = marker[1] if marker else None
        if kind not in {None, "raises", "prints", "exits"}:
            raise ValueError(f"{document.path}: unknown marker <!-- {kind} -->")
        text = None
        if kind in {"raises", "prints"}:
            if following is None or following.lexemes["language"] != "text":
                raise ValueError(f"{document.path}: no `text` block follows <!-- {kind} -->")
            text = following.lexemes["source"]
        title = TITLE.search(block.lexemes["options"])
        file = title[1] if title else "model.py"
        yield Region(block.start, block.end, (block.lexemes["source"], file, kind, text), run_block)


def run_block(example: Example) -> str | None:
    """Run one block; the difference between what it showed and what the page says, if any."""
    source, file, kind, text = example.parsed
    code = compile_in_file(source, file, example.namespace)
    page = vars(example.namespace[PAGE])
    if kind is None:
        exec(code, page)
        return None
    if kind == "exits":
        return exits(code, page)
    printed = io.StringIO()
    if kind == "prints":
        with contextlib.redirect_stdout(printed):
            exec(code, page)
        return difference(text, printed.getvalue())
    try:
        exec(code, page)
    except Exception as error:
        return difference(text, str(error))
    return "the block raised nothing"


def exits(code: Any, page: dict[str, Any]) -> str | None:
    """What is wrong with a block that must end the program."""
    try:
        exec(code, page)
    except SystemExit:
        return None
    return "the block did not end the program"


def compile_in_file(source: str, file: str, namespace: dict[str, Any]) -> Any:
    """Compile a block as the next lines of `file`, a file that only `linecache` knows."""
    before = namespace.setdefault(file, "")
    namespace[file] = text = before + source
    # Without a modification time linecache keeps the entry although no such file exists.
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    return compile("\n" * before.count("\n") + source, file, "exec", dont_inherit=True)


def difference(expected: str, actual: str) -> str:
    """A diff of two texts, without regard to how they end; empty where they agree."""
    lines = [text.rstrip().splitlines() for text in (expected, actual)]
    return "\n".join(difflib.unified_diff(*lines, "on the page", "in fact", lineterm=""))


def open_page(namespace: dict[str, Any]) -> None:
    # A real module, because dataclasses and late annotations look names up in sys.modules.
    namespace[PAGE] = sys.modules["model"] = ModuleType("model")


def close_page(namespace: dict[str, Any]) -> None:
    del sys.modules["model"]


pytest_collect_file = Sybil(
    parsers=[python_blocks], pattern="*.md", setup=open_page, teardown=close_page
).pytest()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the blocks of a page in one process: a later block uses the names of an earlier one."""
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log)
