"""A Griffe extension: shapes in signatures stay the strings they are.

Griffe reads every string in an annotation as a forward reference, so `Float[Tensor, "m"]` shows as
`Float[Tensor, m]`, and `"2*d"` as `2 * d`. This reads annotations of modules again, with their strings left
alone.
"""

from __future__ import annotations

import ast
from typing import Any

from griffe import Attribute, Extension, Function, Object, safe_get_expression


class ShapeStrings(Extension):
    """Reads the annotations of functions and attributes again."""

    def on_function_instance(self, *, node: Any, func: Function, **_: Any) -> None:
        """Replace the annotations of parameters and of the result."""
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
        for argument in every:
            if argument.annotation is not None and argument.arg in func.parameters:
                func.parameters[argument.arg].annotation = as_written(argument.annotation, func.parent)
        if node.returns is not None:
            func.returns = as_written(node.returns, func.parent)

    def on_attribute_instance(self, *, node: Any, attr: Attribute, **_: Any) -> None:
        """Replace the annotation of an attribute."""
        if isinstance(node, ast.AnnAssign):
            attr.annotation = as_written(node.annotation, attr.parent)


def as_written(annotation: ast.expr, parent: Object | None) -> Any:
    """The annotation as an expression that links its names, and keeps its strings."""
    return safe_get_expression(annotation, parent=parent, parse_strings=False)
