"""The parts of a message, and how they become text.

A diagnostic is data: a code, one sentence, the place in the user's source, notes and one repair.
Only `Diagnostic.render` decides how they look as text.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """The characters `start` to `stop` (exclusive) of a text."""

    start: int
    stop: int

    def shifted(self, offset: int) -> Span:
        """The same span in a text that holds this one's text `offset` characters in."""
        return Span(self.start + offset, self.stop + offset)


@dataclass(frozen=True, slots=True)
class Mark:
    """One line of source with carets under a part of it, and a label."""

    text: str
    span: Span
    label: str = ""
    line: int | None = None

    def carets(self) -> str:
        """The line below the text: carets, then the label."""
        width = max(1, self.span.stop - self.span.start)
        return f"{' ' * self.span.start}{'^' * width} {self.label}".rstrip()


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a file, as `file:line:column in function` (columns count from 1)."""

    file: str
    line: int
    column: int | None = None
    function: str | None = None

    def __str__(self) -> str:
        column = "" if self.column is None else f":{self.column}"
        function = "" if self.function is None else f" in {self.function}"
        return f"{self.file}:{self.line}{column}{function}"


@dataclass(frozen=True, slots=True)
class Located:
    """What a message points at: a place, and the marks in its lines of source."""

    place: Place | None = None
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem, ready to be shown.

    Axes of a message: `summary` says what is wrong in one sentence; `place` and `marks` point at the
    source; `notes` hold the facts (one line each); `help` is the one repair to try first. `caller` is where a
    function was called that refuses the call, `module` the path of the module of a model in which it was.
    """

    code: str
    summary: str
    place: Place | None = None
    marks: tuple[Mark, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None
    caller: Place | None = None
    module: str | None = None

    def render(self, kind: str) -> str:
        """The whole message; `kind` is the name of the exception that carries it."""
        lines = [f"{kind}[{self.code}]: {self.summary}"]
        if self.place is not None:
            lines.append(f"  --> {self.place}")
        if self.caller is not None or self.module is not None:
            called = "called" if self.caller is None else f"called from {self.caller}"
            lines.append(f"      {called}{'' if self.module is None else f', as part of `{self.module}`'}")
        lines += self._excerpt()
        lines += [f"   {note}" for note in self.notes]
        if self.help is not None:
            lines.append(f"help: {self.help}")
        lines.append(f"see: typed-einsum errors {self.code}")
        return "\n".join(lines)

    def _excerpt(self) -> list[str]:
        if not self.marks:
            return []
        numbers = ["" if mark.line is None else str(mark.line) for mark in self.marks]
        gutter = max(2, *(len(number) for number in numbers))
        rule = " " * gutter + " |"
        lines = [rule]
        shown: tuple[int | None, str] | None = None
        for number, mark in zip(numbers, self.marks, strict=True):
            if shown != (mark.line, mark.text):
                lines.append(f"{number:>{gutter}} | {mark.text}")
                shown = (mark.line, mark.text)
            lines.append(f"{rule} {mark.carets()}")
        if self.notes:
            lines.append(rule)
        return lines


def with_article(name: str) -> str:
    """The description of a type or a value with `a` or `an` in front; every tensor is called `a tensor`."""
    if name in ("NoneType", "None"):
        return "`None`"
    if "[" in name:
        return f"a tensor, `{name}`"
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} `{name}`"
