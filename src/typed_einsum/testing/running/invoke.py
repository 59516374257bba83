"""One call of a user's function, always with the same random numbers."""

from __future__ import annotations

import asyncio
import inspect
import random
import sys
from collections.abc import Callable, Coroutine, Iterator
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
        _await(result)
    elif inspect.isgenerator(result):
        next(result, None)


def _await(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine in an event loop of its own, also where the loop of the program runs."""
    with _outside_the_loop(), asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(coroutine)


@contextmanager
def _outside_the_loop() -> Iterator[None]:
    """For the length of a block, no event loop of the program runs in this thread."""
    loop = asyncio._get_running_loop()
    if loop is None:
        yield
        return
    task = asyncio.current_task(loop)
    if task is not None:
        asyncio._leave_task(loop, task)
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(loop)
        if task is not None:
            asyncio._enter_task(loop, task)
