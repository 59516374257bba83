"""The project's own names of axes: `[tool.typed-einsum.names]` in pyproject.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path


def glossary_near(folder: Path | None = None) -> Mapping[str, str]:
    """Axes by the name of a tensor, `{"x": "batch time dim"}`, from the nearest pyproject.toml."""
    folder = folder or Path.cwd()
    for above in (folder, *folder.parents):
        file = above / "pyproject.toml"
        if file.is_file():
            return _read(file)
    return {}


def _read(file: Path) -> Mapping[str, str]:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}
    names = table.get("tool", {}).get("typed-einsum", {}).get("names", {})
    return (
        {name: axes for name, axes in names.items() if isinstance(axes, str)}
        if isinstance(names, dict)
        else {}
    )
