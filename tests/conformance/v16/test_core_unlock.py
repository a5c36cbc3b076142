"""Unlock."""

from __future__ import annotations

import pytest
from conformance_v16 import Bench16, refused


def test_TC_017_1_CS(bench: Bench16) -> None:
    """Unlock, idle, detachable cable."""
    bench.answered("Unlocked", "UnlockConnector", connectorId=1)


@pytest.mark.look(cable="fixed")
def test_TC_017_2_CS(bench: Bench16) -> None:
    """Unlock, idle, fixed cable."""
    bench.answered("NotSupported", "UnlockConnector", connectorId=1)


def test_TC_018_1_CS(bench: Bench16) -> None:
    """Unlock during a session, detachable cable: it ends the transaction."""
    started = bench.charging()
    bench.answered("Unlocked", "UnlockConnector", connectorId=1)
    bench.stopped(started, reason="UnlockCommand")
    bench.station.unplug_at_station()
    bench.status("Available")


@pytest.mark.look(cable="fixed")
def test_TC_018_2_CS(bench: Bench16) -> None:
    """Unlock during a session, fixed cable: nothing happens to it."""
    bench.charging()
    bench.answered("NotSupported", "UnlockConnector", connectorId=1)
    bench.quiet(30)


def test_TC_030_CS(bench: Bench16) -> None:
    """Unlock failure: the bolt is jammed, and its position is read."""
    bench.plugged()
    bench.wait(5)
    bench.station.jam_lock()
    bench.answered("UnlockFailed", "UnlockConnector", connectorId=1)
    bench.take("StatusNotification")


def test_TC_031_CS(bench: Bench16) -> None:
    """Unlock of an unknown connector."""
    unknown = len(bench.connectors) + 1
    refused(bench.ask("UnlockConnector", connectorId=unknown), "NotSupported")
