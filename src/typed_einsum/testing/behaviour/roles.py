"""TE711: one name for two axes of a tensor, which the function treats differently."""

from __future__ import annotations

from collections.abc import Iterator

from typed_einsum.annotations import TensorHint
from typed_einsum.equation.axes import Named
from typed_einsum.tensors import is_tensor, shape_of
from typed_einsum.testing.audit.findings import Flaw, SourceLine, advice
from typed_einsum.testing.calls.call import Call, same


def told_apart(call: Call, definition: SourceLine) -> Iterator[tuple[str, Flaw]]:
    """`"n n"` says that two axes are equal, not which is which. That suits a symmetric matrix."""
    for name, hint in call.recipe.hints.items():
        if not isinstance(hint, TensorHint) or not is_tensor(call.arguments.get(name)):
            continue
        for twice, places in _repeated(hint).items():
            if len(hint.axes) == len(shape_of(call.arguments[name])) and _are_apart(
                call, name, twice, places
            ):
                message = (
                    f'`{name}` is "{hint.text}": name the two roles of `{twice}`, such as `{twice}_in` and '
                    f"`{twice}_out`, and they can be told apart"
                )
                yield "TE711", advice(message, definition)


def _repeated(hint: TensorHint) -> dict[str, list[int]]:
    names = [axis.name if isinstance(axis, Named) else "" for axis in hint.axes]
    return {
        name: [at for at, each in enumerate(names) if each == name]
        for name in dict.fromkeys(names)
        if name and names.count(name) > 1
    }


def _are_apart(call: Call, name: str, twice: str, places: list[int]) -> bool:
    """Whether exchanging the two axes changes the result, and does not just exchange them there."""
    exchanged = {**call.arguments, name: call.arguments[name].transpose(places[0], places[1])}
    before, after = call.results, call.outputs(exchanged)
    if before is None or after is None:
        return False
    for (hint, one), (_, two) in zip(before, after, strict=True):
        there = _repeated(hint).get(twice, [])
        if not same(one, two) and not (len(there) > 1 and same(one.transpose(there[0], there[1]), two)):
            return True
    return False
