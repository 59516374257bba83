"""What a rule yields."""

from __future__ import annotations

from typed_einsum.testing.audit.findings import Severity

Found = tuple[str, Severity, str, tuple[str, int]]
"""A code, how sure, a sentence, and the file and line."""
