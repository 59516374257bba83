"""One name for each axis of a run, chosen from all evidence."""

from __future__ import annotations

import ast
import keyword
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy

from typed_einsum.testing.listing.source import Source
from typed_einsum.testing.listing.values import Size
from typed_einsum.testing.names.evidence import Evidence, Kind
from typed_einsum.testing.names.expressions import written
from typed_einsum.testing.names.gathering import Written, computed

TELLING = 8
"""A smaller number has a name only in a function that says it: it may be equal by chance."""


@dataclass(frozen=True)
class Named:
    """A name with where it comes from, and the other names that the code has for the same axis."""

    name: str
    evidence: Evidence
    others: tuple[Evidence, ...] = ()


Kin = Mapping[Source, Mapping[int, Sequence[Source]]]
"""For a function and a number, the functions that hold a tensor of its with this number for an axis."""


class Names:
    """The names of the axes in some recorded calls.

    A symbol has one name everywhere. A number has one within a function, and elsewhere too if all evidence
    agrees: two numbers may be equal by chance. `places` are where the arguments have a symbol, `sizes` those
    that it has in the call.
    """

    def __init__(
        self,
        places: Mapping[sympy.Symbol, str],
        sizes: Mapping[sympy.Symbol, int],
        evidence: Iterable[Evidence],
        expressions: Iterable[Written],
        kin: Kin,
    ) -> None:
        self._kin = kin
        self._own: dict[Source, Mapping[str, int]] = {}
        by_size: dict[Size, list[Evidence]] = defaultdict(list)
        for each in dict.fromkeys(evidence):
            if _is_name(each.name):
                by_size[each.size].append(each)
        self._by_size = by_size
        said = {(each.source, each.name, size) for size, found in by_size.items() for each in found}
        turns = Counter((source, name) for source, name, _ in said)
        self._by_turns = {each for each, sizes_named in turns.items() if sizes_named > 1}
        self._taken: set[str] = set()
        self.symbols = {symbol: self._of_symbol(symbol, place) for symbol, place in places.items()}
        self._groups = {
            size: _groups(found) for size, found in by_size.items() if isinstance(size, int) and size > 1
        }
        self._written: dict[int, list[Written]] = defaultdict(list)
        for one in expressions:
            self._written[one.value].append(one)
        numbers = {(e.name, size) for size, found in by_size.items() if isinstance(size, int) for e in found}
        often = Counter(name for name, _ in numbers)
        self._plain = {name: size for name, size in numbers if often[name] == 1}
        self._sizes = {named.name: sizes[symbol] for symbol, named in self.symbols.items()}

    def _of_symbol(self, symbol: sympy.Symbol, place: str) -> Named:
        ranked = [each for each in _ranked(self._by_size.get(symbol, ())) if each.name not in self._taken]
        if ranked:
            best = ranked[0]
        else:
            best = Evidence(symbol, _free(place.replace(".", "").strip("*"), self._taken), Kind.PLACE)
        self._taken.add(best.name)
        others = {each.name: each for each in ranked if each.name != best.name}
        return Named(best.name, best, tuple(others.values()))

    def text(self, size: Size, source: Source | None) -> str:
        """A size as a reader of a function's source names it."""
        if (whole := self._whole(size, source)) is not None:
            return whole
        return written(size, lambda leaf: self._leaf(leaf, source), list(self.symbols))

    def own(self, size: Size, source: Source) -> Named | None:
        """What a function itself calls a size: a symbol, an expression or a number."""
        found = [each for each in _ranked(self._by_size.get(size, ())) if each.source == source]
        telling = [
            each for each in found if each.kind <= (Kind.READ if isinstance(size, int) else Kind.ATTRIBUTE)
        ]
        return Named(telling[0].name, telling[0]) if telling and size != 1 else None

    def origin(self, size: Size, source: Source) -> Evidence | None:
        """Where the name of a symbol or of a number comes from."""
        if isinstance(size, int):
            named = self.number(size, source)
            return None if named is None else named.evidence
        if size in self.symbols:
            return self.symbols[size].evidence
        return next(iter(_ranked(self._by_size.get(size, ()))), None)

    def candidates(self, size: Size, source: Source) -> list[Evidence]:
        """All that the code calls a size, as far as it surely is the same axis."""
        if isinstance(size, int):
            return next(self._chosen(size, source), [])
        return _ranked(self._by_size.get(size, ()))

    def _whole(self, size: Size, source: Source | None) -> str | None:
        """The name of a sum or a quotient; None for what is shown as it is computed, as a product is.

        Another function's name for it is none if that function calls other sizes by it, too.
        """
        if isinstance(size, int) or size.is_Symbol or size.is_Mul:
            return None
        found = [
            each
            for each in _ranked(self._by_size.get(size, ()))
            if each.source == source or (each.source, each.name) not in self._by_turns
        ]
        return found[0].name if found else None

    def _leaf(self, size: Size, source: Source | None) -> str:
        if not isinstance(size, int):
            return self.symbols[size].name if size in self.symbols else str(size)
        named = self.number(size, source)
        return str(size) if named is None else named.name

    def number(self, size: int, source: Source | None) -> Named | None:
        """The name of a number in a function, or the expression that it is there."""
        said = self._said(size, source)
        if said is not None and said.evidence.kind < Kind.ATTRIBUTE:
            return said
        return next(self._computed(size, source), said)

    def _said(self, size: int | None, source: Source | None) -> Named | None:
        """What the code calls a number: in the function itself, where the same tensors are, or anywhere."""
        ranked = next(self._chosen(size, source), None)
        if ranked is None:
            return None
        others = {each.name: each for each in ranked if each.name != ranked[0].name}
        return Named(ranked[0].name, ranked[0], tuple(others.values()))

    def _chosen(self, size: int | None, source: Source | None) -> Iterator[list[Evidence]]:
        """The evidence for a number, in groups of what is one axis, the nearest group first."""
        groups = self._groups.get(size, []) if size is not None and size > 1 else []
        own = [group for group in groups if _says(group, source)]
        strong = [group for group in groups if group[0].kind is not Kind.READ]
        everywhere = strong if len(strong) == 1 and (size or 0) >= TELLING else []
        weak = [group for group in groups if _says(group, source, Kind.READ)]
        for group in own or self._of_kin(groups, size, source) or everywhere or weak:
            ranked = [each for each in _by_functions(group) if self._sizes.get(each.name, size) == size]
            if ranked:
                yield ranked

    def _of_kin(
        self, groups: Sequence[list[Evidence]], size: int | None, source: Source | None
    ) -> list[list[Evidence]]:
        """What the nearest functions say of a number that have it in the same tensor."""
        near, known = [source], {source}
        while near and size is not None:
            found = [group for group in groups if any(_says(group, each) for each in near)]
            if found:
                return found
            kin = [each for one in near if one is not None for each in self._kin.get(one, {}).get(size, ())]
            near = [each for each in dict.fromkeys(kin) if each not in known]
            known.update(near)
        return []

    def _computed(self, size: int, source: Source | None) -> Iterator[Named]:
        """The expressions that the code writes for a number, in names whose values are known."""
        own = sorted(self._written.get(size, ()), key=lambda each: each.source != source)
        for each in own:
            is_telling = each.source == source or size >= TELLING
            values = {**self._plain, **self._own_values(each.source)}
            if is_telling and computed(_by_last_names(each.node), values) == size:
                text = self._spelled(each.node, each.source, values)
                yield Named(text, Evidence(size, text, Kind.ATTRIBUTE, each.source, each.line, each.note))

    def _own_values(self, source: Source) -> Mapping[str, int]:
        """The numbers that names have in one function, where each has one alone."""
        if source not in self._own:
            found = {
                (each.name, size)
                for size, every in self._by_size.items()
                if isinstance(size, int)
                for each in every
                if each.source == source
            }
            often = Counter(name for name, _ in found)
            self._own[source] = {name: size for name, size in found if often[name] == 1}
        return self._own[source]

    def _spelled(self, node: ast.expr, source: Source, values: Mapping[str, int]) -> str:
        match node:
            case ast.BinOp(left=left, op=op, right=right):
                sign = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.FloorDiv: "//"}[type(op)]
                return f"{self._part(left, source, values)}{sign}{self._part(right, source, values)}"
            case ast.Name(id=name) | ast.Attribute(attr=name):
                named = self._said(values.get(name), source)
                return name if named is None else named.name
        return ast.unparse(node)

    def _part(self, node: ast.expr, source: Source, values: Mapping[str, int]) -> str:
        text = self._spelled(node, source, values)
        return f"({text})" if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Mult) else text


def _by_last_names(node: ast.expr) -> ast.expr:
    """An expression with the last part of each name alone: `config.n_embd` is `n_embd`."""
    match node:
        case ast.Attribute(attr=name):
            return ast.Name(name)
        case ast.BinOp(left=left, op=op, right=right):
            return ast.BinOp(_by_last_names(left), op, _by_last_names(right))
    return node


def _says(group: Sequence[Evidence], source: Source | None, weakest: Kind = Kind.ATTRIBUTE) -> bool:
    """Whether a function itself says one of the names in a group."""
    return any(
        each.source == source and (each.kind <= weakest or each.kind is Kind.GLOSSARY) for each in group
    )


def _is_name(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("_")


def _ranked(found: Iterable[Evidence]) -> list[Evidence]:
    """Evidence by its kind, and of one kind the name that is said most often. Letters for roles come last."""
    found = list(found)
    often = Counter((each.kind, each.name) for each in found)
    order = {id(each): at for at, each in enumerate(found)}

    def rank(each: Evidence) -> tuple[Any, ...]:
        kind = Kind.COMMENT if each.is_role else each.kind
        return kind, each.is_role, -often[each.kind, each.name], order[id(each)]

    return sorted(found, key=rank)


def _by_functions(found: Sequence[Evidence]) -> list[Evidence]:
    """Evidence for a number, the name first that most functions say."""
    said = {
        name: len({each.source for each in found if each.name == name}) for name in {e.name for e in found}
    }
    return sorted(_ranked(found), key=lambda each: -said[each.name])


def _groups(found: Sequence[Evidence]) -> list[list[Evidence]]:
    """Evidence for one number in groups of what surely is one axis.

    Names are one in two functions that share one; within a function, an attribute and a local are. Two
    attributes that are equal are so by chance.
    """
    groups: list[list[Evidence]] = []
    for each in found:
        near = [group for group in groups if any(_are_one(each, other) for other in group)]
        joined = [*(one for group in near for one in group), each]
        groups = [*(group for group in groups if group not in near), joined]
    return groups


def _are_one(one: Evidence, other: Evidence) -> bool:
    is_same_function = one.source is not None and one.source == other.source
    return one.name == other.name or (is_same_function and one.kind != other.kind)


def _free(name: str, taken: set[str]) -> str:
    """A name from a place, `x.0` as `x0`, that nothing else has."""
    name = "".join(letter if letter.isalnum() or letter == "_" else "" for letter in name)
    while name in taken or not name.isidentifier():
        name = f"x{name}" if not name.isidentifier() else f"{name}_"
    return name
