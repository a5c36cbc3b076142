"""The bench of the OCPP 1.6 cases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conformance_driver import StationDriver
from conformance_pki import Pki
from conformance_v16 import Bench16


@pytest.fixture
def bench(station: StationDriver, pki: Pki) -> Iterator[Bench16]:
    """A station that has booted, connected and accepted; the case begins with nothing told yet."""
    bench = Bench16(station, pki)
    with bench.switched_on():
        bench.ready()
        yield bench
