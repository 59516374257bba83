"""`typed-einsum check` on files as users have them, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support.outcomes import without_sizes

from typed_einsum.testing.process.supervisor import Supervisor, WorkerFailed

ROOT = Path(__file__).parent.parent
HEAD = """\
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from typed_einsum import einsum, shape_checked, shaped, typed_einsum
"""

Report = subprocess.CompletedProcess[str]


def run(*arguments: str, cwd: Path, **environment: str) -> Report:
    # -P, since the installed command does not look for modules in the working directory either.
    report = subprocess.run(
        [sys.executable, "-P", "-m", "typed_einsum.cli", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "OMP_WAIT_POLICY": "passive", **environment},
    )
    report.stdout = without_sizes(report.stdout)
    return report


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write files, each after the same four lines of imports."""
    for name, body in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(HEAD + textwrap.dedent(body), encoding="utf-8")
    return folder


def lines(report: Report, file: str) -> list[str]:
    every = report.stdout.splitlines() + report.stderr.splitlines()
    return [line for line in every if line.startswith(f"{file}:")]


FILES = {
    "clean.py": """
        @typed_einsum
        def scores(q: Float[Tensor, "b q d"], k: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]: ...

        @shape_checked
        def masked(x: Float[Tensor, "*b t"], keep: Bool[Tensor, "t"] | None = None) -> Float[Tensor, "*b t"]:
            return x if keep is None else x.where(keep, 0)

        @shape_checked
        def merged(x: Float[Tensor, "b t h*d"], w: Float[Tensor, "h d"]) -> Float[Tensor, "b h t d"]:
            return x.unflatten(-1, w.shape).transpose(1, 2)

        @shape_checked
        def quarters(x: Float[Tensor, "b c"]) -> Float[Tensor, "b 4 d"]:
            return x.unflatten(1, (4, -1))

        @shape_checked
        def grouped(x: Float[Tensor, "b h d"], key: Float[Tensor, "b g d"]) -> Float[Tensor, "b h"]:
            return (x.unflatten(1, (key.shape[1], -1)) * key[:, :, None]).sum(-1).flatten(1)

        @shape_checked
        def count(x: Int[Tensor, "n"], times: int, rate: float, name: str, strict: bool) -> int:
            return int(x.sum().item())

        @shape_checked
        def either(pair: tuple[Float[Tensor, "b"], Int[Tensor, "b"]]) -> Float[Tensor, "b"]:
            return pair[0] * pair[1]

        @shape_checked
        def split(x: Float[Tensor, "b t e"], heads: int) -> Float[Tensor, "b heads t d"]:
            return x.unflatten(-1, (heads, -1)).transpose(1, 2)

        again = split
        """,
    "modules.py": """
        class Plain(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = nn.Linear(6, 5)
                self.axis_sizes = {"c": 6}

            def forward(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "b e"]:
                y = self.linear(x)
                return y if y.sum().item() > 0 else -y

        class Attention(nn.Module):
            def __init__(self, width: int, num_heads: int):
                super().__init__()
                self.axis_sizes = {"e": width, "h": num_heads}
                self.num_heads = num_heads

            @shape_checked
            def forward(self, x: Float[Tensor, "b t e"]) -> Float[Tensor, "b h t d"]:
                return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

            @staticmethod
            @shape_checked
            def half(x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
                return x / 2

            @classmethod
            @shape_checked
            def double(cls, x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
                return x * 2

            @property
            @shape_checked
            def scale(self) -> Float[Tensor, "h"]:
                return torch.ones(self.num_heads)

        class NeedsConfig(nn.Module):
            def __init__(self, config):
                super().__init__()

            @shape_checked
            def forward(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
                return x

        class NeedsModule(nn.Module):
            def __init__(self, inner: Tensor):
                super().__init__()

            @shape_checked
            def forward(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
                return x

        class Broken(nn.Module):
            @shape_checked
            def forward(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "c b"]:
                return x

        class Child(Plain):
            def __init__(self, heads: int):
                super().__init__()

        made = Plain()
        """,
    "wrong_equation.py": """
        @typed_einsum
        def f(x: Float[Tensor, "b c"], y: Float[Tensor, "c d"]) -> Float[Tensor, "b e"]: ...
        """,
    "wrong_import.py": "import wrong_equation",
    "raises.py": """
        @shape_checked
        def added(x: Float[Tensor, "b c"], y: Float[Tensor, "b"]) -> Float[Tensor, "b c"]:
            total = x * 2
            return total + y

        @shape_checked
        def grown(x: Float[Tensor, "b c"], y: Float[Tensor, "#b c"]) -> Float[Tensor, "b c"]:
            return x + torch.cat([y, y])[: len(x)]

        @shape_checked
        def lacking(x: Float[Tensor, "b"], y: Float[Tensor, "b"] | None = None) -> Float[Tensor, "b"]:
            return x + y
        """,
    "refuses.py": """
        @shape_checked
        def f(x: Float[Tensor, "b"], options) -> Float[Tensor, "b"]:
            return x

        @shape_checked
        def g(x: Float[Tensor, "b"], mode: str) -> Float[Tensor, "b"]:
            return {"same": x}[mode]

        @shape_checked
        def h(x: Float[Tensor, "b"] | None = None, y: Float[Tensor, "b"] | None = None) -> None:
            if (x is None) == (y is None):
                raise ValueError("give one of x and y")

        @shape_checked
        def i(xs: Tensor) -> Float[Tensor, "b"]:
            return xs[0]
        """,
    "noise.py": """
        import os, sys
        print("looks like: noise.py:1:1: TE999 nonsense")
        print("and this", file=sys.stderr)
        os.chdir("/")
        torch.set_default_dtype(torch.float64)

        @shape_checked
        def f(x: Float[Tensor, "b"]) -> Float[Tensor, "b"]:
            print("in the middle")
            sys.stdout.flush()
            return x

        @shape_checked
        def wrong(x: Float[Tensor, "b c"]) -> Float[Tensor, "c b"]:
            return x

        class Anything:
            def __getattr__(self, name):
                return self
            def __call__(self):
                raise KeyError

        thing = Anything()
        """,
    "hangs.py": """
        @shape_checked
        def before(x: Float[Tensor, "b"]) -> Float[Tensor, "b"]:
            return x

        @shape_checked
        def forever(x: Float[Tensor, "b"]) -> Float[Tensor, "b"]:
            while True:
                pass

        @shape_checked
        def after(x: Float[Tensor, "b"]) -> Float[Tensor, "b"]:
            return x
        """,
    "crashes.py": """
        import os

        @shape_checked
        def exits(x: Float[Tensor, "b"]) -> Float[Tensor, "b"]:
            raise SystemExit(4)

        @shape_checked
        def aborts(x: Float[Tensor, "b"]) -> Float[Tensor, "b"]:
            os.abort()
        """,
    "exits.py": "import sys; sys.exit(3)",
    "missing_import.py": "import no_such_module_anywhere",
    "pack/__init__.py": "",
    "pack/shapes.py": 'Row = Float[Tensor, "b c"]',
    "pack/user.py": """
        from .shapes import Row

        @shape_checked
        def f(x: Row) -> Row:
            return x
        """,
    "other/pack/__init__.py": "",
    "other/pack/shapes.py": 'Column = Float[Tensor, "c b"]',
    "other/pack/user.py": """
        from .shapes import Column

        @shape_checked
        def f(x: Column) -> Column:
            return x
        """,
    "late.py": """
        @shape_checked
        def f(x: "Row") -> 'Float[Tensor, "b c"]':
            return x

        @typed_einsum
        def g(x: 'Later[Tensor, "b c"]') -> Float[Tensor, "c b"]: ...

        @typed_einsum
        def wrong(x: 'Later[Tensor, "b c"]') -> Float[Tensor, "c e"]: ...

        @shape_checked
        def nowhere(x: 'Nowhere[Tensor, "b c"]') -> Float[Tensor, "b c"]:
            return x

        Later = Float
        Row = Float[Tensor, "b c"]
        """,
    "waits.py": """
        @shape_checked
        async def f(x: Float[Tensor, "b c"]) -> Float[Tensor, "c b"]:
            return x
        """,
    # The name of a module that Python itself imports.
    "random.py": """
        @shape_checked
        def f(x: Float[Tensor, "b"]) -> Float[Tensor, "b"]:
            return x
        """,
    ".hidden/f.py": "import no_such_module_anywhere",
    "__pycache__/f.py": "import no_such_module_anywhere",
}

WRONG_EQUATION = "wrong_equation.py:7:77: TE106 output axis `e` is in no operand"
TE701 = "TE701 fails at sizes that its annotations allow:"

EXPECTED = {
    "clean.py": [
        "clean.py:7: ok scores  (b q d, b k d -> b q k)",
        "clean.py:10: ok masked",
        "clean.py:14: ok merged",
        "clean.py:18: ok quarters",
        "clean.py:22: ok grouped",
        "clean.py:26: ok count",
        "clean.py:30: ok either",
        "clean.py:34: ok split",
    ],
    "modules.py": [
        "modules.py:12: ok Plain.forward",
        "modules.py:12: ok Child.forward",
        "modules.py:12: ok made.forward",
        "modules.py:23: ok Attention.forward",
        "modules.py:28: ok Attention.half",
        "modules.py:33: ok Attention.double",
        "modules.py:38: ok Attention.scale",
        "modules.py:46: skipped NeedsConfig.forward: cannot build NeedsConfig: parameter `config` has no "
        "annotation (build one in pytest_shape_contract_build, or observe your tests with check --with)",
        "modules.py:54: ok NeedsModule.forward",
        "modules.py:59:66: TE201 axis `c` is 13 in `x` but 11 in the result (in Broken.forward)",
    ],
    "wrong_equation.py": [WRONG_EQUATION],
    "wrong_import.py": [
        "wrong_import.py:1: skipped the file: its import ends at wrong_equation.py:7, TE106, reported above"
    ],
    "raises.py": [
        "raises.py:9:12: TE719 `add` of (b, c) and (b) needs `b` and `c` to be one size, which no annotation "
        "says: give both axes one name, or mend this line (in added)",
        "raises.py:13:1: TE720 this needs `b` to be 2, which no annotation says: write `b=2` in the "
        "annotation, or mend this line (in grown)",
        f"raises.py:17:12: {TE701} TypeError: unsupported operand type(s) for +: 'Tensor' and 'NoneType' "
        "(at b=11, without y) (in lacking)",
    ],
    "refuses.py": [
        "refuses.py:7: skipped f: parameter `options` has no annotation",
        "refuses.py:11: skipped g: with mode='nearest', a guess, it raised KeyError: 'nearest'",
        "refuses.py:15: ok h",
        'refuses.py:20: skipped i: with xs=a tensor of shape "b", a guess, it raised ShapeError: '
        "ShapeError[TE202]: the result has 0 axes, but `b` names 1",
    ],
    "noise.py": [
        "noise.py:13: ok f",
        "noise.py:19:54: TE201 axis `c` is 13 in `x` but 11 in the result (in wrong)",
    ],
    "hangs.py": [
        "hangs.py:7: ok before",
        "hangs.py:11:1: TE702 the call ran for more than 6 seconds (in forever)",
        "hangs.py:16: ok after",
    ],
    "crashes.py": [
        "crashes.py:9: skipped exits: it ended the process: SystemExit(4)",
        "crashes.py:13:1: TE702 the call was killed by SIGABRT (in aborts)",
    ],
    "exits.py": ["exits.py:1:1: TE702 importing the file ended the process: SystemExit(3)"],
    "missing_import.py": [
        "missing_import.py: could not run: ModuleNotFoundError: No module named 'no_such_module_anywhere'"
    ],
    "syntax.py": ["syntax.py: could not run: SyntaxError: invalid syntax (syntax.py, line 1)"],
    "pack/user.py": ["pack/user.py:9: ok f"],
    "other/pack/user.py": ["other/pack/user.py:9: ok f"],
    "late.py": [
        "late.py:7: ok f",
        "late.py:11: ok g  (b c -> c b)",
        "late.py:14:58: TE106 output axis `e` is in no operand (in wrong)",
        "late.py:17:13: TE505 the annotation of `x` does not resolve: NameError: name 'Nowhere' is not "
        "defined (in nowhere)",
    ],
    "waits.py": ["waits.py:7:56: TE201 axis `c` is 13 in `x` but 11 in the result (in f)"],
    "random.py": ["random.py:7: ok f"],
}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """One run over many files, since a run costs seconds. Checks are on there, whatever they are here."""
    folder = write(tmp_path_factory.mktemp("project"), FILES)
    (folder / "syntax.py").write_text("def f(:\n", encoding="utf-8")
    return run("check", ".", "--time-limit", "6", cwd=folder, TYPED_EINSUM_CHECKS="off")


@pytest.mark.parametrize("file", EXPECTED)
def test_what_a_file_comes_to(report: Report, file: str) -> None:
    assert lines(report, file) == EXPECTED[file]


def test_the_report_is_these_lines_and_a_count(report: Report) -> None:
    expected = [
        line for file in sorted(EXPECTED, key=lambda file: Path(file).parts) for line in EXPECTED[file]
    ]
    failed = [line for line in expected if ": could not run: " in line]
    *shown, count = report.stdout.splitlines()
    assert shown == [line for line in expected if line not in failed]
    assert report.stderr.splitlines() == failed
    ok, skipped = (
        sum(re.search(rf":\d+: {word} ", line) is not None for line in shown) for word in ("ok", "skipped")
    )
    findings = len(shown) - ok - skipped
    assert count == (
        f"{ok} ok, {findings} findings, {skipped} skipped, {len(failed)} could not run; "
        "38 of 45 functions have shape annotations"
    )
    assert report.returncode == 2


FINE = """
    @shape_checked
    def f(x: Float[Tensor, "b"]) -> Float[Tensor, "b"]:
        return x
    """


@pytest.mark.thorough
def test_nothing_found_is_status_0(tmp_path: Path) -> None:
    clean = run("check", "fine.py", "fine.py", cwd=write(tmp_path, {"fine.py": FINE}))
    assert (clean.returncode, clean.stdout, clean.stderr) == (
        0,
        "fine.py:7: ok f\n1 ok, 0 findings, 0 skipped\n",
        "",
    )


def test_a_message_names_no_program_of_ours_as_the_caller(tmp_path: Path) -> None:
    text = 'def f(x: Float[Tensor, "b t d"]) -> Float[Tensor, "b d"]: return x.sum(2)'
    write(tmp_path, {"wrong.py": f"from jaxtyping import Float\nfrom torch import Tensor\n\n\n{text}\n"})
    report = run("check", "-v", str(tmp_path), cwd=tmp_path)
    assert "TE201" in report.stdout
    assert "called from" not in report.stdout


def test_a_finding_is_status_1_and_is_shown_in_full_when_asked(tmp_path: Path) -> None:
    write(tmp_path, {"wrong_equation.py": FILES["wrong_equation.py"]})
    report = run("check", "-v", str(tmp_path), cwd=tmp_path)
    assert (report.returncode, report.stdout, report.stderr) == (
        1,
        f"""\
{WRONG_EQUATION}
    EquationError[TE106]: output axis `e` is in no operand
      --> wrong_equation.py:7:77 in f
       |
     7 | def f(x: Float[Tensor, "b c"], y: Float[Tensor, "c d"]) -> Float[Tensor, "b e"]: ...
       |                                                                             ^ no operand has it
    help: the operands also have `c`, `d`
    see: typed-einsum errors TE106
0 ok, 1 finding, 0 skipped
""",
        "",
    )


@pytest.mark.thorough
def test_paths_that_cannot_be_checked_do_not_keep_others_from_it(tmp_path: Path) -> None:
    write(tmp_path, {"fine.py": FINE, "notes.txt": "", "empty/notes.txt": ""})
    report = run("check", "none.py", "empty", "fine.py", "notes.txt", cwd=tmp_path)
    assert (report.returncode, report.stdout, report.stderr) == (
        2,
        "fine.py:7: ok f\n1 ok, 0 findings, 0 skipped, 3 could not run\n",
        "none.py: could not run: there is no such file or folder\n"
        "empty: could not run: there is no Python file in it\n"
        "notes.txt: could not run: it is no Python file (its name does not end in .py)\n",
    )


def test_a_bad_option_is_refused(tmp_path: Path) -> None:
    usage = run("check", "fine.py", "--time-limit", "-1", cwd=tmp_path)
    assert usage.returncode == 2
    assert "'-1' is no number above 0" in usage.stderr


def test_errors_says_what_a_code_means(tmp_path: Path) -> None:
    known = run("errors", "te201", cwd=tmp_path)
    assert known.returncode == 0
    assert known.stdout.startswith("# TE201: one axis, two sizes\n\nA name has one size in a call.")
    assert "<!--" not in known.stdout
    unknown = run("errors", "TE2011", cwd=tmp_path)
    assert unknown.returncode == 2
    assert unknown.stderr == "there is no code TE2011: did you mean TE201?\n"


def test_errors_lists_every_code(tmp_path: Path) -> None:
    from typed_einsum.errors import CODES

    listed = run("errors", cwd=tmp_path)
    assert listed.stdout == "".join(f"{code}  {title}\n" for code, title in CODES.items())


def test_the_examples_are_clean_and_each_bug_says_what_check_says_of_it() -> None:
    report = run("check", "docs/examples/", cwd=ROOT)
    assert (report.returncode, report.stderr) == (1, "")
    said: dict[str, list[str]] = {}
    for line in report.stdout.splitlines():
        if match := re.match(r"(\S+?):\d+:\d+: (TE\d{3} .*)", line):
            said.setdefault(match[1], []).append(match[2])
    bugs = {f"docs/examples/bugs/{file.name}": file for file in (ROOT / "docs/examples/bugs").glob("*.py")}
    documented = {name: what_check_says(file.read_text(encoding="utf-8")) for name, file in bugs.items()}
    assert {name: " ".join(texts) for name, texts in said.items()} == documented


def what_check_says(source: str) -> str:
    """The paragraph under "What check says:" as one line."""
    return " ".join(source.partition("What check says:")[2].partition('"""')[0].split())


@pytest.mark.thorough
def test_a_limit_counts_one_call_and_not_all_that_are_tried(tmp_path: Path) -> None:
    body = """
        from time import sleep

        @shape_checked
        def slow(x: Float[Tensor, "b"]) -> Float[Tensor, "b"]:
            sleep(0.6)
            return x
        """
    report = run("check", "slow.py", "--time-limit", "2", cwd=write(tmp_path, {"slow.py": body}))
    said = "slow.py:9: ok slow  (not all was tried: all calls together ran for more than 2 seconds)"
    assert lines(report, "slow.py") == [said]


@pytest.mark.thorough
def test_a_worker_that_died_in_between_is_replaced(tmp_path: Path) -> None:
    write(tmp_path, {"fine.py": FINE})
    session = Supervisor(30)
    try:
        before = [str(outcome) for outcome in session.check(tmp_path / "fine.py")]
        assert session._worker is not None
        session._worker._process.kill()
        session._worker._process.wait()
        assert [str(outcome) for outcome in session.check(tmp_path / "fine.py")] == before
    finally:
        session.close()
    assert before == [f"{tmp_path / 'fine.py'}:7: ok f  (for all sizes)"]


def test_a_worker_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"torch.py": "raise RuntimeError('not that torch')"})
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    with pytest.raises(WorkerFailed) as caught:
        list(Supervisor(30).check(tmp_path / "fine.py"))
    assert str(caught.value).startswith("the worker did not start: ")


def test_help_needs_no_torch(tmp_path: Path) -> None:
    code = """
import sys
from typed_einsum.cli import main
try:
    main(["--help"])
except SystemExit:
    print("torch" in sys.modules, "jaxtyping" in sys.modules)
"""
    out = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert out.stdout.splitlines()[-1] == "False False"


def test_the_version(tmp_path: Path) -> None:
    from typed_einsum import __version__

    assert run("--version", cwd=tmp_path).stdout == f"typed-einsum {__version__}\n"


def test_the_page_shows_what_the_command_prints(tmp_path: Path) -> None:
    page = (ROOT / "docs/check.md").read_text(encoding="utf-8")
    source = page.partition('```python title="scores.py"\n')[2].partition("```")[0]
    shown = page.partition("$ typed-einsum check scores.py\n")[2].partition("```")[0]
    (tmp_path / "scores.py").write_text(source, encoding="utf-8")
    assert run("check", "scores.py", cwd=tmp_path).stdout == shown


def test_the_page_shows_what_explain_prints(tmp_path: Path) -> None:
    page = (ROOT / "docs/check.md").read_text(encoding="utf-8")
    shown = page.partition("--steps notation\n")[2].partition("```")[0]
    printed = run("explain", "b q d, b k d -> b q k", "--steps", "notation", cwd=tmp_path).stdout
    assert printed.strip() == shown.strip()


def test_the_hook_for_pre_commit_runs_the_command() -> None:
    hook = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    assert "  entry: typed-einsum check\n" in hook


@pytest.mark.thorough
def test_ok_says_for_which_sizes_that_is_known(tmp_path: Path) -> None:
    body = """
        @typed_einsum
        def scores(q: Float[Tensor, "b q d"], k: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]: ...

        def quarters(x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
            return x.unflatten(-1, (4, -1)).flatten(1)
    """
    write(tmp_path, {"sizes.py": body})
    command = [sys.executable, "-P", "-m", "typed_einsum.cli", "check", "sizes.py"]
    said = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True
    ).stdout
    assert said.splitlines() == [
        "sizes.py:7: ok scores  (b q d, b k d -> b q k; for all sizes)",
        "sizes.py:9: ok quarters  (for all sizes with d % 4 == 0)",
        "2 ok, 0 findings, 0 skipped",
    ]
