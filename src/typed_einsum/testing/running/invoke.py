"""One call of a user's function, always with the same random numbers."""

from __future__ import annotations

import asyncio
import inspect
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

from typed_einsum.testing.running.limits import one_call


def reseed(seed: int) -> None:
    """Begin the random numbers of the CPU, of Python, and of NumPy anew.

    `torch.manual_seed` also looks for devices, which takes a millisecond.
    """
    torch.default_generator.manual_seed(seed)
    random.seed(seed)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(seed)


@contextmanager
def random_numbers_kept() -> Iterator[None]:
    """For the length of a block, draw random numbers that the program does not miss afterwards."""
    numpy = sys.modules.get("numpy")
    states = torch.default_generator.get_state(), random.getstate(), numpy and numpy.random.get_state()
    try:
        yield
    finally:
        torch.default_generator.set_state(states[0])
        random.setstate(states[1])
        if numpy:
            numpy.random.set_state(states[2])


def run(function: Callable[..., Any], bound: inspect.BoundArguments) -> Any:
    """Call a function without gradients, unless it asks for some itself, as a gradient penalty does."""
    try:
        with torch.no_grad(), uncompiled(), one_call():
            result = function(*bound.args, **bound.kwargs)
            exhaust(result)
    except RuntimeError as error:
        if "does not require grad" not in str(error):
            raise
        with torch.enable_grad(), uncompiled(), one_call():
            result = function(*bound.args, **bound.kwargs)
            exhaust(result)
    return result


def uncompiled() -> AbstractContextManager[object]:
    """Run compiled code eagerly: Dynamo would trace the modes that watch a call. What compiles imports it."""
    if "torch._dynamo" not in sys.modules:
        return nullcontext()
    stance: AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
    return stance


def exhaust(result: Any) -> None:
    """Run what a call has only begun: a coroutine, or a generator up to its first item."""
    if inspect.iscoroutine(result):
        try:
            asyncio.run(result)
        finally:
            result.close()  # within a running loop it was not begun, and would warn of that later
    elif inspect.isgenerator(result):
        next(result, None)
