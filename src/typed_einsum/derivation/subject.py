"""What a derivation is about: an equation with a symbol for each tensor and a label for each single axis.

`*batch` and `...` are spread into single axes here, so that every step deals with single axes only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from typed_einsum.decorate.definition import definition_of
from typed_einsum.derivation.sizes import Sizes, known_sizes
from typed_einsum.diagnostics import Diagnostic, with_article
from typed_einsum.equation.axes import ELLIPSIS
from typed_einsum.equation.equation import Equation, is_spread, name_of
from typed_einsum.equation.reading import Reductions, linted, not_a_text
from typed_einsum.errors import ArgumentError

OPERAND_SYMBOLS = "ABCDEFGHJKLMNPQSTUVWXYZ"
RESULT_SYMBOL = "R"


class Role(Enum):
    """What an axis does in a contraction."""

    BATCH = "batch"
    FREE = "free"
    CONTRACTED = "contracted"
    MAXIMISED = "maximised"
    DIAGONAL = "diagonal"
    LONE = "lone"


@dataclass(frozen=True, slots=True)
class Index:
    """One single axis: its label in formulas and code, its size, and its role.

    `name` is how the equation calls it (`*batch` for one of several), `part` how the plan does. `holders` are
    the operands that have it, `repeated` those that have it more than once, `broadcasts` those where its
    size may be 1.
    """

    label: str
    name: str
    part: str
    size: int | None
    role: Role
    holders: tuple[int, ...]
    repeated: tuple[int, ...]
    broadcasts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SymbolicTensor:
    """A tensor: its symbol, and the labels of its axes in order."""

    symbol: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Subject:
    """An equation ready to be derived: tensors, axes, and the ranks of its variadic axes."""

    equation: Equation
    operands: tuple[SymbolicTensor, ...]
    result: SymbolicTensor
    indices: tuple[Index, ...]
    spread: tuple[tuple[str, int], ...]

    @cached_property
    def by_label(self) -> Mapping[str, Index]:
        """Every axis by its label."""
        return {index.label: index for index in self.indices}

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """The known sizes, by label."""
        return {index.label: index.size for index in self.indices if index.size is not None}

    @cached_property
    def part_sizes(self) -> Mapping[str, int]:
        """The known sizes, by the names that the plan has for single axes."""
        return {index.part: index.size for index in self.indices if index.size is not None}

    @property
    def is_sized(self) -> bool:
        """Whether every axis has a known size."""
        return len(self.sizes) == len(self.indices)

    @cached_property
    def maximised(self) -> tuple[str, ...]:
        """The labels of the maximised axes."""
        return tuple(i.label for name in self.equation.maximised for i in self.indices if i.name == name)

    @cached_property
    def summed(self) -> tuple[str, ...]:
        """The labels of the summed axes."""
        gone = {*self.result.labels, *self.maximised}
        return tuple(index.label for index in self.indices if index.label not in gone)

    @property
    def title(self) -> str:
        """The equation, with its reductions, in one line."""
        asked = [("sum", self.equation.summed), ("max", self.equation.maximised)]
        between = " " if self.equation.style == "named" else ""
        options = [f'{option}="{between.join(names)}"' for option, names in asked if names]
        return ", ".join([str(self.equation), *options])


def read_subject(target: Any, sizes: Sizes | None, reductions: Reductions, names: Sequence[str]) -> Subject:
    """The subject of a text or of a typed einsum. Raises `EquationError` and `ArgumentError`."""
    if isinstance(target, str):
        for option, value in reductions.not_texts():
            raise not_a_text("explain", option, with_article(type(value).__name__))
        equation, symbols = linted(target, reductions), tuple(names)
    else:
        equation, found = _of_typed_einsum(target)
        symbols = tuple(names) or found
    known = known_sizes(equation, {} if sizes is None else sizes)
    spread = {name: len(shape) for name, shape in known.items() if isinstance(shape, tuple)}
    spread |= {name: 1 for name in equation.keys if is_spread(name) and name not in spread}
    labels = _labels(equation, spread)

    def spelled(keys: Sequence[str]) -> tuple[str, ...]:
        return tuple(label for name in keys for label in labels[name])

    rows = [spelled(keys) for keys in equation.operand_keys]
    every = {label for row in rows for label in row}
    chosen = _symbols(symbols, len(rows), every)
    operands = tuple(SymbolicTensor(symbol, row) for symbol, row in zip(chosen, rows, strict=False))
    indices = tuple(
        _index(equation, name, place, labels[name], rows, known)
        for name in equation.keys
        for place in range(len(labels[name]))
    )
    return Subject(
        equation,
        operands,
        SymbolicTensor(chosen[-1], spelled(equation.output_keys)),
        indices,
        tuple(spread.items()),
    )


def _of_typed_einsum(target: Any) -> tuple[Equation, tuple[str, ...]]:
    """The equation of a typed einsum with the names of its parameters and of itself."""
    definition = definition_of(target)
    signature = None if definition is None else definition.signature
    equation = getattr(signature, "equation", None)
    if signature is None or not isinstance(equation, Equation):
        summary = f"`explain` was given a value of type `{type(target).__name__}`, which holds no equation"
        repair = 'pass a text such as "b q d, b k d -> b q k", or a function made by @typed_einsum'
        raise ArgumentError(Diagnostic("TE408", summary, help=repair))
    labels = tuple(getattr(signature, "operands", signature.hints))
    name = signature.function.__name__
    # A lambda has no name, and a function may be called like one of its own parameters.
    return equation, (*labels, name) if name.isidentifier() and name not in labels else labels


def _labels(equation: Equation, spread: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """The labels of each name: itself, or one for each axis under a variadic name."""
    taken = {name for name in equation.keys if not is_spread(name)}
    labels: dict[str, tuple[str, ...]] = {}
    for name in equation.keys:
        if not is_spread(name):
            labels[name] = (name,)
            continue
        stem = "rest" if name == ELLIPSIS else name[1:]
        rank = spread[name]
        wanted = [stem] if rank == 1 else [f"{stem}_{i}" for i in range(rank)]
        while taken & set(wanted):
            wanted = [f"{label}_" for label in wanted]
        taken |= set(wanted)
        labels[name] = tuple(wanted)
    return labels


def _symbols(given: tuple[str, ...], operands: int, labels: set[str]) -> tuple[str, ...]:
    """A symbol for each operand, and one for the result at the end."""
    if given and len(given) not in (operands, operands + 1):
        counted = f"{len(given)} {'name' if len(given) == 1 else 'names'}"
        expected = f"{operands} {'operand' if operands == 1 else 'operands'}"
        summary = f"`names` has {counted}, but the equation has {expected}"
        repair = "give one name for each operand, and at most one more for the result"
        raise ArgumentError(Diagnostic("TE403", summary, help=repair))
    wrong = next((name for name in given if not name.isidentifier()), None)
    if wrong is not None or len(set(given)) != len(given):
        summary = f"`{wrong}` cannot be a variable" if wrong is not None else "a name stands twice in `names`"
        raise ArgumentError(Diagnostic("TE402", summary, help="names are Python identifiers, each one once"))
    pool = [*OPERAND_SYMBOLS, *(f"A{number}" for number in range(1, operands + 1))]
    free = (symbol for symbol in pool if symbol not in labels and symbol not in given)
    symbols = given or tuple(next(free) for _ in range(operands))
    if len(symbols) == operands:
        taken = labels | set(symbols)
        symbols += (next(s for s in (RESULT_SYMBOL, "Y", "result", "the_result") if s not in taken),)
    return symbols


def _index(
    equation: Equation,
    name: str,
    place: int,
    labels: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
    known: Mapping[str, int | tuple[int, ...]],
) -> Index:
    label = labels[place]
    counts = [Counter(row)[label] for row in rows]
    size = known.get(name)
    marked = [{name_of(axis) for axis in axes if axis.broadcast} for axes in equation.operands]
    holders = tuple(i for i, count in enumerate(counts) if count)
    repeated = tuple(i for i, count in enumerate(counts) if count > 1)
    return Index(
        label,
        name,
        f"{name}.{place}" if is_spread(name) else name,
        size[place] if isinstance(size, tuple) else size,
        _role(name in equation.output_keys, name in equation.maximised, holders, repeated),
        holders,
        repeated,
        tuple(i for i in holders if name in marked[i]),
    )


def _role(kept: bool, maximised: bool, holders: tuple[int, ...], repeated: tuple[int, ...]) -> Role:
    if maximised:
        return Role.MAXIMISED
    if len(holders) > 1:
        return Role.BATCH if kept else Role.CONTRACTED
    if kept:
        return Role.DIAGONAL if repeated else Role.FREE
    return Role.LONE


def why(subject: Subject, index: Index) -> str:
    """Why an axis has its role, in one sentence part."""
    symbols = [subject.operands[i].symbol for i in index.holders]
    where = " and ".join([", ".join(symbols[:-1]), symbols[-1]] if len(symbols) > 1 else symbols)
    alone = "" if len(subject.operands) == 1 else " alone"
    twice = " and ".join(subject.operands[i].symbol for i in index.repeated)
    match index.role:
        case Role.BATCH:
            said = f"in {where} and in the result: one independent product for each {index.label}"
        case Role.FREE:
            said = f"in {where}{alone} and in the result: kept as it is"
        case Role.CONTRACTED:
            said = f"in {where}, not in the result: multiplied entry by entry, then summed"
        case Role.MAXIMISED:
            said = f"in {where}, not in the result: the largest over {index.label}, after all sums"
        case Role.DIAGONAL:
            said = f"more than once in {twice} and in the result: the diagonal"
        case Role.LONE:
            said = f"in {where}{alone}, not in the result: summed before anything is multiplied"
    if index.repeated and index.role is not Role.DIAGONAL:
        said += f"; more than once in {twice}: only the diagonal counts"
    if index.broadcasts:
        marked = " and ".join(subject.operands[i].symbol for i in index.broadcasts)
        said += f"; may be 1 in {marked}, and is repeated then"
    if is_spread(index.name):
        said += f"; one of the axes under {index.name}"
    return said
