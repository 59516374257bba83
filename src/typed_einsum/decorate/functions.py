"""Functions as decorators meet them: what is wrapped, which names surround it, how its signature reads."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from inspect import Parameter
from typing import Any, Protocol

from typed_einsum.decorate.class_source import written_field
from typed_einsum.decorate.definition import ATTRIBUTE, Definition
from typed_einsum.decorate.resolution import Unresolved
from typed_einsum.diagnostics import Diagnostic, Located, Mark, Span
from typed_einsum.equation.axes import Axis
from typed_einsum.errors import SignatureError
from typed_einsum.locations import (
    caller_place,
    definition_place,
    outside_frame,
    written_axes,
    written_parameter,
)
from typed_einsum.messages import Locate
from typed_einsum.solver.labels import RETURN, root_of

OWNERS = ("self", "cls", "mcs")
"""Names under which a method receives its object; such a first parameter needs no annotation."""

MISSING: Any = type("Missing", (), {"__repr__": lambda _: "<not given>", "__slots__": ()})()
"""Stands for an argument that a call leaves out."""


def decorated(target: Any, make: Callable[[Callable[..., Any]], Any], decorator: str) -> Any:
    """Apply `make` to a function, or to the function inside a static method, class method or property."""
    match target:
        case staticmethod():
            return staticmethod(make(target.__func__))
        case classmethod():
            return classmethod(make(target.__func__))
        case property():
            return property(*(part and make(part) for part in (target.fget, target.fset, target.fdel)))
        case _ if inspect.isfunction(target):
            return make(target)
        case _:
            raise _no_function(target, decorator)


def _no_function(target: Any, decorator: str) -> SignatureError:
    kind = target if isinstance(target, type) else type(target)
    what = f"the class `{kind.__name__}`" if kind is target else f"a value of type `{kind.__name__}`"
    repair = f"put @{decorator} on {'its' if kind is target else 'functions and'} methods"
    summary = f"@{decorator} was put on {what}, not on a function"
    return SignatureError(Diagnostic("TE506", summary, caller_place(), help=repair))


def surrounding_names() -> dict[str, Any]:
    """The local names around the code that is being decorated, innermost first.

    Annotations that are strings may use names of an enclosing function or class, as type checkers allow.
    """
    frame = outside_frame()
    names: dict[str, Any] = {}
    module = None if frame is None else frame.f_globals
    while frame is not None and frame.f_globals is module and frame.f_code.co_name != "<module>":
        names = {**frame.f_locals, **names}
        frame = frame.f_back
    return names


def operand_parameters(function: Callable[..., Any]) -> tuple[Parameter | None, list[Parameter]]:
    """The parameter that is the object of a method, if any, and the others."""
    parameters = list(inspect.signature(function).parameters.values())
    if parameters and parameters[0].name in OWNERS and parameters[0].annotation is Parameter.empty:
        return parameters[0], parameters[1:]
    return None, parameters


def parameter_list(parameters: list[Parameter], default: Callable[[Parameter], str | None]) -> Iterator[str]:
    """The parameters as they stand between the parentheses of a generated `def`."""
    star = False
    for index, parameter in enumerate(parameters):
        kind = parameter.kind
        if kind is Parameter.KEYWORD_ONLY and not star:
            yield "*"
            star = True
        star = star or kind is Parameter.VAR_POSITIONAL
        prefix = "*" if kind is Parameter.VAR_POSITIONAL else "**" if kind is Parameter.VAR_KEYWORD else ""
        value = None if prefix else default(parameter)
        yield f"{prefix}{parameter.name}{'' if value is None else f'={value}'}"
        last = index + 1 == len(parameters) or parameters[index + 1].kind is not kind
        if kind is Parameter.POSITIONAL_ONLY and last:
            yield "/"


def passed_on(parameters: list[Parameter], values: Mapping[str, str]) -> Iterator[str]:
    """The arguments of a generated call, each from its variable in `values`."""
    for parameter in parameters:
        match parameter.kind:
            case Parameter.VAR_POSITIONAL:
                yield f"*{parameter.name}"
            case Parameter.VAR_KEYWORD:
                yield f"**{parameter.name}"
            case Parameter.KEYWORD_ONLY:
                yield f"{parameter.name}={values[parameter.name]}"
            case _:
                yield values[parameter.name]


def dressed(
    outside: Callable[..., Any], function: Callable[..., Any], definition: Definition, **attributes: Any
) -> Any:
    """Give a generated function the name, docstring, signature and annotations of the user's."""
    functools.update_wrapper(outside, function)
    setattr(outside, ATTRIBUTE, definition)
    for name, value in attributes.items():
        setattr(outside, name, value)
    return outside


def unresolved_error(function: Callable[..., Any], parameter: str, annotation: Unresolved) -> SignatureError:
    """The error for a string annotation that does not resolve (TE505)."""
    what = "the result" if parameter == RETURN else f"`{parameter}`"
    summary = f"the annotation of {what} does not resolve: {annotation.reason}"
    repair = "correct the text of the annotation"
    if annotation.reason.startswith("NameError"):
        repair = "import or define the name where the annotation can see it (not under TYPE_CHECKING alone)"
    return signature_error(function, parameter, "TE505", summary, "", repair)


def signature_error(
    function: Callable[..., Any], parameter: str, code: str, summary: str, label: str, repair: str
) -> SignatureError:
    """An error about one parameter of a decorated function, or about its result."""
    if parameter == RETURN:
        written = written_axes(function, parameter, "", Span(0, 0))  # the whole annotation
    else:
        written = written_parameter(function, parameter)
    place = definition_place(function) if written is None else written.place
    marks = () if written is None else (written.mark(label),)
    return SignatureError(Diagnostic(code, summary, place, marks, help=repair))


class TensorText(Protocol):
    """The annotation of one tensor: it prints as its author wrote it."""

    @property
    def text(self) -> str:
        """Its axes."""


def locator(
    function: Callable[..., Any], tensor_at: Callable[[str, Axis | None], TensorText | None]
) -> Locate:
    """Finds axes in the annotations of a function; `tensor_at` returns the annotation of a label and axis.

    Without source, a mark points at the annotation itself.
    """

    def locate(label: str, axis: Axis | None, said: str) -> Located:
        parameter = root_of(label)
        tensor = tensor_at(label, axis)
        if tensor is None:
            return Located(definition_place(function))
        text = tensor.text
        written = (
            written_parameter(function, parameter)
            if axis is None and parameter != RETURN
            else written_axes(function, parameter, text, _span(axis, text))
        )
        if written is not None:
            return Located(written.place, (written.mark(said),))
        return Located(definition_place(function), (_unwritten(parameter, tensor, axis, said),))

    return locate


def field_located(kind: type, field: str, tensor: TensorText | None, axis: Axis | None, said: str) -> Located:
    """An axis in the annotation of a field of a class; without source, in the annotation itself."""
    text = "" if tensor is None else tensor.text
    written = written_field(kind, field, text, _span(axis, text))
    if tensor is None:
        return Located(None if written is None else written.place)
    if written is None:
        return Located(None, (_unwritten(f"{kind.__name__}.{field}", tensor, axis, said),))
    return Located(written.place, (written.mark(said),))


def _unwritten(name: str, tensor: TensorText, axis: Axis | None, said: str) -> Mark:
    line = f"{name}: {tensor}"
    start = line.rfind(tensor.text)
    return Mark(line, _span(axis, tensor.text).shifted(start) if start >= 0 else _span(None, line), said)


def _span(axis: Axis | None, text: str) -> Span:
    return Span(0, len(text)) if axis is None else axis.span
