"""Under which names Python may import a file, the likeliest first: none is imported to find out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = ("pyproject.toml", "setup.py", "setup.cfg", ".git")
"""What the top folder of a project holds."""


@dataclass(frozen=True)
class ModuleName:
    """A dotted name, and the folder on `sys.path` that it starts from."""

    name: str
    root: Path

    @classmethod
    def below(cls, root: Path, file: Path) -> ModuleName:
        """The name of a file below a folder."""
        parts = file.relative_to(root).with_suffix("").parts
        if len(parts) > 1 and parts[-1] == "__init__":
            parts = parts[:-1]
        return cls(".".join(parts), root)

    @property
    def is_importable(self) -> bool:
        """Whether an import statement can say it; a script may be called `my-script.py`."""
        return not self.packages or all(part.isidentifier() for part in self.name.split("."))

    @property
    def packages(self) -> int:
        """How many packages are around the module: what a relative import may go up."""
        return self.name.count(".")


def module_names(file: Path, working: Path) -> list[ModuleName]:
    """The names that a file may have, where `working` is the folder that the user works in.

    A folder without `__init__.py` is a package too where one above it has one (PEP 420), or where an import
    of the file goes up past it. A file that is in no package is a script, named by its stem.
    """
    top = _top(file, working)
    roots = [_package_root(file, top), _unbroken_root(file)]
    names = [ModuleName.below(root, file) for root in roots]
    if top is not None:
        names.append(ModuleName.below(top, file))
        if top / "src" in file.parents:
            names.append(ModuleName.below(top / "src", file))
    names.append(ModuleName.below(file.parent, file))
    needed = _highest_import(file)
    known = [each for each in dict.fromkeys(names) if each.is_importable]
    usable = [each for each in known if _packages_for(file, each) >= needed]
    return usable or known[:1] or names[-1:]


def _packages_for(file: Path, name: ModuleName) -> int:
    """How far up a relative import in the file may go; a package is its own first step."""
    return name.packages + (file.stem == "__init__" and name.name != "__init__")


def _top(file: Path, working: Path) -> Path | None:
    """The working directory, or the project's folder: no package of the file's is looked for above it."""
    if working in file.parents:
        return working
    return next((folder for folder in file.parents if any((folder / n).exists() for n in PROJECT)), None)


def _package_root(file: Path, top: Path | None) -> Path:
    """The folder around the outermost package below `top`; folders in between may lack an `__init__.py`."""
    if top is None:
        return _unbroken_root(file)
    below = file.parents[: file.parents.index(top)]
    packages = [folder for folder in below if (folder / "__init__.py").exists()]
    return packages[-1].parent if packages else file.parent


def _unbroken_root(file: Path) -> Path:
    """The first folder above the file that has no `__init__.py`."""
    return next(folder for folder in file.parents if not (folder / "__init__.py").exists())


def _highest_import(file: Path) -> int:
    """How many packages up the relative imports of a file go."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return 0
    return max((node.level for node in _walked(tree) if isinstance(node, ast.ImportFrom)), default=0)


def _walked(tree: ast.Module) -> Iterator[ast.AST]:
    """The nodes that run when the file is imported: what is inside functions is left out."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
