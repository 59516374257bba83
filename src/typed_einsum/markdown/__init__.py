"""Derivations in documentation: a block ```` ```einsum ```` of a page becomes the derivation of its equation.

In a site of MkDocs or Zensical, as a custom fence of `pymdownx.superfences`:

    markdown_extensions:
      - pymdownx.superfences:
          custom_fences:
            - name: einsum
              class: einsum
              format: !!python/name:typed_einsum.markdown.fence
              validator: !!python/name:typed_einsum.markdown.validator

Elsewhere, as an extension of Python-Markdown, whose name is the name of this module.

Examples:
    >>> from markdown import markdown
    >>> page = "```einsum\\nb q d, b k d -> b q k\\nsteps: notation\\n```"
    >>> "<math" in markdown(page, extensions=["typed_einsum.markdown"])
    True
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from typed_einsum.diagnostics import Diagnostic
from typed_einsum.errors import ArgumentError, TypedEinsumError
from typed_einsum.markdown.page import derived

if TYPE_CHECKING:
    from markdown import Markdown

    from typed_einsum.markdown.extension import EinsumExtension

__all__ = ["derived", "fence", "makeExtension", "validator"]


def fence(source: str, language: str, css_class: str, options: Any, md: Markdown, **_: Any) -> str:
    """The HTML of one fence, for `format` of a custom fence of `pymdownx.superfences`.

    `source` is the text inside the fence, and `md` the converter of the page; the other arguments are not
    used. Superfences ignores all exceptions except its own, so every error is converted to one of its own,
    which ends the build.

    Raises: `SuperFencesException` with the message of this library, its page and its line.
    """
    try:
        return derived(source, md)
    except TypedEinsumError as error:
        _end_the_build(str(error), None)
    except Exception as error:  # superfences would ignore it and leave the page wrong
        _end_the_build(f"an einsum fence failed with {type(error).__name__}: {error}", error)


def validator(
    language: str, inputs: Mapping[str, str], options: Any, attrs: Mapping[str, str], md: Markdown
) -> bool:
    """Refuse options in the first line of a fence, for `validator` of a custom fence.

    Without it, superfences silently shows the source of a fence with such options.

    Raises: `SuperFencesException` with the message of this library (TE413).
    """
    if inputs:
        key, value = next(iter(inputs.items()))
        summary = f"`{key}` stands in the first line of an einsum fence"
        repair = f"give it a line of its own below the equation: {key}: {value}"
        _end_the_build(str(ArgumentError(Diagnostic("TE413", summary, help=repair))), None)
    return True


def _end_the_build(message: str, cause: Exception | None) -> NoReturn:
    from pymdownx.superfences import SuperFencesException

    raise SuperFencesException(message) from cause


def makeExtension(**options: Any) -> EinsumExtension:  # the name that Python-Markdown looks for
    """The fence as an extension of Python-Markdown, where superfences is not used."""
    from typed_einsum.markdown.extension import EinsumExtension

    return EinsumExtension(**options)
