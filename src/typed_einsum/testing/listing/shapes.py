"""`shapes`: the source of a function with the shape of every tensor beside its line."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from typed_einsum.testing.listing.listing import (
    AxisName,
    Failure,
    Listed,
    axes_of,
    failure_of,
    functions_of,
    names_of,
)
from typed_einsum.testing.listing.running import Ran, recorded
from typed_einsum.testing.listing.source import Source
from typed_einsum.testing.names.glossary import glossary_near
from typed_einsum.testing.process.outcome import first_line


@dataclass(frozen=True)
class Shapes:
    """The source of the functions that a call went through, with the shape of each tensor.

    `functions` are those of the project, in the order in which the call reached them. `axes` are the names
    with the sizes of the call, and with where each name comes from. `conditions` say for which sizes the
    shapes hold. Where torch could not follow the call with symbols for sizes, `reason` says why, and shapes
    are those of the call. `failure` is what the call raised.

    Print it, or show it in a notebook.
    """

    functions: tuple[Listed, ...]
    axes: tuple[AxisName, ...]
    conditions: tuple[str, ...]
    reason: str
    failure: Failure | None

    def __str__(self) -> str:
        """The listing as text, coloured where it is printed to a terminal."""
        from typed_einsum.testing.listing.text import to_text

        return to_text(self, colour=_has_colours())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from typed_einsum.testing.listing.html import to_html

        return to_html(self)


def shapes(fn_or_module: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Shapes:
    """Run a call, and show the source with the named shape of every tensor beside its line."""
    ran = recorded(fn_or_module, args, kwargs)
    return shapes_of(ran, _entry(fn_or_module, ran))


def shapes_of(ran: Ran, entry: Source | None) -> Shapes:
    """The listing of a call that was recorded."""
    names = names_of(ran, glossary_near())
    return Shapes(
        tuple(functions_of(ran, names, entry)),
        tuple(axes_of(ran, names)),
        ran.conditions({symbol: named.name for symbol, named in names.symbols.items()}),
        ran.reason,
        failure_of(ran, names),
    )


def _entry(given: Callable[..., Any], ran: Ran) -> Source | None:
    function = type(given).forward if isinstance(given, nn.Module) else given
    code = getattr(inspect.unwrap(function), "__code__", None)
    calls = ran.recorder.calls
    return next((call.source for call in calls if code and call.source.name == code.co_qualname), None)


def _has_colours() -> bool:
    return "NO_COLOR" not in os.environ and sys.stdout.isatty()
