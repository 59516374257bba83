"""The changes of a file's syntax tree: annotations of signatures, decorators and imports. Needs libcst."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import libcst as cst
from libcst.metadata import PositionProvider

from typed_einsum.testing.annotate.hints import Style

RESULT = "return"
Texts = Mapping[tuple[int, str], Mapping[str, str]]
"""Annotations by the line and the name of a function, and by parameter."""


class Signatures(cst.CSTTransformer):
    """Annotates parameters and results, and decorates the functions that it has annotated."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, texts: Texts, decorator: str, width: int, module: cst.Module) -> None:
        super().__init__()
        self._texts, self._decorator, self._width, self._module = texts, decorator, width, module
        self._around: list[str] = []

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        """Note the class that functions are in."""
        self._around.append(node.name.value)

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> cst.ClassDef:
        """Leave the class."""
        self._around.pop()
        return updated_node

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        """Note the function that others are in."""
        self._around.append(node.name.value)

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        """Annotate a function."""
        name = ".".join(self._around)
        self._around.pop()
        position = self.get_metadata(PositionProvider, original_node.name)
        texts = self._texts.get((position.start.line, name))
        if texts is None:
            return updated_node
        found = updated_node.with_changes(params=_annotated(updated_node.params, texts))
        if RESULT in texts:
            found = found.with_changes(returns=_annotation(texts[RESULT], is_result=True))
        if self._is_too_long(original_node, found, position.start.column):
            found = _exploded(found, self._indent(original_node), self._module.default_indent)
        if self._decorator and not _is_decorated(found, self._decorator):
            above = cst.Decorator(cst.parse_expression(self._decorator))
            found = found.with_changes(decorators=[*found.decorators, above])
        return found

    def _is_too_long(self, original: cst.FunctionDef, found: cst.FunctionDef, column: int) -> bool:
        """Whether a signature that stood in one line has become longer than a line may be."""
        before, after = self._heads(original), self._heads(found)
        return "\n" not in before and "\n" not in after and column - 4 + len(after) > self._width

    def _heads(self, node: cst.FunctionDef) -> str:
        """The text of `def` up to the colon."""
        bare = node.with_changes(
            decorators=[], leading_lines=[], lines_after_decorators=[],
            body=cst.SimpleStatementSuite([cst.Pass()]),
        )  # fmt: skip
        return self._module.code_for_node(bare).strip().removesuffix("pass").rstrip()

    def _indent(self, node: cst.FunctionDef) -> str:
        column: int = self.get_metadata(PositionProvider, node).start.column
        return " " * column


def _annotated(parameters: cst.Parameters, texts: Mapping[str, str]) -> cst.Parameters:
    """Parameters with new annotations."""

    def one(parameter: cst.Param) -> cst.Param:
        text = texts.get(parameter.name.value)
        if text is None:
            return parameter
        spaced = parameter.with_changes(annotation=_annotation(text))
        if parameter.default is None:
            return spaced
        equal = cst.AssignEqual(cst.SimpleWhitespace(" "), cst.SimpleWhitespace(" "))
        return spaced.with_changes(equal=equal)

    star = parameters.star_arg
    return parameters.with_changes(
        posonly_params=[*map(one, parameters.posonly_params)],
        params=[*map(one, parameters.params)],
        kwonly_params=[*map(one, parameters.kwonly_params)],
        star_arg=one(star) if isinstance(star, cst.Param) else star,
    )


def _annotation(text: str, *, is_result: bool = False) -> cst.Annotation:
    before = cst.SimpleWhitespace(" " if is_result else "")
    return cst.Annotation(
        cst.parse_expression(text),
        whitespace_before_indicator=before,
        whitespace_after_indicator=cst.SimpleWhitespace(" "),
    )


def _exploded(node: cst.FunctionDef, indent: str, step: str) -> cst.FunctionDef:
    """A signature with each parameter in a line of its own."""

    def line(inside: str) -> cst.ParenthesizedWhitespace:
        return cst.ParenthesizedWhitespace(
            first_line=cst.TrailingWhitespace(), indent=False, last_line=cst.SimpleWhitespace(indent + inside)
        )

    every = list(_in_order(node.params))
    last = every[-1] if every else None

    def comma(each: cst.CSTNode) -> cst.Comma:
        return cst.Comma(whitespace_after=line("" if each is last else step))

    def one(each: cst.Param) -> cst.Param:
        return each.with_changes(comma=comma(each))

    given = node.params
    changed = given.with_changes(
        posonly_params=[*map(one, given.posonly_params)],
        params=[*map(one, given.params)],
        kwonly_params=[*map(one, given.kwonly_params)],
    )
    if isinstance(given.posonly_ind, cst.ParamSlash):
        changed = changed.with_changes(
            posonly_ind=given.posonly_ind.with_changes(comma=comma(given.posonly_ind))
        )
    if isinstance(given.star_arg, cst.Param | cst.ParamStar):
        changed = changed.with_changes(star_arg=given.star_arg.with_changes(comma=comma(given.star_arg)))
    if given.star_kwarg is not None:
        changed = changed.with_changes(star_kwarg=one(given.star_kwarg))
    return node.with_changes(params=changed, whitespace_before_params=line(step))


def _in_order(given: cst.Parameters) -> Iterator[cst.CSTNode]:
    yield from given.posonly_params
    if isinstance(given.posonly_ind, cst.ParamSlash):
        yield given.posonly_ind
    yield from given.params
    if isinstance(given.star_arg, cst.Param | cst.ParamStar):
        yield given.star_arg
    yield from given.kwonly_params
    if given.star_kwarg is not None:
        yield given.star_kwarg


def _is_decorated(node: cst.FunctionDef, decorator: str) -> bool:
    name = decorator.rpartition(".")[2]
    codes = [cst.Module([]).code_for_node(each.decorator) for each in node.decorators]
    return any(code.rpartition(".")[2] == name for code in codes)


@dataclass
class Imports:
    """The names that a module binds at its top, and the imports that annotations need beside them."""

    bound: Mapping[str, str]
    _new: dict[str, list[str]] = field(default_factory=dict)
    _plain: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, module: cst.Module) -> Imports:
        """Read what a module binds: each name with where it is imported from, or with nothing."""
        return cls(dict(_bound(ast.parse(module.code).body)))

    def style(self, kinds: Sequence[str]) -> Style:
        """How annotations are spelled here; the imports that this takes are noted."""
        clash = any(self.bound.get(kind, f"jaxtyping.{kind}") != f"jaxtyping.{kind}" for kind in kinds)
        prefix = ""
        if clash:
            prefix = f"{self._module_name('jaxtyping')}."
        else:
            self._from("jaxtyping", kinds)
        tensor = "Tensor"
        if self.bound.get("Tensor", "torch.Tensor") != "torch.Tensor":
            tensor = f"{self._module_name('torch')}.Tensor"
        else:
            self._from("torch", ["Tensor"])
        optional = "Optional" if self.bound.get("Optional") == "typing.Optional" else ""
        return Style(tensor, prefix, optional)

    def decorator(self, name: str) -> str:
        """How a decorator is spelled here, given by its full name."""
        module, _, last = name.rpartition(".")
        if self.bound.get(last, name) != name:
            return f"{self._module_name(module)}.{last}"
        self._from(module, [last])
        return last

    def _from(self, module: str, names: Sequence[str]) -> None:
        missing = [name for name in names if name not in self.bound]
        if missing:
            self._new.setdefault(module, []).extend(missing)

    def _module_name(self, module: str) -> str:
        known = next((name for name, origin in self.bound.items() if origin == module), None)
        if known is None and module not in self._plain:
            self._plain.append(module)
        return known or module

    def added(self, module: cst.Module) -> cst.Module:
        """The module with these imports, after those that it has at its top."""
        lines = [f"import {name}\n" for name in self._plain]
        lines += [f"from {name} import {', '.join(sorted(new))}\n" for name, new in sorted(self._new.items())]
        if not lines:
            return module
        statements = [cst.parse_statement(line) for line in lines]
        at = _place_for_imports(module)
        return module.with_changes(body=[*module.body[:at], *statements, *module.body[at:]])


def _place_for_imports(module: cst.Module) -> int:
    """After the last import of the first run of them, else after the docstring."""
    at = 0
    for number, statement in enumerate(module.body):
        match statement:
            case cst.SimpleStatementLine(body=[cst.Import() | cst.ImportFrom(), *_]):
                at = number + 1
            case cst.SimpleStatementLine(body=[cst.Expr(cst.SimpleString() | cst.ConcatenatedString())]):
                at = max(at, number + 1) if number == 0 else at
            case cst.FunctionDef() | cst.ClassDef():
                break
    return at


def _bound(body: Sequence[ast.stmt]) -> Iterator[tuple[str, str]]:
    """The names that statements at the top of a module bind, those inside `if` and `try` too."""
    for node in body:
        match node:
            case ast.Import(names=names):
                for each in names:
                    yield (
                        each.asname or each.name.partition(".")[0],
                        each.name if each.asname else each.name.partition(".")[0],
                    )
            case ast.ImportFrom(module=module, names=names):
                yield from ((each.asname or each.name, f"{module}.{each.name}") for each in names)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, ""
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                yield from (
                    (each.id, "")
                    for each in ast.walk(node)
                    if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
                )
            case ast.If(
                test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"), orelse=orelse
            ):
                yield from _bound(orelse)  # what is imported for type checkers is not there in a run
            case ast.If() | ast.Try() | ast.With() | ast.For() | ast.While():
                inside = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
                handlers = [stmt for each in getattr(node, "handlers", ()) for stmt in each.body]
                yield from _bound([*inside, *handlers])
