"""The wheel as its users have it: what is in it, and what an installed copy does, with and without extras."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tarfile
import textwrap
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

import typed_einsum

ROOT = Path(__file__).parent.parent
EXTRAS = (
    *("hypothesis", "IPython", "markdown", "material", "mkdocs", "onnxruntime", "opt_einsum"),
    *("pymdownx", "pytest", "rich", "sybil", "zensical"),
)
"""What may be missing where the package is used."""

TESTS = (
    *("test_call_messages.py", "test_definition_messages.py", "test_methods.py", "test_scope.py"),
    *("test_typed.py", "test_verdict.py", "test_plugin.py"),
)
"""Tests of all doors, for the installed copy; the whole suite runs against the sources."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed: pip install --group build")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", str(folder)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel; all else comes from the environment of the tests.

    Its own `.pth` files are not read there, so the sources stay out.
    """
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=120)
    program = folder / "bin" / "python"
    asked = [str(program), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    own = Path(subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60).stdout.strip())
    (own / "others.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    with zipfile.ZipFile(wheel) as archive:  # pure Python: what a wheel holds is what is installed
        archive.extractall(own)
    return program


def sources_of(wheel: Path) -> Path:
    """The archive of sources that was built beside a wheel."""
    (sources,) = wheel.parent.glob("*.tar.gz")
    return sources


def said(python: Path, source: str, folder: Path) -> str:
    """What a program prints there."""
    command = [str(python), "-c", textwrap.dedent(source)]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_what_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = (archive.read(name).decode() for name in names if name.endswith("/METADATA"))
        (points,) = (archive.read(name).decode() for name in names if name.endswith("/entry_points.txt"))
    tops = {name.split("/")[0] for name in names}
    assert tops == {
        "typed_einsum",
        "typed_einsum_pytest.py",
        f"typed_einsum-{typed_einsum.__version__}.dist-info",
    }
    assert "typed_einsum/py.typed" in names
    assert "typed_einsum/pages/TE201.md" in names
    sources = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == sources
    assert [name for name in names if name.endswith((".pyc", ".so"))] == []
    assert "typed-einsum = typed_einsum.cli:main" in points
    assert "typed_einsum = typed_einsum_pytest" in points
    assert "License-Expression: Apache-2.0" in metadata
    assert {
        line.split(">")[0]
        for line in metadata.splitlines()
        if "Requires-Dist" in line and "extra" not in line
    } == {f"Requires-Dist: {name}" for name in ("beartype", "einops", "jaxtyping", "torch")}


def test_the_sources_hold_what_a_packager_needs(wheel: Path) -> None:
    with tarfile.open(sources_of(wheel)) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "tests/test_typed.py",
        "docs/index.md",
    } <= names
    assert [name for name in names if name.startswith((".venv", "site/", "docs/assets/explorer/"))] == []


def test_the_installed_copy_is_the_one_that_is_tested(python: Path, tmp_path: Path) -> None:
    source = "import typed_einsum; print(typed_einsum.__file__)"
    assert str(python.parent.parent) in said(python, source, tmp_path)
    assert str(ROOT) in typed_einsum.__file__ or "site-packages" in typed_einsum.__file__


@pytest.mark.parametrize("hidden", [(), EXTRAS], ids=["with extras", "without extras"])
def test_every_public_name_is_there(python: Path, tmp_path: Path, hidden: tuple[str, ...]) -> None:
    source = f"""
        import sys
        HIDDEN = {hidden!r}

        sys.modules.update(dict.fromkeys(HIDDEN))  # importing what is None fails, asking for it not
        from typed_einsum import *
        import typed_einsum, torch
        from jaxtyping import Float
        from torch import Tensor

        names = set(typed_einsum.__all__)
        missing = names - set(globals())
        assert not missing, missing
        for module in ("attention", "errors", "nn", "testing"):
            found = getattr(typed_einsum, module)
            assert all(hasattr(found, name) for name in found.__all__), module

        @typed_einsum.typed_einsum
        def scores(query: Float[Tensor, "b q d"], key: Float[Tensor, "b k d"]) -> Float[Tensor, "b q k"]: ...

        print(tuple(scores(torch.ones(2, 3, 5), torch.ones(2, 4, 5)).shape))
        print(explain(scores).to_latex().count("sum"))
        from typed_einsum.testing import check_contract
        print(check_contract(scores).ok)
        print([name for name in HIDDEN if sys.modules[name] is not None])
    """
    assert said(python, source, tmp_path).splitlines() == [
        "(2, 3, 4, 5)"[:0] + "(2, 3, 4)",
        "3",
        "True",
        "[]",
    ]


AUDITED = """
    import os, sys
    import beartype, einops, jaxtyping, torch
    seen = []

    def hook(event, args):
        if event == "open":
            path, mode, flags = args
            writes = any(letter in (mode or "") for letter in "wax+")
            if writes or (flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                seen.append(f"writes {path}")
        elif event.startswith(("socket.", "subprocess.", "os.mkdir", "os.remove", "os.rename", "os.system")):
            seen.append(event)

    sys.addaudithook(hook)
    {work}
    print(seen)
"""


def test_an_import_writes_nothing_and_asks_no_network(python: Path, tmp_path: Path) -> None:
    work = "import typed_einsum; from typed_einsum import *; import typed_einsum.nn, typed_einsum.attention"
    environment = AUDITED.replace("{work}", f"sys.dont_write_bytecode = True; {work}")
    assert said(python, environment, tmp_path) == "[]"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("work", "wanted"),
    [
        ("open('new.txt', 'w').close()", "['writes new.txt']"),
        ("import socket; socket.socket().close()", "['socket.__new__']"),
    ],
)
def test_the_hook_sees_what_it_looks_for(python: Path, tmp_path: Path, work: str, wanted: str) -> None:
    assert said(python, AUDITED.replace("{work}", work), tmp_path) == wanted


def test_the_tests_pass_on_the_installed_copy(python: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(sources_of(wheel)) as archive:
        archive.extractall(tmp_path, filter="data")
    (tree,) = tmp_path.iterdir()
    shutil.rmtree(tree / "src")
    command = [str(python), "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    command += [f"tests/{name}" for name in TESTS]
    run = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=600, check=False)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-2000:]
    assert " passed" in run.stdout
