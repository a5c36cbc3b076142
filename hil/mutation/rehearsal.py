"""One run of the tests without a fault: which test calls which function, and how long it takes.

A fault in a function is then judged only by the tests that call it, the quickest first.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

import pytest


class Rehearsal:
    """A pytest plugin that watches the functions of one source file."""

    def __init__(self, source: str, report: Path) -> None:
        """`source` is the file as its code objects name it; `report` is written at the end."""
        self._source, self._report = source, report
        self._called: set[str] = set()
        self._tests: dict[str, tuple[float, list[str]]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Fixtures count as the test's own calls."""
        self._called = set()
        began = time.monotonic()
        sys.setprofile(self._watch)
        try:
            return (yield)
        finally:
            sys.setprofile(None)
            self._tests[item.nodeid] = (time.monotonic() - began, sorted(self._called))

    @pytest.hookimpl
    def pytest_sessionfinish(self) -> None:
        self._report.write_text(json.dumps(self._tests), "utf-8")

    def _watch(self, frame: FrameType, event: str, _value: object) -> None:
        if event == "call" and frame.f_code.co_filename == self._source:
            self._called.add(frame.f_code.co_qualname)


class Plan:
    """What a rehearsal has told."""

    def __init__(self, tests: Sequence[str], report: Path) -> None:
        self.tests = tests
        """What was rehearsed: files, or single tests by their node ids."""
        self._tests: dict[str, tuple[float, list[str]]] = json.loads(report.read_text("utf-8"))

    def knows(self, test: str) -> bool:
        return test in self._tests

    def judges(self, function: str | None) -> list[str]:
        """Node ids of the tests that call `function` (None: all), the quickest first."""
        chosen = (
            (seconds, test)
            for test, (seconds, called) in self._tests.items()
            if function is None or any(_is_in(name, function) for name in called)
        )
        return [test for _, test in sorted(chosen)]


class Chosen:
    """A pytest plugin that runs these tests in this order and no others of the plan's, but before
    them those that are there only with the fault: a table that makes tests has changed."""

    def __init__(self, tests: list[str], plan: Plan) -> None:
        self._order = {test: n for n, test in enumerate(tests)}
        self._plan = plan

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = [i for i in items if i.nodeid in self._order or not self._plan.knows(i.nodeid)]
        items[:] = sorted(chosen, key=lambda item: self._order.get(item.nodeid, -1))


def _is_in(called: str, function: str) -> bool:
    """Is the code object `called` the `function`, or a lambda or comprehension in it?"""
    name = called.replace("<locals>.", "")
    return name == function or name.startswith(f"{function}.")
