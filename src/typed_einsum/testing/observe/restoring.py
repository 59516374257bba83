"""What a judged call may change besides its copies is put back: objects, containers, closures and globals."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from inspect import unwrap
from math import prod
from types import BuiltinFunctionType, CellType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from typed_einsum.tensors import EXACT_TYPES, shape_of

MOST_PARTS, MOST_NUMBERS = 5_000, 2**22
"""How many objects are looked into, and how many numbers of their tensors are kept."""

ATOMS = (str, bytes, int, float, complex, type(None), range, type, ModuleType, BuiltinFunctionType)
"""What a call cannot change, or what belongs to all of a program."""

EMPTY = object()


@contextmanager
def restored(function: Callable[..., Any] | None, arguments: Mapping[str, Any]) -> Iterator[None]:
    """Put back what a call changes. Of the `arguments`, tensors and plain containers are copies.

    The object of a method and a module that comes first are copied for each run, and left out.
    """
    kept = Kept()
    first = next(iter(arguments.values()), None)
    others = (value for value in arguments.values() if value is not first or not isinstance(value, nn.Module))
    kept.walk(others, are_copies=True)
    plain = None if function is None else unwrap(function)
    kept.walk([function, plain], are_copies=False)
    if isinstance(plain, FunctionType) and threading.active_count() == 1:
        kept.of_module(plain.__globals__)
    try:
        yield
    finally:
        kept.put_back()


def used_up(arguments: Mapping[str, Any]) -> str | None:
    """The argument that another run would use up: an iterator or a generator."""
    return next((name for name, value in arguments.items() if isinstance(value, Iterator)), None)


@dataclass
class Kept:
    """Shallow copies of what was found, with what puts each back; nothing is read but what Python holds."""

    _again: list[Callable[[], None]] = field(default_factory=list)
    _seen: dict[int, Any] = field(default_factory=dict)
    _numbers: int = 0

    def put_back(self) -> None:
        """Put back whatever has changed."""
        for again in reversed(self._again):
            with suppress(Exception):  # an object of the program that refuses stays as it is
                again()

    def of_module(self, names: dict[str, Any]) -> None:
        """Keep the globals of a module, and what is in its containers and objects."""
        self._again.append(partial(_put_back_dict, names, dict(names)))
        shown = [value for name, value in names.items() if not name.startswith("__")]
        own = (value for value in shown if not isinstance(value, (*ATOMS, FunctionType, nn.Module)))
        self.walk(own, are_copies=False)

    def walk(self, values: Iterable[Any], *, are_copies: bool) -> None:
        """Keep values and what is in them."""
        waiting = deque((value, are_copies) for value in values)
        while waiting and len(self._seen) < MOST_PARTS:
            value, is_copy = waiting.popleft()
            if isinstance(value, ATOMS) or id(value) in self._seen:
                continue
            self._seen[id(value)] = value
            is_copy = is_copy and type(value) in (*EXACT_TYPES, list, tuple, dict)
            with suppress(Exception):  # an object that says wrong things of itself
                waiting.extend((part, is_copy) for part in self._parts(value, is_copy))

    def _parts(self, value: Any, is_copy: bool) -> list[Any]:
        if isinstance(value, Tensor):
            return [] if is_copy else self._of_tensor(value)
        if isinstance(value, FunctionType):
            return [*self._of_closure(value), *vars(value).values()]
        if isinstance(value, MethodType):
            return [value.__self__, value.__func__]
        parts: list[Any] = [value.func, *value.args, value.keywords] if isinstance(value, partial) else []
        if not is_copy:
            parts += self._of_fields(value)
        if isinstance(value, tuple | frozenset):
            return [*parts, *value]
        if isinstance(value, list | deque | set | dict):
            held = list(value.values()) if isinstance(value, dict) else list(value)
            if not is_copy:
                self._again.append(_again_of(value))
            return [*parts, *held]
        return parts

    def _of_fields(self, value: Any) -> list[Any]:
        held = getattr(value, "__dict__", None)
        parts = []
        if isinstance(held, dict):
            self._again.append(partial(_put_back_dict, held, dict(held)))
            parts += [each for name, each in held.items() if "hooks" not in name]
        for kind in type(value).__mro__:
            slots = (each for each in vars(kind).values() if isinstance(each, MemberDescriptorType))
            for slot in slots if kind.__module__ != "builtins" else ():
                with suppress(AttributeError):
                    parts.append(now := slot.__get__(value))
                    self._again.append(partial(slot.__set__, value, now))
        return parts

    def _of_closure(self, function: FunctionType) -> list[Any]:
        cells = function.__closure__ or ()
        parts = [_content(cell) for cell in cells]
        for cell, content in zip(cells, parts, strict=True):
            self._again.append(partial(_put_back_cell, cell, content))
        return [part for part in parts if part is not EMPTY]

    def _of_tensor(self, tensor: Tensor) -> list[Any]:
        parts: list[Any] = []
        if tensor.is_leaf and tensor.requires_grad:
            grad = tensor.grad
            self._again.append(partial(setattr, tensor, "grad", grad))
            parts = [] if grad is None else [grad]
        numbers = prod(shape_of(tensor))
        is_plain = type(tensor) in EXACT_TYPES and tensor.layout is torch.strided and not tensor.is_meta
        if is_plain and not tensor.is_inference() and self._numbers + numbers <= MOST_NUMBERS:
            self._numbers += numbers
            self._again.append(partial(_put_back_numbers, tensor, tensor.detach().clone(), tensor._version))
        return parts


def _again_of(value: Any) -> Callable[[], None]:
    if isinstance(value, dict):
        return partial(_put_back_dict, value, dict(value))
    if isinstance(value, set):
        return partial(_put_back_set, value, set(value))
    return partial(_put_back_list, value, list(value))


def _put_back_dict(now: dict[Any, Any], before: dict[Any, Any]) -> None:
    if len(now) == len(before) and all(
        one == two and now[one] is before[two] for one, two in zip(now, before, strict=True)
    ):
        return
    for key in [key for key in now if key not in before]:
        del now[key]
    is_in_order = list(now) == [key for key in before if key in now]
    if not is_in_order or len(now) < len(before):
        now.clear()
    now.update(before)


def _put_back_list(now: Any, before: list[Any]) -> None:
    if len(now) != len(before) or any(one is not two for one, two in zip(now, before, strict=True)):
        now.clear()
        now.extend(before)


def _put_back_set(now: set[Any], before: set[Any]) -> None:
    now.difference_update(now - before)
    now.update(before)


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return EMPTY


def _put_back_cell(cell: CellType, before: Any) -> None:
    if _content(cell) is before:
        return
    if before is EMPTY:
        del cell.cell_contents
    else:
        cell.cell_contents = before


def _put_back_numbers(tensor: Tensor, before: Tensor, version: int) -> None:
    if tensor._version == version:
        return
    with torch.no_grad():
        tensor.copy_(before)
    with suppress(Exception):  # an older torch has no such function, or takes one tensor
        torch._C._autograd._unsafe_set_version_counter((tensor,), (version,))
