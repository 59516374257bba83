"""Probes report when functions of a project begin and end, to a listener."""

from __future__ import annotations

from enum import Enum
from types import CodeType, FrameType
from typing import Any, Final, Literal, Protocol


class _Off(Enum):
    OFF = "off"


OFF: Final = _Off.OFF
"""The answer that a function need not be reported again until probes are set anew."""


class Started(Protocol):
    """A call that has begun, and whose end is of interest."""

    def returned(self, value: Any) -> Any:
        """Take what the call returns, and give it back."""


Answer = Started | Literal[_Off.OFF] | None


class Listener(Protocol):
    """Is told when a function of the project begins. It never raises."""

    def begun(self, code: CodeType, frame: FrameType) -> Answer:
        """Say whether the end of the call is of interest, and whether further calls are."""


class Probe(Protocol):
    """Reports functions of the project to a listener."""

    def install(self) -> None:
        """Begin to report."""

    def remove(self) -> None:
        """Report nothing more."""

    def set_anew(self) -> None:
        """Report the functions again that were switched off."""
