"""Objects to call methods on: a class is built from its defaults and from guesses at what it needs."""

from __future__ import annotations

import ast
import functools
import inspect
import re
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from inspect import Parameter
from itertools import islice
from time import monotonic
from typing import Any, ClassVar

import torch
from torch import nn

from typed_einsum.annotations import AnyHint, Hint, NotDescribed, read_hint
from typed_einsum.decorate.resolution import Unresolved, resolved_annotations
from typed_einsum.testing.inputs.draw import Draw, remember_stand_ins
from typed_einsum.testing.inputs.isolation import Stopped, isolated
from typed_einsum.testing.inputs.names import CONFIG, CONFIG_CLASS, counts_entries, role_of, says
from typed_einsum.testing.inputs.recipe import CannotMake, Recipe
from typed_einsum.testing.process.outcome import first_line

SIZES: Mapping[str, tuple[int, ...]] = {
    "width": (48, 72, 120, 168, 264, 312, 408, 456),
    "count": (2, 3, 4, 6, 8, 12),
    "head width": (16, 32, 64),
    "image": (24, 36, 60),
    "length": (512, 640, 768),
    "vocabulary": (552, 696, 744),
    "exponent": (4, 5),
    "kernel": (3,),
    "one": (1,),
    "position": (0,),
    "base": (10000,),
}
"""Whole numbers by the role of their parameter, in the order of the parameters.

Widths are 24 times a prime each, so that no two agree and all counts divide them.
"""

FALLING = (8, 4, 2, 12, 6, 3)
"""Counts of which a later one may divide an earlier, such as groups that share heads."""

MOST_TRIES, LONG = 40, 5.0
"""How often a constructor is called with other guesses, and after how many seconds no more."""


@dataclass(frozen=True)
class Plan:
    """Which guesses a constructor is called with: `picks` are other candidates than the first, by name.

    `extra` are parameters under `**kwargs` that an error has asked for.
    """

    counts: tuple[int, ...] = SIZES["count"]
    keeps_ones: bool = False
    equal: bool = False
    picks: Mapping[str, int] = field(default_factory=dict)
    extra: tuple[str, ...] = ()


@dataclass
class Guess(Draw):
    """Sizes for constructors, by what their parameters are called; `tried` counts each one's candidates."""

    constructs: ClassVar[bool] = True
    plan: Plan = Plan()
    tried: dict[str, int] = field(init=False, default_factory=dict)
    building: list[type] = field(init=False, default_factory=list)
    _left: dict[str, Iterator[int]] = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._left = {role: iter(sizes) for role, sizes in {**SIZES, "count": self.plan.counts}.items()}

    def small(self, name: str) -> int:
        """The size of a parameter: all integers of a constructor are ones that no tensor shows."""
        if name not in self.sizes:
            role = role_of(name) or "width"
            equal = self.plan.equal and role == "width"
            self.sizes[name] = SIZES[role][0] if equal else next(self._left[role], SIZES[role][0])
        return self.sizes[name]

    def choose(self, name: str, candidates: Sequence[Callable[[], Any]]) -> Any:
        """The candidate that the plan picks."""
        self.tried[name] = len(candidates)
        return self.guess(name, candidates[min(self.plan.picks.get(name, 0), len(candidates) - 1)]())

    def replaces(self, name: str, default: object) -> bool:
        """A count of 1 is built as another number: a mistake about an axis of 1 broadcasts."""
        return default == 1 and type(default) is int and not self.plan.keeps_ones and counts_entries(name)

    def texts(self, name: str) -> tuple[str, ...]:
        """The texts that the constructor compares a parameter with."""
        return _compared(self.building[-1], name) if self.building else ()

    def classes(self, name: str) -> tuple[type, ...]:
        """The classes beside the one that is built of which a parameter may take an object, by its name."""
        return _configurations(self.building[-1]) if self.building and says(CONFIG, name) else ()


def build(kind: type, device: str) -> Any:
    """An object of a class, its tensors on a device. Raises `CannotMake` where no guess works."""
    try:
        return _Search(kind, device).object()
    except CannotMake as error:
        raise CannotMake(f"cannot build {kind.__name__}: {error}") from error


def constructed(kind: type, draw: Draw, name: str) -> Any:
    """An object of a class for a parameter, its own arguments at the sizes of the draw."""
    guess = draw if isinstance(draw, Guess) else Guess(on=draw.on)
    if kind in guess.building:
        raise CannotMake(f"a `{kind.__name__}` needs another `{kind.__name__}`")
    guess.building.append(kind)
    try:
        bound = recipe_of(kind).make(guess)
        return kind(*bound.args, **bound.kwargs)
    except CannotMake as error:
        raise CannotMake(f"nothing says how to make `{name}`, a `{kind.__name__}`: {error}") from error
    finally:
        guess.building.pop()


@dataclass(frozen=True)
class _Failure:
    """A call of a constructor that failed: with which plan and arguments, and the line that it reached."""

    plan: Plan
    tried: Mapping[str, int]
    call: str
    error: BaseException
    line: int
    source: str

    def blames(self, name: str) -> bool:
        """Whether the line that failed speaks of a parameter."""
        return re.search(rf"\b{re.escape(name)}\b", f"{self.source} {self.error}") is not None


@dataclass
class _Search:
    """Calls of a constructor, each with other guesses, until one comes through."""

    kind: type
    device: str

    def object(self) -> Any:
        """The object that is built. Raises `CannotMake`, with the call that came furthest."""
        begun, best = monotonic(), None
        seen: list[Plan] = []
        plans = [Plan(), Plan(counts=FALLING), Plan(keeps_ones=True), Plan(counts=FALLING, keeps_ones=True)]
        while plans and len(seen) < MOST_TRIES and monotonic() - begun < LONG:
            plan = plans.pop(0)
            if plan in seen:
                continue
            seen.append(plan)
            made = self._called(plan)
            if not isinstance(made, _Failure):
                return made
            if isinstance(made.error, Stopped):
                best = made
                break
            if best is None or made.line > best.line:
                best = made
            if not plans:
                plans = [each for each in _neighbours(best) if each not in seen]
        assert best is not None
        raise CannotMake(f"{best.call} raised {first_line(best.error)}") from best.error

    def _called(self, plan: Plan) -> Any:
        draw = Guess(on=self.device, plan=plan)
        draw.building.append(self.kind)
        bound = recipe_of(self.kind, plan.extra).make(draw)
        try:
            with torch.device(self.device), isolated():
                made = self.kind(*bound.args, **bound.kwargs)
        except (Exception, SystemExit, Stopped) as error:  # the constructor is the user's
            return _Failure(plan, draw.tried, _call(self.kind, bound), error, *_reached(self.kind, error))
        remember_stand_ins(self.kind, draw.stand_ins)
        return made


def _neighbours(failure: _Failure) -> Iterator[Plan]:
    """Plans with one guess changed, first of those parameters that the failing line speaks of."""
    plan = failure.plan
    missing = re.findall(r"missing \d+ required .*?: (.*)", str(failure.error))
    names = re.findall(r"'(\w+)'", missing[0] if missing else "")
    names += (
        [str(failure.error.args[0])] if isinstance(failure.error, KeyError) and failure.error.args else []
    )
    if fresh := [name for name in names if name.isidentifier() and name not in plan.extra]:
        yield replace(plan, extra=(*plan.extra, *fresh))
    for name in sorted(failure.tried, key=lambda name: not failure.blames(name)):
        for pick in range(failure.tried[name]):
            if pick != plan.picks.get(name, 0):
                yield replace(plan, picks={**plan.picks, name: pick})
    yield replace(plan, equal=True)


def _reached(kind: type, error: BaseException) -> tuple[int, str]:
    """The line of the class's own code that a failed call came to, with its text."""
    try:
        file = inspect.getfile(kind)
    except (OSError, TypeError):
        return 0, ""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return (frames[0].lineno or 0, frames[-1].line or "") if frames else (0, "")


@functools.lru_cache(maxsize=512)
def recipe_of(kind: type, extra: tuple[str, ...] = ()) -> Recipe:
    """How the arguments of a constructor are made. Raises `CannotMake` for a class without objects."""
    if getattr(kind, "_is_protocol", False):
        raise CannotMake("it is a Protocol, which says what others have: pass an object of a real class")
    if inspect.isabstract(kind):
        raise CannotMake("it is an abstract class: check a class that inherits from it")
    try:
        signature = inspect.signature(kind)
    except (TypeError, ValueError) as error:
        raise CannotMake(f"its constructor has no signature: {error}") from error
    further = [Parameter(name, Parameter.KEYWORD_ONLY) for name in extra if name not in signature.parameters]
    last = [each for each in signature.parameters.values() if each.kind is Parameter.VAR_KEYWORD]
    named = [each for each in signature.parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
    signature = signature.replace(parameters=[*named, *further, *last])
    annotations = _annotations(kind, signature)
    hints = {name: _hint(annotations.get(name, Any)) for name in signature.parameters}
    return Recipe(signature, hints, annotations=annotations)


def _annotations(kind: type, signature: inspect.Signature) -> Mapping[str, Any]:
    """The types of a constructor's parameters; one that does not resolve counts as not written."""
    found = resolved_annotations(_constructor(kind), {})
    for name, parameter in signature.parameters.items():
        if not isinstance(parameter.annotation, str):  # also of signatures that a library has made
            found.setdefault(name, parameter.annotation)
    return {
        name: annotation
        for name, annotation in found.items()
        if not isinstance(annotation, Unresolved) and annotation is not Parameter.empty
    }


def _constructor(kind: type) -> Any:
    for base in kind.__mro__:
        if base is not object and (own := vars(base).get("__init__") or vars(base).get("__new__")):
            return getattr(own, "__func__", own)
    return object.__init__


def _hint(annotation: Any) -> Hint:
    try:
        return read_hint(annotation)
    except NotDescribed:
        return AnyHint()


@functools.lru_cache(maxsize=512)
def _compared(kind: type, name: str) -> tuple[str, ...]:
    """The texts that a class's source compares a name with, in the order of the source."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    except (OSError, TypeError, SyntaxError):
        return ()
    compared = [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    held = [
        node
        for node in compared
        if name in {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    ]
    constants = [each for node in held for each in ast.walk(node) if isinstance(each, ast.Constant)]
    return tuple(dict.fromkeys(each.value for each in constants if isinstance(each.value, str)))


@functools.lru_cache(maxsize=512)
def _configurations(kind: type) -> tuple[type, ...]:
    """The classes of configurations in a class's module, first those that have its name in theirs."""
    around = vars(sys.modules.get(kind.__module__, inspect))
    classes = [each for each in around.values() if isinstance(each, type) and not issubclass(each, nn.Module)]
    found = [each for each in classes if says(CONFIG_CLASS, each.__name__)]
    return tuple(sorted(found, key=lambda each: not each.__name__.lower().startswith(kind.__name__.lower())))


def _call(kind: type, bound: inspect.BoundArguments) -> str:
    listed = ", ".join(f"{name}={value!r}" for name, value in islice(bound.arguments.items(), 8))
    return f"{kind.__name__}({listed})"
