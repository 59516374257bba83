"""The lints alone, on any function and arguments of your own: no annotation is needed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from typed_einsum.tensors import is_tensor, shape_of
from typed_einsum.testing.audit import Watch
from typed_einsum.testing.audit.dimensions import TrackedAxes
from typed_einsum.testing.contracts.report import Report
from typed_einsum.testing.targets.given import require_callable


def lint(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Report:
    """Call a function, watch every call of torch inside, and report what scrambles or leaks an axis.

    Without annotations an axis is known by its size: give axes sizes that differ, such as primes. A finding
    names them as `typed_einsum.shapes` does, or else after the argument that has them first.

    Args:
        function: any callable, such as a module.
        args: its arguments.
        kwargs: its arguments by name.

    Raises: what the function raises, and `SignatureError` (TE506) for what cannot be called.

    Cost: one call, with some Python at each operation of torch.

    Examples:
        >>> import torch
        >>> from typed_einsum.testing import lint
        >>> def merge_heads(x):
        ...     b, h, t, d = x.shape
        ...     return x.reshape(b, t, h * d)
        >>> lint(merge_heads, torch.zeros(2, 3, 5, 7)).findings[0].code
        'TE703'
    """
    require_callable(function)
    sizes = _sizes(_named(function, args, kwargs))
    watch = Watch(TrackedAxes(sizes))
    with torch.no_grad(), watch:
        function(*args, **kwargs)
    findings = tuple(watch.findings)
    if findings:
        from typed_einsum.testing.listing.auditing import in_names

        findings, sizes = in_names(function, args, kwargs, sizes) or (findings, sizes)
    shown = " ".join(f"{name}={size}" for name, size in sizes.items())
    name = getattr(function, "__name__", type(function).__name__)
    return Report(name, findings, shown)


def _named(function: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments by the names of their parameters, or by their number."""
    try:
        bound = inspect.signature(getattr(function, "forward", function)).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return {**{f"argument{i}": value for i, value in enumerate(args, 1)}, **kwargs}
    return bound.arguments


def _sizes(arguments: Mapping[str, Any]) -> dict[str, int]:
    """A name for each size: that of the axis which has it first."""
    found: dict[int, str] = {}
    for name, tensor in _tensors(arguments):
        for axis, size in enumerate(shape_of(tensor)):
            if size > 1:
                found.setdefault(size, f"{name}.{axis}")
    return {name: size for size, name in found.items()}


def _tensors(arguments: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    for name, value in arguments.items():
        if is_tensor(value):
            yield name, value
        elif isinstance(value, list | tuple):
            yield from ((f"{name}[{i}]", each) for i, each in enumerate(value) if is_tensor(each))
        elif isinstance(value, dict):
            yield from ((f"{name}[{key!r}]", each) for key, each in value.items() if is_tensor(each))
