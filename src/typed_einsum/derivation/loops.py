"""The contraction as loops: Python that runs on whatever is indexed as `A[b, q, d]`."""

from __future__ import annotations

from collections.abc import Sequence

from typed_einsum.derivation.subject import Subject, SymbolicTensor
from typed_einsum.derivation.variables import Variables, variables


def loops_source(subject: Subject) -> str:
    """The source of loops that fill the result, a dict from index to number."""
    names = variables(subject)
    lines = [f"{names.result} = {{}}"]
    depth = 0

    def add(line: str) -> None:
        lines.append(f"{'    ' * depth}{line}")

    def open_loops(labels: Sequence[str]) -> None:
        nonlocal depth
        for label in labels:
            add(f"for {names.axes[label]} in range({_size(subject, names, label)}):")
            depth += 1

    term = " * ".join(
        _entry(variable, operand, names)
        for variable, operand in zip(names.operands, subject.operands, strict=True)
    )
    open_loops(subject.result.labels)
    kept = depth
    if subject.maximised:
        add('best = float("-inf")')
        open_loops(subject.maximised)
    outside = depth
    if subject.summed:
        add("total = 0")
        open_loops(subject.summed)
        add(f"total += {term}")
        depth, term = outside, "total"
    if subject.maximised:
        add(f"best = max(best, {term})")
        depth, term = kept, "best"
    add(f"{_entry(names.result, subject.result, names)} = {term}")
    return "\n".join(lines) + "\n"


def _entry(variable: str, tensor: SymbolicTensor, names: Variables) -> str:
    return f"{variable}[{', '.join(names.axes[label] for label in tensor.labels) or '()'}]"


def _size(subject: Subject, names: Variables, label: str) -> str:
    """The size as a number, or asked of a tensor that has the axis."""
    size = subject.sizes.get(label)
    if size is not None:
        return str(size)
    at = subject.by_label[label].holders[0]
    return f"{names.operands[at]}.shape[{subject.operands[at].labels.index(label)}]"
