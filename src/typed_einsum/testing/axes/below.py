"""Calls below the one that is followed: its symbols reach them, so one run says the shapes of all."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from typed_einsum.checked.signature import CheckedSignature
from typed_einsum.decorate.definition import definition_of
from typed_einsum.testing.axes.shape_env import Asked, Question
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.calls.shapes import sizes_in
from typed_einsum.testing.inputs.arrays import sizes_of_array

Key = tuple[int, Hashable]
"""What tells calls apart: code, by identity, and pattern."""


@dataclass(frozen=True)
class Passed:
    """A call that came through below another: its names as expressions of the symbols.

    Of the `questions` it has asked those from `begun` to `ended`; those before it hold, too.
    """

    sizes: Mapping[str, Any]
    questions: Sequence[Question]
    point: Mapping[str, int]
    begun: int
    ended: int


@dataclass
class Below:
    """Collects calls below those that are followed; `found` has the last of each key."""

    found: dict[Key, Passed] = field(default_factory=dict)
    _env: Asked | None = None
    _drafts: dict[Key, Passed] = field(default_factory=dict)

    @property
    def is_following(self) -> bool:
        """Whether a call is followed now."""
        return self._env is not None

    @contextmanager
    def following(self, env: Asked) -> Iterator[None]:
        """For the length of a block, a call is followed. What it calls is kept if it comes through."""
        self._env = env
        self._drafts = {}
        try:
            yield
            self.found.update(self._drafts)
        finally:
            self._env = None

    def begun(self, key: Key, call: Call, arguments: Mapping[str, Any]) -> Entered | None:
        """Take the beginning of a call below the one that is followed; None if it is not as annotated."""
        env, signature = self._env, _signature_of(call)
        if env is None or signature is None:
            return None
        begun, bound = len(env.questions), signature.bound(arguments)
        try:
            bindings, waiting = signature.examine_arguments(bound)
        except Exception:  # it is judged on its own
            return None
        sizes: dict[str, Any] = dict(sizes_in(call.recipe.hints, arguments))
        for name, array in call.recipe.arrays.items():
            if name in arguments:
                sizes.update(sizes_of_array(array, arguments[name]).sizes)
        sizes.update(bindings.sizes)

        def end(result: Any) -> None:
            signature.examine_result(result, bindings, bound.arguments, waiting)
            ended = len(env.questions)
            self._drafts[key] = Passed(sizes, env.questions, env.sizes, begun, ended)

        return Entered(end)


@dataclass(frozen=True)
class Entered:
    """A call below another, until it returns."""

    end: Callable[[Any], None]

    def returned(self, value: Any) -> Any:
        """Take what the call returns, and give it back."""
        try:
            self.end(value)
        except Exception:  # it is judged on its own, which says more
            return value
        return value


def _signature_of(call: Call) -> CheckedSignature | None:
    definition = definition_of(call.function)
    known = None if definition is None else definition.signature
    return known if isinstance(known, CheckedSignature) else None


_collecting: list[Below] = []


@contextmanager
def collected() -> Iterator[Below]:
    """For the length of a block, what is followed tells of the calls below it."""
    _collecting.append(Below())
    try:
        yield _collecting[-1]
    finally:
        _collecting.pop()


def following(env: Asked) -> AbstractContextManager[object]:
    """For the length of a block, a call is followed, of whose calls those collect that want them."""
    return _collecting[-1].following(env) if _collecting else nullcontext()
