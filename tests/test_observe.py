"""Programs and tests that are observed: they run as they do alone, and what they call is told."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from typed_einsum.testing.observe import store
from typed_einsum.testing.observe.records import Function, Observations
from typed_einsum.testing.observe.rewriting import START, Rewriting
from typed_einsum.testing.observe.sources import NoSuchPackage, sources

MODEL = '''\
"""Layers."""

import asyncio
import functools
import sys
import warnings

import torch
from jaxtyping import Float
from torch import Tensor, nn

LAYERS = {}


def register(function):
    LAYERS[function.__name__] = function
    return function


@register
def merged(x: Float[Tensor, "b h t d"]) -> Float[Tensor, "b t h*d"]:
    """Merge heads."""
    b, h, t, d = x.shape
    return x.transpose(1, 2).reshape(b, t, h * d)


def scaled_by(factor):
    def scaled(x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        return x * factor

    return scaled


class Block(nn.Module):
    def __init__(self, width: int, *, activation="relu", dropout=0.0):
        super().__init__()
        self.project = nn.Linear(width, 5)
        self.drop = nn.Dropout(dropout)
        self.cache = None

    @property
    def weight(self) -> Float[Tensor, "f e"]:
        return self.project.weight

    @functools.cached_property
    def doubled(self) -> Float[Tensor, "f e"]:
        return 2 * self.project.weight

    @classmethod
    def for_input(cls, x: Float[Tensor, "b t e"]) -> "Block":
        return cls(x.shape[-1])

    @staticmethod
    def halved(x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
        return x / 2

    def forward(self, x: Float[Tensor, "b t e"]) -> Float[Tensor, "b t f"]:
        self.cache = x
        return self.drop(self.project(x))

    async def later(self, x: Float[Tensor, "b t e"]) -> Float[Tensor, "b t f"]:
        await asyncio.sleep(0)
        return self.project(x)


def rows(x: Float[Tensor, "b d"]):
    yield from x


def refused(x: Float[Tensor, "b d"]) -> Float[Tensor, "b"]:
    raise ValueError("no")


def warned(x):
    warnings.warn("careful", stacklevel=2)
    return x


def caller(x):
    return sys._getframe(1).f_code.co_name


def names_of(x):
    y = 2 * x
    return sorted(locals())


@torch.jit.script
def scripted(x: Tensor) -> Tensor:
    if x.sum() > 0:
        return x + 1
    return x


def untold(x: Tensor, n: int) -> int:
    return n


def not_called(x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    return x
'''

SCRIPT = """\
import asyncio
import inspect
import random
import sys
import threading
import warnings

import torch
from torch.utils.data import DataLoader, Dataset

from shop import model

torch.manual_seed(0)
random.seed(0)
x = torch.randn(2, 3, 7)
block = model.Block(7, dropout=0.5)
print(block(x).sum(), block.weight.shape, block.doubled.shape, asyncio.run(block.later(x)).shape)
print(block.cache is x, type(block.cache).__name__, model.Block.for_input(x).project, block.training)
print(model.LAYERS["merged"] is model.merged, model.LAYERS["merged"](torch.randn(2, 3, 5, 4)).shape)
print(model.scaled_by(3)(torch.ones(2, 5)).sum(), model.Block.halved(torch.ones(2, 5)).sum())
print([row.shape for row in model.rows(torch.ones(2, 5))], model.scripted(torch.ones(2)))
print(model.names_of(torch.ones(2)), model.untold(torch.ones(3), 4))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model.warned(x)
    print(caught[0].filename == __file__, caught[0].lineno)


def outside():
    return model.caller(x)


print(outside(), inspect.signature(model.merged), inspect.getsource(model.merged), model.merged.__doc__)
compiled = torch.compile(model.scaled_by(5), backend="eager", fullgraph=True)
print(compiled(torch.ones(2, 5)).sum(), compiled(torch.ones(4, 5)).sum(), compiled(torch.ones(6, 5)).sum())
print(torch.func.vmap(model.scaled_by(2))(torch.ones(3, 2, 4)).shape)
print(torch.jit.trace(model.scaled_by(2), (torch.ones(2, 4),))(torch.ones(2, 4)).sum())
print(torch.fx.symbolic_trace(model.scaled_by(2)).code)


class Rows(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        return in_worker(torch.ones(3, 2))


def in_worker(x):
    return x * 2


def in_thread():
    print(model.scaled_by(7)(torch.ones(5, 4)).sum())


thread = threading.Thread(target=in_thread)
thread.start()
thread.join()
print([batch.shape for batch in DataLoader(Rows(), batch_size=2, num_workers=2)])
try:
    model.refused(torch.ones(2, 5))
except ValueError as error:
    print(repr(error), [frame.f_code.co_name for frame in frames(error)] if "frames" in globals() else "")
print(torch.randn(1), random.random(), sys.argv[1:], __name__, sys.path[0])
sys.exit(3)
"""


@dataclass(frozen=True)
class Run:
    """A program that has run."""

    status: int
    out: str
    err: str


def python(folder: Path, *arguments: str) -> Run:
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    return Run(done.returncode, done.stdout, done.stderr)


def command(folder: Path, *arguments: str) -> Run:
    return python(folder, "-m", "typed_einsum.cli", *arguments)


def project(folder: Path, **files: str) -> Path:
    for name, text in {"shop/__init__": "", **files}.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@dataclass(frozen=True)
class Both:
    """A program that has run alone, and observed."""

    folder: Path
    alone: Run
    observed: Run

    def functions(self) -> dict[str, Function]:
        return {each.name: each for each in store.read(self.folder / store.FOLDER).functions}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    folder = project(tmp_path_factory.mktemp("both"), **{"shop/model": MODEL, "scripts/train": SCRIPT})
    program = ("scripts/train.py", "--epochs", "2", "-v")
    return Both(folder, python(folder, *program), command(folder, "run", *program))


def test_a_program_runs_as_it_does_alone(both: Both) -> None:
    assert both.alone.status == both.observed.status == 3
    assert both.observed.out == both.alone.out
    assert both.alone.err == ""


def test_its_end_is_told_in_one_line(both: Both) -> None:
    assert re.fullmatch(
        r"typed-einsum: \d+ functions observed, \d+ judged for all sizes, \d+ at the sizes seen, "
        r"\d+ not judged, \d+ without shape annotations, \d+ findings?; "
        r"1 more with shape annotations not seen; `typed-einsum report` lists them\n",
        both.observed.err,
    )


@pytest.mark.parametrize(
    "name",
    [
        *("merged", "scaled_by.scaled", "rows", "refused", "warned", "caller"),
        *("Block.forward", "Block.weight", "Block.doubled", "Block.for_input", "Block.halved", "Block.later"),
        *("Rows.__getitem__", "in_worker"),
    ],
)
def test_each_function_that_takes_or_returns_a_tensor_is_seen(both: Both, name: str) -> None:
    assert both.functions()[name].observed


def test_what_is_no_business_of_tensors_is_not_told(both: Both) -> None:
    assert {"register", "scaled_by", "outside", "in_thread", "Block.__init__", "Rows.__len__"}.isdisjoint(
        both.functions()
    )


def test_what_was_seen_of_a_function_is_told(both: Both) -> None:
    function = both.functions()["merged"]
    assert (function.file, function.module, function.annotated) == ("shop/model.py", "shop.model", True)
    assert MODEL.splitlines()[function.line - 1].startswith("def merged")
    (pattern,) = function.patterns
    assert pattern.arguments == {"x": {"tensor": "f32", "shape": [2, 3, 5, 4]}}
    assert (pattern.result, pattern.ended) == ({"tensor": "f32", "shape": [2, 5, 12]}, "returned")


def test_a_call_that_raises_is_not_judged(both: Both) -> None:
    refused = both.functions()["refused"]
    assert (refused.extent, refused.text, refused.findings) == (
        "not judged",
        "the call raised an exception",
        (),
    )


def test_an_annotated_function_that_was_not_called_is_told(both: Both) -> None:
    function = both.functions()["not_called"]
    assert (function.observed, function.annotated, function.text) == (False, True, "it was not called")


def test_a_call_in_a_worker_process_is_told(both: Both) -> None:
    assert len(list((both.folder / store.FOLDER).glob("*.json"))) == 3


def test_a_folder_of_observations_leaves_itself_out_of_git(both: Both) -> None:
    assert "*" in (both.folder / store.FOLDER / ".gitignore").read_text().splitlines()


def test_no_value_of_a_tensor_is_stored(both: Both) -> None:
    for file in (both.folder / store.FOLDER).glob("*.json"):
        data = json.loads(file.read_text())
        assert (data["format"], data["version"]) == ("typed-einsum observations", 3)
        assert not re.search(r"\d\.\d{3,}", file.read_text())


def test_the_arguments_of_a_constructor_are_kept(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    class Block: ...

    Block.__module__, Block.__qualname__ = "shop.model", "Block"
    monkeypatch.chdir(both.folder)
    assert store.constructor_arguments(Block) == {"width": 7, "activation": "relu", "dropout": 0.5}
    assert store.constructor_arguments(Path) is None


def test_a_file_that_has_changed_is_no_longer_judged(both: Both, tmp_path: Path) -> None:
    folder = tmp_path / store.FOLDER
    folder.mkdir()
    for file in (both.folder / store.FOLDER).glob("*.json"):
        (folder / file.name).write_bytes(file.read_bytes())
    project(tmp_path, **{"shop/model": MODEL + "\n", "scripts/train": SCRIPT})
    functions = {each.name: each for each in store.read(folder).functions}
    assert functions["merged"].text == "the file has changed since it was observed"
    assert functions["in_worker"].observed


# Programs: their end


def test_an_exception_is_told_as_python_tells_it(tmp_path: Path) -> None:
    project(
        tmp_path,
        **{
            "shop/deep": "def fail(x):\n    return 1 / x\n",
            "program": "from shop.deep import fail\n\n\ndef main():\n    fail(0)\n\n\nmain()\n",
        },
    )
    alone, observed = python(tmp_path, "program.py"), command(tmp_path, "run", "program.py")
    assert observed.status == alone.status == 1
    assert observed.err.startswith(alone.err)
    assert alone.err.endswith("ZeroDivisionError: division by zero\n")
    assert observed.err.count("\n") == alone.err.count("\n") + 1


@pytest.mark.parametrize(
    ("ending", "status", "error"),
    [
        ("sys.exit('too late')", 1, "too late\n"),
        ("sys.exit(None)", 0, ""),
        ("raise SystemExit(7)", 7, ""),
        ("atexit.register(print, 'last')", 0, ""),
    ],
)
def test_a_program_ends_with_its_own_status(tmp_path: Path, ending: str, status: int, error: str) -> None:
    project(tmp_path, **{"shop/__main__": f"import atexit, sys\nprint(__name__, __package__)\n{ending}\n"})
    alone, observed = python(tmp_path, "-m", "shop"), command(tmp_path, "run", "-m", "shop")
    assert (observed.status, observed.out) == (alone.status, alone.out)
    assert observed.status == status
    assert observed.err.startswith(alone.err)
    assert alone.err == error


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere.py",), "cannot run nowhere.py: there is no such file"),
        (("shop",), "cannot run shop: it is a folder"),
        (("-m", "nowhere"), "cannot run -m nowhere: there is no such module, or it cannot be run"),
        (("-m", "shop"), "cannot run -m shop: there is no such module, or it cannot be run"),
        (("--source", "nowhere", "x.py"), "--source: expected a package, folder or file, got 'nowhere'"),
        (("--source", "", "x.py"), "--source: expected a package, folder or file, got ''"),
    ],
)
def test_what_cannot_be_run_is_refused(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    ran = command(project(tmp_path, x=""), "run", *arguments)
    assert (ran.status, ran.out, ran.err) == (2, "", f"typed-einsum: {said}\n")
    assert not (tmp_path / store.FOLDER).exists()


def test_run_without_a_program_says_what_it_expects(tmp_path: Path) -> None:
    ran = command(tmp_path, "run")
    assert ran.status == 2
    said = "error: expected the path of a script, -m and the name of a module, or -c and code\n"
    assert ran.err.endswith(said)


# Which functions


def test_tests_and_what_is_installed_are_not_observed(tmp_path: Path) -> None:
    found = sources([], tmp_path)
    seen = ["model.py", "src/shop/layers.py", "scripts/train.py"]
    unseen = ["tests/helpers.py", "test_model.py", "shop/model_test.py", "conftest.py", "test/deep/x.py"]
    unseen += [".venv/lib/site-packages/torch/nn.py", "lib/site-packages/x.py", ".tox/x.py", "<string>"]
    assert [name for name in seen + unseen if found.holds_file(str(tmp_path / name))] == seen


def test_packages_can_be_named(tmp_path: Path) -> None:
    project(tmp_path, **{"shop/nn/__init__": "", "other": ""})
    found = sources(["shop.nn", "other"], tmp_path)
    names = ["shop/nn/deep.py", "other.py", "shop/model.py", "another.py"]
    assert [name for name in names if found.holds_file(str(tmp_path / name))] == names[:2]
    with pytest.raises(NoSuchPackage, match=r"shop\.mm"):
        sources(["shop.mm"], tmp_path)


def test_folders_and_files_can_be_named_as_for_coverage(tmp_path: Path) -> None:
    project(tmp_path, **{"vendored-code/deep/layers": "", "scripts/train": ""})
    found = sources(["vendored-code", str(tmp_path / "scripts" / "train.py")], tmp_path)
    names = ["vendored-code/deep/layers.py", "scripts/train.py", "scripts/other.py", "another.py"]
    assert [name for name in names if found.holds_file(str(tmp_path / name))] == names[:2]


# The import hook of Python 3.11

LEFT_ALONE = """\
import numba
from numba import njit


@numba.jit(nopython=True)
def fast(x):
    return x


@njit
def faster(x):
    return x


def reader(x):
    return locals()


def stub(x): ...


class A:
    async def f(self, x):
        def inner(y):
            return y
        return [inner(z) for z in x]
"""


class Silent:
    """Is interested in no call."""

    def begun(self, code: object, frame: object) -> None:
        return None


def rewritten(source: str, tmp_path: Path) -> tuple[dict[str, object], dict[str, str]]:
    refused: dict[str, str] = {}
    hook = Rewriting(
        sources([], tmp_path), Silent(), lambda file, line, name, why: refused.update({name: why})
    )
    file = tmp_path / "made.py"
    file.write_text(source)
    names: dict[str, object] = {"__name__": "made"}
    code = hook.compiled(source, str(file))
    exec(code, {**names, "__builtins__": {**vars(__import__("builtins")), START: lambda number: None}}, names)
    return names, refused


def test_functions_that_others_compile_are_left_alone(tmp_path: Path) -> None:
    source = LEFT_ALONE.replace("import numba\nfrom numba import njit\n", NUMBA)
    names, refused = rewritten(source, tmp_path)
    assert refused == {
        "fast": "`numba.jit` compiles it",
        "faster": "`njit` compiles it",
        "reader": "it calls `locals`, which would see what is added to it",
    }
    assert names["reader"](3) == {"x": 3}  # type: ignore[operator]


NUMBA = """\
class numba:
    jit = lambda nopython: lambda f: f
njit = lambda f: f
"""


def test_a_rewritten_function_keeps_lines_text_and_signature(tmp_path: Path) -> None:
    source = (
        'def f(x, *, y: int = 2):\n    """Doc."""\n    if x:\n        return (\n            x\n        )\n'
    )
    names, _ = rewritten(source, tmp_path)
    function = names["f"]
    assert inspect.getsource(function) == source  # type: ignore[arg-type]
    assert (function.__doc__, str(inspect.signature(function))) == ("Doc.", "(x, *, y: int = 2)")  # type: ignore[arg-type]
    assert (function(3), function(0)) == (3, None)  # type: ignore[operator]
    lines = {line for _, _, line in function.__code__.co_lines()}  # type: ignore[attr-defined]
    assert lines <= {1, 3, 4, 5}


# Reports


SEEN = {
    "file": "model.py",
    "line": 3,
    "name": "merge",
    "module": "model",
    "annotated": True,
    "reason": "",
    "patterns": [],
}


def stored(folder: Path, *functions: dict[str, object]) -> Path:
    observations = Observations.from_json({"functions": functions, "objects": {}, "digests": {}})
    store.write(store.begin(folder), observations, "1-a")
    return folder


def pattern(**said: object) -> dict[str, object]:
    empty: dict[str, object] = {
        "arguments": {"x": {"tensor": "f32", "shape": [2, 3]}},
        "result": None,
        "findings": [],
    }
    return {**empty, "ended": "returned", **said}


FOUND = {
    "code": "TE703",
    "severity": "error",
    "text": "`reshape` scrambles `b` and `t`",
    "file": "model.py",
    "line": 5,
    "column": 1,
    "message": "in full",
}

FUNCTIONS = (
    {
        **SEEN,
        "patterns": [pattern(extent="all sizes", text="for all sizes with t <= 64")],
    },
    {
        **SEEN,
        "line": 20,
        "name": "Block.forward",
        "patterns": [pattern(extent="these sizes", text="at b=2 t=3", findings=[FOUND])],
    },
    {
        **SEEN,
        "line": 30,
        "name": "plain",
        "annotated": False,
        "patterns": [pattern(result={"tensor": "i64", "shape": [2]}, text="it has no shape annotations")],
    },
    {**SEEN, "file": "shop/fast.py", "line": 7, "name": "fast", "reason": "`njit` compiles it"},
)

REPORT = """\
model.py
   3  merge          for all sizes with t <= 64
  20  Block.forward  1 finding
  30  plain          no shape annotations; seen x f32[2, 3] -> i64[2]

shop/fast.py
  7  fast  not judged: `njit` compiles it

model.py:5:1: TE703 `reshape` scrambles `b` and `t` (in Block.forward)

SUMMARY
"""

SUMMARY = (
    "3 functions observed, 1 judged for all sizes, 1 at the sizes seen, 0 not judged, 1 without shape "
    "annotations, 1 finding; 1 more with shape annotations not seen"
)


def test_a_report_tells_each_function_and_each_finding(tmp_path: Path) -> None:
    ran = command(stored(tmp_path, *FUNCTIONS), "report")
    assert (ran.status, ran.out, ran.err) == (1, REPORT.replace("SUMMARY", SUMMARY), "")


def test_a_report_is_read_from_a_folder_below(tmp_path: Path) -> None:
    (stored(tmp_path, FUNCTIONS[0]) / "deep").mkdir()
    ran = command(tmp_path / "deep", "report", "--fail-under", "100")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == str(tmp_path / "model.py")


def test_a_report_can_ask_for_a_share_of_judged_functions(tmp_path: Path) -> None:
    ran = command(stored(tmp_path, FUNCTIONS[0], FUNCTIONS[3]), "report", "--fail-under", "50.5")
    assert ran.status == 1
    assert ran.err == (
        "typed-einsum: 50.0 % of the functions with shape annotations were judged, less than the 50.5 % of "
        "--fail-under\n"
    )


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (("--format", "github"), 1, "::error file=model.py,line=5,col=1,title=TE703::`reshape` scrambles"),
        (("--format", "json"), 1, '"code": "TE703"'),
        (("--format", "sarif"), 1, '"ruleId": "TE703"'),
        (("--verbose",), 1, "    in full"),
        (("--ignore", "TE703"), 0, "20  Block.forward"),
    ],
)
def test_a_report_has_the_formats_of_check(
    tmp_path: Path, options: tuple[str, ...], status: int, said: str
) -> None:
    ran = command(stored(tmp_path, *FUNCTIONS), "report", *options)
    assert ran.status == status
    assert said in ran.out


NOTHING = (
    "typed-einsum: there is no .typed-einsum here or in a folder above: observe first, with `typed-einsum "
    "run SCRIPT`, `typed-einsum run -m MODULE` or `pytest --shapes`\n"
)


def test_a_report_of_nothing_says_how_to_observe(tmp_path: Path) -> None:
    ran = command(tmp_path, "report")
    assert (ran.status, ran.out, ran.err) == (2, "", NOTHING)


@pytest.mark.parametrize("ask", ["report", "html"])
def test_a_folder_without_a_record_is_nothing_observed(tmp_path: Path, ask: str) -> None:
    """As where a run could not begin: no report of it may look clean."""
    store.begin(tmp_path)
    ran = command(tmp_path, ask)
    assert (ran.status, ran.out) == (2, "")
    assert " holds no observations: observe first, with `typed-einsum run SCRIPT`" in ran.err


def of_one_function(**changed: Any) -> str:
    """A record of one function, in which something is not as this library writes it."""
    function = {"file": "a.py", "line": 7, "name": "f", "patterns": [], **changed}
    record = {"functions": [function], "objects": {}, "digests": {}}
    return json.dumps({"format": store.FORMAT, "version": store.VERSION, **record})


NOTES = {"1": [[["x"], "(b, t)"]]}


def of_one_listing(**changed: Any) -> str:
    """A record of one function with a listing, in which something is not as it is written."""
    sound = {
        "extent": "for all sizes",
        "signature": "",
        "notes": NOTES,
        "not_run": [2],
        "calls": 1,
        "last": 3,
    }
    return of_one_function(listing={**sound, "axes": [["b", 2, "local in f, line 1"]], **changed})


def of_one_signature(**changed: Any) -> str:
    """A record of one function with its axes, in which something is not as it is written."""
    passed = {"x": {"kind": "tuple", "items": {"0": {"dtype": "f32", "axes": ["b"]}}, "length": 1}}
    sound = {"arguments": passed, "result": None, "origins": {"b": ["local", "line 1"]}, "names": {}}
    return of_one_function(signatures=[{**sound, **changed}])


def of_one_call(**changed: Any) -> str:
    """A record of one function that was called, in which something is not as it is written."""
    items = {"type": "tuple", "items": {"0": {"tensor": "f32", "shape": [2]}, "1": 3}}
    return of_one_function(patterns=[{"arguments": {"x": items, "k": 2}, "findings": [], **changed}])


@pytest.mark.parametrize("text", [of_one_listing(), of_one_signature(), of_one_call()])
def test_a_record_as_it_is_written_is_read(tmp_path: Path, text: str) -> None:
    folder = store.begin(tmp_path)
    (folder / "1.json").write_text(text)
    assert len(store.read(folder).functions) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            of_one_listing(notes={"1": [[["x"], 5]]}),
            "cannot be read (TypeError: `listing.notes.1[0][1]`: expected a text, got 5)",
        ),
        (
            of_one_listing(notes={"1": [["x"]]}),
            "cannot be read (TypeError: `listing.notes.1[0]`: expected a list of 2, got ['x'])",
        ),
        (
            of_one_listing(not_run=7),
            "cannot be read (TypeError: `listing.not_run`: expected a list, got 7)",
        ),
        (
            of_one_listing(axes=[["b", "2", "local"]]),
            "cannot be read (TypeError: `listing.axes[0][1]`: expected a whole number, got '2')",
        ),
        (
            of_one_function(listing={}),
            "cannot be read (TypeError: `listing`: expected a mapping with `extent`",
        ),
        (
            of_one_signature(result={"kind": "tuple"}),
            "cannot be read (TypeError: `signatures[0].result`: expected a value, or null, got",
        ),
        (
            of_one_signature(origins=[]),
            "cannot be read (TypeError: `signatures[0].origins`: expected a mapping, got [])",
        ),
        (
            of_one_call(result={"tensor": "f32", "shape": 3}),
            "cannot be read (TypeError: `result.shape`: expected a list, got 3)",
        ),
        ("{", "cannot be read (JSONDecodeError: Expecting property name"),
        ("[]", "holds no observations of typed-einsum"),
        ('{"format": "typed-einsum observations", "version": 9}', "has version 9 of the format"),
        ('{"format": "typed-einsum observations", "version": 3}', "cannot be read (KeyError: 'objects')"),
        (of_one_function(line="7"), "cannot be read (TypeError: `line`: expected int, got '7')"),
        (of_one_function(file=7), "cannot be read (TypeError: `file`: expected str, got 7)"),
        (of_one_function(listing=[]), "cannot be read (TypeError: `listing`: expected dict | None, got [])"),
        (
            of_one_function(patterns={}),
            "cannot be read (TypeError: `patterns`: expected list | tuple, got {})",
        ),
        (
            of_one_function(patterns=[{"arguments": {}, "findings": [], "extent": "some sizes"}]),
            "cannot be read (ValueError: `extent`: expected one of all sizes, these sizes, not judged, got",
        ),
    ],
)
def test_a_file_that_is_no_observation_is_refused(tmp_path: Path, text: str, said: str) -> None:
    folder = store.begin(tmp_path)
    (folder / "1.json").write_text(text)
    with pytest.raises(store.BadStore, match=re.escape(f"1.json {said}")):
        store.read(folder)


def test_what_processes_have_seen_is_combined(tmp_path: Path) -> None:
    folder = store.begin(tmp_path)
    for number, function in enumerate((FUNCTIONS[0], {**FUNCTIONS[1], "line": 3, "name": "merge"})):
        part = Observations.from_json({"functions": [function], "objects": {}, "digests": {}})
        store.write(folder, part, f"{number}")
    (merged,) = store.read(folder).functions
    assert [each.extent for each in merged.patterns] == ["all sizes", "these sizes"]
    assert merged.extent == "these sizes"


# pytest


TESTS = """\
import shop.model
import torch
from shop.model import Block, LAYERS, merged


def test_identity():
    assert LAYERS["merged"] is merged is shop.model.merged


def test_heads():
    assert merged(torch.ones(2, 3, 5, 4)).shape == (2, 5, 12)


def test_block():
    assert Block(7)(torch.ones(2, 3, 7)).shape == (2, 3, 5)


def test_wrong():
    numbers = [1, 2]
    assert numbers == [1, 3]
"""

LINE = re.compile(r"shapes: (\d+) functions observed, .*; `typed-einsum report` lists them")


@pytest.mark.parametrize(
    "options", [["--shapes", "tests"], pytest.param(["--shapes=shop", "-n2"], marks=pytest.mark.thorough)]
)
@pytest.mark.thorough
def test_tests_are_observed(pytester: pytest.Pytester, options: list[str]) -> None:
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    project(pytester.path, **{"shop/model": MODEL, "tests/test_model": TESTS})
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)
    done.assert_outcomes(passed=3, failed=1)
    done.stdout.fnmatch_lines(["*assert [[]1, 2] == [[]1, 3]"])
    (found,) = [line for line in done.outlines if LINE.match(line)]
    assert found.startswith("shapes: 2 functions observed, ")
    names = {each.name for each in store.read(pytester.path / store.FOLDER).functions if each.observed}
    assert names == {"merged", "Block.forward"}


@pytest.mark.thorough
def test_a_setting_asks_for_observation(pytester: pytest.Pytester) -> None:
    settings = '[tool.pytest.ini_options]\npythonpath = ["."]\nshapes = ["."]\n'
    pytester.makepyprojecttoml(settings)
    project(pytester.path, **{"shop/model": "def double(x):\n    return 2 * x\n"})
    pytester.makepyfile(
        "import pytest, torch\nfrom shop.model import double\n\n\n@pytest.mark.no_shape_checks\n"
        "def test_off(): double(torch.ones(2, 2, 2))\ndef test_on(): double(torch.ones(3))\n"
    )
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(passed=2)
    (double,) = store.read(pytester.path / store.FOLDER).functions
    (seen,) = double.patterns
    assert seen.arguments == {"x": {"tensor": "f32", "shape": [3]}}


UNWRITABLE = """
import shutil
from pathlib import Path
def test_it():
    shutil.rmtree(".typed-einsum")
    Path(".typed-einsum").write_text("")
"""


def test_where_nothing_can_be_written_the_tests_pass_and_it_is_told(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(UNWRITABLE)
    result = pytester.runpytest("--shapes", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["shapes: what was observed cannot be written: *File exists*"])


def test_a_package_that_is_not_there_is_refused(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_nothing(): pass")
    done = pytester.runpytest_subprocess("--shapes=nowhere")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["ERROR: --shapes: expected a package, folder or file, got 'nowhere'"])


CONTRACT = """\
import torch
from jaxtyping import Float
from torch import Tensor, nn


class Scale(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.factor = config.factor

    def forward(self, x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        return x * self.factor
"""


@pytest.mark.thorough
def test_an_object_of_the_tests_serves_contracts(pytester: pytest.Pytester) -> None:
    project(pytester.path, **{"scale": CONTRACT})
    pytester.makepyfile(
        "import torch\nfrom types import SimpleNamespace\nfrom scale import Scale\n\n\n"
        "def test_scale(): Scale(SimpleNamespace(factor=2))(torch.ones(2, 3))\n"
    )
    options = ("-p", "no:cacheprovider", "--shape-contracts=scale.py")
    alone = pytester.runpytest_subprocess(*options)
    alone.assert_outcomes(passed=1, skipped=1)
    pytester.runpytest_subprocess(*options, "--shapes").assert_outcomes(passed=2)


# What is judged

WRONG = """\
import torch
from jaxtyping import Float
from torch import Tensor, nn

CALLS = []


def merged(x: Float[Tensor, "b h t d"]) -> Float[Tensor, "b t h*d"]:
    b, h, t, d = x.shape
    return x.reshape(b, t, h * d)


def spread(mask: Float[Tensor, "b t s"]) -> Float[Tensor, "b 1 t s"]:
    b, t, s = mask.shape
    return mask.reshape(b, 1, t, t)


def summed(x: Float[Tensor, "b d"]) -> Float[Tensor, "d"]:
    return x.sum(1)


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.project = nn.Linear(config["width"], 3)
        self.drop = nn.Dropout(0.5)
        self.cache = {}

    def forward(self, x: Float[Tensor, "b e"]) -> Float[Tensor, "b f"]:
        CALLS.append(1)
        self.cache["x"] = x
        x.add_(0)
        return self.drop(self.project(x))


if __name__ == "__main__":
    torch.manual_seed(0)
    merged(torch.randn(2, 3, 3, 5))
    spread(torch.randn(2, 4, 4))
    summed(torch.randn(2, 5))
    block, x = Block({"width": 7}), torch.randn(2, 7, requires_grad=False)
    print(block(x).sum(), block.cache["x"] is x, list(block.cache), torch.randn(1), block.training)
    print(torch.is_grad_enabled(), all(parameter.grad is None for parameter in block.parameters()))
"""

TOLD = """\
wrong.py
   8  merged         1 finding
  13  spread         1 finding
  18  summed         1 finding
  29  Block.forward  for all sizes with e == 7

wrong.py:10:1: TE703 SCRAMBLED (in merged)
wrong.py:15:1: TE719 FORCED (in spread)
wrong.py:18:55: TE201 axis `d` is 5 in `x` but 2 in the result, in a call that the program makes (in summed)

4 functions observed, 3 judged for all sizes, 1 at the sizes seen, 0 not judged, 3 findings
"""

SCRAMBLED = (
    "a reshape from (b, h, t, d) to (b, t, h*d) mixes `h`, `t` and `d`: it keeps the order of entries in "
    'memory, not of axes; write rearrange(tensor, "b h t d -> b t (h d)")'
)
FORCED = (
    "this needs `t` and `s` to be one size, which no annotation says: give both axes one name, or mend this "
    "line"
)


@pytest.mark.thorough
def test_bugs_are_found_in_calls_whose_sizes_hide_them(tmp_path: Path) -> None:
    project(tmp_path, wrong=WRONG)
    alone, observed = python(tmp_path, "wrong.py"), command(tmp_path, "run", "wrong.py")
    assert (observed.status, observed.out) == (alone.status, alone.out)
    expected = TOLD.replace("SCRAMBLED", SCRAMBLED).replace("FORCED", FORCED)
    assert command(tmp_path, "report").out == expected


PROJECT = """\
import torch
from jaxtyping import Float
from torch import Tensor, nn


class Scale(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.factor = config.factor

    def forward(self, x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        return x * self.factor
"""

CALL = (
    "import torch\nfrom types import SimpleNamespace\nfrom scale import Scale\n\n\n"
    "def test_scale(): Scale(SimpleNamespace(factor=2))(torch.ones(2, 3))\n"
)


@pytest.mark.thorough
def test_check_uses_what_a_command_has_called(tmp_path: Path) -> None:
    project(tmp_path, scale=PROJECT, test_scale=CALL)
    alone = command(tmp_path, "check", "scale.py")
    assert "scale.py:11: skipped Scale.forward: " in alone.out
    checked = command(tmp_path, "check", "scale.py", "--with", "pytest -q -p no:cacheprovider")
    assert "scale.py:11: ok Scale.forward  (as observed, for all sizes)" in checked.out.splitlines()
    assert "1 passed" in checked.err
    again = command(tmp_path, "check", "scale.py")
    assert again.out == checked.out


def test_a_command_that_cannot_be_observed_is_refused(tmp_path: Path) -> None:
    ran = command(project(tmp_path, scale=PROJECT), "check", "scale.py", "--with", "ls -l")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == "typed-einsum: --with: expected pytest, python or a Python program, got `ls -l`\n"


PAGE = Path(__file__).parent.parent / "docs" / "run.md"
FENCED = re.compile(r'^```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$', re.M | re.S)


@pytest.mark.thorough
def test_the_page_shows_what_is_printed(tmp_path: Path) -> None:
    runs = 0
    for block in FENCED.finditer(PAGE.read_text(encoding="utf-8")):
        if block["language"] == "python":
            (tmp_path / block["title"]).write_text(block["text"], encoding="utf-8")
        elif block["language"] == "console":
            line, _, shown = block["text"].partition("\n")
            words = line.removeprefix("$ ").split()
            is_pytest = words[0] == "pytest"
            ran = (
                python(tmp_path, "-m", *words, "-p", "no:cacheprovider")
                if is_pytest
                else command(tmp_path, *words[1:])
            )
            assert re.sub(r"in [0-9.]+s( \([0-9:]+\))?", "in 0.10s", ran.out) == shown
            runs += 1
    assert runs == 3
