"""Copies of modules, as `deepcopy` makes them, in a third of the time."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Any

from torch import nn

CONTAINERS = (OrderedDict, dict, set)

PLAIN: frozenset[type] = frozenset((bool, int, float, complex, str, bytes, type(None)))
"""What is never changed, and so is its own copy."""

OWN = frozenset(name for name, value in vars(nn.Module()).items() if type(value) in CONTAINERS)
"""What every module has for its parts and hooks: each is of this module alone."""

OWN_WAYS = (
    *("__deepcopy__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__"),
    *("__new__", "__getnewargs__"),
)
"""How a class may say what a copy of it is."""


def copied_with(owner: Any, memo: dict[int, Any]) -> Any:
    """A deep copy of an object, in which `memo` says what takes the place of its parts, by identity.

    Every module of torch has a dozen dictionaries for hooks, most of them empty: to follow them as `deepcopy`
    does takes most of the time otherwise. A class that says itself how it is copied is left to `deepcopy`.
    """
    if isinstance(owner, nn.Module):
        parts = [each for each in owner.modules() if id(each) not in memo]
        kinds = {kind for kind in {*map(type, parts)} if _is_plain(kind)}
        plain = [each for each in parts if type(each) in kinds]
        for each in plain:
            memo[id(each)] = object.__new__(type(each))
        for each in plain:
            _fill(memo[id(each)], each, memo)
    return deep_copied(owner, memo)


def deep_copied(value: Any, memo: dict[int, Any]) -> Any:
    """A deep copy, with the attributes that a class leaves out when it is pickled, as optimizers do."""
    made = copy.deepcopy(value, memo)
    for each in memo.get(id(memo), ()):  # where `deepcopy` keeps what it has copied
        twin = memo.get(id(each))
        if type(twin) is type(each) and _leaves_out(type(each)):
            _complete(each, twin, memo)
    return made


def _leaves_out(kind: type) -> bool:
    """Whether objects of a class say which of their attributes are pickled, and so copied."""
    own = getattr(kind, "__getstate__", None)
    return own is not object.__getstate__ and not hasattr(kind, "__deepcopy__")


def _complete(value: Any, twin: Any, memo: dict[int, Any]) -> None:
    held, kept = getattr(value, "__dict__", {}), getattr(twin, "__dict__", {})
    for name in held.keys() - kept.keys():
        try:
            kept[name] = copy.deepcopy(held[name], memo)
        except Exception:  # a lock or an open file, which both use
            kept[name] = held[name]


def _fill(made: nn.Module, module: nn.Module, memo: dict[int, Any]) -> None:
    """Give an empty module copies of all that another one has."""
    state = dict(vars(module))
    for name, value in state.items():
        kind = type(value)
        if kind in PLAIN:
            continue
        is_empty = name in OWN and kind in CONTAINERS and not value
        state[name] = kind() if is_empty else _part(value, memo)
    if state.keys() >= OWN:
        vars(made).update(state)
    else:  # it was loaded from what an older torch has saved
        nn.Module.__setstate__(made, state)  # type: ignore[no-untyped-call]


def _is_plain(kind: type) -> bool:
    """Whether torch itself says how objects of a class are copied."""
    return all(getattr(kind, way, None) is getattr(nn.Module, way, None) for way in OWN_WAYS)


def _part(value: Any, memo: dict[int, Any]) -> Any:
    """A copy of what an attribute of a module is."""
    kind = type(value)
    if kind in PLAIN:
        return value
    made = memo.get(id(value))
    if made is not None:
        return made
    if kind in CONTAINERS and not value:
        made = memo[id(value)] = kind()
        return made
    if kind is dict and all(type(name) is str for name in value):
        made = memo[id(value)] = {}
        made.update((name, _part(each, memo)) for name, each in value.items())
        return made
    return copy.deepcopy(value, memo)
