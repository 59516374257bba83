"""TE738: an argument that changes nothing, whatever its numbers are."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

import typed_einsum
from typed_einsum.annotations import OptionalHint, TensorHint
from typed_einsum.tensors import dtype_of, is_tensor, shape_of
from typed_einsum.testing.audit.findings import Flaw, SourceLine, advice
from typed_einsum.testing.audit.operations import tensors_in
from typed_einsum.testing.audit.vocabulary import ASKS, spelling_of
from typed_einsum.testing.calls.call import Call, same
from typed_einsum.testing.inputs.own import attributes_of
from typed_einsum.testing.running.invoke import reseed, run

SCALES = (0.5, 3.0, 100.0)
"""Other numbers of these scales are tried: small ones may all lie on one side of a threshold."""

FORMS = {
    "type_as",
    "view_as",
    "expand_as",
    "reshape_as",
    "zeros_like",
    "ones_like",
    "empty_like",
    "full_like",
}
FORMS |= {"rand_like", "randn_like", "new_zeros", "new_ones", "new_empty", "new_full", "new_tensor", "to"}
"""What takes only the shape, the dtype or the device of one of its operands."""


def without_effect(call: Call, definition: SourceLine) -> Iterator[tuple[str, Flaw]]:
    """An argument of real numbers whose other numbers give the same results, of all that the call leaves."""
    before = _left_by(call, call.arguments)
    if not before:
        return
    names = [name for name in call.arguments if _is_of_numbers(call, name) or _is_mask(call, name)]
    if len(names) < 2:  # what there is to take
        return
    if any(same(left, call.arguments[name]) for left in before for name in names):
        return  # what is merged into an argument and taken out again is not lost
    used = Used.by(call, names)
    lost = [name for name in names if _is_lost(call, name, used, before)]
    # A new object of zeros hides all that it is given.
    has_zeros = isinstance(call.object, nn.Module) and used.numbers <= {*lost, *used.decided}
    for name in lost:
        if name not in used.numbers:
            yield "TE738", advice(f"`{name}` is not used: leave it out, or name it `_{name}`", definition)
        elif not has_zeros and not _is_hidden(call, name, used):
            yield (
                "TE738",
                advice(
                    f"other numbers in `{name}` change nothing, though it is used: is what was computed "
                    "from it lost?",
                    definition,
                ),
            )


def _is_lost(call: Call, name: str, used: Used, before: list[Tensor]) -> bool:
    """Whether other numbers in an argument change nothing, where something should be made of them.

    `before` is what the call leaves with its own arguments.
    """
    is_decided = name in used.decided and not _is_mask(call, name)
    if is_decided or name in used.forms or _is_unused_on_purpose(call, name, used):
        return False
    if not _is_without_effect(call, name, call.arguments, before):
        return False
    ones = _with_ones(call, name)
    return _is_without_effect(call, name, ones, _left_by(call, ones))


def _is_hidden(call: Call, name: str, used: Used) -> bool:
    """Whether weights that begin as zeros hide what an argument does: the last layer of an adaptive norm."""
    with _zeros_filled(call.object) as has_any:
        return has_any and not _is_lost(call, name, used, _left_by(call, call.arguments))


@contextmanager
def _zeros_filled(owner: Any) -> Iterator[bool]:
    """Other numbers in the parameters that are all zero, and whether there are any."""
    parameters = owner.parameters() if isinstance(owner, nn.Module) else ()
    zeros = [each for each in parameters if each.is_floating_point() and not each.is_meta and not each.any()]
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for each in zeros:
            each.copy_(torch.randn(tuple(shape_of(each)), generator=random))
    try:
        yield bool(zeros)
    finally:
        with torch.no_grad():
            for each in zeros:
                each.zero_()


class Used(TorchFunctionMode):
    """Sees which arguments an operation takes the numbers of, and which give a form alone.

    Those that are `decided` on become truths or whole numbers on the way: small changes of them may change
    nothing.
    """

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._values = values
        self.numbers: set[str] = set()
        self.forms: set[str] = set()
        self.decided: set[str] = set()
        self._made_of: Any = WeakTensorKeyDictionary()

    @classmethod
    def by(cls, call: Call, names: list[str]) -> Used:
        """What a call does with arguments."""
        used = cls({name: call.arguments[name] for name in names})
        with used:
            call.outputs(call.arguments)
        used.forms -= used.numbers
        return used

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run one operation."""
        options = dict(kwargs or {})
        name = spelling_of(func)
        tensors = list(tensors_in([*args, *options.values()]))
        if name in ASKS and _is_ours(sys._getframe(1).f_code.co_filename):
            return func(*args, **options)
        made_of: set[str] = set()
        for position, tensor in enumerate(tensors):
            own = {each for each, value in self._values.items() if value is tensor}
            gives_form = name in ASKS or name.startswith("new_")
            if gives_form or (name in FORMS and (position > 0 or name.endswith("_like"))):
                self.forms |= own
            else:
                self.numbers |= own
                made_of |= own | self._made_of.get(tensor, set())
        result = func(*args, **options)
        for made in tensors_in([result]) if made_of else ():
            self._made_of[made] = made_of
            if not (dtype_of(made).is_floating_point or dtype_of(made).is_complex):
                self.decided |= made_of
        return result


def _is_ours(file: str) -> bool:
    return file.startswith((str(Path(typed_einsum.__file__).parent), "<typed_einsum"))


def _is_of_numbers(call: Call, name: str) -> bool:
    hint, value = call.recipe.hints.get(name), call.arguments[name]
    hint = hint.inner if isinstance(hint, OptionalHint) else hint
    return isinstance(hint, TensorHint) and is_tensor(value) and dtype_of(value).is_floating_point


def _is_mask(call: Call, name: str) -> bool:
    hint, value = call.recipe.hints.get(name), call.arguments[name]
    hint = hint.inner if isinstance(hint, OptionalHint) else hint
    return isinstance(hint, TensorHint) and is_tensor(value) and dtype_of(value) == torch.bool


def _is_unused_on_purpose(call: Call, name: str, used: Used) -> bool:
    """Whether a parameter stands for an interface: it is marked, or a method that others have asks for it."""
    if name in used.numbers:
        return False
    function = inspect.unwrap(call.function)
    kinds = [] if call.object is None else type(call.object).__mro__[1:]
    bases = [kind for kind in kinds if kind is not nn.Module]
    return name.startswith("_") or any(hasattr(kind, function.__name__) for kind in bases)


def _with_ones(call: Call, name: str) -> Mapping[str, Any]:
    """The arguments with ones for the others: some may hide all that this one does."""
    others = {
        each: torch.ones_like(call.arguments[each]) for each in call.arguments if _is_of_numbers(call, each)
    }
    return {**call.arguments, **others, name: call.arguments[name]}


def _is_without_effect(call: Call, name: str, around: Mapping[str, Any], before: list[Tensor]) -> bool:
    others = ({**around, name: other} for other in _others(call.arguments[name]))
    return all(_is_same(before, _left_by(call, each)) for each in others)


def _others(value: Tensor) -> Iterator[Tensor]:
    if dtype_of(value) == torch.bool:
        yield from (~value, torch.ones_like(value), torch.zeros_like(value))
        return
    for seed, scale in enumerate(SCALES):
        random = torch.Generator().manual_seed(seed)
        numbers = torch.randn(tuple(shape_of(value)), generator=random) * scale
        yield (numbers.abs() if seed == 0 else numbers).to(dtype_of(value))


def _left_by(call: Call, arguments: Mapping[str, Any]) -> list[Tensor]:
    """All tensors that a call returns, or changes in its object; none where it fails or returns others."""
    copies = {name: value.clone() if is_tensor(value) else value for name, value in arguments.items()}
    bound = replace(call, arguments=copies).bound
    reseed(0)
    try:
        result = run(call.function, bound)
    except Exception:  # the user's function: an input it does not take says nothing here
        return []
    found = list(tensors_in(result.values() if isinstance(result, dict) else [result]))
    kept = [] if call.object is None else list(_kept_by(call.object))
    written = [copies[name] for name in copies if is_tensor(copies[name])] if not found else []
    return [each.detach().clone() for each in (*found, *kept, *written)]


def _kept_by(owner: Any) -> Iterator[Tensor]:
    parts = list(owner.modules()) if isinstance(owner, nn.Module) else [owner]
    for part in parts:
        held = attributes_of(part)
        yield from tensors_in(held.values())
        yield from (each for each in held.get("_buffers", {}).values() if each is not None)


def _is_same(before: list[Tensor], after: list[Tensor]) -> bool:
    return len(before) == len(after) and all(map(same, before, after))
