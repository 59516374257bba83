"""The attributes that an object itself holds."""

from __future__ import annotations

from typing import Any


def attributes_of(value: Any) -> dict[str, Any]:
    """What is in the `__dict__` of an object; nothing where its class calls something else by that name."""
    try:
        held = getattr(value, "__dict__", None)
    except Exception:  # what a class computes for it is the user's
        return {}
    return held if isinstance(held, dict) else {}
