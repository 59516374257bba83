"""What only jaxtyping and beartype can judge, with the names of the call.

jaxtyping keeps the sizes of names on a stack of its own; these functions put a call's names there and take
back those that were bound meanwhile.
"""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from types import CodeType
from typing import Any, TypeVar

from jaxtyping._storage import get_shape_memo, pop_shape_memo, push_shape_memo
from torch.compiler import is_compiling

from typed_einsum.solver.labels import root_of

R = TypeVar("R")

ASKS_JAXTYPING = {"isinstance", "print_bindings"}
"""A body that mentions one of these may ask jaxtyping for the names of the call."""


@contextmanager
def known_to_jaxtyping(names: dict[str, Any], arguments: Mapping[str, Any]) -> Iterator[None]:
    """For a block, `isinstance(x, Float[Tensor, "b"])` and `print_bindings()` know the names of a call.

    `arguments` are what fields such as `{n}` are read from.
    """
    sizes, variadics, _, _ = push_shape_memo(dict(arguments))
    for name, value in names.items():
        if name.startswith("*"):
            variadics[name.lstrip("*#")] = ("#" in name, tuple(value))
        else:
            sizes[name] = value
    try:
        yield
        sizes, variadics, _, _ = get_shape_memo()  # type: ignore[no-untyped-call]
        for name, (grows, shape) in variadics.items():
            names.pop(f"*#{name}", None)
            names[f"*#{name}" if grows else f"*{name}"] = list(shape)
        names.update(sizes)
    finally:
        pop_shape_memo()


def called_with_names(names: dict[str, Any], arguments: Mapping[str, Any], call: Callable[[], R]) -> R:
    """Call a function whose body asks jaxtyping; in a trace, where nothing is asked, just call it."""
    if is_compiling():
        return call()
    with known_to_jaxtyping(names, arguments):
        return call()


def asks_jaxtyping(function: Callable[..., Any]) -> bool:
    """Whether the body of a function, or a function inside it, mentions what may ask jaxtyping for names."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return code is not None and _mentions(code)


def _mentions(code: CodeType) -> bool:
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return bool(ASKS_JAXTYPING & set(code.co_names)) or any(map(_mentions, inner))


@dataclass(eq=False)
class Judge:
    """jaxtyping and beartype, for those values of a call that nothing else can judge.

    `annotations` has an annotation for each of these; names inside them, as in `list["Block"]`, are those of
    the module of `function`, or of a class of records. One that does not resolve is left unchecked, as in
    jaxtyping.
    """

    function: Callable[..., Any]
    annotations: Mapping[str, Any]

    @cached_property
    def _resolved(self) -> dict[str, Any]:
        return {name: _resolved(hint, self.function) for name, hint in self.annotations.items()}

    def annotation_of(self, label: str) -> Any:
        """The annotation of a value: its own, or that of the parameter in which it is."""
        return self.annotations[self._key(label)]

    def _key(self, label: str) -> str:
        return label if label in self.annotations else root_of(label)

    def accepts(self, values: Mapping[str, Any], names: dict[str, Any], arguments: Mapping[str, Any]) -> bool:
        """Whether all values are right; their names are then bound. In a trace, all values are."""
        return is_compiling() or self.complaint(values, names, arguments) is None

    def complaint(
        self, values: Mapping[str, Any], names: dict[str, Any], arguments: Mapping[str, Any]
    ) -> tuple[str, str] | None:
        """The label of the first value that is wrong, with the reason; None where all are right."""
        from beartype import BeartypeConf
        from beartype.door import die_if_unbearable
        from beartype.roar import BeartypeDecorHintException

        label, plain = "", BeartypeConf(is_color=False)
        try:
            with known_to_jaxtyping(names, arguments):
                for label, value in values.items():
                    with suppress(BeartypeDecorHintException):  # an annotation that beartype cannot check
                        die_if_unbearable(
                            value,
                            self._resolved[self._key(label)],
                            conf=plain,
                        )
        except Exception as error:  # whatever it meets in an annotation: jaxtyping refuses the call, too
            return label, _reason(error)
        return None


def _resolved(annotation: Any, function: Callable[..., Any]) -> Any:
    def carrier() -> None: ...

    carrier.__annotations__ = {"value": annotation}
    written = inspect.unwrap(function)
    names = getattr(written, "__globals__", None) or vars(sys.modules.get(written.__module__, typing))
    try:
        return typing.get_type_hints(carrier, names, include_extras=True)["value"]
    except Exception:  # the text is the user's: whatever it raises, it does not resolve
        return Any


def _reason(error: Exception) -> str:
    """What an error says of a value, in one line."""
    said = " ".join(str(error).split())
    _, found, reason = said.partition(", as ")
    return f"jaxtyping and beartype: {reason if found else said}"
