"""The one object by which a function that this library has decorated is known."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

ATTRIBUTE = "__typed_einsum_definition__"
"""The attribute of a decorated function that holds its definition; only this module uses the name."""


class DefinedSignature(Protocol):
    """The signature of a decorated function, as its annotations describe it."""

    @property
    def function(self) -> Callable[..., Any]:
        """The function as its author wrote it."""

    @property
    def hints(self) -> Mapping[str, Any]:
        """A hint for each parameter."""

    @property
    def result(self) -> Any:
        """The hint for the result."""


@dataclass(frozen=True, eq=False)
class Definition:
    """A function made by `@typed_einsum` or `@shape_checked`.

    `resolve` returns the function with its annotations read. They may name things that are defined later:
    then `resolve` reads them when it is first called, and raises what is wrong with them.
    """

    resolve: Callable[[], Callable[..., Any]]
    known: DefinedSignature | None = None

    @property
    def signature(self) -> DefinedSignature:
        """The signature. Raises what is wrong with annotations that are read only now."""
        if self.known is not None:
            return self.known
        definition = definition_of(self.resolve())
        assert definition is not None
        assert definition.known is not None
        return definition.known


def definition_of(value: Any) -> Definition | None:
    """The definition of a decorated function; None for anything else."""
    definition = inspect.getattr_static(value, ATTRIBUTE, None)
    return definition if isinstance(definition, Definition) and callable(value) else None
