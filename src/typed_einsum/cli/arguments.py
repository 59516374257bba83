"""The numbers and paths that the command is given."""

from __future__ import annotations

import argparse
from pathlib import Path


def positive(text: str) -> float:
    """A number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not number > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def percent(text: str) -> float:
    """A number from 0 to 100."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 100, got {text!r}")
    return number


def given_path(text: str) -> Path:
    """A path; an empty text, such as that of a variable that is not set, is none."""
    if not text:
        raise argparse.ArgumentTypeError("expected a path, got ''")
    return Path(text)
