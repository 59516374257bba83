"""What generated checks call, to hold sizes against names that are only known when the call runs.

`names` holds sizes by name; under `*name` the list of sizes, under `*#name` the same where size 1 may still
grow. Dynamo traces these functions.
"""

from __future__ import annotations

from typing import Any

from typed_einsum.solver import broadcast_shapes


def join(names: dict[str, Any], name: str, found: list[int], broadcast: bool) -> bool:
    """Hold the sizes under `*name`, or `*#name`, against those that it has already; whether they fit."""
    plain, grows = f"*{name}", f"*#{name}"
    if plain not in names and grows not in names:
        names[grows if broadcast else plain] = found
        return True
    may_grow = grows in names
    expected = names[grows if may_grow else plain]
    if not broadcast and not may_grow:
        return bool(found == expected)
    shape = broadcast_shapes(tuple(found), tuple(expected))
    if (
        shape is None
        or (not broadcast and list(shape) != found)
        or (not may_grow and list(shape) != expected)
    ):
        return False
    if may_grow:
        del names[grows]
        names[grows if broadcast else plain] = list(shape)
    return True


def restore(names: dict[str, Any], before: dict[str, Any]) -> bool:
    """Give names the sizes that they had; False, for the check that failed meanwhile."""
    names.clear()
    names.update(before)
    return False


def forget(names: dict[str, Any], kept: int) -> None:
    """Drop all names but the first ones: what a failed check bound before it failed."""
    for name in list(names)[kept:]:
        del names[name]


def field_of(value: Any, path: tuple[str, ...]) -> Any:
    """What an argument holds at the path of a field; None where that cannot be read."""
    try:
        for name in path:
            value = getattr(value, name)
    except Exception:  # a property may raise anything
        return None
    return value
