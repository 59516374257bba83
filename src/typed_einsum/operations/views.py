"""`rearrange` and `repeat`: views that name their axes, which einops computes."""

from __future__ import annotations

from torch import Tensor

from typed_einsum.operations.patterns import VIEWS
from typed_einsum.scopes.body import scope_of_caller
from typed_einsum.scopes.scope import empty_scope


def rearrange(x: Tensor, pattern: str, **sizes: int) -> Tensor:
    """Split, merge and reorder axes, in the order in which they are written.

    Equation: `y[b,h,t,d] = x[b,t,h·D+d]`, where `D` is the size of `d`, for `"b t (h d) -> b h t d"`.

    Parentheses hold the axes that are one axis of the tensor, the last of them the fastest. In a checked
    function the names are those of the call, so that `h=` is needed only for what nothing else says: one of
    two unknown factors. A name is known from annotations, from `axis_sizes`, or from an argument that is an
    integer.

    Axes: as the pattern names them; `1` is an axis of size 1. `sizes` are the sizes of names in it.

    Args:
        x: a tensor of any dtype.
        pattern: its axes and, after `->`, those of the result; parentheses merge axes.
        sizes: sizes of names in the pattern.

    Returns: a tensor with the axes after `->`; a view of `x` where torch can make one, else a copy.

    Raises: `EquationError` (TE101, TE102, TE105 to TE108, TE113 to TE115), `ShapeError` (TE201 to TE206),
    `DtypeError` (TE304), `ArgumentError` (TE402, TE406, TE408).

    Cost: a pattern is read when it is first met. A view costs nothing more; a copy is one pass over the
    tensor.

    Source: the notation is that of einops: Rogozhnikov 2022, Einops: Clear and reliable tensor
    manipulations with Einstein-like notation.

    Examples:
        >>> import torch
        >>> from jaxtyping import Float
        >>> from torch import Tensor
        >>> from typed_einsum import rearrange, shape_checked
        >>> rearrange(torch.ones(2, 3, 20), "b t (h d) -> b h t d", h=4).shape
        torch.Size([2, 4, 3, 5])
        >>> @shape_checked
        ... def merged(x: Float[Tensor, "b h t d"]) -> Float[Tensor, "b t c"]:
        ...     return rearrange(x, "b h t d -> b t (h d)")
        >>> merged(torch.ones(2, 4, 3, 5)).shape
        torch.Size([2, 3, 20])
    """
    view = VIEWS.find("rearrange", pattern, *sizes)
    return view(scope_of_caller() or empty_scope(), x, *sizes.values())


def repeat(x: Tensor, pattern: str, **sizes: int) -> Tensor:
    """Repeat a tensor along new axes, which the result names, and rearrange it.

    Equation: `y[b,g,r,t] = x[b,g,t]`, for `"b g t -> b g r t"`.

    Axes: as the pattern names them. Those after `->` alone are new; their sizes are given in `sizes`, or
    known to the enclosing checked function.

    Args:
        x: a tensor of any dtype.
        pattern: its axes and, after `->`, those of the result.
        sizes: sizes of names in the pattern, among them the new axes.

    Returns: a tensor with the axes after `->`.

    Raises: as `rearrange`; TE206 where nothing says the size of a new axis.

    Cost: a pattern is read when it is first met. A new axis that stands alone costs no memory; one that is
    merged with another is a copy.

    Source: the notation is that of einops: Rogozhnikov 2022, Einops: Clear and reliable tensor
    manipulations with Einstein-like notation.

    Examples:
        >>> import torch
        >>> from typed_einsum import repeat
        >>> keys = torch.tensor([[1, 2]])
        >>> repeat(keys, "t g -> t (g r)", r=3)
        tensor([[1, 1, 1, 2, 2, 2]])
        >>> repeat(keys, "t g -> t (r g)", r=3)
        tensor([[1, 2, 1, 2, 1, 2]])
    """
    view = VIEWS.find("repeat", pattern, *sizes)
    return view(scope_of_caller() or empty_scope(), x, *sizes.values())
