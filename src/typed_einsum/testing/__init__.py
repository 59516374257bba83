"""Tests of shapes: inputs at telling sizes, contracts, audits."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typed_einsum.testing.audit import Finding
    from typed_einsum.testing.contracts.api import assert_contract, check_contract
    from typed_einsum.testing.contracts.lints import lint
    from typed_einsum.testing.contracts.promises import contract
    from typed_einsum.testing.contracts.report import Report
    from typed_einsum.testing.inputs.examples import example_inputs

__all__ = ["Finding", "Report", "assert_contract", "check_contract", "contract", "example_inputs", "lint"]

_HOMES = {
    "Finding": "audit",
    "Report": "contracts.report",
    "assert_contract": "contracts.api",
    "check_contract": "contracts.api",
    "contract": "contracts.promises",
    "example_inputs": "inputs.examples",
    "lint": "contracts.lints",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: the command starts without torch."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
