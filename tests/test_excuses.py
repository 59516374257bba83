"""Which exceptions are not known to be a fault of a function's shapes."""

from __future__ import annotations

import dataclasses
import inspect
import os
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
from jaxtyping import Float, Int64, Shaped
from packaging.version import Version
from torch import Tensor, nn

from typed_einsum import shape_checked
from typed_einsum.testing import check_contract
from typed_einsum.testing.axes import fit
from typed_einsum.testing.axes.trace import Trace, trace
from typed_einsum.testing.calls import making
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.running.attempts import is_refusal
from typed_einsum.testing.running.excuses import excuse_of, refused_by_library


def raising(error: BaseException) -> Callable[[], None]:
    def raises() -> None:
        raise error

    return raises


def missing() -> None:
    os.no_such_function()  # type: ignore[attr-defined]


def unknown() -> None:
    None.no_such_method()  # type: ignore[attr-defined]


def mismatched() -> None:
    torch.ones(2, 3) @ torch.ones(5, 7)


NOTHING_OF_SHAPES = "it raised {}, which says nothing of shapes"
REFUSES = "it refuses what was made up for it: {}"

EXCUSED = [
    (raising(FileNotFoundError("weights.bin")), NOTHING_OF_SHAPES.format("FileNotFoundError: weights.bin")),
    (raising(URLError("no route")), NOTHING_OF_SHAPES.format("URLError: <urlopen error no route>")),
    (raising(ModuleNotFoundError("bpy")), NOTHING_OF_SHAPES.format("ModuleNotFoundError: bpy")),
    (raising(SystemExit(3)), NOTHING_OF_SHAPES.format("SystemExit: 3")),
    (
        raising(RuntimeError("Found no NVIDIA driver")),
        NOTHING_OF_SHAPES.format("RuntimeError: Found no NVIDIA driver"),
    ),
    (
        missing,
        NOTHING_OF_SHAPES.format("AttributeError: module 'os' has no attribute 'no_such_function'"),
    ),
    (raising(AssertionError()), REFUSES.format("AssertionError in `raise error`")),
    (raising(NotImplementedError("int8")), REFUSES.format("NotImplementedError: int8")),
    (
        lambda: Version("eleven"),
        "packaging refuses what was made up for it: InvalidVersion: Invalid version: 'eleven'",
    ),
    (
        lambda: dataclasses.fields(3),  # type: ignore[arg-type]
        "Python's `dataclasses` refuses what was made up for it: "
        "TypeError: must be called with a dataclass type or instance",
    ),
]

NOT_EXCUSED = [
    lambda: random.sample(range(3), 5),
    mismatched,
    unknown,
    raising(RuntimeError("shape '[2, 3]' is invalid for input of size 35")),
    raising(IndexError("list index out of range")),
    raising(TypeError("unsupported operand")),
]


def excuse(function: Callable[[], object]) -> str:
    try:
        function()
    except BaseException as error:
        return excuse_of(error, function)
    raise AssertionError("it raises nothing")


@pytest.mark.parametrize(("function", "said"), EXCUSED)
def test_what_says_nothing_of_shapes_is_excused(function: Callable[[], object], said: str) -> None:
    assert excuse(function) == said


@pytest.mark.parametrize("function", NOT_EXCUSED)
def test_what_may_be_about_shapes_is_not(function: Callable[[], object]) -> None:
    assert excuse(function) == ""


def raised_in(file: Path, source: str) -> Exception:
    """The error of a function `f` that a file defines."""
    file.parent.mkdir(parents=True, exist_ok=True)
    names: dict[str, Any] = {}
    exec(compile(source, str(file), "exec"), names)
    with pytest.raises(Exception, match="no") as caught:
        names["f"]()
    return caught.value


def test_compiled_code_is_of_the_package_that_its_module_says() -> None:
    names: dict[str, Any] = {"__name__": "packaging._compiled"}
    exec(compile("def f():\n    raise ValueError('no')\n", "packaging/_compiled.pyx", "exec"), names)
    assert excuse(names["f"]) == "packaging refuses what was made up for it: ValueError: no"


def gathered(
    index: Int64[Tensor, "*batch sample"],
    target: Shaped[Tensor, "..."],  # *batch bucket *shape
) -> Shaped[Tensor, "..."]:
    shape = list(target.shape)
    shape[index.ndim - 1] = index.shape[-1]
    return target.gather(index.ndim - 1, index.broadcast_to(shape))


def test_a_tensor_of_any_axes_is_no_reason_to_blame_a_function() -> None:
    report = check_contract(gathered)
    assert report.findings == ()
    assert "nothing says how many axes `target` has" in str(report)


def number(x: Iterable[float] | Shaped[Tensor, ""] | Float[Tensor, " b"]) -> Float[Tensor, "*b"]:
    return x.float() if isinstance(x, Tensor) else torch.tensor(list(x))


def test_a_tensor_without_axes_is_no_iterable() -> None:
    assert check_contract(number).findings == ()
    assert shape_checked(number)(torch.tensor(2.0)).item() == 2.0


REFUSING = "def f():\n    raise ValueError('no')\n"


@pytest.mark.parametrize(
    ("file", "is_refused"),
    [
        ("model.py", True),
        ("layers/attention.py", True),
        ("lib/python3/site-packages/other/layers.py", False),
        ("lib/python3/dist-packages/other/layers.py", False),
        ("cloned/other/layers.py", False),
        ("../elsewhere.py", False),
    ],
)
def test_only_the_project_refuses_its_own_arguments(file: str, is_refused: bool, tmp_path: Path) -> None:
    """An error that an installed library raises, or one cloned into the project, is none of the project's."""
    (tmp_path / "site-packages/project/cloned/.git").mkdir(parents=True)
    project = tmp_path / "site-packages/project"
    error = raised_in((project / file).resolve(), REFUSING)
    assert is_refusal(error, str(project / "model.py")) == is_refused
    assert not is_refusal(raised_in(project / "model.py", "def f(): return no"), str(project / "model.py"))


@pytest.mark.parametrize(
    ("folder", "package"),
    [
        ("usr/lib/python3/dist-packages", "other"),
        ("env/lib/site-packages", "other"),
        ("env/lib/packages", ""),
    ],
)
def test_a_library_is_known_wherever_it_is_installed(folder: str, package: str, tmp_path: Path) -> None:
    error = raised_in(tmp_path / folder / "other" / "values.py", REFUSING)
    expected = f"{package} refuses what was made up for it: ValueError: no" if package else ""
    assert excuse_of(error, unknown) == expected


def projected(x: Float[Tensor, "b t"], y: Float[Tensor, "c u"]) -> Float[Tensor, "b 3"]:
    found = x @ torch.ones(48, 3)
    Version("eleven")
    return found


def test_a_refusal_of_a_library_has_the_line_that_called_it() -> None:
    with pytest.raises(ValueError, match="eleven") as caught:
        projected(torch.ones(2, 48), torch.ones(3, 5))
    _, first = inspect.getsourcelines(projected)
    assert refused_by_library(caught.value) == [f"{__file__}:{first + 2}"]
    assert refused_by_library(RuntimeError("mat1 and mat2 cannot be multiplied")) == []


def test_a_library_that_refuses_values_is_not_asked_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    traced: list[Call] = []

    def counted(call: Call) -> Trace:
        traced.append(call)
        return trace(call)

    monkeypatch.setattr(fit, "trace", counted)
    report = check_contract(projected)
    assert report.skipped.startswith("packaging refuses what was made up for it: InvalidVersion")
    assert len(traced) == 4


DEVICES: list[str] = []


class Summed(nn.Module):
    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))
        DEVICES.append(self.scale.device.type)

    def forward(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
        assert float(x.sum()) != 0.0
        return x * self.scale


def test_a_module_that_is_too_large_for_numbers_is_never_built_with_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(making, "MOST_PARAMETERS", 10)
    DEVICES.clear()
    report = check_contract(Summed)
    assert {*DEVICES} == {"meta"}
    assert (
        report.skipped
        == "it needs the numbers in a tensor, and its object is too large to be built with them"
    )
