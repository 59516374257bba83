"""Options of `check`: given on the command line, or written in pyproject.toml under `[tool.typed-einsum]`."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from typed_einsum.cli.formats import FORMATS
from typed_einsum.errors import CODES

TABLE, GLOSSARY = "tool.typed-einsum", "names"


class BadSettings(Exception):
    """Options that are wrong; the text says which, and suggests a right one."""


@dataclass(frozen=True)
class Settings:
    """The options of `check`. Limits are in seconds and GiB; no `select` means every code."""

    format: str = "text"
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    time_limit: float = 30.0
    memory_limit: float = 16.0

    def overridden(self, given: Mapping[str, Any]) -> Settings:
        """These settings, replaced by those that were given."""
        names = {field.name for field in fields(self)}
        return replace(self, **{k: v for k, v in given.items() if k in names and v is not None})

    def reports(self, code: str) -> bool:
        """Whether a code is to be reported."""
        return code.startswith(self.select or "") and not (self.ignore and code.startswith(self.ignore))


def settings_near(folder: Path) -> Settings:
    """The settings in the nearest pyproject.toml at or above a folder. Raises `BadSettings`."""
    for above in (folder, *folder.parents):
        file = above / "pyproject.toml"
        if file.is_file():
            return _read(file)
    return Settings()


def _read(file: Path) -> Settings:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSettings(f"{file} cannot be read: {error}") from None
    written = table.get("tool", {}).get("typed-einsum", {})
    if not isinstance(written, dict):
        raise BadSettings(f"{file}: [{TABLE}] is no table")
    written = {name: value for name, value in written.items() if name != GLOSSARY}
    try:
        return Settings().overridden({_known(name): _value(name, value) for name, value in written.items()})
    except BadSettings as error:
        raise BadSettings(f"{file}: [{TABLE}] {error}") from None


def _known(name: str) -> str:
    names = [field.name.replace("_", "-") for field in fields(Settings)]
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(f'`{n}`' for n in names)}"
        raise BadSettings(f"has no option `{name}`: {hint}")
    return name.replace("-", "_")


def _value(name: str, value: Any) -> Any:
    match name:
        case "select" | "ignore":
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise BadSettings(f'`{name}` is {value!r}; write a list of codes such as ["TE2"]')
            return prefixes(value)
        case "format":
            if value not in FORMATS:
                raise BadSettings(f"`format` is {value!r}; there are {', '.join(FORMATS)}")
            return value
        case _:
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise BadSettings(f"`{name}` is {value!r}; write a number above 0")
            return float(value)


def prefixes(given: Iterable[str]) -> tuple[str, ...]:
    """Codes and beginnings of codes. Raises `BadSettings` for one that no code begins with."""
    found = tuple(prefix.strip().upper() for prefix in given)
    for prefix in found:
        if not prefix or not any(code.startswith(prefix) for code in CODES):
            near = difflib.get_close_matches(prefix, [*CODES, *{code[:3] for code in CODES}], n=1)
            hint = f"did you mean {near[0]}?" if near else "codes begin with TE1 to TE7"
            raise BadSettings(f"no code begins with {prefix!r}: {hint}")
    return found
