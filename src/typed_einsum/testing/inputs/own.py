"""The attributes that an object itself holds."""

from __future__ import annotations

from enum import Enum
from typing import Any

PLAIN = (str, int, float, Enum, type(None))
"""Types of keys that are told as they are written."""


def attributes_of(value: Any) -> dict[str, Any]:
    """What is in the `__dict__` of an object; nothing where its class calls something else by that name."""
    try:
        held = getattr(value, "__dict__", None)
    except Exception:  # what a class computes for it is the user's
        return {}
    return held if isinstance(held, dict) else {}


def name_of_item(key: Any, at: int) -> str:
    """What an item of a container is called: by its key, or by the type of a key that may hold tensors."""
    parts = key if isinstance(key, tuple) else (key,)
    return str(key) if all(isinstance(part, PLAIN) for part in parts) else f"{type(key).__name__} {at}"
