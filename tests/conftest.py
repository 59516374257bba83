"""Settings for every test below this folder."""

from __future__ import annotations

import os
from collections import Counter

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
    config.addinivalue_line("markers", "one_in(n): of the cases, all but every n-th are thorough tests")


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    met = Counter[str]()
    for item in items:
        if marker := item.get_closest_marker("one_in"):
            test = item.nodeid.partition("[")[0]
            if met[test] % marker.args[0]:
                item.add_marker("thorough")
            met[test] += 1


@pytest.fixture(scope="session", autouse=True)
def _options_of_this_run_alone() -> None:
    """Take `PYTEST_ADDOPTS` from the environment, where workers have read it by now.

    A test that runs pytest in its own process would otherwise measure coverage within the coverage of this
    run, and neither could be stopped.
    """
    os.environ.pop("PYTEST_ADDOPTS", None)
