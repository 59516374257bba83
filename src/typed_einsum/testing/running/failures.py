"""What a call that failed has to say: why, where, and whether the function is to blame."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from typing import Any

from typed_einsum.diagnostics import Place
from typed_einsum.locations import shown_path
from typed_einsum.testing.audit import Finding
from typed_einsum.testing.process.outcome import first_line
from typed_einsum.testing.running.attempts import Attempt
from typed_einsum.testing.running.excuses import excuse_of


def why(attempt: Attempt) -> str:
    """What went wrong, with the axes of what was passed to torch. Of broadcasting, torch says no more."""
    assert attempt.error is not None
    said = first_line(attempt.error)
    if attempt.failed and "broadcast" in said:
        return f"{attempt.failed}, which do not broadcast"
    return f"{attempt.failed}: {said}" if attempt.failed else said


def excuse(attempt: Attempt, function: Callable[..., Any]) -> str:
    """Why a failure may be no fault of the function: the input was guessed, or is refused on purpose."""
    assert attempt.error is not None
    said, at = first_line(attempt.error), f" (at {attempt.draw})" if str(attempt.draw) else ""
    if attempt.draw.guesses:
        guesses = ", ".join(f"{name}={value!r}" for name, value in attempt.draw.guesses.items())
        return f"with {guesses}, a guess, it raised {said}"
    if attempt.refused:
        return f"it refused all inputs tried: {said}{at}"
    return excuse_of(attempt.error, function)


def squeezed_away(name: str, attempt: Attempt, tried: Attempt) -> Iterator[Finding]:
    """A `squeeze()` after which a call fails where an axis has one entry: it took that axis, too."""
    for place, dropped in tried.squeezed.items():
        if dropped > attempt.squeezed.get(place, dropped):
            assert tried.error is not None
            text = f"where `{name}` is 1, `squeeze()` drops it as well: say which to drop, as in squeeze(1). "
            text += f"It ends with {first_line(tried.error)}"
            yield Finding("TE718", "error", text, shown_path(place[0]), place[1])


def raised_at(file: str, error: BaseException) -> Place | None:
    """The innermost place in a file that an exception passed through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if not frames or frames[-1].lineno is None:
        return None
    return Place(shown_path(file), frames[-1].lineno, (frames[-1].colno or 0) + 1)
