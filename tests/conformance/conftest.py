"""Runs each published case, and holds its result to what results.toml says."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from conformance_csms import Csms
from conformance_driver import Look
from conformance_pievse import PiEvse
from conformance_pki import Pki
from conformance_v16 import Bench16, Office16

from hil.docs.conformance import results

WARM_S = 10.0
"""From the first status on, until a person steps up to the station."""
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
    if isinstance(bench, Bench16):
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
def bench(look: Look, pki: Pki, tmp_path: Path) -> Iterator[Bench16]:
    """A station that has booted, connected and accepted; the case begins with nothing told yet."""
    station = PiEvse(look, tmp_path)
    office = Office16(station.clock)
    csms = Csms(office, station.clock)
    bench = Bench16(station, csms, pki, office)
    try:
        bench.start_csms(pki.rules(station, look.security_profile))
        station.install(lambda: csms.port, pki.delivered(station))
        bench.reported(bench.boot())
        bench.quiet(WARM_S)
        csms.messages.clear()
        yield bench
    finally:
        station.close()
        bench.close()
