"""`einsum("b q d, b k d -> b q k", q, k)`: the strict, named drop-in for `torch.einsum`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from torch import Tensor

from typed_einsum.contraction.masked import Masked
from typed_einsum.contraction.masks import mask_text, no_maximum
from typed_einsum.contraction.operands import Contraction, straight_lines
from typed_einsum.contraction.passed import at_the_call, contraction_of
from typed_einsum.contraction.planned import runner, running_lines
from typed_einsum.diagnostics import Diagnostic, Span
from typed_einsum.equation.axes import ELLIPSIS
from typed_einsum.equation.equation import ARROW, Style
from typed_einsum.equation.notation import has_words
from typed_einsum.equation.reading import Reductions, linted, not_a_text
from typed_einsum.errors import ArgumentError, EquationError
from typed_einsum.generated.checks import NotStraight, ShapeChecks, prefix_for
from typed_einsum.generated.compile import build
from typed_einsum.locations import caller_place, passed_text
from typed_einsum.messages import with_article
from typed_einsum.scopes.body import scope_of_caller
from typed_einsum.scopes.cache import Cache
from typed_einsum.scopes.scope import Scope, bindings_of, empty_scope, rebind
from typed_einsum.scopes.sharing import sharing_lines
from typed_einsum.solver import Bindings, Origin
from typed_einsum.switch import switch
from typed_einsum.tensors import described, is_tensor


@dataclass(frozen=True)
class Compiled:
    """An inline equation ready to run: on its own, or sharing the names of a scope."""

    operands: int
    alone: Callable[..., Tensor]
    within: Callable[..., Tensor]
    is_wrong: bool = False


@dataclass(frozen=True)
class CompiledMasked:
    """An inline equation with masks: its operands are checked, then its masks, and then it runs."""

    operands: int
    check: Callable[..., tuple[Tensor, ...]]
    masks: tuple[Callable[..., Tensor], ...]
    run: Callable[[Sequence[Tensor], Sequence[Tensor]], Tensor]


def einsum(
    equation: str,
    *operands: Tensor,
    sum: str | None = None,
    max: str | None = None,
    where: Mapping[str, Tensor] | None = None,
) -> Tensor:
    """Contract tensors as the equation says, exactly.

    The equation names axes with words (`"batch query dim, batch key dim -> batch query key"`) or with
    letters (`"bqd,bkd->bqk"`). Equal names multiply; names that the output lacks are summed. Unlike
    `torch.einsum` it refuses what is usually a mistake: sizes that differ (nothing broadcasts unless marked
    `#`), an implied output, and an axis summed out of one operand alone, unless named in `sum=`.
    Inside a `shape_checked` function its names are that function's names.

    Axes: as the equation names them. `where={"n k": mask}` names the axes of a boolean mask, one or several:
    only entries where all are True take part in the maximum. Where none does, the result is 0 and has no
    gradient; what is left out may hold anything, even NaN.

    Args:
        equation: the axes of each operand and, after `->`, those of the result.
        operands: one tensor for each list of axes in the equation.
        sum: axes to be summed out of one operand alone.
        max: axes whose maximum is taken after all sums; the products are never all in memory.
        where: masks for `max`, by the names of their axes.

    Returns: the contraction, with the axes of the output, in that order.

    Raises: `EquationError` (TE1xx), `ShapeError` (TE2xx), `DtypeError` and `DeviceError` (TE3xx),
    `ArgumentError` (TE403, TE401, TE408).

    Cost: an equation is read and compiled at its first call, and found by its text after that. Then it costs
    what a `typed_einsum` costs.

    Source: the notation is Einstein's summation convention with explicit outputs, as in `torch.einsum`.

    Examples:
        >>> import torch
        >>> from typed_einsum import einsum
        >>> query, key = torch.randn(2, 3, 5), torch.randn(2, 4, 5)
        >>> einsum("b q d, b k d -> b q k", query, key).shape
        torch.Size([2, 3, 4])
        >>> einsum("b q d, b k d -> b q", query, key, max="k").shape
        torch.Size([2, 3])
        >>> keep = torch.tensor([[True, True, False, False], [False, False, False, False]])
        >>> einsum("b q d, b k d -> b q", query, key, max="k", where={"b k": keep})[1]
        tensor([0., 0., 0.])
    """
    if where is not None:
        return _masked(equation, operands, sum, max, where, scope_of_caller())
    compiled = COMPILED.find(equation, sum, max)
    if len(operands) != compiled.operands:
        raise _wrong_count(equation, compiled.operands, operands)
    scope = scope_of_caller()
    return compiled.alone(*operands) if scope is None else compiled.within(scope, *operands)


def compile_inline(equation: str, sum: str | None, max: str | None) -> Compiled:
    """Read, lint and compile an equation. Raises what is wrong with it, at the caller's text."""
    reductions = Reductions(sum, max)
    _require_texts(equation, reductions)
    if not has_words(equation):
        return _compile(_read(equation, reductions))
    letters, words = (_compiled_or_refusing(equation, reductions, style) for style in STYLES)
    return letters if words.is_wrong and not letters.is_wrong else _by_rank(words, letters)


def _require_texts(equation: object, reductions: Reductions) -> None:
    if not isinstance(equation, str):
        repair = 'the equation comes first: einsum("b q d, b k d -> b q k", query, key)'
        given = with_article(described(equation))
        raise not_a_text("einsum", "equation", given, caller_place(), repair)
    for option, value in reductions.not_texts():
        raise not_a_text("einsum", option, with_article(described(value)), caller_place())


def _read(equation: str, reductions: Reductions) -> Contraction:
    try:
        return contraction_of(equation, linted(equation, reductions))
    except EquationError as error:
        raise at_the_call(error.diagnostic) from None


COMPILED = Cache(compile_inline)
STYLES: tuple[Style, Style] = ("classic", "named")


def _by_rank(words: Compiled, letters: Compiled) -> Compiled:
    """Words are names where every tensor has one axis, which no word of several letters fits as letters."""

    def alone(*operands: Tensor) -> Tensor:
        return (words if _have_one_axis(operands) else letters).alone(*operands)

    def within(scope: tuple[Any, ...], *operands: Tensor) -> Tensor:
        return (words if _have_one_axis(operands) else letters).within(scope, *operands)

    return Compiled(words.operands, alone, within)


def _have_one_axis(operands: tuple[Tensor, ...]) -> bool:
    return all(is_tensor(operand) and operand.ndim == 1 for operand in operands)


def _compiled_or_refusing(equation: str, reductions: Reductions, style: Style) -> Compiled:
    """The equation in one style. If it is wrong so, every call that means it raises what is wrong."""
    try:
        return _compile(contraction_of(equation, linted(equation, reductions, style)))
    except EquationError as error:
        diagnostic = error.diagnostic

    def refuse(*_: Any) -> NoReturn:
        raise at_the_call(diagnostic)

    return Compiled(equation.partition(ARROW)[0].count(",") + 1, refuse, refuse, is_wrong=True)


def _masked(
    equation: str,
    operands: tuple[Tensor, ...],
    sum: str | None,
    max: str | None,
    where: Mapping[str, Tensor],
    scope: tuple[Any, ...] | None,
) -> Tensor:
    if not isinstance(where, Mapping):
        raise _not_masks(where)
    compiled = MASKED.find(equation, sum, max, *where)
    if len(operands) != compiled.operands:
        raise _wrong_count(equation, compiled.operands, operands)
    scope = empty_scope() if scope is None else scope
    operands = compiled.check(scope, *operands)
    masks = [check(scope, mask) for check, mask in zip(compiled.masks, where.values(), strict=True)]
    return compiled.run(operands, masks)


def compile_masked(equation: str, sum: str | None, max: str | None, *masks: str) -> CompiledMasked:
    """Read, lint and compile an equation and its masks. Raises what is wrong with them."""
    for text in masks:
        if not isinstance(text, str):
            raise _not_masks(text)
    reductions = Reductions(sum, max)
    _require_texts(equation, reductions)
    contraction = _read(equation, reductions)
    if not contraction.equation.maximised:
        raise no_maximum(Diagnostic("TE117", "", caller_place()))

    def solve(scope: tuple[Any, ...], *operands: Tensor) -> tuple[Tensor, ...]:
        if switch.is_off():
            return operands
        _examine_within(contraction, Scope(*scope), operands)
        return tuple(contraction.widened(operands))

    texts = tuple(mask_text(text, contraction.equation) for text in masks)
    run = Masked(contraction, tuple(text.hint.axes for text in texts)).run
    check = _checked_function(contraction, solve, shared=True, runs=False)
    return CompiledMasked(len(contraction.labels), check, tuple(text.check for text in texts), run)


MASKED = Cache(compile_masked)


def _not_masks(given: object) -> ArgumentError:
    summary = f"`einsum` takes `where` as a dict of axes and masks, not {with_article(described(given))}"
    repair = 'name the axes of the mask in a text: where={"n k": mask}'
    return ArgumentError(Diagnostic("TE408", summary, caller_place(), help=repair))


def _compile(contraction: Contraction) -> Compiled:
    run_planned = runner(contraction)

    def solve(*operands: Tensor) -> Tensor:
        if switch.is_off():
            return contraction.run(operands)
        contraction.examine(operands, Bindings())
        return run_planned(*contraction.widened(operands))

    def solve_within(scope: tuple[Any, ...], *operands: Tensor) -> Tensor:
        if switch.is_off():
            return contraction.run(operands)
        _examine_within(contraction, Scope(*scope), operands)
        return run_planned(*contraction.widened(operands))

    return Compiled(
        len(contraction.labels),
        _checked_function(contraction, solve, shared=False),
        _checked_function(contraction, solve_within, shared=True),
    )


def _examine_within(contraction: Contraction, scope: Scope, operands: tuple[Tensor, ...]) -> None:
    bindings = bindings_of(scope)
    contraction.examine(operands, bindings, scope.signature.locate)
    bindings.variadics.pop(ELLIPSIS, None)

    def described_origin(name: str, origin: Origin) -> Origin:
        label = f"{origin.label} of `{contraction.equation}`"
        by_equation = contraction.origin_of(name) if origin.position is None else None
        return by_equation or Origin(label, origin.position, origin.axis)

    rebind(scope, bindings, described_origin)


def _checked_function(
    contraction: Contraction, solve: Callable[..., Any], *, shared: bool, runs: bool = True
) -> Callable[..., Any]:
    variables = [f"operand_{index + 1}" for index in range(len(contraction.labels))]
    parameters = ["scope", *variables] if shared else variables
    checks = ShapeChecks(prefix_for(parameters), {})
    leave = f"{checks.constant('solve', solve)}({', '.join(parameters)})"
    off = f"{checks.constant('switch', switch)}.anywhere_off"
    try:
        body = straight_lines(contraction, variables, checks, leave)
    except NotStraight:
        return solve
    lines = [f"def einsum({', '.join(parameters)}):", f"    if {off}:", f"        return {leave}"]
    lines += [f"    {line}" for line in body]
    if shared:
        lines += [f"    {line}" for line in sharing_lines(contraction, checks, f"return {leave}")]
    after = running_lines(contraction, variables, checks) if runs else [f"return ({', '.join(variables)},)"]
    lines += [f"    {line}" for line in after]
    return build("einsum", lines, checks.namespace)[0]


def _wrong_count(equation: str, wanted: int, operands: tuple[Any, ...]) -> ArgumentError | EquationError:
    given = len(operands)
    code = "TE401" if given < wanted else "TE403"
    named = f"the equation names {wanted} operand{'' if wanted == 1 else 's'}"
    summary = f"{named}, but {given} {'was' if given == 1 else 'were'} given"
    operand_text = equation.partition("->")[0]
    at = passed_text(equation, Span(0, len(operand_text)), f"{wanted} here")
    repair = "commas separate operands: one tensor for each, in that order"
    if given == 1 and isinstance(operands[0], list | tuple) and len(operands[0]) == wanted:
        repair = f"pass the tensors one by one: a star before the {type(operands[0]).__name__} does"
    return ArgumentError(Diagnostic(code, summary, at.place, at.marks, help=repair))
