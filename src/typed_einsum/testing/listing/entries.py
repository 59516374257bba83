"""Axes that an operation of torch pairs entry by entry: the two of a diagonal, those of a gather's index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.overrides import TorchFunctionMode

from typed_einsum.tensors import is_tensor, shape_of
from typed_einsum.testing.listing.values import Size, size_of

DIAGONALS = {"diagonal": (0, 1), "trace": (0, 1), "linalg_diagonal": (-2, -1)}
"""The axes of a diagonal where a call does not say which, by the name of the function."""

PICKING = {"gather": ("input", "dim", "index"), "take_along_dim": ("input", "index", "dim")}
"""The parameters of what picks entries by an index along one axis, and goes along the others with it."""

_SAME = {"indices": "index"}


class EntryPairs(TorchFunctionMode):
    """Keeps the pairs of axes that operations go along together, though torch lets one be the longer."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs: list[tuple[Size, Size]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if args and is_tensor(args[0]):
            self.pairs.extend(_pairs(name, args, kwargs))
        return func(*args, **kwargs)


def _pairs(name: str, args: Any, kwargs: Any) -> Iterator[tuple[Size, Size]]:
    own = shape_of(args[0])
    if name in DIAGONALS:
        passed = _named(("input", "offset", "dim1", "dim2"), args, kwargs)
        first, second = DIAGONALS[name]
        places = passed.get("dim1", first), passed.get("dim2", second)
        if passed.get("offset", 0) == 0 and all(_is_axis(at, own) for at in places):
            yield size_of(own[places[0]]), size_of(own[places[1]])
    elif name in PICKING:
        passed = _named(PICKING[name], args, kwargs)
        index: Any = passed.get("index")
        dim: Any = passed.get("dim")
        if is_tensor(index) and len(shape_of(index)) == len(own) and _is_axis(dim, own):
            both = [*zip(own, shape_of(index), strict=True)]
            del both[dim % len(own)]
            yield from ((size_of(one), size_of(other)) for one, other in both)


def _named(names: tuple[str, ...], args: Any, kwargs: Any) -> dict[str, Any]:
    """The arguments of a call by their names."""
    return {
        **dict(zip(names, args, strict=False)),
        **{_SAME.get(name, name): kwargs[name] for name in kwargs},
    }


def _is_axis(at: Any, shape: Any) -> bool:
    return type(at) is int and -len(shape) <= at < len(shape)
