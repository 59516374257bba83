"""For the pytest plugin: annotations that are checked without touching the code, and tests without checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from jaxtyping import config, install_import_hook

from typed_einsum.switch import checks_off


def install_checks(packages: Sequence[str]) -> Callable[[], None]:
    """Have beartype check the annotations of packages that are imported from now on; the result ends it.

    This is jaxtyping's own import hook: every function below these names gets its decorator.
    """
    uninstall: Callable[[], None] = install_import_hook(packages, "beartype.beartype").uninstall
    return uninstall


@contextmanager
def all_checks_off() -> Iterator[None]:
    """For the length of a block, neither this library nor jaxtyping checks a call."""
    before = config.jaxtyping_disable
    config.update("jaxtyping_disable", True)
    try:
        with checks_off():
            yield
    finally:
        config.update("jaxtyping_disable", before)
