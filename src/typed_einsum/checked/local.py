"""`shaped(x, "b m c h w")`: a local value against the names of the running checked function."""

from __future__ import annotations

from typing import Any, TypeVar

from torch import Tensor

from typed_einsum.annotations import (
    NotDescribed,
    TensorHint,
    is_tensor_annotation,
    read_tensor_hint,
)
from typed_einsum.diagnostics import Diagnostic
from typed_einsum.equation.reading import not_a_text
from typed_einsum.errors import ArgumentError
from typed_einsum.locations import caller_place
from typed_einsum.messages import with_article
from typed_einsum.scopes.body import scope_of_caller
from typed_einsum.scopes.cache import Cache
from typed_einsum.scopes.text import AxesText, passed_hint
from typed_einsum.switch import switch
from typed_einsum.tensors import described

T = TypeVar("T", bound=Tensor)


def shaped(tensor: T, axes: Any) -> T:
    """Check a local tensor against the axis names of the checked function around this call, and return it.

    `axes` is the text of an annotation, `"b m c h w"`, or a whole one, `Float[Tensor, "b m c h w"]`. Names
    that the function has bound must agree; new names are bound for the rest of the call.

    Axes: as the text names them.

    Args:
        tensor: the tensor to check.
        axes: the text of an annotation, or an annotation.

    Returns: the tensor itself.

    Raises: `ShapeError` (TE2xx), `DtypeError` (TE301, TE304), `ArgumentError` (TE405 outside a function
    decorated with `shape_checked`), `EquationError` (TE105).

    Cost: a text is compiled when it is first met. After that a call compares the axes, a few integers.

    Source: the meaning of names, and of `...`, `_`, `#` and `h*w`, is jaxtyping's.

    Examples:
        >>> import torch
        >>> from jaxtyping import Float
        >>> from torch import Tensor
        >>> from typed_einsum import shape_checked, shaped
        >>> @shape_checked
        ... def heads(x: Float[Tensor, "b t c"]) -> Float[Tensor, "b h t d"]:
        ...     return shaped(x.unflatten(-1, (4, -1)), "b t h d").transpose(1, 2)
        >>> heads(torch.randn(2, 3, 20)).shape
        torch.Size([2, 4, 3, 5])
    """
    scope = scope_of_caller()
    if scope is None:
        if switch.is_off():
            return tensor
        raise _outside()
    checked: T = CHECKS.find(axes)(scope, tensor)
    return checked


def _check_of(axes: Any) -> Any:
    return AxesText("shaped", *_read(axes)).check


CHECKS: Cache[Any] = Cache(_check_of)


def _read(axes: Any) -> tuple[TensorHint, str]:
    if is_tensor_annotation(axes):
        try:
            return read_tensor_hint(axes), str(axes)
        except NotDescribed:
            pass
    elif isinstance(axes, str):
        return passed_hint(axes), axes
    repair = 'write shaped(x, "b c h w"), or shaped(x, Float[Tensor, "b c h w"])'
    raise not_a_text("shaped", "axes", with_article(described(axes)), caller_place(), repair)


def _outside() -> ArgumentError:
    summary = "`shaped` was called outside a checked function, so there are no axis names to compare with"
    repair = "decorate the function that calls it with @shape_checked, or open a block `with scope():`"
    return ArgumentError(Diagnostic("TE405", summary, caller_place(), help=repair))
