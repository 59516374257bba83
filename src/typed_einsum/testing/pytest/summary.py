"""For the pytest plugin: what the contracts of a run come to, in one line."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import pytest

AXES, ADVICE = "shape_contract_axes", "shape_contract_advice"
"""Properties of a contract's report: they reach the process that prints the summary, also from a worker."""


@dataclass
class Summary:
    """Counts what reports say of contracts, those that workers send included, and prints the summary line.

    `item` is what the node id of a contract holds, and no other.
    """

    item: str
    checked: int = 0
    skipped: int = 0
    axes: int = 0
    advised: int = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count one report."""
        if self.item not in report.nodeid:
            return
        said = dict(report.user_properties)
        if report.skipped and not hasattr(report, "wasxfail"):
            self.skipped += 1
        elif report.when == "call":
            self.checked += 1
            self.axes += len(str(said.get(AXES, "")).split())
            self.advised += ADVICE in said

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Say on a contract's report what was covered; of one that is skipped, where its annotation is."""
        report = yield
        if self.item in item.nodeid and report.when == "call":
            axes, advice = getattr(item, "axes", ()), getattr(item, "advice", "")
            report.user_properties.append((AXES, " ".join(axes)))
            if advice:
                report.user_properties.append((ADVICE, advice))
            if report.skipped and isinstance(report.longrepr, tuple):
                file, line, _ = item.reportinfo()
                report.longrepr = (str(file), (line or 0) + 1, report.longrepr[2])
        return report

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the line."""
        if not terminalreporter.config.option.collectonly:
            terminalreporter.write_line(str(self))

    def __str__(self) -> str:
        axes = f"{self.axes} ax{'is' if self.axes == 1 else 'es'} covered"
        advised = f"; {self.advised} with advice, shown by -rP" if self.advised else ""
        return f"shape contracts: {self.checked} checked, {self.skipped} skipped, {axes}{advised}"
