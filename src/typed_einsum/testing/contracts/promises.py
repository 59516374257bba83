"""What a user says of a function beyond its annotations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex, TypeVar

from typed_einsum.diagnostics import Diagnostic
from typed_einsum.errors import ArgumentError

STORED = "__shape_contract__"
"""The attribute of a function that holds its promises."""

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Promises:
    """What a user says of a function beyond its annotations; None where nothing is said."""

    independent: tuple[str, ...] | None = None
    ordered: tuple[str, ...] | None = None
    couples: tuple[str, ...] | None = None
    causal: tuple[str, ...] | None = None
    reference: Callable[..., Any] | None = None
    like: Callable[..., Any] | None = None
    sizes: Mapping[str, int] | None = None

    def __post_init__(self) -> None:
        """Refuse sizes that are none. Raises `ArgumentError` (TE409)."""
        if self.sizes is None:
            return
        if not isinstance(self.sizes, Mapping):
            summary = f"`sizes` is a `{type(self.sizes).__name__}`, not a mapping from names to sizes"
            raise ArgumentError(Diagnostic("TE409", summary, help='write sizes={"b": 2}'))
        for name, size in self.sizes.items():
            if isinstance(size, bool) or not isinstance(size, SupportsIndex) or size < 0:
                summary = f"the size of `{name}` is {size!r}, not a whole number"
                raise ArgumentError(Diagnostic("TE409", summary, help=f'write sizes={{"{name}": 2}}'))

    @property
    def said_of_entries(self) -> frozenset[str]:
        """The axes of which it is said how their entries affect each other."""
        return frozenset().union(*filter(None, (self.independent, self.ordered, self.couples, self.causal)))


def contract(
    *,
    independent: str | Sequence[str] | None = None,
    ordered: str | Sequence[str] | None = None,
    couples: str | Sequence[str] | None = None,
    causal: str | Sequence[str] | None = None,
    reference: Callable[..., Any] | None = None,
    like: Callable[..., Any] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> Callable[[Function], Function]:
    """Store promises on a function, for `check_contract` to hold it to.

    Args:
        independent: axes whose entries do not affect each other's results.
        ordered: axes whose order matters; permuting any other axis must permute the result.
        couples: batch axes whose entries do affect each other.
        causal: axes along which no entry affects the results of earlier ones.
        reference: a function of the same arguments that gives the right numbers.
        like: a function or a module of the same meaning, which takes the tensors among the arguments.
        sizes: sizes for some axis names; the others are chosen.

    Returns: a decorator, which returns the function itself.

    Raises: nothing; `check_contract` says which promise is not true.

    Cost: one attribute of the function.

    Examples:
        >>> from jaxtyping import Float
        >>> from torch import Tensor
        >>> from typed_einsum.testing import check_contract, contract
        >>> @contract(independent="b")
        ... def centred(x: Float[Tensor, "b c"]) -> Float[Tensor, "b c"]:
        ...     return x - x.mean(0)
        >>> check_contract(centred).ok
        False
    """
    promises = Promises(
        names(independent), names(ordered), names(couples), names(causal), reference, like, sizes
    )

    def store(function: Function) -> Function:
        setattr(function, STORED, promises)  # a function has room for more, its type does not say so
        return function

    return store


def names(given: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """Names as a user writes them, as a tuple. Raises `ArgumentError` (TE408)."""
    if given is None:
        return None
    if not isinstance(given, str | Sequence) or not all(isinstance(each, str) for each in given):
        summary = f"expected names of axes as a text or a list of texts, got {given!r:.60}"
        raise ArgumentError(Diagnostic("TE408", summary, help='write them as couples="b h", for example'))
    return tuple(given.split()) if isinstance(given, str) else tuple(given)


def stored_on(function: Any) -> Promises:
    """The promises that `@contract` stored on a function, or on the `forward` of a module; else none."""
    found = getattr(function, STORED, None)
    if found is None:
        kind = function if isinstance(function, type) else type(function)
        found = getattr(getattr(kind, "forward", None), STORED, None)
    return found if isinstance(found, Promises) else Promises()
