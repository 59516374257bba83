"""The order in which three operands or more are contracted, pair by pair.

Few operands: every order is tried, and the one with the least work wins. Many: opt_einsum finds a path where
it is installed; without it, each step takes the pair whose result is smallest against what it replaces, the
greedy rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import combinations
from math import prod

Path = tuple[tuple[int, int], ...]
"""Pairs of positions in the list of operands; a result joins at the end, and its two operands leave."""

FEW = 5
"""Up to this many operands every order is tried: 180 of them."""

NEAR, MOST = 1.1, 4
"""So many paths are worth a closer look where they take at most so many times the least work."""


def contraction_paths(
    operands: Sequence[Sequence[str]], output: Sequence[str], sizes: Mapping[str, int]
) -> list[Path]:
    """The paths with the fewest operations, the best first; where there are many operands, one near it."""
    if len(operands) <= FEW:
        values = [frozenset(letters) for letters in operands]
        paths = sorted(_paths(values, output, sizes), key=lambda found: found[0])
        least = paths[0][0][0]
        return [path for (work, _), path in paths[:MOST] if work <= NEAR * least]
    if find_spec("opt_einsum") is not None:
        return [_path_of_opt_einsum(operands, output, sizes)]
    return [greedy_path(operands, output, sizes)]


def _paths(
    values: list[frozenset[str]], output: Sequence[str], sizes: Mapping[str, int]
) -> Iterator[tuple[tuple[int, int], Path]]:
    """Every path with its price: operations, then the entries of what is made on the way."""
    if len(values) == 1:
        yield (0, 0), ()
        return
    for first, second in combinations(range(len(values)), 2):
        made = _result(values, first, second, output)
        work = prod(sizes[letter] for letter in values[first] | values[second])
        work *= 2 if len(made) < len(values[first] | values[second]) else 1  # a sum adds what it multiplied
        entries = prod(sizes[letter] for letter in made)
        rest = [value for i, value in enumerate(values) if i not in (first, second)]
        for (more_work, more_entries), path in _paths([*rest, made], output, sizes):
            yield (work + more_work, entries + more_entries), ((first, second), *path)


def _path_of_opt_einsum(
    operands: Sequence[Sequence[str]], output: Sequence[str], sizes: Mapping[str, int]
) -> Path:
    import opt_einsum

    symbols = {letter: opt_einsum.get_symbol(i) for i, letter in enumerate(sizes)}
    inputs = ["".join(symbols[letter] for letter in letters) for letters in operands]
    result = "".join(symbols[letter] for letter in output)
    shapes = [tuple(sizes[letter] for letter in letters) for letters in operands]
    path, _ = opt_einsum.contract_path(f"{','.join(inputs)}->{result}", *shapes, shapes=True)
    return tuple((min(pair), max(pair)) for pair in path)  # it names pairs unless told to save memory


def greedy_path(operands: Sequence[Sequence[str]], output: Sequence[str], sizes: Mapping[str, int]) -> Path:
    """A path by the greedy rule, in time that grows with the cube of the operands."""
    values = [frozenset(letters) for letters in operands]
    path: list[tuple[int, int]] = []
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
