"""Tests of shapes: inputs at telling sizes, contracts, audits."""

from typed_einsum.testing.audit import Finding
from typed_einsum.testing.contract import assert_contract, check_contract, contract
from typed_einsum.testing.lint import lint
from typed_einsum.testing.report import Report

__all__ = ["Finding", "Report", "assert_contract", "check_contract", "contract", "lint"]
