"""Code in HTML with its axes marked, so that an axis lights up there as it does in formulas and pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape

from typed_einsum.derivation.stepping import axis
from typed_einsum.derivation.subject import Subject
from typed_einsum.derivation.variables import variables

_TOKEN = re.compile(r'"[^"]*"|(?<![\w.])[^\W\d]\w*')
_NAME = re.compile(r"[^\W\d]\w*")


def code(text: str, subject: Subject, roles: Mapping[str, str]) -> str:
    """Python with its variables of axes marked, and the axes in the equations that it quotes."""
    labels = {variable: label for label, variable in variables(subject).axes.items()}

    def mark(found: re.Match[str]) -> str:
        token = found[0]
        if token.startswith('"'):
            return f"&quot;{equation(token[1:-1], subject, roles)}&quot;"
        return _marked(token, labels.get(token), roles)

    return _replaced(_TOKEN, mark, text)


def equation(text: str, subject: Subject, roles: Mapping[str, str]) -> str:
    """An equation with its axes marked: each name, or each letter where names are single letters."""
    names = {index.name.lstrip("*"): index.label for index in subject.indices}

    def mark(found: re.Match[str]) -> str:
        token = found[0]
        if subject.equation.style == "named" or token in ("sum", "max"):
            return _marked(token, names.get(token), roles)
        return "".join(_marked(letter, names.get(letter), roles) for letter in token)

    return _replaced(_NAME, mark, text)


def _marked(token: str, label: str | None, roles: Mapping[str, str]) -> str:
    if label is None or label not in roles:
        return escape(token)
    return axis(label, roles).replace(f">{escape(label)}<", f">{escape(token)}<")


def _replaced(pattern: re.Pattern[str], mark: Callable[[re.Match[str]], str], text: str) -> str:
    parts: list[str] = []
    at = 0
    for found in pattern.finditer(text):
        parts += [escape(text[at : found.start()]), mark(found)]
        at = found.end()
    return "".join([*parts, escape(text[at:])])
