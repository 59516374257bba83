"""TE713: numbers that differ from a reference."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from typed_einsum.tensors import dtype_of, shape_of
from typed_einsum.testing.audit.findings import Severity
from typed_einsum.testing.calls.call import Call, same


def differences(call: Call, reference: Callable[..., Any]) -> Iterator[tuple[str, Severity, str]]:
    """Where a function of the same arguments gives something else."""
    results = call.outputs(call.arguments)
    bound = inspect.BoundArguments(call.recipe.signature, OrderedDict(call.arguments))
    expected = reference(*bound.args, **bound.kwargs)
    for _, result in (results or [])[:1]:
        if not isinstance(expected, Tensor) or shape_of(expected) != shape_of(result):
            what = tuple(shape_of(expected)) if isinstance(expected, Tensor) else type(expected).__name__
            yield "TE713", "error", f"the reference gives {what}, not {tuple(shape_of(result))}"
        elif not same(expected.to(dtype_of(result)), result):
            most = (expected - result).abs().max().item()
            yield "TE713", "error", f"the numbers differ from the reference by up to {most:.3g}"
