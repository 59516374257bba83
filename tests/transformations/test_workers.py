"""Other threads and other processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor

import pytest
import torch
from cells import agrees, column, refuses
from public_callables import ROWS, Row
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

CALLS = 24


@column("threads")
def test_threads(row: Row) -> None:
    made = row.make()
    batches = [2 + index % 3 for index in range(CALLS)]

    def call(index: int) -> Tensor:
        return made(*row.tensors(batches[index], seed=index))

    with ThreadPoolExecutor(4) as pool:
        results = pool.map(call, range(CALLS))
        for index, found in enumerate(results):
            agrees(row, made, found, row.tensors(batches[index], seed=index))
        refuses(row, lambda *wrong: pool.submit(made, *wrong).result())


class Samples(Dataset[Tensor]):
    """What each row makes of its tensors, computed where the sample is asked for."""

    def __len__(self) -> int:
        return len(ROWS)

    def __getitem__(self, index: int) -> Tensor:
        torch.manual_seed(0)
        made = MADE[ROWS[index].name]
        with torch.no_grad():
            return made(*ROWS[index].tensors(3))


class WrongSamples(Samples):
    """The error of each row for tensors of a wrong shape."""

    def __getitem__(self, index: int) -> Tensor:
        return MADE[ROWS[index].name](*ROWS[index].wrong_tensors())


MADE: dict[str, Callable[..., Tensor]] = {row.name: row.make() for row in ROWS}
"""One of each, which worker processes of a loader share with the main process."""


@pytest.fixture(scope="module")
def loaded() -> dict[str, Tensor]:
    """Every sample, from two workers."""
    loader = DataLoader(Samples(), batch_size=None, num_workers=2, multiprocessing_context="fork")
    return dict(zip((row.name for row in ROWS), loader, strict=True))


# Python 3.12 and later warn of forks beside threads, which is what a loader does by default on Linux.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning")
@column("`DataLoader` workers")
@pytest.mark.one_in(9)
def test_loader(row: Row, loaded: dict[str, Tensor]) -> None:
    agrees(row, MADE[row.name], loaded[row.name], row.tensors(3))
    wrong = DataLoader(
        WrongSamples(), None, sampler=[ROWS.index(row)], num_workers=1, multiprocessing_context="fork"
    )
    refuses(row, lambda *_: next(iter(wrong)), heading="Caught ShapeError in DataLoader worker process 0.")


@pytest.fixture(scope="module")
def spawned() -> Iterator[Executor]:
    """A process that imports everything anew."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def called(made: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
    """The call that the other process makes."""
    with torch.no_grad():
        return made(*tensors)


@column("`multiprocessing`, spawn")
@pytest.mark.thorough
def test_spawn(row: Row, spawned: Executor) -> None:
    made = row.make()
    agrees(row, made, spawned.submit(called, made, *row.tensors(3)).result(), row.tensors(3))
    refuses(row, lambda *wrong: spawned.submit(called, made, *wrong).result())
