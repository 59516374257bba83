"""Watches every call of torch while a function runs, follows the axes, and lets rules judge."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

import typed_einsum
from typed_einsum.locations import shown_path
from typed_einsum.tensors import shape_of
from typed_einsum.testing.audit import reshapes, rules
from typed_einsum.testing.audit.findings import Finding, Found
from typed_einsum.testing.audit.labels import Labels, shown_all
from typed_einsum.testing.audit.notes import Notes
from typed_einsum.testing.audit.operations import VIEWS, Operation, result_labels
from typed_einsum.testing.audit.pieces import pieced
from typed_einsum.testing.audit.repairs import Repair, repair_for

QUIET = {
    *("shape", "dtype", "device", "ndim", "size", "dim", "__len__", "numel", "stride", "is_floating_point"),
    *("requires_grad", "grad", "grad_fn", "is_leaf", "layout", "data", "is_complex", "__repr__", "names"),
    *("is_contiguous", "element_size", "storage_offset", "is_cuda", "is_meta", "itemsize", "nbytes"),
}
"""What only asks a tensor something."""

_FOLDERS = tuple(
    str(Path(found).parent) for found in (torch.__file__, typed_einsum.__file__) if found is not None
)


class Watch(TorchFunctionMode):
    """A mode under which a function runs; afterwards `findings` holds what was seen.

    `repairs` are sizes that would have let a failed call go on, such as a multiple for a split. `calls` are
    those that came through, `failed` shows the last that did not, and `squeezed` says how many axes each
    `squeeze()` without a number has dropped.
    """

    def __init__(self, labels: Labels) -> None:
        super().__init__()
        self.labels = labels
        self.notes = Notes()
        self.findings: list[Finding] = []
        self.repairs: list[Repair] = []
        self.calls = 0
        self.failed = ""
        self.squeezed: dict[tuple[str, int], int] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run one call of torch, and look at it."""
        options = dict(kwargs or {})
        name = _name(func)
        if name in QUIET:
            return func(*args, **options)
        file, line = _place()
        before = Operation(name, args, options, None, file, line)
        self._add(rules.before(before, self.labels))
        try:
            result = func(*args, **options)
        except (RuntimeError, ValueError, IndexError):
            self.repairs += repair_for(before, self.labels)
            self.failed = _shown_call(before, self.labels)
            raise
        self.calls += 1
        operation = Operation(name, args, options, result, file, line)
        if any(0 in shape_of(tensor) for tensor in operation.results):
            return result
        if name == "squeeze" and operation.option("dim", 1) is None:
            self.squeezed[file, line] = len(shape_of(args[0])) - len(shape_of(result))
        self._add(rules.after(operation, self.labels, self.notes))
        sources = [self.labels.of(tensor) for tensor in operation.tensors] if name in VIEWS else []
        mixed = None if pieced(operation, self.labels) else result_labels(func, operation, self.labels)
        if mixed is not None and mixed.is_told:
            labels = self.labels.of(operation.results[0])
            text = reshapes.message(sources[0], labels, mixed)
            self.findings.append(Finding("TE703", "error", text, shown_path(file), line))
        return result

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)  # type: ignore[no-untyped-call]
        self._add(self.notes.doubts())

    def _add(self, found: Iterator[Found]) -> None:
        for code, severity, text, (file, line) in found:
            finding = Finding(code, severity, text, shown_path(file), line)
            if finding not in self.findings:
                self.findings.append(finding)


def _name(func: Any) -> str:
    name = getattr(func, "__name__", "")
    if name in ("__get__", "__set__"):  # an attribute, such as `x.mT`
        return str(getattr(getattr(func, "__self__", None), "__name__", name))
    return str(name)


def _shown_call(operation: Operation, labels: Labels) -> str:
    """A call with the axes of what it was given: `mul` of (b, 1, t) and (b, t, d)."""
    tensors = operation.tensors
    if not tensors or len(tensors) > 3:
        return ""
    operands = " and ".join(shown_all(labels.of(tensor)) for tensor in tensors)
    return f"`{operation.name.strip('_')}` of {operands}"


def _place() -> tuple[str, int]:
    """The innermost line outside torch and this library."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith((*_FOLDERS, "<typed_einsum")):
        if frame.f_back is None:
            break
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno
