"""What was seen of a call, as a reader writes it."""

from __future__ import annotations

from typed_einsum.testing.observe.records import Json, Pattern

MOST_ITEMS, MOST_DEPTH, WIDTH = 3, 2, 100
"""How much of a container is shown, and of a whole signature."""


def signature_seen(pattern: Pattern) -> str:
    """The tensors of a call and of its result: `x f32[2, 3] -> f32[3]`."""
    passed = [f"{name} {shown(data)}" for name, data in pattern.arguments.items() if _has_tensor(data)]
    result = f" -> {shown(pattern.result)}" if _has_tensor(pattern.result) else ""
    text = f"{', '.join(passed) or '()'}{result}"
    return text if len(text) <= WIDTH else f"{text[:WIDTH]}…"


def _has_tensor(data: Json) -> bool:
    return isinstance(data, dict) and ("tensor" in data or "items" in data)


def shown(data: Json, depth: int = 0) -> str:
    """What was told of a value: `f32[2, 3]` for a tensor, the type of anything else."""
    match data:
        case {"tensor": kind, "shape": shape}:
            return f"{kind}{list(shape)}"
        case {"type": kind, "items": dict() as items} if depth < MOST_DEPTH:
            some = [shown(each, depth + 1) for each in list(items.values())[:MOST_ITEMS]]
            rest = ["…"] if len(items) > MOST_ITEMS else []
            return f"{str(kind).rpartition('.')[2]}({', '.join(some + rest)})"
        case {"type": kind}:
            return str(kind).rpartition(".")[2]
        case _:
            return str(data)
