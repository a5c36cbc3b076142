"""One charge point for tests that need no special one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ocpp_rig import Rig

from ocpp_link.memory.database import Database


@pytest.fixture
def rig() -> Rig:
    """One EVSE, core and back office up, registered."""
    return Rig().start()


@pytest.fixture(autouse=True)
def _nothing_stays_open(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever database a test opens is closed after it, also where the test plays a crash."""
    opened: list[Database] = []
    make = Database.__init__

    def remembered(self: Database, path: Path | str) -> None:
        make(self, path)
        opened.append(self)

    monkeypatch.setattr(Database, "__init__", remembered)
    yield
    for database in opened:
        database.close()
