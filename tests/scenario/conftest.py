"""Every test here gets its station from the bench plugin."""

from __future__ import annotations

from hil.bench.plugin import (
    bench,
    pytest_addoption,
    pytest_configure,
    pytest_runtest_call,
    pytest_runtest_makereport,
    pytest_runtest_setup,
    pytest_terminal_summary,
    setup,
)

__all__ = [
    "bench",
    "pytest_addoption",
    "pytest_configure",
    "pytest_runtest_call",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
    "pytest_terminal_summary",
    "setup",
]
