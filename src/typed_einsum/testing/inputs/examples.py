"""Arguments for any annotated function, at sizes that tell its axes apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from typed_einsum.annotations import TensorHint
from typed_einsum.tensors import dtype_of
from typed_einsum.testing.axes.fit import fitted
from typed_einsum.testing.axes.resized import on_numbers
from typed_einsum.testing.calls.making import Maker
from typed_einsum.testing.contracts.check import Check
from typed_einsum.testing.contracts.promises import Promises
from typed_einsum.testing.inputs.leaves import changed
from typed_einsum.testing.inputs.recipe import CannotMake
from typed_einsum.testing.running.invoke import reseed
from typed_einsum.testing.targets.given import not_made


def example_inputs(
    fn: Callable[..., Any],
    sizes: Mapping[str, int] | None = None,
    seed: int = 0,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
) -> dict[str, Any]:
    """Arguments by name that an annotated function takes: `fn(**example_inputs(fn))`.

    Each named axis gets a prime of its own, unlike every number in the source. Where the body needs an axis
    to be divisible, or of some size, that is found by running it. Integer tensors are zeros, which index
    anything; boolean ones are True, which mask nothing out.

    Args:
        fn: a function with jaxtyping annotations, a bound method, an `nn.Module` or a class of modules.
        sizes: sizes of some axes; the others are chosen.
        seed: of the numbers in floating-point tensors, which are between 0 and 1.
        device: where the tensors are made; `"meta"` makes none of their numbers.
        dtype: of floating-point tensors whose annotation allows it.

    Returns:
        The arguments, those with defaults and without tensors left out.

    Raises:
        ArgumentError: TE412, if nothing says how to make an argument.

    Cost: one call of the function on tensors without numbers, and more where it needs other sizes.

    Examples:
        >>> from jaxtyping import Float
        >>> from torch import Tensor
        >>> from typed_einsum.testing import example_inputs
        >>> def scores(
        ...     q: Float[Tensor, "b q d"], k: Float[Tensor, "b k d"]
        ... ) -> Float[Tensor, "b q k"]:
        ...     return q @ k.mT
        >>> {name: tuple(value.shape) for name, value in example_inputs(scores).items()}
        {'q': (3, 5, 7), 'k': (3, 11, 7)}
    """
    maker = Check.of(fn, Promises(sizes=sizes)).maker
    try:
        call = maker.call(_sizes_that_run(maker, str(device)))
        reseed(seed)
        owned = [] if call.owner is None else [call.owner]
        arguments = maker.call(call.sizes, device=str(device), owner=maker.object).arguments
    except CannotMake as error:
        raise not_made(error) from None

    def cast(hint: TensorHint, value: Tensor) -> Tensor:
        allowed = hint.dtypes is None or dtype in hint.dtypes
        return (
            value.to(dtype) if dtype is not None and allowed and dtype_of(value).is_floating_point else value
        )

    hints = maker.recipe.hints
    return {
        name: changed(hints[name], value, cast) if name in hints else value
        for name, value in arguments.items()
        if name not in owned
    }


def _sizes_that_run(maker: Maker, device: str) -> Mapping[str, int]:
    """Sizes at which the function runs, small ones off `meta`; those that come first, if none are found."""
    call = maker.call({})
    fit = fitted(call)
    if fit.runs:
        return (fit.trace.call if device == "meta" else fit.small).sizes
    real = None if device == "meta" else on_numbers(call)
    return call.sizes if real is None else real.sizes
