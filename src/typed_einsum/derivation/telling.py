"""The derivation in words: the sections of its first five steps, and all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typed_einsum.derivation.consequences import cost_blocks, example_blocks, gradient_blocks
from typed_einsum.derivation.document import (
    STEPS,
    AxisName,
    Block,
    Code,
    Line,
    Listing,
    Math,
    Picture,
    RoleWord,
    Section,
    SectionName,
    Table,
    axes,
    paragraph,
)
from typed_einsum.derivation.subject import Role, Subject, why
from typed_einsum.derivation.variables import variables
from typed_einsum.diagnostics import Diagnostic
from typed_einsum.errors import ArgumentError
from typed_einsum.plan.price import UNKNOWN_SIZE

if TYPE_CHECKING:
    from typed_einsum.derivation import Derivation
    from typed_einsum.derivation.matrices import Matrices

TITLES: dict[SectionName, str] = {
    "notation": "In index notation",
    "axes": "The axes",
    "loops": "As loops",
    "vectors": "As vectors",
    "matrices": "As matrices",
    "cost": "What it costs",
    "gradients": "Gradients",
    "example": "A small example",
    "picture": "As a picture",
    "thumbnail": "As a small picture",
}


def sections(derivation: Derivation, steps: Sequence[str] | None = None) -> tuple[Section, ...]:
    """The sections of these steps, in the order of the derivation. Raises `ArgumentError` (TE402)."""
    unknown = [step for step in steps or () if step not in TITLES]
    if unknown:
        summary = f"`{unknown[0]}` is not a step of a derivation"
        raise ArgumentError(Diagnostic("TE402", summary, help=f"the steps are {', '.join(TITLES)}"))
    wanted = STEPS if steps is None else [step for step in TITLES if step in steps]
    return tuple(Section(step, TITLES[step], _blocks(derivation, step)) for step in wanted)


def _blocks(derivation: Derivation, step: SectionName) -> tuple[Block, ...]:
    subject = derivation.subject
    match step:
        case "notation":
            return (Math(derivation.notation), paragraph(_notation_words(subject)))
        case "axes":
            return _axes_blocks(subject)
        case "loops":
            said = "The definition, one number at a time. It runs on anything indexed in this way."
            return (paragraph(said), Listing(derivation.loops.rstrip()))
        case "vectors":
            return tuple(paragraph(text) for text in _vector_words(derivation))
        case "matrices":
            return _matrix_blocks(derivation.matrices, subject)
        case "cost":
            return cost_blocks(derivation)
        case "gradients":
            return gradient_blocks(derivation)
        case "example":
            return example_blocks(derivation)
        case "picture":
            return (Picture("wires"), Picture("network"))
        case "thumbnail":
            return (Picture("thumbnail"),)


def sentence(derivation: Derivation) -> str:
    """What one entry of the result is, as marked text."""
    subject, vectors = derivation.subject, derivation.vectors
    slices = [f"`{part}`" for part in vectors.slices]
    listed = " and ".join([", ".join(slices[:-1]), slices[-1]] if len(slices) > 1 else slices)
    along = f", along {axes(vectors.along)}" if vectors.along else ""
    what = {
        "dot": ("the dot product of", "the dot products of"),
        "product": ("the product of", "the products of"),
        "sum": ("the sum of", "the sums of"),
        "copy": ("the entry", "the entries"),
        "many": ("the sum of products of" if along else "the product of", "the products of"),
    }[vectors.kind]
    entry = f"`{_entry(subject, subject.result.labels)}`"
    if not subject.maximised:
        return f"{entry} is {what[0]} {listed}{along}."
    return f"{entry} is the largest, over {axes(subject.maximised)}, of {what[1]} {listed}{along}."


def _entry(subject: Subject, labels: Sequence[str]) -> str:
    """An entry of the result, with the variables of axes that slices of the operands have."""
    axis = variables(subject).axes
    return f"{subject.result.symbol}[{', '.join(axis[label] for label in labels) or '()'}]"


def hint(derivation: Derivation, step: SectionName) -> str:
    """What a step will show, in a few words beside its heading."""
    subject, totals = derivation.subject, derivation.cost.totals
    match step:
        case "axes":
            return ", ".join(dict.fromkeys(index.role.value for index in subject.indices))
        case "loops":
            return _counted(len(subject.indices), "loop")
        case "vectors":
            return _length(subject, derivation.vectors.along) if derivation.vectors.along else ""
        case "matrices":
            return _counted(len(derivation.matrices.steps), "operation")
        case "cost" if totals is not None:
            return f"{totals.multiply_adds:,} multiply-adds" if totals.multiply_adds else ""
        case _:
            return ""


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _notation_words(subject: Subject) -> str:
    said = []
    if subject.result.labels:
        said.append(f"There is one number for each {axes(subject.result.labels)}.")
    else:
        said.append("The result is one number.")
    if subject.summed:
        said.append(f"Summed away: {axes(subject.summed)}.")
    if subject.maximised:
        said.append(f"Then the largest over {axes(subject.maximised)} is kept.")
    if not subject.summed and not subject.maximised:
        said.append("Nothing is summed.")
    return " ".join(said)


def _axes_blocks(subject: Subject) -> tuple[Block, ...]:
    if not subject.indices:
        return (paragraph("No operand has an axis: they are single numbers."),)
    rows: list[tuple[Line, ...]] = [
        (
            (AxisName(index.label),),
            ("any" if index.size is None else str(index.size),),
            (RoleWord(index.role.value), _of_which(subject, index.role, index.holders)),
            (why(subject, index),),
        )
        for index in subject.indices
    ]
    return (Table("Each axis with its role", ("axis", "size", "role", "why"), tuple(rows), (1,)),)


def _of_which(subject: Subject, role: Role, holders: tuple[int, ...]) -> str:
    return f" of {subject.operands[holders[0]].symbol}" if role in (Role.FREE, Role.LONE) else ""


def _vector_words(derivation: Derivation) -> list[str]:
    subject, vectors = derivation.subject, derivation.vectors
    if subject.maximised:
        entry = f"the candidate for {axes(subject.maximised)}"
        closing = [f"`{_entry(subject, subject.result.labels)}` is the largest candidate."]
    else:
        entry, closing = f"`{_entry(subject, vectors.fixed)}`", []
    slices = [f"`{part}`" for part in vectors.slices]
    along = axes(vectors.along)
    match vectors.kind:
        case "dot":
            told = [f"{_capital(entry)} is the dot product of {slices[0]} and {slices[1]}, along {along}."]
            length = _length(subject, vectors.along)
            told.append(
                f"Both vectors have {length}. Their dot product is the product of their lengths and the "
                "cosine of the angle between them: large where they point the same way, 0 where they are at "
                "right angles, negative where they oppose each other. Between vectors of length 1 it is "
                "their cosine similarity."
            )
            told += _weights_words(derivation)
        case "product":
            told = [
                f"{_capital(entry)} is a product of two numbers, {slices[0]} and {slices[1]}.",
                "Nothing is summed.",
            ]
        case "sum":
            told = [f"{_capital(entry)} is the sum of the entries of {slices[0]}, along {along}."]
            told.append("It is the dot product of that vector with a vector of ones.")
        case "copy":
            told = [f"{_capital(entry)} is one entry, {slices[0]}: the numbers move, nothing is computed."]
        case "many":
            listed = ", ".join(slices[:-1]) + f" and {slices[-1]}"
            across = f", summed over {along}" if vectors.along else ""
            told = [
                f"{_capital(entry)} is a product with one factor from each of {listed}{across}. Two operands "
                "at a time, these are dot products or products of numbers again: the matrices show which."
            ]
    return [*told, f"In torch: `{vectors.code}`", *closing]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _length(subject: Subject, along: Sequence[str]) -> str:
    if any(label not in subject.sizes for label in along):
        return f"one entry for each {axes(along)}"
    number = 1
    for label in along:
        number *= subject.sizes[label]
    return f"{number:,} {'entry' if number == 1 else 'entries'}"


def _weights_words(derivation: Derivation) -> list[str]:
    """The second reading of a dot product: rows of one operand weigh the vectors of the other."""
    subject, vectors = derivation.subject, derivation.vectors
    if vectors.weights is None:
        return []
    weights, other = subject.operands[vectors.weights], subject.operands[1 - vectors.weights]
    return [
        f"Read the other way: along {axes(vectors.along)}, the numbers in `{weights.symbol}` weigh the "
        f"vectors of `{other.symbol}`, and the result is their weighted sum."
    ]


def _matrix_blocks(matrices: Matrices, subject: Subject) -> tuple[Block, ...]:
    if not matrices.steps:
        return (paragraph("There is nothing to do: the result is the operand as it stands."),)
    blocks: list[Block] = []
    if len(subject.operands) > 2:
        path: tuple[tuple[Line, ...], ...] = tuple(
            (
                (f"{number}",),
                (Code(pair.left[0]), " (", *_labels(pair.left[1]), ")"),
                (Code(pair.right[0]), " (", *_labels(pair.right[1]), ")"),
                _labels(pair.contracted) or ("nothing",),
                (Code(pair.target),),
            )
            for number, pair in enumerate(matrices.pairs, 1)
        )
        said = "Two operands are contracted at a time, in the order with the least work."
        if not subject.is_sized:
            said += f" Sizes that are not given count as {UNKNOWN_SIZE} in that choice."
        blocks.append(paragraph(said))
        head = ("pair", "left", "right", "summed", "gives")
        blocks.append(Table("The path, pair by pair", head, path))
    rows: tuple[tuple[Line, ...], ...] = tuple(
        (
            (Code(step.target),),
            (step.operation,),
            (step.purpose,),
            (_shape(step.groups, step.sizes),),
        )
        for step in matrices.steps
    )
    blocks.append(Table("Each operation of the plan", ("value", "operation", "what for", "shape"), rows))
    blocks.append(paragraph("The same as code. This is the plan that runs:"))
    blocks.append(Listing(matrices.source.rstrip()))
    if any(index.broadcasts for index in subject.indices):
        said = "Where a size is 1 and repeats, `torch.einsum` runs instead, to the same result."
        blocks.append(paragraph(said))
    return tuple(blocks)


def _labels(labels: Sequence[str]) -> Line:
    parts: list[str | AxisName] = []
    for label in labels:
        parts += [*([" "] if parts else []), AxisName(label)]
    return tuple(parts)


def _shape(groups: Sequence[tuple[str, ...]], shape: tuple[int, ...] | None) -> str:
    axes = ", ".join("·".join(group) or "1" for group in groups)
    if shape is None:
        return f"({axes})"
    sizes = ", ".join(map(str, shape))
    return f"({axes}) = ({sizes})" if groups else "()"
