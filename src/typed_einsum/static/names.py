"""What a name in a file stands for, told by its imports: `th.einsum` is `torch.einsum`."""

from __future__ import annotations

import ast


def imported_names(tree: ast.Module) -> dict[str, str]:
    """The full name of everything that a file imports, by the name that it has in the file."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                for alias in names:
                    top = alias.name.partition(".")[0]
                    found[alias.asname or top] = alias.name if alias.asname else top
            case ast.ImportFrom(module, names, 0) if module:
                found |= {alias.asname or alias.name: f"{module}.{alias.name}" for alias in names}
    return found


def full_name(node: ast.expr, imports: dict[str, str]) -> str:
    """The full name of what an expression such as `th.einsum` stands for; empty where imports do not tell."""
    match node:
        case ast.Name(name):
            return imports.get(name, "")
        case ast.Attribute(value, attribute):
            owner = full_name(value, imports)
            return f"{owner}.{attribute}" if owner else ""
        case _:
            return ""
