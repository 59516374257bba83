"""The whole text of every message that a call can raise, and of what `typed-einsum check` alone finds.

The texts stand in `call_messages.txt`, beside the calls that raise them.
"""

from __future__ import annotations

import copy
import math
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import jaxtyping
import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.written_messages import FILE, cases, difference, error_code
from support.written_messages import raised as raised_by
from torch import Tensor, nn

import typed_einsum
from typed_einsum import errors
from typed_einsum.diagnostics import Diagnostic
from typed_einsum.markdown import derived
from typed_einsum.nn import MaxSigmoidAttnBlock
from typed_einsum.testing import check_contract, example_inputs

ROOT = Path(__file__).parent.parent
CASES = cases("call_messages.txt")


def unwritten(source: str) -> Callable[..., Any]:
    """A function whose source is nowhere to be read."""
    namespace: dict[str, Any] = {**vars(jaxtyping), "Tensor": Tensor}
    exec(source, namespace)
    made: Callable[..., Any] = namespace["scores"]
    return made


NAMES: dict[str, Any] = {
    **vars(jaxtyping),
    **{name: getattr(typed_einsum, name) for name in typed_einsum.__all__},
    "MaxSigmoidAttnBlock": MaxSigmoidAttnBlock,
    "Tensor": Tensor,
    "check_contract": check_contract,
    "derived": derived,
    "example_inputs": example_inputs,
    "nn": nn,
    "numpy": numpy,
    "ones": torch.ones,
    "torch": torch,
    "unwritten": unwritten,
    "__name__": "model",
}


def raised(source: str) -> errors.TypedEinsumError:
    """The error that a file with this source raises."""
    return raised_by(source, NAMES)


@pytest.mark.parametrize("name", CASES)
def test_the_whole_text_with_one_repair(name: str) -> None:
    source, text = CASES[name]
    error = raised(source)
    assert difference(error, text) is None
    assert text.startswith(f"{type(error).__name__}[{error.code}]: ")
    assert text.splitlines()[-1].startswith("help: ")


def test_a_file_that_raises_nothing_fails() -> None:
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        raised("ones(2)")


# The repair that a message names, taken at its word: the call must then pass.

REPAIR = re.compile(r"\by(\.\w+\([^)]*\)+)+")
LETTERS = "abcde"
distinct = st.lists(st.sampled_from([2, 3, 5, 7, 11, 13]), min_size=2, max_size=5, unique=True)


def repaired(x: Tensor, y: Tensor) -> Tensor:
    """`y` as the message proposes it, after a call in which it should have had the shape of `x`."""
    axes = " ".join(LETTERS[: x.ndim])
    source = f'''
@shape_checked
def same(x: Float[Tensor, "{axes}"], y: Float[Tensor, "{axes}"]) -> None: ...

same(ones{tuple(x.shape)}, ones({list(y.shape)}))
'''
    told = raised(source).diagnostic.help
    code = REPAIR.search(told or "")
    assert code is not None, told
    made: Tensor = eval(code[0], {"y": y})
    return made


@given(distinct, st.randoms(use_true_random=False))
def test_axes_in_any_order_are_put_right(sizes: list[int], random: Random) -> None:
    order = random.sample(range(len(sizes)), len(sizes))
    x = torch.arange(math.prod(sizes)).reshape(sizes)
    y = x.permute(order)
    if y.shape != x.shape:
        assert torch.equal(repaired(x, y), x)


@given(distinct, st.data())
def test_an_axis_of_size_1_is_expanded(sizes: list[int], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(sizes) - 1))
    x = torch.ones(sizes)
    assert repaired(x, x.narrow(position, 0, 1)).shape == x.shape


@given(distinct, st.data())
def test_an_axis_too_few_or_too_many(sizes: list[int], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(sizes) - 1))
    x = torch.ones(sizes)
    assert repaired(x, x.select(position, 0)).shape == x.shape
    assert repaired(x, x.unsqueeze(position)).shape == x.shape


@given(distinct, st.data())
def test_axes_merged_or_split(sizes: list[int], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(sizes) - 2))
    x = torch.arange(math.prod(sizes)).reshape(sizes)
    merged = x.flatten(position, position + 1)
    assert torch.equal(repaired(x, merged), x)
    assert torch.equal(repaired(merged, x), merged)


def test_a_repair_that_does_not_help_is_seen() -> None:
    with pytest.raises(AssertionError, match="a name of its own"):
        repaired(torch.ones(2, 3), torch.ones(2, 5))


# What `typed-einsum check` alone finds: the files and lines that the pages show.

FOUND_BY_CHECK = ("TE701", "TE702")


def shown_on_page(code: str) -> tuple[str, str, list[str]]:
    """The file that the page of a code shows: its name, its text, and the lines that the command prints."""
    page = (ROOT / "docs" / "errors" / f"{code}.md").read_text(encoding="utf-8")
    file = re.search(r"```python title=\"(\S+)\"\n((?s:.*?))```", page)
    console = re.search(r"```console\n\$ typed-einsum check \S+\n((?s:.*?))```", page)
    assert file is not None
    assert console is not None
    return file[1], file[2], console[1].splitlines()


def check(folder: Path, name: str, source: str) -> list[str]:
    """The lines that the command prints of one file."""
    (folder / name).write_text(source, encoding="utf-8")
    report = subprocess.run(
        [sys.executable, "-P", "-m", "typed_einsum.cli", "check", name],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert report.stderr == ""
    return report.stdout.splitlines()


@pytest.mark.parametrize("code", FOUND_BY_CHECK)
@pytest.mark.one_in(4)
def test_a_page_shows_what_the_command_prints(code: str, tmp_path: Path) -> None:
    name, source, lines = shown_on_page(code)
    found = check(tmp_path, name, source)
    assert found == lines
    assert f": {code} " in found[0]


def test_a_call_inside_a_body_is_found_with_its_column(tmp_path: Path) -> None:
    source = """\
from jaxtyping import Float
from torch import Tensor
from typed_einsum import einsum, shape_checked, shaped

@shape_checked
def mixed(x: Float[Tensor, "b t"], weight: Float[Tensor, "o i"]) -> Float[Tensor, "b o"]:
    return einsum("b t, t o -> b o", x, weight)

@shape_checked
def heads(x: Float[Tensor, "b t"]) -> Float[Tensor, "t b"]:
    return shaped(x, "t b")
"""
    lines = check(tmp_path, "model.py", source)
    assert lines[:2] == [
        "model.py:7:25: TE201 axis `t` is 13 in `x` but 17 in operand 2 (in mixed)",
        "model.py:11:23: TE201 axis `t` is 13 in `x` but 11 in the value (in heads)",
    ]


def test_every_code_has_a_case() -> None:
    shown = {error_code(text) for _, text in CASES.values()}
    of_calls = {code for code in errors.CODES if code[:3] in ("TE2", "TE3", "TE4")}
    assert of_calls <= shown
    assert shown | set(FOUND_BY_CHECK) <= set(errors.CODES)


def test_every_finding_is_shown_on_its_page() -> None:
    for code in (code for code in errors.CODES if code.startswith("TE7")):
        page = (ROOT / "docs" / "errors" / f"{code}.md").read_text(encoding="utf-8")
        blocks = re.findall(r"```(?:text|console)\n((?s:.*?))```", page)
        assert any(f": {code} " in block for block in blocks), code


# The exceptions themselves.

BASES = {
    errors.EquationError: ValueError,
    errors.ShapeError: ValueError,
    errors.DtypeError: TypeError,
    errors.DeviceError: RuntimeError,
    errors.ArgumentError: TypeError,
    errors.SettingError: ValueError,
    errors.SignatureError: TypeError,
}


def test_each_class_has_a_builtin_base() -> None:
    public = {getattr(errors, name) for name in errors.__all__ if name != "CODES"}
    assert set(BASES) == public - {errors.TypedEinsumError}
    assert all(issubclass(ours, errors.TypedEinsumError) for ours in BASES)
    assert [ours for ours, builtin in BASES.items() if not issubclass(ours, builtin)] == []


@pytest.mark.parametrize(
    ("code", "builtin"),
    [("TE201", ValueError), ("TE301", TypeError), ("TE303", RuntimeError), ("TE401", TypeError)],
)
def test_existing_except_clauses_keep_working(code: str, builtin: type[Exception]) -> None:
    source = next(source for source, text in CASES.values() if error_code(text) == code)
    with pytest.raises(builtin) as caught:
        exec(compile(source, FILE, "exec", dont_inherit=True), dict(NAMES))
    assert isinstance(caught.value, errors.TypedEinsumError)


@pytest.mark.parametrize("kind", BASES)
def test_pickled_and_copied_it_says_the_same(kind: type[errors.TypedEinsumError]) -> None:
    diagnostic = raised(CASES["inline, named"][0]).diagnostic
    error = kind(diagnostic)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is kind
        assert (str(again), again.code, again.diagnostic) == (str(error), "TE201", diagnostic)


@pytest.mark.parametrize("kind", BASES)
def test_made_anew_of_its_text_it_says_that_text(kind: type[errors.TypedEinsumError]) -> None:
    """As torch makes an error anew that the worker process of a loader has raised."""
    error = kind(raised(CASES["inline, named"][0]).diagnostic)
    told = f"Caught {kind.__name__} in DataLoader worker process 0.\nOriginal Traceback:\n{error}"
    for again in (kind(told), pickle.loads(pickle.dumps(kind(told)))):
        assert (str(again), again.code, again.diagnostic.summary) == (told, "TE201", told)
    assert kind("something else").code == ""


def test_a_message_may_be_a_sentence_alone() -> None:
    error = errors.ShapeError(Diagnostic("TE201", "one axis has two sizes"))
    assert str(error) == "ShapeError[TE201]: one axis has two sizes\nsee: typed-einsum errors TE201"


@pytest.mark.thorough
def test_the_switch_refuses_a_word_that_it_does_not_know() -> None:
    report = subprocess.run(
        [sys.executable, "-c", "from typed_einsum import einsum"],
        env={**os.environ, "TYPED_EINSUM_CHECKS": "Offf"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert report.returncode == 1
    assert report.stderr.splitlines()[-1] == (
        "ValueError: TYPED_EINSUM_CHECKS is 'offf'; it is read as `on` (the default) or `off`"
    )
