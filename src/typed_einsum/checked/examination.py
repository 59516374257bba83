"""The values of one call, held against their hints by the solver.

This is the slow path: it decides on what generated checks do not accept, and raises the error.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

from torch.compiler import is_dynamo_compiling

from typed_einsum.annotations import (
    ABSENT,
    AnyHint,
    BeartypeHint,
    DictHint,
    Hint,
    JudgedHint,
    ListHint,
    OptionalHint,
    PlainHint,
    RecordHint,
    TensorHint,
    TupleHint,
    UnionHint,
    spelled_hint,
)
from typed_einsum.annotations.judging import Judge
from typed_einsum.annotations.records import field_value, instances_of, is_keyed
from typed_einsum.checked.fields import with_fields_read
from typed_einsum.diagnostics import Diagnostic
from typed_einsum.equation.axes import Expression
from typed_einsum.equation.expressions import NotArithmetic, Unknown, expression_of
from typed_einsum.errors import ArgumentError, DtypeError, ShapeError, TypedEinsumError
from typed_einsum.messages import (
    Held,
    Locate,
    code_for,
    dtype_repair,
    dtype_summary,
    facts,
    kind_of,
    shape_error,
    title,
    type_repair,
    verb,
    with_article,
)
from typed_einsum.scopes.scope import names_of, take_names
from typed_einsum.solver import Bindings, Conflict
from typed_einsum.solver.labels import is_result, root_of
from typed_einsum.solver.together import bind_all, bind_first, solve_rest, without_expressions
from typed_einsum.tensors import described, dtype_of, is_tensor, short
from typed_einsum.tracing import end_the_trace

MOST_SHOWN = 8
"""Tensors that a message lists; of more, it lists those that disagree."""


class Examined(Protocol):
    """What an examination needs to know of the function."""

    @property
    def locate(self) -> Locate:
        """Finds axes in the annotations of the function."""

    def judge_of(self, names: tuple[str, ...], fields: Mapping[str, Any]) -> Judge:
        """jaxtyping and beartype for the annotations of these parameters, or of the result, and of fields."""


class Examination:
    """The values of one call, or its result, while they are held against their hints."""

    def __init__(self, checked: Examined, bindings: Bindings, beside: Sequence[Held] = ()) -> None:
        self._checked = checked
        self._bindings = bindings
        self._beside = beside
        self._held: list[Held] = []
        self._unions: list[tuple[str, UnionHint, Any]] = []
        self._judged: dict[str, Any] = {}
        self._fields: dict[str, Any] = {}

    def collect(self, label: str, hint: Hint, value: Any) -> None:
        """Take a value in. Raises where its type, or the dtype of a tensor in it, is wrong."""
        for at, leaf, part in self._leaves(label, hint, value):
            match leaf:
                case TensorHint():
                    self._collect_tensor(label, value, self._checked_tensor(at, leaf, part))
                case UnionHint():
                    self._unions.append((at, leaf, part))
                case JudgedHint(annotation):
                    self._judged[at] = part
                    if at != root_of(at):
                        self._fields[at] = annotation

    def bind(self, integers: Mapping[str, int]) -> list[Held]:
        """Bind the names of all arguments; returns tensors whose expressions still lack a name.

        A union is decided when the names of all else are bound. Raises what is wrong.
        """
        unfinished = self._bind_members()
        conflicts, rest = solve_rest([item.tensor for item in unfinished], self._bindings, integers)
        self._refuse(conflicts, self._held)
        self._judge()
        return [item for item in unfinished if item.tensor in rest]

    def finish(self, unfinished: Sequence[Held], shown: Sequence[Held]) -> None:
        """Raise what is wrong with a result, and with arguments whose expressions still lack a name."""
        conflicts = bind_all([item.tensor for item in self._held], self._bindings)
        if not conflicts:
            self._choose_members()
            conflicts = bind_all([item.tensor for item in unfinished], self._bindings)
        self._refuse(conflicts, [*shown, *self._held])
        self._judge()

    def _bind_members(self) -> list[Held]:
        conflicts, rest = bind_first([item.tensor for item in self._held], self._bindings)
        self._refuse(conflicts, self._held)
        return [item for item in self._held if item.tensor in rest] + self._choose_members()

    def _collect_tensor(self, label: str, value: Any, item: Held) -> None:
        if not _is_arithmetic(item, self._bindings.arguments):
            self._judged[label] = value
            item = Held(without_expressions(item.tensor), item.value)
        self._held.append(item)

    def _choose_members(self) -> list[Held]:
        return [item for union in self._unions for item in self._choose(*union)]

    def _choose(self, label: str, union: UnionHint, value: Any) -> list[Held]:
        """Bind the names of the first member that the value fits."""
        refusals: list[tuple[Hint, TypedEinsumError]] = []
        for member in union.members:
            bindings = self._bindings.copy()
            trial = Examination(self._checked, bindings, self._held)
            try:
                trial.collect(label, member, value)
                unfinished = trial._bind_members()
                trial._judge()
            except TypedEinsumError as error:
                refusals.append((member, error))
                continue
            self._bindings.replace_by(bindings)
            return unfinished
        raise self._no_member(label, union, value, refusals)

    def _judge(self) -> None:
        """Have jaxtyping and beartype judge what only they can."""
        if not self._judged:
            return
        names = names_of(self._bindings)
        parameters = dict.fromkeys(root_of(label) for label in self._judged if label not in self._fields)
        judge = self._checked.judge_of(tuple(parameters), self._fields)
        complaint = judge.complaint(self._judged, names, self._bindings.arguments)
        if complaint is not None:
            label, reason = complaint
            annotation = spelled_hint(JudgedHint(judge.annotation_of(label)))
            raise self._wrong_type(label, self._judged[label], annotation, notes=(reason,))
        take_names(self._bindings, names, next(iter(self._judged)))

    def _refuse(self, conflicts: Sequence[Conflict], held: Sequence[Held]) -> None:
        if not conflicts:
            return
        held = [*self._beside, *held]
        if len(held) > MOST_SHOWN:
            labels = {conflict.tensor.label for conflict in conflicts}
            labels |= {conflict.origin.label for conflict in conflicts if hasattr(conflict, "origin")}
            held = [item for item in held if item.tensor.label in labels]
        raise shape_error(conflicts, held, self._checked.locate, self._bindings)

    def _leaves(self, label: str, hint: Hint, value: Any) -> Iterator[tuple[str, Hint, Any]]:
        """The parts of a value that are tensors, or that a union or jaxtyping decides on."""
        match hint:
            case AnyHint():
                return
            case PlainHint() | BeartypeHint():
                if not hint.accepts(value):
                    raise self._wrong_type(label, value, spelled_hint(hint))
            case OptionalHint(inner, others):
                if not any(other.accepts(value) for other in others):
                    yield from self._leaves(label, inner, value)
            case TupleHint(items):
                self._require_tuple(label, items, value)
                for index, (item, part) in enumerate(zip(items, value, strict=True)):
                    yield from self._leaves(f"{label}[{index}]", item, part)
            case ListHint(kind, item):
                self._require(label, hint, isinstance(value, kind), value)
                # What can be read once alone, such as a generator, is left to its reader.
                for index, part in enumerate(value if isinstance(value, Collection) else ()):
                    yield from self._leaves(f"{label}[{index}]", item, part)
            case DictHint(kind, key, item):
                self._require(label, hint, isinstance(value, kind), value)
                for name, part in value.items():
                    yield from self._leaves(f"a key of {title(label)}", key, name)
                    yield from self._leaves(f"{label}[{name}]", item, part)
            case RecordHint(kind):
                self._require(label, hint, isinstance(value, instances_of(kind)), value)
                for at, part, found in self._fields_of(label, hint, value):
                    yield from self._leaves(at, part, found)
            case TensorHint() | UnionHint() | JudgedHint():
                yield label, hint, value

    def _fields_of(self, label: str, hint: RecordHint, value: Any) -> Iterator[tuple[str, Hint, Any]]:
        """The fields of a record that are checked, each with its label. Raises where a key is missing."""
        for field in hint.fields.values():
            found = field_value(value, field.name) if field.has_tensors else ABSENT
            if found is ABSENT and field.has_tensors and field.is_required:
                raise self.lacks(label, hint, field.name)
            if found is not ABSENT and found is not field.default:
                at = f"{label}[{field.name}]" if is_keyed(hint.kind) else f"{label}.{field.name}"
                yield at, with_fields_read(field.hint, value), found

    def lacks(self, label: str, hint: RecordHint, name: str) -> ArgumentError:
        place = self._checked.locate(label, None, "").place
        summary = f"{title(label)} has no `{name}`, which `{spelled_hint(hint)}` requires"
        repair = f"{verb(label)} it with a value for `{name}`, or annotate the key as `NotRequired`"
        code = "TE407" if is_result(label) else "TE406"
        return ArgumentError(Diagnostic(code, summary, place, help=repair))

    def _checked_tensor(self, label: str, hint: TensorHint, value: Any) -> Held:
        if not isinstance(value, hint.kind):
            raise self._not_a_tensor(label, hint, value)
        item = Held.of(label, hint.axes, value)
        if hint.dtypes is None or dtype_of(value) in hint.dtypes:
            return item
        _say_in_a_trace(label)
        at = self._checked.locate(label, None, f"{short(dtype_of(value))} here")
        code = "TE305" if is_result(label) else "TE301"
        repair = dtype_repair(label, hint.dtypes, dtype_of(value))
        summary = dtype_summary(label, value, hint.dtype_name)
        raise DtypeError(Diagnostic(code, summary, at.place, at.marks, facts([item]), repair))

    def _not_a_tensor(self, label: str, hint: TensorHint, value: Any) -> TypedEinsumError:
        if is_result(label) or is_tensor(value):
            return self._wrong_type(label, value, str(hint))
        _say_in_a_trace(label)
        at = self._checked.locate(label, None, f"{kind_of(value)} here")
        summary = f"{title(label)} is not a tensor but {with_article(described(value))}"
        repair = f"pass a torch.Tensor: torch.as_tensor({code_for(label)}) makes one"
        if value is None:
            repair = f"pass a tensor, or allow None in the annotation: `{hint} | None`"
        return DtypeError(Diagnostic("TE304", summary, at.place, at.marks, help=repair))

    def _require(self, label: str, hint: Hint, is_right: bool, value: Any) -> None:
        if not is_right:
            raise self._wrong_type(label, value, spelled_hint(hint))

    def _require_tuple(self, label: str, items: Sequence[Hint], value: Any) -> None:
        wanted = f"a tuple of {len(items)}"
        if not isinstance(value, tuple):
            raise self._wrong_type(label, value, wanted)
        if len(value) != len(items):
            raise self._wrong_type(label, value, wanted, found=f"a tuple of {len(value)}")

    def _wrong_type(
        self, label: str, value: Any, wanted: str, *, found: str | None = None, notes: Sequence[str] = ()
    ) -> ArgumentError:
        _say_in_a_trace(label)
        place = self._checked.locate(label, None, "").place
        asked = wanted if wanted.startswith("a tuple") else f"`{wanted}`"
        got = found or with_article(described(value))
        summary = f"{title(label)} is {got}, but its annotation is {asked}"
        repair = type_repair(label, wanted, value)
        code = "TE407" if is_result(label) else "TE406"
        return ArgumentError(Diagnostic(code, summary, place, notes=tuple(notes), help=repair))

    def _no_member(
        self, label: str, union: UnionHint, value: Any, refusals: Sequence[tuple[Hint, TypedEinsumError]]
    ) -> TypedEinsumError:
        """The error for a value that fits no member: that of the one member whose rank it has, if one."""
        sizes = [error for _, error in refusals if isinstance(error, ShapeError) and error.code != "TE202"]
        if len(sizes) == 1:
            return sizes[0]
        notes = [f"{spelled_hint(member)}: {error.diagnostic.summary}" for member, error in refusals]
        shapes = any(isinstance(error, ShapeError) for _, error in refusals)
        return self._wrong_type(label, value, spelled_hint(union), notes=notes if shapes else ())


def _say_in_a_trace(label: str) -> None:
    """End a trace that is running; what follows says more, and cannot be traced."""
    if is_dynamo_compiling():
        end_the_trace(f"{title(label)} is not what its annotation says")


def _is_arithmetic(item: Held, arguments: Mapping[str, Any]) -> bool:
    """Whether what the fields of a tensor's expressions hold leaves arithmetic on sizes."""
    for axis in item.tensor.axes:
        if isinstance(axis, Expression) and "{" in axis.text:
            try:
                expression_of(axis.text, arguments)
            except NotArithmetic:
                return False
            except Unknown:
                continue
    return True
