"""The lint of an equation: what is wrong with it whatever the tensors are.

Each rule looks at a whole equation and yields flaws; the first one found is what the user sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from typed_einsum.equation.axes import ELLIPSIS, Variadic
from typed_einsum.equation.equation import ContractionAxis, Equation, Flaw, Site, name_of

MOST_AXES = 52
"""torch.einsum numbers at most this many distinct axes."""


def lint(equation: Equation, labels: Sequence[str]) -> Iterator[Flaw]:
    """Every flaw of the equation, worst first (TE106 to TE109, TE114, TE116).

    `labels` are the operands' names, as the user knows them.
    """
    yield from _variadics(equation)
    yield from _broadcast_diagonals(equation)
    yield from _size(equation)
    yield from _repeated_outputs(equation)
    yield from _outputs_from_nowhere(equation)
    yield from _reductions(equation)
    yield from _lone_sums(equation, labels)


def _sited(equation: Equation) -> Iterator[tuple[int, ContractionAxis]]:
    """Each axis of each operand with the number of the operand."""
    for index, axes in enumerate(equation.operands):
        yield from ((index, axis) for axis in axes)


def _variadics(equation: Equation) -> Iterator[Flaw]:
    for index, axes in enumerate(equation.operands):
        variadics = [axis for axis in axes if isinstance(axis, Variadic)]
        if len(variadics) > 1:
            names = list(dict.fromkeys(f"`{name_of(axis)}`" for axis in variadics))
            found = " and ".join(names) if len(names) > 1 else f"{names[0]} twice"
            yield Flaw(
                "TE114",
                f"{found} in one operand: it is unknown where one ends and the next begins",
                Site(index, variadics[1].span),
                "a second one",
                "keep one variadic axis in each operand",
            )


def _broadcast_diagonals(equation: Equation) -> Iterator[Flaw]:
    for index, axes in enumerate(equation.operands):
        names = [name_of(axis) for axis in axes]
        for axis in axes:
            if axis.broadcast and names.count(name_of(axis)) > 1:
                yield Flaw(
                    "TE113",
                    f"`#{name_of(axis)}` stands twice in one operand, and a diagonal needs one size for both",
                    Site(index, axis.span),
                    "broadcasts",
                    f"drop the `#`, or take the diagonal of `{name_of(axis)}` before the contraction",
                )


def _size(equation: Equation) -> Iterator[Flaw]:
    if len(equation.keys) > MOST_AXES:
        extra = equation.keys[MOST_AXES]
        site = next(Site(i, axis.span) for i, axis in _sited(equation) if name_of(axis) == extra)
        yield Flaw(
            "TE116",
            f"the equation names {len(equation.keys)} axes; torch can contract {MOST_AXES}",
            site,
            f"number {MOST_AXES + 1}",
            "merge axes that stay together before the contraction",
        )


def _repeated_outputs(equation: Equation) -> Iterator[Flaw]:
    seen: set[str] = set()
    for axis in equation.output:
        name = name_of(axis)
        if name in seen:
            yield Flaw(
                "TE107",
                f"output axis `{name}` is named twice",
                Site(None, axis.span),
                "again",
                "drop one, or name the axis that you mean; torch.diag_embed writes a diagonal",
            )
        seen.add(name)


def _outputs_from_nowhere(equation: Equation) -> Iterator[Flaw]:
    for axis in equation.output:
        name = name_of(axis)
        if name not in equation.keys:
            yield Flaw(
                "TE106",
                f"output axis `{name}` is in no operand",
                Site(None, axis.span),
                "no operand has it",
                _repair_for_output(name, equation),
            )


def _repair_for_output(name: str, equation: Equation) -> str:
    near = get_close_matches(name, equation.vanished, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{near[0]}`?"
    offered = ", ".join(f"`{other}`" for other in equation.vanished)
    return f"the operands also have {offered}" if offered else "name only axes that an operand has"


def _reductions(equation: Equation) -> Iterator[Flaw]:
    for option, names in (("sum", equation.summed), ("max", equation.maximised)):
        for name in names:
            if name not in equation.keys:
                summary = f"`{option}=` names axis `{name}`, which no operand has"
                yield Flaw("TE109", summary, None, f"no `{name}`", _repair_for_reduced(name, equation))
            elif name in equation.output_keys:
                summary = f"`{option}=` names axis `{name}`, which the output keeps"
                site = next(Site(None, axis.span) for axis in equation.output if name_of(axis) == name)
                repair = f"drop `{name}` from the output, or from `{option}=`"
                yield Flaw("TE109", summary, site, "kept", repair)
    for name in equation.summed:
        if name in equation.maximised:
            site = next(Site(i, axis.span) for i, axis in _sited(equation) if name_of(axis) == name)
            summary = f"axis `{name}` is in `sum=` and in `max=`"
            yield Flaw("TE109", summary, site, "in both", "keep one of the two")


def _repair_for_reduced(name: str, equation: Equation) -> str:
    near = get_close_matches(name, equation.vanished, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{near[0]}`?"
    offered = ", ".join(f"`{other}`" for other in equation.vanished)
    return f"the output lacks {offered}" if offered else "the output keeps every axis: nothing is reduced"


def _lone_sums(equation: Equation, labels: Sequence[str]) -> Iterator[Flaw]:
    """A vanished axis of one operand among several: a sum nobody wrote down, and usually a typo.

    An ellipsis or `*batch` that the output drops counts even when every operand has it.
    """
    for name in equation.vanished:
        if name in equation.summed or name in equation.maximised:
            continue
        holders = [index for index, names in enumerate(equation.operand_keys) if name in names]
        variadic = name == ELLIPSIS or name.startswith("*")
        if not variadic and (len(holders) > 1 or len(equation.operands) == 1):
            continue
        site = next(Site(i, axis.span) for i, axis in _sited(equation) if name_of(axis) == name)
        which = "every axis under it would be" if variadic else "it would be"
        yield Flaw(
            "TE108",
            f"axis `{name}` is in {_holders(holders, labels)} and not in the output: {which} summed away",
            site,
            "no other operand has it" if not variadic else "dropped by the output",
            f'{_doubt(name, holders, equation)} if you want the sum, write sum="{name}"',
        )


def _doubt(name: str, holders: Sequence[int], equation: Equation) -> str:
    """What the author may have meant: one axis that is spelt in two ways, as `key` and `keys`."""
    elsewhere = (names for index, names in enumerate(equation.operand_keys) if index not in holders)
    near = get_close_matches(name, {other for names in elsewhere for other in names}, n=1, cutoff=0.6)
    return f"is `{near[0]}` the same axis?" if near else "is that a typo?"


def _holders(holders: list[int], labels: Sequence[str]) -> str:
    if len(holders) == len(labels) > 1:
        return "every operand"
    return " and ".join(labels[index] for index in holders) + (" alone" if len(labels) > 1 else "")
