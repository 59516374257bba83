"""Lines of the command, as the tests compare them."""

from __future__ import annotations

import re

_SIZES = re.compile(r"(?:; |  \()(for all sizes|at )[^\n]*?(\)?)$", re.MULTILINE)


def without_sizes(text: str) -> str:
    """Lines that say ok, without the sizes for which that is known."""
    return _SIZES.sub(lambda found: ")" if found[0].startswith(";") else "", text)
