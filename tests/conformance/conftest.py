"""Runs each published case, and holds its result to what results.toml says."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from conformance_bench import Bench
from conformance_driver import Look, StationDriver
from conformance_pievse import PiEvse
from conformance_pki import Pki

from hil.docs.conformance import results

RESULTS = results()
CASE = re.compile(r"test_(TC_\w+?_CS)")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "look(**changes): the station that a conformance case needs")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A case that results.toml says to fail must fail: it turns loud when it passes."""
    for item in items:
        case = CASE.match(item.name)
        row = RESULTS.get(case[1]) if case else None
        if row is None or row.result == "pass":
            continue
        if row.result == "fails":
            item.add_marker(pytest.mark.xfail(strict=True, reason=row.reason))
        else:
            item.add_marker(pytest.mark.skip(reason=row.reason))


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """What is wrong at the end of a case is the case's failure, too."""
    result = yield
    bench = pyfuncitem.funcargs.get("bench")
    if isinstance(bench, Bench):
        bench.finish()
    return result


@pytest.fixture
def look(request: pytest.FixtureRequest) -> Look:
    changes: dict[str, Any] = {}
    for marker in request.node.iter_markers("look"):
        changes = {**marker.kwargs, **changes}
    return Look(**changes)


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def station(look: Look, tmp_path: Path) -> StationDriver:
    """The station under test; another charge point is another driver."""
    return PiEvse(look, tmp_path)
