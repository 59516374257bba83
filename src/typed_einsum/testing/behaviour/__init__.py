"""What a change of the input does to the result: samples, promises, and a reference to compare with.

Shapes say nothing here, so a call runs on real numbers, and is compared with other runs of itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from typed_einsum.diagnostics import Place
from typed_einsum.testing.audit import Finding
from typed_einsum.testing.audit.findings import Severity
from typed_einsum.testing.behaviour import matching, promised, references, samples
from typed_einsum.testing.calls.call import Call
from typed_einsum.testing.contracts.promises import Promises


def behaviour(call: Call, promises: Promises, place: Place) -> Iterator[Finding]:
    """Everything that needs numbers; `place` is where the function is defined."""
    if call.outputs(call.arguments) is None:
        return
    found: list[tuple[str, Severity, str]] = []
    random = call.is_random()
    found += samples.leaks(call, promises.couples or (), random)
    found += promised.broken(call, promises)
    if not random:
        found += matching.unmatched(call)
        if promises.reference is not None:
            found += references.differences(call, promises.reference)
    for code, severity, message in found:
        yield Finding(code, severity, message, place.file, place.line, place.column or 1)
