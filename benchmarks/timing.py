"""Interleaved timing: every contender in every round, medians over the rounds, one process."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

if not os.environ.setdefault("OMP_WAIT_POLICY", "passive"):  # read when torch loads, so before it
    del os.environ["OMP_WAIT_POLICY"]  # empty: what a user has who sets nothing
os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler announces every start and stop otherwise

import torch

Call = Callable[[], Any]


def medians(calls: Mapping[str, Call], rounds: int = 30, seconds: float = 0.004) -> dict[str, float]:
    """Seconds per call of each contender: the median over rounds in which all of them take their turn."""
    loops = {name: _loops(call, seconds) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    gc.disable()
    try:
        for turn in range(rounds):
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                times[name].append(_per_call(calls[name], loops[name]))
    finally:
        gc.enable()
    return {name: statistics.median(values) for name, values in times.items()}


def _loops(call: Call, seconds: float) -> int:
    for _ in range(3):
        call()  # warm-up
    return max(1, int(seconds / max(_per_call(call, 3), 1e-9)))


def _per_call(call: Call, loops: int) -> float:
    start = time.perf_counter()
    for _ in range(loops):
        call()
    return (time.perf_counter() - start) / loops


def peak_bytes(call: Call) -> int:
    """The most bytes that the call had allocated at once, beyond what was there before."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as run:
        result = call()
    events = [event for event in run.profiler.kineto_results.events() if event.name() == "[memory]"]
    live = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    del result
    return peak


def peak_bytes_of_all(call: Call) -> int:
    """At most so many bytes in all threads: as if each needed all that one thread alone needs.

    The profiler counts the memory of one thread.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return threads * peak_bytes(call)
    finally:
        torch.set_num_threads(threads)


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    model = ""
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as info:
            model = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "")
    return {
        "processor": model or platform.processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "default"),
    }
