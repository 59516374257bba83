"""What was seen of a call, as a reader writes it."""

from __future__ import annotations

from typed_einsum.testing.observe.records import Json, Pattern


def signature_seen(pattern: Pattern) -> str:
    """The tensors of a call and of its result: `x f32[2, 3] -> f32[3]`."""
    passed = [f"{name} {shown(data)}" for name, data in pattern.arguments.items() if _has_tensor(data)]
    result = f" -> {shown(pattern.result)}" if _has_tensor(pattern.result) else ""
    return f"{', '.join(passed) or '()'}{result}"


def _has_tensor(data: Json) -> bool:
    return isinstance(data, dict) and ("tensor" in data or "items" in data)


def shown(data: Json) -> str:
    """What was told of a value: `f32[2, 3]` for a tensor, the type of anything else."""
    match data:
        case {"tensor": kind, "shape": shape}:
            return f"{kind}{list(shape)}"
        case {"type": kind, "items": dict() as items}:
            return f"{str(kind).rpartition('.')[2]}({', '.join(map(shown, items.values()))})"
        case {"type": kind}:
            return str(kind).rpartition(".")[2]
        case _:
            return str(data)
