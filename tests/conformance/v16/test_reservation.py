"""Reservation."""

from __future__ import annotations

import pytest
from conformance_v16 import OTHER_TAG, PARENT, TAG, THIRD_TAG, Bench16


def only_connector_1(bench: Bench16) -> None:
    for connector in bench.connectors[1:]:
        bench.inoperative(connector)


def reserve(bench: Bench16, status: str, connector: int = 1) -> None:
    bench.answered(status, "ReserveNow", **bench.reservation(connector=connector))


def test_TC_046_1_CS(bench: Bench16) -> None:
    """Reserved connector, local start: another tag does nothing."""
    only_connector_1(bench)
    bench.reserved(TAG)
    bench.station.swipe(OTHER_TAG)
    bench.quiet(15)
    bench.station.swipe(TAG)
    bench.status("Preparing")
    assert len(bench.take("Authorize")) <= 1
    bench.station.plug()
    bench.started(TAG, reservationId=7)


def test_TC_046_2_CS(bench: Bench16) -> None:
    """Reserved connector, remote start."""
    bench.reserved(TAG)
    bench.accepted("RemoteStartTransaction", idTag=TAG, connectorId=1)
    bench.status("Preparing")
    bench.station.plug()
    bench.started(TAG, reservationId=7)
    assert len(bench.take("Authorize")) <= 1


def test_TC_047_CS(bench: Bench16) -> None:
    """Reservation expires, unprompted."""
    only_connector_1(bench)
    bench.reserved(TAG, for_s=30)
    begin_s = bench.now_s
    bench.status("Available", within_s=45)
    assert bench.now_s - begin_s == pytest.approx(30, abs=2)
    started = bench.charging(OTHER_TAG)
    assert "reservationId" not in started.payload


def test_TC_048_1_CS(bench: Bench16) -> None:
    """Reserve connector: Faulted."""
    bench.station.fault(True)
    bench.status("Faulted", within_s=30)
    reserve(bench, "Faulted")


def test_TC_048_2_CS(bench: Bench16) -> None:
    """Reserve connector: Occupied."""
    bench.plugged()
    reserve(bench, "Occupied")


def test_TC_048_3_CS(bench: Bench16) -> None:
    """Reserve connector: Unavailable."""
    bench.inoperative(1)
    reserve(bench, "Unavailable")


@pytest.mark.look(reservations=False)
def test_TC_048_4_CS(bench: Bench16) -> None:
    """Reserve connector: Rejected."""
    reserve(bench, "Rejected")


def test_TC_049_CS(bench: Bench16) -> None:
    """Reserve the charge point: one connector stays free for its tag."""
    assert bench.value("ReserveConnectorZeroSupported") == "true"
    bench.accepted("ReserveNow", **bench.reservation(TAG, 0))
    bench.charging(OTHER_TAG, 1)
    bench.wait(5)
    bench.take("StatusNotification")
    bench.station.swipe(THIRD_TAG, 2)
    bench.quiet(15)
    bench.station.swipe(TAG, 2)
    bench.status("Preparing", 2)
    assert len(bench.take("Authorize")) <= 1
    bench.station.plug(2)
    bench.started(TAG, 2, reservationId=7)


def test_TC_050_1_CS(bench: Bench16) -> None:
    """Reserve the charge point: Faulted."""
    for connector in bench.connectors:
        bench.station.fault(True, connector)
        bench.status("Faulted", connector, within_s=30)
    reserve(bench, "Faulted", 0)


def test_TC_050_2_CS(bench: Bench16) -> None:
    """Reserve the charge point: Occupied."""
    for connector in bench.connectors:
        bench.plugged(connector)
    reserve(bench, "Occupied", 0)


def test_TC_050_3_CS(bench: Bench16) -> None:
    """Reserve the charge point: Unavailable."""
    bench.accepted("ChangeAvailability", connectorId=0, type="Inoperative")
    for connector in (0, *bench.connectors):
        bench.status("Unavailable", connector)
    reserve(bench, "Unavailable", 0)


@pytest.mark.look(reservations=False)
def test_TC_050_4_CS(bench: Bench16) -> None:
    """Reserve the charge point: Rejected."""
    reserve(bench, "Rejected", 0)


def test_TC_051_CS(bench: Bench16) -> None:
    """Cancel reservation."""
    bench.reserved(TAG)
    bench.accepted("CancelReservation", reservationId=7)
    bench.status("Available")
    started = bench.charging(OTHER_TAG)
    assert "reservationId" not in started.payload


def test_TC_052_CS(bench: Bench16) -> None:
    """Cancel an unknown reservation: the other one stands."""
    bench.reserved(TAG)
    bench.answered("Rejected", "CancelReservation", reservationId=8)
    bench.quiet(15)


def test_TC_053_1_CS(bench: Bench16) -> None:
    """Reserved connector used through the parent tag, local."""
    only_connector_1(bench)
    bench.office.parents[OTHER_TAG] = PARENT
    bench.reserved(TAG, parentIdTag=PARENT)
    bench.authorized(OTHER_TAG)
    bench.station.plug()
    bench.started(OTHER_TAG, reservationId=7)


def test_TC_053_2_CS(bench: Bench16) -> None:
    """Reserved connector used through the parent tag, remote."""
    only_connector_1(bench)
    bench.office.parents[OTHER_TAG] = PARENT
    bench.configure_if_present(AuthorizeRemoteTxRequests=True)
    bench.reserved(TAG, parentIdTag=PARENT)
    bench.accepted("RemoteStartTransaction", idTag=OTHER_TAG, connectorId=1)
    bench.expect("Authorize", idTag=OTHER_TAG)
    bench.status("Preparing")
    bench.station.plug()
    bench.started(OTHER_TAG, reservationId=7)
