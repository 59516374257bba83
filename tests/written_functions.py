"""Functions with jaxtyping annotations, and calls of them that fit or nearly fit, made at random.

Everything is drawn from one `random.Random`, which Hypothesis controls, so that failures shrink.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Annotated, Any, Literal, NewType, Optional, Union

import jaxtyping
import numpy as np
import torch
from torch import Tensor, nn

DTYPES = (
    torch.float32,
    torch.int64,
    torch.bfloat16,
    torch.bool,
    torch.complex64,
    torch.uint8,
    torch.float64,
    torch.int8,
    torch.uint16,
    torch.float8_e4m3fn,
)


class Half(jaxtyping.AbstractDtype):
    """A dtype class of the user's own: by name, and by pattern."""

    dtypes = ("float16", re.compile("bf.*16"))


KINDS = (
    *("Float", "Int", "UInt", "Integer", "Bool", "Complex", "Inexact", "Real", "Num", "Shaped"),
    *("Float32", "Float64", "BFloat16", "Float8e4m3fn", "Int64", "Int8", "UInt8", "Complex64", "Key", "Half"),
)


class Marked(Tensor):
    """A subclass of Tensor."""


class Thing:
    """A class that has nothing to do with tensors; its instances are the `self` of written methods."""

    nh = 2
    scale = 3


class Colour(enum.Enum):
    RED = 1


Count = NewType("Count", int)

NAMES: dict[str, Any] = {
    "Half": Half,
    "Marked": Marked,
    "Thing": Thing,
    "Colour": Colour,
    "Count": Count,
    "Parameter": nn.Parameter,
    "np": np,
    "Any": Any,
    "Optional": Optional,
    "Union": Union,
    "Literal": Literal,
    "Annotated": Annotated,
    "Callable": Callable,
    "Sequence": Sequence,
}

WRONG: tuple[Callable[[], Any], ...] = (
    lambda: None,
    lambda: 3,
    lambda: "x",
    lambda: True,
    lambda: 2.5,
    lambda: [1],
    lambda: ["x"],
    lambda: (torch.empty(2),),
    lambda: Thing(),
    lambda: Colour.RED,
    lambda: np.zeros((2, 3)),
    lambda: torch.empty(()),
    lambda: torch.empty((2, 3), dtype=torch.int64),
)
"""Values of every kind that an annotation may meet."""

PLAIN: dict[str, tuple[Any, ...]] = {
    "int": (3, 0, True),
    "float": (2.5,),
    "bool": (True, False),
    "str": ("x", ""),
    "list[int]": ([1], []),
    "dict[str, int]": ({}, {"x": 1}),
    "tuple[int, str]": ((1, "x"),),
    "tuple[int, ...]": ((1,), ()),
    "Literal['x', 'y']": ("x", "y"),
    "Literal[1]": (1,),
    "int | None": (None, 3),
    "int | str": (3, "x"),
    "Sequence[int]": ([1], (2,)),
    "Annotated[int, 'units']": (3,),
    "Callable[..., int]": (len,),
    "type[int]": (int, bool),
    "Colour": (Colour.RED,),
    "Count": (3,),
    "Thing": (Thing(),),
    "Any": (None, 3, torch.empty(2)),
    "object": (None, torch.empty(2)),
    "None": (None,),
    "Tensor": (torch.empty(2),),
    "Marked | int": (torch.empty(2).as_subclass(Marked), 3),
    "tuple": ((), (1, 2)),
    "type": (int,),
}
"""Annotations without axes, each with values that fit."""


@dataclass
class World:
    """The sizes that names have in one call, and what an expression may use."""

    sizes: dict[str, int]
    variadics: dict[str, tuple[int, ...]]
    fields: dict[str, int]
    bound: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Hint:
    """An annotation as written, with a way to make values that fit it."""

    source: str
    value: Callable[[], Any]


@dataclass(frozen=True)
class Argument:
    """One parameter: its kind, annotation and default, and what a call passes (nothing, if `omitted`)."""

    name: str
    kind: str
    hint: Hint | None
    has_default: bool
    default: Any
    omitted: bool
    by_name: bool
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Call:
    """A written function with one call of it."""

    source: str
    names: Mapping[str, Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    result: Any
    future: bool

    def __str__(self) -> str:
        passed = [shown(value) for value in self.args]
        passed += [f"{name}={shown(value)}" for name, value in self.kwargs.items()]
        defaults = [
            f"{name} = {shown(value)}\n" for name, value in self.names.items() if name.startswith("default_")
        ]
        future = "from __future__ import annotations\n" if self.future else ""
        return f"{future}{''.join(defaults)}{self.source}\n({', '.join(passed)}) -> {shown(self.result)}"


def shown(value: Any) -> str:
    """A value as a reader needs it.

    >>> shown((torch.empty(2, 3), None, nn.Parameter(torch.empty(2))))
    '(Tensor float32 [2, 3], None, Parameter float32 [2])'
    """
    if isinstance(value, Tensor):
        return f"{type(value).__name__} {str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"ndarray {list(value.shape)}"
    if isinstance(value, tuple | list):
        inner = ", ".join(map(shown, value))
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {shown(item)}' for key, item in value.items())}}}"
    return repr(value)


class Writer:
    """Makes annotations, functions and calls from one source of chance."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.world = World({}, {}, {})

    def often(self, times: int) -> bool:
        """True once in `times`; Hypothesis shrinks towards False."""
        return self.chance.randrange(times) == times - 1

    # Axes.

    def axes(self, result: bool) -> tuple[str, Callable[[], list[int]]]:
        """The text of some axes, and a way to make sizes that fit."""
        count = self.chance.choice([2, 1, 3, 0])
        words = [self.single(result) for _ in range(count)]
        if self.often(4):
            words.insert(self.chance.randrange(count + 1), self.variadic())
        text = self.chance.choice([" ", "  "]).join(word for word, _ in words)
        return text, lambda: [size for _, sizes in words for size in sizes()]

    def single(self, result: bool) -> tuple[str, Callable[[], list[int]]]:
        """One axis, and its size where it fits."""
        chance, world = self.chance, self.world
        kind = chance.choice(["name"] * 5 + ["#name", "#name", "_", "fixed", "expression", "expression"])
        if kind in ("name", "#name"):
            name = chance.choice(sorted(world.sizes))
            size = world.sizes[name]
            if kind == "name":
                world.bound.append(name)
                return name, lambda: [size]
            return f"#{name}", lambda: [chance.choice([size, 1])]
        if kind == "_":
            return chance.choice(["_", "_a", "_h"]), lambda: [chance.randrange(4)]
        if kind == "fixed":
            fixed = chance.randrange(4)
            mark, label = chance.choice(["", "", "#"]), chance.choice(["", "", "rgb=", "a="])
            return f"{mark}{label}{fixed}", lambda: [1 if mark and self.often(2) else fixed]
        return self.expression()

    def expression(self) -> tuple[str, Callable[[], list[int]]]:
        """A computed axis of names already bound and of fields; without any, a number."""
        chance, world = self.chance, self.world
        atoms = [*dict.fromkeys(world.bound), *(f"{{{name}}}" for name in world.fields), "2"]
        left, right = chance.choice(atoms), chance.choice(atoms)
        template = chance.choice(
            ["{}*{}", "{}+{}", "{}-{}", "{}//{}", "{}%{}", "({}+{})*2", "-{}+2*{}", "min({},{})", "{}**{}"]
        )
        text = template.replace("{}", left, 1).replace("{}", right, 1) if left != right else template
        text = text.replace("{}", left)
        mark = chance.choice(["", "", "", "#"])
        plain = re.sub(r"\{([^}]*)\}", lambda match: str(world.fields[match[1]]), text)

        def sizes() -> list[int]:
            try:
                size = eval(plain, {"min": min}, dict(world.sizes))
            except ZeroDivisionError:
                size = 0
            return [1 if mark and self.often(2) else min(max(int(size), 0), 50)]

        return f"{mark}{text}", sizes

    def variadic(self) -> tuple[str, Callable[[], list[int]]]:
        """Any number of axes."""
        chance = self.chance
        kind = chance.choice(["*name", "...", "*#name", "*_"])
        name = chance.choice(sorted(self.world.variadics))
        shape = self.world.variadics[name]
        if kind == "*name":
            return f"*{name}", lambda: list(shape)
        if kind == "*#name":
            cut = chance.randrange(len(shape) + 1) if self.often(3) else 0
            return f"*#{name}", lambda: [1 if self.often(4) else size for size in shape[cut:]]
        return kind, lambda: [chance.randrange(4) for _ in range(chance.randrange(3))]

    # Annotations.

    def tensor(self, result: bool) -> Hint:
        """`Float[Tensor, "a b"]`, nested ones, and other kinds of array."""
        chance = self.chance
        text, sizes = self.axes(result)
        kind = chance.choice(KINDS)
        array = "Tensor"
        if self.often(8):
            array = chance.choice(
                ["Parameter", "Marked", "torch.FloatTensor", "Any", "Union[Tensor, np.ndarray]"]
            )
        source = f'{kind}[{array}, "{text}"]'
        dtypes = allowed(kind)
        if self.often(10) and array == "Tensor" and not re.search(r"\*|\.\.\.", text):
            inner_text, inner_sizes = self.axes(result)
            # The same kind twice. Otherwise the name that jaxtyping gives does not tell the inner dtype, and
            # beartype takes two unions or tuples of the same name for one.
            source = f'{kind}[{kind}[Tensor, "{inner_text}"], "{text}"]'
            outer, inner = sizes, inner_sizes
            sizes = lambda: [*outer(), *inner()]  # noqa: E731

        def value() -> Any:
            dtype = chance.choice(dtypes) if dtypes else torch.float32
            made = torch.empty(sizes(), dtype=torch.float32 if array == "torch.FloatTensor" else dtype)
            if array == "Parameter" or (array != "Marked" and self.often(12)):
                return nn.Parameter(made, requires_grad=False)
            return made.as_subclass(Marked) if array == "Marked" or self.often(12) else made

        return Hint(source, value)

    def hint(self, result: bool = False) -> Hint:
        """Any annotation."""
        chance = self.chance
        form = chance.choice(
            ["tensor"] * 8
            + ["optional", "optional", "plain", "plain", "union", "tuple", "tuple"]
            + ["optional tuple", "list", "dict", "two tensors", "many", "annotated"]
        )
        if form == "tensor":
            return self.tensor(result)
        if form == "plain":
            source = chance.choice(sorted(PLAIN))
            return Hint(source, lambda: chance.choice(PLAIN[source]))
        if form == "optional":
            inner = self.tensor(result)
            template = chance.choice(["{} | None", "Optional[{}]", "None | {}", "Union[None, {}]"])
            return Hint(template.format(inner.source), lambda: None if self.often(3) else inner.value())
        if form == "union":
            inner = self.tensor(result)
            others = chance.sample(["int", "str", "None", "list[int]", "Thing", "Literal['x']"], 2)
            parts = [inner.source, *others]
            chance.shuffle(parts)
            return Hint(
                f"Union[{', '.join(parts)}]",
                lambda: (
                    chance.choice(PLAIN[chance.choice(others)])
                    if self.often(2) and not {"Literal['x']"} & {*others}
                    else inner.value()
                ),
            )
        if form == "two tensors":
            left, right = self.tensor(result), self.tensor(result)
            return Hint(f"Union[{left.source}, {right.source}]", lambda: chance.choice([left, right]).value())
        if form == "list":
            inner = self.tensor(result)
            return Hint(f"list[{inner.source}]", lambda: [inner.value()] if self.often(2) else [])
        if form == "dict":
            inner = self.tensor(result)
            return Hint(f"dict[str, {inner.source}]", lambda: {"x": inner.value()})
        if form == "many":
            inner = self.tensor(result)
            # One item at most, and so in lists: of several, beartype looks at one, by chance.
            return Hint(f"tuple[{inner.source}, ...]", lambda: (inner.value(),) if self.often(2) else ())
        if form == "annotated":
            inner = self.tensor(result)
            return Hint(f"Annotated[{inner.source}, 'note']", inner.value)
        items = [self.tensor(result) for _ in range(chance.choice([2, 1, 3]))]
        if self.often(4):
            items.insert(0, Hint("int", lambda: 3))
        source = f"tuple[{', '.join(item.source for item in items)}]"
        fitting: Callable[[], Any] = lambda: tuple(item.value() for item in items)  # noqa: E731
        if form == "tuple":
            return Hint(source, fitting)
        return Hint(f"{source} | None", lambda: None if self.often(3) else fitting())

    # Values that nearly fit.

    def perturbed(self, value: Any) -> Any:
        """A value of another size, rank, dtype or type; sometimes it fits all the same."""
        chance = self.chance
        if isinstance(value, tuple | list) and value and self.often(2):
            changed = list(value)
            changed[chance.randrange(len(changed))] = self.perturbed(changed[0])
            return type(value)(changed)
        if not isinstance(value, Tensor) or self.often(5):
            return chance.choice(WRONG)()
        shape, dtype = list(value.shape), value.dtype
        match chance.choice(["size", "size", "size", "rank", "dtype", "swap"]):
            case "size" if shape:
                shape[chance.randrange(len(shape))] = chance.randrange(5)
            case "dtype":
                dtype = chance.choice(DTYPES)
            case "swap" if len(shape) > 1:
                shape.reverse()
            case _:
                shape = shape[1:] if shape and self.often(2) else [chance.randrange(1, 4), *shape]
        return torch.empty(shape, dtype=dtype)

    # Functions and calls.

    def call(self) -> Call:
        """A function and a call of it."""
        chance = self.chance
        self.world = World(
            {name: chance.randrange(1, 5) if not self.often(12) else 0 for name in "abc"},
            {name: tuple(chance.randrange(1, 4) for _ in range(chance.randrange(3))) for name in "vb"},
            {},
        )
        method = self.often(4)
        if method:
            self.world.fields |= {"self.nh": 2, "self.scale": 3}
        arguments = self.arguments()
        wrong = {chance.randrange(len(arguments))} if arguments and self.often(3) else set()
        given = [
            self.passed(argument, i in wrong and argument.name != "n") for i, argument in enumerate(arguments)
        ]
        result_hint = None if self.often(5) else self.hint(result=True)
        result = None if result_hint is None else result_hint.value()
        if self.often(3):
            result = self.perturbed(result)
        return self.assembled(method, given, result_hint, result)

    def arguments(self) -> list[Argument]:
        """Parameters in an order that Python allows; a plain `n: int` first, sometimes, for fields."""
        chance = self.chance
        made: list[Argument] = []
        kinds = sorted(chance.choices([1, 1, 1, 0, 3], k=chance.choice([2, 1, 3, 0])))
        if self.often(6):
            kinds = sorted([*kinds, 2])
        if self.often(6):
            kinds = [*kinds, 4]
        if self.often(4):
            self.world.fields["n"] = chance.randrange(4)
            fixed = self.world.fields["n"]
            made.append(Argument("n", "any", Hint("int", lambda: fixed), False, None, False, False, ()))
            kinds = [kind for kind in kinds if kind > 0]
        defaults = False
        for number, kind in enumerate(kinds):
            names = {0: "only", 1: "any", 2: "args", 3: "named", 4: "kwargs"}
            hint = self.hint() if not self.often(8) else None
            defaults = kind in (0, 1) and (defaults or self.often(4))
            optional = defaults or (kind == 3 and self.often(3))
            default = None
            if optional and hint is not None and self.often(2):
                default = hint.value() if self.often(2) else chance.choice(WRONG)()
            name = f"x{number}" if kind in (0, 1, 3) else names[kind]
            made.append(Argument(name, names[kind], hint, optional, default, False, False, ()))
        return made

    def passed(self, argument: Argument, wrong: bool) -> Argument:
        """The argument with what a call passes for it."""
        chance = self.chance
        number = chance.choice([1, 0, 2]) if argument.kind in ("args", "kwargs") else 1
        values = []
        for _ in range(number):
            value = chance.choice(WRONG)() if argument.hint is None else argument.hint.value()
            values.append(self.perturbed(value) if wrong else value)
        omitted = argument.has_default and self.often(3)
        return Argument(
            argument.name,
            argument.kind,
            argument.hint,
            argument.has_default,
            argument.default,
            omitted,
            argument.kind == "named" or (argument.kind == "any" and self.often(4)),
            tuple(values),
        )

    def assembled(
        self, method: bool, arguments: Sequence[Argument], result_hint: Hint | None, result: Any
    ) -> Call:
        """Source, arguments and result."""
        quoted = self.often(6)

        def written(hint: Hint) -> str:
            return repr(hint.source) if quoted else hint.source

        names, parts = dict(NAMES), ["self"] if method else []
        args: list[Any] = [Thing()] if method else []
        kwargs: dict[str, Any] = {}
        positional = True
        starred = any(argument.kind == "args" for argument in arguments)
        for i, argument in enumerate(arguments):
            if argument.kind == "named" and not starred:
                parts.append("*")
                starred = True
            stars = {"args": "*", "kwargs": "**"}.get(argument.kind, "")
            part = stars + argument.name
            part += "" if argument.hint is None else f": {written(argument.hint)}"
            if argument.has_default:
                names[f"default_{argument.name}"] = argument.default
                part += f" = default_{argument.name}"
            parts.append(part)
            following = arguments[i + 1].kind if i + 1 < len(arguments) else None
            if argument.kind == "only" and following != "only":
                parts.append("/")
            if argument.kind == "kwargs":
                kwargs |= {f"extra{k}": value for k, value in enumerate(argument.values)}
            elif argument.kind == "args":
                args += argument.values if positional else ()
            elif argument.omitted:
                positional = False
            elif argument.by_name or (argument.kind == "any" and not positional):
                kwargs[argument.name] = argument.values[0]
                positional = False
            elif positional:
                args.append(argument.values[0])
        arrow = "" if result_hint is None else f" -> {written(result_hint)}"
        source = f"def function({', '.join(parts)}){arrow}:\n    ran.append(True)\n    return result[0]\n"
        return Call(source, names, tuple(args), kwargs, result, self.often(8) and not quoted)


def allowed(kind: str) -> list[torch.dtype]:
    """The dtypes that a dtype class of jaxtyping allows.

    >>> allowed("Bool"), allowed("Key")
    ([torch.bool], [])
    """
    annotation = (Half if kind == "Half" else getattr(jaxtyping, kind))[Tensor, "..."]
    return [dtype for dtype in DTYPES if isinstance(torch.empty(0, dtype=dtype), annotation)]
