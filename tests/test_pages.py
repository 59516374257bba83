"""The conventions for code blocks in the documentation, each shown able to fail."""

from __future__ import annotations

from pathlib import Path

import pytest

CONFTEST = Path(__file__).parent.parent / "conftest.py"

FUNCTION = """
```python title="scores.py"
def scores():
    raise ValueError(f"no scores at line {scores.__code__.co_firstlineno}")
```
"""

CALL = """
<!-- raises -->
```python
scores()
```

```text
no scores at line 1
```
"""

PRINT = """
<!-- prints -->
```python
import inspect
print(inspect.getsource(scores).splitlines()[0])
```

```text
def scores():
```
"""

EXIT = """
<!-- exits -->
```python
raise SystemExit
```
"""


@pytest.fixture
def run_page(pytester: pytest.Pytester):
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8"))

    def run(text: str, *options: str) -> pytest.RunResult:
        (pytester.path / "page.md").write_text(text, encoding="utf-8")
        return pytester.runpytest_inprocess("page.md", "-p", "no:cacheprovider", *options)

    return run


def test_the_blocks_of_a_page_share_names_and_agree_with_their_texts(run_page) -> None:
    run_page(FUNCTION + CALL + PRINT + EXIT).assert_outcomes(passed=4)


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        (FUNCTION + CALL.replace("no scores at line 1", "no scores at line 2"), "+no scores at line 1"),
        (FUNCTION + CALL.replace("scores()", "pass"), "the block raised nothing"),
        (FUNCTION + PRINT.replace("def scores():\n", "def score():\n"), "+def scores():"),
        (FUNCTION + CALL.replace("<!-- raises -->", ""), "ValueError: no scores at line 1"),
        (FUNCTION + EXIT.replace("raise SystemExit", "pass"), "the block did not end the program"),
    ],
    ids=["wrong error", "no error", "wrong output", "unexpected error", "no exit"],
)
def test_a_page_that_is_wrong_fails(run_page, page: str, shown: str) -> None:
    result = run_page(page)
    result.assert_outcomes(passed=1, failed=1)
    assert shown in result.stdout.str()


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        (CALL.replace("raises", "raise"), "unknown marker <!-- raise -->"),
        (CALL.replace("```text", "```"), "no `text` block follows <!-- raises -->"),
        ("```pycon\n>>> 1\n1\n```\n", "write `python`, not `pycon`"),
    ],
    ids=["misspelt marker", "no text", "another language name"],
)
def test_a_page_that_would_not_be_tested_is_refused(run_page, page: str, shown: str) -> None:
    result = run_page(page)
    result.assert_outcomes(errors=1)
    assert shown in result.stdout.str()


TWO_BLOCKS = """
```python
import inspect

```

```python
def f(): ...
```

<!-- prints -->
```python
print(f"{inspect.getsourcefile(f)}:{f.__code__.co_firstlineno} {inspect.getsource(f)}")
```

```text
model.py:3 def f(): ...
```
"""


def test_untitled_blocks_are_one_file(run_page) -> None:
    run_page(TWO_BLOCKS).assert_outcomes(passed=3)


def test_a_page_may_have_no_blocks(run_page) -> None:
    run_page("# Reference\n").assert_outcomes()


def test_a_page_stays_in_one_process(run_page) -> None:
    run_page(FUNCTION + CALL + PRINT, "-n", "2").assert_outcomes(passed=3)
