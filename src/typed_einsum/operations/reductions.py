"""`softmax`, `mean` and `normalize`, over axes that they name.

A reduction over the wrong axis keeps every shape right, so no shape check can see it. Here the axes are
written beside the tensor, held against the names of the running checked function, and reduced by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from typed_einsum.diagnostics import Diagnostic
from typed_einsum.errors import DtypeError, ShapeError
from typed_einsum.locations import caller_place
from typed_einsum.messages import dtype_summary
from typed_einsum.operations.axes import ReducedAxes
from typed_einsum.operations.mask import masked
from typed_einsum.operations.reading import mask_axes as axes_of_mask
from typed_einsum.operations.reading import value_axes
from typed_einsum.scopes.body import scope_of_caller
from typed_einsum.scopes.scope import empty_scope
from typed_einsum.scopes.text import VALUE
from typed_einsum.switch import switch
from typed_einsum.tensors import dtype_of, shape_of


def softmax(
    scores: Tensor, axes: str, *, over: str, mask: Tensor | None = None, mask_axes: str | None = None
) -> Tensor:
    """Turn scores into weights that sum to 1 over the named axis.

    Equation: `weights[b,q,k] = exp(scores[b,q,k]) / Σ_k exp(scores[b,q,k])`, for `"b q k"` over `"k"`.

    A mask is boolean, where True keeps a score, or of the scores' dtype, which is added to them. Its axes
    are those of the scores, or `mask_axes`, some of them in any order. Where it leaves nothing to choose
    from, all weights are 0, as in `torch.nn.functional.scaled_dot_product_attention`.

    Axes: as `axes` names them; names known to the enclosing checked function have its sizes. `over` names
    one axis, or several that are normalised together: `"h w"`. Over an empty axis the result is empty.

    Args:
        scores: a floating-point tensor.
        axes: the axes of the scores, all of them, in their order.
        over: the axis to normalise over, or several.
        mask: True where a score is kept, or numbers to add to the scores.
        mask_axes: the axes of the mask, where they are not those of the scores.

    Returns: the weights, with the axes and the dtype of the scores.

    Raises: `EquationError` (TE105, TE109, TE117), `ShapeError` (TE201 to TE206), `DtypeError` (TE301,
    TE302, TE304), `ArgumentError` (TE408).

    Cost: one softmax of torch; with a mask, some passes over the scores before and after it.

    Source: Vaswani et al. 2017, Attention is all you need, equation 1.

    Examples:
        >>> import torch
        >>> from typed_einsum import softmax
        >>> scores = torch.zeros(2, 3, 4)
        >>> softmax(scores, "b q k", over="k").sum(2)[0]
        tensor([1., 1., 1.])
        >>> keep = torch.tensor([[True, True, False, False], [True, True, True, True]])
        >>> softmax(scores, "b q k", over="k", mask=keep, mask_axes="b k")[:, 0]
        tensor([[0.5000, 0.5000, 0.0000, 0.0000],
                [0.2500, 0.2500, 0.2500, 0.2500]])
    """
    scope = scope_of_caller() or empty_scope()
    text, reduced = _checked("softmax", scope, scores, axes, over)
    _require_floats("softmax", scores, complex_too=False)
    if mask is None:
        return _softmax(scores, reduced)
    of_mask = axes_of_mask("softmax", axes, over, axes if mask_axes is None else mask_axes)
    of_mask.check(scope, mask)
    kept, scores = masked(scores, text, mask, of_mask)
    some = kept
    for position in reduced:
        some = some.any(position, keepdim=True)
    # A row that keeps nothing is computed from zeros: from -inf alone, values and gradients would be NaN.
    fill = torch.zeros_like(some, dtype=dtype_of(scores)).masked_fill(some, -torch.inf)
    return _softmax(torch.where(kept, scores, fill), reduced).masked_fill(~some, 0)


def mean(x: Tensor, axes: str, *, over: str) -> Tensor:
    """Average over the named axis.

    Equation: `y[b,c] = (1/n) Σ_n x[b,n,c]`, for `"b n c"` over `"n"`.

    Axes: as `axes` names them; names known to the enclosing checked function have its sizes. `over` names
    one axis, or several that are averaged together: `"h w"`.

    Args:
        x: a floating-point or complex tensor.
        axes: its axes, all of them, in their order.
        over: the axis to average over, or several.

    Returns: the mean, without the averaged axes; the others keep their order.

    Raises: `EquationError` (TE105, TE109), `ShapeError` (TE201 to TE206, TE207 where there is nothing to
    average), `DtypeError` (TE301, TE304), `ArgumentError` (TE408).

    Cost: one mean of torch.

    Source: the arithmetic mean, as in `torch.mean`.

    Examples:
        >>> import torch
        >>> from typed_einsum import mean
        >>> mean(torch.randn(2, 3, 5, 7), "b c h w", over="h w").shape
        torch.Size([2, 3])
    """
    text, reduced = _checked("mean", scope_of_caller() or empty_scope(), x, axes, over)
    _require_floats("mean", x, complex_too=True)
    if not switch.is_off() and any(shape_of(x)[position] == 0 for position in reduced):
        summary = f"the mean over `{over}` has nothing to average: {VALUE} is empty there"
        repair = f"handle an empty `{over}` before the call"
        raise ShapeError(Diagnostic("TE207", summary, caller_place(), notes=text.facts(x), help=repair))
    return x.mean(reduced) if reduced else x  # torch reads "over no axis" as "over all of them"


def normalize(x: Tensor, axes: str, *, over: str, eps: float = 1e-12) -> Tensor:
    """Scale vectors to length 1; the vectors lie along the named axis.

    Equation: `y[b,n,c] = x[b,n,c] / max(sqrt(Σ_c x[b,n,c]²), eps)`, for `"b n c"` over `"c"`.

    Axes: as `axes` names them; names known to the enclosing checked function have its sizes. `over` names
    one axis, or several that are one vector together: `"c h w"`.

    Args:
        x: a floating-point or complex tensor.
        axes: its axes, all of them, in their order.
        over: the axis along which the vectors lie, or several.
        eps: the length that a vector has at least when it is divided.

    Returns: the scaled vectors, with the axes and the dtype of `x`. A vector of zeros stays zero, in half
    precision too, where `eps` itself would be zero.

    Raises: `EquationError` (TE105, TE109), `ShapeError` (TE201 to TE206), `DtypeError` (TE301, TE304),
    `ArgumentError` (TE408).

    Cost: one norm and one division of torch.

    Source: the Euclidean norm, as in `torch.nn.functional.normalize`.

    Examples:
        >>> import torch
        >>> from typed_einsum import normalize
        >>> unit = normalize(torch.randn(2, 3, 5), "b n c", over="c")
        >>> torch.allclose(unit.square().sum(2), torch.ones(2, 3))
        True
    """
    _, reduced = _checked("normalize", scope_of_caller() or empty_scope(), x, axes, over)
    _require_floats("normalize", x, complex_too=True)
    length = torch.linalg.vector_norm(x, dim=reduced, keepdim=True) if reduced else x.abs()
    return x / length.clamp_min(max(eps, torch.finfo(dtype_of(x)).tiny))


def _checked(
    function: str, scope: tuple[Any, ...], value: Tensor, axes: str, over: str
) -> tuple[ReducedAxes, tuple[int, ...]]:
    """Check the value against its axes: those, and the positions to reduce."""
    text = value_axes(function, axes, over)
    text.check(scope, value)
    return text, text.positions(value)


def _softmax(scores: Tensor, reduced: Sequence[int]) -> Tensor:
    """Softmax over several axes as one; torch's own takes one axis."""
    if len(reduced) == 1:
        return scores.softmax(reduced[0])
    last = tuple(range(scores.ndim - len(reduced), scores.ndim))
    moved = scores.movedim(tuple(reduced), last)
    flat = moved.flatten(last[0]) if reduced else moved.unsqueeze(-1)
    weights = flat.softmax(-1).reshape(shape_of(moved))
    return weights.movedim(last, tuple(reduced))


def _require_floats(function: str, value: Tensor, *, complex_too: bool) -> None:
    kind = dtype_of(value)
    if not (kind.is_floating_point or (complex_too and kind.is_complex)):
        summary = dtype_summary(VALUE, value, function)
        repair = "take the real part or the absolute value" if kind.is_complex else "pass value.float()"
        raise DtypeError(Diagnostic("TE301", summary, caller_place(), help=repair))
