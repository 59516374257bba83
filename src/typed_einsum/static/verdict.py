"""What reading a text comes to: a flaw, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from typed_einsum.equation.equation import Flaw


@dataclass(frozen=True)
class Verdict:
    """A flaw of a text; `advice` may be meant so."""

    flaw: Flaw
    severity: Literal["error", "advice"]
