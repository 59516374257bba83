"""`with scope():` opens a fresh scope for the code of a block."""

from __future__ import annotations

import sys
from types import TracebackType

from torch.compiler import is_dynamo_compiling

from typed_einsum.scopes.body import codes_in_trace, identities
from typed_einsum.scopes.scope import NoFunction, scopes


class scope:
    """A block with axis names of its own, for `einsum`, `shaped` and the reductions in it.

    Use it for one pass of a loop, in a script, a notebook or a function that is not checked: wherever one
    name may have another size than before. In a checked function its names are not known in the block.

    Axes: the names that the block binds; they are forgotten when it ends.

    Raises: nothing of its own; within it, what `einsum` and `shaped` raise.

    Cost: one dictionary for each block.

    Examples:
        >>> import torch
        >>> from typed_einsum import scope, shaped
        >>> for level in (torch.ones(2, 3, 8), torch.ones(2, 3, 4)):
        ...     with scope():
        ...         shaped(level, "b c n").shape, shaped(level.sum(1), "b n").shape
        (torch.Size([2, 3, 8]), torch.Size([2, 8]))
        (torch.Size([2, 3, 4]), torch.Size([2, 4]))
    """

    def __init__(self) -> None:
        if is_dynamo_compiling():
            self._owner = NoFunction(None, frozenset(codes_in_trace(1, True)))
        else:
            code = sys._getframe(1).f_code
            self._owner = NoFunction(code, identities(code, whole=False))

    def __enter__(self) -> None:
        scopes.stack.append(({}, self._owner, (), []))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        scopes.stack.pop()
