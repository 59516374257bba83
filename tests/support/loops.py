"""The definition of a contraction, one number at a time. Slow on purpose: nothing here is clever.

For every index of the output: the sum, over every index of the axes that vanish, of the product of one
number from each operand; and where axes are maximised, the largest such sum over their indices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

Axes = Sequence[str]
Index = tuple[int, ...]


def contract(
    operands: Sequence[tuple[Any, Axes]],
    output: Axes,
    sizes: Mapping[str, int],
    maximised: Axes = (),
) -> dict[Index, Any]:
    """Every number of the result, by its index. Operands are nested lists, each with the names of its axes.

    `sizes` gives the size of every name. An operand whose list has one entry along an axis where the name's
    size is larger repeats that entry.

        >>> a, b = [[1, 2, 3], [4, 5, 6]], [10, 100, 1000]
        >>> contract([(a, "ij"), (b, "j")], "i", {"i": 2, "j": 3})
        {(0,): 3210, (1,): 6540}
        >>> contract([(a, "ij"), ([7], "i")], "j", {"i": 2, "j": 3})
        {(0,): 35, (1,): 49, (2,): 63}
        >>> contract([([[1, 2], [3, 4]], "ii")], "i", {"i": 2})
        {(0,): 1, (1,): 4}
        >>> contract([([[1, 2], [3, 4]], "ii")], "", {"i": 2})
        {(): 5}
        >>> contract([(a, "ij")], "ji", {"i": 2, "j": 3})
        {(0, 0): 1, (0, 1): 4, (1, 0): 2, (1, 1): 5, (2, 0): 3, (2, 1): 6}
        >>> contract([(a, "ij"), (b, "j")], "", {"i": 2, "j": 3}, maximised="i")
        {(): 6540}
        >>> contract([(2, ""), (3, ""), (5, "")], "", {})
        {(): 30}
        >>> contract([([], "i")], "", {"i": 0})
        {(): 0}
        >>> contract([([[], []], "ij")], "ji", {"i": 2, "j": 0})
        {}
    """
    vanished = {name for _, axes in operands for name in axes} - set(output) - set(maximised)
    summed = sorted(vanished)
    result = {}
    for kept in indices(output, sizes):
        sums = []
        for chosen in indices(maximised, sizes):
            total = 0
            for rest in indices(summed, sizes):
                at = {**kept, **chosen, **rest}
                term = 1
                for values, axes in operands:
                    term = term * entry(values, axes, at)
                total = total + term
            sums.append(total)
        result[tuple(kept[name] for name in output)] = max(sums) if maximised else sums[0]
    return result


def indices(names: Axes, sizes: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Every index of the axes of these names.

    >>> list(indices("ij", {"i": 1, "j": 2}))
    [{'i': 0, 'j': 0}, {'i': 0, 'j': 1}]
    >>> list(indices("", {}))
    [{}]
    """
    for values in product(*(range(sizes[name]) for name in names)):
        yield dict(zip(names, values, strict=True))


def entry(values: Any, axes: Axes, at: Mapping[str, int]) -> Any:
    """One number of an operand.

    >>> entry([[1, 2, 3], [4, 5, 6]], "ij", {"i": 1, "j": 2})
    6
    >>> entry([[1, 2, 3]], "ij", {"i": 1, "j": 2})
    3
    """
    for name in axes:
        values = values[0] if len(values) == 1 else values[at[name]]
    return values
