"""Threads that take tiles of their own, each with one thread of torch.

Where all threads share a tile they meet at its end, and one that cannot run keeps the others waiting: one
other process on the machine is enough for that. A worker waits for nobody. Only the main thread of a process
has workers, and only where no mode of its own, such as autocast, would have to hold in them too.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from typed_einsum.tensors import EXACT_TYPES, device_of

Task = TypeVar("Task")


@dataclass
class Pool:
    """The workers of this process, and how many there are."""

    threads: int = 0
    executor: ThreadPoolExecutor | None = None

    def of(self, threads: int) -> ThreadPoolExecutor:
        """So many workers; others end as soon as they are idle."""
        if self.executor is None or self.threads != threads:
            if self.executor is not None:
                self.executor.shutdown(wait=False)
            self.executor, self.threads = _started(threads), threads
        return self.executor

    def forget(self) -> None:
        """A forked process has the memory of its parent, but none of its threads."""
        self.executor, self.threads = None, 0


pool = Pool()
memory = threading.local()
"""Each worker keeps the memory of its last tiles: fresh memory costs a fault for each of its pages."""

MOST_KEPT = 2**24
"""Bytes of a tensor that a worker keeps, at most."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool.forget)


def is_plain(*tensors: Tensor) -> bool:
    """Whether torch alone computes these tensors, on a CPU: no subclass and no mode looks at operations."""
    return torch._C._len_torch_dispatch_stack() == 0 and all(
        type(tensor) in EXACT_TYPES and device_of(tensor).type == "cpu" for tensor in tensors
    )


def worker_count(*tensors: Tensor) -> int:
    """How many workers these tensors get: as many as torch has threads, or 1, the thread that asks."""
    threads = torch.get_num_threads()
    alone = threading.current_thread() is not threading.main_thread() or torch.is_autocast_enabled("cpu")
    return 1 if threads < 2 or alone or not is_plain(*tensors) else threads


def share(work: Callable[[Iterator[Task]], None], tasks: Iterable[Task], workers: int) -> None:
    """Run `work` once for each worker, on tasks that no other gets. The order of tasks is not defined."""
    queue = deque(tasks)
    if workers < 2 or len(queue) < 2:
        work(_taken_from(queue))
        return
    running: list[Future[None]] = []
    try:
        executor = pool.of(workers)
        running += [executor.submit(_without_gradients, work, queue) for _ in range(min(workers, len(queue)))]
    except RuntimeError:  # the interpreter ends, and starts no thread any more
        work(_taken_from(queue))
    try:
        wait(running)
    finally:
        queue.clear()  # interrupted: workers end after the task that they have
    for each in running:
        each.result()


def scratch(entries: int, dtype: torch.dtype) -> Tensor:
    """Memory for so many numbers, which a worker's next call may overwrite."""
    kept: dict[torch.dtype, Tensor] | None = getattr(memory, "kept", None)
    if kept is None or entries * dtype.itemsize > MOST_KEPT:
        return torch.empty(entries, dtype=dtype, device="cpu")
    if dtype not in kept or kept[dtype].numel() < entries:
        kept[dtype] = torch.empty(entries, dtype=dtype, device="cpu")
    return kept[dtype][:entries]


def _without_gradients(work: Callable[[Iterator[Task]], None], queue: deque[Task]) -> None:
    with torch.inference_mode():
        work(_taken_from(queue))


def _taken_from(queue: deque[Task]) -> Iterator[Task]:
    while queue:
        try:
            yield queue.popleft()
        except IndexError:  # another worker took the last one
            return


def _started(threads: int) -> ThreadPoolExecutor:
    executor = ThreadPoolExecutor(threads, "typed-einsum", initializer=_take_one_thread)
    together = threading.Barrier(threads + 1)
    for _ in range(threads):
        executor.submit(together.wait)
    together.wait()
    torch.set_num_threads(threads)  # what later threads begin with, which each worker has set to 1
    return executor


def _take_one_thread() -> None:
    """Torch sets the threads of a thread at its first question, so that has to come first."""
    torch.get_num_threads()
    torch.set_num_threads(1)
    memory.kept = {}
