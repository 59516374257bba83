"""The arguments of one call while they are made: every named axis gets a size of its own."""

from __future__ import annotations

import inspect
import math
from collections import abc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from inspect import Parameter
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from typed_einsum.annotations import (
    AnyHint,
    BeartypeHint,
    DictHint,
    Hint,
    JudgedHint,
    ListHint,
    OptionalHint,
    PlainHint,
    RecordHint,
    TensorHint,
    TupleHint,
    UnionHint,
    parts_of,
    shown,
)
from typed_einsum.annotations.arrays import ArrayHint, array_of
from typed_einsum.annotations.records import fields_of, is_keyed, made, may_lack
from typed_einsum.equation.axes import ELLIPSIS, Anonymous, Axis, Expression, Fixed, Named, Variadic
from typed_einsum.equation.expressions import NotArithmetic, Unknown, compute, expression_of
from typed_einsum.testing.inputs.contents import usual
from typed_einsum.testing.inputs.draw import Draw, Shown, SizesAsAsked
from typed_einsum.testing.inputs.guesses import ITEMS, Guesses
from typed_einsum.testing.inputs.leaves import declared_tensors
from typed_einsum.testing.inputs.names import is_known

if TYPE_CHECKING:
    from typed_einsum.testing.inputs.recipe import Recipe

PREFERRED = (torch.float32, torch.int64, torch.bool, torch.complex64, torch.uint8)
"""The dtype that a tensor gets is the first of these that its annotation allows."""

MOST_ENTRIES, MOST_NUMBERS = 2**48, 2**24
"""How many entries a tensor has at most: on the `meta` device, which holds none, and elsewhere."""


class CannotMake(Exception):
    """An argument that annotations do not say how to make; the text says which and why."""


def holds_tensors(hint: Hint) -> bool:
    """Whether a value of this type has tensors with annotated axes in it."""
    return any(True for _ in declared_tensors(hint))


@dataclass(frozen=True)
class Arguments:
    """The arguments of one call: `made` are those that there are already, by the names of their parameters.

    `marked` are names that a `#` axis has had at full size, `within` the records that are being made.
    """

    recipe: Recipe
    draw: Draw
    made: Mapping[str, Any]
    marked: set[str] = field(default_factory=set)
    within: list[Hint] = field(default_factory=list)

    def value(self, name: str, hint: Hint) -> Any:
        """A value that the hint allows. Raises `CannotMake`."""
        match hint:
            case TensorHint():
                if name in self.recipe.assumed:
                    self.draw.stand_ins[name] = Shown(f'a tensor of shape "{hint.text}"')
                    self.draw.guesses[name] = self.draw.stand_ins[name]
                return self.tensor(name, hint)
            case OptionalHint() | UnionHint() if self._is_none(name, hint):
                self.draw.notes.append(f"{name}=None")
                return None
            case OptionalHint(inner, others):
                ends = inner in self.within and PlainHint(type(None)) in others
                return None if ends else self.value(name, inner)
            case UnionHint(members):
                return self._member(
                    name, [member for member in members if holds_tensors(member)] or [*members]
                )
            case TupleHint(items):
                return tuple(self.value(f"{name}[{i}]", item) for i, item in enumerate(items))
            case ListHint(_, ListHint(kind=abc.Iterable)) if self._is_star(name):
                raise CannotMake(
                    f"each of `*{name}` is annotated as an Iterable: annotate what one of them is"
                )
            case ListHint(kind, item):
                parts = [self.value(f"{name}[{i}]", item) for i in range(ITEMS)]
                return kind(parts) if kind in (tuple, set, frozenset) else parts
            case DictHint(_, key, item):
                return {each: self.value(f"{name}[{each!r}]", item) for each in self._keys(name, key)}
            case RecordHint():
                return self._record(name, hint, fields_of(hint))
            case PlainHint(kind):
                return self.plain(name, kind)
            case BeartypeHint(annotation):
                return self.plain(name, annotation)
            case AnyHint() | JudgedHint():
                return self.plain(name, self.recipe.annotation(name.partition("[")[0]))

    def star(self, name: str, hint: Hint) -> tuple[Any, ...]:
        """What `*args` gets: some items where they are tensors or have a shape, and else none."""
        if holds_tensors(hint):
            items: tuple[Any, ...] = self.value(name, hint)
            return items
        array = array_of(self.recipe.annotation(name))
        return () if array is None else tuple(self.array(f"{name}[{i}]", array) for i in range(ITEMS))

    def _is_star(self, name: str) -> bool:
        parameter = self.recipe.signature.parameters.get(name)
        return parameter is not None and parameter.kind is Parameter.VAR_POSITIONAL

    def _is_none(self, name: str, hint: OptionalHint | UnionHint) -> bool:
        """Whether a tensor that may be None is None in this variant."""
        others = hint.others if isinstance(hint, OptionalHint) else hint.members
        is_left_out = self.recipe.is_left_out(name.partition("[")[0], self.draw)
        return is_left_out and PlainHint(type(None)) in others

    def _member(self, name: str, members: list[Hint]) -> Any:
        """A value of one member of a union, which the variant chooses."""
        chosen = members[min(self.draw.variant.member, len(members) - 1)]
        if self.draw.variant.member:
            self.draw.notes.append(f"{name} is {_said(chosen)}")
        return self.value(name, chosen)

    def _keys(self, name: str, key: Hint) -> list[Any]:
        """Keys of a dict."""
        kind = key.kind if isinstance(key, PlainHint) else key.hint if isinstance(key, BeartypeHint) else str
        if kind in (str, int):
            return [kind(i) for i in range(ITEMS)] if kind is int else [f"{name}_{i}" for i in range(ITEMS)]
        candidates = self._guesses.candidates(name, kind)[:ITEMS]
        if not candidates:
            raise CannotMake(f"nothing says which keys `{name}` has")
        return [make() for make in candidates]

    def _record(self, name: str, hint: RecordHint, fields: Mapping[str, Hint]) -> Any:
        """A dataclass, named tuple or typed dict, its tensors at the sizes of the call."""
        kind: Any = hint.kind
        if hint in self.within:
            raise CannotMake(f"a `{kind.__name__}` needs another `{kind.__name__}`")
        self.within.append(hint)
        defaults = _defaults_of(kind)
        values = {
            field: self.value(f"{name}.{field}", inner)
            for field, inner in fields.items()
            if field not in defaults or (holds_tensors(inner) and not self._is_within(inner))
        }
        self.within.pop()
        try:
            return made(kind, values)
        except Exception as error:  # the record's own code may refuse what is passed
            raise CannotMake(f"`{kind.__name__}` of `{name}` refuses its fields: {error}") from error

    def _is_within(self, hint: Hint) -> bool:
        return hint in self.within or any(map(self._is_within, parts_of(hint)))

    def plain(self, name: str, annotation: Any) -> Any:
        """A value that is no tensor: the size of an axis, or a guess."""
        if annotation is int and name in self.recipe.axis_names:
            return self.draw.size(name)
        if (array := array_of(annotation)) is not None:
            return self.array(name, array)
        if annotation is torch.Size and self.draw.ranks:
            return self.draw.guess(
                name, torch.Size(map(self.draw.size, self.draw.spread(Variadic(ELLIPSIS))))
            )
        candidates = self._guesses.candidates(name, annotation)
        if not candidates and annotation is Parameter.empty:
            raise CannotMake(f"parameter `{name}` has no annotation")
        if not candidates:
            raise CannotMake(f"nothing says how to make `{name}`, a `{shown(annotation)}`")
        if len(candidates) == 1 and annotation is int:
            return candidates[0]()
        value = self.draw.choose(name, candidates)
        if annotation is Parameter.empty and not is_known(name):
            self.draw.stand_ins[name] = self.draw.guesses[name]
        return value

    @cached_property
    def _guesses(self) -> Guesses:
        return Guesses(
            self.draw.on, self._integer, self._built, self.draw.constructs, self.draw.texts, self.draw.classes
        )

    def _integer(self, name: str) -> int:
        if name in self.recipe.axis_names or name in self.draw.known:
            return self.draw.size(name)
        size = self.draw.small(name)
        if name not in self.recipe.result_names:
            self.draw.guesses[name] = size
        return size

    def _built(self, name: str, kind: type) -> Any:
        # A constructor's arguments are made as those of any function are, so these modules use each other.
        from typed_einsum.testing.inputs.constructors import constructed

        return constructed(kind, self.draw, name)

    def array(self, name: str, array: ArrayHint) -> Any:
        """An object of a class that has a shape; which class it is of is a guess."""
        from typed_einsum.testing.inputs.arrays import array_with

        made = array_with(array, self.shape(name, array), self.draw.on)
        self.draw.guesses[name] = Shown(f'a {type(made).__name__} of shape "{array.text}"')
        return made

    def tensor(self, name: str, hint: TensorHint) -> Tensor:
        """A tensor that the annotation allows; off `meta`, of numbers that most functions can take."""
        if hint.kind not in (Tensor, torch.nn.Parameter):
            raise CannotMake(f"nothing says how to make `{name}`, a `{hint.kind.__name__}`")
        shape = self.shape(name, hint)
        if math.prod(shape) > (MOST_ENTRIES if self.draw.on == "meta" else MOST_NUMBERS):
            what = "torch" if self.draw.on == "meta" else "real numbers"
            raise CannotMake(f"`{name}` would have the sizes {shape}, too many for {what}")
        value = usual(shape, self._dtype(hint), self.draw.on)
        return torch.nn.Parameter(value, value.is_floating_point()) if hint.kind is not Tensor else value

    def _dtype(self, hint: TensorHint) -> torch.dtype:
        if self.draw.variant.integers and (hint.dtypes is None or torch.int64 in hint.dtypes):
            return torch.int64
        if hint.dtypes is None and not self.recipe.shared_dtypes:
            return PREFERRED[0]
        allowed = self.recipe.shared_dtypes or hint.dtypes or frozenset()
        return next(iter([*(d for d in PREFERRED if d in allowed), *sorted(allowed, key=str)]))

    def shape(self, name: str, hint: TensorHint | ArrayHint) -> tuple[int, ...]:
        """The shape of a tensor."""
        try:
            shape = tuple(size for axis in hint.axes for size in self._sizes(axis))
        except (AttributeError, NotArithmetic, Unknown, ZeroDivisionError) as error:
            raise CannotMake(f'the sizes of `{name}`, "{hint.text}", cannot be computed: {error}') from error
        if any(size < 0 for size in shape):
            raise CannotMake(f'`{name}`, "{hint.text}", would have the sizes {shape}')
        return shape

    def _sizes(self, axis: Axis) -> list[int]:
        draw = self.draw
        match axis:
            case Anonymous(variadic=False):
                return [draw.fresh()]
            case Anonymous(word=word) if word != ELLIPSIS:
                return [draw.fresh() for _ in range(draw.variant.spread)]
            case Anonymous() | Variadic():
                sizes = [draw.size(label) for label in draw.spread(axis)]
                shrinks = isinstance(axis, Variadic) and self._is_one(axis, draw.label(axis))
                return [1] * len(sizes) if shrinks else sizes
            case Named(name):
                return [1] if self._is_one(axis, name) else [draw.size(name)]
            case Fixed(size):
                return [1] if self._is_one(axis, "") else [size]
            case Expression(text):
                size = compute(expression_of(text, self.made), SizesAsAsked(draw))
                return [1] if self._is_one(axis, "") else [size]

    def _is_one(self, axis: Named | Fixed | Variadic | Expression, name: str) -> bool:
        """Whether a `#` axis is to be 1 here: in every tensor but the first, or in all if a plain axis is."""
        if not axis.broadcast or not self.draw.variant.broadcast:
            return False
        plain = replace(axis, broadcast=False)
        unmarked = any(plain == other for hint in self.recipe.tensors for other in hint.axes)
        if name and not unmarked and name not in self.marked:
            self.marked.add(name)
            return False
        note = f"#{name}=1"
        if name and note not in self.draw.notes:
            self.draw.notes.append(note)
        return True


def _said(hint: Hint) -> str:
    """A member of a union as a message names it."""
    texts: Iterator[str] = (f'"{tensor.text}"' for tensor in declared_tensors(hint))
    return ", ".join(texts) or "the other type"


def _defaults_of(kind: Any) -> set[str]:
    """The fields of a record that need not be given."""
    if is_keyed(kind):
        return {name for name in kind.__annotations__ if may_lack(kind, name)}
    parameters = inspect.signature(kind).parameters.values()
    return {each.name for each in parameters if each.default is not Parameter.empty}
