"""Real stations that the tests of a module share, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from proc_station import SharedStation, Station


@pytest.fixture(scope="module")
def shared() -> Iterator[SharedStation]:
    shared = SharedStation()
    yield shared
    shared.close()


@pytest.fixture
def station(shared: SharedStation, request: pytest.FixtureRequest) -> Iterator[Station]:
    with shared.lent(request) as station:
        yield station
