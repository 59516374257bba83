"""The axis sizes that an object knows: its attribute `axis_sizes`."""

from __future__ import annotations

from typing import Any

from typed_einsum.decorate.callers import with_caller
from typed_einsum.diagnostics import Diagnostic
from typed_einsum.errors import ArgumentError, TypedEinsumError
from typed_einsum.messages import AXIS_SIZES, with_article
from typed_einsum.solver import Bindings, Origin
from typed_einsum.tensors import described


def axis_sizes_of(owner: Any) -> dict[str, int] | None:
    """The axis sizes that an object knows: its attribute `axis_sizes`, or None. Raises TE409."""
    # The instance's own dict first: a plain getattr that fails is slow on an nn.Module.
    try:
        own = owner.__dict__
    except AttributeError:
        own = {}
    if "axis_sizes" in own:  # asked first: an exception at every call costs as much as a check
        sizes = own["axis_sizes"]
    else:
        if not hasattr(owner if isinstance(owner, type) else type(owner), "axis_sizes"):
            return None
        sizes = getattr(owner, "axis_sizes", None)  # a slot may be unset
    if sizes is None or (isinstance(owner, type) and isinstance(sizes, property)):
        return None  # a property is known to objects, not to their class
    if not isinstance(sizes, dict):
        found = with_article(described(sizes))
        raise _malformed(f"`axis_sizes` of {_of(owner)} is {found}, not a dict of names and sizes")
    for name, size in sizes.items():
        if type(name) is not str or type(size) is not int or not name.isidentifier():
            _require_name_and_size(owner, name, size)
    return sizes


def prebind(sizes: dict[str, int] | None, bindings: Bindings) -> None:
    """Bind the names that an object knows."""
    for name, size in (sizes or {}).items():
        bindings.sizes[name] = size
        bindings.origins[name] = Origin(AXIS_SIZES)


def _require_name_and_size(owner: Any, name: Any, size: Any) -> None:
    """Subclasses of str and int are accepted, except bool."""
    is_size = isinstance(size, int) and not isinstance(size, bool)
    if not (isinstance(name, str) and name.isidentifier() and is_size):
        wrong = f"`axis_sizes` of {_of(owner)} holds {name!r}: {size!r}"
        raise _malformed(f"{wrong}; expected a name and an integer")


def _of(owner: Any) -> str:
    return f"`{(owner if isinstance(owner, type) else type(owner)).__name__}`"


def _malformed(summary: str) -> TypedEinsumError:
    repair = 'set it in the constructor, as in self.axis_sizes = {"c": channels}'
    return with_caller(ArgumentError(Diagnostic("TE409", summary, help=repair)))
