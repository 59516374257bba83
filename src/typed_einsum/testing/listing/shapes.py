"""The source of the functions of a call with the shape of every tensor beside its line."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from typed_einsum.testing.listing.apart import separated
from typed_einsum.testing.listing.listing import (
    AxisName,
    Failure,
    Listed,
    axes_of,
    failure_of,
    functions_of,
)
from typed_einsum.testing.listing.named import names_of, symbol_names
from typed_einsum.testing.listing.needed import told_apart
from typed_einsum.testing.listing.running import Ran, recorded
from typed_einsum.testing.listing.source import Source
from typed_einsum.testing.names.glossary import glossary_near
from typed_einsum.testing.names.naming import Names
from typed_einsum.testing.targets.given import require_callable


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

    @property
    def extent(self) -> str:
        """For which sizes the shapes hold; empty where the call failed."""
        if self.reason or self.failure is not None:
            return self.reason
        return f"for all sizes with {', '.join(self.conditions)}" if self.conditions else "for all sizes"

    def __str__(self) -> str:
        """The listing as text, coloured where it is printed to a terminal."""
        from typed_einsum.testing.listing.text import to_text

        return to_text(self, colour=_has_colours())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from typed_einsum.testing.listing.html import to_html

        return to_html(self)


def shapes_of(ran: Ran, entry: Source | None, names: Names) -> Shapes:
    """The listing of a call that was recorded, and whose axes have names."""
    called = symbol_names(ran, names, entry)
    return Shapes(
        tuple(functions_of(ran, names, entry)),
        tuple(axes_of(ran, names)),
        ran.conditions(called),
        ran.reason,
        failure_of(ran, names),
    )


def _has_colours() -> bool:
    return "NO_COLOR" not in os.environ and sys.stdout.isatty()


def listing_of(fn_or_module: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Shapes:
    """The listing of a call. Raises `TypeError` where its arguments do not fit, and TE506 for no function."""
    require_callable(fn_or_module)
    ran = told_apart(separated(recorded(fn_or_module, args, kwargs)))
    return shapes_of(ran, _entry(fn_or_module, ran), names_of(ran, glossary_near()))


def _entry(given: Callable[..., Any], ran: Ran) -> Source | None:
    function = type(given).forward if isinstance(given, nn.Module) else given
    code = getattr(inspect.unwrap(function), "__code__", None)
    calls = ran.recorder.calls
    return next((call.source for call in calls if code and call.source.name == code.co_qualname), None)
