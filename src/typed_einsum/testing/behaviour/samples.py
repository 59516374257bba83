"""TE709: samples of a batch that affect each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from typed_einsum.annotations import Hint
from typed_einsum.tensors import is_tensor, shape_of
from typed_einsum.testing.audit.findings import Flaw, SourceLine, advice, error
from typed_einsum.testing.behaviour import perturbation
from typed_einsum.testing.behaviour.perturbation import Moved, NoSuchAxis
from typed_einsum.testing.behaviour.statistics import without_statistics
from typed_einsum.testing.behaviour.trace import Step, steps_of
from typed_einsum.testing.calls.call import Call, same
from typed_einsum.testing.inputs.leaves import tensors_with_hints

TO_PYTHON = {"item", "tolist", "numpy", "__array__", "__int__", "__float__"}
"""What makes numbers, lists or arrays of a tensor."""

PICKS = {"__getitem__", "index_select", "gather", "take_along_dim"}
"""What takes entries that Python may have chosen."""

BATCH = ("b", "batch")
"""Names of an axis whose entries are taken to be independent samples."""


def leaks(
    call: Call, coupled: Sequence[str], random: bool, definition: SourceLine
) -> Iterator[tuple[str, Flaw]]:
    """Samples that affect each other, unless their axis is coupled; and coupled axes where they do not."""
    for name in BATCH:
        try:
            found = perturbation.moved(call, name)
        except NoSuchAxis:
            if name not in coupled and not random and perturbation.depends_on_order(call, name):
                message = (
                    f"the order of the samples of `{name}` changes the result: something runs along "
                    f"`{name}`; "
                    f'if that is meant, say couples="{name}"'
                )
                yield "TE709", error(message, definition)
            continue
        if name in coupled:
            if found is None and perturbation.alone(call, name, 1):
                message = f"`{name}` is said to couple, but no sample moves another"
                yield "TE712", error(message, definition)
        elif not perturbation.is_about_the_axis(call, name) and not call.uses_batch_statistics():
            yield from (("TE709", flaw) for flaw in _leak(call, name, found, random, definition))


def _leak(call: Call, name: str, found: Moved | None, random: bool, definition: SourceLine) -> Iterator[Flaw]:
    message = _told(call, name, found, random)
    if not message:
        return
    fixed, line = without_statistics(call, name)
    if fixed is not call and _is_explained(fixed, name, found, random):
        if line is None:  # partners drawn at random are meant
            return
        message = (
            f"samples of `{name}` affect each other through what is computed over `{name}` here; if that is "
            f'meant, say couples="{name}"'
        )
        yield advice(message, line)
        return
    met = None if found is None else first_meeting(call, name, found)
    message = f'{message}; if that is meant, say couples="{name}"'
    is_by_choice = found is not None and (met is None or met.name in PICKS)
    if is_by_choice and _hands_numbers_to_python(call):
        yield advice(message, definition)
    else:
        yield error(message, definition if met is None else met.line)


class _Handed(TorchFunctionMode):
    """Sees whether tensors become numbers, lists or arrays."""

    def __init__(self) -> None:
        super().__init__()
        self.any: bool = False

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        self.any = self.any or getattr(func, "__name__", "") in TO_PYTHON
        return func(*args, **(kwargs or {}))


def _hands_numbers_to_python(call: Call) -> bool:
    """Whether the code goes through entries itself, as to choose a column for each row: that is meant."""
    handed = _Handed()
    with handed:
        call.outputs(call.arguments)
    return handed.any


def _is_explained(fixed: Call, name: str, found: Moved | None, random: bool) -> bool:
    """Whether samples leave each other alone once the statistics over them are held fixed.

    A sample that is passed alone may still be divided by the number of samples.
    """
    if perturbation.moved(fixed, name) is not None:
        return False
    return found is not None or not _told(fixed, name, None, random)


def _told(call: Call, name: str, found: Moved | None, random: bool) -> str:
    """How samples depend on each other; nothing if they do not."""
    if found is not None:
        return (
            f"samples leak: changing sample {found.changed} of `{name}` changes the result of sample "
            f"{found.moved}"
        )
    if random or _may_be_elsewhere(call, name):
        return ""
    if not perturbation.alone(call, name, 1):
        return (
            f"sample 1 of `{name}`, passed alone, gives another result than in its batch: something "
            "depends on "
            "a sample's place in the batch"
        )
    if not perturbation.moves_with_order(call, name):
        return f"the results do not follow when the samples of `{name}` change places: their order matters"
    return ""


def _may_be_elsewhere(call: Call, name: str) -> bool:
    """Whether a tensor may have these samples in an axis that has no name, and stays as it is: one without
    axes in its annotation, or one that has it under `...`."""
    hinted = [pair for hint, value in _hinted(call) for pair in tensors_with_hints(hint, value)]
    annotated = {id(tensor) for _, tensor in hinted}
    leaves = (leaf for at, value in call.arguments.items() if at != call.owner for leaf in tree_leaves(value))
    bare = (leaf for leaf in leaves if is_tensor(leaf) and id(leaf) not in annotated)
    size = call.sizes[name]
    is_unnamed = any(
        size in perturbation.sizes_in_variadic(hint, shape_of(tensor))
        for hint, tensor in hinted
        if perturbation.position_of(hint, name, len(shape_of(tensor))) is None
    )
    return is_unnamed or any(size in shape_of(tensor) for tensor in bare)


def _hinted(call: Call) -> Iterator[tuple[Hint, Any]]:
    hints = call.recipe.hints
    return ((hints[name], value) for name, value in call.arguments.items() if name in hints)


def first_meeting(call: Call, name: str, found: Moved) -> Step | None:
    """The first operation in which the result of one entry of an axis depends on another one."""
    arguments = perturbation.with_another(call, name, found)
    if arguments is None:
        return None
    steps = zip(steps_of(call, call.arguments), steps_of(call, arguments), strict=False)
    for one, two in steps:
        if one.name != two.name or shape_of(one.value) != shape_of(two.value):
            return None
        at = [i for i, each in enumerate(one.dimensions) if [factor.name for factor in each] == [name]]
        if len(at) == 1:
            others = [i for i in range(shape_of(one.value)[at[0]]) if i != found.changed]
            index = one.value.new_tensor(others).long()
            if not same(one.value.index_select(at[0], index), two.value.index_select(at[0], index)):
                return one
    return None
