"""Equations and annotations judged from source alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from typed_einsum.static.reading import survey

HEADER = """\
import einops
import torch as th
import typed_einsum as te
from einops import rearrange, reduce, repeat
from einops.layers.torch import Rearrange
from jaxtyping import Float
from torch import Tensor, einsum
from typed_einsum import shaped, typed_einsum

"""

FLAWS = {
    'einsum("bq d, bkd -> bqx", x, y)': "error TE106 output axis `x` is in no operand",
    'th.einsum("ij,jk", x, y)': "advice TE101 the equation has no `->`: torch implies the output `ik`",
    'einsum("kj,ji", x, y)': (
        "error TE101 the equation has no `->`: torch implies the output `ik`, in the order of the alphabet "
        "and not as written, `ki`"
    ),
    'einsum("ij,jk=>ik", x, y)': "error TE101 the equation has no `->`",
    'einsum("oi,j->o", x, y)': (
        "error TE108 axis `i` is in operand 1 alone and not in the output: it would be summed away"
    ),
    'einsum("oi,ij,k->oj", x, y, z)': (
        "advice TE108 axis `k` is in operand 3 alone and not in the output: it would be summed away"
    ),
    'einsum("iij,jk->ik", x, y)': (
        "error TE715 letter `i` stands twice in operand 1: only its diagonal is used"
    ),
    'einsum("ij,jk->ik", x, y, z)': "error TE403 the equation names 2 operands, but 3 are given",
    'einops.einsum(x, y, "b i, b j -> b k")': "error TE106 output axis `k` is in no operand",
    'einops.einsum(x, y, "b i, b j")': "error TE101 the equation has no `->`",
    'rearrange(x, "b t (h d) -> b h t", h=8)': (
        "error TE108 `rearrange` drops no axis, and `d` is not in its result"
    ),
    'rearrange(x, "b t (h d -> b h t d", h=8)': "error TE105 `(` opens a group that never closes",
    'rearrange(x, "b t h d) -> b h t d", h=8)': "error TE105 `)` closes no group",
    'rearrange(x, "b (t (h d)) -> b t h d", h=8)': "error TE105 a group stands inside a group",
    'rearrange(x, "b t-1 -> b t-1")': "error TE105 `t-1` is not an axis",
    'rearrange(x, "b b -> b")': "error TE107 axis `b` stands twice on one side of the pattern",
    'repeat(x, "b t -> b t n")': "error TE106 axis `n` of the result of `repeat` is not in its input",
    'reduce(x, "b t", "mean")': "error TE101 the pattern of `reduce` has no `->`",
    'reduce(x, "b t -> b -> t", "mean")': "error TE102 the pattern of `reduce` has more than one `->`",
    'Rearrange("b c h w -> b (h w) d")': (
        "error TE106 axis `d` of the result of `rearrange` is not in its input"
    ),
    'te.einsum("b q d, b k d -> b q z", x, y)': "error TE106 output axis `z` is in no operand",
    'te.einsum("b q d, b k e -> b q k", x, y)': (
        "error TE108 axis `d` is in operand 1 alone and not in the output: it would be summed away"
    ),
    'shaped(x, "b, c")': "error TE105 `b,` is not an axis: spaces separate axes, not commas",
    'x: Float[Tensor, "b *c ..."]': (
        "error TE114 two axes stand for any number of axes: it is unknown where one ends and the next begins"
    ),
    'x: Float[Tensor, "b 2*("]': "error TE105 `2*(` is not an axis",
}

SOUND = (
    'einsum("bqd,bkd->bqk", x, y)',
    'einsum("b q d, b k d -> b q k", [x, y])',
    'einsum("...ij,...jk->...ik", x, y)',
    'einsum("ij->", x)',
    "einsum(equation, x, y)",
    'einsum(f"{b}q,{b}k->qk", x, y)',
    'einsum("ij,jk->ik", *both)',
    'einops.einsum(x, y, "time dim, dim -> time")',
    'einops.einsum(x, y, "b 1, b j -> b j")',
    'rearrange(x, "b t (h d) -> b h t d", h=8)',
    'rearrange(x, "b ... -> ... b")',
    'rearrange(x, "b 1 d -> b d ()")',
    'repeat(x, "b t -> b t n", n=3)',
    'repeat(x, "b t -> b t n", **sizes)',
    'reduce(x, "b (t p) -> b t", "mean", p=2)',
    'te.einsum("b q d, b k v d -> b q k", x, y, sum="v")',
    'te.einsum("b q d, b k d -> b q", x, y, max="k")',
    'shaped(x, "b h*w c")',
    'x: Float[Tensor, "b {self.heads} d//2 #n *batch _ rgb=3"]',
)


def told(line: str) -> list[str]:
    found = survey("model.py", f"{HEADER}{line}\n").found
    return [f"{each.severity} {each.diagnostic.code} {each.diagnostic.summary}" for each in found]


@pytest.mark.parametrize("line", FLAWS)
def test_a_flaw_is_told_once(line: str) -> None:
    assert told(line) == [FLAWS[line]]


@pytest.mark.parametrize("line", SOUND)
def test_nothing_is_told_of_what_is_right_or_unknown(line: str) -> None:
    assert told(line) == []


def test_what_torch_would_refuse_is_an_error() -> None:
    sizes = dict(zip("bqdxkijno", (2, 3, 5, 7, 4, 6, 8, 9, 10), strict=True))
    for line, text in FLAWS.items():
        if line.startswith("einsum(") and text.split()[1] in ("TE106", "TE403"):
            equation = line.split('"')[1]
            operands = equation.partition("->")[0].replace(" ", "").split(",")
            given = [torch.zeros([sizes[letter] for letter in operand]) for operand in operands]
            given += given[: line.count(",") - equation.count(",") - len(given)]
            with pytest.raises((RuntimeError, ValueError)):
                torch.einsum(equation, *given)


def test_what_einops_would_refuse_is_an_error() -> None:
    einops = pytest.importorskip("einops")
    x = torch.zeros(2, 3, 40)
    for line in FLAWS:
        if line.startswith(("rearrange(", "repeat(", "reduce(")):
            with pytest.raises(Exception, match=r"."):
                eval(line, vars(einops) | {"x": x})


def test_the_annotations_of_a_typed_einsum_are_an_equation() -> None:
    source = f"""{HEADER}
class Attention:
    @typed_einsum
    def scores(self, q: Float[Tensor, "b q d"], k: Float[Tensor, "b k d"]) -> Float[Tensor, "b q z"]: ...

    @typed_einsum(sum="v")
    def fine(self, q: Float[Tensor, "b q d"], k: Float[Tensor, "b k d v"]) -> Float[Tensor, "b q k"]: ...
"""
    (found,) = survey("model.py", source).found
    assert found.diagnostic.render("EquationError").splitlines()[:5] == [
        "EquationError[TE106]: output axis `z` is in no operand",
        "  --> model.py:13:98 in Attention.scores",
        "   |",
        '13 |     def scores(self, q: Float[Tensor, "b q d"], k: Float[Tensor, "b k d"]) -> '
        'Float[Tensor, "b q z"]: ...',
        f"   | {' ' * 97}^ no operand has it",
    ]


def test_a_place_counts_characters_behind_any_letter_and_prefix() -> None:
    source = (
        'import torch\nnamé = "é", torch.einsum(r"bé,bq->bx", x, y)\ntorch.einsum("""\nbq,bk->bx""", x, y)\n'
    )
    places = [str(found.diagnostic.place) for found in survey("model.py", source).found]
    assert places == ["model.py:2:29", "model.py:3:14"]


def test_functions_annotations_and_equations_are_counted() -> None:
    source = f"""{HEADER}
def plain(x): return einsum("ij->ji", x)
def annotated(x: list[Float[Tensor, "b c"]] | None, y: int) -> int: return rearrange(x, "b c -> c b")
async def result() -> Float[Tensor, "b c"]: ...
"""
    counted = survey("model.py", source)
    assert (counted.functions, counted.annotated, counted.equations) == (3, 2, 2)
    assert survey("plain.py", "def one(): ...\ndef two(): ...\n").functions == 2


def test_torch_is_not_imported() -> None:
    program = "import sys; from typed_einsum.static.reading import survey; survey('m', 'import einops'); "
    done = subprocess.run(
        [sys.executable, "-c", program + "print('torch' in sys.modules)"], capture_output=True
    )
    assert done.stdout.strip() == b"False"


def test_every_file_of_this_project_can_be_read() -> None:
    root = Path(__file__).parent.parent
    files = [*(root / "src").rglob("*.py"), *(root / "docs" / "examples").glob("*.py")]
    found = [each for file in files for each in survey(str(file), file.read_text(encoding="utf-8")).found]
    assert len(files) > 100
    assert found == []


def command(folder: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "typed_einsum.cli", "check", *arguments],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
    )
    return done.returncode, done.stdout + done.stderr


def test_the_command_reads_a_folder_and_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "scores.py").write_text(
        'import torch\nraise SystemExit\n\ndef scores(q, k):\n    return torch.einsum("bqd,bkd->bqx", q, k)\n'
    )
    (tmp_path / "sum.py").write_text('import torch\nt = torch.einsum("ij,jk", x, y)\n')
    assert command(tmp_path, "--static", ".") == (
        1,
        "scores.py:5:37: TE106 output axis `x` is in no operand (in scores)\n"
        "sum.py:2:18: TE101 advice: the equation has no `->`: torch implies the output `ik`\n"
        "1 finding, 1 advice; 2 equations read in 2 files; functions with shape annotations: 0 of 1\n",
    )


def test_the_command_says_what_it_could_not_read(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("from torch import einsum\ndef broken(:\n")
    status, said = command(tmp_path, "--static", "broken.py", "nowhere.py")
    assert status == 2
    assert "nowhere.py: could not run: there is no such file or folder" in said
    assert "broken.py: could not run: SyntaxError: invalid syntax (broken.py, line 2)" in said
    assert said.startswith("0 findings, 2 could not be read; 0 equations read in 0 files; ")


def test_a_file_is_read_in_the_encoding_that_it_names(tmp_path: Path) -> None:
    text = '# coding: latin-1\nimport torch\nname = "\xe9"\ntorch.einsum("ij,jk->ix", x, y)\n'
    (tmp_path / "old.py").write_bytes(text.encode("latin-1"))
    status, said = command(tmp_path, "--static", "old.py")
    assert status == 1
    assert said.startswith("old.py:4:23: TE106 output axis `x` is in no operand\n")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    """Reading it would wait for a writer."""
    os.mkfifo(tmp_path / "pipe.py")
    status, said = command(tmp_path, "--static", "pipe.py")
    assert status == 2
    assert "pipe.py: could not run: it is no regular file\n" in said


@pytest.mark.thorough
def test_a_file_that_cannot_be_imported_is_read(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text('import torch, no_such_library\ntorch.einsum("ij,jk->ix", x, y)\n')
    status, said = command(tmp_path, "bad.py")
    assert status == 2
    assert "bad.py:2:23: TE106 output axis `x` is in no operand\n" in said


def test_code_without_annotations_is_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text('import torch\ndef f(x): return torch.einsum("ij->ji", x)\n')
    assert command(tmp_path, "plain.py") == (
        2,
        "0 findings; 1 equation read in 1 file; functions with shape annotations: 0 of 1\n"
        "Next: `typed-einsum run -m pytest` observes the calls that your tests make, "
        "`report` judges them, and `html` shows the shapes beside the source\n",
    )


def test_a_group_in_an_annotation_is_told_once_with_the_product_that_it_means(tmp_path: Path) -> None:
    """Also by `check`, which reads a file that cannot be imported."""
    source = (
        "import no_such_module_anywhere\nfrom jaxtyping import Float\nfrom torch import Tensor\n\n\n"
        'def merged(x: Float[Tensor, "(b t) d"]) -> None: ...\n'
    )
    (tmp_path / "file.py").write_text(source, encoding="utf-8")
    (tmp_path / "other.py").write_text("def f(x):\n    return x\n", encoding="utf-8")
    command = [sys.executable, "-m", "typed_einsum.cli", "check", ".", "-v"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    said = ran.stdout + ran.stderr
    assert said.count("TE105 `(b` is not an axis") == 1
    assert said.count("merged axes are a product: `h*d`") == 1
    assert "functions with shape annotations: 1 of 2" in said
