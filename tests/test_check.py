"""`typed-einsum check` on files as users have them, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAD = """\
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from typed_einsum import einsum, shape_checked, shaped, typed_einsum
"""


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "typed_einsum.cli", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "OMP_WAIT_POLICY": "passive"},
    )


def write(folder: Path, name: str, body: str) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(HEAD + textwrap.dedent(body))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """One run over many files, since a run costs seconds."""
    folder = tmp_path_factory.mktemp("project")
    write(
        folder,
        "clean.py",
        """
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
        def count(x: Int[Tensor, "n"], times: int, rate: float, name: str, strict: bool) -> int:
            return int(x.sum().item())

        @shape_checked
        def either(pair: tuple[Float[Tensor, "b"], Int[Tensor, "b"]]) -> Float[Tensor, "b"]:
            return pair[0] * pair[1]
        """,
    )
    write(
        folder,
        "modules.py",
        """
        class Plain(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = nn.Linear(6, 5)
                self.axis_sizes = {"c": 6}

            def forward(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "b e"]:
                return self.linear(x)

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

        class NeedsConfig(nn.Module):
            def __init__(self, config):
                super().__init__()

            @shape_checked
            def forward(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
                return x

        class Broken(nn.Module):
            @shape_checked
            def forward(self, x: Float[Tensor, "b c"]) -> Float[Tensor, "c b"]:
                return x

        made = Plain()
        """,
    )
    write(
        folder,
        "wrong_equation.py",
        """
        @typed_einsum
        def f(x: Float[Tensor, "b c"], y: Float[Tensor, "c d"]) -> Float[Tensor, "b e"]: ...
        """,
    )
    write(
        folder,
        "raises.py",
        """
        @shape_checked
        def added(x: Float[Tensor, "b c"], y: Float[Tensor, "b"]) -> Float[Tensor, "b c"]:
            total = x * 2
            return total + y
        """,
    )
    write(
        folder,
        "unmakeable.py",
        """
        @shape_checked
        def f(x: Float[Tensor, "b"], options) -> Float[Tensor, "b"]:
            return x
        """,
    )
    write(
        folder,
        "noise.py",
        """
        import sys
        print("looks like: noise.py:1:1: TE999 nonsense")
        print("and this", file=sys.stderr)

        @shape_checked
        def f(x: Float[Tensor, "b"]) -> Float[Tensor, "b"]:
            print("in the middle")
            sys.stdout.flush()
            return x
        """,
    )
    write(
        folder,
        "hangs.py",
        """
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
    )
    write(
        folder,
        "crashes.py",
        """
        import os

        @shape_checked
        def f(x: Float[Tensor, "b"]) -> Float[Tensor, "b"]:
            os.abort()
        """,
    )
    write(folder, "exits.py", "import sys; sys.exit(3)")
    write(folder, "missing_import.py", "import no_such_module_anywhere")
    (folder / "syntax.py").write_text("def f(:\n")
    write(folder, "pack/__init__.py", "")
    write(folder, "pack/shapes.py", 'Row = Float[Tensor, "b c"]')
    write(
        folder,
        "pack/user.py",
        """
        from .shapes import Row

        @shape_checked
        def f(x: Row) -> Row:
            return x
        """,
    )
    write(
        folder,
        "late.py",
        """
        @shape_checked
        def f(x: "Row") -> 'Float[Tensor, "b c"]':
            return x

        @typed_einsum
        def g(x: 'Later[Tensor, "b c"]') -> Float[Tensor, "c b"]: ...

        Later = Float
        Row = Float[Tensor, "b c"]
        """,
    )
    return run("check", ".", "--time-limit", "3", cwd=folder)


def lines(report: subprocess.CompletedProcess[str], file: str) -> list[str]:
    every = report.stdout.splitlines() + report.stderr.splitlines()
    return [line for line in every if line.startswith(f"{file}:")]


def test_a_clean_file_is_one_ok_line_for_each_function(report: subprocess.CompletedProcess[str]) -> None:
    assert lines(report, "clean.py") == [
        "clean.py:6:1: ok scores  (b q d, b k d -> b q k)",
        "clean.py:9:1: ok masked",
        "clean.py:13:1: ok merged",
        "clean.py:17:1: ok quarters",
        "clean.py:21:1: ok count",
        "clean.py:25:1: ok either",
    ]


def test_modules_are_built_or_skipped_with_the_reason(report: subprocess.CompletedProcess[str]) -> None:
    assert lines(report, "modules.py") == [
        "modules.py:12:1: ok Plain.forward",
        "modules.py:12:1: ok made.forward",
        "modules.py:21:1: ok Attention.forward",
        "modules.py:25:1: ok Attention.half",
        "modules.py:30:1: ok Attention.double",
        "modules.py:39:1: skipped NeedsConfig.forward: its constructor needs `config`: NeedsConfig has no "
        "default for it",
        "modules.py:45:66: TE201 axis `c` is 13 in `x` but 11 in the result (in Broken.forward)",
    ]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("wrong_equation.py", ["wrong_equation.py:7:77: TE106 output axis `e` is in no operand"]),
        (
            "raises.py",
            [
                "raises.py:9:1: TE701 fails at sizes that its annotations allow: RuntimeError: Attempting to "
                "broadcast a dimension of length 11 at -1! Mismatching argument at index 1 had "
                "torch.Size([11]); but expected shape should be broadcastable to [11, 13] (at b=11 c=13) "
                "(in added)"
            ],
        ),
        ("unmakeable.py", ["unmakeable.py:6:1: skipped f: parameter `options` has no annotation"]),
        ("noise.py", ["noise.py:10:1: ok f"]),
        (
            "hangs.py",
            [
                "hangs.py:6:1: ok before",
                "hangs.py:10:1: TE702 it ran for more than 3 seconds (in forever)",
                "hangs.py:15:1: ok after",
            ],
        ),
        ("crashes.py", ["crashes.py:8:1: TE702 it died of signal 6 (in f)"]),
        ("exits.py", ["exits.py:1:1: TE702 importing the file ended the process: SystemExit(3)"]),
        (
            "missing_import.py",
            [
                "missing_import.py: could not run: ModuleNotFoundError: No module named "
                "'no_such_module_anywhere'"
            ],
        ),
        ("syntax.py", ["syntax.py: could not run: SyntaxError: invalid syntax (syntax.py, line 1)"]),
        ("pack/user.py", ["pack/user.py:8:1: ok f"]),
        ("late.py", ["late.py:6:1: ok f", "late.py:10:1: ok g  (b c -> c b)"]),
    ],
)
def test_what_a_file_comes_to(
    report: subprocess.CompletedProcess[str], file: str, expected: list[str]
) -> None:
    assert lines(report, file) == expected


def test_the_report_ends_with_a_count_and_two_could_not_run(report: subprocess.CompletedProcess[str]) -> None:
    assert report.stdout.splitlines()[-1] == "17 ok, 6 findings, 2 skipped, 2 could not run"
    assert report.returncode == 2
    assert "nonsense" not in report.stdout + report.stderr


def test_statuses(tmp_path: Path) -> None:
    write(
        tmp_path,
        "fine.py",
        '@shape_checked\ndef f(x: Float[Tensor, "b"]) -> Float[Tensor, "b"]:\n    return x\n',
    )
    (tmp_path / "empty").mkdir()
    clean = run("check", "fine.py", cwd=tmp_path)
    assert (clean.returncode, clean.stdout) == (0, "fine.py:5:1: ok f\n1 ok, 0 findings, 0 skipped\n")
    bad = run("check", "none.py", "empty", "notes.txt", cwd=tmp_path)
    assert (bad.returncode, bad.stderr) == (
        2,
        "none.py: could not run: there is no such file or folder\n"
        "empty: could not run: there is no Python file in it\n"
        "notes.txt: could not run: there is no such file or folder\n",
    )
    usage = run("check", "fine.py", "--time-limit", "-1", cwd=tmp_path)
    assert usage.returncode == 2
    assert "'-1' is no number of seconds above 0" in usage.stderr


def test_errors_says_what_a_code_means(tmp_path: Path) -> None:
    known = run("errors", "te201", cwd=tmp_path)
    assert (known.returncode, known.stdout) == (
        0,
        "TE201  one axis, two sizes\n       https://typed-einsum.github.io/typed-einsum/errors/TE201\n",
    )
    unknown = run("errors", "TE2011", cwd=tmp_path)
    assert unknown.returncode == 2
    assert unknown.stderr == "there is no code TE2011: did you mean TE201?\n"


def test_the_examples_are_clean_and_every_bug_is_found() -> None:
    report = run("check", "docs/examples/", cwd=ROOT)
    assert report.returncode == 1
    findings = [line for line in report.stdout.splitlines() if re.match(r"\S+:\d+:\d+: TE\d{3} ", line)]
    assert {line.partition(":")[0] for line in findings} == {
        f"docs/examples/bugs/{file.name}" for file in (ROOT / "docs/examples/bugs").glob("*.py")
    }
    for line in findings:
        file, _, said = line.partition(": ")
        documented = (ROOT / file.partition(":")[0]).read_text().partition("What check says:")[2]
        assert said in " ".join(documented.partition('"""')[0].split())


def test_help_needs_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys, contextlib, io\nfrom typed_einsum.cli import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()): main(['--help'])\n"
        "print('torch' in sys.modules)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert out.stdout == "False\n"
