"""Everything in a Python file that says axes, judged: equations, patterns, annotations."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from typed_einsum.diagnostics import Diagnostic, Span
from typed_einsum.equation.equation import Flaw
from typed_einsum.equation.reading import Reductions
from typed_einsum.static.annotations import annotation_flaws, annotation_text
from typed_einsum.static.equations import named_verdicts, our_verdicts, signature_flaws, torch_verdicts
from typed_einsum.static.literals import Source, Text
from typed_einsum.static.names import full_name, imported_names
from typed_einsum.static.patterns import our_pattern_flaws, pattern_flaws
from typed_einsum.static.verdict import Verdict

CLASSIC = {
    *("torch.einsum", "torch.functional.einsum", "numpy.einsum", "jax.numpy.einsum"),
    *("opt_einsum.contract", "torch.backends.opt_einsum.contract"),
}
"""Functions whose equation comes first and has letters, as torch reads it."""

NAMED = {"einops.einsum": -1, "fancy_einsum.einsum": 0}
"""Functions whose equation has words, and which argument it is."""

PATTERNS = {f"einops.{name}": name for name in ("rearrange", "repeat", "reduce")} | {
    f"einops.layers.torch.{name}": name.lower() for name in ("Rearrange", "Reduce")
}
OUR_PATTERNS = {f"typed_einsum.{name}": name for name in ("rearrange", "repeat")}
OURS = {"typed_einsum.einsum"}
VALUES = {"typed_einsum.shaped"} | {f"typed_einsum.{name}" for name in ("softmax", "mean", "normalize")}
DECORATOR = "typed_einsum.typed_einsum"

Judge = Callable[[str, int | None], Iterator[Verdict]]
"""Judges an equation; the number is that of the operands given, where the call tells it."""

PatternJudge = Callable[[str, str, list[str]], Iterator[Flaw]]
"""Judges a pattern of a function; the list holds the sizes that are passed by keyword."""

TELLTALES = ("einsum", "einops", "jaxtyping", "opt_einsum", "typed_einsum")
"""A file with none of these words has nothing to read."""


@dataclass(frozen=True)
class Found:
    """One flaw of a file: how sure, and the whole message."""

    severity: Literal["error", "advice"]
    diagnostic: Diagnostic


@dataclass(frozen=True)
class Survey:
    """What reading a file came to: its flaws, and how much there was to read."""

    found: tuple[Found, ...] = ()
    functions: int = 0
    annotated: int = 0
    equations: int = 0


def survey(name: str, text: str) -> Survey:
    """Read a file. Raises `SyntaxError`."""
    if not any(word in text for word in TELLTALES):
        return Survey(functions=text.count("def "))
    source = Source.read(name, text)
    reader = _Reader(source)
    reader.visit(source.tree)
    return Survey(tuple(reader.found), reader.functions, reader.annotated, reader.equations)


class _Reader(ast.NodeVisitor):
    """Walks a file with the name of the function around each place at hand."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.imports = imported_names(source.tree)
        self.inside: list[str] = []
        self.found: list[Found] = []
        self.functions = self.annotated = self.equations = 0

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._enter(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.functions += 1
        annotations = [*_parameter_annotations(node), node.returns]
        if any(annotation_text(part, self.source, self.imports) for part in _parts_of(annotations)):
            self.annotated += 1
        for decorator in node.decorator_list:
            self._decorated(node, decorator)
        self._enter(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]

    def _enter(self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.inside.append(node.name)
        self.generic_visit(node)
        self.inside.pop()

    def visit_Subscript(self, node: ast.Subscript) -> None:
        text = annotation_text(node, self.source, self.imports)
        if text is not None:
            self._tell(text, (Verdict(flaw, "error") for flaw in annotation_flaws(text.text)))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        called = full_name(node.func, self.imports)
        if called in CLASSIC:
            self._equation(node, 0, torch_verdicts)
        elif called in NAMED:
            self._equation(node, NAMED[called], named_verdicts)
        elif called in OURS:
            self._ours(node)
        elif called in PATTERNS:
            self._pattern(
                node, PATTERNS[called], pattern_flaws, 0 if called.startswith("einops.layers") else 1
            )
        elif called in OUR_PATTERNS:
            self._pattern(node, OUR_PATTERNS[called], our_pattern_flaws, 1)
        elif called in VALUES and len(node.args) > 1:
            self._axes(node.args[1])
        self.generic_visit(node)

    def _equation(self, node: ast.Call, at: int, judge: Judge) -> None:
        text = self.source.literal(node.args[at]) if node.args else None
        if text is None:
            return
        self.equations += 1
        given = [argument for argument in node.args if not isinstance(argument, ast.Starred)]
        counted = len(given) == len(node.args) and len(given) > 1
        single = len(given) == 2 and isinstance(given[1 + at], ast.List | ast.Tuple | ast.Name)
        operands = None if not counted or single else len(given) - 1
        self._tell(text, judge(text.text, operands))

    def _ours(self, node: ast.Call) -> None:
        text = self.source.literal(node.args[0]) if node.args else None
        options = {keyword.arg: self.source.literal(keyword.value) for keyword in node.keywords}
        if text is None or any(option is None for option in options.values()):
            return
        self.equations += 1
        said = {name: option.text for name, option in options.items() if option is not None}
        self._tell(text, our_verdicts(text.text, Reductions(said.get("sum"), said.get("max"))))

    def _pattern(self, node: ast.Call, function: str, judge: PatternJudge, at: int) -> None:
        text = self.source.literal(node.args[at]) if len(node.args) > at else None
        if text is None or any(keyword.arg is None for keyword in node.keywords):
            return
        self.equations += 1
        given = [str(keyword.arg) for keyword in node.keywords]
        self._tell(text, (Verdict(flaw, "error") for flaw in judge(text.text, function, given)))

    def _axes(self, node: ast.expr) -> None:
        text = self.source.literal(node)
        if text is not None:
            self._tell(text, (Verdict(flaw, "error") for flaw in annotation_flaws(text.text)))

    def _decorated(self, node: ast.FunctionDef, decorator: ast.expr) -> None:
        """The equation that the annotations of a typed einsum are."""
        call = decorator if isinstance(decorator, ast.Call) else None
        if full_name(call.func if call else decorator, self.imports) != DECORATOR:
            return
        options = {
            keyword.arg: self.source.literal(keyword.value) for keyword in (call.keywords if call else ())
        }
        parameters = [
            parameter
            for parameter in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            if parameter.arg not in ("self", "cls")
        ]
        masks = options.get("where")
        if masks is not None:
            names_of_masks = masks.text.replace(",", " ").split()
            parameters = [parameter for parameter in parameters if parameter.arg not in names_of_masks]
        texts = [
            annotation_text(part, self.source, self.imports)
            for part in (*(parameter.annotation for parameter in parameters), node.returns)
        ]
        read = [text for text in texts if text is not None]
        if len(read) < len(texts) or not parameters or any(option is None for option in options.values()):
            return
        self.equations += 1
        names = {name: option.text for name, option in options.items() if option is not None}
        self.inside.append(node.name)
        labels = [f"`{parameter.arg}`" for parameter in parameters]
        axes = [text.text for text in read]
        flaw = next(signature_flaws(axes, labels, Reductions(names.get("sum"), names.get("max"))), None)
        if flaw is not None:
            at = -1 if flaw.site is None or flaw.site.operand is None else flaw.site.operand
            self._tell(read[at], [Verdict(flaw, "error")])
        self.inside.pop()

    def _tell(self, text: Text, verdicts: Iterable[Verdict]) -> None:
        """Keep the worst verdict of a text, the first of equals: the others mostly follow from it."""
        verdict = min(verdicts, key=lambda verdict: verdict.severity == "advice", default=None)
        if verdict is None:
            return
        flaw = verdict.flaw
        span = None if flaw.site is None else flaw.site.span
        mark = text.mark(span or Span(0, len(text.text)), flaw.label)
        place = replace(text.place(span), function=".".join(self.inside) or None)
        diagnostic = Diagnostic(flaw.code, flaw.summary, place, (mark,), help=flaw.help)
        self.found.append(Found(verdict.severity, diagnostic))


def _parameter_annotations(node: ast.FunctionDef) -> Iterator[ast.expr | None]:
    arguments = node.args
    every = (
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    )
    yield from (parameter.annotation for parameter in every if parameter is not None)


def _parts_of(annotations: Sequence[ast.expr | None]) -> Iterator[ast.AST]:
    """Every part of the annotations: a shape may stand inside a union or a list."""
    yield from (part for annotation in annotations if annotation is not None for part in ast.walk(annotation))
