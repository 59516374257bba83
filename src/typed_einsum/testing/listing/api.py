"""`shapes`, whose import loads nothing: what follows a call loads the compiler of torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typed_einsum.testing.listing.shapes import Shapes


def shapes(fn_or_module: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Shapes:
    """Run a call, and show the source with the named shape of every tensor beside its line.

    No annotation is needed. The call runs on torch's symbolic shapes, so that nothing is computed and each
    axis of the arguments is followed by itself, whatever its size. Where torch cannot follow it, the rest
    runs on copies of the arguments. A call that fails is shown up to the line that fails, with its tensors.

    An axis is named by what the code says of it: an annotation, a local that holds the size (after
    `b, t = x.shape`), a letter of einsum or einops, a comment or docstring such as `# (b, t)`, an attribute
    or an argument of a layer, or the project's glossary. Each name comes with the place that says it.

    Args:
        fn_or_module: a function, a method or a module.
        args: the arguments of the call.
        kwargs: its arguments by name.

    Returns: the listing. `print` shows it, in colour on a terminal; a notebook shows it as HTML.

    Raises: `TypeError` where the arguments do not fit, and `SignatureError` (TE506) for what cannot be
        called. What the call itself raises is part of the listing.

    Cost: one call on symbolic shapes, followed line by line in Python; another on copies where torch cannot
    follow it.

    Examples:
        >>> import torch
        >>> from typed_einsum import shapes
        >>> def scores(query, key):
        ...     b, q, d = query.shape  # (batch, queries, width)
        ...     return query @ key.mT
        >>> listing = shapes(scores, torch.zeros(2, 3, 5), torch.zeros(2, 4, 5))
        >>> print(listing.functions[0].lines[-1].notes[0].text)
        (b, q, key1)
    """
    from typed_einsum.testing.listing.shapes import listing_of

    return listing_of(fn_or_module, args, kwargs)
