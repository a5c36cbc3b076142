"""Tells at the end of a run how many states of the guard were walked."""

from __future__ import annotations

import pytest

WALKED = "guard states walked"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = [
        str(value)
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == WALKED
    ]
    if rows:
        terminalreporter.section(WALKED)
        for row in sorted(rows):
            terminalreporter.write_line(row)
