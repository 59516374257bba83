"""All evidence for names that recorded calls hold."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from typed_einsum.testing.listing.recorder import Recorded, Step
from typed_einsum.testing.listing.source import Source
from typed_einsum.testing.listing.values import Number, Shape, Size, Value, shapes_in
from typed_einsum.testing.names import annotated, attributes, comments
from typed_einsum.testing.names.equations import Equation
from typed_einsum.testing.names.evidence import Evidence, Kind
from typed_einsum.testing.names.layers import of_layers


@dataclass(frozen=True)
class Written:
    """That a number is written as an expression: `144` as `3 * config.n_embd`, or as `(h d)` by einops."""

    value: int
    node: ast.expr = field(compare=False)
    source: Source
    line: int
    note: str = ""


def sizes_held(calls: Iterable[Recorded]) -> Iterator[Evidence]:
    """The locals and parameters that hold the size of an axis, as it was known when they were set."""
    for call in calls:
        source = call.source
        for name, value in call.arguments.items():
            if isinstance(value, Number) and not isinstance(value.size, int):
                yield Evidence(value.size, name, Kind.LOCAL, source, source.first)
        for step in call.steps:
            is_size = _is_size(step.statement.node)
            for name, value in step.values.items():
                if isinstance(value, Number) and name.isidentifier() and not name.startswith("_"):
                    is_number = isinstance(value.size, int)
                    if not is_number or (is_size and value.size not in (0, 1)):
                        yield Evidence(value.size, name, Kind.LOCAL, source, step.statement.first)


def _is_size(node: ast.stmt) -> bool:
    """Whether a statement sets names to sizes of a tensor, or to attributes."""
    value = getattr(node, "value", None)
    if isinstance(value, ast.Attribute):
        return True
    return isinstance(node, ast.Assign) and any(
        isinstance(each, ast.Attribute) and each.attr in ("shape", "size") for each in ast.walk(node.value)
    )


def from_code(calls: Iterable[Recorded], equations: Iterable[Equation]) -> Iterator[Evidence]:
    """What annotations, equations, comments, docstrings and attributes say."""
    for equation in equations:
        source, line = equation.where
        for name, size, is_role in equation.letters():
            yield Evidence(size, name, Kind.EQUATION, source, line, is_role=is_role)
    for call in calls:
        yield from _of_call(call)


def _of_call(call: Recorded) -> Iterator[Evidence]:
    source, values = call.source, dict(call.arguments)
    yield from annotated.of_arguments(source, values)
    for name, line in source.parameter_lines.items():
        if isinstance(value := values.get(name), Shape) and line != source.first:
            yield from comments.of_statement(source, line, line, {name: value})
    for step in call.steps:
        statement = step.statement
        yield from annotated.of_statement(source, statement.node, step.values)
        tensors = {name: each for name, each in step.values.items() if not isinstance(each, Number)}
        yield from comments.of_statement(source, statement.first, statement.last, tensors)
        for name, value in tensors.items():
            values.setdefault(name, value)
    if call.result is not None:
        line = call.result_line
        last = source.by_line[line].last if line in source.by_line else line
        yield from annotated.of_result(source, call.result)
        yield from comments.of_statement(source, line, last, {"": call.result}, is_result=True)
    yield from comments.of_names(source, values)
    yield from attributes.of_owner(source, call.owner)
    for built in of_layers(call.owner):
        match built.written:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield Evidence(built.value, name, Kind.ATTRIBUTE, source, built.line, built.note)
    for step in call.steps:
        yield from _passed(call, step)


def _passed(call: Recorded, step: Step) -> Iterator[Evidence]:
    """Locals that are passed where a shape is made: `x.view(b, t, heads, -1)`."""
    for node, value in _shaping(call, step):
        if isinstance(node, ast.Name) and isinstance(value, int) and value > 1:
            yield Evidence(value, node.id, Kind.LOCAL, call.source, node.lineno)


def _shaping(call: Recorded, step: Step) -> Iterator[tuple[ast.expr, Size]]:
    """What is passed in a statement to calls that make shapes, with its value."""
    held = {name: each.size for name, each in step.numbers.items()}
    node = step.statement.node
    for made in ast.walk(node) if not getattr(node, "body", None) else ():
        if not attributes.is_shaping(made):
            continue
        assert isinstance(made, ast.Call)
        passed = [*made.args, *(each.value for each in made.keywords if each.arg not in ("dim", "axis"))]
        for each in passed:
            for part in each.elts if isinstance(each, ast.Tuple | ast.List) else [each]:
                value = computed(part, held, {call.source.receiver: call.owner})
                if value is not None:
                    yield part, value


def computed(node: ast.expr, held: Mapping[str, Any], objects: Mapping[str, Any] | None = None) -> Any:
    """The value of an expression of names, attributes of objects, and numbers; None for any other."""
    match node:
        case ast.Constant(value=int() as value) if not isinstance(value, bool):
            return value
        case ast.Name(id=name):
            return held.get(name)
        case ast.Attribute():
            found = attributes.held_by(node, {**(objects or {}), **held})
            return found if type(found) is int else held.get(node.attr)
        case ast.BinOp(left=left, op=op, right=right):
            one, other = computed(left, held, objects), computed(right, held, objects)
            if type(one) is not int or type(other) is not int:
                return None
            return applied(op, one, other)
    return None


def applied(op: ast.operator, one: int, other: int) -> int | None:
    """What an operator of the source makes of two sizes; None where it is none of these."""
    match op:
        case ast.Add():
            return one + other
        case ast.Sub():
            return one - other
        case ast.Mult():
            return one * other
        case ast.FloorDiv() if other:
            return one // other
        case ast.Mod() if other:
            return one % other
    return None


def expressions(calls: Iterable[Recorded], equations: Iterable[Equation]) -> Iterator[Written]:
    """Numbers as they are written in equations, where layers are built and where shapes are made."""
    for equation in equations:
        source, line = equation.where
        for names, size in equation.products():
            if isinstance(size, int):
                yield Written(size, _product(names), source, line, f"equation in {source.name}")
    for call in calls:
        for built in of_layers(call.owner):
            yield Written(built.value, built.written, call.source, built.line, built.note)
        for step in call.steps:
            for node, size in _shaping(call, step):
                if isinstance(node, ast.BinOp) and isinstance(size, int) and size > 1:
                    yield Written(size, node, call.source, node.lineno)


def _product(names: Sequence[str]) -> ast.expr:
    """`h*d` as an expression."""
    *before, last = names
    name: ast.expr = ast.Constant(int(last)) if last.isdigit() else ast.Name(last)
    return ast.BinOp(_product(before), ast.Mult(), name) if before else name


def of_glossary(calls: Iterable[Recorded], glossary: Mapping[str, str]) -> Iterator[Evidence]:
    """What a project's glossary says of tensors by their name."""
    for call in calls:
        values: list[tuple[str, Value]] = [*call.arguments.items()]
        values += [pair for step in call.steps for pair in step.values.items()]
        for name, value in values:
            axes = glossary.get(name, "").split()
            for shape in shapes_in(value) if axes else ():
                for axis, size in comments.named(axes, shape) or ():
                    yield Evidence(size, axis, Kind.GLOSSARY)
