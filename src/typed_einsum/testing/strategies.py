"""Hypothesis strategies: arguments for any annotated function, of all sizes, contents, layouts and dtypes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

import torch
from torch import Tensor

from typed_einsum.annotations import TensorHint
from typed_einsum.equation.axes import Anonymous
from typed_einsum.tensors import shape_of
from typed_einsum.testing.contracts.check import Check
from typed_einsum.testing.contracts.promises import Promises
from typed_einsum.testing.inputs.contents import (
    FLOATS,
    INDICES,
    LAYOUTS,
    NO_INTEGERS,
    SAME_EVERYWHERE,
    USUAL,
    allows,
    contents_of,
    filled,
    laid_out,
)
from typed_einsum.testing.inputs.draw import Draw
from typed_einsum.testing.inputs.leaves import changed, tensors_with_hints
from typed_einsum.testing.inputs.recipe import CannotMake
from typed_einsum.testing.running.fitting import Body
from typed_einsum.testing.targets.given import not_made

try:
    from hypothesis import reject
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError(
        'typed_einsum.testing.strategies needs Hypothesis: pip install "typed-einsum[hypothesis]"'
    ) from error

_LACKING = re.compile(r"not implemented for|not supported|written-to tensor refers to a single memory")
"""What torch says of a dtype or a layout that it has nothing for, whatever the shapes."""


def inputs(
    fn: Callable[..., Any],
    sizes: Mapping[str, int] | None = None,
    *,
    largest: int = 7,
    dtypes: Sequence[torch.dtype] | None = None,
    layouts: Sequence[str] = LAYOUTS,
) -> st.SearchStrategy[dict[str, Any]]:
    """Arguments by name that an annotated function must take: `@given(inputs(fn))`.

    Every axis name has one size in all arguments, from 1 on. What only the body needs, such as an axis that
    a number of heads divides, is learnt by calling it. Integers that index stay within their axis. Values
    that are no tensors are those of `example_inputs`. A failing example shrinks to small sizes, zeros,
    contiguous tensors, and single precision.

    Args:
        fn: a function with jaxtyping annotations, a bound method, or an `nn.Module` (for its `forward`).
        sizes: sizes of some axes; the others are drawn.
        largest: how long an axis may be, unless the body needs it longer.
        dtypes: draw these alone, where an annotation allows one of them.
        layouts: some of `LAYOUTS`.

    Returns:
        A strategy for the arguments; an optional tensor may be left out.

    Raises:
        ArgumentError: TE412, if nothing says how to make an argument.

    Cost: some calls of the function before the first example, to learn the sizes that it needs.

    Examples:
        >>> from hypothesis import given
        >>> from jaxtyping import Float
        >>> from torch import Tensor
        >>> from typed_einsum import shape_checked
        >>> from typed_einsum.testing.strategies import inputs
        >>> @shape_checked
        ... def scores(
        ...     q: Float[Tensor, "b q d"], k: Float[Tensor, "b k d"]
        ... ) -> Float[Tensor, "b q k"]:
        ...     return q @ k.mT
        >>> @given(inputs(scores))
        ... def test_scores(arguments):
        ...     scores(**arguments)
        >>> test_scores()
    """
    unknown = [layout for layout in layouts if layout not in LAYOUTS]
    if unknown or not layouts:
        raise ValueError(f"layouts are some of {', '.join(LAYOUTS)}; not {', '.join(unknown) or 'none'}")
    body = Body(Check.of(fn, Promises(sizes=sizes)).maker)
    try:
        body.arguments(Draw())
    except CannotMake as error:
        raise not_made(error) from None
    return _arguments(_Choices(body, largest, tuple(dtypes or USUAL), tuple(layouts)))


@st.composite
def _arguments(draw: st.DrawFn, choices: _Choices) -> dict[str, Any]:
    body = choices.body
    variant = draw(st.sampled_from(body.maker.recipe.variants()))
    sizes = dict(body.start)
    for name in body.names:
        if taken := body.taken(sizes, name, choices.largest):
            sizes = body.at(sizes, name, draw(st.sampled_from(taken))) or sizes
    unnamed = count(draw(st.integers(1, choices.largest)) if choices.has_unnamed else 1)
    wanted = {group: draw(st.sampled_from(allowed)) for group, allowed in choices.dtypes.items()}
    made_at = Draw(unnamed, "cpu", variant, sizes)
    try:
        with torch.random.fork_rng(devices=[]):
            made = body.arguments(made_at)
    except CannotMake:  # an expression such as `t-1` has no size here
        reject()

    def drawn(name: str, hint: TensorHint, value: Tensor) -> Tensor:
        limit = choices.limits.get(name)
        most = made_at.sizes[limit] if isinstance(limit, str) else limit
        dtype, layouts = wanted[choices.group(name, hint)], choices.layouts
        fresh = draw(_tensors(shape_of(value), dtype, most, layouts))
        return torch.nn.Parameter(fresh.contiguous()) if isinstance(value, torch.nn.Parameter) else fresh

    changed_all = each_changed(body.maker.recipe.hints, made, drawn)
    return {name: value for name, value in changed_all.items() if name not in body.owned}


Change = Callable[[str, TensorHint, Tensor], Tensor]


def each_changed(hints: Mapping[str, Any], arguments: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """The arguments with every tensor changed, which is told its argument's name and its annotation."""

    def of(name: str) -> Callable[[TensorHint, Tensor], Tensor]:
        return lambda hint, tensor: change(name, hint, tensor)

    return {
        name: changed(hints[name], value, of(name)) if name in hints else value
        for name, value in arguments.items()
    }


@st.composite
def _tensors(
    draw: st.DrawFn, shape: tuple[int, ...], dtype: torch.dtype, most: int | None, layouts: Sequence[str]
) -> Tensor:
    contents = draw(st.sampled_from(contents_of(dtype)))
    layout = draw(st.sampled_from([each for each in layouts if allows(each, shape)] or [LAYOUTS[0]]))
    seed = 0 if contents in SAME_EVERYWHERE else draw(st.integers(0, 255))
    return laid_out(layout, shape, lambda of: filled(of, dtype, contents, most, seed))


Group = frozenset[torch.dtype]
"""Dtypes that an annotation allows; the tensors of one group are drawn in one dtype."""


@dataclass
class _Choices:
    """What may be drawn for the arguments of one function, as far as calling it tells."""

    body: Body
    largest: int
    asked: tuple[torch.dtype, ...]
    asked_layouts: tuple[str, ...]

    @cached_property
    def tensors(self) -> tuple[tuple[str, TensorHint], ...]:
        """Every tensor among the arguments, by the name of its argument."""
        hints, made = self.body.maker.recipe.hints, self.body.arguments(Draw())
        return tuple(
            (name, hint)
            for name, value in made.items()
            if name in hints
            for hint, _ in tensors_with_hints(hints[name], value)
        )

    @property
    def has_unnamed(self) -> bool:
        """Whether some axis has no name."""
        return any(isinstance(axis, Anonymous) for _, hint in self.tensors for axis in hint.axes)

    def group(self, name: str, hint: TensorHint) -> Group:
        """What a tensor may be drawn as: in a contraction operands agree, so where all can, they do."""
        shared = self.body.maker.recipe.shared_dtypes
        allowed = shared or hint.dtypes or frozenset(FLOATS)
        preferred = INDICES if name in self.limits else () if shared else FLOATS
        return allowed & frozenset(preferred) or allowed

    @cached_property
    def dtypes(self) -> dict[Group, list[torch.dtype]]:
        """The dtypes of each group, the simplest first."""
        found: dict[Group, list[torch.dtype]] = {}
        for group in {self.group(name, hint) for name, hint in self.tensors}:
            known = [dtype for dtype in USUAL if dtype in group] or sorted(group, key=str)[:1]
            wanted = [dtype for dtype in known if dtype in self.asked] or known
            found[group] = [dtype for dtype in wanted if self._has_kernels(group, dtype)] or wanted[:1]
        return found

    @cached_property
    def layouts(self) -> tuple[str, ...]:
        """The layouts, without expanded tensors where the function writes into its arguments."""

        def expanded(name: str, hint: TensorHint, value: Tensor) -> Tensor:
            return (
                value.narrow(0, 0, 1).expand(shape_of(value))
                if allows("expanded", shape_of(value))
                else value
            )

        may_expand = self._has_what_it_takes(expanded)
        return tuple(layout for layout in self.asked_layouts if may_expand or layout != "expanded")

    @cached_property
    def limits(self) -> dict[str, str | int]:
        """What integer arguments must stay below: the size of an axis that they index, or a number."""
        integers = [name for name, hint in self.tensors if hint.dtypes and not hint.dtypes & NO_INTEGERS]
        found = {name: self._limit(name) for name in dict.fromkeys(integers)}
        return {name: limit for name, limit in found.items() if limit is not None}

    def _limit(self, name: str) -> str | int | None:
        sizes = self.body.ran_at
        if sizes is None:
            return 1

        def takes(value: int) -> bool:
            def change(arguments: dict[str, Any]) -> dict[str, Any]:
                hint = self.body.maker.recipe.hints[name]
                full = changed(hint, arguments[name], lambda _, tensor: torch.full_like(tensor, value))
                return {**arguments, name: full}

            return self.body.error(sizes, change) is None

        beyond = max(sizes.values(), default=0) + 1
        if takes(beyond) and takes(-beyond):
            return None
        for axis, size in sizes.items():
            if takes(size - 1) and not takes(size):
                return axis
        return next((value + 1 for value in (63, 31, 15, 7, 3, 1) if takes(value)), 1)

    def _has_kernels(self, group: Group, dtype: torch.dtype) -> bool:
        return self._has_what_it_takes(
            lambda name, hint, value: value.to(dtype) if self.group(name, hint) == group else value
        )

    def _has_what_it_takes(self, change: Change) -> bool:
        """Whether torch can run it with changed tensors; an error of the function itself does not count."""
        if self.body.ran_at is None:
            return True

        def change_all(arguments: dict[str, Any]) -> dict[str, Any]:
            return each_changed(self.body.maker.recipe.hints, arguments, change)

        error = self.body.error(self.body.ran_at, change_all)
        return error is None or not _LACKING.search(str(error))
