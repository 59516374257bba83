"""Who else looks at the operations: a trace, a transform of `torch.func`, a mode."""

from __future__ import annotations

import torch
from torch.autograd import forward_ad
from torch.compiler import is_compiling

from typed_einsum.contraction.maximum.workers import is_plain


def is_traced() -> bool:
    """Whether operations are recorded, to run again at other sizes: tiles chosen now would not fit then."""
    if is_compiling() or torch._C._is_tracing():
        return True
    return torch._C._get_dispatch_mode(torch._C._TorchDispatchModeKey.PROXY) is not None


def is_transformed() -> bool:
    """Whether a transform of `torch.func` is running."""
    return torch._C._functorch.peek_interpreter_stack() is not None


def is_recorded() -> bool:
    """Whether values must not decide, since they are symbols, or those of many samples at once."""
    return is_traced() or is_transformed() or forward_ad._current_level >= 0 or not is_plain()
