"""Settings for every test below this folder."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# The tests multiply small tensors: threads cost more than they give. Torch reads this when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# No deadline: the first call of a torch operator is far slower than the next.
settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "cell(cell): what a test of `transformations` shows on its page")
