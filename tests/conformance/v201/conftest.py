"""The bench of the OCPP 2.0.1 cases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from conformance_driver import Look, StationDriver
from conformance_pki import Pki
from conformance_v201 import Bench201


@pytest.fixture
def look(look: Look) -> Look:
    return replace(look, version="2.0.1")


@pytest.fixture
def bench(station: StationDriver, pki: Pki) -> Iterator[Bench201]:
    """A station that has booted, connected and accepted; the case begins with nothing told yet."""
    bench = Bench201(station, pki)
    with bench.switched_on():
        bench.ready()
        yield bench
