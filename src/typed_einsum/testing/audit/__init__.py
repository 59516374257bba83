"""What happens to each axis while a function runs: every tensor operation is watched and judged by rules."""

from typed_einsum.testing.audit.findings import Finding, Severity
from typed_einsum.testing.audit.watch import Watch

__all__ = ["Finding", "Severity", "Watch"]
