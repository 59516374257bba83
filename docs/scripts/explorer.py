"""What the explorer needs beside the site: `python docs/scripts/explorer.py` writes docs/assets/explorer.

Pyodide comes from its npm package, at the version below; the core of the library is packed from `src`. The
folder is not in the repository: 13 MB.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
TARGET = ROOT / "docs" / "assets" / "explorer"
PYODIDE = "pyodide@314.0.7"
RUNTIME = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "pyodide-lock.json", "python_stdlib.zip")
CORE = (
    "__init__.py",
    "diagnostics.py",
    "errors.py",
    "decorate/__init__.py",
    "decorate/definition.py",
    "derivation",
    "equation",
    "plan",
)
"""What `explain` is made of, and torch is not needed for."""
KINDS = ("*.py", "*.css", "*.js")


def pack_core(target: Path) -> None:
    """The torch-free core as an archive; the same bytes each time."""
    source = ROOT / "src" / "typed_einsum"
    modules = [source / name for name in CORE if name.endswith(".py")]
    packages = [path for name in CORE for kind in KINDS for path in (source / name).rglob(kind)]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(modules + packages):
            entry = zipfile.ZipInfo(path.relative_to(source.parent).as_posix())
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())


def fetch_runtime(target: Path) -> None:
    """Pyodide's files, by npm."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("docs/scripts/explorer.py needs npm, to fetch Pyodide")
    with TemporaryDirectory() as folder:
        subprocess.run([npm, "pack", PYODIDE], cwd=folder, check=True, capture_output=True, timeout=300)
        (packed,) = Path(folder).glob("*.tgz")
        with tarfile.open(packed) as archive:
            for name in RUNTIME:
                member = archive.extractfile(f"package/{name}")
                assert member is not None
                (target / name).write_bytes(member.read())


if __name__ == "__main__":
    TARGET.mkdir(parents=True, exist_ok=True)
    if any(not (TARGET / name).exists() for name in RUNTIME):
        fetch_runtime(TARGET)
    pack_core(TARGET / "typed_einsum.zip")
    print(TARGET, f"{sum(path.stat().st_size for path in TARGET.iterdir()) / 1e6:.1f} MB")
