"""Every test of a cell carries the cell as a mark, which `benchmarks/transformations.py` reads."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "cell(cell): what the test shows, for the matrix on the page")
