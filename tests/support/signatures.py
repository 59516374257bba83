"""Typed einsums and checked functions written by tests, as a user would write them: as source."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

import jaxtyping
import torch

_serial = count(1)


def defined(source: str, names: Mapping[str, Any] | None = None, *, future: bool = False) -> dict[str, Any]:
    """The names that a module with this source defines. `future` puts off its annotations.

    >>> defined("def twice(x: int): return 2 * x")["twice"].__annotations__
    {'x': <class 'int'>}
    >>> defined("def twice(x: int): return 2 * x", future=True)["twice"].__annotations__
    {'x': 'int'}
    """
    name = f"written_by_tests_{next(_serial)}"
    filename = f"{name}.py"
    namespace: dict[str, Any] = {"__name__": name}
    public = {each: value for each, value in vars(jaxtyping).items() if not each.startswith("__")}
    namespace.update(public, torch=torch, Tensor=torch.Tensor, **(names or {}))
    if future:
        source = f"from __future__ import annotations\n{source}"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    exec(compile(source, filename, "exec", dont_inherit=True), namespace)
    return namespace


def written_einsum(
    operands: Sequence[str],
    output: str,
    *,
    dtype: str = "Num",
    explicit: str | None = None,
    sum: str | None = None,
    max: str | None = None,
) -> Callable[..., torch.Tensor]:
    """A typed einsum whose parameters `x1`, `x2`, ... have these axes.

    >>> written_einsum(["b q d", "b k d"], "b q k").equation
    'b q d, b k d -> b q k'
    """
    from typed_einsum import typed_einsum

    parameters = [f'x{number}: {dtype}[Tensor, "{axes}"]' for number, axes in enumerate(operands, 1)]
    options = [repr(explicit)] if explicit is not None else []
    options += [f"{name}={text!r}" for name, text in (("sum", sum), ("max", max)) if text is not None]
    source = (
        f"@typed_einsum({', '.join(options)})\n"
        f'def contract({", ".join(parameters)}) -> {dtype}[Tensor, "{output}"]: ...\n'
    )
    made: Callable[..., torch.Tensor] = defined(source, {"typed_einsum": typed_einsum})["contract"]
    return made
