"""The cells of the matrix: each column is a test, which runs once for each row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import pytest
import torch
from public_callables import ROWS, Row
from torch import Tensor

from typed_einsum import errors

Test = TypeVar("Test", bound=Callable[..., Any])
Kind = Literal["works", "refused"]


@dataclass(frozen=True)
class Cell:
    """What a test shows of one row under one transformation. `note` is what a reader must know."""

    column: str
    row: str
    kind: Kind = "works"
    note: str = ""


QUICK = {"@typed_einsum", "einsum(max=)", "@shape_checked", "softmax", "MaxSigmoidAttnBlock"}
"""The rows that slow columns always run; their other rows are thorough tests."""

CELLS: dict[tuple[str, str], Cell] = {}
"""Every cell that the tests imported so far define, by column and row."""


def column(
    title: str,
    *,
    rows: tuple[Row, ...] = ROWS,
    kind: Kind = "works",
    notes: Mapping[str, str] | str = "",
    slow: bool = False,
) -> Callable[[Test], Test]:
    """The decorated test takes a `row` and is this column, at those rows. `notes` are by row, or for all."""
    cells = [
        Cell(title, row.name, kind, notes if isinstance(notes, str) else notes.get(row.name, ""))
        for row in rows
    ]
    for cell in cells:
        if (cell.column, cell.row) in CELLS:
            raise ValueError(f"two tests are the cell of {cell.row} under {cell.column}")
        CELLS[cell.column, cell.row] = cell
    parameters = [
        pytest.param(
            row,
            id=row.name,
            marks=[
                pytest.mark.cell(cell),
                *([pytest.mark.thorough] if slow and row.name not in QUICK else []),
            ],
        )
        for row, cell in zip(rows, cells, strict=True)
    ]
    return pytest.mark.parametrize("row", parameters)


def agrees(
    row: Row, made: Callable[..., Tensor], found: Tensor, tensors: tuple[Tensor, ...], near: float = 1e-4
) -> None:
    """The result is that of plain torch on the same tensors."""
    torch.testing.assert_close(found, row.expected(made, *tensors), rtol=near, atol=near / 10)


def refuses(row: Row, call: Callable[..., Any], *tensors: Tensor, heading: str = "") -> str:
    """A wrong shape is our error, with our code and our words under a heading; they are returned."""
    with pytest.raises(errors.TypedEinsumError) as caught:
        call(*(tensors or row.wrong_tensors()))
    assert caught.value.code == row.code
    text = str(caught.value)
    assert text.startswith(heading or f"ShapeError[{row.code}]: ")
    assert f"ShapeError[{row.code}]: " in text
    return text
