"""Operations that an earlier call has followed: what they asked of sizes, and the shapes they returned.

The axes of every call have the same symbols, in order. So an operation on tensors of the same shapes in these
symbols takes the same path in another call wherever the sizes there answer all that it asked alike.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import sympy
import torch
from torch._subclasses.fake_tensor import FakeTensor, in_kernel_invocation_manager

from typed_einsum.tensors import dtype_of, shape_of
from typed_einsum.testing.axes.askers import asked_by
from typed_einsum.testing.axes.shape_env import Asked, Place, Question, names_of, value_at

MOST_RECALLED = 20000
"""So many operations are kept."""


@dataclass(frozen=True)
class _Shape:
    """A tensor without its numbers, its sizes in symbols."""

    sizes: tuple[Any, ...]
    strides: tuple[Any, ...]
    numbers: torch.dtype
    on: torch.device

    @classmethod
    def of(cls, tensor: FakeTensor) -> _Shape | None:
        """The shape of a plain tensor; None for one that is more than that."""
        begins = tensor.storage_offset()  # a symbol is not to be asked for its size
        if (
            type(begins) is not int
            or begins != 0
            or tensor.is_conj()
            or tensor.is_neg()
            or tensor.requires_grad
        ):
            return None
        sizes, strides = (tuple(map(_plain, each)) for each in (shape_of(tensor), tensor.stride()))
        return cls(sizes, strides, dtype_of(tensor), tensor.fake_device)


@dataclass(frozen=True)
class Followed:
    """What torch asked while it followed an operation, and the shapes of its results.

    `asked` are the conditions as torch put them, each with its outcome, `questions` what is kept of them, and
    `divisible` what became known to have no rest.
    """

    result: Any
    asked: tuple[tuple[Any, bool | int], ...]
    questions: tuple[Question, ...]
    divisible: frozenset[Any]

    def holds_in(self, env: Asked) -> bool:
        """Whether all that was asked has the same outcome at other sizes."""
        return all(value_at(asked, env.sizes) == outcome for asked, outcome in self.asked) and all(
            each.holds_at(env.sizes) for each in self.questions
        )


_everything: dict[Hashable, Followed] = {}


class Context:
    """What one operation is followed in: who asks, from where, and what is known of the sizes by then.

    An operation may be made of others. Those that the same call has followed before ask nothing again, and so
    what they asked is `borrowed`; it `lacks` that where it is not known.
    """

    def __init__(self, env: Asked, key: Hashable, frame: Any) -> None:
        self.env = env
        self.asker, user = asked_by(frame)
        self.place: Place = ("", 0) if user is None else (user.f_code.co_filename, user.f_lineno)
        known = (env.divided, self.asker)
        self.key: Hashable = (key, known)
        self.begun = len(env.questions), len(env.asked), env.unsettled
        self.divided = env.divided
        self.borrowed: list[Followed] = []
        self.lacks = False
        self.followed: Followed | None = None

    def borrow(self, part: Followed | None) -> None:
        """Take what a part of the operation had asked before."""
        if part is None:
            self.lacks = True
        else:
            self.borrowed.append(part)

    def recalled(self, made: Callable[[_Shape], Any]) -> Any:
        """The result of the operation as an earlier call had it, with what it asked; None if unknown."""
        found = _everything.get(self.key)
        if found is None or not found.holds_in(self.env):
            return None
        self.followed = found
        self.env.asked.extend(found.asked)
        self.env.questions.extend(replace(each, place=self.place) for each in found.questions)
        for each in found.divisible:
            self.env._add_divisible(each)
        return _rebuilt(found.result, made)

    def keep(self, result: Any) -> None:
        """Keep what the operation has asked and returned, if symbols of axes say all of it."""
        questions, asked, unsettled = self.begun
        env = self.env
        shapes = _shapes_of(result)
        if (
            self.lacks
            or shapes is None
            or env.unsettled != unsettled
            or not _is_of_axes((self.key, shapes), env)
        ):
            return
        if len(_everything) >= MOST_RECALLED:
            _everything.clear()
        self.followed = _everything[self.key] = Followed(
            shapes,
            (*(each for part in self.borrowed for each in part.asked), *env.asked[asked:]),
            (*(each for part in self.borrowed for each in part.questions), *env.questions[questions:]),
            (env.divided - self.divided).union(*(part.divisible for part in self.borrowed)),
        )


def _plain(size: Any) -> Any:
    return size.node.expr if isinstance(size, torch.SymInt) else size


def _shapes_of(result: Any) -> Any:
    """The shapes in a result, in the structure that it has; None where one is more than a shape."""
    if isinstance(result, FakeTensor):
        return _Shape.of(result)
    if type(result) not in (tuple, list):
        return None
    found = [_shapes_of(each) for each in result]
    return None if None in found else (type(result), tuple(found))


def _rebuilt(shapes: Any, made: Callable[[_Shape], Any]) -> Any:
    if isinstance(shapes, _Shape):
        return made(shapes)
    kind, several = shapes
    return kind(_rebuilt(each, made) for each in several)


def _is_of_axes(value: Any, env: Asked) -> bool:
    """Whether all symbols in nested tuples are those of axes."""
    return all(names_of(each) <= env.sizes.keys() for each in _expressions(value))


def _expressions(value: Any) -> Iterator[sympy.Basic]:
    if isinstance(value, sympy.Basic):
        yield value
    elif isinstance(value, _Shape):
        yield from _expressions((*value.sizes, *value.strides))
    elif isinstance(value, tuple | list | frozenset):
        for each in value:
            yield from _expressions(each)


def tensor_of(shape: _Shape, mode: Any) -> FakeTensor:
    """A new tensor of a shape. Nothing that torch asks for it counts: the operation has asked it before."""
    env: Asked = mode.shape_env
    with env.unheard(), in_kernel_invocation_manager(mode):
        sizes, strides = ([env.symbolic(each) for each in some] for some in (shape.sizes, shape.strides))
        made = torch.empty(sizes, dtype=shape.numbers, device="meta")  # torch knows it to be contiguous
        if tuple(map(_plain, made.stride())) != shape.strides:
            made = torch.empty_strided(sizes, strides, dtype=shape.numbers, device="meta")
    return FakeTensor(mode, made, shape.on)
