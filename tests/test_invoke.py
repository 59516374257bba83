"""Calls of a user's function inside the program that it belongs to."""

from __future__ import annotations

import asyncio
import inspect

import torch

from typed_einsum.testing.running.invoke import run


def test_a_coroutine_runs_to_its_end_inside_the_event_loop_of_a_program() -> None:
    async def doubled(x: torch.Tensor) -> torch.Tensor:
        await asyncio.sleep(0)
        ran.append((2 * x).shape)
        return 2 * x

    async def program() -> bool:
        before = asyncio.get_running_loop(), asyncio.current_task()
        run(doubled, inspect.signature(doubled).bind(torch.ones(2, 3)))
        await asyncio.sleep(0)
        return before == (asyncio.get_running_loop(), asyncio.current_task())

    ran: list[torch.Size] = []
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        assert loop.run_until_complete(program())
        run(doubled, inspect.signature(doubled).bind(torch.ones(5, 3)))
        assert asyncio.get_event_loop() is loop
    finally:
        loop.close()
        asyncio.set_event_loop(None)
    assert ran == [(2, 3), (5, 3)]
