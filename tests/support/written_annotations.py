"""Annotations of every kind that jaxtyping and beartype know, made at random, with values that fit or nearly.

Everything is drawn from one `random.Random`, which Hypothesis may control, so that failures shrink.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import torch
from torch import Tensor, nn

from support.written_values import DTYPES, KINDS, PLAIN, WRONG, Marked, allowed


@dataclass
class World:
    """The sizes that names have in one call, and what an expression may use."""

    sizes: dict[str, int]
    variadics: dict[str, tuple[int, ...]]
    fields: dict[str, Any]
    bound: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Hint:
    """An annotation as written, with a way to make values that fit it."""

    source: str
    value: Callable[[], Any]


class Annotations:
    """Writes annotations from one source of chance, in a world whose names have sizes."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.world = World({}, {}, {})

    def often(self, times: int) -> bool:
        """True once in `times`; Hypothesis shrinks towards False."""
        return self.chance.randrange(times) == times - 1

    # Axes.

    def axes(self) -> tuple[str, Callable[[], list[int]]]:
        """The text of some axes, and a way to make sizes that fit."""
        count = self.chance.choice([2, 1, 3, 0])
        words = [self.single() for _ in range(count)]
        if self.often(4):
            words.insert(self.chance.randrange(count + 1), self.variadic())
        text = self.chance.choice([" ", "  "]).join(word for word, _ in words)
        return text, lambda: [size for _, sizes in words for size in sizes()]

    def single(self) -> tuple[str, Callable[[], list[int]]]:
        """One axis, with a way to make its size."""
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
        """A computed axis of names, mostly ones already bound, and of fields; without any, a number."""
        chance, world = self.chance, self.world
        names = sorted(world.sizes) if self.often(8) else [*dict.fromkeys(world.bound)]
        atoms = [*names, *(f"{{{name}}}" for name in world.fields), "2"]
        left, right = chance.choice(atoms), chance.choice(atoms)
        template = chance.choice(
            ["{}*{}", "{}+{}", "{}-{}", "{}//{}", "{}%{}", "({}+{})*2", "-{}+2*{}", "min({},{})", "{}**{}"]
        )
        before, between, after = template.split("{}")
        text = f"{before}{left}{between}{right}{after}"
        mark = chance.choice(["", "", "", "#"])
        plain = re.sub(r"\{([^}]*)\}", lambda match: str(world.fields[match[1]]), text)

        def sizes() -> list[int]:
            try:
                size = eval(plain, {"min": min}, dict(world.sizes))
            except (ArithmeticError, NameError, TypeError):
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

    def tensor(self) -> Hint:
        """`Float[Tensor, "a b"]`, nested ones, and other kinds of array."""
        chance = self.chance
        text, sizes = self.axes()
        kind = chance.choice(KINDS)
        array = "Tensor"
        if self.often(8):
            array = chance.choice(
                ["Parameter", "Marked", "torch.FloatTensor", "Any", "Union[Tensor, np.ndarray]"]
            )
        source = f'{kind}[{array}, "{text}"]'
        dtypes = allowed(kind)
        if self.often(10) and array == "Tensor" and not re.search(r"\*|\.\.\.", text):
            inner_text, inner_sizes = self.axes()
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

    def hint(self) -> Hint:
        """Any annotation."""
        chance = self.chance
        form = chance.choice(
            ["tensor"] * 8
            + ["optional", "optional", "plain", "plain", "union", "tuple", "tuple"]
            + ["optional tuple", "list", "dict", "two tensors", "many", "annotated"]
        )
        if form == "tensor":
            return self.tensor()
        if form == "plain":
            source = chance.choice(sorted(PLAIN))
            return Hint(source, lambda: chance.choice(PLAIN[source]))
        if form == "optional":
            inner = self.tensor()
            template = chance.choice(["{} | None", "Optional[{}]", "None | {}", "Union[None, {}]"])
            return Hint(template.format(inner.source), lambda: None if self.often(3) else inner.value())
        if form == "union":
            inner = self.tensor()
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
            left, right = self.tensor(), self.tensor()
            return Hint(f"Union[{left.source}, {right.source}]", lambda: chance.choice([left, right]).value())
        if form == "list":
            inner = self.tensor()
            return Hint(f"list[{inner.source}]", lambda: [inner.value()] if self.often(2) else [])
        if form == "dict":
            inner = self.tensor()
            return Hint(f"dict[str, {inner.source}]", lambda: {"x": inner.value()})
        if form == "many":
            inner = self.tensor()
            # One item at most, and so in lists: of several, beartype looks at one, by chance.
            return Hint(f"tuple[{inner.source}, ...]", lambda: (inner.value(),) if self.often(2) else ())
        if form == "annotated":
            inner = self.tensor()
            return Hint(f"Annotated[{inner.source}, 'note']", inner.value)
        items = [self.tensor() for _ in range(chance.choice([2, 1, 3]))]
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
            changed, at = list(value), chance.randrange(len(value))
            changed[at] = self.perturbed(changed[at])
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
