"""The order in which three operands or more are contracted, pair by pair.

Each step takes the pair whose result is smallest against what it replaces: the greedy rule that opt_einsum
and cotengra start from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import prod

Pair = tuple[int, int]


def greedy_path(
    operands: Sequence[Sequence[str]], output: Sequence[str], sizes: Mapping[str, int]
) -> tuple[Pair, ...]:
    """Pairs to contract; the result of each joins at the end of the list, the two operands leave it."""
    values = [frozenset(letters) for letters in operands]
    path: list[Pair] = []
    while len(values) > 1:
        pairs = combinations(range(len(values)), 2)
        pair = min(pairs, key=lambda p: _growth(values, p[0], p[1], output, sizes))
        path.append(pair)
        merged = _result(values, pair[0], pair[1], output)
        values = [value for i, value in enumerate(values) if i not in pair] + [merged]
    return tuple(path)


def _result(values: list[frozenset[str]], first: int, second: int, output: Sequence[str]) -> frozenset[str]:
    others = frozenset(output).union(*(value for i, value in enumerate(values) if i not in (first, second)))
    return (values[first] | values[second]) & others


def _growth(
    values: list[frozenset[str]], first: int, second: int, output: Sequence[str], sizes: Mapping[str, int]
) -> tuple[int, int]:
    def entries(letters: frozenset[str]) -> int:
        return prod(sizes[letter] for letter in letters)

    made = entries(_result(values, first, second, output))
    work = entries(values[first] | values[second])
    return made - entries(values[first]) - entries(values[second]), work
