"""Functions with written annotations, each with one call of it that fits or nearly fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any

from support.written_annotations import Annotations, Hint, World
from support.written_values import NAMES, WRONG, Thing, shown

KINDS = {0: "only", 1: "any", 2: "args", 3: "named", 4: "kwargs"}
"""Kinds of parameter, in the order that Python demands."""

STARS = {"args": "*", "kwargs": "**"}


@dataclass(frozen=True)
class Parameter:
    """One parameter as written. Without a hint it takes anything."""

    name: str
    kind: str
    hint: Hint | None
    defaults: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Call:
    """A written function with one call of it. `binding` is `self`, `cls`, `static`, or empty."""

    source: str
    names: Mapping[str, Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    result: Any
    binding: str = ""
    future: bool = False

    def __str__(self) -> str:
        passed = [shown(value) for value in self.args]
        passed += [f"{name}={shown(value)}" for name, value in self.kwargs.items()]
        future = "from __future__ import annotations\n" if self.future else ""
        defaults = [
            f"{name} = {shown(value)}\n" for name, value in self.names.items() if name.startswith("default_")
        ]
        bound = f"# bound to {self.binding}\n" if self.binding else ""
        called = f"({', '.join(passed)}) -> {shown(self.result)}"
        return f"{future}{''.join(defaults)}{bound}{self.source}\n{called}"


class Writer:
    """Makes functions and calls from one source of chance."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.annotations = Annotations(chance)
        self.often = self.annotations.often

    def call(self) -> Call:
        """A function and a call of it."""
        chance = self.chance
        sizes = {name: 0 if self.often(12) else chance.randrange(1, 5) for name in "abc"}
        spread = {name: tuple(chance.randrange(1, 4) for _ in range(chance.randrange(3))) for name in "vb"}
        binding = chance.choice([""] * 5 + ["self", "self", "cls", "static"])
        known = {f"{binding}.{name}": getattr(Thing, name) for name in ("nh", "scale", "half")}
        self.annotations.world = World(sizes, spread, known if binding in ("self", "cls") else {})
        parameters = self.parameters()
        wrong = chance.choice(parameters).name if parameters and self.often(3) else None
        args, kwargs = self.passed(parameters, wrong)
        hint = None if self.often(5) else self.annotations.hint()
        result = None if hint is None else hint.value()
        if self.often(3):
            result = self.annotations.perturbed(result)
        quoted = self.often(6)
        source = written(parameters, hint, binding, quoted)
        defaults = {f"default_{p.name}": p.defaults[0] for p in parameters if p.defaults}
        future = not quoted and self.often(6)
        return Call(source, {**NAMES, **defaults}, args, kwargs, result, binding, future)

    def parameters(self) -> list[Parameter]:
        """Parameters in an order that Python allows; sometimes with `n`, which expressions may use, first."""
        chance = self.chance
        kinds = chance.choices([1, 1, 1, 0, 3], k=chance.choice([2, 1, 3, 0]))
        kinds += [2] if self.often(6) else []
        kinds += [4] if self.often(6) else []
        made: list[Parameter] = []
        if self.often(4):
            made.append(self.field())
            kinds = [kind or 1 for kind in kinds]
        has_default = False
        for number, kind in enumerate(sorted(kinds)):
            hint = None if self.often(8) else self.annotations.hint()
            has_default = kind in (0, 1) and (has_default or self.often(4))
            default = None
            if hint is not None and self.often(2):
                default = hint.value() if self.often(2) else chance.choice(WRONG)()
            optional = has_default or (kind == 3 and self.often(3))
            name = KINDS[kind] if KINDS[kind] in STARS else f"x{number}"
            made.append(Parameter(name, KINDS[kind], hint, (default,) if optional else ()))
        return made

    def field(self) -> Parameter:
        """A parameter that `{n}` stands for: mostly a size, sometimes what only jaxtyping can read."""
        value = self.chance.choice([2, 0, 3, 1, -1, True, 2.0, 0.5, "2", "a+1", "min(2,3)", None])
        self.annotations.world.fields["n"] = value
        kind = "None" if value is None else type(value).__name__
        return Parameter("n", "any", Hint(kind, lambda: value))

    def passed(
        self, parameters: Sequence[Parameter], wrong: str | None
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What a call passes, by position and by keyword; `wrong` names the one that hardly fits."""
        chance = self.chance
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        by_position = True
        for p in parameters:
            count = chance.choice([1, 0, 2]) if p.kind in STARS else 1
            fitting = [chance.choice(WRONG)() if p.hint is None else p.hint.value() for _ in range(count)]
            values = [self.annotations.perturbed(v) if p.name == wrong != "n" else v for v in fitting]
            if p.kind == "kwargs":
                kwargs |= {f"extra{number}": value for number, value in enumerate(values)}
            elif p.kind == "args":
                args += values if by_position else []
            elif p.defaults and self.often(3):
                by_position = by_position and p.kind == "named"
            elif p.kind == "named" or (p.kind == "any" and (not by_position or self.often(4))):
                by_position = by_position and p.kind == "named"
                kwargs[p.name] = values[0]
            elif by_position:
                args.append(values[0])
        return tuple(args), kwargs


def written(parameters: Sequence[Parameter], result: Hint | None, binding: str, quoted: bool) -> str:
    """The source of a function that records that it ran and returns what it is told.

    >>> size = Hint("int", lambda: 3)
    >>> parameters = [Parameter("x", "only", size), Parameter("y", "named", None, (4,))]
    >>> print(written(parameters, size, "self", quoted=True))
    def function(self, x: 'int', /, *, y = default_y) -> 'int':
        ran.append(True)
        return result[0]
    """

    def of(hint: Hint | None, sign: str) -> str:
        return "" if hint is None else f"{sign}{repr(hint.source) if quoted else hint.source}"

    owner = Parameter(binding, "any" if not parameters or parameters[0].kind != "only" else "only", None)
    every = [*([owner] if binding in ("self", "cls") else []), *parameters]
    parts = []
    for before, p in pairwise([None, *every]):
        assert p is not None
        if before is not None and before.kind == "only" != p.kind:
            parts.append("/")
        if p.kind == "named" and (before is None or before.kind in ("only", "any")):
            parts.append("*")
        default = f" = default_{p.name}" if p.defaults else ""
        parts.append(f"{STARS.get(p.kind, '')}{p.name}{of(p.hint, ': ')}{default}")
    if every and every[-1].kind == "only":
        parts.append("/")
    head = f"def function({', '.join(parts)}){of(result, ' -> ')}:"
    return f"{head}\n    ran.append(True)\n    return result[0]"
