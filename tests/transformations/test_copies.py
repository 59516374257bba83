"""Copies: in this process, and as bytes that another process may read."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import public_callables
import pytest
from cells import agrees, column, refuses
from public_callables import Row
from torch import nn


@column("`deepcopy`")
def test_deepcopy(row: Row) -> None:
    made = row.make()
    copied = copy.deepcopy(made)
    assert (copied is made) is not isinstance(made, nn.Module)
    agrees(row, made, copied(*row.tensors(3)), row.tensors(3))
    refuses(row, copied)


@column("`pickle`")
def test_pickle(row: Row) -> None:
    made = row.make()
    copied = pickle.loads(pickle.dumps(made))
    assert (copied is made) is not isinstance(made, nn.Module)
    agrees(row, made, copied(*row.tensors(3)), row.tensors(3))
    refuses(row, copied)


@pytest.fixture
def _by_value() -> Iterator[None]:
    """Functions of that module travel as code, as those of a notebook do."""
    cloudpickle = pytest.importorskip("cloudpickle")
    cloudpickle.register_pickle_by_value(public_callables)
    yield
    cloudpickle.unregister_pickle_by_value(public_callables)


@pytest.mark.usefixtures("_by_value")
@column("`cloudpickle`")
def test_cloudpickle(row: Row) -> None:
    cloudpickle = pytest.importorskip("cloudpickle")
    made = row.make()
    copied = pickle.loads(cloudpickle.dumps(made))
    agrees(row, made, copied(*row.tensors(3)), row.tensors(3))
    refuses(row, copied)
