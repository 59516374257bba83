"""Contracts: what a function's annotations promise, and what it does not say but its readers assume."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from typed_einsum.testing.contracts.check import Check
from typed_einsum.testing.contracts.promises import Promises, names, stored_on
from typed_einsum.testing.contracts.report import Report
from typed_einsum.testing.running.invoke import random_numbers_kept


def check_contract(
    fn_or_module: Callable[..., Any],
    /,
    *passed: Any,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    independent: str | Sequence[str] | None = None,
    ordered: str | Sequence[str] | None = None,
    couples: str | Sequence[str] | None = None,
    causal: str | Sequence[str] | None = None,
    reference: Callable[..., Any] | None = None,
    like: Callable[..., Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    **named: Any,
) -> Report:
    """Run an annotated function, or a module's `forward`, and report what is wrong with its shapes.

    It runs once on torch's symbolic shapes, so that its result and its locals are held to their annotations
    at all sizes that the code allows, and then at sizes that tell axes apart: every call of torch inside is
    watched, axes are set to 1 and to 0, and samples of a batch must not move each other. What is said of axes
    here is held in both directions: a promise that is not true is a finding.

    The arguments are made from the annotations, unless some are passed: `check_contract(module, x, mask=m)`.

    Args:
        fn_or_module: a function with jaxtyping annotations, a `@typed_einsum`, an `nn.Module`, or a class of
            modules, which is built from its defaults and from guesses.
        passed: arguments of one call, in their order.
        args: the same, as a sequence.
        kwargs: arguments by name, for those whose names are options here, such as `sizes`.
        named: arguments by name.
        independent: axes whose entries do not affect each other's results.
        ordered: axes whose order matters; permuting any other axis must permute the result.
        couples: batch axes whose entries do affect each other.
        causal: axes along which no entry affects the results of earlier ones.
        reference: a function of the same arguments that gives the right numbers.
        like: a function or a module of the same meaning, which takes the tensors among the arguments, such as
            `torch.nn.functional.scaled_dot_product_attention` or one of `typed_einsum.testing.references`.
        sizes: sizes for some axis names; the others are chosen.

    Raises: `TypeError` for arguments that the function does not take. What the function itself raises is a
    finding, or the report says why it was skipped.

    Cost: many calls of the function: one on symbolic shapes, some at sizes that tell axes apart, two for each
    axis and some for each promise.

    Examples:
        >>> from jaxtyping import Float
        >>> from torch import Tensor
        >>> from typed_einsum.testing import check_contract
        >>> def merged(x: Float[Tensor, "b h t d"]) -> Float[Tensor, "b t c"]:
        ...     b, h, t, d = x.shape
        ...     return x.reshape(b, t, h * d)
        >>> check_contract(merged).findings[0].code
        'TE703'
    """
    said = Promises(names(independent), names(ordered), names(couples), names(causal), reference, like, sizes)
    given = {name: value for name, value in vars(said).items() if value is not None}
    with random_numbers_kept():  # what the caller draws next is not to depend on this
        check = Check.of(fn_or_module, replace(stored_on(fn_or_module), **given))
        if passed or args or kwargs is not None or named:
            return check.report_of((*passed, *args), {**(kwargs or {}), **named})
        return check.report()


def assert_contract(
    fn_or_module: Callable[..., Any],
    /,
    *passed: Any,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    independent: str | Sequence[str] | None = None,
    ordered: str | Sequence[str] | None = None,
    couples: str | Sequence[str] | None = None,
    causal: str | Sequence[str] | None = None,
    reference: Callable[..., Any] | None = None,
    like: Callable[..., Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    **named: Any,
) -> None:
    """Raise `AssertionError` with the whole report, unless all that `check_contract` sees is right.

    The arguments and the options are those of `check_contract`.

    Raises: `AssertionError` with the report, also where the function was skipped.

    Cost: that of `check_contract`.

    Examples:
        >>> from jaxtyping import Float
        >>> from torch import Tensor
        >>> from typed_einsum.testing import assert_contract
        >>> def scores(
        ...     q: Float[Tensor, "b q d"], k: Float[Tensor, "b k d"]
        ... ) -> Float[Tensor, "b q k"]:
        ...     return q @ k.mT
        >>> assert_contract(scores, independent="b")
    """
    report = check_contract(
        fn_or_module,
        *passed,
        args=args,
        kwargs=kwargs,
        independent=independent,
        ordered=ordered,
        couples=couples,
        causal=causal,
        reference=reference,
        like=like,
        sizes=sizes,
        **named,
    )
    if report.skipped:
        raise AssertionError(f"{report}\n(a contract that cannot be run does not hold)")
    if not report.ok:
        raise AssertionError(str(report))
